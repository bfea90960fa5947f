/** From a finding of lint to what is said of it. Pure. */
import type { LintFinding, Rule, RuleArgs } from '../../../deployment/rules.ts';
import type { Advised } from '../say.ts';
import { GROUP_LINT_WORDS } from './groups.ts';
import { OTHER_LINT_WORDS } from './others.ts';
import { SNORT_LINT_WORDS } from './snort.ts';
import { SURICATA_LINT_WORDS } from './suricata.ts';
import type { LintWords } from './words.ts';
import { ZEEK_LINT_WORDS } from './zeek.ts';

const LINT_WORDS: LintWords<RuleArgs> = {
  ...GROUP_LINT_WORDS,
  ...SURICATA_LINT_WORDS,
  ...ZEEK_LINT_WORDS,
  ...SNORT_LINT_WORDS,
  ...OTHER_LINT_WORDS,
};

export function sayLint<R extends Rule>({ rule, args }: LintFinding<R>): Advised {
  const words: (about: RuleArgs[R]) => Advised = LINT_WORDS[rule as R];
  return words(args as RuleArgs[R]);
}
