/** Everything that packets travel in besides plain Ethernet, VLAN tags and IP. Layers as in frames.ts. */

import { foldChecksum, sumWords } from './checksum.ts';
import { type Draft, type Ends, ETHERTYPE, type Layer, PROTOCOL, prepend, put16, put32, sizeOf } from './frames.ts';

// PPP

const PPP = { ipv4: 0x0021, ipv6: 0x0057, compressed: 0x00fd, lcp: 0xc021 } as const;

/** PPP has protocol numbers of its own. What is no IP packet has left its number where an EtherType would be. */
function pppProtocol({ etherType }: Draft): number {
  if (etherType === ETHERTYPE.ipv4) return PPP.ipv4;
  return etherType === ETHERTYPE.ipv6 ? PPP.ipv6 : etherType;
}

/** With address and control field, as L2TP and PPTP carry it; the kernel recognises no shorter form. */
export function ppp(): Layer {
  return {
    name: 'ppp',
    write: (draft) => {
      const protocol = pppProtocol(draft);
      const at = prepend(draft, 4);
      put16(draft.bytes, at, 0xff03);
      put16(draft.bytes, at + 2, protocol);
      draft.etherType = ETHERTYPE.ppp;
    },
  };
}

/** An LCP echo (RFC 1661); what follows is its data. */
export function lcpEcho(fields: { readonly request: boolean; readonly identifier: number }): Layer {
  return {
    name: 'other',
    write: (draft) => {
      const at = prepend(draft, 8);
      draft.bytes[at] = fields.request ? 9 : 10;
      draft.bytes[at + 1] = fields.identifier;
      put16(draft.bytes, at + 2, sizeOf(draft));
      draft.etherType = PPP.lcp;
    },
  };
}

/** A compressed or encrypted datagram (RFC 3078), with the number by which the receiver keeps in step. */
export function mppe(fields: { readonly count: number }): Layer {
  return {
    name: 'other',
    write: (draft) => {
      // Encrypted, and the first after the keys were renewed.
      put16(draft.bytes, prepend(draft, 2), 0x9000 | (fields.count & 0x0fff));
      draft.etherType = PPP.compressed;
    },
  };
}

export interface PppoeFields {
  readonly session: number;
}

/** A PPPoE session packet (RFC 2516), the PPP protocol number included. */
export function pppoe(fields: PppoeFields): Layer {
  return {
    name: 'pppoe',
    write: (draft) => {
      const protocol = pppProtocol(draft);
      const at = prepend(draft, 8);
      draft.bytes[at] = 0x11;
      put16(draft.bytes, at + 2, fields.session);
      put16(draft.bytes, at + 4, sizeOf(draft) - 6);
      put16(draft.bytes, at + 6, protocol);
      draft.etherType = ETHERTYPE.pppoeSession;
    },
  };
}

const PPPOE_HOST_UNIQ = 0x0103;
export const PPPOE_CODE = { initiation: 0x09, offer: 0x07 } as const;

/** A discovery packet with any service's name; what follows is the value by which a host knows its own requests again. */
export function pppoeDiscovery(fields: { readonly code: number }): Layer {
  return {
    name: 'other',
    write: (draft) => {
      const valueBytes = sizeOf(draft);
      const at = prepend(draft, 14);
      draft.bytes[at] = 0x11;
      draft.bytes[at + 1] = fields.code;
      put16(draft.bytes, at + 4, valueBytes + 8);
      // The service name, an empty tag, is mandatory and comes first.
      put16(draft.bytes, at + 6, 0x0101);
      put16(draft.bytes, at + 10, PPPOE_HOST_UNIQ);
      put16(draft.bytes, at + 12, valueBytes);
      draft.etherType = ETHERTYPE.pppoeDiscovery;
    },
  };
}

// MPLS

export interface MplsFields {
  /** From 16 on: smaller ones are reserved. */
  readonly label: number;
}

