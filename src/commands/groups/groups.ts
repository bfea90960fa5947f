/** From what was seen to what is reported. Pure. */
import { remarksOn } from '../../collector/verdict/group-remarks.ts';
import { NEEDS } from '../../collector/words/group-remarks.ts';
import { worded } from '../../collector/words/say.ts';
import type { SeenFilter, SeenGroup, SeenMember, SeenNamespace, Unread } from '../../model/fanout-group.ts';
import type { FilterResult, GroupResult, GroupsResult, MemberResult, NamespaceResult, UnreadFact } from './result.ts';

export interface SeenGroups {
  readonly namespaces: readonly SeenNamespace[];
  readonly unread: readonly Unread[];
}

export function groupsResult(
  { namespaces, unread }: SeenGroups,
  { version, at }: { readonly version: string; readonly at: Date },
): GroupsResult {
  return {
    schema: 'fanout-cluster/groups@1',
    tool: { version },
    at: at.toISOString(),
    namespaces: namespaces.map(namespaceResult),
    unread: unread.map(unreadFact),
  };
}

function namespaceResult({ groups, taps, unread, ...rest }: SeenNamespace): NamespaceResult {
  return {
    ...rest,
    groups: groups?.map(groupResult) ?? null,
    remarks: remarksOn({ groups, taps }).map(worded),
    unread: unread.map(unreadFact),
  };
}

function groupResult({ members, unread, ...rest }: SeenGroup): GroupResult {
  return { ...rest, members: members.map(memberResult), unread: unread.map(unreadFact) };
}

function memberResult({ filter, ...rest }: SeenMember): MemberResult {
  return { ...rest, filter: filter === null ? null : filterResult(filter) };
}

function filterResult(filter: SeenFilter): FilterResult {
  if (filter.kind !== 'classic') return filter;
  const { kind, instructions, program } = filter;
  const lines = program?.map(({ code, jt, jf, k }) => `${code} ${jt} ${jf} ${k}`);
  return { kind, instructions, ...(lines === undefined ? {} : { program: [instructions, ...lines].join(',') }) };
}

function unreadFact({ fact, need }: Unread): UnreadFact {
  return { fact, needs: NEEDS[need] };
}
