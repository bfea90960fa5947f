/**
 * Sends the packets of a capture file, a segment at a time: while one is sent, the next one is read, so that memory stays flat however
 * large the file is.
 */

import type { CaptureSummary } from '../addon/capture-summary.ts';
import type { FrameCollector } from '../addon/frame-collector.ts';
import type { Injector, InjectPlan } from '../addon/injector.ts';
import { interrupted } from '../errors.ts';
import type { ReadFault, UnusableCapture } from '../model/capture-file.ts';
import type { Finding } from '../model/finding.ts';
import { captureWarnings, unusableCapture } from './findings.ts';
import { type CaptureInput, type CaptureReader, inputName } from './input.ts';

export const SEGMENT_BYTES = 64 * 2 ** 20;

/** A segment that fills more slowly is sent as it is: a capture may come from a running tcpdump. */
const PATIENCE_MS = 500;

/** What is sent: from the first packet to the last, so many times. */
export interface ReplayPlan extends Pick<InjectPlan, 'packetsPerSecond' | 'burst' | 'cpu' | 'queueCpus'> {
  /** 0 goes on until stopped. */
  readonly rounds: number;
}

export class Replay {
  readonly #input: CaptureInput;
  readonly #collector: FrameCollector;
  #reader: CaptureReader;
  /** A piece that was asked for and has not come. */
  #awaited: Promise<Uint8Array | undefined> | undefined;
  /** Of the last piece, what the segment had no room for. */
  #rest: Uint8Array = new Uint8Array();
  #atEnd = false;
  #isStopped = false;
  /** Of the first round: later ones read the same file. */
  #firstRound: { readonly summary: CaptureSummary; readonly fault: ReadFault | undefined } | undefined;
  #injector: Injector | undefined;
  #isSending = false;
  /** Packets of the injector's runs that have ended. */
  #sent = 0;

  private constructor(input: CaptureInput, collector: FrameCollector) {
    this.#input = input;
    this.#collector = collector;
    this.#reader = input.read();
  }

  /** Reads the first segment. Answers why, if there is nothing in the file that can be sent. */
  static async open(input: CaptureInput, collector: FrameCollector, signal: AbortSignal): Promise<Replay | UnusableCapture> {
    const replay = new Replay(input, collector);
    const onAbort = (): void => replay.#stop();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      if (signal.aborted) onAbort();
      await replay.#fill();
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
    if (signal.aborted) throw interrupted('before anything could be judged');
    if (collector.frames === 0) {
      replay.#reader.close();
      return unusableCapture(inputName(input.path), collector.summary(), replay.#reader.fault, 'replay');
    }
    return replay;
  }

  /** Packets sent so far. */
  get offered(): number {
    return this.#sent + (this.#isSending ? (this.#injector?.counters.packets ?? 0) : 0);
  }

  get warnings(): readonly Finding[] {
    const { summary, fault } = this.#firstRound ?? { summary: this.#collector.summary(), fault: this.#reader.fault };
    return captureWarnings(inputName(this.#input.path), summary, fault, 'replay');
  }

  /** Resolves when all was sent, or after stop(). Rejects if sending failed. */
  async run(injector: Injector, { rounds, ...pace }: ReplayPlan): Promise<void> {
    this.#injector = injector;
    if (this.#atEnd) {
      // All of the file is one segment, which need not be read again.
      injector.refill(this.#collector);
      return this.#send({ ...pace, rounds });
    }
    for (let round = 1; !this.#isStopped; round += 1) {
      await this.#sendSegments(injector, { ...pace, rounds: 1 });
      if (round === rounds || this.#isStopped) return;
      await this.#rewind();
      // It was emptied meanwhile.
      if (this.#collector.frames === 0) return;
    }
  }

  stop(): void {
    this.#stop();
    this.#injector?.stop();
  }

  async close(): Promise<void> {
    this.#reader.close();
  }

  #stop(): void {
    this.#isStopped = true;
    this.#reader.close();
  }

  async #sendSegments(injector: Injector, plan: InjectPlan): Promise<void> {
    while (this.#collector.frames > 0 && !this.#isStopped) {
      injector.refill(this.#collector);
      await Promise.all([this.#send(plan), this.#fill()]);
    }
  }

  async #send(plan: InjectPlan): Promise<void> {
    const { promise, injector } = this.#start(plan);
    try {
      await promise;
    } finally {
      this.#isSending = false;
      this.#sent += injector.counters.packets;
    }
  }

  #start(plan: InjectPlan): { readonly promise: Promise<unknown>; readonly injector: Injector } {
    if (this.#injector === undefined) throw new TypeError('there is no injector');
    this.#isSending = true;
    return { promise: this.#injector.run(plan), injector: this.#injector };
  }

  /** Up to the end of the segment, or of the file, or of what a slow pipe has had to say in a while. */
  async #fill(): Promise<void> {
    const deadlineMs = performance.now() + PATIENCE_MS;
    while (!this.#atEnd && !this.#isStopped && !this.#collector.isFull) {
      if (this.#rest.length === 0) {
        this.#awaited ??= this.#reader.next();
        if (this.#collector.frames > 0 && !(await settledBefore(deadlineMs, this.#awaited))) return;
        const piece = await this.#awaited;
        this.#awaited = undefined;
        if (piece !== undefined) this.#rest = piece;
        else if (!this.#isStopped) this.#finish();
      }
      this.#rest = this.#rest.subarray(this.#collector.feed(this.#rest));
    }
  }

  #finish(): void {
    this.#collector.finish();
    this.#atEnd = true;
  }

  async #rewind(): Promise<void> {
    this.#firstRound ??= { summary: this.#collector.summary(), fault: this.#reader.fault };
    this.#reader.close();
    this.#collector.restart();
    this.#reader = this.#input.read();
    this.#awaited = undefined;
    this.#rest = new Uint8Array();
    this.#atEnd = false;
    await this.#fill();
  }
}

async function settledBefore(deadlineMs: number, promise: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), Math.max(0, deadlineMs - performance.now()));
  });
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
