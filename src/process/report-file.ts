/** Where a report goes, or another file that the caller names. Opened before the work, so that a bad path costs no one a long capture. */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  fsync,
  ftruncate,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  write,
} from 'node:fs';
import { Socket } from 'node:net';
import { endianness, constants as osConstants } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { Native } from '../addon/native.ts';
import type { Ids } from '../addon/privileges.ts';
import { FanoutError } from '../errors.ts';
import { at, walkAsRoot } from '../host/root-path.ts';

export interface ReportFile {
  /** Writes the whole text. A reader of the path sees the old content or the new, never a part, where that is possible. */
  readonly commit: (content: Content) => Promise<void>;
  /** Leaves the path as it was. */
  readonly discard: () => void;
}

export type Content = string | Uint8Array;

/** What may end the wait for a disk, or for a process that writes, before the limit does. */
export interface Waiting {
  readonly signal: AbortSignal;
  readonly limitMs: number;
}

/** A slow disk or a file server that comes back takes less; whoever waits longer for a report will not get one. */
export const REPORT_LIMIT_MS = 30_000;

type ReportAddon = Pick<Native, 'nameFile' | 'exitNow'>;

/** For what may hang in a system call. A pipe is another matter: its reader may take its time. */
interface Disk {
  readonly addon: ReportAddon;
  readonly waiting: Waiting;
}

/**
 * With the rights that this process has now, and will have when the report is written.
 * @param mode of a file, new or not; without it that of the file which is replaced
 */
export function openReportFile(path: string, addon: ReportAddon, waiting: Waiting, mode?: number): ReportFile {
  return guarded(path, () => {
    const own = descriptorNamedBy(path);
    const disk: Disk = { addon, waiting };
    return own === undefined ? open(path, disk, mode) : intoDescriptor(path, own, disk);
  });
}

/**
 * By root, for the time when this process is root no more.
 * @param asOwner does something with the rights of another user
 */
export function openReportFileAsRoot(
  path: string,
  addon: ReportAddon & Pick<Native, 'startFileHelper'>,
  asOwner: <T>(owner: Ids, work: () => T) => T,
  waiting: Waiting,
  wantedMode?: number,
): ReportFile {
  if (descriptorNamedBy(path) !== undefined) return openReportFile(path, addon, waiting);
  return guarded(path, () => {
    const { directory, name, existing, rights } = walkAsRoot(path);
    try {
      if (existing !== undefined && !existing.isFile()) {
        // A device, or a pipe. The name may be another's by now, and then that is opened as its owner could.
        const flags = constants.O_WRONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
        const file = asOwner(rights, () => openSync(at(directory, name), flags));
        return intoOpened(path, file, { addon, waiting });
      }
      const mode = wantedMode ?? (existing === undefined ? NEW_FILE_MODE & ~process.umask() : existing.mode & 0o7777);
      const { channel, pid } = addon.startFileHelper({ directory, temporary: temporaryName(name), target: name, mode, ...rights });
      return byHelper(path, channel, pid, waiting);
    } finally {
      closeSync(directory);
    }
  });
}

/** A descriptor of this process: it is open already, and the shell gives pipes in this way (`>(command)`). */
function descriptorNamedBy(path: string): number | undefined {
  const standard = { '/dev/stdout': 1, '/dev/stderr': 2 }[path];
  const number = /^\/(?:dev|proc\/self)\/fd\/(\d{1,9})$/.exec(path)?.[1];
  return standard ?? (number === undefined ? undefined : Number(number));
}

function intoDescriptor(path: string, descriptor: number, disk: Disk): ReportFile {
  const stats = fstatSync(descriptor);
  // Standard output of this program is a stream of it, and others write there, too: all of it stays open.
  if (stats.isFIFO() || stats.isSocket()) return intoStream(path, descriptor, false);
  return { commit: (content) => withoutHanging(path, () => writeAll(descriptor, content), disk), discard: () => undefined };
}

function open(path: string, disk: Disk, mode: number | undefined): ReportFile {
  const target = resolved(path);
  const existing = statSync(target, { throwIfNoEntry: false });
  if (existing?.isDirectory()) throw new Error('it is a directory');
  // Devices and pipes (a FIFO) cannot be replaced, only written to. To wait for a reader would be to be deaf to signals.
  if (existing?.isFIFO()) return intoOpened(path, openSync(target, constants.O_WRONLY | constants.O_NONBLOCK), disk);
  if (existing !== undefined && !existing.isFile()) return intoOpened(path, openSync(target, 'w'), disk);
  // By doing it: access(2) would ask for the real user, and this process may be acting for another one.
  if (existing !== undefined) closeSync(openSync(target, 'r+'));
  return replacing({ target, existing, path, mode: mode ?? (existing === undefined ? undefined : existing.mode & 0o7777) }, disk);
}

