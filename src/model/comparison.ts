/** What several modes made of the same packets, and which of them to use. */
import type { FanoutFlag, FanoutMode } from './fanout.ts';
import type { OwnLoad } from './own-load.ts';
import type { ResultHead } from './result-head.ts';
import type { Answer, Reason, RunResult } from './run-result.ts';

export interface GroupName {
  readonly mode: FanoutMode;
  readonly flags: readonly FanoutFlag[];
}

/** "hash+defrag" */
export function labelOf({ mode, flags }: GroupName): string {
  return [mode, ...flags].join('+');
}

/** The group as an IDS is told to join it, ready to be pasted; a comment where it cannot. */
export interface IdsLines {
  readonly suricata: readonly string[];
  readonly zeek: readonly string[];
  readonly snort: readonly string[];
}

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
