/** Options of Zeek's AF_Packet module, and the group that they make (init-bare.zeek, AF_Packet.cc). Pure. */
import { type FanoutFlag, type FanoutMode, fanoutModeCalled } from '../../model/fanout.ts';
import type { Group } from '../group.ts';
import { groupedBy } from '../group-rules.ts';
import { placeholderIn } from '../placeholders.ts';
import type { Note } from '../rules.ts';
import type { Place, Placed } from '../source.ts';

/** Expressions by the name of the option, as written. */
export type AfPacketOptions = ReadonlyMap<string, Placed>;

/** What zeekctl's plugin writes for a worker: the first three since its beginning, the others since 8.1. */
export const FIRST_OPTIONS = ['fanout_id', 'fanout_mode', 'buffer_size'] as const;
export const LATER_OPTIONS = [
  'enable_fanout',
  'enable_defrag',
  'enable_hw_timestamping',
  'block_size',
  'block_timeout',
  'link_type',
  'checksum_validation_mode',
] as const;

const PREFIX = 'af_packet::';

export function hasPrefix(name: string): boolean {
  return name.toLowerCase().startsWith(PREFIX);
}

export function withoutPrefix(name: string): string {
  return hasPrefix(name) ? name.slice(PREFIX.length) : name;
}

/** Constants of integers, as in 128*1024*1024. */
export function integerOf(expression: string): number | undefined {
  const factors = expression.split('*').map((factor) => (/^\s*\d{1,15}\s*$/.test(factor) ? Number(factor) : Number.NaN));
  const product = factors.reduce((all, factor) => all * factor, 1);
  return Number.isSafeInteger(product) ? product : undefined;
}

const UNITS_MS: Readonly<Record<string, number>> = { usec: 0.001, msec: 1, sec: 1000, min: 60_000, hr: 3_600_000, day: 86_400_000 };

/** "10msec"; zero without a unit, too. */
export function millisecondsOf(expression: string): number | undefined {
  const match = /^\s*(\d{1,12}(?:\.\d{1,9})?)\s*(usec|msec|sec|min|hr|day)?s?\s*$/.exec(expression);
  if (match === null) return undefined;
  const [, amount, unit] = match;
  if (unit === undefined) return Number(amount) === 0 ? 0 : undefined;
  return Number(amount) * (UNITS_MS[unit] ?? Number.NaN);
}

export function booleanOf(expression: string): boolean | undefined {
  const word = expression.trim();
  return word === 'T' ? true : word === 'F' ? false : undefined;
}

const MODES: readonly FanoutMode[] = ['hash', 'cpu', 'qm', 'cbpf', 'ebpf'];

export interface ZeekCapture {
  readonly interface: string | null;
  readonly host?: string;
  readonly procs: number;
  readonly options: AfPacketOptions;
  readonly origins: Readonly<Record<string, Place>>;
  readonly cpus?: readonly number[];
  readonly env?: Readonly<Record<string, string>>;
  readonly filter?: string;
  readonly unresolved?: Readonly<Record<string, string>>;
}

const FIELDS: Readonly<Record<string, string>> = {
  fanout_id: 'id',
  fanout_mode: 'mode',
  enable_defrag: 'flags',
  buffer_size: 'bufferBytes',
  block_size: 'blockSize',
  block_timeout: 'blockTimeoutMs',
};

/** Values, each with what cannot be resolved. */
interface Resolved {
  readonly id: number | null;
  readonly mode: FanoutMode;
  readonly isFanout: boolean;
  readonly flags: readonly FanoutFlag[];
  readonly unresolved: Readonly<Record<string, string>>;
}

export function zeekGroup(capture: ZeekCapture, note: Note): Group {
  const { options, origins, interface: device } = capture;
  const given = [...options].flatMap(([name, { at }]) => (FIELDS[name] === undefined ? [] : [[FIELDS[name], at] as const]));
  const { id, mode, flags, isFanout, unresolved } = resolved(options, capture, note);
  const all = { ...capture.unresolved, ...unresolved };
  return {
    program: 'zeek',
    ...(capture.host === undefined ? {} : { host: capture.host }),
    interface: device,
    procs: capture.procs,
    mode,
    flags,
    id,
    tpacket: 'v3',
    bufferBytes: constantOf(options, 'buffer_size', integerOf) ?? 134217728,
    blockSize: constantOf(options, 'block_size', integerOf) ?? 32768,
    blockTimeoutMs: constantOf(options, 'block_timeout', millisecondsOf) ?? 10,
    ...(capture.filter === undefined ? {} : { filter: capture.filter }),
    promisc: true,
    ...(capture.cpus === undefined ? {} : { cpus: capture.cpus }),
    ...(capture.env === undefined ? {} : { env: capture.env }),
    group: isFanout,
    ...(Object.keys(all).length === 0 ? {} : { unresolved: all }),
    origins: { ...origins, ...Object.fromEntries(given) },
  };
}

