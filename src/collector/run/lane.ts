/** One group of a run: what its members are asked for, what is watched of it, and the result that is made of what it saw. */
import { availableParallelism } from 'node:os';
import type { CaptureOptions } from '../../addon/capture.ts';
import type { FlowMap } from '../../addon/flow-map.ts';
import { native } from '../../addon/native.ts';
import { FanoutError } from '../../errors.ts';
import { FANOUT_FLAGS, groupNameOf, LEGACY_MEMBERS_MAX } from '../../model/fanout.ts';
import type { FlowDissector } from '../../model/flow-dissector.ts';
import { designBy, isDesignOpen, type KernelDesign, olderDesign } from '../../model/kernel-model.ts';
import { type KernelIdentity, kernelText, releaseOf } from '../../model/kernel-release.ts';
import type { LinkState } from '../../model/link.ts';
import type { RunFacts, StopReason } from '../../model/run-facts.ts';
import { FLOWS_MAX, flowRoomIn } from '../../model/run-limits.ts';
import type { MemberResult, RunResult } from '../../model/run-result.ts';
import type { Options } from '../../options/options.ts';
import { Cluster, type GroupRequest } from '../group/cluster.ts';
import { confirmGroup } from '../group/group-safety.ts';
import type { HostView } from '../group/host-view.ts';
import type { Member } from '../group/member.ts';
import { Watch } from '../group/watch.ts';
import type { Crew } from '../processes/crew.ts';
import { noFlowTable } from '../source/flow-table.ts';
import type { PacketSource } from '../source/sources.ts';
import { contradictionsIn, ignoredBy, liveCounts, packetCounts } from '../verdict/accounting.ts';
import { judge } from '../verdict/judge.ts';
import { orderOf, orderWarnings } from '../verdict/order.ts';
import { wordedJudgement } from '../words/judgement.ts';
import { wordedDeployment, wordedReason } from '../words/say.ts';
import { withCommunityIds } from './community-ids.ts';
import type { RunIo } from './io.ts';
import type { Steering } from './steering.ts';

/** Violations listed one by one; all are counted. */
const VIOLATIONS_MAX = 1000;
/** How long a worker waits for a time to come if the clock is set back (native/core/worker/capture.cpp). */
const READ_UNTIL_MAX_MS = 1000;
/** How soon the collector hears of a new flow. Large groups get more time, or waking up would be most of their work. */
const newsIntervalMs = (procs: number): number => Math.max(10, Math.ceil(procs / 4));

/** What the groups of a run have in common. */
export interface RunFrame {
  readonly source: PacketSource;
  readonly crew: Crew;
  readonly io: RunIo;
  readonly host: HostView;
  /** Ids of the groups of all lanes; each adds its own. */
  readonly ownGroups: Set<number>;
  readonly hashSeed: bigint;
  readonly startedAt: Date;
  /** Clock.nowMs() at the launch. */
  readonly begunMs: number;
  /** Without the race-free start: packets count from bind(2) on. */
  readonly eager: boolean;
  /** Members that the groups have at most, those included that come later in place of others. */
  readonly membersMax: number;
}

export class Lane {
  readonly options: Options;
  readonly cluster: Cluster;
  readonly watch: Watch;
  readonly #run: RunFrame;
  readonly #steering: Steering;
  readonly #flowMap: FlowMap;
  #groupId = 0;
  #capturingMs = 0;
  #settledMs = 0;
  #linkAtStart: LinkState | undefined;
  #dissectorAtStart: FlowDissector = { kind: 'unknown' };

  constructor(options: Options, steering: Steering, run: RunFrame) {
    checkSize(options, run);
    this.options = options;
    this.#run = run;
    this.#steering = steering;
    this.#flowMap = createFlowMap(options, run);
    const { source, crew, io, host, ownGroups, begunMs } = run;
    const flowMap = this.#flowMap;
    const closed = host.fanoutArgs && this.#request().membersMax === crew.size;
    this.watch = new Watch({ options, source, flowMap, io, host, ownGroups, begunMs, closed });
    const { clock } = io;
    this.cluster = new Cluster({ crew, cpus: cpusOf(options), flowMap, interface: source.interface, events: this.watch, clock });
  }

  get groupId(): number {
    return this.#groupId;
  }

  connected(): Promise<void> {
    return this.cluster.connected(startTimeoutMs(this.options));
  }

  firstOpened(): Promise<void> {
    return this.cluster.firstOpened(startTimeoutMs(this.options));
  }

  /** Until all members are in the group, and nobody else is. */
  async join(): Promise<void> {
    try {
      await this.cluster.join((member) => this.#capture(member), this.#request(), startTimeoutMs(this.options));
    } catch (error) {
      if (this.#isRefused(error) && !this.#isLinkUp()) throw wentDown(this.#run.source.interface, error);
      // Whoever is in the group with us may have taken the last place.
      this.#confirm();
      throw error;
    }
    this.#confirm();
  }

  #isRefused(error: unknown): error is FanoutError {
    return error instanceof FanoutError && error.code === 'GROUP_REFUSED';
  }

  #isLinkUp(): boolean {
    const { host, source } = this.#run;
    return host.interfaceAt(source.ifindex)?.up === true;
  }

