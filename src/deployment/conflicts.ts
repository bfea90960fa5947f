/** What files of one host cannot have together, and what one program takes from another. Pure. */
import { labelOf } from '../model/fanout.ts';
import { type Group, placeIn } from './group.ts';
import { groupedBy } from './group-rules.ts';
import type { Reading } from './reading.ts';
import { type LintFinding, lintFinding, type Rule } from './rules.ts';
import type { Place } from './source.ts';

export interface Conflict {
  readonly finding: LintFinding<ConflictRule>;
  /** Where each of those stands that cannot be together. */
  readonly places: readonly Place[];
}

export type ConflictRule = Extract<
  Rule,
  'group-on-two-interfaces' | 'group-shared-by-programs' | 'group-id-in-use' | 'defrag-groups-steal' | 'filter-on-some-members'
>;

interface Member {
  readonly file: string;
  readonly group: Group;
}

/** Of groups that are on one host, as far as the files tell: those of a cluster name theirs. */
export function conflictsBetween(readings: readonly Reading[]): readonly Conflict[] {
  const members = readings.flatMap(({ file, groups }) => groups.filter(({ group }) => group !== false).map((group) => ({ file, group })));
  const byId = groupedBy(members, ({ group: { id } }) => (typeof id === 'number' ? String(id) : undefined));
  const byInterface = groupedBy(members, ({ group }) => group.interface ?? undefined);
  return [...byId.flatMap(sharedId), ...byInterface.flatMap(sharedInterface), ...byInterface.flatMap(thieves)];
}

/** Pairs of different files, each file told once beside the first. */
function pairsOf(members: readonly Member[], fits: (one: Group, other: Group) => boolean): readonly (readonly [Member, Member])[] {
  const [first, ...rest] = members;
  const other =
    first === undefined
      ? undefined
      : rest.find(({ file, group }) => file !== first.file && isOneHost(first.group, group) && fits(first.group, group));
  return first === undefined || other === undefined ? [] : [[first, other]];
}

function isOneHost(one: Group, other: Group): boolean {
  const isLocal = (host: string | undefined): boolean => host === undefined || /^(?:localhost|127\.0\.0\.1|::1)$/.test(host);
  return one.host === other.host || isLocal(one.host) || isLocal(other.host);
}

function placesOf(...members: readonly Member[]): readonly Place[] {
  return members.flatMap(({ group }) => placeIn(group, 'id') ?? []);
}

function named({ file, group }: Member): string {
  return `${group.program} (${file})`;
}

function sharedId(members: readonly Member[]): readonly Conflict[] {
  const elsewhere = pairsOf(
    members,
    (one, other) => one.interface !== null && other.interface !== null && one.interface !== other.interface,
  );
  const otherwise = pairsOf(members, (one, other) => one.interface === other.interface && labelOf(one) !== labelOf(other));
  return [
    ...elsewhere.map(([one, other]) => ({
      finding: lintFinding('group-on-two-interfaces', {
        program: other.group.program,
        id: Number(one.group.id),
        interfaces: [one.group.interface ?? '?', other.group.interface ?? '?'],
      }) as LintFinding<ConflictRule>,
      places: placesOf(one, other),
    })),
    ...otherwise.map(([one, other]) => ({
      finding: lintFinding('group-id-in-use', {
        program: other.group.program,
        id: Number(one.group.id),
        running: `${named(one)}, mode ${labelOf(one.group)}`,
      }) as LintFinding<ConflictRule>,
      places: placesOf(one, other),
    })),
  ];
}

/** The same group: the kernel lets both in. */
function sharedInterface(members: readonly Member[]): readonly Conflict[] {
  const same = groupedBy(members, ({ group }) => (group.id === null ? undefined : `${group.id} ${labelOf(group)}`));
  return same.flatMap((group) =>
    pairsOf(group, () => true).flatMap(([one, other]): readonly Conflict[] => {
      const about = { id: one.group.id ?? 0, interface: one.group.interface ?? '?' };
      const shared = lintFinding('group-shared-by-programs', {
        ...about,
        programs: [named(one), named(other)],
      }) as LintFinding<ConflictRule>;
      const filtered = lintFinding('filter-on-some-members', about) as LintFinding<ConflictRule>;
      const places = placesOf(one, other);
      return [{ finding: shared, places }, ...(one.group.filter === other.group.filter ? [] : [{ finding: filtered, places }])];
    }),
  );
}

/** Two groups that reassemble what arrives on one interface. */
function thieves(members: readonly Member[]): readonly Conflict[] {
  const reassembling = members.filter(({ group }) => group.flags.includes('defrag'));
  const pairs = pairsOf(reassembling, (one, other) => one.id === null || one.id !== other.id || labelOf(one) !== labelOf(other));
  return pairs.map(([one, other]) => ({
    finding: lintFinding('defrag-groups-steal', { groups: [named(one), named(other)] }) as LintFinding<ConflictRule>,
    places: [one, other].flatMap(({ group }) => placeIn(group, 'flags') ?? []),
  }));
}
