/** The groups of configuration files: which of them are meant, and what each comes to as options. */
import { hostname } from 'node:os';
import { joined } from '../../collector/words/english.ts';
import { sayLint } from '../../collector/words/lint/say.ts';
import { type Group, PROGRAM_TITLES, placeIn } from '../../deployment/group.ts';
import { type GroupSetting, groupOptions } from '../../deployment/group-options.ts';
import { readDeployment } from '../../deployment/read.ts';
import type { Reading } from '../../deployment/reading.ts';
import { SEVERITIES } from '../../deployment/rules.ts';
import { FanoutError } from '../../errors.ts';
import { definedOf } from '../../model/defined.ts';
import { type Finding, finding } from '../../model/finding.ts';
import type { DeploymentCode } from '../../model/findings/deployment.ts';
import { DEPLOYMENT_KEYS, nameOf, type RawOptions, readerOf } from '../../options/table.ts';
import {
  type Configurations,
  type Deployed,
  type DeployedGroups,
  type DeploymentUse,
  filesOf,
  isInLab,
  merged,
  type Untested,
  without,
} from './merge.ts';

/** All that the files deploy on this host, or on --host, and on --interface, if one is named. Throws where none of it can be tested. */
export function configuredGroups(
  typed: RawOptions,
  use: DeploymentUse,
  { receiveRings }: Pick<Configurations, 'receiveRings'>,
): DeployedGroups {
  const readings = readingsOf(typed, use);
  const given = without(typed, DEPLOYMENT_KEYS);
  const groups: Deployed[] = [];
  const untested: Untested[] = [];
  for (const { group, reading } of chosenOf(readings, typed, use)) {
    try {
      groups.push(deployedFrom({ group, reading }, given, use, receiveRings));
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

function deployedFrom(
  { group, reading }: Found,
  given: RawOptions,
  use: DeploymentUse,
  receiveRings: Configurations['receiveRings'],
): Deployed {
  const { machine } = use;
  refuseUnresolved(group, reading, given);
  refuseUncounted(group, reading, given, use);
  const queues = group.interface === null ? undefined : receiveRings(group.interface);
  const { settings, remarks } = groupOptions(group, { ...machine, cpus: machine.onlineCpus.length, queues });
  refuseWithoutGroup(group, reading, settings, given);
  const named = [...new Set(settings.flatMap(({ at }) => at?.file ?? []))];
  const about = {
    files: named.length === 0 ? [reading.file] : named,
    program: group.program,
    ...definedOf({ version: reading.version?.text, versionFrom: reading.version?.from, host: group.host }),
    interface: group.interface,
    id: group.id,
  };
  return {
    group: { mode: group.mode, flags: group.flags },
    ...merged(about, { settings, remarks: [...remarks, ...lintRemarks(reading)] }, given, use),
  };
}

function lintRemarks({ findings, file }: Reading): readonly Finding<DeploymentCode>[] {
  const count = (severity: string): number => findings.filter(({ rule }) => SEVERITIES[rule] === severity).length;
  const [errors, warnings] = [count('error'), count('warning')];
  return errors + warnings === 0 ? [] : [finding('lint-findings', { errors, warnings, files: [file] })];
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
