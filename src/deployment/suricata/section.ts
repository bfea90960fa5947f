/**
 * The section af-packet: which groups it makes, and what Suricata would say of it. As in runmode-af-packet.c, source-af-packet.c and util-device.c;
 * each key comes from the entry of the interface, else from the entry "default", else from the program.
 */
import type { FanoutFlag, FanoutMode } from '../../model/fanout.ts';
import type { Group } from '../group.ts';
import { placeholderIn } from '../placeholders.ts';
import type { Version } from '../reading.ts';
import type { Note } from '../rules.ts';
import type { Place } from '../source.ts';
import { isBefore } from '../versions.ts';
import { type ConfNode, childOf, nodeAt } from './tree.ts';
import { integer, isBoolean, isTrue, uint16 } from './values.ts';

const PAGE = 4096;
/** CPUs of the host for which a ring is computed, where it depends on them. */
const EXAMPLE_CPUS = 8;

/** A device as a list of them names it. */
interface Device {
  /** Null where a placeholder stands for it. */
  readonly interface: string | null;
  readonly name: string;
  readonly entry?: ConfNode;
  readonly at: Place;
}

interface Scope {
  readonly root: ConfNode;
  readonly defaults?: ConfNode;
  readonly version: Version;
  readonly note: Note;
}

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

interface Settings {
  readonly threads: number | 'auto';
  /** Undefined: Suricata numbers the entries. */
  readonly id: number | undefined;
  readonly type: ClusterType;
  readonly isV3: boolean;
  readonly ring?: number;
  readonly blockSize: number;
  readonly blockTimeoutMs: number;
  readonly promisc: boolean;
  readonly filter?: string;
  readonly copy: Copy;
  readonly origins: Readonly<Record<string, Place>>;
  readonly unresolved: Readonly<Record<string, string>>;
}

/** Reads keys of one device. */
interface Keys {
  readonly device: Device;
  readonly scope: Scope;
  readonly note: Note;
  /** The node that counts, if any does. */
  node(key: string): (ConfNode & { readonly value: string }) | undefined;
}

function keysOf(device: Device, scope: Scope, note: Note): Keys {
  const node: Keys['node'] = (key) => {
    const found = [device.entry, scope.defaults].map((entry) => childOf(entry, key)).find((one) => one?.value !== undefined);
    return found as (ConfNode & { value: string }) | undefined;
  };
  return { device, scope, note, node };
}

function settingsOf(device: Device, scope: Scope, note: Note): Settings {
  const keys = keysOf(device, scope, note);
  const { unresolved, ...open } = unresolvedIn(keys);
  const copy = copyOf(keys);
  const type = clusterType(keys, copy);
  const isV3 = ringVersion(keys, copy);
  checkLeftovers(keys);
  const filter = keys.node('bpf-filter')?.value;
  return {
    threads: threadsOf(keys),
    id: idOf(keys),
    type,
    isV3,
    ...definedNumber('ring', number(keys, 'ring-size')),
    blockSize: blockSizeOf(keys),
    blockTimeoutMs: number(keys, 'block-timeout') ?? 10,
    promisc: !flag(keys, 'disable-promisc'),
    ...(filter === undefined || filter === '' ? {} : { filter }),
    copy,
    unresolved,
    ...open,
    origins: originsOf(keys),
  };
}

const ORIGINS: Readonly<Record<string, string>> = {
  threads: 'procs',
  'cluster-id': 'id',
  'cluster-type': 'mode',
  defrag: 'flags',
  'tpacket-v3': 'tpacket',
  'ring-size': 'ringPackets',
  'block-size': 'blockSize',
  'block-timeout': 'blockTimeoutMs',
  'bpf-filter': 'filter',
  'disable-promisc': 'promisc',
  'copy-mode': 'copyMode',
};

function originsOf({ device, node }: Keys): Readonly<Record<string, Place>> {
  const given = Object.entries(ORIGINS).flatMap(([key, field]) => {
    const found = node(key);
    return found === undefined ? [] : [[field, found.valueAt] as const];
  });
  return { interface: device.at, ...Object.fromEntries(given) };
}