/** One label. It is the bottom of the stack if no label follows. All labels of a stack are one layer of the stack text. */
export function mpls(fields: MplsFields, name: 'mpls' | '' = 'mpls'): Layer {
  return {
    name,
    write: (draft) => {
      const isBottom = draft.etherType !== ETHERTYPE.mpls;
      const at = prepend(draft, 4);
      put32(draft.bytes, at, (fields.label << 12) | (isBottom ? 0x100 : 0) | 64);
      draft.etherType = ETHERTYPE.mpls;
      draft.protocol = PROTOCOL.mpls;
    },
  };
}

/** The control word of an Ethernet pseudowire (RFC 4448), without sequencing: four zero bytes. */
export function controlWord(): Layer {
  return { name: 'pw', write: (draft) => void prepend(draft, 4) };
}

// Rings and meshes

export interface HsrFields {
  readonly sequence: number;
}

/** High-availability seamless redundancy (IEC 62439-3): a tag as of a VLAN, with the size of the frame and its number. */
export function hsr(fields: HsrFields): Layer {
  return {
    name: 'hsr',
    write: (draft) => {
      const { etherType } = draft;
      const at = prepend(draft, 6);
      // Behind the ring's first port.
      put16(draft.bytes, at, sizeOf(draft) & 0x0fff);
      put16(draft.bytes, at + 2, fields.sequence);
      put16(draft.bytes, at + 4, etherType);
      draft.etherType = ETHERTYPE.hsr;
    },
  };
}

/** A unicast packet of batman-adv (compatibility version 15) to the next node of the mesh; an Ethernet frame follows. */
export function batman(fields: { readonly destination: Uint8Array }): Layer {
  return {
    name: 'batman',
    write: (draft) => {
      const at = prepend(draft, 10);
      draft.bytes.set([0x40, 15, 50, 1], at);
      draft.bytes.set(fields.destination, at + 4);
      draft.etherType = ETHERTYPE.batman;
    },
  };
}

// Tags of vendors, and what bridges wrap frames in

function tagged(name: string, etherType: number, bytes: number, write: (bytes: Uint8Array, at: number) => void): Layer {
  return {
    name,
    write: (draft) => {
      const next = draft.etherType;
      const at = prepend(draft, bytes);
      write(draft.bytes, at);
      put16(draft.bytes, at + bytes - 2, next);
      draft.etherType = etherType;
    },
  };
}

/** Cisco MetaData: one option, the security group of the sender. */
export function ciscoMetadata(fields: { readonly group: number }): Layer {
  return tagged('cmd', ETHERTYPE.ciscoMetadata, 8, (bytes, at) => {
    bytes.set([1, 1, 0, 1], at);
    put16(bytes, at + 4, fields.group);
  });
}

export interface VirtualInterfaces {
  /** Whether the frame goes from the bridge to a virtual interface, or the other way. */
  readonly isFromBridge: boolean;
  /** Of 12 bits. */
  readonly source: number;
  readonly destination: number;
}

/** A tag of network interface virtualisation (Cisco, once IEEE 802.1Qbh). */
export function vnTag(fields: VirtualInterfaces): Layer {
  return tagged('vntag', ETHERTYPE.vnTag, 6, (bytes, at) => {
    put16(bytes, at, (fields.isFromBridge ? 0x8000 : 0) | fields.destination);
    put16(bytes, at + 2, fields.source);
  });
}

/** A tag of port extenders (IEEE 802.1BR), for one extended port. */
export function eTag(fields: { readonly ingress: number; readonly channel: number }): Layer {
  return tagged('etag', ETHERTYPE.eTag, 8, (bytes, at) => {
    put16(bytes, at, fields.ingress);
    put16(bytes, at + 2, fields.channel);
  });
}

function frontOf(name: string, etherType: number, write: (draft: Draft) => void): Layer {
  return {
    name,
    write: (draft) => {
      write(draft);
      draft.etherType = etherType;
    },
  };
}

/** Cisco FabricPath: a tree and the hops left, between the switches' addresses and the frame. */
export function fabricPath(fields: { readonly tree: number }): Layer {
  return frontOf('fabricpath', ETHERTYPE.fabricPath, (draft) => put16(draft.bytes, prepend(draft, 2), (fields.tree << 6) | 32));
}

