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
} from '../../../../src/collector/verdict/confidence.ts';

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
    { spread: [[]], procs: 10, needed: 8 },
    { spread: [[]], procs: 16, needed: 8 },
    { spread: [[]], procs: 65536, needed: 8 },
    { spread: [[3, 0]], procs: 2, needed: 17 },
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
        const p = [meetingProbability(spread.at(-1) ?? []), meetingProbability(pooled)].find((x) => x < 1);
        const evenly = (flows: number): readonly number[] => {
          const counts = Array.from({ length: procs }, (_, m) => spread.at(-1)?.[m] ?? 0);
          for (let i = 0; i < flows; i += 1) {
            const least = counts.indexOf(Math.min(...counts));
            counts[least] = (counts[least] ?? 0) + 1;
          }
          return counts;
        };
        const settled = (flows: number) =>
          p === undefined ? isConfident([evenly(flows)]) : logFalsePassBound(spread) + flows * Math.log(p) <= Math.log(FALSE_PASS_LIMIT);
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

interface Outcome {
  /** Sum over the members of the squared numbers of flows: the bound depends on nothing else. */
  readonly squares: number;
  readonly probability: number;
}

/**
 * What may come of a group that scatters packets, each for itself, by these shares, if both directions of every flow happen to meet. Worked out
 * member by member over how many flows each has; no dice.
 */
function outcomesOf(shares: readonly number[], flows: number): readonly Outcome[] {
  // By the sum of the squared counts and the flows placed so far: the sum of the products of p^(2c)/c!.
  let states = new Map<number, number>([[0, 1]]);
  const width = flows + 1;
  for (const p of shares) {
    const next = new Map<number, number>();
    for (const [state, weight] of states) {
      const [squares, placed] = [Math.floor(state / width), state % width];
      let term = weight;
      for (let count = 0; placed + count <= flows; count += 1) {
        const key = (squares + count * count) * width + placed + count;
        next.set(key, (next.get(key) ?? 0) + term);
        term *= (p * p) / (count + 1);
      }
    }
    states = next;
  }
  let factorial = 1;
  for (let n = 2; n <= flows; n += 1) factorial *= n;
  return [...states]
    .filter(([state]) => state % width === flows)
    .map(([state, weight]) => ({ squares: Math.floor(state / width), probability: factorial * weight }));
}

function falsePassRate(shares: readonly number[], flows: number): number {
  return outcomesOf(shares, flows).reduce((rate, { squares, probability }) => rate + (isYes(flows, squares) ? probability : 0), 0);
}

/** Of several epochs with so many flows each. */
function falsePassRateOf(shares: readonly number[], epochFlows: readonly number[]): number {
  // By the logarithm of the bound so far, to nine digits.
  let sums = new Map<string, number>([['0', 1]]);
  for (const flows of epochFlows) {
    const next = new Map<string, number>();
    for (const [bound, weight] of sums) {
      for (const { squares, probability } of outcomesOf(shares, flows)) {
        const key = (Number(bound) + flows * Math.log(squares / (flows * flows))).toFixed(9);
        next.set(key, (next.get(key) ?? 0) + weight * probability);
      }
    }
    sums = next;
  }
  return [...sums].reduce((rate, [bound, weight]) => rate + (Number(bound) <= Math.log(FALSE_PASS_LIMIT) ? weight : 0), 0);
}

/** By counts that have this sum and this sum of squares for isConfident(): it asks for nothing else. */
function isYes(flows: number, squares: number): boolean {
  return flows * Math.log(squares / (flows * flows)) <= Math.log(FALSE_PASS_LIMIT);
}

function normal(weights: readonly number[]): readonly number[] {
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((weight) => weight / total);
}

