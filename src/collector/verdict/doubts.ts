/** Everything that keeps a run without violations from being a YES, and what would settle it. Pure. */
import { definedOf } from '../../model/defined.ts';
import type { Evidence, StackEvidence } from '../../model/evidence.ts';
import { goesByNic } from '../../model/fanout.ts';
import { type Finding, finding } from '../../model/finding.ts';
import type { DoubtArgs, OneMemberWhy } from '../../model/findings/doubt.ts';
import type { Disturbance, RunFacts } from '../../model/run-facts.ts';
import type { Answer } from '../../model/run-result.ts';
import { boundDoubts, stopOf } from './bounds.ts';
import { FALSE_PASS_LIMIT, falsePassBound, flowsNeeded, isConfident, sum } from './confidence.ts';
import { ownAddressesOnly, whyNoTraffic } from './no-traffic.ts';
import { spreadingOf } from './rss.ts';
import { findUnspread } from './unspread.ts';

export type Doubt = Finding<DoubtCode> | Disturbance;
type DoubtCode = keyof DoubtArgs;

/** What may be the reason that nothing was seen. */
const LEAVES_NOTHING: readonly Doubt['code'][] = ['lost-member', 'link-down', 'interface-removed'];

/** What is found out once about a run, for all that asks for it. */
export interface Known {
  readonly integrity: readonly Doubt[];
  /** Kinds of traffic that one process gets all of. */
  readonly unspread: readonly StackEvidence[];
}

export function knownOf(evidence: Evidence, facts: RunFacts): Known {
  return { integrity: integrityDoubts(evidence, facts), unspread: findUnspread(evidence, facts) };
}

export function findDoubts(evidence: Evidence, facts: RunFacts, { integrity, unspread }: Known): readonly Doubt[] {
  const coverage = coverageDoubt(evidence, facts, unspread);
  if (coverage === undefined) return integrity;
  // Where processes or the link were lost, a lack of packets says nothing about the traffic.
  const isBlind = coverage.code === 'no-traffic' || coverage.code === 'no-flows' || coverage.code === 'no-two-way-flows';
  const causes = isBlind ? integrity.filter(({ code }) => LEAVES_NOTHING.includes(code)) : [];
  return [...causes, coverage, ...integrity.filter((doubt) => !causes.includes(doubt))];
}

/** What makes every part of the evidence doubtful, whichever flows it is about. */
export function integrityDoubts(evidence: Evidence, facts: RunFacts): readonly Doubt[] {
  return [
    ...lossDoubts(evidence, facts),
    ...accountingDoubts(facts),
    ...memberDoubts(facts),
    ...facts.disturbances,
    ...rolloverDoubts(facts),
    ...boundDoubts(evidence, facts),
  ];
}

/** The verdict on one kind of traffic, by the rules of the whole run. */
export function stackAnswer(violated: boolean, twoWayByMember: readonly number[], isOneEpoch: boolean): Answer {
  if (violated) return 'no';
  // Shares added up over epochs look spread even if each epoch used one member only.
  return isOneEpoch && isConfident([twoWayByMember]) ? 'yes' : 'inconclusive';
}

/** Was enough seen? The first answer that is no; the later questions then make no sense. */
function coverageDoubt(evidence: Evidence, facts: RunFacts, unspread: Known['unspread']): Doubt | undefined {
  const { flows } = evidence;
  const spread = evidence.epochs.map((epoch) => epoch.twoWayByMember);
  if (facts.procs === 1) return finding('one-process', {});
  if (facts.packets.captured === 0) return noTraffic(facts);
  if (flows.total === 0) return noFlows(facts);
  if (flows.twoWay === 0) return noTwoWayFlows(evidence, facts);
  if (isConfident(spread)) return undefined;
  return isOnOneMember(spread) ? oneMember(evidence, facts, unspread) : tooFewFlows(evidence, facts);
}

/** Whether no epoch used more than one member. */
export function isOnOneMember(spread: readonly (readonly number[])[]): boolean {
  return sum(spread.map(sum)) > 0 && spread.every((byMember) => byMember.filter((count) => count > 0).length <= 1);
}

function noTraffic(facts: RunFacts): Doubt {
  const { interface: device, source } = facts;
  const why = source === 'live' ? { why: whyNoTraffic(facts) } : {};
  return finding('no-traffic', { interface: device, source, stop: stopOf(facts), ...why });
}

const REASONS_SHOWN = 3;

function noFlows({ packets, link }: RunFacts): Doubt {
  const ignored = Object.entries(packets.ignored).sort(([, a], [, b]) => b - a);
  const own = link === undefined ? undefined : ownAddressesOnly(link.after);
  return finding('no-flows', { captured: packets.captured, ignored: ignored.slice(0, REASONS_SHOWN), ...definedOf({ own }) });
}

