/** The options of `groups`, checked once. */
import type { Machine } from '../../options/machine.ts';
import { type Options, parseOutput } from '../../options/options.ts';
import { OUTPUT_KEYS, optionSet, readerOf, type TypedOf } from '../../options/table.ts';
import { contradictory } from '../../options/values.ts';

export interface GroupsOptions {
  readonly allNamespaces: boolean;
  /** As it was named. */
  readonly netns: string | undefined;
  readonly output: Options['output'];
}

export const GROUPS_OPTIONS = optionSet({ keys: ['allNamespaces', 'netns', ...OUTPUT_KEYS] });

/** As typed. */
export type RawGroupsOptions = TypedOf<typeof GROUPS_OPTIONS>;

export function parseGroupsOptions(typed: RawGroupsOptions, machine: Machine): GroupsOptions {
  const read = readerOf(typed, machine);
  const [allNamespaces, netns] = [read('allNamespaces'), read('netns')];
  if (allNamespaces && netns !== undefined)
    throw contradictory('--all-namespaces looks into all, and --netns into one', 'ask for one of them');
  return { allNamespaces, netns, output: parseOutput(read) };
}