  #confirm(): void {
    const { groupId } = this.cluster;
    if (groupId === undefined) return;
    this.#groupId = groupId;
    this.#run.ownGroups.add(groupId);
    confirmGroup(this.#run.host, groupId, this.cluster.members);
  }

  async arm(): Promise<void> {
    await this.cluster.arm(startTimeoutMs(this.options));
    this.#dissectorAtStart = this.#run.host.flowDissector();
  }

  /** @param startNs packets stamped earlier do not count */
  start(startNs: bigint): void {
    const { source, host, io } = this.#run;
    this.#capturingMs = io.clock.nowMs();
    if (source.info.kind === 'live') this.#linkAtStart = host.linkAt(source.ifindex);
    this.cluster.start(startNs);
    this.watch.begin(this.cluster, this.#groupId, startNs);
  }

  /** @param untilNs as for Cluster.finish. Waits for what is still on its way, and has everything told. Members stay in the group: one that leaves moves flows of the others. */
  async finish(untilNs = 0n): Promise<void> {
    await this.watch.settled();
    this.#settledMs = this.#run.io.clock.nowMs();
    // A block that is open now is handed over when its timer fires.
    const timeoutMs = this.options.workerTimeoutMs + this.options.ring.blockTimeoutMs;
    await this.cluster.finish(untilNs === 0n ? timeoutMs : timeoutMs + READ_UNTIL_MAX_MS, untilNs);
    this.watch.conclude();
  }

  /** A process more, whose member comes last in the group while it captures. */
  async add(): Promise<Member> {
    let added: Member | undefined;
    await this.watch.through(async () => {
      added = await this.cluster.add(this.#request(), startTimeoutMs(this.options));
      return `member ${added.index} (pid ${added.pid}) joined`;
    });
    if (added === undefined) throw new TypeError('no member was added');
    return added;
  }

  async close(): Promise<void> {
    this.watch.end();
    await this.cluster.close();
  }

  #capture(member: Member): Omit<CaptureOptions, 'socket'> {
    const { options } = this;
    const { source, hashSeed, host } = this.#run;
    const kernel = olderDesign(host.kernelRelease(), host.askedDesign);
    return {
      ifindex: source.ifindex,
      member: member.index,
      blockBytes: options.ring.blockBytes,
      blockCount: options.ring.blockCount,
      blockTimeoutMs: options.ring.blockTimeoutMs,
      snaplen: options.snaplenBytes,
      filter: this.#steering.filter,
      promiscuous: options.source.kind === 'live' && options.source.promisc,
      // On loopback every packet comes twice, once as outgoing.
      ignoreOutgoing: options.flags.includes('ignore-outgoing') || source.loopback,
      cpu: member.cpu ?? null,
      flowsMax: options.workerFlowsMax,
      workNs: options.workNs,
      newsIntervalMs: newsIntervalMs(options.procs),
      hashSeed,
      labTags: source.info.kind === 'lab',
      replayed: source.info.kind === 'pcap',
      eager: this.#run.eager,
      ...(source.mtu === undefined ? {} : { mtu: source.mtu }),
      ...(kernel === undefined ? {} : { kernel }),
    };
  }

  #request(): GroupRequest {
    const { mode, flags, groupId, procs } = this.options;
    return {
      mode,
      flags: flags.reduce((bits, flag) => bits | FANOUT_FLAGS[flag], 0),
      id: groupId ?? 0,
      // Nobody has a right to a group whose id the kernel chose for this run. One of a chosen id may be awaited by the program that owns it.
      membersMax: groupId === undefined || procs > LEGACY_MEMBERS_MAX ? procs : 0,
      program: this.#steering.program,
    };
  }

  #liveFacts(): Pick<RunFacts, 'link' | 'narrowedBy' | 'copies' | 'large'> {
    const { source, host } = this.#run;
    if (this.options.source.kind !== 'live') return {};
    const [before, after] = [this.#linkAtStart, host.linkAt(source.ifindex)];
    return {
      ...(before === undefined || after === undefined ? {} : { link: { before, after } }),
      ...liveCounts(this.cluster.members, source.mtu),
      narrowedBy: { filter: this.options.filter !== undefined, noPromisc: !this.options.source.promisc },
    };
  }

