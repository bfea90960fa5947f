/** The one result of a prediction: what mode HASH must do with the flows of a capture file. Reporters render it and decide nothing. */
import type { FanoutFlag } from '../../model/fanout.ts';
import type { KernelModel } from '../../model/kernel-model.ts';
import type { CauseResult, FlowCounts, Reason, Violation, ViolationObservation } from '../../model/run-result.ts';

export interface PredictedPackets {
  /** Packets of the file, before anything was left out. */
  readonly read: number;
  /** No frame can be made of them, so no group could see them: the warnings say why. */
  readonly leftOut: number;
  /** Attributed to a flow and judged; a reassembled datagram is one. */
  readonly judged: number;
  /** Of flows for which there was no room. */
  readonly overflowed: number;
  /** With the flag defrag: fragments that the kernel keeps back and never passes on, as their datagram is not complete. */
  readonly heldBack?: number;
  readonly ignored: Readonly<Record<string, number>>;
}

/** total = kept + split + duplicated. */
export interface PredictedFlows extends Pick<FlowCounts, 'total' | 'twoWay' | 'oneWay' | 'duplicated'> {
  /** All packets have one kernel key. */
  readonly kept: number;
  /** Packets, of one direction or of both, have several kernel keys. */
  readonly split: number;
  /** Of those split or duplicated: flows for which that does no harm, such as ESP. */
  readonly harmless: number;
}

export interface PredictedStack extends Pick<PredictedFlows, 'kept' | 'split' | 'duplicated' | 'twoWay'> {
  readonly stack: string;
  readonly flows: number;
}

/** Without a member: there is no group. Packets stay together by their kernel key. */
export type PredictedObservation = Omit<ViolationObservation, 'member' | 'epoch'>;

export interface PredictedViolation extends Omit<Violation, 'observations'> {
  readonly observations: readonly PredictedObservation[];
}

/** What is said of one group. */
export interface GroupPrediction {
  readonly group: { readonly mode: 'hash'; readonly flags: readonly FanoutFlag[] };
  readonly packets: PredictedPackets;
  readonly flows: PredictedFlows;
  readonly causes: readonly CauseResult[];
}

/** The kernel whose hash is modelled. */
export interface ModelledKernel extends KernelModel {
  /** As given, or as this host tells it. */
  readonly release: string;
  readonly from: 'option' | 'this-host';
  /** It was asked how it hashes, in a namespace; otherwise that is taken from its release. */
  readonly probed: boolean;
  /** What its release does not tell, so that it was assumed: in words. */
  readonly assumed: readonly string[];
}

export interface PredictionResult extends GroupPrediction {
  readonly schema: 'fanout-cluster/prediction@1';
  readonly tool: { readonly version: string };
  readonly startedAt: string;
  readonly source: { readonly kind: 'pcap'; readonly pcap: string };
  readonly kernel: ModelledKernel;
  readonly stacks: readonly PredictedStack[];
  readonly violations: readonly PredictedViolation[];
  readonly violationsOmitted: number;
  /** The same packets with the flag defrag where the group has none, and without it where it has. */
  readonly alternative: GroupPrediction;
  readonly warnings: readonly Reason[];
}
