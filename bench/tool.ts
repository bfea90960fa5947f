/** fanout-cluster itself, measured from outside: by /proc while it runs and by its own report afterwards. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { listAt, numberAt, textAt } from './json.ts';
import { CAPTURED, openMembers, READER_CPU } from './network.ts';
import { cpuNsOf, type Program, processTree, pssBytesOf, start, tail, waitForEnd, waitUntil } from './processes.ts';
import { type Members, type ReaderRun, send, type Traffic } from './programs.ts';

export interface ToolRun extends ReaderRun {
  /** CPU time of the collector per packet captured; not part of `cpuNsPerPacket`. */
  readonly collectorNsPerPacket: number;
  readonly workerBytes: number;
  readonly collectorBytes: number;
}

export interface Launch {
  readonly milliseconds: number;
  readonly answer: string;
}

/** Everything that depends on the tool's command line is in these two lists. */
const measuredOptions = ({ procs, ring }: Members): readonly string[] => [
  ...['-i', CAPTURED, '--procs', `${procs}`, '--mode', 'hash', '--pin', `${READER_CPU}`],
  ...['--block-size', `${ring.blockBytes}`, '--ring-size', `${ring.blockBytes * ring.blocks}`, '--block-timeout', `${ring.blockTimeoutMs}`],
  ...['--duration', '120', '--max-flows', '1000000000', '--quiet'],
];
const launchOptions = (procs: number, flows: number): readonly string[] => [
  ...['-i', CAPTURED, '--procs', `${procs}`, '--mode', 'hash', '--max-flows', `${flows}`, '--quiet'],
];

// Longer than a block waits for company, and than a worker and the collector need to digest what it held.
const SETTLE_MS = 300;

/**
 * Capture starts, exactly the given traffic is sent, capture is ended by SIGINT. The whole tool, collector included, shares the
 * readers' CPU, as a deployed one would share its cores: nothing it does is paid for by the generator.
 */
export async function runTool(cli: string, members: Members, traffic: Traffic): Promise<ToolRun> {
  return withReport(async (reportFile) => {
    const command = [process.execPath, cli, ...measuredOptions(members), '--json', reportFile];
    const tool = start('fanout-cluster', 'taskset', ['--cpu-list', `${READER_CPU}`, ...command]);
    try {
      await waitUntil(tool, 'start of capture', 15_000, () => openMembers() >= members.procs);
      await delay(SETTLE_MS);
      const before = sample(tool.pid, cpuNsOf);
      const sent = await send(traffic);
      await delay(SETTLE_MS);
      const after = sample(tool.pid, cpuNsOf);
      const memory = sample(tool.pid, pssBytesOf);
      tool.child.kill('SIGINT');
      const report = await reportOf(tool, reportFile);
      const workers = listAt(report, 'members').map((member) => numberAt(member, 'pid'));
      const captured = numberAt(report, 'packets.captured');
      const used = (pid: number): number => recorded(after, pid) - recorded(before, pid);
      return {
        sent,
        captured,
        dropped: numberAt(report, 'packets.dropped'),
        cpuNsPerPacket: sum(workers.map(used)) / captured,
        collectorNsPerPacket: used(tool.pid) / captured,
        workerBytes: sum(workers.map((pid) => recorded(memory, pid))),
        collectorBytes: recorded(memory, tool.pid),
      };
    } finally {
      tool.child.kill('SIGKILL');
    }
  });
}

/** Wall clock from the start of the process to its end, under traffic that is already flowing. */
export async function launchTool(cli: string, procs: number, flows: number): Promise<Launch> {
  return withReport(async (reportFile) => {
    const begin = performance.now();
    const tool = start('fanout-cluster', process.execPath, [cli, ...launchOptions(procs, flows), '--json', reportFile]);
    const report = await reportOf(tool, reportFile);
    return { milliseconds: performance.now() - begin, answer: textAt(report, 'verdict.answer') };
  });
}

/** A tool that ends without a report has told the reason on stderr, whatever its exit status. */
async function reportOf(tool: Program, file: string): Promise<unknown> {
  const status = await waitForEnd(tool, 30_000);
  if (!existsSync(file)) throw new Error(`fanout-cluster ended with status ${status} and no report${tail(tool)}`);
  return JSON.parse(readFileSync(file, 'utf8'));
}

async function withReport<T>(body: (file: string) => Promise<T>): Promise<T> {
  const directory = mkdtempSync(join(tmpdir(), 'fanout-bench-'));
  try {
    return await body(join(directory, 'report.json'));
  } finally {
    rmSync(directory, { recursive: true });
  }
}

function sample(root: number, read: (pid: number) => number): ReadonlyMap<number, number> {
  return new Map(processTree(root).map((pid) => [pid, read(pid)]));
}

function recorded(samples: ReadonlyMap<number, number>, pid: number): number {
  const value = samples.get(pid);
  if (value === undefined) throw new Error(`process ${pid} of the report was not below the tool's own process`);
  return value;
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
