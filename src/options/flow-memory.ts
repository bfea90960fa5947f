/** How much memory the collector's flow map gets: as asked for, or a share of what there is. */
import { FanoutError } from '../errors.ts';
import { FLOW_MEMORY_MAX, FLOW_MEMORY_MIN } from '../model/run-limits.ts';
import type { Machine } from './machine.ts';
import { byteSize } from './values.ts';

/** Of the workers, which come first. */
export interface NeededMemory {
  /** Charged to the control groups of this process. */
  readonly charged: number;
  /** Charged to nobody, but taken from the host. */
  readonly rings: number;
}

type Memory = Pick<Machine, 'memAvailableBytes' | 'memChargeableBytes'>;

/** @param maps that share it: what each of them gets */
export function parseFlowMemory(given: string | undefined, needed: NeededMemory, machine: Memory, maps = 1): number {
  return Math.min(FLOW_MEMORY_MAX, Math.max(FLOW_MEMORY_MIN, Math.floor(memoryOfAll(given, needed, machine, maps) / maps)));
}

/** A flow in the cache of a worker: its record, its part of the index, and its places on the list of news (native/core/worker/flow_cache.hpp). */
const WORKER_FLOW_BYTES = 192;
/** Fewer would be told and forgotten so often that telling is most of the work; more would not help. */
const WORKER_FLOWS_MIN = 1 << 12;
const WORKER_FLOWS_MAX = 1 << 20;
/** Of all workers: at the end all of them may be told at once, and the collector takes in about three million a second. */
const WORKER_FLOWS_TOGETHER = 1 << 21;

/**
 * How many flows each worker keeps between two messages, for each of its groups: all workers together take a quarter of what there is, as the
 * flow map does, and no more than is left beside it, nor than can be told soon after a signal. A scan fills all of their caches.
 */
export function workerFlows(flowMemoryBytes: number, needed: NeededMemory, machine: Memory, caches: number): number {
  const { memAvailableBytes, memChargeableBytes } = machine;
  const left = Math.min(memAvailableBytes - needed.rings, memChargeableBytes) - needed.charged - flowMemoryBytes;
  const together = Math.min(left, Math.min(memAvailableBytes, memChargeableBytes) / 4);
  const share = Math.min(together / WORKER_FLOW_BYTES, WORKER_FLOWS_TOGETHER) / caches;
  return Math.min(WORKER_FLOWS_MAX, Math.max(WORKER_FLOWS_MIN, Math.floor(share)));
}

function memoryOfAll(given: string | undefined, needed: NeededMemory, machine: Memory, maps: number): number {
  const onHost = machine.memAvailableBytes - needed.charged - needed.rings;
  const inGroups = machine.memChargeableBytes - needed.charged;
  if (given === undefined) {
    const quarter = Math.min(machine.memAvailableBytes, machine.memChargeableBytes) / 4;
    return Math.min(quarter, onHost, inGroups);
  }
  const asked = byteSize('--flow-memory', given, { least: maps * FLOW_MEMORY_MIN, most: maps * FLOW_MEMORY_MAX });
  const left = Math.min(onHost, inGroups);
  if (asked <= left) return asked;
  const asks = `--flow-memory asks for ${mebibytes(asked)}`;
  throw inGroups < onHost
    ? new FanoutError(
        'TOO_LARGE',
        `${asks}; beside the processes the memory control group leaves ${mebibytes(left)}`,
        'ask for less, or raise its limit (memory.max and memory.high; in version 1 memory.limit_in_bytes)',
      )
    : new FanoutError(
        'TOO_LARGE',
        `${asks}; beside rings and processes ${mebibytes(left)} are available`,
        'ask for less, or use fewer --procs or a smaller --ring-size',
      );
}

function mebibytes(bytes: number): string {
  return `${Math.floor(Math.max(0, bytes) / 2 ** 20)} MiB`;
}
