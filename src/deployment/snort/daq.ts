/** Groups of libdaq's module afpacket, and what goes wrong with its variables (daq_afpacket.c, sfdaq.cc). Pure. */
import type { FanoutFlag, FanoutMode } from '../../model/fanout.ts';
import type { Group } from '../group.ts';
import { placeholderIn } from '../placeholders.ts';
import type { Note } from '../rules.ts';
import type { Place, Placed } from '../source.ts';

export interface SnortCapture {
  /** Of the base module; undefined: none is named, and Snort takes pcap. */
  readonly module?: Placed;
  readonly mode: 'inline' | 'passive' | 'read-file';
  readonly variables: readonly Placed[];
  readonly inputs: readonly Placed[];
  /** Packet threads; 0: as many as CPUs. Undefined: it is not written. */
  readonly threads?: Placed<number>;
  readonly snaplen?: Placed<number>;
  readonly isCommand: boolean;
  readonly at: Place;
}

export interface SnortGroups {
  readonly groups: readonly Group[];
  /** The module refuses its variables, or an input. */
  readonly isRefused: boolean;
}

const NONE: SnortGroups = { groups: [], isRefused: false };
const REFUSED: SnortGroups = { groups: [], isRefused: true };
const TYPES: readonly FanoutMode[] = ['hash', 'lb', 'cpu', 'rollover', 'rnd', 'qm'];
const FLAGS: readonly FanoutFlag[] = ['rollover', 'defrag'];
const SNAPLEN = 1518;
const BUFFER_MIB = 128;

export function snortGroups(capture: SnortCapture, note: Note): SnortGroups {
  const { module, mode, at } = capture;
  if (module?.value !== 'afpacket') {
    note('snort-not-afpacket', module === undefined ? {} : { module: module.value }, module?.at ?? at);
    return NONE;
  }
  const variables = variablesOf(capture, note);
  const interfaces = interfacesOf(capture, note);
  if (variables === undefined || interfaces === undefined || mode === 'read-file') return mode === 'read-file' ? NONE : REFUSED;
  const threads = threadsOf(capture);
  if (variables.type === undefined) {
    if (threads !== 1) note('snort-no-fanout', { interface: interfaces[0]?.name.value ?? null, threads }, capture.threads?.at ?? module.at);
    if (variables.flagAt !== undefined) note('snort-flag-alone', { given: variables.flags.join(', ') }, variables.flagAt);
    return NONE;
  }
  if (threads === 1) note('snort-one-thread', { isCommand: capture.isCommand }, variables.type.at);
  if (capture.inputs.length > 1 && threads !== 1 && (threads === 'auto' || threads > capture.inputs.length))
    note('snort-inputs', { threads, inputs: capture.inputs.length }, capture.inputs[1]?.at);
  const devices = interfaces.length === 0 ? [undefined] : interfaces;
  return { groups: devices.map((device) => groupOf(capture, variables, threads, device, note)), isRefused: false };
}

interface Variables {
  readonly type?: Placed<FanoutMode>;
  readonly flags: readonly FanoutFlag[];
  readonly flagAt?: Place;
  readonly bufferMiB: Placed<number>;
}

function variablesOf({ variables, at }: SnortCapture, note: Note): Variables | undefined {
  let found: Variables = { flags: [], bufferMiB: { value: BUFFER_MIB, at } };
  let isRefused = false;
  for (const { value, at: place } of variables) {
    const cut = value.indexOf('=');
    const [key, given] = cut < 0 ? [value, ''] : [value.slice(0, cut), value.slice(cut + 1)];
    const type = TYPES.find((one) => one === given);
    const flag = FLAGS.find((one) => one === given);
    if (key === 'fanout_type' && type !== undefined) found = { ...found, type: { value: type, at: place } };
    else if (key === 'fanout_flag' && flag !== undefined) found = { ...found, flags: [...new Set([...found.flags, flag])], flagAt: place };
    else if (key === 'fanout_type' || key === 'fanout_flag') {
      note('snort-fanout-type', { key, given }, place);
      isRefused = true;
    } else if (key === 'buffer_size_mb') found = { ...found, bufferMiB: { value: bufferOf(given), at: place } };
    else if (key !== 'use_tx_ring' && key !== 'debug') note('snort-variable-unknown', { key }, place);
  }
  const { value: mebibytes, at: place } = found.bufferMiB;
  if (mebibytes >= 4096) note('snort-buffer-wraps', { mebibytes, left: mebibytes % 4096 }, place);
  return isRefused ? undefined : found;
}

