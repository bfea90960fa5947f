/** Who talks to whom. No two flows of a run share a five-tuple, and every address belongs to documentation or benchmarking. */
import type { FlowId } from '../model/run-result.ts';
import type { Ends, Ports } from './frames.ts';
import { mix } from './random.ts';
import type { Direction } from './tag.ts';

export const SIDE = { initiator: 0, responder: 1 } as const;
export type Side = (typeof SIDE)[keyof typeof SIDE];

/**
 * A flow under way, in plain numbers: all that its next packet depends on. Flows come and go by the hundred thousand, so one
 * record serves one flow after the other, and nothing of a flow is an object of its own.
 */
export interface Talk {
  /** Also in the lab tag. */
  id: number;
  /** What is drawn for the flow is drawn from this: see draw(). */
  entropy: number;
  /** Number of the pair of hosts. */
  pair: number;
  /** Its number among the pairs of its class, however many classes take turns. */
  pairOfClass: number;
  /** Number of the flow between these two, below FLOWS_PER_PAIR. */
  nth: number;
  initiatorNet: number;
  initiatorHost: number;
  initiatorPort: number;
  responderNet: number;
  responderHost: number;
  responderPort: number;
  /** Direction of what the initiator sends, by the order of the canonical flow key. */
  initiatorDirection: Direction;
  /** How many frames the flow has in all. */
  packets: number;
  /** Turns that are over. A turn is one thing said, in one frame or in several. */
  turn: number;
  /** Frames of this turn that are out. */
  piece: number;
  /** Who says this turn. */
  side: Side;
  /** Each side's next sequence number, as 32 bits with a sign: V8 keeps those without allocating. */
  initiatorNext: number;
  responderNext: number;
}

export function createTalk(): Talk {
  const parties = { initiatorNet: 0, initiatorHost: 0, initiatorPort: 0, responderNet: 0, responderHost: 0, responderPort: 0 };
  const progress = { packets: 0, turn: 0, piece: 0, side: SIDE.initiator, initiatorNext: 0, responderNext: 0 };
  return { id: 0, entropy: 0, pair: 0, pairOfClass: 0, nth: 0, initiatorDirection: 'forward', ...parties, ...progress };
}

/** A number from 0 to 2^31 - 1: for one flow and purpose always the same, for others unrelated. */
export function draw({ entropy }: Talk, purpose: number): number {
  return mix(entropy, purpose) >>> 1;
}

/** The direction, by the canonical flow key, of what `side` sends. */
export function directionOf({ initiatorDirection }: Talk, side: Side): Direction {
  if (side === SIDE.initiator) return initiatorDirection;
  return initiatorDirection === 'forward' ? 'reverse' : 'forward';
}

/** Flows of one class that share their hosts and differ in a port only: a hash that ignores ports would show. */
export const FLOWS_PER_PAIR = 4;

export interface Plan {
  /** Whether the packets have ports: without, every flow needs a pair of hosts of its own. */
  readonly portless?: boolean;
  /** The port that the responder is known by; else one that means nothing. */
  readonly responderPort?: number;
  readonly hosts?: 'apart' | 'top-bit' | 'same';
}

// No dissector of Wireshark has registered a port in these ranges: analysts see data, not a misread protocol.
const INITIATOR_PORT_BASE = 0xf000;
const INITIATOR_PORT_MASK = 0x0fff;
const RESPONDER_PORTS = [12800, 14400, 15600, 16800] as const;
const RESPONDER_PORT_PURPOSE = 0x504f5254;

/** Gives the flow its number among `classes` classes that take turns: every number has a (pair, nth) of its own. */
function number(talk: Talk, classes: number, portless: boolean): void {
  const turn = Math.floor(talk.id / classes);
  talk.pairOfClass = portless ? turn : Math.floor(turn / FLOWS_PER_PAIR);
  talk.pair = talk.pairOfClass * classes + (talk.id % classes);
  talk.nth = portless ? 0 : turn % FLOWS_PER_PAIR;
}

/**
 * Places a flow. `salt` moves all addresses of a run, so that seeds differ in their hosts too.
 *
 * Odd multipliers permute the 16 bits of a host: neighbours in number are no neighbours in address, and none is used twice.
 * Beyond 16 bits another port tells the pairs apart, or, where there are none, another responder.
 */
