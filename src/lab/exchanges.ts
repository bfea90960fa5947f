/** What two parties say to each other, transport by transport: packet after packet, as a real connection would go. */
import {
  DCCP_TYPE,
  type DccpFields,
  dccp,
  icmp6Echo,
  icmpEcho,
  type Layer,
  type Ports,
  padding,
  raw,
  sctp,
  sctpChunk,
  sctpParameter,
  TCP_FLAG,
  tag,
  tcp,
  tcpOption,
  udp,
  udpLite,
} from './frames.ts';
import { initiatorDirection, type Parties } from './parties.ts';
import type { Random } from './random.ts';
import { type Guard, LAB_TAG } from './tag.ts';

export interface ExchangeContext {
  readonly flow: number;
  readonly parties: Parties;
  /** How many packets the flow has in all. */
  readonly packets: number;
  /** Payload of a data packet, lab tag included, in bytes. */
  readonly payloadMin: number;
  readonly payloadMax: number;
  readonly random: Random;
}

export interface Segment {
  readonly fromInitiator: boolean;
  /** From the transport header inwards. */
  readonly layers: readonly Layer[];
}

/** Returns the next packet of the flow; to be called once per packet, in order. */
export type Exchange = () => Segment;

export interface Transport {
  /** As the five-tuple of a report, and the text of a stack, name it. */
  readonly proto: string;
  begin(context: ExchangeContext): Exchange;
}

/** What one end of the flow sends. The layers stay the same from packet to packet; their fields change. */
interface Side {
  readonly fromInitiator: boolean;
  readonly ports: Ports;
  readonly tag: Layer;
  /** Behind the tag. */
  readonly filler: { length: number };
  readonly payload: readonly Layer[];
}

function sideOf({ flow, parties }: ExchangeContext, from: keyof Parties, guard: Guard): Side {
  const fromInitiator = from === 'initiator';
  const own = parties[from];
  const peer = parties[fromInitiator ? 'responder' : 'initiator'];
  const direction = fromInitiator === (initiatorDirection(parties) === 'forward') ? 'forward' : 'reverse';
  const tagLayer = tag({ flow, direction, guard });
  const filler = { length: 0 };
  const ports = { sourcePort: own.port, destinationPort: peer.port };
  return { fromInitiator, ports, tag: tagLayer, filler, payload: [tagLayer, padding(filler)] };
}

/** Chooses the size of the side's next payload, lab tag included. */
function choosePayload({ filler }: Side, { payloadMin, payloadMax, random }: ExchangeContext): number {
  // A multiple of four, which SCTP's chunks need, and which costs the others nothing.
  const bytes = (payloadMin + random.below(payloadMax - payloadMin + 1)) & ~3;
  filler.length = bytes - LAB_TAG.bytes;
  return bytes;
}

/** A side's packets when they all have the same layers. `prepare` sets the fields of its n-th packet. */
interface Voice {
  readonly header: Layer;
  prepare?(n: number): void;
}

/** Request and answer in turn, each with a payload. */
function alternate(context: ExchangeContext, voiceOf: (side: Side) => Voice): Exchange {
  const speaker = (from: keyof Parties) => {
    const side = sideOf(context, from, 'complement');
    const voice = voiceOf(side);
    const segment: Segment = { fromInitiator: side.fromInitiator, layers: [voice.header, ...side.payload] };
    return { side, voice, segment };
  };
  const initiator = speaker('initiator');
  const responder = speaker('responder');
  let step = 0;
  return () => {
    const { side, voice, segment } = step % 2 === 0 ? initiator : responder;
    voice.prepare?.(step >> 1);
    choosePayload(side, context);
    step += 1;
    return segment;
  };
}

const TCP_OPTION_EXPERIMENT = 253;
const TCP_NOPS = raw(Uint8Array.of(1, 1));
const TCP_TAG_OPTION = tcpOption(TCP_OPTION_EXPERIMENT, LAB_TAG.bytes);
const TCP_TAG_OPTION_BYTES = 2 + LAB_TAG.bytes + 2;
const TCP_SEGMENT_SIZE = raw(Uint8Array.of(2, 4, 1440 >> 8, 1440 & 0xff));
const TCP_SEGMENT_SIZE_BYTES = 4;

