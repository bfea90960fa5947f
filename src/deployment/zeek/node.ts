/** node.cfg as ZeekControl reads it (zeekctl's config.py and its plugins). Pure. */
import type { Group } from '../group.ts';
import { groupedBy } from '../group-rules.ts';
import { CONFIG_PARSER, type IniItem, type IniOption, iniItems } from '../ini.ts';
import { firstPlaceholder, placeholderIn, templateIn } from '../placeholders.ts';
import type { Context, Read, Version } from '../reading.ts';
import type { Note } from '../rules.ts';
import type { Place, Placed, Source } from '../source.ts';
import { isBefore, versionOf } from '../versions.ts';
import {
  type AfPacketOptions,
  FIRST_OPTIONS,
  hasPrefix,
  LATER_OPTIONS,
  merged,
  noteDefaultIds,
  withoutPrefix,
  zeekGroup,
} from './options.ts';
import type { ZeekctlSettings } from './zeekctl.ts';

interface Section {
  readonly name: string;
  readonly at: Place;
  /** Those of [DEFAULT] among them. */
  readonly options: ReadonlyMap<string, IniOption>;
}

/** What other files of the deployment say. */
export interface Surroundings {
  readonly zeekctl: ZeekctlSettings;
  /** Of local.zeek. */
  readonly redefinitions: AfPacketOptions;
}

interface Reader extends Surroundings {
  readonly note: Note;
  readonly version: Version;
}

export function readNodeCfg(source: Source, context: Context, surroundings: Surroundings): Read {
  const { note } = context;
  const items = iniItems(source, CONFIG_PARSER);
  const template = templateIn(source) ?? (isBroken(items) ? firstPlaceholder(source) : undefined);
  if (template !== undefined) {
    note('template-not-filled', { placeholder: template.value }, template.at);
    return { program: 'zeek', outcome: 'template', groups: [] };
  }
  const { sections, isBroken: isRefused } = sectionsOf(items, note);
  if (isRefused) return { program: 'zeek', outcome: 'error', groups: [] };
  const version = versionOf('zeek', context.programVersion, usesLaterOptions(sections) ? { text: '8.1', from: 'options used' } : undefined);
  const reader: Reader = { ...surroundings, note, version };
  const nodes = sections.map((section) => nodeOf(section, reader));
  const isWrong = [checkCluster(sections, note), ...nodes.map((node) => node.isWrong)].some(Boolean);
  const groups = merged(nodes.flatMap((node) => node.groups));
  checkSameInterface(nodes, note);
  noteDefaultIds(groups, note);
  return { program: 'zeek', version, groups, ...(isWrong ? { outcome: 'error' } : {}) };
}

function isBroken(items: readonly IniItem[]): boolean {
  return items[0]?.kind !== 'section' || items.some(({ kind }) => kind === 'stray');
}

interface Sections {
  readonly sections: readonly Section[];
  readonly isBroken: boolean;
}

function sectionsOf(items: readonly IniItem[], note: Note): Sections {
  const sections = new Map<string, { at: Place; options: Map<string, IniOption> }>();
  let current: { name: string; options: Map<string, IniOption> } | undefined;
  let isRefused = false;
  const refuse = (): void => {
    isRefused = true;
  };
  for (const item of items) {
    if (item.kind === 'stray' || (item.kind === 'option' && current === undefined)) {
      note('zeek-no-section', { given: item.kind === 'stray' ? item.text : item.key }, item.at);
      refuse();
    } else if (item.kind === 'section') {
      const known = sections.get(item.name);
      if (known !== undefined && item.name !== 'DEFAULT') {
        note('zeek-section-twice', { section: item.name, firstLine: known.at.line }, item.at);
        refuse();
      }
      const options = item.name === 'DEFAULT' ? (known?.options ?? new Map()) : new Map();
      current = { name: item.name, options };
      if (known === undefined) sections.set(item.name, { at: item.at, options });
    } else if (current !== undefined && !addOption(current, item, note)) refuse();
  }
  const defaults = sections.get('DEFAULT')?.options ?? new Map<string, IniOption>();
  sections.delete('DEFAULT');
  return {
    sections: [...sections].map(([name, { at, options }]) => ({ name, at, options: new Map([...defaults, ...options]) })),
    isBroken: isRefused,
  };
}

