/** What packets travel in: links, networks and tunnels, as parts that follow one another from the Ethernet header inwards. */
import {
  ah,
  ayiya,
  batman,
  capwap,
  ciscoMetadata,
  controlWord,
  type ErspanFields,
  eoip,
  erspan,
  eTag,
  etherIp,
  fabricPath,
  frameRelay,
  geneve,
  gre,
  gtpOld,
  gtpu,
  hsr,
  l2tp,
  lisp,
  mpls,
  nsh,
  nvgre,
  ppp,
  pppoe,
  pptp,
  serviceTag,
  snap,
  teredo,
  UDP_PORT,
  vnTag,
  vxlan,
  vxlanGpe,
  wlan,
} from './encapsulations.ts';
import {
  announced,
  cut,
  destinationOptions,
  type Ends,
  ETHERTYPE,
  ethernet,
  hopByHop,
  type Ipv4Fields,
  ipv4,
  ipv6,
  ipv6Fragment,
  type Layer,
  type Ports,
  PROTOCOL,
  segmentRouting,
  udp,
  vlan,
} from './frames.ts';
import { createEnds, draw, type Family, loadEnds, type Plan, SIDE, type Side, type Talk, type Writable } from './parties.ts';

/** A stretch of headers: its layers per sender, and how they take on the fields of one packet. */
export interface Part {
  readonly initiator: readonly Layer[];
  readonly responder: readonly Layer[];
  load?(talk: Talk): void;
}

/** Made anew for every generation of traffic: parts hold the fields of the packet that is being written. */
export type PartFactory = () => Part;

export function joinParts(factories: readonly PartFactory[]): Part {
  const parts = factories.map((create) => create());
  const loads = parts.flatMap((part) => (part.load === undefined ? [] : [part.load]));
  return {
    initiator: parts.flatMap((part) => part.initiator),
    responder: parts.flatMap((part) => part.responder),
    load: (talk) => {
      for (const load of loads) load(talk);
    },
  };
}

function both(layers: readonly Layer[], load?: (talk: Talk) => void): Part {
  return { initiator: layers, responder: layers, ...(load === undefined ? {} : { load }) };
}

function fixed(...layers: readonly Layer[]): PartFactory {
  return () => both(layers);
}

/** What is drawn for a flow, each for a purpose of its own. Two sides need two numbers in a row. */
const PURPOSE = {
  vlan: 0x1000,
  innerVlan: 0x1010,
  innermostVlan: 0x1020,
  label: 0x1030,
  tunnelPort: 0x1040,
  security: 0x1050,
  mpls: 0x1060,
  innerMpls: 0x1070,
  port: 0x1080,
} as const;

// Link

// Unicast, locally administered: no vendor's address, and no switch would flood them. In a pseudowire without control word the
// first half octet must be no IP version and no control word's zero.
export const MAC = {
  initiator: Uint8Array.of(0x22, 0xfc, 0, 0, 0, 0x01),
  responder: Uint8Array.of(0x22, 0xfc, 0, 0, 0, 0x02),
  outerInitiator: Uint8Array.of(0x22, 0xfc, 0, 0, 1, 0x01),
  outerResponder: Uint8Array.of(0x22, 0xfc, 0, 0, 1, 0x02),
} as const;

function ethernetBetween(initiator: Uint8Array, responder: Uint8Array): PartFactory {
  const fromInitiator = ethernet({ source: initiator, destination: responder });
  const fromResponder = ethernet({ source: responder, destination: initiator });
  return () => ({ initiator: [fromInitiator], responder: [fromResponder] });
}

/** The header that every frame begins with. */
export const LINK = ethernetBetween(MAC.outerInitiator, MAC.outerResponder);
/** Of a frame in a tunnel. */
export const INNER_LINK = ethernetBetween(MAC.initiator, MAC.responder);

/** VLAN ids from 2 to 4093: 0 and 4095 are reserved, 1 is many a switch's default. */
function vlanId(talk: Talk, purpose: number): number {
  return 2 + (draw(talk, purpose) % 4092);
}

