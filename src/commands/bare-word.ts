/** A word on the command line that is no option: what it was meant to be. */
import { existsSync, readFileSync } from 'node:fs';
import { FanoutError } from '../errors.ts';

/** What a word may name. */
export interface Surrounded {
  readonly isInterface: (word: string) => boolean;
  readonly isFile: (word: string) => boolean;
}

const HERE: Surrounded = { isInterface, isFile: existsSync };

/** @param commands their names */
export function bareWord(word: string, commands: readonly string[], here: Surrounded = HERE): FanoutError {
  const quoted = JSON.stringify(word);
  const meant = (what: string, remedy: string) => new FanoutError('USAGE', `${quoted} is ${what}, and no command`, remedy);
  if (here.isInterface(word)) return meant('an interface', `capture there: -i ${word}`);
  const like = commands.find((command) => distance(word, command) <= TYPING_ERRORS);
  if (like !== undefined) return new FanoutError('USAGE', `there is no command ${quoted}`, `did you mean: fanout-cluster ${like}`);
  if (here.isFile(word)) return meant('a file', `replay it with --pcap ${word}, or without any privilege: predict ${word}`);
  return new FanoutError(
    'USAGE',
    `there is no command ${quoted}, nor an interface or a file of that name`,
    `commands are ${commands.join(', ')}; interfaces are named with -i, captures with --pcap`,
  );
}

function isInterface(word: string): boolean {
  try {
    return readFileSync('/proc/self/net/dev', 'utf8')
      .split('\n')
      .some((line) => line.trim().startsWith(`${word}:`));
  } catch {
    return false;
  }
}

const TYPING_ERRORS = 2;

/** Letters to add, to leave out or to change; of words much longer than any command it is not worked out. */
function distance(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > TYPING_ERRORS) return Number.POSITIVE_INFINITY;
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1)
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[b.length] ?? 0;
}
