/**
 * What mode hash of a current kernel (6.18, without bugs A, B and C) does with each kind of traffic, measured with frames built by
 * hand and another program, before the lab was written. Row by row; the lab's own expectations are held against it.
 */

export interface HashRow {
  readonly traffic: string;
  readonly classes: readonly string[];
  /** Both directions of a flow, and all of its packets, on one member: if not, by chance only. */
  readonly together: 'yes' | 'no' | 'no, harmless';
  /** What flows must differ in to be on different members. */
  readonly spread: 'ports' | 'addresses' | 'tunnel ends' | 'nothing';
  /** With the flag defrag, where that differs. */
  readonly defrag?: 'yes';
  /** Why not together, by the code of a cause. */
  readonly cause?: string;
  /** The frames belong to no flow. */
  readonly flowless?: true;
}

const yes = { together: 'yes' } as const;
const byPorts = { ...yes, spread: 'ports' } as const;
const byAddresses = { ...yes, spread: 'addresses' } as const;
const byTunnels = { ...yes, spread: 'tunnel ends' } as const;
const oneMember = { ...yes, spread: 'nothing' } as const;
const split = (cause: string) => ({ together: 'no', spread: 'ports', cause }) as const;
const spi = { together: 'no, harmless', spread: 'ports', cause: 'esp-ah-spi' } as const;
const flowless = { flowless: true } as const;

