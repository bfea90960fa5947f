/** A fanout group as a configuration deploys it. What a file leaves open is absent or null here, and never filled with a default of ours. */
import type { FanoutFlag, FanoutMode } from '../model/fanout.ts';
import type { Place } from './source.ts';

export const PROGRAMS = ['suricata', 'zeek', 'snort', 'arkime', 'packetbeat', 'stenographer', 'netsniff-ng', 'heplify', 'dpdk'] as const;
export type Program = (typeof PROGRAMS)[number];

/** As their maintainers spell them. */
export const PROGRAM_TITLES: Readonly<Record<Program, string>> = {
  suricata: 'Suricata',
  zeek: 'Zeek',
  snort: 'Snort',
  arkime: 'Arkime',
  packetbeat: 'Packetbeat',
  stenographer: 'Stenographer',
  'netsniff-ng': 'netsniff-ng',
  heplify: 'heplify',
  dpdk: 'DPDK',
};

export interface Group {
  readonly program: Program;
  /** As the configuration of a cluster names it. */
  readonly host?: string;
  /** Null: the file does not say it. */
  readonly interface: string | null;
  /** Members: processes or threads. "auto": this program counts something on its host. */
  readonly procs: number | 'auto';
  /** What "auto" counts, or why the number is not in this file. */
  readonly procsMeans?: string;
  readonly mode: FanoutMode;
  readonly flags: readonly FanoutFlag[];
  /** Snort takes the index of the interface; null: the file does not say it. */
  readonly id: number | 'ifindex' | null;
  readonly tpacket: 'v2' | 'v3';
  /** Packets that the ring of one member holds. */
  readonly ringPackets?: number;
  readonly ringPacketsIf8Cpus?: number;
  /** Bytes of the ring of one member. */
  readonly bufferBytes?: number;
  readonly blockSize?: number;
  readonly blocks?: number;
  readonly blockTimeoutMs?: number;
  readonly snaplen?: number;
  readonly filter?: string;
  readonly promisc: boolean;
  readonly cpus?: readonly number[];
  /** Variables for the processes that name options of the capture, and set none. */
  readonly env?: Readonly<Record<string, string>>;
  /** The file of the program that steers mode ebpf. */
  readonly programFile?: string;
  /** Inline. */
  readonly copyMode?: string;
  /** False: the program joins no group, because it has one member; absent: whether it does depends on the host. */
  readonly group?: boolean;
  /** Entries of the file that name this interface, where there are several. */
  readonly entries?: number;
  /** Placeholders and expressions, by field. */
  readonly unresolved?: Readonly<Record<string, string>>;
  /** Where each field that the file gives stands. */
  readonly origins: Readonly<Record<string, Place>>;
}

/** Where this field stands, or the group itself. */
export function placeIn(group: Group, ...fields: readonly string[]): Place | undefined {
  return fields.map((field) => group.origins[field]).find((place) => place !== undefined) ?? group.origins['interface'];
}

export function isInline({ copyMode }: Group): boolean {
  return copyMode !== undefined;
}

/** The ring of one member; undefined where nothing says how large it is. */
export function ringBytesOf({ bufferBytes, blockSize, blocks, ringPackets, ringPacketsIf8Cpus, tpacket }: Group): number | undefined {
  if (bufferBytes !== undefined) return bufferBytes;
  if (blocks !== undefined && blockSize !== undefined) return blocks * blockSize;
  const packets = ringPackets ?? ringPacketsIf8Cpus;
  // A frame holds a packet of the usual size with its header.
  return packets === undefined ? undefined : packets * (tpacket === 'v3' ? 1600 : 1664);
}
