/** On which CPU both directions of flows are handled: by the interrupts of their queues, and by RPS. Pure. */
import { symmetryOf } from './drivers.ts';
import { HASHED_FLOWS, type HashedFlow, type IrqFacts, isTold, type NicFacts, type QueueFacts } from './facts.ts';
import type { Meets, Mend, NicFindingArgs } from './findings.ts';
import { hashMeets, hasOneQueue, type Pair, queueMeets, receivedElsewhere, type Samples, unknownOf } from './hashing.ts';

/** Whether RPS passes packets on. */
export function usesRps({ rps }: Pick<NicFacts, 'rps'>): boolean {
  return isTold(rps) && rps.value.some(({ rpsCpus }) => rpsCpus.length > 0);
}

/** @param placeOf of a CPU */
export function cpuMeets(
  facts: NicFacts,
  samples: Samples | undefined,
  flow: HashedFlow,
  pair: Pair,
  placeOf: (cpu: number) => number,
): Meets {
  const { rps, cpus } = facts;
  if (isTold(cpus) && cpus.value.online.length === 1) return { answer: 'together', proof: 'one-cpu' };
  if (!isTold(rps)) return unknownOf('rps', rps, { code: 'unread', why: rps.why });
  const queues = rps.value;
  if (usesRps(facts)) return byRps(facts, samples, { flow, pair, placeOf, queues });
  const elsewhere = receivedElsewhere(facts);
  if (elsewhere !== undefined) return elsewhere;
  const byQueue = queueMeets(facts, samples, flow, pair, (queue) => queue);
  if (byQueue.answer === 'together') return byQueue;
  const cpuOf = cpusOfQueues(facts);
  if (cpuOf !== undefined && new Set([...cpuOf.values()].map(placeOf)).size === 1) return { answer: 'together', proof: 'one-cpu' };
  if (byQueue.answer !== 'apart' || byQueue.proof === 'fields') return byQueue;
  const { irqs } = facts;
  if (!isTold(irqs)) return unknownOf('irqs', irqs, { code: 'unread', why: irqs.why });
  if (cpuOf === undefined) return unknownOf('irqs', irqs, { code: 'cpu-of-queue' });
  return queueMeets(facts, samples, flow, pair, (queue) => placeOf(cpuOf.get(queue) ?? -1));
}

/** The CPU of each queue in use; undefined if that of one of them is not told. */
function cpusOfQueues(facts: NicFacts): ReadonlyMap<number, number> | undefined {
  const { queues } = facts;
  if (!isTold(queues)) return undefined;
  const cpuOf = new Map<number, number>();
  for (const { queue, cpu } of servedQueues(facts)) {
    // Two interrupts, or one that several CPUs serve.
    if (cpu === undefined || (cpuOf.get(queue) ?? cpu) !== cpu) return undefined;
    cpuOf.set(queue, cpu);
  }
  return cpuOf.size === queues.value.used ? cpuOf : undefined;
}

interface RpsQuestion {
  readonly flow: HashedFlow;
  readonly pair: Pair;
  readonly placeOf: (cpu: number) => number;
  readonly queues: readonly QueueFacts[];
}

/** RPS chooses one of the CPUs of the queue by the hash of the packet: that of the NIC where it gives one, else the kernel's. */
function byRps(facts: NicFacts, samples: Samples | undefined, { flow, pair, placeOf, queues }: RpsQuestion): Meets {
  const [first] = queues;
  const isOneMask = queues.every(({ rpsCpus }) => rpsCpus.join() === first?.rpsCpus.join());
  if (isOneMask && new Set(first?.rpsCpus.map(placeOf)).size === 1) return { answer: 'together', proof: 'one-cpu' };
  // A packet that another device received, or that this host sent, may come with a hash already.
  const elsewhere = receivedElsewhere(facts);
  if (elsewhere !== undefined) return elsewhere;
  const { features } = facts;
  if (!isTold(features)) return unknownOf('features', features, { code: 'unread', why: features.why });
  const isOfNic = features.value['receive-hashing'] === true;
  const hash = isOfNic ? hashMeets(facts, samples, flow, pair) : softwareMeets(flow, pair);
  if (hash.answer === 'apart') return { ...hash, by: 'rps' };
  if (hash.answer === 'unknown' || isOneMask) return hash;
  const queue = queueMeets(facts, samples, flow, pair, (of) => of);
  return queue.answer === 'together' ? hash : queue;
}

