/** What `scale` takes and gives, for the command line and for tests. */
import type { Provided, RunCluster, RunIo } from '../../collector/run/io.ts';
import type { ScaleOptions } from './options.ts';
import type { ScaleResult } from './result.ts';

export interface ScaleIo extends Pick<RunIo, 'version' | 'clock' | 'signal'>, Provided {
  /** Called before each size is measured. */
  readonly onSize: (procs: number, index: number) => void;
}

export type RunScale = (options: ScaleOptions, io: ScaleIo, runCluster: RunCluster) => Promise<ScaleResult>;
