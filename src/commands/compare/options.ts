/** The options of `compare`, checked once: those of one run for each mode, alike in all else. */

import { definedOf } from '../../model/defined.ts';
import { type GroupName, LEGACY_MEMBERS_MAX } from '../../model/fanout.ts';
import { checkMachineCanHold, memoryOf } from '../../options/capacity.ts';
import { parseFlowMemory, workerFlows } from '../../options/flow-memory.ts';
import type { Machine } from '../../options/machine.ts';
import { type Options, parseOptions } from '../../options/options.ts';
import { optionsFor, withBuiltin } from '../../options/steerings.ts';
import {
  defaultsOf,
  nameOf,
  OPTION_KEYS,
  type OptionKey,
  optionSet,
  type RawOptions,
  readerOf,
  type TypedOf,
} from '../../options/table.ts';
import { contradictory } from '../../options/values.ts';
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

/** What a comparison chooses itself, or what makes no sense for several groups. */
const OF_ONE_GROUP = ['mode', 'defrag', 'rollover', 'dissector', 'groupId', 'failFast', 'loop'] as const satisfies readonly OptionKey[];
/** Of other commands. */
const OF_OTHERS = [
  'slot',
  'classes',
  'packets',
  'kernel',
  'ids',
  'hash',
  'group',
  'write',
  'policy',
  'layers',
  'netns',
  'withoutFallback',
  'undo',
  'status',
  'verify',
] as const satisfies readonly OptionKey[];

type CompareKey = Exclude<OptionKey, (typeof OF_ONE_GROUP)[number] | (typeof OF_OTHERS)[number]>;

const DEFAULT_MODES = 'hash,hash+defrag,hash+dissector,ebpf:addresses,lb,cpu,rollover,hash+rollover,rnd,qm';

export const COMPARE_OPTIONS = optionSet({
  keys: OPTION_KEYS.filter((key): key is CompareKey => !([...OF_ONE_GROUP, ...OF_OTHERS] as readonly OptionKey[]).includes(key)),
  own: { modes: { default: DEFAULT_MODES, otherwise: `${DEFAULT_MODES}; cbpf where a program is given; hash+dissector in the lab only` } },
});

/** As typed. */
export type RawCompareOptions = TypedOf<typeof COMPARE_OPTIONS>;

export function parseCompareOptions(raw: RawCompareOptions, machine: Machine): CompareOptions {
  const read = readerOf({ ...defaultsOf(COMPARE_OPTIONS), ...raw }, machine);
  const [ownLoad, measureLoad] = [read('ownLoad'), read('measureLoad')];
  const { modes, cbpfProgram, ebpfProgram, flowMemory, ...given } = raw;
  const common = { ...given, ...(measureLoad ? {} : usualNic(raw, machine)) };
  if (common.pcap === '-')
    throw contradictory('standard input can be read once, and a comparison sends it once for each mode', 'save the capture to a file');
  const programs = { cbpf: cbpfProgram, ebpf: ebpfProgram };
  const isBeside = raw.interface !== undefined || measureLoad;
  const listed = (read('modes') ?? []).filter(({ builtin }) => !isBeside || raw.modes !== undefined || builtin !== 'dissector');
  const steerings = withPrograms(withBuiltin(listed, ebpfProgram), programs);
  if (measureLoad && steerings.some(({ builtin }) => builtin === 'dissector'))
    throw contradictory(
      '--measure-load runs all groups beside one another, and a flow dissector is for all of them or none',
      'leave hash+dissector out of --modes',
    );
  // One seed for all of them, drawn once.
  const seed = common.seed ?? String(machine.randomSeed);
  const runs = steerings.map((group): Options => {
    const { mode, builtin } = group;
    const program = mode === 'cbpf' ? { cbpfProgram } : mode === 'ebpf' && builtin === undefined ? { ebpfProgram } : {};
    return parseOptions({ ...common, ...definedOf(program), ...optionsFor(group), seed }, machine);
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

/** What of a comparison matters for its cost. */
const COSTLY = ['modes', 'cbpfProgram', 'ebpfProgram', 'snaplen', 'ringSize', 'blockSize', 'blockTimeout', 'workNs'] as const;

function ownLoadArguments(raw: RawCompareOptions, procs: number): readonly string[] {
  const values = COSTLY.flatMap((key) => (raw[key] === undefined ? [] : [nameOf(key), raw[key]]));
  return ['compare', '--measure-load', '--json', '-', '--quiet', '--procs', String(procs), ...values];
}

/** As most NICs come, so that modes qm and cpu are tested at all: behind one receive queue nothing could split a flow. */
function usualNic({ interface: device, nic, procs, labInterface }: RawCompareOptions, machine: Machine): Pick<RawOptions, 'nic'> {
  if (device !== undefined || nic !== undefined || labInterface === 'veth' || !machine.mayOpenTun) return {};
  const queues = Math.min(TAP_QUEUES_MAX, Number(procs ?? machine.onlineCpus.length));
  return queues >= 2 ? { nic: `queues=${queues},rss=microsoft` } : {};
}

/** Programs that are given are tested, whether their modes are named or not. */
function withPrograms(listed: readonly GroupName[], programs: Readonly<Record<'cbpf' | 'ebpf', string | undefined>>): readonly GroupName[] {
  const isListed = (mode: 'cbpf' | 'ebpf') => listed.some((group) => group.mode === mode && group.builtin === undefined);
  const given = (['cbpf', 'ebpf'] as const).filter((mode) => programs[mode] !== undefined && !isListed(mode));
  return [...listed, ...given.map((mode): GroupName => ({ mode, flags: [] }))];
}
