/** The members that a HASH group chooses, by the kernel itself. */

export interface KernelHashAddon {
  /**
   * For each frame the member that a HASH group of so many (256 at most) would choose, by the kernel itself, which sends it in a namespace of
   * its own. Throws where there is none to be had, or no TAP.
   */
  membersByKernelHash(frames: Uint8Array, offsets: Uint32Array, members: number): readonly number[];
}
