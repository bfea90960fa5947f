/** What is said besides transport connections: errors about a flow, pieces of a datagram, routing, encryption, and no IP at all. */
import {
  arp,
  esp,
  experiment,
  gre,
  igmpReport,
  ipComp,
  l2tpv3,
  lcpEcho,
  lldp,
  macsec,
  mppe,
  nsh,
  ospfHello,
  PPPOE_CODE,
  ppp,
  pppoeDiscovery,
  pptp,
  spanningTree,
  tipc,
  UDP_PORT,
  unknownEtherType,
} from './encapsulations.ts';
import { CUT_AT, MAC, securityIndex } from './envelopes.ts';
import { alternate, createPayload, createPorts, createTag, type Exchange, inTurn, type PayloadSizes, payloadBytes } from './exchanges.ts';
import { announced, icmp6Error, icmpError, ipv4, ipv6, type Layer, PROTOCOL, padding, udp, unnamed } from './frames.ts';
import { createEnds, type Family, loadEnds, loadPorts, SIDE, type Talk } from './parties.ts';
import { LAB_TAG } from './tag.ts';

const UDP_HEADER_BYTES = 8;

function atMost(sizes: PayloadSizes, bytes: number): PayloadSizes {
  return { payloadMin: Math.min(sizes.payloadMin, bytes), payloadMax: Math.min(sizes.payloadMax, bytes) };
}

// Errors about a flow

/** Two datagrams in turn, and then an error about the first. */
export const ERROR_TURNS = 3;

export function isErrorTurn({ turn }: Talk): boolean {
  return turn % ERROR_TURNS === ERROR_TURNS - 1;
}

/** The datagrams of a flow that errors are about. */
export function openQuotedUdp(sizes: PayloadSizes): Exchange {
  const ports = createPorts();
  const payload = createPayload(sizes);
  const layers = [udp(ports), ...payload.layers];
  return {
    say: (talk) => {
      talk.side = talk.turn % ERROR_TURNS === 0 ? SIDE.initiator : SIDE.responder;
      payload.load(talk);
      loadPorts(ports, talk, talk.side);
      return layers;
    },
  };
}

/** As much as every router quotes and every checker understands: beyond it, extensions would be looked for (RFC 4884). */
const QUOTED_PAYLOAD_MAX = 64;

/**
 * An error on the way back to the initiator. It quotes one of his datagrams, in which the lab tag is that of the error: two
 * checksums then cover it, and it is neutral to both.
 */
export function openError(family: Family, from: 'peer' | 'router'): (sizes: PayloadSizes) => Exchange {
  return (sizes) => {
    const ports = createPorts();
    const ends = createEnds(family);
    const payload = createPayload(atMost(sizes, QUOTED_PAYLOAD_MAX));
    // From the peer: port unreachable. From a router: time, or hops, exceeded.
    const header =
      family === 4
        ? icmpError(from === 'peer' ? { type: 3, code: 3 } : { type: 11, code: 0 })
        : icmp6Error(from === 'peer' ? { type: 1, code: 4 } : { type: 3, code: 0 });
    const hopsLeft = from === 'peer' ? 61 : 1;
    const network = family === 4 ? ipv4({ ...ends, ttl: hopsLeft }) : ipv6({ ...ends, hopLimit: hopsLeft });
    const layers = [header, network, udp(ports), ...payload.layers];
    return {
      say: (talk) => {
        talk.side = SIDE.responder;
        payload.load(talk);
        loadEnds(ends, talk, SIDE.initiator);
        loadPorts(ports, talk, SIDE.initiator);
        return layers;
      },
    };
  };
}

// Datagrams in pieces

/** A whole datagram from each side, then one in two pieces from each side. */
export function isFragmentTurn({ turn }: Talk): boolean {
  return (turn & 2) !== 0;
}

/** Datagrams with a lab tag in the front and one at the cut, so that each piece has one. */
export function openFragmentedUdp(sizes: PayloadSizes, isHeadless: boolean): Exchange {
  const ports = createPorts();
  const label = createTag();
  const rest = { length: 0 };
  const front = padding({ length: CUT_AT - UDP_HEADER_BYTES - LAB_TAG.bytes });
  const layers = [udp(ports), label.layer, front, label.layer, padding(rest)];
  // The rear has lost its transport header.
  const rear = unnamed(layers);
  return {
    say: (talk) => {
      talk.side = inTurn(talk);
      label.load(talk);
      loadPorts(ports, talk, talk.side);
      rest.length = payloadBytes(talk, sizes) - LAB_TAG.bytes;
      return talk.piece === 0 && !isHeadless ? layers : rear;
    },
  };
}

// IP protocols without ports

function security(indexes: 'per-side' | 'same') {
  const fields = { spi: 0, sequence: 0 };
  const load = (talk: Talk): void => {
    fields.spi = securityIndex(talk, indexes);
    // An association counts its packets. Where both ways have one index, it is one association for whoever watches.
    fields.sequence = 1 + (indexes === 'same' ? talk.turn : talk.turn >> 1);
  };
  return { layer: esp(fields), load };
}

export function openEsp(indexes: 'per-side' | 'same'): (sizes: PayloadSizes) => Exchange {
  return (sizes) => {
    const { layer, load } = security(indexes);
    return alternate(sizes, [layer], load);
  };
}

