/** A simulated worker process: one connection and one capture for each group, and all the ways in which it can end. */

import type { CaptureCounters } from '../../src/addon/capture.ts';
import { native } from '../../src/addon/native.ts';
import type { Connection, Enlisted } from '../../src/collector/processes/crew.ts';
import { Deframer, frame } from '../../src/protocol/framing.ts';
import {
  type CollectorMessage,
  PROTOCOL_VERSION,
  packWorkerMessage,
  parseCollectorMessage,
  type WorkerMessage,
} from '../../src/protocol/schema.ts';
import { SimulatedCapture } from './capture.ts';
import type { SimulatedClock } from './clock.ts';
import type { Dice } from './dice.ts';
import type { Kernel, PacketSocket } from './kernel.ts';
import { Pipe } from './pipe.ts';

/** How fast a process and its way to the collector are. */
export interface Pace {
  readonly dice: () => Dice;
  /** Between two ends of a connection. */
  readonly messageNs: () => number;
  /** Until a thread of it runs that has something to do. */
  readonly wakeNs: () => number;
  /** Until the collector hears of its end. */
  readonly noticeNs: () => number;
}

export interface Process {
  readonly index: number;
  readonly pid: number;
  readonly clock: SimulatedClock;
  readonly kernel: Kernel;
  readonly pace: Pace;
  readonly ringPackets: number;
  readonly changesIntervalNs: number;
  readonly isChoked: () => boolean;
  readonly trace: (what: string) => void;
  /** The first time that a worker hears of an epoch. */
  readonly onEpoch: (lane: number, epoch: number) => void;
  readonly onDefect: (error: unknown) => void;
  readonly onExit: (end: string, isOrderly: boolean) => void;
}

/** CPU time that a worker takes for a packet, by the process's own account. */
export const PACKET_CPU_NS = 700;

type State = 'booting' | 'running' | 'stopped' | 'dying' | 'ended';

export class SimulatedProcess {
  readonly #process: Process;
  readonly members: SimulatedMember[] = [];
  #state: State = 'booting';
  #resumed: (() => void)[] = [];
  #left = 0;
  /** When its end was told. */
  endedNs = Number.POSITIVE_INFINITY;

  constructor(process: Process) {
    this.#process = process;
  }

  get state(): State {
    return this.#state;
  }

  get index(): number {
    return this.#process.index;
  }

  /** All its members together. */
  get cpuNs(): number {
    return this.members.reduce((sum, { captured }) => sum + captured * PACKET_CPU_NS, 0);
  }

  get hasEnded(): boolean {
    return this.#state === 'ended';
  }

  get isDead(): boolean {
    return this.#state === 'dying' || this.#state === 'ended';
  }

