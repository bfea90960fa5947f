/** What the members counted of the order of packets, added up, and the warning where packets came out of order. Pure. */

import type { OrderTotals } from '../../addon/capture.ts';
import { definedOf } from '../../model/defined.ts';
import { type Finding, finding } from '../../model/finding.ts';
import type { LinkState } from '../../model/link.ts';
import type { Order, SourceInfo } from '../../model/run-result.ts';
import { sum } from './confidence.ts';
import type { CountingMember } from './counting-member.ts';
import { spreadingOf } from './rss.ts';

export function orderOf(members: readonly Pick<CountingMember, 'counters'>[], { kind }: Pick<SourceInfo, 'kind'>): Order {
  const total = (count: (totals: OrderTotals) => number): number => sum(members.map(({ counters }) => count(counters.order)));
  const order = { checked: total((totals) => totals[0]), inversions: total((totals) => totals[1]), flows: total((totals) => totals[2]) };
  if (kind === 'lab') return { ...order, evidence: 'exact' };
  const kinds = {
    synAckFirst: total((totals) => totals[3]),
    ackFirst: total((totals) => totals[4]),
    timeStamp: total((totals) => totals[5]),
  };
  return { ...order, evidence: 'tcp', kinds };
}

export function orderWarnings(
  { checked, inversions, flows, kinds }: Order,
  { kind, interface: device }: Pick<SourceInfo, 'kind' | 'interface'>,
  link?: LinkState,
): readonly Finding<'order-inverted'>[] {
  if (inversions === 0) return [];
  const seen = { checked, inversions, flows, ...definedOf({ kinds }) };
  if (kind !== 'live') return [finding('order-inverted', { ...seen, kind })];
  return [finding('order-inverted', { ...seen, kind, interface: device, spreading: spreadingOf(link), merging: mergingOf(link) })];
}

/** Features that merge segments, by their names in ethtool: those that are on, or all where the device could not be asked. */
function mergingOf(link: LinkState | undefined): readonly string[] {
  return ['gro', 'lro'].filter((name) => link === undefined || link.offloads?.includes(name) === true);
}
