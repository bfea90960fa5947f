/** What the tables of flows have in common, on whichever side of a run they are. */
import { randomBytes } from 'node:crypto';
import { FanoutError, isSystemCallError } from '../../errors.ts';

/** Not from --seed: whoever sends packets must not be able to foresee which ones collide in a table. */
export function freshHashSeed(): bigint {
  return randomBytes(8).readBigUInt64BE();
}

/** What to throw where a table could not be made. */
export function noFlowTable(bytes: number, cause: unknown): unknown {
  if (!isSystemCallError(cause)) return cause;
  return new FanoutError(
    'TOO_LARGE',
    `the flow table's ${Math.floor(bytes / 2 ** 20)} MiB of address space cannot be had: ${cause.message}`,
    'raise the limit of this process (ulimit -v) or of the host (vm.overcommit_memory), or give a smaller --flow-memory',
    { cause },
  );
}
