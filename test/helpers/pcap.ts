/** Classic pcap files, Ethernet, microseconds: written for other tools to read, and read as tcpdump writes them. */
import { readFileSync, writeFileSync } from 'node:fs';

const MAGIC = 0xa1b2c3d4;
const ETHERNET = 1;

export function writePcap(path: string, frames: readonly Uint8Array[]): void {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(MAGIC, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(262144, 16);
  header.writeUInt32LE(ETHERNET, 20);
  const records = frames.flatMap((frame, index) => {
    const record = Buffer.alloc(16);
    record.writeUInt32LE(Math.floor(index / 1e6), 0);
    record.writeUInt32LE(index % 1e6, 4);
    record.writeUInt32LE(frame.length, 8);
    record.writeUInt32LE(frame.length, 12);
    return [record, frame];
  });
  writeFileSync(path, Buffer.concat([header, ...records]));
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
