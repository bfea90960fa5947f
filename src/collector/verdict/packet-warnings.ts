/** Packets that came twice, and such above the MTU, where there are enough to matter to an IDS. Pure. */
import { areWorthTelling } from '../../model/copies.ts';
import { type Finding, finding } from '../../model/finding.ts';
import type { RunFacts } from '../../model/run-facts.ts';

export function copiesWarning({ copies, interface: device }: Pick<RunFacts, 'copies' | 'interface'>): readonly Finding<'packets-twice'>[] {
  if (copies === undefined || !areWorthTelling(copies)) return [];
  return [finding('packets-twice', { ...copies, interface: device })];
}

export function largeWarning({ large, link, interface: device, packets }: LargeContext): readonly Finding<'above-mtu'>[] {
  if (large === undefined || large.received + large.sent === 0) return [];
  const { kind, offloads } = link?.after ?? {};
  const known = { ...(kind === undefined ? {} : { kind }), ...(offloads === undefined ? {} : { offloads }) };
  return [finding('above-mtu', { ...large, captured: packets.captured, interface: device, ...known })];
}

type LargeContext = Pick<RunFacts, 'large' | 'link' | 'interface'> & { readonly packets: Pick<RunFacts['packets'], 'captured'> };
