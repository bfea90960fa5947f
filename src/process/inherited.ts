/**
 * Descriptors that the parent of this process left open. They are told by what was open before this process opened files of its own: by number
 * and file, as a number is soon another file's. What a library opens later it may close in a thread, so nobody else must close it.
 */
import { fstatSync, readdirSync } from 'node:fs';

const OPEN_AT_START: ReadonlyMap<number, string> = openDescriptors();

/** What was opened since. */
export function ownDescriptors(): readonly number[] {
  return [...openDescriptors()].flatMap(([descriptor, file]) => (OPEN_AT_START.get(descriptor) === file ? [] : [descriptor]));
}

/** Which file each is. None without /proc, where nobody can look. */
function openDescriptors(): ReadonlyMap<number, string> {
  try {
    // The one by which the directory is read is among them, and closed by now.
    return new Map(readdirSync('/proc/self/fd').flatMap((name) => identityOf(Number(name))));
  } catch {
    return new Map();
  }
}

function identityOf(descriptor: number): readonly (readonly [number, string])[] {
  try {
    const { dev, ino } = fstatSync(descriptor);
    return [[descriptor, `${dev}:${ino}`]];
  } catch {
    return [];
  }
}
