/** How workers are started, whoever they run as: by path where that user can reach the files, else from descriptors. */
import { closeSync, constants, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ADDON_PATH, native } from '../../addon/native.ts';
import { NODE_PATH, starterFor } from '../../host/node-program.ts';
import { packageRoot } from '../../package-root.ts';
import { descriptorPath, WORKER_DESCRIPTORS } from '../../worker-descriptors.ts';

export interface WorkerProgram {
  /** What is executed; given to each worker as WORKER_DESCRIPTORS.starter if it is a descriptor. */
  readonly file: string;
  /** In front of the options of Node.js. */
  readonly leading: readonly string[];
  readonly script: string;
  /** Given to each worker as the WORKER_DESCRIPTORS of these names. */
  readonly descriptors: Readonly<Partial<Record<'starter' | 'node' | 'script' | 'addon', number>>>;
}

const SCRIPT_PATH = join(packageRoot(), 'dist', 'worker.cjs');
/** This program once more, however far away it lies. */
const SAME_PROGRAM = '/proc/self/exe';

/** Made once: every run of this process, and every worker, starts from the same file. */
let byPath: WorkerProgram | undefined;

/** For workers that may reach all that this process may. */
export function workerByPath(): WorkerProgram {
  byPath ??= hidden(NODE_PATH, { script: SCRIPT_PATH, descriptors: {} }) ?? {
    file: NODE_PATH,
    leading: [],
    script: SCRIPT_PATH,
    descriptors: {},
  };
  return byPath;
}

/** @param asRunUser runs something with the rights of the user that workers will have */
export function findWorkerProgram(asRunUser: <T>(work: () => T) => T): WorkerProgram {
  if (asRunUser(() => isReadable(SCRIPT_PATH) && isReadable(ADDON_PATH) && isReadable(NODE_PATH))) return workerByPath();
  // Below a directory that is closed to that user, as /root is.
  const copy = (name: string, path: string): number => native.sealedMemoryFile(name, readFileSync(path));
  const files = {
    script: descriptorPath(WORKER_DESCRIPTORS.script),
    descriptors: { script: copy('fanout-cluster worker', SCRIPT_PATH), addon: copy('fanout-cluster addon', ADDON_PATH) },
  };
  const node = openSync(NODE_PATH, constants.O_RDONLY);
  if (asRunUser(() => isReadable(descriptorPath(node)))) {
    const started = hidden(descriptorPath(WORKER_DESCRIPTORS.node), { ...files, descriptors: { ...files.descriptors, node } });
    if (started !== undefined) return started;
  }
  closeSync(node);
  // A file that its user may execute and not read hides a process by itself.
  return { ...files, file: SAME_PROGRAM, leading: [] };
}

function hidden(node: string, { script, descriptors }: Pick<WorkerProgram, 'script' | 'descriptors'>): WorkerProgram | undefined {
  const starter = starterFor(native, node);
  if (starter === undefined) return undefined;
  const file = descriptorPath(WORKER_DESCRIPTORS.starter);
  return { file, leading: starter.leading.slice(1), script, descriptors: { ...descriptors, starter: starter.descriptor } };
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
