/** Frames that an attacker sends: written octet by octet, bounded in number, and the same for one seed. */
import { generateTraffic } from '../../src/traffic/traffic.ts';
import { framesOf } from './traffic.ts';

/** xorshift64*: what a flood holds matters less than that it can be made again. */
function numbers(seed: number): (below: number) => number {
  let state = BigInt(seed) * 0x9e3779b97f4a7c15n + 88172645463325252n;
  return (below) => {
    state ^= (state << 13n) & 0xffffffffffffffffn;
    state ^= state >> 7n;
    state ^= (state << 17n) & 0xffffffffffffffffn;
    return Number((state >> 11n) % BigInt(below));
  };
}

const FRAME_BYTES_MIN = 60;

function ethernet(type: number, ...parts: readonly Uint8Array[]): Buffer {
  const header = Buffer.from('020000000001020000000002', 'hex');
  const frame = Buffer.concat([header, word(type), ...parts]);
  return frame.length >= FRAME_BYTES_MIN ? frame : Buffer.concat([frame, Buffer.alloc(FRAME_BYTES_MIN - frame.length)]);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value & 0xffff);
  return bytes;
}

const words = (...values: readonly number[]): Buffer => Buffer.concat(values.map(word));

function longs(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => void bytes.writeUInt32BE(value >>> 0, 4 * i));
  return bytes;
}

function ipv4(src: number, dst: number, protocol: number, payload: Uint8Array, { id = 1, fragmentation = 0 } = {}): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt8(0x45, 0);
  header.writeUInt16BE(20 + payload.length, 2);
  header.writeUInt16BE(id & 0xffff, 4);
  header.writeUInt16BE(fragmentation, 6);
  header.writeUInt8(64, 8);
  header.writeUInt8(protocol, 9);
  header.writeUInt32BE(src >>> 0, 12);
  header.writeUInt32BE(dst >>> 0, 16);
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += header.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  header.writeUInt16BE(~sum & 0xffff, 10);
  return Buffer.concat([header, payload]);
}

const udp = (sport: number, dport: number, payload: Uint8Array = Buffer.alloc(8)): Buffer =>
  Buffer.concat([words(sport, dport, 8 + payload.length, 0), payload]);
const TCP_ACK = 0x5010;
const tcp = (sport: number, dport: number): Buffer => Buffer.concat([words(sport, dport), longs(1000, 5000), words(TCP_ACK, 8192, 0, 0)]);

const IPV4 = 0x0800;
const IPV6 = 0x86dd;
const VLAN = 0x8100;
const TEB = 0x6558;
const VXLAN_PORT = 4789;
const VXLAN_HEADER = longs(0x0800_0000, 0x100);
const MORE_FRAGMENTS = 0x2000;

/** IP in IP, GRE, and Ethernet in GRE, in any order, behind any number of tags: each frame has another stack, and goes one way. */
export function craftedStacks(count: number, seed = 1): readonly Buffer[] {
  const random = numbers(seed);
  const address = (net: number) => net | random(0xffff);
  const wrappers: readonly ((inner: Buffer) => Buffer)[] = [
    (inner) => ipv4(address(0xac10_0000), address(0xac11_0000), 4, inner),
    (inner) => ipv4(address(0xac10_0000), address(0xac11_0000), 47, Buffer.concat([words(0, IPV4), inner])),
    (inner) => ipv4(address(0xac10_0000), address(0xac11_0000), 47, Buffer.concat([words(0, TEB), ethernet(IPV4, inner)])),
  ];
  const frames: Buffer[] = [];
  for (let n = 0; frames.length < count; n += 1) {
    const transport = [6, 17, 132][n % 3] ?? 6;
    let packet = ipv4(address(0x0a00_0000), 0xc0a8_0707, transport, udp(1024 + random(60_000), 9, Buffer.alloc(20)));
    let choice = Math.floor(n / 3);
    const tags = choice % 5;
    for (choice = Math.floor(choice / 5); choice > 0; choice = Math.floor((choice - 1) / wrappers.length))
      packet = (wrappers[(choice - 1) % wrappers.length] as (inner: Buffer) => Buffer)(packet);
    let type = IPV4;
    for (let tag = 0; tag < tags; tag += 1) {
      packet = Buffer.concat([words(7, type), packet]);
      type = VLAN;
    }
    frames.push(ethernet(type, packet));
  }
  return frames;
}

