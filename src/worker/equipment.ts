/** What the collector hands to this process when it is to be used: packet sockets and steering programs. */
import { closeSync, openSync } from 'node:fs';
import { native } from '../addon/native.ts';
import { WORKER_DESCRIPTORS } from '../worker-descriptors.ts';

/** Came before it was its turn, by place. */
const waiting = new Map<number, number[]>();

/** Sent before the message that speaks of it, and so is here. Throws a SystemCallError where it is not. */
export function taken(place: number): number {
  for (;;) {
    const descriptor = waiting.get(place)?.shift();
    if (descriptor !== undefined) return descriptor;
    const received = native.receiveDescriptor(WORKER_DESCRIPTORS.channel);
    waiting.set(received.place, [...(waiting.get(received.place) ?? []), received.descriptor]);
  }
}

/** Under the number that the filter on system calls knows (native/host/seccomp.hpp). */
export function takenInPlace(place: number): number {
  native.putInPlace(taken(place), place);
  return place;
}

/** Nobody but this process itself may look at its memory. The collector, which is to, is given the means where there are any. */
export function showMemory(): void {
  try {
    const memory = openSync('/proc/self/smaps_rollup', 'r');
    try {
      native.sendDescriptor(WORKER_DESCRIPTORS.channel, 0, memory);
    } finally {
      closeSync(memory);
    }
  } catch {
    // A kernel without it (CONFIG_PROC_PAGE_MONITOR), or too many descriptors on their way: it is a figure, and no run depends on it.
  }
}
