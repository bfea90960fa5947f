/** Watches a run: when to stop, who is lost, whether the link is up, and into which epochs all that cuts the evidence. */

import type { FlowMap, ObservedFlow } from '../../addon/flow-map.ts';
import type { FanoutGroup } from '../../host/groups.ts';
import type { Evidence, ViolationGroup } from '../../model/evidence.ts';
import { finding } from '../../model/finding.ts';
import type { Disturbance, Outsiders, StopReason } from '../../model/run-facts.ts';
import { RUN_MS_MAX } from '../../model/run-limits.ts';
import type { Options } from '../../options/options.ts';
import type { ProgressSnapshot } from '../report/progress.ts';
import type { PacketSource } from '../source/sources.ts';
import { say } from '../words/say.ts';
import type { CallOff, Clock } from './clock.ts';
import { ClockSteps } from './clock-steps.ts';
import type { Cluster, ClusterEvents } from './cluster.ts';
import { Disturbances } from './disturbances.ts';
import { Epochs } from './epochs.ts';
import { foreignMembers } from './group-safety.ts';
import type { HostView } from './host-view.ts';
import type { Member } from './member.ts';

const TICK_MS = 10;
const SLOW_TICK_MS = 100;
/** A live run whose goal does not come nearer for so long ends, instead of waiting for ever for traffic that does not exist. */
const STALLED_MS = 30_000;
/**
 * A packet's time stamp may be older than its way through the group: it may have waited in a CPU's backlog (RPS). So an epoch ends this
 * long before the last sign that it still held.
 */
const BACKLOG_NS = 20_000_000n;
/** Between a change of the group and the next judged packet: every member must have heard of the new epoch. */
const EPOCH_GRACE_NS = 50_000_000n;
/** A violation is believed when no sign of a lost member has come after it for so long. */
const FAIL_FAST_DELAY_MS = 300;
/** As many times as long as it took to judge all flows, they are not judged again, should no violation have come out of it. */
const FAIL_FAST_REST = 20;
/** Of those who may have joined. */
const SUSPECTS_NAMED = 4;
/** Without any counter moving for so long, all that was sent has arrived. */
const QUIET_MS = 250;

/** Between two counters there are ten of them; a member that is silent for long makes them many. */
const MOMENTS_MAX = 1000;
/** A rate is told from two moments so far apart. */
const RATE_MS = 500;

interface Rate {
  readonly since: { readonly packets: number; readonly atMs: number } | undefined;
  readonly perSecond: number | undefined;
}

export interface WatchIo {
  readonly clock: Clock;
  /** Aborting it ends the run early, with the verdict on what was seen. */
  readonly signal: AbortSignal;
  readonly onProgress: (snapshot: ProgressSnapshot) => void;
}

/** Of a group, what the watch looks at and does. */
export type WatchedGroup = Pick<Cluster, 'members' | 'beginEpoch' | 'abandon'>;

export interface WatchParts {
  readonly options: Options;
  readonly source: PacketSource;
  readonly flowMap: FlowMap;
  readonly io: WatchIo;
  readonly host: HostView;
  /** Ids of all groups under test, as they come to be. */
  readonly ownGroups: ReadonlySet<number>;
  /** The group has no place for others while all its members live. */
  readonly closed: boolean;
  /** Clock.nowMs() at the launch. */
  readonly begunMs: number;
}

export class Watch implements ClusterEvents {
  readonly #options: Options;
  readonly #source: PacketSource;
  readonly #flowMap: FlowMap;
  readonly #io: WatchIo;
  readonly #host: HostView;
  readonly #clock: Clock;
  readonly #begunMs: number;
  readonly #disturbances = new Disturbances();
  #cluster: WatchedGroup | undefined;
  #groupId = 0;
  #epochs: Epochs | undefined;
  #timers: readonly CallOff[] = [];
  readonly #ended = new AbortController();
  #stop: ((reason: StopReason) => void) | undefined;
  #fail: ((error: unknown) => void) | undefined;
  #stopped: Promise<StopReason> | undefined;
  #capturingSinceMs = 0;
  #linkDown = false;
  #leaving = new Set<number>();
  /** Changes of the group that are being made on purpose. */
  #changing = 0;
  readonly #clockSteps: ClockSteps;
  #foreign: readonly number[] = [];
  readonly #ownGroups: ReadonlySet<number>;
  /** Groups of others at the last look; undefined before the first. */
  #neighbours: ReadonlySet<number> | undefined;
  #hasLooked = false;
  readonly #closed: boolean;
  /** Where nobody can look into the group: sockets of others that may have been in it, and whether even those cannot be told. */
  readonly #suspects = new Set<number>();
  #isBlind = false;
  #linkDownNote: Disturbance | undefined;
  #epochFromNs = 0n;
  #groupGoodNs = 0n;
  #silent: readonly Member[] = [];
  #violatedSinceMs: number | undefined;
  #askAgainMs = 0;
  #progress = { value: -1, sinceMs: 0 };
  #rate: Rate = { since: undefined, perSecond: undefined };
  /** Flows seen so far, at the last few moments. */
  readonly #moments: { readonly atMs: number; readonly flows: number }[] = [];

