/**
 * Packets, composed of layers. A frame is written from its end to its start: each layer puts its header in front of what it
 * carries, so that lengths, the next protocol and checksums are known when they are written, under any nesting:
 *
 *     buildFrame([ethernet(macs), vlan({ id: 7 }), ipv4(addresses), udp(ports), tag({ flow, direction })])
 *
 * A tunnel is nothing more than a longer list. Layers read their fields when they are written: whoever sends many packets that
 * differ in a few of them keeps the layers and changes the fields, and leaves no garbage behind.
 */
import { crc32c, foldChecksum, sumWords } from './checksum.ts';
import { DIRECTION, type Direction, GUARD, type Guard, LAB_TAG } from './tag.ts';

/** A frame under construction. What is built so far is `bytes` from `start` to `end`. */
export interface Draft {
  bytes: Uint8Array;
  start: number;
  end: number;
  /** How an Ethernet header, and an IP header, announce what is built so far. */
  etherType: number;
  protocol: number;
  /** Where a checksum waits for the pseudo-header of the next IP layer, or -1; and what it covers. */
  checksumAt: number;
  checksumFrom: number;
  checksumTo: number;
  /** Length field and protocol number of that pseudo-header. */
  checksumLength: number;
  checksumProtocol: number;
  /** All bytes from here to the end are zero: no sum need look at them. */
  zeroFrom: number;
  /** Where the lab tag is, or -1. */
  tagAt: number;
}

export interface Layer {
  /** Its name in the text of a stack; empty for what is no layer of its own, such as a payload. */
  readonly name: string;
  /** Puts the layer in front of what the draft holds. */
  write(draft: Draft): void;
}

export interface Ends {
  readonly source: Uint8Array;
  readonly destination: Uint8Array;
}

export interface Ports {
  readonly sourcePort: number;
  readonly destinationPort: number;
}

export const ETHERTYPE = {
  ipv4: 0x0800,
  arp: 0x0806,
  batman: 0x4305,
  ethernet: 0x6558,
  frameRelay: 0x6559,
  eoip: 0x6400,
  wlan: 0x8200,
  vlan: 0x8100,
  ipv6: 0x86dd,
  ppp: 0x880b,
  mpls: 0x8847,
  pppoeDiscovery: 0x8863,
  pppoeSession: 0x8864,
  qinq: 0x88a8,
  experimental: 0x88b5,
  tipc: 0x88ca,
  erspan: 0x88be,
  erspan3: 0x22eb,
  lldp: 0x88cc,
  macsec: 0x88e5,
  backbone: 0x88e7,
  fabricPath: 0x8903,
  ciscoMetadata: 0x8909,
  vnTag: 0x8926,
  hsr: 0x892f,
  eTag: 0x893f,
  nsh: 0x894f,
  doubleTag: 0x9100,
  olderTag: 0x9200,
} as const;
export const PROTOCOL = {
  icmp: 1,
  igmp: 2,
  ipv4: 4,
  tcp: 6,
  udp: 17,
  dccp: 33,
  ipv6: 41,
  routing: 43,
  fragment: 44,
  gre: 47,
  esp: 50,
  ah: 51,
  icmp6: 58,
  ospf: 89,
  etherip: 97,
  ipcomp: 108,
  l2tp: 115,
  sctp: 132,
  udplite: 136,
  mpls: 137,
  ethernet: 143,
  experiment: 253,
} as const;

/** The room that the largest frame needs: an IP packet of the largest size, and what may stand in front of it. */
export const FRAME_BYTES_MAX = 65535 + 256;

/** An empty draft, to be filled from the end of `bytes` towards the start. */
export function createDraft(bytes: Uint8Array = new Uint8Array(FRAME_BYTES_MAX)): Draft {
  const checksum = { checksumAt: -1, checksumFrom: 0, checksumTo: 0, checksumLength: 0, checksumProtocol: 0 };
  return { bytes, start: bytes.length, end: bytes.length, etherType: 0, protocol: 0, ...checksum, zeroFrom: bytes.length, tagAt: -1 };
}

