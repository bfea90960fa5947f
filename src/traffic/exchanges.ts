/** What two parties say to each other, transport by transport: turn after turn, as a real connection would go. */
import {
  DCCP_TYPE,
  type DccpFields,
  dccp,
  icmp6Echo,
  icmpEcho,
  type Layer,
  number,
  type Ports,
  padding,
  raw,
  sctp,
  sctpChunk,
  sctpParameter,
  type TagLayerFields,
  TCP_FLAG,
  tag,
  tcp,
  tcpOption,
  udp,
  udpLite,
} from './frames.ts';
import { directionOf, draw, loadPorts, SIDE, type Side, type Talk, type Writable } from './parties.ts';
import { type Guard, LAB_TAG } from './tag.ts';

export interface PayloadSizes {
  /** Payload of a data packet, lab tag included, in bytes. */
  readonly payloadMin: number;
  readonly payloadMax: number;
}

/**
 * Both ends of every flow of a class: the layers are the same for all of them, and take on one flow's fields at a time. What is
 * said depends on the talk alone, so a turn that takes several frames can be said once more for each.
 */
export interface Exchange {
  /** Loads what this turn says, decides whose turn it is, and returns the layers from the transport header inwards. */
  say(talk: Talk): readonly Layer[];
  /** To be called once at the end of a turn. */
  advance?(talk: Talk): void;
}

export interface Transport {
  /** As the five-tuple of a report, and the text of a stack, name it. */
  readonly proto: string;
  /** ICMP echo: one identifier stands for both ports. */
  readonly echo?: boolean;
  open(sizes: PayloadSizes): Exchange;
}

const PAYLOAD_PURPOSE = 0x5041;
const SEQUENCE_PURPOSE = 0x5345;

/** A lab tag as a layer, and the fields to load before it is written. */
export function createTag(guard: Guard = 'complement') {
  const fields: Writable<TagLayerFields> = { flow: 0, direction: 'forward', guard };
  return {
    layer: tag(fields),
    load: (talk: Talk): void => {
      fields.flow = talk.id;
      fields.direction = directionOf(talk, talk.side);
    },
  };
}

/** The size of this turn's payload. A multiple of four, which SCTP's chunks need, and which costs the others nothing. */
export function payloadBytes(talk: Talk, { payloadMin, payloadMax }: PayloadSizes): number {
  const range = payloadMax - payloadMin + 1;
  return (payloadMin + (range === 1 ? 0 : draw(talk, PAYLOAD_PURPOSE + talk.turn) % range)) & ~3;
}

/** The lab tag and, if there is room, the number of the turn, so that no two payloads of a flow are alike. Zeros follow. */
export function createPayload(sizes: PayloadSizes, guard?: Guard) {
  const label = createTag(guard);
  const counter = { bytes: 0, value: 0 };
  const filler = { length: 0 };
  return {
    tag: label.layer,
    layers: [label.layer, number(counter), padding(filler)],
    load: (talk: Talk): void => {
      label.load(talk);
      const room = payloadBytes(talk, sizes) - LAB_TAG.bytes;
      counter.bytes = Math.min(room, COUNTER_BYTES);
      counter.value = talk.turn;
      filler.length = room - counter.bytes;
    },
  };
}

const COUNTER_BYTES = 4;

export function inTurn({ turn }: Talk): Side {
  return turn % 2 === 0 ? SIDE.initiator : SIDE.responder;
}

/** Request and answer in turn, each with a payload behind the same header. */
export function alternate(sizes: PayloadSizes, header: readonly Layer[], load: (talk: Talk) => void): Exchange {
  const payload = createPayload(sizes);
  const layers = [...header, ...payload.layers];
  return {
    say: (talk) => {
      talk.side = inTurn(talk);
      payload.load(talk);
      load(talk);
      return layers;
    },
  };
}

export function createPorts(): Writable<Ports> {
  return { sourcePort: 0, destinationPort: 0 };
}

const TCP_OPTION_EXPERIMENT = 253;
const TCP_NOPS = raw(Uint8Array.of(1, 1));
const TCP_TAG_OPTION = tcpOption(TCP_OPTION_EXPERIMENT, LAB_TAG.bytes);
const TCP_TAG_OPTION_BYTES = 2 + LAB_TAG.bytes + 2;
const TCP_SEGMENT_SIZE = raw(Uint8Array.of(2, 4, 1440 >> 8, 1440 & 0xff));
const TCP_SEGMENT_SIZE_BYTES = 4;

