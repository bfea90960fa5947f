/** From a deployed group to the options that test it. */
import { describe, expect, test } from 'vitest';
import type { Group } from '../../../src/deployment/group.ts';
import { groupOptions } from '../../../src/deployment/group-options.ts';
import { membersOn } from '../../../src/deployment/members.ts';
import { GOOD, readingOf } from '../../helpers/deployments.ts';

const HOST = { cpus: 12, onlineCpus: Array.from({ length: 12 }, (_, cpu) => cpu), queues: 6, pageBytes: 4096 };

const GROUP: Group = {
  program: 'suricata',
  interface: 'ens1',
  procs: 4,
  mode: 'hash',
  flags: [],
  id: 7,
  tpacket: 'v3',
  promisc: true,
  origins: { interface: { file: 'f', line: 4, column: 1 }, procs: { file: 'f', line: 5, column: 3 } },
};

function options(change: Partial<Group> = {}): Readonly<Record<string, string | boolean>> {
  const { settings } = groupOptions({ ...GROUP, ...change }, HOST);
  return Object.fromEntries(settings.map(({ option, value }) => [option, value]));
}

function remarks(change: Partial<Group>): readonly string[] {
  return groupOptions({ ...GROUP, ...change }, HOST).remarks.map(({ code }) => code);
}

describe('members', () => {
  test.each([
    ['a number', { procs: 4 }, 4],
    ['CPUs', { procs: 'auto', procsMeans: 'online CPUs' }, 12],
    ['CPUs of Snort', { procs: 'auto', procsMeans: 'CPUs Snort may run on' }, 12],
    ['rings of the NIC', { procs: 'auto', procsMeans: 'RSS queues of ens1' }, 6],
    ['one thread', { procs: 'auto', procsMeans: '1' }, 1],
    ['processes that somebody starts', { procs: 1, procsMeans: 'one per netsniff-ng process' }, undefined],
    ['threads that a command line says', { procs: 1, procsMeans: 'packet threads: -z is not in this file; 1 by default' }, undefined],
  ] as const)('%s', (_, change, expected) => {
    expect(membersOn({ ...GROUP, ...change }, HOST)).toBe(expected);
  });

  test('a NIC that does not tell its rings has one', () => {
    expect(membersOn({ ...GROUP, procs: 'auto', procsMeans: 'RSS queues of ens1' }, { cpus: 12, queues: undefined })).toBe(1);
  });
});

test('each setting says where it comes from', () => {
  const { settings } = groupOptions({ ...GROUP, procs: 'auto', procsMeans: 'online CPUs' }, HOST);
  expect(settings.map(({ option, from, at }) => [option, from, at?.line])).toEqual([
    ['interface', 'file', 4],
    ['procs', 'host', 5],
    ['mode', 'default', undefined],
    ['promisc', 'default', undefined],
  ]);
});

test('flags, filter and program', () => {
  expect(options({ flags: ['defrag', 'rollover', 'ignore-outgoing'], filter: 'tcp', promisc: false })).toMatchObject({
    defrag: true,
    rollover: true,
    ignoreOutgoing: true,
    filter: 'tcp',
    promisc: false,
  });
  expect(options({ mode: 'ebpf', programFile: '/lb.o' })['ebpfProgram']).toBe('/lb.o');
  expect(options({ mode: 'ebpf' })['ebpfProgram']).toBe('none');
  expect(options({ mode: 'cbpf' })['cbpfProgram']).toBe('none');
});

describe('rings', () => {
  test.each([
    ['in whole blocks', { bufferBytes: 128 << 20, blockSize: 32768 }, { ringSize: '134217728', blockSize: '32768' }, false],
    ['counted in blocks', { blocks: 64, blockSize: 2 << 20, snaplen: 16384 }, { ringSize: '134217728', blockSize: '2097152' }, false],
    ['of one block', { blocks: 1, blockSize: 65536 }, { ringSize: '131072', blockSize: '65536' }, true],
    ['of no whole page', { bufferBytes: 1 << 20, blockSize: 5000 }, { ringSize: '1048576', blockSize: '8192' }, true],
    ['too small for a packet', { bufferBytes: 1 << 20, blockSize: 4096, snaplen: 9000 }, { ringSize: '1044480', blockSize: '12288' }, true],
    ['larger than any', { bufferBytes: 2 ** 33, blockSize: 1 << 20 }, { ringSize: '4294967296', blockSize: '1048576' }, true],
    ['without a word of it', {}, {}, false],
  ] as const)('%s', (_, change, expected, isAdapted) => {
    const { ringSize, blockSize } = options(change);
    expect({ ...(ringSize === undefined ? {} : { ringSize }), ...(blockSize === undefined ? {} : { blockSize }) }).toEqual(expected);
    expect(remarks(change).includes('ring-adapted')).toBe(isAdapted);
  });

  test('a snaplen beyond what can be asked for is cut to it', () => {
    expect([options({ snaplen: 0 })['snaplen'], options({ snaplen: 262144 })['snaplen']]).toEqual(['64', '65535']);
  });
});

describe('CPUs', () => {
  test.each([
    ['each its own', [2, 4, 6], '2,4,6'],
    ['in turn', [0, 1, 0, 1, 0], '0,1'],
    ['all on one', [3, 3, 3], '3'],
    ['shared by some only', [0, 0, 1], undefined],
    ['beyond those of this host', [0, 40], undefined],
    ['none', [], undefined],
  ] as const)('%s', (_, cpus, expected) => {
    expect(options({ cpus })['pin']).toBe(expected);
  });
});

test('what a run does otherwise is said', () => {
  expect(remarks({})).toEqual(['own-group-id']);
  expect(remarks({ cpus: [0, 40] })).toEqual(['own-group-id', 'cpus-missing']);
  expect(remarks({ tpacket: 'v2', copyMode: 'ips' })).toEqual(['own-group-id', 'reads-v3', 'inline-untested']);
});

test.each(Object.keys(GOOD) as readonly (keyof typeof GOOD)[])('every option of a faultless %s is one that can be typed', (kind) => {
  for (const group of readingOf(GOOD[kind], { kind }).groups) {
    const { settings } = groupOptions(group, HOST);
    expect(settings.filter(({ value }) => value === '' || value === 'undefined' || value === 'NaN')).toEqual([]);
  }
});
