/**
 * A path that root was told, walked so that nobody else decides where it leads. In a directory that others may write to, a name can be a symbolic link
 * to anything at any moment: there none is followed, and what lies below a directory of somebody else is reached with that person's rights only.
 */
import { closeSync, constants, fstatSync, openSync, readlinkSync, type Stats } from 'node:fs';
import { isAbsolute } from 'node:path';
import type { Ids } from '../addon/privileges.ts';

export interface Place {
  /** A descriptor, which the caller owns. */
  readonly directory: number;
  /** In it; never a symbolic link at the time. */
  readonly name: string;
  /** What has that name; undefined: nothing. */
  readonly existing: Stats | undefined;
  /** With whose rights it may be touched. */
  readonly rights: Ids;
}

/** Opens nothing: what it gives only stands for a name (open(2)). The types of Node.js do not know it; it is the same on all machines but two. */
const O_PATH = 0o10000000;
const ROOT: Ids = { uid: 0, gid: 0 };
const [STICKY, WRITABLE_BY_GROUP, WRITABLE_BY_ALL] = [0o1000, 0o020, 0o002];
/** As the kernel has it. */
const LINKS_MAX = 40;

/** Throws what node:fs throws, or an Error where a link would have to be followed. */
export function walkAsRoot(path: string): Place {
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  if (path.endsWith('/') || names.length === 0) throw new Error('it is a directory');
  let directory = openSync(isAbsolute(path) ? '/' : '.', constants.O_RDONLY | constants.O_DIRECTORY);
  let rights = rightsBelow(ROOT, fstatSync(directory));
  let links = 0;
  try {
    for (;;) {
      const name = names.shift() as string;
      const entry = openEntry(directory, name);
      const stats = entry === undefined ? undefined : fstatSync(entry);
      if (stats?.isSymbolicLink()) {
        closeSync(entry as number);
        const text = followed(directory, name, stats);
        links += 1;
        if (links > LINKS_MAX) throw new Error('too many symbolic links');
        names.unshift(...text.split('/').filter((part) => part !== '' && part !== '.'));
        if (names.length === 0) throw new Error('it is a directory');
        if (isAbsolute(text)) [directory, rights] = [replaced(directory, openSync('/', constants.O_RDONLY | constants.O_DIRECTORY)), ROOT];
        continue;
      }
      if (names.length === 0) {
        if (entry !== undefined) closeSync(entry);
        if (name === '..' || stats?.isDirectory()) throw new Error('it is a directory');
        return { directory, name, existing: stats, rights };
      }
      if (entry === undefined) throw notFound(name);
      closeSync(entry);
      if (name === '..' && rights.uid !== 0) throw new Error('it leads upwards from a directory of another user');
      directory = replaced(directory, openSync(at(directory, name), constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW));
      rights = rightsBelow(rights, fstatSync(directory));
    }
  } catch (error) {
    closeSync(directory);
    throw error;
  }
}

/** By which a name in an open directory is used, whatever becomes of the way to it. */
export function at(directory: number, name: string): string {
  return `/proc/self/fd/${directory}/${name}`;
}

function openEntry(directory: number, name: string): number | undefined {
  try {
    return openSync(at(directory, name), O_PATH | constants.O_NOFOLLOW);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The first owner on the way who is not root decides over all that is below. */
function rightsBelow(rights: Ids, { uid, gid }: Stats): Ids {
  return rights.uid === 0 && uid !== 0 ? { uid, gid } : rights;
}

/** The text of a link that nobody but root can have put there. */
function followed(directory: number, name: string, link: Stats): string {
  const { uid, mode } = fstatSync(directory);
  const isOpen = (mode & (WRITABLE_BY_GROUP | WRITABLE_BY_ALL)) !== 0;
  const isOfRoot = uid === 0 && link.uid === 0 && (!isOpen || (mode & STICKY) !== 0);
  if (!isOfRoot) throw new Error(`${name} is a symbolic link in a directory that others may write to, and root follows none there`);
  return readlinkSync(at(directory, name));
}

function replaced(before: number, after: number): number {
  closeSync(before);
  return after;
}

function notFound(name: string): Error {
  return Object.assign(new Error(`ENOENT: no such file or directory: ${name}`), { code: 'ENOENT' });
}
