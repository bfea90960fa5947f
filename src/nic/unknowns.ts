/** Facts that matter for a mode and are not known: none of them is ever counted as good. Pure. */
import { goesByProgram } from '../model/fanout.ts';
import { sentTrafficSteering } from './drivers.ts';
import type { Question } from './examine.ts';
import { type Fact, isTold, type NicFacts } from './facts.ts';
import type { FactId, NicUnknown } from './findings.ts';
import { hasOneQueue } from './hashing.ts';
import { servedQueues, wideIrqs } from './places.ts';

type PlainFact = Exclude<FactId, `hashFields.${string}`>;

function unread(facts: NicFacts, ids: readonly PlainFact[], isDecisive: boolean): readonly NicUnknown[] {
  return ids.flatMap((id) => {
    const fact: Fact<unknown> = facts[id];
    if (isTold(fact)) return [];
    const { where, why, needs } = fact;
    return [{ fact: id, where, because: { code: 'unread' as const, why }, ...(needs === undefined ? {} : { needs }), isDecisive }];
  });
}

/** Beside those that keep it unknown whether directions meet. */
export function decisiveUnknowns(facts: NicFacts, { mode, procs }: Question): readonly NicUnknown[] {
  if (procs === 1) return [];
  if (goesByProgram(mode))
    return [{ fact: 'program', where: 'the steering program', because: { code: 'steering-program', mode }, isDecisive: true }];
  switch (mode) {
    case 'hash':
      return [...unread(facts, ['flowDissector'], true), ...foreignDissector(facts)];
    case 'qm':
      return byNic(facts);
    case 'cpu':
      return [...byNic(facts), ...unread(facts, ['rps', 'threadedNapi'], true), ...movingIrqs(facts), ...sharedIrqs(facts)];
    default:
      return [];
  }
}

function foreignDissector({ flowDissector }: NicFacts): readonly NicUnknown[] {
  if (!isTold(flowDissector) || flowDissector.value === null || flowDissector.value.isBuiltin) return [];
  const { programId } = flowDissector.value;
  return [{ fact: 'flowDissector', where: flowDissector.where, because: { code: 'program-not-read', programId }, isDecisive: true }];
}

/** What goes past the hash of the NIC. */
function byNic(facts: NicFacts): readonly NicUnknown[] {
  const { steeringRules, xdp, kind, features } = facts;
  // Neither rules nor a program can choose another queue where there is one.
  const isOneQueue = hasOneQueue(facts);
  const isHardware = !isTold(kind) || kind.value === null;
  // A driver that counts no rules, and whose filters are off, has none in force.
  const hasNoFilters = isTold(features) && features.value['ntuple-filters'] === false;
  const rules = isTold(steeringRules) ? steeringRules.value : 0;
  return [
    ...(isOneQueue || !isHardware ? [] : unread(facts, ['steeringRules'], !hasNoFilters)),
    ...(!isOneQueue && isTold(steeringRules) && rules > 0
      ? [
          {
            fact: 'steeringRules' as const,
            where: steeringRules.where,
            because: { code: 'rules-not-read' as const, count: rules },
            isDecisive: true,
          },
        ]
      : []),
    ...unread(facts, ['xdp'], true),
    ...(isTold(xdp) && xdp.value !== null
      ? [
          {
            fact: 'xdp' as const,
            where: xdp.where,
            because: { code: 'program-not-read' as const, programId: xdp.value.programId },
            isDecisive: true,
          },
        ]
      : []),
  ];
}

/** A service that moves interrupts matters where there are interrupts that it may move. */
function movingIrqs(facts: NicFacts): readonly NicUnknown[] {
  const { irqs, irqbalance, cpus, kind } = facts;
  if (isTold(cpus) && cpus.value.online.length === 1) return [];
  if (isTold(kind) && kind.value !== null) return [];
  if (isTold(irqbalance) && !irqbalance.value) return [];
  const mayMove = !isTold(irqs) || wideIrqs(facts).length > 0;
  if (!mayMove) return [];
  return isTold(irqbalance) ? unread(facts, ['irqs'], true) : unread(facts, ['irqbalance'], true);
}

/** Then not even one queue stays on one CPU. */
function sharedIrqs(facts: NicFacts): readonly NicUnknown[] {
  const { irqs } = facts;
  const shared = servedQueues(facts).flatMap(({ irq, cpu }) => (cpu === undefined ? [irq] : []));
  if (!isTold(irqs) || shared.length === 0) return [];
  return [{ fact: 'irqs', where: irqs.where, because: { code: 'several-cpus', irqs: shared }, isDecisive: true }];
}

/** Good to know for order and loss in every mode. */
export function otherUnknowns(facts: NicFacts, { mode }: Question): readonly NicUnknown[] {
  const steering = sentTrafficSteering(facts);
  const bySentTraffic: readonly PlainFact[] = steering === 'untold' ? ['driver', 'features', 'privateFlags'] : [];
  const always: readonly PlainFact[] = [
    'link',
    'features',
    'rps',
    'rfsEntries',
    'irqbalance',
    'irqs',
    'xdp',
    'losses',
    'softnet',
    'queues',
  ];
  const byMode: readonly PlainFact[] = mode === 'cpu' ? ['cpus'] : [];
  return unread(facts, [...always, ...bySentTraffic, ...byMode], false);
}
