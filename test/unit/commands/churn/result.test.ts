import { describe, expect, test } from 'vitest';
import { relinked, stayingShare, withMember, withoutSlot } from '../../../../src/commands/churn/result.ts';

const HASH = { mode: 'hash' } as const;
const EBPF = { mode: 'ebpf' } as const;
const first = (n: number) => Array.from({ length: n }, (_, i) => i);

describe('slots', () => {
  test('the last member moves into the slot that becomes free', () => {
    expect(withoutSlot([0, 1, 2, 3, 4], 1)).toEqual([0, 4, 2, 3]);
    expect(withoutSlot([0, 1, 2], 2)).toEqual([0, 1]);
    expect(withoutSlot([7], 0)).toEqual([]);
  });

  test('there is no such slot', () => {
    expect(() => withoutSlot([0, 1], 2)).toThrow(RangeError);
    expect(() => withoutSlot([], 0)).toThrow(RangeError);
  });

  test('a new member comes last; after a link flap they stand in the order of their sockets', () => {
    expect(withMember([3, 1, 2], 4)).toEqual([3, 1, 2, 4]);
    expect(relinked([3, 1, 2, 4])).toEqual([1, 2, 3, 4]);
  });
});

describe('share of packets that stay', () => {
  test.each([2, 3, 4, 8, 16, 64])('%i members: as the closed form has it for each slot', (n) => {
    for (let k = 0; k < n; k += 1) {
      const formula = k === n - 1 ? 1 / 2 : 1 / 2 - (n - 1 - k) / (n * (n - 1)) + (k === n - 2 ? 1 / n : 0);
      expect(stayingShare(HASH, first(n), withoutSlot(first(n), k))).toBeCloseTo(formula, 12);
    }
  });

  test.each([1, 2, 5, 31])('a member joins %i others: one half', (n) => {
    expect(stayingShare(HASH, first(n), withMember(first(n), n))).toBeCloseTo(1 / 2, 12);
  });

  test('nothing changes: all; all change places: none', () => {
    expect(stayingShare(HASH, [0, 1, 2], [0, 1, 2])).toBeCloseTo(1, 12);
    expect(stayingShare(HASH, [0, 1, 2], [2, 0, 1])).toBe(0);
  });
});

describe('share of packets that stay where a program returns a number and its rest is the slot', () => {
  /** Of every number up to a multiple of both sizes. */
  function counted(before: readonly number[], after: readonly number[]): number {
    const numbers = first(before.length * after.length);
    return numbers.filter((n) => before[n % before.length] === after[n % after.length]).length / numbers.length;
  }

  test.each([2, 3, 4, 8, 16, 64])('%i members, and each slot in turn', (n) => {
    for (let k = 0; k < n; k += 1) {
      const left = withoutSlot(first(n), k);
      expect(stayingShare(EBPF, first(n), left)).toBeCloseTo(counted(first(n), left), 12);
      expect(stayingShare(EBPF, first(n), left)).toBeCloseTo(1 / n, 12);
      expect(stayingShare(EBPF, left, withMember(left, n))).toBeCloseTo(1 / n, 12);
    }
  });

  test.each([
    [
      [0, 1, 2],
      [2, 1, 0],
    ],
    [
      [3, 1, 2, 0],
      [0, 1, 2, 3],
    ],
    [
      [0, 1, 2, 3],
      [0, 1],
    ],
    [
      [0, 1, 2, 3, 4, 5],
      [1, 0, 5, 3],
    ],
  ])('%j becomes %j', (before, after) => {
    expect(stayingShare(EBPF, before, after)).toBeCloseTo(counted(before, after), 12);
  });
});
