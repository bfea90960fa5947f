/** zeek.conf of Zeek's generator of systemd units (tools/systemd-generator). Pure. */
import type { Group } from '../group.ts';
import { type IniItem, type IniOption, iniItems, ZEEK_CONF } from '../ini.ts';
import { placeholderIn, templateIn } from '../placeholders.ts';
import { type Context, type Read, unreadable } from '../reading.ts';
import type { Note } from '../rules.ts';
import { commandLines, type Word } from '../shell-words.ts';
import type { Place, Placed, Source } from '../source.ts';
import { versionOf } from '../versions.ts';
import { type AfPacketOptions, hasPrefix, merged, noteDefaultIds, withoutPrefix, zeekGroup } from './options.ts';

interface Section {
  readonly name: string;
  readonly at: Place;
  readonly options: ReadonlyMap<string, IniOption>;
}

/** Keys of [zeek], or of a file without sections. */
const CLUSTER_KEYS =
  /^(?:base_dir|user|group|args|env|ext|default_commands|cluster_backend_args|path|node_args|metrics_\w+|log_level|port|address|(?:(?:manager|loggers?|prox(?:y|ies)|workers?|archiver)(?:_\w+)?))$/;
const INTERFACE_KEYS = /^(?:interface|workers|workers_cpu_list|worker_(?:args|env|nice|memory_max|numa_policy|cpu_set|ext|\w+))$/;
/** What looks right, and is read by nobody. */
const MISTAKEN =
  /^(?:worker_cpus|worker_cpu_list|workers_cpus|workers_args|workers_env|interfaces|pin_cpus|lb_\w+|af_packet\w*|fanout\w*)$/;

export function readZeekConf(source: Source, context: Context, redefinitions: AfPacketOptions): Read {
  const { note } = context;
  const template = templateIn(source);
  if (template !== undefined) {
    note('template-not-filled', { placeholder: template.value }, template.at);
    return { program: 'zeek', outcome: 'template', groups: [] };
  }
  const items = iniItems(source, ZEEK_CONF);
  const stray = items.find(({ kind }) => kind === 'stray');
  if (stray?.kind === 'stray')
    return {
      program: 'zeek',
      ...unreadable(`line ${stray.at.line} is no option: ${stray.text}`, 'remove the line, or begin it with #', stray.at),
    };
  const { sections, isTwice } = sectionsOf(items, source, note);
  const isIncomplete = sections.map((section) => checkSection(section, note)).some(Boolean);
  const outcome = isTwice || isIncomplete ? ({ outcome: 'error' } as const) : {};
  const groups = merged(groupsOf(sections, redefinitions, note));
  noteDefaultIds(groups, note);
  return { program: 'zeek', version: versionOf('zeek', context.programVersion), groups: isTwice ? [] : groups, ...outcome };
}

const SECTIONLESS = '';

function sectionsOf(
  items: readonly IniItem[],
  { placeOf }: Source,
  note: Note,
): { readonly sections: readonly Section[]; readonly isTwice: boolean } {
  const sections = new Map<string, { at: Place; options: Map<string, IniOption> }>();
  let name = SECTIONLESS;
  let isTwice = false;
  for (const item of items) {
    if (item.kind === 'section') {
      name = item.name;
      if (sections.has(name)) {
        isTwice = true;
        note('zeek-conf-twice', { section: name }, item.at);
      } else sections.set(name, { at: item.at, options: new Map() });
    } else if (item.kind === 'option') {
      const section = sections.get(name) ?? { at: placeOf(0), options: new Map<string, IniOption>() };
      sections.set(name, section);
      if (section.options.has(item.key)) {
        isTwice = true;
        note('zeek-conf-twice', { section: name, key: item.key }, item.at);
      }
      section.options.set(item.key, item);
    }
  }
  return { sections: [...sections].map(([title, section]) => ({ name: title, ...section })), isTwice };
}

/** Whether the generator refuses it. */
function checkSection({ name, options, at }: Section, note: Note): boolean {
  const isInterface = name === SECTIONLESS || name.startsWith('interface ');
  const [device, workers] = [options.get('interface'), options.get('workers')];
  if (name === SECTIONLESS)
    for (const [key, option] of options)
      if ((!CLUSTER_KEYS.test(key) && !INTERFACE_KEYS.test(key)) || MISTAKEN.test(key)) note('zeek-conf-unknown-key', { key }, option.at);
  if (!isInterface || (name === SECTIONLESS && device === undefined && workers === undefined)) return false;
  if (device !== undefined && device.value !== '' && workers !== undefined) return false;
  const lacks = device === undefined || device.value === '' ? 'interface' : 'workers';
  note('zeek-conf-workers', { section: name, lacks }, (device ?? workers)?.at ?? at);
  return true;
}

