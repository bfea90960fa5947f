/** A judgement with its words, as a report has it. Pure. */
import type { RunResult } from '../../model/run-result.ts';
import type { Judgement } from '../verdict/judge.ts';
import { worded, wordedReason } from './say.ts';

export type Worded = Pick<RunResult, keyof Judgement>;

export function wordedJudgement({ verdict, causes, warnings, ...rest }: Judgement): Worded {
  return {
    ...rest,
    verdict: { ...verdict, reasons: verdict.reasons.map(wordedReason) },
    causes: causes.map(worded),
    warnings: warnings.map(wordedReason),
  };
}
