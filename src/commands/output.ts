/** Where a report goes. Opened before the run, so that a bad path costs no one a long capture. */
import {
  closeSync,
  constants,
  fchmodSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs';
import { Socket } from 'node:net';
import { constants as osConstants } from 'node:os';
import { basename, dirname, join, resolve } from 'node:path';
import { FanoutError } from '../errors.ts';
import type { PrivilegesAddon } from '../native.ts';

export interface ReportFile {
  /** Writes the whole text. A reader of the path sees the old content or the new, never a part, where that is possible. */
  readonly commit: (text: string) => Promise<void>;
  /** Leaves the path as it was. */
  readonly discard: () => void;
}

/** With the rights that this process has now, and will have when the report is written. */
export function openReportFile(path: string): ReportFile {
  return guarded(path, () => open(path, replacing));
}

/** The same; undefined where this user may not write. */
export function openReportFileIfAllowed(path: string): ReportFile | undefined {
  try {
    return openReportFile(path);
  } catch (error) {
    if (error instanceof FanoutError && isForbidden(error.cause)) return undefined;
    throw error;
  }
}

/** By a process that goes on having the rights that this one is about to give up. */
export function openReportFileByHelper(path: string, addon: Pick<PrivilegesAddon, 'FileHelper'>): ReportFile {
  return guarded(path, () => open(path, (target, existing) => replacingByHelper(path, target, existing, addon)));
}

type Replace = (target: string, existing: Stats | undefined, path: string) => ReportFile;

function open(path: string, replace: Replace): ReportFile {
  const target = resolved(path);
  const existing = statSync(target, { throwIfNoEntry: false });
  if (existing?.isDirectory()) throw new Error('it is a directory');
  // Devices and pipes (/dev/stderr, a FIFO) cannot be replaced, only written to.
  if (existing?.isFIFO()) return intoPipe(path, target);
  if (existing !== undefined && !existing.isFile()) return directly(path, openSync(target, 'w'));
  // By doing it: access(2) would ask for the real user, and this process may be acting for another one.
  if (existing !== undefined) closeSync(openSync(target, 'r+'));
  return replace(target, existing, path);
}

/** One that somebody reads. To wait for a reader, or in write(2) for a slow one, would be to be deaf to signals. */
function intoPipe(path: string, target: string): ReportFile {
  const pipe = openSync(target, constants.O_WRONLY | constants.O_NONBLOCK);
  return {
    commit: (text) =>
      new Promise<void>((done, failed) => {
        const stream = new Socket({ fd: pipe, readable: false, writable: true });
        stream.on('error', (cause) => failed(unwritable(path, cause)));
        stream.end(text, done);
      }),
    discard: () => closeSync(pipe),
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

function replacing(target: string, existing: Stats | undefined, path: string): ReportFile {
  const directory = dirname(target);
  const temporary = join(directory, temporaryName(target));
  const file = mayRenameOver(directory, existing) ? openTemporary(temporary, existing !== undefined) : undefined;
  // The directory may be closed to us although the file is not; then it is written in place.
  if (file === undefined) return directly(path, openSync(target, 'r+'), true);
  const remove = (): void => rmSync(temporary, { force: true });
  if (existing !== undefined) fchmodSync(file, existing.mode & 0o7777);
  const report: ReportFile = {
    commit: async (text) =>
      guarded(path, () => {
        writeFileSync(file, text);
        fsyncSync(file);
        closeSync(file);
        renameSync(temporary, target);
      }),
    discard: () => {
      closeSync(file);
      remove();
    },
  };
  return untilExit(report, remove);
}

/** A second signal, or a defect, ends the process without another word: then nothing is left either. */
function untilExit({ commit, discard }: ReportFile, remove: () => void): ReportFile {
  process.once('exit', remove);
  const forget = (): void => void process.removeListener('exit', remove);
  return {
    commit: async (text) => {
      await commit(text);
      forget();
    },
    discard: () => {
      discard();
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

function openTemporary(temporary: string, targetExists: boolean): number | undefined {
  try {
    return openSync(temporary, 'wx', NEW_FILE_MODE);
  } catch (cause) {
    if (targetExists && isForbidden(cause)) return undefined;
    throw cause;
  }
}

function replacingByHelper(
  path: string,
  target: string,
  existing: Stats | undefined,
  { FileHelper }: Pick<PrivilegesAddon, 'FileHelper'>,
): ReportFile {
  const directory = resolve(dirname(target));
  const { uid, gid } = statSync(directory);
  const mode = existing === undefined ? NEW_FILE_MODE & ~process.umask() : existing.mode & 0o7777;
  const helper = new FileHelper({ directory, temporary: temporaryName(target), target: basename(target), mode, uid, gid });
  const discard = (): void => helper.discard();
  return untilExit({ commit: async (text) => guarded(path, () => helper.write(Buffer.from(text))), discard }, discard);
}

function directly(path: string, file: number, truncate = false): ReportFile {
  return {
    commit: async (text) =>
      guarded(path, () => {
        if (truncate) ftruncateSync(file);
        writeFileSync(file, text);
        closeSync(file);
      }),
    discard: () => closeSync(file),
  };
}

function isForbidden(cause: unknown): boolean {
  return cause instanceof Error && 'code' in cause && (cause.code === 'EACCES' || cause.code === 'EPERM');
}

function guarded<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    throw unwritable(path, cause);
  }
}

function unwritable(path: string, cause: unknown): FanoutError {
  const why = cause instanceof Error ? cause.message : String(cause);
  if (cause instanceof Error && 'code' in cause && cause.code === 'ENXIO')
    return new FanoutError('OUTPUT_UNWRITABLE', `cannot write ${path}: nobody reads this pipe`, 'start its reader first', { cause });
  const remedy = isFull(cause) ? 'make room there, or name a file elsewhere' : 'name a file in a directory that you may write to';
  return new FanoutError('OUTPUT_UNWRITABLE', `cannot write ${path}: ${why}`, remedy, { cause });
}

const { EDQUOT, EFBIG, ENOSPC } = osConstants.errno;

/** Node.js has these numbers negative, the addon as the kernel has them. */
function isFull(cause: unknown): boolean {
  return cause instanceof Error && 'errno' in cause && [EDQUOT, EFBIG, ENOSPC].includes(Math.abs(Number(cause.errno)));
}
