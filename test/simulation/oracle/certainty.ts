/** Until when the collector must have known that the group was whole. */
import { MS } from '../clock.ts';
import { faultsOf, isDim, type LaneTruth, processOf, sufferedBy } from './truth.ts';

/** What evidence loses before a change: one interval of counters, the backlog of the CPUs, a tick of the flow map. */
const MARGIN_NS = 100 * MS + 20 * MS + 65_536;

interface Danger {
  readonly fromNs: number;
  /** When the group was another one for good. */
  readonly untilNs: number;
}

/** Time stamps of packets in this epoch that are evidence for sure are below this. */
export function safeUntil(truth: LaneTruth, epoch: number): number {
  const { world } = truth.outcome;
  if (isDim(truth.outcome)) return Number.NEGATIVE_INFINITY;
  const dangers = dangersTo(truth);
  if (dangers.length === 0) return Number.POSITIVE_INFINITY;
  // Which time stamps were given twice is another matter.
  if (faultsOf(truth, 'step').length > 0) return Number.NEGATIVE_INFINITY;
  const noticeNs = noticeOf(truth);
  const begunNs = epoch === 0 ? (world.begunNs ?? 0) : (world.announced[truth.lane]?.get(epoch) ?? Number.POSITIVE_INFINITY);
  const open = dangers.filter(({ untilNs }) => untilNs > begunNs - noticeNs);
  return Math.min(...open.map(({ fromNs }) => world.clock.stampAt(fromNs) - MARGIN_NS - noticeNs));
}

function dangersTo(truth: LaneTruth): readonly Danger[] {
  const { world, judgedNs } = truth.outcome;
  const begunNs = world.begunNs ?? 0;
  const complete = truth.options.procs;
  const changes = truth.group.changes
    .slice(complete)
    .filter(({ ns }) => ns <= judgedNs)
    .map(({ ns }) => ({ fromNs: ns, untilNs: ns }));
  const lost = truth.result.members.flatMap(({ index, end }) => {
    if (end === 'gone') return [];
    const [first] = sufferedBy(truth, index);
    const fromNs = first === undefined ? begunNs : begunNs + first.atNs;
    return [{ fromNs, untilNs: processOf(truth, index)?.endedNs ?? Number.POSITIVE_INFINITY }];
  });
  return [...changes, ...lost];
}

/** How long the collector may take to hear of something. */
function noticeOf(truth: LaneTruth): number {
  const { messageNs, wakeNs, noticeNs } = truth.outcome.scenario;
  const delays = Math.max(...messageNs) + 2 * Math.max(...wakeNs) + noticeNs;
  const stopped = faultsOf(truth, 'stop', 'hold').map((fault) => ('forNs' in fault ? fault.forNs : 0));
  return delays + stopped.reduce((sum, ns) => sum + ns, 0);
}
