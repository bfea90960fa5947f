/** Runs that capture until something ends them: a limit, the end of the traffic, a signal. */
import { FanoutError } from '../errors.ts';
import { conduct, type Drive } from './conduct.ts';
import type { RunCluster, RunTogether } from './run-io.ts';

const UNTIL_STOP: Drive = {
  capture: ({ source, lanes }) => {
    source.start();
    return Promise.all(lanes.map(({ watch }) => watch.untilStop()));
  },
  replacements: 0,
};

export const runCluster: RunCluster = async (options, io) => {
  const [result] = await conduct([options], io, UNTIL_STOP);
  if (result === undefined) throw new TypeError('a run ended without a result');
  if (result instanceof FanoutError) throw result;
  return result;
};

/**
 * Several groups on the same packets: they may differ in mode, flags and steering program, and in nothing else. A group that the kernel
 * refuses has its error in place of a result.
 */
export const runTogether: RunTogether = (groups, io) => conduct(groups, io, UNTIL_STOP);
