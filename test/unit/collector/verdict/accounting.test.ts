import { expect, test } from 'vitest';
import { NO_COUNTERS } from '../../../../src/collector/group/member.ts';
import { contradictionsIn } from '../../../../src/collector/verdict/accounting.ts';

const member = (index: number, judged: number, finished: boolean) => ({ index, counters: { ...NO_COUNTERS, judged, finished } });

test('what a member told of flows is what it judged, when it has finished', () => {
  const members = [member(0, 10, true), member(1, 10, true), member(2, 10, true), member(3, 10, false), member(4, 10, false)];
  expect(contradictionsIn(members, { toldByMember: [10, 9, 11, 9, 11] })).toEqual([
    { member: 1, judged: 10, told: 9 },
    { member: 2, judged: 10, told: 11 },
  ]);
});
