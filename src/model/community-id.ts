/** Community ID version 1: one name for one flow in the logs of different tools (github.com/corelight/community-id-spec). */
import type { FlowId } from './run-result.ts';

/** A flow as the specification sees it. ICMP has the type in the place of one port, and of the other the type that answers it. */
export interface CommunityTuple {
  readonly protocol: number;
  readonly src: string;
  readonly dst: string;
  readonly ports?: readonly [source: number, destination: number];
}

/** A SHA-1 digest in base64. Handed in: this file imports nothing. */
export type Sha1 = (bytes: Uint8Array) => string;

/** By the names that native/binding/flow_text.hpp gives; any other protocol is told by its number. */
const PROTOCOLS: Readonly<Record<string, number>> = {
  icmp: 1,
  igmp: 2,
  ipip: 4,
  tcp: 6,
  udp: 17,
  dccp: 33,
  ipv6: 41,
  rsvp: 46,
  gre: 47,
  esp: 50,
  ah: 51,
  icmp6: 58,
  eigrp: 88,
  ospf: 89,
  etherip: 97,
  pim: 103,
  ipcomp: 108,
  vrrp: 112,
  l2tp: 115,
  sctp: 132,
  udplite: 136,
};
/** Where the specification counts ports. Other protocols have none for it, even if they have. */
const PORTED: readonly number[] = [6, 17, 132];
/** Types of an echo request and its reply. */
const ECHOES: Readonly<Record<number, readonly [request: number, reply: number]>> = { 1: [8, 0], 58: [128, 129] };

/** `requests` is the direction of an echo's requests: the flow's identifier does not tell. undefined: the flow has no Community ID. */
export function communityIdOf(flow: FlowId, requests: 'forward' | 'reverse' | undefined, sha1: Sha1): string | undefined {
  const tuple = tupleOf(flow, requests);
  return tuple === undefined ? undefined : communityId(tuple, sha1);
}

export function communityId(tuple: CommunityTuple, sha1: Sha1): string {
  return `1:${sha1(hashedBytes(tuple))}`;
}

function tupleOf({ proto, src, sport, dst, dport }: FlowId, requests: 'forward' | 'reverse' | undefined): CommunityTuple | undefined {
  const protocol = PROTOCOLS[proto] ?? Number(proto);
  const echo = ECHOES[protocol];
  if (echo === undefined) return { protocol, src, dst, ...(PORTED.includes(protocol) ? { ports: [sport, dport] } : {}) };
  if (requests === undefined) return undefined;
  const [request, reply] = echo;
  return { protocol, src, dst, ports: requests === 'forward' ? [request, reply] : [reply, request] };
}

/** Seed, addresses, protocol, a zero and the ports, with the smaller endpoint in front. */
function hashedBytes({ protocol, src, dst, ports }: CommunityTuple): Uint8Array {
  const [source, destination] = [addressBytes(src), addressBytes(dst)];
  const [sourcePort, destinationPort] = ports ?? [0, 0];
  const isOrdered = (compare(source, destination) || sourcePort - destinationPort) <= 0;
  const addresses = isOrdered ? [source, destination] : [destination, source];
  const ordered = isOrdered ? [sourcePort, destinationPort] : [destinationPort, sourcePort];
  const seed = [0, 0];
  return Uint8Array.from([...seed, ...addresses.flat(), protocol, 0, ...(ports === undefined ? [] : ordered.flatMap(bytes16))]);
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((byte, i) => byte !== b[i]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}

/** As inet_ntop(3) writes addresses: "::" once at most, and IPv4 at the end of some IPv6 addresses. */
function addressBytes(text: string): readonly number[] {
  if (!text.includes(':')) return text.split('.').map(Number);
  const [front = '', back] = text.split('::');
  const [head, tail] = [groupBytes(front), groupBytes(back ?? '')];
  return [...head, ...Array<number>(16 - head.length - tail.length).fill(0), ...tail];
}

function groupBytes(groups: string): readonly number[] {
  if (groups === '') return [];
  return groups.split(':').flatMap((group) => (group.includes('.') ? group.split('.').map(Number) : bytes16(Number.parseInt(group, 16))));
}

function bytes16(value: number): readonly [number, number] {
  return [value >> 8, value & 0xff];
}