/** The service tag of a provider's backbone (IEEE 802.1ah); the customer's frame follows. */
export function serviceTag(fields: { readonly service: number }): Layer {
  return frontOf('pbb', ETHERTYPE.backbone, (draft) => put32(draft.bytes, prepend(draft, 4), fields.service));
}

/** The longest frame that a length may announce; from 1536 on it would be an ethertype. */
const LENGTH_MAX = 1500;

/** IEEE 802.2 with a SNAP header (RFC 1042): the length stands where an ethertype would. */
export function snap(): Layer {
  return {
    name: 'snap',
    write: (draft) => {
      const next = draft.etherType;
      const at = prepend(draft, 8);
      draft.bytes.set([0xaa, 0xaa, 3], at);
      put16(draft.bytes, at + 6, next);
      draft.etherType = sizeOf(draft);
      if (draft.etherType > LENGTH_MAX) throw new RangeError(`a frame of ${draft.etherType} bytes behind a length`);
    },
  };
}

export interface WlanFields extends Ends {
  readonly isFromStation: boolean;
  /** As Cisco's controllers send it: the octets of the frame control field the other way round. */
  readonly isExchanged?: boolean;
}

/** A data frame of IEEE 802.11 between a station and a distribution system, without encryption. `source` and `destination` are Ethernet addresses. */
export function wlan(fields: WlanFields): Layer {
  return {
    name: 'wlan',
    write: (draft) => {
      const { source, destination, isFromStation, isExchanged = false } = fields;
      const { bytes } = draft;
      const at = prepend(draft, 24);
      const flags = isFromStation ? 1 : 2;
      bytes.set(isExchanged ? [flags, 8] : [8, flags], at);
      // The access point's own address stands first on the way in, and second on the way out.
      const [first, second, third] = isFromStation ? [ACCESS_POINT, source, destination] : [destination, ACCESS_POINT, source];
      bytes.set(first, at + 4);
      bytes.set(second, at + 10);
      bytes.set(third, at + 16);
      draft.etherType = ETHERTYPE.wlan;
    },
  };
}

const ACCESS_POINT = Uint8Array.of(0x22, 0xfc, 0, 0, 2, 0x01);

/** Frame relay with an address of two octets, and an ethertype as Cisco has it. */
export function frameRelay(): Layer {
  return {
    name: 'fr',
    write: (draft) => {
      const next = draft.etherType;
      const at = prepend(draft, 4);
      put16(draft.bytes, at, 0x1841);
      put16(draft.bytes, at + 2, next);
      draft.etherType = ETHERTYPE.frameRelay;
    },
  };
}

// GRE and what is built on it

export interface GreFields {
  readonly key?: number;
  readonly sequence?: number;
  readonly checksum?: boolean;
  /** The IPv4 address of a router to pass (RFC 1701). */
  readonly via?: Uint8Array;
}

const ROUTE_BYTES = 12;

/** A source route of one entry, and the empty one. */
function putRoute(bytes: Uint8Array, at: number, router: Uint8Array): void {
  put16(bytes, at, ETHERTYPE.ipv4);
  bytes[at + 3] = 4;
  bytes.set(router, at + 4);
}

/** Version 0 (RFC 2784, RFC 2890). */
export function gre(fields: GreFields = {}, name = 'gre'): Layer {
  return {
    name,
    write: (draft) => {
      const { key, sequence, checksum = false, via } = fields;
      const { bytes, etherType } = draft;
      if (via !== undefined) putRoute(bytes, prepend(draft, ROUTE_BYTES), via);
      const checksumBytes = checksum || via !== undefined ? 4 : 0;
      const [keyBytes, sequenceBytes] = [key === undefined ? 0 : 4, sequence === undefined ? 0 : 4];
      const at = prepend(draft, 4 + checksumBytes + keyBytes + sequenceBytes);
      const flags = (checksum ? 0x8000 : 0) | (via === undefined ? 0 : 0x4000);
      put16(bytes, at, flags | (key === undefined ? 0 : 0x2000) | (sequence === undefined ? 0 : 0x1000));
      put16(bytes, at + 2, etherType);
      if (key !== undefined) put32(bytes, at + 4 + checksumBytes, key);
      if (sequence !== undefined) put32(bytes, at + 4 + checksumBytes + keyBytes, sequence);
      if (checksum) put16(bytes, at + 4, foldChecksum(sumWords(bytes, at, draft.zeroFrom)));
      draft.protocol = PROTOCOL.gre;
    },
  };
}