function tagOf(purpose: number, etherType: number = ETHERTYPE.vlan): PartFactory {
  return () => {
    const fields = { id: 0, etherType };
    return both([vlan(fields)], (talk) => {
      fields.id = vlanId(talk, purpose);
    });
  };
}

/** Another id for each side: as span ports of two VLANs, or of a router's two sides, are seen. */
function tagPerSide(purpose: number): PartFactory {
  return () => {
    const fields = { id: 0 };
    return both([vlan(fields)], (talk) => {
      const id = vlanId(talk, purpose);
      fields.id = talk.side === SIDE.initiator ? id : id === 4093 ? 2 : id + 1;
    });
  };
}

function oneWay(create: PartFactory): PartFactory {
  return () => ({ ...create(), responder: [] });
}

export const VLAN = [tagOf(PURPOSE.vlan)];
export const VLAN_PER_SIDE = [tagPerSide(PURPOSE.vlan)];
export const VLAN_ONE_WAY = [oneWay(tagOf(PURPOSE.vlan))];
export const VLAN_ZERO = [fixed(vlan({ id: 0, priority: 5 }))];
export const QINQ = [tagOf(PURPOSE.vlan, ETHERTYPE.qinq), tagOf(PURPOSE.innerVlan)];
export const QINQ_PER_SIDE = [tagOf(PURPOSE.vlan, ETHERTYPE.qinq), tagPerSide(PURPOSE.innerVlan)];
export const TWO_VLANS = [tagOf(PURPOSE.vlan), tagOf(PURPOSE.innerVlan)];
export const THREE_VLANS = [...TWO_VLANS, tagOf(PURPOSE.innermostVlan)];
export const OLD_QINQ = [tagOf(PURPOSE.vlan, ETHERTYPE.doubleTag), tagOf(PURPOSE.innerVlan)];
/** Another VLAN for the second sighting of a packet, which has been routed or is mirrored twice. */
export const OTHER_VLAN = [tagOf(PURPOSE.innermostVlan)];

function sessionOf(talk: Talk): number {
  return 1 + (talk.pair % 0xfffe);
}

export const PPPOE: PartFactory = () => {
  const fields = { session: 0 };
  return both([pppoe(fields)], (talk) => {
    fields.session = sessionOf(talk);
  });
};

export const HSR: PartFactory = () => {
  const fields = { sequence: 0 };
  return both([hsr(fields)], (talk) => {
    fields.sequence = talk.turn & 0xffff;
  });
};

/** The mesh's next node is the one that the frame is sent to. */
export const BATMAN: readonly PartFactory[] = [
  () => ({ initiator: [batman({ destination: MAC.outerResponder })], responder: [batman({ destination: MAC.outerInitiator })] }),
  INNER_LINK,
];

export const OLDER_QINQ = [tagOf(PURPOSE.vlan, ETHERTYPE.olderTag), tagOf(PURPOSE.innerVlan)];

/** A group is the sender's. */
const METADATA: PartFactory = () => {
  const fields = { group: 0 };
  return both([ciscoMetadata(fields)], (talk) => {
    fields.group = 2 + 2 * (talk.pair % 100) + talk.side;
  });
};

/** A virtual interface, of 12 bits, on one side of the switch, and its uplink on the other. */
function virtualInterface(talk: Talk): number {
  return 1 + (draw(talk, PURPOSE.port) % 0xffe);
}

const VN_TAGGED: PartFactory = () => {
  const fields = { isFromBridge: false, source: 0, destination: 0 };
  return both([vnTag(fields)], (talk) => {
    fields.isFromBridge = talk.side === SIDE.responder;
    fields.source = fields.isFromBridge ? 0 : virtualInterface(talk);
    fields.destination = fields.isFromBridge ? virtualInterface(talk) : 0;
  });
};

