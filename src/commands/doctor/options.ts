/** The options of `doctor`, checked once. */
import { FanoutError } from '../../errors.ts';
import { definedOf } from '../../model/defined.ts';
import type { Deployment } from '../../model/deployment.ts';
import { type FanoutFlag, type FanoutMode, modeRow } from '../../model/fanout.ts';
import type { Machine } from '../../options/machine.ts';
import { type Options, parseOutput } from '../../options/options.ts';
import { DEPLOYMENT_KEYS, OUTPUT_KEYS, optionSet, readerOf, type TypedOf } from '../../options/table.ts';
import { contradictory } from '../../options/values.ts';

export interface DoctorOptions {
  readonly interface: string;
  readonly mode: FanoutMode;
  readonly flags: readonly FanoutFlag[];
  /** Absent: not given. */
  readonly procs?: number;
  /** Whose group it is. */
  readonly deployment?: Deployment;
  readonly output: Options['output'];
}

export const DOCTOR_OPTIONS = optionSet({
  keys: [...DEPLOYMENT_KEYS, 'interface', 'procs', 'mode', 'defrag', 'rollover', ...OUTPUT_KEYS],
  own: {
    interface: { help: 'the interface to examine', otherwise: 'that of --from or --like' },
    procs: { help: 'members of the group', otherwise: 'as many as there are queues or CPUs' },
    mode: { help: 'the mode of the group that captures there' },
    defrag: { help: 'of a group that has the kernel reassemble IPv4 fragments first' },
    rollover: { help: 'of a group that passes packets on when a ring is full' },
  },
});

/** As typed. */
export type RawDoctorOptions = TypedOf<typeof DOCTOR_OPTIONS>;

export function parseDoctorOptions(typed: RawDoctorOptions, machine: Machine): DoctorOptions {
  const read = readerOf(typed, machine);
  const named = read('interface');
  if (named === undefined)
    throw new FanoutError(
      'USAGE',
      'doctor: no interface is named',
      'name the one that the group captures on, such as -i eth0, or the configuration of its program with --from',
    );
  const mode = read('mode');
  const rollover = read('rollover');
  if (modeRow(mode).refusesRollover === true && rollover)
    throw contradictory('mode rollover with the flag --rollover: the kernel refuses the pair (EINVAL)', 'leave --rollover out');
  const flags: readonly FanoutFlag[] = [...(rollover ? (['rollover'] as const) : []), ...(read('defrag') ? (['defrag'] as const) : [])];
  return { interface: named, mode, flags, ...definedOf({ procs: read('procs') }), output: parseOutput(read) };
}