/** RFC 3948: behind a translator of addresses, in UDP without a checksum. */
export function openEspInUdp(sizes: PayloadSizes): Exchange {
  const ports = createPorts();
  const { layer, load } = security('per-side');
  return alternate(sizes, [udp(ports, { checksum: false }), ...unnamed([layer])], (talk) => {
    loadPorts(ports, talk, talk.side);
    load(talk);
  });
}

export const ESP_IN_UDP_PORT = UDP_PORT.esp;

export function openOspf(sizes: PayloadSizes): Exchange {
  const router = new Uint8Array(4);
  return alternate(sizes, [ospfHello({ router })], (talk) => {
    router.set([10, talk.side, talk.pair >>> 8, talk.pair]);
  });
}

function openLayers(layers: readonly Layer[]): (sizes: PayloadSizes) => Exchange {
  return (sizes) => alternate(sizes, layers, () => undefined);
}

function openOpaque(layer: Layer): (sizes: PayloadSizes) => Exchange {
  return openLayers([layer]);
}

export const openIgmp = openOpaque(igmpReport());
export const openIpComp = openOpaque(ipComp());
export const openL2tpv3 = openOpaque(l2tpv3());
export const openExperiment = openOpaque(experiment());
/** Bytes that no known protocol explains, in GRE. */
export const openOpaqueGre = openLayers([gre(), unknownEtherType()]);

/** A tunnel of PPTP that nobody can look into: all of its packets look alike but for their numbers. */
export function openEncryptedPptp(sizes: PayloadSizes): Exchange {
  const carrier = { callId: 0, sequence: 0, acknowledgment: 0 };
  const cipher = { count: 0 };
  return alternate(sizes, [pptp(carrier), ppp(), mppe(cipher)], (talk) => {
    carrier.callId = 1 + talk.side;
    carrier.sequence = carrier.acknowledgment = cipher.count = talk.turn;
  });
}

/** A UDP packet that ends before its UDP header. */
export const openNothing = openLayers([announced(PROTOCOL.udp, 'udp')]);

// No IP. What has no room of its own for the lab tag carries it in the trailer of the frame.

const UNKNOWN_MAC = new Uint8Array(6);

export function openArp(sizes: PayloadSizes): Exchange {
  const ends = createEnds(4);
  const fields = { request: true, source: ends.source, target: ends.destination, sourceMac: UNKNOWN_MAC, targetMac: UNKNOWN_MAC };
  return alternate(sizes, [arp(fields)], (talk) => {
    const isRequest = talk.side === SIDE.initiator;
    fields.request = isRequest;
    fields.sourceMac = isRequest ? MAC.outerInitiator : MAC.outerResponder;
    fields.targetMac = isRequest ? MAC.outerResponder : MAC.outerInitiator;
    loadEnds(ends, talk, talk.side);
  });
}

function senderMac(): { readonly mac: Uint8Array; readonly load: (talk: Talk) => void } {
  const mac = new Uint8Array(6);
  return { mac, load: (talk) => mac.set(talk.side === SIDE.initiator ? MAC.outerInitiator : MAC.outerResponder) };
}

/** A TLV holds up to 511 bytes. */
const LLDP_PAYLOAD_MAX = 400;

export function openLldp(sizes: PayloadSizes): Exchange {
  const { mac, load } = senderMac();
  return alternate(atMost(sizes, LLDP_PAYLOAD_MAX), [lldp({ mac })], load);
}

export function openSpanningTree(sizes: PayloadSizes): Exchange {
  const { mac, load } = senderMac();
  return alternate(sizes, [spanningTree({ mac, port: 1 })], load);
}

const INTEGRITY_BYTES = 16;

export function openMacsec(sizes: PayloadSizes): Exchange {
  const fields = { association: 0, packetNumber: 0 };
  const least = LAB_TAG.bytes + INTEGRITY_BYTES;
  const room = { payloadMin: Math.max(sizes.payloadMin, least), payloadMax: Math.max(sizes.payloadMax, least) };
  return alternate(room, [macsec(fields)], (talk) => {
    fields.association = talk.side;
    fields.packetNumber = talk.turn + 1;
  });
}

export function openNsh(sizes: PayloadSizes): Exchange {
  const fields = { path: 0 };
  return alternate(sizes, [nsh(fields), unknownEtherType()], (talk) => {
    fields.path = 1 + (talk.pair & 0xffff);
  });
}

export function openTipc(sizes: PayloadSizes): Exchange {
  const fields = { node: 0, port: 0, peerPort: 0, sequence: 0 };
  return alternate(sizes, [tipc(fields)], (talk) => {
    // Zone 1, cluster 1, and the side as node.
    fields.node = 0x01001001 + talk.side;
    fields.port = 0x10000 + 2 * talk.id + talk.side;
    fields.peerPort = fields.port ^ 1;
    fields.sequence = talk.turn & 0xffff;
  });
}

export const openUnknown = openOpaque(unknownEtherType());

export function openLcp(sizes: PayloadSizes): Exchange {
  const fields = { request: true, identifier: 0 };
  return alternate(sizes, [lcpEcho(fields)], (talk) => {
    fields.request = talk.side === SIDE.initiator;
    fields.identifier = (talk.turn >> 1) & 0xff;
  });
}

export function openDiscovery(sizes: PayloadSizes): Exchange {
  const fields: { code: number } = { code: PPPOE_CODE.initiation };
  return alternate(sizes, [pppoeDiscovery(fields)], (talk) => {
    fields.code = talk.side === SIDE.initiator ? PPPOE_CODE.initiation : PPPOE_CODE.offer;
  });
}
