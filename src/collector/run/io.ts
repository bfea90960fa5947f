/** What a run takes and gives, for whoever starts one. */

import type { ObservedFlow } from '../../addon/native.ts';
import type { ChurnOptions } from '../../commands/churn/options.ts';
import type { CompareOptions } from '../../commands/compare/options.ts';
import type { MatrixOptions } from '../../commands/matrix/options.ts';
import type { RaceOptions } from '../../commands/race/options.ts';
import type { ScaleOptions } from '../../commands/scale/options.ts';
import type { FanoutError } from '../../errors.ts';
import type { ChurnEvent, ChurnResult } from '../../model/churn.ts';
import type { ComparisonResult } from '../../model/comparison.ts';
import type { Evidence } from '../../model/evidence.ts';
import type { MatrixResult } from '../../model/matrix.ts';
import type { OwnLoad } from '../../model/own-load.ts';
import type { RaceResult } from '../../model/race.ts';
import type { RunFacts } from '../../model/run-facts.ts';
import type { RunResult } from '../../model/run-result.ts';
import type { ScaleResult } from '../../model/scale.ts';
import type { Options } from '../../options/options.ts';
import type { FlowTruth } from '../../traffic/traffic.ts';
import type { Crew } from '../processes/crew.ts';
import type { ProgressSnapshot } from '../report/progress.ts';
import type { Provisions } from './provisions.ts';

/** What was got before, while there were privileges. */
export interface Provided {
  readonly provisions: Provisions;
}

/** What a run needs from its surroundings. */
export interface RunIo {
  readonly version: string;
  /** Aborted by SIGINT and SIGTERM: the run ends early, with the verdict on what was seen. */
  readonly signal: AbortSignal;
  /** Called as often as is convenient, several times a second; drawing at the right pace is the callee's affair. */
  readonly onProgress: (snapshot: ProgressSnapshot) => void;
  /** For whoever measures the processes of a run; called once, before they are started. */
  readonly onCrew?: (crew: Pick<Crew, 'size' | 'memoryOf'>) => void;
  /** For whoever makes more of a run than its report; called once, when everything has been told. */
  readonly onObserved?: (observed: Observed) => void;
}

/** All that a run saw, flow by flow. */
export interface Observed {
  readonly evidence: Evidence;
  readonly facts: RunFacts;
  readonly flows: readonly ObservedFlow[];
  /** Of each member the packets that belong to no flow, by reason as in a report. */
  readonly ignoredByMember: readonly Readonly<Record<string, number>>[];
  /** What was sent; empty where nobody knows. */
  readonly truth: readonly FlowTruth[];
}

export type RunCluster = (options: Options, io: RunIo & Provided) => Promise<RunResult>;

/** An error is about this group only: the others of the run have results. */
export type GroupOutcome = RunResult | FanoutError;

/** Groups on the same packets, and what each of them came to. */
export type RunTogether = (groups: readonly Options[], io: RunIo & Provided) => Promise<readonly GroupOutcome[]>;

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

/** Of groups in the lab. */
export type MeasureOwnLoad = (groups: readonly Options[], io: Pick<RunIo, 'version' | 'signal'> & Provided) => Promise<OwnLoad>;

export type RunCompare = (options: CompareOptions, io: CompareIo, runners: Runners) => Promise<ComparisonResult>;

export interface ChurnIo extends Pick<RunIo, 'version' | 'signal'>, Provided {
  /** Called after each change of the group; `done` is how many there were so far. */
  readonly onChange: (change: Pick<ChurnEvent, 'kind' | 'slot'>, done: number) => void;
}

export type RunChurn = (options: ChurnOptions, io: ChurnIo) => Promise<ChurnResult>;

export interface RaceIo extends Pick<RunIo, 'version' | 'signal'>, Provided {
  /** Called before each of the two starts. */
  readonly onStart: (kind: 'naive' | 'orderly') => void;
}

export type RunRace = (options: RaceOptions, io: RaceIo, runCluster: RunCluster) => Promise<RaceResult>;

export interface MatrixIo extends Pick<RunIo, 'version' | 'signal'>, Provided {
  /** Called before each mode is measured. */
  readonly onMode: (label: string, index: number) => void;
}

export type RunMatrix = (options: MatrixOptions, io: MatrixIo, runCluster: RunCluster) => Promise<MatrixResult>;

export interface ScaleIo extends Pick<RunIo, 'version' | 'signal'>, Provided {
  /** Called before each size is measured. */
  readonly onSize: (procs: number, index: number) => void;
}

export type RunScale = (options: ScaleOptions, io: ScaleIo, runCluster: RunCluster) => Promise<ScaleResult>;
