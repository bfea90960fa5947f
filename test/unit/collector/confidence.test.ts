import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  binomialSpread,
  FALSE_PASS_LIMIT,
  falsePassBound,
  flowsNeeded,
  isConfident,
  logBinomialBound,
  logFalsePassBound,
  meetingProbability,
} from '../../../src/collector/confidence.ts';

const shares = fc.array(fc.nat({ max: 1000 }), { minLength: 1, maxLength: 32 });
const epochs = fc.array(shares, { minLength: 1, maxLength: 4 });

describe('false-pass bound', () => {
  test.each([
    { spread: [[]], bound: 1 },
    { spread: [[0, 0]], bound: 1 },
    { spread: [[50, 0]], bound: 1 },
    { spread: [[1, 1]], bound: 0.25 },
    { spread: [[3, 1]], bound: (10 / 16) ** 4 },
    { spread: [[1, 1, 1, 1]], bound: 4 ** -4 },
    {
      spread: [
        [1, 1],
        [2, 2],
      ],
      bound: 2 ** -6,
    },
    // Two epochs, each on one member, are no spread, though both members were used.
    {
      spread: [
        [50, 0],
        [0, 50],
      ],
      bound: 1,
    },
  ])('$spread: $bound', ({ spread, bound }) => {
    expect(falsePassBound(spread)).toBeCloseTo(bound, 12);
  });

  test('never claims certainty', () => expect(falsePassBound([Array(64).fill(100_000)])).toBeGreaterThan(0));

  test('is a probability, and falls with every further epoch', () => {
    fc.assert(
      fc.property(epochs, shares, (earlier, next) => {
        const bound = logFalsePassBound(earlier);
        expect(bound).toBeLessThanOrEqual(0);
        expect(logFalsePassBound([...earlier, next])).toBeLessThanOrEqual(bound);
      }),
    );
  });

  test('falls when each member gets the same flows again', () => {
    fc.assert(
      fc.property(shares, fc.integer({ min: 2, max: 9 }), (once, times) => {
        expect(logFalsePassBound([once.map((n) => n * times)])).toBeLessThanOrEqual(logFalsePassBound([once]));
      }),
    );
  });

  test('does not depend on which member is which', () => {
    fc.assert(
      fc.property(shares, (spread) => {
        expect(meetingProbability([...spread].reverse())).toBe(meetingProbability(spread));
      }),
    );
  });
});

describe('flows needed', () => {
  test.each([
    { spread: [[]], procs: 2, needed: 20 },
    { spread: [[]], procs: 10, needed: 6 },
    { spread: [[]], procs: 16, needed: 5 },
    { spread: [[]], procs: 1, needed: undefined },
    { spread: [[10, 10]], procs: 2, needed: 0 },
    { spread: [[7, 6]], procs: 2, needed: 8 },
    // The last epoch tells nothing yet: the whole run's spread is what may be expected.
    {
      spread: [
        [5, 5],
        [0, 0],
      ],
      procs: 8,
      needed: 10,
    },
  ])('$spread of $procs: $needed', ({ spread, procs, needed }) => {
    expect(flowsNeeded(spread, procs)).toBe(needed);
  });

  test('is sufficient, and one flow fewer is not', () => {
    fc.assert(
      fc.property(epochs, fc.integer({ min: 2, max: 256 }), (spread, procs) => {
        const needed = flowsNeeded(spread, procs);
        const pooled = Array.from({ length: 32 }, (_, m) => spread.reduce((sum, e) => sum + (e[m] ?? 0), 0));
        const p = [meetingProbability(spread.at(-1) ?? []), meetingProbability(pooled), 1 / procs].find((x) => x < 1) ?? 1;
        const settled = (flows: number) => logFalsePassBound(spread) + flows * Math.log(p) <= Math.log(FALSE_PASS_LIMIT);
        expect(needed).toBeDefined();
        expect(settled(needed ?? 0)).toBe(true);
        if ((needed ?? 0) > 0) expect(settled((needed ?? 0) - 1)).toBe(false);
        expect(needed === 0).toBe(isConfident(spread));
      }),
    );
  });
});

describe('binomial spread', () => {
  test('an even spread deviates by nothing', () => expect(binomialSpread([100, 100]).probability).toBe(1));

  test('the statistic is the worst deviation', () => {
    // 1000 draws of one in four: mean 250, deviation sqrt(187.5) = 13.69; 300 is 3.65 of them away.
    expect(binomialSpread([300, 250, 250, 200]).z).toBeCloseTo(3.651, 3);
  });

  test('fair dice are never called loaded', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 8 }), fc.integer(), (members, seed) => {
        const counts = Array<number>(members).fill(0);
        let state = seed >>> 0;
        for (let i = 0; i < 2000; i++) {
          state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
          const drawn = Math.floor((state / 2 ** 32) * members);
          counts[drawn] = (counts[drawn] ?? 0) + 1;
        }
        expect(binomialSpread(counts).probability).toBeGreaterThan(FALSE_PASS_LIMIT);
      }),
      { numRuns: 50 },
    );
  });
});

describe('the binomial bound', () => {
  /** Probability of exactly `k` of `n`, as a product that neither overflows nor underflows for these sizes. */
  function exactly(k: number, n: number, p: number): number {
    let probability = (1 - p) ** (n - k);
    for (let i = 1; i <= k; i++) probability *= ((n - k + i) / i) * p;
    return probability;
  }
  const atMost = (k: number, n: number, p: number) => Array.from({ length: k + 1 }, (_, i) => exactly(i, n, p)).reduce((a, b) => a + b);

  test.each([
    [10, 100, 0.5],
    [30, 100, 0.5],
    [2, 40, 0.25],
    [0, 20, 0.5],
    [20, 60, 0.875],
  ])('is never below the probability of at most %i of %i at %d, and not far above it', (k, n, p) => {
    const [exact, bound] = [Math.log(atMost(k, n, p)), logBinomialBound(k, n, p)];
    expect(bound).toBeGreaterThanOrEqual(exact - 1e-9);
    expect(bound - exact).toBeLessThan(4);
    // At least as many of the opposite event.
    expect(logBinomialBound(n - k, n, 1 - p)).toBeCloseTo(bound, 9);
  });

  test('says nothing of nothing, nor of what was expected', () => {
    expect(logBinomialBound(0, 0, 0.5)).toBe(0);
    expect(logBinomialBound(25, 100, 0.25)).toBe(0);
  });

  test('knows the impossible', () => {
    expect(logBinomialBound(1, 10, 0)).toBe(Number.NEGATIVE_INFINITY);
    expect(logBinomialBound(0, 10, 0)).toBe(0);
  });
});
