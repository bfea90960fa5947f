/**
 * Packets are stamped by CLOCK_REALTIME, which may be set back. Then time stamps are given twice, and one from before that tells nothing about
 * those that come after. What was known is told again in the new time here.
 */
import type { Clock } from './clock.ts';

/** Less is within what an epoch loses at its end anyway, and may come from reading two clocks one after the other. */
const STEP_NS = 5_000_000n;
/** Clocks that are read farther apart are read again. */
const APART_MS = 1;
const ATTEMPTS = 3;

export interface ClockStep {
  readonly backNs: bigint;
  /** No packet was stamped earlier since. */
  readonly newSinceNs: bigint;
}

interface Reading {
  readonly atMs: number;
  readonly realtimeNs: bigint;
}

export class ClockSteps {
  readonly #clock: Clock;
  #last: Reading | undefined;
  /** With the number of the first epoch that began after each. */
  readonly #steps: { readonly backNs: bigint; readonly epoch: number }[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Whether the clock was set back since the last look, and how far. One that is slewed goes on, only more slowly.
   * @param nextEpoch the number of the next one
   */
  look(nextEpoch: number): ClockStep | undefined {
    const now = this.#read();
    if (now === undefined) return undefined;
    const last = this.#last ?? now;
    this.#last = now;
    const newSinceNs = now.realtimeNs - nanoseconds(now.atMs - last.atMs);
    const backNs = last.realtimeNs - newSinceNs;
    if (backNs < STEP_NS) return undefined;
    this.#steps.push({ backNs, epoch: nextEpoch });
    return { backNs, newSinceNs };
  }

  /** A time that a member read when `epoch` was the latest that it had heard of, told in the time of now. */
  inNewTime(ns: bigint, epoch: number): bigint {
    return this.#steps.reduce((told, step) => (step.epoch > epoch ? told - step.backNs : told), ns);
  }

  // Both clocks at once; nothing if this process is kept from that.
  #read(): Reading | undefined {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const atMs = this.#clock.nowMs();
      const realtimeNs = this.#clock.realtimeNs();
      if (this.#clock.nowMs() - atMs <= APART_MS) return { atMs, realtimeNs };
    }
    return undefined;
  }
}

function nanoseconds(ms: number): bigint {
  return BigInt(Math.round(ms * 1e6));
}
