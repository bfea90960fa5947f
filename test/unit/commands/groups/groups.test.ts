/** What `groups` takes, and how it says what was seen. */
import { describe, expect, test } from 'vitest';
import { DEFAULT_WIDTH } from '../../../../src/collector/report/layout.ts';
import { renderText } from '../../../../src/collector/report/text.ts';
import { groupsResult, type SeenGroups } from '../../../../src/commands/groups/groups.ts';
import { parseGroupsOptions } from '../../../../src/commands/groups/options.ts';
import { groupsBrief, groupsDocument } from '../../../../src/commands/groups/report.ts';
import { MACHINE } from '../../../helpers/machine.ts';
import { group, member, namespace } from '../../../helpers/seen-groups.ts';

const style = { width: DEFAULT_WIDTH, color: false };
const about = { version: '0.1.0', at: new Date(0) };
const resultOf = (seen: Partial<SeenGroups>) => groupsResult({ namespaces: [], unread: [], ...seen }, about);
const text = (seen: Partial<SeenGroups>): string => renderText(groupsDocument(resultOf(seen)), style);

test('options', () => {
  expect(parseGroupsOptions({ netns: 'sensor' }, MACHINE)).toMatchObject({ allNamespaces: false, netns: 'sensor' });
  expect(parseGroupsOptions({ allNamespaces: true }, MACHINE)).toMatchObject({ allNamespaces: true, netns: undefined });
  expect(() => parseGroupsOptions({ allNamespaces: true, netns: '1' }, MACHINE)).toThrow(/ask for one of them|--netns into one/);
});

const WITHOUT_RING = { receiveBufferBytes: 212992, drops: 93, promiscuous: false, filter: null } as const;
const { ring: _, ...PLAIN } = member(WITHOUT_RING);

const MANY = {
  namespaces: [
    namespace(
      [
        group(),
        group({ id: 4, mode: 'ebpf', flags: null, ifindex: 0, binding: 'all', interface: null, members: [{ ...PLAIN, owners: null }] }),
      ],
      {
        name: 'initial',
      },
    ),
    namespace([group({ binding: 'removed', interface: null, members: [member({ owners: [] })] })], {
      isOwn: false,
      path: '/run/netns/sensor',
      name: 'sensor',
    }),
    namespace([], { isOwn: false, inode: 5, process: { pid: 8, comm: 'a\u001b[2Jb' } }),
    namespace(null, { isOwn: false, inode: 6, unread: [{ fact: 'groups', need: 'sys-admin' }] }),
  ],
  unread: [{ fact: 'namespaces', need: 'proc' }],
} as const;

