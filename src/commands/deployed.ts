/** `--from FILE`: the group of a configuration as what would have been typed to test it. What is typed besides outranks the file. */
import { hostname } from 'node:os';
import { joined } from '../collector/words/english.ts';
import { sayLint } from '../collector/words/lint/say.ts';
import { type Group, PROGRAM_TITLES, type Program, placeIn } from '../deployment/group.ts';
import { type GroupOption, type GroupSetting, groupOptions } from '../deployment/group-options.ts';
import { readDeployment } from '../deployment/read.ts';
import type { Reading } from '../deployment/reading.ts';
import { SEVERITIES } from '../deployment/rules.ts';
import { FanoutError } from '../errors.ts';
import type { ConfigurationFiles } from '../host/configuration-files.ts';
import { definedOf } from '../model/defined.ts';
import type { DeployedSetting, Deployment } from '../model/deployment.ts';
import type { GroupName } from '../model/fanout.ts';
import { type Finding, finding } from '../model/finding.ts';
import type { DeploymentCode } from '../model/findings/deployment.ts';
import type { Machine } from '../options/machine.ts';
import { DEPLOYMENT_KEYS, firstGiven, nameOf, OF_LAB, OPTIONS, type OptionKey, type RawOptions, readerOf } from '../options/table.ts';
import { contradictory, sizeText } from '../options/values.ts';

/** What a command takes of a deployment, and what it asks to find out. */
export interface DeploymentUse {
  readonly command: string;
  /** Of the command. */
  readonly keys: readonly OptionKey[];
  /** It is for the lab: --interface only says which group is meant. */
  readonly isForLab?: true;
  readonly machine: Machine;
  readonly files: ConfigurationFiles;
  /** Of a NIC, as ETHTOOL_GRXRINGS counts them; undefined where it does not tell. */
  readonly receiveRings: (device: string) => number | undefined;
}

/** One group of the deployment. */
export interface Deployed {
  readonly group: GroupName;
  /** As if all of it had been typed. */
  readonly raw: RawOptions;
  readonly deployment: Deployment;
}

/** Asks the host only where a configuration is named: that takes the addon. */
export async function receiveRingsFor({ from }: RawOptions): Promise<DeploymentUse['receiveRings']> {
  if (from === undefined) return () => undefined;
  return (await import('../host/receive-rings.ts')).receiveRings;
}

/** What was typed, or the one group of the deployment that was named. */
export function typedOrDeployed(typed: RawOptions, use: DeploymentUse): { readonly raw: RawOptions; readonly deployment?: Deployment } {
  if (isDeployed(typed)) return deployedGroup(typed, use);
  if (use.isForLab === true && typed.interface !== undefined)
    throw contradictory(
      `${use.command} is for the lab, and never sends on a live interface`,
      'leave -i out; with --from it says which group is meant',
    );
  return { raw: typed };
}

/** Whether --from was given; the others make sense beside it only. */
export function isDeployed(typed: RawOptions): boolean {
  if (typed.from !== undefined) return true;
  const stray = firstGiven(typed, DEPLOYMENT_KEYS);
  if (stray !== undefined) throw contradictory(`${nameOf(stray)} is about a configuration, and none is named`, 'name it with --from FILE');
  return false;
}

/** What is wrong with an option is told with the place in the file that it was taken from. */
export function parsedAs<T>({ deployment }: { readonly deployment?: Deployment }, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof FanoutError) || deployment === undefined) throw error;
    const { code, message, remedy } = error;
    const of = deployment.settings.find(({ option, from }) => from !== 'command line' && message.startsWith(option));
    if (of === undefined) throw error;
    const where = of.file === undefined ? `by a default of ${PROGRAM_TITLES[deployment.program as Program]}` : `at ${of.file}:${of.line}`;
    throw new FanoutError(code, `${message} (${where})`, remedy, { cause: error });
  }
}

/** The one that the files, or the user, leave to be tested. */
export function deployedGroup(typed: RawOptions, use: DeploymentUse): Deployed {
  const [first, ...others] = deployedGroups(typed, use).groups;
  if (others.length === 0) return first;
  const devices = [first, ...others].map(({ deployment }) => deployment.interface ?? '?');
  throw new FanoutError(
    'USAGE',
    `--from: ${filesOf(typed)} deploys ${devices.length} groups, on ${joined(devices, 'and')}, and ${use.command} tests one`,
    'name the interface with -i; `fanout-cluster --from FILE` tests all of them, one after the other',
  );
}

