/** What `doctor` found: its document for machines, as it is. Reporters render it and decide nothing. */
import type { DeploymentResult } from '../../model/deployment.ts';
import type { FanoutFlag, FanoutMode } from '../../model/fanout.ts';
import type { Answer } from '../../nic/examine.ts';
import type { HashedFlow } from '../../nic/facts.ts';
import type { ApartBy, FactId, Meeting, NicFindingCode, NicSeverity, NicUnknown, Proof } from '../../nic/findings.ts';

export interface MeetsResult {
  readonly answer: 'together' | 'apart' | 'unlabelled' | 'unknown';
  readonly proof?: Proof;
  readonly by?: ApartBy;
  /** Of `of` sampled flows. */
  readonly apart?: number;
  readonly of?: number;
  /** In words. */
  readonly text: string;
}

export interface MeetingResult {
  readonly flow: HashedFlow;
  readonly place: Meeting['place'];
  readonly directions: MeetsResult;
  readonly fragments: MeetsResult;
}

export interface DoctorFinding {
  readonly code: NicFindingCode;
  readonly severity: NicSeverity;
  readonly message: string;
  /** A command line. */
  readonly remedy?: string;
  readonly args: object;
}

export interface DoctorUnknown {
  readonly fact: NicUnknown['fact'];
  readonly where: string;
  readonly why: string;
  readonly needs?: string;
  /** Without it nobody can say that nothing breaks this mode. */
  readonly decisive: boolean;
}

export interface DoctorResult {
  readonly schema: 'fanout-cluster/doctor@1';
  readonly tool: { readonly version: string };
  readonly startedAt: string;
  readonly host: { readonly kernel: string };
  readonly interface: string;
  readonly mode: FanoutMode;
  readonly flags: readonly FanoutFlag[];
  readonly procs?: number;
  /** Whose group it is; absent where no deployment was named. */
  readonly deployment?: DeploymentResult;
  readonly answer: Answer;
  readonly meetings: readonly MeetingResult[];
  readonly facts: readonly { readonly id: FactId; readonly value: unknown; readonly where: string }[];
  readonly findings: readonly DoctorFinding[];
  readonly unknowns: readonly DoctorUnknown[];
}
