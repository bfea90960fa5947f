/** The time of a simulation: events one after the other, and no waiting for any of them. */
import type { CallOff, Clock } from '../../src/collector/group/clock.ts';

export const MS = 1_000_000;

/** Zero of the simulated CLOCK_REALTIME, which all time stamps of the simulation are told from. */
export const REALTIME_BASE_NS = 1_800_000_000_000_000_000n;

/** Who acts. At one instant the kernel is first, then the collector's timers, then what it reads: so does an event loop that was held up. */
const ORDER = { world: 0, timer: 1, reading: 2 } as const;
type Actor = keyof typeof ORDER;

interface Event {
  ns: number;
  readonly actor: Actor;
  readonly sequence: number;
  readonly act: () => void;
  isOff: boolean;
}

/** CLOCK_REALTIME is set by so much at that time. */
export interface ClockStep {
  readonly atNs: number;
  readonly byNs: number;
}

/** Real time in which pending promises run to their end. */
function drained(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

export class SimulatedClock implements Clock {
  readonly #heap: Event[] = [];
  #sequence = 0;
  #nowNs = 0;
  #heldUntilNs = 0;
  readonly #steps: ClockStep[] = [];
  /** Timers that the collector has set and that can still fire. */
  #timers = 0;

  get nowNs(): number {
    return this.#nowNs;
  }

  get timers(): number {
    return this.#timers;
  }

  // ---- for the world

  at(ns: number, act: () => void): CallOff {
    return this.#push(ns, 'world', act);
  }

  in(ns: number, act: () => void): CallOff {
    return this.at(this.#nowNs + ns, act);
  }

  /** Something that the collector reads from a descriptor, or is told of. */
  tell(ns: number, act: () => void): CallOff {
    return this.#push(ns, 'reading', act);
  }

  /** The collector's process does nothing until then. */
  holdUntil(ns: number): void {
    this.#heldUntilNs = Math.max(this.#heldUntilNs, ns);
  }

  step(step: ClockStep): void {
    this.#steps.push(step);
  }

  /** CLOCK_REALTIME at any time that is known already, in nanoseconds since REALTIME_BASE_NS. */
  stampAt(ns: number): number {
    return this.#steps.reduce((stamp, { atNs, byNs }) => (ns >= atNs ? stamp + byNs : stamp), ns);
  }

  /** Until `isOver`, or until nothing is left to happen; says which. */
  async run(isOver: () => boolean, limitNs: number): Promise<'over' | 'idle' | 'endless'> {
    await drained();
    while (!isOver()) {
      const event = this.#pop();
      if (event === undefined) return 'idle';
      if (event.isOff) continue;
      if (event.ns > limitNs) return 'endless';
      if (event.actor !== 'world' && event.ns < this.#heldUntilNs) {
        event.ns = this.#heldUntilNs;
        this.#insert(event);
        continue;
      }
      this.#nowNs = event.ns;
      event.act();
      if (event.actor !== 'world') await drained();
    }
    return 'over';
  }

  // ---- for the collector

  nowMs(): number {
    return this.#nowNs / MS;
  }

  realtimeNs(): bigint {
    return REALTIME_BASE_NS + BigInt(this.stampAt(this.#nowNs));
  }

  after(delayMs: number, callback: () => void): CallOff {
    return this.#timer(delayMs, false, callback);
  }

  every(intervalMs: number, callback: () => void): CallOff {
    return this.#timer(intervalMs, true, callback);
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.after(delayMs, resolve);
    });
  }

  // As node does it: whole milliseconds, one at least, and the next interval begins when the callback is called.
  #timer(delayMs: number, isRepeated: boolean, callback: () => void): CallOff {
    const delayNs = Math.max(1, Math.trunc(delayMs)) * MS;
    let isActive = true;
    let callOff: CallOff = () => {};
    this.#timers += 1;
    const end = (): void => {
      if (isActive) this.#timers -= 1;
      isActive = false;
      callOff();
    };
    const schedule = (): void => {
      callOff = this.#push(this.#nowNs + delayNs, 'timer', () => {
        if (isRepeated) schedule();
        else end();
        callback();
      });
    };
    schedule();
    return end;
  }

  // ---- a binary heap

  #push(ns: number, actor: Actor, act: () => void): CallOff {
    this.#sequence += 1;
    const event: Event = { ns: Math.max(ns, this.#nowNs), actor, sequence: this.#sequence, act, isOff: false };
    this.#insert(event);
    return () => {
      event.isOff = true;
    };
  }

  #insert(event: Event): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || !isBefore(event, above)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = event;
  }

  #pop(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      const [left, right] = [heap[child], heap[child + 1]];
      if (left === undefined) break;
      if (right !== undefined && isBefore(right, left)) child += 1;
      const smaller = heap[child];
      if (smaller === undefined || !isBefore(smaller, last)) break;
      heap[at] = smaller;
      at = child;
    }
    heap[at] = last;
    return first;
  }
}

function isBefore(a: Event, b: Event): boolean {
  return (a.ns - b.ns || ORDER[a.actor] - ORDER[b.actor] || a.sequence - b.sequence) < 0;
}
