/**
 * Descriptors that whoever started this process left open. They are told by when they were open: before this process opened any of its own.
 * A file that a library opens later, and closes in a thread of its own, must not be closed by anybody else: its number may be another's by then.
 */
import { fstatSync, readdirSync } from 'node:fs';

const OPEN_AT_START: ReadonlySet<number> = new Set(openDescriptors());

/** What was opened since. */
export function ownDescriptors(): readonly number[] {
  return openDescriptors().filter((descriptor) => !OPEN_AT_START.has(descriptor));
}

/** None without /proc, where nobody can look. */
function openDescriptors(): readonly number[] {
  try {
    // The one by which the directory is read is among them, and closed by now.
    return readdirSync('/proc/self/fd').map(Number).filter(isOpen);
  } catch {
    return [];
  }
}

function isOpen(descriptor: number): boolean {
  try {
    fstatSync(descriptor);
    return true;
  } catch {
    return false;
  }
}