/** RFC 7637: an Ethernet frame behind a key of 24 bits of virtual subnet and 8 bits that spread flows. */
export function nvgre(fields: { readonly key: number }): Layer {
  return gre(fields, 'nvgre');
}

export interface PptpFields {
  readonly callId: number;
  readonly sequence: number;
  readonly acknowledgment: number;
}

/** GRE version 1 as PPTP has it (RFC 2637), always with both numbers. */
export function pptp(fields: PptpFields): Layer {
  return {
    name: 'gre',
    write: (draft) => {
      const { callId, sequence, acknowledgment } = fields;
      const payloadBytes = sizeOf(draft);
      const at = prepend(draft, 16);
      put16(draft.bytes, at, 0x3081);
      put16(draft.bytes, at + 2, ETHERTYPE.ppp);
      put16(draft.bytes, at + 4, payloadBytes);
      put16(draft.bytes, at + 6, callId);
      put32(draft.bytes, at + 8, sequence);
      put32(draft.bytes, at + 12, acknowledgment);
      draft.protocol = PROTOCOL.gre;
    },
  };
}

export interface ErspanFields {
  readonly version: 1 | 2 | 3;
  readonly session: number;
  readonly vlan: number;
}

/** A mirrored frame. Version 1 has no header: only the GRE type, without a sequence number, tells it. */
export function erspan(fields: ErspanFields): Layer {
  return {
    name: 'erspan',
    write: (draft) => {
      const { version, session, vlan } = fields;
      draft.etherType = version === 3 ? ETHERTYPE.erspan3 : ETHERTYPE.erspan;
      if (version === 1) return;
      const at = prepend(draft, version === 2 ? 8 : 12);
      put16(draft.bytes, at, ((version - 1) << 12) | vlan);
      put16(draft.bytes, at + 2, session);
      // Of version 3: a hardware clock of 100 us, of which no mirrored frame here needs the reading.
    },
  };
}

/** Ethernet over IP as MikroTik has it: GRE of version 1 by its looks, with a length and the tunnel's number in place of a key. */
export function eoip(fields: { readonly tunnel: number }): Layer {
  return {
    name: 'eoip',
    write: (draft) => {
      const payloadBytes = sizeOf(draft);
      const at = prepend(draft, 8);
      put16(draft.bytes, at, 0x2001);
      put16(draft.bytes, at + 2, ETHERTYPE.eoip);
      put16(draft.bytes, at + 4, payloadBytes);
      // In the order of the routers' processors.
      draft.bytes[at + 6] = fields.tunnel;
      draft.bytes[at + 7] = fields.tunnel >>> 8;
      draft.protocol = PROTOCOL.gre;
    },
  };
}

// In IP directly

/** RFC 3378. Some wrote the version, 3, into the other half octet. */
export function etherIp(form: 'as specified' | 'other half' = 'as specified'): Layer {
  return {
    name: 'etherip',
    write: (draft) => {
      put16(draft.bytes, prepend(draft, 2), form === 'as specified' ? 0x3000 : 0x0300);
      draft.protocol = PROTOCOL.etherip;
    },
  };
}

export interface SecurityFields {
  readonly spi: number;
  readonly sequence: number;
}

/** ESP: nobody without the key can tell what follows. */
export function esp(fields: SecurityFields): Layer {
  return {
    name: 'esp',
    write: (draft) => {
      const at = prepend(draft, 8);
      put32(draft.bytes, at, fields.spi);
      put32(draft.bytes, at + 4, fields.sequence);
      draft.protocol = PROTOCOL.esp;
    },
  };
}

