/** The highest rate without loss when the kernel's part of receiving runs on the readers' CPU (RPS): there the readers are the limit. */
import * as goals from './goals.ts';
import { READER_CPU, steerReceiving } from './network.ts';
import { type Plan, SMALL } from './plan.ts';
import { type ReaderRun, type Ring, runReference, type Traffic } from './programs.ts';
import { measured, type Row } from './row.ts';
import { ratios } from './spread.ts';
import { runTool } from './tool.ts';

type Attempt = (traffic: Traffic) => Promise<ReaderRun>;

const FLOWS = 1000;

// The ring of the other rows would hide a third of a second of overload. This one holds some 60 000 small packets over 8 members.
const SMALL_RING: Ring = { blockBytes: 262144, blocks: 4, blockTimeoutMs: 10 };

/**
 * Full speed first; where that loses packets, bisection between nothing and what was tried. The rate that counts is the one reached:
 * a full backlog holds the generator back without losing anything.
 */
export async function lossFreeRate(attempt: Attempt, plan: Plan, maximumPps: number): Promise<number> {
  const at = (rate: number): Traffic => {
    const pps = rate === 0 ? maximumPps : rate;
    return { packets: Math.round(pps * plan.seconds), flows: FLOWS, rate: Math.round(rate), ...SMALL };
  };
  const first = await attempt(at(0));
  if (first.dropped === 0) return first.sent.pps;
  let [good, bad] = [0, first.sent.pps];
  for (let probe = 0; probe < plan.probes; probe++) {
    const run = await attempt(at((good + bad) / 2));
    if (run.dropped === 0) good = run.sent.pps;
    else bad = Math.min(bad, run.sent.pps);
  }
  return good;
}

export async function lossFreeRows(plan: Plan, maximumPps: number): Promise<readonly Row[]> {
  const group = "loss-free rate, receiving on the readers' CPU";
  const members = { procs: plan.members.procs, ring: SMALL_RING };
  const reference: number[] = [];
  const tool: number[] = [];
  steerReceiving(READER_CPU);
  try {
    for (let i = 0; i < plan.repetitions; i++) {
      reference.push(await lossFreeRate((traffic) => runReference('batch', members, traffic), plan, maximumPps));
      if (plan.cliMissing === undefined) {
        tool.push(await lossFreeRate((traffic) => runTool(plan.cli, members, traffic), plan, maximumPps));
      }
    }
  } finally {
    steerReceiving(undefined);
  }
  const kpps = (values: readonly number[]): readonly number[] => values.map((value) => value / 1000);
  const rows: Row[] = [measured(group, 'reference', 'kpps', kpps(reference))];
  if (plan.cliMissing !== undefined) return [...rows, { kind: 'missing', group, name: 'fanout-cluster', reason: plan.cliMissing }];
  return [
    ...rows,
    measured(group, 'fanout-cluster', 'kpps', kpps(tool)),
    measured(group, 'fanout-cluster / reference', 'ratio', ratios(tool, reference), goals.lossFreeSteered),
  ];
}
