/** What a run takes and gives, for whoever starts one. */
import type { Options } from '../config/options.ts';
import type { RunResult } from '../model/run-result.ts';
import type { ProgressSnapshot } from './report/progress.ts';

/** What a run needs from its surroundings. */
export interface RunIo {
  readonly version: string;
  /** Aborted by SIGINT and SIGTERM: the run ends early, with the verdict on what was seen. */
  readonly signal: AbortSignal;
  /** Called as often as is convenient, several times a second; drawing at the right pace is the callee's affair. */
  readonly onProgress: (snapshot: ProgressSnapshot) => void;
}

export type RunCluster = (options: Options, io: RunIo) => Promise<RunResult>;
