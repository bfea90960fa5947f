/** A small seeded generator: the same seed gives the same traffic on every machine and in every version of node. */

export interface Random {
  /** An integer, 0 <= n < 2^32. */
  next(): number;
  /** An integer, 0 <= n < bound; bound at most 2^31. */
  below(bound: number): number;
}

/** Chris Doty-Humphrey's sfc32: 128 bits of state, passes PractRand; the counter rules out short cycles. */
export function createRandom(seed: number): Random {
  if (!Number.isSafeInteger(seed) || seed < 0) throw new RangeError(`seed ${seed} is not an integer from 0 to 2^53 - 1`);
  let a = seed | 0;
  let b = Math.floor(seed / 2 ** 32) | 0;
  let c = 0x9e3779b9 | 0;
  let counter = 1;
  const step = (): number => {
    const out = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + out) | 0;
    return out;
  };
  const next = (): number => step() >>> 0;
  // Neighbouring seeds have left no likeness after this many steps.
  for (let i = 0; i < 15; i += 1) step();
  // The bias of a remainder is below bound / 2^31: nothing here could notice it. 31 bits, since V8 keeps no larger integer
  // without allocating it.
  return { next, below: (bound) => (step() >>> 1) % bound };
}

/** 32 bits, with a sign, that depend on both numbers in all their bits; the mixing is that of MurmurHash3. */
export function mix(a: number, b: number): number {
  let h = Math.imul(a ^ Math.imul(b, 0x9e3779b1), 0x85ebca6b);
  h ^= h >>> 15;
  h = Math.imul(h, 0xc2b2ae35);
  h ^= h >>> 13;
  h = Math.imul(h, 0x27d4eb2f);
  return h ^ (h >>> 16);
}
