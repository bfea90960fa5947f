/** Whole sentences about what happened to a run from outside. */
import { expect, test } from 'vitest';
import { say } from '../../../../src/collector/words/say.ts';
import { type Finding, finding } from '../../../../src/model/finding.ts';

/** Message and remedy, as a report has them. */
function spoken(...findings: readonly Finding[]): string {
  return findings
    .map(say)
    .map(({ message, remedy }) => (remedy === undefined ? message : `${message}\n  -> ${remedy}`))
    .join('\n');
}

test('disturbances, and how often they came again', () => {
  const owners = ['suricata (pid 7)', 'zeek (pid 8)'];
  expect(
    spoken(
      finding('link-down', { interface: 'eth1', further: 4 }),
      finding('interface-removed', { interface: 'eth1' }),
      finding('foreign-member', { groupId: 99, owners }),
      finding('foreign-member', { groupId: 99, owners: [], further: 1 }),
      finding('other-group', { groupId: 5, mode: 'lb', owners }),
      finding('other-group', { groupId: 5, mode: 'mode 9', owners: [], further: 2 }),
    ),
  ).toMatchInlineSnapshot(`
    "eth1 went down during the run; this happened 4 more times
      -> find out why, and run again while the link is stable
    eth1 was removed during the run
      -> the group is dead from then on: run again on an interface that stays
    suricata (pid 7), zeek (pid 8) joined fanout group 99 during the run
      -> it takes a share of the packets: find it with \`sudo ss -0 -e -p\` and stop it, or run again with another group
    another program joined fanout group 99 during the run; this happened once more
      -> it takes a share of the packets: find it with \`sudo ss -0 -e -p\` and stop it, or run again with another group
    fanout group 5 (mode lb, of suricata (pid 7), zeek (pid 8)) appeared during the run: if it reassembles as well, one of the two groups gets no fragmented traffic
      -> run --defrag while nobody else captures, or in the lab
    fanout group 5 (mode mode 9, of another program) appeared during the run: if it reassembles as well, one of the two groups gets no fragmented traffic; this happened 2 more times
      -> run --defrag while nobody else captures, or in the lab"
  `);
});

test('outsiders that may have joined unseen', () => {
  const who = [{ kind: 'unknown' }, { kind: 'ended' }, { kind: 'capturing', owners: ['tcpdump (pid 7)', 'zeek (pid 8)'] }] as const;
  expect(who.map((outsiders) => say(finding('foreign-member-possible', { outsiders })).message.split(' may have joined ')[0])).toEqual([
    'flows were split, but some program',
    'flows were split, but a program that has ended since',
    'flows were split, but tcpdump (pid 7), zeek (pid 8)',
  ]);
});
