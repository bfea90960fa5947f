/** Launch to verdict, under traffic that was flowing before: wall clock from the start of the process to its exit. */
import * as goals from './goals.ts';
import { type Plan, SMALL } from './plan.ts';
import { start, waitForEnd, waitForSuccess } from './processes.ts';
import { startGenerator } from './programs.ts';
import { measured, type Row } from './row.ts';
import { type Launch, launchTool } from './tool.ts';

export async function launchRows(plan: Plan): Promise<readonly Row[]> {
  const rows: Row[] = [await floorRow(plan)];
  if (plan.cliMissing !== undefined)
    return [...rows, { kind: 'missing', group: 'launch', name: 'fanout-cluster', reason: plan.cliMissing }];
  const wrong: number[] = [];
  for (const rate of plan.launchRates) {
    for (const flows of plan.launchFlows) {
      const launches = await launchesUnder(plan, rate, flows);
      for (const [procs, list] of launches) {
        const times = list.map((launch) => launch.milliseconds);
        rows.push(
          measured('launch', `to verdict, ${procs} processes, ${flows} flows, ${rate}`, 'ms', times, goals.launch(procs, rate, flows)),
        );
        wrong.push(...list.map((launch) => (launch.answer === 'yes' ? 0 : 1)));
      }
    }
  }
  const total = wrong.reduce((sum, one) => sum + one, 0);
  return [...rows, measured('launch', `verdicts other than YES in ${wrong.length} starts`, 'count', [total], goals.wrongVerdicts)];
}

async function launchesUnder(plan: Plan, rate: '50k' | 'max', flows: number): Promise<ReadonlyMap<number, readonly Launch[]>> {
  const endless = { packets: 1e12, flows, rate: rate === 'max' ? 0 : 50_000, ...SMALL };
  const generator = startGenerator(endless);
  const launches = new Map<number, Launch[]>(plan.launchProcs.map((procs) => [procs, []]));
  try {
    for (let i = 0; i < plan.launches; i++) {
      for (const [procs, list] of launches) list.push(await launchTool(plan.cli, procs, flows));
    }
  } finally {
    generator.child.kill('SIGTERM');
    await waitForEnd(generator, 5000);
  }
  return launches;
}

/** What no tool of this build can beat: as many bare node processes, started at once and awaited. */
async function floorRow(plan: Plan): Promise<Row> {
  const times: number[] = [];
  for (let i = 0; i < plan.launches; i++) {
    const begin = performance.now();
    const nodes = Array.from({ length: plan.members.procs }, () => start('node', process.execPath, ['--eval', '0']));
    for (const node of nodes) await waitForSuccess(node, 20_000);
    times.push(performance.now() - begin);
  }
  return measured('launch', `floor: ${plan.members.procs} bare node processes`, 'ms', times);
}
