/** Texts of a YAML file by their paths, such as "packetbeat.interfaces.0.device". Aliases and merge keys are followed, within bounds. */
import { EVENT_ID, type Event, getScalarValue, parseEvents, YAMLException } from 'js-yaml';
import type { Placed, Source } from './source.ts';

export class YamlFault extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** Null is an empty text. A key with dots is a path. */
export type YamlValues = ReadonlyMap<string, Placed>;

/** A file with an alias of an alias of an alias would have billions. */
const VALUES_MAX = 100_000;
const DEPTH_MAX = 64;
/** Of one path: below it nothing is of interest. */
const PATH_MAX = 512;

export function yamlValues(source: Source): YamlValues {
  const events = eventsOf(source);
  const found = new Map<string, Placed>();
  const walk = new Walk(events, source, found);
  for (const [index, { type }] of events.entries()) if (type === EVENT_ID.DOCUMENT) walk.value(index + 1, '', 0);
  return found;
}

function eventsOf({ text }: Source): readonly Event[] {
  try {
    return parseEvents(text, { maxDepth: DEPTH_MAX });
  } catch (error) {
    if (error instanceof YAMLException) throw new YamlFault(error.reason, error.mark?.position ?? 0);
    throw error;
  }
}

class Walk {
  readonly #events: readonly Event[];
  readonly #source: Source;
  readonly #found: Map<string, Placed>;
  readonly #anchors = new Map<string, number>();
  #left = VALUES_MAX;

  constructor(events: readonly Event[], source: Source, found: Map<string, Placed>) {
    this.#events = events;
    this.#source = source;
    this.#found = found;
  }

  /** Reads the value whose first event has this index, and gives the index behind it. */
  value(index: number, path: string, depth: number): number {
    const event = this.#events[index];
    if (event === undefined || event.type === EVENT_ID.POP || event.type === EVENT_ID.DOCUMENT) return index + 1;
    this.#left -= 1;
    if (this.#left < 0) throw new YamlFault(`it holds more than ${VALUES_MAX} values, aliases counted`, 0);
    if (depth > DEPTH_MAX) throw new YamlFault('it is nested too deeply, by aliases', 0);
    if (event.type === EVENT_ID.ALIAS) {
      const target = this.#anchors.get(this.#source.text.slice(event.anchorStart, event.anchorEnd));
      if (target !== undefined) this.value(target, path, depth + 1);
      return index + 1;
    }
    if (event.anchorStart >= 0) this.#anchors.set(this.#source.text.slice(event.anchorStart, event.anchorEnd), index);
    if (event.type === EVENT_ID.SCALAR) {
      const at = this.#source.placeOf(Math.max(0, event.valueStart));
      const isNull = event.valueStart < 0 || (event.style === 1 && /^(?:~|null|Null|NULL)$/.test(getScalarValue(this.#source.text, event)));
      if (path.length <= PATH_MAX) this.#found.set(path, { value: isNull ? '' : getScalarValue(this.#source.text, event), at });
      return index + 1;
    }
    return event.type === EVENT_ID.SEQUENCE ? this.#list(index + 1, path, depth) : this.#mapping(index + 1, path, depth);
  }

  #list(first: number, path: string, depth: number): number {
    let index = first;
    for (let item = 0; !this.#isEnd(index); item += 1) index = this.value(index, below(path, String(item)), depth + 1);
    return index + 1;
  }

  #mapping(first: number, path: string, depth: number): number {
    let index = first;
    while (!this.#isEnd(index)) {
      const key = this.#events[index];
      // A key that is a mapping or a list is the name of nothing here.
      const name = key?.type === EVENT_ID.SCALAR ? getScalarValue(this.#source.text, key) : undefined;
      index = name === undefined ? this.value(index, '?', depth + 1) : index + 1;
      index = this.value(index, name === '<<' ? path : below(path, name ?? '?'), depth + 1);
    }
    return index + 1;
  }

  #isEnd(index: number): boolean {
    const type = this.#events[index]?.type;
    return type === undefined || type === EVENT_ID.POP;
  }
}

function below(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}
