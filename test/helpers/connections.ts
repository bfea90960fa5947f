/** TCP connections by hand, packet by packet, so that a test can exchange two of them. */

import type { FrameSet } from '../../src/addon/injector.ts';
import { MAC } from '../../src/traffic/envelopes.ts';
import { buildFrame, ethernet, ipv4, padding, raw, TCP_FLAG, tcp } from '../../src/traffic/frames.ts';

const { syn, fin, push, ack } = TCP_FLAG;

type Said = readonly [from: 'client' | 'server', flags: number, sequence: number, acknowledgment: number, bytes: number];

/** Sequence numbers count from the first of each side. */
const CONVERSATION: readonly Said[] = [
  ['client', syn, 0, 0, 0],
  ['server', syn | ack, 0, 1, 0],
  ['client', ack, 1, 1, 0],
  ['client', push | ack, 1, 1, 100],
  ['server', ack, 1, 101, 0],
  ['server', push | ack, 1, 101, 200],
  ['client', ack, 101, 201, 0],
  ['client', fin | ack, 101, 201, 0],
  ['server', fin | ack, 201, 102, 0],
  ['client', ack, 102, 202, 0],
];

/** Two neighbours that change places, and whether what is acknowledged proves it. */
export const EXCHANGES: readonly { readonly first: number; readonly kind?: 'synAckFirst' | 'ackFirst' }[] = [
  { first: 0, kind: 'synAckFirst' },
  { first: 1, kind: 'ackFirst' },
  { first: 3, kind: 'ackFirst' },
  { first: 5, kind: 'ackFirst' },
  { first: 7, kind: 'ackFirst' },
  { first: 8, kind: 'ackFirst' },
  // Both of one side: neither acknowledges the other.
  { first: 2 },
  { first: 4 },
];

/** What take sequence numbers when something of the other direction has been seen: SYN/ACK, two of data, two FIN. */
export const CHECKED_IN_ORDER = 5;

export interface ConnectionsOptions {
  readonly count: number;
  /** Which exchange each connection gets; none: all in order. */
  readonly exchange?: (connection: number) => (typeof EXCHANGES)[number];
  /** Time stamps (RFC 7323) in every segment. */
  readonly stamps?: boolean;
}

export function connections({ count, exchange, stamps = false }: ConnectionsOptions): readonly Uint8Array[] {
  return Array.from({ length: count }, (_, i) => {
    const frames = CONVERSATION.map((said) => frameOf(i, said, stamps));
    const first = exchange?.(i).first;
    if (first !== undefined) frames.splice(first, 2, ...frames.slice(first, first + 2).reverse());
    return frames;
  }).flat();
}

const STAMPS = Uint8Array.of(1, 1, 8, 10, 0, 0, 3, 232, 0, 0, 3, 232);

function frameOf(connection: number, [from, flags, sequence, acknowledgment, bytes]: Said, stamps: boolean): Uint8Array {
  const client = {
    address: Uint8Array.of(10, 1, connection >> 8, connection & 0xff),
    port: 20_000 + connection,
    isn: 0xffff_ff80 + connection,
  };
  const server = { address: Uint8Array.of(10, 2, 0, 1), port: 80, isn: 7_000_000 };
  const [own, peer, macs] =
    from === 'client'
      ? [client, server, { source: MAC.initiator, destination: MAC.responder }]
      : [server, client, { source: MAC.responder, destination: MAC.initiator }];
  const hasAck = (flags & ack) !== 0;
  const fields = {
    ports: { sourcePort: own.port, destinationPort: peer.port },
    sequence: (own.isn + sequence) >>> 0,
    acknowledgment: hasAck ? (peer.isn + acknowledgment) >>> 0 : 0,
    flags,
    optionBytes: stamps ? STAMPS.length : 0,
  };
  const options = stamps ? [raw(STAMPS)] : [];
  return buildFrame([
    ethernet(macs),
    ipv4({ source: own.address, destination: peer.address }),
    tcp(fields),
    ...options,
    padding({ length: bytes }),
  ]);
}

export function frameSetOf(frames: readonly Uint8Array[]): FrameSet {
  const offsets = new Uint32Array(frames.length + 1);
  frames.forEach((frame, i) => {
    offsets[i + 1] = (offsets[i] ?? 0) + frame.length;
  });
  return { frames: Buffer.concat(frames), offsets };
}
