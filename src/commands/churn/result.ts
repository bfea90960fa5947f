/** What happens to the flows of a group when its membership changes: as the kernel's code has it, and as measured. */
import { type GroupName, modeRow } from '../../model/fanout.ts';
import type { ChurnEventKind } from '../../model/findings/churn.ts';
import type { ResultHead } from '../../model/result-head.ts';
import type { Reason } from '../../model/run-result.ts';

/** Members by the kernel's slots: the hash chooses a slot, and its socket gets the packet. */
export type Slots = readonly number[];

/** The last member moves into the slot that becomes free (__fanout_unlink in net/packet/af_packet.c). */
export function withoutSlot(slots: Slots, slot: number): Slots {
  const last = slots.length - 1;
  if (slot < 0 || slot > last) throw new RangeError(`slot ${slot} of ${slots.length}`);
  return slots.slice(0, last).map((member, i) => (i === slot ? (slots[last] as number) : member));
}

/** __fanout_link appends. */
export function withMember(slots: Slots, member: number): Slots {
  return [...slots, member];
}

/** When a link goes down all members leave, and when it comes up they join in the order in which their sockets were made (packet_notifier). */
export function relinked(slots: Slots): Slots {
  return slots.toSorted((a, b) => a - b);
}

/** The share of all packets that stays on its socket when these slots become those, by the code of the kernel. */
export function stayingShare({ mode }: Pick<GroupName, 'mode'>, before: Slots, after: Slots): number {
  return modeRow(mode).goesBy === 'program' ? stayingByRest(before, after) : stayingByRange(before, after);
}

/** Slot i of n has the hashes from i/n to (i+1)/n (fanout_demux_hash, reciprocal_scale). */
function stayingByRange(before: Slots, after: Slots): number {
  let share = 0;
  for (const [i, member] of before.entries()) {
    const j = after.indexOf(member);
    if (j < 0) continue;
    const from = Math.max(i / before.length, j / after.length);
    const to = Math.min((i + 1) / before.length, (j + 1) / after.length);
    share += Math.max(0, to - from);
  }
  return share;
}

/** Slot i of n has what a program returns where the rest by n is i (fanout_demux_bpf), and all rests of two sizes go together that can. */
function stayingByRest(before: Slots, after: Slots): number {
  const common = greatestDivisor(before.length, after.length);
  const meet = before.filter((member, i) => {
    const j = after.indexOf(member);
    return j >= 0 && i % common === j % common;
  });
  return (meet.length * common) / (before.length * after.length);
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}

/** Shares are of flows, from 0 to 1. */
export interface ChurnEvent {
  readonly kind: ChurnEventKind;
  /** leave: the slot that became free. join: the slot of the new member. */
  readonly slot?: number;
  readonly member?: number;
  /** Members by slot, afterwards. */
  readonly slots: Slots;
  /** Flows that were seen both before and after. */
  readonly flows: number;
  /** So many of them went their way independently: of a group that goes by addresses, flows between the same two hosts go together. */
  readonly draws: number;
  /** Of those, on the same member as before. */
  readonly stayed: number;
  readonly stayedShare: number;
  readonly expectedStayedShare: number;
  /** Flows of members that were there before and after: what an operator loses beyond what cannot be helped. */
  readonly survivorsFlows: number;
  readonly survivorsMoved: number;
  readonly survivorsMovedShare: number;
  readonly expectedSurvivorsMovedShare: number;
  /** Packets that were sent while it happened and came to no process. */
  readonly packetsSent: number;
  readonly packetsLost: number;
  /** From the cause (signal, fork, ip link) until the group was whole again and known to be. */
  readonly tookMs: number;
}

export interface ChurnResult extends ResultHead<'fanout-cluster/churn@1'> {
  readonly group: GroupName & { readonly procs: number };
  readonly packetsPerSecond: number;
  readonly events: readonly ChurnEvent[];
  /** What it means for whoever restarts a worker. */
  readonly advice: readonly Reason[];
  /** Where the kernel did not do as its code has it, or too little was seen to say so. */
  readonly doubts: readonly Reason[];
}