function intoOpened(path: string, file: number, disk: Disk): ReportFile {
  return fstatSync(file).isFIFO() ? intoStream(path, file, true) : directly(path, file, disk);
}

/** One that somebody reads. In write(2) for a slow reader this process would be deaf to signals. */
function intoStream(path: string, pipe: number, isOwn: boolean): ReportFile {
  return {
    commit: (content) =>
      new Promise<void>((done, failed) => {
        const stream = new Socket({ fd: pipe, readable: false, writable: true });
        stream.on('error', (cause) => failed(unwritable(path, cause)));
        if (isOwn) stream.end(content, done);
        else stream.write(content, () => done());
      }),
    discard: () => {
      if (isOwn) closeSync(pipe);
    },
  };
}

/** A symbolic link stays one: its target is replaced. */
function resolved(path: string): string {
  return statSync(path, { throwIfNoEntry: false }) === undefined ? path : realpathSync(path);
}

function temporaryName(target: string): string {
  return `.${basename(target).slice(0, 200)}.${process.pid}.tmp`;
}

const STICKY = 0o1000;
const NEW_FILE_MODE = 0o644;

interface Replacement {
  readonly target: string;
  readonly existing: Stats | undefined;
  /** As it was named. */
  readonly path: string;
  /** undefined: as umask(2) has it. */
  readonly mode: number | undefined;
}

function replacing({ target, existing, path, mode }: Replacement, disk: Disk): ReportFile {
  const directory = dirname(target);
  const temporary = join(directory, temporaryName(target));
  const opened = mayRenameOver(directory, existing) ? openNew(directory, temporary, existing !== undefined) : undefined;
  // The directory may be closed to us although the file is not; then it is written in place.
  if (opened === undefined) {
    const file = openSync(target, 'r+');
    if (mode !== undefined && mode !== ((existing?.mode ?? 0) & 0o7777)) fchmodSync(file, mode);
    return directly(path, file, disk, true);
  }
  const { file, isNamed } = opened;
  if (mode !== undefined) fchmodSync(file, mode);
  const report: ReportFile = {
    commit: (content) =>
      withoutHanging(
        path,
        async () => {
          await writeAll(file, content);
          await synced(file);
          if (isNamed) renameSync(temporary, target);
          else disk.addon.nameFile(file, temporary, target);
          closeSync(file);
        },
        disk,
      ),
    discard: () => closeSync(file),
  };
  return isNamed ? untilExit(report, () => rmSync(temporary, { force: true })) : report;
}

/** A second signal, or a defect, ends the process without another word: then nothing is left either. */
function untilExit({ commit, discard }: ReportFile, remove: () => void): ReportFile {
  process.once('exit', remove);
  const forget = (): void => void process.removeListener('exit', remove);
  return {
    commit: async (content) => {
      await commit(content);
      forget();
    },
    discard: () => {
      discard();
      remove();
      forget();
    },
  };
}

/** In a directory such as /tmp only the owner of a file may replace it. */
function mayRenameOver(directory: string, existing: Stats | undefined): boolean {
  const own = process.geteuid?.();
  if (existing === undefined || own === 0 || existing.uid === own) return true;
  const { mode, uid } = statSync(directory);
  return (mode & STICKY) === 0 || uid === own;
}

/** Without its part that is O_DIRECTORY, the same on all machines that Node.js runs on. */
const O_TMPFILE = 0o20000000 | constants.O_DIRECTORY;
const WITHOUT_NAMELESS_FILES = ['EOPNOTSUPP', 'EISDIR', 'ENOENT', 'EINVAL'];

/** One without a name, of which nothing is left whatever ends this process, or where there is no such thing one with another name. */
function openNew(directory: string, temporary: string, targetExists: boolean): { file: number; isNamed: boolean } | undefined {
  try {
    return { file: openSync(directory, O_TMPFILE | constants.O_WRONLY, NEW_FILE_MODE), isNamed: false };
  } catch (cause) {
    if (!hasCode(cause, WITHOUT_NAMELESS_FILES)) return undefinedIf(targetExists && isForbidden(cause), cause);
  }
  try {
    return { file: openSync(temporary, 'wx', NEW_FILE_MODE), isNamed: true };
  } catch (cause) {
    return undefinedIf(targetExists && isForbidden(cause), cause);
  }
}

function undefinedIf(condition: boolean, cause: unknown): undefined {
  if (!condition) throw cause;
  return undefined;
}

function byHelper(path: string, channel: number, pid: number, waiting: Waiting): ReportFile {
  return {
    commit: (content) =>
      guardedLater(path, () =>
        bounded(toldTo(channel, Buffer.from(content)), `process ${pid}, which writes it, has not answered`, waiting),
      ),
    discard: () => closeSync(channel),
  };
}

