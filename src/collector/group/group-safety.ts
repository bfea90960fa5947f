/** Never join a group that exists, never share one, never reassemble beside another group: the rules that keep a running IDS safe. */

import { FanoutError } from '../../errors.ts';
import type { DescribedGroup } from '../../host/described-groups.ts';
import type { FanoutGroup } from '../../host/groups.ts';
import { type GroupName, groupNameOf } from '../../model/fanout.ts';
import type { Options } from '../../options/options.ts';
import type { HostView } from './host-view.ts';
import type { Member } from './member.ts';

/** Which groups of others checkGroup() will name, by their ids: beside one that reassembles it matters of all whether they do. */
export function groupsToName(runs: readonly Pick<Options, 'groupId' | 'flags' | 'force'>[]): (id: number) => boolean {
  const isDefragUnsafe = runs.some(wantsDefrag);
  const ids = new Set(runs.map(({ groupId }) => groupId));
  return (id) => isDefragUnsafe || ids.has(id);
}

/** Whether it matters to these runs which groups there are. */
export function wantsToKnowGroups(run: Pick<Options, 'groupId' | 'flags' | 'force'>): boolean {
  return run.groupId !== undefined || wantsDefrag(run);
}

function wantsDefrag({ flags, force }: Pick<Options, 'flags' | 'force'>): boolean {
  return flags.includes('defrag') && !force;
}

/** Before anything is opened. The lab's namespace is new and holds no group of others. */
export function checkGroup(
  run: Pick<Options, 'source' | 'groupId' | 'flags' | 'force'>,
  groups: readonly DescribedGroup[] | undefined,
  capturers?: string,
): void {
  const { source, groupId } = run;
  if (source.kind !== 'live') return;
  if (groups === undefined) {
    if (wantsToKnowGroups(run)) throw cannotTell(groupId, capturers);
    return;
  }
  const taken = groups.find(({ id }) => id === groupId);
  if (taken !== undefined)
    throw new FanoutError(
      'GROUP_TAKEN',
      `fanout group ${groupId} exists already: ${taken.description}`,
      'joining it would take packets away from its owner: leave --group-id out, and the kernel chooses a free one',
    );
  const other = mostEndangered(groups);
  if (wantsDefrag(run) && other !== undefined)
    throw new FanoutError('DEFRAG_UNSAFE', `--defrag while fanout group ${other.id} exists: ${other.description}`, defragRemedy(other));
}

/** One that reassembles, else one of which that is not known. */
function mostEndangered(groups: readonly DescribedGroup[]): DescribedGroup | undefined {
  return groups.find(({ reassembles }) => reassembles) ?? groups.find(({ reassembles }) => reassembles === undefined) ?? groups[0];
}

function defragRemedy({ reassembles }: DescribedGroup): string {
  if (reassembles === undefined)
    return 'if that group reassembles too, it would get no fragmented traffic while this runs (both share one reassembly queue): test without --defrag, in the lab, or with --force';
  return reassembles
    ? 'that group reassembles, too, and would get no fragmented traffic while this runs (both share one reassembly queue): test without --defrag, or in the lab'
    : 'groups that reassemble share one reassembly queue, and no other one does so here now: with --force none loses anything, as long as none is started that does';
}

/** Of groups that are to be tested at once: without those that would take fragments from others, of this host or of this test. */
export function withoutUnsafeDefrag(
  groups: readonly Options[],
  existing: readonly DescribedGroup[] | undefined,
): {
  readonly testable: readonly Options[];
  readonly unsafe: readonly UntestedGroup[];
} {
  const testable: Options[] = [];
  const unsafe: UntestedGroup[] = [];
  for (const group of groups) {
    const error = group.flags.includes('defrag') ? defragDanger(group, testable, existing) : undefined;
    if (error === undefined) testable.push(group);
    else unsafe.push({ ...groupNameOf(group), error });
  }
  return { testable, unsafe };
}

export interface UntestedGroup extends GroupName {
  readonly error: FanoutError;
}

function defragDanger(
  group: Options,
  others: readonly Options[],
  existing: readonly DescribedGroup[] | undefined,
): FanoutError | undefined {
  if (others.some(({ flags }) => flags.includes('defrag')))
    return new FanoutError(
      'DEFRAG_UNSAFE',
      'another group of this comparison reassembles, and two on one host take fragments from each other',
      'compare them one at a time',
    );
  try {
    checkGroup(group, existing);
    return undefined;
  } catch (error) {
    if (!(error instanceof FanoutError) || error.code !== 'DEFRAG_UNSAFE') throw error;
    return error;
  }
}

function cannotTell(groupId: number | undefined, capturers: string | undefined): FanoutError {
  const seen = capturers === undefined ? '' : `, and ${capturers}`;
  const what = `this kernel does not list fanout groups (CONFIG_PACKET_DIAG; modprobe af_packet_diag)${seen}, so`;
  return groupId === undefined
    ? new FanoutError(
        'DEFRAG_UNSAFE',
        `${what} nobody knows whether a group would lose its fragments`,
        'load the module, stop what captures, or use --force',
      )
    : new FanoutError(
        'GROUP_TAKEN',
        `${what} nobody knows whether group ${groupId} is taken`,
        'load the module, or leave --group-id out: the kernel then chooses a group that nobody has',
      );
}

/** After the last join: the group consists of our sockets and no others. */
export function confirmGroup(host: HostView, groupId: number, members: readonly Member[]): void {
  const foreign = foreignMembers(host.fanoutGroups() ?? [], groupId, members);
  if (foreign.length === 0) return;
  const owners = host.ownersOf(foreign);
  throw new FanoutError(
    'GROUP_TAKEN',
    `another program joined fanout group ${groupId} while it was being set up: ${owners.join(', ') || 'unknown to this user'}`,
    'find it with `sudo ss -0 -e -p`, and start again without --group-id: the kernel then chooses a group that nobody has',
  );
}

/** Inodes of sockets in the group that are not ours. */
export function foreignMembers(groups: readonly FanoutGroup[], groupId: number, members: readonly Member[]): readonly number[] {
  const group = groups.find(({ id }) => id === groupId);
  const ours = new Set(members.map(({ inode }) => inode));
  return group?.inodes.filter((inode) => !ours.has(inode)) ?? [];
}
