/** What is remarkable about the fanout groups of a network namespace that run now. */
import type { Owner } from '../fanout-group.ts';

export interface GroupRemarkArgs {
  /** Each of them reassembles fragments. */
  readonly 'defrag-groups-steal': { readonly groups: readonly number[]; readonly isOneInterface: boolean };
  readonly 'device-removed': { readonly group: number; readonly members: number };
  readonly 'no-owner': { readonly group: number; readonly ownerless: number; readonly members: number };
  readonly 'bound-to-all': { readonly group: number };
  /** A socket in no group, of a program that has one on the same device. */
  readonly 'reads-twice': { readonly group: number; readonly reader: Owner; readonly interface: string | null };
  /** Groups of one program on the same device: each of them gets everything. */
  readonly 'groups-read-twice': { readonly groups: readonly number[]; readonly comm: string; readonly interface: string | null };
  readonly 'program-unreadable': { readonly group: number; readonly mode: 'cbpf' | 'ebpf' };
}
