/** From where packets were seen while a group grew to what that did to their flows. Pure. */

import type { ObservedFlow } from '../../addon/flow-map.ts';
import { percent } from '../../collector/words/english.ts';
import type { Reason } from '../../model/run-result.ts';
import type { NaiveStart } from './result.ts';

export interface RaceFacts {
  /** CLOCK_REALTIME before the first socket was opened, and when the last had joined. */
  readonly startNs: bigint;
  readonly joinedNs: bigint;
  readonly captured: number;
  readonly packetsSent: number;
}

export function strayIn(flows: readonly ObservedFlow[], { startNs, joinedNs, captured, packetsSent }: RaceFacts): NaiveStart {
  let split = 0;
  let strayPackets = 0;
  let lastStrayNs = startNs;
  for (const { observations } of flows) {
    const home = observations.reduce((a, b) => (BigInt(b.last) > BigInt(a.last) ? b : a)).member;
    const strays = observations.filter(({ member }) => member !== home);
    if (strays.length > 0) split += 1;
    for (const { packets, last } of strays) {
      strayPackets += packets;
      if (BigInt(last) > lastStrayNs) lastStrayNs = BigInt(last);
    }
  }
  return {
    flows: flows.length,
    split,
    splitShare: flows.length === 0 ? 0 : split / flows.length,
    strayPackets,
    packetsSent,
    copies: Math.max(0, captured - packetsSent),
    joinedAfterMs: milliseconds(joinedNs - startNs),
    lastStrayAfterMs: milliseconds(lastStrayNs - startNs),
  };
}

function milliseconds(ns: bigint): number {
  return Math.round(Number(ns) / 1e4) / 100;
}

export function adviceOn({ split, flows, splitShare, strayPackets, copies, lastStrayAfterMs }: NaiveStart): readonly Reason[] {
  if (split === 0)
    return [
      {
        code: 'no-race-seen',
        message: 'no flow had packets on two processes: the group was complete before the next packet of any flow came',
        remedy: 'send faster (--rate), more flows (--flows) or use more processes (--procs)',
      },
    ];
  return [
    {
      code: 'start-race',
      message: `${split} of ${flows} flows (${percent(splitShare)}) had packets on more than one process in the first ${Math.round(lastStrayAfterMs)} ms: a socket that is bound and has not joined gets a copy of every packet (${copies} copies here), and each process that joins moves flows of those before it (${strayPackets} packets on processes that do not have the flow any more)`,
      remedy:
        'after a restart of a sensor expect wrong-thread and midstream flows until those under way have ended; start it while the link is down or traffic is held back, or give all sockets a filter that drops everything until the last has joined',
    },
    {
      code: 'judge-later',
      message: 'a test that counts from the start blames the kernel for these',
      remedy: 'count packets only that are stamped after the last join, as the orderly start does',
    },
  ];
}
