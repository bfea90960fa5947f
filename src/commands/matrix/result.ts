/** The one result of a survey: every class of traffic in every mode. Reporters render it and decide nothing. */
import type { GroupName } from '../../model/fanout.ts';
import type { ResultHead } from '../../model/result-head.ts';
import type { Answer, FlowCounts, PacketCounts, Reason } from '../../model/run-result.ts';

/** What happened to a class in a mode, in a word. */
export const OUTCOMES = {
  kept: 'every flow, in both directions, on one process, and the flows on several',
  split: 'flows whose packets were on several processes',
  duplicated: 'flows whose packets were seen by several processes each',
  apart: 'flows on several processes for a cause that is harmless',
  'one-member': 'all on one process: nothing is split, and nothing is shared out',
  'no-flows': 'frames without a flow, on several processes',
  'few-flows': 'no flow was split, but so few may be kept by chance',
  doubtful: 'no flow was split, but what was measured is not complete',
  'not-run': 'the mode was not run',
} as const satisfies Record<string, string>;

export type Outcome = keyof typeof OUTCOMES;

export interface MatrixCell extends GroupName, Pick<FlowCounts, 'split' | 'asymmetric' | 'duplicated'> {
  readonly class: string;
  readonly answer: Answer;
  readonly outcome: Outcome;
  /** Why flows were on several processes: of several causes the one that weighs against the mode, then the most frequent. */
  readonly cause?: string;
  /** Why the answer is inconclusive. */
  readonly reason?: string;
  /** Flows that were seen in both directions, or on several processes; 0 for frames that belong to none. */
  readonly flows: number;
  readonly membersUsed: number;
}

/** What a mode was measured with, and whatever makes its cells doubtful. */
export interface MatrixRun extends GroupName {
  /** Absent where the mode was not run: its only doubt says why. */
  readonly packets?: PacketCounts;
  /** Delivered by the kernel to each member. */
  readonly packetsByMember?: readonly number[];
  readonly doubts: readonly Reason[];
}

export interface MatrixResult extends ResultHead<'fanout-cluster/matrix@1'> {
  readonly procs: number;
  readonly flowsPerClass: number;
  readonly runs: readonly MatrixRun[];
  /** Modes that nobody asked for and that could not be measured, and why. */
  readonly leftOut: readonly (GroupName & { readonly reason: Reason })[];
  /** Class by class, each in the order of the runs. */
  readonly cells: readonly MatrixCell[];
}
