/** Command lines of each program that may capture: the groups that they make by themselves. Pure. */
import { type FanoutFlag, type FanoutMode, fanoutModeCalled } from '../../model/fanout.ts';
import type { Group } from '../group.ts';
import { placeholderIn } from '../placeholders.ts';
import type { Context } from '../reading.ts';
import { type CommandLine, hasOption, optionsIn, programOf, valuesOf, type Word } from '../shell-words.ts';
import { readSnortCommand, snortCommand } from '../snort/read.ts';
import type { Place } from '../source.ts';
import { stenotypeGroups } from '../stenographer.ts';
import { suricataCommand } from '../suricata/command.ts';
import { assignmentsIn } from '../zeek/conf.ts';
import { hasPrefix, withoutPrefix, zeekGroup } from '../zeek/options.ts';

export interface CommandRead {
  readonly groups: readonly Group[];
  readonly isRefused: boolean;
  /** What is read belongs to the file that it names. */
  readonly isCompanion: boolean;
  /** A program that may capture. */
  readonly isKnown: boolean;
  /** An interface that a template has not filled in. */
  readonly isOpen: boolean;
  /** Interfaces of which a process sees everything, by libpcap. */
  readonly plain?: readonly Word[];
}

const UNKNOWN: CommandRead = { groups: [], isRefused: false, isCompanion: false, isKnown: false, isOpen: false };
const QUIET: CommandRead = { ...UNKNOWN, isKnown: true };

/** Whether a configuration of this name is among the files that are read. */
export type HasConfig = (path: string | undefined) => boolean;

type Reader = (args: CommandLine, at: Place, context: Context, hasConfig: HasConfig) => CommandRead;

/** By the name of the program. Those that only write packets down join no group, and say so by being here. */
const READERS: Readonly<Record<string, Reader>> = {
  suricata,
  zeek,
  bro: zeek,
  snort,
  snort3: snort,
  'netsniff-ng': netsniff,
  heplify,
  stenotype,
  tcpdump: onlyReads(['-i', '--interface']),
  dumpcap: onlyReads(['-i', '--interface']),
  sniffglue: onlyReads([]),
  packetbeat: onlyReads([]),
  capture: onlyReads([]),
  'arkime-capture': onlyReads([]),
  'moloch-capture': onlyReads([]),
  stenographer: onlyReads([]),
};

export function isCaptureProgram(name: string): boolean {
  return Object.hasOwn(READERS, name);
}

/** The program that captures, which another may start: `docker run IMAGE`, `ip netns exec NAME`, `taskset`, `sh -c`. */
export function captureIn(command: CommandLine): { readonly name: string; readonly args: CommandLine; readonly at: Place | undefined } {
  const { name, args } = programOf(command);
  const at = command[0]?.at;
  if (isCaptureProgram(name)) return { name, args, at };
  const index = args.findIndex(({ text }) => isCaptureProgram(imageName(text)) && imageName(text) !== 'capture');
  const found = args[index];
  return found === undefined ? { name, args, at } : { name: imageName(found.text), args: args.slice(index + 1), at: found.at };
}

/** Of a program by its path, or of a container's image: "registry/suricata:7.0". */
export function imageName(text: string): string {
  return text.slice(text.lastIndexOf('/') + 1).replace(/[:@].*$/, '');
}

export function readCommand(command: CommandLine, context: Context, hasConfig: HasConfig): CommandRead {
  const { name, args, at } = captureIn(command);
  const reader = isCaptureProgram(name) ? READERS[name] : undefined;
  const read = reader === undefined || at === undefined ? UNKNOWN : reader(args, at, context, hasConfig);
  const devices = dpdkDevices(command, context);
  return devices.length === 0 ? read : { ...read, isKnown: true, groups: [...read.groups, ...devices] };
}

function suricata(args: CommandLine, _: Place, { note }: Context, hasConfig: HasConfig): CommandRead {
  const { config, otherCapture, overrides } = suricataCommand(args);
  if (otherCapture !== undefined) note('suricata-not-af-packet', { option: otherCapture.text }, otherCapture.at);
  const open = overrides.interfaces?.find(({ value }) => placeholderIn(value) !== undefined);
  if (open !== undefined) note('template-not-filled', { placeholder: placeholderIn(open.value) ?? open.value }, open.at);
  return { ...QUIET, isCompanion: hasConfig(config), isOpen: open !== undefined };
}

const ZEEK_WITH_VALUE = new Set([
  '-i',
  '--iface',
  '-f',
  '--filter',
  '-e',
  '--exec',
  '-w',
  '--writefile',
  '-r',
  '--readfile',
  '-p',
  '--prefix',
  '-s',
  '-t',
  '-U',
  '-j',
  '-n',
]);

