/** The settings of a simulated NIC: which receive queue it would give each packet to. docs/nic.md says what is assumed. */
import type { FlowKind, NicSettings } from '../addon/nic.ts';

export const FLOW_KINDS = ['tcp4', 'udp4', 'sctp4', 'tcp6', 'udp6', 'sctp6'] as const satisfies readonly FlowKind[];

export interface NicModel extends NicSettings {
  /** Receive queues that the NIC has; the table need not name all of them. */
  readonly queues: number;
  /** In messages: the settings as typed, or where they were saved. */
  readonly name: string;
  /** In the report: all that is simulated. */
  readonly text: string;
}

/** What two IPv6 addresses and two ports need: 36 bytes, and 4 more for the last bit. */
export const KEY_BYTES = 40;
const KEY_BYTES_MAX = 256;
/** The largest that a driver has, and more. */
export const TABLE_ENTRIES_MAX = 4096;

/** Of the verification suite that Microsoft publishes, and the default of many drivers. */
export const MICROSOFT_KEY = bytesOf('6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa');
/** Toeplitz gives both directions one hash if its key repeats every 16 bits. */
export const SYMMETRIC_KEY = bytesOf('6d5a'.repeat(KEY_BYTES / 2));

/** Two hexadecimal digits a byte, with or without colons; undefined if it is no such key, or too short to hash IPv6 with ports. */
export function keyOf(text: string): Uint8Array | undefined {
  if (!/^[0-9a-f]{2}(?:(?::[0-9a-f]{2})*|(?:[0-9a-f]{2})*)$/i.test(text)) return undefined;
  const key = bytesOf(text.replaceAll(':', ''));
  return key.length >= KEY_BYTES && key.length <= KEY_BYTES_MAX ? key : undefined;
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex, 'hex'));
}

export function hexOf(key: Uint8Array): string {
  return Buffer.from(key).toString('hex');
}

const DEFAULT_ENTRIES = 128;

/** Queue after queue, as drivers fill it (ethtool_rxfh_indir_default). */
export function evenTable(queues: number): Uint16Array {
  return Uint16Array.from({ length: Math.max(DEFAULT_ENTRIES, queues) }, (_, i) => i % queues);
}

export function isEven(table: Uint16Array, queues: number): boolean {
  return table.every((queue, i) => queue === i % queues);
}

/** Receive queues that can be reached. */
export function queuesUsed({ table }: Pick<NicModel, 'table'>): number {
  return table.reduce((most, queue) => Math.max(most, queue), 0) + 1;
}

/** Whether the hash is the same for both directions of a flow, whatever its addresses and ports. */
export function isSymmetric({ key, transform }: Pick<NicModel, 'key' | 'transform'>): boolean {
  return transform !== 'none' || key.subarray(2, KEY_BYTES).every((byte, i) => byte === key[i]);
}
