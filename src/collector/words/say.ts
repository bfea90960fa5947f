/** From findings to words: the one place where a code becomes a sentence and a remedy. Pure. */
import type { Deployment, DeploymentResult } from '../../model/deployment.ts';
import type { Finding, FindingArgs, FindingCode } from '../../model/finding.ts';
import type { Reason } from '../../model/run-result.ts';
import { ADVICE_WORDS } from './advice.ts';
import { CAPTURE_WORDS } from './capture-file.ts';
import { CAUSE_WORDS } from './causes.ts';
import { DEPLOYMENT_WORDS } from './deployment.ts';
import { DISTURBANCE_WORDS } from './disturbances.ts';
import { DOUBT_WORDS } from './doubts.ts';
import { GROUP_REMARK_WORDS } from './group-remarks.ts';
import { WARNING_WORDS } from './warnings.ts';

/** What is said of a finding, and what the reader can do about it. */
export interface Said {
  readonly message: string;
  readonly remedy?: string;
}

/** Where there always is something that the reader can do. */
export type Advised = Required<Said>;

/** Words for these codes; a code without words does not compile. */
export type Words<Args> = { readonly [Code in keyof Args]: (args: Args[Code]) => Said };

const WORDS: Words<FindingArgs> = {
  ...DOUBT_WORDS,
  ...WARNING_WORDS,
  ...CAUSE_WORDS,
  ...ADVICE_WORDS,
  ...CAPTURE_WORDS,
  ...DISTURBANCE_WORDS,
  ...DEPLOYMENT_WORDS,
  ...GROUP_REMARK_WORDS,
};

export function say<Code extends FindingCode>({ code, args }: Finding<Code>): Said {
  const words: (about: FindingArgs[Code]) => Said = WORDS[code];
  return words(args as FindingArgs[Code]);
}

/** With its words, as a report has it. */
export function worded<F extends Finding>(found: F): F & Said {
  return { ...found, ...say(found) };
}

/** Of those that have no words yet. */
export function wordedReason(ground: Finding | Reason): Reason {
  return 'message' in ground ? ground : worded(ground);
}

export function wordedDeployment({ remarks, ...deployed }: Deployment): DeploymentResult {
  return { ...deployed, remarks: remarks.map(worded) };
}