/** AH with an integrity value of 96 bits, or of 128 where IPv6 wants multiples of 8. Of what value, only the peers could tell. */
export function ah(fields: SecurityFields, integrityBytes: 12 | 16 = 12): Layer {
  return {
    name: 'ah',
    write: (draft) => {
      const { bytes, protocol } = draft;
      const at = prepend(draft, 12 + integrityBytes);
      bytes[at] = protocol;
      bytes[at + 1] = (12 + integrityBytes) / 4 - 2;
      put32(bytes, at + 4, fields.spi);
      put32(bytes, at + 8, fields.sequence);
      draft.protocol = PROTOCOL.ah;
    },
  };
}

/** What stands in front of opaque content is no more than this. */
function opaqueHeader(name: string, protocol: number, header: Uint8Array): Layer {
  return {
    name,
    write: (draft) => {
      draft.bytes.set(header, prepend(draft, header.length));
      draft.protocol = protocol;
    },
  };
}

/** Compressed by LZS (index 3), by what the header says. */
export function ipComp(): Layer {
  return opaqueHeader('ipcomp', PROTOCOL.ipcomp, Uint8Array.of(PROTOCOL.udp, 0, 0, 3));
}

/** A data message of L2TPv3 (RFC 3931) with the session number that both ends of this lab use. */
export function l2tpv3(): Layer {
  return opaqueHeader('l2tp', PROTOCOL.l2tp, Uint8Array.of(0, 0, 0x12, 0x34));
}

/** Protocol 253 is for experiments (RFC 3692). */
export function experiment(): Layer {
  return opaqueHeader('other', PROTOCOL.experiment, new Uint8Array(0));
}

/** An OSPF hello (RFC 2328) without neighbours, except those that follow, four bytes each. */
export function ospfHello(fields: { readonly router: Uint8Array }): Layer {
  return {
    name: 'other',
    write: (draft) => {
      const { bytes } = draft;
      const at = prepend(draft, 44);
      put16(bytes, at, 0x0201);
      put16(bytes, at + 2, sizeOf(draft));
      bytes.set(fields.router, at + 4);
      put32(bytes, at + 24, 0xffffff00);
      put16(bytes, at + 28, 10);
      bytes[at + 30] = 2;
      bytes[at + 31] = 1;
      put32(bytes, at + 32, 40);
      put16(bytes, at + 12, foldChecksum(sumWords(bytes, at, draft.zeroFrom)));
      draft.protocol = PROTOCOL.ospf;
    },
  };
}

/** An IGMPv3 report (RFC 3376) that includes one group from the sources that follow, four bytes each. */
export function igmpReport(): Layer {
  return {
    name: 'other',
    write: (draft) => {
      const { bytes } = draft;
      const sources = sizeOf(draft) / 4;
      const at = prepend(draft, 16);
      bytes[at] = 0x22;
      put16(bytes, at + 6, 1);
      bytes[at + 8] = 1;
      put16(bytes, at + 10, sources);
      put32(bytes, at + 12, 0xe9fc0001);
      put16(bytes, at + 2, foldChecksum(sumWords(bytes, at, draft.zeroFrom)));
      draft.protocol = PROTOCOL.igmp;
    },
  };
}

// In UDP

export const UDP_PORT = {
  l2tp: 1701,
  gtpu: 2152,
  gtpOld: 3386,
  teredo: 3544,
  lisp: 4341,
  esp: 4500,
  gre: 4754,
  vxlan: 4789,
  vxlanGpe: 4790,
  ayiya: 5072,
  capwap: 5247,
  geneve: 6081,
  mpls: 6635,
} as const;

export interface SegmentFields {
  /** Of a virtual network: 24 bits. */
  readonly vni: number;
}

export interface VxlanFields extends SegmentFields {
  /** Of a group policy: in octets that are reserved by RFC 7348, as is the last one. */
  readonly policy?: { readonly group: number; readonly last: number };
}

