/** Which of the tested modes to use, and why. Pure; what was not measured is not recommended. */

import { type Deployment, idsLines } from '../../deployment/lines.ts';
import { type FanoutMode, flowPromise, type GroupName, labelOf } from '../../model/fanout.ts';
import type { Reason, RunResult } from '../../model/run-result.ts';
import type { Recommendation } from './result.ts';

/** What was asked for, and whether all of it was done. */
export interface Extent {
  /** Modes that were to be tested. */
  readonly asked: number;
  /** Ended by a signal before each of them had been tested to its end. */
  readonly interrupted: boolean;
}

/** @param runs modes that were tested to the end */
export function recommend(runs: readonly RunResult[], deployment: Deployment, extent: Extent): Recommendation {
  const fragmentsSeen = runs.some(hasFragments);
  const kept = runs.filter(({ verdict }) => verdict.answer === 'yes');
  const [best] = kept.toSorted((a, b) => firstDifference(ranks(a, kept, fragmentsSeen), ranks(b, kept, fragmentsSeen)));
  // Another mode may be the better one, or the only one that keeps all flows: nobody has looked.
  if (extent.interrupted) return unfinished(runs, best, kept, fragmentsSeen, extent);
  if (best !== undefined) {
    const group = nameOf(best);
    const reasons = [chosen(best, kept, runs.length, fragmentsSeen), ...caveats(best, fragmentsSeen)];
    return { answer: 'yes', group, reasons, lines: idsLines(group, deployment, fragmentsSeen) };
  }
  return isSettled(runs) ? leastHarm(runs) : nothingShown(runs);
}

function nameOf({ group: { mode, flags } }: RunResult): GroupName {
  return { mode, flags };
}

/** Fragments that the flag defrag reaches: it does nothing for others. */
function hasFragments({ stacks }: RunResult): boolean {
  return stacks.some(({ stack }) => /^(vlan\/)?ipv4\/frag\b/.test(stack));
}

/** Of modes that kept all flows, what speaks against each, most important first; less is better. */
function ranks(run: RunResult, kept: readonly RunResult[], fragmentsSeen: boolean): readonly number[] {
  const most = Math.max(...kept.map(({ balance }) => balance.membersUsed));
  return [
    run.order.inversions > 0 ? 1 : 0,
    rollsOver(run) ? 1 : 0,
    run.balance.membersUsed * 2 < most ? 1 : 0,
    run.packets.dropped > 0 ? 1 : 0,
    DEPENDENCE[run.group.mode],
    run.group.mode === 'hash' && !fragmentsSeen && !run.group.flags.includes('defrag') ? 1 : 0,
    run.group.flags.length,
  ];
}

/** The fewer things outside the kernel a mode depends on, the better: qm and cpu are as good as the settings of the NIC. */
const DEPENDENCE: Readonly<Record<FanoutMode, number>> = { hash: 0, ebpf: 1, cbpf: 2, qm: 3, cpu: 4, rollover: 5, lb: 6, rnd: 7 };

