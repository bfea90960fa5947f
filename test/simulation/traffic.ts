/** Flows and packets from a seed: what an IDS would call one flow, and what the kernel hashes of each of its packets. */
import { mix } from '../../src/traffic/random.ts';
import { MS } from './clock.ts';
import type { Dice } from './dice.ts';

export type FlowKind =
  | 'tcp4'
  | 'tcp6'
  | 'vlan'
  /** IPv4 addresses that differ in the top bit of the last octet. */
  | 'top-bit'
  /** IPv6 with a flow label in one direction. */
  | 'labelled'
  | 'mpls'
  | 'vxlan'
  | 'esp'
  /** IPv4 inside IPv6. */
  | 'stale'
  /** Some packets are fragments. */
  | 'fragments'
  /** The same of packets in a tunnel whose outer headers have one kernel key, and in one where each direction has its own. */
  | 'gtpu-fragments'
  | 'vxlan-fragments'
  /** Each packet twice, in two wrappings. */
  | 'copies'
  /** The same in one wrapping. */
  | 'twins'
  /** ICMP errors about it. */
  | 'errors'
  | 'one-way';

export type Direction = 0 | 1;

export interface Flow {
  readonly index: number;
  readonly kind: FlowKind;
  readonly src: string;
  readonly dst: string;
  readonly sport: number;
  readonly dport: number;
  readonly protocol: number;
  /** Of plain packets, by direction. */
  readonly stack: string;
  readonly keys: readonly [number, number];
  readonly marks: readonly [number, number];
}

export interface Packet {
  readonly id: number;
  /** undefined: of none, such as ARP. */
  readonly flow: Flow | undefined;
  readonly direction: Direction;
  readonly key: number;
  readonly stack: string;
  readonly marks: number;
  readonly tags: number;
  readonly bytes: number;
  /** Rank of its contents (native/core/packet/content.hpp): copies share it. */
  readonly rank: number;
  /** When the kernel steers it, since the capture began. */
  readonly atNs: number;
  /** Its time stamp was taken so much earlier (it waited in a backlog) or later. */
  readonly stampedNs: number;
  /** Receive queue, and the CPU that handled it. */
  readonly queue: number;
  /** What a steering program returns for it. */
  readonly program: number;
  readonly outgoing: boolean;
  /** Of a fragmented datagram: its digest, and whether it is the first piece. */
  readonly datagram: number;
  readonly isFirstPiece: boolean;
}

export const MARK = { label: 1, fragment: 2, stale: 4, error: 16, index: 64 } as const;

/** native/core/packet/tag_digest.hpp: of a later piece, and of packets that differ. */
const [UNKNOWN, VARIOUS] = [0xfffe, 0xffff];

/** What a first piece says of its datagram. Kernel keys have 32 bits here. */
function ofWhole(key: number): number {
  const digest = (key ^ (key >>> 16)) & 0xffff;
  return digest >= UNKNOWN ? digest - UNKNOWN + 1 : digest;
}

export function joined(tags: number, others: number): number {
  if (tags === others || others === UNKNOWN) return tags;
  return tags === UNKNOWN ? others : VARIOUS;
}

export interface TrafficPlan {
  readonly flows: number;
  readonly kinds: readonly (readonly [weight: number, kind: FlowKind])[];
  readonly packetsPerFlow: readonly [least: number, most: number];
  /** Packets come from here to there, in nanoseconds since the capture began. */
  readonly fromNs: number;
  readonly toNs: number;
  /** When something happens to the group, and the share of packets that come about then: only those can tell one membership from the next. */
  readonly moments: readonly number[];
  readonly drawn: number;
  /** Most that a packet waited between its time stamp and its way through the group, or the other way round. */
  readonly backlogNs: number;
  readonly lateNs: number;
  /** Share of packets that waited. */
  readonly waiting: number;
  /** Receive queues are chosen alike for both directions. */
  readonly symmetricQueues: boolean;
  readonly symmetricProgram: boolean;
  readonly strays: number;
  readonly outgoing: number;
}

export interface Traffic {
  readonly flows: readonly Flow[];
  /** In the order in which the kernel steers them. */
  readonly packets: readonly Packet[];
}

const MPLS_KEY = 4242;
const ARP_KEY = 806;

