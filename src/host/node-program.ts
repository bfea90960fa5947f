/** How Node.js is started so that no other process of its user can ever look into what is started (native/host/unreadable_program.hpp). */

import type { ProcessAddon } from '../addon/process.ts';
import { isSystemCallError } from '../errors.ts';

/** A process that was started by a loader has that for its executable file, and its own name in argv[0]. */
const WAS_LOADED = process.execPath.startsWith('/memfd:');

/** Where the Node.js lies that runs this process. */
export const NODE_PATH: string = WAS_LOADED ? process.argv0 : process.execPath;

/** What to execute in place of Node.js: a descriptor, and what comes before the arguments of Node.js, of which the first is argv[0]. */
export interface Starter {
  readonly descriptor: number;
  readonly leading: readonly string[];
}

/** @returns undefined where this machine allows no such program: then what is started has to hide by itself, as soon as it runs */
export function starterFor(addon: Pick<ProcessAddon, 'unreadableProgram'>, node: string = NODE_PATH): Starter | undefined {
  try {
    const { descriptor, isLoader } = addon.unreadableProgram();
    return { descriptor, leading: isLoader ? ['fanout-cluster', node] : [node] };
  } catch (error) {
    if (!isSystemCallError(error)) throw error;
    return undefined;
  }
}