export const HASH_TABLE: readonly HashRow[] = [
  { traffic: 'IPv4 TCP', classes: ['ipv4-tcp'], ...byPorts },
  { traffic: 'IPv4 UDP', classes: ['ipv4-udp'], ...byPorts },
  { traffic: 'IPv4 SCTP', classes: ['ipv4-sctp'], ...byPorts },
  { traffic: 'IPv4 DCCP', classes: ['ipv4-dccp'], ...byPorts },
  { traffic: 'IPv4 UDP-Lite', classes: ['ipv4-udplite'], ...byPorts },
  { traffic: 'IPv6 TCP', classes: ['ipv6-tcp'], ...byPorts },
  { traffic: 'IPv6 UDP', classes: ['ipv6-udp'], ...byPorts },
  { traffic: 'IPv6 SCTP', classes: ['ipv6-sctp'], ...byPorts },
  { traffic: 'IPv6 DCCP', classes: ['ipv6-dccp'], ...byPorts },
  { traffic: 'IPv6 UDP-Lite', classes: ['ipv6-udplite'], ...byPorts },
  { traffic: 'IP options', classes: ['options-ipv4-tcp', 'options-ipv4-udp'], ...byPorts },
  {
    traffic: 'IPv6 hop-by-hop, destination and routing headers',
    classes: ['hop-by-hop-ipv6-udp', 'destination-ipv6-tcp', 'routing-ipv6-udp', 'extensions-ipv6-tcp'],
    ...byPorts,
  },
  { traffic: 'IPv6 with one flow label', classes: ['label-same-ipv6-tcp'], ...byPorts },
  { traffic: 'IPv6 with a flow label for each direction (bug A)', classes: ['label-pair-ipv6-tcp', 'label-pair-ipv6-udp'], ...byPorts },
  { traffic: 'IPv6 with a flow label in one direction (bug C)', classes: ['label-one-way-ipv6-tcp', 'label-one-way-ipv6-udp'], ...byPorts },
  {
    traffic: 'other IP protocols',
    classes: ['ospf-ipv4', 'igmp-ipv4', 'l2tpv3-ipv4', 'ipcomp-ipv4', 'experiment-ipv4', 'experiment-ipv6'],
    ...byAddresses,
  },
  { traffic: 'ICMP echo', classes: ['ipv4-icmp'], ...byAddresses },
  { traffic: 'ICMPv6 echo', classes: ['ipv6-icmp6'], ...byAddresses },
  // The errors have no relation to the flow; the flow itself is kept.
  {
    traffic: 'ICMP error about a flow',
    classes: ['icmp-error-peer-ipv4-udp', 'icmp-error-router-ipv4-udp', 'icmp-error-peer-ipv6-udp', 'icmp-error-router-ipv6-udp'],
    ...byPorts,
    cause: 'icmp-error',
  },
  { traffic: 'IPv4 fragments', classes: ['fragment-ipv4-udp'], ...split('fragment-v4'), defrag: 'yes' },
  {
    traffic: 'IPv4 fragments, one identification for many datagrams',
    classes: ['fragment-reused-ipv4-udp'],
    ...split('fragment-v4'),
    defrag: 'yes',
  },
  { traffic: 'IPv4 fragments under one VLAN tag', classes: ['fragment-vlan-ipv4-udp'], ...split('fragment-v4'), defrag: 'yes' },
  { traffic: 'IPv4 fragments under two VLAN tags', classes: ['fragment-qinq-ipv4-udp'], ...split('fragment-v4') },
  // What is left of their datagrams nobody can tell the flow of.
  { traffic: 'IPv4 fragments without the first', classes: ['fragment-headless-ipv4-udp'], ...byPorts },
  { traffic: 'IPv6 fragments', classes: ['fragment-ipv6-udp'], ...split('fragment-v6') },
  { traffic: 'IPv6 atomic fragments', classes: ['fragment-atomic-ipv6-udp'], ...byAddresses },
  { traffic: 'IPv6 atomic fragments one way, plain the other', classes: ['fragment-atomic-one-way-ipv6-udp'], ...split('fragment-v6') },
  { traffic: 'ESP, an SPI for each direction', classes: ['esp-ipv4', 'esp-ipv6'], ...spi },
  { traffic: 'AH, an SPI for each direction', classes: ['ah-ipv4-tcp', 'ah-ipv6-udp'], ...spi },
  { traffic: 'ESP and AH, one SPI both ways', classes: ['esp-same-spi-ipv4', 'ah-same-spi-ipv4-tcp'], ...byPorts },
  { traffic: 'ESP in UDP 4500', classes: ['esp-in-udp-ipv4'], ...byPorts },
  { traffic: '802.1Q', classes: ['vlan-ipv4-tcp', 'vlan-ipv6-udp', 'vlan-zero-ipv4-udp'], ...byPorts },
  { traffic: '802.1ad and 802.1Q', classes: ['qinq-ipv4-udp', 'qinq-ipv6-tcp'], ...byPorts },
  { traffic: '0x8100 twice and three times', classes: ['vlan-two-ipv4-tcp', 'vlan-three-ipv6-udp'], ...byPorts },
  {
    traffic: 'another VLAN id for each direction',
    classes: ['vlan-pair-ipv4-tcp', 'vlan-pair-ipv6-tcp', 'qinq-pair-ipv4-tcp', 'vlan-one-way-ipv4-tcp'],
    ...byPorts,
  },
  { traffic: '0x9100 outer tag', classes: ['vlan-9100-ipv4-tcp'], ...oneMember },
  { traffic: '0x9200 outer tag', classes: ['vlan-9200-ipv4-tcp'], ...oneMember },
  { traffic: 'Cisco MetaData', classes: ['cmd-ipv4-tcp'], ...oneMember },
  { traffic: 'VN-Tag', classes: ['vntag-ipv4-tcp', 'vntag-vlan-ipv6-udp'], ...oneMember },
  { traffic: 'E-Tag', classes: ['etag-ipv4-tcp'], ...oneMember },
  { traffic: 'FabricPath', classes: ['fabricpath-ipv4-tcp'], ...oneMember },
  {
    traffic: 'a tag that the kernel does not know, in one direction only',
    classes: ['cmd-one-way-ipv4-tcp', 'fabricpath-one-way-ipv4-tcp'],
    ...split('tunnel-outer-only'),
  },
  { traffic: '802.1ah', classes: ['pbb-ipv4-tcp', 'pbb-tagged-ipv6-udp'], ...oneMember },
  { traffic: 'LLC with SNAP', classes: ['snap-ipv4-tcp', 'snap-vlan-ipv6-udp'], ...oneMember },
  {
    traffic: 'NSH with something inside',
    classes: ['nsh-ipv4-tcp', 'nsh-ipv6-udp', 'nsh-ethernet-ipv4-tcp', 'nsh-mpls-ipv4-udp', 'nsh-twice-ipv4-tcp'],
    ...oneMember,
  },
  { traffic: 'PPPoE session', classes: ['pppoe-ipv4-tcp', 'pppoe-ipv6-udp', 'vlan-pppoe-ipv4-udp'], ...byPorts },
  { traffic: 'PPPoE control', classes: ['pppoe-lcp', 'pppoe-discovery'], ...oneMember, ...flowless },
  {
    traffic: 'MPLS',
    classes: ['mpls-ipv4-tcp', 'mpls-ipv6-udp', 'mpls-two-ipv4-tcp', 'mpls-pw-ipv4-tcp', 'mpls-pw-control-ipv4-tcp'],
    ...oneMember,
  },
  // Measured by the lab: the dissector has the outer addresses by then.
  { traffic: 'MPLS in IP (137)', classes: ['mpls-in-ip-ipv4-udp'], ...byTunnels },
  { traffic: 'GRE', classes: ['gre-ipv4-tcp', 'gre-ipv6-udp', 'gre-key-ipv4-tcp', 'gre-checksum-ipv4-udp'], ...byPorts },
  { traffic: 'GRE with Ethernet, NVGRE', classes: ['gre-ethernet-ipv4-tcp', 'nvgre-ipv4-tcp'], ...byPorts },
  { traffic: 'PPTP with IP inside', classes: ['pptp-ipv4-tcp'], ...byPorts },
  {
    traffic: 'GRE with a payload or a source route at which the kernel stops',
    classes: ['gre-ppp-ipv4-tcp', 'gre-routed-ipv4-tcp', 'gre-frame-relay-ipv4-tcp', 'gre-nsh-ipv4-tcp', 'gre-wlan-ipv4-tcp'],
    ...byTunnels,
  },
  { traffic: 'EoIP', classes: ['eoip-ipv4-tcp'], ...byTunnels },
  { traffic: 'ERSPAN', classes: ['erspan1-ipv4-tcp', 'erspan2-ipv4-tcp', 'erspan3-ipv4-udp'], ...byTunnels },
  // These have no flow but the one between the tunnel's ends.
  { traffic: 'PPTP with MPPE, GRE with other payload', classes: ['pptp-mppe-ipv4', 'gre-opaque-ipv4'], ...byTunnels },
  { traffic: 'IPIP', classes: ['ipip-ipv4-tcp'], ...byPorts },
  { traffic: '6in4', classes: ['6in4-ipv6-tcp'], ...byPorts },
  { traffic: '6in6', classes: ['6in6-ipv6-udp'], ...byPorts },
  { traffic: 'SRv6', classes: ['srv6-ipv6-tcp'], ...byPorts },
  {
    traffic: 'IPv4 in IPv6, ends that differ in bytes 8 to 11 (bug D)',
    classes: ['4in6-ipv4-tcp', 'gre-in-ipv6-ipv4-tcp', 'srv6-ipv4-udp'],
    ...split('known-bug-d'),
  },
  { traffic: 'IPv4 in IPv6, ends that do not', classes: ['4in6-near-ipv4-tcp', 'gre-in-near-ipv6-ipv4-tcp'], ...byPorts },
  { traffic: 'EtherIP (97)', classes: ['etherip-ipv4-udp', 'etherip-other-half-ipv4-udp'], ...byTunnels },
  {
    traffic: 'Ethernet in IPv6 (143), a segment for each direction',
    classes: ['srv6-ethernet-ipv4-tcp'],
    ...split('tunnel-outer-only'),
    spread: 'tunnel ends',
  },
  {
    traffic: 'VXLAN and Geneve, a port for each direction',
    classes: [
      'vxlan-ipv4-tcp',
      'vxlan-ipv6-udp',
      'geneve-ipv4-tcp',
      'vxlan-policy-ipv4-tcp',
      'vxlan-gpe-ipv6-udp',
      'vxlan-gpe-nsh-ipv4-tcp',
    ],
    ...split('tunnel-outer-only'),
  },
  { traffic: 'VXLAN, one port at both ends', classes: ['vxlan-fixed-port-ipv4-tcp'], ...byTunnels },
  {
    traffic: 'GRE, MPLS and LISP in UDP, a port for each direction',
    classes: ['gre-in-udp-ipv4-tcp', 'mpls-in-udp-ipv4-tcp', 'lisp-ipv4-tcp'],
    ...split('tunnel-outer-only'),
  },
  { traffic: 'AYIYA', classes: ['ayiya-ipv6-tcp'], ...byTunnels },
  { traffic: 'CAPWAP', classes: ['capwap-ipv4-tcp', 'capwap-wlan-ipv4-udp'], ...byTunnels },
  { traffic: 'GTP-U', classes: ['gtpu-ipv4-tcp', 'gtpu-extension-ipv6-udp', 'gtp-old-ipv4-tcp'], ...byTunnels },
  { traffic: 'L2TPv2', classes: ['l2tp-ipv4-tcp'], ...byTunnels },
  { traffic: 'Teredo', classes: ['teredo-ipv6-udp'], ...byTunnels },
  { traffic: 'batman-adv', classes: ['batman-ipv4-tcp'], ...byPorts },
  { traffic: 'HSR', classes: ['hsr-ipv4-udp'], ...byPorts },
  { traffic: 'ARP', classes: ['arp'], ...oneMember, ...flowless },
  { traffic: 'LLDP', classes: ['lldp'], ...oneMember, ...flowless },
  { traffic: 'STP behind LLC', classes: ['stp'], ...oneMember, ...flowless },
  { traffic: 'MACsec', classes: ['macsec'], ...oneMember, ...flowless },
  { traffic: 'NSH', classes: ['nsh'], ...oneMember, ...flowless },
  { traffic: 'TIPC', classes: ['tipc'], ...oneMember, ...flowless },
  { traffic: 'any unknown ethertype', classes: ['unknown-ethertype'], ...oneMember, ...flowless },
  { traffic: 'IPv4 with its transport header missing', classes: ['no-transport-ipv4'], ...byAddresses, ...flowless },
  { traffic: 'x.y.z.N and x.y.z.N+128 (bug B)', classes: ['top-bit-ipv4-tcp', 'top-bit-ipv4-udp'], ...byPorts },
  { traffic: 'client and server at one address', classes: ['same-host-ipv4-udp', 'same-host-ipv6-tcp'], ...byPorts },
];

/** Each packet seen twice is no matter of the hash. */
export const DUPLICATES = ['duplicate-mpls-ipv4-tcp', 'duplicate-vlan-ipv4-tcp'] as const;
