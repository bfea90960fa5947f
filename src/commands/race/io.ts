/** What `race` takes and gives, for the command line and for tests. */
import type { Conduct } from '../../collector/run/conduct.ts';
import type { Provided, RunCluster, RunIo } from '../../collector/run/io.ts';
import type { RaceOptions } from './options.ts';
import type { RaceResult } from './result.ts';

export interface RaceIo extends Pick<RunIo, 'version' | 'clock' | 'signal'>, Provided {
  /** Called before each of the two starts. */
  readonly onStart: (kind: 'naive' | 'orderly') => void;
}

/** How the two starts are made. */
export interface RaceRunners {
  readonly conduct: Conduct;
  readonly runCluster: RunCluster;
}

export type RunRace = (options: RaceOptions, io: RaceIo, runners: RaceRunners) => Promise<RaceResult>;
