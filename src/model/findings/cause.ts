/** What causes are about: why flows did not stay on one process, or why one process gets all of a kind. */

/** Of every cause. Without flows it is said of the mode, not of flows that were seen. */
export interface CauseFlows {
  readonly flows: number;
  /** Sorted. */
  readonly stacks: readonly string[];
}

export interface CauseArgs {
  'lb-by-design': CauseFlows;
  'rnd-by-design': CauseFlows;
}
