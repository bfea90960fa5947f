/** Running fanout groups in words, for the errors that protect them. */
import type { SeenGroup } from '../model/fanout-group.ts';
import { capturing, type FanoutGroup, fanoutGroups, listed, ownersOf } from './groups.ts';
import { inspectGroups } from './inspect-groups.ts';

export interface DescribedGroup {
  readonly id: number;
  /** "mode hash+defrag, 8 members, held by suricata (pid 4711)"; without flags and owners where no message will name them. */
  readonly description: string;
  /** Whether the kernel puts fragments together for it; absent: that is not known. */
  readonly reassembles?: boolean;
}

/**
 * All groups; undefined where nobody can tell. Called before this program captures.
 * @param isNamed whose flags and owners a message will name: looking for them takes seconds on a host with many open files
 */
export function describeGroups(isNamed: (id: number) => boolean): readonly DescribedGroup[] | undefined {
  // Without any socket that captures there is no group, even where the kernel does not list them.
  const groups = fanoutGroups() ?? (capturing()?.length === 0 ? [] : undefined);
  if (groups === undefined) return undefined;
  const named = groups.filter(({ id }) => isNamed(id));
  const seen = named.length === 0 ? [] : (inspectGroups().namespaces[0]?.groups ?? []);
  return groups.map((group) => described(group, named.includes(group) ? seen.find(({ id }) => id === group.id) : undefined));
}

function described({ id, mode, inodes }: FanoutGroup, seen: SeenGroup | undefined): DescribedGroup {
  const members = `${inodes.length} member${inodes.length === 1 ? '' : 's'}`;
  if (seen === undefined) return { id, description: `mode ${mode}, ${members}` };
  const { flags } = seen;
  return {
    id,
    description: `mode ${[mode, ...(flags ?? [])].join('+')}, ${members}, held by ${listed(holdersInWords(seen))}`,
    ...(flags === null ? {} : { reassembles: flags.includes('defrag') }),
  };
}

function holdersInWords({ members }: SeenGroup): readonly string[] {
  const owners = new Set(members.flatMap((member) => (member.owners ?? []).map(({ pid, comm }) => `${comm} (pid ${pid})`)));
  return owners.size > 0 ? [...owners] : ownersOf(members.map(({ inode }) => inode));
}
