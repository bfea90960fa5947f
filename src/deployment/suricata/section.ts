/** The section af-packet: which groups it makes, and what Suricata would say of it. As in runmode-af-packet.c, source-af-packet.c and util-device.c. */
import type { FanoutMode } from '../../model/fanout.ts';
import type { Group } from '../group.ts';
import { placeholderIn } from '../placeholders.ts';
import type { Version } from '../reading.ts';
import type { Note } from '../rules.ts';
import type { Place } from '../source.ts';
import { isBefore } from '../versions.ts';
import { copyOf, type Device, definedNumber, keysOf, type Scope, type Settings, settingsOf } from './settings.ts';
import { type ConfNode, childOf, nodeAt } from './tree.ts';
import { integer, isTrue, uint16 } from './values.ts';

/** CPUs of the host for which a ring is computed, where it depends on them. */
const EXAMPLE_CPUS = 8;

export interface SectionOptions {
  readonly version: Version;
  readonly note: Note;
  /** Named on the command line, and so taken instead of those of the file. */
  readonly interfaces?: readonly { readonly value: string; readonly at: Place }[];
}

/** More than any host has interfaces. */
const ENTRIES_MAX = 1024;

export function readSection(root: ConfNode, { version, note, interfaces }: SectionOptions): readonly Group[] {
  const section = childOf(root, 'af-packet');
  const all = [...(section?.children.values() ?? [])].filter((entry) => entry.children.has('interface'));
  const entries = all.slice(0, ENTRIES_MAX);
  const defaults = entries.find((entry) => childOf(entry, 'interface')?.value === 'default');
  const scope: Scope = { root, ...(defaults === undefined ? {} : { defaults }), version, note };
  const devices = interfaces === undefined ? devicesOf(entries, note) : interfaces.map(({ value, at }) => deviceNamed(value, entries, at));
  if (devices.length === 0) note('suricata-no-af-packet', { hasSection: section !== undefined }, section?.at);
  const groups = groupsOf(devices, scope);
  checkRunmode(groups, scope);
  checkInline(devices, groups, scope);
  checkTracking(groups, scope);
  checkSharedDefault(devices, groups, scope);
  return groups;
}

function devicesOf(entries: readonly ConfNode[], note: Note): readonly Device[] {
  return entries.flatMap((entry): readonly Device[] => {
    const { value, placeholder, valueAt } = childOf(entry, 'interface') as ConfNode;
    const open = placeholder ?? placeholderIn(value ?? '');
    if (open !== undefined) {
      note('template-not-filled', { placeholder: open }, valueAt);
      return [{ interface: null, name: value ?? open, entry, at: valueAt }];
    }
    if (value === undefined || value === '') {
      note('suricata-interface-empty', {}, valueAt);
      return [];
    }
    return value === 'default' ? [] : [{ interface: value, name: value, entry, at: valueAt }];
  });
}

function deviceNamed(name: string, entries: readonly ConfNode[], at: Place): Device {
  const entry = entries.find((one) => childOf(one, 'interface')?.value === name);
  return { interface: name, name, ...(entry === undefined ? {} : { entry }), at };
}

function groupsOf(devices: readonly Device[], scope: Scope): readonly Group[] {
  const groups: Group[] = [];
  let automatic = 0;
  for (const [index, device] of devices.entries()) {
    const before = devices.findIndex(({ name }) => name === device.name);
    // Registered once more, but read from the first entry.
    const first = devices[before] as Device;
    const settings = settingsOf(first, scope, before === index ? scope.note : () => {});
    const isAutomatic = settings.id === undefined;
    if (isAutomatic) automatic += 1;
    const same = groups.findIndex((group) => group.interface === device.interface && device.interface !== null);
    if (before === index || isAutomatic) groups.push(groupOf(device, settings, settings.id ?? automatic, scope));
    else if (same >= 0) groups[same] = withEntry(groups[same] as Group, settings);
    if (before !== index) noteTwice(device, devices, groups, settings, scope.note);
  }
  return groups;
}

function withEntry(group: Group, { threads }: Settings): Group {
  const procs = threads === 'auto' || group.procs === 'auto' ? 'auto' : group.procs + threads;
  return { ...group, procs, entries: (group.entries ?? 1) + 1 };
}

function noteTwice(device: Device, devices: readonly Device[], groups: readonly Group[], { threads, id }: Settings, note: Note): void {
  const entries = devices.filter(({ name }) => name === device.name).length;
  note('suricata-interface-twice', { interface: device.name, entries, threads }, device.at);
  const ids = groups
    .filter((group) => group.interface === device.interface)
    .flatMap((group) => (typeof group.id === 'number' ? [group.id] : []));
  if (id === undefined) note('suricata-twice-without-id', { interface: device.name, ids }, device.at);
}

/** What "auto" counts (runmode-af-packet.c, finalizeAFPConfigThreads). */
function autoMeans(mode: FanoutMode, device: Device): { readonly procsMeans: string; readonly group?: boolean } {
  if (mode === 'hash') return { procsMeans: 'online CPUs', group: true };
  if (mode === 'qm') return { procsMeans: `RSS queues of ${device.name}` };
  return { procsMeans: '1', group: false };
}

