/** What this host says of a network interface: all of it is read, and nothing is set. */
import { constants } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { PlainLink } from '../addon/host.ts';
import { native } from '../addon/native.ts';
import { FanoutError, isSystemCallError } from '../errors.ts';
import type { Fact, Growing, NicFacts } from '../nic/facts.ts';
import { readFlowDissector } from './flow-dissector.ts';
import { fanoutGroups, holdersOf, namedBy } from './groups.ts';
import { INITIAL_NAMESPACE, OWN_NAMESPACE } from './network-namespace.ts';
import { countersOf, driverFacts } from './nic/driver.ts';
import { hostFacts, isInitialNetwork, softnetRows } from './nic/procfs.ts';
import { sysfsFacts } from './nic/sysfs.ts';
import { isLoss } from './nic/texts.ts';
import { factOf, NotTold, ROOTS, type Roots, untold } from './nic/told.ts';
import { ALLOW_FAMILIES } from './system-calls.ts';

export interface ReadOptions {
  /** Between the two readings of what grows. */
  readonly waitMs: number;
  /** Where /sys and /proc are, if they are elsewhere. */
  readonly roots?: Roots;
}

/**
 * @param given its name, or an alternative one
 * @throws NO_SUCH_INTERFACE
 */
export async function readNicFacts(given: string, { waitMs, roots = ROOTS }: ReadOptions): Promise<NicFacts> {
  const { name, index } = describe(given);
  const link = linkOf(name, index);
  const masterIndex = 'value' in link ? link.value.master : 0;
  const master = masterIndex === 0 ? null : native.interfaceName(masterIndex);
  const { queuesInUse, ...sysfs } = sysfsFacts(name, index, master ?? undefined, roots);
  const of = <T>(where: string, choose: (link: PlainLink) => T): Fact<T> =>
    'value' in link ? { where, value: choose(link.value) } : { ...link, where };
  const where = `ip -d link show ${name}`;
  const growing = await readTwice(name, index, waitMs, join(roots.proc, 'net/softnet_stat'));
  return {
    name,
    ...driverFacts(name, native.ethtoolFacts(name), queuesInUse),
    kind: of(where, ({ kind }) => (kind === '' ? null : kind)),
    link: of(where, ({ isUp, isRunning, mtu, promiscuity, isLoopback }) => ({ isUp, hasCarrier: isRunning, mtu, promiscuity, isLoopback })),
    master: of(where, () => master),
    xdp: of(where, ({ xdp }) => (xdp === undefined ? null : { mode: XDP_MODES[xdp.attached] ?? 'unknown', programId: xdp.program })),
    ...sysfs,
    ...hostFacts(roots),
    ...growing,
    ingress: factOf(`tc qdisc show dev ${name} ingress`, () => native.ingressDisciplines(index)),
    flowDissector: flowDissectorFact(roots),
    groups: groupsOn(index),
  };
}

/** XDP_ATTACHED_* of linux/if_link.h. */
const XDP_MODES: readonly string[] = ['none', 'driver', 'generic', 'hardware', 'several'];

function describe(given: string): { readonly name: string; readonly index: number } {
  try {
    return native.describeInterface(given);
  } catch (cause) {
    if (!isSystemCallError(cause)) throw cause;
    if (cause.errno === constants.errno.EAFNOSUPPORT)
      throw new FanoutError('NO_PRIVILEGE', `nobody can be asked about interface ${given} (${cause.message})`, ALLOW_FAMILIES, { cause });
    throw noSuchInterface(given, cause);
  }
}

function noSuchInterface(given: string, cause?: unknown): FanoutError {
  return new FanoutError(
    'NO_SUCH_INTERFACE',
    `there is no interface ${given} in this network namespace`,
    'list the interfaces with: ip link; --netns names another namespace',
    { cause },
  );
}

function linkOf(name: string, index: number): Fact<PlainLink> {
  return factOf('RTM_GETLINK', () => {
    const link = native.plainLink(index);
    if (link === null) throw noSuchInterface(name);
    return link;
  });
}

/** What grows: all of it before, then all of it after. */
async function readTwice(name: string, index: number, waitMs: number, softnet: string): Promise<Pick<NicFacts, 'losses' | 'softnet'>> {
  const read = () => ({ losses: lossesOf(name, index), softnet: factOf(softnet, () => softnetRows(softnet)), at: performance.now() });
  const before = read();
  await pause(waitMs);
  const after = read();
  const ms = Math.round(after.at - before.at);
  return { losses: growing(before.losses, after.losses, ms), softnet: growing(before.softnet, after.softnet, ms) };
}

function growing<T>(before: Fact<T>, after: Fact<T>, ms: number): Fact<Growing<T>> {
  if (!('value' in before)) return before;
  if (!('value' in after)) return after;
  return { where: before.where, value: { before: before.value, after: after.value, ms } };
}

/** By the names of /sys/class/net/IF/statistics, then by those that the driver has for its own. */
function lossesOf(name: string, index: number): Fact<Readonly<Record<string, number>>> {
  return factOf(`ip -s -s link show ${name}; ethtool -S ${name}`, () => {
    const losses = native.plainLink(index)?.losses;
    if (losses === undefined) throw new NotTold('the kernel counts nothing for it, or it is gone');
    const own = countersOf(native.ethtoolCounters(name), isLoss).map(({ name: counter, count }) => [counter, count] as const);
    return Object.fromEntries([
      ...own,
      ['rx_dropped', losses.dropped],
      ['rx_missed_errors', losses.missed],
      ['rx_fifo_errors', losses.fifo],
      ['rx_over_errors', losses.over],
    ]);
  });
}

function flowDissectorFact(roots: Roots): NicFacts['flowDissector'] {
  const where = 'bpftool net';
  const refusals = new Map<string, unknown>();
  const dissector = readFlowDissector((netns) => {
    try {
      return native.flowDissector(netns);
    } catch (error) {
      refusals.set(netns, error);
      throw error;
    }
  });
  if (dissector.kind === 'attached') {
    const { programId, isBuiltin } = dissector;
    return { where, value: { programId, isBuiltin } };
  }
  const needs = 'CAP_NET_ADMIN in the initial user namespace, and Linux 5.10';
  if (refusals.has(OWN_NAMESPACE)) return untold(where, refusals.get(OWN_NAMESPACE), needs);
  // One of the initial namespace goes before any of another; but perhaps this is it.
  if (refusals.has(INITIAL_NAMESPACE) && !isInitialNetwork(roots))
    return untold(`${where}, in ${INITIAL_NAMESPACE}`, refusals.get(INITIAL_NAMESPACE), needs);
  return { where, value: null };
}

function groupsOn(index: number): NicFacts['groups'] {
  return factOf('ss -f link, packet_diag', () => {
    const groups = fanoutGroups();
    if (groups === undefined)
      throw new NotTold('this kernel does not list packet sockets (CONFIG_PACKET_DIAG)', 'the module: modprobe af_packet_diag');
    const here = groups.filter(({ ifindex }) => ifindex === index);
    const holders = holdersOf(new Set(here.flatMap(({ inodes }) => inodes)));
    return here.map(({ id, mode, inodes }) => ({ id, mode, members: inodes.length, owners: namedBy(holders, inodes) }));
  });
}
