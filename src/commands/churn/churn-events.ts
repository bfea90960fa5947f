/** From where flows were seen before and after a change to how many of them moved, and what that means. Pure. */

import type { ObservedFlow } from '../../addon/flow-map.ts';
import { percent } from '../../collector/words/english.ts';
import type { Reason } from '../../model/run-result.ts';
import { type ChurnEvent, type ChurnEventKind, type Slots, stayingShare } from './result.ts';

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

export function eventOf(change: Change, observed: readonly ObservedFlow[]): ChurnEvent {
  const { before, after, kind, slot, member } = change;
  const survivors = new Set(before.slots.filter((one) => after.slots.includes(one)));
  let flows = 0;
  let stayed = 0;
  let survivorsFlows = 0;
  for (const flow of observed) {
    const [from, to] = [memberIn(flow, before.epoch), memberIn(flow, after.epoch)];
    if (from === undefined || to === undefined) continue;
    flows += 1;
    if (survivors.has(from)) survivorsFlows += 1;
    if (from === to) stayed += 1;
  }
  const expectedStayedShare = stayingShare(before.slots, after.slots);
  const survivorsShare = survivors.size / before.slots.length;
  return {
    kind,
    ...(slot === undefined ? {} : { slot }),
    ...(member === undefined ? {} : { member }),
    slots: after.slots,
    flows,
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

export function doubtsAbout(events: readonly ChurnEvent[]): readonly Reason[] {
  return events.flatMap((event): readonly Reason[] => {
    const { flows, stayedShare, expectedStayedShare: p } = event;
    if (flows === 0) return [{ code: 'no-flows', message: `no flow was seen both before and after ${describe(event)}` }];
    const deviation = Math.sqrt((p * (1 - p)) / flows);
    if (Math.abs(stayedShare - p) <= DEVIATIONS_MAX * deviation + 1 / flows) return [];
    return [
      {
        code: 'unexpected-share',
        message: `${percent(stayedShare)} of ${flows} flows stayed where they were at ${describe(event)}; by the kernel's code ${percent(p)} should`,
        remedy:
          'run again with more --flows; if it persists, this kernel keeps its members in another order than af_packet.c up to Linux 7.3',
      },
    ];
  });
}

export function describe({ kind, slot }: Pick<ChurnEvent, 'kind' | 'slot'>): string {
  switch (kind) {
    case 'leave':
      return `the loss of the member in slot ${slot}`;
    case 'join':
      return 'the arrival of a member';
    case 'link-flap':
      return 'link down and up';
  }
}

/** What it means for a sensor. */
export function adviceOn(events: readonly ChurnEvent[], procs: number): readonly Reason[] {
  const leaves = events.filter(({ kind }) => kind === 'leave');
  const joins = events.filter(({ kind }) => kind === 'join');
  const flap = events.find(({ kind }) => kind === 'link-flap');
  const advice: Reason[] = [];
  if (leaves.length > 0) {
    const worst = leaves.reduce((a, b) => (b.survivorsMovedShare > a.survivorsMovedShare ? b : a));
    const best = leaves.reduce((a, b) => (b.survivorsMovedShare < a.survivorsMovedShare ? b : a));
    const range =
      leaves.length === 1
        ? percent(worst.survivorsMovedShare)
        : `${percent(best.survivorsMovedShare)} (slot ${best.slot}) to ${percent(worst.survivorsMovedShare)} (slot ${worst.slot})`;
    const restart =
      joins.length === 0 ? '' : `, and when it comes back ${percent(mean(joins.map((event) => event.survivorsMovedShare)))} move again`;
    advice.push({
      code: 'restart-moves-flows',
      message: `when one of ${procs} processes ends, ${range} of the flows of the others move to another process${restart}: each picks up flows in the middle and loses what it knew of those it had`,
      remedy:
        'restart the whole group at a quiet hour rather than one worker; a supervisor that restarts single workers (Zeek: each is a process; Suricata: threads come and go together) costs detections twice',
    });
  }
  if (flap !== undefined) {
    const moved = 1 - flap.stayedShare;
    advice.push({
      code: 'link-flap-reorders',
      message:
        moved < 0.01
          ? 'link down and up left every flow on its process: the members had joined in the order in which their sockets were made'
          : `link down and up moved ${percent(moved)} of all flows: the kernel then links members in the order in which their sockets were made, and since a process was replaced that is not the order in which they joined`,
      remedy: 'keep the link up (a media converter, a switch port without spanning tree), or restart all workers after it was down',
    });
  }
  return advice;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
