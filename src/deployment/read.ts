/** Configurations as their programs read them: kind, groups, findings. Pure but for the files that they include, which are handed in. */
import { FanoutError } from '../errors.ts';
import { readArkime } from './arkime.ts';
import { type CommandRead, captureIn, readCommand } from './commands/programs.ts';
import { composeCommands, unitCommands } from './commands/unit.ts';
import { groupedBy, groupFindings } from './group-rules.ts';
import { kindOf } from './kinds.ts';
import { readPacketbeat } from './packetbeat.ts';
import { type Context, type Files, type Kind, type Outcome, type Read, type Reading, unreadable } from './reading.ts';
import { noting } from './rules.ts';
import { type CommandLine, commandLines } from './shell-words.ts';
import { readSnortLua, type SnortCommand, snortCommand } from './snort/read.ts';
import type { Source } from './source.ts';
import { readStenographer } from './stenographer.ts';
import { suricataCommand } from './suricata/command.ts';
import { type Overrides, readSuricata, readSuricataDump } from './suricata/read.ts';
import { YamlFault } from './yaml-values.ts';
import { readZeekConf } from './zeek/conf.ts';
import { readNodeCfg } from './zeek/node.ts';
import type { AfPacketOptions } from './zeek/options.ts';
import { merged } from './zeek/options.ts';
import { readZeekScript, redefinitions } from './zeek/script.ts';
import { readZeekctl, type ZeekctlSettings, zeekctlSettings } from './zeek/zeekctl.ts';

export interface ReadOptions {
  readonly files: Files;
  /** Of all files, instead of what each says by its content. */
  readonly kind?: Kind;
  readonly programVersion?: string;
}

/** A file of the deployment with its kind, if that can be told. */
interface Part {
  readonly source: Source;
  readonly kind: Kind | undefined;
}

/** Files of one deployment: what one says of another counts. */
export function readDeployment(sources: readonly Source[], { files, kind, programVersion }: ReadOptions): readonly Reading[] {
  const parts = sources.map((source): Part => ({ source, kind: kind ?? kindOf(source) }));
  const readings = parts.map((part) => readPart(part, parts, files, programVersion));
  const included = new Set(readings.flatMap(({ includes = [] }) => includes.map(plainPath)));
  return readings.map((reading) => (isCompanion(reading, included, files, programVersion) ? asCompanion(reading) : reading));
}

function readPart({ source, kind }: Part, parts: readonly Part[], files: Files, programVersion: string | undefined): Reading {
  const { note, findings } = noting();
  const others = parts.filter((part) => part.source !== source);
  const context: Context = { note, files, ...(programVersion === undefined ? {} : { programVersion }) };
  const read = kind === undefined || isScript(source, kind) ? unknownKind(source) : readKind(kind, source, context, others);
  const { outcome, groups, ...rest } = read;
  const all = [...findings, ...groupFindings(groups, findings)];
  return {
    file: source.file,
    ...(kind === undefined ? {} : { kind }),
    ...rest,
    outcome: outcome ?? (groups.length > 0 ? 'groups' : 'none'),
    groups,
    findings: unique(all),
  };
}

/** The same said twice of one place comes of settings that two groups share. */
function unique(findings: Reading['findings']): Reading['findings'] {
  return [...new Map(findings.map((finding) => [JSON.stringify([finding.rule, finding.at, finding.args]), finding])).values()];
}

/** Of a shell or another language, which may well write a configuration; scripts of Zeek and lists of commands begin so, too. */
function isScript({ text }: Source, kind: Kind): boolean {
  return text.startsWith('#!') && kind !== 'zeek-script' && kind !== 'command';
}

function unknownKind({ text, file }: Source): Read {
  if (text.startsWith('#!')) return unreadable(`${file} is a script, and no configuration`, 'name the file that it writes');
  return unreadable(`nothing in ${file} tells which program it configures`, 'say so with --kind');
}

function readKind(kind: Kind, source: Source, context: Context, others: readonly Part[]): Read {
  switch (kind) {
    case 'suricata':
      return readSuricata(source, context, suricataOverrides(source, others));
    case 'suricata-dump':
      return readSuricataDump(source, context);
    case 'zeek-node':
      return readNodeCfg(source, context, { zeekctl: zeekctlFor(source, context.files, others), redefinitions: redefined(others) });
    case 'zeek-zeekctl':
      return readZeekctl(source, context);
    case 'zeek-conf':
      return readZeekConf(source, context, redefined(others));
    case 'zeek-script':
      return readZeekScript(source, context);
    case 'snort-lua':
      return readSnortLua(source, context, snortCommandFor(source, others));
    case 'arkime':
      return readArkime(source, context);
    case 'packetbeat':
      return readPacketbeat(source, context);
    case 'stenographer':
      return readStenographer(source, context);
    case 'command':
    case 'unit':
      return readUnit({ source, kind }, context, others);
    case 'env':
      return { groups: [] };
  }
}

// ---- what one file says of another