function groupOf(device: Device, settings: Settings, id: number, scope: Scope): Group {
  const { threads, type, isV3, copy, unresolved } = settings;
  if (threads === 'auto' && type.mode !== 'hash' && type.mode !== 'qm' && unresolved['procs'] === undefined)
    scope.note('suricata-auto-is-one', { interface: device.interface, type: type.written ?? '' }, settings.origins['mode'] ?? device.at);
  const members = threads === 'auto' ? autoMeans(type.mode, device) : { group: threads > 1 };
  const group: Group = {
    program: 'suricata',
    interface: device.interface,
    procs: threads,
    ...members,
    mode: type.mode,
    flags: type.flags,
    id: unresolved['id'] === undefined ? id : null,
    tpacket: isV3 ? 'v3' : 'v2',
    ...ringOf(settings, scope, device),
    ...(isV3 ? { blockSize: settings.blockSize, blockTimeoutMs: settings.blockTimeoutMs } : {}),
    ...(settings.filter === undefined ? {} : { filter: settings.filter }),
    ...(settings.programFile === undefined ? {} : { programFile: settings.programFile }),
    promisc: settings.promisc,
    ...(copy.isInline ? { copyMode: copy.mode } : {}),
    ...(Object.keys(unresolved).length === 0 ? {} : { unresolved }),
    origins: settings.origins,
  } as Group;
  checkRing(group, scope);
  return group;
}

type Ring = Pick<Group, 'ringPackets' | 'ringPacketsIf8Cpus'>;

function ringOf({ threads, ring, type, origins }: Settings, scope: Scope, device: Device): Ring {
  const pending = integer(childOf(scope.root, 'max-pending-packets')?.value ?? '') ?? 1024;
  if (threads === 'auto' && type.mode === 'qm') return ring === undefined ? {} : { ringPackets: ring };
  const isPerCpu = threads === 'auto' && type.mode === 'hash';
  const members = isPerCpu ? EXAMPLE_CPUS : threads === 'auto' ? 1 : threads;
  let packets = ring ?? Math.floor((pending * 2) / members);
  if (ring !== undefined && ring * members < pending) {
    packets = Math.floor(pending / members) + 1;
    scope.note('suricata-ring-small', { ring, threads: members, pending }, origins['ringPackets'] ?? device.at);
  }
  return isPerCpu ? { ringPacketsIf8Cpus: packets } : { ringPackets: packets };
}

function checkRing(group: Group, { root, version, note }: Scope): void {
  const place = group.origins['tpacket'] ?? group.origins['interface'];
  if (group.copyMode !== undefined) {
    if (group.flags.includes('defrag')) note('suricata-copy-defrag', { interface: group.interface }, group.origins['flags'] ?? place);
    return;
  }
  if (group.tpacket === 'v3') return;
  const frame = integer(childOf(root, 'default-packet-size')?.value ?? '');
  if (group.flags.includes('defrag') && (frame ?? 0) < 65535)
    note('suricata-v2-defrag-cut', { interface: group.interface, ...definedNumber('frame', frame) }, place);
  if (!isBefore(version, 7, 0, 9)) note('suricata-v2-ids', { interface: group.interface }, place);
}

function checkRunmode(groups: readonly Group[], { root, note }: Scope): void {
  const node = childOf(root, 'runmode');
  if (node?.value === 'single' && groups.length > 1) note('suricata-runmode-single', { interfaces: groups.length }, node.valueAt);
  if (node?.value === 'autofp' && groups.length > 0) note('suricata-runmode-autofp', {}, node.valueAt);
}

function checkInline(devices: readonly Device[], groups: readonly Group[], scope: Scope): void {
  const inline = groups.filter(({ copyMode }) => copyMode === 'ips');
  const others = groups.filter(({ copyMode }) => copyMode !== 'ips');
  const names = (list: readonly Group[]): readonly string[] => list.map((group) => group.interface ?? '?');
  const [first] = others;
  if (inline.length > 0 && first !== undefined)
    scope.note(
      'suricata-ips-and-ids',
      { inline: names(inline), others: names(others) },
      first.origins['copyMode'] ?? first.origins['interface'],
    );
  const silent = (): void => {};
  for (const group of groups) {
    const device = devices.find(({ name }) => name === group.interface);
    const peerName = device === undefined ? undefined : copyOf(keysOf(device, scope, silent)).peer;
    const peer = groups.find((one) => one.interface === peerName);
    if (group.interface === null || peer?.interface == null || groups.indexOf(peer) <= groups.indexOf(group) || peer.procs === group.procs)
      continue;
    const args = { interfaces: [group.interface, peer.interface], threads: [String(group.procs), String(peer.procs)] } as const;
    scope.note('suricata-copy-threads', args, peer.origins['procs'] ?? peer.origins['interface']);
  }
}

function checkTracking(groups: readonly Group[], { root, note }: Scope): void {
  const use = nodeAt(root, 'livedev.use-for-tracking')?.value;
  const interfaces = [...new Set(groups.filter(({ copyMode }) => copyMode === undefined).flatMap((group) => group.interface ?? []))];
  if (interfaces.length < 2 || (use !== undefined && !isTrue(use))) return;
  note('suricata-livedev', { interfaces }, groups[1]?.origins['interface']);
}

function checkSharedDefault(devices: readonly Device[], groups: readonly Group[], { defaults, note }: Scope): void {
  const node = childOf(defaults, 'cluster-id');
  const inheriting = devices.filter(({ entry }) => childOf(entry, 'cluster-id')?.value === undefined).map(({ name }) => name);
  const interfaces = [...new Set(inheriting)];
  const id = groups[0] === undefined ? undefined : uint16(node?.value ?? '');
  if (id !== undefined && interfaces.length > 1) note('suricata-id-from-default', { id, interfaces }, node?.valueAt);
}