function noTwoWayFlows({ flows }: Evidence, facts: RunFacts): Doubt {
  const ignoresOutgoing = facts.flags.includes('ignore-outgoing');
  return finding('no-two-way-flows', { flows: flows.total, stop: stopOf(facts), source: facts.source, ignoresOutgoing });
}

function oneMember(evidence: Evidence, facts: RunFacts, unspread: Known['unspread']): Doubt {
  const flows = sum(evidence.epochs.map((epoch) => sum(epoch.twoWayByMember)));
  const members = [
    ...new Set(evidence.epochs.flatMap((epoch) => epoch.twoWayByMember.flatMap((count, member) => (count > 0 ? [member] : [])))),
  ];
  const missing = Math.max(0, (flowsNeeded([], facts.procs) ?? 0) - flows);
  // Where a cause says why all flows were on one member, nothing need be supposed.
  const isExplained = facts.programMissing || unspread.length === evidence.stacks.length;
  const why = isExplained ? {} : { why: whyOneMember(facts) };
  return finding('one-member', { flows, members, procs: facts.procs, missing, ...why });
}

function whyOneMember({ interface: device, mode, builtin, source, procs, link, nic }: RunFacts): OneMemberWhy {
  if (goesByNic(mode)) {
    if (source !== 'live') return { kind: 'lab-queues', mode, procs, ...definedOf({ nic: nic?.name }) };
    const spreading = spreadingOf(link?.after);
    if (spreading.kind !== 'nic') return { kind: 'device', mode, interface: device, spreading };
  }
  return { kind: 'mode', mode, ...definedOf({ builtin }), procs, interface: device };
}

function tooFewFlows(evidence: Evidence, facts: RunFacts): Doubt {
  const spread = evidence.epochs.map((epoch) => epoch.twoWayByMember);
  const needed = flowsNeeded(spread, facts.procs) ?? 0;
  const bound = falsePassBound(spread);
  return finding('too-few-flows', { flows: sum(spread.map(sum)), bound, limit: FALSE_PASS_LIMIT, needed, stop: stopOf(facts) });
}

function lossDoubts({ untracked, flows }: Evidence, { packets, source, members, maxLossPercent }: RunFacts): readonly Doubt[] {
  const { captured, dropped, overflowed } = packets;
  const seen = captured + dropped;
  const limit = source === 'live' ? maxLossPercent : 0;
  if (seen === 0 || ((dropped + overflowed) / seen) * 100 <= limit) return [];
  const dropping = members.filter(({ drops }) => drops > 0).toSorted((a, b) => b.drops - a.drops || a.index - b.index);
  const split = flows.split + flows.asymmetric + flows.duplicated;
  return [
    ...(dropped > 0
      ? [finding('loss', { dropped, seen, members: dropping.map(({ index, drops }) => ({ index, drops })), source, maxLossPercent, split })]
      : []),
    ...(overflowed > 0 ? [finding('evidence-lost', { overflowed, seen, untracked: untracked.packets, source, maxLossPercent })] : []),
  ];
}

function accountingDoubts({ packets, withheld, members, contradictions }: RunFacts): readonly Doubt[] {
  const { offered = 0, captured, dropped, judged, overflowed } = packets;
  const missing = packets.offered === undefined ? 0 : offered - withheld - captured - dropped;
  // What a lost process had not read yet is missing for a reason that is named already.
  const isExplained = missing > 0 && members.some(({ end }) => end !== 'gone');
  const accounted = judged + overflowed + sum(Object.values(packets.ignored));
  return [
    ...(missing !== 0 && !isExplained ? [finding('accounting-mismatch', { kind: 'sent', offered, missing })] : []),
    ...(accounted !== captured ? [finding('accounting-mismatch', { kind: 'sum', captured, accounted })] : []),
    ...(contradictions.length > 0 ? [finding('accounting-mismatch', { kind: 'members', members: contradictions })] : []),
  ];
}

function memberDoubts({ members, procs }: RunFacts): readonly Doubt[] {
  const lost = members.filter(({ end }) => end !== 'gone').map(({ index, pid, end }) => ({ index, pid, end }));
  return lost.length === 0 ? [] : [finding('lost-member', { procs, lost })];
}

// With the flag, affinity holds only as long as nothing rolls over. (In mode rollover every packet counts, so the counter tells nothing.)
function rolloverDoubts({ mode, flags, members }: RunFacts): readonly Doubt[] {
  const packets = sum(members.map(({ rollover }) => rollover?.all ?? 0));
  return mode === 'rollover' || !flags.includes('rollover') || packets === 0 ? [] : [finding('rolled-over', { packets })];
}