const OPEN = { flags: TCP_FLAG.syn, side: SIDE.initiator } as const;
const ACCEPT = { flags: TCP_FLAG.syn | TCP_FLAG.ack, side: SIDE.responder } as const;
const CONFIRM = { flags: TCP_FLAG.ack, side: SIDE.initiator } as const;
const CLOSE = { flags: TCP_FLAG.fin | TCP_FLAG.ack, side: SIDE.initiator } as const;
const CLOSE_TOO = { flags: TCP_FLAG.fin | TCP_FLAG.ack, side: SIDE.responder } as const;
const REQUEST = { flags: TCP_FLAG.push | TCP_FLAG.ack, side: SIDE.initiator } as const;
const ANSWER = { flags: TCP_FLAG.push | TCP_FLAG.ack, side: SIDE.responder } as const;

const HANDSHAKE = [OPEN, ACCEPT, CONFIRM] as const;
const FAREWELL = [CLOSE, CLOSE_TOO, CONFIRM] as const;

/** A flow too short for data between opening and closing is not closed: captures often end before connections do. */
function tcpStep(turn: number, packets: number): { readonly flags: number; readonly side: Side } {
  const closing = packets >= HANDSHAKE.length + FAREWELL.length + 2 ? FAREWELL.length : 0;
  const control = HANDSHAKE[turn] ?? (turn >= packets - closing ? FAREWELL[turn - (packets - closing)] : undefined);
  return control ?? ((turn - HANDSHAKE.length) % 2 === 0 ? REQUEST : ANSWER);
}

/** SYN and FIN take a sequence number each. */
function tcpConsumed(talk: Talk, flags: number, sizes: PayloadSizes): number {
  if ((flags & TCP_FLAG.push) !== 0) return payloadBytes(talk, sizes);
  return (flags & (TCP_FLAG.syn | TCP_FLAG.fin)) !== 0 ? 1 : 0;
}

function openTcp(sizes: PayloadSizes): Exchange {
  const ports = createPorts();
  const fields = { ports, sequence: 0, acknowledgment: 0, flags: 0, optionBytes: 0 };
  const header = tcp(fields);
  const payload = createPayload(sizes);
  const data = [header, ...payload.layers];
  // Segments without payload carry the lab tag as an experimental option (RFC 6994).
  const control = [header, TCP_TAG_OPTION, payload.tag, TCP_NOPS];
  const opening = [header, TCP_SEGMENT_SIZE, TCP_TAG_OPTION, payload.tag, TCP_NOPS];
  return {
    say: (talk) => {
      if (talk.turn === 0) {
        talk.initiatorNext = draw(talk, SEQUENCE_PURPOSE);
        talk.responderNext = draw(talk, SEQUENCE_PURPOSE + 1);
      }
      const { flags, side } = tcpStep(talk.turn, talk.packets);
      const isInitiator = side === SIDE.initiator;
      talk.side = side;
      payload.load(talk);
      loadPorts(ports, talk, side);
      fields.flags = flags;
      fields.sequence = isInitiator ? talk.initiatorNext : talk.responderNext;
      fields.acknowledgment = (flags & TCP_FLAG.ack) === 0 ? 0 : isInitiator ? talk.responderNext : talk.initiatorNext;
      if ((flags & TCP_FLAG.push) !== 0) {
        fields.optionBytes = 0;
        return data;
      }
      const isOpening = (flags & TCP_FLAG.syn) !== 0;
      fields.optionBytes = TCP_TAG_OPTION_BYTES + (isOpening ? TCP_SEGMENT_SIZE_BYTES : 0);
      return isOpening ? opening : control;
    },
    advance: (talk) => {
      const { flags, side } = tcpStep(talk.turn, talk.packets);
      const consumed = tcpConsumed(talk, flags, sizes);
      if (side === SIDE.initiator) talk.initiatorNext = (talk.initiatorNext + consumed) | 0;
      else talk.responderNext = (talk.responderNext + consumed) | 0;
    },
  };
}

function openUdp(sizes: PayloadSizes, header: (ports: Ports) => Layer = udp): Exchange {
  const ports = createPorts();
  return alternate(sizes, [header(ports)], (talk) => loadPorts(ports, talk, talk.side));
}