const OPEN = { flags: TCP_FLAG.syn, fromInitiator: true } as const;
const ACCEPT = { flags: TCP_FLAG.syn | TCP_FLAG.ack, fromInitiator: false } as const;
const CONFIRM = { flags: TCP_FLAG.ack, fromInitiator: true } as const;
const CLOSE = { flags: TCP_FLAG.fin | TCP_FLAG.ack, fromInitiator: true } as const;
const CLOSE_TOO = { flags: TCP_FLAG.fin | TCP_FLAG.ack, fromInitiator: false } as const;

const HANDSHAKE = [OPEN, ACCEPT, CONFIRM] as const;
const FAREWELL = [CLOSE, CLOSE_TOO, CONFIRM] as const;

/** A flow too short for data between opening and closing is not closed: captures often end before connections do. */
function tcpStep(step: number, packets: number): { flags: number; fromInitiator: boolean } {
  const closing = packets >= HANDSHAKE.length + FAREWELL.length + 2 ? FAREWELL.length : 0;
  const control = HANDSHAKE[step] ?? (step >= packets - closing ? FAREWELL[step - (packets - closing)] : undefined);
  return control ?? { flags: TCP_FLAG.push | TCP_FLAG.ack, fromInitiator: (step - HANDSHAKE.length) % 2 === 0 };
}

/** One end of a connection: its next sequence number is in the header's fields. */
function tcpEnd(context: ExchangeContext, from: keyof Parties) {
  const side = sideOf(context, from, 'complement');
  const fields = { ports: side.ports, sequence: context.random.next(), acknowledgment: 0, flags: 0, optionBytes: 0 };
  const header = tcp(fields);
  // Segments without payload carry the lab tag as an experimental option (RFC 6994).
  const control: Segment = { fromInitiator: side.fromInitiator, layers: [header, TCP_TAG_OPTION, side.tag, TCP_NOPS] };
  const opening: Segment = { ...control, layers: [header, TCP_SEGMENT_SIZE, TCP_TAG_OPTION, side.tag, TCP_NOPS] };
  const data: Segment = { ...control, layers: [header, ...side.payload] };
  return { side, fields, opening, control, data, next: fields.sequence };
}

const tcpTransport: Transport = {
  proto: 'tcp',
  begin: (context) => {
    const initiator = tcpEnd(context, 'initiator');
    const responder = tcpEnd(context, 'responder');
    let step = 0;
    return () => {
      const { flags, fromInitiator } = tcpStep(step, context.packets);
      step += 1;
      const [own, peer] = fromInitiator ? [initiator, responder] : [responder, initiator];
      const isData = (flags & TCP_FLAG.push) !== 0;
      own.fields.flags = flags;
      own.fields.sequence = own.next;
      own.fields.acknowledgment = flags & TCP_FLAG.ack ? peer.next : 0;
      const isOpening = (flags & TCP_FLAG.syn) !== 0;
      own.fields.optionBytes = isData ? 0 : TCP_TAG_OPTION_BYTES + (isOpening ? TCP_SEGMENT_SIZE_BYTES : 0);
      // SYN and FIN take a sequence number each.
      const consumed = isData ? choosePayload(own.side, context) : flags & (TCP_FLAG.syn | TCP_FLAG.fin) ? 1 : 0;
      own.next = (own.next + consumed) >>> 0;
      return isData ? own.data : isOpening ? own.opening : own.control;
    };
  },
};

const udpTransport: Transport = {
  proto: 'udp',
  begin: (context) => alternate(context, ({ ports }) => ({ header: udp(ports) })),
};

const udpLiteTransport: Transport = {
  proto: 'udplite',
  begin: (context) => alternate(context, ({ ports }) => ({ header: udpLite(ports) })),
};

function dccpVoice({ ports, fromInitiator }: Side, own: number, peer: number): Voice {
  const opening = fromInitiator ? DCCP_TYPE.request : DCCP_TYPE.response;
  const fields: { -readonly [K in keyof DccpFields]: DccpFields[K] } = { ports, type: opening, sequence: 0, acknowledgment: 0 };
  return {
    header: dccp(fields),
    prepare: (n) => {
      fields.type = n === 0 ? opening : DCCP_TYPE.dataAck;
      fields.sequence = (own + n) >>> 0;
      // The last packet of the peer: the initiator speaks first, so it is one answer behind.
      fields.acknowledgment = (peer + n - (fromInitiator ? 1 : 0)) >>> 0;
    },
  };
}

