/** A run ends, in time and in order, and leaves nothing behind. */
import { FanoutError } from '../../../src/errors.ts';
import { MS } from '../clock.ts';
import type { Outcome } from '../run.ts';

/** Beside what was planned: timeouts, settling, ending. */
const ALLOWANCE_NS = 8000 * MS;

export function runEnds(outcome: Outcome): readonly string[] {
  const { how, world, scenario, options, endedNs, error } = outcome;
  if (how !== 'over') return [`the run hangs (${how})`];
  const failures: string[] = [];
  const heldNs = [...scenario.faults, ...scenario.startFaults].reduce((sum, f) => sum + (f.kind === 'hold' ? f.forNs : 0), 0);
  const durationNs = Math.max(0, ...options.map(({ limits }) => (limits.durationMs ?? 0) * MS), scenario.traffic.toNs);
  const timeoutsNs = Math.max(...options.map(({ workerTimeoutMs }) => workerTimeoutMs)) * 3 * MS;
  const limitNs = durationNs + heldNs + timeoutsNs + scenario.lingerNs * 3 + ALLOWANCE_NS;
  if (endedNs > limitNs) failures.push(`the run took ${(endedNs / MS).toFixed(0)} ms, and ${(limitNs / MS).toFixed(0)} were enough`);
  if (world.clock.timers > 0) failures.push(`${world.clock.timers} timers are left`);
  if (!world.crew.isShut || !world.crew.hasEnded) failures.push('processes are left');
  for (const process of world.crew.processes)
    for (const { connection } of process.members)
      if (connection.isTaken && !connection.isDestroyed && !connection.isClosed)
        failures.push(`a connection of process ${process.index} is left`);
  failures.push(...world.defects.map((defect) => `a worker was broken: ${defect}`));
  if (error !== undefined) failures.push(...startFailedForAReason(outcome, error));
  return failures;
}

function startFailedForAReason({ world, results }: Outcome, error: unknown): readonly string[] {
  if (!(error instanceof FanoutError)) return [`${error instanceof Error ? error.stack : error}`];
  if (results !== undefined) return ['results and an error'];
  const kinds = world.suffered.map(({ kind }) => kind);
  const isTrue = (): boolean => {
    switch (error.code) {
      case 'INTERRUPTED':
        return kinds.includes('signal');
      case 'GROUP_TAKEN':
        return kinds.includes('foreign');
      case 'WORKER_FAILED':
        return kinds.some((kind) => kind === 'kill' || kind === 'stop' || kind === 'lie');
      default:
        return false;
    }
  };
  return isTrue() ? [] : [`${error.code}, and nothing was wrong: ${error.message}`];
}
