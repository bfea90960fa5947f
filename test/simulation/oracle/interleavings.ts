/** The same packets told by messages that take other times: the same answer. */
import { FanoutError } from '../../../src/errors.ts';
import type { RunResult } from '../../../src/model/run-result.ts';
import type { Outcome } from '../run.ts';
import type { Scenario } from '../scenario.ts';

/** Where something cuts into a run, or a limit ends it, how soon the collector hears of it decides which packets count. */
export function isTimeless({ theme, source, faults, startFaults, ringPackets, groups }: Scenario): boolean {
  const isWhole = source !== 'live' && faults.length === 0 && startFaults.length === 0 && ringPackets > 1000;
  return isWhole && theme !== 'churn' && groups.every(({ failFast, mode }) => failFast !== true && mode !== 'rollover');
}

export function sameAnswer(one: Outcome, other: Outcome): readonly string[] {
  const [first, second] = [told(one), told(other)];
  return first === second ? [] : [`another interleaving of messages gives another report: ${differenceOf(first, second)}`];
}

/** All that is said of the packets; not when it was said. */
function told({ results }: Outcome): string {
  const comparable = (results ?? []).map((result) => (result instanceof FanoutError ? result.message : withoutTimes(result)));
  return JSON.stringify(comparable);
}

function withoutTimes(result: RunResult): unknown {
  const members = result.members.map(({ cpuNs: _, ...member }) => member);
  return { ...result, members, durationMs: 0, timing: {} };
}

function differenceOf(first: string, second: string): string {
  const at = [...first].findIndex((character, i) => character !== second[i]);
  return `${first.slice(Math.max(0, at - 60), at + 60)} and ${second.slice(Math.max(0, at - 60), at + 60)}`;
}
