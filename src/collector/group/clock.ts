/** Clocks and timers of a run. The simulation gives a run a clock of its own. */
import { setTimeout as sleep } from 'node:timers/promises';
import { native } from '../../addon/native.ts';

export type CallOff = () => void;

export interface Clock {
  /** Milliseconds since whenever, of a clock that never steps. */
  nowMs(): number;
  /** CLOCK_REALTIME in nanoseconds: the clock of packets' time stamps, which may step. */
  realtimeNs(): bigint;
  after(delayMs: number, callback: () => void): CallOff;
  every(intervalMs: number, callback: () => void): CallOff;
  sleep(delayMs: number): Promise<void>;
}

/** CLOCK_REALTIME as a date, for people. */
export function dateOf(clock: Pick<Clock, 'realtimeNs'>): Date {
  return new Date(Number(clock.realtimeNs() / 1_000_000n));
}

export const HOST_CLOCK: Clock = {
  nowMs: () => performance.now(),
  realtimeNs: () => native.realtimeNs(),
  after: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs);
    return () => clearTimeout(timer);
  },
  every: (intervalMs, callback) => {
    const timer = setInterval(callback, intervalMs);
    return () => clearInterval(timer);
  },
  sleep: (delayMs) => sleep(delayMs),
};
