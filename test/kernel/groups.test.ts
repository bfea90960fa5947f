/** `groups`: what it tells of other programs that run, as root and as nobody, and that none of them is disturbed by it. */
import { execFileSync } from 'node:child_process';
import { chmodSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { native } from '../../src/addon/native.ts';
import type { GroupResult, GroupsResult, NamespaceResult } from '../../src/commands/groups/result.ts';
import { inspectGroups } from '../../src/host/inspect-groups.ts';
import { refuseHostNamespace } from '../helpers/lab.ts';
import { CAPTURE, ip, makePair, removePair, SENDER } from '../helpers/network.ts';
import { FLAG, MODE, type Program, type Reader, type ReaderSocket, withReader } from '../helpers/packet-readers.ts';
import { temporaryDirectory } from '../helpers/programs.ts';
import { program, root, testWith } from '../helpers/requirements.ts';
import { end, serveCommand } from '../helpers/serve.ts';
import { run, type ToolOptions } from '../helpers/tool.ts';
import { buildWithout } from '../helpers/without.ts';

const needs = [root(), program('python3'), program('ip', 'iproute2')];
const NOBODY = 65534;
const AS_NOBODY = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'];

beforeAll(() => {
  refuseHostNamespace();
  makePair();
  ip('link', 'set', 'lo', 'up');
});
afterAll(removePair);

async function groups(args: readonly string[] = [], options: ToolOptions = {}): Promise<GroupsResult> {
  const { status, stdout, stderr } = await run(['groups', '--json', ...args], options);
  expect([status, stderr]).toEqual([0, '']);
  return JSON.parse(stdout) as GroupsResult;
}

function only({ namespaces }: GroupsResult): NamespaceResult {
  expect(namespaces).toHaveLength(1);
  return namespaces[0] as NamespaceResult;
}

async function groupHere(id: number, options: ToolOptions = {}): Promise<GroupResult> {
  return find(only(await groups([], options)), id);
}

function find({ groups: all }: NamespaceResult, id: number): GroupResult {
  const group = all?.find((one) => one.id === id);
  if (group === undefined) throw new Error(`there is no group ${id} among ${JSON.stringify(all)}`);
  return group;
}

function codes({ remarks }: NamespaceResult): readonly string[] {
  return remarks.map(({ code }) => code).sort();
}

const member = (group: number, more: Partial<ReaderSocket> = {}): ReaderSocket => ({ device: CAPTURE, group, ...more });
const reader = (sockets: readonly ReaderSocket[], more: Partial<Program> = {}): Program => ({ comm: 'reader', sockets, ...more });
const unreadOf = ({ unread }: GroupResult): readonly string[] => unread.map(({ fact }) => fact);

describe('what it tells', () => {
  testWith([...needs, program('netsniff-ng')], 'of netsniff-ng, and of readers with every kind of ring', {}, async () => {
    const sniffing = ['netsniff-ng', '--in', CAPTURE, '--out', '/dev/null', '--fanout-group', '39', '--fanout-type', 'qm'];
    const netsniff = await serveCommand([...sniffing, '--ring-size', '4MiB', '--silent', '-f', 'udp'], /Running!/);
    try {
      const sockets = [
        member(1, { mode: MODE.hash, flags: FLAG.rollover, ring: 3, promiscuous: true }),
        member(1, { mode: MODE.hash, flags: FLAG.rollover, ring: 3 }),
        member(2, { mode: MODE.lb, ring: 2, filter: 3 }),
        member(3, { mode: MODE.ebpf, ring: 1, filter: 'ebpf', protocol: 0x0800 }),
        member(0, { device: 'lo', mode: MODE.hash }),
      ];
      await withReader(reader(sockets), async ({ pid }) => {
        const here = only(await groups());
        const owners = [{ pid, comm: 'reader' }];
        expect(here).toMatchObject({ isOwn: true, inode: statSync('/proc/self/ns/net').ino });
        const of = find(here, 39);
        expect(of).toMatchObject({ mode: 'qm', flags: [], interface: CAPTURE, binding: 'interface', isInterfacePromiscuous: true });
        expect(of.members).toMatchObject([
          { owners: [{ pid: netsniff.pid, comm: 'netsniff-ng' }], ring: { tpacket: 3 }, drops: null, filter: { kind: 'classic' } },
        ]);
        expect(unreadOf(of)).toEqual(['drops']);

        const ring = { blockBytes: 65536, blockCount: 4, frameBytes: 2048, frameCount: 128 };
        const rollover = { all: 0, huge: 0, failed: 0 };
        expect(find(here, 1)).toMatchObject({ mode: 'hash', flags: ['rollover'], interface: CAPTURE, protocol: 3 });
        expect(find(here, 1).members).toMatchObject([
          { owners, ring: { tpacket: 3, ...ring, retireMs: 60 }, promiscuous: true, running: true, rollover, filter: { kind: 'none' } },
          { owners, ring: { tpacket: 3, ...ring, retireMs: 60 }, promiscuous: false, running: true, rollover, filter: { kind: 'none' } },
        ]);
        const program = `3${',6 0 0 262144'.repeat(3)}`;
        expect(find(here, 2)).toMatchObject({ mode: 'lb', flags: [] });
        expect(find(here, 2).members).toMatchObject([
          { ring: { tpacket: 2, ...ring }, filter: { kind: 'classic', instructions: 3, program } },
        ]);
        expect(find(here, 3)).toMatchObject({ mode: 'ebpf', flags: [], protocol: 0x0800 });
        expect(find(here, 3).members).toMatchObject([{ ring: { tpacket: 1, ...ring }, filter: { kind: 'ebpf' } }]);
        expect(unreadOf(find(here, 3))).toEqual(['drops', 'program']);
        // To its own socket it says zero, as a socket in no group does.
        const zero = find(here, 0);
        expect(zero).toMatchObject({ mode: 'hash', flags: [], interface: 'lo', unread: [] });
        expect(zero.members).toMatchObject([{ owners, uid: 0, drops: 0 }]);
        expect(zero.members[0]).not.toHaveProperty('ring');
        expect(codes(here)).toEqual(['groups-read-twice', 'program-unreadable']);
      });
    } finally {
      await end(netsniff);
    }
  });

  testWith(needs, 'as text, and in short', {}, () =>
    withReader(reader([member(1, { flags: FLAG.defrag }), member(1, { flags: FLAG.defrag })]), async ({ pid }) => {
      const { stdout } = await run(['groups']);
      expect(stdout).toMatch(new RegExp(`^Group 1 on ${CAPTURE}: hash\\+defrag, 2 members\n  owners    reader \\(pid ${pid}\\)\n`));
      expect((await run(['groups', '--quiet'])).stdout).toBe(`Group 1 on ${CAPTURE}: hash+defrag, 2 members\n`);
    }),
  );

  testWith(needs, 'all owners, where several processes have a socket', {}, () =>
    withReader(reader([member(1)], { forks: true }), async ({ pid }) => {
      const { members } = await groupHere(1);
      expect(members[0]?.owners).toHaveLength(2);
      expect(members[0]?.owners).toContainEqual({ pid, comm: 'reader' });
    }),
  );

  testWith(needs, 'a socket that no process holds', {}, () =>
    withReader(reader([member(1), member(1)]), async (holding) => {
      await holding.letGo();
      const here = only(await groups());
      const [letGo, held] = find(here, 1).members;
      expect(held?.owners).toHaveLength(1);
      // Where there are processes that even root may not look into, one of them may hold it.
      expect(letGo?.owners ?? []).toEqual([]);
      expect(codes(here)).toEqual(letGo?.owners === null ? [] : ['no-owner']);
    }),
  );

  testWith(needs, 'a group on all devices, one whose device was removed, and a reader outside of its group', {}, async () => {
    ip('link', 'add', 'gone0', 'type', 'veth', 'peer', 'name', 'gone1');
    ip('link', 'set', 'gone0', 'up');
    const sockets = [member(1, { device: '' }), member(2, { device: 'gone0' }), { device: CAPTURE }];
    await withReader(reader(sockets), async ({ pid }) => {
      ip('link', 'delete', 'gone0');
      const here = only(await groups());
      expect(find(here, 1)).toMatchObject({ binding: 'all', interface: null, ifindex: 0 });
      expect(find(here, 2)).toMatchObject({ binding: 'removed', interface: null, members: [{ running: false }] });
      expect(here.remarks).toMatchObject([
        { code: 'bound-to-all', args: { group: 1 } },
        { code: 'reads-twice', args: { group: 1, reader: { pid, comm: 'reader' } } },
        { code: 'device-removed', args: { group: 2, members: 1 } },
      ]);
    });
  });

  // The kernel ends a list without a word at a socket that does not fit into a datagram.
  testWith(needs, 'every socket, whatever filter one of them has', {}, () =>
    withReader(reader([member(1), member(1, { filter: 4096 }), member(1)]), async () => {
      const { members } = await groupHere(1);
      expect(members.map(({ owners, running }) => [owners?.length, running])).toEqual(Array(3).fill([1, true]));
    }),
  );
});

// The kernel lists sockets by their places, a datagram at a time: where one before them is closed in between, another one is passed over.
describe('a list that takes several datagrams', () => {
  testWith(needs, 'has all members while other sockets are closed, or says that it may not', {}, () =>
    withReader(reader(Array(60).fill({ device: CAPTURE })), (leaving) =>
      withReader(reader(Array(100).fill(member(1))), async () => {
        let isClosed = false;
        const closed = leaving.close().then(() => {
          isClosed = true;
        });
        const counts = new Set<number>();
        let said = 0;
        for (let i = 0; i < 20_000 && !isClosed; i += 1) {
          const { sockets, isInterrupted } = native.packetNamespace('/proc/self/ns/net');
          if (isInterrupted) said += 1;
          else counts.add(sockets.filter(({ groupId }) => groupId === 1).length);
          if (i % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
        }
        await closed;
        expect([...counts], `it was said ${said} times`).toEqual([100]);
      }),
    ),
  );
});

describe('two groups that reassemble', () => {
  testWith(needs, 'in one namespace are remarked on, and in two are not', {}, () => {
    const one = (group: number, by: readonly string[] = []): Program => ({
      ...reader([{ device: 'lo', group, flags: FLAG.defrag }], { isLoopbackUp: true }),
      by,
    });
    return withReader(one(1), () =>
      withReader({ ...one(2, ['unshare', '--net']), comm: 'other' }, async () => {
        expect(codes(only(await groups()))).toEqual([]);
        await withReader({ ...one(2), comm: 'third' }, async () => {
          expect(only(await groups()).remarks).toMatchObject([
            {
              code: 'defrag-groups-steal',
              args: { groups: [1, 2], isOneInterface: true },
              message: expect.stringContaining('groups 1 and 2'),
            },
          ]);
        });
      }),
    );
  });
});

describe('namespaces', () => {
  const there = (group: number, by: readonly string[], more: Partial<Program> = {}): Program =>
    reader([{ device: 'lo', group }], { isLoopbackUp: true, by, ...more });

  testWith(needs, 'all of them, by name or by a process that is there, and none is entered', {}, async () => {
    const name = `groups-${process.pid}`;
    ip('netns', 'add', name);
    try {
      await withReader(there(1, ['ip', 'netns', 'exec', name], { comm: 'named' }), (named) =>
        withReader(there(2, ['unshare', '--net'], { comm: 'unnamed' }), async (unnamed) => {
          const own = statSync('/proc/self/ns/net').ino;
          const { namespaces } = inspectGroups({ allNamespaces: true });
          expect(statSync('/proc/self/ns/net').ino).toBe(own);
          expect(namespaces[0]).toMatchObject({ isOwn: true, inode: own, groups: [] });
          const byInode = (pid: number) => namespaces.find(({ inode }) => inode === statSync(`/proc/${pid}/ns/net`).ino);
          expect(byInode(named.pid)).toMatchObject({
            name,
            path: `/run/netns/${name}`,
            isOwn: false,
            groups: [{ id: 1, interface: 'lo', flags: [] }],
          });
          expect(byInode(unnamed.pid)).toMatchObject({
            name: null,
            process: { pid: unnamed.pid, comm: 'unnamed' },
            groups: [{ id: 2, members: [{ owners: [{ pid: unnamed.pid, comm: 'unnamed' }] }] }],
          });
          expect(await groups(['--all-namespaces'])).toMatchObject({ schema: 'fanout-cluster/groups@1' });
          for (const netns of [name, `/proc/${named.pid}/ns/net`, `${named.pid}`])
            expect(find(only(await groups(['--netns', netns])), 1).interface).toBe('lo');
          expect((await run(['groups', '--all-namespaces'])).stdout).toMatch(new RegExp(`^Group 1 in ${name} on lo: hash, 1 member$`, 'm'));
        }),
      );
    } finally {
      ip('netns', 'delete', name);
    }
  });

  testWith(needs, 'as nobody: those of others are listed, with what it takes', {}, () =>
    withReader(there(2, ['unshare', '--net'], { uid: NOBODY }), async ({ pid }) => {
      const { namespaces, unread } = await groups(['--all-namespaces'], { by: AS_NOBODY });
      expect(namespaces[0]).toMatchObject({ isOwn: true, groups: [] });
      const other = namespaces.find(({ inode }) => inode === statSync(`/proc/${pid}/ns/net`).ino);
      // Of a process of the same user one sees where it is, unless it changed its user after it had started.
      if (other !== undefined) expect(other).toMatchObject({ groups: null, unread: [{ fact: 'groups' }] });
      expect(unread).toMatchObject([{ fact: 'namespaces', needs: expect.stringContaining('root') }]);
      const refused = await run(['groups', '--netns', `${process.pid}`], { by: AS_NOBODY });
      expect([refused.status, refused.stderr]).toEqual([4, expect.stringContaining('needs root')]);
    }),
  );

  testWith(needs, 'one that is none, or is not there', {}, async () => {
    for (const [netns, status] of [
      ['/etc/passwd', 2],
      ['/nowhere', 2],
    ] as const)
      expect((await run(['groups', '--netns', netns])).status).toBe(status);
  });

  const inPidNamespace = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];
  testWith(needs, 'a pid namespace: from outside its processes are seen, and from inside no others, and that is said', {}, async () => {
    await withReader(reader([member(1)], { by: inPidNamespace }), async () => {
      const { members, flags } = await groupHere(1);
      expect(members[0]?.owners).toMatchObject([{ comm: 'reader' }]);
      expect(flags).toEqual([]);
    });
    await withReader(reader([member(1)]), async () => {
      const group = await groupHere(1, { by: inPidNamespace });
      expect(group).toMatchObject({ flags: null, members: [{ owners: null }] });
      expect(group.unread).toContainEqual({ fact: 'owners', needs: expect.stringContaining('on the host') });
    });
  });
});

describe('as nobody', () => {
  testWith(needs, 'what needs a privilege is unknown, and said', {}, () =>
    withReader(reader([member(1, { ring: 3, flags: FLAG.rollover, filter: 2 })]), async () => {
      const group = await groupHere(1, { by: AS_NOBODY });
      expect(group).toMatchObject({ mode: 'hash', flags: null, interface: CAPTURE });
      expect(group.members).toMatchObject([{ owners: null, filter: null, drops: null, rollover: null, ring: { tpacket: 3 }, uid: 0 }]);
      expect(unreadOf(group)).toEqual(['owners', 'flags', 'filters', 'drops']);
      expect((await run(['groups'], { by: AS_NOBODY })).stdout).toMatch(/^Group 1 on cap0: hash\+\?, 1 member$/m);
    }),
  );

  testWith(needs, 'with the capabilities that are named all is known', {}, () =>
    withReader(reader([member(1, { flags: FLAG.defrag })]), async ({ pid }) => {
      const by = [
        ...['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups'],
        ...['--inh-caps=+sys_ptrace,+dac_read_search,+sys_admin', '--ambient-caps=+sys_ptrace,+dac_read_search,+sys_admin'],
      ];
      const group = await groupHere(1, { by });
      expect(group).toMatchObject({ flags: ['defrag'], members: [{ owners: [{ pid }] }] });
    }),
  );
});

describe('where the kernel, or a filter of system calls, allows less', () => {
  const scratch = temporaryDirectory();
  let without: ReturnType<typeof buildWithout>;
  beforeAll(() => {
    chmodSync(scratch.path, 0o755);
    without = buildWithout(scratch.path);
  });
  afterAll(() => scratch.remove());

  testWith(
    [...needs, program('g++')],
    'without CONFIG_PACKET_DIAG: nothing can be told, unless there is no packet socket at all',
    {},
    async () => {
      const by = without('packet-diag');
      expect(only(await groups([], { by })).groups).toEqual([]);
      await withReader(reader([member(1)]), async () => {
        const { status, stderr } = await run(['groups'], { by });
        expect([status, stderr]).toEqual([4, expect.stringMatching(/NO_PACKET_DIAG[\s\S]*modprobe af_packet_diag/)]);
        const { namespaces } = await groups(['--all-namespaces'], { by });
        expect(namespaces[0]).toMatchObject({
          groups: null,
          unread: [{ fact: 'groups', needs: expect.stringContaining('CONFIG_PACKET_DIAG') }],
        });
      });
    },
  );

  testWith([...needs, program('g++')], 'without netlink: what is to be allowed is said', {}, async () => {
    const { status, stderr } = await run(['groups'], { by: without('netlink-family') });
    expect([status, stderr]).toEqual([4, expect.stringContaining('AF_NETLINK')]);
  });

  testWith([...needs, program('g++')], 'without pidfd_getfd(2), refused or deadly: flags are unknown', {}, () =>
    withReader(reader([member(1)]), async ({ pid }) => {
      for (const feature of ['system-service-only', 'deadly-system-service-only'] as const) {
        const group = await groupHere(1, { by: without(feature) });
        expect(group, feature).toMatchObject({ flags: null, members: [{ owners: [{ pid }] }] });
        expect(group.unread).toContainEqual({ fact: 'flags', needs: expect.stringContaining('CAP_SYS_PTRACE') });
      }
    }),
  );
});

describe('disturbs nobody', () => {
  const send = (count: number): void =>
    void execFileSync('python3', [
      '-c',
      `import socket
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
s.bind(('${SENDER}', 0))
for i in range(${count}): s.send(b'\\xff' * 12 + b'\\x88\\xb5' + bytes(900))`,
    ]);

  testWith(needs, 'counters of readers are what they would be, dropped packets too', {}, () => {
    const sockets = [
      member(1, { mode: MODE.lb, flags: FLAG.rollover, ring: 3 }),
      member(2, { ring: 2 }),
      member(3, { bufferBytes: 4096 }),
      { device: CAPTURE, ring: 1 as const },
    ];
    return withReader(reader(sockets), async (reading) => {
      const counted = async (between: () => Promise<unknown>) => {
        await reading.statistics();
        send(300);
        await between();
        send(100);
        return reading.statistics();
      };
      // Rings are full by then, so that both times everything is lost.
      send(1000);
      const without = await counted(async () => undefined);
      const seen: GroupsResult[] = [];
      const withIt = await counted(async () => {
        for (let i = 0; i < 3; i += 1) seen.push(await groups());
      });
      expect(without).toEqual(Array(4).fill([400, 400]));
      expect(withIt).toEqual(without);
      // A socket without a ring tells its drops to anybody.
      const drops = seen.map((one) => find(only(one), 3).members[0]?.drops ?? 0);
      expect(new Set(drops).size).toBe(1);
      expect(drops[0]).toBeGreaterThan(1000);
    });
  });

  testWith(needs, 'no descriptor stays open', {}, () =>
    withReader(reader([member(1, { ring: 3 }), member(1)], { forks: true }), async () => {
      const open = (): readonly string[] => readdirSync('/proc/self/fd').flatMap((name) => linkOf(`/proc/self/fd/${name}`));
      const before = open();
      for (let i = 0; i < 20; i += 1) inspectGroups({ allNamespaces: true });
      expect(open()).toEqual(before);
      expect(inspectGroups().namespaces[0]?.groups?.[0]?.flags).toEqual([]);
    }),
  );

  testWith(needs, 'a killed owner leaves the group at once, also while it is asked', {}, async () => {
    const inGroup = (): number => native.packetSockets().filter(({ groupId }) => groupId === 1).length;
    await withReader(reader(Array(20).fill(member(1, { ring: 3 }))), async (reading: Reader) => {
      expect(inGroup()).toBe(20);
      inspectGroups();
      const killed = reading.kill();
      for (let i = 0; i < 30 && inGroup() > 0; i += 1) inspectGroups();
      await killed;
      expect(inGroup()).toBe(0);
      expect(inspectGroups().namespaces[0]?.groups).toEqual([]);
    });
  });

  testWith(needs, 'a socket is asked only if it is the one that is meant', {}, () =>
    withReader(reader([member(1), member(2)]), async ({ pid }) => {
      const sockets = native.packetNamespace('/proc/self/ns/net').sockets.filter(({ groupId }) => groupId !== undefined);
      const [first, second] = sockets;
      if (first === undefined || second === undefined) throw new Error('no groups');
      const descriptor = Number(
        readdirSync(`/proc/${pid}/fd`).find((fd) => linkOf(`/proc/${pid}/fd/${fd}`)[0] === `socket:[${first.inode}]`),
      );
      const place = { pid, descriptor, inode: first.inode, cookie: first.cookie, groupId: first.groupId ?? -1 };
      expect(native.memberFacts(place)).toMatchObject({ mode: 0, flags: 0, filterKind: 'none' });
      for (const wrong of [{ inode: second.inode }, { cookie: second.cookie }, { groupId: 2 }, { descriptor: 0 }])
        expect(() => native.memberFacts({ ...place, ...wrong }), JSON.stringify(Object.keys(wrong))).toThrow(
          expect.objectContaining({ errno: constants.errno.ESTALE }),
        );
      expect(() => native.memberFacts({ ...place, descriptor: 9999 })).toThrow(expect.objectContaining({ errno: constants.errno.EBADF }));
      expect(() => native.memberFacts({ ...place, pid: 2 ** 22 })).toThrow(expect.objectContaining({ errno: constants.errno.ESRCH }));
    }),
  );
});

/** Nothing where it has gone. */
function linkOf(path: string): readonly string[] {
  try {
    return [readlinkSync(path)];
  } catch {
    return [];
  }
}
