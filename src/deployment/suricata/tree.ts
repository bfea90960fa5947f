/**
 * suricata.yaml as Suricata itself reads it (conf-yaml-loader.c): a tree of named texts made of libyaml's events. An alias is no event that it
 * knows, so the next scalar takes its place; a key that comes again replaces the first; keys with dots are paths; "_" in a key becomes "-".
 */
import { EVENT_ID, type Event, getScalarValue, parseEvents, SCALAR_STYLE, type ScalarEvent, YAMLException } from 'js-yaml';
import { FanoutError } from '../../errors.ts';
import type { Files } from '../reading.ts';
import type { Note } from '../rules.ts';
import { type Line, linesOf, type Place, type Source, sourceOf } from '../source.ts';

export interface ConfNode {
  readonly name: string;
  /** Absent: null, or a mapping or list. */
  value?: string;
  /** As a template wrote it: a mapping where a text must be. */
  placeholder?: string;
  /** In the order of the file. */
  readonly children: Map<string, ConfNode>;
  readonly at: Place;
  valueAt: Place;
}

export interface Tree {
  readonly root: ConfNode;
  /** Files that were read, the main one not among them. */
  readonly includes: readonly string[];
}

/** A file that Suricata refuses; `isNoted`: a finding says why. */
export class Refused extends Error {
  readonly at: Place | undefined;
  readonly isNoted: boolean;

  constructor(message: string, at?: Place, isNoted = false) {
    super(message);
    this.at = at;
    this.isNoted = isNoted;
  }
}

const DEPTH_MAX = 128;
const INCLUDES_MAX = 64;
/** Of all files together. */
const TEXT_MAX = 16 * 2 ** 20;

interface Loading {
  readonly files: Files;
  readonly note: Note;
  readonly main: string;
  readonly includes: string[];
  textLeft: number;
}

export function loadTree(source: Source, files: Files, note: Note): Tree {
  const root = nodeOf('', source.placeOf(0));
  const loading: Loading = { files, note, main: source.file, includes: [], textLeft: TEXT_MAX };
  loadInto(root, source, loading, 0);
  return { root, includes: loading.includes };
}

export function nodeOf(name: string, at: Place): ConfNode {
  return { name, children: new Map(), at, valueAt: at };
}

export function childOf(node: ConfNode | undefined, name: string): ConfNode | undefined {
  return node?.children.get(name);
}

export function nodeAt(root: ConfNode, path: string): ConfNode | undefined {
  return path.split('.').reduce<ConfNode | undefined>(childOf, root);
}

function loadInto(parent: ConfNode, source: Source, loading: Loading, depth: number): void {
  loading.textLeft -= source.text.length;
  if (loading.textLeft < 0) throw new Refused('the files are too large together');
  checkFirstHeader(source, loading.note);
  const events = eventsOf(source);
  checkHeaders(events, source, loading.note);
  const reader = new EventReader(events, source, loading);
  for (const event of events) {
    if (event.type !== EVENT_ID.DOCUMENT) continue;
    reader.document(parent, depth);
  }
}

function eventsOf({ text, placeOf }: Source): readonly Event[] {
  try {
    return parseEvents(text, { maxDepth: DEPTH_MAX + 2 });
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    throw new Refused(error.reason, placeOf(error.mark?.position ?? 0));
  }
}

