/** What `compare` takes and gives, for the command line and for tests. */
import type { Conduct } from '../../collector/run/conduct.ts';
import type { Provided, RunCluster, RunIo, RunTogether } from '../../collector/run/io.ts';
import type { Options } from '../../options/options.ts';
import type { CompareOptions } from './options.ts';
import type { OwnLoad } from './own-load-result.ts';
import type { ComparisonResult } from './result.ts';

export interface CompareIo extends RunIo, Provided {
  /** Called before each mode is tested, where one is tested after the other. */
  readonly onMode: (label: string, index: number) => void;
  /** What as many groups cost here; undefined where that cannot be measured. */
  readonly measureOwnLoad: () => Promise<OwnLoad | undefined>;
}

/** The ways in which groups can be run. */
export interface Runners {
  readonly runCluster: RunCluster;
  readonly runTogether: RunTogether;
}

export type OwnLoadIo = Pick<RunIo, 'version' | 'clock' | 'signal'> & Provided;

/** Of groups in the lab. */
export type MeasureOwnLoad = (groups: readonly Options[], io: OwnLoadIo, conduct: Conduct) => Promise<OwnLoad>;

export type RunCompare = (options: CompareOptions, io: CompareIo, runners: Runners) => Promise<ComparisonResult>;
