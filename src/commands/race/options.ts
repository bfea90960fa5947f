/** The options of `race`, checked once. */
import type { Machine } from '../../options/machine.ts';
import { type Options, parseOptions, type RawOptions } from '../../options/options.ts';
import { usage } from '../../options/values.ts';

export interface RaceOptions {
  /** The orderly start; the other one differs only in how it is made. */
  readonly run: Options;
  readonly packetsPerSecond: number;
  /** How long packets are counted after the group is complete. */
  readonly afterMs: number;
  readonly output: Options['output'];
}

export type RawRaceOptions = Pick<
  RawOptions,
  'procs' | 'flows' | 'rate' | 'traffic' | 'duration' | 'seed' | 'ringSize' | 'labInterface' | 'workerTimeout' | 'json' | 'quiet' | 'color'
>;

export const RACE_DEFAULTS = {
  procs: '8',
  flows: '500',
  rate: '50000',
  duration: '500ms',
  traffic: 'ipv4-tcp,ipv4-udp,ipv6-tcp',
  /** Nobody reads until the last process has joined. */
  ringSize: '16M',
} as const;

export function parseRaceOptions(raw: RawRaceOptions, machine: Machine): RaceOptions {
  const { duration: after = RACE_DEFAULTS.duration, ...common } = raw;
  const { duration: _, ...defaults } = RACE_DEFAULTS;
  const run = parseOptions({ ...defaults, ...common, loop: true, duration: after }, machine);
  if (run.source.kind !== 'lab' || run.limits.durationMs === undefined) throw new TypeError('a race is run in the lab, for a time');
  if (run.procs < 2) throw usage('--procs', String(run.procs), 'a number of at least 2: one process races nobody');
  return { run, packetsPerSecond: run.source.packetsPerSecond, afterMs: run.limits.durationMs, output: run.output };
}