function groupsOf(sections: readonly Section[], redefinitions: AfPacketOptions, note: Note): readonly Group[] {
  let hostWorkers = 0;
  return sections.flatMap((section) => {
    const { options } = section;
    const workers = Number.parseInt(options.get('workers')?.value ?? '', 10);
    const device = options.get('interface');
    if (device === undefined || device.value === '' || !(workers > 0) || workers > WORKERS_MAX) return [];
    const first = hostWorkers;
    hostWorkers += workers;
    if (first > WORKERS_MAX) return [];
    if (hasPrefix(device.value)) return groupsOfSection(section, device, workers, first, redefinitions, note);
    if (!device.value.includes('::') && workers > 1 && !device.value.includes('${'))
      note('zeek-workers-same-interface', { interface: device.value, workers }, device.valueAt);
    return [];
  });
}

/** As many as a group may ever have. */
const WORKERS_MAX = 65536;

/** Names that the generator fills in for each worker. */
const PER_WORKER = /\$\{(?:worker_index0?|host_worker_index0?|worker_cpu)\}/;

function groupsOfSection(
  section: Section,
  device: IniOption,
  workers: number,
  first: number,
  redefinitions: AfPacketOptions,
  note: Note,
): readonly Group[] {
  const options = new Map([...redefinitions, ...argumentsOf(section.options.get('worker_args'))]);
  const pins = section.options.get('workers_cpu_list');
  const cpus = cpuList(pins?.value ?? '');
  const cpuOf = (worker: number): number | undefined => cpus[(first + worker) % cpus.length];
  const origins = {
    interface: device.valueAt,
    procs: section.options.get('workers')?.valueAt ?? section.at,
    ...(pins === undefined ? {} : { cpus: pins.valueAt }),
  };
  if (!PER_WORKER.test(device.value)) {
    const name = withoutPrefix(device.value).replace(/\$\{interface_section_name\}/g, () => section.name.replace(/^interface /, ''));
    const open = placeholderIn(name);
    if (open !== undefined) note('template-not-filled', { placeholder: open }, device.valueAt);
    const own = Array.from({ length: cpus.length === 0 ? 0 : Math.min(workers, CPUS_MAX) }, (_, index) => cpuOf(index) ?? 0);
    const unresolved = open === undefined ? {} : { unresolved: { interface: name } };
    const list = own.length === 0 ? {} : { cpus: own };
    return [zeekGroup({ interface: open === undefined ? name : null, procs: workers, options, origins, ...list, ...unresolved }, note)];
  }
  const isFanout = options.get('enable_fanout')?.value !== 'F';
  if (workers > 1 && isFanout) note('zeek-conf-template-interface', { interface: device.value, workers }, device.valueAt);
  return Array.from({ length: Math.min(workers, GROUPS_MAX) }, (_, index) => {
    const name = filled(withoutPrefix(device.value), section, { index, hostIndex: first + index, cpu: cpuOf(index) });
    return zeekGroup({ interface: name, procs: 1, options, origins }, note);
  });
}

const CPUS_MAX = 4096;
/** Of a section, where each worker has an interface of its own. */
const GROUPS_MAX = 256;

interface Worker {
  readonly index: number;
  readonly hostIndex: number;
  readonly cpu: number | undefined;
}

function filled(text: string, { name }: Section, { index, hostIndex, cpu }: Worker): string {
  const values: Readonly<Record<string, string>> = {
    worker_index: String(index + 1),
    worker_index0: String(index),
    host_worker_index: String(hostIndex + 1),
    host_worker_index0: String(hostIndex),
    worker_cpu: String(cpu ?? ''),
    interface_section_name: name.replace(/^interface /, ''),
  };
  return text.replace(/\$\{(\w+)\}/g, (whole, key: string) => values[key] ?? whole);
}

/** Words such as AF_Packet::fanout_id=42. */
export function assignmentsIn(words: readonly Word[]): AfPacketOptions {
  const found = words.flatMap(({ text, at }): readonly (readonly [string, Placed])[] => {
    const match = /^AF_Packet::(\w+)=(.*)$/s.exec(text);
    return match === null ? [] : [[match[1] ?? '', { value: match[2] ?? '', at }]];
  });
  return new Map(found);
}

function argumentsOf(option: IniOption | undefined): AfPacketOptions {
  if (option === undefined) return new Map();
  const { valueAt, value } = option;
  // Lines of it stand elsewhere; all of them are told by the first.
  const words = commandLines(value, { file: valueAt.file, text: value, placeOf: () => valueAt }).flat();
  return assignmentsIn(words);
}

/** "0-8:2,10-20:3": from, to, step. */
export function cpuList(text: string): readonly number[] {
  const cpus: number[] = [];
  for (const part of text.split(',')) {
    const match = /^\s*(\d{1,5})(?:-(\d{1,5})(?::(\d{1,5}))?)?\s*$/.exec(part);
    if (match === null) continue;
    const [from, to, step] = [Number(match[1]), Number(match[2] ?? match[1]), Math.max(1, Number(match[3] ?? 1))];
    for (let cpu = from; cpu <= to && cpus.length < CPUS_MAX; cpu += step) cpus.push(cpu);
  }
  return cpus;
}