/** Of values that a template has not filled: what depends on them is not known. */
function unresolvedIn({ device, scope, note, node }: Keys): { readonly unresolved: Readonly<Record<string, string>> } {
  const found = ['threads', 'cluster-id', 'cluster-type'].flatMap((key) => {
    const written = [device.entry, scope.defaults].map((entry) => childOf(entry, key)).find((one) => one !== undefined);
    const open = written?.placeholder ?? placeholderIn(node(key)?.value ?? '');
    if (open === undefined) return [];
    note('template-not-filled', { placeholder: open }, written?.valueAt ?? device.at);
    return [[ORIGINS[key] ?? key, open] as const];
  });
  const own = device.interface === null ? [['interface', device.name] as const] : [];
  return { unresolved: Object.fromEntries([...own, ...found]) };
}

function definedNumber<K extends string>(key: K, value: number | undefined): { readonly [Key in K]?: number } {
  return (value === undefined ? {} : { [key]: value }) as { [Key in K]?: number };
}

function threadsOf({ node, note }: Keys): number | 'auto' {
  const found = node('threads');
  if (found === undefined || found.value === 'auto' || placeholderIn(found.value) !== undefined) return 'auto';
  const threads = uint16(found.value);
  if (threads === undefined) note('suricata-threads-invalid', { given: found.value }, found.valueAt);
  return threads === undefined || threads === 0 ? 'auto' : threads;
}

function idOf({ node, note }: Keys): number | undefined {
  const found = node('cluster-id');
  if (found === undefined) return undefined;
  const id = uint16(found.value);
  if (id !== undefined) return id;
  if (placeholderIn(found.value) !== undefined) return undefined;
  const isNumber = integer(found.value) !== undefined;
  if (isNumber) note('id-out-of-range', { program: 'suricata', given: found.value }, found.valueAt);
  note('suricata-id-invalid', { given: found.value }, found.valueAt);
  return 0;
}

interface ClusterType {
  readonly written?: string;
  readonly mode: FanoutMode;
  readonly flags: readonly FanoutFlag[];
}

const DEFRAGGED: readonly FanoutFlag[] = ['defrag'];

const TYPES: Readonly<Record<string, FanoutMode>> = {
  cluster_round_robin: 'lb',
  cluster_cpu: 'cpu',
  cluster_random: 'rnd',
  cluster_qm: 'qm',
  cluster_ebpf: 'ebpf',
};

function clusterType(keys: Keys, copy: Copy): ClusterType {
  const { node, note, scope } = keys;
  const found = node('cluster-type');
  const rollover = node('rollover');
  const hasRollover = rollover !== undefined && isTrue(rollover.value);
  const isOld = isBefore(scope.version, 7);
  if (rollover !== undefined && hasRollover) note('suricata-rollover-key', { isFlag: isOld }, rollover.at);
  const flags: readonly FanoutFlag[] = hasRollover && isOld ? ['rollover'] : [];
  const isDefrag = flag(keys, 'defrag', !isBefore(scope.version, 8) && !copy.isInline);
  if (found === undefined || placeholderIn(found.value) !== undefined) return { mode: 'hash', flags: [...flags, ...DEFRAGGED] };
  const hash: ClusterType = { written: found.value, mode: 'hash', flags: [...flags, ...(isDefrag ? DEFRAGGED : [])] };
  if (found.value === 'cluster_flow') return hash;
  if (found.value === 'cluster_rollover') {
    note('suricata-cluster-rollover', { isMode: isOld }, found.valueAt);
    return isOld ? { ...hash, mode: 'rollover', flags: [] } : hash;
  }
  const mode = TYPES[found.value];
  if (mode === undefined) {
    note('suricata-cluster-type', { given: found.value }, found.valueAt);
    return { ...hash, flags: [...flags, ...DEFRAGGED] };
  }
  if (mode === 'ebpf') noteProgram(keys, found.valueAt);
  return { written: found.value, mode, flags };
}