const E_TAGGED: PartFactory = () => {
  const fields = { ingress: 0, channel: 0 };
  return both([eTag(fields)], (talk) => {
    fields.ingress = talk.side === SIDE.initiator ? 0 : virtualInterface(talk);
    fields.channel = virtualInterface(talk);
  });
};

const SERVICE: PartFactory = () => {
  const fields = { service: 0 };
  return both([serviceTag(fields)], (talk) => {
    fields.service = keyOf(talk);
  });
};

const FABRIC = fixed(fabricPath({ tree: 1 }));

export const CISCO_METADATA = [METADATA];
export const CISCO_METADATA_ONE_WAY = [oneWay(METADATA)];
export const VN_TAG = [VN_TAGGED];
export const VN_TAG_VLAN = [VN_TAGGED, tagOf(PURPOSE.vlan)];
export const E_TAG = [E_TAGGED];
export const FABRIC_PATH = [FABRIC, INNER_LINK];
export const FABRIC_PATH_ONE_WAY = [oneWay(FABRIC), oneWay(INNER_LINK)];
export const BACKBONE = [SERVICE, INNER_LINK];
export const BACKBONE_TAGGED = [tagOf(PURPOSE.vlan, ETHERTYPE.qinq), SERVICE, INNER_LINK];
export const SNAP = [fixed(snap())];
export const VLAN_SNAP = [tagOf(PURPOSE.vlan), fixed(snap())];

/** A chain of services is passed on one path, and on another back. */
function servicePath(metadata: 1 | 2): PartFactory {
  return () => {
    const fields = { path: 0, metadata };
    return both([nsh(fields)], (talk) => {
      fields.path = 0x100 + 2 * tunnelOf(talk) + talk.side;
    });
  };
}

export const NSH = [servicePath(1)];
export const NSH_ETHERNET = [servicePath(2), INNER_LINK];
export const NSH_TWICE = [servicePath(2), servicePath(1)];
export const NSH_MPLS = [servicePath(1), labelOf(PURPOSE.mpls)];

function wireless(options: { readonly isExchanged?: boolean } = {}): PartFactory {
  const fromInitiator = wlan({ source: MAC.initiator, destination: MAC.responder, isFromStation: true, ...options });
  const fromResponder = wlan({ source: MAC.responder, destination: MAC.initiator, isFromStation: false, ...options });
  return () => ({ initiator: [fromInitiator, snap()], responder: [fromResponder, snap()] });
}

/** Labels are chosen by who receives them, so each side has its own. */
function labelOf(purpose: number, name?: ''): PartFactory {
  return () => {
    const fields = { label: 0 };
    return both([mpls(fields, name)], (talk) => {
      fields.label = 16 + (draw(talk, purpose + talk.side) % (2 ** 20 - 16));
    });
  };
}

export const MPLS = [labelOf(PURPOSE.mpls)];
export const TWO_LABELS = [labelOf(PURPOSE.mpls), labelOf(PURPOSE.innerMpls, '')];
export const PSEUDOWIRE = [labelOf(PURPOSE.mpls), INNER_LINK];
export const PSEUDOWIRE_CONTROL_WORD = [labelOf(PURPOSE.mpls), fixed(controlWord()), INNER_LINK];

// Network

/** Where the flow's own addresses are. */
export interface Network {
  readonly family: Family;
  readonly hosts?: Plan['hosts'];
  readonly create: PartFactory;
}

type Network4 = Pick<Ipv4Fields, 'options' | 'ttl' | 'isEmpty'>;

function ipv4With(fields: Network4 = {}): PartFactory {
  return () => {
    const header = { ...createEnds(4), ...fields, identification: 0 };
    return both([ipv4(header)], (talk) => {
      loadEnds(header, talk, talk.side);
      // Another one for each packet: copies of a packet are known by it.
      header.identification = (talk.entropy + talk.turn) & 0xffff;
    });
  };
}

/** `inner` may refer to the addresses of the packet. */
function ipv6With(inner: (ends: Ends) => readonly Layer[]): PartFactory {
  return () => {
    const ends = createEnds(6);
    return both([ipv6(ends), ...inner(ends)], (talk) => loadEnds(ends, talk, talk.side));
  };
}

