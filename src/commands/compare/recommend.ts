/** Which of the tested modes to use, and why. Pure; what was not measured is not recommended. */

import { worded } from '../../collector/words/say.ts';
import { type Deployment, idsLines } from '../../deployment/lines.ts';
import { type FanoutMode, type GroupName, groupNameOf, promiseOf } from '../../model/fanout.ts';
import { type Finding, finding } from '../../model/finding.ts';
import type { Advantage } from '../../model/findings/comparison.ts';
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
    const reasons = [chosen(best, kept, runs.length, fragmentsSeen), ...caveats(best, fragmentsSeen)].map(worded);
    return { answer: 'yes', group, reasons, lines: idsLines(group, deployment, fragmentsSeen) };
  }
  return isSettled(runs) ? leastHarm(runs) : nothingShown(runs);
}

function nameOf({ group }: RunResult): GroupName {
  return groupNameOf(group);
}

/** Fragments that the flag defrag reaches: it does nothing for others. */
function hasFragments({ stacks }: RunResult): boolean {
  return stacks.some(({ stack }) => /^(vlan\/)?ipv4\/frag\b/.test(stack));
}

/** Of modes that kept all flows, what speaks against each, in the order of ADVANTAGES; less is better. */
function ranks(run: RunResult, kept: readonly RunResult[], fragmentsSeen: boolean): readonly number[] {
  const most = Math.max(...kept.map(({ balance }) => balance.membersUsed));
  const { mode, flags, builtin } = run.group;
  const against: Readonly<Record<Advantage, number>> = {
    order: run.order.inversions > 0 ? 1 : 0,
    'never-rolls-over': rollsOver(run) ? 1 : 0,
    spread: run.balance.membersUsed * 2 < most ? 1 : 0,
    'no-drops': run.packets.dropped > 0 ? 1 : 0,
    independence: dependenceOf(run.group),
    'keeps-fragments': mode === 'hash' && builtin === undefined && !fragmentsSeen && !flags.includes('defrag') ? 1 : 0,
    'needs-no-flag': flags.length,
  };
  return ADVANTAGES.map((advantage) => against[advantage]);
}

/** Most important first. */
const ADVANTAGES: readonly Advantage[] = [
  'order',
  'never-rolls-over',
  'spread',
  'no-drops',
  'independence',
  'keeps-fragments',
  'needs-no-flag',
];

/** The fewer things outside the kernel a mode depends on, the better: qm and cpu are as good as the settings of the NIC. */
const DEPENDENCE: Readonly<Record<FanoutMode, number>> = { hash: 0, ebpf: 1, cbpf: 2, qm: 3, cpu: 4, rollover: 5, lb: 6, rnd: 7 };

/** A flow dissector is a program as much as one that steers. */
function dependenceOf({ mode, builtin }: GroupName): number {
  return builtin === 'dissector' ? DEPENDENCE.ebpf : DEPENDENCE[mode];
}

function firstDifference(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((rank, i) => rank !== b[i]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}

function rollsOver({ group }: RunResult): boolean {
  return group.mode === 'rollover' || group.flags.includes('rollover');
}

function chosen(best: RunResult, kept: readonly RunResult[], tested: number, fragmentsSeen: boolean): Finding {
  const { flows, balance, group, order } = best;
  return finding('kept-all-flows', {
    tested,
    group: nameOf(best),
    twoWay: flows.twoWay,
    order: { checked: order.checked, inversions: order.inversions },
    membersUsed: balance.membersUsed,
    procs: group.procs,
    maxOverMean: balance.maxOverMean,
    others: kept.filter((run) => run !== best).map(nameOf),
    advantages: advantagesOf(best, kept, fragmentsSeen),
  });
}

/** What there is when a signal came before all modes had been tested: no conclusion, and what was found so far. */
function unfinished(
  runs: readonly RunResult[],
  best: RunResult | undefined,
  kept: readonly RunResult[],
  fragmentsSeen: boolean,
  { asked }: Extent,
): Recommendation {
  const found = best === undefined ? nothingShown(runs).reasons : [worded(chosen(best, kept, runs.length, fragmentsSeen))];
  return { answer: 'inconclusive', reasons: [worded(finding('interrupted', { when: 'before-all-modes-tested', modes: asked })), ...found] };
}

/** What made the difference to one of the others or several, as ranks() has it. */
function advantagesOf(best: RunResult, kept: readonly RunResult[], fragmentsSeen: boolean): readonly Advantage[] {
  const others = kept.filter((run) => run !== best);
  const own = ranks(best, kept, fragmentsSeen);
  const differing = new Set(others.map((other) => ranks(other, kept, fragmentsSeen).findIndex((rank, i) => rank !== own[i])));
  return ADVANTAGES.filter((_, i) => differing.has(i));
}

/** What else is to be known about the mode. */
function caveats(best: RunResult, fragmentsSeen: boolean): readonly Finding[] {
  const { group, order } = best;
  const { checked, inversions } = order;
  const found: Finding[] = [];
  if (group.mode === 'qm' || group.mode === 'cpu') found.push(finding('depends-on-nic', { mode: group.mode }));
  if (inversions > 0) found.push(finding('order-inverted', { kind: 'recommended', checked, inversions }));
  if (group.mode === 'hash' && group.builtin === undefined && !group.flags.includes('defrag'))
    found.push(finding('fragments-untested', { seen: fragmentsSeen }));
  if (group.flags.includes('defrag')) found.push(finding('one-defrag-group', {}));
  return found;
}

/** Whether nothing that could still be shown would make a mode the right one: every mode that may keep flows together has split some. */
function isSettled(runs: readonly RunResult[]): boolean {
  const able = runs.filter(({ group }) => promiseOf(group) !== 'spread');
  const promising = able.filter(({ group }) => promiseOf(group) === 'affinity');
  const decisive = promising.length > 0 ? promising : able;
  return decisive.length > 0 && decisive.every(({ verdict }) => verdict.answer === 'no');
}

function leastHarm(runs: readonly RunResult[]): Recommendation {
  const able = runs.filter(({ group, verdict }) => promiseOf(group) !== 'spread' && verdict.answer === 'no');
  const [best] = able.toSorted((a, b) => splitFlows(a) / a.flows.total - splitFlows(b) / b.flows.total);
  if (best === undefined) throw new TypeError('no mode could be the least harmful');
  const group = nameOf(best);
  return {
    answer: 'no',
    group,
    reasons: [worded(finding('no-safe-mode', { group, split: splitFlows(best), flows: best.flows.total })), ...best.verdict.reasons],
  };
}

function splitFlows({ flows }: RunResult): number {
  return flows.split + flows.asymmetric + flows.duplicated;
}

function nothingShown(runs: readonly RunResult[]): Recommendation {
  const open = runs.filter(({ verdict }) => verdict.answer === 'inconclusive');
  const [best] = open.toSorted((a, b) => dependenceOf(a.group) - dependenceOf(b.group));
  const why: readonly Reason[] = best === undefined ? [] : best.verdict.reasons;
  return { answer: 'inconclusive', reasons: [worded(finding('nothing-shown', {})), ...why] };
}
