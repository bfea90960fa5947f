import { beforeEach, describe, expect, test } from 'vitest';
import { Deadline } from '../../../../src/collector/group/deadline.ts';
import { MS, SimulatedClock } from '../../../simulation/clock.ts';

let clock: SimulatedClock;
beforeEach(() => {
  clock = new SimulatedClock();
});

/** When it expired; undefined if it has not within `ms`. */
async function expiryWithin(ms: number, deadline: Deadline): Promise<number | undefined> {
  let expiredMs: number | undefined;
  const callOff = deadline.onExpiry(() => {
    expiredMs = clock.nowMs();
  });
  clock.at(ms * MS, callOff);
  await clock.run(() => clock.nowMs() >= ms, ms * MS);
  return expiredMs;
}

describe('a deadline', () => {
  test('expires when its time is up and there was a last look', async () => {
    expect(await expiryWithin(2000, new Deadline(clock, 500))).toBe(550);
  });

  test('is not noticed by whoever called it off', async () => {
    expect(await expiryWithin(300, new Deadline(clock, 500))).toBeUndefined();
  });

  test('is extended by what was missed, and by no more than it was long', async () => {
    clock.at(400 * MS, () => clock.holdUntil(700 * MS));
    expect(await expiryWithin(5000, new Deadline(clock, 500))).toBe(700 + 200 + 50);
  });

  test('is extended by its own length at the most', async () => {
    clock.at(400 * MS, () => clock.holdUntil(3000 * MS));
    expect(await expiryWithin(5000, new Deadline(clock, 500))).toBe(3000 + 500 + 50);
  });

  test('that was missed by little still gives a last look', async () => {
    clock.at(400 * MS, () => clock.holdUntil(520 * MS));
    expect(await expiryWithin(5000, new Deadline(clock, 500))).toBe(520 + 50);
  });

  test('that several steps share is extended for the later ones, too', async () => {
    const deadline = new Deadline(clock, 500);
    clock.at(400 * MS, () => clock.holdUntil(700 * MS));
    let first: number | undefined;
    deadline.onExpiry(() => {
      first = clock.nowMs();
    });
    await clock.run(() => clock.nowMs() >= 800, 800 * MS);
    expect(first).toBeUndefined();
    expect(await expiryWithin(2000, deadline)).toBe(950);
  });
});