/** Begins another frame, which is to end at `end`. */
export function resetDraft(draft: Draft, end: number): void {
  draft.start = end;
  draft.end = end;
  draft.etherType = 0;
  draft.protocol = 0;
  draft.checksumAt = -1;
  draft.zeroFrom = end;
  draft.tagAt = -1;
}

/** Writes layers, outermost first in the list, in front of what the draft holds. */
export function writeLayers(draft: Draft, layers: readonly Layer[]): void {
  for (let i = layers.length - 1; i >= 0; i -= 1) layers[i]?.write(draft);
}

export function buildFrame(layers: readonly Layer[]): Uint8Array {
  const draft = createDraft();
  writeLayers(draft, layers);
  return draft.bytes.slice(draft.start, draft.end);
}

/** "vlan/ipv4/tcp": the layers by name, without the Ethernet header that every frame begins with. */
export function stackText(layers: readonly Layer[]): string {
  const names = layers.map((layer) => layer.name).filter((name) => name !== '');
  return (names[0] === 'eth' ? names.slice(1) : names).join('/');
}

/** Makes room in front for a layer that writes every byte of it, and returns where it starts. */
function claim(draft: Draft, length: number): number {
  const start = draft.start - length;
  if (start < 0) throw new RangeError('a frame of more than 64 KiB');
  draft.start = start;
  return start;
}

/** Makes room in front, zeroed, and returns where it starts. */
export function prepend(draft: Draft, length: number): number {
  const start = claim(draft, length);
  draft.bytes.fill(0, start, start + length);
  return start;
}

/** The same layers under no name: what an error message quotes is no encapsulation. */
/** No header at all: what the one in front says of what follows. */
export function announced(protocol: number, name: string): Layer {
  return {
    name,
    write: (draft) => {
      draft.protocol = protocol;
    },
  };
}

export function unnamed(layers: readonly Layer[]): readonly Layer[] {
  return layers.map(({ write }) => ({ name: '', write }));
}

export function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

export function put32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

export function sizeOf(draft: Draft): number {
  return draft.end - draft.start;
}

function putPorts(bytes: Uint8Array, at: number, { sourcePort, destinationPort }: Ports): void {
  put16(bytes, at, sourcePort);
  put16(bytes, at + 2, destinationPort);
}

export function roundUp(length: number, unit: number): number {
  return Math.ceil(length / unit) * unit;
}

// Payload

/** Bytes as they are. */
export function raw(content: Uint8Array): Layer {
  return { name: '', write: (draft) => draft.bytes.set(content, prepend(draft, content.length)) };
}

/** `length` zero bytes. */
export function padding(fields: { readonly length: number }): Layer {
  return {
    name: '',
    write: (draft) => {
      if (draft.zeroFrom === draft.start) draft.zeroFrom -= fields.length;
      prepend(draft, fields.length);
    },
  };
}

/** A big-endian number in four bytes, or nothing. */
export function number(fields: { readonly bytes: number; readonly value: number }): Layer {
  return {
    name: '',
    write: (draft) => {
      if (fields.bytes === 4) put32(draft.bytes, prepend(draft, 4), fields.value);
    },
  };
}

export interface TagLayerFields {
  readonly flow: number;
  readonly direction: Direction;
  readonly guard?: Guard;
}

/** The lab tag with sequence 0. It must begin at an even distance from the start of every checksum's reach. */
export function tag(fields: TagLayerFields): Layer {
  return {
    name: '',
    write: (draft) => {
      const { flow, direction, guard = 'complement' } = fields;
      const { bytes } = draft;
      const at = prepend(draft, LAB_TAG.bytes);
      put32(bytes, at, LAB_TAG.magic);
      put32(bytes, at + LAB_TAG.flowOffset, flow);
      bytes[at + LAB_TAG.directionOffset] = DIRECTION[direction];
      bytes[at + LAB_TAG.guardKindOffset] = GUARD[guard];
      // Of sequence 0 the complement is all ones, and the CRC register stays zero.
      if (guard === 'complement') put32(bytes, at + LAB_TAG.guardOffset, 0xffffffff);
      draft.tagAt = at;
    },
  };
}

// Link

