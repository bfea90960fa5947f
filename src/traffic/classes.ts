/** The kinds of traffic that the lab knows. Each is a row: how its packets look, and what a kernel makes of them. */
import * as envelope from './envelopes.ts';
import { IPV4, IPV6, LINK, type Network, type PartFactory } from './envelopes.ts';
import { TRANSPORTS, type Transport } from './exchanges.ts';
import * as message from './messages.ts';
import type { FlowNaming, Plan } from './parties.ts';
import { type Fragmentation, fragmented, type OpenStage, seenIn, withErrors } from './stages.ts';

/** What mode HASH does with a class on a current kernel without bugs A, B and C. */
export interface Expectation {
  /**
   * together: both directions of every flow go to one member.
   * split: each direction goes where it likes, on one member by chance.
   * apart: both directions stay together, but some packets of the flow go where they like.
   * one-member: all flows of the class go to one member.
   */
  readonly hash: 'together' | 'split' | 'apart' | 'one-member';
  /** What spreads the flows over the members: ports, addresses, the ends of the tunnel they share, or nothing. */
  readonly spread: 'ports' | 'addresses' | 'tunnels' | 'none';
  /** With the flag DEFRAG, where that makes a difference. */
  readonly defrag?: Expectation['hash'];
  /** Every packet is seen twice. If both copies have one kernel key, it is one member that sees them. */
  readonly duplicated?: 'one-member' | 'several-members';
  /** Why it is not simply "together", by the code of a cause. */
  readonly cause?: string;
  /** The known kernel bug that this class would show. */
  readonly probe?: 'known-bug-a' | 'known-bug-b' | 'known-bug-c' | 'known-bug-d';
}

export interface TrafficClass {
  readonly name: string;
  readonly description: string;
  /** Names that select it together with others. */
  readonly groups: readonly string[];
  /** Part of the traffic of a run that asks for no other. */
  readonly standard: boolean;
  readonly expect: Expectation;
  /** How the innermost flow is named; absent where there is none. */
  readonly flow?: FlowNaming;
  readonly plan: Plan;
  readonly open: OpenStage;
  /** How many frames a flow needs to go both ways. */
  readonly packetsMin: number;
}

/** One from each side. */
const BOTH_WAYS = 2;

const BY_PORTS: Expectation = { hash: 'together', spread: 'ports' };
const BY_ADDRESSES: Expectation = { hash: 'together', spread: 'addresses' };
const BY_TUNNELS: Expectation = { hash: 'together', spread: 'tunnels', cause: 'tunnel-outer-only' };
const OUTER_PORTS: Expectation = { hash: 'split', spread: 'ports', cause: 'tunnel-outer-only' };
const ONE_MEMBER: Expectation = { hash: 'one-member', spread: 'none', cause: 'no-spread' };
const TWO_INDEXES: Expectation = { hash: 'split', spread: 'ports', cause: 'esp-ah-spi' };
const BUG_D: Expectation = { hash: 'split', spread: 'ports', cause: 'known-bug-d', probe: 'known-bug-d' };
const FRAGMENTS_4: Expectation = { hash: 'apart', spread: 'ports', cause: 'fragment-v4', defrag: 'together' };
const FRAGMENTS_6: Expectation = { hash: 'apart', spread: 'ports', cause: 'fragment-v6' };
const ERRORS: Expectation = { hash: 'apart', spread: 'ports', cause: 'icmp-error' };

function probing(probe: NonNullable<Expectation['probe']>): Expectation {
  return { ...BY_PORTS, probe };
}

interface Row {
  readonly groups: readonly string[];
  readonly expect?: Expectation;
  readonly standard?: boolean;
}

interface Around {
  /** Between the network and the transport. */
  readonly behind?: readonly PartFactory[];
  /** A second way in which each packet is seen, in place of `inside`. */
  readonly again?: readonly PartFactory[];
}

/**
 * Packets of a transport over a network, in whatever is around them.
 *
 * @param inside between the Ethernet header and the network: tags, or a whole tunnel
 */
function flows(
  name: string,
  description: string,
  row: Row,
  transport: Transport,
  network: Network,
  inside: readonly PartFactory[] = [],
  { behind = [], again }: Around = {},
): TrafficClass {
  const { groups, expect = BY_PORTS, standard = false } = row;
  const { proto, echo = false } = transport;
  const way = (parts: readonly PartFactory[]) => [LINK, ...parts, network.create, ...behind];
  const ways = again === undefined ? [way(inside)] : [way(inside), way(again)];
  const plan = network.hosts === undefined ? {} : { hosts: network.hosts };
  const flow = { proto, family: network.family, echo };
  // The first answer follows all sightings of the first packet.
  const packetsMin = ways.length + 1;
  return { name, description, groups, standard, expect, flow, plan, open: seenIn(ways, transport.open), packetsMin };
}

interface MessageRow extends Row {
  readonly open: Transport['open'];
  readonly network: Network;
  /** As reports name the protocol. */
  readonly proto: string;
  readonly responderPort?: number;
}

/** Packets of an IP protocol that has no ports, or one port of its own. */
function messages(name: string, description: string, row: MessageRow): TrafficClass {
  const { groups, expect = BY_ADDRESSES, open, network, proto, responderPort } = row;
  const plan = responderPort === undefined ? { portless: true } : { responderPort };
  const flow = { proto, family: network.family, echo: false };
  return {
    name,
    description,
    groups,
    standard: false,
    expect,
    flow,
    plan,
    open: seenIn([[LINK, network.create]], open),
    packetsMin: BOTH_WAYS,
  };
}

