/**
 * The processes of a run. Each holds one member of every group under test: groups do not take packets from one another, so several of them
 * can be tested on the same packets.
 */
import { closeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { WORKER_DESCRIPTORS } from '../worker-descriptors.ts';
import type { PacketSockets } from './packet-sockets.ts';
import { chooseSocketDirectory, listen, type WorkerServer } from './server.ts';
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
  /** Called once for each process, before it can connect. */
  readonly onForked: (index: number, pid: number) => void;
  readonly onConnected: (index: number, connection: Connection) => void;
  readonly onExit: (exit: WorkerExit) => void;
}

/** Descriptors, in a process, of what it was born with for one group. */
export interface Outfit {
  readonly socket: number;
  /** In process 0 only: a second socket, and what steers the group, if anything does. */
  readonly spareSocket: number;
  readonly program: number;
}

export interface Crew {
  readonly size: number;
  /** Every group must be known before the processes are. */
  enlist(group: Enlisted): Outfit;
  /** Starts all processes, once. They boot while the caller prepares what they will be told. */
  fork(): Promise<void>;
  /** One process more, when all before it have connected. */
  add(): Promise<void>;
  kill(index: number): void;
  /** Nobody is let in any more. Whatever is being forked is known when this resolves, or it would be left behind. */
  shut(): Promise<void>;
  /** Resolves when all processes have ended; those that do not by themselves within `graceMs` are made to. */
  ended(graceMs: number): Promise<void>;
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
  readonly #pids: number[] = [];
  /** By group and process. */
  readonly #connected = new Set<string>();
  #size: number;
  #begun: Promise<void> | undefined;
  #server: WorkerServer | undefined;
  #workers: Workers | undefined;
  #adding: Promise<void> | undefined;

  constructor(size: number, options: CrewOptions) {
    this.#size = size;
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }

  enlist(group: Enlisted): Outfit {
    if (this.#begun !== undefined) throw new TypeError('a group came after the fork');
    const groups = this.#groups;
    groups.push(group);
    const socket = WORKER_DESCRIPTORS.sockets + groups.length - 1;
    return {
      socket,
      // How many groups there are is known when all have been enlisted.
      get spareSocket() {
        return socket + groups.length;
      },
      get program() {
        return socket + 2 * groups.length;
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
      onExit: (exit) => {
        for (const group of this.#groups) group.onExit(exit);
      },
    });
    await this.#start(
      this.#workers,
      Array.from({ length: this.#size }, (_, index) => index),
    );
  }

  async add(): Promise<void> {
    if (this.#workers === undefined || !this.#isComplete) throw new TypeError('the crew is not there yet');
    this.#size += 1;
    this.#adding = this.#start(this.#workers, [this.#size - 1]);
    await this.#adding;
  }

  // Forks first and listens then: whenever the sockets' directory exists, there is a worker that removes it, should this process be killed.
  async #start(workers: Workers, indices: readonly number[]): Promise<void> {
    const groups = this.#groups.length;
    const socketDirectory = chooseSocketDirectory(groups);
    for (const index of indices) {
      const pid = this.#startOne(workers, index, socketDirectory);
      this.#pids.push(pid);
      for (const group of this.#groups) group.onForked(index, pid);
    }
    this.#server = await listen(socketDirectory, groups, (group, socket, pid) => this.#onPeer(group, socket, pid));
  }

  // A socket is in one process only, the worker's: what somebody else held as well would stay in the group when that worker has died.
  #startOne(workers: Workers, index: number, socketDirectory: string): number {
    const { sockets, programs = [] } = this.#options;
    const groups = this.#groups.length;
    const own = Array.from({ length: index === 0 ? 2 * groups : groups }, () => sockets.take());
    const steering = index === 0 ? Array.from({ length: groups }, (_, group) => programs[group]) : [];
    try {
      return workers.start(index, socketDirectory, [...own, ...steering]);
    } finally {
      for (const socket of own) closeSync(socket);
    }
  }

  get #isComplete(): boolean {
    return this.#connected.size === this.#size * this.#groups.length;
  }

  #onPeer(group: number, socket: Socket, pid: number): void {
    // The kernel says who is at the other end; only a process forked here, once, is let in. It gives 0 for one that it may not name.
    const index = pid > 0 ? this.#pids.lastIndexOf(pid) : -1;
    const place = `${group} ${index}`;
    if (index < 0 || this.#connected.has(place)) {
      socket.destroy();
      return;
    }
    this.#connected.add(place);
    // All are connected: from here on nothing of this run is in the file system, whatever ends it.
    if (this.#isComplete) this.#server?.close();
    this.#groups[group]?.onConnected(index, connectionOver(socket));
  }

  kill(index: number): void {
    this.#workers?.kill(index);
  }

  async shut(): Promise<void> {
    await this.#begun?.catch(() => {});
    await this.#adding?.catch(() => {});
    this.#server?.close();
  }

  async ended(graceMs: number): Promise<void> {
    await this.#workers?.ended(graceMs);
  }
}

function connectionOver(socket: Socket): Connection {
  // A close follows, and says as much.
  socket.on('error', () => {});
  return {
    onData: (callback) => void socket.on('data', callback),
    onClose: (callback) => void socket.on('close', callback),
    write: (bytes) => void socket.write(bytes),
    destroy: () => void socket.destroy(),
  };
}
