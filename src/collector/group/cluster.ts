/**
 * One fanout group as one thing: brings all its members through the same steps, takes in what they tell, notices who is lost.
 * The steps follow the race-free start: no packet is judged under a membership that is still growing.
 */

import type { CaptureCounters, CaptureOptions, Membership } from '../../addon/capture.ts';
import type { FlowMap } from '../../addon/flow-map.ts';
import { FanoutError } from '../../errors.ts';
import { type FanoutMode, fanoutModeValue } from '../../model/fanout.ts';
import { encodeFrame } from '../../protocol/codec.ts';
import { type CollectorMessage, PROTOCOL_VERSION, type SteeringProgram, type WorkerMessage } from '../../protocol/schema.ts';
import { MalformedMessage } from '../../protocol/values.ts';
import { WorkerStream, type WorkerWord } from '../../protocol/worker-stream.ts';
import type { Connection, Crew, Equipment } from '../processes/crew.ts';
import type { WorkerExit } from '../processes/supervisor.ts';
import type { CallOff, Clock } from './clock.ts';
import { Deadline } from './deadline.ts';
import { Member, type MemberState } from './member.ts';
import type { Program } from './program.ts';
import { lostAtStart, startError } from './start-errors.ts';

export interface GroupRequest {
  readonly mode: FanoutMode;
  /** PACKET_FANOUT_FLAG_* bits. */
  readonly flags: number;
  /** 0: the kernel chooses a free one. */
  readonly id: number;
  /** 0: the legacy limit of 256 members. */
  readonly membersMax: number;
  readonly program: Program | null;
}

export interface ClusterEvents {
  /** A member that was capturing is gone or given up, and so is what it would have told. Not called for the orderly end. */
  readonly onLost: (member: Member) => void;
  /** The process of a lost member has ended: from here on the kernel steers by a smaller group. */
  readonly onDeparted: (member: Member) => void;
  /** A member's socket reported that the interface went down or away. */
  readonly onLinkError: (member: Member) => void;
}

const UNIQUE_ID_FLAG = 0x2000;
/** Between the end of a connection and the end of its process. */
const HANG_UP_MS = 1000;
/** Processes that have not left by then are killed. */
const LEAVE_MS = 1000;
/** Of what a peer wrote, so much goes into an error message. */
const QUOTE_MAX = 500;

export interface ClusterParts {
  readonly crew: Crew;
  /** To which the member in process i is pinned. */
  readonly cpus: readonly (number | undefined)[];
  /** Takes in what members tell of flows. */
  readonly flowMap: FlowMap;
  readonly interface: string;
  readonly events: ClusterEvents;
  readonly clock: Clock;
}

/** What a member is to capture; the socket is the cluster's affair. */
export type CaptureOf = (member: Member) => Omit<CaptureOptions, 'socket'>;

export class Cluster {
  readonly #members: Member[];
  readonly #crew: Crew;
  readonly #flowMap: FlowMap;
  readonly #events: ClusterEvents;
  readonly #interface: string;
  readonly #clock: Clock;
  readonly #connections = new Map<number, Connection>();
  readonly #hangUps: CallOff[] = [];
  readonly #waiters = new Set<() => void>();
  /** Lost after the start, but the process may still be there. */
  readonly #departing = new Set<number>();
  #asked: { readonly member: Member; readonly groupId: number; readonly mode: number } | undefined;
  #opensInTurn = false;
  #epoch = 0;
  /** All members were told to leave. */
  #isLeaving = false;
  #startNs = 0n;
  /** Why members did not come as far as capturing, the first one first. */
  readonly #failures = new Map<Member, FanoutError>();
  /** All members capture, or did: what happens to one is no failure of the start any more. */
  #isStarted = false;
  #lastJoined: Membership | undefined;
  readonly #equipment: Equipment;
  #capture: CaptureOf | undefined;

