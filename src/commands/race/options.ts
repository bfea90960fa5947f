/** The options of `race`, checked once. */
import type { Machine } from '../../options/machine.ts';
import { type Options, parseOptions } from '../../options/options.ts';
import { defaultsOf, OUTPUT_KEYS, optionSet, type TypedOf } from '../../options/table.ts';
import { contradictory, usage } from '../../options/values.ts';

export interface RaceOptions {
  /** The orderly start; the other one differs only in how it is made. */
  readonly run: Options;
  readonly packetsPerSecond: number;
  /** How long packets are counted after the group is complete. */
  readonly afterMs: number;
  readonly output: Options['output'];
}

export const RACE_OPTIONS = optionSet({
  keys: [
    'procs',
    'mode',
    'ebpfProgram',
    'dissector',
    'duration',
    'ringSize',
    'workerTimeout',
    'labInterface',
    'traffic',
    'flows',
    'rate',
    'seed',
    ...OUTPUT_KEYS,
  ],
  own: {
    procs: { help: 'processes in the group, at least 2', default: '8' },
    mode: { help: 'hash or ebpf' },
    duration: { help: 'how long to look after the group is complete', default: '500ms' },
    flows: { default: '500' },
    rate: { default: '50000' },
    traffic: { default: 'ipv4-tcp,ipv4-udp,ipv6-tcp' },
    // Nobody reads until the last process has joined.
    ringSize: { default: '16M' },
  },
});

/** As typed. */
export type RawRaceOptions = TypedOf<typeof RACE_OPTIONS>;

export function parseRaceOptions(typed: RawRaceOptions, machine: Machine): RaceOptions {
  const run = parseOptions({ ...defaultsOf(RACE_OPTIONS), ...typed, loop: true }, machine);
  if (run.source.kind !== 'lab' || run.limits.durationMs === undefined) throw new TypeError('a race is run in the lab, for a time');
  if (run.procs < 2) throw usage('--procs', String(run.procs), 'a number of at least 2: one process races nobody');
  if (run.mode !== 'hash' && run.mode !== 'ebpf')
    throw contradictory(`a race in mode ${run.mode}, which does not keep flows together`, 'use --mode hash or ebpf');
  return { run, packetsPerSecond: run.source.packetsPerSecond, afterMs: run.limits.durationMs, output: run.output };
}