/** Sends all of it, and waits for the answer. */
function toldTo(channel: number, bytes: Buffer): Promise<void> {
  const head = Buffer.alloc(8);
  if (endianness() === 'LE') head.writeBigUInt64LE(BigInt(bytes.length));
  else head.writeBigUInt64BE(BigInt(bytes.length));
  return new Promise((done, failed) => {
    const socket = new Socket({ fd: channel, readable: true, writable: true });
    // It waits for nothing else, and nothing waits for it where the time is over.
    socket.unref();
    let answer = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      answer = Buffer.concat([answer, chunk]);
      if (answer.length < 4) return;
      socket.destroy();
      const errno = endianness() === 'LE' ? answer.readInt32LE() : answer.readInt32BE();
      if (errno === 0) done();
      else failed(Object.assign(new Error(nameOf(errno)), { errno }));
    });
    socket.on('error', failed);
    socket.on('close', () => failed(new Error('the process that was to write it has ended')));
    socket.write(head);
    socket.write(bytes);
  });
}

function nameOf(errno: number): string {
  return Object.entries(osConstants.errno).find(([, number]) => number === errno)?.[0] ?? `error ${errno}`;
}

/** Resolves or rejects with the work, or rejects when it takes too long or a signal comes. */
async function bounded(work: Promise<void>, what: string, { signal, limitMs }: Waiting): Promise<void> {
  const over = new AbortController();
  const given = new Promise<never>((_, reject) => {
    const late = setTimeout(() => reject(new Error(`${what} within ${limitMs / 1000} s`)), limitMs);
    const told = (): void => reject(new Error(`${what} before a signal came`));
    signal.addEventListener('abort', told, { once: true, signal: over.signal });
    over.signal.addEventListener('abort', () => clearTimeout(late));
  });
  work.catch(() => {});
  await Promise.race([work, given]).finally(() => over.abort());
}

/** Node.js waits for its threads when it ends, and one of them may hang in a system call for a disk that does not answer. */
async function withoutHanging(path: string, work: () => Promise<void>, { addon, waiting }: Disk): Promise<void> {
  const endAtOnce = (status: number): void => addon.exitNow(status);
  let isSettled = false;
  process.once('exit', endAtOnce);
  const watched = work().finally(() => {
    isSettled = true;
  });
  try {
    await guardedLater(path, () => bounded(watched, 'it was not written', waiting));
  } finally {
    const forget = (): void => void process.removeListener('exit', endAtOnce);
    if (isSettled) forget();
    else watched.then(forget, forget);
  }
}

function directly(path: string, file: number, disk: Disk, truncate = false): ReportFile {
  return {
    commit: (content) =>
      withoutHanging(
        path,
        async () => {
          if (truncate) await promisify(ftruncate)(file);
          await writeAll(file, content);
          closeSync(file);
        },
        disk,
      ),
    discard: () => closeSync(file),
  };
}

const synced = promisify(fsync);

/** In a thread of Node.js: a disk may take its time, and signals are heard meanwhile. */
async function writeAll(file: number, content: Content): Promise<void> {
  const bytes = Buffer.from(content);
  for (let offset = 0; offset < bytes.length; ) {
    const { bytesWritten } = await promisify(write)(file, bytes, offset, bytes.length - offset, null);
    offset += bytesWritten;
  }
}

function hasCode(cause: unknown, codes: readonly string[]): boolean {
  return cause instanceof Error && 'code' in cause && codes.includes(String(cause.code));
}

function isForbidden(cause: unknown): boolean {
  return hasCode(cause, ['EACCES', 'EPERM']);
}

function guarded<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

async function guardedLater<T>(path: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

function unwritable(path: string, cause: unknown): FanoutError {
  if (cause instanceof FanoutError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  if (hasCode(cause, ['ENXIO']))
    return new FanoutError('OUTPUT_UNWRITABLE', `cannot write ${path}: nobody reads this pipe`, 'start its reader first', { cause });
  const remedy = isFull(cause) ? 'make room there, or name a file elsewhere' : 'name a file in a directory that you may write to';
  return new FanoutError('OUTPUT_UNWRITABLE', `cannot write ${path}: ${why}`, remedy, { cause });
}

const { EDQUOT, EFBIG, ENOSPC } = osConstants.errno;

/** Node.js has these numbers negative, the addon as the kernel has them. */
function isFull(cause: unknown): boolean {
  return cause instanceof Error && 'errno' in cause && [EDQUOT, EFBIG, ENOSPC].includes(Math.abs(Number(cause.errno)));
}
