/**
 * The group of workers as one thing: forks them, brings all through the same steps, takes in what they tell, notices who is lost.
 * The steps follow the race-free start: no packet is judged under a membership that is still growing.
 */
import type { Socket } from 'node:net';
import { FanoutError } from '../errors.ts';
import { FANOUT_MODES } from '../model/fanout.ts';
import type { CaptureCounters, CaptureOptions, FlowMap, Membership } from '../native.ts';
import { decodeWorkerMessage, encodeFrame } from '../protocol/codec.ts';
import { Deframer, FrameError } from '../protocol/framing.ts';
import {
  type CollectorMessage,
  isObservations,
  MalformedMessage,
  PROTOCOL_VERSION,
  type SteeringProgram,
  type WorkerMessage,
} from '../protocol/schema.ts';
import { Member, type MemberState } from './member.ts';
import { listen, type WorkerServer } from './server.ts';
import { startError } from './start-errors.ts';
import { forkWorkers, type WorkerExit, type Workers } from './supervisor.ts';

export interface GroupRequest {
  readonly mode: keyof typeof FANOUT_MODES;
  /** PACKET_FANOUT_FLAG_* bits. */
  readonly flags: number;
  /** 0: the kernel chooses a free one. */
  readonly id: number;
  /** 0: the legacy limit of 256 members. */
  readonly membersMax: number;
  readonly program: SteeringProgram | null;
}

export interface ClusterEvents {
  /** A member that was capturing is gone or given up. Not called for the orderly end. */
  readonly onLost: (member: Member) => void;
  /** A member's socket reported that the interface went down or away. */
  readonly onLinkError: (member: Member) => void;
}

const UNIQUE_ID_FLAG = 0x2000;

export class Cluster {
  readonly members: readonly Member[];
  readonly #flowMap: FlowMap;
  readonly #events: ClusterEvents;
  readonly #interface: string;
  readonly #sockets = new Map<number, Socket>();
  readonly #waiters = new Set<() => void>();
  #server: WorkerServer | undefined;
  #workers: Workers | undefined;
  #startFailure: FanoutError | undefined;
  #lastJoined: Membership | undefined;
  #capture: ((member: Member) => CaptureOptions) | undefined;

  constructor(count: number, cpus: readonly (number | undefined)[], flowMap: FlowMap, interfaceName: string, events: ClusterEvents) {
    this.members = Array.from({ length: count }, (_, index) => new Member(index, cpus[index]));
    this.#flowMap = flowMap;
    this.#interface = interfaceName;
    this.#events = events;
  }

