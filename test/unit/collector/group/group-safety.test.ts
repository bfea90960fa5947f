import { expect, test } from 'vitest';
import { groupsToName, wantsToKnowGroups } from '../../../../src/collector/group/group-safety.ts';
import type { Options } from '../../../../src/options/options.ts';

type Run = Pick<Options, 'groupId' | 'flags' | 'force'>;
const PLAIN: Run = { flags: [], force: false };
const named = (...runs: readonly Run[]) => [7, 8, 9].filter(groupsToName(runs));

test('owners are looked for where a message names them, and only theirs', () => {
  expect(named(PLAIN)).toEqual([]);
  expect(named(PLAIN, { ...PLAIN, groupId: 8 })).toEqual([8]);
  expect(named({ ...PLAIN, flags: ['defrag'] })).toEqual([7]);
  expect(named({ ...PLAIN, flags: ['defrag'], force: true })).toEqual([]);
  expect([PLAIN, { ...PLAIN, groupId: 1 }, { ...PLAIN, flags: ['defrag' as const] }].map(wantsToKnowGroups)).toEqual([false, true, true]);
});
