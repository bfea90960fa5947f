/** The options of `churn`, checked once. */
import { FanoutError } from '../../errors.ts';
import { epochsMax } from '../../model/run-limits.ts';
import type { Machine } from '../../options/machine.ts';
import { checkMachineCanHold, type Options, parseOptions, type RawOptions } from '../../options/options.ts';
import { usage, wholeNumber } from '../../options/values.ts';

export interface ChurnOptions {
  readonly run: Options;
  /** Whose members are killed, one after the other; each is replaced before the next. */
  readonly slots: readonly number[];
  readonly packetsPerSecond: number;
  readonly output: Options['output'];
}

/** As typed. */
export interface RawChurnOptions
  extends Pick<
    RawOptions,
    'procs' | 'defrag' | 'flows' | 'traffic' | 'rate' | 'seed' | 'ringSize' | 'labInterface' | 'workerTimeout' | 'json' | 'quiet' | 'color'
  > {
  readonly slot?: string;
}

export const CHURN_DEFAULTS = {
  procs: '4',
  /** With so many a share is known to 0.02 with room to spare: four standard deviations of a half. */
  flows: '10000',
  traffic: 'ipv4-tcp,ipv4-udp,ipv6-tcp',
  rate: '100000',
  ringSize: '8M',
} as const;

/** A ring of many small blocks outlasts a worker that is kept waiting: each is handed over when its time is up, however little is in it. */
const BLOCK_SIZE = '64K';

const PACKETS_PER_FLOW = 2;

export function parseChurnOptions(raw: RawChurnOptions, machine: Machine): ChurnOptions {
  const { slot, ...common } = raw;
  const fixed = { packetsPerFlow: String(PACKETS_PER_FLOW), blockSize: BLOCK_SIZE };
  const run = parseOptions({ ...CHURN_DEFAULTS, ...common, ...fixed }, machine);
  if (run.source.kind !== 'lab') throw new TypeError('churn is for the lab');
  if (run.procs < 2) throw usage('--procs', String(run.procs), 'a number of at least 2: of one process nothing is left');
  const all = Array.from({ length: run.procs }, (_, i) => i);
  const slots = slot === undefined ? all : [wholeNumber('--slot', slot, { least: 0, most: run.procs - 1 })];
  const { ring } = run;
  // Each loss and each replacement begins an epoch, and so does the link.
  const members = run.procs + slots.length;
  if (2 * slots.length + 2 > epochsMax(members))
    throw new FanoutError(
      'TOO_LARGE',
      `replacing ${slots.length} of ${run.procs} processes changes the group more often than is kept apart (${epochsMax(members)} epochs)`,
      'use fewer --procs, or replace one of them (--slot)',
    );
  // Whoever is killed may still hold its ring when the next has come.
  checkMachineCanHold(run.procs + 1, ring.blockBytes * ring.blockCount, machine);
  return { run, slots, packetsPerSecond: run.source.packetsPerSecond, output: run.output };
}
