/**
 * The processes of a run. Each holds one member of every group under test: groups do not take packets from one another, so several of them
 * can be tested on the same packets.
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { Socket } from 'node:net';
import { native } from '../../addon/native.ts';
import { isSystemCallError } from '../../errors.ts';
import { programPlace, socketPlace } from '../../worker-descriptors.ts';
import type { PacketSockets } from './packet-sockets.ts';
import { createWorkers, type WorkerExit, type Workers } from './supervisor.ts';
import type { WorkerProgram } from './worker-program.ts';

/** The collector's end of a worker's connection for one group. */
export interface Connection {
  onData(callback: (chunk: Buffer) => void): void;
  /** Whatever ended it. */
  onClose(callback: () => void): void;
  write(bytes: Uint8Array): void;
  destroy(): void;
}

/** A group whose members live in these processes. */
export interface Enlisted {
  /** Called once for each process. */
  readonly onForked: (index: number, pid: number) => void;
  readonly onConnected: (index: number, connection: Connection) => void;
  readonly onExit: (exit: WorkerExit) => void;
}

/** What the processes get for one group, each when it is to use it. What they are told refers to it by these numbers. */
export interface Equipment {
  readonly socket: number;
  readonly program: number;
  /** A packet socket that nobody else has: what another process held as well would stay in the group when this one has died. */
  giveSocket(index: number): void;
  /** What steers the group, if anything does. */
  giveProgram(index: number): void;
}

export interface Crew {
  readonly size: number;
  /** Every group must be known before the processes are. */
  enlist(group: Enlisted): Equipment;
  /** Starts all processes, once. They boot while the caller prepares what they will be told. */
  fork(): Promise<void>;
  /** One process more. */
  add(): Promise<void>;
  kill(index: number): void;
  /** /proc/PID/smaps_rollup of a process, which shows it in the lab only; undefined where it has not, or has ended. */
  memoryOf(index: number): string | undefined;
  /** Nobody is started any more. Whatever is being forked is known when this resolves, or it would be left behind. */
  shut(): Promise<void>;
  /** Resolves when all processes have ended. */
  ended(): Promise<void>;
}

export interface CrewOptions {
  readonly worker: WorkerProgram;
  readonly sockets: PacketSockets;
  /** Of each group what steers it, a descriptor in this process. */
  readonly programs?: readonly (number | undefined)[];
}

export class WorkerCrew implements Crew {
  readonly #options: CrewOptions;
  readonly #groups: Enlisted[] = [];
  /** Of each process, by which descriptors are sent to it. */
  readonly #channels = new Map<number, number>();
  /** Of each process that has been asked for, where its memory is told. */
  readonly #memories = new Map<number, number>();
  #size: number;
  #begun: Promise<void> | undefined;
  #workers: Workers | undefined;

  constructor(size: number, options: CrewOptions) {
    this.#size = size;
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }

  enlist(group: Enlisted): Equipment {
    if (this.#begun !== undefined) throw new TypeError('a group came after the fork');
    const groups = this.#groups;
    const number = groups.length;
    groups.push(group);
    return {
      // How many groups there are is known when all have been enlisted.
      get socket() {
        return socketPlace(number, groups.length);
      },
      get program() {
        return programPlace(number, groups.length);
      },
      giveSocket: (index) => this.#giveSocket(index, socketPlace(number, groups.length)),
      giveProgram: (index) => {
        const program = this.#options.programs?.[number];
        if (program !== undefined) this.#give(index, programPlace(number, groups.length), program);
      },
    };
  }

  fork(): Promise<void> {
    this.#begun ??= this.#fork();
    return this.#begun;
  }

  async #fork(): Promise<void> {
    this.#workers = createWorkers({
      groups: this.#groups.length,
      program: this.#options.worker,
      onExit: (exit) => this.#onExit(exit),
    });
    for (let index = 0; index < this.#size; index += 1) this.#startOne(this.#workers, index);
  }

  async add(): Promise<void> {
    if (this.#workers === undefined) throw new TypeError('the crew is not there yet');
    this.#size += 1;
    this.#startOne(this.#workers, this.#size - 1);
  }

  /** It is born with one end of each pair, and nobody else ever has that: no name leads to it. */
  #startOne(workers: Workers, index: number): void {
    const [ours, theirs]: [number[], number[]] = [[], []];
    const keepOneOf = ([own, other]: readonly [number, number]): void => {
      ours.push(own);
      theirs.push(other);
    };
    let pid: number;
    try {
      keepOneOf(native.messagePair());
      for (const _ of this.#groups) keepOneOf(native.streamPair());
      // Numbers that packet sockets will take: until then nothing that the worker opens may have them.
      for (const _ of this.#groups) theirs.push(openSync('/dev/null', 'r'));
      pid = workers.start(index, theirs);
    } catch (error) {
      for (const descriptor of ours) closeSync(descriptor);
      throw error;
    } finally {
      for (const descriptor of theirs) closeSync(descriptor);
    }
    const [channel, ...streams] = ours as [number, ...number[]];
    this.#channels.set(index, channel);
    this.#groups.forEach((group, number) => {
      group.onForked(index, pid);
      group.onConnected(index, connectionOver(streams[number] as number));
    });
  }

  #giveSocket(index: number, place: number): void {
    const socket = this.#options.sockets.take();
    try {
      this.#give(index, place, socket);
    } finally {
      closeSync(socket);
    }
  }

  #give(index: number, place: number, descriptor: number): void {
    const channel = this.#channels.get(index);
    if (channel === undefined) return;
    try {
      native.sendDescriptor(channel, place, descriptor);
    } catch (error) {
      // It has gone, and its end says so.
      if (!isSystemCallError(error)) throw error;
    }
  }

  #onExit(exit: WorkerExit): void {
    for (const descriptors of [this.#channels, this.#memories]) {
      const descriptor = descriptors.get(exit.index);
      descriptors.delete(exit.index);
      if (descriptor !== undefined) closeSync(descriptor);
    }
    for (const group of this.#groups) group.onExit(exit);
  }

  memoryOf(index: number): string | undefined {
    try {
      const memory = this.#memories.get(index) ?? native.receiveDescriptor(this.#channels.get(index) ?? -1).descriptor;
      this.#memories.set(index, memory);
      const text = Buffer.alloc(ROLLUP_BYTES_MAX);
      return text.toString('latin1', 0, readSync(memory, text, 0, text.length, 0));
    } catch {
      return undefined;
    }
  }

  kill(index: number): void {
    this.#workers?.kill(index);
  }

  async shut(): Promise<void> {
    await this.#begun?.catch(() => {});
  }

  async ended(): Promise<void> {
    await this.#workers?.ended();
  }
}

/** Some thirty short lines. */
const ROLLUP_BYTES_MAX = 4096;

function connectionOver(stream: number): Connection {
  const socket = new Socket({ fd: stream, readable: true, writable: true });
  // A close follows, and says as much.
  socket.on('error', () => {});
  return {
    onData: (callback) => void socket.on('data', callback),
    onClose: (callback) => void socket.on('close', callback),
    write: (bytes) => void socket.write(bytes),
    destroy: () => void socket.destroy(),
  };
}
