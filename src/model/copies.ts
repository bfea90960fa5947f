/** Packets that came twice, live or in a capture file, and when they are worth a word. */

export interface CopiesSeen {
  /** Packets that were looked at. */
  readonly looked: number;
  /** Of those, copies of one that came shortly before. */
  readonly again: number;
  /** Mean time between copies. */
  readonly apartNs: number;
}

/** Fewer are chance: packets that are alike though nobody copied them. */
const COPIES_LEAST = 8;
const COPIES_SHARE = 0.01;

export function areWorthTelling({ looked, again }: CopiesSeen): boolean {
  return again >= COPIES_LEAST && again >= looked * COPIES_SHARE;
}
