/** packetbeat.yml: nested or dotted keys, one interface or a list of them (beats/packetbeat/config, sniffer). */
import type { Group } from './group.ts';
import { firstPlaceholder, placeholderIn, templateIn } from './placeholders.ts';
import { type Context, type Read, unreadable } from './reading.ts';
import type { Note } from './rules.ts';
import type { Placed, Source } from './source.ts';
import { YamlFault, yamlValues } from './yaml-values.ts';

const MIB = 2 ** 20;
const [BUFFER_MIB, SNAPLEN] = [24, 65535];

type Interface = ReadonlyMap<string, Placed>;

export function readPacketbeat(source: Source, { note }: Context): Read {
  const program = 'packetbeat' as const;
  const template = templateIn(source);
  if (template !== undefined) {
    note('template-not-filled', { placeholder: template.value }, template.at);
    return { program, outcome: 'template', groups: [] };
  }
  try {
    const interfaces = interfacesIn(source);
    const isRefused = [noteTwice(interfaces, note), ...interfaces.map((one) => noteType(one, note))].some(Boolean);
    if (isRefused) return { program, outcome: 'error', groups: [] };
    const groups = interfaces.flatMap((one) => groupOf(one, source, note));
    noteSharedGroup(groups, note);
    return { program, groups };
  } catch (error) {
    if (!(error instanceof YamlFault)) throw error;
    return refused(error, source, note);
  }
}

function refused({ message, offset }: YamlFault, source: Source, note: Note): Read {
  const open = firstPlaceholder(source);
  const at = source.placeOf(offset);
  if (open === undefined)
    return {
      program: 'packetbeat',
      ...unreadable(
        `Packetbeat cannot read it: ${message} at line ${at.line}`,
        'mend the YAML; `packetbeat test config -c FILE` shows it',
        at,
      ),
    };
  note('template-not-filled', { placeholder: open.value }, open.at);
  return { program: 'packetbeat', outcome: 'template', groups: [] };
}

/** Below packetbeat: or, in version 1, at the top. */
function interfacesIn(source: Source): readonly Interface[] {
  const found = new Map<string, Map<string, Placed>>();
  for (const [path, placed] of yamlValues(source)) {
    const match = /^(?:packetbeat\.)?interfaces\.(?:(\d+)\.)?(\w+)$/.exec(path);
    if (match === null) continue;
    const [, index = '', key = ''] = match;
    const one = found.get(index) ?? new Map<string, Placed>();
    found.set(index, one.set(key, placed));
  }
  return [...found.values()].slice(0, INTERFACES_MAX);
}

const INTERFACES_MAX = 1024;

function deviceOf(one: Interface): string {
  return one.get('device')?.value ?? '';
}

/** Packetbeat compares devices before anything else. */
function noteTwice(interfaces: readonly Interface[], note: Note): boolean {
  const seen = new Set<string>();
  let isTwice = false;
  for (const one of interfaces) {
    const device = deviceOf(one);
    if (device !== '' && seen.has(device)) {
      note('packetbeat-device-twice', { device }, one.get('device')?.at);
      isTwice = true;
    }
    seen.add(device);
  }
  return isTwice;
}

function noteType(one: Interface, note: Note): boolean {
  const type = one.get('type');
  const name = type?.value ?? '';
  if (type !== undefined && !['', 'pcap', 'af_packet'].includes(name)) {
    note('packetbeat-type', { given: name }, type.at);
    return true;
  }
  const group = one.get('fanout_group');
  if (group === undefined || name === 'af_packet') return false;
  note('packetbeat-group-type', { type: name === '' ? 'pcap' : name }, group.at);
  return true;
}

function groupOf(one: Interface, source: Source, note: Note): readonly Group[] {
  const [device, type, id] = [one.get('device'), one.get('type'), one.get('fanout_group')];
  if (type?.value !== 'af_packet') return [];
  if (id === undefined) {
    note('packetbeat-no-group', { device: device?.value ?? 'any' }, type.at);
    return [];
  }
  const open = [['interface', device] as const, ['id', id] as const].flatMap(([field, placed]) => {
    const placeholder = placeholderIn(placed?.value ?? '');
    if (placeholder !== undefined) note('template-not-filled', { placeholder }, placed?.at);
    return placeholder === undefined ? [] : [[field, placed?.value ?? ''] as const];
  });
  const unresolved: Readonly<Record<string, string>> = Object.fromEntries(open);
  const number = /^\d{1,10}$/.test(id.value) ? Number(id.value) : undefined;
  if (unresolved['id'] === undefined && (number === undefined || number > 65535)) {
    note('id-out-of-range', { program: 'packetbeat', given: id.value }, id.at);
    return [];
  }
  if (device?.value === 'any' && number !== undefined) note('packetbeat-any', { id: number }, device.at);
  const filter = one.get('bpf_filter')?.value ?? '';
  return [
    {
      program: 'packetbeat',
      interface: unresolved['interface'] === undefined ? (device?.value ?? null) : null,
      procs: 1,
      procsMeans: 'one per Packetbeat process; the file does not say how many',
      mode: 'hash',
      flags: ['defrag'],
      id: number ?? null,
      tpacket: 'v3',
      bufferBytes: numberOf(one.get('buffer_size_mb'), BUFFER_MIB) * MIB,
      snaplen: numberOf(one.get('snaplen'), SNAPLEN),
      ...(filter === '' ? {} : { filter }),
      promisc: one.get('auto_promisc_mode')?.value === 'true',
      group: true,
      ...(open.length === 0 ? {} : { unresolved }),
      origins: { interface: device?.at ?? type.at ?? source.placeOf(0), id: id.at },
    },
  ];
}

function numberOf(placed: Placed | undefined, otherwise: number): number {
  return placed !== undefined && /^\d{1,9}$/.test(placed.value) ? Number(placed.value) : otherwise;
}

function noteSharedGroup(groups: readonly Group[], note: Note): void {
  const first = new Map<number, Group>();
  for (const group of groups) {
    if (typeof group.id !== 'number') continue;
    const known = first.get(group.id);
    if (known === undefined) first.set(group.id, group);
    else note('packetbeat-group-twice', { id: group.id, devices: [known.interface ?? '?', group.interface ?? '?'] }, group.origins['id']);
  }
}