/** Flow labels are chosen per flow, from 1 to 2^20 - 1: 0 means "none". */
function labelled(labels: (label: number, side: Side) => number): Network {
  return {
    family: 6,
    create: () => {
      const fields = { ...createEnds(6), flowLabel: 0 };
      return both([ipv6(fields)], (talk) => {
        loadEnds(fields, talk, talk.side);
        fields.flowLabel = labels(1 + (draw(talk, PURPOSE.label) % 0xfffff), talk.side);
      });
    },
  };
}

// A record of one route entry still empty, and the end: what a packet that asks for its route begins with.
const RECORD_ROUTE = Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 0);

export const IPV4: Network = { family: 4, create: ipv4With() };
export const IPV4_TOP_BIT: Network = { ...IPV4, hosts: 'top-bit' };
export const IPV4_SAME_HOST: Network = { ...IPV4, hosts: 'same' };
export const IPV4_OPTIONS: Network = { family: 4, create: ipv4With({ options: RECORD_ROUTE }) };
export const IPV4_EMPTY: Network = { family: 4, create: ipv4With({ isEmpty: true }) };
export const IPV4_LINK_LOCAL: Network = { family: 4, create: ipv4With({ ttl: 1 }) };

export const IPV6: Network = { family: 6, create: ipv6With(() => []) };
export const IPV6_SAME_HOST: Network = { ...IPV6, hosts: 'same' };
export const IPV6_LABEL_SAME = labelled((label) => label);
export const IPV6_LABEL_PER_SIDE = labelled((label, side) => (side === SIDE.initiator ? label : (label % 0xfffff) + 1));
export const IPV6_LABEL_ONE_WAY = labelled((label, side) => (side === SIDE.initiator ? label : 0));
export const IPV6_HOP_BY_HOP: Network = { family: 6, create: ipv6With(() => [hopByHop()]) };
export const IPV6_DESTINATION: Network = { family: 6, create: ipv6With(() => [destinationOptions()]) };
export const IPV6_ROUTING: Network = { family: 6, create: ipv6With(({ destination }) => [segmentRouting(destination)]) };
export const IPV6_EXTENSIONS: Network = {
  family: 6,
  create: ipv6With(({ destination }) => [hopByHop(), segmentRouting(destination), destinationOptions()]),
};

/** Of every datagram of a flow, and of the flows between the same hosts, another. */
function datagramNumber({ nth, turn }: Talk): number {
  return (nth << 14) | (turn & 0x3fff);
}

function atomic(isOneWay: boolean): Network {
  return {
    family: 6,
    create: () => {
      const ends = createEnds(6);
      const fields = { identification: 0 };
      const plain = ipv6(ends);
      const fragment = [plain, ipv6Fragment(fields)];
      return {
        initiator: isOneWay ? [plain] : fragment,
        responder: fragment,
        load: (talk) => {
          loadEnds(ends, talk, talk.side);
          fields.identification = datagramNumber(talk);
        },
      };
    },
  };
}

export const IPV6_ATOMIC = atomic(false);
export const IPV6_ATOMIC_ONE_WAY = atomic(true);

/** Where a datagram is cut, counted from its UDP header: a multiple of 8. */
export const CUT_AT = 40;

/** Senders in a hurry come round to the same number before long: here at once, for every datagram of a flow. */
function reusedNumber({ nth }: Talk): number {
  return 0x1000 | nth;
}

