/** What the groups of a deployment came to. Reporters render it and decide nothing. */
import type { GroupName } from '../../model/fanout.ts';
import type { Answer, Reason, RunResult } from '../../model/run-result.ts';
import type { Options } from '../../options/options.ts';

export interface LeftOutGroup {
  readonly interface: string;
  readonly group: GroupName;
  readonly reason: Reason;
  /** Its program joins no fanout group there: nothing can be split, and the answer does not rest on it. */
  readonly isNoGroup?: true;
}

export interface SeveralResult {
  readonly schema: 'fanout-cluster/deployment@1';
  readonly tool: { readonly version: string };
  readonly startedAt: string;
  readonly durationMs: number;
  readonly host: { readonly kernel: string; readonly cpus: number };
  /** no: one of the groups does not keep its flows together. yes: all of them do. */
  readonly answer: Answer;
  readonly runs: readonly RunResult[];
  /** Groups that could not be tested. */
  readonly leftOut: readonly LeftOutGroup[];
}

/** The interface that is captured on, or the deployed one, where it is tested in the lab. */
export function deviceOf({ source, deployment }: Pick<Options, 'source' | 'deployment'>): string {
  return source.kind === 'live' ? source.interface : (deployment?.interface ?? 'the lab');
}