/** Frames that belong to no flow. */
function frames(
  name: string,
  description: string,
  groups: readonly string[],
  open: Transport['open'],
  inside: readonly PartFactory[] = [],
  expect = ONE_MEMBER,
): TrafficClass {
  const stage = seenIn([[LINK, ...inside]], open);
  return { name, description, groups, standard: false, expect, plan: { portless: true }, open: stage, packetsMin: BOTH_WAYS };
}

function fragments(
  name: string,
  description: string,
  network: Network,
  expect: Expectation,
  link: readonly PartFactory[] = [],
  how: Fragmentation = {},
): TrafficClass {
  const flow = { proto: 'udp', family: network.family, echo: false };
  const open = fragmented([LINK, ...link], network, udp, how);
  return { name, description, groups: ['fragment'], standard: false, expect, flow, plan: {}, open, packetsMin: BOTH_WAYS };
}

function errors(name: string, description: string, network: Network, from: 'peer' | 'router'): TrafficClass {
  const { family } = network;
  const flow = { proto: 'udp', family, echo: false };
  const open = withErrors(network, envelope.errorNetwork(family, from), family, from);
  return {
    name,
    description,
    groups: ['icmp', 'icmp-error'],
    standard: false,
    expect: ERRORS,
    flow,
    plan: {},
    open,
    packetsMin: BOTH_WAYS,
  };
}

const { tcp, udp, udplite, sctp, dccp, icmp, icmp6 } = TRANSPORTS;

const PLAIN: Row = { groups: ['plain'] };
const STANDARD: Row = { ...PLAIN, standard: true };
const ECHO: Row = { groups: ['plain', 'icmp'], standard: true, expect: BY_ADDRESSES };
const HEADER: Row = { groups: ['header'] };
const LABEL: Row = { groups: ['header', 'label'] };
const PROBE_A: Row = { groups: ['probe', 'label'], standard: true, expect: probing('known-bug-a') };
const PROBE_B: Row = { groups: ['probe'], standard: true, expect: probing('known-bug-b') };
const PROBE_C: Row = { groups: ['probe', 'label'], standard: true, expect: probing('known-bug-c') };
const SESSION: Row = { groups: ['pppoe', 'link'] };
const TAGGED_SESSION: Row = { groups: ['pppoe', 'vlan', 'link'] };
const AUTHENTICATED: Row = { groups: ['ipsec'], expect: TWO_INDEXES };
const TAGGED: Row = { groups: ['vlan', 'link'] };
const LINKED: Row = { groups: ['link'] };
const STANDARD_TAGGED: Row = { ...TAGGED, standard: true };

const PLAIN_CLASSES: readonly TrafficClass[] = [
  flows('ipv4-tcp', 'TCP over IPv4', STANDARD, tcp, IPV4),
  flows('ipv4-udp', 'UDP over IPv4', STANDARD, udp, IPV4),
  flows('ipv4-sctp', 'SCTP over IPv4', STANDARD, sctp, IPV4),
  flows('ipv4-dccp', 'DCCP over IPv4', STANDARD, dccp, IPV4),
  flows('ipv4-udplite', 'UDP-Lite over IPv4', STANDARD, udplite, IPV4),
  flows('ipv4-icmp', 'ICMP echo', ECHO, icmp, IPV4),
  flows('ipv6-tcp', 'TCP over IPv6 without flow label', STANDARD, tcp, IPV6),
  flows('ipv6-udp', 'UDP over IPv6 without flow label', STANDARD, udp, IPV6),
  flows('ipv6-sctp', 'SCTP over IPv6 without flow label', STANDARD, sctp, IPV6),
  flows('ipv6-icmp6', 'ICMPv6 echo', ECHO, icmp6, IPV6),
  flows('ipv6-dccp', 'DCCP over IPv6 without flow label', PLAIN, dccp, IPV6),
  flows('ipv6-udplite', 'UDP-Lite over IPv6 without flow label', PLAIN, udplite, IPV6),
  flows('same-host-ipv4-udp', 'UDP over IPv4 between two ports of one address', PLAIN, udp, envelope.IPV4_SAME_HOST),
  flows('same-host-ipv6-tcp', 'TCP over IPv6 between two ports of one address', PLAIN, tcp, envelope.IPV6_SAME_HOST),
];

const HEADER_CLASSES: readonly TrafficClass[] = [
  flows('options-ipv4-tcp', 'TCP over IPv4 with options', HEADER, tcp, envelope.IPV4_OPTIONS),
  flows('options-ipv4-udp', 'UDP over IPv4 with options', HEADER, udp, envelope.IPV4_OPTIONS),
  flows('hop-by-hop-ipv6-udp', 'UDP over IPv6 with a hop-by-hop header', HEADER, udp, envelope.IPV6_HOP_BY_HOP),
  flows('destination-ipv6-tcp', 'TCP over IPv6 with a destination options header', HEADER, tcp, envelope.IPV6_DESTINATION),
  flows('routing-ipv6-udp', 'UDP over IPv6 with a routing header', HEADER, udp, envelope.IPV6_ROUTING),
  flows(
    'extensions-ipv6-tcp',
    'TCP over IPv6 with hop-by-hop, routing and destination options headers',
    HEADER,
    tcp,
    envelope.IPV6_EXTENSIONS,
  ),
  flows('label-same-ipv6-tcp', 'TCP over IPv6, the same flow label in both directions', LABEL, tcp, envelope.IPV6_LABEL_SAME),
];

