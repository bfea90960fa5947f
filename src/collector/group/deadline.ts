/**
 * A time by which others must have done something. Timers come before messages: what was said while this process was held up (stopped, or
 * on a host without a CPU to spare) is still unread when one fires. So nobody is blamed before a last look, and the time is extended by as
 * much as was missed.
 */
import type { CallOff, Clock } from './clock.ts';

/** To read what has come. */
const LAST_LOOK_MS = 50;

export class Deadline {
  readonly #clock: Clock;
  readonly #patienceMs: number;
  #atMs: number;

  constructor(clock: Clock, patienceMs: number) {
    this.#clock = clock;
    this.#patienceMs = patienceMs;
    this.#atMs = clock.nowMs() + patienceMs;
  }

  /** Several steps may have one deadline: what one of them is granted is the others', too. */
  onExpiry(expire: () => void): CallOff {
    let callOff: CallOff = () => {};
    const wait = (untilMs: number, isLast: boolean): void => {
      callOff = this.#clock.after(Math.max(0, untilMs - this.#clock.nowMs()), () => {
        const now = this.#clock.nowMs();
        const missedMs = now - untilMs;
        if (missedMs >= LAST_LOOK_MS) {
          this.#atMs = now + Math.min(missedMs, this.#patienceMs);
          wait(this.#atMs, false);
        } else if (isLast) expire();
        else wait(now + LAST_LOOK_MS, true);
      });
    };
    wait(Math.max(this.#atMs, this.#clock.nowMs()), false);
    return () => callOff();
  }
}
