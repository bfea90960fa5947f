/** The options of `matrix`, checked once: what to survey, and the options of one run for each mode. */

import type { GroupName } from '../../model/fanout.ts';
import type { Machine } from '../../options/machine.ts';
import { type Options, parseOptions, parseSteering } from '../../options/options.ts';
import { optionsFor, withBuiltin } from '../../options/steerings.ts';
import { defaultsOf, OUTPUT_KEYS, optionSet, readerOf, type TypedOf } from '../../options/table.ts';
import { contradictory } from '../../options/values.ts';
import { TRAFFIC_CLASSES } from '../../traffic/classes.ts';
import { FLOWS_MAX, framesMax, TAP_QUEUES_MAX } from '../../traffic/limits.ts';

export interface MatrixOptions {
  /** By name, in the order of the table of classes. */
  readonly classes: readonly string[];
  readonly flowsPerClass: number;
  readonly procs: number;
  readonly seed: number;
  readonly runs: readonly Options[];
  /** Nobody asked for these modes: those that need a right which is not there are left out. */
  readonly areUsualModes: boolean;
  readonly output: Options['output'];
}

/** One column each. */
const USUAL_MODES = 'hash,hash+defrag,hash+dissector,ebpf:addresses,ebpf:ports,lb,cpu,rollover,rnd,qm';

export const MATRIX_OPTIONS = optionSet({
  keys: ['classes', 'modes', 'procs', 'ringSize', 'labInterface', 'flows', 'rate', 'seed', ...OUTPUT_KEYS],
  own: {
    classes: { default: 'all' },
    modes: { default: USUAL_MODES },
    procs: { help: 'processes in each group', default: '8' },
    flows: { help: 'flows of each class', default: '96' },
    rate: { default: '80000' },
    ringSize: { default: '8M' },
  },
});

/**
 * A block is handed over when its time is up, however little is in it: a ring of few blocks is full after as many times 10 ms in which
 * its worker does not run, at any rate. With 128 blocks a busy machine may keep a worker waiting for a second.
 */
const BLOCK_SIZE = '64K';

/** A round of every class: two whole datagrams and two in pieces, with errors about them, and answers of all. */
const PACKETS_PER_FLOW = 8;

/** As typed. */
export type RawMatrixOptions = TypedOf<typeof MATRIX_OPTIONS>;

export function parseMatrixOptions(typed: RawMatrixOptions, machine: Machine): MatrixOptions {
  const { classes: _, modes: __, flows: ___, ...common } = { ...defaultsOf(MATRIX_OPTIONS), ...typed };
  const read = readerOf({ ...defaultsOf(MATRIX_OPTIONS), ...typed }, machine);
  const selected = new Set(read('classes'));
  const classes = TRAFFIC_CLASSES.map(({ name }) => name).filter((name) => selected.has(name));
  const flowsPerClass = read('flows');
  checkSize(classes.length, flowsPerClass);
  const base = parseOptions({ ...common, blockSize: BLOCK_SIZE }, machine);
  if (base.source.kind !== 'lab') throw new TypeError('a survey is made in the lab');
  const source = {
    ...base.source,
    traffic: classes,
    flows: flowsPerClass * classes.length,
    packetsPerFlow: PACKETS_PER_FLOW,
    queues: Math.min(base.procs, TAP_QUEUES_MAX),
  };
  const groups = withBuiltin(withoutCbpf(read('modes') ?? []), undefined);
  const runs = groups.map((group): Options => ({ ...base, ...parseSteering(optionsFor(group), machine), source }));
  const areUsualModes = typed.modes === undefined;
  return { classes, flowsPerClass, procs: base.procs, seed: base.seed, runs, areUsualModes, output: base.output };
}

function checkSize(classes: number, flowsPerClass: number): void {
  const most = Math.floor(Math.min(FLOWS_MAX, framesMax() / PACKETS_PER_FLOW) / classes);
  if (flowsPerClass <= most) return;
  throw contradictory(
    `--flows ${flowsPerClass} in each of ${classes} classes are more than the lab can hold at once`,
    `give at most ${most}, or fewer --classes`,
  );
}

function withoutCbpf(groups: readonly GroupName[]): readonly GroupName[] {
  if (groups.every(({ mode }) => mode !== 'cbpf')) return groups;
  throw contradictory(
    '--modes: mode cbpf steers by a program, and a survey has none of that kind',
    'test a program with: fanout-cluster --mode cbpf --cbpf-program FILE --traffic all',
  );
}
