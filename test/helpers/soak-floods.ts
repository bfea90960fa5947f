/**
 * npm run soak:floods [duration] [FLOOD...]: a live run under each flood, at the full speed of one sender, beside traffic that stays together.
 * Prints a line for each; exits with 1 if memory grows, a signal takes long, or the verdict rests on the flood.
 */
import { join } from 'node:path';
import type { RunResult } from '../../src/model/run-result.ts';
import { duration } from '../../src/options/values.ts';
import { connections, FLOOD_NAMES, type Flood, floodFrames } from './hostile-frames.ts';
import { refuseHostNamespace } from './lab.ts';
import { CAPTURE, joinFrames, makePair, removePair, sendFrames } from './network.ts';
import { makeRuntimeDirectory, temporaryDirectory } from './programs.ts';
import { growthPerHour, privateMiB } from './soak.ts';
import { start, workersOf } from './tool.ts';

const FRAMES = 400_000;
const PROCS = 2;
const FLOW_MEMORY_MIB = 256;
/** Tables are full by then, and pages that were reserved for them are touched. */
const WARM_UP_SHARE = 0.4;
const LATENCY_MS_MAX = 1000;
const GROWTH_JUDGED_SECONDS = 300;
const GROWTH_MIB_PER_MINUTE_MAX = 4;
const STEADY_FLOWS = 100;

interface Outcome {
  readonly flood: Flood;
  readonly report: RunResult;
  readonly perSecond: number;
  /** Private memory of all processes together. */
  readonly halfMiB: number;
  readonly endMiB: number;
  readonly largestWorkerMiB: number;
  readonly growthMiBPerMinute: number;
  readonly latencyMs: number;
}

async function flooded(flood: Flood, seconds: number): Promise<Outcome> {
  const scratch = temporaryDirectory();
  const runtime = join(scratch.path, 'runtime');
  makeRuntimeDirectory(runtime);
  makePair();
  const steady = joinFrames(connections(STEADY_FLOWS).frames);
  const frames = joinFrames(floodFrames(flood, FRAMES));
  const args = [
    '-i',
    CAPTURE,
    '-n',
    String(PROCS),
    '--duration',
    `${seconds + 600}s`,
    '--flow-memory',
    `${FLOW_MEMORY_MIB}M`,
    '--json',
    '-',
  ];
  const running = start(args, { env: { XDG_RUNTIME_DIR: runtime } });
  const sendings = [];
  try {
    await running.said(/capturing/);
    const pids = [running.pid, ...workersOf(running.pid)];
    sendings.push(sendFrames(steady, { packetsPerSecond: 2000 }));
    sendings.push(sendFrames(frames, { packetsPerSecond: 0, burst: 1 }));
    const samples: { readonly seconds: number; readonly each: readonly number[] }[] = [];
    let hasEnded = false;
    const ended = running.ended.finally(() => {
      hasEnded = true;
    });
    const begunMs = performance.now();
    for (let at = 1; at <= seconds && !hasEnded; at += 1) {
      await Promise.race([ended, new Promise((done) => setTimeout(done, Math.max(0, begunMs + at * 1000 - performance.now())))]);
      const each = pids.map(privateMiB);
      if (!each.some(Number.isNaN)) samples.push({ seconds: (performance.now() - begunMs) / 1000, each });
    }
    const askedMs = performance.now();
    running.child.kill('SIGINT');
    const { status, stdout, stderr } = await ended;
    const latencyMs = hasEnded && samples.length < seconds - 1 ? 0 : performance.now() - askedMs;
    if (stdout === '') throw new Error(`${flood}: it ended with ${status}: ${stderr.slice(-2000)}`);
    const report = JSON.parse(stdout) as RunResult;
    const settled = samples.filter((sample) => sample.seconds >= seconds * WARM_UP_SHARE);
    const totals = settled.map(({ each }) => each.reduce((sum, n) => sum + n, 0));
    const all = samples.map(({ each }) => each.reduce((sum, n) => sum + n, 0));
    return {
      flood,
      report,
      perSecond: (report.packets.captured + report.packets.dropped) / (report.timing.captureMs / 1000),
      halfMiB: all[Math.floor(all.length / 2)] ?? Number.NaN,
      endMiB: all.at(-1) ?? Number.NaN,
      largestWorkerMiB: Math.max(...samples.flatMap(({ each }) => each.slice(1))),
      growthMiBPerMinute: totals.length < 3 ? 0 : growthPerHour(settled, totals) / 60,
      latencyMs,
    };
  } finally {
    for (const sending of sendings) await sending.stop();
    if (running.child.exitCode === null) running.child.kill('SIGKILL');
    removePair();
    scratch.remove();
  }
}

/** What is not as promised. */
function faultsOf({ flood, report, growthMiBPerMinute, latencyMs, endMiB }: Outcome, seconds: number): readonly string[] {
  const faults: string[] = [];
  if (latencyMs > LATENCY_MS_MAX) faults.push(`a signal took ${latencyMs.toFixed(0)} ms`);
  // Before that tables are filling: fragments come first of all to those that join them.
  if (seconds >= GROWTH_JUDGED_SECONDS && growthMiBPerMinute > GROWTH_MIB_PER_MINUTE_MAX)
    faults.push(`memory grows by ${growthMiBPerMinute.toFixed(1)} MiB a minute`);
  if (endMiB > FLOW_MEMORY_MIB + 150 + PROCS * 300) faults.push(`${endMiB.toFixed(0)} MiB are in use`);
  // Where a flood parts its own flows by several packets each, that is so: no other flow may be.
  const isParted = flood.startsWith('kernel-keys') || flood === 'fragments-first';
  if (report.verdict.answer === 'no' && !isParted) faults.push(`NO: ${report.verdict.reasons.map(({ code }) => code)}`);
  const steady = report.stacks.find(({ stack }) => stack === 'ipv4/tcp');
  if (steady !== undefined && steady.split + steady.asymmetric > 0) faults.push('steady flows were split');
  return faults;
}

refuseHostNamespace();
const [asked = '10m', ...names] = process.argv.slice(2);
const seconds = duration('duration', asked, { least: 10_000, most: 3_600_000 }) / 1000;
const floods = names.length === 0 ? FLOOD_NAMES : FLOOD_NAMES.filter((name) => names.includes(name));
console.log(`${seconds} s each, ${PROCS} workers, --flow-memory ${FLOW_MEMORY_MIB}M, ${STEADY_FLOWS} steady flows\n`);
console.log(
  '| flood | packets a second | MiB half-way | at the end | largest worker | SIGINT to end, ms | answer |\n|---|---|---|---|---|---|---|',
);
for (const flood of floods) {
  const outcome = await flooded(flood, seconds);
  const { report, perSecond, halfMiB, endMiB, largestWorkerMiB, latencyMs } = outcome;
  const reasons = report.verdict.reasons.map(({ code }) => code).join(', ');
  const cells = [
    flood,
    perSecond.toFixed(0),
    halfMiB.toFixed(0),
    endMiB.toFixed(0),
    largestWorkerMiB.toFixed(0),
    latencyMs === 0 ? `ended by itself after ${(report.durationMs / 1000).toFixed(0)} s` : latencyMs.toFixed(0),
    `${report.verdict.answer} (${reasons})`,
  ];
  console.log(`| ${cells.join(' | ')} |`);
  for (const fault of faultsOf(outcome, seconds)) {
    console.log(`FAULT ${flood}: ${fault}`);
    process.exitCode = 1;
  }
}
