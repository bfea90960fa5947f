/** What the words of lint are: for each rule, what is wrong and what to write instead. */
import type { Advised } from '../say.ts';

export type LintWords<Args> = { readonly [R in keyof Args]: (args: Args[R]) => Advised };