/** The front of a datagram that was cut in two, or the rear. */
export function fragmentOf(family: Family, rear: boolean, numbers: 'own' | 'reused' = 'own'): PartFactory {
  const numberOf = numbers === 'own' ? datagramNumber : reusedNumber;
  return () => {
    const ends = createEnds(family);
    const fragment = { identification: 0, offset: rear ? CUT_AT : 0, more: !rear };
    const header = { ...ends, identification: 0, dontFragment: false, moreFragments: fragment.more, fragmentOffset: fragment.offset };
    const piece = { ends, at: CUT_AT, rear };
    const layers = family === 4 ? [ipv4(header), cut(piece, 'frag')] : [ipv6(ends), ipv6Fragment(fragment), cut(piece)];
    return both(layers, (talk) => {
      loadEnds(ends, talk, talk.side);
      header.identification = fragment.identification = numberOf(talk);
    });
  };
}

/** The packet that an error of `family` comes in: from the other end of the flow, or from a router on the way. */
export function errorNetwork(family: Family, from: 'peer' | 'router'): PartFactory {
  const router = family === 4 ? Uint8Array.of(203, 0, 113, 1) : Uint8Array.of(0x20, 1, 0xd, 0xb8, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1);
  return () => {
    const ends = createEnds(family);
    const fields = from === 'peer' ? ends : { ...ends, source: router };
    return both([family === 4 ? ipv4(fields) : ipv6(fields)], (talk) => loadEnds(ends, talk, SIDE.responder));
  };
}

/** Transport-mode AH between the network and the transport. Each side chooses the index by which it wants to be addressed. */
export function authenticated(family: Family, indexes: 'per-side' | 'same'): PartFactory {
  return () => {
    const fields = { spi: 0, sequence: 0 };
    return both([ah(fields, family === 4 ? 12 : 16)], (talk) => {
      fields.spi = securityIndex(talk, indexes);
      fields.sequence = talk.turn + 1;
    });
  };
}

/** Values up to 255 are reserved. */
export function securityIndex(talk: Talk, indexes: 'per-side' | 'same'): number {
  return 256 + (draw(talk, PURPOSE.security + (indexes === 'same' ? 0 : talk.side)) & 0x3fffffff);
}

// Tunnels

/** Many flows share a tunnel: this many pairs of tunnel ends there are. */
export const TUNNELS = 16;

// Not by the number of the pair in the run: with 16 classes, a class would have one tunnel.
function tunnelOf({ pairOfClass }: Talk): number {
  return pairOfClass % TUNNELS;
}

/** 192.0.2.0/24 and 198.51.100.0/24 (RFC 5737). */
function putTunnelEnd4(address: Uint8Array, side: Side, tunnel: number): void {
  address.set(side === SIDE.initiator ? [192, 0, 2] : [198, 51, 100]);
  address[3] = 1 + tunnel;
}

type Differ = 'in bytes 8 to 11' | 'elsewhere';

/** 2001:db8:ff00::/40: which of the last 8 bytes say the side decides whether known bug D shows. */
function putTunnelEnd6(address: Uint8Array, side: Side, tunnel: number, differ: Differ): void {
  address.set([0x20, 0x01, 0x0d, 0xb8, 0xff]);
  address[differ === 'elsewhere' ? 7 : 11] = 1 + side;
  address[15] = 1 + tunnel;
}

type PutTunnelEnd = (address: Uint8Array, side: Side, tunnel: number) => void;

function loadTunnelEnds({ source, destination }: Ends, talk: Talk, put: PutTunnelEnd, side: Side = talk.side): void {
  put(source, side, tunnelOf(talk));
  put(destination, side === SIDE.initiator ? SIDE.responder : SIDE.initiator, tunnelOf(talk));
}

const OUTER_IPV4: PartFactory = () => {
  const ends = createEnds(4);
  return both([ipv4(ends)], (talk) => loadTunnelEnds(ends, talk, putTunnelEnd4));
};

/** A switch that mirrors sends both directions of a flow the same way: to the collector. */
const MIRROR_IPV4: PartFactory = () => {
  const ends = createEnds(4);
  return both([ipv4(ends)], (talk) => loadTunnelEnds(ends, talk, putTunnelEnd4, SIDE.initiator));
};

