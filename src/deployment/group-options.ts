/** A deployed group as options of a run: what this program can do as the deployed one does it, and what it cannot. Pure. */
import { type Finding, finding } from '../model/finding.ts';
import type { DeploymentCode } from '../model/findings/deployment.ts';
import { type Group, isInline, PROGRAM_TITLES, ringBytesOf } from './group.ts';
import { type Counted, membersOn } from './members.ts';
import type { Place } from './source.ts';

/** Options of a run that a configuration may decide, by their keys. */
export type GroupOption =
  | 'interface'
  | 'procs'
  | 'mode'
  | 'defrag'
  | 'rollover'
  | 'ignoreOutgoing'
  | 'ebpfProgram'
  | 'cbpfProgram'
  | 'filter'
  | 'snaplen'
  | 'ringSize'
  | 'blockSize'
  | 'blockTimeout'
  | 'promisc'
  | 'pin';

export interface GroupSetting {
  readonly option: GroupOption;
  /** As it would be typed, sizes in bytes; for a flag whether it is set. */
  readonly value: string | boolean;
  /** The file says it; the program has it so unless told otherwise; or it was counted on this host. */
  readonly from: 'file' | 'default' | 'host';
  readonly at?: Place;
}

export interface GroupOptions {
  readonly settings: readonly GroupSetting[];
  readonly remarks: readonly Finding<DeploymentCode>[];
}

/** What this program takes (src/options/table.ts). */
const SNAPLEN = { least: 64, most: 65535 } as const;
const RING_BYTES_MAX = 4 * 2 ** 30;
const BLOCK_BYTES = 128 * 2 ** 10;
const TIMEOUT_MS_MAX = 10_000;
/** In front of each packet in a block. */
const HEADERS_BYTES = 256;

export function groupOptions(
  group: Group,
  host: Counted & { readonly onlineCpus: readonly number[]; readonly pageBytes: number },
): GroupOptions {
  const { interface: device, mode, flags, filter, snaplen, promisc, cpus, programFile, copyMode } = group;
  const missing = [...new Set(cpus ?? [])].filter((cpu) => !host.onlineCpus.includes(cpu));
  const pinned = missing.length === 0 ? roundOf(cpus ?? []) : [];
  const rows: (GroupSetting | undefined)[] = [
    device === null ? undefined : setting(group, 'interface', device, 'interface'),
    procsOf(group, host),
    setting(group, 'mode', mode, 'mode'),
    flags.includes('defrag') ? setting(group, 'defrag', true, 'flags', 'mode') : undefined,
    flags.includes('rollover') ? setting(group, 'rollover', true, 'flags', 'mode') : undefined,
    flags.includes('ignore-outgoing') ? setting(group, 'ignoreOutgoing', true, 'flags') : undefined,
    mode === 'ebpf' ? setting(group, 'ebpfProgram', programFile ?? 'none', 'programFile', 'mode') : undefined,
    mode === 'cbpf' ? setting(group, 'cbpfProgram', 'none', 'mode') : undefined,
    filter === undefined ? undefined : setting(group, 'filter', filter, 'filter'),
    snaplen === undefined ? undefined : setting(group, 'snaplen', String(within(snaplen, SNAPLEN)), 'snaplen'),
    setting(group, 'promisc', promisc, 'promisc'),
    pinned.length === 0 ? undefined : setting(group, 'pin', pinned.join(','), 'cpus'),
  ];
  const ring = ringOptions(group, host.pageBytes);
  const remarks: readonly (Finding<DeploymentCode> | undefined)[] = [
    finding('own-group-id', { id: group.id }),
    group.tpacket === 'v2' ? finding('reads-v3', { program: PROGRAM_TITLES[group.program] }) : undefined,
    missing.length > 0 ? finding('cpus-missing', { missing, online: host.onlineCpus.length }) : undefined,
    isInline(group) ? finding('inline-untested', { copyMode: copyMode ?? '' }) : undefined,
    ...ring.remarks,
  ];
  return {
    settings: [...rows.filter((row) => row !== undefined), ...ring.settings],
    remarks: remarks.filter((remark) => remark !== undefined),
  };
}

/** @param fields of the group, the one that says it first */
function setting({ origins }: Group, option: GroupOption, value: string | boolean, ...fields: readonly string[]): GroupSetting {
  const at = fields.map((field) => origins[field]).find((place) => place !== undefined);
  return at === undefined ? { option, value, from: 'default' } : { option, value, from: 'file', at };
}

function procsOf(group: Group, host: Counted): GroupSetting | undefined {
  const members = membersOn(group, host);
  if (members === undefined) return undefined;
  const row = setting(group, 'procs', String(members), 'procs');
  return group.procs === 'auto' ? { ...row, from: 'host' } : row;
}

/** The CPUs that members take in turn, each once; empty where some members share one and others do not. */
function roundOf(cpus: readonly number[]): readonly number[] {
  const round = cpus.slice(0, new Set(cpus).size);
  return new Set(round).size === round.length && cpus.every((cpu, i) => cpu === round[i % round.length]) ? round : [];
}

function within(value: number, { least, most }: { readonly least: number; readonly most: number }): number {
  return Math.min(most, Math.max(least, value));
}

/** Two blocks at least, each a multiple of the page, and large enough for a packet. */
function ringOptions(group: Group, pageBytes: number): GroupOptions {
  const { blockSize, blockTimeoutMs, snaplen = SNAPLEN.least } = group;
  const wanted = ringBytesOf(group);
  const least = roundedUp(within(snaplen, SNAPLEN) + HEADERS_BYTES, pageBytes);
  const block = Math.max(least, roundedUp(blockSize ?? BLOCK_BYTES, pageBytes));
  const blocks = Math.max(2, Math.min(Math.floor(RING_BYTES_MAX / block), Math.round((wanted ?? 0) / block)));
  const isAdapted = (wanted !== undefined && blocks * block !== wanted) || (blockSize !== undefined && block !== blockSize);
  const timeout = blockTimeoutMs === undefined || blockTimeoutMs < 1 ? undefined : Math.min(TIMEOUT_MS_MAX, Math.round(blockTimeoutMs));
  const settings = [
    wanted === undefined ? undefined : setting(group, 'ringSize', String(blocks * block), 'bufferBytes', 'ringPackets', 'blocks'),
    wanted === undefined && blockSize === undefined ? undefined : setting(group, 'blockSize', String(block), 'blockSize'),
    timeout === undefined ? undefined : setting(group, 'blockTimeout', String(timeout), 'blockTimeoutMs'),
  ].filter((row) => row !== undefined);
  const isSmall = isAdapted && wanted !== undefined;
  return { settings, remarks: isSmall ? [finding('ring-adapted', { ringBytes: blocks * block, blockBytes: block })] : [] };
}

function roundedUp(bytes: number, unit: number): number {
  return Math.max(1, Math.ceil(bytes / unit)) * unit;
}