/** "./x" and "x" are one file. */
function plainPath(path: string): string {
  return path.replace(/\/(?:\.\/)+/g, '/').replace(/^(?:\.\/)+/, '');
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/** Whether a command line means this file: by its path, or where it stands elsewhere now by its name. */
function isMeant(config: string | undefined, { file }: Source): boolean {
  return config !== undefined && nameOf(config) === nameOf(file);
}

function commandsIn({ source, kind }: Part): readonly CommandLine[] {
  if (kind === 'command') return commandLines(source.text, source);
  if (kind !== 'unit') return [];
  return /^services[ \t]*:/m.test(source.text) ? composeCommands(source) : unitCommands(source);
}

/** A unit that cannot be read is told where it is read itself. */
function commandsOf(others: readonly Part[], program: string): readonly CommandLine[] {
  return others.flatMap((part) => {
    try {
      return commandsIn(part).filter((command) => captureIn(command).name.startsWith(program));
    } catch (error) {
      if (error instanceof YamlFault) return [];
      throw error;
    }
  });
}

function suricataOverrides(source: Source, others: readonly Part[]): Overrides {
  const commands = commandsOf(others, 'suricata').map((command) => suricataCommand(captureIn(command).args));
  return commands.find(({ config, otherCapture }) => isMeant(config, source) && otherCapture === undefined)?.overrides ?? {};
}

function snortCommandFor(source: Source, others: readonly Part[]): SnortCommand | undefined {
  const commands = commandsOf(others, 'snort').flatMap((command) => {
    const { args, at } = captureIn(command);
    return at === undefined ? [] : [snortCommand(args, at)];
  });
  return commands.find(({ config }) => isMeant(config, source));
}

/** A zeekctl.cfg that was named too, else the one beside it. */
function zeekctlFor(source: Source, files: Files, others: readonly Part[]): ZeekctlSettings {
  const named = others.find(({ kind }) => kind === 'zeek-zeekctl')?.source;
  const found = named ?? files.neighbour('zeekctl.cfg', source.file) ?? files.neighbour('broctl.cfg', source.file);
  return found === undefined ? {} : zeekctlSettings(found);
}

function redefined(others: readonly Part[]): AfPacketOptions {
  return new Map(others.filter(({ kind }) => kind === 'zeek-script').flatMap(({ source }) => [...redefinitions(source)]));
}

// ---- command lines

function readUnit(part: Part, context: Context, others: readonly Part[]): Read {
  try {
    return readCommands(commandsIn(part), context, others);
  } catch (error) {
    if (!(error instanceof YamlFault)) throw error;
    const at = part.source.placeOf(error.offset);
    return unreadable(
      `it is no YAML: ${error.message} at line ${at.line}`,
      'mend it; `docker compose config` shows whether it is read',
      at,
    );
  }
}

function readCommands(commands: readonly CommandLine[], context: Context, others: readonly Part[]): Read {
  const hasConfig = (path: string | undefined): boolean => others.some(({ source }) => isMeant(path, source));
  const read = commands.slice(0, COMMANDS_MAX).map((command) => readCommand(command, context, hasConfig));
  const groups = merged(read.flatMap((one) => one.groups));
  for (const [first, second, ...more] of groupedBy(
    read.flatMap(({ plain = [] }) => plain),
    ({ text }) => text,
  ))
    if (first !== undefined && second !== undefined)
      context.note('duplicated-readers', { program: 'zeek', interface: first.text, readers: 2 + more.length }, second.at);
  const outcome = outcomeOf(read, groups.length > 0);
  return { groups, ...programIn(groups), ...(outcome === undefined ? {} : { outcome }) };
}

const COMMANDS_MAX = 1024;

function outcomeOf(read: readonly CommandRead[], hasGroups: boolean): Outcome | undefined {
  if (read.some(({ isRefused }) => isRefused)) return 'error';
  if (hasGroups) return undefined;
  if (read.some(({ isOpen }) => isOpen)) return 'template';
  return read.some(({ isCompanion: belongs }) => belongs) ? 'companion' : undefined;
}

function programIn([first]: Read['groups']): Pick<Read, 'program'> {
  return first === undefined ? {} : { program: first.program };
}

// ---- files that belong to another

/** A part of suricata.yaml makes no group by itself. */
function isCompanion(
  { file, kind, groups, outcome }: Reading,
  included: ReadonlySet<string>,
  files: Files,
  programVersion: string | undefined,
): boolean {
  if (kind !== 'suricata' || groups.length > 0 || outcome !== 'none') return false;
  if (included.has(plainPath(file))) return true;
  const main = nameOf(file) === 'suricata.yaml' ? undefined : files.neighbour('suricata.yaml', file);
  if (main === undefined) return false;
  try {
    const context: Context = { note: () => {}, files, ...(programVersion === undefined ? {} : { programVersion }) };
    return readSuricata(main, context).includes?.map(plainPath).includes(plainPath(file)) ?? false;
  } catch (error) {
    if (error instanceof FanoutError) return false;
    throw error;
  }
}

function asCompanion(reading: Reading): Reading {
  return { ...reading, outcome: 'companion', findings: reading.findings.filter(({ rule }) => rule !== 'suricata-no-af-packet') };
}