const PROBE_CLASSES: readonly TrafficClass[] = [
  flows(
    'label-pair-ipv6-tcp',
    'known bug A: TCP over IPv6, another flow label in each direction',
    PROBE_A,
    tcp,
    envelope.IPV6_LABEL_PER_SIDE,
  ),
  flows(
    'label-pair-ipv6-udp',
    'known bug A: UDP over IPv6, another flow label in each direction',
    PROBE_A,
    udp,
    envelope.IPV6_LABEL_PER_SIDE,
  ),
  flows('top-bit-ipv4-tcp', 'known bug B: TCP between x.y.z.N and x.y.z.N+128', PROBE_B, tcp, envelope.IPV4_TOP_BIT),
  flows('top-bit-ipv4-udp', 'known bug B: UDP between x.y.z.N and x.y.z.N+128', PROBE_B, udp, envelope.IPV4_TOP_BIT),
  flows(
    'label-one-way-ipv6-tcp',
    'known bug C: TCP over IPv6, a flow label in one direction only',
    PROBE_C,
    tcp,
    envelope.IPV6_LABEL_ONE_WAY,
  ),
  flows(
    'label-one-way-ipv6-udp',
    'known bug C: UDP over IPv6, a flow label in one direction only',
    PROBE_C,
    udp,
    envelope.IPV6_LABEL_ONE_WAY,
  ),
];

const LINK_CLASSES: readonly TrafficClass[] = [
  flows('vlan-ipv4-tcp', 'TCP over IPv4 in one VLAN', STANDARD_TAGGED, tcp, IPV4, envelope.VLAN),
  flows('vlan-ipv6-udp', 'UDP over IPv6 in one VLAN', STANDARD_TAGGED, udp, IPV6, envelope.VLAN),
  flows('vlan-pair-ipv4-tcp', 'TCP over IPv4, another VLAN id in each direction', STANDARD_TAGGED, tcp, IPV4, envelope.VLAN_PER_SIDE),
  flows('vlan-pair-ipv6-tcp', 'TCP over IPv6, another VLAN id in each direction', STANDARD_TAGGED, tcp, IPV6, envelope.VLAN_PER_SIDE),
  flows('qinq-ipv4-udp', 'UDP over IPv4 behind a service and a customer tag', STANDARD_TAGGED, udp, IPV4, envelope.QINQ),
  flows('qinq-ipv6-tcp', 'TCP over IPv6 behind a service and a customer tag', STANDARD_TAGGED, tcp, IPV6, envelope.QINQ),
  flows(
    'qinq-pair-ipv4-tcp',
    'TCP over IPv4 behind two tags, another customer tag in each direction',
    STANDARD_TAGGED,
    tcp,
    IPV4,
    envelope.QINQ_PER_SIDE,
  ),
  flows('vlan-one-way-ipv4-tcp', 'TCP over IPv4, a VLAN tag in one direction only', TAGGED, tcp, IPV4, envelope.VLAN_ONE_WAY),
  flows('vlan-zero-ipv4-udp', 'UDP over IPv4 with a priority tag: VLAN id 0', TAGGED, udp, IPV4, envelope.VLAN_ZERO),
  flows('vlan-two-ipv4-tcp', 'TCP over IPv4 behind two tags of type 0x8100', TAGGED, tcp, IPV4, envelope.TWO_VLANS),
  flows('vlan-three-ipv6-udp', 'UDP over IPv6 behind three tags of type 0x8100', TAGGED, udp, IPV6, envelope.THREE_VLANS),
  flows(
    'vlan-9100-ipv4-tcp',
    'TCP over IPv4 behind tags of types 0x9100 and 0x8100',
    { ...TAGGED, expect: ONE_MEMBER },
    tcp,
    IPV4,
    envelope.OLD_QINQ,
  ),
  flows('pppoe-ipv4-tcp', 'TCP over IPv4 in a PPPoE session', SESSION, tcp, IPV4, [envelope.PPPOE]),
  flows('pppoe-ipv6-udp', 'UDP over IPv6 in a PPPoE session', SESSION, udp, IPV6, [envelope.PPPOE]),
  flows('vlan-pppoe-ipv4-udp', 'UDP over IPv4 in a PPPoE session in a VLAN', TAGGED_SESSION, udp, IPV4, [...envelope.VLAN, envelope.PPPOE]),
  flows('hsr-ipv4-udp', 'UDP over IPv4 in a redundant ring (HSR)', LINKED, udp, IPV4, [envelope.HSR]),
  flows('batman-ipv4-tcp', 'TCP over IPv4 in Ethernet in a mesh (batman-adv)', LINKED, tcp, IPV4, envelope.BATMAN),
];

const HIDDEN: Row = { groups: ['link', 'vendor'], expect: ONE_MEMBER };
/** The tagged direction is all on one member; the other goes by its ports. */
const HIDDEN_ONE_WAY: Row = { ...HIDDEN, expect: OUTER_PORTS };
const BACKBONE: Row = { groups: ['link', 'pbb'], expect: ONE_MEMBER };
const LENGTHS: Row = { groups: ['link', 'llc'], expect: ONE_MEMBER };
const SERVICES: Row = { groups: ['link', 'service'], expect: ONE_MEMBER };