export function makeTraffic(plan: TrafficPlan, dice: Dice): Traffic {
  const flows = Array.from({ length: plan.flows }, (_, index) => makeFlow(index, dice.weighted(plan.kinds), dice));
  const packets: Omit<Packet, 'id'>[] = flows.flatMap((flow) => packetsOf(flow, plan, dice));
  for (let i = 0; i < plan.strays; i += 1) packets.push(strayPacket(plan, dice));
  packets.sort((a, b) => a.atNs - b.atNs);
  return { flows, packets: packets.map((packet, id) => ({ ...packet, id })) };
}

/** Different for different contents, in an order of no meaning. */
function rankOf(content: number): number {
  const ranks = 2 ** 22 - 1;
  return 1 + ((content * 1_640_531) % ranks);
}

function makeFlow(index: number, kind: FlowKind, dice: Dice): Flow {
  const host = index + 1;
  const isSix = kind === 'tcp6' || kind === 'labelled';
  const [src, dst] = addresses(kind, isSix, host);
  const [key, other] = [freshKey(dice), freshKey(dice)];
  // Some flows are named the other way round than their key orders them.
  const [sport, dport] = dice.chance(0.5) ? [1024 + index, 443] : [443, 1024 + index];
  const hasPorts = kind !== 'esp';
  const common = { index, kind, src, dst, sport: hasPorts ? sport : 0, dport: hasPorts ? dport : 0 };
  switch (kind) {
    case 'vxlan':
      return { ...common, protocol: 6, stack: 'ipv4/udp/vxlan/eth/ipv4/tcp', keys: [key, other], marks: [0, 0] };
    case 'esp':
      return { ...common, protocol: 50, stack: 'ipv4/esp', keys: [key, other], marks: [MARK.index, MARK.index] };
    case 'stale':
      return { ...common, protocol: 6, stack: 'ipv6/ipv4/tcp', keys: [key, other], marks: [MARK.stale, MARK.stale] };
    case 'mpls':
      return { ...common, protocol: 6, stack: 'mpls/ipv4/tcp', keys: [MPLS_KEY, MPLS_KEY], marks: [0, 0] };
    case 'labelled':
      return { ...common, protocol: 6, stack: 'ipv6/tcp', keys: [key, key], marks: [MARK.label, 0] };
    case 'tcp6':
      return { ...common, protocol: 6, stack: 'ipv6/tcp', keys: [key, key], marks: [0, 0] };
    case 'vlan':
      return { ...common, protocol: 6, stack: 'vlan/ipv4/tcp', keys: [key, key], marks: [0, 0] };
    case 'fragments':
      return { ...common, protocol: 17, stack: 'ipv4/udp', keys: [key, key], marks: [0, 0] };
    case 'gtpu-fragments':
      return { ...common, protocol: 6, stack: 'ipv4/udp/gtpu/ipv4/tcp', keys: [key, key], marks: [0, 0] };
    case 'vxlan-fragments':
      return { ...common, protocol: 6, stack: 'ipv4/udp/vxlan/eth/ipv4/tcp', keys: [key, other], marks: [0, 0] };
    case 'tcp4':
    case 'top-bit':
    case 'copies':
    case 'twins':
    case 'errors':
    case 'one-way':
      return { ...common, protocol: 6, stack: 'ipv4/tcp', keys: [key, key], marks: [0, 0] };
  }
}

function addresses(kind: FlowKind, isSix: boolean, host: number): readonly [string, string] {
  if (isSix) return [`2001:db8::${host.toString(16)}`, '2001:db8::ffff'];
  const [high, low] = [host >> 7, host & 127];
  if (kind === 'top-bit') return [`10.9.${high}.${low}`, `10.9.${high}.${low + 128}`];
  return [`10.1.${high}.${low}`, '192.0.2.1'];
}

/** 0 is no key. */
function freshKey(dice: Dice): number {
  return 1 + Math.floor(dice.real() * (2 ** 32 - 1));
}

