/** Flows with random addresses and ports, both ways and as fragments, hashed as a NIC with these settings does. */
import { native } from '../../addon/native.ts';
import { HASHED_FLOWS, type HashedFlow, type NicFacts } from '../../nic/facts.ts';
import { HASH_BITS_TABLE, type Sampled, type Samples, settingsOf } from '../../nic/hashing.ts';
import { createRandom, type Random } from '../../traffic/random.ts';

export const SAMPLED_FLOWS = 4096;
const SEED = 1;

/** Undefined where the NIC does not tell enough, or hashes in a way of its own. */
export function sampleHash(facts: NicFacts): Samples | undefined {
  const settings = settingsOf(facts);
  if (settings === undefined) return undefined;
  const { table, ...hash } = settings;
  const frames = new Map(HASHED_FLOWS.map((flow) => [flow, framesOf(flow, createRandom(SEED))]));
  const through = (entries: Uint16Array): Readonly<Record<HashedFlow, Sampled>> => {
    const nic = new native.Nic({ ...hash, table: entries });
    const sampled = [...frames].map(([flow, { bytes, offsets }]) => [flow, splitUp(nic.spread(bytes, offsets))] as const);
    return Object.fromEntries(sampled) as Record<HashedFlow, Sampled>;
  };
  return { hashes: through(HASH_BITS_TABLE), ...(table === undefined ? {} : { queues: through(table) }) };
}

/** In the order in which frames were made. */
function splitUp(queues: Uint16Array): Sampled {
  const part = (at: number): Uint16Array => queues.slice(at * SAMPLED_FLOWS, (at + 1) * SAMPLED_FLOWS);
  return { forward: part(0), reverse: part(1), fragment: part(2) };
}

interface Frames {
  readonly bytes: Uint8Array;
  readonly offsets: Uint32Array;
}

interface Ends {
  readonly addresses: readonly [Uint8Array, Uint8Array];
  readonly ports: readonly [number, number];
}

function framesOf(flow: HashedFlow, random: Random): Frames {
  const addressBytes = flow.endsWith('6') ? 16 : 4;
  const address = (): Uint8Array => Uint8Array.from({ length: addressBytes }, () => random.below(256));
  const port = (): number => random.below(65536);
  const flows: readonly Ends[] = Array.from({ length: SAMPLED_FLOWS }, () => ({
    addresses: [address(), address()],
    ports: [port(), port()],
  }));
  const frames = [
    ...flows.map((ends) => frameOf(flow, ends, false)),
    ...flows.map(({ addresses: [a, b], ports: [p, q] }) => frameOf(flow, { addresses: [b, a], ports: [q, p] }, false)),
    ...flows.map((ends) => frameOf(flow, ends, true)),
  ];
  const size = frames[0]?.length ?? 0;
  return {
    bytes: Buffer.concat(frames),
    offsets: Uint32Array.from({ length: frames.length + 1 }, (_, i) => i * size),
  };
}

const ETHERNET_BYTES = 14;
const PROTOCOLS = { tcp: 6, udp: 17 } as const;
const FRAGMENT_HEADER = 44;

/** As much of it as a NIC hashes. An IPv6 fragment has its ports behind a header of its own, and all frames have one length. */
function frameOf(flow: HashedFlow, { addresses, ports }: Ends, isFragment: boolean): Uint8Array {
  const isIpv6 = flow.endsWith('6');
  const ipBytes = isIpv6 ? 40 : 20;
  const frame = new Uint8Array(ETHERNET_BYTES + ipBytes + 8 + 4);
  const view = new DataView(frame.buffer);
  const protocol = PROTOCOLS[flow.startsWith('tcp') ? 'tcp' : 'udp'];
  const ip = ETHERNET_BYTES;
  view.setUint16(12, isIpv6 ? 0x86dd : 0x0800);
  frame[ip] = isIpv6 ? 0x60 : 0x45;
  if (isIpv6) frame[ip + 6] = isFragment ? FRAGMENT_HEADER : protocol;
  else {
    frame[ip + 9] = protocol;
    // More fragments follow.
    if (isFragment) view.setUint16(ip + 6, 0x2000);
  }
  if (isIpv6 && isFragment) frame[ip + ipBytes] = protocol;
  const [from, to] = addresses;
  const addressesAt = ip + (isIpv6 ? 8 : 12);
  frame.set(from, addressesAt);
  frame.set(to, addressesAt + from.length);
  const portsAt = ip + ipBytes + (isIpv6 && isFragment ? 8 : 0);
  ports.forEach((port, i) => {
    view.setUint16(portsAt + 2 * i, port);
  });
  return frame;
}