const VENDOR_CLASSES: readonly TrafficClass[] = [
  flows(
    'vlan-9200-ipv4-tcp',
    'TCP over IPv4 behind tags of types 0x9200 and 0x8100',
    { ...TAGGED, expect: ONE_MEMBER },
    tcp,
    IPV4,
    envelope.OLDER_QINQ,
  ),
  flows('cmd-ipv4-tcp', 'TCP over IPv4 behind a Cisco MetaData tag', HIDDEN, tcp, IPV4, envelope.CISCO_METADATA),
  flows(
    'cmd-one-way-ipv4-tcp',
    'TCP over IPv4, a Cisco MetaData tag in one direction only',
    HIDDEN_ONE_WAY,
    tcp,
    IPV4,
    envelope.CISCO_METADATA_ONE_WAY,
  ),
  flows('vntag-ipv4-tcp', 'TCP over IPv4 behind a VN-Tag', HIDDEN, tcp, IPV4, envelope.VN_TAG),
  flows('vntag-vlan-ipv6-udp', 'UDP over IPv6 behind a VN-Tag and a VLAN tag', HIDDEN, udp, IPV6, envelope.VN_TAG_VLAN),
  flows('etag-ipv4-tcp', 'TCP over IPv4 behind an E-Tag (IEEE 802.1BR)', HIDDEN, tcp, IPV4, envelope.E_TAG),
  flows('fabricpath-ipv4-tcp', 'TCP over IPv4 in Ethernet in Cisco FabricPath', HIDDEN, tcp, IPV4, envelope.FABRIC_PATH),
  flows(
    'fabricpath-one-way-ipv4-tcp',
    'TCP over IPv4, in Cisco FabricPath in one direction only',
    HIDDEN_ONE_WAY,
    tcp,
    IPV4,
    envelope.FABRIC_PATH_ONE_WAY,
  ),
  flows('pbb-ipv4-tcp', 'TCP over IPv4 behind a service tag (IEEE 802.1ah)', BACKBONE, tcp, IPV4, envelope.BACKBONE),
  flows('pbb-tagged-ipv6-udp', 'UDP over IPv6 behind a backbone tag and a service tag', BACKBONE, udp, IPV6, envelope.BACKBONE_TAGGED),
  flows('snap-ipv4-tcp', 'TCP over IPv4 behind LLC and SNAP', LENGTHS, tcp, IPV4, envelope.SNAP),
  flows('snap-vlan-ipv6-udp', 'UDP over IPv6 behind LLC and SNAP in one VLAN', LENGTHS, udp, IPV6, envelope.VLAN_SNAP),
  flows('nsh-ipv4-tcp', 'TCP over IPv4 behind a network service header', SERVICES, tcp, IPV4, envelope.NSH),
  flows('nsh-ipv6-udp', 'UDP over IPv6 behind a network service header', SERVICES, udp, IPV6, envelope.NSH),
  flows(
    'nsh-ethernet-ipv4-tcp',
    'TCP over IPv4 in Ethernet behind a network service header with metadata of type 2',
    SERVICES,
    tcp,
    IPV4,
    envelope.NSH_ETHERNET,
  ),
  flows('nsh-mpls-ipv4-udp', 'UDP over IPv4 behind a network service header and a label', SERVICES, udp, IPV4, envelope.NSH_MPLS),
  flows('nsh-twice-ipv4-tcp', 'TCP over IPv4 behind two network service headers', SERVICES, tcp, IPV4, envelope.NSH_TWICE),
];

const LABELLED: Row = { groups: ['mpls', 'tunnel'], expect: ONE_MEMBER };

// The dissector stops at the label, but has the outer addresses by then.
const LABELLED_IN_IP: Row = { ...LABELLED, expect: BY_TUNNELS };

const MPLS_CLASSES: readonly TrafficClass[] = [
  flows('mpls-ipv4-tcp', 'TCP over IPv4 behind an MPLS label', LABELLED, tcp, IPV4, envelope.MPLS),
  flows('mpls-ipv6-udp', 'UDP over IPv6 behind an MPLS label', LABELLED, udp, IPV6, envelope.MPLS),
  flows('mpls-two-ipv4-tcp', 'TCP over IPv4 behind two MPLS labels', LABELLED, tcp, IPV4, envelope.TWO_LABELS),
  flows('mpls-pw-ipv4-tcp', 'TCP over IPv4 in an Ethernet pseudowire', LABELLED, tcp, IPV4, envelope.PSEUDOWIRE),
  flows(
    'mpls-pw-control-ipv4-tcp',
    'TCP over IPv4 in an Ethernet pseudowire with control word',
    LABELLED,
    tcp,
    IPV4,
    envelope.PSEUDOWIRE_CONTROL_WORD,
  ),
  flows('mpls-in-ip-ipv4-udp', 'UDP over IPv4 behind an MPLS label in IPv4 (protocol 137)', LABELLED_IN_IP, udp, IPV4, envelope.MPLS_IN_IP),
];

const INNER: Row = { groups: ['gre', 'tunnel'] };
const INNER_UNSEEN: Row = { groups: ['gre', 'tunnel'], expect: BY_TUNNELS };
const MIRRORED: Row = { groups: ['gre', 'erspan', 'tunnel'], expect: BY_TUNNELS };

