/** Where a report goes. Opened before the run, so that a bad path costs no one a long capture. */
import {
  accessSync,
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
import { basename, dirname, join } from 'node:path';
import { FanoutError } from '../errors.ts';

export interface ReportFile {
  /** Writes the whole text. A reader of the path sees the old content or the new, never a part, where that is possible. */
  readonly commit: (text: string) => void;
  /** Leaves the path as it was. */
  readonly discard: () => void;
}

export function openReportFile(path: string): ReportFile {
  return guarded(path, () => {
    const target = resolved(path);
    const existing = statSync(target, { throwIfNoEntry: false });
    if (existing?.isDirectory()) throw new Error('it is a directory');
    if (existing !== undefined) accessSync(target, constants.W_OK);
    // Devices and pipes (/dev/stderr, a FIFO) cannot be replaced, only written to.
    if (existing !== undefined && !existing.isFile()) return directly(path, openSync(target, 'w'));
    return replacing(path, target, existing);
  });
}

/** A symbolic link stays one: its target is replaced. */
function resolved(path: string): string {
  return statSync(path, { throwIfNoEntry: false }) === undefined ? path : realpathSync(path);
}

function replacing(path: string, target: string, existing: Stats | undefined): ReportFile {
  const temporary = join(dirname(target), `.${basename(target).slice(0, 200)}.${process.pid}.tmp`);
  const file = openTemporary(temporary, existing !== undefined);
  // The directory may be closed to us although the file is not; then it is written in place.
  if (file === undefined) return directly(path, openSync(target, 'r+'), true);
  // A second signal, or a defect, ends the process without another word.
  const remove = (): void => rmSync(temporary, { force: true });
  process.once('exit', remove);
  if (existing !== undefined) fchmodSync(file, existing.mode & 0o7777);
  return {
    commit: (text) =>
      guarded(path, () => {
        writeFileSync(file, text);
        fsyncSync(file);
        closeSync(file);
        renameSync(temporary, target);
        process.removeListener('exit', remove);
      }),
    discard: () => {
      closeSync(file);
      remove();
      process.removeListener('exit', remove);
    },
  };
}

function openTemporary(temporary: string, targetExists: boolean): number | undefined {
  try {
    return openSync(temporary, 'wx', 0o644);
  } catch (cause) {
    if (targetExists && cause instanceof Error && 'code' in cause && cause.code === 'EACCES') return undefined;
    throw cause;
  }
}

function directly(path: string, file: number, truncate = false): ReportFile {
  return {
    commit: (text) =>
      guarded(path, () => {
        if (truncate) ftruncateSync(file);
        writeFileSync(file, text);
        closeSync(file);
      }),
    discard: () => closeSync(file),
  };
}

function guarded<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new FanoutError('OUTPUT_UNWRITABLE', `cannot write ${path}: ${why}`, 'name a file in a directory that you may write to', {
      cause,
    });
  }
}
