/** What can be read of a run from outside while it captures: memory of its processes, and CPU time of the thread that sends. */
import type { Clock } from '../../collector/group/clock.ts';
import type { HostView } from '../../collector/group/host-view.ts';
import type { Crew } from '../../collector/processes/crew.ts';
import type { ScaleMemory } from './result.ts';

/** Of a run, as far as their memory is told. */
type Processes = Pick<Crew, 'size' | 'memoryOf'>;

/** Of this process, which sends. */
type Threads = Pick<HostView, 'threadCpuNs'>;

/** Adding up the pages of a process takes the kernel about a millisecond. */
const PROCESSES_READ_MAX = 16;
/** As the thread names itself (native/lab/inject.cpp). */
const SENDER_NAME = 'lab-inject';

interface SenderReading {
  readonly cpuNs: number;
  readonly atMs: number;
}

export class ScaleGauges {
  readonly #ringBytes: number;
  readonly #clock: Clock;
  #host: Threads | undefined;
  #crew: Processes | undefined;
  #memory: ScaleMemory | undefined;
  #first: SenderReading | undefined;
  #last: SenderReading | undefined;

  /** @param ringBytes of one process */
  constructor(ringBytes: number, clock: Clock) {
    this.#ringBytes = ringBytes;
    this.#clock = clock;
  }

  watch(crew: Processes, host: Threads): void {
    this.#crew = crew;
    this.#host = host;
  }

  /** To be called several times while packets are sent. */
  read(): void {
    this.#memory ??= this.#crew === undefined ? undefined : readMemory(this.#crew, this.#ringBytes);
    const cpuNs = this.#host?.threadCpuNs(SENDER_NAME);
    if (cpuNs === undefined) return;
    const reading = { cpuNs, atMs: this.#clock.nowMs() };
    this.#first ??= reading;
    this.#last = reading;
  }

  get memory(): ScaleMemory | undefined {
    return this.#memory;
  }

  /** The share of a CPU that sending took; undefined if it was over too soon. */
  get senderShare(): number | undefined {
    if (this.#first === undefined || this.#last === undefined || this.#first === this.#last) return undefined;
    return (this.#last.cpuNs - this.#first.cpuNs) / ((this.#last.atMs - this.#first.atMs) * 1e6);
  }
}

function readMemory(crew: Processes, ringBytes: number): ScaleMemory | undefined {
  const step = Math.max(1, Math.ceil(crew.size / PROCESSES_READ_MAX));
  const chosen = Array.from({ length: crew.size }, (_, index) => index).filter((index) => index % step === 0);
  const read = chosen.flatMap((index) => proportionalBytes(crew.memoryOf(index)) ?? []);
  if (read.length === 0) return undefined;
  const processBytes = Math.round(read.reduce((sum, bytes) => sum + bytes, 0) / read.length);
  return { processBytes, processesRead: read.length, totalBytes: processBytes * crew.size, ringBytes: ringBytes * crew.size };
}

function proportionalBytes(rollup = ''): number | undefined {
  const kibibytes = /^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1];
  return kibibytes === undefined ? undefined : Number(kibibytes) * 1024;
}
