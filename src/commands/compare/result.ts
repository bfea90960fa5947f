/** What several modes made of the same packets, and which of them to use. */
import type { IdsLines } from '../../deployment/lines.ts';
import type { GroupName } from '../../model/fanout.ts';
import type { ResultHead } from '../../model/result-head.ts';
import type { Answer, Reason, RunResult } from '../../model/run-result.ts';
import type { OwnLoad } from './own-load-result.ts';

export interface Recommendation {
  /** yes: `group` kept all flows. no: none did, and `group`, if any, does least harm. inconclusive: nothing is shown. */
  readonly answer: Answer;
  readonly group?: GroupName;
  /** Why this one, or why none; then what else to know about it. */
  readonly reasons: readonly Reason[];
  readonly lines?: IdsLines;
}

export interface ComparisonResult extends ResultHead<'fanout-cluster/comparison@1'> {
  readonly procs: number;
  /** The groups saw the very same packets (live), or packets made again from the same seed or file (lab). */
  readonly packets: 'same' | 'repeated';
  readonly recommendation: Recommendation;
  readonly runs: readonly RunResult[];
  /** Modes that could not be tested, and why. */
  readonly leftOut: readonly (GroupName & { readonly reason: Reason })[];
  /** What testing so many groups at once costs this machine; measured in the lab, for live comparisons. */
  readonly ownLoad?: OwnLoad;
  readonly warnings: readonly Reason[];
}