function firstDifference(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((rank, i) => rank !== b[i]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}

function rollsOver({ group }: RunResult): boolean {
  return group.mode === 'rollover' || group.flags.includes('rollover');
}

function chosen(best: RunResult, kept: readonly RunResult[], tested: number, fragmentsSeen: boolean): Reason {
  const { flows, balance, group } = best;
  const others = kept.filter((run) => run !== best).map((run) => labelOf(run.group));
  return {
    code: 'kept-all-flows',
    message: `of ${modes(tested)} tested, ${labelOf(group)} kept each of ${flows.twoWay} two-way flows on one process${orderText(best)}, and used ${balance.membersUsed} of ${group.procs} processes, the busiest ${balance.maxOverMean.toFixed(2)} times the mean${othersText(others, tested)}${others.length === 0 ? '' : `: ${whyNot(best, kept, fragmentsSeen)}`}`,
  };
}

function othersText(others: readonly string[], tested: number): string {
  if (others.length > 0) return `; so did ${others.join(', ')}`;
  return tested > 1 ? '; no other of them did' : '';
}

function modes(count: number): string {
  return `${count} ${count === 1 ? 'mode' : 'modes'}`;
}

/** What there is when a signal came before all modes had been tested: no conclusion, and what was found so far. */
function unfinished(
  runs: readonly RunResult[],
  best: RunResult | undefined,
  kept: readonly RunResult[],
  fragmentsSeen: boolean,
  { asked }: Extent,
): Recommendation {
  const message = `ended by a signal before all of ${modes(asked)} had been tested, so none of them can be recommended`;
  const remedy = 'run again and let it end by itself, or compare fewer modes (--modes)';
  const found = best === undefined ? nothingShown(runs).reasons : [chosen(best, kept, runs.length, fragmentsSeen)];
  return { answer: 'inconclusive', reasons: [{ code: 'interrupted', message, remedy }, ...found] };
}

function orderText({ order }: RunResult): string {
  if (order.checked === 0) return '';
  return order.inversions === 0 ? ' and in order' : `, though ${order.inversions} of ${order.checked} packets came out of order`;
}

/** What made the difference, as ranks() has it. */
function whyNot(best: RunResult, kept: readonly RunResult[], fragmentsSeen: boolean): string {
  const others = kept.filter((run) => run !== best);
  const own = ranks(best, kept, fragmentsSeen);
  const differing = new Set(others.map((other) => ranks(other, kept, fragmentsSeen).findIndex((rank, i) => rank !== own[i])));
  const words = WHY.filter((_, i) => differing.has(i));
  return [...new Set(words)].join('; ');
}

const WHY: readonly string[] = [
  'packets came out of order in some of them',
  'what rolls over when a ring is full was not under load here',
  'some leave most processes idle',
  'some dropped packets',
  'it depends on nothing outside the kernel, as others do on the NIC or a program',
  'it would keep IPv4 fragments with their flows too, of which none was seen here',
  'it needs no flag',
];

/** What else is to be known about the mode. */
function caveats(best: RunResult, fragmentsSeen: boolean): readonly Reason[] {
  const { group, order } = best;
  const found: Reason[] = [];
  if (group.mode === 'qm' || group.mode === 'cpu')
    found.push({
      code: 'depends-on-nic',
      message: `mode ${group.mode} is as good as the receive-side scaling of the NIC and its interrupts: the answer holds for their present settings`,
      remedy: 'test again after every change of queues, RSS key, hash fields, interrupt affinity or driver',
    });
  if (order.inversions > 0)
    found.push({
      code: 'order-inverted',
      message: `${order.inversions} of ${order.checked} packets checked reached their process after later ones of their flow: the directions of a flow came through different receive queues`,
      remedy: 'make RSS symmetric or use one receive queue; stream reassembly counts such packets as gaps or as wrong acknowledgements',
    });
  if (group.mode === 'hash' && !group.flags.includes('defrag'))
    found.push({
      code: 'fragments-untested',
      message: `no flow with ${fragmentsSeen ? 'both whole packets and IPv4 fragments' : 'IPv4 fragments'} can have been among them: without the flag defrag fragments leave the process of their flow`,
      remedy: 'where there are any, use hash+defrag, in one group of a host only',
    });
  if (group.flags.includes('defrag'))
    found.push({
      code: 'one-defrag-group',
      message: 'two groups that reassemble on one host take fragments from each other, whatever their interfaces',
      remedy: 'let one group of a host have the flag',
    });
  return found;
}

/** Whether nothing that could still be shown would make a mode the right one: every mode that may keep flows together has split some. */
function isSettled(runs: readonly RunResult[]): boolean {
  const able = runs.filter(({ group }) => flowPromise(group.mode) !== 'spread');
  const promising = able.filter(({ group }) => flowPromise(group.mode) === 'affinity');
  const decisive = promising.length > 0 ? promising : able;
  return decisive.length > 0 && decisive.every(({ verdict }) => verdict.answer === 'no');
}

function leastHarm(runs: readonly RunResult[]): Recommendation {
  const able = runs.filter(({ group, verdict }) => flowPromise(group.mode) !== 'spread' && verdict.answer === 'no');
  const [best] = able.toSorted((a, b) => parted(a) / a.flows.total - parted(b) / b.flows.total);
  if (best === undefined) throw new TypeError('no mode could be the least harmful');
  const group = nameOf(best);
  return {
    answer: 'no',
    group,
    reasons: [
      {
        code: 'no-safe-mode',
        message: `no mode kept all flows together; ${labelOf(group)} parted fewest, ${parted(best)} of ${best.flows.total}`,
      },
      ...best.verdict.reasons,
    ],
  };
}

function parted({ flows }: RunResult): number {
  return flows.split + flows.asymmetric + flows.duplicated;
}

function nothingShown(runs: readonly RunResult[]): Recommendation {
  const open = runs.filter(({ verdict }) => verdict.answer === 'inconclusive');
  const [best] = open.toSorted((a, b) => DEPENDENCE[a.group.mode] - DEPENDENCE[b.group.mode]);
  const why = best === undefined ? [] : best.verdict.reasons;
  return {
    answer: 'inconclusive',
    reasons: [{ code: 'nothing-shown', message: 'no mode was shown to keep all flows together on this evidence' }, ...why],
  };
}