function packetsOf(flow: Flow, plan: TrafficPlan, dice: Dice): Omit<Packet, 'id'>[] {
  const count = dice.between(...plan.packetsPerFlow);
  // Some flows live through the whole run, others for a moment.
  const span = plan.toNs - plan.fromNs;
  const isLong = dice.chance(0.4);
  const begin = isLong ? plan.fromNs : plan.fromNs + dice.real() * span;
  const length = isLong ? span : Math.min(span * dice.real() ** 3, plan.toNs - begin);
  const fragmentKey = freshKey(dice);
  const packets: Omit<Packet, 'id'>[] = [];
  const put = (packet: Partial<Packet> & { readonly direction: Direction }, atNs: number): void => {
    packets.push(completed(flow, packet, atNs, plan, dice));
  };
  for (let i = 0; i < count; i += 1) {
    const direction: Direction = flow.kind === 'one-way' ? 0 : i < 2 ? (i as Direction) : dice.chance(0.5) ? 0 : 1;
    const atNs = dice.chance(plan.drawn) ? aboutAMoment(plan, dice) : Math.floor(begin + dice.real() * length);
    const content = flow.index * 64 + i;
    const rank = rankOf(content);
    if (flow.kind.endsWith('fragments') && dice.chance(0.4)) putFragments(put, flow, direction, fragmentKey, atNs, dice);
    else put({ direction, rank }, atNs);
    if (flow.kind === 'twins') put({ direction, rank }, atNs + dice.between(0, 200_000));
    if (flow.kind === 'copies') put({ direction, rank, key: MPLS_KEY, stack: 'mpls/ipv4/tcp' }, atNs + dice.between(0, 200_000));
    if (flow.kind === 'errors' && dice.chance(0.3)) {
      // It travels against the packet that it quotes, and is told with the flow in the direction of that packet.
      put({ direction, rank, key: freshKey(dice), stack: 'ipv4/icmp', marks: MARK.error }, atNs + dice.between(0, 1_000_000));
    }
  }
  return packets;
}

function aboutAMoment({ moments, fromNs, toNs }: TrafficPlan, dice: Dice): number {
  const [least, most] = dice.pick([
    [-20, 20],
    [-120, 0],
    [0, 250],
  ] as const);
  return Math.min(toNs, Math.max(fromNs, dice.pick(moments) + dice.between(least * MS, most * MS)));
}

function putFragments(
  put: (packet: Partial<Packet> & { readonly direction: Direction }, atNs: number) => void,
  { stack, keys }: Flow,
  direction: Direction,
  key: number,
  atNs: number,
  dice: Dice,
): void {
  const datagram = freshKey(dice);
  const pieces = dice.between(2, 4);
  for (let piece = 0; piece < pieces; piece += 1) {
    const common = { direction, key, marks: MARK.fragment, datagram };
    // Pieces may overtake the first one.
    const told = piece === 0 ? { isFirstPiece: true, tags: ofWhole(keys[direction]) } : { tags: UNKNOWN };
    put({ ...common, ...told, stack: stack.replace('ipv4', 'ipv4/frag') }, atNs + dice.between(0, 300_000));
  }
}

function completed(
  flow: Flow,
  packet: Partial<Packet> & { readonly direction: Direction },
  atNs: number,
  plan: TrafficPlan,
  dice: Dice,
): Omit<Packet, 'id'> {
  const { direction } = packet;
  return {
    flow,
    key: flow.keys[direction],
    stack: flow.stack,
    marks: flow.marks[direction],
    tags: 0,
    bytes: dice.between(60, 1500),
    rank: 1,
    atNs,
    stampedNs: stampOffset(plan, dice),
    queue: steady(flow.index, plan.symmetricQueues ? 0 : direction, 11),
    program: steady(flow.index, plan.symmetricProgram ? 0 : direction, 13),
    outgoing: dice.chance(plan.outgoing),
    datagram: 0,
    isFirstPiece: false,
    ...packet,
  };
}

function stampOffset({ backlogNs, lateNs, waiting }: TrafficPlan, dice: Dice): number {
  if (!dice.chance(waiting)) return 0;
  return dice.chance(0.5) ? -dice.between(0, backlogNs) : dice.between(0, lateNs);
}

/** What does not change from packet to packet. */
function steady(flow: number, direction: number, salt: number): number {
  return mix(flow * 2 + direction, salt) >>> 8;
}

function strayPacket(plan: TrafficPlan, dice: Dice): Omit<Packet, 'id'> {
  const atNs = Math.floor(plan.fromNs + dice.real() * (plan.toNs - plan.fromNs));
  return {
    flow: undefined,
    direction: 0,
    key: ARP_KEY,
    stack: '',
    marks: 0,
    tags: 0,
    bytes: 60,
    rank: 1,
    atNs,
    stampedNs: stampOffset(plan, dice),
    queue: dice.between(0, 7),
    program: dice.between(0, 7),
    outgoing: false,
    datagram: 0,
    isFirstPiece: false,
  };
}
