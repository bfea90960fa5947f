/** Receive-side scaling once more, bit by bit and from the fields of the packet: what the native one is compared with. */

/** The key of the published verification suite. */
export const SUITE_KEY = Uint8Array.from(
  Buffer.from('6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa', 'hex'),
);

/** Each bit of the input that is set adds the 32 bits of the key that begin at its place. */
export function toeplitz(key: Uint8Array, input: Uint8Array): number {
  const bitOf = (bytes: Uint8Array, at: number): number => ((bytes[at >> 3] ?? 0) >> (7 - (at & 7))) & 1;
  let hash = 0;
  for (let at = 0; at < 8 * input.length; at += 1) {
    if (bitOf(input, at) === 0) continue;
    for (let i = 0; i < 32; i += 1) hash ^= bitOf(key, at + i) << (31 - i);
  }
  return hash >>> 0;
}

export interface Scaling {
  readonly key: Uint8Array;
  readonly transform?: 'none' | 'symmetric-xor' | 'symmetric-or-xor';
  /** Protocol numbers whose ports are hashed. */
  readonly portsOf: readonly number[];
}

/** The hash of a frame of the lab, whose headers are sound. */
export function rssHash(frame: Uint8Array, { key, transform = 'none', portsOf }: Scaling): number {
  const input = pairsOf(frame, portsOf).flatMap(([source, destination]) => transformed(source, destination, transform));
  return input.length === 0 ? 0 : toeplitz(key, Uint8Array.from(input));
}

type Bytes = readonly number[];

function transformed(source: Bytes, destination: Bytes, transform: NonNullable<Scaling['transform']>): Bytes {
  const combine = (how: (a: number, b: number) => number) => source.map((byte, i) => how(byte, destination[i] ?? 0));
  const xor = combine((a, b) => a ^ b);
  switch (transform) {
    case 'none':
      return [...source, ...destination];
    case 'symmetric-xor':
      return [...xor, ...xor];
    case 'symmetric-or-xor':
      return [...combine((a, b) => a | b), ...xor];
  }
}

/** Addresses, and ports where they are hashed; none if this is no IP packet. */
function pairsOf(frame: Uint8Array, portsOf: readonly number[]): readonly (readonly [Bytes, Bytes])[] {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  let at = 12;
  while ([0x8100, 0x88a8].includes(view.getUint16(at))) at += 4;
  const type = view.getUint16(at);
  at += 2;
  const pair = (from: number, width: number): readonly [Bytes, Bytes] => [
    [...frame.subarray(from, from + width)],
    [...frame.subarray(from + width, from + 2 * width)],
  ];
  if (type === 0x0800) {
    const isFragment = (view.getUint16(at + 6) & 0x3fff) !== 0;
    const hasPorts = !isFragment && portsOf.includes(view.getUint8(at + 9));
    return [pair(at + 12, 4), ...(hasPorts ? [pair(at + 4 * (view.getUint8(at) & 15), 2)] : [])];
  }
  if (type !== 0x86dd) return [];
  let protocol = view.getUint8(at + 6);
  let next = at + 40;
  // Hop-by-hop options, routing, destination options.
  while ([0, 43, 60].includes(protocol)) {
    protocol = view.getUint8(next);
    next += 8 + 8 * view.getUint8(next + 1);
  }
  return [pair(at + 8, 16), ...(portsOf.includes(protocol) ? [pair(next, 2)] : [])];
}
