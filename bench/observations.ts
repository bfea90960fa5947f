/** Observations as workers send them, made and read without the addon: what the collector bench feeds to both of its subjects. */
import { Packr, Unpackr } from 'msgpackr';

const packr = new Packr({ useRecords: false });
const unpackr = new Unpackr({ useRecords: false });

/** The fifteen fields of an observation (docs/protocol.md). */
export type Tuple = readonly [
  source: Uint8Array,
  destination: Uint8Array,
  sourcePort: number,
  destinationPort: number,
  protocol: number,
  stack: number,
  kernelKey: number,
  marks: number,
  tags: number,
  packets: number,
  bytes: number,
  firstNs: number,
  lastNs: number,
  content: number,
  datagram: number,
];

const OBSERVATIONS = 5;
const TCP = 6;
const STACK_IPV4_TCP = 5 * 64 + 8;

export function frameOf(member: number, tuples: readonly Tuple[]): Uint8Array {
  return packr.pack([OBSERVATIONS, member, 0, tuples]);
}

export function tuplesIn(frame: Uint8Array): { readonly member: number; readonly tuples: readonly Tuple[] } {
  const [, member, , tuples] = unpackr.unpack(frame) as [number, number, number, Tuple[]];
  return { member, tuples };
}

/** One direction of a flow of TCP over IPv4. */
export function tupleOf(flow: number, reverse: boolean): Tuple {
  const client = addressOf(0x0a000000 + (flow & 0xffffff));
  const server = addressOf(0xc6120000 + ((flow >>> 8) & 0xffff));
  const [clientPort, serverPort] = [1024 + (flow % 60_000), 443];
  const rest = [TCP, STACK_IPV4_TCP, flow, 0, 0, 3, 180, 1, 2, 0, 0] as const;
  return reverse ? [server, client, serverPort, clientPort, ...rest] : [client, server, clientPort, serverPort, ...rest];
}

function addressOf(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value >>> 0);
  return bytes;
}
