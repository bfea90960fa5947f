/** The options of `matrix`, checked once: what to survey, and the options of one run for each mode. */

import type { Machine } from '../../options/machine.ts';
import { contradictory, type Options, parseClasses, parseOptions, type RawOptions } from '../../options/options.ts';
import { parseSteerings, type SteeringName } from '../../options/steerings.ts';
import { wholeNumber } from '../../options/values.ts';
import { TRAFFIC_CLASSES } from '../../traffic/classes.ts';
import { FLOWS_MAX, framesMax, TAP_QUEUES_MAX } from '../../traffic/limits.ts';

export interface MatrixOptions {
  /** By name, in the order of the table of classes. */
  readonly classes: readonly string[];
  readonly flowsPerClass: number;
  readonly procs: number;
  readonly seed: number;
  readonly runs: readonly Options[];
  readonly output: Options['output'];
}

/** As typed. */
export interface RawMatrixOptions
  extends Pick<RawOptions, 'procs' | 'seed' | 'flows' | 'rate' | 'ringSize' | 'labInterface' | 'json' | 'quiet' | 'color'> {
  readonly classes?: string;
  readonly modes?: string;
}

export const MATRIX_DEFAULTS = {
  classes: 'all',
  modes: 'hash,hash+defrag,lb,cpu,rollover,rnd,qm',
  procs: '8',
  flows: '96',
  rate: '80000',
  ringSize: '8M',
} as const;

/**
 * A block is handed over when its time is up, however little is in it: a ring of few blocks is full after as many times 10 ms in which
 * its worker does not run, at any rate. With 128 blocks a busy machine may keep a worker waiting for a second.
 */
const BLOCK_SIZE = '64K';

/** A round of every class: two whole datagrams and two in pieces, with errors about them, and answers of all. */
const PACKETS_PER_FLOW = 8;

export function parseMatrixOptions(raw: RawMatrixOptions, machine: Machine): MatrixOptions {
  const { classes: classList = MATRIX_DEFAULTS.classes, modes = MATRIX_DEFAULTS.modes, flows = MATRIX_DEFAULTS.flows, ...common } = raw;
  const selected = new Set(parseClasses('--classes', classList));
  const classes = TRAFFIC_CLASSES.map(({ name }) => name).filter((name) => selected.has(name));
  const flowsPerClass = wholeNumber('--flows', flows, { least: 1, most: FLOWS_MAX });
  checkSize(classes.length, flowsPerClass);
  const { procs, rate, ringSize } = MATRIX_DEFAULTS;
  const base = parseOptions({ procs, rate, ringSize, blockSize: BLOCK_SIZE, ...common }, machine);
  if (base.source.kind !== 'lab') throw new TypeError('a survey is made in the lab');
  const source = {
    ...base.source,
    traffic: classes,
    flows: flowsPerClass * classes.length,
    packetsPerFlow: PACKETS_PER_FLOW,
    queues: Math.min(base.procs, TAP_QUEUES_MAX),
  };
  const runs = parseModes(modes).map((steering): Options => ({ ...base, ...steering, source }));
  return { classes, flowsPerClass, procs: base.procs, seed: base.seed, runs, output: base.output };
}

function checkSize(classes: number, flowsPerClass: number): void {
  const most = Math.floor(Math.min(FLOWS_MAX, framesMax() / PACKETS_PER_FLOW) / classes);
  if (flowsPerClass <= most) return;
  throw contradictory(
    `--flows ${flowsPerClass} in each of ${classes} classes are more than the lab can hold at once`,
    `give at most ${most}, or fewer --classes`,
  );
}

function parseModes(list: string): readonly SteeringName[] {
  const steerings = parseSteerings('--modes', list, MATRIX_DEFAULTS.modes);
  const steered = steerings.find(({ mode }) => mode === 'cbpf' || mode === 'ebpf')?.mode;
  if (steered === undefined) return steerings;
  throw contradictory(
    `--modes: mode ${steered} steers by a program, and a survey has none`,
    `test a program with: fanout-cluster --mode ${steered} --${steered}-program FILE --traffic all`,
  );
}
