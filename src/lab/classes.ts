/** The kinds of traffic that the lab knows. Each is a row: how its packets look, and which promise of the kernel it tests. */
import type { FlowId } from '../model/run-result.ts';
import { type Exchange, type ExchangeContext, TRANSPORTS, type Transport } from './exchanges.ts';
import { ETHERTYPE, ethernet, ipv4, ipv6, type Layer, stackText, vlan } from './frames.ts';
import { flowIdOf, initiatorDirection, ipv4Parties, ipv6Parties, type Parties, type Slot, topBitParties } from './parties.ts';
import { createRandom, type Random } from './random.ts';
import type { Direction } from './tag.ts';

export type FlowContext = Omit<ExchangeContext, 'parties'> & { readonly slot: Slot };

/** One flow about to be sent: who talks, what stands in front of the transport header per sender, and what is said. */
export interface Conversation {
  /** As the dissector names it: the same for both directions. */
  readonly stack: string;
  readonly flow: FlowId;
  /** Direction of what the initiator sends. */
  readonly initiator: Direction;
  readonly envelope: { readonly initiator: readonly Layer[]; readonly responder: readonly Layer[] };
  readonly next: Exchange;
}

export interface TrafficClass {
  readonly name: string;
  readonly description: string;
  begin(context: FlowContext): Conversation;
}

// Unicast, locally administered: no vendor's address, and no switch would flood them.
const INITIATOR_MAC = Uint8Array.of(0x02, 0xfc, 0, 0, 0, 0x01);
const RESPONDER_MAC = Uint8Array.of(0x02, 0xfc, 0, 0, 0, 0x02);

const FROM_INITIATOR = ethernet({ source: INITIATOR_MAC, destination: RESPONDER_MAC });
const FROM_RESPONDER = ethernet({ source: RESPONDER_MAC, destination: INITIATOR_MAC });

/** A value for what the initiator sends, and one for what the responder sends. */
type Both<T> = readonly [initiator: T, responder: T];

interface Network {
  readonly parties: (slot: Slot, random: Random) => Parties;
  readonly layers: (parties: Parties, random: Random) => Both<Layer>;
}

function ends(from: keyof Parties, parties: Parties): { source: Uint8Array; destination: Uint8Array } {
  const to = from === 'initiator' ? 'responder' : 'initiator';
  return { source: parties[from].address, destination: parties[to].address };
}

const IPV4: Network = {
  parties: ipv4Parties,
  layers: (parties) => [ipv4(ends('initiator', parties)), ipv4(ends('responder', parties))],
};

const IPV4_TOP_BIT: Network = { ...IPV4, parties: topBitParties };

/** Flow labels are chosen per flow, from 1 to 2^20 - 1: 0 means "none". */
function labelled(labels: (random: Random) => Both<number>): Network {
  return {
    parties: ipv6Parties,
    layers: (parties, random) => {
      const [initiator, responder] = labels(random);
      return [ipv6({ ...ends('initiator', parties), flowLabel: initiator }), ipv6({ ...ends('responder', parties), flowLabel: responder })];
    },
  };
}

function someLabel(random: Random): number {
  return 1 + random.below(0xfffff);
}

const IPV6 = labelled(() => [0, 0]);
const IPV6_LABEL_DIFFERS = labelled((random) => {
  const label = someLabel(random);
  return [label, (label % 0xfffff) + 1];
});
const IPV6_LABEL_ONE_WAY = labelled((random) => [someLabel(random), 0]);

type Link = (random: Random) => Both<readonly Layer[]>;

const UNTAGGED: Link = () => [[], []];

/** VLAN ids from 2 to 4093: 0 and 4095 are reserved, 1 is many a switch's default. */
function someVlan(random: Random): number {
  return 2 + random.below(4092);
}

const VLAN: Link = (random) => {
  const tags = [vlan({ id: someVlan(random) })];
  return [tags, tags];
};

const VLAN_PER_DIRECTION: Link = (random) => {
  const id = someVlan(random);
  return [[vlan({ id })], [vlan({ id: id === 4093 ? 2 : id + 1 })]];
};

const QINQ: Link = (random) => {
  const tags = [vlan({ id: someVlan(random), etherType: ETHERTYPE.qinq }), vlan({ id: someVlan(random) })];
  return [tags, tags];
};

const QINQ_PER_DIRECTION: Link = (random) => {
  const outer = vlan({ id: someVlan(random), etherType: ETHERTYPE.qinq });
  const [initiator, responder] = VLAN_PER_DIRECTION(random);
  return [
    [outer, ...initiator],
    [outer, ...responder],
  ];
};

type Envelope = Conversation['envelope'];

