/** What a deployment asks of the host that it would run on. Pure: the facts are handed in. */
import { type Group, placeIn, ringBytesOf } from './group.ts';
import { membersOn } from './members.ts';
import type { Reading } from './reading.ts';
import { type LintFinding, type Note, noting } from './rules.ts';

export interface InterfaceFacts {
  readonly index: number;
  readonly isUp: boolean;
  readonly isPromiscuous: boolean;
  /** Rings among which the NIC spreads what it receives; absent where nobody can tell. */
  readonly queues?: number;
  /** Features that merge segments, as ethtool -K calls them. */
  readonly offloads: readonly string[];
}

export interface RunningGroup {
  readonly id: number;
  readonly ifindex: number;
  /** "mode hash, 8 members, held by suricata (pid 4711)" */
  readonly description: string;
}

export interface HostFacts {
  readonly cpus: number;
  readonly memoryAvailable: number;
  readonly interfaces: ReadonlyMap<string, InterfaceFacts>;
  /** Undefined: nobody can list them. */
  readonly groups: readonly RunningGroup[] | undefined;
}

export function hostFindings(reading: Reading, facts: HostFacts): readonly LintFinding[] {
  const { note, findings } = noting();
  for (const group of reading.groups.filter(isHere)) {
    const link = noteInterface(group, facts, note);
    noteRunning(group, link, facts, note);
    noteMemory(group, facts, note);
    if (group.program === 'suricata') noteThreads(group, link, facts, note);
    if (link !== undefined) noteLink(group, link, note);
  }
  return findings;
}

/** Groups of other hosts of a cluster have nothing to do with this one. */
function isHere({ host }: Group): boolean {
  return host === undefined || /^(?:localhost|127\.0\.0\.1|::1)$/.test(host);
}

function noteInterface(group: Group, { interfaces }: HostFacts, note: Note): InterfaceFacts | undefined {
  const { program, interface: name } = group;
  if (name === null || name === 'any') return undefined;
  const link = interfaces.get(name);
  if (link === undefined || !link.isUp)
    note('interface-missing', { program, interface: name, isDown: link !== undefined }, placeIn(group, 'interface'));
  return link;
}

function noteRunning({ program, id, origins }: Group, link: InterfaceFacts | undefined, { groups }: HostFacts, note: Note): void {
  const running = groups?.find((one) => one.id === (id === 'ifindex' ? link?.index : id));
  if (running === undefined) return;
  note('group-id-in-use', { program, id: running.id, running: running.description }, origins['id'] ?? origins['interface']);
}

function membersHere(group: Group, { cpus }: HostFacts, link: InterfaceFacts | undefined): number {
  return membersOn(group, { cpus, queues: link?.queues }) ?? 1;
}

function noteMemory(group: Group, facts: HostFacts, note: Note): void {
  const { program, interface: name } = group;
  const link = facts.interfaces.get(name ?? '');
  const bytes = membersHere(group, facts, link) * (ringBytesOf(group) ?? 0);
  if (bytes <= facts.memoryAvailable) return;
  note(
    'ring-memory',
    { program, interface: name, bytes, available: facts.memoryAvailable },
    placeIn(group, 'bufferBytes', 'ringPackets', 'blockSize'),
  );
}

function noteThreads(group: Group, link: InterfaceFacts | undefined, { cpus }: HostFacts, note: Note): void {
  const { procs, procsMeans, interface: name } = group;
  if (name === null) return;
  if (procs !== 'auto' && procs > cpus)
    note('suricata-threads-capped', { interface: name, threads: procs, most: cpus }, placeIn(group, 'procs'));
  const isByQueue = procs === 'auto' && procsMeans?.startsWith('RSS queues') === true;
  if (isByQueue && link !== undefined && (link.queues ?? 1) <= 1)
    note('suricata-qm-auto-one-queue', { interface: name }, placeIn(group, 'mode'));
}

function noteLink(group: Group, link: InterfaceFacts, note: Note): void {
  const { program, interface: name, mode, procs, snaplen, promisc } = group;
  if (name === null) return;
  const { queues } = link;
  if (mode === 'qm' && procs !== 'auto' && queues !== undefined && queues > 0 && procs > queues)
    note('qm-members-over-queues', { program, interface: name, members: procs, queues }, placeIn(group, 'procs', 'mode'));
  if (program === 'arkime' && snaplen !== undefined && snaplen < 65535 && link.offloads.length > 0)
    note('arkime-large-packets', { interface: name, snaplen, offloads: link.offloads }, placeIn(group, 'snaplen', 'interface'));
  if (program === 'packetbeat' && !promisc && !link.isPromiscuous)
    note('packetbeat-promisc', { device: name }, placeIn(group, 'interface'));
}
