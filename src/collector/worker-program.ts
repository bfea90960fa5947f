/** How workers are started, whoever they run as: by path where that user can reach the files, else from descriptors. */
import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ADDON_PATH, native } from '../native.ts';
import { packageRoot } from '../package-root.ts';
import { descriptorPath, WORKER_DESCRIPTORS } from '../worker-descriptors.ts';

export interface WorkerProgram {
  /** What runs Node.js. */
  readonly node: string;
  readonly script: string;
  /** Given to each worker as WORKER_DESCRIPTORS.script and .addon. */
  readonly descriptors?: readonly [script: number, addon: number];
}

const SCRIPT_PATH = join(packageRoot(), 'dist', 'worker.cjs');
/** This program once more, however far away it lies. */
const SAME_PROGRAM = '/proc/self/exe';

export const BY_PATH: WorkerProgram = { node: process.execPath, script: SCRIPT_PATH };

/** @param asRunUser runs something with the rights of the user that workers will have */
export function findWorkerProgram(asRunUser: <T>(work: () => T) => T): WorkerProgram {
  if (asRunUser(() => isReadable(SCRIPT_PATH) && isReadable(ADDON_PATH) && isReadable(process.execPath))) return BY_PATH;
  // Below a directory that is closed to that user, as /root is.
  const copy = (name: string, path: string): number => native.sealedMemoryFile(name, readFileSync(path));
  const descriptors = [copy('fanout-cluster worker', SCRIPT_PATH), copy('fanout-cluster addon', ADDON_PATH)] as const;
  return { node: SAME_PROGRAM, script: descriptorPath(WORKER_DESCRIPTORS.script), descriptors };
}

// access(2) would ask for the real user, who may still be root.
function isReadable(path: string): boolean {
  try {
    closeSync(openSync(path, constants.O_RDONLY));
    return true;
  } catch {
    return false;
  }
}
