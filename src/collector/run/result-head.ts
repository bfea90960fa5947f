/** When, by what and on which host a result was made, at the moment at which it is complete. */
import { availableParallelism, release } from 'node:os';
import type { ResultHead } from '../../model/result-head.ts';
import type { SourceInfo } from '../../model/run-result.ts';

/** The launch of what is reported: wall clock for the reader, and performance.now() for how long it took. */
export interface Launch {
  readonly startedAt: Date;
  readonly begunMs: number;
}

export function launchNow(): Launch {
  return { startedAt: new Date(), begunMs: performance.now() };
}

export function headOf<Schema extends string>(
  schema: Schema,
  version: string,
  { startedAt, begunMs }: Launch,
  source: SourceInfo,
): ResultHead<Schema> {
  return {
    schema,
    tool: { version },
    startedAt: startedAt.toISOString(),
    durationMs: Math.round(performance.now() - begunMs),
    host: { kernel: release(), cpus: availableParallelism() },
    source,
  };
}
