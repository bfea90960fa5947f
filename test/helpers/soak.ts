/** A live run for as long as one likes, under traffic that never repeats, and whether memory, descriptors and counters stay what they should be. */
import { readdirSync, readFileSync } from 'node:fs';
import { native } from '../../src/addon/native.ts';
import type { RunResult } from '../../src/model/run-result.ts';
import { CAPTURE, ip, makePair, promiscuity, removePair } from './network.ts';
import { temporaryDirectory } from './programs.ts';
import { STREAMS, Stream, type StreamName } from './soak-traffic.ts';
import { entriesOf, isAlive, type Running, start, until, workersOf } from './tool.ts';

export interface SoakPlan {
  readonly seconds: number;
  readonly procs: number;
  readonly flowMemoryMiB: number;
  /** Fresh flows a second. */
  readonly flows: Readonly<Record<StreamName, number>>;
  readonly sampleMs: number;
  readonly seed: number;
  /** Until then memory may grow: tables fill. */
  readonly warmUpSeconds: number;
  /** And from then on by so much an hour at the most, in the straight line that fits best. Nothing: the run is too short to tell. */
  readonly growthMiBPerHourMax?: number;
}

/** Of one moment. */
export interface Sample {
  readonly seconds: number;
  readonly sent: number;
  readonly collectorMiB: number;
  /** Of each worker. */
  readonly workersMiB: readonly number[];
  /** Open files of collector and workers. */
  readonly descriptors: readonly number[];
}

export interface Soak {
  readonly plan: SoakPlan;
  readonly samples: readonly Sample[];
  readonly status: number | null;
  readonly report: RunResult;
  readonly sent: number;
  /** Sent, and counted by the kernel as lost on the way to the sockets. */
  readonly lostBefore: number;
  readonly twoWaySent: number;
  /** What the run left behind. */
  readonly leftOvers: readonly string[];
}

/** Private memory of a collector or worker beside its tables: Node.js itself, code, heap and buffers. */
const COLLECTOR_MIB = 120;
const WORKER_MIB = 40;
/** Tables of a worker at their fullest: 2^20 records of 128 bytes, their index, news of them, and datagrams (docs/architecture.md). */
const WORKER_TABLES_MIB = 128 + 16 + 24 + 8;

export async function soak(plan: SoakPlan, onSample: (sample: Sample) => void = () => {}): Promise<Soak> {
  const scratch = temporaryDirectory();
  makePair();
  const streams: Stream[] = [];
  try {
    const running = start(argumentsOf(plan), { env: { XDG_RUNTIME_DIR: scratch.path } });
    await running.said(/capturing/);
    const pids = [running.pid, ...workersOf(running.pid)];
    STREAMS.forEach((name, i) => void streams.push(new Stream(name, plan.flows[name], plan.seed + i * 1e6)));
    const samples = await sampled(plan, running, pids, streams, onSample);
    await Promise.all(streams.map((stream) => stream.stop()));
    const lostBefore = lostOnTheWay();
    running.child.kill('SIGINT');
    const { status, stdout, stderr } = await running.ended;
    if (stdout === '') throw new Error(`it ended with ${status}: ${stderr.slice(-2000)}`);
    return {
      plan,
      samples,
      status,
      report: JSON.parse(stdout) as RunResult,
      sent: sum(streams.map(({ packets }) => packets)),
      lostBefore,
      twoWaySent: sum(streams.map(({ twoWay }) => twoWay)),
      leftOvers: await leftOvers(pids, scratch.path),
    };
  } finally {
    await Promise.allSettled(streams.map((stream) => stream.stop()));
    removePair();
    scratch.remove();
  }
}

/** Nothing but a signal ends it, and what mode hash splits by design does not make a NO. */
function argumentsOf({ procs, flowMemoryMiB, seconds }: SoakPlan): readonly string[] {
  const tolerated = ['fragment-v4', 'fragment-v6', 'tunnel-outer-only', 'known-bug-d'].flatMap((cause) => ['--tolerate', cause]);
  const limits = ['--duration', `${seconds + 3600}s`, '--flow-memory', `${flowMemoryMiB}M`];
  return ['-i', CAPTURE, '-n', String(procs), ...limits, ...tolerated, '--json', '-', '--status-interval', '1s'];
}

