/** Arkime's config.ini: a key file of GLib, read for the default and for each node (config.c, reader-tpacketv3.c). Pure. */
import { FanoutError } from '../errors.ts';
import type { Group } from './group.ts';
import { type IniItem, type IniOption, iniItems, KEY_FILE } from './ini.ts';
import { firstPlaceholder, placeholderIn, templateIn } from './placeholders.ts';
import { type Context, type Read, unreadable, type Version } from './reading.ts';
import type { Note, RuleArgs } from './rules.ts';
import { type Place, type Placed, type Source, sourceOf } from './source.ts';
import { isBefore, versionOf } from './versions.ts';

type Section = ReadonlyMap<string, IniOption>;

const DEFAULT = 'default';
const [CLUSTER_ID, BLOCK_SIZE, SNAPLEN, THREADS] = [8005, 2097152, 16384, 2];
const PAGE = 4096;
/** 64 blocks of it wrap in 32 bits. */
const BLOCK_WRAPS = 64 * 2 ** 20;
const INTERFACES_MAX = 32;
const INCLUDES_MAX = 16;
const NODES_MAX = 256;

export function readArkime(source: Source, context: Context): Read {
  const { note } = context;
  const items = iniItems(source, KEY_FILE);
  const flaw = flawOf(items, source);
  const template = templateIn(source) ?? (flaw?.flaw === 'no-equals-sign' ? firstPlaceholder(source) : undefined);
  const version = versionOf('arkime', context.programVersion);
  const whole = { program: 'arkime', version } as const;
  if (template !== undefined) {
    note('template-not-filled', { placeholder: template.value }, template.at);
    return { ...whole, outcome: 'template', groups: [] };
  }
  if (flaw !== undefined) {
    note('arkime-key-file', { flaw: flaw.flaw }, flaw.at);
    return { ...whole, outcome: 'error', groups: [] };
  }
  const sections = sectionsOf(items);
  try {
    includeInto(sections, source, context);
  } catch (error) {
    if (!(error instanceof FanoutError)) throw error;
    return { ...whole, ...unreadable(error.message, error.remedy) };
  }
  return { ...whole, ...readNodes(sections, version, note, source) };
}

type Flaw = RuleArgs['arkime-key-file']['flaw'];

function flawOf(items: readonly IniItem[], { text, placeOf }: Source): { readonly flaw: Flaw; readonly at: Place } | undefined {
  if (text.startsWith('\ufeff')) return { flaw: 'byte-order-mark', at: placeOf(0) };
  for (const [index, item] of items.entries()) {
    if (item.kind === 'stray')
      return { flaw: item.text.startsWith(';') ? 'semicolon' : item.text.startsWith('[') ? 'section' : 'no-equals-sign', at: item.at };
    if (item.kind === 'option' && index === 0) return { flaw: 'before-section', at: item.at };
  }
  return undefined;
}

/** A section that comes again adds to the first, and the last value counts. */
function sectionsOf(items: readonly IniItem[]): Map<string, Map<string, IniOption>> {
  const sections = new Map<string, Map<string, IniOption>>();
  let current = new Map<string, IniOption>();
  for (const item of items) {
    if (item.kind === 'section') {
      current = sections.get(item.name) ?? new Map();
      sections.set(item.name, current);
    } else if (item.kind === 'option') current.set(item.key, item);
  }
  return sections;
}

function includeInto(sections: Map<string, Map<string, IniOption>>, source: Source, { files }: Context): void {
  const includes = listOf(sections.get(DEFAULT)?.get('includes')?.value ?? '').slice(0, INCLUDES_MAX);
  for (const path of includes) {
    // One that begins with a minus may be missing.
    const isOptional = path.startsWith('-');
    const text = included(isOptional ? path.slice(1) : path, isOptional, source, files);
    if (text === undefined) continue;
    for (const [name, options] of sectionsOf(iniItems(text, KEY_FILE)))
      sections.set(name, new Map([...(sections.get(name) ?? []), ...options]));
  }
}

function included(path: string, isOptional: boolean, source: Source, files: Context['files']): Source | undefined {
  const full = path.startsWith('/') ? path : `${source.file.slice(0, source.file.lastIndexOf('/') + 1)}${path}`;
  try {
    return sourceOf(full, files.include(full, source.file));
  } catch (error) {
    if (isOptional && error instanceof FanoutError) return undefined;
    throw error;
  }
}