/** Before anything else: what comes behind a header that is none may well be unreadable, and is not the mistake. */
function checkFirstHeader({ text, placeOf }: Source, note: Note): void {
  const [first, second] = firstLines(text.replace(/^\ufeff/, ' '));
  const given = /^\s?%YAML\s+(\S+)/.exec(first?.text ?? '')?.[1];
  // A template says of itself what it is.
  if (first === undefined || /^\s*\{[{%#]/.test(first.text)) return;
  const isStarted = /^---(?:\s|$)/.test(second?.text ?? '');
  if (given === '1.1' && isStarted) return;
  const at = placeOf(first.offset);
  const flaw = given === undefined || given === '1.1' ? 'no-directive' : 'other-version';
  note('suricata-yaml-header', { flaw, document: 1, ...(given === undefined ? {} : { given }) }, at);
  throw new Refused('the header is missing', at, true);
}

/** The first that says something, and the first behind it that is no directive. */
function firstLines(text: string): readonly Line[] {
  const found: Line[] = [];
  for (const line of linesOf(text)) {
    const isSilent = /^\s*(?:#|$)/.test(line.text) || (found.length === 1 && line.text.startsWith('%'));
    if (!isSilent) found.push(line);
    if (found.length === 2) break;
  }
  return found;
}

function checkHeaders(events: readonly Event[], { placeOf, text }: Source, note: Note): void {
  const documents = events.filter((event) => event.type === EVENT_ID.DOCUMENT);
  // What nothing stands in has no document either, and Suricata asks for one.
  const starts = documentStarts(text);
  for (const [index, { directives, explicitStart }] of documents.entries()) {
    const version = directives.find((directive) => directive.kind === 'yaml')?.version;
    if (version === '1.1' && explicitStart) continue;
    const at = placeOf(starts[index] ?? 0);
    const flaw = version === undefined ? 'no-directive' : 'other-version';
    note('suricata-yaml-header', { flaw, document: index + 1, ...(version === undefined ? {} : { given: version }) }, at);
    throw new Refused('the header is missing', at, true);
  }
}

/** Offsets: of the text, and of each line that begins a further document. */
function documentStarts(text: string): readonly number[] {
  const marks = [...text.matchAll(/^---(?=\s|$)/gm)].map(({ index }) => index);
  const hasFirst = marks[0] !== undefined && !/^[^#%\s]/m.test(text.slice(0, marks[0]));
  return [0, ...(hasFirst ? marks.slice(1) : marks)];
}

class EventReader {
  readonly #events: readonly Event[];
  readonly #source: Source;
  readonly #loading: Loading;
  #next = 0;
  /** Behind the last text that was taken: where an empty value stands. */
  #lastEnd = 0;

  constructor(events: readonly Event[], source: Source, loading: Loading) {
    this.#events = events;
    this.#source = source;
    this.#loading = loading;
  }

  document(parent: ConfNode, depth: number): void {
    while (this.#events[this.#next]?.type === EVENT_ID.DOCUMENT) this.#next += 1;
    const first = this.#events[this.#next];
    if (first?.type === EVENT_ID.MAPPING) this.#collection(parent, depth, false);
    else if (first?.type === EVENT_ID.SEQUENCE) this.#collection(parent, depth, true);
    // A lone text at the top is nothing that Suricata looks at.
    while (this.#next < this.#events.length && this.#events[this.#next]?.type !== EVENT_ID.DOCUMENT) this.#next += 1;
  }

  /** A mapping or a list, from its first event to behind its last. */
  #collection(parent: ConfNode, depth: number, isList: boolean): void {
    if (depth > DEPTH_MAX) throw new Refused('it is nested more deeply than Suricata reads', parent.at);
    this.#next += 1;
    let key: ConfNode | undefined;
    let included = 0;
    for (let event = this.#take(); event !== undefined && event.type !== EVENT_ID.POP; event = this.#take()) {
      switch (event.type) {
        case EVENT_ID.SCALAR: {
          const text = getScalarValue(this.#source.text, event);
          const at = this.#placeOf(event);
          if (isList) this.#listed(parent, event, text, at, depth);
          else if (key === undefined) {
            if (text === 'include') {
              included += 1;
              if (included > 1) this.#loading.note('suricata-include-form', { form: 'several' }, at);
              this.#includeKey(parent, at, depth);
            } else key = this.#keyed(parent, text, at);
          } else {
            this.#valued(key, event, text, at, depth);
            key = undefined;
          }
          break;
        }
        case EVENT_ID.MAPPING:
        case EVENT_ID.SEQUENCE: {
          this.#next -= 1;
          const at = this.#source.placeOf(event.start);
          const target = isList ? appended(parent, nodeOf(String(parent.children.size), at)) : key;
          if (target === undefined) throw new Refused('a key is a mapping or a list', at);
          target.valueAt = at;
          if (!this.#isPlaceholder(target, event)) this.#collection(target, depth + 1, event.type === EVENT_ID.SEQUENCE);
          key = undefined;
          break;
        }
        case EVENT_ID.ALIAS:
          this.#aliased(event.anchorStart, event.anchorEnd, key?.name === '<<');
          break;
      }
    }
  }

  #take(): Event | undefined {
    const event = this.#events[this.#next];
    this.#next += 1;
    if (event?.type === EVENT_ID.SCALAR && event.valueEnd >= 0) this.#lastEnd = event.valueEnd;
    return event;
  }

  #placeOf(event: ScalarEvent): Place {
    const isQuoted = event.style === SCALAR_STYLE.SINGLE_QUOTED || event.style === SCALAR_STYLE.DOUBLE_QUOTED;
    if (event.valueStart >= 0) return this.#source.placeOf(Math.max(0, event.valueStart - (isQuoted ? 1 : 0)));
    return this.#source.placeOf(this.#lastEnd);
  }

  #aliased(start: number, end: number, isMerge: boolean): void {
    const alias = this.#source.text.slice(start, end);
    // libyaml takes no other names, and js-yaml does.
    if (!/^[\w-]+$/.test(alias)) throw new Refused(`${JSON.stringify(alias)} is no name of an alias`, this.#source.placeOf(start));
    this.#loading.note('suricata-yaml-alias', { alias, isMerge }, this.#source.placeOf(Math.max(0, start - 1)));
  }

  /** "{{ x }}" without quotes is a mapping whose key is one. */
  #isPlaceholder(target: ConfNode, event: Event): boolean {
    if (event.type !== EVENT_ID.MAPPING || this.#source.text.slice(event.start, event.start + 2) !== '{{') return false;
    const end = this.#source.text.indexOf('}}', event.start);
    if (end < 0) return false;
    target.placeholder = this.#source.text.slice(event.start, end + 2);
    this.#skip();
    return true;
  }

  #skip(): void {
    let open = 0;
    do {
      const type = this.#take()?.type;
      if (type === EVENT_ID.MAPPING || type === EVENT_ID.SEQUENCE) open += 1;
      else if (type === EVENT_ID.POP || type === undefined) open -= 1;
    } while (open > 0);
  }

  #listed(parent: ConfNode, event: ScalarEvent, text: string, at: Place, depth: number): void {
    if (this.#isIncludeTag(event)) return this.#include(parent, text, at, depth);
    const node = appended(parent, nodeOf(String(parent.children.size), at));
    this.#valued(node, event, text, at, depth);
  }

  #valued(node: ConfNode, event: ScalarEvent, text: string, at: Place, depth: number): void {
    if (this.#isIncludeTag(event)) return this.#include(node, text, at, depth);
    node.valueAt = at;
    const isPlain = event.style === SCALAR_STYLE.PLAIN;
    // libyaml refuses these where a text begins, and js-yaml does not.
    if (isPlain && /^[@`%]/.test(text)) throw new Refused(`a value begins with ${JSON.stringify(text.charAt(0))}`, at);
    if (isPlain && /^(?:|~|null|Null|NULL)$/.test(text)) delete node.value;
    else node.value = text;
  }

  #keyed(parent: ConfNode, text: string, at: Place): ConfNode {
    const path = text.split('.');
    const [last = '', ...above] = path.reverse();
    const holder = above.reverse().reduce((node, name) => childOf(node, name) ?? appended(node, nodeOf(name, at)), parent);
    const isMangled = text.includes('_') && !/^(?:address|port)-groups$/.test(holder.name);
    const name = isMangled ? last.replaceAll('_', '-') : last;
    if (isMangled) this.#loading.note('suricata-key-underscore', { key: text }, at);
    const existing = childOf(holder, isMangled ? last : name);
    if (existing !== undefined) {
      const { line: firstLine } = existing.at;
      // Another file that says it again is how an include is meant to work.
      if (path.length === 1 && existing.at.file === at.file && isAboutCapture(holder, name))
        this.#loading.note('suricata-key-twice', { key: name, firstLine }, at);
      holder.children.delete(name);
    }
    const node = nodeOf(name, at);
    // The dashed one wins in either order.
    if (isMangled && childOf(holder, name) !== undefined) return node;
    return appended(holder, node);
  }

  #isIncludeTag({ tagStart, tagEnd }: ScalarEvent): boolean {
    return tagStart >= 0 && this.#source.text.slice(tagStart, tagEnd) === '!include';
  }

  #includeKey(parent: ConfNode, at: Place, depth: number): void {
    const event = this.#take();
    if (event?.type === EVENT_ID.SCALAR)
      return this.#include(parent, getScalarValue(this.#source.text, event), this.#placeOf(event), depth);
    if (event?.type === EVENT_ID.MAPPING) {
      this.#loading.note('suricata-include-form', { form: 'mapping' }, at);
      throw new Refused('include is a mapping', at, true);
    }
    if (event?.type !== EVENT_ID.SEQUENCE) return;
    for (let item = this.#take(); item !== undefined && item.type !== EVENT_ID.POP; item = this.#take())
      if (item.type === EVENT_ID.SCALAR) this.#include(parent, getScalarValue(this.#source.text, item), this.#placeOf(item), depth);
      else if (item.type !== EVENT_ID.ALIAS) throw new Refused('include lists something else than files', at);
  }

  /** Its path is relative to the directory of the main file. */
  #include(parent: ConfNode, path: string, at: Place, depth: number): void {
    const loading = this.#loading;
    const full = path.startsWith('/') ? path : `${loading.main.slice(0, loading.main.lastIndexOf('/') + 1)}${path}`;
    if (loading.includes.length >= INCLUDES_MAX || depth > DEPTH_MAX)
      throw new Refused(`more than ${INCLUDES_MAX} files are included, or one includes itself`, at);
    loading.includes.push(full);
    let text: string;
    try {
      text = loading.files.include(full, this.#source.file);
    } catch (error) {
      if (!(error instanceof FanoutError)) throw error;
      loading.note('suricata-include-missing', { path: full, why: error.message }, at);
      throw new Refused(error.message, at, true);
    }
    loadInto(parent, sourceOf(full, text), loading, depth + 1);
  }
}

export function appended(parent: ConfNode, node: ConfNode): ConfNode {
  parent.children.set(node.name, node);
  return node;
}

/** Others may well be repeated, as nothing here depends on them. */
function isAboutCapture(holder: ConfNode, name: string): boolean {
  return name === 'af-packet' || holder.children.has('interface');
}
