/** The processes that /proc lists. They come and go while one looks. */
import { readdirSync, readFileSync } from 'node:fs';

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