/** A group that cannot be tested as it is deployed. */
export interface Untested extends GroupName {
  readonly interface: string;
  readonly error: FanoutError;
  /** Its program joins none, and so splits nothing. */
  readonly isNoGroup: boolean;
}

export interface DeployedGroups {
  readonly groups: readonly [Deployed, ...Deployed[]];
  readonly untested: readonly Untested[];
}

/** All that the files deploy on this host, or on --host, and on --interface, if one is named. Throws where none of it can be tested. */
export function deployedGroups(typed: RawOptions, use: DeploymentUse): DeployedGroups {
  const readings = readingsOf(typed, use);
  const given = without(typed, DEPLOYMENT_KEYS);
  const groups: Deployed[] = [];
  const untested: Untested[] = [];
  for (const { group, reading } of chosenOf(readings, typed, use)) {
    try {
      groups.push(deployedFrom(group, reading, given, use));
    } catch (error) {
      if (!(error instanceof FanoutError)) throw error;
      const { mode, flags } = group;
      untested.push({ mode, flags, interface: group.interface ?? '?', error, isNoGroup: group.group === false });
    }
  }
  const [first, ...others] = groups;
  if (first === undefined) throw untested[0]?.error ?? new TypeError('a deployment without a group is refused before');
  return { groups: [first, ...others], untested };
}

interface Found {
  readonly group: Group;
  readonly reading: Reading;
}

function filesOf({ from = [] }: RawOptions): string {
  return joined(from, 'and');
}

function without(typed: RawOptions, keys: readonly OptionKey[]): RawOptions {
  return Object.fromEntries(Object.entries(typed).filter(([key]) => !(keys as readonly string[]).includes(key)));
}

function readingsOf(typed: RawOptions, { machine, files }: DeploymentUse): readonly Reading[] {
  const read = readerOf(typed, machine);
  const sources = read('from').map((path) => files.read(path));
  const options = definedOf({ kind: read('kind'), programVersion: read('programVersion') });
  const readings = readDeployment(sources, { files, ...options });
  for (const reading of readings) refuseUnusable(reading);
  return readings;
}

/** Its program would not start with it, or nobody knows what it says. */
function refuseUnusable({ file, unreadable, outcome, findings }: Reading): void {
  if (unreadable !== undefined) {
    const { at, message, remedy } = unreadable;
    throw unusable(at === undefined ? file : `${file}:${at.line}`, message, remedy);
  }
  if (outcome !== 'error') return;
  const wrong = findings.find(({ rule }) => SEVERITIES[rule] === 'error') ?? findings[0];
  if (wrong === undefined) throw unusable(file, 'its program does not start with it', `fanout-cluster lint ${file}`);
  const { message, remedy } = sayLint(wrong);
  throw unusable(wrong.at === undefined ? file : `${wrong.at.file}:${wrong.at.line}`, message, remedy);
}

function unusable(where: string, message: string, remedy: string): FanoutError {
  return new FanoutError('BAD_CONFIGURATION', `--from: ${where}: ${message}`, remedy);
}

// ---- which of its groups

function chosenOf(readings: readonly Reading[], typed: RawOptions, { machine }: DeploymentUse): readonly Found[] {
  const all = readings.flatMap((reading) => reading.groups.map((group): Found => ({ group, reading })));
  if (all.length === 0) throw withoutGroups(readings);
  const here = onHost(all, readerOf(typed, machine)('host'));
  const device = readerOf(typed, machine)('interface');
  if (device === undefined) return here;
  const named = here.filter(({ group }) => group.interface === device);
  if (named.length > 0) return named;
  // The same group somewhere else: a spare port, a veth pair.
  if (here.length === 1) return here;
  const devices = here.map(({ group }) => group.interface ?? '?');
  throw new FanoutError(
    'USAGE',
    `--from: ${filesOf(typed)} deploys nothing on ${device}, but ${here.length} groups on ${joined(devices, 'and')}`,
    'name one of these with -i',
  );
}

