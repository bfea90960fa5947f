/** The running group that --like names, wherever it is; this thread enters its network namespace. */
import { FanoutError } from '../errors.ts';
import type { RunningGroup, RunningGroupName, SeenGroup, SeenNamespace } from '../model/fanout-group.ts';
import { inspectGroups } from './inspect-groups.ts';
import { enterNamespace } from './network-namespace.ts';

interface Place {
  readonly namespace: SeenNamespace;
  readonly group: SeenGroup;
}

/** For good: all that follows is in the namespace of the group. */
export function enterRunningGroup({ id, netns }: RunningGroupName): RunningGroup {
  const { namespaces } = inspectGroups(netns === undefined ? { allNamespaces: true } : { netns });
  const places = namespaces.flatMap((namespace) =>
    (namespace.groups ?? []).filter((group) => group.id === id).map((group) => ({ namespace, group })),
  );
  const [place, ...others] = places;
  if (place === undefined) throw noSuchGroup(id, namespaces);
  if (others.length > 0) throw severalOf(id, [place, ...others]);
  const { namespace, group } = place;
  if (namespace.isOwn) return { group };
  enterNamespace(namespace.path);
  return { group, namespace: nameOf(namespace) };
}

function nameOf({ name, path }: SeenNamespace): string {
  return name ?? path;
}

function noSuchGroup(id: number, namespaces: readonly SeenNamespace[]): FanoutError {
  const there = namespaces.flatMap((namespace) => (namespace.groups ?? []).map((group) => `${group.id}@${nameOf(namespace)}`));
  const unseen = namespaces.filter(({ groups }) => groups === null).length;
  const hidden = unseen === 0 ? '' : `; ${unseen} network namespace${unseen === 1 ? '' : 's'} could not be looked into`;
  return new FanoutError(
    'GROUP_REFUSED',
    `--like: there is no fanout group ${id}${hidden}`,
    there.length === 0
      ? `start its program first${unseen === 0 ? '' : ', or run as root (sudo)'}`
      : `name one of these: ${there.slice(0, SHOWN).join(', ')}${there.length > SHOWN ? ', ...' : ''}`,
  );
}

function severalOf(id: number, places: readonly Place[]): FanoutError {
  const names = places.map(({ namespace }) => `${id}@${nameOf(namespace)}`);
  return new FanoutError(
    'USAGE',
    `--like: there is a group ${id} in ${places.length} network namespaces`,
    `name one of these: ${names.slice(0, SHOWN).join(', ')}`,
  );
}

const SHOWN = 8;
