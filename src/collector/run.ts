/** One run from start to result: reads top to bottom in the order in which things happen. */
import { randomBytes } from 'node:crypto';
import { availableParallelism, release } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Options } from '../config/options.ts';
import { FanoutError } from '../errors.ts';
import { readFlowDissector } from '../host/flow-dissector.ts';
import { FANOUT_FLAGS, LEGACY_MEMBERS_MAX } from '../model/fanout.ts';
import type { FlowDissector } from '../model/flow-dissector.ts';
import type { RunFacts, StopReason } from '../model/run-facts.ts';
import type { MemberResult, RunResult } from '../model/run-result.ts';
import { type CaptureOptions, type CbpfInstruction, type FlowMap, native } from '../native.ts';
import { ignoredBy, packetCounts } from './accounting.ts';
import { Cluster, type GroupRequest } from './cluster.ts';
import { withCommunityIds } from './community-ids.ts';
import { checkGroup, confirmGroup } from './group-safety.ts';
import { judge } from './judge.ts';
import type { Member } from './member.ts';
import type { RunCluster, RunIo } from './run-io.ts';
import { openSource, type PacketSource } from './sources.ts';
import { prepareSteering, type Steering } from './steering.ts';
import { Watch } from './watch.ts';

/** Violations listed one by one; all are counted. */
const VIOLATIONS_MAX = 1000;
/** Flows the collector keeps: 112 bytes and an index entry each, so 2.2 GB at the most. */
const FLOWS_MAX = 1 << 24;
/** Flows one worker keeps between two messages: 128 bytes each. */
const WORKER_FLOWS_MAX = 1 << 20;
/** How soon the collector hears of a new flow. Large groups get more time, or waking up would be most of their work. */
const newsIntervalMs = (procs: number): number => Math.max(10, Math.ceil(procs / 4));
/**
 * Between the last member's join and the first judged packet. A packet that the kernel steered while it still saw the smaller group is
 * through its RCU read side long before.
 */
const GRACE_NS = 5_000_000n;

export const runCluster: RunCluster = async (options, io) => {
  try {
    return await runFromStart(options, io);
  } catch (error) {
    // A terminal sends its signals to every program that is running for it: what one of them says about its end is not the reason.
    if (io.signal.aborted && error instanceof FanoutError) throw interrupted(error);
    throw error;
  }
};

async function runFromStart(options: Options, io: RunIo): Promise<RunResult> {
  const startedAt = new Date();
  const source = await openSource(options, io.signal);
  try {
    const steering = await prepareSteering(options, source.interface);
    try {
      return await runOn(source, steering, options, io, startedAt);
    } finally {
      steering.release();
    }
  } finally {
    await source.close();
  }
}

async function runOn(source: PacketSource, steering: Steering, options: Options, io: RunIo, startedAt: Date): Promise<RunResult> {
  const begunMs = performance.now();
  // Not from --seed: whoever sends packets must not be able to foresee which ones collide in a table.
  const hashSeed = randomBytes(8).readBigUInt64BE();
  const flowMap = new native.FlowMap({ members: options.procs, flowsMax: FLOWS_MAX, hashSeed });
  const watch = new Watch(options, source, flowMap, io, begunMs);
  const cluster = new Cluster(options.procs, cpusOf(options), flowMap, source.interface, watch);
  try {
    checkGroup(options);
    const timeoutMs = startTimeoutMs(options);
    await cluster.fork();
    // While the workers boot.
    source.prepare();
    const membership = await interruptible(
      cluster.join(
        (member) => captureOptions(member, options, source, steering.filter, hashSeed),
        groupRequest(options, steering),
        timeoutMs,
      ),
      io.signal,
    );
    confirmGroup(membership.groupId, cluster.members);
    await interruptible(cluster.arm(timeoutMs), io.signal);
    const dissectorAtStart = readFlowDissector();
    const startNs = native.realtimeNs() + GRACE_NS;
    cluster.start(startNs);
    watch.begin(cluster, membership.groupId, startNs);
    await passed(startNs);
    source.start();
    const stop = await watch.untilStop();
    await source.stop();
    await watch.settled();
    // A block that is open now is handed over when its timer fires.
    await cluster.finish(options.workerTimeoutMs + options.ring.blockTimeoutMs);
    watch.conclude();
    return assemble({
      options,
      source,
      watch,
      cluster,
      flowMap,
      groupId: membership.groupId,
      stop,
      dissectorAtStart,
      startedAt,
      io,
      begunMs,
    });
  } finally {
    watch.end();
    await cluster.close();
  }
}

/** Timers may fire a little early, and what is sent before the start time is not judged. */
async function passed(startNs: bigint): Promise<void> {
  // Bounded, because the clock may be set back.
  for (let waits = 0; waits < 100 && native.realtimeNs() <= startNs; waits += 1) await sleep(waits === 0 ? Number(GRACE_NS) / 1e6 : 1);
}

function interrupted(cause?: unknown): FanoutError {
  return new FanoutError('INTERRUPTED', 'ended by a signal before anything could be judged', 'start again', { cause });
}

