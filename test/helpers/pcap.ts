/** Capture files: written for other tools and for the command to read, and read as tcpdump writes them. */
import { readFileSync, writeFileSync } from 'node:fs';

const MAGIC = 0xa1b2c3d4;
const ETHERNET = 1;
const SNAPLEN = 262144;

export interface PcapFormat {
  readonly bigEndian?: boolean;
  /** 0xa1b2c3d4: microseconds; 0xa1b23c4d: nanoseconds; 0xa1b2cd34: Kuznetzov's variant with longer record headers. */
  readonly magic?: number;
  readonly linkType?: number;
  /** Packets are cut to so many bytes. */
  readonly snaplen?: number;
  /** When each packet came, in milliseconds since 1970; else a microsecond after the one before it. */
  readonly timesMs?: readonly number[];
}

/** Integers one after the other, each of the given number of bytes. */
function fields(bigEndian: boolean, ...values: readonly (readonly [value: number, bytes: 2 | 4])[]): Buffer {
  const out = Buffer.alloc(values.reduce((sum, [, bytes]) => sum + bytes, 0));
  let at = 0;
  for (const [value, bytes] of values) {
    if (bigEndian) out.writeUIntBE(value, at, bytes);
    else out.writeUIntLE(value, at, bytes);
    at += bytes;
  }
  return out;
}

/** The second and fraction of packet i, a microsecond after the one before it. */
function stamp(index: number): readonly [number, number] {
  return [Math.floor(index / 1e6), index % 1e6];
}

function stampOf(index: number, { timesMs }: PcapFormat): readonly [number, number] {
  const ms = timesMs?.[index];
  return ms === undefined ? stamp(index) : [Math.floor(ms / 1000), Math.round((ms % 1000) * 1000)];
}

export function pcapBytes(packets: readonly Uint8Array[], format: PcapFormat = {}): Buffer {
  const { bigEndian = false, magic = MAGIC, linkType = ETHERNET, snaplen = SNAPLEN } = format;
  const header = fields(bigEndian, [magic, 4], [2, 2], [4, 2], [0, 4], [0, 4], [snaplen, 4], [linkType, 4]);
  const extra = magic === 0xa1b2cd34 ? Buffer.alloc(8, 0x5a) : Buffer.alloc(0);
  const records = packets.flatMap((packet, index) => {
    const [second, fraction] = stampOf(index, format);
    const kept = packet.subarray(0, snaplen);
    const ticks = magic === 0xa1b23c4d ? fraction * 1000 : fraction;
    return [fields(bigEndian, [second, 4], [ticks, 4], [kept.length, 4], [packet.length, 4]), extra, kept];
  });
  return Buffer.concat([header, ...records]);
}

export interface PcapngFormat extends Pick<PcapFormat, 'bigEndian' | 'linkType' | 'snaplen'> {
  readonly block?: 'enhanced' | 'simple' | 'obsolete';
  /** A section of the other byte order begins after so many packets. */
  readonly packetsPerSection?: number;
}

const BLOCK_TYPES = { simple: 3, obsolete: 2, enhanced: 6 } as const;

export function pcapngBytes(packets: readonly Uint8Array[], format: PcapngFormat = {}): Buffer {
  const { packetsPerSection = Math.max(1, packets.length), bigEndian = false, ...section } = format;
  const sections = Array.from({ length: Math.max(1, Math.ceil(packets.length / packetsPerSection)) }, (_, i) =>
    sectionBytes(packets.slice(i * packetsPerSection, (i + 1) * packetsPerSection), { ...section, bigEndian: bigEndian !== (i % 2 === 1) }),
  );
  return Buffer.concat(sections);
}

function sectionBytes(packets: readonly Uint8Array[], format: Omit<PcapngFormat, 'packetsPerSection'>): Buffer {
  const { bigEndian = false, linkType = ETHERNET, snaplen = SNAPLEN, block: kind = 'enhanced' } = format;
  const block = (type: number, body: Buffer): Buffer => {
    const padding = Buffer.alloc(-body.length & 3);
    const length = fields(bigEndian, [body.length + padding.length + 12, 4]);
    return Buffer.concat([fields(bigEndian, [type, 4]), length, body, padding, length]);
  };
  const unlimited = [0xffffffff, 4] as const;
  const header = block(0x0a0d0d0a, fields(bigEndian, [0x1a2b3c4d, 4], [1, 2], [0, 2], unlimited, unlimited));
  const description = block(1, fields(bigEndian, [linkType, 2], [0, 2], [snaplen, 4]));
  // A custom block, which nobody knows.
  const unknown = block(0x0bad, Buffer.from('skip me'));
  const blocks = packets.flatMap((packet, index) => {
    const kept = packet.subarray(0, snaplen);
    const [second, fraction] = stamp(index);
    const ticks = BigInt(second) * 1_000_000n + BigInt(fraction);
    const times = [[Number(ticks >> 32n), 4] as const, [Number(ticks & 0xffffffffn), 4] as const];
    const start =
      kind === 'simple'
        ? fields(bigEndian, [packet.length, 4])
        : fields(
            bigEndian,
            ...(kind === 'enhanced' ? [[0, 4] as const] : [[0, 2] as const, [7, 2] as const]),
            ...times,
            [kept.length, 4],
            [packet.length, 4],
          );
    return [block(BLOCK_TYPES[kind], Buffer.concat([start, kept])), ...(index % 100 === 0 ? [unknown] : [])];
  });
  return Buffer.concat([header, description, ...blocks]);
}

/** Of Solaris (RFC 1761). */
export function snoopBytes(packets: readonly Uint8Array[]): Buffer {
  const header = Buffer.concat([Buffer.from('snoop\0\0\0', 'latin1'), fields(true, [2, 4], [4, 4])]);
  const records = packets.flatMap((packet, index) => {
    const [second, fraction] = stamp(index);
    const padding = Buffer.alloc(-packet.length & 3);
    const length = 24 + packet.length + padding.length;
    return [fields(true, [packet.length, 4], [packet.length, 4], [length, 4], [0, 4], [second, 4], [fraction, 4]), packet, padding];
  });
  return Buffer.concat([header, ...records]);
}

/** Of Endace's cards: Ethernet frames behind two octets of padding. */
export function erfBytes(packets: readonly Uint8Array[]): Buffer {
  const seconds = 1_700_000_000;
  const records = packets.flatMap((packet, index) => {
    const length = (18 + packet.length + 7) & ~7;
    const time = fields(false, [index, 4], [seconds, 4]);
    const rest = fields(true, [0x0204, 2], [length, 2], [0, 2], [packet.length, 2], [0, 2]);
    return [time, rest, packet, Buffer.alloc(length - 18 - packet.length)];
  });
  return Buffer.concat(records);
}

export function writePcap(path: string, frames: readonly Uint8Array[]): void {
  writeFileSync(path, pcapBytes(frames));
}

export function readPcap(path: string): readonly Uint8Array[] {
  const file = readFileSync(path);
  if (file.readUInt32LE(0) !== MAGIC) throw new Error(`${path} is not a pcap file of this byte order`);
  const frames: Uint8Array[] = [];
  for (let at = 24; at < file.length; ) {
    const length = file.readUInt32LE(at + 8);
    frames.push(file.subarray(at + 16, at + 16 + length));
    at += 16 + length;
  }
  return frames;
}
