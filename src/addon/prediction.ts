/** What a group must do with a capture file. */
import type { CaptureSummary } from './capture-summary.ts';
import type { KernelInput } from './dissect.ts';
import type { NativeEvidence, ObservedFlow } from './flow-map.ts';

/**
 * What a group in mode hash must do with the packets of a capture file, without the flag DEFRAG and with it. Every packet is placed on a
 * member that stands for its kernel key among those of its flow.
 */
export interface CapturePrediction {
  /** The next bytes of the file; the number taken, which is all of them. */
  feed(bytes: Uint8Array): number;
  /** The file has ended. */
  finish(): void;
  summary(): CaptureSummary;
  evidence(question: { readonly defrag: boolean; readonly violationsMax: number }): NativeEvidence;
  flows(question: { readonly defrag: boolean; readonly max: number }): readonly ObservedFlow[];
  counts(question: { readonly defrag: boolean }): PredictionCounts;
}

export interface PredictionCounts {
  /** Of flows, and of those that the flow map had no room for. A reassembled datagram is one. */
  readonly packets: number;
  /** Fragments that the kernel would have kept back and never passed on. */
  readonly unseen: number;
  readonly ignored: readonly (readonly [reason: number, packets: number])[];
}

export interface PredictionAddon {
  /** `flowsMax` is for each of the two groups. */
  readonly CapturePrediction: new (options: {
    readonly hashSeed: bigint;
    readonly flowsMax: number;
    /** Of a kernel that hashes otherwise than current ones. */
    readonly kernel?: KernelInput;
  }) => CapturePrediction;
}