async function interruptible<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const settled = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    const fail = (): void => reject(interrupted());
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true, signal: settled.signal });
  });
  // Whichever loses must not become an unhandled rejection.
  work.catch(() => {});
  return Promise.race([work, aborted]).finally(() => settled.abort());
}

function startTimeoutMs({ workerTimeoutMs, procs }: Options): number {
  const perWorkerMs = 100;
  return workerTimeoutMs + perWorkerMs * procs;
}

function cpusOf({ pin, procs }: Options): readonly (number | undefined)[] {
  const cpus = pin.kind === 'list' ? pin.cpus : pin.kind === 'auto' ? Array.from({ length: availableParallelism() }, (_, i) => i) : [];
  return Array.from({ length: procs }, (_, i) => (cpus.length === 0 ? undefined : cpus[i % cpus.length]));
}

function captureOptions(
  member: Member,
  options: Options,
  source: PacketSource,
  filter: readonly CbpfInstruction[] | null,
  hashSeed: bigint,
): CaptureOptions {
  return {
    ifindex: source.ifindex,
    member: member.index,
    blockBytes: options.ring.blockBytes,
    blockCount: options.ring.blockCount,
    blockTimeoutMs: options.ring.blockTimeoutMs,
    snaplen: options.snaplenBytes,
    filter,
    promiscuous: options.source.kind === 'live' && options.source.promisc,
    // On loopback every packet comes twice, once as outgoing.
    ignoreOutgoing: options.flags.includes('ignore-outgoing') || source.loopback,
    cpu: member.cpu ?? null,
    flowsMax: WORKER_FLOWS_MAX,
    workNs: options.workNs,
    newsIntervalMs: newsIntervalMs(options.procs),
    hashSeed,
  };
}

function groupRequest({ mode, flags, groupId, procs }: Options, { program }: Steering): GroupRequest {
  return {
    mode,
    flags: flags.reduce((bits, flag) => bits | FANOUT_FLAGS[flag], 0),
    id: groupId ?? 0,
    membersMax: procs > LEGACY_MEMBERS_MAX ? procs : 0,
    program,
  };
}

interface Finished {
  readonly options: Options;
  readonly source: PacketSource;
  readonly watch: Watch;
  readonly cluster: Cluster;
  readonly flowMap: FlowMap;
  readonly groupId: number;
  readonly stop: StopReason;
  readonly dissectorAtStart: FlowDissector;
  readonly startedAt: Date;
  readonly io: RunIo;
  readonly begunMs: number;
}

function assemble({ options, source, watch, cluster, groupId, stop, dissectorAtStart, startedAt, io, begunMs }: Finished): RunResult {
  const evidence = withCommunityIds(watch.evidence(VIOLATIONS_MAX));
  const packets = packetCounts(cluster.members, source.offered(), evidence);
  const members = cluster.members.map((member) => memberResult(member, evidence.flowsByMember[member.index] ?? 0));
  const isThinned = options.filter !== undefined || options.flags.includes('defrag');
  const facts: RunFacts = {
    source: source.info.kind,
    interface: source.interface,
    kernel: release(),
    // One attached or detached meanwhile was in force for a part of the run.
    dissector: dissectorAtStart.kind === 'attached' ? dissectorAtStart : readFlowDissector(),
    mode: options.mode,
    flags: options.flags,
    programMissing: options.program?.kind === 'none',
    procs: options.procs,
    packets,
    withheld: isThinned && packets.offered !== undefined ? Math.max(0, packets.offered - packets.captured - packets.dropped) : 0,
    members,
    stop,
    disturbances: watch.disturbances,
    tolerated: options.tolerated,
    maxLossPercent: options.maxLossPercent,
  };
  io.onObserved?.({
    evidence,
    facts,
    flows: watch.flows(FLOWS_MAX),
    ignoredByMember: cluster.members.map((member) => ignoredBy([member])),
    truth: source.truth(),
  });
  const judgement = judge(evidence, facts);
  return {
    schema: 'fanout-cluster/report@1',
    tool: { version: io.version },
    startedAt: startedAt.toISOString(),
    durationMs: Math.round(performance.now() - begunMs),
    host: { kernel: release(), cpus: availableParallelism() },
    source: source.info,
    group: { mode: options.mode, flags: options.flags, id: groupId, procs: options.procs },
    packets,
    flows: evidence.flows,
    members,
    order: { checked: 0, inversions: 0 },
    epochs: evidence.epochs.map(({ members: count, reason }) => ({ members: count, ...(reason === undefined ? {} : { reason }) })),
    ...judgement,
    warnings: [...judgement.warnings, ...source.warnings()],
  };
}

function memberResult(member: Member, flows: number): MemberResult {
  const { counters } = member;
  const [all, huge, failed] = counters.rollover;
  return {
    index: member.index,
    pid: member.pid,
    ...(member.cpu === undefined ? {} : { cpu: member.cpu }),
    packets: counters.packets,
    bytes: counters.bytes,
    flows,
    drops: counters.drops,
    freezes: counters.freezes,
    ...(all === undefined || huge === undefined || failed === undefined ? {} : { rollover: { all, huge, failed } }),
    cpuNs: counters.cpuNs,
    end: member.end === '' ? 'gone' : member.end,
  };
}
