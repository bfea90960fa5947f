/** The two checksums of the Internet's transport protocols. */

/** Sum of big-endian 16-bit words, not yet folded; an odd last byte counts as if a zero followed it. */
export function sumWords(bytes: Uint8Array, from: number, to: number): number {
  let sum = 0;
  let at = from;
  for (; at + 1 < to; at += 2) sum += ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
  return at < to ? sum + ((bytes[at] ?? 0) << 8) : sum;
}

/** The Internet checksum (RFC 1071) of a sum of words. */
export function foldChecksum(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return ~folded & 0xffff;
}

const CRC32C_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let r = index;
  for (let bit = 0; bit < 8; bit += 1) r = (r >>> 1) ^ (r & 1 ? 0x82f63b78 : 0);
  return r;
});

/** CRC32c (Castagnoli), as SCTP has it (RFC 9260, appendix A). */
export function crc32c(bytes: Uint8Array, from: number, to: number): number {
  let r = 0xffffffff;
  for (let at = from; at < to; at += 1) r = (r >>> 8) ^ (CRC32C_TABLE[(r ^ (bytes[at] ?? 0)) & 0xff] ?? 0);
  return ~r >>> 0;
}