/** The kernel's hash of a packet takes addresses and ports of either direction alike, and no ports of fragments; a flow label instead of ports. */
function softwareMeets(flow: HashedFlow, pair: Pair): Meets {
  if (pair === 'fragments') return { answer: 'apart', proof: 'software-hash', by: 'rps' };
  return flow.endsWith('6') ? { answer: 'unlabelled' } : { answer: 'together', proof: 'software-hash' };
}

interface Served {
  readonly queue: number;
  readonly irq: number;
  /** Undefined: one of several, and which is not told. */
  readonly cpu: number | undefined;
}

/** Interrupts of receive queues, as far as they are named after them ("eth0-TxRx-3", "virtio0-input.0", "mlx5_comp3@pci:..."). */
export function servedQueues({ irqs, queues }: Pick<NicFacts, 'irqs' | 'queues'>): readonly Served[] {
  if (!isTold(irqs)) return [];
  const named = irqs.value.flatMap((irq): readonly Served[] => {
    const queue = queueOf(irq);
    return queue === undefined ? [] : [{ queue, irq: irq.irq, cpu: cpuOf(irq) }];
  });
  return isTold(queues) ? named.filter(({ queue }) => queue < queues.value.used) : named;
}

function queueOf({ name }: IrqFacts): number | undefined {
  const match = /(?:TxRx|Tx-Rx|rxtx|rx|input|comp|Rx)[-._]?(\d+)(?:@.*)?$/.exec(name);
  return match === null ? undefined : Number(match[1]);
}

function cpuOf({ cpus, effective }: IrqFacts): number | undefined {
  const served = effective ?? cpus;
  return served.length === 1 ? served[0] : undefined;
}

/** CPUs on which packets of this interface may reach the group; undefined: not known. */
export function receivingCpus(facts: NicFacts): readonly number[] | undefined {
  const { rps, cpus } = facts;
  if (!isTold(rps) || receivedElsewhere(facts) !== undefined) return isTold(cpus) ? cpus.value.online : undefined;
  const byRpsAlone = rps.value.every(({ rpsCpus }) => rpsCpus.length > 0);
  const served = byRpsAlone ? [] : usesRps(facts) ? undefined : cpusOfQueues(facts)?.values();
  if (served === undefined) return isTold(cpus) ? cpus.value.online : undefined;
  return [...new Set([...served, ...rps.value.flatMap(({ rpsCpus }) => rpsCpus)])].sort((a, b) => a - b);
}

/** Several queues that one CPU serves, while others could. */
export function crowdedCpus(facts: NicFacts): readonly NicFindingArgs['queues-share-cpu'][] {
  const { cpus } = facts;
  if (!isTold(cpus)) return [];
  const byCpu = new Map<number, Served[]>();
  for (const served of servedQueues(facts)) {
    if (served.cpu === undefined) continue;
    byCpu.set(served.cpu, [...(byCpu.get(served.cpu) ?? []), served]);
  }
  const idle = cpus.value.online.filter((cpu) => !byCpu.has(cpu) && !cpus.value.isolated.includes(cpu));
  if (idle.length === 0) return [];
  return [...byCpu].flatMap(([cpu, irqs]) =>
    irqs.length < 2 ? [] : [{ cpu, irqs: irqs.map(({ irq, queue }) => ({ irq, queue })), cpus: idle }],
  );
}

/** Interrupts that may be served by several CPUs: those of receive queues, or all where some of these are not known by their names. */
export function wideIrqs(facts: NicFacts): readonly number[] {
  const { irqs, queues } = facts;
  if (!isTold(irqs)) return [];
  const served = servedQueues(facts);
  const isComplete = isTold(queues) && new Set(served.map(({ queue }) => queue)).size === queues.value.used;
  const receiving = new Set(served.map(({ irq }) => irq));
  return irqs.value.filter(({ irq, cpus }) => cpus.length > 1 && (!isComplete || receiving.has(irq))).map(({ irq }) => irq);
}

/** With both ends of every flow hashed, which is a setting of its own. */
function isHashSymmetric(facts: NicFacts): boolean {
  const where = 'ethtool -n';
  const all = { where, value: 'sdfn' };
  const hashFields = { tcp4: all, udp4: all, tcp6: all, udp6: all };
  return HASHED_FLOWS.every((flow) => hashMeets({ ...facts, hashFields }, undefined, flow, 'directions').answer === 'together');
}

export function mendOf(facts: NicFacts): Mend {
  const { features, cpus } = facts;
  return {
    symmetry: symmetryOf(facts),
    needsSoftwareHash: usesRps(facts) && isTold(features) && features.value['receive-hashing'] === true,
    hasOneQueue: hasOneQueue(facts),
    isHashSymmetric: isHashSymmetric(facts),
    ...(isTold(cpus) ? { cpus: cpus.value.online } : {}),
  };
}
