import { describe, expect, test } from 'vitest';
import { relinked, stayingShare, withMember, withoutSlot } from '../../../../src/commands/churn/result.ts';

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
      expect(stayingShare(first(n), withoutSlot(first(n), k))).toBeCloseTo(formula, 12);
    }
  });

  test.each([1, 2, 5, 31])('a member joins %i others: one half', (n) => {
    expect(stayingShare(first(n), withMember(first(n), n))).toBeCloseTo(1 / 2, 12);
  });

  test('nothing changes: all; all change places: none', () => {
    expect(stayingShare([0, 1, 2], [0, 1, 2])).toBeCloseTo(1, 12);
    expect(stayingShare([0, 1, 2], [2, 0, 1])).toBe(0);
  });
});