const GRE_CLASSES: readonly TrafficClass[] = [
  flows('gre-ipv4-tcp', 'TCP over IPv4 in GRE', INNER, tcp, IPV4, envelope.GRE),
  flows('gre-ipv6-udp', 'UDP over IPv6 in GRE', INNER, udp, IPV6, envelope.GRE),
  flows('gre-key-ipv4-tcp', 'TCP over IPv4 in GRE with a key', INNER, tcp, IPV4, envelope.GRE_KEY),
  flows('gre-checksum-ipv4-udp', 'UDP over IPv4 in GRE with a checksum', INNER, udp, IPV4, envelope.GRE_CHECKSUM),
  flows('gre-ethernet-ipv4-tcp', 'TCP over IPv4 in Ethernet in GRE', INNER, tcp, IPV4, envelope.GRE_ETHERNET),
  flows('nvgre-ipv4-tcp', 'TCP over IPv4 in NVGRE', INNER, tcp, IPV4, envelope.NVGRE),
  flows('pptp-ipv4-tcp', 'TCP over IPv4 in PPTP', INNER, tcp, IPV4, envelope.PPTP),
  flows('gre-ppp-ipv4-tcp', 'TCP over IPv4 in PPP in GRE of version 0', INNER_UNSEEN, tcp, IPV4, envelope.GRE_PPP),
  flows('gre-routed-ipv4-tcp', 'TCP over IPv4 in GRE with a source route', INNER_UNSEEN, tcp, IPV4, envelope.GRE_ROUTED),
  flows('gre-frame-relay-ipv4-tcp', 'TCP over IPv4 in frame relay in GRE', INNER_UNSEEN, tcp, IPV4, envelope.GRE_FRAME_RELAY),
  flows('gre-nsh-ipv4-tcp', 'TCP over IPv4 behind a network service header in GRE', INNER_UNSEEN, tcp, IPV4, envelope.GRE_NSH),
  flows('gre-wlan-ipv4-tcp', 'TCP over IPv4 in IEEE 802.11 in GRE, as Aruba has it', INNER_UNSEEN, tcp, IPV4, envelope.GRE_WLAN),
  flows('eoip-ipv4-tcp', "TCP over IPv4 in MikroTik's Ethernet over IP", INNER_UNSEEN, tcp, IPV4, envelope.EOIP),
  flows('erspan1-ipv4-tcp', 'TCP over IPv4, mirrored by ERSPAN type I', MIRRORED, tcp, IPV4, envelope.ERSPAN_1),
  flows('erspan2-ipv4-tcp', 'TCP over IPv4, mirrored by ERSPAN type II', MIRRORED, tcp, IPV4, envelope.ERSPAN_2),
  flows('erspan3-ipv4-udp', 'UDP over IPv4, mirrored by ERSPAN type III', MIRRORED, udp, IPV4, envelope.ERSPAN_3),
  flows(
    'gre-in-ipv6-ipv4-tcp',
    'known bug D: TCP over IPv4 in GRE over IPv6, outer addresses that differ in bytes 8 to 11',
    { groups: ['gre', 'tunnel', 'probe'], expect: BUG_D },
    tcp,
    IPV4,
    envelope.GRE_IN_IPV6,
  ),
  flows(
    'gre-in-near-ipv6-ipv4-tcp',
    'TCP over IPv4 in GRE over IPv6, outer addresses alike in bytes 8 to 11',
    INNER,
    tcp,
    IPV4,
    envelope.GRE_IN_NEAR_IPV6,
  ),
];

const IN_IP: Row = { groups: ['ip-in-ip', 'tunnel'] };
const IN_IP_BUG_D: Row = { groups: ['ip-in-ip', 'tunnel', 'probe'], expect: BUG_D };

const IP_IN_IP_CLASSES: readonly TrafficClass[] = [
  flows('ipip-ipv4-tcp', 'TCP over IPv4 in IPv4', IN_IP, tcp, IPV4, envelope.IN_IPV4),
  flows('6in4-ipv6-tcp', 'TCP over IPv6 in IPv4', IN_IP, tcp, IPV6, envelope.IN_IPV4),
  flows('6in6-ipv6-udp', 'UDP over IPv6 in IPv6', IN_IP, udp, IPV6, envelope.IN_IPV6),
  flows(
    '4in6-ipv4-tcp',
    'known bug D: TCP over IPv4 in IPv6 (DS-Lite), outer addresses that differ in bytes 8 to 11',
    IN_IP_BUG_D,
    tcp,
    IPV4,
    envelope.IN_IPV6,
  ),
  flows(
    '4in6-near-ipv4-tcp',
    'TCP over IPv4 in IPv6 (DS-Lite), outer addresses alike in bytes 8 to 11',
    IN_IP,
    tcp,
    IPV4,
    envelope.IN_NEAR_IPV6,
  ),
  flows('srv6-ipv6-tcp', 'TCP over IPv6 in IPv6 with a segment routing header', IN_IP, tcp, IPV6, envelope.SRV6),
  flows('srv6-ipv4-udp', 'known bug D: UDP over IPv4 in IPv6 with a segment routing header', IN_IP_BUG_D, udp, IPV4, envelope.SRV6),
  flows(
    'etherip-ipv4-udp',
    'UDP over IPv4 in Ethernet in IPv4 (protocol 97)',
    { ...IN_IP, expect: BY_TUNNELS },
    udp,
    IPV4,
    envelope.ETHERIP,
  ),
  flows(
    'etherip-other-half-ipv4-udp',
    'UDP over IPv4 in Ethernet in IPv4 (protocol 97), the version in the other half of its octet',
    { ...IN_IP, expect: BY_TUNNELS },
    udp,
    IPV4,
    envelope.ETHERIP_OTHER_HALF,
  ),
  flows(
    'srv6-ethernet-ipv4-tcp',
    'TCP over IPv4 in Ethernet in IPv6 with a segment routing header (next header 143), a segment for each direction',
    { ...IN_IP, expect: { ...OUTER_PORTS, spread: 'tunnels' } },
    tcp,
    IPV4,
    envelope.SRV6_ETHERNET,
  ),
];

