/**
 * Configuration files, read with the rights of whoever called. Where root itself called, with those of their owners: a file that somebody else may
 * write must not have root read another one, by including it or by a link.
 */
import { closeSync, constants, fstatSync, openSync, readSync, type Stats, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Ids } from '../addon/privileges.ts';
import type { Files } from '../deployment/reading.ts';
import { type Source, sourceOf } from '../deployment/source.ts';
import { FanoutError } from '../errors.ts';
import { NOBODY } from './privileges.ts';
import { at, walkAsRoot } from './root-path.ts';

/** Whose rights to use. */
export interface FileRights {
  asInvoker<T>(work: () => T): T;
  /** Absent unless root itself called. */
  readonly asOwner?: (<T>(owner: Ids, work: () => T) => T) | undefined;
}

export interface ConfigurationFiles extends Files {
  /** Throws a FanoutError for what is no text that can be read. */
  read(path: string): Source;
}

/** Any that a program reads is far smaller. */
export const CONFIGURATION_BYTES_MAX = 4 * 2 ** 20;
const ROOT: Ids = { uid: 0, gid: 0 };
const WRITABLE_BY_ALL = 0o002;

interface Opened {
  readonly text: string;
  /** With whose rights what it includes is read. */
  readonly rights: Ids;
}

export function configurationFiles({ asInvoker, asOwner }: FileRights): ConfigurationFiles {
  /** By path, of files that were read. */
  const rightsOf = new Map<string, Ids>();
  const readAs = (path: string, rights: Ids): string => {
    const opened =
      asOwner === undefined
        ? asInvoker(() => openHere(path))
        : rights.uid === 0
          ? openAsRoot(path, asOwner)
          : asOwner(rights, () => openHere(path));
    rightsOf.set(path, opened.rights.uid === 0 ? rights : opened.rights);
    return opened.text;
  };
  const include: Files['include'] = (path, from) => readAs(path, rightsOf.get(from) ?? NOBODY);
  return {
    read: (path) => sourceOf(path, readAs(path, ROOT)),
    include,
    neighbour: (name, beside) => {
      const path = join(dirname(beside), name);
      try {
        return path === join(beside) ? undefined : sourceOf(path, include(path, beside));
      } catch (error) {
        if (error instanceof FanoutError) return undefined;
        throw error;
      }
    },
  };
}

function openHere(path: string): Opened {
  return guarded(path, () => {
    // Asked before it is opened: opening a device may do something, and opening a pipe waits for somebody who writes.
    checkRegular(path, statSync(path));
    return readOpen(path, openSync(path, READING));
  });
}

/** Nobody who may write to a directory on the way decides what is read with more rights than theirs. */
function openAsRoot(path: string, asOwner: NonNullable<FileRights['asOwner']>): Opened {
  return guarded(path, () => {
    // Whoever reads what is in it may not go this way.
    const place = asOwner(ROOT, () => walkAsRoot(path));
    try {
      if (place.existing === undefined) throw new Error('there is no such file');
      checkRegular(path, place.existing);
      const read = (): Opened => readOpen(path, openSync(at(place.directory, place.name), READING | constants.O_NOFOLLOW));
      const opened = asOwner(place.rights, read);
      return place.rights.uid === 0 ? opened : { ...opened, rights: place.rights };
    } finally {
      closeSync(place.directory);
    }
  });
}

const READING = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

function readOpen(path: string, file: number): Opened {
  try {
    const stats = fstatSync(file);
    checkRegular(path, stats);
    return { text: textIn(path, file), rights: writerOf(stats) };
  } finally {
    closeSync(file);
  }
}

function writerOf({ uid, gid, mode }: Stats): Ids {
  if ((mode & WRITABLE_BY_ALL) !== 0) return NOBODY;
  return uid === 0 ? ROOT : { uid, gid };
}

function checkRegular(path: string, stats: Stats): void {
  if (stats.isFile()) {
    if (stats.size <= CONFIGURATION_BYTES_MAX) return;
    throw tooLarge(path);
  }
  const what = stats.isDirectory() ? 'a directory' : stats.isFIFO() ? 'a pipe' : 'no regular file';
  throw bad(`${path} is ${what}`, 'name a configuration file; save what a program prints to one first');
}

function tooLarge(path: string): FanoutError {
  return bad(`${path} has more than ${CONFIGURATION_BYTES_MAX / 2 ** 20} MiB`, 'name a configuration file');
}

/** The size that a file tells of itself may not be the whole of it (/proc). */
function textIn(path: string, file: number): string {
  const pieces: Buffer[] = [];
  let left = CONFIGURATION_BYTES_MAX + 1;
  for (let got = -1; got !== 0 && left > 0; left -= got) {
    const piece = Buffer.alloc(Math.min(left, 1 << 16));
    got = readSync(file, piece, 0, piece.length, null);
    pieces.push(piece.subarray(0, got));
  }
  if (left <= 0) throw tooLarge(path);
  const text = Buffer.concat(pieces).toString('utf8');
  if (text.includes('\0')) throw bad(`${path} is no text: there is a NUL in it`, 'name a configuration file');
  return text;
}

function guarded(path: string, work: () => Opened): Opened {
  try {
    return work();
  } catch (cause) {
    if (cause instanceof FanoutError) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    const isForbidden = (cause as NodeJS.ErrnoException).code === 'EACCES';
    throw bad(`cannot read ${path}: ${why}`, isForbidden ? FORBIDDEN : 'name a file that is there', cause);
  }
}

const FORBIDDEN =
  'a configuration is read with the rights of whoever called, also under sudo: call from a root shell (sudo -i), or name a copy that you may read';

function bad(message: string, remedy: string, cause?: unknown): FanoutError {
  return new FanoutError('BAD_CONFIGURATION', message, remedy, { cause });
}
