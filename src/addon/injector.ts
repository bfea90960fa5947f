/** Sends frames from a thread of its own. */
import type { FrameCollector } from './frame-collector.ts';
import type { Tap } from './tap.ts';

/** Frame i is bytes offsets[i] to offsets[i + 1] of `frames`; tags[i] is where its lab tag is, or 0. All of it is copied. */
export interface FrameSet {
  readonly frames: Uint8Array;
  readonly offsets: Uint32Array;
  readonly queues?: Uint16Array;
  readonly tags?: Uint16Array;
}

export interface InjectPlan {
  /** How often the whole set is sent; 0 goes on until stopped. 1 by default. */
  readonly rounds?: number;
  /** 0, the default, is as fast as possible. */
  readonly packetsPerSecond?: number;
  /** So many packets are sent back to back, at the same mean rate. 1 by default. */
  readonly burst?: number;
  /** The CPU that sends: with a TAP also the one that receives. */
  readonly cpu?: number;
  /**
   * One sending thread for each queue; that of queue q is on CPU q modulo length. A packet is due and numbered by its place in the set all
   * the same.
   */
  readonly queueCpus?: readonly number[];
}

export interface InjectCounters {
  readonly packets: number;
  readonly bytes: number;
  /** Sends that the kernel refused for want of room, and that were repeated. */
  readonly retries: number;
  readonly elapsedMs: number;
}

export interface InjectReport extends InjectCounters {
  /** Ended by stop(), before the plan was fulfilled. */
  readonly stopped: boolean;
}

/** Sends from a thread of its own. Sequence numbers go on from run to run. */
export interface Injector {
  readonly counters: InjectCounters;
  /** Rejects with a SystemCallError; what was sent until then is in `counters`. One run at a time. */
  run(plan?: InjectPlan): Promise<InjectReport>;
  stop(): void;
  /** Takes over the segment of the collector, in place of the frames it had. Not while it is running. */
  refill(collector: FrameCollector): void;
}

export interface InjectorAddon {
  /** Without frames it must be refilled before it can run. A socket is one of openPacketSocket(), and the injector's own from then on. */
  readonly Injector: new (
    options: Partial<FrameSet> & ({ readonly tap: Tap } | { readonly interface: string; readonly socket?: number }),
  ) => Injector;
}