function withoutGroups(readings: readonly Reading[]): FanoutError {
  const [first] = readings;
  const file = first?.file ?? '?';
  const finds = first?.findings[0];
  if (first?.outcome === 'template')
    return unusable(
      finds?.at === undefined ? file : `${finds.at.file}:${finds.at.line}`,
      finds === undefined ? 'places in it are not filled' : sayLint(finds).message,
      'name the file that is made of this template',
    );
  const what = first?.outcome === 'companion' ? 'it belongs to another file, and deploys no group by itself' : 'it deploys no fanout group';
  return unusable(file, finds === undefined ? what : `${what}: ${sayLint(finds).message}`, 'name the main file of the program');
}

const HERE = /^(?:localhost|127\.0\.0\.1|::1)$/;

function onHost(all: readonly Found[], host: string | undefined): readonly Found[] {
  const isOn = (name: string) => (found: Found) => found.group.host === name;
  const named = host === undefined ? undefined : all.filter(isOn(host));
  const own = all.filter(({ group }) => group.host === undefined || HERE.test(group.host) || group.host === hostname());
  const chosen = named ?? own;
  if (chosen.length > 0) return chosen;
  const hosts = [...new Set(all.flatMap(({ group }) => group.host ?? []))];
  // Of one other host only: there is nothing to choose.
  if (host === undefined && hosts.length === 1) return all;
  throw new FanoutError(
    'USAGE',
    host === undefined
      ? `--from: nothing is deployed on this host (${hostname()}), but on ${joined(hosts, 'and')}`
      : `--from: nothing is deployed on a host ${host}${hosts.length === 0 ? ', and no host is named in the files' : `, but on ${joined(hosts, 'and')}`}`,
    hosts.length === 0 ? 'leave --host out' : 'name one of these with --host',
  );
}

// ---- what it comes to as options

function deployedFrom(group: Group, reading: Reading, given: RawOptions, use: DeploymentUse): Deployed {
  const { keys, machine } = use;
  refuseUnresolved(group, reading, given);
  refuseUncounted(group, reading, given, use);
  const queues = group.interface === null ? undefined : use.receiveRings(group.interface);
  const { settings, remarks } = groupOptions(group, { ...machine, cpus: machine.onlineCpus.length, queues });
  refuseWithoutGroup(group, reading, settings, given);
  const isLab = isInLab(given, use);
  const apart: readonly GroupOption[] = [
    ...(isLab ? (['interface', 'promisc'] as const) : []),
    // A ring without its block size does not suit the one that the command has.
    ...(keys.includes('blockSize') ? [] : (['ringSize', 'blockSize', 'blockTimeout'] as const)),
  ];
  const wanted = settings.filter(({ option }) => !apart.includes(option));
  const taken = wanted.filter(({ option }) => keys.includes(option));
  const left = wanted.filter(({ option }) => !keys.includes(option)).map(({ option }) => nameOf(option));
  const named = [...new Set(taken.flatMap(({ at }) => at?.file ?? []))];
  return {
    group: { mode: group.mode, flags: group.flags },
    raw: { ...Object.fromEntries(taken.map(({ option, value }) => [option, typedAs(option, value)])), ...without(given, apart) },
    deployment: {
      files: named.length === 0 ? [reading.file] : named,
      program: group.program,
      ...definedOf({ version: reading.version?.text, versionFrom: reading.version?.from, host: group.host }),
      interface: group.interface,
      id: group.id,
      settings: shownSettings(taken, without(given, apart), keys),
      remarks: [...remarks, ...moreRemarks({ isLab, left, reading, command: use.command })],
    },
  };
}

function isInLab(given: RawOptions, { isForLab }: DeploymentUse): boolean {
  return isForLab === true || firstGiven(given, OF_LAB) !== undefined;
}

function moreRemarks(about: {
  readonly isLab: boolean;
  readonly left: readonly string[];
  readonly reading: Reading;
  readonly command: string;
}): readonly Finding<DeploymentCode>[] {
  const { isLab, left, reading, command } = about;
  const count = (severity: string): number => reading.findings.filter(({ rule }) => SEVERITIES[rule] === severity).length;
  const [errors, warnings] = [count('error'), count('warning')];
  return [
    ...(isLab ? [finding('in-the-lab', {})] : []),
    ...(left.length === 0 ? [] : [finding('not-for-command', { command, options: left })]),
    ...(errors + warnings === 0 ? [] : [finding('lint-findings', { errors, warnings, files: [reading.file] })]),
  ];
}

