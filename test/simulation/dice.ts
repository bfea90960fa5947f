/** What a seed decides. Streams of one seed are independent: one can be drawn anew while the others stay as they are. */
import { createRandom, type Random } from '../../src/traffic/random.ts';

export class Dice {
  readonly #random: Random;

  constructor(seed: number, stream: number) {
    this.#random = createRandom(seed + stream * 2 ** 32);
  }

  /** 0 <= x < 1. */
  real(): number {
    return this.#random.next() / 2 ** 32;
  }

  chance(probability: number): boolean {
    return this.real() < probability;
  }

  /** An integer, both ends included. */
  between(least: number, most: number): number {
    return least + Math.floor(this.real() * (most - least + 1));
  }

  /** Mostly short, at times up to `most`: delays on a busy host. */
  skewed(most: number): number {
    return Math.floor(this.real() ** 4 * most);
  }

  pick<T>(list: readonly T[]): T {
    const picked = list[this.between(0, list.length - 1)];
    if (picked === undefined) throw new RangeError('nothing to pick from');
    return picked;
  }

  weighted<T>(choices: readonly (readonly [weight: number, value: T])[]): T {
    let left = this.real() * choices.reduce((sum, [weight]) => sum + weight, 0);
    for (const [weight, value] of choices) {
      left -= weight;
      if (left < 0) return value;
    }
    return this.pick(choices)[1];
  }
}
