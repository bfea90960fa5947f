/** What a deployed group and the command line come to together. What is typed outranks the deployment. Pure. */

import { joined } from '../../collector/words/english.ts';
import type { GroupOption, GroupOptions, GroupSetting } from '../../deployment/group-options.ts';
import type { FanoutError } from '../../errors.ts';
import type { ConfigurationFiles } from '../../host/configuration-files.ts';
import type { DeployedSetting, Deployment } from '../../model/deployment.ts';
import type { GroupName } from '../../model/fanout.ts';
import type { RunningGroup } from '../../model/fanout-group.ts';
import { type Finding, finding } from '../../model/finding.ts';
import type { DeploymentCode } from '../../model/findings/deployment.ts';
import type { Machine } from '../../options/machine.ts';
import type { Options } from '../../options/options.ts';
import { firstGiven, nameOf, OF_LAB, OPTIONS, type OptionKey, type RawOptions } from '../../options/table.ts';
import { sizeText } from '../../options/values.ts';

/** What a command takes of a deployment, and what it asks to find out. */
export interface DeploymentUse {
  readonly command: string;
  /** Of the command. */
  readonly keys: readonly OptionKey[];
  /** It is for the lab: --interface only says which group is meant. */
  readonly isForLab?: true;
  /** No group is made, and so nothing done otherwise than the deployed one does it. */
  readonly isOnlyLookedAt?: true;
  readonly machine: Machine;
  readonly files: ConfigurationFiles;
  /** Where --from names some. */
  readonly configurations?: Configurations;
  /** That --like names. */
  readonly running?: RunningGroup;
}

/** Loaded where they are asked for: every command would pay for the parsers of all formats. */
export interface Configurations {
  readonly groupsOf: (typed: RawOptions, use: DeploymentUse, configurations: Configurations) => DeployedGroups;
  /** Of a NIC, as ETHTOOL_GRXRINGS counts them; undefined where it does not tell. */
  readonly receiveRings: (device: string) => number | undefined;
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

/** One group of the deployment. */
export interface Deployed {
  readonly group: GroupName;
  /** What no option says. */
  readonly copied?: Pick<Options, 'copiedFilter'>;
  /** As if all of it had been typed. */
  readonly raw: RawOptions;
  readonly deployment: Deployment;
}

/** What is typed outranks what the group has, and what the command has no option for is left. */
export function merged(
  about: Omit<Deployment, 'settings' | 'remarks'>,
  { settings, remarks }: GroupOptions,
  given: RawOptions,
  use: DeploymentUse,
): Pick<Deployed, 'raw' | 'deployment'> {
  const { keys, command, isOnlyLookedAt } = use;
  const isLab = isInLab(given, use);
  const apart: readonly GroupOption[] = [
    ...(isLab ? (['interface', 'promisc'] as const) : []),
    // A program is of the mode that was given up.
    ...(given.mode === undefined ? [] : (['ebpfProgram', 'cbpfProgram'] as const)),
    // A ring without its block size does not suit the one that the command has.
    ...(keys.includes('blockSize') ? [] : (['ringSize', 'blockSize', 'blockTimeout'] as const)),
  ];
  const wanted = settings.filter(({ option }) => !apart.includes(option));
  const taken = wanted.filter(({ option }) => keys.includes(option));
  const left = wanted.filter(({ option }) => !keys.includes(option)).map(({ option }) => nameOf(option));
  const typed = isLab ? without(given, ['interface', 'promisc']) : given;
  const more: readonly Finding<DeploymentCode>[] = [
    ...(isLab ? [finding('in-the-lab', {})] : []),
    ...(left.length === 0 ? [] : [finding('not-for-command', { command, options: left })]),
  ];
  return {
    raw: { ...Object.fromEntries(taken.map(({ option, value }) => [option, typedAs(option, value)])), ...typed },
    deployment: {
      ...about,
      settings: shownSettings(taken, typed, keys),
      remarks: isOnlyLookedAt === true ? remarks.filter(({ code }) => code === 'lint-findings') : [...remarks, ...more],
    },
  };
}

export function isInLab(given: RawOptions, { isForLab }: DeploymentUse): boolean {
  return isForLab === true || firstGiven(given, OF_LAB) !== undefined;
}

export function without(typed: RawOptions, keys: readonly OptionKey[]): RawOptions {
  return Object.fromEntries(Object.entries(typed).filter(([key]) => !(keys as readonly string[]).includes(key)));
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

export function filesOf({ from = [] }: RawOptions): string {
  return joined(from, 'and');
}