describe('a group that scatters packets passes less often than the limit says', () => {
  const COUNTS = [1, 2, 5, 7, 8, 9, 10, 12, 16, 20, 21, 24, 30] as const;

  test('what is counted as a YES here is what the program takes for one', () => {
    fc.assert(
      fc.property(fc.array(fc.nat({ max: 12 }), { minLength: 1, maxLength: 12 }), (counts) => {
        const flows = counts.reduce((sum, count) => sum + count, 0);
        const squares = counts.reduce((sum, count) => sum + count * count, 0);
        expect(flows > 0 && isYes(flows, squares)).toBe(flows > 0 && isConfident([counts]));
      }),
    );
  });

  test('without the demand for spread all flows meet with (sum of p^2)^F', () => {
    for (const flows of [1, 3, 12]) {
      const all = outcomesOf([0.5, 0.3, 0.2], flows).reduce((sum, { probability }) => sum + probability, 0);
      expect(all / (0.25 + 0.09 + 0.04) ** flows).toBeCloseTo(1, 9);
    }
    // And spread over both members equally with what the binomial distribution says.
    expect(outcomesOf([0.5, 0.5], 4).find(({ squares }) => squares === 8)?.probability).toBeCloseTo(6 / 4 ** 4, 12);
  });

  const SKEWS: readonly (readonly [string, (members: number) => readonly number[]])[] = [
    ['even', (members) => Array(members).fill(1 / members)],
    ['falling by a half', (members) => normal(Array.from({ length: members }, (_, i) => 2 ** -i))],
    ['falling by a tenth', (members) => normal(Array.from({ length: members }, (_, i) => 0.9 ** i))],
    ['as Zipf has it', (members) => normal(Array.from({ length: members }, (_, i) => 1 / (i + 1)))],
    ['one member gets half', (members) => normal([members - 1, ...Array(members - 1).fill(1)])],
    ['one member gets nine tenths', (members) => normal([9 * (members - 1), ...Array(members - 1).fill(1)])],
    ['two get nearly all', (members) => normal([1, 1, ...Array(members - 2).fill(0.01)])],
    ['half of them are idle', (members) => normal(Array.from({ length: members }, (_, i) => (i % 2 === 0 ? 1 : 0)))],
  ];

  test.each(SKEWS)('%s', (_, sharesOf) => {
    for (const members of [2, 3, 4, 8, 16, 64])
      for (const flows of COUNTS)
        expect(falsePassRate(sharesOf(members), flows), `${members} members, ${flows} flows`).toBeLessThanOrEqual(FALSE_PASS_LIMIT);
  });

  test('whatever the shares', () => {
    const weights = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 2, maxLength: 10 });
    fc.assert(
      fc.property(weights, fc.constantFrom(...COUNTS), (any, flows) => {
        fc.pre(any.some((weight) => weight > 1e-6));
        expect(falsePassRate(normal(any), flows)).toBeLessThanOrEqual(FALSE_PASS_LIMIT);
      }),
      { numRuns: 150 },
    );
  });

  test('shares chosen to pass most often, step by step', () => {
    for (const [members, flows] of [
      [2, 20],
      [2, 40],
      [3, 13],
      [4, 12],
      [8, 8],
      [16, 9],
    ] as const) {
      let best = normal(Array.from({ length: members }, (_, i) => 1 + i / members));
      let rate = falsePassRate(best, flows);
      for (let step = 0.5; step > 0.01; step /= 1.5) {
        for (let i = 0; i < members; i += 1) {
          for (const factor of [1 + step, 1 / (1 + step)]) {
            const tried = normal(best.map((share, j) => (i === j ? share * factor : share)));
            const found = falsePassRate(tried, flows);
            if (found > rate) [best, rate] = [tried, found];
          }
        }
      }
      expect(rate, `${members} members, ${flows} flows`).toBeLessThanOrEqual(FALSE_PASS_LIMIT);
    }
  });

  test.each([[Array(12).fill(2)], [Array(30).fill(2)], [[3, 3, 3, 3, 3, 3]], [[8, 8]], [[20, 1, 1, 1]], [[10, 12, 4]]])(
    'over epochs of %j flows',
    (epochFlows) => {
      for (const [, sharesOf] of SKEWS)
        for (const members of [2, 3, 8]) expect(falsePassRateOf(sharesOf(members), epochFlows)).toBeLessThanOrEqual(FALSE_PASS_LIMIT);
    },
  );

  test('fewer than eight flows never pass, on however many members they are', () => {
    for (let flows = 0; flows < 8; flows += 1) expect(isConfident([Array(flows).fill(1)])).toBe(false);
    expect(isConfident([Array(8).fill(1)])).toBe(true);
  });

  test('a bound by the number of members instead of the shares seen would pass what is on two of sixteen', () => {
    // Six flows on two members of sixteen: 16^-6 is below the limit, and a group that scatters over those two does so once in 64 runs.
    expect(16 ** -6).toBeLessThan(FALSE_PASS_LIMIT);
    expect(isConfident([[3, 3, ...Array(14).fill(0)]])).toBe(false);
  });
});