function outerIpv6(differ: Differ, inner: (ends: Ends) => readonly Layer[] = () => []): PartFactory {
  return () => {
    const ends = createEnds(6);
    return both([ipv6(ends), ...inner(ends)], (talk) =>
      loadTunnelEnds(ends, talk, (at, side, tunnel) => putTunnelEnd6(at, side, tunnel, differ)),
    );
  };
}

export const IN_IPV4 = [OUTER_IPV4];
export const IN_IPV6 = [outerIpv6('in bytes 8 to 11')];
export const IN_NEAR_IPV6 = [outerIpv6('elsewhere')];
export const SRV6 = [outerIpv6('in bytes 8 to 11', ({ destination }) => [segmentRouting(destination)])];
export const MPLS_IN_IP = [OUTER_IPV4, ...MPLS];
export const ETHERIP = [OUTER_IPV4, fixed(etherIp()), INNER_LINK];
export const ETHERIP_OTHER_HALF = [OUTER_IPV4, fixed(etherIp('other half')), INNER_LINK];

/** Each end sends to the segment at which the other one decapsulates (RFC 8986, End.DX2), and from an address of its own. */
const TO_SEGMENT: PartFactory = () => {
  const ends = createEnds(6);
  return both([ipv6(ends), segmentRouting(ends.destination)], (talk) => {
    loadTunnelEnds(ends, talk, (at, side, tunnel) => putTunnelEnd6(at, side, tunnel, 'elsewhere'));
    ends.destination[13] = 0xd2;
  });
};

export const SRV6_ETHERNET = [TO_SEGMENT, fixed(announced(PROTOCOL.ethernet, 'srv6l2')), INNER_LINK];

/** Keys and virtual networks are chosen per tunnel, the same for both directions. */
function keyOf(talk: Talk): number {
  return 0x1001 + tunnelOf(talk);
}

const KEYED_GRE: PartFactory = () => {
  const fields = { key: 0 };
  return both([gre(fields)], (talk) => {
    fields.key = keyOf(talk);
  });
};

const NVGRE_HEADER: PartFactory = () => {
  const fields = { key: 0 };
  return both([nvgre(fields)], (talk) => {
    fields.key = keyOf(talk) << 8;
  });
};

const PPTP_HEADER: PartFactory = () => {
  const fields = { callId: 0, sequence: 0, acknowledgment: 0 };
  return both([pptp(fields), ppp()], (talk) => {
    fields.callId = 1 + ((2 * tunnelOf(talk) + talk.side) & 0xffff);
    fields.sequence = fields.acknowledgment = talk.turn;
  });
};

function mirrored(version: ErspanFields['version']): readonly PartFactory[] {
  const header: PartFactory = () => {
    const carrier = { sequence: 0 };
    const fields = { version, session: 0, vlan: 100 };
    return both([version === 1 ? gre() : gre(carrier), erspan(fields)], (talk) => {
      carrier.sequence = talk.turn;
      fields.session = 1 + tunnelOf(talk);
    });
  };
  return [MIRROR_IPV4, header, INNER_LINK];
}

export const GRE = [OUTER_IPV4, fixed(gre())];
export const GRE_CHECKSUM = [OUTER_IPV4, fixed(gre({ checksum: true }))];
export const GRE_KEY = [OUTER_IPV4, KEYED_GRE];
export const GRE_ETHERNET = [OUTER_IPV4, fixed(gre()), INNER_LINK];
export const NVGRE = [OUTER_IPV4, NVGRE_HEADER, INNER_LINK];
export const PPTP = [OUTER_IPV4, PPTP_HEADER];
export const ERSPAN_1 = mirrored(1);
export const ERSPAN_2 = mirrored(2);
export const ERSPAN_3 = mirrored(3);
export const GRE_PPP = [OUTER_IPV4, fixed(gre()), fixed(ppp())];
export const GRE_ROUTED = [OUTER_IPV4, fixed(gre({ via: Uint8Array.of(203, 0, 113, 9) }))];
export const GRE_FRAME_RELAY = [OUTER_IPV4, fixed(gre()), fixed(frameRelay())];
export const GRE_NSH = [OUTER_IPV4, fixed(gre()), ...NSH];
export const GRE_WLAN = [OUTER_IPV4, fixed(gre()), wireless()];

