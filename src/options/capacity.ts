/** Whether this machine can hold a group: memory, threads, descriptors and files, before anything is started. */
import { FanoutError } from '../errors.ts';
import { FLOW_MEMORY_MIN } from '../model/run-limits.ts';
import type { NeededMemory } from './flow-memory.ts';
import type { Machine } from './machine.ts';

/** The ring of one member. */
export interface Ring {
  readonly blockBytes: number;
  readonly blockCount: number;
  readonly blockTimeoutMs: number;
}

/** Private memory of one worker process beside its ring, measured on Linux 6.18 with Node 20 and rounded up. */
const WORKER_BYTES = 8 * 2 ** 20;
/** Threads of one worker: Node's own four and the capture thread. */
const WORKER_TASKS = 5;
/** What the collector grows by after its start, measured in the same way: memory beside the flow map, and threads, helpers among them. */
const COLLECTOR_BYTES = 24 * 2 ** 20;
const COLLECTOR_TASKS = 8;
/** By how much the memory differs that this program has taken by now, from one start to the next: advice must hold for the next. */
const START_SPREAD_BYTES = 8 * 2 ** 20;
/** Descriptors of the collector for each worker: its standard error, what descriptors go by; for each group its connection, and its packet socket. */
const WORKER_DESCRIPTORS = 2;
const GROUP_DESCRIPTORS = 2;
/** For itself: Node's own, and files. */
const OWN_DESCRIPTORS = 40;
/** Descriptions of programs, filters and texts from pipes, for the program that replaces this one. */
const FILE_BYTES_MIN = 4 * 2 ** 20;

/** What is needed beside the flow map. */
export function memoryOf(procs: number, { blockBytes, blockCount }: Ring, groups = 1): NeededMemory {
  return { charged: procs * WORKER_BYTES, rings: procs * groups * blockBytes * blockCount };
}

/**
 * Ring memory is charged to no limit of the process (vzalloc without __GFP_ACCOUNT): without this guard the host would run out of it.
 * @param groups of which each process holds a member, each with a ring, a thread and a connection
 */
export function checkMachineCanHold(
  procs: number,
  ringBytes: number,
  { memAvailableBytes, memChargeableBytes, tasksMax, tasksLeft, descriptorsMax, fileBytesMax }: Machine,
  groups = 1,
): void {
  const ringsOfEach = groups * ringBytes;
  const needed = procs * (ringsOfEach + WORKER_BYTES);
  const tasks = WORKER_TASKS + groups - 1;
  if (needed > memAvailableBytes) {
    throw new FanoutError(
      'TOO_LARGE',
      `${procs} processes need ${mebibytes(needed)}: rings of ${mebibytes(ringsOfEach)} each, ${mebibytes(procs * ringsOfEach)} together, and ${mebibytes(WORKER_BYTES)} of memory each; ${mebibytes(memAvailableBytes)} are available`,
      'use fewer --procs or a smaller --ring-size',
    );
  }
  const charged = procs * WORKER_BYTES + COLLECTOR_BYTES + FLOW_MEMORY_MIN;
  if (charged > memChargeableBytes) {
    throw new FanoutError(
      'TOO_LARGE',
      `${procs} processes need about ${mebibytes(WORKER_BYTES)} each, and the collector ${mebibytes(charged - procs * WORKER_BYTES)}: ${mebibytes(charged)} together; the memory control group leaves ${wholeMebibytes(memChargeableBytes)}`,
      fewerProcs(
        Math.floor((memChargeableBytes - START_SPREAD_BYTES - (charged - procs * WORKER_BYTES)) / WORKER_BYTES),
        'raise its limit (MemoryMax= of the unit, --memory of the container; memory.max and memory.high, in version 1 memory.limit_in_bytes)',
      ),
    );
  }
  if (procs * tasks + COLLECTOR_TASKS > tasksLeft) {
    throw new FanoutError(
      'TOO_LARGE',
      `${procs} processes and the collector need ${procs * tasks + COLLECTOR_TASKS} more threads, and the control group allows ${tasksLeft} more (pids.max)`,
      fewerProcs(
        Math.floor((tasksLeft - COLLECTOR_TASKS) / tasks),
        'raise its limit (TasksMax= of the unit, --pids-limit of the container)',
      ),
    );
  }
  if (procs * tasks > tasksMax) {
    throw new FanoutError(
      'TOO_LARGE',
      `${procs} processes have ${procs * tasks} threads, and this host or user may have ${tasksMax}`,
      'use fewer --procs, or raise what is too low: ulimit -u, kernel.pid_max, kernel.threads-max',
    );
  }
  if (fileBytesMax < FILE_BYTES_MIN) {
    throw new FanoutError(
      'TOO_LARGE',
      `files may have ${fileBytesMax} bytes, and what this program hands on to itself, in files in memory, may take ${mebibytes(FILE_BYTES_MIN)}`,
      'raise the limit (ulimit -f unlimited; LimitFSIZE= of the unit)',
    );
  }
  const descriptors = procs * (WORKER_DESCRIPTORS + groups * GROUP_DESCRIPTORS) + OWN_DESCRIPTORS;
  if (descriptors > descriptorsMax) {
    throw new FanoutError(
      'TOO_LARGE',
      `${procs} processes need about ${descriptors} file descriptors, and this process may have ${descriptorsMax}`,
      'use fewer --procs, or raise the limit (ulimit -n)',
    );
  }
}

/** @param most that fit */
function fewerProcs(most: number, otherwise: string): string {
  return most >= 1 ? `use --procs ${most}, or ${otherwise}` : otherwise;
}

/** Of what is needed. */
function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / 2 ** 20)} MiB`;
}

/** Of what there is. */
function wholeMebibytes(bytes: number): string {
  return `${Math.floor(bytes / 2 ** 20)} MiB`;
}
