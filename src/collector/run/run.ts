/** Runs that capture until something ends them: a limit, the end of the traffic, a signal. */
import { FanoutError } from '../../errors.ts';
import { flowPromise } from '../../model/fanout.ts';
import type { StopReason } from '../../model/run-facts.ts';
import { type Conduct, conduct, type Drive, IN_ORDER } from './conduct.ts';
import type { RunCluster, RunTogether } from './io.ts';
import type { Lane } from './lane.ts';

export const UNTIL_STOP: Drive = {
  start: IN_ORDER,
  capture: async ({ source, lanes }) => {
    source.start();
    const stops = await Promise.all(lanes.map((lane) => untilStop(lane, lanes)));
    const ofAll = lanes.flatMap((lane, i) => (hasOnlyItsOwnEnd(lane, stops[i]) ? [] : [stops[i]]))[0];
    return lanes.map((lane, i) => (hasOnlyItsOwnEnd(lane, stops[i]) ? ofAll : undefined) ?? (stops[i] as StopReason));
  },
  replacements: 0,
};

/** Groups on the same packets go on until each has come to its end; but one whose flow map is full cannot wait for the others. */
async function untilStop(lane: Lane, lanes: readonly Lane[]): Promise<StopReason> {
  const reason = await lane.watch.untilStop();
  if (reason === 'flow-memory' && !hasOnlyItsOwnEnd(lane, reason)) for (const { watch } of lanes) watch.stop(reason);
  return reason;
}

/** A mode that scatters packets fills its table with what its design says anyway: that is no reason for the others to end. */
function hasOnlyItsOwnEnd({ options }: Lane, reason: StopReason | undefined): boolean {
  return reason === 'flow-memory' && flowPromise(options.mode) === 'spread';
}

export const runCluster: RunCluster = runsOf(conduct);

/** Runs of one group. */
export function runsOf(make: Conduct): RunCluster {
  return async (options, io) => {
    const [result] = await make([options], io, UNTIL_STOP);
    if (result === undefined) throw new TypeError('a run ended without a result');
    if (result instanceof FanoutError) throw result;
    return result;
  };
}

/**
 * Several groups on the same packets: they may differ in mode, flags and steering program, and in nothing else. A group that the kernel
 * refuses has its error in place of a result.
 */
export const runTogether: RunTogether = (groups, io) => conduct(groups, io, UNTIL_STOP);
