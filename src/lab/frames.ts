/**
 * Packets, composed of layers. A frame is written from its end to its start: each layer puts its header in front of what it
 * carries, so that lengths, the next protocol and checksums are known when they are written, under any nesting:
 *
 *     buildFrame([ethernet(macs), vlan({ id: 7 }), ipv4(addresses), udp(ports), tag({ flow, direction })])
 *
 * A tunnel is nothing more than a longer list. Transport layers read their fields when they are written: whoever sends many
 * packets that differ in a few of them keeps the layers and changes the fields.
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

export const ETHERTYPE = { ipv4: 0x0800, vlan: 0x8100, ipv6: 0x86dd, qinq: 0x88a8, ethernet: 0x6558 } as const;
export const PROTOCOL = {
  icmp: 1,
  ipv4: 4,
  tcp: 6,
  udp: 17,
  dccp: 33,
  ipv6: 41,
  icmp6: 58,
  sctp: 132,
  udplite: 136,
  ethernet: 143,
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

/** Makes room in front, zeroed, and returns where it starts. */
function prepend(draft: Draft, length: number): number {
  const start = draft.start - length;
  if (start < 0) throw new RangeError('a frame of more than 64 KiB');
  draft.bytes.fill(0, start, draft.start);
  draft.start = start;
  return start;
}

function put16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

function put32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

function sizeOf(draft: Draft): number {
  return draft.end - draft.start;
}

function putPorts(bytes: Uint8Array, at: number, { sourcePort, destinationPort }: Ports): void {
  put16(bytes, at, sourcePort);
  put16(bytes, at + 2, destinationPort);
}

