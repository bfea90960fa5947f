/** What `groups` found. */
import type { SeenFilter, SeenGroup, SeenMember, SeenNamespace, Unread } from '../../model/fanout-group.ts';
import type { Finding } from '../../model/finding.ts';
import type { GroupRemarkArgs } from '../../model/findings/group-remark.ts';

export interface GroupsResult {
  readonly schema: 'fanout-cluster/groups@1';
  readonly tool: { readonly version: string };
  readonly at: string;
  readonly namespaces: readonly NamespaceResult[];
  /** Of the host. */
  readonly unread: readonly UnreadFact[];
}

/** Null for what could not be read. */
export interface NamespaceResult extends Omit<SeenNamespace, 'groups' | 'taps' | 'unread'> {
  readonly groups: readonly GroupResult[] | null;
  readonly remarks: readonly RemarkResult[];
  readonly unread: readonly UnreadFact[];
}

export interface GroupResult extends Omit<SeenGroup, 'members' | 'unread'> {
  readonly members: readonly MemberResult[];
  readonly unread: readonly UnreadFact[];
}

export interface MemberResult extends Omit<SeenMember, 'filter'> {
  readonly filter: FilterResult | null;
}

export interface FilterResult {
  readonly kind: SeenFilter['kind'];
  readonly instructions?: number;
  /** As `tcpdump -ddd` writes it, with commas between lines. */
  readonly program?: string;
}

export interface UnreadFact extends Pick<Unread, 'fact'> {
  /** What it would take. */
  readonly needs: string;
}

export type RemarkResult = Finding<keyof GroupRemarkArgs> & { readonly message: string; readonly remedy?: string };