  /** What the group came to, after finish(). */
  result(stop: StopReason): RunResult {
    const { options, watch, cluster } = this;
    const { source, io, startedAt, begunMs, host } = this.#run;
    const kernel = host.kernelRelease();
    const evidence = withCommunityIds(watch.evidence(VIOLATIONS_MAX));
    const packets = packetCounts(cluster.members, source.offered(), evidence);
    const members = cluster.members.map((member) => memberResult(member, evidence.flowsByMember[member.index] ?? 0));
    const isThinned = options.filter !== undefined || options.flags.includes('defrag');
    const facts: RunFacts = {
      source: source.info.kind,
      ...(source.nic === undefined ? {} : { nic: source.nic }),
      interface: source.interface,
      ...this.#liveFacts(),
      kernel,
      ...(host.askedDesign === undefined ? {} : { askedDesign: host.askedDesign }),
      // One attached or detached meanwhile was in force for a part of the run.
      dissector: this.#dissectorAtStart.kind === 'attached' ? this.#dissectorAtStart : host.flowDissector(),
      ...groupNameOf(options),
      programMissing: options.program?.kind === 'none',
      procs: options.procs,
      packets,
      withheld: isThinned && packets.offered !== undefined ? Math.max(0, packets.offered - packets.captured - packets.dropped) : 0,
      members,
      flowsMax: this.#flowMap.capacity(),
      contradictions: contradictionsIn(cluster.members, evidence),
      stop,
      disturbances: watch.disturbances,
      tolerated: options.tolerated,
      ...(watch.outsiders === undefined ? {} : { outsiders: watch.outsiders }),
      maxLossPercent: options.maxLossPercent,
    };
    io.onObserved?.({
      evidence,
      facts,
      flows: watch.flows(FLOWS_MAX),
      ignoredByMember: cluster.members.map((member) => ignoredBy([member])),
      truth: source.truth(),
    });
    const judgement = wordedJudgement(judge(evidence, facts));
    const order = orderOf(cluster.members, source.info);
    const offeredPerSecond = source.offeredPerSecond();
    return {
      schema: 'fanout-cluster/report@1',
      tool: { version: io.version },
      startedAt: startedAt.toISOString(),
      durationMs: Math.round(io.clock.nowMs() - begunMs),
      timing: {
        startMs: Math.round(this.#capturingMs - begunMs),
        captureMs: Math.round(this.#settledMs - this.#capturingMs),
      },
      host: { kernel: releaseOf(kernel), cpus: availableParallelism() },
      ...modelledBy(kernel, host.askedDesign),
      source: source.info,
      ...(options.deployment === undefined ? {} : { deployment: wordedDeployment(options.deployment) }),
      group: { ...groupNameOf(options), id: this.#groupId, procs: options.procs },
      packets: { ...packets, ...(offeredPerSecond === undefined ? {} : { offeredPerSecond }) },
      flows: evidence.flows,
      members,
      order,
      epochs: evidence.epochs.map(({ members: count, reason }) => ({ members: count, ...(reason === undefined ? {} : { reason }) })),
      ...judgement,
      warnings: [
        ...judgement.warnings,
        ...[...orderWarnings(order, source.info, facts.link?.after), ...source.warnings()].map(wordedReason),
      ],
    };
  }
}

/** By which design kernel keys were computed, where the release leaves that open. */
function modelledBy(kernel: string | KernelIdentity, asked: KernelDesign | undefined): Pick<RunResult, 'kernel'> {
  const design = designBy(kernel, asked);
  return design === undefined || !isDesignOpen(kernel) ? {} : { kernel: { probed: asked !== undefined, design } };
}

function createFlowMap({ flowMemoryBytes }: Options, { membersMax, hashSeed, source }: RunFrame): FlowMap {
  const replayed = source.original === undefined ? {} : { replayed: source.original.replayed };
  try {
    return new native.FlowMap({ members: membersMax, ...flowRoomIn(flowMemoryBytes), hashSeed, ...replayed });
  } catch (cause) {
    throw noFlowTable(flowMemoryBytes, cause);
  }
}

/** Before any process is forked: the kernel itself would refuse member 257 only. */
function checkSize({ procs }: Options, { host }: RunFrame): void {
  if (procs <= LEGACY_MEMBERS_MAX || host.fanoutArgs) return;
  throw new FanoutError(
    'TOO_LARGE',
    `a group of ${procs} processes: this kernel (${kernelText(host.kernelRelease())}) has no fanout_args, and without it a group has ${LEGACY_MEMBERS_MAX} members at most`,
    `use --procs ${LEGACY_MEMBERS_MAX} or fewer, or a newer kernel (Linux 5.11; of the stable branches 5.10.37)`,
  );
}

function wentDown(interfaceName: string, cause: FanoutError): FanoutError {
  return new FanoutError(
    'INTERFACE_DOWN',
    `${interfaceName} went down while the group was set up, and this kernel allows no group on a link that is down (${cause.message})`,
    `find out why it went down, and bring it up: ip link set ${interfaceName} up`,
    { cause },
  );
}

function startTimeoutMs({ workerTimeoutMs, procs }: Options): number {
  const perWorkerMs = 100;
  return workerTimeoutMs + perWorkerMs * procs;
}

function cpusOf({ pin, procs }: Options): readonly (number | undefined)[] {
  const cpus = pin.kind === 'list' ? pin.cpus : pin.kind === 'auto' ? Array.from({ length: availableParallelism() }, (_, i) => i) : [];
  return Array.from({ length: procs }, (_, i) => (cpus.length === 0 ? undefined : cpus[i % cpus.length]));
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