function zeek(args: CommandLine, at: Place, { note }: Context): CommandRead {
  const items = optionsIn(args, ZEEK_WITH_VALUE);
  const options = assignmentsIn(args);
  const filter = valuesOf(items, '-f', '--filter').at(-1)?.text;
  let isOpen = false;
  const devices = valuesOf(items, '-i', '--iface');
  const groups = devices.flatMap((word): readonly Group[] => {
    if (!hasPrefix(word.text)) return [];
    const device = noteOpen(withoutPrefix(word.text), word, note);
    isOpen ||= device.interface === null;
    return [
      zeekGroup(
        { ...device, procs: 1, options, origins: { interface: word.at, procs: at }, ...(filter === undefined ? {} : { filter }) },
        note,
      ),
    ];
  });
  return { ...QUIET, groups, isOpen, plain: devices.filter(({ text }) => !text.includes('::')) };
}

interface Named {
  readonly interface: string | null;
  readonly unresolved?: Readonly<Record<string, string>>;
}

/** systemd fills in the name of an instance, and the shell and templates other places. */
function noteOpen(name: string, { at }: Word, note: Context['note']): Named {
  if (/%[iIjJ]/.test(name)) return { interface: null, unresolved: { interface: name } };
  const placeholder = placeholderIn(name);
  if (placeholder === undefined) return { interface: name };
  note('template-not-filled', { placeholder }, at);
  return { interface: null, unresolved: { interface: placeholder } };
}

function snort(args: CommandLine, at: Place, { note }: Context, hasConfig: HasConfig): CommandRead {
  const command = snortCommand(args, at);
  const { groups, outcome } = readSnortCommand(command, hasConfig(command.config), note);
  return { ...QUIET, groups, isRefused: outcome === 'error', isCompanion: outcome === 'companion' };
}

const NETSNIFF_WITH_VALUE = new Set([
  ...[
    '-i',
    '-d',
    '--in',
    '--dev',
    '-o',
    '--out',
    '-C',
    '--fanout-group',
    '-K',
    '--fanout-type',
    '-L',
    '--fanout-opts',
    '-f',
    '--filter',
    '-S',
  ],
  ...[
    '--ring-size',
    '-t',
    '--type',
    '-F',
    '--interval',
    '-T',
    '--magic',
    '-b',
    '--bind-cpu',
    '-u',
    '--user',
    '-g',
    '--group',
    '-P',
    '--prefix',
    '-n',
    '--num',
    '-k',
    '-s',
    '-R',
  ],
]);

function netsniff(args: CommandLine, at: Place, { note }: Context): CommandRead {
  const items = optionsIn(args, NETSNIFF_WITH_VALUE);
  const [device] = valuesOf(items, '-i', '-d', '--in', '--dev');
  const [id, type] = [valuesOf(items, '-C', '--fanout-group').at(-1), valuesOf(items, '-K', '--fanout-type').at(-1)];
  const named = device === undefined ? undefined : noteOpen(device.text, device, note);
  if (id === undefined) return { ...QUIET, isOpen: named?.interface === null };
  const number = idOf(id, 'netsniff-ng', note);
  if (number === undefined) return { ...QUIET, isRefused: true };
  if (type === undefined) note('netsniff-default-mode', {}, id.at);
  const flags = valuesOf(items, '-L', '--fanout-opts').flatMap(({ text }): readonly FanoutFlag[] =>
    text === 'defrag' ? ['defrag'] : text === 'roll' ? ['rollover'] : [],
  );
  const filter = valuesOf(items, '-f', '--filter').at(-1)?.text;
  const mode: FanoutMode = type === undefined || type.text === 'roll' ? 'rollover' : (fanoutModeCalled(type.text) ?? 'rollover');
  const group: Group = {
    program: 'netsniff-ng',
    interface: named?.interface ?? null,
    ...(named?.unresolved === undefined ? {} : { unresolved: named.unresolved }),
    procs: 1,
    procsMeans: 'one per netsniff-ng process',
    mode,
    flags,
    id: number,
    tpacket: 'v3',
    ...(filter === undefined ? {} : { filter }),
    promisc: !hasOption(items, '-M', '--no-promisc'),
    group: true,
    origins: { interface: device?.at ?? at, id: id.at, ...(type === undefined ? {} : { mode: type.at }) },
  };
  return { ...QUIET, groups: [group], isOpen: named?.interface === null };
}

