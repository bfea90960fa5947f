/**
 * A finding is data: a code, and what it is about. The verdict and the advice return findings; collector/words makes sentences of them, and nothing else
 * does. So one finding can be a sentence, a row, a metric, and can be compared between two runs.
 */
import type { AdviceArgs } from './findings/advice.ts';
import type { CaptureArgs } from './findings/capture.ts';
import type { CauseArgs } from './findings/cause.ts';
import type { DeploymentArgs } from './findings/deployment.ts';
import type { DisturbanceArgs } from './findings/disturbance.ts';
import type { DoubtArgs } from './findings/doubt.ts';
import type { GroupRemarkArgs } from './findings/group-remark.ts';
import type { WarningArgs } from './findings/warning.ts';

/** What each code is about: numbers, names, lists of members. */
export interface FindingArgs
  extends DoubtArgs,
    WarningArgs,
    CauseArgs,
    AdviceArgs,
    CaptureArgs,
    DisturbanceArgs,
    DeploymentArgs,
    GroupRemarkArgs {}

export type FindingCode = keyof FindingArgs;

export type Finding<Code extends FindingCode = FindingCode> = {
  readonly [C in Code]: { readonly code: C; readonly args: FindingArgs[C] };
}[Code];

export function finding<Code extends FindingCode>(code: Code, args: FindingArgs[Code]): Finding<Code> {
  return { code, args } as Finding<Code>;
}
