/** What really happened to one group of a simulated run, as far as a verdict may rest on it. */
import type { Observed } from '../../../src/collector/run/io.ts';
import type { FlowId, RunResult } from '../../../src/model/run-result.ts';
import type { Options } from '../../../src/options/options.ts';
import type { Delivery, FanoutGroupState } from '../kernel.ts';
import type { SimulatedMember, SimulatedProcess } from '../process.ts';
import type { Outcome } from '../run.ts';
import type { Fault, StartFault } from '../scenario.ts';
import { type Direction, type Flow, MARK } from '../traffic.ts';

export interface LaneTruth {
  readonly outcome: Outcome;
  readonly lane: number;
  readonly options: Options;
  readonly result: RunResult;
  readonly observed: Observed;
  readonly group: FanoutGroupState;
  /** Packets that a worker judged. */
  readonly judged: readonly Delivery[];
  readonly byFlow: ReadonlyMap<Flow, readonly Delivery[]>;
  /** A flow by its name in reports; `isFlipped` if what it calls forward is the reverse of the generator's. */
  readonly named: ReadonlyMap<string, { readonly flow: Flow; readonly isFlipped: boolean }>;
}

export function truthOf(outcome: Outcome, lane: number, result: RunResult, observed: Observed): LaneTruth {
  const { world } = outcome;
  const group = world.kernel.groups.get(result.group.id);
  const options = outcome.options[lane];
  if (group === undefined || options === undefined) throw new TypeError(`there is no group ${result.group.id}`);
  const judged = group.deliveries.filter(({ epoch }) => epoch >= 0);
  const byFlow = new Map<Flow, Delivery[]>();
  for (const delivery of judged) {
    const { flow } = delivery.packet;
    if (flow === undefined) continue;
    const known = byFlow.get(flow);
    if (known === undefined) byFlow.set(flow, [delivery]);
    else known.push(delivery);
  }
  const named = new Map<string, { flow: Flow; isFlipped: boolean }>();
  for (const flow of world.traffic.flows) {
    const { src, sport, dst, dport } = flow;
    named.set(nameOf({ src, sport, dst, dport }), { flow, isFlipped: false });
    named.set(nameOf({ src: dst, sport: dport, dst: src, dport: sport }), { flow, isFlipped: true });
  }
  return { outcome, lane, options, result, observed, group, judged, byFlow, named };
}

export function nameOf({ src, sport, dst, dport }: Pick<FlowId, 'src' | 'sport' | 'dst' | 'dport'>): string {
  return `${src} ${sport} ${dst} ${dport}`;
}

export function directionIn(text: 'forward' | 'reverse', isFlipped: boolean): Direction {
  return (text === 'forward') !== isFlipped ? 0 : 1;
}

export const isError = ({ packet }: Delivery): boolean => (packet.marks & MARK.error) !== 0;
/** Later pieces of a datagram belong to a flow only if their first one was seen. */
export const isLaterPiece = ({ packet }: Delivery): boolean => packet.datagram !== 0 && !packet.isFirstPiece;

/** What splits a flow: its packets of each direction on these members. */
export interface Places {
  readonly forward: ReadonlySet<number>;
  readonly reverse: ReadonlySet<number>;
}

export function placesOf(deliveries: readonly Delivery[]): Places {
  const on = (direction: Direction): ReadonlySet<number> =>
    new Set(deliveries.filter(({ packet }) => packet.direction === direction).map(({ member }) => member));
  return { forward: on(0), reverse: on(1) };
}

export function isParted({ forward, reverse }: Places): boolean {
  if (forward.size > 1 || reverse.size > 1) return true;
  return forward.size > 0 && reverse.size > 0 && ![...forward].some((member) => reverse.has(member));
}

/** Deliveries of a flow that were under one membership in truth and in one epoch to the collector; errors are none of its packets. */
export function spansOf(deliveries: readonly Delivery[]): readonly (readonly Delivery[])[] {
  const spans = new Map<string, Delivery[]>();
  for (const delivery of deliveries) {
    if (isError(delivery)) continue;
    const name = `${delivery.generation} ${delivery.epoch}`;
    const known = spans.get(name);
    if (known === undefined) spans.set(name, [delivery]);
    else known.push(delivery);
  }
  return [...spans.values()];
}

/**
 * Whether anybody who can send one packet could have split the flow: one span is, and would not be if one of its packets had not come. `own`
 * are its packets, without errors and stray pieces.
 */
export function restsOnOnePacket(own: readonly Delivery[]): boolean {
  const parted = spansOf(own).filter((span) => isParted(placesOf(span)));
  const [only] = parted;
  return parted.length === 1 && only !== undefined && only.some((one) => !isParted(placesOf(only.filter((d) => d !== one))));
}

// ---- who is to blame

export function processOf({ outcome }: LaneTruth, member: number): SimulatedProcess | undefined {
  return outcome.world.crew.processes[member];
}

export function memberOf(truth: LaneTruth, member: number): SimulatedMember | undefined {
  return processOf(truth, member)?.members[truth.lane];
}

export function sufferedBy({ outcome }: LaneTruth, member: number): readonly (Fault | StartFault)[] {
  return outcome.world.suffered.filter((fault) => 'member' in fault && fault.member === member);
}

/** It said nothing but the truth. */
export function isHonest(truth: LaneTruth, member: number): boolean {
  return !sufferedBy(truth, member).some(({ kind }) => kind === 'lie');
}

export function hasFinished(truth: LaneTruth, member: number): boolean {
  const finishedNs = memberOf(truth, member)?.finishedNs;
  return truth.result.members[member]?.end === 'gone' && finishedNs !== undefined && finishedNs <= truth.outcome.judgedNs;
}

/** It told all that it counted. */
export function hasTold(truth: LaneTruth, member: number): boolean {
  return hasFinished(truth, member) && !sufferedBy(truth, member).some(({ kind }) => kind === 'choke');
}

export function faultsOf({ outcome }: LaneTruth, ...kinds: readonly (Fault | StartFault)['kind'][]): readonly (Fault | StartFault)[] {
  return outcome.world.suffered.filter(({ kind }) => kinds.includes(kind));
}

/** Somebody came and went between two looks at the group. Only a group that lets nobody in is safe from that. */
export function hadUnseenVisit({ outcome, group }: LaneTruth): boolean {
  const { visits, looks } = outcome.world;
  const isSeen = (fromNs: number, untilNs: number): boolean => looks.some(({ ns }) => ns > fromNs && ns < untilNs);
  return visits.some(({ groupId, fromNs, untilNs }) => groupId === group.id && fromNs <= outcome.judgedNs && !isSeen(fromNs, untilNs));
}

/** Looks at the group failed, and others did not: nobody knows what happened between two that did not. */
export function isDim({ scenario }: Outcome): boolean {
  return scenario.blindness > 0 && scenario.blindness < 1;
}

/** Nothing happened to the group, and nothing of its traffic was lost. */
export function isUndisturbed({ outcome, group }: LaneTruth): boolean {
  const isHarmless = outcome.world.suffered.every(({ kind }) => kind === 'signal' || kind === 'step' || kind === 'hold');
  return isHarmless && !isDim(outcome) && outcome.scenario.vanishing === 0 && !group.deliveries.some(({ fate }) => fate === 'dropped');
}