/** Whether the parser takes it. */
function addOption(
  { name, options }: { readonly name: string; readonly options: Map<string, IniOption> },
  item: IniOption,
  note: Note,
): boolean {
  const key = item.key.toLowerCase();
  const known = options.get(key);
  if (known !== undefined) note('zeek-section-twice', { section: name, key, firstLine: known.at.line }, item.at);
  options.set(key, item);
  const isLone = /%(?!%|\()/.test(item.value.replaceAll('%%', ''));
  if (isLone) note('zeek-value-split', { key, flaw: 'percent' }, item.valueAt);
  return known === undefined && !isLone;
}

function usesLaterOptions(sections: readonly Section[]): boolean {
  return sections.some(({ options }) => LATER_OPTIONS.some((name) => options.has(`af_packet_${name}`)));
}

function typeOf({ options }: Section): string {
  return options.get('type')?.value.toLowerCase() ?? '';
}

/** Whether ZeekControl refuses the whole. */
function checkCluster(sections: readonly Section[], note: Note): boolean {
  const types = sections.map(typeOf);
  const worker = sections.find((section) => typeOf(section) === 'worker');
  if (worker === undefined || (types.includes('manager') && types.includes('proxy'))) return false;
  note('zeek-no-manager', {}, worker.at);
  return true;
}

interface Node {
  readonly groups: readonly Group[];
  readonly isWrong: boolean;
  /** Read by libpcap, in full. */
  readonly plain?: { readonly interface: string; readonly host: string; readonly at: Place };
}

const NOTHING: Node = { groups: [], isWrong: false };
const METHODS = ['af_packet', 'pf_ring', 'myricom', 'custom', 'interfaces'];

function nodeOf(section: Section, reader: Reader): Node {
  const type = typeOf(section);
  if (type !== 'worker' && type !== 'standalone') return NOTHING;
  checkValues(section, reader);
  const [method, procs] = [section.options.get('lb_method'), section.options.get('lb_procs')];
  const isWrong = checkBalancing(section, reader);
  const members = procs === undefined ? 1 : Number.parseInt(procs.value, 10);
  const options = optionsOf(section, reader);
  if (isWrong || !(members > 0)) return { groups: [], isWrong };
  if (method?.value === 'interfaces') return { ...NOTHING, groups: groupsOfInterfaces(section, options, reader) };
  return oneInterface(section, method?.value, members, options, reader);
}

function checkBalancing({ name, options, at }: Section, { note, version }: Reader): boolean {
  const [method, procs] = [options.get('lb_method'), options.get('lb_procs')];
  if (procs !== undefined && !/^\d+$/.test(procs.value)) {
    if (!isCommented(procs.value)) note('zeek-inline-comment', { key: 'lb_procs', given: procs.value }, procs.valueAt);
    return true;
  }
  if (procs !== undefined && method === undefined) {
    note('zeek-lb-method-missing', { section: name }, procs.at);
    return true;
  }
  if (method === undefined) return false;
  if (procs === undefined) note('zeek-lb-procs-missing', { section: name }, method.at);
  const isKnown = METHODS.includes(method.value) && !(method.value === 'af_packet' && isBefore(version, 5, 2));
  if (!isKnown && !isCommented(method.value)) note('zeek-lb-method', { given: method.value }, method.valueAt);
  return procs === undefined || !isKnown || (method.value === 'interfaces' && !checkInterfaces(options, Number(procs.value), at, note));
}

function checkInterfaces(options: Section['options'], procs: number, at: Place, note: Note): boolean {
  const list = options.get('lb_interfaces');
  const interfaces = listOf(list?.value ?? '').length;
  if (interfaces !== procs) note('zeek-interfaces-count', { interfaces, procs }, list?.valueAt ?? at);
  return interfaces === procs;
}

function listOf(text: string): readonly string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
}

/** Keys whose value is one word or one expression. */
const PLAIN_KEYS = /^(?:interface|host|type|pin_cpus|lb_\w+|af_packet_\w+)$/;
const KNOWN_KEYS = [
  'type',
  'host',
  'interface',
  'lb_procs',
  'lb_method',
  'lb_interfaces',
  'pin_cpus',
  'env_vars',
  'aux_scripts',
  'zone_id',
];
/** A plugin may read any other key. */
const OWN_KEYS = /^(?:af_?packet|fanout|lb|pin|env|inter|aux|zone|cpu)/;

