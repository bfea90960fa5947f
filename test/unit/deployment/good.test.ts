/** A file of each kind without a mistake: what it is, which groups it makes, and that nothing is found. */
import { describe, expect, test } from 'vitest';
import { KINDS } from '../../../src/deployment/reading.ts';
import { GOOD, readingOf, readingsOf, rulesOf } from '../../helpers/deployments.ts';

test.each(KINDS)('%s is recognised by what is in it, and nothing is found', (kind) => {
  const reading = readingOf(GOOD[kind]);
  // Arkime has no setting for it.
  const rules = kind === 'arkime' ? ['fragments-split'] : [];
  expect([reading.kind, rulesOf(reading), reading.unreadable]).toEqual([kind, rules, undefined]);
});

test('a script is no configuration, whatever it writes', () => {
  for (const kind of [undefined, 'zeek-node', 'arkime'] as const) {
    const reading = readingOf(`#!/bin/sh\n${GOOD['zeek-node']}`, kind === undefined ? {} : { kind });
    expect([reading.outcome, reading.unreadable?.message]).toEqual(['error', expect.stringContaining('is a script')]);
  }
});

describe('groups', () => {
  const groupsOf = (kind: keyof typeof GOOD) => readingOf(GOOD[kind]).groups.map(({ origins, ...group }) => group);

  test('Suricata, from the file and from --dump-config', () => {
    const group = {
      program: 'suricata',
      interface: 'ens1',
      procs: 4,
      group: true,
      mode: 'hash',
      flags: ['defrag'],
      id: 71,
      tpacket: 'v3',
      ringPackets: 512,
      blockSize: 131072,
      blockTimeoutMs: 10,
      promisc: true,
    };
    expect(groupsOf('suricata')).toEqual([group]);
    expect(groupsOf('suricata-dump')).toEqual([group]);
    expect(readingOf(GOOD['suricata-dump']).version).toEqual({ text: '8.0.99', from: 'file' });
  });

  test('Zeek, by ZeekControl, by the generator of units, and in a unit', () => {
    const group = {
      program: 'zeek',
      interface: 'ens1',
      mode: 'hash',
      flags: ['defrag'],
      id: 31,
      tpacket: 'v3',
      bufferBytes: 134217728,
      blockSize: 131072,
      blockTimeoutMs: 10,
      promisc: true,
      group: true,
    };
    expect(groupsOf('zeek-node')).toEqual([{ ...group, host: 'localhost', procs: 4, cpus: [0, 1, 2, 3] }]);
    expect(groupsOf('zeek-conf')).toEqual([{ ...group, procs: 3, cpus: [2, 4, 6] }]);
    expect(readingOf(GOOD['zeek-zeekctl']).outcome).toBe('companion');
  });

  test('Snort, whose constants are put together and whose id is the number of the interface', () => {
    expect(groupsOf('snort-lua')).toEqual([
      {
        program: 'snort',
        interface: 'ens1',
        procs: 4,
        mode: 'hash',
        flags: ['defrag'],
        id: 'ifindex',
        tpacket: 'v2',
        bufferBytes: 134217728,
        promisc: true,
        snaplen: 65535,
        group: true,
      },
    ]);
  });

  test('Arkime: an id for each interface, and a node with an interface of its own', () => {
    const reading = readingOf(GOOD.arkime);
    expect(reading.groups.map(({ host, interface: name, id, procs }) => [host, name, id, procs])).toEqual([
      [undefined, 'ens1', 9001, 3],
      [undefined, 'ens2', 9002, 3],
      ['node7', 'ens9', 9001, 3],
    ]);
  });

  test('Packetbeat, Stenographer, command lines', () => {
    expect(groupsOf('packetbeat')).toMatchObject([{ interface: 'ens1', id: 5, flags: ['defrag'], bufferBytes: 25165824, promisc: true }]);
    expect(groupsOf('stenographer')).toMatchObject([{ interface: 'ens1', procs: 2, id: 8, mode: 'hash', flags: ['defrag'] }]);
    expect(groupsOf('command')).toMatchObject([
      { program: 'netsniff-ng', interface: 'ens1', id: 9, mode: 'hash', flags: ['defrag'] },
      { program: 'snort', interface: 'ens2', procs: 2, snaplen: 65535 },
    ]);
    expect(groupsOf('env')).toEqual([]);
  });

  test('each field says where it stands', () => {
    const [group] = readingOf(GOOD.suricata).groups;
    const place = (line: number, column: number) => ({ file: '/etc/sensor/file', line, column });
    expect(group?.origins).toEqual({
      interface: place(5, 16),
      procs: place(6, 14),
      id: place(7, 17),
      mode: place(8, 19),
      flags: place(9, 13),
      blockSize: place(10, 17),
    });
  });
});

test('files of one deployment complete each other', () => {
  const node = GOOD['zeek-node'].replace('lb_method=af_packet', 'lb_method=custom').replace('af_packet_enable_defrag=T\n', '');
  const [reading] = readingsOf({
    '/z/node.cfg': node,
    '/z/zeekctl.cfg': `${GOOD['zeek-zeekctl']}zeekargs = -f "tcp"\n`,
    '/z/local.zeek': GOOD['zeek-script'],
  });
  expect(reading?.groups).toMatchObject([{ interface: 'ens1', flags: ['defrag'], filter: 'tcp' }]);
});
