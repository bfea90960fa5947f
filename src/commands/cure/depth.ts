/** How deep the groups here may be looked into. Pure. */
import { IDS_TITLES, type IdsName, idsCalled, layersOpenedBy } from '../../deployment/depth.ts';
import { LAYERS, type SteeredLayer, type SteeringPolicy } from '../../model/steering.ts';
import { contradictory } from '../../options/values.ts';
import type { CureOptions } from './options.ts';
import type { CuredGroup, Depth } from './result.ts';

/** Steered by more than its reader opens, one flow of that reader would be scattered. So `--ids` and `--layers` cannot ask for more. */
export function depthFor({ ids, layers }: Pick<CureOptions, 'ids' | 'layers'>, groups: readonly CuredGroup[]): Depth {
  const readers = readersOf(groups);
  const depth = depthAsked(ids, layers, readers);
  for (const [reader, owner] of readers) {
    const opened = layersOpenedBy([reader]);
    const deeper = depth.layers.filter((layer) => !opened.includes(layer));
    if (deeper.length > 0) throw tooDeep(owner, reader, deeper, [...new Set([...ids, ...readers.keys()])]);
  }
  return depth;
}

/** Each reader that is known, with one process of its. */
function readersOf(groups: readonly CuredGroup[]): ReadonlyMap<IdsName, string> {
  const owners = groups.flatMap((group) => group.owners);
  return new Map(
    owners.flatMap(({ pid, comm }): readonly (readonly [IdsName, string])[] => {
      const reader = idsCalled(comm);
      return reader === undefined ? [] : [[reader, `${comm} (pid ${pid})`]];
    }),
  );
}

function depthAsked(ids: readonly IdsName[], layers: CureOptions['layers'], readers: ReadonlyMap<IdsName, string>): Depth {
  if (layers !== undefined) return { layers, from: 'layers', ids: [] };
  if (ids.length > 0) return { layers: layersOpenedBy(ids), from: 'ids', ids };
  const known = [...readers.keys()];
  if (known.length > 0) return { layers: layersOpenedBy(known), from: 'readers', ids: known };
  return { layers: LAYERS, from: 'nobody', ids: [] };
}

function tooDeep(owner: string, reader: IdsName, deeper: readonly SteeredLayer[], all: readonly IdsName[]): Error {
  const shown = deeper.length > 4 ? `${deeper.slice(0, 4).join(', ')} and ${deeper.length - 4} more` : deeper.join(', ');
  return contradictory(
    `${owner} has a group here, and ${IDS_TITLES[reader]} does not open ${shown}: its flows would be scattered`,
    `take what all readers here open: --ids ${all.join(',')}`,
  );
}

/** Suricata reassembles fragments for all of its threads in one table. */
export function policyFor(asked: SteeringPolicy | undefined, { ids }: Depth): SteeringPolicy {
  return asked ?? (ids.length === 1 && ids[0] === 'suricata' ? 'ports' : 'addresses');
}

const LETTERS: Readonly<Record<IdsName, string>> = { suricata: 's', zeek: 'z', snort: 'n', arkime: 'a', packetbeat: 'p' };
const MARK_MAX = 4;

/** In the name of the program, so that its depth can be told later: letters of the readers, "all", or "own". */
export function markOf({ layers, ids }: Depth): string {
  if (ids.length > 0 && ids.length <= MARK_MAX) return ids.map((name) => LETTERS[name]).join('');
  return layers.length === LAYERS.length ? 'all' : 'own';
}

/** Of a name that markOf() made a part of; undefined: it is no such name. */
export function depthInName(name: string): string | undefined {
  const mark = /^fc_(?:dissect|steer)_(\w+)$/.exec(name)?.[1];
  if (mark === undefined) return undefined;
  if (mark === 'own') return 'as deep as --layers said';
  if (mark === 'all') return 'into everything that it can';
  const readers = [...mark].map((letter) => (Object.keys(LETTERS) as IdsName[]).find((id) => LETTERS[id] === letter));
  const titles = readers.flatMap((reader) => (reader === undefined ? [] : [IDS_TITLES[reader]]));
  return titles.length < readers.length ? undefined : `as deep as ${titles.join(' and ')}`;
}