function isCommented(value: string): boolean {
  return /\s[#;]/.test(value);
}

function checkValues({ options }: Section, { note }: Reader): void {
  for (const [key, { value, valueAt, isContinued, at }] of options) {
    if (PLAIN_KEYS.test(key) && isContinued) note('zeek-value-split', { key, flaw: 'continued' }, valueAt);
    if (PLAIN_KEYS.test(key) && isCommented(value)) note('zeek-inline-comment', { key, given: value }, valueAt);
    const option = /^af_packet_(\w+)$/.exec(key)?.[1];
    const isKnown = option === undefined ? KNOWN_KEYS.includes(key) || !OWN_KEYS.test(key) : isAfPacketOption(option);
    if (!isKnown) note('zeek-option-unknown', { key }, at);
  }
  for (const name of Object.keys(environmentOf(options)))
    if (/^(?:af_packet_|AF_Packet)/i.test(name)) note('zeek-option-in-env-vars', { key: name }, options.get('env_vars')?.valueAt);
}

function isAfPacketOption(name: string): boolean {
  return [...FIRST_OPTIONS, ...LATER_OPTIONS].some((known) => known === name);
}

/** NAME=value, by commas; a value may be quoted. */
function environmentOf(options: Section['options']): Readonly<Record<string, string>> {
  const text = options.get('env_vars')?.value ?? '';
  const parts = [...text.matchAll(/(?:^|,)\s*([A-Za-z_]\w*)\s*=\s*("[^"]*"|'[^']*'|[^,]*)/g)];
  return Object.fromEntries(parts.map(([, name = '', value = '']) => [name, value.trim().replace(/^(["'])(.*)\1$/, '$2')]));
}

/** What the plugin writes into the script of each worker, over what local.zeek says. */
function optionsOf({ options }: Section, { note, version, redefinitions }: Reader): AfPacketOptions {
  const found = new Map(redefinitions);
  const hasProcs = options.has('lb_procs');
  for (const [key, { value, at, valueAt }] of options) {
    const name = /^af_packet_(\w+)$/.exec(key)?.[1];
    if (name === undefined || !isAfPacketOption(name)) continue;
    const since: readonly [number, number] = FIRST_OPTIONS.some((first) => first === name) ? [5, 2] : [8, 1];
    if (isBefore(version, ...since)) note('zeek-option-unknown', { key, since: since.join('.') }, at);
    else if (!hasProcs) note('zeek-option-without-lb-procs', { key }, at);
    else found.set(name, { value, at: valueAt });
  }
  return found;
}

function groupsOfInterfaces(section: Section, options: AfPacketOptions, reader: Reader): readonly Group[] {
  const list = section.options.get('lb_interfaces');
  const names = listOf(list?.value ?? '').filter(hasPrefix);
  return names.map((name) => groupFor(section, { value: withoutPrefix(name), at: list?.valueAt ?? section.at }, 1, options, reader));
}

function oneInterface(section: Section, method: string | undefined, members: number, options: AfPacketOptions, reader: Reader): Node {
  const written = section.options.get('interface');
  const host = section.options.get('host')?.value ?? '';
  if (written === undefined || written.value === '') return NOTHING;
  const at = written.valueAt;
  const own = written.value;
  const prefix = method === 'custom' ? reader.zeekctl.prefix?.value : undefined;
  if (method === 'af_packet') {
    const isInactive = hasPrefix(own);
    if (isInactive) reader.note('zeek-prefix-with-af-packet', { interface: own }, at);
    const active = isInactive ? reader.redefinitions : options;
    return { ...NOTHING, groups: [groupFor(section, { value: withoutPrefix(own), at }, members, active, reader)] };
  }
  if (prefix !== undefined && hasPrefix(prefix) && hasPrefix(own)) {
    reader.note('zeek-prefix-twice', { interface: `${prefix}${own}` }, at);
    return NOTHING;
  }
  const whole = `${prefix ?? ''}${own}`;
  if (hasPrefix(whole)) return { ...NOTHING, groups: [groupFor(section, { value: withoutPrefix(whole), at }, members, options, reader)] };
  if (method === 'custom' && prefix === undefined && !whole.includes('::')) {
    reader.note('zeek-custom-without-prefix', { interface: own }, at);
    return NOTHING;
  }
  return method === undefined && !whole.includes('::') ? { ...NOTHING, plain: { interface: own, host, at } } : NOTHING;
}

function groupFor(section: Section, device: Placed, members: number, options: AfPacketOptions, reader: Reader): Group {
  const { options: keys } = section;
  const open = placeholderIn(device.value);
  if (open !== undefined) reader.note('template-not-filled', { placeholder: open }, device.at);
  const env = environmentOf(keys);
  const host = keys.get('host')?.value;
  const [procs, pins] = [keys.get('lb_procs'), keys.get('pin_cpus')];
  return zeekGroup(
    {
      interface: open === undefined ? device.value : null,
      ...(host === undefined ? {} : { host }),
      procs: members,
      options,
      ...cpusOf(keys, members, reader.note),
      ...(Object.keys(env).length === 0 ? {} : { env }),
      ...(reader.zeekctl.filter === undefined ? {} : { filter: reader.zeekctl.filter }),
      ...(open === undefined ? {} : { unresolved: { interface: device.value } }),
      origins: {
        interface: device.at,
        ...(procs === undefined ? {} : { procs: procs.valueAt }),
        ...(pins === undefined ? {} : { cpus: pins.valueAt }),
      },
    },
    reader.note,
  );
}

/** Worker i is on CPU i of the list, from its beginning again where it is short. */
function cpusOf(options: Section['options'], members: number, note: Note): { readonly cpus?: readonly number[] } {
  const pins = options.get('pin_cpus');
  if (pins === undefined) return {};
  const list = listOf(pins.value)
    .filter((cpu) => /^\d{1,5}$/.test(cpu))
    .map(Number);
  const different = new Set(list).size;
  if (different === 0) return {};
  if (different < members) note('zeek-pin-short', { cpus: different, procs: members }, pins.valueAt);
  return { cpus: Array.from({ length: Math.min(members, CPUS_MAX) }, (_, index) => list[index % list.length] ?? 0) };
}

const CPUS_MAX = 4096;

function checkSameInterface(nodes: readonly Node[], note: Note): void {
  const places = nodes.flatMap(({ plain }) => plain ?? []);
  for (const [first, second, ...more] of groupedBy(places, ({ host, interface: name }) => `${host} ${name}`))
    if (first !== undefined && second !== undefined)
      note('zeek-workers-same-interface', { interface: first.interface, workers: 2 + more.length }, second.at);
}
