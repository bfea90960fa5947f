/** Facts from files and from calls: each with where it was looked up, or with why it could not be. */
import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { getSystemErrorMap } from 'node:util';
import { isSystemCallError } from '../../errors.ts';
import type { Fact, Untold } from '../../nic/facts.ts';

/** Where the kernel shows itself: tests have recordings of other hosts. */
export interface Roots {
  readonly sys: string;
  readonly proc: string;
}

export const ROOTS: Roots = { sys: '/sys', proc: '/proc' };

/** @param read what may fail by a system call */
export function factOf<T>(where: string, read: () => T, needs?: string): Fact<T> {
  try {
    return { where, value: read() };
  } catch (error) {
    return untold(where, error, needs);
  }
}

/** @throws what is no failure of the system, and no text that is not understood */
export function untold(where: string, error: unknown, needs?: string): Untold {
  const why = whyOf(error);
  if (why === undefined) throw error;
  const needed = needs ?? needsOf(error);
  return { where, why, ...(needed === undefined ? {} : { needs: needed }) };
}

/** For code that is no error of a system call: why a fact cannot be told. */
export class NotTold extends Error {
  override readonly name = 'NotTold';
  readonly needs: string | undefined;

  constructor(why: string, needs?: string) {
    super(why);
    this.needs = needs;
  }
}

/** As strerror(3) has it; undefined: no system call failed. */
function whyOf(error: unknown): string | undefined {
  if (error instanceof NotTold) return error.message;
  const errno = errnoOf(error);
  if (errno === undefined) return undefined;
  const [, message = `error ${errno}`] = getSystemErrorMap().get(-errno) ?? [];
  // As libuv has it for sockets, and the C library for all.
  if (errno === constants.errno.EOPNOTSUPP) return 'Operation not supported';
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}`;
}

function needsOf(error: unknown): string | undefined {
  if (error instanceof NotTold) return error.needs;
  return FORBIDDEN.includes(errnoOf(error) ?? 0) ? 'root (sudo)' : undefined;
}

const FORBIDDEN: readonly number[] = [constants.errno.EPERM, constants.errno.EACCES];

/** Positive. */
function errnoOf(error: unknown): number | undefined {
  if (isSystemCallError(error)) return error.errno;
  if (error instanceof Error && 'errno' in error && typeof error.errno === 'number') return -error.errno;
  return undefined;
}

/** The text of a file, understood. */
export function readAs<T>(path: string, parse: (text: string) => T | undefined): T {
  const text = readFileSync(path, 'latin1');
  const value = parse(text);
  if (value === undefined) throw new NotTold(`${path} says ${JSON.stringify(text.slice(0, SHOWN))}, which is not understood`);
  return value;
}

const SHOWN = 40;

/** undefined where there is none, or it cannot be read. */
export function readIfThere<T>(path: string, parse: (text: string) => T | undefined): T | undefined {
  try {
    return parse(readFileSync(path, 'latin1'));
  } catch {
    return undefined;
  }
}

/** Empty where there is none, or it cannot be read. */
export function entriesIn(path: string): readonly string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}
