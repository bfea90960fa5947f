/** Lists of modes with what stands behind them, as the commands take them that test several groups. */
import { FanoutError } from '../errors.ts';
import { BUILTIN_KEYS, builtinRow } from '../model/builtin.ts';
import { FANOUT_FLAGS, type FanoutFlag, fanoutModeCalled, type GroupName, labelOf, modeRow } from '../model/fanout.ts';
import type { RawOptions } from './table.ts';
import { contradictory } from './values.ts';

const FLAG_OPTIONS = { rollover: 'rollover', 'ignore-outgoing': 'ignoreOutgoing', defrag: 'defrag' } as const;
const FLAG_NAMES = Object.keys(FANOUT_FLAGS) as readonly FanoutFlag[];

const BUILTIN_LABELS = BUILTIN_KEYS.map((builtin) => labelOf({ mode: builtinRow(builtin).mode, flags: [], builtin }));

/**
 * Each group once, in the order in which they are named.
 * @param example of a list, for the error
 */
export function parseSteerings(option: string, list: string, example: string): readonly GroupName[] {
  const steerings = new Map<string, GroupName>();
  for (const text of list.split(',')) {
    const steering = parseSteering(option, text, example);
    steerings.set(labelOf(steering), steering);
  }
  return [...steerings.values()];
}

function parseSteering(option: string, text: string, example: string): GroupName {
  // Two colons are part of a name, as in AF_Packet::FANOUT_HASH.
  const [modeName = '', ...behind] = text.split(/(?=(?<!:):(?!:)|\+)/);
  const mode = fanoutModeCalled(modeName);
  const builtins = BUILTIN_KEYS.filter((key) => builtinRow(key).mode === mode && behind.includes(builtinRow(key).suffix));
  const flags = FLAG_NAMES.filter((flag) => behind.includes(`+${flag}`));
  const known = [...builtins.map((key) => builtinRow(key).suffix), ...flags.map((flag) => `+${flag}`)];
  if (mode === undefined || builtins.length > 1 || behind.some((part) => !known.includes(part))) {
    throw new FanoutError(
      'USAGE',
      `${option}: ${JSON.stringify(text)} is not a mode, or a mode with flags`,
      `give modes separated by commas, such as ${example}; flags are ${FLAG_NAMES.join(' and ')}; ${BUILTIN_LABELS.join(' and ')} have a built-in program`,
    );
  }
  if (modeRow(mode).refusesRollover === true && flags.includes('rollover'))
    throw contradictory(`${option}: mode rollover with the flag rollover: the kernel refuses the pair (EINVAL)`, 'leave the flag out');
  const [builtin] = builtins;
  return { mode, flags, ...(builtin === undefined ? {} : { builtin }) };
}

/** The options of a run with such a group. */
export function optionsFor({ mode, flags, builtin }: GroupName): RawOptions {
  const row = builtin === undefined ? undefined : builtinRow(builtin);
  return {
    mode,
    ...Object.fromEntries(flags.map((flag) => [FLAG_OPTIONS[flag], true])),
    ...(row === undefined ? {} : { [row.option]: row.values[0] }),
  };
}

/** Where no program is given, mode ebpf is that of the built-in one. Each group once. */
export function withBuiltin(groups: readonly GroupName[], program: string | undefined): readonly GroupName[] {
  const meant = groups.map((group): GroupName => {
    const isBare = group.mode === 'ebpf' && group.builtin === undefined && program === undefined;
    return isBare ? { ...group, builtin: 'addresses' } : group;
  });
  return [...new Map(meant.map((group) => [labelOf(group), group])).values()];
}
