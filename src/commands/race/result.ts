/** What a start without precautions does to flows that are under way, beside one with them. */
import type { GroupName } from '../../model/fanout.ts';
import type { ResultHead } from '../../model/result-head.ts';
import type { Answer, Reason } from '../../model/run-result.ts';

export interface NaiveStart {
  /** Seen by any process. */
  readonly flows: number;
  /** With packets on more than one process. */
  readonly split: number;
  readonly splitShare: number;
  /** Packets on other processes than the one that has the flow from then on. */
  readonly strayPackets: number;
  readonly packetsSent: number;
  /** Captured beyond what was sent, to a dozen or so: a socket that is bound and has not joined gets a copy of everything. */
  readonly copies: number;
  /** From the first socket's bind(2) on. */
  readonly joinedAfterMs: number;
  readonly lastStrayAfterMs: number;
}

export interface RaceResult extends ResultHead<'fanout-cluster/race@1'> {
  readonly group: GroupName;
  readonly procs: number;
  readonly packetsPerSecond: number;
  readonly naive: NaiveStart;
  /** The same traffic, judged from when the group was complete. */
  readonly orderly: { readonly answer: Answer; readonly flows: number; readonly split: number; readonly reasons: readonly Reason[] };
  readonly advice: readonly Reason[];
}
