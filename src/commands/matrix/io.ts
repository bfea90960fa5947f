/** What `matrix` takes and gives, for the command line and for tests. */
import type { Provided, RunCluster, RunIo } from '../../collector/run/io.ts';
import type { MatrixOptions } from './options.ts';
import type { MatrixResult } from './result.ts';

export interface MatrixIo extends Pick<RunIo, 'version' | 'clock' | 'signal'>, Provided {
  /** Called before each mode is measured. */
  readonly onMode: (label: string, index: number) => void;
}

export type RunMatrix = (options: MatrixOptions, io: MatrixIo, runCluster: RunCluster) => Promise<MatrixResult>;
