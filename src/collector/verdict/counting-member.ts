/** What the verdict has to know of a member. Pure. */
import type { CaptureCounters } from '../../addon/capture.ts';

export interface CountingMember {
  readonly index: number;
  readonly counters: CaptureCounters;
}
