/** What the advice of commands is about: of scale, compare, churn, race, matrix, and of capture files. */

export interface AdviceArgs {
  /** A signal ended something: when, such as "before this mode was measured". */
  interrupted: { readonly when: string };
}