/** Ethernet II; of IEEE 802.3, where what follows announced itself by a length of 1500 at the most. */
export function ethernet({ source, destination }: Ends): Layer {
  const addresses = Uint8Array.of(...destination, ...source);
  return {
    name: 'eth',
    write: (draft) => {
      const at = claim(draft, 14);
      draft.bytes.set(addresses, at);
      put16(draft.bytes, at + 12, draft.etherType);
      draft.etherType = ETHERTYPE.ethernet;
      draft.protocol = PROTOCOL.ethernet;
    },
  };
}

export interface VlanFields {
  readonly id: number;
  readonly priority?: number;
  /** ETHERTYPE.qinq for the service tag of 802.1ad. */
  readonly etherType?: number;
}

/** An 802.1Q tag: stands between an Ethernet header and what that announces. */
export function vlan(fields: VlanFields): Layer {
  return {
    name: 'vlan',
    write: (draft) => {
      const { id, priority = 0, etherType = ETHERTYPE.vlan } = fields;
      const at = claim(draft, 4);
      put16(draft.bytes, at, (priority << 13) | id);
      put16(draft.bytes, at + 2, draft.etherType);
      draft.etherType = etherType;
    },
  };
}

// Network

/** Settles a checksum that waits for the pseudo-header. `addressSum` is the sum of both addresses. */
export function settleChecksum(draft: Draft, addressSum: number): void {
  if (draft.checksumAt < 0) return;
  const pseudo = addressSum + draft.checksumProtocol + (draft.checksumLength & 0xffff) + (draft.checksumLength >>> 16);
  const checksum = foldChecksum(pseudo + sumWords(draft.bytes, draft.checksumFrom, Math.min(draft.checksumTo, draft.zeroFrom)));
  // A UDP checksum of zero would mean "none". Its other form, all ones, is good for every protocol here.
  put16(draft.bytes, draft.checksumAt, checksum || 0xffff);
  draft.checksumAt = -1;
}

/** Asks the next IP layer for a checksum at `at`, over the first `covered` bytes built so far and a pseudo-header. */
export function awaitChecksum(draft: Draft, at: number, protocol: number, covered = sizeOf(draft)): void {
  draft.checksumAt = at;
  draft.checksumFrom = draft.start;
  draft.checksumTo = draft.start + covered;
  draft.checksumLength = sizeOf(draft);
  draft.checksumProtocol = protocol;
}

function addressSumOf({ source, destination }: Ends): number {
  return sumWords(source, 0, source.length) + sumWords(destination, 0, destination.length);
}

export interface Ipv4Fields extends Ends {
  readonly ttl?: number;
  readonly identification?: number;
  readonly trafficClass?: number;
  readonly dontFragment?: boolean;
  readonly moreFragments?: boolean;
  /** In bytes, a multiple of 8. */
  readonly fragmentOffset?: number;
  /** Padded to a multiple of four with end-of-options bytes. */
  readonly options?: Uint8Array;
  /** The packet ends with this header: what follows is the trailer of the frame. */
  readonly isEmpty?: boolean;
}

export function ipv4(fields: Ipv4Fields): Layer {
  return {
    name: 'ipv4',
    write: (draft) => {
      const { source, destination, ttl = 64, identification = 0, trafficClass = 0, options } = fields;
      const { moreFragments = false, fragmentOffset = 0, dontFragment = true, isEmpty = false } = fields;
      const { bytes, protocol } = draft;
      const addressSum = addressSumOf(fields);
      settleChecksum(draft, addressSum);
      const headerBytes = options === undefined ? 20 : 20 + roundUp(options.length, 4);
      const at = prepend(draft, headerBytes);
      const totalBytes = isEmpty ? headerBytes : sizeOf(draft);
      const first = ((0x40 | (headerBytes / 4)) << 8) | trafficClass;
      const fragment = (dontFragment ? 0x4000 : 0) | (moreFragments ? 0x2000 : 0) | (fragmentOffset >>> 3);
      const lifetime = (ttl << 8) | protocol;
      put16(bytes, at, first);
      put16(bytes, at + 2, totalBytes);
      put16(bytes, at + 4, identification);
      put16(bytes, at + 6, fragment);
      put16(bytes, at + 8, lifetime);
      bytes.set(source, at + 12);
      bytes.set(destination, at + 16);
      if (options !== undefined) bytes.set(options, at + 20);
      const optionSum = options === undefined ? 0 : sumWords(bytes, at + 20, at + headerBytes);
      put16(bytes, at + 10, foldChecksum(first + totalBytes + identification + fragment + lifetime + addressSum + optionSum));
      draft.etherType = ETHERTYPE.ipv4;
      draft.protocol = PROTOCOL.ipv4;
    },
  };
}