  boot(groups: readonly Enlisted[]): void {
    const { clock, pace } = this.#process;
    clock.in(pace.wakeNs() + pace.messageNs(), () =>
      this.whenRunning(() => {
        if (this.isDead) return;
        this.#state = 'running';
        groups.forEach((group, lane) => {
          this.members.push(new SimulatedMember(this, this.#process, group, lane));
        });
      }),
    );
  }

  readonly whenRunning = (act: () => void): void => {
    if (this.#state === 'stopped') this.#resumed.push(act);
    else if (!this.isDead) act();
  };

  /** SIGSTOP */
  stop(): void {
    if (this.#state === 'running') this.#state = 'stopped';
  }

  /** SIGCONT */
  resume(): void {
    if (this.#state !== 'stopped') return;
    this.#state = 'running';
    for (const act of this.#resumed.splice(0)) this.whenRunning(act);
  }

  leave(): void {
    this.#left += 1;
    if (this.#left === this.members.length) this.die('exit status 0', true, 0);
  }

  /**
   * It does nothing any more; its sockets are closed, and its end is told, when the kernel has taken it apart.
   * @param keptShare of what it had not handed to the kernel yet, so much is told
   */
  die(end: string, isOrderly: boolean, lingerNs: number, keptShare = 1): void {
    if (this.isDead) return;
    this.#state = 'dying';
    this.#resumed = [];
    const { clock, pace, trace, onExit } = this.#process;
    trace(`process ${this.index} ends: ${end}`);
    for (const member of this.members) member.end();
    clock.in(lingerNs, () => {
      for (const member of this.members) member.close(keptShare);
      // The kernel waits for readers of the group before close(2) returns (synchronize_net), and tells the parent after that.
      const readersNs = 4_000_000;
      clock.tell(clock.nowNs + readersNs + pace.noticeNs(), () => {
        this.#state = 'ended';
        this.endedNs = clock.nowNs;
        onExit(end, isOrderly);
      });
    });
  }
}

/** One group's member in a process, and its connection. */
export class SimulatedMember {
  readonly #owner: SimulatedProcess;
  readonly #process: Process;
  readonly #lane: number;
  readonly #toCollector: Pipe;
  readonly connection: SimulatedConnection;
  #socket: PacketSocket | undefined;
  #capture: SimulatedCapture | undefined;
  #lastBatch: Buffer | undefined;
  #madeUp = 0;
  /** When it had told everything. */
  finishedNs: number | undefined;

  constructor(owner: SimulatedProcess, process: Process, group: Enlisted, lane: number) {
    this.#owner = owner;
    this.#lane = lane;
    this.#process = process;
    const { clock, pace } = process;
    const deframer = new Deframer();
    const onFrame = (bytes: Buffer): void => {
      try {
        this.#obey(parseCollectorMessage(native.decodeMessage(bytes)));
      } catch (error) {
        // An honest worker that does not understand its collector.
        process.onDefect(error);
        owner.die('exit status 1', false, 0);
      }
    };
    this.connection = new SimulatedConnection({
      clock,
      delayNs: pace.messageNs,
      onBytes: (bytes) => owner.whenRunning(() => deframer.push(bytes, onFrame)),
      // A worker whose collector is gone ends by itself.
      onDestroyed: () => owner.whenRunning(() => owner.die('exit status 0', true, 0)),
    });
    const { connection } = this;
    this.#toCollector = new Pipe({ clock, dice: pace.dice, delayNs: pace.messageNs, onBytes: (chunk) => connection.receive(chunk) });
    clock.tell(clock.nowNs + pace.messageNs(), () => {
      if (!owner.isDead) group.onConnected(process.index, connection);
    });
    this.say({ kind: 'hello', version: PROTOCOL_VERSION, member: process.index, pid: process.pid });
  }

  get socket(): PacketSocket | undefined {
    return this.#socket;
  }

  get epoch(): number {
    return this.#capture?.epoch ?? 0;
  }

  get captured(): number {
    return this.#capture?.captured ?? 0;
  }

  say(message: WorkerMessage): void {
    this.write(frame(native.encodeMessage(packWorkerMessage(message))));
  }

  write(bytes: Buffer): void {
    this.#toCollector.write(bytes);
  }

  /** Closes its connection, and goes on. */
  hangUp(): void {
    this.#toCollector.end(1, () => this.connection.close());
  }

  // ---- lies that every single message hides

  /** False if there was nothing to repeat. */
  repeatBatch(): boolean {
    if (this.#lastBatch === undefined) return false;
    this.write(this.#lastBatch);
    return true;
  }

  exaggerate(): void {
    this.#madeUp = 3;
  }

  #embellished(counters: CaptureCounters): CaptureCounters {
    const { packets, captured, judged } = counters;
    const more = this.#madeUp;
    return more === 0 ? counters : { ...counters, packets: packets + more, captured: captured + more, judged: judged + more };
  }

  #obey(message: CollectorMessage): void {
    const { clock, kernel, index, ringPackets, pace } = this.#process;
    switch (message.kind) {
      case 'open': {
        if (this.#socket !== undefined) kernel.close(this.#socket);
        const { capture: options } = message;
        const socket = kernel.open(index, ringPackets, options.blockTimeoutMs);
        this.#socket = socket;
        if (options.eager) kernel.bind(socket);
        this.#capture = new SimulatedCapture({
          clock,
          socket,
          options,
          changesIntervalNs: this.#process.changesIntervalNs,
          latencyNs: pace.wakeNs,
          whenRunning: this.#owner.whenRunning,
          tellObservations: (epoch, observations) => {
            this.#lastBatch = frame(native.encodeObservations(index, epoch, observations));
            this.write(this.#lastBatch);
          },
          tellCounters: (counters) => {
            if (counters.finished) this.finishedNs = clock.nowNs;
            this.say({ kind: 'counters', counters: this.#embellished(counters) });
          },
          isChoked: this.#process.isChoked,
          cpuNs: () => this.#owner.cpuNs,
        });
        return this.say({ kind: 'opened', inode: socket.inode });
      }
      case 'join':
        return this.#join(message);
      case 'arm':
        this.#opened().capture.arm();
        return this.say({ kind: 'armed' });
      case 'start':
        return this.#opened().capture.start(message.startNs, message.epoch);
      case 'epoch':
        this.#process.onEpoch(this.#lane, message.epoch);
        return this.#opened().capture.beginEpoch(message.epoch, message.fromNs);
      case 'finish':
        return this.#opened().capture.finish(message.untilNs);
      case 'leave':
        return this.#owner.leave();
    }
  }

  #join({ groupId, mode, flags, membersMax }: Extract<CollectorMessage, { kind: 'join' }>): void {
    const UNIQUE_ID = 0x2000;
    const { kernel } = this.#process;
    const id = kernel.join(
      this.#opened().socket,
      this.#lane,
      (flags & UNIQUE_ID) !== 0 ? 0 : groupId,
      mode,
      flags & ~UNIQUE_ID,
      membersMax,
    );
    if (id >= 0) return this.say({ kind: 'joined', groupId: id, mode, flags: flags & ~UNIQUE_ID });
    this.say({ kind: 'failed', step: 'join', call: 'setsockopt(PACKET_FANOUT)', errno: -id, message: 'refused' });
  }

  #opened(): { readonly socket: PacketSocket; readonly capture: SimulatedCapture } {
    if (this.#socket === undefined || this.#capture === undefined) throw new TypeError('the collector sent a message before `open`');
    return { socket: this.#socket, capture: this.#capture };
  }

  /** Does nothing any more, and keeps its share of the packets. */
  end(): void {
    this.#capture?.end();
  }

  close(keptShare: number): void {
    if (this.#socket !== undefined) this.#process.kernel.close(this.#socket);
    this.#toCollector.end(keptShare, () => this.connection.close());
  }
}

interface ConnectionParts {
  readonly clock: SimulatedClock;
  readonly delayNs: () => number;
  readonly onBytes: (bytes: Buffer) => void;
  readonly onDestroyed: () => void;
}

/** The collector's end. */
export class SimulatedConnection implements Connection {
  readonly #parts: ConnectionParts;
  #onData: ((chunk: Buffer) => void) | undefined;
  #onClose: (() => void) | undefined;
  #early: Buffer[] = [];
  #dueNs = 0;
  isDestroyed = false;
  isClosed = false;

  constructor(parts: ConnectionParts) {
    this.#parts = parts;
  }

  /** The collector has it. */
  get isTaken(): boolean {
    return this.#onData !== undefined;
  }

  onData(callback: (chunk: Buffer) => void): void {
    this.#onData = callback;
    for (const chunk of this.#early.splice(0)) callback(chunk);
  }

  onClose(callback: () => void): void {
    this.#onClose = callback;
  }

  write(bytes: Uint8Array): void {
    if (this.isDestroyed || this.isClosed) return;
    const { clock, delayNs, onBytes } = this.#parts;
    this.#dueNs = Math.max(this.#dueNs, clock.nowNs + delayNs());
    clock.at(this.#dueNs, () => onBytes(Buffer.from(bytes)));
  }

  destroy(): void {
    if (this.isDestroyed) return;
    this.isDestroyed = true;
    const { clock, delayNs, onDestroyed } = this.#parts;
    clock.in(delayNs(), onDestroyed);
    clock.tell(clock.nowNs, () => this.close());
  }

  receive(chunk: Buffer): void {
    if (this.isDestroyed) return;
    if (this.#onData === undefined) this.#early.push(chunk);
    else this.#onData(chunk);
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.#onClose?.();
  }
}
