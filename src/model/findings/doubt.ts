/** What findings are about that keep an answer from being a YES, or prove it. Codes have headings in docs/verdicts.md. */

export type Nothing = Readonly<Record<never, never>>;

export interface DoubtArgs {
  /** A group of one process keeps every flow together. */
  'one-process': Nothing;
}
