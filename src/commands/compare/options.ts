/** The options of `compare`, checked once: those of one run for each mode, alike in all else. */

import { LEGACY_MEMBERS_MAX } from '../../model/fanout.ts';
import { parseFlowMemory, workerFlows } from '../../options/flow-memory.ts';
import type { Machine } from '../../options/machine.ts';
import { checkMachineCanHold, contradictory, memoryOf, type Options, parseOptions, type RawOptions } from '../../options/options.ts';
import { parseSteerings, type SteeringName } from '../../options/steerings.ts';
import { TAP_QUEUES_MAX } from '../../traffic/limits.ts';

export interface CompareOptions {
  /** Alike in everything but mode, flags and program. */
  readonly runs: readonly Options[];
  readonly procs: number;
  readonly isLive: boolean;
  /** What so many groups cost: measured before a live comparison, instead of one, or not at all. */
  readonly ownLoad: 'first' | 'only' | 'none';
  /** As this program is to be called to measure it: what matters for the cost. */
  readonly ownLoadArguments: readonly string[];
  readonly output: Options['output'];
}

/** As typed: what a run takes, but for what makes one group of it. */
export interface RawCompareOptions extends Omit<RawOptions, 'mode' | 'defrag' | 'rollover' | 'groupId' | 'failFast' | 'loop'> {
  readonly modes?: string;
  readonly ownLoad?: boolean;
  readonly measureLoad?: boolean;
}

export const COMPARE_DEFAULTS = {
  modes: 'hash,hash+defrag,lb,cpu,rollover,hash+rollover,rnd,qm',
} as const;

export function parseCompareOptions(raw: RawCompareOptions, machine: Machine): CompareOptions {
  const { modes, ownLoad = true, measureLoad = false, cbpfProgram, ebpfProgram, flowMemory, ...given } = raw;
  const common = { ...given, ...(measureLoad ? {} : usualNic(raw, machine)) };
  if (common.pcap === '-')
    throw contradictory('standard input can be read once, and a comparison sends it once for each mode', 'save the capture to a file');
  const programs = { cbpf: cbpfProgram, ebpf: ebpfProgram };
  const steerings = steeringsOf(modes, programs);
  // One seed for all of them, drawn once.
  const seed = common.seed ?? String(machine.randomSeed);
  const runs = steerings.map(({ mode, flags }): Options => {
    const program = mode === 'cbpf' ? { cbpfProgram } : mode === 'ebpf' ? { ebpfProgram } : {};
    const own = { mode, ...definedOf(program), ...Object.fromEntries(flags.map((flag) => [FLAG_OPTIONS[flag], true])) };
    return parseOptions({ ...common, ...own, seed }, machine);
  });
  const [first] = runs;
  if (first === undefined) throw new TypeError('a list of modes is never empty');
  const isLive = first.source.kind === 'live';
  const { procs, ring } = first;
  // One run of all groups, or one after the other.
  const groups = isLive || measureLoad ? runs.length : 1;
  const needed = memoryOf(procs, ring, groups);
  const flowMemoryBytes = parseFlowMemory(flowMemory, needed, machine, groups);
  const workerFlowsMax = workerFlows(flowMemoryBytes * groups, needed, machine, procs * groups);
  if (isLive) {
    if (procs > LEGACY_MEMBERS_MAX)
      throw contradictory(
        `a live comparison of ${procs} processes`,
        `compare with at most ${LEGACY_MEMBERS_MAX}: it takes ${runs.length} sockets of each`,
      );
    checkMachineCanHold(procs, ring.blockBytes * ring.blockCount, machine, runs.length);
  }
  if (measureLoad && isLive)
    throw contradictory('--measure-load sends packets as fast as it goes, which is never done on a live interface', 'leave -i out');
  return {
    runs: runs.map((run) => ({ ...run, flowMemoryBytes, workerFlowsMax })),
    procs,
    isLive,
    ownLoad: measureLoad ? 'only' : isLive && ownLoad ? 'first' : 'none',
    ownLoadArguments: ownLoadArguments(raw, procs),
    output: first.output,
  };
}

function ownLoadArguments(raw: RawCompareOptions, procs: number): readonly string[] {
  const given: readonly (readonly [string, string | undefined])[] = [
    ['--modes', raw.modes],
    ['--cbpf-program', raw.cbpfProgram],
    ['--ebpf-program', raw.ebpfProgram],
    ['--snaplen', raw.snaplen],
    ['--ring-size', raw.ringSize],
    ['--block-size', raw.blockSize],
    ['--block-timeout', raw.blockTimeout],
    ['--work-ns', raw.workNs],
  ];
  const values = given.flatMap(([option, value]) => (value === undefined ? [] : [option, value]));
  return ['compare', '--measure-load', '--json', '-', '--quiet', '--procs', String(procs), ...values];
}

/** As most NICs come, so that modes qm and cpu are tested at all: behind one receive queue nothing could split a flow. */
function usualNic({ interface: device, nic, procs, labInterface }: RawCompareOptions, machine: Machine): Pick<RawOptions, 'nic'> {
  if (device !== undefined || nic !== undefined || labInterface === 'veth' || !machine.mayOpenTun) return {};
  const queues = Math.min(TAP_QUEUES_MAX, Number(procs ?? machine.onlineCpus.length));
  return queues >= 2 ? { nic: `queues=${queues},rss=microsoft` } : {};
}

const FLAG_OPTIONS = { rollover: 'rollover', 'ignore-outgoing': 'ignoreOutgoing', defrag: 'defrag' } as const;

/** Programs that are given are tested, whether their modes are named or not. */
function steeringsOf(modes: string | undefined, programs: Readonly<Record<'cbpf' | 'ebpf', string | undefined>>): readonly SteeringName[] {
  const listed = parseSteerings('--modes', modes ?? COMPARE_DEFAULTS.modes, COMPARE_DEFAULTS.modes);
  const given = (['cbpf', 'ebpf'] as const).filter((mode) => programs[mode] !== undefined && !listed.some((s) => s.mode === mode));
  return [...listed, ...given.map((mode): SteeringName => ({ mode, flags: [] }))];
}

function definedOf(values: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