const EOIP_HEADER: PartFactory = () => {
  const fields = { tunnel: 0 };
  return both([eoip(fields)], (talk) => {
    fields.tunnel = keyOf(talk);
  });
};

export const EOIP = [OUTER_IPV4, EOIP_HEADER, INNER_LINK];
export const GRE_IN_IPV6 = [...IN_IPV6, fixed(gre())];
export const GRE_IN_NEAR_IPV6 = [...IN_NEAR_IPV6, fixed(gre())];

type LoadPorts = (ports: Writable<Ports>, talk: Talk) => void;

/** Tunnels leave the checksum out where their specification says so; then nothing in the outer packet depends on the lab tag. */
function inUdp(load: LoadPorts, options: { readonly checksum: boolean }): PartFactory {
  return () => {
    const ports = { sourcePort: 0, destinationPort: 0 };
    return both([udp(ports, options)], (talk) => load(ports, talk));
  };
}

/** Both ends use the well-known port. */
function wellKnown(port: number): LoadPorts {
  return (ports) => {
    ports.sourcePort = ports.destinationPort = port;
  };
}

/** What RFC 7348 asks for: the source port tells flows apart, and each end computes its own. */
function portPerSide(port: number): LoadPorts {
  return (ports, talk) => {
    ports.sourcePort = 0xc000 | (draw(talk, PURPOSE.tunnelPort + talk.side) & 0x3fff);
    ports.destinationPort = port;
  };
}

const WITHOUT_CHECKSUM = { checksum: false } as const;
const WITH_CHECKSUM = { checksum: true } as const;

const VXLAN_HEADER: PartFactory = () => {
  const fields = { vni: 0 };
  return both([vxlan(fields)], (talk) => {
    fields.vni = keyOf(talk);
  });
};

// One option of a class for experiments, which a receiver may ignore.
const GENEVE_OPTION = Uint8Array.of(0xff, 0xf0, 0x01, 1, 0, 0, 0, 7);

const GENEVE_HEADER: PartFactory = () => {
  const fields = { vni: 0, options: GENEVE_OPTION };
  return both([geneve(fields)], (talk) => {
    fields.vni = keyOf(talk);
  });
};

function gtpuHeader(hasContainer: boolean): PartFactory {
  return () => {
    const container = { uplink: true, flowIdentifier: 9 };
    const fields = { endpoint: 0, ...(hasContainer ? { container } : {}) };
    return both([gtpu(fields)], (talk) => {
      // Each end chooses the identifier that it wants to be addressed by, one per subscriber.
      fields.endpoint = ((talk.pair << 1) | talk.side) + 1;
      container.uplink = talk.side === SIDE.initiator;
    });
  };
}

const L2TP_HEADER: PartFactory = () => {
  const fields = { tunnel: 0, session: 0 };
  return both([l2tp(fields), ppp()], (talk) => {
    fields.tunnel = 1 + 2 * tunnelOf(talk) + talk.side;
    fields.session = sessionOf(talk);
  });
};

/** A client behind a port that it, or its address translator, chose, and the port of the service. */
function clientOf(service: number): LoadPorts {
  return (ports, talk) => {
    const client = 0xf000 + tunnelOf(talk);
    const isClient = talk.side === SIDE.initiator;
    ports.sourcePort = isClient ? client : service;
    ports.destinationPort = isClient ? service : client;
  };
}

const POLICY_HEADER: PartFactory = () => {
  const policy = { group: 0, last: 0x5a };
  const fields = { vni: 0, policy };
  return both([vxlan(fields)], (talk) => {
    fields.vni = keyOf(talk);
    policy.group = 2 + 2 * (talk.pair % 100) + talk.side;
  });
};

const VXLAN_GPE_HEADER: PartFactory = () => {
  const fields = { vni: 0 };
  return both([vxlanGpe(fields)], (talk) => {
    fields.vni = keyOf(talk);
  });
};

