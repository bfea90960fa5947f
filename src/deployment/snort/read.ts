/** snort.lua and the command line of Snort 3, each alone or both together. */
import { firstPlaceholder, templateIn } from '../placeholders.ts';
import { type Context, type Read, unreadable } from '../reading.ts';
import type { Note } from '../rules.ts';
import { type CommandLine, hasOption, isOption, optionsIn, valuesOf, type Word } from '../shell-words.ts';
import type { Placed, Source } from '../source.ts';
import { type SnortCapture, snortGroups } from './daq.ts';
import { isTable, LuaFault, type LuaTable, type LuaValue, luaConstants } from './lua.ts';

const WITH_VALUE = new Set([
  ...['-c', '--daq', '--daq-var', '--daq-dir', '--daq-mode', '-i', '-z', '--max-packet-threads', '-l', '-s', '--snaplen', '-R', '-r', '-k'],
  ...['-m', '-u', '-g', '-t', '-B', '-A', '-L', '-n', '-S', '--plugin-path', '--tweaks', '--lua', '--script-path', '--bpf', '--rule-path'],
  ...['--pcap-list', '--pcap-dir', '--pcap-file', '--logid', '--run-prefix', '--control-socket', '--create-pidfile', '--id-subdir'],
]);

/** What a command line says of the capture. */
export interface SnortCommand {
  /** Of -c. */
  readonly config?: string;
  readonly capture: SnortCapture;
  readonly readsFile: boolean;
}

export function snortCommand(args: CommandLine, at: Placed['at']): SnortCommand {
  const items = optionsIn(args, WITH_VALUE);
  const last = (...names: readonly string[]): Word | undefined => valuesOf(items, ...names).at(-1);
  const module = last('--daq');
  const [threads, snaplen, mode] = [last('-z', '--max-packet-threads'), last('-s', '--snaplen'), last('--daq-mode')?.text];
  const isInline = hasOption(items, '-Q') || mode === 'inline';
  const config = last('-c')?.text;
  return {
    ...(config === undefined ? {} : { config }),
    readsFile: items.some((item) => isOption(item) && /^(?:-r|--pcap-(?:list|dir|file))$/.test(item.name)),
    capture: {
      ...(module === undefined ? {} : { module: placed(module) }),
      mode: mode === 'read-file' ? 'read-file' : isInline ? 'inline' : 'passive',
      variables: valuesOf(items, '--daq-var').map(placed),
      inputs: valuesOf(items, '-i').map(placed),
      ...numbered('threads', threads),
      ...numbered('snaplen', snaplen),
      isCommand: true,
      at,
    },
  };
}

function placed({ text, at }: Word): Placed {
  return { value: text, at };
}

function numbered<K extends string>(key: K, word: Word | undefined): { readonly [Key in K]?: Placed<number> } {
  if (word === undefined || !/^\d{1,6}$/.test(word.text)) return {};
  return { [key]: { value: Number(word.text), at: word.at } } as { [Key in K]?: Placed<number> };
}

/** @param lua what -c names, where that is known */
export function readSnortCommand({ capture, readsFile }: SnortCommand, hasLua: boolean, note: Note): Pick<Read, 'groups' | 'outcome'> {
  if (readsFile) return { groups: [] };
  // What -c names is read with it.
  if (capture.module === undefined && hasLua) return { groups: [], outcome: 'companion' };
  const { groups, isRefused } = snortGroups(capture, note);
  return { groups, ...(isRefused ? { outcome: 'error' } : {}) };
}

/** @param command that starts Snort with this file */
export function readSnortLua(source: Source, { note }: Context, command?: SnortCommand): Read {
  const program = 'snort' as const;
  try {
    const globals = luaConstants(source);
    const daq = globals.get('daq');
    const table = daq !== undefined && isTable(daq.value) ? daq.value : undefined;
    if (table !== undefined && !checkNesting(table, note)) return { program, outcome: 'error', groups: [] };
    const own = captureOf(table, globals.get('snort')?.value, source);
    if (command?.readsFile === true) return { program, groups: [] };
    noteOverlay(own, command, note);
    if (command?.capture.module !== undefined) return { program, outcome: 'companion', groups: [] };
    const { groups, isRefused } = snortGroups(command === undefined ? own : overlaid(own, command.capture), note);
    return { program, groups, ...(isRefused ? { outcome: 'error' } : {}) };
  } catch (error) {
    if (!(error instanceof LuaFault)) throw error;
    return refused(error, source, note);
  }
}

