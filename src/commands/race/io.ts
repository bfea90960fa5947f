/** What `race` takes and gives, for the command line and for tests. */
import type { Provided, RunCluster, RunIo } from '../../collector/run/io.ts';
import type { RaceOptions } from './options.ts';
import type { RaceResult } from './result.ts';

export interface RaceIo extends Pick<RunIo, 'version' | 'signal'>, Provided {
  /** Called before each of the two starts. */
  readonly onStart: (kind: 'naive' | 'orderly') => void;
}

export type RunRace = (options: RaceOptions, io: RaceIo, runCluster: RunCluster) => Promise<RaceResult>;
