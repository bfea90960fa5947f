/** An independent look at a packet: written without the builders, so that a mistake of theirs is not repeated here. */

export interface Seen {
  /** Layer names, as src/lab/frames.ts and the dissector have them. */
  readonly stack: string;
  readonly src: string;
  readonly dst: string;
  readonly ports: readonly [number, number];
  readonly flowLabel: number;
  readonly vlans: readonly number[];
  /** Every checksum that is not right, by layer. */
  readonly faults: readonly string[];
}

const TRANSPORT: Readonly<Record<number, string>> = {
  1: 'icmp',
  6: 'tcp',
  17: 'udp',
  33: 'dccp',
  58: 'icmp6',
  132: 'sctp',
  136: 'udplite',
};

/** Ones' complement sum with the carry added back at every step; a correct packet, its checksum included, gives 0xffff. */
function onesComplement(...parts: readonly Uint8Array[]): number {
  return parts.flatMap(words).reduce((sum, word) => ((sum + word) & 0xffff) + ((sum + word) >> 16), 0);
}

function words(bytes: Uint8Array): readonly number[] {
  return Array.from({ length: Math.ceil(bytes.length / 2) }, (_, i) => (bytes[2 * i] ?? 0) * 256 + (bytes[2 * i + 1] ?? 0));
}

/** Bit by bit, most significant first, as the polynomial is written in RFC 9260; the table-driven one is not used. */
export function crc32cBitwise(bytes: Uint8Array): number {
  let register = 0xffffffffn;
  for (const byte of bytes) {
    for (let bit = 0; bit < 8; bit += 1) {
      const out = ((register >> 31n) & 1n) ^ BigInt((byte >> bit) & 1);
      register = (register << 1n) & 0xffffffffn;
      if (out === 1n) register ^= 0x1edc6f41n;
    }
  }
  const reflected = register.toString(2).padStart(32, '0').split('').reverse().join('');
  return Number(BigInt(`0b${reflected}`) ^ 0xffffffffn);
}

function pseudoHeader(addresses: Uint8Array, protocol: number, length: number): Uint8Array {
  return Uint8Array.of(...addresses, 0, 0, length >> 8, length & 255, 0, protocol);
}

function transportFault(protocol: number, addresses: Uint8Array, segment: Uint8Array): boolean {
  if (protocol === 132) {
    const zeroed = Uint8Array.from(segment);
    zeroed.fill(0, 8, 12);
    return Buffer.from(segment).readUInt32LE(8) !== crc32cBitwise(zeroed);
  }
  if (protocol === 1) return onesComplement(segment) !== 0xffff;
  const coverage = protocol === 136 ? (segment[4] ?? 0) * 256 + (segment[5] ?? 0) || segment.length : segment.length;
  if (protocol === 17 && segment[6] === 0 && segment[7] === 0) return addresses.length === 32;
  return onesComplement(pseudoHeader(addresses, protocol, segment.length), segment.subarray(0, coverage)) !== 0xffff;
}

function dotted(address: Uint8Array): string {
  return address.length === 4 ? address.join('.') : (Buffer.from(address).toString('hex').match(/.{4}/g) ?? []).join(':');
}

export function lookAt(frame: Uint8Array): Seen {
  const view = Buffer.from(frame);
  const names: string[] = [];
  const faults: string[] = [];
  const vlans: number[] = [];
  let at = 12;
  while (view.readUInt16BE(at) === 0x8100 || view.readUInt16BE(at) === 0x88a8) {
    names.push('vlan');
    vlans.push(view.readUInt16BE(at + 2) & 0xfff);
    at += 4;
  }
  const etherType = view.readUInt16BE(at);
  at += 2;
  const packet = view.subarray(at);
  if (etherType === 0x0800) {
    names.push('ipv4');
    const headerBytes = (packet.readUInt8(0) & 15) * 4;
    if (onesComplement(packet.subarray(0, headerBytes)) !== 0xffff) faults.push('ipv4');
    if (packet.readUInt16BE(2) !== packet.length) faults.push('ipv4 length');
    return finish(packet.subarray(12, 20), packet.readUInt8(9), packet.subarray(headerBytes), 0);
  }
  names.push('ipv6');
  if (etherType !== 0x86dd) faults.push(`ethertype ${etherType}`);
  if (packet.readUInt16BE(4) !== packet.length - 40) faults.push('ipv6 length');
  let [next, header] = [packet.readUInt8(6), 40];
  while ([0, 43, 60].includes(next)) [next, header] = [packet.readUInt8(header), header + 8 + packet.readUInt8(header + 1) * 8];
  return finish(packet.subarray(8, 40), next, packet.subarray(header), packet.readUInt32BE(0) & 0xfffff);

  function finish(addresses: Uint8Array, protocol: number, segment: Buffer, flowLabel: number): Seen {
    const name = TRANSPORT[protocol] ?? String(protocol);
    names.push(name);
    if (transportFault(protocol, addresses, segment)) faults.push(name);
    if (protocol === 17 && segment.readUInt16BE(4) !== segment.length) faults.push('udp length');
    const half = addresses.length / 2;
    const echo = name === 'icmp' || name === 'icmp6';
    const ports: [number, number] = echo
      ? [segment.readUInt16BE(4), segment.readUInt16BE(4)]
      : [segment.readUInt16BE(0), segment.readUInt16BE(2)];
    const [src, dst] = [dotted(addresses.subarray(0, half)), dotted(addresses.subarray(half))];
    return { stack: names.join('/'), src, dst, ports, flowLabel, vlans, faults };
  }
}
