/** What is remarkable about running groups, and what is not. */
import { describe, expect, test } from 'vitest';
import { remarksOn } from '../../../../src/collector/verdict/group-remarks.ts';
import { say } from '../../../../src/collector/words/say.ts';
import type { SeenGroup, Tap } from '../../../../src/model/fanout-group.ts';
import { group, member } from '../../../helpers/seen-groups.ts';

const remarks = (groups: readonly SeenGroup[], taps: readonly Tap[] = []) => remarksOn({ groups, taps });
const ZEEK = [{ pid: 5, comm: 'zeek' }];
const OTHER = group({ id: 98, members: [member({ owners: ZEEK })] });

test('nothing about a healthy group, nor where groups could not be read', () => {
  expect(remarks([group()])).toEqual([]);
  expect(remarksOn({ groups: null, taps: [] })).toEqual([]);
});

describe('two groups that reassemble', () => {
  test.each<[string, Partial<SeenGroup>, boolean]>([
    ['on one interface', {}, true],
    ['one of them on all interfaces', { ifindex: 0, binding: 'all', interface: null }, true],
    ['on two interfaces', { ifindex: 7, interface: 'eth1' }, false],
    ['of two protocols', { protocol: 0x86dd }, true],
  ])('%s', (_, more, isOneInterface) => {
    expect(remarks([group(), { ...OTHER, ...more }])).toContainEqual({
      code: 'defrag-groups-steal',
      args: { groups: [99, 98], isOneInterface },
    });
  });

  test('not where only one is known to', () => {
    expect(remarks([group(), { ...OTHER, flags: [] }])).toEqual([]);
    expect(remarks([group(), { ...OTHER, flags: null }])).toEqual([]);
  });
});

describe('a reader outside of the group', () => {
  const tap: Tap = { ifindex: 2, protocol: 3, owners: [{ pid: 4711, comm: 'suricata' }] };
  const args = { group: 99, reader: { pid: 4711, comm: 'suricata' }, interface: 'eth0' };

  test.each<[string, Partial<Tap>, boolean]>([
    ['on the same device', {}, true],
    ['on all devices', { ifindex: 0 }, true],
    ['another process of that name', { owners: [{ pid: 1, comm: 'suricata' }] }, true],
    ['on another device', { ifindex: 3 }, false],
    ['of another program', { owners: ZEEK }, false],
    ['whose owner is unknown', { owners: [] }, false],
  ])('%s: %j, %s', (_, more, isRemarkable) => {
    const [reader = args.reader] = more.owners ?? [];
    expect(remarks([group()], [{ ...tap, ...more }])).toEqual(isRemarkable ? [{ code: 'reads-twice', args: { ...args, reader } }] : []);
  });

  test('that reads another protocol is none', () => {
    expect(remarks([group({ protocol: 0x0800 })], [{ ...tap, protocol: 0x0806 }])).toEqual([]);
    expect(remarks([group({ protocol: 0x0800 })], [tap])).toHaveLength(1);
  });

  test('is told once, however many sockets it has', () => {
    expect(remarks([group()], [tap, tap, tap])).toHaveLength(1);
  });
});

test('groups of one program on one interface', () => {
  const [one, two] = [group({ flags: [] }), group({ id: 98, flags: [] })];
  expect(remarks([one, two])).toEqual([{ code: 'groups-read-twice', args: { groups: [99, 98], comm: 'suricata', interface: 'eth0' } }]);
  expect(remarks([one, { ...two, ifindex: 3, interface: 'eth1' }])).toEqual([]);
});

test('a device that was removed, one that is none, sockets without an owner, a program that nobody can read', () => {
  const gone = group({ id: 1, binding: 'removed', interface: null, ifindex: 0xffffffff, flags: [] });
  const all = group({
    id: 2,
    binding: 'all',
    interface: null,
    ifindex: 0,
    flags: [],
    members: [member({ owners: [] }), member({ owners: null })],
  });
  const programmed = group({ id: 3, mode: 'cbpf', members: [member({ owners: ZEEK })] });
  expect(remarks([gone, all, programmed])).toEqual([
    { code: 'device-removed', args: { group: 1, members: 2 } },
    { code: 'bound-to-all', args: { group: 2 } },
    { code: 'no-owner', args: { group: 2, ownerless: 1, members: 2 } },
    { code: 'program-unreadable', args: { group: 3, mode: 'cbpf' } },
  ]);
});

test('each has words, and something to do', () => {
  const odd = [
    group({ members: [member({ owners: [] })] }),
    { ...OTHER, mode: 'ebpf' as const },
    group({ id: 1, binding: 'removed', ifindex: 0xffffffff }),
    group({ id: 2, binding: 'all', ifindex: 0 }),
  ];
  for (const remark of remarks(odd, [{ ifindex: 2, protocol: 3, owners: ZEEK }])) {
    const { message, remedy = '' } = say(remark);
    expect(message.length > 40 && remedy.length > 10, remark.code).toBe(true);
    expect(`${message}${remedy}`).not.toMatch(/undefined|null|NaN/);
  }
});
