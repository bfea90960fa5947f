/** What was found in a capture file, as both of its readers tell it. */

import type { CaptureProblem, LeftOut } from '../model/capture-file.ts';
import type { CopiesSeen } from '../model/copies.ts';

export interface CaptureSummary {
  readonly format?: 'pcap' | 'pcapng' | 'snoop' | 'erf';
  readonly records: number;
  /** A packet may carry several (IEEE 802.11). */
  readonly frames: number;
  /** Frames that the capture cut before their flow was known. */
  readonly cutHeaders: number;
  readonly leftOut: readonly LeftOut[];
  /** Packets of more link types than are counted one by one. */
  readonly leftOutOtherwise: number;
  /** Packets are alike, and nothing tells whether they are copies: no packet of the file has a time stamp. */
  readonly copiesAreUntold?: true;
  /** Of packets with a time stamp; absent where the file is not judged by its own time. */
  readonly copies?: CopiesSeen;
  readonly problem?: CaptureProblem;
}
