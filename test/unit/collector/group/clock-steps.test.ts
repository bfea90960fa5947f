import { describe, expect, test } from 'vitest';
import type { FlowMap } from '../../../../src/addon/flow-map.ts';
import { native } from '../../../../src/addon/native.ts';
import type { Clock } from '../../../../src/collector/group/clock.ts';
import { ClockSteps } from '../../../../src/collector/group/clock-steps.ts';
import { Epochs } from '../../../../src/collector/group/epochs.ts';

const SECOND = 1_000_000_000n;

/** Two clocks that are read at will. */
function clocks() {
  const now = { ms: 1000, realtimeNs: 100n * SECOND, readsMs: 0 };
  const clock: Clock = {
    nowMs: () => {
      now.ms += now.readsMs;
      return now.ms;
    },
    realtimeNs: () => now.realtimeNs,
    after: () => () => {},
    every: () => () => {},
    sleep: () => Promise.resolve(),
  };
  const pass = (ms: number, realtimeMs = ms): void => {
    now.ms += ms;
    now.realtimeNs += BigInt(realtimeMs) * 1_000_000n;
  };
  return { now, clock, pass };
}

describe('a clock', () => {
  test('that goes on has no steps, even if it is slewed', () => {
    const { clock, pass } = clocks();
    const steps = new ClockSteps(clock);
    for (let i = 0; i < 100; i += 1) {
      expect(steps.look(1)).toBeUndefined();
      pass(100, 96);
    }
  });

  test('that is set back tells how far, and from which time on it is the new one', () => {
    const { clock, pass } = clocks();
    const steps = new ClockSteps(clock);
    steps.look(1);
    pass(100, -900);
    // 100 ms ago it was 99.0 s in the new time, and 100.0 s in the old one.
    expect(steps.look(1)).toEqual({ backNs: SECOND, newSinceNs: 99n * SECOND });
    expect(steps.look(1)).toBeUndefined();
  });

  test('that is set forward takes nothing away', () => {
    const { clock, pass } = clocks();
    const steps = new ClockSteps(clock);
    steps.look(1);
    pass(10, 60_000);
    expect(steps.look(1)).toBeUndefined();
    expect(steps.inNewTime(7n, 0)).toBe(7n);
  });

  test('is not blamed when this process was kept from reading it', () => {
    const { now, clock, pass } = clocks();
    const steps = new ClockSteps(clock);
    steps.look(1);
    now.readsMs = 30;
    pass(10);
    expect(steps.look(1)).toBeUndefined();
    now.readsMs = 0;
    // What those looks took has passed on both clocks.
    now.realtimeNs += BigInt(now.ms - 1010) * 1_000_000n;
    expect(steps.look(1)).toBeUndefined();
  });
});

test('times of before are told in the new one, by the epoch that their reader had heard of', () => {
  const { clock, pass } = clocks();
  const steps = new ClockSteps(clock);
  steps.look(1);
  pass(10, -2000);
  steps.look(3);
  pass(10, -500);
  steps.look(4);
  const told = (epoch: number) => Number(steps.inNewTime(50n * SECOND, epoch)) / 1e9;
  expect([told(2), told(3), told(4)]).toEqual([47.48, 49.49, 50]);
});

describe('epochs', () => {
  const ends = (epochs: Epochs): readonly (bigint | null)[] => {
    const real = new native.FlowMap({ members: 1, flowsMax: 16, hashSeed: 1n });
    let asked: readonly (bigint | null)[] = [];
    const flowMap: Pick<FlowMap, 'evidence'> = {
      evidence: (question) => {
        asked = question.epochEndsNs;
        return real.evidence(question);
      },
    };
    epochs.evidence(flowMap as FlowMap, 0);
    return asked;
  };

  test('that have ended take no packet of a time that is told twice; the one that lasts does', () => {
    const epochs = new Epochs(100n, 4);
    epochs.end(500n);
    epochs.begin(3, 'one was lost');
    epochs.reopenNone(300n);
    expect(ends(epochs)).toEqual([200n, null]);
    epochs.reopenNone(50n);
    expect(ends(epochs)).toEqual([0n, null]);
  });
});
