/** What a run takes and gives, for whoever starts one. */

import type { ObservedFlow } from '../../addon/flow-map.ts';
import type { FanoutError } from '../../errors.ts';
import type { Evidence } from '../../model/evidence.ts';
import type { RunFacts } from '../../model/run-facts.ts';
import type { RunResult } from '../../model/run-result.ts';
import type { Options } from '../../options/options.ts';
import type { FlowTruth } from '../../traffic/traffic.ts';
import type { Clock } from '../group/clock.ts';
import type { HostView } from '../group/host-view.ts';
import type { Crew } from '../processes/crew.ts';
import type { ProgressSnapshot } from '../report/progress.ts';
import type { Provisions } from './provisions.ts';

/** What was got before, while there were privileges. */
export interface Provided {
  readonly provisions: Provisions;
}

/** What a run needs of the process that makes it. */
export interface RunIo {
  readonly version: string;
  readonly clock: Clock;
  /** Aborted by SIGINT and SIGTERM: the run ends early, with the verdict on what was seen. */
  readonly signal: AbortSignal;
  /** Called as often as is convenient, several times a second; drawing at the right pace is the callee's affair. */
  readonly onProgress: (snapshot: ProgressSnapshot) => void;
  /** Gives access to the processes of a run and their host, to measure them; called once, before they are started. */
  readonly onCrew?: (crew: Pick<Crew, 'size' | 'memoryOf'>, host: Pick<HostView, 'threadCpuNs'>) => void;
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
