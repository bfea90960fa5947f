/** From where packets were seen while a group grew to what that did to their flows. Pure. */

import type { ObservedFlow } from '../../addon/flow-map.ts';
import { type Finding, finding } from '../../model/finding.ts';
import type { NaiveStart } from './result.ts';

export interface RaceFacts {
  /** CLOCK_REALTIME when the first socket was bound, and when the last had joined, as far as the collector knows. */
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

export function adviceOn({ split, flows, splitShare, strayPackets, copies, lastStrayAfterMs }: NaiveStart): readonly Finding[] {
  if (split === 0) return [finding('no-race-seen', {})];
  return [finding('start-race', { flows, split, splitShare, strayPackets, copies, lastStrayAfterMs }), finding('judge-later', {})];
}