function openDccp(sizes: PayloadSizes): Exchange {
  const ports = createPorts();
  const fields: Writable<DccpFields> = { ports, type: DCCP_TYPE.request, sequence: 0, acknowledgment: 0 };
  return alternate(sizes, [dccp(fields)], (talk) => {
    const n = talk.turn >> 1;
    const [own, peer] = [draw(talk, SEQUENCE_PURPOSE + talk.side), draw(talk, SEQUENCE_PURPOSE + 1 - talk.side)];
    const isInitiator = talk.side === SIDE.initiator;
    loadPorts(ports, talk, talk.side);
    fields.type = n > 0 ? DCCP_TYPE.dataAck : isInitiator ? DCCP_TYPE.request : DCCP_TYPE.response;
    fields.sequence = (own + n) >>> 0;
    // The last packet of the peer: the initiator speaks first, so it is one answer behind.
    fields.acknowledgment = (peer + n - (isInitiator ? 1 : 0)) >>> 0;
  });
}

function openEcho(sizes: PayloadSizes, echo: typeof icmpEcho): Exchange {
  const fields = { request: true, identifier: 0, sequence: 0 };
  return alternate(sizes, [echo(fields)], (talk) => {
    fields.request = talk.side === SIDE.initiator;
    fields.identifier = talk.initiatorPort;
    fields.sequence = ((talk.turn >> 1) + 1) & 0xffff;
  });
}

const SCTP_CHUNK = { data: 0, init: 1, initAck: 2, cookieEcho: 10, cookieAck: 11, pad: 0x84 } as const;
const SCTP_PARAMETER = { cookie: 7, pad: 0x8005 } as const;
const SCTP_WHOLE_MESSAGE = 3;

const SCTP_STREAMS = (1 << 16) | 1;
const SCTP_WINDOW = 65536;
const SCTP_COOKIE_ACK = raw(Uint8Array.of(SCTP_CHUNK.cookieAck, 0, 0, 4));
const SCTP_TAG_PURPOSE = 0x5346;

/** A verification tag of zero is reserved for the packet that carries INIT. */
function verificationTag(talk: Talk, side: Side): number {
  return draw(talk, SCTP_TAG_PURPOSE + 2 + side) + 1;
}

function openSctp(sizes: PayloadSizes): Exchange {
  const ports = createPorts();
  const fields = { ports, verificationTag: 0 };
  const header = sctp(fields);
  const payload = createPayload(sizes, 'crc32c');
  // Both kinds of words are read when they are written.
  const dataWords: [tsn: number, stream: number, protocol: number] = [0, 0, 0];
  const initWords: [tag: number, window: number, streams: number, tsn: number] = [0, SCTP_WINDOW, SCTP_STREAMS, 0];
  // The four packets that set up an association. Control chunks carry the lab tag in padding (RFC 4820) or in the cookie.
  const setup = [
    [header, sctpChunk(SCTP_CHUNK.init, 0, initWords), sctpParameter(SCTP_PARAMETER.pad), payload.tag],
    [header, sctpChunk(SCTP_CHUNK.initAck, 0, initWords), sctpParameter(SCTP_PARAMETER.cookie), payload.tag],
    [header, sctpChunk(SCTP_CHUNK.cookieEcho), payload.tag],
    [header, SCTP_COOKIE_ACK, sctpChunk(SCTP_CHUNK.pad), payload.tag],
  ];
  const data = [header, sctpChunk(SCTP_CHUNK.data, SCTP_WHOLE_MESSAGE, dataWords), ...payload.layers];
  return {
    say: (talk) => {
      talk.side = inTurn(talk);
      payload.load(talk);
      loadPorts(ports, talk, talk.side);
      fields.verificationTag = talk.turn === 0 ? 0 : verificationTag(talk, talk.side === SIDE.initiator ? SIDE.responder : SIDE.initiator);
      const first = draw(talk, SCTP_TAG_PURPOSE + talk.side);
      const n = (talk.turn >> 1) - 2;
      initWords[0] = verificationTag(talk, talk.side);
      initWords[3] = first;
      dataWords[0] = first + n;
      dataWords[1] = n & 0xffff;
      return setup[talk.turn] ?? data;
    },
  };
}

export const TRANSPORTS = {
  tcp: { proto: 'tcp', open: openTcp },
  udp: { proto: 'udp', open: (sizes) => openUdp(sizes) },
  udplite: { proto: 'udplite', open: (sizes) => openUdp(sizes, udpLite) },
  sctp: { proto: 'sctp', open: openSctp },
  dccp: { proto: 'dccp', open: openDccp },
  icmp: { proto: 'icmp', echo: true, open: (sizes) => openEcho(sizes, icmpEcho) },
  icmp6: { proto: 'icmp6', echo: true, open: (sizes) => openEcho(sizes, icmp6Echo) },
} as const satisfies Record<string, Transport>;
