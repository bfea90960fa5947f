/** The processes that /proc lists. They come and go while one looks. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** In ascending order. */
export function processIds(): readonly number[] {
  return readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry))
    .map(Number)
    .sort((a, b) => a - b);
}

/** What it calls itself, which anybody may choose; "?" where it has gone. */
export function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '?';
  }
}

/** The number of the first one, on every Linux (PROC_PID_INIT_INO). */
const INITIAL_PID_NAMESPACE = 'pid:[4026531836]';

/** Whether there are no processes but those that are listed here. */
export function isInitialPidNamespace(): boolean {
  try {
    return readlinkSync('/proc/self/ns/pid') === INITIAL_PID_NAMESPACE;
  } catch {
    return false;
  }
}
