/** Where the lab tag has what. */

/** Offsets and sizes of the lab tag; src/traffic/tag.ts has the same, and a test holds the two together. */
export type LabTagLayout = Readonly<
  Record<'magic' | 'bytes' | 'flowOffset' | 'directionOffset' | 'guardKindOffset' | 'sequenceOffset' | 'guardOffset', number>
>;

export interface LabTagAddon {
  readonly labTag: LabTagLayout;
}
