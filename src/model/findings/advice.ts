/** What the advice of commands is about, and what they left undone. */
import type { ChurnArgs } from './churn.ts';
import type { ComparisonArgs } from './comparison.ts';
import type { RaceArgs } from './race.ts';
import type { ScaleArgs } from './scale.ts';

/** What a signal came before, or while what was done. */
export type Interruption =
  | 'before-mode-tested'
  | 'before-group-tested'
  | 'while-mode-tested'
  | 'before-mode-measured'
  | 'before-size-measured'
  | 'while-size-measured'
  | 'before-all-changes'
  | 'before-all-traffic';

export interface AdviceArgs extends ScaleArgs, ComparisonArgs, ChurnArgs, RaceArgs {
  /** `modes`: of a comparison, which then recommends none. */
  interrupted: { readonly when: Interruption } | { readonly when: 'before-all-modes-tested'; readonly modes: number };
}