export interface Ipv6Fields extends Ends {
  readonly flowLabel?: number;
  readonly hopLimit?: number;
  readonly trafficClass?: number;
}

export function ipv6(fields: Ipv6Fields): Layer {
  return {
    name: 'ipv6',
    write: (draft) => {
      const { source, destination, flowLabel = 0, hopLimit = 64, trafficClass = 0 } = fields;
      const { bytes } = draft;
      // What waits for a pseudo-header has one only if there is something to settle: a sum of 16 words for nothing is dear.
      if (draft.checksumAt >= 0) settleChecksum(draft, addressSumOf(fields));
      const payloadBytes = sizeOf(draft);
      const at = claim(draft, 40);
      put32(bytes, at, 0x60000000 | (trafficClass << 20) | flowLabel);
      put16(bytes, at + 4, payloadBytes);
      bytes[at + 6] = draft.protocol;
      bytes[at + 7] = hopLimit;
      bytes.set(source, at + 8);
      bytes.set(destination, at + 24);
      draft.etherType = ETHERTYPE.ipv6;
      draft.protocol = PROTOCOL.ipv6;
    },
  };
}

/** An extension header of the common form: next header, length in units of 8, content. */
function ipv6Extension(type: number, content: Uint8Array): Layer {
  const headerBytes = roundUp(2 + content.length, 8);
  return {
    name: '',
    write: (draft) => {
      const at = prepend(draft, headerBytes);
      draft.bytes[at] = draft.protocol;
      draft.bytes[at + 1] = headerBytes / 8 - 1;
      draft.bytes.set(content, at + 2);
      draft.protocol = type;
    },
  };
}

/** PadN of `content` bytes and its own two: an option that every receiver skips. */
function padOption(content: number): Uint8Array {
  const option = new Uint8Array(2 + content);
  option.set([1, content]);
  return option;
}

/** A hop-by-hop header of 8 bytes that asks for nothing. */
export function hopByHop(): Layer {
  return ipv6Extension(0, padOption(4));
}

/** A destination options header of 8 bytes that asks for nothing. */
export function destinationOptions(): Layer {
  return ipv6Extension(60, padOption(4));
}

/** A segment routing header (RFC 8754) on its last segment, which is where the packet is going. */
export function segmentRouting(destination: Uint8Array): Layer {
  return {
    name: '',
    write: (draft) => {
      const at = prepend(draft, 24);
      draft.bytes[at] = draft.protocol;
      draft.bytes[at + 1] = 2;
      draft.bytes[at + 2] = 4;
      draft.bytes.set(destination, at + 8);
      draft.protocol = PROTOCOL.routing;
    },
  };
}

export interface FragmentFields {
  readonly identification: number;
  readonly more?: boolean;
  /** In bytes, a multiple of 8. */
  readonly offset?: number;
}

/** The fragment header of IPv6. With offset 0 and nothing more to come it makes an atomic fragment (RFC 6946). */
export function ipv6Fragment(fields: FragmentFields): Layer {
  return {
    name: 'frag',
    write: (draft) => {
      const { identification, more = false, offset = 0 } = fields;
      const at = prepend(draft, 8);
      draft.bytes[at] = draft.protocol;
      put16(draft.bytes, at + 2, offset | (more ? 1 : 0));
      put32(draft.bytes, at + 4, identification);
      draft.protocol = PROTOCOL.fragment;
    },
  };
}

export interface CutFields {
  /** The addresses of the datagram: its checksum is settled before it is cut, over all of it. */
  readonly ends: Ends;
  /** Where to cut, in bytes from the transport header on. Of what is behind, the lab tag comes first. */
  readonly at: number;
  /** What is kept: the rear, or else the front. */
  readonly rear: boolean;
}

