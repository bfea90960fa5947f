/** Frames of a capture file, for an injector. */
import type { CaptureSummary } from './capture-summary.ts';
import type { Nic } from './nic.ts';

/** Makes frames of a capture file that comes in pieces, a segment at a time. */
export interface FrameCollector {
  /** How many bytes were taken. If that is not all, the segment is full: an injector takes it over, then the rest is to be fed. */
  feed(bytes: Uint8Array): number;
  /** The file has ended. */
  finish(): void;
  /** From the beginning of the file again; what was counted is forgotten. */
  restart(): void;
  readonly isFull: boolean;
  /** Of the present segment. */
  readonly frames: number;
  /** Of the file so far. */
  summary(): CaptureSummary;
}

export interface FrameCollectorAddon {
  readonly FrameCollector: new (options: {
    /** A segment is full when it has reached this size. */
    readonly segmentBytes: number;
    /** Receive queues that frames are spread over by flow, unless a NIC does that. */
    readonly queues: number;
    readonly seed: number;
    readonly nic?: Nic;
    /** Keeps what the flows of the file are by its own time: with the workers' seed and their group's flag, and for so many flows. */
    readonly original?: { readonly hashSeed: bigint; readonly defrag: boolean; readonly flowsMax: number };
  }) => FrameCollector;
}
