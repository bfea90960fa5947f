/** The lab's part of the native addon, as native/binding/lab_binding.cpp exports it. Types only. */

/** Offsets and sizes of the lab tag; src/lab/tag.ts has the same, and a test holds the two together. */
export type LabTagLayout = Readonly<
  Record<'magic' | 'bytes' | 'flowOffset' | 'directionOffset' | 'guardKindOffset' | 'sequenceOffset' | 'guardOffset', number>
>;

/** A multi-queue TAP, which lives as long as this object and the injectors that use it. */
export interface Tap {
  readonly name: string | undefined;
  readonly queues: number;
  /** The interface receives the frame on this queue. False if the kernel had no room just now. */
  write(queue: number, frame: Uint8Array): boolean;
  /** A frame that the kernel sent out of the interface on this queue, if there is one. */
  read(queue: number): Uint8Array | null;
  close(): void;
}

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
  /** The CPU that sends: with a TAP also the one that receives. */
  readonly cpu?: number;
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
}

export interface ExecOptions {
  /** Looked up in PATH if it has no slash. */
  readonly file: string;
  readonly argv: readonly string[];
  /** "NAME=value". */
  readonly env: readonly string[];
  /** Move into a new network namespace first. */
  readonly newNetwork?: boolean;
}

export interface LabAddon {
  readonly Tap: new (options: { readonly name: string; readonly queues?: number }) => Tap;
  readonly Injector: new (options: FrameSet & ({ readonly tap: Tap } | { readonly interface: string })) => Injector;
  /** Replaces this process. Comes back only to throw. */
  exec(options: ExecOptions): never;
  readonly labTag: LabTagLayout;
}
