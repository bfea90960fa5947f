/** Programs that follow flows through encapsulations, and which of them do so where. */

export const READERS = ['Suricata', 'Zeek', 'Snort', 'Arkime'] as const;
export type Reader = (typeof READERS)[number];

/** Stacks of which the same readers track the innermost flow. */
export interface ReadStacks {
  /** In the order of READERS; empty where none of them does. */
  readonly readers: readonly Reader[];
  readonly stacks: readonly string[];
}
