/** How many members a group has on a host, where its configuration says "auto" or leaves the number to whoever starts the program. Pure. */
import type { Group } from './group.ts';

export interface Counted {
  readonly cpus: number;
  /** Rings among which the NIC spreads what it receives; absent where nobody can tell. */
  readonly queues: number | undefined;
}

/** Undefined: no configuration says it, as each member is a process that somebody starts. */
export function membersOn({ procs, procsMeans = '' }: Group, { cpus, queues }: Counted): number | undefined {
  if (isStartedByHand(procsMeans)) return undefined;
  if (procs !== 'auto') return procs;
  // Suricata takes a NIC that does not tell for one with one ring (util-ioctl.c, GetIfaceRSSQueuesNum()).
  if (procsMeans.startsWith('RSS queues')) return Math.max(1, queues ?? 1);
  return procsMeans === '1' ? 1 : cpus;
}

function isStartedByHand(procsMeans: string): boolean {
  return procsMeans.startsWith('one per ') || procsMeans.startsWith('packet threads:');
}