function refused({ message, offset }: LuaFault, source: Source, note: Note): Read {
  const open = templateIn(source) ?? firstPlaceholder(source);
  if (open !== undefined) {
    note('template-not-filled', { placeholder: open.value }, open.at);
    return { program: 'snort', outcome: 'template', groups: [] };
  }
  const at = source.placeOf(offset);
  return {
    program: 'snort',
    ...unreadable(`Lua cannot read it: ${message} (line ${at.line})`, 'mend the syntax; `snort -c FILE` shows it', at),
  };
}

const DAQ_KEYS = ['module_dirs', 'modules', 'inputs', 'snaplen', 'batch_size'];
const MODULE_KEYS = ['name', 'mode', 'variables'];

/** Snort does not start with a key that it does not know here (module_manager.cc). */
function checkNesting(daq: LuaTable, note: Note): boolean {
  const unknown = (table: LuaTable, known: readonly string[], path: string): readonly Placed[] =>
    [...table.entries].flatMap(([key, { at }]) =>
      typeof key === 'string' && !known.includes(key) ? [{ value: `${path}.${key}`, at }] : [],
    );
  const wrong = [...unknown(daq, DAQ_KEYS, 'daq'), ...modulesOf(daq).flatMap((module) => unknown(module, MODULE_KEYS, 'daq.modules'))];
  for (const { value, at } of wrong) note('snort-daq-nesting', { path: value }, at);
  return wrong.length === 0;
}

function modulesOf(daq: LuaTable | undefined): readonly LuaTable[] {
  return listOf(daq?.entries.get('modules')?.value).flatMap(({ value }) => (isTable(value) ? [value] : []));
}

function listOf(value: LuaValue): readonly { readonly value: LuaValue; readonly at: Placed['at'] }[] {
  return isTable(value) ? [...value.entries].flatMap(([key, entry]) => (typeof key === 'number' ? [entry] : [])) : [];
}

function textsOf(value: LuaValue): readonly Placed[] {
  return listOf(value).flatMap(({ value: text, at }) => (typeof text === 'string' ? [{ value: text, at }] : []));
}

function captureOf(daq: LuaTable | undefined, snort: LuaValue, source: Source): SnortCapture {
  const modules = modulesOf(daq);
  const module = modules.find((one) => one.entries.get('name')?.value === 'afpacket') ?? modules[0];
  const name = module?.entries.get('name');
  const mode = module?.entries.get('mode')?.value;
  const options = isTable(snort) ? snort.entries : undefined;
  return {
    ...(typeof name?.value === 'string' ? { module: { value: name.value, at: name.at } } : {}),
    mode: mode === 'inline' ? 'inline' : mode === 'read-file' ? 'read-file' : 'passive',
    variables: textsOf(module?.entries.get('variables')?.value),
    inputs: textsOf(daq?.entries.get('inputs')?.value),
    ...number('threads', options?.get('-z') ?? options?.get('--max-packet-threads')),
    ...number('snaplen', daq?.entries.get('snaplen') ?? options?.get('-s')),
    isCommand: false,
    at: daq?.at ?? source.placeOf(0),
  };
}

function number<K extends string>(
  key: K,
  entry: { readonly value: LuaValue; readonly at: Placed['at'] } | undefined,
): { readonly [Key in K]?: Placed<number> } {
  const value = Number(entry?.value);
  if (entry === undefined || !Number.isInteger(value) || value < 0) return {};
  return { [key]: { value, at: entry.at } } as { [Key in K]?: Placed<number> };
}

function noteOverlay(own: SnortCapture, command: SnortCommand | undefined, note: Note): void {
  if (command === undefined) return;
  const { module, inputs } = command.capture;
  if (module !== undefined && own.module !== undefined) note('snort-cli-wins', { what: 'module' }, own.module.at);
  else if (inputs.length > 0 && own.inputs.length > 0) note('snort-cli-wins', { what: 'inputs' }, own.inputs[0]?.at);
}

function overlaid(own: SnortCapture, { inputs, threads, snaplen, mode }: SnortCapture): SnortCapture {
  return {
    ...own,
    ...(inputs.length === 0 ? {} : { inputs }),
    ...(threads === undefined ? {} : { threads }),
    ...(snaplen === undefined ? {} : { snaplen }),
    ...(mode === 'inline' ? { mode } : {}),
    isCommand: true,
  };
}