  constructor({ crew, cpus, flowMap, interface: interfaceName, events, clock }: ClusterParts) {
    this.#crew = crew;
    this.#members = Array.from({ length: crew.size }, (_, index) => new Member(index, cpus[index]));
    this.#flowMap = flowMap;
    this.#interface = interfaceName;
    this.#events = events;
    this.#clock = clock;
    this.#equipment = crew.enlist({
      onForked: (index, pid) => this.#onForked(index, pid),
      onConnected: (index, connection) => this.#onConnected(index, connection),
      onExit: (exit) => this.#onExit(exit),
    });
  }

  get members(): readonly Member[] {
    return this.#members;
  }

  /** Of the group that members have joined; undefined while none has. */
  get groupId(): number | undefined {
    return this.#lastJoined?.groupId;
  }

  /** From now on each socket is opened when the one before it is there: then the kernel keeps them in the order of the members. */
  openInTurn(): void {
    this.#opensInTurn = true;
  }

  /** Opens all sockets, of processes forked now if they were not before; each joins as soon as the one before it has, so that member i is the kernel's slot i. */
  async join(capture: CaptureOf, group: GroupRequest, timeoutMs: number): Promise<Membership> {
    await this.#crew.fork();
    this.#capture = capture;
    if (!this.#opensInTurn) for (const member of this.members) if (member.state === 'connected') this.#open(member);
    const deadline = new Deadline(this.#clock, timeoutMs);
    let id = group.id;
    for (const member of this.members) {
      if (this.#opensInTurn) await this.#openAlone(member, deadline);
      await this.#until(() => member.state === 'opened', deadline, 'open its socket', member);
      const first = member.index === 0;
      for (;;) {
        const unique = first && group.id === 0;
        await this.#joinOne(member, { ...group, id: unique ? 0 : id }, unique, deadline);
        id = this.#lastJoined?.groupId ?? 0;
        if (id !== 0) break;
        // The kernel's counter may offer id 0, which getsockopt(2) cannot tell from "no group". Only closing leaves a group.
        member.become('connected');
        this.#open(member);
        await this.#until(() => member.state === 'opened', deadline, 'open its socket again', member);
      }
    }
    if (this.#lastJoined === undefined) throw new TypeError('no member joined');
    return this.#lastJoined;
  }

  /** Until all processes have connected, if somebody wants to wait for that before they join. */
  async connected(timeoutMs: number): Promise<void> {
    await this.#until(() => this.members.every((m) => m.state === 'connected'), new Deadline(this.#clock, timeoutMs), 'connect');
  }

  /** Until the first process has its socket, if somebody wants to know of it before all have joined. */
  async firstOpened(timeoutMs: number): Promise<void> {
    const [first] = this.members;
    const isOpened = (): boolean => first !== undefined && first.state !== 'starting' && first.state !== 'connected';
    await this.#until(isOpened, new Deadline(this.#clock, timeoutMs), 'open its socket', first);
  }

  async #openAlone(member: Member, deadline: Deadline): Promise<void> {
    await this.#until(() => member.state === 'connected', deadline, 'connect', member);
    this.#open(member);
  }

  /** A process more. Its member comes last in a group that captures; resolves when it does too. */
  async add(group: GroupRequest, timeoutMs: number): Promise<Member> {
    const joined = this.#lastJoined;
    if (joined === undefined) throw new TypeError('there is no group to add to');
    const member = new Member(this.#members.length, undefined);
    // Whatever becomes of it, until now the group was without it.
    member.aliveNs = this.#clock.realtimeNs();
    this.#members.push(member);
    try {
      await this.#crew.add();
      await this.#bringIn(member, group, joined.groupId, new Deadline(this.#clock, timeoutMs));
    } catch (error) {
      // It may be in the group already, or get there at any time: only its end makes that certain.
      this.abandon(member, (error as Error).message);
      throw error;
    }
    return member;
  }

  async #bringIn(member: Member, group: GroupRequest, groupId: number, deadline: Deadline): Promise<void> {
    if (this.#opensInTurn) await this.#openAlone(member, deadline);
    await this.#until(() => member.state === 'opened', deadline, 'open its socket', member);
    // Its share of the packets is lost from the join on until its filter opens: both in one go.
    const mode = fanoutModeValue(group.mode);
    this.#asked = { member, groupId, mode };
    this.#send(member, { kind: 'join', groupId, mode, flags: group.flags, membersMax: group.membersMax, program: null });
    this.#send(member, { kind: 'arm' });
    await this.#until(() => member.state === 'armed', deadline, 'join the group', member);
    this.#begin(member);
  }

  #begin(member: Member): void {
    member.become('capturing');
    member.aliveNs = this.#clock.realtimeNs();
    member.heardAtMs = this.#clock.nowMs();
    this.#send(member, { kind: 'start', startNs: this.#startNs, epoch: this.#epoch });
  }

  async #joinOne(member: Member, group: GroupRequest, unique: boolean, deadline: Deadline): Promise<void> {
    const flags = group.flags | (unique ? UNIQUE_ID_FLAG : 0);
    const program = member.index === 0 ? this.#handed(member, group.program) : null;
    const mode = fanoutModeValue(group.mode);
    this.#asked = { member, groupId: group.id, mode };
    this.#send(member, { kind: 'join', groupId: group.id, mode, flags, membersMax: group.membersMax, program });
    await this.#until(() => member.state === 'joined', deadline, 'join the group', member);
  }

  /** As the worker knows it. */
  #handed(member: Member, program: Program | null): SteeringProgram | null {
    if (program?.kind !== 'ebpf') return program;
    this.#equipment.giveProgram(member.index);
    return { kind: 'ebpf', descriptor: this.#equipment.program };
  }

  /** Opens all filters. When this returns, every packet that arrives is delivered under the full membership. */
  async arm(timeoutMs: number): Promise<void> {
    this.#broadcast({ kind: 'arm' }, ({ state }) => state === 'joined');
    await this.#until(() => this.members.every((m) => m.state === 'armed'), new Deadline(this.#clock, timeoutMs), 'arm');
  }

  start(startNs: bigint): void {
    this.#startNs = startNs;
    this.#isStarted = true;
    for (const member of this.members) {
      this.#begin(member);
      member.aliveNs = startNs;
    }
  }

  /** Begins a new epoch. A member that is still being added hears of it with its start. */
  beginEpoch(epoch: number, fromNs: bigint): void {
    this.#epoch = epoch;
    this.#broadcast({ kind: 'epoch', epoch, fromNs }, isReporting);
  }

  #broadcast(message: CollectorMessage, isAddressed: (member: Member) => boolean): void {
    const bytes = encodeFrame(message);
    for (const member of this.members) if (member.alive && isAddressed(member)) this.#connections.get(member.index)?.write(bytes);
  }

  /**
   * Shuts all rings and waits until each member has told everything, or is lost.
   * @param untilNs packets stamped later do not count; 0: as soon as each member hears of it
   */
  async finish(timeoutMs: number, untilNs = 0n): Promise<void> {
    for (const member of this.members) if (member.state === 'capturing') member.become('finishing');
    this.#broadcast({ kind: 'finish', untilNs }, ({ state }) => state === 'finishing');
    const settled = (): boolean => this.members.every((m) => m.state !== 'finishing');
    await this.#waitFor(settled, new Deadline(this.#clock, timeoutMs));
    for (const member of this.members) if (member.state === 'finishing') this.#lose(member, `did not finish within ${timeoutMs} ms`);
  }

  /** Gives up a member that lies or does not answer. */
  abandon(member: Member, why: string): void {
    if (member.alive) this.#lose(member, why);
  }

  /**
   * Has all members leave, whatever state they are in, and waits for the end of their processes: that is when the last group of a process has
   * said so. Safe to call at any time, also twice.
   */
  async close(): Promise<void> {
    await this.#crew.shut();
    this.#isLeaving = true;
    this.#broadcast({ kind: 'leave' }, () => true);
    // Those that have not said a word hold nothing, and would hear it only when they have booted.
    for (const { index, state } of this.members) if (state === 'starting') this.#crew.kill(index);
    const forgoKill = this.#clock.after(LEAVE_MS, () => {
      for (const { index } of this.members) this.#crew.kill(index);
    });
    await this.#crew.ended();
    forgoKill();
    for (const connection of this.#connections.values()) connection.destroy();
    for (const callOff of this.#hangUps) callOff();
  }

  /** Resolves when `condition` holds, or at the deadline; says which. */
  #waitFor(condition: () => boolean, deadline: Deadline): Promise<boolean> {
    if (condition()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const settle = (held: boolean): void => {
        callOff();
        this.#waiters.delete(check);
        resolve(held);
      };
      const check = (): void => {
        if (condition()) settle(true);
      };
      const callOff = deadline.onExpiry(() => settle(false));
      this.#waiters.add(check);
    });
  }

  /** @param member the one that has to come so far; none: all. At the start the failure of any of them is that of all. */
  async #until(condition: () => boolean, deadline: Deadline, step: string, member?: Member): Promise<void> {
    const failure = (): FanoutError | undefined =>
      member !== undefined && this.#isStarted ? this.#failures.get(member) : this.#failures.values().next().value;
    const held = await this.#waitFor(() => failure() !== undefined || condition(), deadline);
    const failed = failure();
    if (failed !== undefined) throw failed;
    if (held) return;
    const who = member ?? this.members.find((m) => m.alive && m.state !== 'armed');
    throw new FanoutError(
      'WORKER_FAILED',
      `worker ${who?.index} (pid ${who?.pid}) did not ${step} in time; it is ${who?.state}`,
      'the host may be overloaded or short of memory: try fewer --procs or a longer --worker-timeout',
    );
  }

  #heard(): void {
    for (const check of [...this.#waiters]) check();
  }

  #open(member: Member): void {
    if (this.#capture === undefined) return;
    try {
      this.#equipment.giveSocket(member.index);
    } catch (error) {
      if (!(error instanceof FanoutError)) throw error;
      return this.#fail(member, error);
    }
    this.#send(member, { kind: 'open', capture: { ...this.#capture(member), socket: this.#equipment.socket } });
  }

  #send(member: Member, message: CollectorMessage): void {
    this.#connections.get(member.index)?.write(encodeFrame(message));
  }

  // ---- what comes in

  #onForked(index: number, pid: number): void {
    const member = this.#members[index];
    if (member !== undefined) member.pid = pid;
  }

  #onConnected(index: number, connection: Connection): void {
    const member = this.#members[index];
    if (member === undefined) throw new RangeError(`process ${index}`);
    this.#connections.set(index, connection);
    const stream = new WorkerStream((word) => this.#onWord(member, word));
    connection.onData((chunk) => {
      if (!member.alive) return;
      try {
        stream.push(chunk);
      } catch (error) {
        if (!(error instanceof MalformedMessage)) throw error;
        this.abandon(member, `sent a malformed message: ${error.message}`);
      }
    });
    // The process's exit tells more than its connection, and comes soon after.
    connection.onClose(() => {
      if (member.alive) this.#hangUps.push(this.#clock.after(HANG_UP_MS, () => this.abandon(member, 'closed its connection')));
    });
  }

  #onWord(member: Member, word: WorkerWord): void {
    // What comes after a lie is none of anybody's business.
    if (!member.alive) return;
    member.heardAtMs = this.#clock.nowMs();
    if (word.kind === 'observations') return this.#onObservations(member, word.bytes);
    this.#onMessage(member, word);
    this.#heard();
  }

  #onObservations(member: Member, bytes: Buffer): void {
    if (!isReporting(member)) throw new MalformedMessage(`observations while ${member.state}`);
    const taken = this.#flowMap.ingest(bytes, member.index, this.#epoch);
    if (taken < 0) throw new MalformedMessage(`observations, at byte ${-1 - taken}`);
  }

  #onMessage(member: Member, message: WorkerMessage): void {
    switch (message.kind) {
      case 'hello':
        if (message.version !== PROTOCOL_VERSION || message.member !== member.index || message.pid !== member.pid)
          throw new MalformedMessage(`hello of member ${message.member}, pid ${message.pid}, protocol ${message.version}`);
        this.#advance(member, 'connected', message.kind);
        // Before the run knows what to capture, it waits for its turn in join().
        if (!this.#opensInTurn) this.#open(member);
        return;
      case 'opened':
        member.inode = message.inode;
        return this.#advance(member, 'opened', message.kind);
      case 'joined':
        return this.#onJoined(member, message);
      case 'armed':
        return this.#advance(member, 'armed', message.kind);
      case 'counters':
        return this.#onCounters(member, message.counters);
      case 'failed':
        return this.#onFailed(member, message);
    }
  }

  #advance(member: Member, next: MemberState, kind: string): void {
    if (!member.may(next)) throw new MalformedMessage(`${kind} while ${member.state}`);
    member.become(next);
  }

  // The members after this one will be sent to the group that it names: it must be the one that was asked for.
  #onJoined(member: Member, { groupId, mode, flags }: Membership): void {
    const asked = this.#asked?.member === member ? this.#asked : undefined;
    const isAsked = asked?.mode === mode && (asked.groupId === 0 || asked.groupId === groupId);
    if (!isAsked) throw new MalformedMessage(`joined group ${groupId} in mode ${mode}, which nobody asked for`);
    this.#lastJoined = { groupId, mode, flags };
    this.#advance(member, 'joined', 'joined');
  }

  #onCounters(member: Member, counters: CaptureCounters): void {
    // Before anything of it is believed.
    if (!isReporting(member) || (counters.finished && !member.may('finished')))
      throw new MalformedMessage(`counters while ${member.state}`);
    if (counters.epoch > this.#epoch) throw new MalformedMessage(`counters of epoch ${counters.epoch}, and the latest is ${this.#epoch}`);
    const linkErrors = member.counters.linkErrors;
    member.counters = counters;
    member.countedAtMs = this.#clock.nowMs();
    if (counters.linkErrors > linkErrors) this.#events.onLinkError(member);
    else member.aliveNs = earlier(counters.aliveNs, this.#clock.realtimeNs());
    if (counters.finished) this.#advance(member, 'finished', 'counters');
  }

  #onFailed(member: Member, failure: Extract<WorkerMessage, { kind: 'failed' }>): void {
    const message = failure.message.slice(0, QUOTE_MAX);
    if (isStarting(member)) this.#fail(member, startError({ ...failure, message }, member, this.#interface));
    else this.#lose(member, `${failure.step.slice(0, QUOTE_MAX)} failed: ${message}`);
  }

  #onExit(exit: WorkerExit): void {
    const member = this.members[exit.index];
    if (member === undefined) return;
    // One that goes by itself moves flows to those that still read, however orderly.
    if (member.state === 'finished' && exit.orderly && this.#isLeaving) {
      member.end = 'gone';
      member.become('gone');
      return this.#heard();
    }
    if (member.alive) this.#lose(member, exit.end);
    if (this.#departing.delete(member.index)) this.#events.onDeparted(member);
  }

  #lose(member: Member, why: string): void {
    const before = member.state;
    const wasStarting = isStarting(member);
    member.end = `lost while ${before}: ${why}`;
    member.become('lost');
    this.#crew.kill(member.index);
    if (wasStarting) this.#fail(member, lostAtStart(member, before, why));
    if (this.#isStarted) {
      this.#departing.add(member.index);
      // One that has told everything counts too: while others still read, its end moves flows to them.
      this.#events.onLost(member);
    }
    this.#heard();
  }

  #fail(member: Member, error: FanoutError): void {
    if (!this.#failures.has(member)) this.#failures.set(member, error);
  }
}

function earlier(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}

function isReporting({ state }: Member): boolean {
  return state === 'capturing' || state === 'finishing';
}

function isStarting({ state }: Member): boolean {
  return state !== 'capturing' && state !== 'finishing' && state !== 'finished';
}