const IN_UDP: Row = { groups: ['udp-tunnel', 'tunnel'], expect: BY_TUNNELS };
const IN_UDP_PER_SIDE: Row = { groups: ['udp-tunnel', 'tunnel'], expect: OUTER_PORTS };

const UDP_TUNNEL_CLASSES: readonly TrafficClass[] = [
  flows('vxlan-ipv4-tcp', 'TCP over IPv4 in VXLAN, a source port for each direction', IN_UDP_PER_SIDE, tcp, IPV4, envelope.VXLAN),
  flows('vxlan-ipv6-udp', 'UDP over IPv6 in VXLAN, a source port for each direction', IN_UDP_PER_SIDE, udp, IPV6, envelope.VXLAN),
  flows('vxlan-fixed-port-ipv4-tcp', 'TCP over IPv4 in VXLAN, port 4789 at both ends', IN_UDP, tcp, IPV4, envelope.VXLAN_FIXED_PORT),
  flows(
    'geneve-ipv4-tcp',
    'TCP over IPv4 in Geneve with an option, a source port for each direction',
    IN_UDP_PER_SIDE,
    tcp,
    IPV4,
    envelope.GENEVE,
  ),
  flows('gtpu-ipv4-tcp', 'TCP over IPv4 in GTP-U', IN_UDP, tcp, IPV4, envelope.GTPU),
  flows('gtpu-extension-ipv6-udp', 'UDP over IPv6 in GTP-U with an extension header', IN_UDP, udp, IPV6, envelope.GTPU_EXTENSION),
  flows('l2tp-ipv4-tcp', 'TCP over IPv4 in L2TPv2', IN_UDP, tcp, IPV4, envelope.L2TP),
  flows('teredo-ipv6-udp', 'UDP over IPv6 in Teredo', IN_UDP, udp, IPV6, envelope.TEREDO),
  flows(
    'vxlan-policy-ipv4-tcp',
    'TCP over IPv4 in VXLAN with reserved bits set, as by a group policy',
    IN_UDP_PER_SIDE,
    tcp,
    IPV4,
    envelope.VXLAN_POLICY,
  ),
  flows('vxlan-gpe-ipv6-udp', 'UDP over IPv6 in VXLAN-GPE', IN_UDP_PER_SIDE, udp, IPV6, envelope.VXLAN_GPE),
  flows(
    'vxlan-gpe-nsh-ipv4-tcp',
    'TCP over IPv4 in Ethernet behind a network service header in VXLAN-GPE',
    IN_UDP_PER_SIDE,
    tcp,
    IPV4,
    envelope.VXLAN_GPE_NSH,
  ),
  flows('gre-in-udp-ipv4-tcp', 'TCP over IPv4 in GRE in UDP', IN_UDP_PER_SIDE, tcp, IPV4, envelope.GRE_IN_UDP),
  flows('mpls-in-udp-ipv4-tcp', 'TCP over IPv4 behind an MPLS label in UDP', IN_UDP_PER_SIDE, tcp, IPV4, envelope.MPLS_IN_UDP),
  flows('lisp-ipv4-tcp', 'TCP over IPv4 in LISP', IN_UDP_PER_SIDE, tcp, IPV4, envelope.LISP),
  flows('ayiya-ipv6-tcp', 'TCP over IPv6 in AYIYA', IN_UDP, tcp, IPV6, envelope.AYIYA),
  flows('capwap-ipv4-tcp', 'TCP over IPv4 in Ethernet in CAPWAP', IN_UDP, tcp, IPV4, envelope.CAPWAP),
  flows('capwap-wlan-ipv4-udp', 'UDP over IPv4 in IEEE 802.11 in CAPWAP', IN_UDP, udp, IPV4, envelope.CAPWAP_WLAN),
  flows('gtp-old-ipv4-tcp', 'TCP over IPv4 in GTP of version 0', IN_UDP, tcp, IPV4, envelope.GTP_OLD),
];