export function placeFlow(talk: Talk, plan: Plan, classes: number, salt: number): void {
  const { portless = false, responderPort, hosts = 'apart' } = plan;
  number(talk, classes, portless);
  const { pair, nth } = talk;
  const beyond = pair >>> 16;
  const host = (Math.imul(pair, 0x9e37) + salt) & 0xffff;
  talk.initiatorNet = 1;
  talk.initiatorHost = host;
  talk.responderNet = 2;
  talk.responderHost = (Math.imul(pair, 0x85eb) - salt + (portless ? beyond : 0)) & 0xffff;
  talk.initiatorPort = portless ? 0 : INITIATOR_PORT_BASE | (Math.imul(beyond * FLOWS_PER_PAIR + nth, 0x5a5) & INITIATOR_PORT_MASK);
  talk.responderPort = portless ? 0 : (responderPort ?? RESPONDER_PORTS[draw(talk, RESPONDER_PORT_PURPOSE) % 4] ?? 0);
  if (hosts === 'top-bit') placeTopBit(talk, host);
  if (hosts === 'same') {
    talk.responderNet = talk.initiatorNet;
    talk.responderHost = host;
  }
  talk.initiatorDirection = isInOrder(talk) ? 'forward' : 'reverse';
}

/** Two hosts whose addresses differ in nothing but the top bit of the last octet: x.y.z.N and x.y.z.N+128. */
function placeTopBit(talk: Talk, host: number): void {
  // The bit that tells the two apart cannot number pairs any more; which of the two networks they are in does that instead.
  const net = host & 0x80 ? 1 : 2;
  talk.initiatorNet = net;
  talk.responderNet = net;
  talk.initiatorHost = host & 0xff7f;
  talk.responderHost = host | 0x80;
}

function isInOrder(talk: Talk): boolean {
  if (talk.initiatorNet !== talk.responderNet) return talk.initiatorNet < talk.responderNet;
  if (talk.initiatorHost !== talk.responderHost) return talk.initiatorHost < talk.responderHost;
  return talk.initiatorPort <= talk.responderPort;
}

/** An address of either family in front of it all is known by its network, 1 or 2, and its host, 16 bits. */
export type Family = 4 | 6;

/** 198.18.0.0/16 is network 1, 198.19.0.0/16 network 2 (RFC 2544). */
function putIpv4(address: Uint8Array, net: number, host: number): void {
  address[0] = 198;
  address[1] = 17 + net;
  address[2] = host >>> 8;
  address[3] = host;
}

/** 2001:db8:1::/48 is network 1, 2001:db8:2::/48 network 2 (RFC 3849). */
function putIpv6(address: Uint8Array, net: number, host: number): void {
  address[0] = 0x20;
  address[1] = 0x01;
  address[2] = 0x0d;
  address[3] = 0xb8;
  address[5] = net;
  address[14] = host >>> 8;
  address[15] = host;
}

/** Room for the addresses of a packet, to be filled for one packet after the other. */
export function createEnds(family: Family): Ends {
  const bytes = family === 4 ? 4 : 16;
  return { source: new Uint8Array(bytes), destination: new Uint8Array(bytes) };
}

/** The addresses of what `side` sends. */
export function loadEnds({ source, destination }: Ends, talk: Talk, side: Side): void {
  const put = source.length === 4 ? putIpv4 : putIpv6;
  const isInitiator = side === SIDE.initiator;
  put(isInitiator ? source : destination, talk.initiatorNet, talk.initiatorHost);
  put(isInitiator ? destination : source, talk.responderNet, talk.responderHost);
}

export type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** The ports of what `side` sends. */
export function loadPorts(ports: Writable<Ports>, talk: Talk, side: Side): void {
  const isInitiator = side === SIDE.initiator;
  ports.sourcePort = isInitiator ? talk.initiatorPort : talk.responderPort;
  ports.destinationPort = isInitiator ? talk.responderPort : talk.initiatorPort;
}

function addressText(family: Family, net: number, host: number): string {
  if (family === 4) return `198.${17 + net}.${host >>> 8}.${host & 0xff}`;
  // RFC 5952: a zero group at the end is part of what "::" stands for.
  return `2001:db8:${net}::${host === 0 ? '' : host.toString(16)}`;
}

/** What a flow is known by: its protocol as reports name it, and whether one identifier stands for both ports. */
export interface FlowNaming {
  readonly proto: string;
  readonly family: Family;
  readonly echo: boolean;
}

/** The flow as its canonical key names it. */
export function flowIdOf(talk: Talk, { proto, family, echo }: FlowNaming): FlowId {
  const initiator = { address: addressText(family, talk.initiatorNet, talk.initiatorHost), port: talk.initiatorPort };
  const port = echo ? talk.initiatorPort : talk.responderPort;
  const responder = { address: addressText(family, talk.responderNet, talk.responderHost), port };
  const [a, b] = talk.initiatorDirection === 'forward' ? [initiator, responder] : [responder, initiator];
  return { proto, src: a.address, sport: a.port, dst: b.address, dport: b.port };
}