/** Two-way flows of TCP, and where one packet of each may be spoofed. */
export function connections(count: number, seed = 1): { readonly frames: readonly Uint8Array[]; readonly flows: readonly Connection[] } {
  const frames = framesOf(generateTraffic({ seed, flows: count, packetsPerFlow: 6, classes: ['ipv4-tcp'] }));
  const flows = new Map<string, Connection>();
  for (const frame of frames) {
    const view = Buffer.from(frame);
    const [src, dst, sport, dport] = [view.readUInt32BE(26), view.readUInt32BE(30), view.readUInt16BE(34), view.readUInt16BE(36)];
    if (!flows.has(`${dst} ${dport} ${src} ${sport}`)) flows.set(`${src} ${sport} ${dst} ${dport}`, { src, dst, sport, dport });
  }
  return { frames, flows: [...flows.values()] };
}

export interface Connection {
  readonly src: number;
  readonly dst: number;
  readonly sport: number;
  readonly dport: number;
}

export type Disguise = 'fragment' | 'vxlan';

/** A packet of somebody else's flow that the kernel hashes by other fields. */
export function spoofed({ src, dst, sport, dport }: Connection, disguise: Disguise, id = 77): Buffer {
  const segment = tcp(sport, dport);
  if (disguise === 'fragment')
    return ethernet(IPV4, ipv4(src, dst, 6, Buffer.concat([segment, Buffer.alloc(4)]), { id, fragmentation: MORE_FRAGMENTS }));
  const inner = ethernet(IPV4, ipv4(src, dst, 6, segment, { id }));
  return ethernet(IPV4, ipv4(0xcb00_7109, 0xc633_6407, 17, udp(40_000 + id, VXLAN_PORT, Buffer.concat([VXLAN_HEADER, inner]))));
}

/** Both directions of ESP between pairs of hosts, each with an index of its own: split by design, and harmless. */
export function securityAssociations(pairs: number, seed = 1): readonly Buffer[] {
  const random = numbers(seed);
  const esp = (src: number, dst: number) => ethernet(IPV4, ipv4(src, dst, 50, longs(random(2 ** 32), 1, 0, 0, 0)));
  return Array.from({ length: pairs }, (_, i) => [esp(0x0a09_0000 + i, 0xc0a8_0900 + i), esp(0xc0a8_0900 + i, 0x0a09_0000 + i)]).flat();
}

/** What each flood is made to do. */
export const FLOODS = {
  'ipv6-collisions': 'addresses whose unseeded digest was one and the same',
  'kernel-keys-esp': 'a hundred flows with endless security parameter indexes',
  'kernel-keys-vxlan': 'one inner flow with endless outer headers',
  'one-way': 'endless flows in one direction',
  'two-way': 'endless flows in both directions',
  stacks: 'endless encapsulations, in one direction',
  'stacks-two-way': 'endless encapsulations, in both directions',
  'fragments-first': 'first pieces of endless datagrams',
  'fragments-later': 'later pieces of endless datagrams',
  'icmp-errors': 'errors about endless flows that nobody has seen',
} as const satisfies Readonly<Record<string, string>>;
export type Flood = keyof typeof FLOODS;
export const FLOOD_NAMES = Object.keys(FLOODS) as readonly Flood[];