export function vxlan(fields: VxlanFields): Layer {
  return {
    name: 'vxlan',
    write: (draft) => {
      const { vni, policy } = fields;
      const at = prepend(draft, 8);
      draft.bytes[at] = policy === undefined ? 0x08 : 0x88;
      if (policy !== undefined) put16(draft.bytes, at + 2, policy.group);
      put32(draft.bytes, at + 4, (vni << 8) | (policy?.last ?? 0));
    },
  };
}

/** What NSH and the generic extension of VXLAN call what follows them. */
const NEXT_PROTOCOL: Readonly<Record<number, number>> = {
  [ETHERTYPE.ipv4]: 1,
  [ETHERTYPE.ipv6]: 2,
  [ETHERTYPE.ethernet]: 3,
  [ETHERTYPE.nsh]: 4,
  [ETHERTYPE.mpls]: 5,
};

/** VXLAN that says what it carries. */
export function vxlanGpe(fields: SegmentFields): Layer {
  return {
    name: 'vxlan',
    write: (draft) => {
      const next = NEXT_PROTOCOL[draft.etherType] ?? 0;
      const at = prepend(draft, 8);
      draft.bytes[at] = 0x0c;
      draft.bytes[at + 3] = next;
      put32(draft.bytes, at + 4, fields.vni << 8);
    },
  };
}

/** Anything in anything, as SixXS had it: the tunnel's own address as identity, and a signature that only the ends could check. */
export function ayiya(fields: { readonly identity: Uint8Array; readonly epoch: number }): Layer {
  return {
    name: 'ayiya',
    write: (draft) => {
      const { bytes, protocol } = draft;
      const [identityBytes, signatureBytes] = [16, 20];
      const at = prepend(draft, 8 + identityBytes + signatureBytes);
      // 2^4 octets of an integer, 5 words by SHA-1, a shared secret, "forward".
      bytes.set([0x41, 0x52, 0x11, protocol], at);
      put32(bytes, at + 4, fields.epoch);
      bytes.set(fields.identity, at + 8);
      bytes.fill(0x5a, at + 8 + identityBytes, at + 8 + identityBytes + signatureBytes);
    },
  };
}

/** The locator/identifier separation protocol (RFC 9300), with a nonce. */
export function lisp(fields: { readonly nonce: number }): Layer {
  return {
    name: 'lisp',
    write: (draft) => {
      const at = prepend(draft, 8);
      put32(draft.bytes, at, 0x80000000 | (fields.nonce & 0xffffff));
      put32(draft.bytes, at + 4, 1);
    },
  };
}

/** Data between an access point and its controller (RFC 5415): a frame of Ethernet, or of IEEE 802.11. */
export function capwap(): Layer {
  return {
    name: 'capwap',
    write: (draft) => {
      const isWireless = draft.etherType === ETHERTYPE.wlan;
      const at = prepend(draft, 8);
      // Two words of header, radio 1, which is one of IEEE 802.11, and whether its frame is left as it is.
      draft.bytes.set([0, 0x10, isWireless ? 0x43 : 0x42, 0], at);
    },
  };
}

/** Geneve (RFC 8926). `options` are whole ones: class, type, length, data. */
export function geneve(fields: SegmentFields & { readonly options?: Uint8Array }): Layer {
  return {
    name: 'geneve',
    write: (draft) => {
      const { vni, options } = fields;
      const optionBytes = options?.length ?? 0;
      const { bytes, etherType } = draft;
      const at = prepend(draft, 8 + optionBytes);
      bytes[at] = optionBytes / 4;
      put16(bytes, at + 2, etherType);
      put32(bytes, at + 4, vni << 8);
      if (options !== undefined) bytes.set(options, at + 8);
    },
  };
}

