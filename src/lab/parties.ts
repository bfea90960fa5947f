/** Who talks to whom in the lab. No two flows of a run share a five-tuple, and every address belongs to documentation or benchmarking. */
import type { FlowId } from '../model/run-result.ts';
import type { Random } from './random.ts';
import type { Direction } from './tag.ts';

export interface Party {
  readonly address: Uint8Array;
  readonly text: string;
  readonly port: number;
}

export interface Parties {
  readonly initiator: Party;
  readonly responder: Party;
}

/** What tells the addresses and ports of one flow from those of all others in its run. */
export interface Slot {
  /** Number of a pair of hosts. */
  readonly pair: number;
  /** Number of the flow between these two, below FLOWS_PER_PAIR. */
  readonly nth: number;
  /** Moves all addresses of a run, so that seeds differ in their hosts too. */
  readonly salt: number;
}

/** Flows of one class that share their hosts and differ in a port only: a hash that ignores ports would show. */
export const FLOWS_PER_PAIR = 4;

/** The flow at `index` of a run whose flows take turns through `classes` classes: every index has a (pair, nth) of its own. */
export function slotOf(index: number, classes: number, salt: number): Slot {
  const turn = Math.floor(index / classes);
  return { pair: Math.floor(turn / FLOWS_PER_PAIR) * classes + (index % classes), nth: turn % FLOWS_PER_PAIR, salt };
}

/** Hosts have 16 bits and ports 12: enough for far more flows than one buffer of frames can hold. */
export const FLOWS_MAX = 2 ** 20;

// No dissector of Wireshark has registered a port in these ranges: analysts see data, not a misread protocol.
const INITIATOR_PORT_BASE = 0xf000;
const INITIATOR_PORT_MASK = 0x0fff;
const RESPONDER_PORTS = [12800, 14400, 15600, 16800] as const;

/** An odd multiplier permutes a power of two: neighbours in number are no neighbours in address, and none is used twice. */
function initiatorHost({ pair, salt }: Slot): number {
  return (Math.imul(pair, 0x9e37) + salt) & 0xffff;
}

function responderHost({ pair, salt }: Slot): number {
  return (Math.imul(pair, 0x85eb) - salt) & 0xffff;
}

function initiatorPort({ pair, nth }: Slot): number {
  const beyondHosts = (pair >>> 16) * FLOWS_PER_PAIR + nth;
  return INITIATOR_PORT_BASE | (Math.imul(beyondHosts, 0x5a5) & INITIATOR_PORT_MASK);
}

function responderPort(random: Random): number {
  return RESPONDER_PORTS[random.below(RESPONDER_PORTS.length)] ?? RESPONDER_PORTS[0];
}

function ipv4Party(network: number, host: number, port: number): Party {
  const [high, low] = [host >>> 8, host & 0xff];
  return { address: Uint8Array.of(198, network, high, low), text: `198.${network}.${high}.${low}`, port };
}

/** 198.18.0.0/16 calls 198.19.0.0/16 (RFC 2544). */
export function ipv4Parties(slot: Slot, random: Random): Parties {
  return {
    initiator: ipv4Party(18, initiatorHost(slot), initiatorPort(slot)),
    responder: ipv4Party(19, responderHost(slot), responderPort(random)),
  };
}

/** Two hosts whose addresses differ in nothing but the top bit of the last octet: x.y.z.N and x.y.z.N+128. */
export function topBitParties(slot: Slot, random: Random): Parties {
  const host = initiatorHost(slot);
  // The bit that tells the two apart cannot number pairs any more; which of the two networks they are in does that instead.
  const network = host & 0x80 ? 18 : 19;
  return {
    initiator: ipv4Party(network, host & 0xff7f, initiatorPort(slot)),
    responder: ipv4Party(network, host | 0x80, responderPort(random)),
  };
}

function ipv6Party(network: number, host: number, port: number): Party {
  const address = Uint8Array.of(0x20, 0x01, 0x0d, 0xb8, 0, network, 0, 0, 0, 0, 0, 0, 0, 0, host >>> 8, host & 0xff);
  // RFC 5952: a zero group at the end is part of what "::" stands for.
  return { address, text: `2001:db8:${network}::${host === 0 ? '' : host.toString(16)}`, port };
}

/** 2001:db8:1::/48 calls 2001:db8:2::/48 (RFC 3849). */
export function ipv6Parties(slot: Slot, random: Random): Parties {
  return {
    initiator: ipv6Party(1, initiatorHost(slot), initiatorPort(slot)),
    responder: ipv6Party(2, responderHost(slot), responderPort(random)),
  };
}

function compareParties(a: Party, b: Party): number {
  for (let i = 0; i < a.address.length; i += 1) {
    const difference = (a.address[i] ?? 0) - (b.address[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return a.port - b.port;
}

/** The direction of what the initiator sends, by the order of the canonical flow key. */
export function initiatorDirection({ initiator, responder }: Parties): Direction {
  return compareParties(initiator, responder) <= 0 ? 'forward' : 'reverse';
}

/** The flow as its canonical key names it. */
export function flowIdOf(proto: string, parties: Parties): FlowId {
  const forward = initiatorDirection(parties) === 'forward';
  const [a, b] = forward ? [parties.initiator, parties.responder] : [parties.responder, parties.initiator];
  return { proto, src: a.text, sport: a.port, dst: b.text, dport: b.port };
}