  /** Starts all processes. They boot while the caller prepares what they will be told. */
  async fork(): Promise<void> {
    this.#server = await listen((socket, pid) => this.#onPeer(socket, pid));
    this.#workers = await forkWorkers(this.members.length, this.#server.path, (exit) => this.#onExit(exit));
    this.#workers.pids.forEach((pid, index) => {
      const member = this.members[index];
      if (member !== undefined) member.pid = pid;
    });
  }

  /** Opens all sockets, of processes forked now if they were not before; each joins as soon as the one before it has, so that member i is the kernel's slot i. */
  async join(capture: (member: Member) => CaptureOptions, group: GroupRequest, timeoutMs: number): Promise<Membership> {
    if (this.#workers === undefined) await this.fork();
    this.#capture = capture;
    for (const member of this.members) if (member.state === 'connected') this.#open(member);
    const deadline = performance.now() + timeoutMs;
    let id = group.id;
    for (const member of this.members) {
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
    // All are connected: from here on nothing of this run is in the file system, whatever ends it.
    this.#server?.close();
    if (this.#lastJoined === undefined) throw new TypeError('no member joined');
    return this.#lastJoined;
  }

  async #joinOne(member: Member, group: GroupRequest, unique: boolean, deadline: number): Promise<void> {
    const flags = group.flags | (unique ? UNIQUE_ID_FLAG : 0);
    const program = member.index === 0 ? group.program : null;
    this.#send(member, { kind: 'join', groupId: group.id, mode: FANOUT_MODES[group.mode], flags, membersMax: group.membersMax, program });
    await this.#until(() => member.state === 'joined', deadline, 'join the group', member);
  }

  /** Opens all filters. When this returns, every packet that arrives is delivered under the full membership. */
  async arm(timeoutMs: number): Promise<void> {
    this.broadcast({ kind: 'arm' });
    await this.#until(() => this.members.every((m) => m.state === 'armed'), performance.now() + timeoutMs, 'arm');
  }

  start(startNs: bigint): void {
    for (const member of this.members) {
      member.become('capturing');
      member.aliveNs = startNs;
      member.heardAtMs = performance.now();
    }
    this.broadcast({ kind: 'start', startNs, epoch: 0 });
  }

  broadcast(message: CollectorMessage): void {
    const bytes = encodeFrame(message);
    for (const member of this.members) if (member.alive) this.#sockets.get(member.index)?.write(bytes);
  }

  /** Shuts all rings and waits until each member has told everything, or is lost. */
  async finish(timeoutMs: number): Promise<void> {
    for (const member of this.members) if (member.state === 'capturing') member.become('finishing');
    this.broadcast({ kind: 'finish' });
    const settled = (): boolean => this.members.every((m) => m.state !== 'finishing');
    await this.#waitFor(settled, performance.now() + timeoutMs);
    for (const member of this.members) if (member.state === 'finishing') this.#lose(member, `did not finish within ${timeoutMs} ms`);
  }

  /** Gives up a member that lies or does not answer. */
  abandon(member: Member, why: string): void {
    if (member.alive) this.#lose(member, why);
  }

  /** Ends all processes, whatever state they are in, and waits for the last one. Safe to call at any time, also twice. */
  async close(): Promise<void> {
    this.#server?.close();
    this.broadcast({ kind: 'leave' });
    const graceMs = 1000;
    await this.#workers?.ended(graceMs);
    for (const socket of this.#sockets.values()) socket.destroy();
  }

  /** Resolves when `condition` holds after something was heard, or at the deadline (performance.now()); says which. */
  #waitFor(condition: () => boolean, deadline: number): Promise<boolean> {
    if (condition()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const settle = (held: boolean): void => {
        clearTimeout(timer);
        this.#waiters.delete(check);
        resolve(held);
      };
      const check = (): void => {
        if (this.#startFailure !== undefined || condition()) settle(true);
      };
      const timer = setTimeout(() => settle(false), Math.max(0, deadline - performance.now()));
      this.#waiters.add(check);
    });
  }

  async #until(condition: () => boolean, deadline: number, step: string, member?: Member): Promise<void> {
    const held = await this.#waitFor(condition, deadline);
    if (this.#startFailure !== undefined) throw this.#startFailure;
    if (held) return;
    const who = member ?? this.members.find((m) => m.alive && m.state !== 'armed');
    throw new FanoutError(
      'WORKER_FAILED',
      `worker ${who?.index} (pid ${who?.pid}) did not ${step} in time; it is ${who?.state}`,
      'the host may be overloaded or short of memory: try fewer --procs or a longer --start-timeout',
    );
  }

  #heard(): void {
    for (const check of [...this.#waiters]) check();
  }

  // A worker that is ready before the run knows what to capture waits for its turn in join().
  #open(member: Member): void {
    if (this.#capture !== undefined) this.#send(member, { kind: 'open', capture: this.#capture(member) });
  }

  #send(member: Member, message: CollectorMessage): void {
    this.#sockets.get(member.index)?.write(encodeFrame(message));
  }

  // ---- what comes in

  #onPeer(socket: Socket, pid: number): void {
    // The kernel says who is at the other end; only a process forked here, once, is let in.
    const index = this.#workers?.pids.indexOf(pid) ?? -1;
    const member = this.members[index];
    if (member === undefined || this.#sockets.has(index)) {
      socket.destroy();
      return;
    }
    this.#sockets.set(index, socket);
    const deframer = new Deframer();
    const onMessage = (bytes: Buffer): void => this.#onBytes(member, bytes);
    socket.on('data', (chunk: Buffer) => {
      member.heardAtMs = performance.now();
      if (!member.alive) return;
      try {
        deframer.push(chunk, onMessage);
      } catch (error) {
        if (!(error instanceof MalformedMessage || error instanceof FrameError)) throw error;
        this.#lose(member, `sent a malformed message: ${error.message}`);
      }
    });
    // The process's exit tells more than its socket; the error is the same event seen from here.
    socket.on('error', () => {});
  }

  #onBytes(member: Member, bytes: Buffer): void {
    if (!member.alive) return;
    if (isObservations(bytes)) {
      const taken = this.#flowMap.ingest(bytes, member.index);
      if (taken < 0) throw new MalformedMessage(`observations, at byte ${-1 - taken}`);
      return;
    }
    this.#onMessage(member, decodeWorkerMessage(bytes));
    this.#heard();
  }

  #onMessage(member: Member, message: WorkerMessage): void {
    switch (message.kind) {
      case 'hello':
        if (message.version !== PROTOCOL_VERSION || message.member !== member.index || message.pid !== member.pid)
          throw new MalformedMessage(`hello of member ${message.member}, pid ${message.pid}, protocol ${message.version}`);
        this.#advance(member, 'connected', message.kind);
        return this.#open(member);
      case 'opened':
        member.inode = message.inode;
        return this.#advance(member, 'opened', message.kind);
      case 'joined':
        this.#lastJoined = message;
        return this.#advance(member, 'joined', message.kind);
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

  #onCounters(member: Member, counters: CaptureCounters): void {
    const linkErrors = member.counters.linkErrors;
    member.counters = counters;
    if (counters.linkErrors > linkErrors) this.#events.onLinkError(member);
    else member.aliveNs = counters.aliveNs;
    if (counters.finished) this.#advance(member, 'finished', 'counters');
  }

  #onFailed(member: Member, failure: Extract<WorkerMessage, { kind: 'failed' }>): void {
    if (member.state === 'capturing' || member.state === 'finishing')
      return this.#lose(member, `${failure.step} failed: ${failure.message}`);
    this.#startFailure = startError(failure, member, this.#interface);
  }

  #onExit(exit: WorkerExit): void {
    const member = this.members[exit.index];
    if (member === undefined || !member.alive) return;
    if (member.state === 'finished' && exit.orderly) {
      member.end = 'gone';
      member.become('gone');
      return this.#heard();
    }
    this.#lose(member, exit.end);
  }

  #lose(member: Member, why: string): void {
    const before = member.state;
    member.end = `lost while ${before}: ${why}`;
    member.become('lost');
    this.#workers?.kill(member.index);
    if (before === 'capturing' || before === 'finishing') this.#events.onLost(member);
    else if (before !== 'finished')
      this.#startFailure ??= new FanoutError(
        'WORKER_FAILED',
        `worker ${member.index} (pid ${member.pid}) ended while ${before}: ${why}`,
        'see the reason above; a signal SIGKILL usually comes from the out-of-memory killer: try fewer --procs or a smaller --ring-size',
      );
    this.#heard();
  }
}