function envelopeOf(parties: Parties, random: Random, network: Network, link: Link): Envelope {
  const [fromInitiator, fromResponder] = network.layers(parties, random);
  const [initiatorTags, responderTags] = link(random);
  return {
    initiator: [FROM_INITIATOR, ...initiatorTags, fromInitiator],
    responder: [FROM_RESPONDER, ...responderTags, fromResponder],
  };
}

/** The same for all flows of a class, so a sample tells it. */
function stackOf(transport: Transport, network: Network, link: Link): string {
  const random = createRandom(0);
  const parties = network.parties({ pair: 0, nth: 0, salt: 0 }, random);
  return `${stackText(envelopeOf(parties, random, network, link).initiator)}/${transport.proto}`;
}

function trafficClass(name: string, description: string, transport: Transport, network: Network, link: Link = UNTAGGED): TrafficClass {
  const stack = stackOf(transport, network, link);
  return {
    name,
    description,
    begin: (context) => {
      const parties = network.parties(context.slot, context.random);
      const envelope = envelopeOf(parties, context.random, network, link);
      // An echo has no ports: its identifier stands for both, as in the flow key.
      const isEcho = transport === TRANSPORTS.icmp || transport === TRANSPORTS.icmp6;
      const named = isEcho ? { ...parties, responder: { ...parties.responder, port: parties.initiator.port } } : parties;
      return {
        stack,
        flow: flowIdOf(transport.proto, named),
        initiator: initiatorDirection(parties),
        envelope,
        next: transport.begin({ ...context, parties }),
      };
    },
  };
}

const { tcp, udp, udplite, sctp, dccp, icmp, icmp6 } = TRANSPORTS;

export const TRAFFIC_CLASSES: readonly TrafficClass[] = [
  trafficClass('ipv4-tcp', 'TCP over IPv4', tcp, IPV4),
  trafficClass('ipv4-udp', 'UDP over IPv4', udp, IPV4),
  trafficClass('ipv4-sctp', 'SCTP over IPv4', sctp, IPV4),
  trafficClass('ipv4-dccp', 'DCCP over IPv4', dccp, IPV4),
  trafficClass('ipv4-udplite', 'UDP-Lite over IPv4', udplite, IPV4),
  trafficClass('ipv4-icmp', 'ICMP echo', icmp, IPV4),
  trafficClass('ipv6-tcp', 'TCP over IPv6 without flow label', tcp, IPV6),
  trafficClass('ipv6-udp', 'UDP over IPv6 without flow label', udp, IPV6),
  trafficClass('ipv6-sctp', 'SCTP over IPv6 without flow label', sctp, IPV6),
  trafficClass('ipv6-icmp6', 'ICMPv6 echo', icmp6, IPV6),
  trafficClass('vlan-ipv4-tcp', 'TCP over IPv4 in one VLAN', tcp, IPV4, VLAN),
  trafficClass('vlan-ipv6-udp', 'UDP over IPv6 in one VLAN', udp, IPV6, VLAN),
  trafficClass('vlan-pair-ipv4-tcp', 'TCP over IPv4, another VLAN id in each direction', tcp, IPV4, VLAN_PER_DIRECTION),
  trafficClass('vlan-pair-ipv6-tcp', 'TCP over IPv6, another VLAN id in each direction', tcp, IPV6, VLAN_PER_DIRECTION),
  trafficClass('qinq-ipv4-udp', 'UDP over IPv4 behind a service and a customer tag', udp, IPV4, QINQ),
  trafficClass('qinq-ipv6-tcp', 'TCP over IPv6 behind a service and a customer tag', tcp, IPV6, QINQ),
  trafficClass(
    'qinq-pair-ipv4-tcp',
    'TCP over IPv4 behind two tags, another customer tag in each direction',
    tcp,
    IPV4,
    QINQ_PER_DIRECTION,
  ),
  trafficClass('label-pair-ipv6-tcp', 'known bug A: TCP over IPv6, another flow label in each direction', tcp, IPV6_LABEL_DIFFERS),
  trafficClass('label-pair-ipv6-udp', 'known bug A: UDP over IPv6, another flow label in each direction', udp, IPV6_LABEL_DIFFERS),
  trafficClass('top-bit-ipv4-tcp', 'known bug B: TCP between x.y.z.N and x.y.z.N+128', tcp, IPV4_TOP_BIT),
  trafficClass('top-bit-ipv4-udp', 'known bug B: UDP between x.y.z.N and x.y.z.N+128', udp, IPV4_TOP_BIT),
  trafficClass('label-one-way-ipv6-tcp', 'known bug C: TCP over IPv6, a flow label in one direction only', tcp, IPV6_LABEL_ONE_WAY),
  trafficClass('label-one-way-ipv6-udp', 'known bug C: UDP over IPv6, a flow label in one direction only', udp, IPV6_LABEL_ONE_WAY),
];