/** What a run cannot do without, and the file does not say. */
function refuseUnresolved({ unresolved = {}, ...group }: Group, { file }: Reading, given: RawOptions): void {
  for (const key of ['interface', 'procs', 'mode'] as const) {
    const open = unresolved[key];
    if (open === undefined || given[key] !== undefined) continue;
    const at = placeIn({ unresolved, ...group }, key);
    throw unusable(
      at === undefined ? file : `${at.file}:${at.line}`,
      `${JSON.stringify(open)} does not say ${key === 'procs' ? 'how many members the group has' : `the ${key} of the group`}`,
      `say it with ${nameOf(key)}`,
    );
  }
}

/** The lab has another NIC. */
function refuseUncounted(
  { interface: device, procs, procsMeans = '' }: Group,
  { file }: Reading,
  given: RawOptions,
  use: DeploymentUse,
): void {
  if (given.procs !== undefined || procs !== 'auto' || !procsMeans.startsWith('RSS queues') || !isInLab(given, use)) return;
  throw unusable(
    file,
    `the number of members is that of the ${procsMeans}, and the lab does not have ${device ?? 'it'}`,
    'say it with --procs',
  );
}

/** A program of one member joins none, or nobody knows how many it has. */
function refuseWithoutGroup(group: Group, { file }: Reading, settings: readonly GroupSetting[], given: RawOptions): void {
  const { program, interface: device, procsMeans } = group;
  const procs = settings.find(({ option }) => option === 'procs');
  const at = placeIn(group, 'procs');
  const where = at === undefined ? file : `${at.file}:${at.line}`;
  if (given.procs !== undefined) return;
  if (group.group === false && procs !== undefined && procs.value !== '1')
    throw unusable(
      where,
      `${PROGRAM_TITLES[program]} is told to join no fanout group on ${device ?? 'its interface'}`,
      'say with --procs how many members it would have',
    );
  if (procs === undefined)
    throw unusable(where, `the number of members of ${PROGRAM_TITLES[program]} is not in this file (${procsMeans})`, 'say it with --procs');
  if (procs.value === '1' && group.group !== true)
    throw unusable(
      where,
      `${PROGRAM_TITLES[program]} has one capture thread on ${device ?? 'its interface'}${procs.from === 'host' ? ` (it counts ${procsMeans})` : ''}, and joins no fanout group: no flow can be split`,
      'give it more, or say with --procs how many you mean to give it',
    );
}

/** Sizes as people write them. */
function typedAs(option: GroupOption, value: string | boolean): string | boolean {
  if (typeof value === 'boolean' || (option !== 'ringSize' && option !== 'blockSize')) return value;
  const text = sizeText(Number(value));
  return text.endsWith(' bytes') ? value : text;
}

function shownSettings(settings: readonly GroupSetting[], given: RawOptions, keys: readonly OptionKey[]): readonly DeployedSetting[] {
  const fromFile = settings.map((setting): DeployedSetting => {
    const { option, from, at } = setting;
    const typed = given[option];
    const said = typedAs(option, setting.value);
    if (typed !== undefined)
      return { ...shown(option, typed), from: 'command line', instead: said === true ? '' : String(said), ...placeOf(at) };
    return { ...shown(option, said), from, ...placeOf(at) };
  });
  const names = new Set<string>(settings.map(({ option }) => option));
  const typedOnly = keys.filter((key) => given[key] !== undefined && !names.has(key) && IS_OF_GROUP.has(OPTIONS[key].section));
  return [
    ...fromFile,
    ...typedOnly.map((key): DeployedSetting => ({ ...shown(key, given[key] as string | boolean), from: 'command line' })),
  ];
}

const IS_OF_GROUP: ReadonlySet<string> = new Set(['group', 'capture']);

function placeOf(at: GroupSetting['at']): Pick<DeployedSetting, 'file' | 'line'> {
  return at === undefined ? {} : { file: at.file, line: at.line };
}

function shown(option: OptionKey, value: string | boolean): Pick<DeployedSetting, 'option' | 'value'> {
  const name = nameOf(option);
  if (typeof value === 'string') return { option: name, value };
  return { option: value ? name : name.replace('--', '--no-'), value: '' };
}
