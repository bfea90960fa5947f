import { describe, expect, test } from 'vitest';
import { checkGroup, groupsToName, wantsToKnowGroups } from '../../../../src/collector/group/group-safety.ts';
import type { Options } from '../../../../src/options/options.ts';

type Run = Pick<Options, 'groupId' | 'flags' | 'force'>;
const PLAIN: Run = { flags: [], force: false };
const named = (...runs: readonly Run[]) => [7, 8, 9].filter(groupsToName(runs));

test('owners and flags are looked for where a message names them, and only theirs', () => {
  expect(named(PLAIN)).toEqual([]);
  expect(named(PLAIN, { ...PLAIN, groupId: 8 })).toEqual([8]);
  expect(named({ ...PLAIN, flags: ['defrag'] })).toEqual([7, 8, 9]);
  expect(named({ ...PLAIN, flags: ['defrag'], force: true })).toEqual([]);
  expect([PLAIN, { ...PLAIN, groupId: 1 }, { ...PLAIN, flags: ['defrag' as const] }].map(wantsToKnowGroups)).toEqual([false, true, true]);
});

describe('--defrag beside groups of others', () => {
  const run = { source: { kind: 'live', interface: 'eth0', promisc: true }, flags: ['defrag'], force: false } as const;
  const refusal = (...groups: readonly (boolean | undefined)[]) => {
    try {
      checkGroup(
        run,
        groups.map((reassembles, id) => ({ id, description: 'mode hash', ...(reassembles === undefined ? {} : { reassembles }) })),
      );
    } catch (error) {
      return error;
    }
    return undefined;
  };

  test.each<[readonly (boolean | undefined)[], number, RegExp]>([
    [[undefined], 0, /if that group reassembles too/],
    [[false, undefined, true], 2, /^that group reassembles, too/],
    [[false, undefined], 1, /if that group reassembles too/],
    [[false, false], 0, /no other one does so here now: with --force none loses anything/],
  ])('%j: names group %i', (groups, id, remedy) => {
    expect(refusal(...groups)).toMatchObject({
      code: 'DEFRAG_UNSAFE',
      message: expect.stringContaining(`group ${id} exists`),
      remedy: expect.stringMatching(remedy),
    });
  });

  test('is no danger where there is none', () => {
    expect(refusal()).toBeUndefined();
  });
});