describe('as text', () => {
  test('one group, of which all is known that can be', () => {
    expect(text({ namespaces: [namespace([group()])] })).toMatchInlineSnapshot(`
      "Group 99 on eth0: hash+defrag, 2 members
        owners    suricata (pid 4711)
        captures  all protocols, promiscuous
        ring      TPACKET_V3, 8 x 128 KiB = 1 MiB each, a block waits 60 ms
        filter    none
        unread    drops

      Unread
        drops: needs the program that reads the ring: asking resets the counter that
        it reads
      "
    `);
  });

  test('several namespaces, and what is unknown', () => {
    expect(text(MANY)).toMatchInlineSnapshot(`
      "Group 99 in the initial network namespace on eth0: hash+defrag, 2 members
        namespace  the initial network namespace (/proc/self/ns/net)
        owners     suricata (pid 4711)
        captures   all protocols, promiscuous
        ring       TPACKET_V3, 8 x 128 KiB = 1 MiB each, a block waits 60 ms
        filter     none
        unread     drops

      Group 4 in the initial network namespace on all interfaces: ebpf+?, 1 member
        namespace  the initial network namespace (/proc/self/ns/net)
        captures   all protocols
        ring       none: read by recv(2), from a buffer of 208 KiB
        drops      93 since the sockets were opened
        unread     drops

      Group 99 in sensor on an interface that was removed: hash+defrag, 1 member
        namespace  sensor (/run/netns/sensor)
        owners     none
        captures   all protocols, promiscuous
        ring       TPACKET_V3, 8 x 128 KiB = 1 MiB each, a block waits 60 ms
        filter     none
        unread     drops

      No fanout group is in the namespace of a\\u001b[2Jb (pid 8).

      Remarks on the initial network namespace
        bound-to-all: group 4 is bound to no interface: it gets the packets of all of
        them, those of loopback too, and a packet that passes two (a bridge and its
        port, a VLAN and its device) twice
          -> name an interface in the configuration of its program (Packetbeat:
             "device: any" is this)
        program-unreadable: group 4 is in mode ebpf, and the kernel tells nobody
        whether it has a program: without one, every packet goes to its first member
          -> if the other members get nothing: sudo fanout-cluster cure --group 4

      Remarks on sensor
        device-removed: the interface of group 99 was removed: its 1 member gets
        nothing any more, also if an interface of that name comes back
          -> restart its program
        no-owner: no process holds the 1 member of group 99: the kernel still gives it
        its share of the flows, and nobody reads it. Such a socket is on its way
        between two processes, or kept by io_uring
          -> ask again; if it stays, end what passed the socket on (\`ss -xp\` shows who
             has Unix sockets)

      Unread
        drops: needs the program that reads the ring: asking resets the counter that
        it reads
        groups of network namespace 6: needs root of the host (CAP_SYS_ADMIN here and
        over that network namespace)
        further network namespaces: needs root of the host (CAP_SYS_PTRACE and
        CAP_DAC_READ_SEARCH, to see the open files of all processes)
      "
    `);
  });

  test('in short', () => {
    expect(renderText(groupsBrief(resultOf(MANY)), style)).toMatchInlineSnapshot(`
      "Group 99 in the initial network namespace on eth0: hash+defrag, 2 members
      Group 4 in the initial network namespace on all interfaces: ebpf+?, 1 member
      Group 99 in sensor on an interface that was removed: hash+defrag, 1 member
      No fanout group is in the namespace of a\\u001b[2Jb (pid 8).
      Remarks on the initial network namespace
        bound-to-all: group 4 is bound to no interface: it gets the packets of all of
        them, those of loopback too, and a packet that passes two (a bridge and its
        port, a VLAN and its device) twice
          -> name an interface in the configuration of its program (Packetbeat:
             "device: any" is this)
        program-unreadable: group 4 is in mode ebpf, and the kernel tells nobody
        whether it has a program: without one, every packet goes to its first member
          -> if the other members get nothing: sudo fanout-cluster cure --group 4
      Remarks on sensor
        device-removed: the interface of group 99 was removed: its 1 member gets
        nothing any more, also if an interface of that name comes back
          -> restart its program
        no-owner: no process holds the 1 member of group 99: the kernel still gives it
        its share of the flows, and nobody reads it. Such a socket is on its way
        between two processes, or kept by io_uring
          -> ask again; if it stays, end what passed the socket on (\`ss -xp\` shows who
             has Unix sockets)
      "
    `);
  });

  test('no group', () => {
    expect(text({ namespaces: [namespace([])] })).toBe('No fanout group is in this network namespace.\n');
  });

  test('members that differ', () => {
    const odd = member({ filter: { kind: 'classic', instructions: 12 }, owners: [{ pid: 4, comm: 'zeek' }], running: false });
    const shown = text({
      namespaces: [namespace([group({ members: [member(), odd, { ...PLAIN, rollover: { all: 5, huge: 1, failed: 0 } }] })])],
    });
    for (const part of [
      /suricata \(pid 4711\) with 2 members, zeek \(pid 4\)/,
      /1 of 3: none; 1 of 3: 12 instructions/,
      /nothing now by 1 of 3 members/,
    ])
      expect(shown.replace(/\s+/g, ' ')).toMatch(part);
  });
});

test('as data: null for what could not be read, and what it takes', () => {
  const { namespaces } = resultOf(MANY);
  expect(namespaces[0]?.groups?.[1]).toMatchObject({ flags: null, interface: null, members: [{ owners: null, filter: null, drops: 93 }] });
  expect(namespaces[0]?.groups?.[1]?.members[0]).not.toHaveProperty('ring');
  expect(namespaces[3]).toMatchObject({ groups: null, unread: [{ fact: 'groups', needs: expect.stringContaining('CAP_SYS_ADMIN') }] });
  expect(namespaces[0]?.remarks.map(({ code }) => code)).toEqual(['bound-to-all', 'program-unreadable']);
});

test('a filter is written as tcpdump -ddd does', () => {
  const program = [
    { code: 40, jt: 0, jf: 0, k: 12 },
    { code: 6, jt: 0, jf: 0, k: 0xffffffff },
  ];
  const filtered = member({ filter: { kind: 'classic', instructions: 2, program } });
  const [seen] = resultOf({ namespaces: [namespace([group({ members: [filtered] })])] }).namespaces;
  expect(seen?.groups?.[0]?.members[0]?.filter).toEqual({ kind: 'classic', instructions: 2, program: '2,40 0 0 12,6 0 0 4294967295' });
});
