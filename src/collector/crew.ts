/**
 * The processes of a run. Each holds one member of every group under test: groups do not take packets from one another, so several of them
 * can be tested on the same packets.
 */
import type { Socket } from 'node:net';
import { chooseSocketDirectory, listen, type WorkerServer } from './server.ts';
import { loadWorkers, type WorkerExit, type Workers } from './supervisor.ts';

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

export interface Crew {
  readonly size: number;
  /** Every group must be known before the processes are. */
  enlist(group: Enlisted): void;
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
  /** The program that workers run, where it is not the package's own. */
  readonly workerPath?: string;
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

  constructor(size: number, options: CrewOptions = {}) {
    this.#size = size;
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }

  enlist(group: Enlisted): void {
    if (this.#begun !== undefined) throw new TypeError('a group came after the fork');
    this.#groups.push(group);
  }

  fork(): Promise<void> {
    this.#begun ??= this.#fork();
    return this.#begun;
  }

  async #fork(): Promise<void> {
    const createWorkers = await loadWorkers();
    const { workerPath } = this.#options;
    this.#workers = createWorkers({
      groups: this.#groups.length,
      onExit: (exit) => {
        for (const group of this.#groups) group.onExit(exit);
      },
      ...(workerPath === undefined ? {} : { workerPath }),
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
      const pid = workers.start(index, socketDirectory);
      this.#pids.push(pid);
      for (const group of this.#groups) group.onForked(index, pid);
    }
    this.#server = await listen(socketDirectory, groups, (group, socket, pid) => this.#onPeer(group, socket, pid));
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