/** The one that comes with Suricata is installed under this name. */
const OWN_LB = /(?:^|\/)lb\.bpf(?:\.o)?$/;

function noteProgram({ node, note, device }: Keys, at: Place): void {
  const program = node('ebpf-lb-file');
  if (program === undefined) note('bpf-mode-without-program', { program: 'suricata', interface: device.interface, mode: 'ebpf' }, at);
  else if (OWN_LB.test(program.value)) note('suricata-own-lb', { given: program.value }, program.valueAt);
}

function flag({ node, note }: Keys, key: string, otherwise = false): boolean {
  const found = node(key);
  if (found === undefined) return otherwise;
  if (!isBoolean(found.value)) note('suricata-not-a-boolean', { key, given: found.value }, found.valueAt);
  return isTrue(found.value);
}

function number({ node, note }: Keys, key: string): number | undefined {
  const found = node(key);
  if (found === undefined) return undefined;
  const value = integer(found.value);
  if (value === undefined) note('suricata-number-invalid', { key, given: found.value }, found.valueAt);
  return value;
}

/** Keys that only matter because they are not what they should be. */
function checkLeftovers(keys: Keys): void {
  const mmap = keys.node('use-mmap');
  if (mmap !== undefined && !isBefore(keys.scope.version, 7)) keys.note('suricata-use-mmap', {}, mmap.at);
  number(keys, 'buffer-size');
  for (const key of ['mmap-locked', 'use-emergency-flush']) flag(keys, key);
}

interface Copy {
  readonly isInline: boolean;
  readonly mode?: string;
  readonly peer?: string;
}

function copyOf({ device, node, note }: Keys): Copy {
  const [mode, peer] = [node('copy-mode'), node('copy-iface')];
  if (mode === undefined && peer === undefined) return { isInline: false };
  if (mode === undefined || !/^(?:ips|tap)$/.test(mode.value)) {
    if (mode?.value !== 'none' && peer !== undefined)
      note('suricata-copy-incomplete', { mode: mode?.value ?? '', lacks: 'mode' }, (mode ?? peer).valueAt);
    else if (mode !== undefined && mode.value !== 'none')
      note('suricata-copy-incomplete', { mode: mode.value, lacks: 'mode' }, mode.valueAt);
    return { isInline: false };
  }
  if (peer === undefined) {
    note('suricata-copy-incomplete', { mode: mode.value, lacks: 'interface' }, mode.valueAt);
    return { isInline: false };
  }
  if (peer.value === device.interface) note('suricata-copy-iface-same', { interface: peer.value }, peer.valueAt);
  return { isInline: true, mode: mode.value, peer: peer.value };
}

function ringVersion(keys: Keys, copy: Copy): boolean {
  const { node, note, scope, device } = keys;
  const found = node('tpacket-v3');
  const runmode = runmodeOf(scope);
  if (found === undefined) return !isBefore(scope.version, 8) && !copy.isInline;
  if (!flag(keys, 'tpacket-v3')) return false;
  if (runmode !== 'workers') {
    note('suricata-v3-not-workers', { runmode }, found.valueAt);
    return false;
  }
  if (copy.isInline) note('suricata-copy-v3', { interface: device.interface }, found.valueAt);
  return true;
}

function runmodeOf({ root }: Scope): string {
  return childOf(root, 'runmode')?.value ?? 'workers';
}

function blockSizeOf(keys: Keys): number {
  const otherwise = isBefore(keys.scope.version, 7, 0, 9) ? 32768 : 131072;
  const size = number(keys, 'block-size');
  if (size === undefined) return otherwise;
  if (size > 0 && size % PAGE === 0) return size;
  keys.note('block-size-page', { program: 'suricata', interface: keys.device.interface, bytes: size }, keys.node('block-size')?.valueAt);
  return otherwise;
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
