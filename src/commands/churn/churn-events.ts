/** From where flows were seen before and after a change to how many of them moved, and what that means. Pure. */

import type { ObservedFlow } from '../../addon/flow-map.ts';
import type { GroupName } from '../../model/fanout.ts';
import { type Finding, type FindingArgs, finding } from '../../model/finding.ts';
import type { ChurnChange, ChurnEventKind } from '../../model/findings/churn.ts';
import { type ChurnEvent, type Slots, stayingShare } from './result.ts';

/** A change of the group, between two epochs in which all flows were seen. */
export interface Change {
  readonly kind: ChurnEventKind;
  readonly slot?: number;
  readonly member?: number;
  readonly before: Side;
  readonly after: Side;
  readonly packetsSent: number;
  readonly packetsLost: number;
  readonly tookMs: number;
}

interface Side {
  readonly epoch: number;
  readonly slots: Slots;
}

export function eventOf(change: Change, observed: readonly ObservedFlow[], group: GroupName): ChurnEvent {
  const { before, after, kind, slot, member } = change;
  const survivors = new Set(before.slots.filter((one) => after.slots.includes(one)));
  let flows = 0;
  let stayed = 0;
  let survivorsFlows = 0;
  const together = new Map<string, number>();
  for (const flow of observed) {
    const [from, to] = [memberIn(flow, before.epoch), memberIn(flow, after.epoch)];
    if (from === undefined || to === undefined) continue;
    flows += 1;
    const bundle = bundleOf(flow, group);
    together.set(bundle, (together.get(bundle) ?? 0) + 1);
    if (survivors.has(from)) survivorsFlows += 1;
    if (from === to) stayed += 1;
  }
  const expectedStayedShare = stayingShare(group, before.slots, after.slots);
  const survivorsShare = survivors.size / before.slots.length;
  return {
    kind,
    ...(slot === undefined ? {} : { slot }),
    ...(member === undefined ? {} : { member }),
    slots: after.slots,
    flows,
    draws: drawsIn(flows, [...together.values()]),
    stayed,
    stayedShare: share(stayed, flows),
    expectedStayedShare,
    survivorsFlows,
    survivorsMoved: survivorsFlows - stayed,
    survivorsMovedShare: share(survivorsFlows - stayed, survivorsFlows),
    // Rounding must not make it less than none.
    expectedSurvivorsMovedShare: Math.max(0, 1 - expectedStayedShare / survivorsShare),
    packetsSent: change.packetsSent,
    packetsLost: change.packetsLost,
    tookMs: Math.round(change.tookMs),
  };
}

/** What decides where the flow goes, and with it others. */
function bundleOf({ flow: { proto, src, sport, dst, dport } }: ObservedFlow, { builtin }: GroupName): string {
  return builtin === 'addresses' ? [src, dst].sort().join(' ') : `${proto} ${src} ${sport} ${dst} ${dport}`;
}

/** As many of one size would vary as much. */
function drawsIn(flows: number, bundles: readonly number[]): number {
  return flows === 0 ? 0 : Math.round(flows ** 2 / bundles.reduce((sum, size) => sum + size ** 2, 0));
}

function share(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

/** Where the flow was in the epoch. Packets that came after a change, but before it was known, are counted in the epoch before: the first count. */
function memberIn({ observations }: ObservedFlow, epoch: number): number | undefined {
  let first: ObservedFlow['observations'][number] | undefined;
  for (const seen of observations)
    if (seen.epoch === epoch && (first === undefined || BigInt(seen.first) < BigInt(first.first))) first = seen;
  return first?.member;
}

/** So many standard deviations chance does not reach; below that a difference says nothing. */
const DEVIATIONS_MAX = 5;

export function doubtsAbout(events: readonly ChurnEvent[]): readonly Finding[] {
  return events.flatMap((event): readonly Finding[] => {
    const { flows, draws, stayedShare, expectedStayedShare: p } = event;
    const change = changeOf(event);
    if (flows === 0) return [finding('no-flows', { change })];
    const deviation = Math.sqrt((p * (1 - p)) / draws);
    if (Math.abs(stayedShare - p) <= DEVIATIONS_MAX * deviation + 1 / draws) return [];
    return [finding('unexpected-share', { change, flows, stayedShare, expectedShare: p })];
  });
}

function changeOf({ kind, slot }: ChurnEvent): ChurnChange {
  return { kind, ...(slot === undefined ? {} : { slot }) };
}

/** What it means for a sensor. */
export function adviceOn(events: readonly ChurnEvent[], procs: number): readonly Finding[] {
  const leaves = events.filter(({ kind }) => kind === 'leave');
  const joins = events.filter(({ kind }) => kind === 'join').map(({ survivorsMovedShare }) => survivorsMovedShare);
  const flap = events.find(({ kind }) => kind === 'link-flap');
  const advice: Finding[] = [];
  const [first, ...others] = leaves;
  if (first !== undefined) {
    const most = others.reduce((a, b) => (b.survivorsMovedShare > a.survivorsMovedShare ? b : a), first);
    const least = others.reduce((a, b) => (b.survivorsMovedShare < a.survivorsMovedShare ? b : a), first);
    const range = { least: movedAt(least), most: movedAt(most) };
    advice.push(
      finding('restart-moves-flows', { procs, losses: leaves.length, ...range, ...(joins.length === 0 ? {} : { joins: mean(joins) }) }),
    );
  }
  if (flap !== undefined) {
    const movedShare = 1 - flap.stayedShare;
    advice.push(finding('link-flap-reorders', movedShare < STILL ? {} : { movedShare }));
  }
  return advice;
}

/** Where fewer flows moved, the flap is said to have moved none. */
const STILL = 0.01;

function movedAt({ slot, survivorsMovedShare: share }: ChurnEvent): FindingArgs['restart-moves-flows']['most'] {
  return { ...(slot === undefined ? {} : { slot }), share };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
