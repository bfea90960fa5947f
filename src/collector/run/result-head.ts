/** When, by what and on which host a result was made, at the moment at which it is complete. */
import { availableParallelism, release } from 'node:os';
import type { Deployment } from '../../model/deployment.ts';
import type { ResultHead } from '../../model/result-head.ts';
import type { SourceInfo } from '../../model/run-result.ts';
import { type Clock, dateOf } from '../group/clock.ts';
import { wordedDeployment } from '../words/say.ts';

/** The launch of what is reported: a date for the reader, and Clock.nowMs() for how long it took. */
export interface Launch {
  readonly clock: Clock;
  readonly startedAt: Date;
  readonly begunMs: number;
}

export function launchNow({ clock }: { readonly clock: Clock }): Launch {
  return { clock, startedAt: dateOf(clock), begunMs: clock.nowMs() };
}

export function headOf<Schema extends string>(
  schema: Schema,
  version: string,
  { clock, startedAt, begunMs }: Launch,
  source: SourceInfo,
  deployment?: Deployment,
): ResultHead<Schema> {
  return {
    schema,
    tool: { version },
    startedAt: startedAt.toISOString(),
    durationMs: Math.round(clock.nowMs() - begunMs),
    host: { kernel: release(), cpus: availableParallelism() },
    source,
    ...(deployment === undefined ? {} : { deployment: wordedDeployment(deployment) }),
  };
}