const PROTOCOL_CLASSES: readonly TrafficClass[] = [
  frames(
    'no-transport-ipv4',
    'UDP over IPv4, cut off behind the IP header',
    ['protocol'],
    message.openNothing,
    [envelope.IPV4_EMPTY.create],
    BY_ADDRESSES,
  ),
  messages('ospf-ipv4', 'OSPF hello over IPv4', {
    groups: ['protocol'],
    open: message.openOspf,
    network: envelope.IPV4_LINK_LOCAL,
    proto: 'ospf',
  }),
  messages('igmp-ipv4', 'IGMPv3 report over IPv4', {
    groups: ['protocol'],
    open: message.openIgmp,
    network: envelope.IPV4_LINK_LOCAL,
    proto: 'igmp',
  }),
  messages('l2tpv3-ipv4', 'L2TPv3 directly over IPv4', { groups: ['protocol'], open: message.openL2tpv3, network: IPV4, proto: 'l2tp' }),
  messages('ipcomp-ipv4', 'compressed payload (IPComp) over IPv4', {
    groups: ['protocol'],
    open: message.openIpComp,
    network: IPV4,
    proto: 'ipcomp',
  }),
  messages('gre-opaque-ipv4', 'GRE over IPv4 with a payload that nobody knows', {
    groups: ['protocol', 'gre'],
    open: message.openOpaqueGre,
    network: IPV4,
    proto: 'gre',
  }),
  messages('pptp-mppe-ipv4', 'PPTP over IPv4, encrypted (MPPE)', {
    groups: ['protocol', 'gre'],
    open: message.openEncryptedPptp,
    network: IPV4,
    proto: 'gre',
  }),
  messages('experiment-ipv4', 'IP protocol 253 over IPv4', {
    groups: ['protocol'],
    open: message.openExperiment,
    network: IPV4,
    proto: '253',
  }),
  messages('experiment-ipv6', 'IP protocol 253 over IPv6', {
    groups: ['protocol'],
    open: message.openExperiment,
    network: IPV6,
    proto: '253',
  }),
];

const ESP = { groups: ['ipsec'], expect: TWO_INDEXES, proto: 'esp' } as const;

const IPSEC_CLASSES: readonly TrafficClass[] = [
  messages('esp-ipv4', 'ESP over IPv4, an SPI for each direction', { ...ESP, open: message.openEsp('per-side'), network: IPV4 }),
  messages('esp-ipv6', 'ESP over IPv6, an SPI for each direction', { ...ESP, open: message.openEsp('per-side'), network: IPV6 }),
  messages('esp-same-spi-ipv4', 'ESP over IPv4, one SPI for both directions', {
    ...ESP,
    expect: BY_PORTS,
    open: message.openEsp('same'),
    network: IPV4,
  }),
  messages('esp-in-udp-ipv4', 'ESP in UDP port 4500 over IPv4', {
    ...ESP,
    expect: BY_PORTS,
    proto: 'udp',
    open: message.openEspInUdp,
    network: IPV4,
    responderPort: message.ESP_IN_UDP_PORT,
  }),
  flows('ah-ipv4-tcp', 'TCP in AH over IPv4, an SPI for each direction', AUTHENTICATED, tcp, IPV4, [], {
    behind: [envelope.authenticated(4, 'per-side')],
  }),
  flows('ah-ipv6-udp', 'UDP in AH over IPv6, an SPI for each direction', AUTHENTICATED, udp, IPV6, [], {
    behind: [envelope.authenticated(6, 'per-side')],
  }),
  flows('ah-same-spi-ipv4-tcp', 'TCP in AH over IPv4, one SPI for both directions', { groups: ['ipsec'] }, tcp, IPV4, [], {
    behind: [envelope.authenticated(4, 'same')],
  }),
];

const ATOMIC: Row = { groups: ['fragment'], expect: BY_ADDRESSES };
const ATOMIC_ONE_WAY: Row = { groups: ['fragment'], expect: { hash: 'split', spread: 'ports', cause: 'fragment-v6' } };

const FRAGMENT_CLASSES: readonly TrafficClass[] = [
  fragments('fragment-ipv4-udp', 'UDP over IPv4: whole datagrams, and datagrams in two fragments', IPV4, FRAGMENTS_4),
  fragments('fragment-vlan-ipv4-udp', 'the same in one VLAN', IPV4, FRAGMENTS_4, envelope.VLAN),
  fragments(
    'fragment-qinq-ipv4-udp',
    'the same behind two tags, where the kernel does not reassemble',
    IPV4,
    { ...FRAGMENTS_4, defrag: 'apart' },
    envelope.QINQ,
  ),
  fragments('fragment-reused-ipv4-udp', 'the same, all datagrams of a flow with one identification', IPV4, FRAGMENTS_4, [], {
    numbers: 'reused',
  }),
  // Fragments without their front belong to no flow that anybody could name: they part nothing.
  fragments('fragment-headless-ipv4-udp', 'UDP over IPv4: whole datagrams, and the rear fragments of others', IPV4, BY_PORTS, [], {
    isHeadless: true,
  }),
  fragments('fragment-ipv6-udp', 'UDP over IPv6: whole datagrams, and datagrams in two fragments', IPV6, FRAGMENTS_6),
  flows('fragment-atomic-ipv6-udp', 'UDP over IPv6 in atomic fragments', ATOMIC, udp, envelope.IPV6_ATOMIC),
  flows(
    'fragment-atomic-one-way-ipv6-udp',
    'UDP over IPv6, atomic fragments in one direction only',
    ATOMIC_ONE_WAY,
    udp,
    envelope.IPV6_ATOMIC_ONE_WAY,
  ),
];

