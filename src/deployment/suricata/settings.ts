/**
 * The keys of one device in the section af-packet, as runmode-af-packet.c reads them: each comes from the entry of the interface, else from the
 * entry "default", else from the program.
 */
import type { FanoutFlag, FanoutMode } from '../../model/fanout.ts';
import { placeholderIn } from '../placeholders.ts';
import type { Version } from '../reading.ts';
import type { Note } from '../rules.ts';
import type { Place } from '../source.ts';
import { isBefore } from '../versions.ts';
import { type ConfNode, childOf } from './tree.ts';
import { integer, isBoolean, isTrue, uint16 } from './values.ts';

const PAGE = 4096;
/** A device as a list of them names it. */
export interface Device {
  /** Null where a placeholder stands for it. */
  readonly interface: string | null;
  readonly name: string;
  readonly entry?: ConfNode;
  readonly at: Place;
}

export interface Scope {
  readonly root: ConfNode;
  readonly defaults?: ConfNode;
  readonly version: Version;
  readonly note: Note;
}

export interface Settings {
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
  /** Of mode ebpf. */
  readonly programFile?: string;
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

export function keysOf(device: Device, scope: Scope, note: Note): Keys {
  const node: Keys['node'] = (key) => {
    const found = [device.entry, scope.defaults].map((entry) => childOf(entry, key)).find((one) => one?.value !== undefined);
    return found as (ConfNode & { value: string }) | undefined;
  };
  return { device, scope, note, node };
}

export function settingsOf(device: Device, scope: Scope, note: Note): Settings {
  const keys = keysOf(device, scope, note);
  const { unresolved, ...open } = unresolvedIn(keys);
  const copy = copyOf(keys);
  const type = clusterType(keys, copy);
  const isV3 = ringVersion(keys, copy);
  checkLeftovers(keys);
  const filter = keys.node('bpf-filter')?.value;
  const programFile = type.mode === 'ebpf' ? keys.node('ebpf-lb-file')?.value : undefined;
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
    ...(programFile === undefined ? {} : { programFile }),
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
  'ebpf-lb-file': 'programFile',
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

export function definedNumber<K extends string>(key: K, value: number | undefined): { readonly [Key in K]?: number } {
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

export function copyOf({ device, node, note }: Keys): Copy {
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