function listOf(text: string): readonly string[] {
  return text
    .split(';')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** What a node reads: its own section, that of its class, the default. */
interface Node {
  readonly host?: string;
  readonly get: (key: string) => IniOption | undefined;
  /** Of the sections that it reads, without the default. */
  readonly own: readonly Section[];
}

const CAPTURE_KEY = /^(?:pcapReadMethod|interface|snapLen|tpacketv3\w*)$/;

function readNodes(sections: ReadonlyMap<string, Section>, version: Version, note: Note, source: Source): Pick<Read, 'groups' | 'outcome'> {
  const base: Section = sections.get(DEFAULT) ?? new Map();
  const nodes: Node[] = [{ get: (key) => base.get(key), own: [base] }];
  for (const [name, section] of sections) {
    if (name === DEFAULT || nodes.length >= NODES_MAX || ![...section.keys()].some((key) => CAPTURE_KEY.test(key))) continue;
    const ofClass: Section = sections.get(section.get('nodeClass')?.value ?? '') ?? new Map();
    nodes.push({ host: name, own: [section], get: (key) => section.get(key) ?? ofClass.get(key) ?? base.get(key) });
  }
  const read = nodes.map((node) => readNode(node, version, note));
  const isCapturing = read.some(({ captures }) => captures);
  const method = base.get('pcapReadMethod');
  if (!isCapturing)
    note(
      'arkime-not-tpacketv3',
      method === undefined ? {} : { method: method.value },
      method?.at ?? base.get('interface')?.at ?? source.placeOf(0),
    );
  if (!isCapturing) notePlaceholder(base.get('interface'), note);
  const isRefused = read.some((one) => one.isRefused);
  return { groups: isRefused ? [] : read.flatMap(({ groups }) => groups), ...(isRefused ? { outcome: 'error' } : {}) };
}

/** Of Arkime's own script that fills the sample in. */
function placeholderOf(name: string): string | undefined {
  return /^(?:ARKIME|MOLOCH)_[A-Z_]+$/.exec(name)?.[0] ?? placeholderIn(name);
}

function notePlaceholder(option: IniOption | undefined, note: Note): void {
  const open = placeholderOf(option?.value ?? '');
  if (open !== undefined) note('template-not-filled', { placeholder: open }, option?.valueAt);
}

interface NodeRead {
  readonly groups: readonly Group[];
  readonly captures: boolean;
  readonly isRefused: boolean;
}

const NOTHING: NodeRead = { groups: [], captures: false, isRefused: false };

function readNode(node: Node, version: Version, note: Note): NodeRead {
  const { get } = node;
  const method = get('pcapReadMethod');
  if (method !== undefined && /^(?:tpacketv3|afpacketv3)\s+#/.test(method.value))
    note('arkime-inline-comment', { key: 'pcapReadMethod', given: method.value }, method.valueAt);
  if (method === undefined || !/^(?:tpacketv3|afpacketv3)(?:\s+#.*)?$/.test(method.value)) return NOTHING;
  const isUnknown = noteUnknownKeys(node, version, note);
  const sizes = sizesOf(node, note);
  if (isUnknown || sizes === undefined) return { groups: [], captures: true, isRefused: true };
  return { groups: groupsOf(node, sizes, version, note), captures: true, isRefused: false };
}

const KNOWN_KEYS = ['tpacketv3BlockSize', 'tpacketv3NumThreads', 'tpacketv3ClusterId'];

function noteUnknownKeys({ own }: Node, version: Version, note: Note): boolean {
  if (isBefore(version, 5, 6)) return false;
  const unknown = own.flatMap((section) =>
    [...section.values()].filter(({ key }) => key.startsWith('tpacketv3') && !KNOWN_KEYS.includes(key)),
  );
  for (const { key, at } of unknown) note('arkime-unknown-key', { key }, at);
  return unknown.length > 0;
}

/** As GLib and atoi read it: digits at the beginning, and nothing else is a 0. */
function integerOf(text: string): number {
  return Number(/^\s*-?\d{1,15}/.exec(text)?.[0] ?? 0);
}

interface Sizes {
  readonly blockSize: number;
  readonly snaplen: number;
}

/** Undefined: Arkime exits. */
function sizesOf({ get }: Node, note: Note): Sizes | undefined {
  const [block, snap] = [get('tpacketv3BlockSize'), get('snapLen')];
  const [blockSize, snaplen] = [
    block === undefined ? BLOCK_SIZE : integerOf(block.value),
    snap === undefined ? SNAPLEN : integerOf(snap.value),
  ];
  const at = (block ?? snap)?.valueAt;
  if (snaplen % 16 !== 0) note('arkime-snaplen-align', { snaplen }, snap?.valueAt);
  if (blockSize >= BLOCK_WRAPS) note('arkime-block-too-big', { blockSize }, at);
  const isPaged = blockSize > 0 && blockSize % PAGE === 0;
  if (!isPaged) note('block-size-page', { program: 'arkime', interface: null, bytes: blockSize }, at);
  const isEven = snaplen > 0 && blockSize % snaplen === 0;
  if (!isEven) note('arkime-block-snaplen', { blockSize, snaplen }, (snap ?? block)?.valueAt);
  return isPaged && isEven ? { blockSize, snaplen } : undefined;
}

function groupsOf(node: Node, sizes: Sizes, version: Version, note: Note): readonly Group[] {
  const { get, host } = node;
  const interfaces = interfacesOf(get('interface'), note);
  const threads = threadsOf(get('tpacketv3NumThreads'), version, note);
  const id = idOf(node, threads.value, interfaces.length, version, note);
  if (id === undefined) return [];
  const filter = get('bpf');
  const origins = originsOf(node, threads.at);
  return interfaces.map(({ value, at }, index): Group => {
    const open = placeholderOf(value);
    return {
      program: 'arkime',
      ...(host === undefined ? {} : { host }),
      interface: open === undefined ? value : null,
      procs: threads.value,
      mode: 'hash',
      flags: [],
      id: id + index,
      tpacket: 'v3',
      blockSize: sizes.blockSize,
      blocks: 64,
      blockTimeoutMs: 60,
      snaplen: sizes.snaplen,
      ...(filter === undefined || filter.value === '' ? {} : { filter: filter.value }),
      promisc: true,
      group: true,
      ...(open === undefined ? {} : { unresolved: { interface: open } }),
      origins: { ...origins, interface: at },
    };
  });
}

function originsOf({ get }: Node, threads: Place | undefined): Readonly<Record<string, Place>> {
  const given = { id: 'tpacketv3ClusterId', blockSize: 'tpacketv3BlockSize', snaplen: 'snapLen', filter: 'bpf' };
  const found = Object.entries(given).flatMap(([field, key]) => {
    const option = get(key);
    return option === undefined ? [] : [[field, option.valueAt] as const];
  });
  return { ...Object.fromEntries(found), ...(threads === undefined ? {} : { procs: threads }) };
}

function interfacesOf(option: IniOption | undefined, note: Note): readonly Placed[] {
  if (option === undefined) return [];
  const { value, valueAt } = option;
  if (/\s#/.test(value)) note('arkime-inline-comment', { key: 'interface', given: value }, valueAt);
  notePlaceholder(option, note);
  const names = listOf(value).slice(0, INTERFACES_MAX);
  return names.map((name) => ({ value: name, at: { ...valueAt, column: valueAt.column + value.indexOf(name) } }));
}

function threadsOf(
  option: IniOption | undefined,
  version: Version,
  note: Note,
): { readonly value: number; readonly at: Place | undefined } {
  if (option === undefined) return { value: THREADS, at: undefined };
  const most = isBefore(version, 3, 2) ? 6 : 12;
  const given = integerOf(option.value);
  const value = Math.min(most, Math.max(1, given));
  if (value !== given) note('arkime-threads-clamped', { given: option.value, threads: value }, option.valueAt);
  return { value, at: option.valueAt };
}

/** Of the first interface; undefined: it joins none. */
function idOf({ get }: Node, threads: number, interfaces: number, version: Version, note: Note): number | undefined {
  const option = get('tpacketv3ClusterId');
  if (option === undefined && isBefore(version, 4)) {
    if (threads > 1) note('arkime-no-group-before-4', { threads }, get('tpacketv3NumThreads')?.at ?? get('pcapReadMethod')?.at);
    return undefined;
  }
  const given = option === undefined ? CLUSTER_ID : integerOf(option.value);
  const id = Math.min(65535, Math.max(1, given));
  if (id !== given) note('id-out-of-range', { program: 'arkime', given: option?.value ?? '' }, option?.valueAt);
  if (id + interfaces - 1 > 65535) note('arkime-id-overflow', { id, interfaces }, option?.valueAt);
  return id;
}
