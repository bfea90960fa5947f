/** What reading costs: CPU per packet and memory of the workers, against the reference reader under the same traffic. */
import * as goals from './goals.ts';
import { fullSpeed, MIXED_SIZES, type Plan, SMALL } from './plan.ts';
import { type ReaderRun, runReference, type Traffic } from './programs.ts';
import { attempt, measured, type Row } from './row.ts';
import { type Goal, ratios } from './spread.ts';
import { runTool, type ToolRun } from './tool.ts';

interface Case {
  readonly name: string;
  readonly goal: Goal;
  readonly traffic: Traffic;
}

export function readerCases(plan: Plan, maximumPps: number): readonly Case[] {
  const small = (flows: number): Traffic => fullSpeed(plan, maximumPps, flows, SMALL);
  const few: Case = { name: '1k flows', goal: goals.readerCost['1k'], traffic: small(1000) };
  if (!plan.manyFlows) return [few];
  return [
    few,
    { name: '100k flows', goal: goals.readerCost['100k'], traffic: small(100_000) },
    { name: '1M flows', goal: goals.readerCost['1M'], traffic: small(1_000_000) },
    { name: '64..1500 bytes', goal: goals.readerCost.mixed, traffic: fullSpeed(plan, maximumPps, 1000, MIXED_SIZES) },
  ];
}

/** A case that fails does not take the others with it. */
export async function readerRows(plan: Plan, cases: readonly Case[]): Promise<readonly Row[]> {
  const rows: Row[] = [];
  let few: readonly ToolRun[] = [];
  for (const one of cases) {
    const group = `reading, ${one.name}`;
    rows.push(
      ...(await attempt(group, async () => {
        const { reference, tool } = await takeTurns(plan, one.traffic);
        if (one.name === '1k flows') few = tool;
        const growth = one.name === '1M flows' && tool.length === few.length ? perFlowRows(group, few, tool, one.traffic.flows) : [];
        return [...referenceRows(group, reference), ...toolRows(group, plan, one, reference, tool), ...growth];
      })),
    );
  }
  return rows;
}

/** Reference and tool alternate, and who goes first alternates too, so that a drift of the machine favours neither. */
async function takeTurns(plan: Plan, traffic: Traffic): Promise<{ reference: readonly ReaderRun[]; tool: readonly ToolRun[] }> {
  const reference: ReaderRun[] = [];
  const tool: ToolRun[] = [];
  const turns = [
    async () => void reference.push(await runReference('batch', plan.members, traffic)),
    async () => void (plan.cliMissing === undefined && tool.push(await runTool(plan.cli, plan.members, traffic))),
  ];
  for (let i = 0; i < plan.repetitions; i++) {
    for (const turn of turns) await turn();
    turns.reverse();
  }
  return { reference, tool };
}

const cost = (run: ReaderRun): number => run.cpuNsPerPacket;
const unaccounted = (run: ReaderRun): number => Math.abs(run.sent.packets - run.captured - run.dropped);
const megabytes = (bytes: number): number => bytes / 1e6;

function referenceRows(group: string, runs: readonly ReaderRun[]): readonly Row[] {
  return [
    measured(
      group,
      'sent',
      'kpps',
      runs.map((run) => run.sent.pps / 1000),
    ),
    measured(group, 'reference CPU', 'ns/packet', runs.map(cost)),
    measured(
      group,
      'reference lost',
      'packets',
      runs.map((run) => run.dropped),
    ),
    measured(group, 'reference unaccounted', 'packets', runs.map(unaccounted), goals.unaccounted),
  ];
}

function toolRows(
  group: string,
  plan: Plan,
  { name, goal }: Case,
  reference: readonly ReaderRun[],
  tool: readonly ToolRun[],
): readonly Row[] {
  if (plan.cliMissing !== undefined) return [{ kind: 'missing', group, name: 'fanout-cluster', reason: plan.cliMissing }];
  const whole = tool.map((run) => megabytes(run.workerBytes + run.collectorBytes));
  return [
    measured(group, 'workers CPU', 'ns/packet', tool.map(cost)),
    measured(group, 'workers / reference', 'ratio', ratios(tool.map(cost), reference.map(cost)), goal),
    measured(
      group,
      'collector CPU',
      'ns/packet',
      tool.map((run) => run.collectorNsPerPacket),
    ),
    measured(
      group,
      'lost at full speed',
      'packets',
      tool.map((run) => run.dropped),
      lossGoal(name),
    ),
    measured(group, 'unaccounted', 'packets', tool.map(unaccounted), goals.unaccounted),
    measured(
      group,
      'memory per worker',
      'MB',
      tool.map((run) => megabytes(run.workerBytes) / plan.members.procs),
    ),
    measured(group, 'memory of the tool', 'MB', whole, memoryGoal(name)),
  ];
}

// With many flows the growing tables alone stall a reader for longer than a small ring holds: there the reference loses packets too.
function lossGoal(name: string): Goal | undefined {
  return name === '1k flows' ? goals.lossAtMaximum : undefined;
}

function memoryGoal(name: string): Goal | undefined {
  if (name === '1k flows') return goals.memoryAt1k;
  return name === '1M flows' ? goals.memoryAt1M : undefined;
}

function perFlowRows(group: string, few: readonly ToolRun[], many: readonly ToolRun[], flows: number): readonly Row[] {
  if (few.length === 0) return [];
  const growth = (side: 'workerBytes' | 'collectorBytes'): readonly number[] =>
    many.map((run, i) => (run[side] - (few[i]?.[side] ?? Number.NaN)) / flows);
  return [
    measured(group, 'workers, memory per flow', 'bytes', growth('workerBytes')),
    measured(group, 'collector, memory per flow', 'bytes', growth('collectorBytes')),
  ];
}