  constructor({ options, source, flowMap, io, host, ownGroups, begunMs, closed }: WatchParts) {
    this.#options = options;
    this.#source = source;
    this.#flowMap = flowMap;
    this.#io = io;
    this.#host = host;
    this.#ownGroups = ownGroups;
    this.#closed = closed;
    this.#clock = io.clock;
    this.#begunMs = begunMs;
    this.#clockSteps = new ClockSteps(this.#clock);
  }

  get disturbances(): readonly Disturbance[] {
    return this.#disturbances.list;
  }

  begin(cluster: WatchedGroup, groupId: number, startNs: bigint): void {
    this.#cluster = cluster;
    this.#groupId = groupId;
    this.#epochs = new Epochs(startNs, cluster.members.length);
    this.#epochFromNs = startNs;
    this.#groupGoodNs = startNs;
    this.#checkClock();
    this.#capturingSinceMs = this.#clock.nowMs();
    this.#progress = { value: -1, sinceMs: this.#capturingSinceMs };
    this.#stopped = new Promise((resolve, reject) => {
      this.#stop = resolve;
      this.#fail = reject;
    });
    this.#timers = [this.#clock.every(TICK_MS, () => this.#checkGoals()), this.#clock.every(SLOW_TICK_MS, () => this.#slowTick())];
    this.#source.ended.then(
      () => this.#stop?.('end-of-traffic'),
      (error) => this.#fail?.(error),
    );
    const onAbort = (): void => this.#stop?.('signal');
    if (this.#io.signal.aborted) onAbort();
    // Whoever makes many runs has one signal for all of them.
    else this.#io.signal.addEventListener('abort', onAbort, { once: true, signal: this.#ended.signal });
  }

  untilStop(): Promise<StopReason> {
    if (this.#stopped === undefined) throw new TypeError('the watch has not begun');
    return this.#stopped;
  }

  /** Ends it from outside. */
  stop(reason: StopReason): void {
    this.#stop?.(reason);
  }

  /** What the lab sent may still be on its way: waits until all of it was counted, or nothing has moved for a while. */
  async settled(): Promise<void> {
    const offered = this.#source.offered();
    if (offered === undefined) return;
    let seen = this.#delivered();
    for (let quietMs = 0; seen < offered && quietMs < QUIET_MS; ) {
      await this.#clock.sleep(TICK_MS);
      const now = this.#delivered();
      quietMs = now === seen ? quietMs + TICK_MS : 0;
      seen = now;
    }
  }

  /** When all members have finished, and none has left the group: what happened since the last look still counts. */
  conclude(): void {
    this.#checkClock();
    if (this.#linkDown) this.#checkLink();
    else if (!this.#checkGroup() && this.#hasLooked) this.#epochs?.end(this.#groupGoodNs - BACKLOG_NS);
    this.end();
  }

  end(): void {
    for (const callOff of this.#timers) callOff();
    this.#timers = [];
    this.#ended.abort();
  }

  evidence(violationsMax: number): Evidence {
    if (this.#epochs === undefined) throw new TypeError('the watch has not begun');
    return this.#epochs.evidence(this.#flowMap, violationsMax);
  }

  flows(max: number): readonly ObservedFlow[] {
    if (this.#epochs === undefined) throw new TypeError('the watch has not begun');
    return this.#epochs.flows(this.#flowMap, max);
  }

  /** Number of the epoch that is judged now, or was last. */
  get epoch(): number {
    return this.#epochs?.current ?? 0;
  }

  /** Nothing is known that will make another epoch begin. */
  get isWhole(): boolean {
    return !this.#linkDown && this.#leaving.size === 0 && this.#changing === 0;
  }

  /** What made it begin; undefined for the first. */
  get epochReason(): string | undefined {
    return this.#epochs?.reason;
  }

  /** From which time (CLOCK_REALTIME) on packets count in it. */
  get epochFromNs(): bigint {
    return this.#epochFromNs;
  }

  /** Changes the group on purpose: what it was counts until now, and what it has become from when `change` has resolved. */
  async through(change: () => Promise<string>): Promise<void> {
    this.#epochs?.end(this.#clock.realtimeNs() - BACKLOG_NS);
    this.#changing += 1;
    let reason: string;
    try {
      reason = await change();
    } finally {
      this.#changing -= 1;
    }
    this.#nextEpoch(reason);
  }

  // ---- what happens to members

  onLost(member: Member): void {
    this.#checkClock();
    this.#epochs?.end(this.#lastGoodNs(member) - BACKLOG_NS);
    this.#leaving.add(member.index);
    if (this.#members.every((m) => !m.alive)) this.#stop?.('members-lost');
  }

  // Only now: until its process has ended, a member that was given up keeps its share of the packets.
  onDeparted(member: Member): void {
    this.#leaving.delete(member.index);
    this.#nextEpoch(`worker ${member.index} (pid ${member.pid}) was ${member.end}`);
  }

  onLinkError(): void {
    this.#checkClock();
    if (this.#linkDown) return;
    this.#linkDown = true;
    this.#linkDownNote = this.#disturb(finding('link-down', { interface: this.#source.interface }));
    // Packets up to the last sign of a good link count; which ones came later nobody knows.
    for (const member of this.#members) if (member.alive) this.#epochs?.end(this.#lastGoodNs(member) - BACKLOG_NS);
  }

  #nextEpoch(reason: string): void {
    if (this.#epochs === undefined || this.#cluster === undefined) return;
    if (!this.isWhole) return;
    if (!this.#members.some((m) => m.state === 'capturing')) return;
    if (this.#epochs.full) return this.#stop?.('epochs');
    const epoch = this.#epochs.begin(this.#members.filter((m) => m.alive).length, reason);
    this.#epochFromNs = this.#clock.realtimeNs() + EPOCH_GRACE_NS;
    this.#cluster.beginEpoch(epoch, this.#epochFromNs);
  }

  /** The last time stamp at which this member is known to have lived with its link up, in the time of now. */
  #lastGoodNs({ aliveNs, counters }: Member): bigint {
    return this.#clockSteps.inNewTime(aliveNs, counters.epoch);
  }

  /**
   * Between the two times of a clock that was set back nothing can be compared: what is noticed from here on is told in the new one, and so
   * reaches back into what has the same time stamps.
   */
  #checkClock(): void {
    const step = this.#clockSteps.look(this.epoch + 1);
    if (step === undefined) return;
    this.#groupGoodNs -= step.backNs;
    this.#epochs?.reopenNone(step.newSinceNs);
    this.#nextEpoch(`the clock was set back by ${(Number(step.backNs) / 1e9).toFixed(3)} s`);
  }

  #disturb(disturbance: Disturbance): Disturbance {
    this.#disturbances.add(disturbance);
    return disturbance;
  }

  get #members(): readonly Member[] {
    return this.#cluster?.members ?? [];
  }

  // ---- looking at the run from time to time

  #checkGoals(): void {
    const { limits } = this.#options;
    const tally = this.#flowMap.tally();
    const now = this.#clock.nowMs();
    this.#checkClock();
    if (this.#moments.length < MOMENTS_MAX) this.#moments.push({ atMs: now, flows: tally.twoWay });
    if (limits.twoWayFlows !== undefined && tally.twoWay >= limits.twoWayFlows) return this.#stop?.('flows');
    if (limits.packets !== undefined && this.#captured() >= limits.packets) return this.#stop?.('packets');
    if (limits.durationMs !== undefined && now - this.#capturingSinceMs >= limits.durationMs) return this.#stop?.('time');
    if (now - this.#capturingSinceMs >= RUN_MS_MAX) return this.#stop?.('longest');
    if (tally.full) return this.#stop?.('flow-memory');
    if (this.#options.failFast && tally.violated > 0) this.#confirmViolation(now);
  }

  #confirmViolation(now: number): void {
    this.#violatedSinceMs ??= now;
    if (now - this.#violatedSinceMs < FAIL_FAST_DELAY_MS || now < this.#askAgainMs) return;
    this.#violatedSinceMs = undefined;
    const groups = this.evidence(0).groups;
    // All flows are looked at: millions of them take a second, in which nobody is listened to.
    const askedMs = this.#clock.nowMs();
    this.#askAgainMs = askedMs + FAIL_FAST_REST * (askedMs - now);
    if (groups.some((group) => !this.#mayBeIsolated(group))) this.#stop?.('violation');
  }

  /** One packet of anybody's is no reason to end: collector/isolated.ts has the rule. */
  #mayBeIsolated({ onOnePacket, oneKernelKey }: ViolationGroup): boolean {
    return this.#source.info.kind === 'live' && onOnePacket && !(this.#options.mode === 'hash' && oneKernelKey);
  }

  #slowTick(): void {
    const now = this.#clock.nowMs();
    this.#checkClock();
    this.#checkSilence(now);
    if (this.#linkDown) this.#checkLink();
    else this.#checkGroup();
    this.#checkStalled(now);
    this.#report(now);
  }

  // A collector that was held up has not read yet what was said meanwhile. Between two ticks it has, so whoever is silent is so twice.
  #checkSilence(now: number): void {
    const { workerTimeoutMs } = this.#options;
    const silent = this.#members.filter(({ state, heardAtMs }) => state === 'capturing' && now - heardAtMs > workerTimeoutMs);
    const suspects = this.#silent;
    this.#silent = silent;
    for (const member of silent) if (suspects.includes(member)) this.#cluster?.abandon(member, `no sign of life for ${workerTimeoutMs} ms`);
  }

  #checkLink(): void {
    // By index: the interface may have been renamed while it was down, and another may have its name.
    const now = this.#host.interfaceAt(this.#source.ifindex);
    if (now === undefined) return this.#onRemoved();
    if (!now.up) return;
    // The kernel links the members again in another order: a new membership.
    this.#linkDown = false;
    this.#nextEpoch(`${this.#source.interface} was down and came up again`);
  }

  // It goes down before it goes away, so that was noted first.
  #onRemoved(): void {
    if (this.#disturbances.has('interface-removed')) return;
    this.#disturbances.withdraw(this.#linkDownNote);
    this.#disturb(finding('interface-removed', { interface: this.#source.interface }));
    this.#stop?.('interface-removed');
  }

  // Only where the user set a goal and no time: the default of a live run has a time limit.
  #checkStalled(now: number): void {
    const { limits } = this.#options;
    if (limits.durationMs !== undefined || this.#source.info.kind !== 'live') return;
    const value = limits.packets !== undefined ? this.#captured() : this.#flowMap.tally().twoWay;
    if (value !== this.#progress.value) this.#progress = { value, sinceMs: now };
    else if (now - this.#progress.sinceMs > STALLED_MS) this.#stop?.('time');
  }

  /** False if nobody could look. Such a look is none: whatever the next one shows may have happened since the last. */
  #checkGroup(): boolean {
    const checkedNs = this.#clock.realtimeNs();
    const groups = this.#host.fanoutGroups();
    if (groups === undefined) {
      this.#lookAround();
      return false;
    }
    this.#hasLooked = true;
    this.#checkNeighbours(groups);
    const foreign = foreignMembers(groups, this.#groupId, this.#members);
    const goodNs = this.#groupGoodNs;
    this.#groupGoodNs = checkedNs;
    const fresh = foreign.filter((inode) => !this.#foreign.includes(inode));
    const isSame = fresh.length === 0 && foreign.length === this.#foreign.length;
    this.#foreign = foreign;
    if (isSame) return true;
    // Somewhere between the last look and this one flows moved; when one leaves they move as much as when it came.
    this.#epochs?.end(goodNs - BACKLOG_NS);
    this.#nextEpoch(fresh.length === 0 ? `another program left fanout group ${this.#groupId}` : this.#onJoinedBy(fresh));
    return true;
  }

  /** Without a list of groups: who may have joined is whoever captures on this interface, if anybody could join at all. */
  #lookAround(): void {
    if (this.#closed && this.#members.every(({ alive }) => alive)) return;
    const sockets = this.#host.capturingOn(this.#source.ifindex);
    if (sockets === undefined) this.#isBlind = true;
    const ours = new Set(this.#members.map(({ inode }) => inode));
    for (const inode of sockets ?? []) if (!ours.has(inode)) this.#suspects.add(inode);
  }

  /** Programs that may have been in the group unseen. A list of groups, whenever there was one, says more. */
  get outsiders(): Outsiders | undefined {
    if (this.#hasLooked) return undefined;
    if (this.#isBlind) return { kind: 'unknown' };
    if (this.#suspects.size === 0) return undefined;
    const owners = this.#host.ownersOf([...this.#suspects]);
    return owners.length === 0 ? { kind: 'ended' } : { kind: 'capturing', owners: owners.slice(0, SUSPECTS_NAMED) };
  }

  /** With the flag DEFRAG all groups of a namespace that have it share one queue for fragments, and who gets a datagram is anybody's guess. */
  #checkNeighbours(groups: readonly FanoutGroup[]): void {
    if (!this.#options.flags.includes('defrag') || this.#source.info.kind !== 'live') return;
    const others = groups.filter(({ id }) => !this.#ownGroups.has(id));
    const known = this.#neighbours;
    this.#neighbours = new Set(others.map(({ id }) => id));
    const fresh = others.find(({ id }) => known?.has(id) === false);
    if (fresh === undefined || this.#disturbances.has('other-group')) return;
    const owners = this.#host.ownersOf(fresh.inodes);
    this.#disturb(finding('other-group', { groupId: fresh.id, mode: fresh.mode, owners }));
  }

  #onJoinedBy(inodes: readonly number[]): string {
    const owners = this.#host.ownersOf(inodes);
    const joined = this.#disturb(finding('foreign-member', { groupId: this.#groupId, owners }));
    return say(joined).message;
  }

  /**
   * New flows are told within 10 ms, counters ten times a second: told side by side they would be of different moments, and there would be more flows
   * than packets. So flows are told as of the moment of the oldest counters.
   */
  #report(now: number): void {
    const members = this.#members;
    // Before all have counted once, the flows of that moment are none, beside packets of those that have.
    if (members.some(({ alive, countedAtMs }) => alive && countedAtMs < this.#capturingSinceMs)) return;
    const countedMs = Math.min(now, ...members.filter((m) => m.alive).map((m) => m.countedAtMs));
    const last = this.#moments.findLastIndex(({ atMs }) => atMs <= countedMs);
    if (last > 0) this.#moments.splice(0, last);
    const flows = last < 0 ? 0 : (this.#moments[0]?.flows ?? 0);
    const packets = members.reduce((sum, m) => sum + m.counters.packets, 0);
    this.#measureRate(now, packets);
    const { twoWayFlows } = this.#options.limits;
    this.#io.onProgress({
      phase: 'capturing',
      elapsedMs: now - this.#begunMs,
      packets,
      ...(this.#rate.perSecond === undefined ? {} : { packetsPerSecond: this.#rate.perSecond }),
      flows,
      ...(twoWayFlows === undefined ? {} : { flowGoal: twoWayFlows }),
      perMemberPackets: members.map((m) => m.counters.packets),
      drops: members.reduce((sum, m) => sum + m.counters.drops, 0),
    });
  }

  #measureRate(now: number, packets: number): void {
    const { since, perSecond } = this.#rate;
    if (since === undefined) this.#rate = { since: { packets, atMs: now }, perSecond };
    else if (now - since.atMs >= RATE_MS)
      this.#rate = { since: { packets, atMs: now }, perSecond: ((packets - since.packets) * 1000) / (now - since.atMs) };
  }

  #captured(): number {
    return this.#members.reduce((sum, m) => sum + m.counters.captured, 0);
  }

  /** Packets that have come as far as a member, lost ones included. */
  #delivered(): number {
    return this.#members.reduce((sum, m) => sum + m.counters.packets + m.counters.drops, 0);
  }
}
