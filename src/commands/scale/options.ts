/** The options of `scale`, checked once: the options of one run for each size. */
import { FanoutError } from '../../errors.ts';
import { definedOf } from '../../model/defined.ts';
import type { Deployment } from '../../model/deployment.ts';
import { groupNameOf, MEMBERS_MAX } from '../../model/fanout.ts';
import type { Machine } from '../../options/machine.ts';
import { type LabSource, type Options, parseOptions } from '../../options/options.ts';
import { DEPLOYMENT_KEYS, defaultsOf, OUTPUT_KEYS, optionSet, readerOf, type TypedOf } from '../../options/table.ts';
import { usage, wholeNumber } from '../../options/values.ts';
import type { ScalePlan } from './result.ts';

/** One run, or why this machine cannot hold it. */
export type SizeOptions = { readonly procs: number; readonly options: Options } | { readonly procs: number; readonly refused: FanoutError };

export interface ScaleOptions {
  readonly sizes: readonly SizeOptions[];
  readonly plan: ScalePlan;
  readonly deployment?: Deployment;
  readonly output: Options['output'];
}

/** More than any CPU can send: the injector never waits. */
const RATE_MAX = '1000000000';

export const SCALE_OPTIONS = optionSet({
  keys: [
    ...DEPLOYMENT_KEYS,
    'interface',
    'packets',
    'procs',
    'mode',
    'defrag',
    'rollover',
    'cbpfProgram',
    'ebpfProgram',
    'dissector',
    'duration',
    'ringSize',
    'blockSize',
    'blockTimeout',
    'workNs',
    'labInterface',
    'traffic',
    'flows',
    'rate',
    'seed',
    ...OUTPUT_KEYS,
  ],
  own: {
    interface: { help: 'with --from: its group on this interface', otherwise: 'the only one' },
    procs: { placeholder: '<list>', help: `sizes of the group, each 1 to ${MEMBERS_MAX}`, default: '1,2,4,8,16' },
    packets: { default: '1000000' },
    duration: { help: 'ends a size that takes longer', default: '10s' },
    flows: { default: '2000' },
    rate: { otherwise: 'as fast as it goes' },
  },
});

/** As typed. */
export type RawScaleOptions = TypedOf<typeof SCALE_OPTIONS>;

/** Up to the size that is deployed. */
export function sizesUpTo(procs: number): string {
  const below = Array.from({ length: 16 }, (_, exponent) => 2 ** exponent).filter((size) => size < procs);
  return [...below, procs].join(',');
}

const SIZES_MAX = 64;
/** @param cpus where this process may run */
export function parseScaleOptions(typed: RawScaleOptions, machine: Machine, cpus: readonly number[]): ScaleOptions {
  const { procs: list = '', packets, ...given } = { rate: RATE_MAX, ...defaultsOf(SCALE_OPTIONS), ...typed };
  const counts = parseSizes(list);
  // What is wrong with any other option is so for every size.
  const base = parseOptions({ ...given, procs: '1' }, machine);
  if (base.source.kind !== 'lab') throw new TypeError('sizes are compared in the lab');
  const wanted = readerOf(definedOf({ packets }), machine)('packets') ?? 0;
  const rounds = Math.ceil(wanted / (base.source.flows * base.source.packetsPerFlow));
  const placement = placementOn(cpus);
  const { senderCpu, workerCpus } = placement;
  const source: LabSource = { ...base.source, rounds, ...(senderCpu === undefined ? {} : { cpu: senderCpu }) };
  const pin = { kind: 'list', cpus: workerCpus } as const;
  const sizes = counts.map((procs) => sizeOf(procs, () => ({ ...parseOptions({ ...given, procs: String(procs) }, machine), source, pin })));
  const { ring, workNs, output } = base;
  const rate = typed.rate === undefined ? {} : { packetsPerSecond: source.packetsPerSecond };
  const sent = { flows: source.flows, packets: source.flows * source.packetsPerFlow * rounds, ...rate };
  return { sizes, plan: { ...groupNameOf(base), ...sent, ring, workNs, placement }, output };
}

function parseSizes(list: string): readonly number[] {
  const counts = list.split(',').map((text) => wholeNumber('--procs', text, { least: 1, most: MEMBERS_MAX }));
  if (counts.length > SIZES_MAX) throw usage('--procs', list, `a list of at most ${SIZES_MAX} sizes`);
  return [...new Set(counts)];
}

/** The sender has the first CPU for itself, where there is another for the processes. */
function placementOn(cpus: readonly number[]): ScalePlan['placement'] {
  const [senderCpu, ...others] = cpus;
  return senderCpu === undefined || others.length === 0 ? { workerCpus: cpus } : { senderCpu, workerCpus: others };
}

/** A size that is too large takes nothing from the others. */
function sizeOf(procs: number, parse: () => Options): SizeOptions {
  try {
    return { procs, options: parse() };
  } catch (error) {
    if (!(error instanceof FanoutError) || error.code !== 'TOO_LARGE') throw error;
    return { procs, refused: error };
  }
}