async function sampled(
  { seconds, sampleMs }: SoakPlan,
  running: Running,
  pids: readonly number[],
  streams: readonly Stream[],
  onSample: (sample: Sample) => void,
): Promise<readonly Sample[]> {
  const samples: Sample[] = [];
  const begunMs = performance.now();
  let hasEnded = false;
  running.ended.finally(() => {
    hasEnded = true;
  });
  for (let due = sampleMs; due <= seconds * 1000 && !hasEnded; due += sampleMs) {
    await new Promise((done) => setTimeout(done, Math.max(0, begunMs + due - performance.now())));
    const [collectorMiB = Number.NaN, ...workersMiB] = pids.map(privateMiB);
    const descriptors = pids.map((pid) => entriesOf(`/proc/${pid}/fd`).length);
    const sample = {
      seconds: (performance.now() - begunMs) / 1000,
      sent: sum(streams.map(({ packets }) => packets)),
      collectorMiB,
      workersMiB,
      descriptors,
    };
    samples.push(sample);
    onSample(sample);
  }
  return samples;
}

/** What no other process shares with it. */
export function privateMiB(pid: number): number {
  try {
    const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1');
    return sum([...rollup.matchAll(/^Private_(?:Clean|Dirty|Hugetlb):\s+(\d+) kB$/gm)].map(([, kibibytes]) => Number(kibibytes))) / 1024;
  } catch {
    return Number.NaN;
  }
}

/** A queue of the receiving CPU was full: counted where the frame was sent. */
function lostOnTheWay(): number {
  const [stats] = JSON.parse(ip('-s', '-j', 'link', 'show', 'gen0')) as readonly {
    readonly stats64: { readonly tx: { readonly dropped: number } };
  }[];
  return stats?.stats64.tx.dropped ?? Number.NaN;
}

async function leftOvers(pids: readonly number[], runtime: string): Promise<readonly string[]> {
  const ends = await until(() => !pids.some(isAlive), 'the processes end').then(
    () => [],
    (error: Error) => [error.message],
  );
  const sockets = native.packetSockets().filter(({ protocol }) => protocol !== 0).length;
  return [
    ...ends,
    ...(sockets === 0 ? [] : [`${sockets} packet sockets`]),
    ...(promiscuity() === 0 ? [] : [`promiscuous mode of ${CAPTURE}`]),
    ...readdirSync(runtime).map((name) => `${runtime}/${name}`),
  ];
}

/** Everything that is not as it should be, in words. */
export function faultsOf(soak: Soak): readonly string[] {
  return [...verdictFaults(soak), ...countFaults(soak), ...memoryFaults(soak), ...soak.leftOvers.map((what) => `left behind: ${what}`)];
}

function verdictFaults({ status, report, plan, samples }: Soak): readonly string[] {
  const { answer, reasons } = report.verdict;
  const isOpen = answer === 'inconclusive' && reasons.every(({ code }) => code === 'loss');
  const expected = Math.floor((plan.seconds * 1000) / plan.sampleMs);
  return [
    ...(answer === 'yes' || isOpen
      ? []
      : [`the answer is ${answer}: ${reasons.map(({ code, message }) => `${code}: ${message}`).join('; ')}`]),
    ...(status === (answer === 'yes' ? 0 : 3) ? [] : [`exit status ${status}`]),
    ...(samples.length === expected ? [] : [`the run ended after ${samples.length} of ${expected} samples`]),
    ...report.members.filter(({ end }) => end !== 'gone').map(({ index, end }) => `worker ${index}: ${end}`),
    ...(report.epochs.length === 1 ? [] : [`${report.epochs.length} epochs`]),
    ...report.warnings.filter(({ code }) => code === 'ended-early').map(({ message }) => message),
  ];
}

