/** What findings are about of a group that starts under traffic. */
import type { Nothing } from './doubt.ts';

export interface RaceArgs {
  'no-race-seen': Nothing;
  'start-race': {
    readonly flows: number;
    readonly split: number;
    readonly splitShare: number;
    /** Packets on other processes than the one that has the flow from then on. */
    readonly strayPackets: number;
    readonly copies: number;
    readonly lastStrayAfterMs: number;
  };
  'judge-later': Nothing;
}