/** Leaves one of two parts of the datagram built so far; which, goes into the header of whoever writes next. */
export function cut(fields: CutFields, name = ''): Layer {
  return {
    name,
    write: (draft) => {
      const { ends, at, rear } = fields;
      settleChecksum(draft, addressSumOf(ends));
      if (rear) {
        draft.start += at;
        draft.tagAt = draft.start;
      } else {
        draft.end = draft.start + at;
        draft.zeroFrom = Math.min(draft.zeroFrom, draft.end);
      }
    },
  };
}

// Transport

export const TCP_FLAG = { fin: 0x01, syn: 0x02, push: 0x08, ack: 0x10 } as const;

export interface TcpFields {
  readonly ports: Ports;
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly flags: number;
  readonly window?: number;
  /** How many of the bytes that follow are options: a multiple of four, at most 40. */
  readonly optionBytes?: number;
}

export function tcp(fields: TcpFields): Layer {
  return {
    name: 'tcp',
    write: (draft) => {
      const { ports, sequence, acknowledgment, flags, window = 64240, optionBytes = 0 } = fields;
      if (optionBytes % 4 !== 0 || optionBytes > 40) throw new RangeError(`${optionBytes} bytes of TCP options`);
      const at = prepend(draft, 20);
      putPorts(draft.bytes, at, ports);
      put32(draft.bytes, at + 4, sequence);
      put32(draft.bytes, at + 8, acknowledgment);
      draft.bytes[at + 12] = ((20 + optionBytes) / 4) << 4;
      draft.bytes[at + 13] = flags;
      put16(draft.bytes, at + 14, window);
      awaitChecksum(draft, at + 16, PROTOCOL.tcp);
      draft.protocol = PROTOCOL.tcp;
    },
  };
}

/** Kind and length in front of an option's content of `contentBytes`. */
export function tcpOption(kind: number, contentBytes: number): Layer {
  return raw(Uint8Array.of(kind, 2 + contentBytes));
}

/** Without a checksum (IPv4, and tunnels over IPv6 by RFC 6935) the field is zero. */
export function udp(ports: Ports, { checksum = true }: { readonly checksum?: boolean } = {}): Layer {
  return {
    name: 'udp',
    write: (draft) => {
      const at = prepend(draft, 8);
      putPorts(draft.bytes, at, ports);
      put16(draft.bytes, at + 4, sizeOf(draft));
      if (checksum) awaitChecksum(draft, at + 6, PROTOCOL.udp);
      draft.protocol = PROTOCOL.udp;
    },
  };
}

/** Only the first `coverage` bytes are protected: 0 is all of them, else at least the header's 8 (RFC 3828). */
export function udpLite(ports: Ports, { coverage = 0 }: { readonly coverage?: number } = {}): Layer {
  if (coverage !== 0 && coverage < 8) throw new RangeError(`a UDP-Lite coverage of ${coverage}`);
  return {
    name: 'udplite',
    write: (draft) => {
      const at = prepend(draft, 8);
      putPorts(draft.bytes, at, ports);
      put16(draft.bytes, at + 4, coverage);
      awaitChecksum(draft, at + 6, PROTOCOL.udplite, coverage === 0 ? sizeOf(draft) : Math.min(coverage, sizeOf(draft)));
      draft.protocol = PROTOCOL.udplite;
    },
  };
}

/** The common header; what follows are chunks, each padded to a multiple of four. */
export function sctp({ ports, verificationTag }: { readonly ports: Ports; readonly verificationTag: number }): Layer {
  return {
    name: 'sctp',
    write: (draft) => {
      const { bytes } = draft;
      const at = prepend(draft, 12);
      putPorts(bytes, at, ports);
      put32(bytes, at + 4, verificationTag);
      const crc = crc32c(bytes, at, draft.end);
      // The only field here in little-endian order.
      for (let i = 0; i < 4; i += 1) bytes[at + 8 + i] = crc >>> (8 * i);
      draft.protocol = PROTOCOL.sctp;
    },
  };
}