/** Version 0 (3GPP TS 09.60), whose tunnels have a number of eight octets. */
export function gtpOld(fields: { readonly label: number }): Layer {
  return {
    name: 'gtpu',
    write: (draft) => {
      const packetBytes = sizeOf(draft);
      const at = prepend(draft, 20);
      draft.bytes.set([0x1e, 0xff], at);
      put16(draft.bytes, at + 2, packetBytes);
      put16(draft.bytes, at + 6, fields.label);
      draft.bytes.fill(0xff, at + 8, at + 12);
      put32(draft.bytes, at + 16, fields.label);
    },
  };
}

export interface GtpuFields {
  readonly endpoint: number;
  /** A PDU session container (3GPP TS 38.415) in an extension header: the way of the packet and its quality of service. */
  readonly container?: { readonly uplink: boolean; readonly flowIdentifier: number };
}

/** A packet of a mobile subscriber (3GPP TS 29.281). */
export function gtpu(fields: GtpuFields): Layer {
  return {
    name: 'gtpu',
    write: (draft) => {
      const { endpoint, container } = fields;
      const { bytes } = draft;
      const packetBytes = sizeOf(draft);
      const extensionBytes = container === undefined ? 0 : 8;
      const at = prepend(draft, 8 + extensionBytes);
      bytes[at] = container === undefined ? 0x30 : 0x34;
      bytes[at + 1] = 0xff;
      put16(bytes, at + 2, packetBytes + extensionBytes);
      put32(bytes, at + 4, endpoint);
      if (container === undefined) return;
      bytes[at + 11] = 0x85;
      bytes[at + 12] = 1;
      bytes[at + 13] = container.uplink ? 0x10 : 0;
      bytes[at + 14] = container.flowIdentifier;
    },
  };
}

export interface L2tpFields {
  readonly tunnel: number;
  readonly session: number;
}

/** A data message of L2TPv2 (RFC 2661) with its length. */
export function l2tp(fields: L2tpFields): Layer {
  return {
    name: 'l2tp',
    write: (draft) => {
      const at = prepend(draft, 8);
      put16(draft.bytes, at, 0x4002);
      put16(draft.bytes, at + 2, sizeOf(draft));
      put16(draft.bytes, at + 4, fields.tunnel);
      put16(draft.bytes, at + 6, fields.session);
    },
  };
}

/** Teredo (RFC 4380) without indications is a name only: the IPv6 packet follows at once. */
export function teredo(): Layer {
  return { name: 'teredo', write: () => undefined };
}

// No IP

export interface ArpFields {
  readonly request: boolean;
  readonly sourceMac: Uint8Array;
  readonly targetMac: Uint8Array;
  readonly source: Uint8Array;
  readonly target: Uint8Array;
}

export function arp(fields: ArpFields): Layer {
  return {
    name: 'other',
    write: (draft) => {
      const { bytes } = draft;
      const at = prepend(draft, 28);
      put16(bytes, at, 1);
      put16(bytes, at + 2, ETHERTYPE.ipv4);
      put16(bytes, at + 4, 0x0604);
      bytes[at + 7] = fields.request ? 1 : 2;
      bytes.set(fields.sourceMac, at + 8);
      bytes.set(fields.source, at + 14);
      if (!fields.request) bytes.set(fields.targetMac, at + 18);
      bytes.set(fields.target, at + 24);
      draft.etherType = ETHERTYPE.arp;
    },
  };
}

function putTlv(draft: Draft, type: number, content: Uint8Array): void {
  const at = prepend(draft, 2 + content.length);
  put16(draft.bytes, at, (type << 9) | content.length);
  draft.bytes.set(content, at + 2);
}

const ORGANISATION = Uint8Array.of(0x02, 0xfc, 0x00, 1);

/** An LLDP advertisement; what follows goes into a TLV of nobody's organisation, the last before the end mark. */
export function lldp(fields: { readonly mac: Uint8Array }): Layer {
  return {
    name: 'other',
    write: (draft) => {
      const content = sizeOf(draft);
      draft.bytes.set(ORGANISATION, prepend(draft, 4));
      put16(draft.bytes, prepend(draft, 2), (127 << 9) | (content + 4));
      putTlv(draft, 3, Uint8Array.of(0, 120));
      putTlv(draft, 2, Uint8Array.of(7, 0x31));
      putTlv(draft, 1, Uint8Array.of(4, ...fields.mac));
      draft.etherType = ETHERTYPE.lldp;
    },
  };
}

