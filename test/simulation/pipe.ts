/** One direction of a stream socket: bytes arrive in order, late, and in pieces that are none of the sender's. */
import type { SimulatedClock } from './clock.ts';
import type { Dice } from './dice.ts';

export interface PipeParts {
  readonly clock: SimulatedClock;
  readonly dice: () => Dice;
  readonly delayNs: () => number;
  readonly onBytes: (chunk: Buffer) => void;
}

const CUT_DELAY_NS = 50_000;

/** From a worker to the collector. */
export class Pipe {
  readonly #parts: PipeParts;
  #pending: { readonly dueNs: number; readonly bytes: Buffer }[] = [];
  #rest: Buffer = Buffer.alloc(0);
  #dueNs = 0;
  #isBroken = false;

  constructor(parts: PipeParts) {
    this.#parts = parts;
  }

  write(bytes: Buffer): void {
    if (this.#isBroken) return;
    const { clock, delayNs } = this.#parts;
    this.#dueNs = Math.max(this.#dueNs, clock.nowNs + delayNs());
    this.#pending.push({ dueNs: this.#dueNs, bytes });
    clock.tell(this.#dueNs, () => this.#deliver());
  }

  /** Its writer is no more. What it had handed over arrives, and then `onEnd` is called; the last of it never left the writer. */
  end(keptShare: number, onEnd: () => void): void {
    if (this.#isBroken) return;
    this.#isBroken = true;
    const { clock, delayNs } = this.#parts;
    let kept = Math.floor(keptShare * this.#pending.reduce((sum, { bytes }) => sum + bytes.length, 0));
    this.#pending = this.#pending.map(({ dueNs, bytes }) => {
      const part = bytes.subarray(0, kept);
      kept -= part.length;
      return { dueNs, bytes: part };
    });
    clock.tell(Math.max(this.#dueNs, clock.nowNs) + delayNs() + 2 * CUT_DELAY_NS, onEnd);
  }

  #deliver(): void {
    const { clock, dice, onBytes } = this.#parts;
    const due = this.#pending.filter(({ dueNs }) => dueNs <= clock.nowNs);
    this.#pending = this.#pending.slice(due.length);
    const all = Buffer.concat([this.#rest, ...due.map(({ bytes }) => bytes)]);
    this.#rest = Buffer.alloc(0);
    if (all.length === 0) return;
    const cut = dice().chance(0.15) ? dice().between(1, all.length) : all.length;
    if (cut < all.length) {
      this.#rest = all.subarray(cut);
      clock.tell(clock.nowNs + CUT_DELAY_NS, () => this.#deliver());
    }
    onBytes(all.subarray(0, cut));
  }
}
