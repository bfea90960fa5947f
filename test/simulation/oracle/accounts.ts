/** Every packet is in exactly one account. */
import type { Delivery } from '../kernel.ts';
import {
  directionIn,
  hasFinished,
  hasTold,
  isError,
  isHonest,
  isLaterPiece,
  isUndisturbed,
  type LaneTruth,
  memberOf,
  nameOf,
} from './truth.ts';

const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0);

function areAllHonest(truth: LaneTruth): boolean {
  return truth.result.members.every(({ index }) => isHonest(truth, index));
}

function haveAllTold(truth: LaneTruth): boolean {
  return areAllHonest(truth) && truth.result.members.every(({ index }) => hasTold(truth, index));
}

export function packetsAddUp(truth: LaneTruth): readonly string[] {
  const { packets, members, flows, stacks } = truth.result;
  const failures: string[] = [];
  const same = (what: string, told: number, really: number): void => {
    if (told !== really) failures.push(`${what}: ${told}, and not ${really}`);
  };
  same('dropped', packets.dropped, sum(members.map(({ drops }) => drops)));
  const verdicts = flows.oneWay + flows.consistent + flows.split + flows.asymmetric + flows.duplicated;
  same('flows', flows.total, verdicts);
  same('flows of stacks', sum(stacks.map((stack) => stack.flows)), flows.total);
  same('two-way flows of stacks', sum(stacks.map(({ twoWay }) => twoWay)), flows.twoWay);
  const counted = new Map<string, number>();
  for (const { verdict } of truth.observed.flows) counted.set(verdict, (counted.get(verdict) ?? 0) + 1);
  for (const kind of ['consistent', 'split', 'asymmetric', 'duplicated'] as const) same(kind, flows[kind], counted.get(kind) ?? 0);
  same('one-way', flows.oneWay, counted.get('one-way') ?? 0);
  if (!areAllHonest(truth)) return failures;
  same('judged, overflowed and ignored', packets.judged + packets.overflowed + sum(Object.values(packets.ignored)), packets.captured);
  for (const { index, packets: told, drops, end } of members) {
    if (end !== 'gone') continue;
    const socket = memberOf(truth, index)?.socket;
    same(`packets of member ${index}`, told, socket?.packets ?? 0);
    same(`drops of member ${index}`, drops, socket?.drops ?? 0);
    same(`read by member ${index}`, told, sum(truth.group.deliveries.map((d) => (d.member === index && d.isRead ? 1 : 0))));
  }
  if (packets.offered !== undefined) same('offered', packets.offered, truth.outcome.world.sent);
  if (!haveAllTold(truth)) return failures;
  same('captured', packets.captured, sum(members.map((member) => member.packets)));
  const [unjoined, unmatched] = strays(truth);
  same('later-fragment', packets.ignored['later-fragment'] ?? 0, unjoined);
  // What came too late to be judged leaves errors without a flow, or flows without their errors.
  const errors = isUndisturbed(truth) ? unmatched : (packets.ignored['icmp-error'] ?? 0);
  same('icmp-error', packets.ignored['icmp-error'] ?? 0, errors);
  same('judged', packets.judged, truth.judged.length - unjoined - errors);
  return failures;
}

/** Later pieces whose first one nobody judged in their epoch; errors about flows that nobody judged a packet of. */
function strays(truth: LaneTruth): readonly [unjoined: number, unmatched: number] {
  let [unjoined, unmatched] = [0, 0];
  for (const deliveries of truth.byFlow.values()) {
    const own = deliveries.filter((d) => !isError(d) && !isOrphan(d, deliveries));
    unjoined += deliveries.filter((d) => isOrphan(d, deliveries)).length;
    if (own.length === 0) unmatched += deliveries.filter(isError).length;
  }
  return [unjoined, unmatched];
}

export function isOrphan(piece: Delivery, deliveries: readonly Delivery[]): boolean {
  const { datagram } = piece.packet;
  return isLaterPiece(piece) && !deliveries.some((d) => d.packet.datagram === datagram && d.packet.isFirstPiece && d.epoch === piece.epoch);
}

/** What each member is said to have seen of each flow is what it judged; of a member that could not tell all, no more than that. */
export function observationsAreTrue(truth: LaneTruth): readonly string[] {
  const told = new Map<string, number>();
  for (const { flow: id, observations, errors } of truth.observed.flows) {
    const known = truth.named.get(nameOf(id));
    if (known === undefined) continue;
    for (const [list, kind] of [
      [observations, 'own'],
      [errors, 'error'],
    ] as const) {
      for (const { member, epoch, direction, packets, kernelKey, stack } of list) {
        const name = cellName(
          known.flow.index,
          member,
          epoch,
          directionIn(direction, known.isFlipped),
          Number.parseInt(kernelKey, 16),
          stack,
          kind,
        );
        told.set(name, (told.get(name) ?? 0) + packets);
      }
    }
  }
  const really = new Map<string, number>();
  const unmatched = new Set<string>();
  for (const [flow, deliveries] of truth.byFlow) {
    const hasOwn = deliveries.some((d) => !isError(d) && !isOrphan(d, deliveries));
    for (const d of deliveries) {
      if (isOrphan(d, deliveries)) continue;
      const { direction, key, datagram } = d.packet;
      const stack = datagram === 0 ? d.packet.stack : flow.stack.replace('ipv4', 'ipv4/frag');
      const name = cellName(flow.index, d.member, d.epoch, direction, key, stack, isError(d) ? 'error' : 'own');
      really.set(name, (really.get(name) ?? 0) + 1);
      if (!hasOwn) unmatched.add(name);
    }
  }
  const isComplete = haveAllTold(truth);
  const failures: string[] = [];
  for (const [name, packets] of told) {
    const count = really.get(name) ?? 0;
    const member = Number(name.split(' ')[1]);
    if (packets > count && isHonest(truth, member)) failures.push(`cell ${name}: ${packets} packets told, ${count} judged`);
  }
  if (!isComplete) return failures;
  for (const [name, count] of really) {
    if (unmatched.has(name)) continue;
    if ((told.get(name) ?? 0) < count) failures.push(`cell ${name}: ${told.get(name) ?? 0} packets told, ${count} judged`);
  }
  return failures;
}

function cellName(flow: number, member: number, epoch: number, direction: number, key: number, stack: string, kind: string): string {
  return `${flow} ${member} ${epoch} ${direction} ${key} ${stack} ${kind}`;
}

/** Whoever is gone has ended, and told its end. */
export function membersEndedAsTold(truth: LaneTruth): readonly string[] {
  return truth.result.members.flatMap(({ index, end }) => {
    const isTrue = end !== 'gone' || hasFinished(truth, index) || !isHonest(truth, index);
    return isTrue ? [] : [`member ${index} is called gone, and has not finished`];
  });
}