/** A configuration bridge protocol data unit behind an LLC header; what follows is the trailer of the frame. */
export function spanningTree(fields: { readonly mac: Uint8Array; readonly port: number }): Layer {
  return {
    name: 'other',
    write: (draft) => {
      const { bytes } = draft;
      const at = prepend(draft, 38);
      put16(bytes, at, 0x4242);
      bytes[at + 2] = 3;
      for (const identifier of [at + 8, at + 20]) {
        put16(bytes, identifier, 0x8000);
        bytes.set(fields.mac, identifier + 2);
      }
      put16(bytes, at + 28, 0x8000 | fields.port);
      put16(bytes, at + 32, 20 << 8);
      put16(bytes, at + 34, 2 << 8);
      put16(bytes, at + 36, 15 << 8);
      draft.etherType = 38;
    },
  };
}

export interface MacsecFields {
  readonly association: number;
  readonly packetNumber: number;
}

/** IEEE 802.1AE with encryption: what follows is the secret, and 16 bytes of integrity value at its end. */
export function macsec(fields: MacsecFields): Layer {
  return {
    name: 'other',
    write: (draft) => {
      const secretBytes = sizeOf(draft) - 16;
      const at = prepend(draft, 6);
      draft.bytes[at] = 0x0c | fields.association;
      // Short length: only what is shorter than 48 bytes says so.
      draft.bytes[at + 1] = secretBytes < 48 ? secretBytes : 0;
      put32(draft.bytes, at + 2, fields.packetNumber);
      draft.etherType = ETHERTYPE.macsec;
    },
  };
}

export interface ServiceFields {
  readonly path: number;
  /** Of type 1, always four words; or of type 2, here one piece of four octets. Without: type 2, and no piece. */
  readonly metadata?: 1 | 2;
}

const EXPERIMENT = 0xfe;

/** A network service header (RFC 8300). */
export function nsh(fields: ServiceFields): Layer {
  return {
    name: 'nsh',
    write: (draft) => {
      const { path, metadata } = fields;
      const next = NEXT_PROTOCOL[draft.etherType] ?? EXPERIMENT;
      const [lifetime, words] = [63, metadata === undefined ? 2 : metadata === 1 ? 6 : 4];
      const at = prepend(draft, 4 * words);
      put16(draft.bytes, at, (lifetime << 6) | words);
      draft.bytes[at + 2] = metadata ?? 2;
      draft.bytes[at + 3] = next;
      put32(draft.bytes, at + 4, (path << 8) | 0xff);
      // A class for experiments, type 1, four octets.
      if (metadata === 2) draft.bytes.set([0xff, 0xf6, 1, 4, 0, 0, 0, 7], at + 8);
      draft.etherType = ETHERTYPE.nsh;
    },
  };
}

export interface TipcFields {
  readonly node: number;
  readonly port: number;
  readonly peerPort: number;
  readonly sequence: number;
}

/** A data message of a TIPC connection (version 2), with the short header. */
export function tipc(fields: TipcFields): Layer {
  return {
    name: 'other',
    write: (draft) => {
      const { node, port, peerPort, sequence } = fields;
      const at = prepend(draft, 24);
      const [version, words] = [2, 6];
      put32(draft.bytes, at, (version << 29) | (words << 21) | sizeOf(draft));
      put16(draft.bytes, at + 10, sequence);
      put32(draft.bytes, at + 12, node);
      put32(draft.bytes, at + 16, port);
      put32(draft.bytes, at + 20, peerPort);
      draft.etherType = ETHERTYPE.tipc;
    },
  };
}

/** An EtherType that nobody registered: 0x88b5 is for local experiments. */
export function unknownEtherType(): Layer {
  return {
    name: 'other',
    write: (draft) => {
      draft.etherType = ETHERTYPE.experimental;
    },
  };
}
