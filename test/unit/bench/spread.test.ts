import { expect, test } from 'vitest';
import { distance, ratios, spreadOf } from '../../../bench/spread.ts';

test('the median does not depend on the order, and lies between the middle two of an even number', () => {
  expect(spreadOf([30, 10, 20])).toEqual({ min: 10, median: 20, max: 30 });
  expect(spreadOf([4, 1, 3, 100])).toEqual({ min: 1, median: 3.5, max: 100 });
  expect(spreadOf([7])).toEqual({ min: 7, median: 7, max: 7 });
});

test('numbers are compared as numbers, not as text', () => {
  expect(spreadOf([9, 100, 20]).median).toBe(20);
});

test('no samples are an error, not a zero', () => {
  expect(() => spreadOf([])).toThrow(RangeError);
});

test('distance is below one where the goal is surpassed, whichever way the row counts', () => {
  expect(distance(1, 2, 'lower')).toBe(0.5);
  expect(distance(3, 2, 'lower')).toBe(1.5);
  expect(distance(4, 2, 'higher')).toBe(0.5);
  expect(distance(1, 2, 'higher')).toBe(2);
});

test('a goal of zero is met by zero and by nothing else', () => {
  expect(distance(0, 0, 'lower')).toBe(1);
  expect(distance(1, 0, 'lower')).toBe(Number.POSITIVE_INFINITY);
});

test('ratios are formed pair by pair', () => {
  expect(ratios([2, 9], [1, 3])).toEqual([2, 3]);
  expect(() => ratios([1], [1, 2])).toThrow(RangeError);
});
