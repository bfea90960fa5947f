/** All that must hold of every run, whatever happened to it. */
import { FanoutError } from '../../../src/errors.ts';
import type { Outcome } from '../run.ts';
import { membersEndedAsTold, observationsAreTrue, packetsAddUp } from './accounts.ts';
import { nothingIsHidden } from './candour.ts';
import { runEnds } from './life.ts';
import { quietRunIsForeseen } from './quiet.ts';
import { everyDoubtIsTrue, warningsAreTrue } from './reasons.ts';
import { stackAnswersAreTrue } from './stacks.ts';
import { hadUnseenVisit, type LaneTruth, truthOf } from './truth.ts';
import { answerIsNoWhereProven, everyViolationIsFound, listedViolationsAreTrue, noFalseViolation } from './violations.ts';
import { yesIsEarned } from './yes.ts';

type Invariant = (truth: LaneTruth) => readonly string[];

/** What nobody can know of a group that had visitors whom nobody saw. */
const IN_SIGHT: readonly string[] = ['no-false-violation', 'listed-violations', 'no-where-proven', 'stacks'];

const INVARIANTS: Readonly<Record<string, Invariant>> = {
  'no-false-violation': noFalseViolation,
  'listed-violations': listedViolationsAreTrue,
  'every-violation': everyViolationIsFound,
  'no-where-proven': answerIsNoWhereProven,
  'yes-earned': yesIsEarned,
  stacks: stackAnswersAreTrue,
  'doubts-true': everyDoubtIsTrue,
  'warnings-true': warningsAreTrue,
  candour: nothingIsHidden,
  accounts: packetsAddUp,
  observations: observationsAreTrue,
  members: membersEndedAsTold,
  quiet: quietRunIsForeseen,
};

/** What is wrong, each with the name of the invariant. */
export function judgeOutcome(outcome: Outcome): readonly string[] {
  const failures = runEnds(outcome).map((what) => `life: ${what}`);
  const results = outcome.results ?? [];
  let observed = 0;
  for (const [lane, result] of results.entries()) {
    const seen = outcome.observed[observed];
    if (result instanceof FanoutError || seen === undefined) {
      failures.push(`life: group ${lane} has no result: ${result instanceof FanoutError ? result.message : ''}`);
      continue;
    }
    observed += 1;
    const truth = truthOf(outcome, lane, result, seen);
    const isInSight = !hadUnseenVisit(truth);
    for (const [name, invariant] of Object.entries(INVARIANTS))
      if (isInSight || !IN_SIGHT.includes(name)) failures.push(...invariant(truth).map((what) => `${name}: ${what}`));
  }
  return failures;
}
