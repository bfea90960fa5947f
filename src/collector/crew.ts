/**
 * The processes of a run. Each holds one member of every group under test: groups do not take packets from one another, so several of them
 * can be tested on the same packets.
 */
import type { Socket } from 'node:net';
import { chooseSocketDirectory, listen, type WorkerServer } from './server.ts';
import { loadWorkers, type WorkerExit, type Workers } from './supervisor.ts';

/** A group whose members live in these processes. */
export interface Enlisted {
  /** Called once for each process, before it can connect. */
  readonly onForked: (index: number, pid: number) => void;
  readonly onConnected: (index: number, socket: Socket) => void;
  readonly onExit: (exit: WorkerExit) => void;
}

export interface CrewOptions {
  /** More processes may be added while it works. */
  readonly mayGrow?: boolean;
  /** The program that workers run, where it is not the package's own. */
  readonly workerPath?: string;
}

export class Crew {
  readonly #options: CrewOptions;
  readonly #groups: Enlisted[] = [];
  readonly #pids: number[] = [];
  /** By group and process. */
  readonly #connected = new Set<string>();
  #size: number;
  #begun: Promise<void> | undefined;
  #server: WorkerServer | undefined;
  #workers: Workers | undefined;

  constructor(size: number, options: CrewOptions = {}) {
    this.#size = size;
    this.#options = options;
  }

  get size(): number {
    return this.#size;
  }

  /** Every group must be known before the processes are. */
  enlist(group: Enlisted): void {
    if (this.#begun !== undefined) throw new TypeError('a group came after the fork');
    this.#groups.push(group);
  }

  /** Starts all processes, once. They boot while the caller prepares what they will be told. */
  fork(): Promise<void> {
    this.#begun ??= this.#fork();
    return this.#begun;
  }

  // Forks first and listens then: whenever the sockets' directory exists, there is a worker that removes it, should this process be killed.
  async #fork(): Promise<void> {
    const createWorkers = await loadWorkers();
    const { workerPath } = this.#options;
    const groups = this.#groups.length;
    const socketDirectory = chooseSocketDirectory(groups);
    this.#workers = createWorkers({
      socketDirectory,
      groups,
      onExit: (exit) => {
        for (const group of this.#groups) group.onExit(exit);
      },
      ...(workerPath === undefined ? {} : { workerPath }),
    });
    for (let index = 0; index < this.#size; index += 1) this.#start(this.#workers, index);
    this.#server = await listen(socketDirectory, groups, (group, socket, pid) => this.#onPeer(group, socket, pid));
  }

  /** One process more. */
  add(): void {
    if (this.#workers === undefined || this.#options.mayGrow !== true) throw new TypeError('this crew does not grow');
    this.#start(this.#workers, this.#size);
    this.#size += 1;
  }

  #start(workers: Workers, index: number): void {
    const pid = workers.start(index);
    this.#pids.push(pid);
    for (const group of this.#groups) group.onForked(index, pid);
  }

  #onPeer(group: number, socket: Socket, pid: number): void {
    // The kernel says who is at the other end; only a process forked here, once, is let in. It gives 0 for one that it may not name.
    const index = pid > 0 ? this.#pids.indexOf(pid) : -1;
    const place = `${group} ${index}`;
    if (index < 0 || this.#connected.has(place)) {
      socket.destroy();
      return;
    }
    this.#connected.add(place);
    // All are connected: from here on nothing of this run is in the file system, whatever ends it.
    const isComplete = this.#connected.size === this.#size * this.#groups.length;
    if (isComplete && this.#options.mayGrow !== true) this.#server?.close();
    this.#groups[group]?.onConnected(index, socket);
  }

  kill(index: number): void {
    this.#workers?.kill(index);
  }

  /** Nobody is let in any more. Whatever is being forked is known when this resolves, or it would be left behind. */
  async shut(): Promise<void> {
    await this.#begun?.catch(() => {});
    this.#server?.close();
  }

  /** Resolves when all processes have ended; those that do not by themselves within `graceMs` are made to. */
  async ended(graceMs: number): Promise<void> {
    await this.#workers?.ended(graceMs);
  }
}
