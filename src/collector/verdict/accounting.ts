/** Adds up what the members counted: every packet that the kernel delivered is judged, ignored for a reason, or lost and said so. Pure. */

import type { DissectedFrame } from '../../addon/dissect.ts';
import type { Evidence } from '../../model/evidence.ts';
import type { Contradiction, RunFacts } from '../../model/run-facts.ts';
import type { PacketCounts } from '../../model/run-result.ts';
import { sum } from './confidence.ts';
import type { CountingMember } from './counting-member.ts';

const ETHERTYPE_CLASS = 0x10000;
const PROTOCOL_CLASS = 0x20000;

const ICMP_ERROR = 'icmp-error';
const LATER_FRAGMENT = 'later-fragment';

/** The reasons of native/core/packet/ignored.hpp, as reports name them. */
const REASON_NAMES: Readonly<Record<number, string>> = {
  1: 'before-start',
  2: ICMP_ERROR,
  3: LATER_FRAGMENT,
  4: 'truncated',
  5: 'malformed',
  6: 'malformed-block',
  7: 'other-ethertype',
  8: 'outgoing',
  9: 'icmp-other',
  10: 'after-end',
};

export function ignoreReasonName(reason: number): string {
  if (reason >= PROTOCOL_CLASS) return `ip-protocol ${reason - PROTOCOL_CLASS}`;
  if (reason >= ETHERTYPE_CLASS) return `ethertype 0x${(reason - ETHERTYPE_CLASS).toString(16).padStart(4, '0')}`;
  return REASON_NAMES[reason] ?? `reason ${reason}`;
}

const UNNUMBERED = { 'icmp-error': 2, 'fragment-later': 3, truncated: 4, malformed: 5, 'icmp-other': 9 } as const;

/** The reason under which a worker counts this frame; none for a packet of a flow. */
export function ignoreReasonOf(frame: DissectedFrame): string | undefined {
  switch (frame.kind) {
    case 'flow':
      return undefined;
    case 'other-ethertype':
      return ignoreReasonName(ETHERTYPE_CLASS + frame.ethertype);
    case 'other-protocol':
      return ignoreReasonName(PROTOCOL_CLASS + frame.protocol);
    default:
      return ignoreReasonName(UNNUMBERED[frame.kind]);
  }
}

/** Packets that belong to no flow, by reason. */
export function ignoredPackets(
  counted: readonly IgnoredCount[],
  { unjoinedFragments, unmatchedErrors }: Pick<Evidence, 'unjoinedFragments' | 'unmatchedErrors'>,
): Readonly<Record<string, number>> {
  const ignored = { ...byReason(counted) };
  const ignore = (reason: string, packets: number): void => {
    if (packets > 0) ignored[reason] = (ignored[reason] ?? 0) + packets;
  };
  // Only who knows what all members saw can tell that these belong to no flow.
  ignore(LATER_FRAGMENT, unjoinedFragments);
  ignore(ICMP_ERROR, unmatchedErrors);
  return ignored;
}

/** What the members counted of packets that came twice, and of such above the MTU. */
export function liveCounts(members: readonly Counted[], mtu: number | undefined): Pick<RunFacts, 'copies' | 'large'> {
  const column = (of: (counters: Counted['counters']) => readonly number[], i: number) =>
    members.map(({ counters }) => of(counters)[i] ?? 0);
  const copied = (i: number) => sum(column(({ copies }) => copies, i));
  const large = (i: number) => sum(column((counters) => counters.large, i));
  const [looked, again, crossed, apartNs] = [0, 1, 2, 3].map(copied) as [number, number, number, number];
  const largestBytes = Math.max(0, ...column((counters) => counters.large, 3));
  return {
    copies: { looked, again, crossed, apartNs: again === 0 ? 0 : apartNs / again },
    ...(mtu === undefined ? {} : { large: { mtu, received: large(0), sent: large(1), merged: large(2), largestBytes } }),
  };
}

type Counted = Pick<CountingMember, 'counters'>;
type IgnoredCount = readonly [reason: number, packets: number];

type PacketEvidence = Pick<Evidence, 'untracked' | 'unjudgedPackets' | 'unjoinedFragments' | 'unmatchedErrors'>;

export function packetCounts(
  members: readonly Counted[],
  offered: number | undefined,
  { untracked, unjudgedPackets, unjoinedFragments, unmatchedErrors }: PacketEvidence,
): PacketCounts {
  const total = (field: 'drops' | 'judged' | 'overflowed' | 'outgoing'): number =>
    members.reduce((sum, { counters }) => sum + counters[field], 0);
  return {
    ...(offered === undefined ? {} : { offered }),
    // The last word of a lost member is a moment at which its ring was not read out; what it had read is what was judged.
    captured: members.reduce((sum, { counters }) => sum + (counters.finished ? counters.packets : counters.captured), 0),
    judged: total('judged') - untracked.packets - unjudgedPackets - unjoinedFragments - unmatchedErrors,
    dropped: total('drops'),
    overflowed: total('overflowed') + untracked.packets + unjudgedPackets,
    outgoing: total('outgoing'),
    ignored: ignoredPackets(
      members.flatMap(({ counters }) => counters.ignored),
      { unjoinedFragments, unmatchedErrors },
    ),
  };
}

/** What a member tells of flows is all that it judged, once it has finished. Before that some of it is always on its way. */
export function contradictionsIn(
  members: readonly CountingMember[],
  { toldByMember }: Pick<Evidence, 'toldByMember'>,
): readonly Contradiction[] {
  return members.flatMap(({ index, counters: { finished, judged } }) => {
    const told = toldByMember[index] ?? 0;
    return finished && told !== judged ? [{ member: index, judged, told }] : [];
  });
}

/** Captured packets that these members took for none of a flow, by reason. */
export function ignoredBy(members: readonly Counted[]): Readonly<Record<string, number>> {
  return byReason(members.flatMap(({ counters }) => counters.ignored));
}

function byReason(counted: readonly IgnoredCount[]): Readonly<Record<string, number>> {
  const ignored: Record<string, number> = {};
  for (const [reason, packets] of counted) {
    const name = ignoreReasonName(reason);
    ignored[name] = (ignored[name] ?? 0) + packets;
  }
  return ignored;
}
