import { expect, test } from 'vitest';
import { Disturbances } from '../../../../src/collector/group/disturbances.ts';
import { say } from '../../../../src/collector/words/say.ts';
import { finding } from '../../../../src/model/finding.ts';

const foreign = (who: number) => finding('foreign-member', { groupId: 7, owners: [`program ${who}`] });
const down = finding('link-down', { interface: 'cap0' });

test('each is named, in the order in which they came', () => {
  const disturbances = new Disturbances();
  for (const one of [foreign(1), down, foreign(2)]) disturbances.add(one);
  expect(disturbances.list).toEqual([foreign(1), down, foreign(2)]);
  expect([disturbances.has('link-down'), disturbances.has('interface-removed')]).toEqual([true, false]);
});

test('one may turn out to be another', () => {
  const disturbances = new Disturbances();
  for (const one of [down, foreign(1)]) disturbances.add(one);
  disturbances.withdraw(down);
  disturbances.withdraw(undefined);
  expect(disturbances.list).toEqual([foreign(1)]);
});

test('what comes for ever is named sixteen times, and counted from then on', () => {
  const disturbances = new Disturbances();
  for (let i = 0; i < 5000; i += 1) disturbances.add(foreign(i));
  disturbances.add(down);
  const { list } = disturbances;
  expect(list).toHaveLength(17);
  expect(list[14]).toEqual(foreign(14));
  expect(list[15]).toEqual(finding('foreign-member', { groupId: 7, owners: ['program 15'], further: 4984 }));
  expect(list.slice(15).map((one) => say(one).message)).toEqual([
    'program 15 joined fanout group 7 during the run; this happened 4984 more times',
    'cap0 went down during the run',
  ]);
  expect(list[16]).toEqual(down);
});