function resolved(options: AfPacketOptions, { interface: device, procs }: ZeekCapture, note: Note): Resolved {
  const { id, unresolved } = idOf(options, note);
  const isFanout = constantOf(options, 'enable_fanout', booleanOf) ?? true;
  const off = options.get('enable_fanout');
  if (!isFanout && procs > 1) note('zeek-fanout-off', { interface: device, workers: procs }, off?.at);
  const mode = modeOf(options, device, note);
  return { id, mode, isFanout, flags: constantOf(options, 'enable_defrag', booleanOf) === true ? ['defrag'] : [], unresolved };
}

function constantOf<T>(options: AfPacketOptions, name: string, parse: (text: string) => T | undefined): T | undefined {
  const written = options.get(name)?.value;
  return written === undefined ? undefined : parse(written);
}

export const DEFAULT_ID = 23;

function idOf(options: AfPacketOptions, note: Note): Pick<Resolved, 'id' | 'unresolved'> {
  const written = options.get('fanout_id');
  if (written === undefined) return { id: DEFAULT_ID, unresolved: {} };
  const { value, at } = written;
  // Of a negative number, too, the kernel gets the low 16 bits.
  const id = /^-\d{1,9}$/.test(value) ? Number(value) : integerOf(value);
  if (id === undefined && placeholderIn(value) !== undefined)
    note('template-not-filled', { placeholder: placeholderIn(value) ?? value }, at);
  // A comment behind a number has a finding of its own.
  else if (id === undefined && !/^\d+\s+[#;]/.test(value)) note('zeek-id-from-code', { given: value }, at);
  if (id === undefined) return { id: null, unresolved: { id: value } };
  if (id < 0 || id > 65535) note('id-out-of-range', { program: 'zeek', given: value }, at);
  return { id: id & 0xffff, unresolved: {} };
}

function modeOf(options: AfPacketOptions, device: string | null, note: Note): FanoutMode {
  const written = options.get('fanout_mode');
  if (written === undefined) return 'hash';
  const name = written.value.trim();
  const mode = fanoutModeCalled(name);
  if (!/^AF_Packet::FANOUT_[A-Z]+$/.test(name) || mode === undefined || !MODES.includes(mode))
    note('zeek-enum', { given: name }, written.at);
  if (mode === 'cbpf' || mode === 'ebpf') note('bpf-mode-without-program', { program: 'zeek', interface: device, mode }, written.at);
  return mode !== undefined && MODES.includes(mode) ? mode : 'hash';
}

/** Members of one group, started by several sections or commands. */
export function merged(groups: readonly Group[]): readonly Group[] {
  const found = new Map<string, Group>();
  for (const [index, group] of groups.entries()) {
    const key = keyOf(group) ?? `${index}`;
    const known = found.get(key);
    found.set(key, known === undefined ? group : joined(known, group));
  }
  return [...found.values()];
}

/** Undefined: it is with nobody. */
function keyOf({ program, host, interface: device, id, mode, flags, group, procs }: Group): string | undefined {
  if (device === null || id === null || group === false || procs === 'auto' || program === 'snort') return undefined;
  return JSON.stringify([program, host, device, id, mode, flags]);
}

function joined(known: Group, { procs, cpus }: Group): Group {
  const sum = Number(known.procs) + Number(procs);
  return { ...known, procs: sum, ...(known.cpus === undefined || cpus === undefined ? {} : { cpus: [...known.cpus, ...cpus] }) };
}

/** Groups of one host whose id was never written, on several interfaces. */
export function noteDefaultIds(groups: readonly Group[], note: Note): void {
  const open = groups.filter((group) => group.origins['id'] === undefined && group.group !== false);
  for (const same of groupedBy(open, ({ host }) => host ?? '')) {
    const interfaces = [...new Set(same.flatMap((group) => group.interface ?? []))];
    if (interfaces.length > 1) note('zeek-default-id-shared', { interfaces }, same[1]?.origins['interface']);
  }
}
