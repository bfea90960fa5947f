/** What /proc, and what of /sys is of the whole host, say that decides where packets go. */
import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import type { NicFacts, SoftnetRow } from '../../nic/facts.ts';
import { parseCpus, parseNumber, parseSoftnet } from './texts.ts';
import { factOf, NotTold, ROOTS, type Roots, readAs, readIfThere } from './told.ts';

type HostFacts = Pick<NicFacts, 'rfsEntries' | 'backlogMax' | 'irqbalance' | 'cpus'>;

export function hostFacts(roots: Roots = ROOTS): HostFacts {
  const cpus = join(roots.sys, 'devices/system/cpu');
  return {
    rfsEntries: sysctl(roots, 'rps_sock_flow_entries'),
    backlogMax: sysctl(roots, 'netdev_max_backlog'),
    irqbalance: factOf(join(roots.proc, '*/comm'), () => isIrqbalanceRunning(roots)),
    cpus: factOf(join(cpus, 'online'), () => ({
      online: readAs(join(cpus, 'online'), parseCpus),
      // Before Linux 4.2 nothing tells.
      isolated: readIfThere(join(cpus, 'isolated'), parseCpus) ?? [],
    })),
  };
}

/** Of the host: other network namespaces do not show them, and so lack the one that every host has (net_core_table of the kernel). */
function sysctl(roots: Roots, name: string): NicFacts['backlogMax'] {
  const path = join(roots.proc, SETTINGS, name);
  return factOf(path, () => {
    if (!existsSync(path) && !isInitialNetwork(roots))
      throw new NotTold('this network namespace does not show it', 'the initial network namespace');
    return readAs(path, parseNumber);
  });
}

/** Whether this network namespace is known to be the one of the host. */
export function isInitialNetwork({ proc }: Roots = ROOTS): boolean {
  return existsSync(join(proc, SETTINGS, 'netdev_max_backlog'));
}

const SETTINGS = 'sys/net/core';

/** PROC_PID_INIT_INO of linux/proc_ns.h. */
const INITIAL_PIDS = 'pid:[4026531836]';

function linkAt(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function isIrqbalanceRunning({ proc }: Roots): boolean {
  const processes = readdirSync(proc).filter((entry) => /^\d+$/.test(entry));
  const commands = new Map(processes.map((pid) => [pid, readIfThere(join(proc, pid, 'comm'), (text) => text.trim())]));
  if ([...commands.values()].includes('irqbalance')) return true;
  if (linkAt(join(proc, 'self/ns/pid')) !== INITIAL_PIDS)
    throw new NotTold('processes outside this PID namespace are not shown', 'the PID namespace of the host');
  if (commands.get('1') === undefined) throw new NotTold('processes of other users are not shown (hidepid of proc(5))', 'root (sudo)');
  return false;
}

/** Of every CPU, whichever network namespace asks. */
export function softnetRows(path: string): readonly SoftnetRow[] {
  return readAs(path, parseSoftnet);
}