const dccpTransport: Transport = {
  proto: 'dccp',
  begin: (context) => {
    const [initiator, responder] = [context.random.next(), context.random.next()];
    return alternate(context, (side) =>
      side.fromInitiator ? dccpVoice(side, initiator, responder) : dccpVoice(side, responder, initiator),
    );
  },
};

function echoTransport(proto: string, echo: typeof icmpEcho): Transport {
  return {
    proto,
    begin: (context) =>
      alternate(context, ({ fromInitiator }) => {
        const fields = { request: fromInitiator, identifier: context.parties.initiator.port, sequence: 0 };
        return {
          header: echo(fields),
          prepare: (n) => {
            fields.sequence = n + 1;
          },
        };
      }),
  };
}

const SCTP_CHUNK = { data: 0, init: 1, initAck: 2, cookieEcho: 10, cookieAck: 11, pad: 0x84 } as const;
const SCTP_PARAMETER = { cookie: 7, pad: 0x8005 } as const;
const SCTP_WHOLE_MESSAGE = 3;

const SCTP_STREAMS = (1 << 16) | 1;
const SCTP_WINDOW = 65536;
const SCTP_COOKIE_ACK = raw(Uint8Array.of(SCTP_CHUNK.cookieAck, 0, 0, 4));

interface SctpEnd {
  readonly side: Side;
  readonly verificationTag: number;
  /** Of the last data chunk: TSN, stream and number in the stream, payload protocol. */
  readonly words: [tsn: number, stream: number, protocol: number];
  readonly data: readonly Layer[];
}

function sctpEnd(context: ExchangeContext, from: keyof Parties): SctpEnd {
  const side = sideOf(context, from, 'crc32c');
  // A data chunk counts up before it is sent, so the first one is number 0 of its stream.
  const words: SctpEnd['words'] = [context.random.next(), 0xffff, 0];
  const data = [sctpChunk(SCTP_CHUNK.data, SCTP_WHOLE_MESSAGE, words), ...side.payload];
  // A verification tag of zero is reserved for the packet that carries INIT.
  return { side, verificationTag: context.random.next() || 1, words, data };
}

/** The four packets that set up an association. Control chunks carry the lab tag in padding (RFC 4820) or in the cookie. */
function sctpSetup(step: number, { side, verificationTag, words }: SctpEnd): readonly Layer[] | undefined {
  const init = [verificationTag, SCTP_WINDOW, SCTP_STREAMS, (words[0] + 1) >>> 0];
  switch (step) {
    case 0:
      return [sctpChunk(SCTP_CHUNK.init, 0, init), sctpParameter(SCTP_PARAMETER.pad), side.tag];
    case 1:
      return [sctpChunk(SCTP_CHUNK.initAck, 0, init), sctpParameter(SCTP_PARAMETER.cookie), side.tag];
    case 2:
      return [sctpChunk(SCTP_CHUNK.cookieEcho), side.tag];
    case 3:
      return [SCTP_COOKIE_ACK, sctpChunk(SCTP_CHUNK.pad), side.tag];
    default:
      return undefined;
  }
}

function nextData({ side, words, data }: SctpEnd, context: ExchangeContext): readonly Layer[] {
  words[0] = (words[0] + 1) >>> 0;
  words[1] = (words[1] + 1) & 0xffff;
  choosePayload(side, context);
  return data;
}

const sctpTransport: Transport = {
  proto: 'sctp',
  begin: (context) => {
    const initiator = sctpEnd(context, 'initiator');
    const responder = sctpEnd(context, 'responder');
    const header = (own: SctpEnd, peer: SctpEnd): Layer => sctp({ ports: own.side.ports, verificationTag: peer.verificationTag });
    const headers = { initiator: header(initiator, responder), responder: header(responder, initiator) };
    const begin = sctp({ ports: initiator.side.ports, verificationTag: 0 });
    let step = 0;
    return () => {
      const [own, from] = step % 2 === 0 ? ([initiator, 'initiator'] as const) : ([responder, 'responder'] as const);
      const layers = [step === 0 ? begin : headers[from], ...(sctpSetup(step, own) ?? nextData(own, context))];
      step += 1;
      return { fromInitiator: own.side.fromInitiator, layers };
    };
  },
};

export const TRANSPORTS = {
  tcp: tcpTransport,
  udp: udpTransport,
  udplite: udpLiteTransport,
  sctp: sctpTransport,
  dccp: dccpTransport,
  icmp: echoTransport('icmp', icmpEcho),
  icmp6: echoTransport('icmp6', icmp6Echo),
} as const;