/** strtol; "max" is the default. */
function bufferOf(given: string): number {
  const size = /^\s*\d{1,9}/.exec(given)?.[0];
  return size === undefined ? BUFFER_MIB : Number(size);
}

interface Device {
  readonly name: Placed;
  /** Which of the inputs it is of. */
  readonly input: number;
}

/** "eth0:eth1" is a list when passive, and a pair when inline; "::" stands between pairs. */
function interfacesOf({ inputs, mode }: SnortCapture, note: Note): readonly Device[] | undefined {
  const pair = inputs.find(({ value }) => value.includes('::'));
  if (pair !== undefined && mode !== 'inline') {
    note('snort-passive-pair', { given: pair.value }, pair.at);
    return undefined;
  }
  return inputs.flatMap(({ value, at }, input) =>
    value
      .split(/::?/)
      .filter((name) => name !== '')
      .map((name) => ({ name: { value: name, at }, input })),
  );
}

function threadsOf({ threads }: SnortCapture): number | 'auto' {
  if (threads === undefined) return 1;
  return threads.value === 0 ? 'auto' : threads.value;
}

/** Thread i takes input i where there is one, and the first one else. */
function membersOf(threads: number | 'auto', input: number, inputs: number): number | 'auto' {
  if (input > 0) return 1;
  return threads === 'auto' ? 'auto' : Math.max(1, threads - Math.max(0, inputs - 1));
}

function groupOf(capture: SnortCapture, variables: Variables, threads: number | 'auto', device: Device | undefined, note: Note): Group {
  const name = device?.name.value;
  const open = placeholderIn(name ?? '');
  if (open !== undefined) note('template-not-filled', { placeholder: open }, device?.name.at);
  const procs = membersOf(threads, device?.input ?? 0, capture.inputs.length);
  return {
    program: 'snort',
    interface: open === undefined ? (name ?? null) : null,
    procs,
    ...meansOf(capture, procs),
    mode: variables.type?.value ?? 'hash',
    flags: variables.flags,
    id: 'ifindex',
    tpacket: 'v2',
    bufferBytes: (variables.bufferMiB.value % 4096) * 2 ** 20,
    promisc: true,
    snaplen: capture.snaplen?.value ?? SNAPLEN,
    group: true,
    ...(capture.mode === 'inline' ? { copyMode: 'inline' } : {}),
    ...(open === undefined ? {} : { unresolved: { interface: name ?? '' } }),
    origins: originsOf(capture, variables, device),
  };
}

function meansOf({ isCommand, threads }: SnortCapture, procs: number | 'auto'): { readonly procsMeans?: string } {
  if (procs === 'auto') return { procsMeans: 'CPUs Snort may run on' };
  return isCommand || threads !== undefined ? {} : { procsMeans: 'packet threads: -z is not in this file; 1 by default' };
}

function originsOf(
  { threads, snaplen, at }: SnortCapture,
  { type, flagAt, bufferMiB }: Variables,
  device: Device | undefined,
): Group['origins'] {
  return {
    interface: device?.name.at ?? at,
    ...(threads === undefined ? {} : { procs: threads.at }),
    ...(type === undefined ? {} : { mode: type.at }),
    ...(flagAt === undefined ? {} : { flags: flagAt }),
    ...(snaplen === undefined ? {} : { snaplen: snaplen.at }),
    bufferBytes: bufferMiB.at,
  };
}
