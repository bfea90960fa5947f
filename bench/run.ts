/** `npm run bench`: every row of the performance goals, each with its spread, measured in one run. Reads like a contents page. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { collectorRows } from './collector-rows.ts';
import { launchRows } from './launch-rows.ts';
import { lossFreeRows } from './loss-free-rows.ts';
import { createNetwork } from './network.ts';
import { type Group, type Options, parseOptions, USAGE } from './options.ts';
import { fullSpeed, type Plan, SMALL } from './plan.ts';
import { type Ring, runReference, send } from './programs.ts';
import { readerCases, readerRows } from './reader-rows.ts';
import { attempt, measured, type Row } from './row.ts';
import { steeringRows } from './steering-rows.ts';
import { renderTable, toDocument } from './table.ts';

const STATUS = { complete: 0, usage: 2, incomplete: 3, cannotRun: 4 } as const;

const MEASURE: Readonly<Record<Group, (plan: Plan, maximumPps: number) => Promise<readonly Row[]>>> = {
  cost: async (plan, maximumPps) => [...(await countRows(plan, maximumPps)), ...(await readerRows(plan, readerCases(plan, maximumPps)))],
  'loss-free': lossFreeRows,
  steering: steeringRows,
  launch: launchRows,
  collector: collectorRows,
};

async function main(options: Options): Promise<number> {
  // Opened before the minutes of measuring, so that a bad path fails now.
  const json = options.json === undefined ? undefined : openSync(options.json, 'w');
  if (cpus().length < 2) throw new Error('the bench needs two CPUs: one sends, the other reads');
  createNetwork();
  const machine = describeMachine(options.plan.members.ring);
  for (const [name, value] of Object.entries(machine)) console.log(`${name}: ${value}`);

  const rows = await measureAll(options);

  console.log(`\n${renderTable(rows)}`);
  if (json !== undefined) {
    writeSync(json, `${JSON.stringify(toDocument(machine, rows), null, 2)}\n`);
    closeSync(json);
  }
  return rows.some((row) => row.kind === 'missing') ? STATUS.incomplete : STATUS.complete;
}

async function measureAll({ plan, groups }: Options): Promise<readonly Row[]> {
  const maximum = await generatorMaximum(plan);
  const kpps = maximum.map((pps) => pps / 1000);
  const rows: Row[] = [measured('generator', 'maximum, nobody reads', 'kpps', kpps)];
  for (const group of groups) {
    const begin = performance.now();
    rows.push(...(await attempt(group, () => MEASURE[group](plan, Math.max(...maximum)))));
    console.error(`bench: ${group}, ${((performance.now() - begin) / 1000).toFixed(1)} s`);
  }
  return rows;
}

/** Also warms the machine up. How many packets are needed is not known before the speed is, so the number is a modest guess. */
async function generatorMaximum(plan: Plan): Promise<readonly number[]> {
  const samples: number[] = [];
  for (let i = 0; i < Math.max(2, plan.repetitions); i++) {
    samples.push((await send({ packets: Math.round(plan.seconds * 250_000), flows: 1000, rate: 0, ...SMALL })).pps);
  }
  return samples;
}

/** Walking the packets without looking into them: what of the reference's cost is the ring's alone. */
async function countRows(plan: Plan, maximumPps: number): Promise<readonly Row[]> {
  const samples: number[] = [];
  for (let i = 0; i < plan.repetitions; i++) {
    samples.push((await runReference('count', plan.members, fullSpeed(plan, maximumPps, 1000, SMALL))).cpuNsPerPacket);
  }
  return [measured('generator', 'reference that only counts', 'ns/packet', samples)];
}

function describeMachine(ring: Ring): Readonly<Record<string, unknown>> {
  const [cpu] = cpus();
  return {
    machine: `${cpu?.model.trim() ?? 'unknown CPU'}, ${cpus().length} CPUs, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: release(),
    node: process.version,
    ring: `${ring.blocks} blocks of ${ring.blockBytes / 1024} KiB per member, block timeout ${ring.blockTimeoutMs} ms`,
    load: `${loadavg()[0]?.toFixed(2)} before the start; above 0.2, something else was running too`,
  };
}

function parsed(): Options | 'help' | 'wrong' {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    console.error(`bench: ${error instanceof Error ? error.message : error}\n${USAGE}`);
    return 'wrong';
  }
}

async function run(): Promise<number> {
  const options = parsed();
  if (options === 'wrong') return STATUS.usage;
  if (options !== 'help') return main(options);
  console.log(USAGE);
  return STATUS.complete;
}

run().then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    console.error(`bench: ${error instanceof Error ? error.message : error}`);
    process.exitCode = STATUS.cannotRun;
  },
);
