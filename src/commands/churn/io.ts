/** What `churn` takes and gives, for the command line and for tests. */
import type { Conduct } from '../../collector/run/conduct.ts';
import type { Provided, RunIo } from '../../collector/run/io.ts';
import type { ChurnOptions } from './options.ts';
import type { ChurnEvent, ChurnResult } from './result.ts';

export interface ChurnIo extends Pick<RunIo, 'version' | 'clock' | 'signal'>, Provided {
  /** Called after each change of the group; `done` is how many there were so far. */
  readonly onChange: (change: Pick<ChurnEvent, 'kind' | 'slot'>, done: number) => void;
}

export type RunChurn = (options: ChurnOptions, io: ChurnIo, conduct: Conduct) => Promise<ChurnResult>;
