/** The processes of a simulated run. */
import type { Crew, Enlisted, Equipment } from '../../src/collector/processes/crew.ts';
import type { SimulatedClock } from './clock.ts';
import { type Process, SimulatedProcess } from './process.ts';

const FIRST_PID = 3000;

/** Descriptors that nobody uses: sockets and programs are simulated. */
export const EQUIPMENT: Equipment = { socket: 3, program: 5, giveSocket: () => undefined, giveProgram: () => undefined };

/** Proportional share of the memory of a process. */
export function pssKibibytes(index: number): number {
  return 20_000 + 37 * index;
}

export type MakeProcess = (index: number) => Omit<Process, 'index' | 'pid' | 'onExit'>;

export class SimulatedCrew implements Crew {
  readonly #clock: SimulatedClock;
  readonly #make: MakeProcess;
  readonly #groups: Enlisted[] = [];
  readonly processes: SimulatedProcess[] = [];
  #size: number;
  #isShut = false;
  #forked: Promise<void> | undefined;
  readonly #ended: (() => void)[] = [];

  constructor(size: number, clock: SimulatedClock, make: MakeProcess) {
    this.#size = size;
    this.#clock = clock;
    this.#make = make;
  }

  get size(): number {
    return this.#size;
  }

  get isShut(): boolean {
    return this.#isShut;
  }

  get hasEnded(): boolean {
    return this.processes.every((process) => process.hasEnded);
  }

  enlist(group: Enlisted): Equipment {
    if (this.#forked !== undefined) throw new TypeError('a group came after the fork');
    this.#groups.push(group);
    return EQUIPMENT;
  }

  fork(): Promise<void> {
    this.#forked ??= this.#start(0, this.#size);
    return this.#forked;
  }

  async add(): Promise<void> {
    this.#size += 1;
    await this.#start(this.#size - 1, this.#size);
  }

  async #start(from: number, to: number): Promise<void> {
    for (let index = from; index < to; index += 1) {
      const pid = FIRST_PID + index;
      const process = new SimulatedProcess({
        ...this.#make(index),
        index,
        pid,
        onExit: (end, orderly) => {
          for (const group of this.#groups) group.onExit({ index, end, orderly });
          if (this.hasEnded) for (const resolve of this.#ended.splice(0)) resolve();
        },
      });
      this.processes.push(process);
      for (const group of this.#groups) group.onForked(index, pid);
      process.boot(this.#groups);
    }
    await this.#clock.sleep(1);
  }

  kill(index: number): void {
    const process = this.processes[index];
    if (process === undefined) throw new RangeError(`process ${index}`);
    process.die('signal SIGKILL', false, this.#lingerNs());
  }

  #lingerNs: () => number = () => 0;

  /** How long a process that was killed keeps its sockets. */
  set lingerNs(lingerNs: () => number) {
    this.#lingerNs = lingerNs;
  }

  memoryOf(index: number): string | undefined {
    const process = this.processes[index];
    return process === undefined || process.isDead ? undefined : `Rss: 99999 kB\nPss:     ${pssKibibytes(index)} kB\nSwap: 0 kB\n`;
  }

  async shut(): Promise<void> {
    await this.#forked?.catch(() => {});
    this.#isShut = true;
  }

  async ended(): Promise<void> {
    if (this.hasEnded) return;
    await new Promise<void>((resolve) => {
      this.#ended.push(resolve);
    });
  }
}
