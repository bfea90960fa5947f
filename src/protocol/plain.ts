/** A look at msgpack before it is decoded: a decoder allocates what a length announces, and a peer may announce anything. Pure. */

const DEPTH_MAX = 8;

/** Bytes of what follows the type byte, by type, for everything of a fixed size. */
const FIXED_BYTES: Readonly<Record<number, number>> = {
  ...{ 192: 0, 194: 0, 195: 0, 202: 4, 203: 8 },
  ...{ 204: 1, 205: 2, 206: 4, 207: 8, 208: 1, 209: 2, 210: 4, 211: 8 },
};
/** Bytes of the length that follows the type byte. */
const TEXT_LENGTH_BYTES: Readonly<Record<number, number>> = { 196: 1, 197: 2, 198: 4, 217: 1, 218: 2, 219: 4 };
const ARRAY_LENGTH_BYTES: Readonly<Record<number, number>> = { 220: 2, 221: 4 };

/** Whether the bytes are exactly one value of what the protocol uses: arrays, numbers, text, bytes, booleans and null, all of it there. */
export function isPlainMessage(bytes: Uint8Array): boolean {
  return skipValue(bytes, 0, 0) === bytes.length;
}

/** The offset behind the value at `at`; NaN if there is none. */
function skipValue(bytes: Uint8Array, at: number, depth: number): number {
  const type = bytes[at];
  if (type === undefined) return Number.NaN;
  if (type < 0x80 || type >= 0xe0) return at + 1;
  if (type >= 0x90 && type < 0xa0) return skipArray(bytes, at + 1, type & 0x0f, depth);
  if (type >= 0xa0 && type < 0xc0) return at + 1 + (type & 0x1f);
  const fixed = FIXED_BYTES[type];
  if (fixed !== undefined) return at + 1 + fixed;
  const ofText = TEXT_LENGTH_BYTES[type];
  if (ofText !== undefined) return at + 1 + ofText + bigEndian(bytes, at + 1, ofText);
  const ofArray = ARRAY_LENGTH_BYTES[type];
  return ofArray === undefined ? Number.NaN : skipArray(bytes, at + 1 + ofArray, bigEndian(bytes, at + 1, ofArray), depth);
}

function skipArray(bytes: Uint8Array, at: number, count: number, depth: number): number {
  // Each element takes a byte at least.
  if (depth >= DEPTH_MAX || !(count <= bytes.length - at)) return Number.NaN;
  let offset = at;
  for (let i = 0; i < count; i += 1) offset = skipValue(bytes, offset, depth + 1);
  return offset;
}

function bigEndian(bytes: Uint8Array, at: number, width: number): number {
  let value = 0;
  for (let i = at; i < at + width; i += 1) value = value * 256 + (bytes[i] ?? Number.NaN);
  return value;
}
