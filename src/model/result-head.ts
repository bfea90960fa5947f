/** What every result begins with. */
import type { DeploymentResult } from './deployment.ts';
import type { SourceInfo } from './run-result.ts';

export interface ResultHead<Schema extends string> {
  readonly schema: Schema;
  readonly tool: { readonly version: string };
  readonly startedAt: string;
  readonly durationMs: number;
  readonly host: { readonly kernel: string; readonly cpus: number };
  readonly source: SourceInfo;
  /** Whose group is meant; absent where no configuration was named. */
  readonly deployment?: DeploymentResult;
}
