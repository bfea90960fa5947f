/** The flows of all members, and what they are evidence of. */
import type { Evidence, ViolationTraits } from '../model/evidence.ts';
import type { FlowRoom } from '../model/run-limits.ts';
import type { Violation, ViolationKind, ViolationObservation } from '../model/run-result.ts';
import type { FrameCollector } from './frame-collector.ts';

export interface Tally {
  readonly flows: number;
  readonly twoWay: number;
  readonly violated: number;
  readonly packets: number;
  /** Of the flows: seen in one direction only, and given up to make room. */
  readonly forgotten: number;
  /** Nearly all that there is room for is evidence: what comes next may soon find no room. */
  readonly full: boolean;
}

/** Evidence as the addon gives it: epochs are known by number only. */
export type NativeEvidence = Omit<Evidence, 'epochs'> & { readonly twoWayByEpochAndMember: readonly (readonly number[])[] };

export interface ObservedFlow extends Pick<Violation, 'flow' | 'observations'> {
  /** "none": all of it came too late to be judged. */
  readonly verdict: 'none' | 'one-way' | 'consistent' | ViolationKind;
  /** What diagnosis needs to know of a violation. */
  readonly traits?: ViolationTraits;
  /** ICMP errors that quote the flow: no part of the verdict. */
  readonly errors: readonly ViolationObservation[];
  /** Some of them were on a member that saw no packet of the flow. */
  readonly errorsElsewhere: boolean;
}

export interface FlowMap {
  /**
   * The number of observations taken, or -(1 + offset) where the message is malformed; then nothing was taken.
   * @param newestEpoch the last that was announced: one of a later epoch is malformed, too
   */
  ingest(message: Uint8Array, member: number, newestEpoch?: number): number;
  tally(): Tally;
  evidence(question: {
    readonly epochEndsNs: readonly (bigint | null)[];
    readonly violationsMax: number;
    readonly startNs: bigint;
  }): NativeEvidence;
  /** The first `max` flows in the order of their keys, each with all its observations, whatever the verdict and the epoch. No forgotten ones. */
  flows(question: {
    readonly epochEndsNs: readonly (bigint | null)[];
    readonly max: number;
    readonly startNs: bigint;
  }): readonly ObservedFlow[];
  /** For how many flows there is room; less than asked for where the address space is limited. */
  capacity(): number;
  bytesUsed(): number;
}

export interface FlowMapAddon {
  /** One that is full forgets flows that are evidence of nothing. Throws an Error with `call` and `errno` where there is no memory. */
  readonly FlowMap: new (
    options: Pick<FlowRoom, 'flowsMax'> &
      Partial<FlowRoom> & {
        readonly members: number;
        readonly hashSeed: bigint;
        /** What is replayed: with its original, copies of packets are told by the file's own time. */
        readonly replayed?: FrameCollector;
      },
  ) => FlowMap;
}
