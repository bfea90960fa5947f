/** What of an interface's settings changes the order of packets, and what else decides which packets are seen. Pure. */
import { apartFlows } from './affinity.ts';
import { sentTrafficSteering } from './drivers.ts';
import type { Question } from './examine.ts';
import { isTold, type NicFacts } from './facts.ts';
import { type Meeting, type NicFinding, nicFinding } from './findings.ts';
import { hasOneQueue } from './hashing.ts';
import { mendOf, wideIrqs } from './places.ts';

/** @param meetings of both directions, by the CPU that handles them */
export function orderFindings(
  facts: NicFacts,
  question: Question,
  meetings: readonly Pick<Meeting, 'flow' | 'directions'>[],
): readonly NicFinding[] {
  return [...mergedPackets(facts, question), ...betweenCpus(facts, question, meetings), ...movedFlows(facts, question), ...around(facts)];
}

/** By the names of ethtool -k, in which packets of a flow are merged before the group gets them. */
const MERGING = ['generic-receive-offload', 'large-receive-offload', 'rx-gro-hw', 'rx-gro-list', 'rx-udp-gro-forwarding'] as const;

function mergedPackets({ features }: NicFacts, { mode }: Question): readonly NicFinding[] {
  if (!isTold(features)) return [];
  const on = MERGING.filter((name) => features.value[name] === true);
  return on.length === 0 ? [] : [nicFinding('merged-packets', 'warning', { mode, features: on })];
}

/** In mode cpu they are on two members, and that is said already; so it is in mode qm, but for RPS. */
function betweenCpus(
  facts: NicFacts,
  { mode, procs }: Question,
  meetings: readonly Pick<Meeting, 'flow' | 'directions'>[],
): readonly NicFinding[] {
  const apart = meetings.filter(
    ({ directions }) =>
      directions.answer === 'apart' && ((mode !== 'cpu' && mode !== 'qm') || procs === 1 || (mode === 'qm' && directions.by === 'rps')),
  );
  const flows = apartFlows(apart, ({ directions }) => directions);
  if (flows.length === 0) return [];
  const by = apart.some(({ directions }) => directions.answer === 'apart' && directions.by === 'rps') ? 'rps' : 'queues';
  return [nicFinding('order-between-cpus', 'warning', { mode, by, flows, mend: mendOf(facts) })];
}

/** Mode cpu says the same as a question of affinity. */
function movedFlows(facts: NicFacts, { mode, procs }: Question): readonly NicFinding[] {
  const { irqbalance, rfsEntries, rps } = facts;
  const isSaid = procs !== 1;
  const wide = wideIrqs(facts);
  const learning = isTold(rfsEntries) && rfsEntries.value > 0 && isTold(rps) ? rps.value.filter(({ flowCount }) => flowCount > 0) : [];
  const off = hasOneQueue(facts) ? undefined : sentTrafficSteering(facts);
  return [
    ...(isTold(irqbalance) && irqbalance.value && wide.length > 0 && !(isSaid && mode === 'cpu')
      ? [nicFinding('irq-moves', 'warning', { mode, irqs: wide })]
      : []),
    ...(learning.length > 0 && !(isSaid && mode === 'cpu')
      ? [nicFinding('rfs', 'warning', { mode, queues: learning.map(({ queue }) => queue) })]
      : []),
    ...(off === undefined || off === 'untold' || (isSaid && (mode === 'cpu' || mode === 'qm'))
      ? []
      : [nicFinding('sent-traffic-steering', 'warning', { mode, off })]),
  ];
}

/** Whose packets are seen here, and by what else. */
function around({ kind, lowers, master, uppers, xdp, ingress, link, groups }: NicFacts): readonly NicFinding[] {
  const below = isTold(lowers) ? lowers.value : [];
  return [
    ...(isTold(kind) && kind.value !== null && ['bond', 'bridge', 'team'].includes(kind.value) && below.length > 1
      ? [nicFinding('several-below', 'warning', { kind: kind.value, lowers: below })]
      : []),
    ...(isTold(master) && master.value !== null ? [nicFinding('part-of', 'note', { master: master.value })] : []),
    ...(isTold(uppers) && uppers.value.some((upper) => !isTold(master) || upper !== master.value)
      ? [nicFinding('devices-on-top', 'note', { uppers: uppers.value.filter((upper) => !isTold(master) || upper !== master.value) })]
      : []),
    ...(isTold(xdp) && xdp.value !== null ? [nicFinding('xdp', 'note', xdp.value)] : []),
    ...(isTold(ingress) && ingress.value.length > 0 ? [nicFinding('tc-ingress', 'note', { kinds: ingress.value })] : []),
    ...(isTold(link) &&
    link.value.isUp &&
    link.value.promiscuity === 0 &&
    !link.value.isLoopback &&
    isTold(groups) &&
    groups.value.length === 0
      ? [nicFinding('not-promiscuous', 'note', {})]
      : []),
  ];
}