/** Its low 16 bits; undefined: none that can be used. */
function idOf(word: Word, program: 'netsniff-ng' | 'heplify', note: Context['note']): number | undefined {
  const value = /^\d{1,10}$/.test(word.text) ? Number(word.text) : Number.NaN;
  if (value > 65535) note('id-out-of-range', { program, given: word.text }, word.at);
  const id = value % 65536;
  if (id === 0) note('id-zero', { program }, word.at);
  return id > 0 ? id : undefined;
}

const HEPLIFY_WITH_VALUE = new Set([
  '-i',
  '-t',
  '-fg',
  '-fw',
  '-m',
  '-hs',
  '-pr',
  '-bpf',
  '-b',
  '-s',
  '-hi',
  '-hn',
  '-l',
  '-wf',
  '-rf',
  '-nt',
  '-dim',
  '-di',
  '-config',
]);

function heplify(args: CommandLine, at: Place, { note }: Context): CommandRead {
  const items = optionsIn(args, HEPLIFY_WITH_VALUE);
  const type = valuesOf(items, '-t').at(-1);
  const [id, workers] = [valuesOf(items, '-fg').at(-1), valuesOf(items, '-fw').at(-1)];
  if (type?.text !== 'af_packet') return QUIET;
  const number = id === undefined || id.text === '0' ? undefined : idOf(id, 'heplify', note);
  if (id?.text === '0') note('id-zero', { program: 'heplify' }, id.at);
  if (number === undefined) {
    note('heplify-no-group', {}, type.at);
    return QUIET;
  }
  const device = valuesOf(items, '-i').at(-1);
  const named = device === undefined ? { interface: null } : noteOpen(device.text, device, note);
  const group: Group = {
    program: 'heplify',
    ...named,
    procs: workers !== undefined && /^[1-9]\d{0,3}$/.test(workers.text) ? Number(workers.text) : 4,
    mode: 'hash',
    flags: ['defrag'],
    id: number,
    tpacket: 'v3',
    promisc: true,
    group: true,
    origins: {
      interface: device?.at ?? at,
      ...(id === undefined ? {} : { id: id.at }),
      ...(workers === undefined ? {} : { procs: workers.at }),
    },
  };
  return { ...QUIET, groups: [group] };
}

function stenotype(args: CommandLine, at: Place, { note }: Context): CommandRead {
  const items = optionsIn(args, new Set(['--threads', '--iface', '--dir']));
  const threads = Number(valuesOf(items, '--threads').at(-1)?.text ?? 1);
  const device = valuesOf(items, '--iface').at(-1);
  const origins = { interface: device?.at ?? at, procs: at, mode: at };
  const flags = args.map(({ text }) => text);
  return {
    ...QUIET,
    groups: stenotypeGroups({ interface: device?.text ?? 'eth0', threads: threads > 0 ? threads : 1, flags, origins }, note),
  };
}

/** Joins no group, whatever it is told. */
function onlyReads(interfaceOptions: readonly string[]): Reader {
  return (args, _, { note }) => {
    const open = valuesOf(optionsIn(args, new Set(interfaceOptions)), ...interfaceOptions).find(
      ({ text }) => placeholderIn(text) !== undefined,
    );
    if (open !== undefined) noteOpen(open.text, open, note);
    return { ...QUIET, isOpen: open !== undefined };
  };
}

/** `--vdev=net_af_packet0,iface=eth0,qpairs=4,fanout_mode=hash` of any DPDK program. */
function dpdkDevices(args: CommandLine, { note }: Context): readonly Group[] {
  const devices = valuesOf(optionsIn(args, new Set(['--vdev'])), '--vdev').filter(({ text }) => /^(?:net|eth)_af_packet\d*,/.test(text));
  return devices.flatMap((word) => dpdkDevice(word, note));
}

function dpdkDevice(word: Word, note: Context['note']): readonly Group[] {
  const values = new Map(word.text.split(',').map((part) => part.split('=', 2) as [string, string | undefined]));
  const pairs = Number(values.get('qpairs') ?? 1);
  if (!(pairs > 1)) return [];
  const written = values.get('fanout_mode');
  const older: readonly FanoutFlag[] = ['rollover', 'defrag'];
  return [
    {
      program: 'dpdk',
      ...noteOpen(values.get('iface') ?? '', word, note),
      procs: pairs,
      mode: fanoutModeCalled(written ?? 'hash') ?? 'hash',
      flags: written === undefined ? older : [],
      id: null,
      tpacket: 'v2',
      promisc: true,
      group: true,
      origins: { interface: word.at },
    },
  ];
}