/** A chunk that holds 32-bit `words` and then all that follows, whose length must be a multiple of four. */
export function sctpChunk(type: number, flags = 0, words: readonly number[] = []): Layer {
  return {
    name: '',
    write: (draft) => {
      const at = prepend(draft, 4 + 4 * words.length);
      draft.bytes[at] = type;
      draft.bytes[at + 1] = flags;
      put16(draft.bytes, at + 2, sizeOf(draft));
      for (let i = 0; i < words.length; i += 1) put32(draft.bytes, at + 4 + 4 * i, words[i] ?? 0);
    },
  };
}

/** A parameter that holds all that follows. */
export function sctpParameter(type: number): Layer {
  return {
    name: '',
    write: (draft) => {
      const at = prepend(draft, 4);
      put16(draft.bytes, at, type);
      put16(draft.bytes, at + 2, sizeOf(draft));
    },
  };
}

/** Each direction of a DCCP connection begins with a request or a response, and goes on with data-and-acknowledgment. */
export const DCCP_TYPE = { request: 0, response: 1, dataAck: 4 } as const;

export interface DccpFields {
  readonly ports: Ports;
  readonly type: (typeof DCCP_TYPE)[keyof typeof DCCP_TYPE];
  readonly sequence: number;
  readonly acknowledgment: number;
}

/** DCCP (RFC 4340) with 48-bit sequence numbers, of which the low 32 are used. The checksum covers everything. */
export function dccp(fields: DccpFields): Layer {
  return {
    name: 'dccp',
    write: (draft) => {
      const { ports, type, sequence, acknowledgment } = fields;
      const acknowledgmentBytes = type === DCCP_TYPE.request ? 0 : 8;
      const serviceCodeBytes = type === DCCP_TYPE.dataAck ? 0 : 4;
      const headerBytes = 16 + acknowledgmentBytes + serviceCodeBytes;
      const at = prepend(draft, headerBytes);
      putPorts(draft.bytes, at, ports);
      draft.bytes[at + 4] = headerBytes / 4;
      draft.bytes[at + 8] = (type << 1) | 1;
      put32(draft.bytes, at + 12, sequence);
      if (acknowledgmentBytes > 0) put32(draft.bytes, at + 20, acknowledgment);
      awaitChecksum(draft, at + 6, PROTOCOL.dccp);
      draft.protocol = PROTOCOL.dccp;
    },
  };
}

export interface EchoFields {
  readonly request: boolean;
  readonly identifier: number;
  readonly sequence: number;
}

export interface IcmpErrorFields {
  readonly type: number;
  readonly code: number;
  /** The second word of the header: an MTU, or zero. */
  readonly rest?: number;
}

function putIcmp(draft: Draft, type: number, code: number, rest: number): number {
  const at = prepend(draft, 8);
  draft.bytes[at] = type;
  draft.bytes[at + 1] = code;
  put32(draft.bytes, at + 4, rest);
  return at;
}

function finishIcmp(draft: Draft, at: number): void {
  put16(draft.bytes, at + 2, foldChecksum(sumWords(draft.bytes, at, draft.zeroFrom)));
  draft.protocol = PROTOCOL.icmp;
}

function finishIcmp6(draft: Draft, at: number): void {
  awaitChecksum(draft, at + 2, PROTOCOL.icmp6);
  draft.protocol = PROTOCOL.icmp6;
}

export function icmpEcho(fields: EchoFields): Layer {
  return {
    name: 'icmp',
    write: (draft) => finishIcmp(draft, putIcmp(draft, fields.request ? 8 : 0, 0, (fields.identifier << 16) | fields.sequence)),
  };
}

export function icmp6Echo(fields: EchoFields): Layer {
  return {
    name: 'icmp6',
    write: (draft) => finishIcmp6(draft, putIcmp(draft, fields.request ? 128 : 129, 0, (fields.identifier << 16) | fields.sequence)),
  };
}

/** What follows is the packet that the error is about. */
export function icmpError({ type, code, rest = 0 }: IcmpErrorFields): Layer {
  return { name: 'icmp', write: (draft) => finishIcmp(draft, putIcmp(draft, type, code, rest)) };
}

export function icmp6Error({ type, code, rest = 0 }: IcmpErrorFields): Layer {
  return { name: 'icmp6', write: (draft) => finishIcmp6(draft, putIcmp(draft, type, code, rest)) };
}
