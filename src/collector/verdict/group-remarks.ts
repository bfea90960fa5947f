/** What is remarkable about the fanout groups of one network namespace. Pure. */
import { goesByProgram } from '../../model/fanout.ts';
import { ETH_P_ALL, type Owner, type SeenGroup, type SeenNamespace, type Tap } from '../../model/fanout-group.ts';
import { type Finding, finding } from '../../model/finding.ts';
import type { GroupRemarkArgs } from '../../model/findings/group-remark.ts';

export type GroupRemark = Finding<keyof GroupRemarkArgs>;

export function remarksOn({ groups, taps }: Pick<SeenNamespace, 'groups' | 'taps'>): readonly GroupRemark[] {
  if (groups === null) return [];
  return [
    ...defragRemarks(groups),
    ...twinRemarks(groups),
    ...groups.flatMap((group) => [...ownRemarks(group), ...tapRemarks(group, taps)]),
  ];
}

function defragRemarks(groups: readonly SeenGroup[]): readonly GroupRemark[] {
  const reassembling = groups.filter(({ flags }) => flags?.includes('defrag'));
  if (reassembling.length < 2) return [];
  const isOneInterface = reassembling.some((group, i) => reassembling.slice(i + 1).some((other) => mayOverlap(group, other)));
  return [finding('defrag-groups-steal', { groups: reassembling.map(({ id }) => id), isOneInterface })];
}

type Captured = Pick<SeenGroup, 'ifindex' | 'protocol'>;

/** They may get the same packets. */
function mayOverlap(one: Captured, other: Captured): boolean {
  const isOneDevice = one.ifindex === other.ifindex || one.ifindex === 0 || other.ifindex === 0;
  return isOneDevice && (one.protocol === other.protocol || one.protocol === ETH_P_ALL || other.protocol === ETH_P_ALL);
}

/** Workers of one program in a group each, as where every worker was told an id of its own. */
function twinRemarks(groups: readonly SeenGroup[]): readonly GroupRemark[] {
  const alike = new Map<string, { readonly comm: string; readonly groups: SeenGroup[] }>();
  for (const group of groups) {
    if (group.binding === 'removed') continue;
    for (const comm of new Set(ownersOf(group).map((owner) => owner.comm))) {
      const key = `${group.ifindex} ${group.protocol} ${comm}`;
      const known = alike.get(key);
      if (known === undefined) alike.set(key, { comm, groups: [group] });
      else known.groups.push(group);
    }
  }
  return [...alike.values()]
    .filter((one) => one.groups.length > 1)
    .map((one) =>
      finding('groups-read-twice', {
        groups: one.groups.map(({ id }) => id),
        comm: one.comm,
        interface: one.groups[0]?.interface ?? null,
      }),
    );
}

function ownersOf({ members }: SeenGroup): readonly Owner[] {
  return members.flatMap(({ owners }) => owners ?? []);
}

function ownRemarks({ id, mode, binding, members }: SeenGroup): readonly GroupRemark[] {
  const ownerless = members.filter(({ owners }) => owners?.length === 0).length;
  return [
    ...(binding === 'removed' ? [finding('device-removed', { group: id, members: members.length })] : []),
    ...(binding === 'all' ? [finding('bound-to-all', { group: id })] : []),
    ...(ownerless > 0 ? [finding('no-owner', { group: id, ownerless, members: members.length })] : []),
    ...(isProgrammed(mode) ? [finding('program-unreadable', { group: id, mode })] : []),
  ];
}

function isProgrammed(mode: SeenGroup['mode']): mode is 'cbpf' | 'ebpf' {
  return !isUnknown(mode) && goesByProgram(mode);
}

function isUnknown(mode: SeenGroup['mode']): mode is `mode ${number}` {
  return mode.startsWith('mode ');
}

/** One for each program, whatever the number of its sockets. */
function tapRemarks(group: SeenGroup, taps: readonly Tap[]): readonly GroupRemark[] {
  if (group.binding === 'removed') return [];
  const programs = new Set(ownersOf(group).map(({ comm }) => comm));
  const readers = taps.filter((tap) => mayOverlap(tap, group)).flatMap(({ owners }) => owners.filter(({ comm }) => programs.has(comm)));
  const byComm = new Map(readers.map((reader) => [reader.comm, reader]));
  return [...byComm.values()].map((reader) => finding('reads-twice', { group: group.id, reader, interface: group.interface }));
}
