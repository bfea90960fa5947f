import { expect, test } from 'vitest';
import { lossFreeRate } from '../../../bench/loss-free-rows.ts';
import { FULL, type Plan } from '../../../bench/plan.ts';
import type { ReaderRun, Traffic } from '../../../bench/programs.ts';

const plan: Plan = { ...FULL, probes: 8, cli: '', cliMissing: undefined };
const GENERATOR_MAXIMUM = 2_000_000;

/** A reader that keeps up with `capacity` packets per second and loses the rest. */
function readerOf(capacity: number, tried: number[] = []) {
  return async ({ rate, packets }: Traffic): Promise<ReaderRun> => {
    const pps = rate === 0 ? GENERATOR_MAXIMUM : rate;
    tried.push(pps);
    return { sent: { packets, pps }, captured: packets, dropped: pps > capacity ? 1 : 0, cpuNsPerPacket: 1 };
  };
}

test('a reader that never loses is measured once, at full speed', async () => {
  const tried: number[] = [];
  expect(await lossFreeRate(readerOf(3_000_000, tried), plan, GENERATOR_MAXIMUM)).toBe(GENERATOR_MAXIMUM);
  expect(tried).toEqual([GENERATOR_MAXIMUM]);
});

test('bisection comes close to the capacity from below and never above', async () => {
  const found = await lossFreeRate(readerOf(700_000), plan, GENERATOR_MAXIMUM);
  expect(found).toBeLessThanOrEqual(700_000);
  expect(found).toBeGreaterThan(700_000 - GENERATOR_MAXIMUM / 2 ** 7);
});

test('a reader that always loses has no loss-free rate', async () => {
  expect(await lossFreeRate(readerOf(0), plan, GENERATOR_MAXIMUM)).toBe(0);
});
