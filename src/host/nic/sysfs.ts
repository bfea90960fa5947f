/** What /sys says of an interface, its queues and its device. */
import { readdirSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Fact, IrqFacts, NicFacts, QueueFacts } from '../../nic/facts.ts';
import { parseChoice, parseCpuMask, parseCpus, parseDevices, parseInterrupts, parseNumber } from './texts.ts';
import { entriesIn, factOf, NotTold, ROOTS, type Roots, readAs, readIfThere } from './told.ts';

type SysfsFacts = Pick<NicFacts, 'uppers' | 'lowers' | 'bond' | 'rps' | 'threadedNapi' | 'irqs' | 'numaNode'> & {
  readonly queuesInUse: Fact<number>;
};

/** @param index as netlink has it */
export function sysfsFacts(name: string, index: number, master: string | undefined, roots: Roots = ROOTS): SysfsFacts {
  const at = join(roots.sys, 'class/net', name);
  const isShown = readIfThere(join(at, 'ifindex'), parseNumber) === index && showsOwnInterfaces(roots);
  const fact = <T>(path: string, read: (where: string) => T): Fact<T> =>
    factOf(join(at, path), () => {
      if (!isShown) throw new NotTold(OTHER_NAMESPACE, OWN_SYS);
      return read(join(at, path));
    });
  return {
    uppers: fact('upper_*', () => neighbours(at, 'upper_')),
    lowers: fact('lower_*', () => neighbours(at, 'lower_')),
    bond: fact('bonding', () => bondOf(at) ?? (master === undefined ? null : bondOf(join(roots.sys, 'class/net', master)))),
    rps: fact('queues/rx-*/rps_cpus', () => receiveQueues(join(at, 'queues')).map((queue) => rpsOf(join(at, 'queues'), queue))),
    threadedNapi: fact('threaded', (path) => readAs(path, parseNumber) !== 0),
    irqs: fact('device/msi_irqs', () => irqsOf(at, roots)),
    numaNode: fact('device/numa_node', () => numaNodeOf(at)),
    queuesInUse: fact('queues/rx-*', () => receiveQueues(join(at, 'queues')).length),
  };
}

/**
 * Of the network namespace of whoever mounted it /sys shows the interfaces. In two namespaces one may have the same name and index, as lo has in all;
 * others may come while they are listed.
 */
function showsOwnInterfaces({ sys, proc }: Roots): boolean {
  return [1, 2, 3].some(() => {
    const own = readIfThere(join(proc, 'self/net/dev'), parseDevices);
    const shown = entriesIn(join(sys, 'class/net')).filter((entry) => entry !== 'bonding_masters');
    return own === undefined || own.join() === [...shown].sort().join();
  });
}

const OTHER_NAMESPACE = 'the /sys that is mounted here shows another network namespace';
const OWN_SYS = 'a /sys that is mounted in this one, as `ip netns exec` does';

/** Symbolic links that netdev_adjacent_sysfs_add() makes. */
function neighbours(at: string, prefix: string): readonly string[] {
  return readdirSync(at)
    .filter((entry) => entry.startsWith(prefix))
    .map((entry) => entry.slice(prefix.length))
    .sort();
}

function bondOf(at: string): { readonly mode: string; readonly hashPolicy: string } | null {
  const mode = readIfThere(join(at, 'bonding/mode'), parseChoice);
  if (mode === undefined) return null;
  // Modes that hash nothing have none that means anything, and say so.
  return { mode, hashPolicy: readIfThere(join(at, 'bonding/xmit_hash_policy'), parseChoice) ?? '' };
}

function receiveQueues(at: string): readonly number[] {
  return readdirSync(at)
    .flatMap((entry) => /^rx-(\d{1,5})$/.exec(entry)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

function rpsOf(at: string, queue: number): QueueFacts {
  return {
    queue,
    rpsCpus: readAs(join(at, `rx-${queue}`, 'rps_cpus'), parseCpuMask),
    flowCount: readAs(join(at, `rx-${queue}`, 'rps_flow_cnt'), parseNumber),
  };
}

/** Of a virtual interface there is none. */
function deviceOf(at: string): string {
  try {
    return realpathSync(join(at, 'device'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new NotTold('it has no device of its own: it is virtual');
    throw error;
  }
}

/** What is on a bus that is itself behind a device has interrupts and a place in the machine by that: virtio by PCI. */
function carriersOf(device: string): readonly string[] {
  const isVirtio = readLinkName(join(device, 'subsystem')) === 'virtio';
  return isVirtio ? [device, dirname(device)] : [device];
}

function readLinkName(path: string): string | undefined {
  try {
    return basename(realpathSync(path));
  } catch {
    return undefined;
  }
}

function irqsOf(at: string, { proc }: Roots): readonly IrqFacts[] {
  const carriers = carriersOf(deviceOf(at));
  const numbers = carriers.flatMap((device) => entriesIn(join(device, 'msi_irqs')).flatMap((entry) => parseNumber(entry) ?? []));
  if (numbers.length === 0) throw new NotTold('its device has no interrupts of its own (MSI)');
  const names = readAs(join(proc, 'interrupts'), parseInterrupts);
  // What nobody asked for is not listed: the device could have it.
  return numbers
    .filter((irq) => (names.get(irq) ?? '') !== '')
    .sort((a, b) => a - b)
    .map((irq) => {
      const folder = join(proc, 'irq', String(irq));
      const effective = readIfThere(join(folder, 'effective_affinity_list'), parseCpus);
      return {
        irq,
        name: names.get(irq) ?? '',
        cpus: readAs(join(folder, 'smp_affinity_list'), parseCpus),
        ...(effective === undefined || effective.length === 0 ? {} : { effective }),
      };
    });
}

function numaNodeOf(at: string): number {
  const nodes = carriersOf(deviceOf(at)).flatMap((device) => readIfThere(join(device, 'numa_node'), parseNumber) ?? []);
  const [node] = nodes;
  if (node === undefined) throw new NotTold('this kernel knows no NUMA nodes (CONFIG_NUMA)');
  if (node < 0) throw new NotTold('the firmware names no NUMA node for it (-1)');
  return node;
}