const LISP_HEADER: PartFactory = () => {
  const fields = { nonce: 0 };
  return both([lisp(fields)], (talk) => {
    fields.nonce = talk.entropy;
  });
};

/** The identity is the address of the client's end. */
const AYIYA_HEADER: PartFactory = () => {
  const fields = { identity: new Uint8Array(16), epoch: 0x65000000 };
  return both([ayiya(fields)], (talk) => putTunnelEnd6(fields.identity, SIDE.initiator, tunnelOf(talk), 'elsewhere'));
};

const GTP_OLD_HEADER: PartFactory = () => {
  const fields = { label: 0 };
  return both([gtpOld(fields)], (talk) => {
    fields.label = ((talk.pair << 1) | talk.side) & 0xffff;
  });
};

export const VXLAN = [OUTER_IPV4, inUdp(portPerSide(UDP_PORT.vxlan), WITHOUT_CHECKSUM), VXLAN_HEADER, INNER_LINK];
export const VXLAN_FIXED_PORT = [OUTER_IPV4, inUdp(wellKnown(UDP_PORT.vxlan), WITHOUT_CHECKSUM), VXLAN_HEADER, INNER_LINK];
export const GENEVE = [OUTER_IPV4, inUdp(portPerSide(UDP_PORT.geneve), WITHOUT_CHECKSUM), GENEVE_HEADER, INNER_LINK];
export const GTPU = [OUTER_IPV4, inUdp(wellKnown(UDP_PORT.gtpu), WITHOUT_CHECKSUM), gtpuHeader(false)];
export const GTPU_EXTENSION = [OUTER_IPV4, inUdp(wellKnown(UDP_PORT.gtpu), WITHOUT_CHECKSUM), gtpuHeader(true)];
export const L2TP = [OUTER_IPV4, inUdp(wellKnown(UDP_PORT.l2tp), WITH_CHECKSUM), L2TP_HEADER];
export const TEREDO = [OUTER_IPV4, inUdp(clientOf(UDP_PORT.teredo), WITH_CHECKSUM), fixed(teredo())];
export const VXLAN_POLICY = [OUTER_IPV4, inUdp(portPerSide(UDP_PORT.vxlan), WITHOUT_CHECKSUM), POLICY_HEADER, INNER_LINK];
export const VXLAN_GPE = [OUTER_IPV4, inUdp(portPerSide(UDP_PORT.vxlanGpe), WITHOUT_CHECKSUM), VXLAN_GPE_HEADER];
export const VXLAN_GPE_NSH = [...VXLAN_GPE, ...NSH_ETHERNET];
export const GRE_IN_UDP = [OUTER_IPV4, inUdp(portPerSide(UDP_PORT.gre), WITH_CHECKSUM), fixed(gre())];
export const MPLS_IN_UDP = [OUTER_IPV4, inUdp(portPerSide(UDP_PORT.mpls), WITH_CHECKSUM), ...MPLS];
export const LISP = [OUTER_IPV4, inUdp(portPerSide(UDP_PORT.lisp), WITHOUT_CHECKSUM), LISP_HEADER];
export const AYIYA = [OUTER_IPV4, inUdp(wellKnown(UDP_PORT.ayiya), WITH_CHECKSUM), AYIYA_HEADER];
export const CAPWAP = [OUTER_IPV4, inUdp(clientOf(UDP_PORT.capwap), WITHOUT_CHECKSUM), fixed(capwap()), INNER_LINK];
export const CAPWAP_WLAN = [
  OUTER_IPV4,
  inUdp(clientOf(UDP_PORT.capwap), WITHOUT_CHECKSUM),
  fixed(capwap()),
  wireless({ isExchanged: true }),
];
export const GTP_OLD = [OUTER_IPV4, inUdp(wellKnown(UDP_PORT.gtpOld), WITHOUT_CHECKSUM), GTP_OLD_HEADER];