function countFaults({ report, sent, lostBefore, twoWaySent }: Soak): readonly string[] {
  const { captured, dropped, judged, overflowed, ignored } = report.packets;
  const { flows, stacks, members } = report;
  const known = sum(Object.values(ignored));
  return [
    ...(sent === captured + dropped + lostBefore
      ? []
      : [`${sent} packets sent; ${captured} captured, ${dropped} dropped, ${lostBefore} lost before`]),
    ...(captured === judged + overflowed + known
      ? []
      : [`${captured} captured; ${judged} judged, ${overflowed} overflowed, ${known} ignored`]),
    ...(overflowed === 0 ? [] : [`${overflowed} packets found no room`]),
    ...(captured === sum(members.map(({ packets }) => packets)) ? [] : ['the members do not add up to what was captured']),
    ...(flows.total === sum(stacks.map((stack) => stack.flows)) ? [] : ['the stacks do not add up to all flows']),
    ...(flows.total === flows.oneWay + flows.consistent + flows.split + flows.asymmetric + flows.duplicated
      ? []
      : ['the verdicts do not add up to all flows']),
    ...((flows.forgotten ?? 0) > 0 ? [] : ['the bound of the flow table was never reached']),
    // One in thousands has the five-tuple of an earlier one.
    ...(flows.twoWay + dropped >= 0.98 * twoWaySent ? [] : [`${flows.twoWay} two-way flows of ${twoWaySent} sent`]),
  ];
}

function memoryFaults({ plan, samples }: Soak): readonly string[] {
  const settled = samples.filter(({ seconds }) => seconds >= plan.warmUpSeconds);
  const most = (list: readonly number[]) => Math.max(...list);
  const collector = settled.map(({ collectorMiB }) => collectorMiB);
  const workers = settled.map(({ workersMiB }) => most(workersMiB));
  const collectorMax = COLLECTOR_MIB + plan.flowMemoryMiB;
  const workerMax = WORKER_MIB + WORKER_TABLES_MIB;
  const descriptors = samples.map((sample) => sample.descriptors.join(' '));
  return [
    ...(settled.length >= 2 ? [] : ['no samples after the warm-up']),
    ...(most(samples.map(({ collectorMiB }) => collectorMiB)) <= collectorMax
      ? []
      : [`the collector took ${most(collector)} MiB, more than ${collectorMax}`]),
    ...(most(samples.flatMap(({ workersMiB }) => workersMiB)) <= workerMax
      ? []
      : [`a worker took ${most(workers)} MiB, more than ${workerMax}`]),
    ...(new Set(descriptors).size === 1 ? [] : [`open files: ${[...new Set(descriptors)].join(', then ')}`]),
    ...growthFaults('the collector', settled, collector, plan),
    ...growthFaults('the largest worker', settled, workers, plan),
  ];
}

function growthFaults(
  who: string,
  samples: readonly Sample[],
  mebibytes: readonly number[],
  { growthMiBPerHourMax }: SoakPlan,
): readonly string[] {
  if (growthMiBPerHourMax === undefined) return [];
  const perHour = growthPerHour(samples, mebibytes);
  return perHour <= growthMiBPerHourMax ? [] : [`${who} grew by ${perHour.toFixed(1)} MiB an hour, more than ${growthMiBPerHourMax}`];
}

/** The slope of the line with the least squares. */
export function growthPerHour(samples: readonly Pick<Sample, 'seconds'>[], mebibytes: readonly number[]): number {
  const hours = samples.map(({ seconds }) => seconds / 3600);
  const [meanHours, meanMiB] = [sum(hours) / hours.length, sum(mebibytes) / mebibytes.length];
  const covariance = sum(hours.map((hour, i) => (hour - meanHours) * ((mebibytes[i] ?? 0) - meanMiB)));
  return covariance / sum(hours.map((hour) => (hour - meanHours) ** 2));
}

function sum(values: Iterable<number>): number {
  return [...values].reduce((total, value) => total + value, 0);
}