function roundUp(length: number, unit: number): number {
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

/** The lab tag with sequence 0. It must begin at an even distance from the start of the transport header. */
export function tag({ flow, direction, guard = 'complement' }: { flow: number; direction: Direction; guard?: Guard }): Layer {
  const content = new Uint8Array(LAB_TAG.bytes);
  put32(content, 0, LAB_TAG.magic);
  put32(content, LAB_TAG.flowOffset, flow);
  content[LAB_TAG.directionOffset] = DIRECTION[direction];
  content[LAB_TAG.guardKindOffset] = GUARD[guard];
  // Of sequence 0 the complement is all ones, and the CRC register stays zero.
  put32(content, LAB_TAG.guardOffset, guard === 'complement' ? 0xffffffff : 0);
  return {
    name: '',
    write: (draft) => {
      const at = prepend(draft, LAB_TAG.bytes);
      draft.bytes.set(content, at);
      draft.tagAt = at;
    },
  };
}

// Link

/** Ethernet II. */
export function ethernet({ source, destination }: Ends): Layer {
  const addresses = Uint8Array.of(...destination, ...source);
  return {
    name: 'eth',
    write: (draft) => {
      const at = prepend(draft, 14);
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
export function vlan({ id, priority = 0, etherType = ETHERTYPE.vlan }: VlanFields): Layer {
  return {
    name: 'vlan',
    write: (draft) => {
      const at = prepend(draft, 4);
      put16(draft.bytes, at, (priority << 13) | id);
      put16(draft.bytes, at + 2, draft.etherType);
      draft.etherType = etherType;
    },
  };
}

// Network

/** Settles a checksum that waits for the pseudo-header. `addressSum` is the sum of both addresses. */
function settleChecksum(draft: Draft, addressSum: number): void {
  if (draft.checksumAt < 0) return;
  const pseudo = addressSum + draft.checksumProtocol + (draft.checksumLength & 0xffff) + (draft.checksumLength >>> 16);
  const checksum = foldChecksum(pseudo + sumWords(draft.bytes, draft.checksumFrom, Math.min(draft.checksumTo, draft.zeroFrom)));
  // A UDP checksum of zero would mean "none". Its other form, all ones, is good for every protocol here.
  put16(draft.bytes, draft.checksumAt, checksum || 0xffff);
  draft.checksumAt = -1;
}

/** Asks the next IP layer for a checksum at `at`, over the first `covered` bytes built so far and a pseudo-header. */
function awaitChecksum(draft: Draft, at: number, protocol: number, covered = sizeOf(draft)): void {
  draft.checksumAt = at;
  draft.checksumFrom = draft.start;
  draft.checksumTo = draft.start + covered;
  draft.checksumLength = sizeOf(draft);
  draft.checksumProtocol = protocol;
}

export interface Ipv4Fields extends Ends {
  readonly ttl?: number;
  readonly identification?: number;
  readonly trafficClass?: number;
  readonly dontFragment?: boolean;
  /** Padded to a multiple of four with end-of-options bytes. */
  readonly options?: Uint8Array;
}

export function ipv4(fields: Ipv4Fields): Layer {
  const { source, destination, ttl = 64, identification = 0, trafficClass = 0, dontFragment = true, options } = fields;
  // Everything that does not depend on the payload is prepared, and summed, once.
  const header = new Uint8Array(20 + roundUp(options?.length ?? 0, 4));
  header[0] = 0x40 | (header.length / 4);
  header[1] = trafficClass;
  put16(header, 4, identification);
  put16(header, 6, dontFragment ? 0x4000 : 0);
  header[8] = ttl;
  header.set(source, 12);
  header.set(destination, 16);
  if (options !== undefined) header.set(options, 20);
  const headerSum = sumWords(header, 0, header.length);
  const addressSum = sumWords(header, 12, 20);
  return {
    name: 'ipv4',
    write: (draft) => {
      const { bytes, protocol } = draft;
      settleChecksum(draft, addressSum);
      const at = prepend(draft, header.length);
      const totalBytes = sizeOf(draft);
      bytes.set(header, at);
      put16(bytes, at + 2, totalBytes);
      bytes[at + 9] = protocol;
      put16(bytes, at + 10, foldChecksum(headerSum + totalBytes + protocol));
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

export function ipv6({ source, destination, flowLabel = 0, hopLimit = 64, trafficClass = 0 }: Ipv6Fields): Layer {
  const header = new Uint8Array(40);
  put32(header, 0, 0x60000000 | (trafficClass << 20) | flowLabel);
  header[7] = hopLimit;
  header.set(source, 8);
  header.set(destination, 24);
  const addressSum = sumWords(header, 8, 40);
  return {
    name: 'ipv6',
    write: (draft) => {
      const { bytes } = draft;
      settleChecksum(draft, addressSum);
      const payloadBytes = sizeOf(draft);
      const at = prepend(draft, header.length);
      bytes.set(header, at);
      put16(bytes, at + 4, payloadBytes);
      bytes[at + 6] = draft.protocol;
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
  const content = new Uint8Array(6 + 16);
  content[0] = 4;
  content.set(destination, 6);
  return ipv6Extension(43, content);
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

function putEcho(draft: Draft, type: number, { identifier, sequence }: EchoFields): number {
  const at = prepend(draft, 8);
  draft.bytes[at] = type;
  put16(draft.bytes, at + 4, identifier);
  put16(draft.bytes, at + 6, sequence);
  return at;
}

export function icmpEcho(fields: EchoFields): Layer {
  return {
    name: 'icmp',
    write: (draft) => {
      const at = putEcho(draft, fields.request ? 8 : 0, fields);
      put16(draft.bytes, at + 2, foldChecksum(sumWords(draft.bytes, at, draft.zeroFrom)));
      draft.protocol = PROTOCOL.icmp;
    },
  };
}

export function icmp6Echo(fields: EchoFields): Layer {
  return {
    name: 'icmp6',
    write: (draft) => {
      const at = putEcho(draft, fields.request ? 128 : 129, fields);
      awaitChecksum(draft, at + 2, PROTOCOL.icmp6);
      draft.protocol = PROTOCOL.icmp6;
    },
  };
}
