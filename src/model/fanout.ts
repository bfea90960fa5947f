/** The kernel's fanout modes and flags, by the names packet(7) and the IDSs use. */
import { type Builtin, builtinRow } from './builtin.ts';

/** What a mode promises about the packets of one flow. */
export type FlowPromise = 'affinity' | 'spread' | 'conditional';

interface ModeRow {
  /** PACKET_FANOUT_* in linux/if_packet.h. */
  readonly value: number;
  readonly promise: FlowPromise;
  /** What decides the member that gets a packet (net/packet/af_packet.c, fanout_demux_*). */
  readonly goesBy: 'hash' | 'turn' | 'cpu' | 'ring' | 'draw' | 'queue' | 'program';
  /** The cause of its violations, where it never promised to keep flows together. */
  readonly byDesign?: 'lb-by-design' | 'rnd-by-design';
  /** The kernel refuses the flag rollover with it (EINVAL). */
  readonly refusesRollover?: true;
  /** cluster-type in suricata.yaml (runmode-af-packet.c); AF_Packet::FANOUT_* of Zeek's plugin for zeekctl; fanout_type of libdaq. */
  readonly suricata?: string;
  readonly zeek?: string;
  readonly isInSnort: boolean;
}

/** The modes, a row each: what a mode is, what it does, and what programs call it. */
const MODES = {
  hash: { value: 0, promise: 'affinity', goesBy: 'hash', suricata: 'cluster_flow', zeek: 'FANOUT_HASH', isInSnort: true },
  lb: { value: 1, promise: 'spread', goesBy: 'turn', byDesign: 'lb-by-design', suricata: 'cluster_round_robin', isInSnort: true },
  cpu: { value: 2, promise: 'conditional', goesBy: 'cpu', suricata: 'cluster_cpu', zeek: 'FANOUT_CPU', isInSnort: true },
  rollover: { value: 3, promise: 'conditional', goesBy: 'ring', refusesRollover: true, isInSnort: true },
  rnd: { value: 4, promise: 'spread', goesBy: 'draw', byDesign: 'rnd-by-design', suricata: 'cluster_random', isInSnort: true },
  qm: { value: 5, promise: 'conditional', goesBy: 'queue', suricata: 'cluster_qm', zeek: 'FANOUT_QM', isInSnort: true },
  cbpf: { value: 6, promise: 'conditional', goesBy: 'program', isInSnort: false },
  ebpf: { value: 7, promise: 'conditional', goesBy: 'program', suricata: 'cluster_ebpf', zeek: 'FANOUT_EBPF', isInSnort: false },
} as const satisfies Readonly<Record<string, ModeRow>>;

export type FanoutMode = keyof typeof MODES;
export const FANOUT_MODE_NAMES = Object.keys(MODES) as readonly FanoutMode[];

export function modeRow(mode: FanoutMode): ModeRow {
  return MODES[mode];
}

/** The kernel's number of it. */
export function fanoutModeValue(mode: FanoutMode): number {
  return MODES[mode].value;
}

/** Undefined for a number that no kernel had when this was written. */
export function fanoutModeOf(value: number): FanoutMode | undefined {
  return FANOUT_MODE_NAMES.find((name) => MODES[name].value === value);
}

/** By the names of the kernel and of Zeek (AF_Packet::FANOUT_HASH), or Suricata's own; undefined if no program of the field calls a mode so. */
export function fanoutModeCalled(text: string): FanoutMode | undefined {
  const called = text.toLowerCase().replace(/^af_packet::/, '');
  const word = called.replace(/^(?:cluster_|(?:packet_)?fanout_)/, '');
  return FANOUT_MODE_NAMES.find((name) => name === word || modeRow(name).suricata === called);
}

export function flowPromise(mode: FanoutMode): FlowPromise {
  return MODES[mode].promise;
}

/** What a NIC makes of received packets decides: the receive queue, or the CPU that serves it. */
export function goesByNic(mode: FanoutMode): mode is 'qm' | 'cpu' {
  const { goesBy } = MODES[mode];
  return goesBy === 'queue' || goesBy === 'cpu';
}

export function goesByProgram(mode: FanoutMode): mode is 'cbpf' | 'ebpf' {
  return MODES[mode].goesBy === 'program';
}

/** Values of PACKET_FANOUT_FLAG_*. UNIQUEID is not here: it is a way to choose the id, and no member keeps it. */
export const FANOUT_FLAGS = { rollover: 0x1000, 'ignore-outgoing': 0x4000, defrag: 0x8000 } as const;
export type FanoutFlag = keyof typeof FANOUT_FLAGS;

/** A legacy group holds 256 members; max_num_members raises it to 65536 (net/packet/af_packet.c, fanout_add). */
export const LEGACY_MEMBERS_MAX = 256;
export const MEMBERS_MAX = 65536;

/** A way to fan packets out. */
export interface GroupName {
  readonly mode: FanoutMode;
  readonly flags: readonly FanoutFlag[];
  /** What of this project takes part in choosing the member; absent: nothing. */
  readonly builtin?: Builtin;
}

/** "hash+defrag", "ebpf:addresses" */
export function labelOf({ mode, flags, builtin }: GroupName): string {
  return [`${mode}${builtin === undefined ? '' : builtinRow(builtin).suffix}`, ...flags].join('+');
}

/** The built-in programs are made to keep flows together, whatever the mode promises. */
export function promiseOf({ mode, builtin }: Pick<GroupName, 'mode' | 'builtin'>): FlowPromise {
  return builtin === undefined ? flowPromise(mode) : 'affinity';
}

/** Of something that has a group's name among other things. */
export function groupNameOf({ mode, flags, builtin }: GroupName): GroupName {
  return { mode, flags, ...(builtin === undefined ? {} : { builtin }) };
}