const ERROR_CLASSES: readonly TrafficClass[] = [
  errors('icmp-error-peer-ipv4-udp', 'UDP over IPv4, and ICMP errors about it from the other end', IPV4, 'peer'),
  errors('icmp-error-router-ipv4-udp', 'UDP over IPv4, and ICMP errors about it from a router on the way', IPV4, 'router'),
  errors('icmp-error-peer-ipv6-udp', 'UDP over IPv6, and ICMPv6 errors about it from the other end', IPV6, 'peer'),
  errors('icmp-error-router-ipv6-udp', 'UDP over IPv6, and ICMPv6 errors about it from a router on the way', IPV6, 'router'),
];

const NON_IP_CLASSES: readonly TrafficClass[] = [
  frames('arp', 'ARP requests and replies', ['non-ip'], message.openArp),
  frames('lldp', 'LLDP advertisements', ['non-ip'], message.openLldp),
  frames('stp', 'spanning tree messages behind an LLC header', ['non-ip'], message.openSpanningTree),
  frames('macsec', 'MACsec with encryption', ['non-ip'], message.openMacsec),
  frames('nsh', 'a network service header (NSH) in front of unknown data', ['non-ip'], message.openNsh),
  frames('tipc', 'messages of TIPC connections', ['non-ip'], message.openTipc),
  frames('unknown-ethertype', 'the EtherType 0x88b5 of local experiments', ['non-ip'], message.openUnknown),
  frames('pppoe-discovery', 'PPPoE discovery', ['non-ip', 'pppoe'], message.openDiscovery),
  frames('pppoe-lcp', 'LCP echo in a PPPoE session', ['non-ip', 'pppoe'], message.openLcp, [envelope.PPPOE]),
];

const SEEN_APART: Row = {
  groups: ['duplicate'],
  expect: { hash: 'apart', spread: 'ports', duplicated: 'several-members', cause: 'duplicated' },
};
const SEEN_TWICE: Row = { groups: ['duplicate'], expect: { ...BY_PORTS, duplicated: 'one-member' } };

const DUPLICATE_CLASSES: readonly TrafficClass[] = [
  flows(
    'duplicate-mpls-ipv4-tcp',
    'TCP over IPv4, each packet seen twice: behind an MPLS label and without',
    SEEN_APART,
    tcp,
    IPV4,
    envelope.MPLS,
    { again: [] },
  ),
  flows(
    'duplicate-vlan-ipv4-tcp',
    'TCP over IPv4, each packet seen twice: in one VLAN and in another',
    SEEN_TWICE,
    tcp,
    IPV4,
    envelope.VLAN,
    { again: envelope.OTHER_VLAN },
  ),
];

export const TRAFFIC_CLASSES: readonly TrafficClass[] = [
  ...PLAIN_CLASSES,
  ...HEADER_CLASSES,
  ...PROBE_CLASSES,
  ...LINK_CLASSES,
  ...VENDOR_CLASSES,
  ...MPLS_CLASSES,
  ...GRE_CLASSES,
  ...IP_IN_IP_CLASSES,
  ...UDP_TUNNEL_CLASSES,
  ...IPSEC_CLASSES,
  ...FRAGMENT_CLASSES,
  ...ERROR_CLASSES,
  ...PROTOCOL_CLASSES,
  ...NON_IP_CLASSES,
  ...DUPLICATE_CLASSES,
];

/** Names of the classes that a run sends when nothing else is asked for: what every current kernel keeps together. */
export const STANDARD_CLASSES: readonly string[] = TRAFFIC_CLASSES.filter((row) => row.standard).map((row) => row.name);

const CLASSES_BY_NAME = new Map(TRAFFIC_CLASSES.map((row) => [row.name, row]));

export function classNamed(name: string): TrafficClass {
  const found = CLASSES_BY_NAME.get(name);
  if (found === undefined) throw new RangeError(`no traffic class is called ${name}`);
  return found;
}

/** How many frames a flow needs so that, in every one of these classes, it goes both ways. */
export function packetsMinOf(names: readonly string[]): number {
  return Math.max(BOTH_WAYS, ...names.map((name) => classNamed(name).packetsMin));
}

/** Names that select all classes, or those of the standard mix. */
const WIDE_GROUPS: ReadonlyMap<string, (row: TrafficClass) => boolean> = new Map([
  ['all', () => true],
  ['standard', (row: TrafficClass) => row.standard],
]);

/** "vlan*" as a pattern: stars stand for any characters, and nothing else is special. */
function matcher(glob: string): RegExp {
  // Several stars in a row are one: as one pattern each, they would match in very many ways.
  const literal = glob.split(/\*+/).map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${literal.join('.*')}$`);
}

const NAME_CHARS_MAX = Math.max(...TRAFFIC_CLASSES.map(({ name }) => name.length));

/** The names of the classes that a name of a class or a group, or a glob over names of classes, selects; none if it is unknown. */
export function classesSelectedBy(text: string): readonly string[] {
  // It would match nothing, and may be too large for a pattern.
  if (text.replaceAll('*', '').length > NAME_CHARS_MAX) return [];
  const pattern = matcher(text);
  const isSelected = WIDE_GROUPS.get(text) ?? ((row: TrafficClass) => row.groups.includes(text) || pattern.test(row.name));
  return TRAFFIC_CLASSES.filter(isSelected).map((row) => row.name);
}

/** All names of groups, in the order of the table. */
export function groupNames(): readonly string[] {
  return [...new Set(TRAFFIC_CLASSES.flatMap((row) => row.groups)), ...WIDE_GROUPS.keys()];
}