/** So many frames of it, to be sent again and again. */
export function floodFrames(flood: Flood, count: number, seed = 1): readonly Buffer[] {
  const random = numbers(seed);
  const port = () => 1024 + random(60_000);
  const frames: Buffer[] = flood === 'stacks' ? [...craftedStacks(count, seed)] : [];
  if (flood === 'stacks-two-way') for (const frame of craftedStacks(count / 2, seed)) frames.push(frame, mirrored(frame));
  for (let i = 0; frames.length < count; i += 1) frames.push(...framesOfFlood(flood, i, random, port));
  return frames.slice(0, count);
}

function framesOfFlood(flood: Flood, i: number, random: (below: number) => number, port: () => number): readonly Buffer[] {
  const client = 0x0a00_0000 + random(0xff_ffff);
  const server = 0xc0a8_0000 + random(0xffff);
  switch (flood) {
    case 'ipv6-collisions':
      return [collidingFrame(random)];
    case 'kernel-keys-esp':
      return [ethernet(IPV4, ipv4(0x0a02_0000 + (i % 100), 0xc0a8_0303, 50, longs(random(2 ** 32), 1, 0, 0)))];
    case 'kernel-keys-vxlan': {
      const inner = ethernet(IPV4, ipv4(0x0a01_0101, 0xc0a8_0202, 6, tcp(1111, 443), { id: i }));
      return [ethernet(IPV4, ipv4(client, 0xc0a8_0001, 17, udp(port(), VXLAN_PORT, Buffer.concat([VXLAN_HEADER, inner]))))];
    }
    case 'two-way': {
      const clientPort = port();
      return [
        ethernet(IPV4, ipv4(client, server, 17, udp(clientPort, 9999))),
        ethernet(IPV4, ipv4(server, client, 17, udp(9999, clientPort))),
      ];
    }
    case 'fragments-first':
      return [ethernet(IPV4, ipv4(client, server, 17, udp(port(), 53), { id: i, fragmentation: MORE_FRAGMENTS }))];
    case 'fragments-later':
      return [ethernet(IPV4, ipv4(client, server, 17, longs(0, 0), { id: i, fragmentation: MORE_FRAGMENTS | (1 + random(8000)) }))];
    case 'icmp-errors': {
      const quoted = ipv4(server, client, 17, udp(53, port()));
      return [ethernet(IPV4, ipv4(0x0a63_0000 + random(0xffff), server, 1, Buffer.concat([words(0x0301, 0), longs(0), quoted])))];
    }
    default:
      return [ethernet(IPV4, ipv4(client, server, 17, udp(port(), 9999)))];
  }
}

/** Two words of these addresses met the constants of the hash without its seed: native/core/base/hash.hpp. */
function collidingFrame(random: (below: number) => number): Buffer {
  const src = Buffer.alloc(16);
  for (let at = 0; at < 8; at += 2) src.writeUInt16BE(random(0x1_0000), at);
  src.writeUInt8(0x20, 0);
  src.writeBigUInt64LE(0xe7037ed1a0b428dbn, 8);
  const dst = Buffer.alloc(16, 0xff);
  dst.writeUInt8(0x3f, 0);
  return ethernet(IPV6, longs(0x6000_0000), words(16, 0x1140), src, dst, udp(5000, 53));
}

/** The innermost packet sent back. Its addresses are the last ones that IPv4 headers of these floods have. */
function mirrored(frame: Buffer): Buffer {
  const back = Buffer.from(frame);
  const inner = back.lastIndexOf(Buffer.from('c0a80707', 'hex'));
  if (inner < 4) return back;
  const [src, dst] = [Buffer.from(back.subarray(inner - 4, inner)), Buffer.from(back.subarray(inner, inner + 4))];
  dst.copy(back, inner - 4);
  src.copy(back, inner);
  const ports = Buffer.from(back.subarray(inner + 4, inner + 8));
  ports.copy(back, inner + 6, 0, 2);
  ports.copy(back, inner + 4, 2, 4);
  return back;
}
