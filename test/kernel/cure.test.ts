/** `cure`: what it does to groups of other programs that run, what it leaves when it is ended, and what it refuses. */
import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest';
import { native } from '../../src/addon/native.ts';
import { settingsIn } from '../../src/host/steering-object.ts';
import { TRAFFIC_CLASSES } from '../../src/traffic/classes.ts';
import { readTag } from '../../src/traffic/tag.ts';
import { generateTraffic, type Traffic } from '../../src/traffic/traffic.ts';
import { ebpfRequirements, mountBpfFileSystem } from '../helpers/bpf.ts';
import { runCliDuring } from '../helpers/cli.ts';
import { withDissector } from '../helpers/dissectors.ts';
import { type ForeignReader, withForeignReader } from '../helpers/foreign-reader.ts';
import { type Hosts, withHosts } from '../helpers/hosts.ts';
import { packetsOf, refuseHostNamespace } from '../helpers/lab.ts';
import { readPcap, writePcap } from '../helpers/pcap.ts';
import { temporaryDirectory } from '../helpers/programs.ts';
import { program, root, testWith } from '../helpers/requirements.ts';
import { DIES_WITH_US, end } from '../helpers/serve.ts';
import { run, start } from '../helpers/tool.ts';

const needs = [root(), program('tcpreplay'), program('python3'), ...ebpfRequirements()];
const scratch = temporaryDirectory();
const PINS = '/sys/fs/bpf/fanout-cluster';

beforeAll(() => {
  refuseHostNamespace();
  mountBpfFileSystem();
  chmodSync(scratch.path, 0o755);
});
afterEach(() => run(['cure', '--hash', '--undo', '--quiet']));
afterAll(() => scratch.remove());

/** Flows of all classes that have one, each packet with a tag that says which. */
const TRAFFIC: Traffic = generateTraffic({
  seed: 77,
  classes: TRAFFIC_CLASSES.filter(({ flow }) => flow !== undefined).map(({ name }) => name),
  flows: 400,
  packetsPerFlow: 12,
});
const FRAMES = packetsOf(TRAFFIC).map(({ frame }) => frame);

const capture = join(scratch.path, 'all.pcap');
writePcap(capture, FRAMES);

/** More flows than a live run looks at. */
const many = join(scratch.path, 'many.pcap');
writePcap(
  many,
  packetsOf(generateTraffic({ seed: 78, classes: ['ipv4-tcp', 'vxlan-ipv4-tcp'], flows: 1100, packetsPerFlow: 4 })).map(
    ({ frame }) => frame,
  ),
);

function send(hosts: Hosts, file = capture): Promise<string> {
  return hosts.onPeer(`tcpreplay -q --pps=20000 -i ${hosts.peerInterface} ${file}`);
}

function flowOf(frame: Uint8Array): number {
  return readTag(frame, Buffer.from(frame).indexOf('FCLT'))?.flow ?? -1;
}

/** Some of the flows. */
function captureOf(name: string, isWanted: (flow: number) => boolean): string {
  const file = join(scratch.path, `${name}.pcap`);
  writePcap(
    file,
    FRAMES.filter((frame) => isWanted(flowOf(frame))),
  );
  return file;
}

interface Spread {
  /** Classes of the flows that came to more than one member. */
  readonly split: readonly string[];
  readonly members: number;
  readonly flows: number;
}

/** Sends everything, and tells where it went. */
async function sendAndSee(reader: ForeignReader, hosts: Hosts): Promise<Spread> {
  await send(hosts);
  const flows = await reader.membersByFlow(FRAMES.length);
  const split = [...flows]
    .filter(([, members]) => members.size > 1)
    .map(([flow]) => TRAFFIC.flows[flow]?.class ?? '')
    .sort();
  return { split, members: new Set([...flows.values()].flatMap((all) => [...all])).size, flows: flows.size };
}

async function cure(...args: readonly string[]): Promise<string> {
  const { status, stdout, stderr } = await run(['cure', ...args]);
  expect([status, stderr.replace(/^attaching .*\n/, '')]).toEqual([0, '']);
  return stdout;
}

function lastLines(text: string): readonly string[] {
  return text.trimEnd().split('\n').slice(-2);
}

describe('a group that runs', () => {
  const MEMBERS = 5;

  testWith(needs, 'in mode hash: splits flows, then none, then again, and the program says so live', { timeout: 120_000 }, () =>
    withHosts((hosts) =>
      withForeignReader({ interface: hosts.interface, id: 33, mode: 'hash', members: MEMBERS }, async (reader) => {
        const live = async (): Promise<string> => {
          const { report } = await runCliDuring(['-i', hosts.interface, '-n', `${MEMBERS}`, '-m', 'hash'], () => send(hosts));
          await reader.membersByFlow(FRAMES.length);
          return report.verdict.answer;
        };
        const before = await sendAndSee(reader, hosts);
        expect(before.split.length).toBeGreaterThan(30);
        expect(await live()).toBe('no');

        const [now, proof] = lastLines(await cure('--hash'));
        expect(now).toMatch(/^now: program \d+ \(fc_dissect_all\) steers every group in mode hash .*33 on cap0.* by innermost addresses$/);
        expect(proof).toBe('proof: sudo fanout-cluster -i cap0 --procs 5 --mode hash');
        expect(await sendAndSee(reader, hosts)).toEqual({ split: [], members: MEMBERS, flows: before.flows });
        expect(await live()).toBe('yes');

        expect(lastLines(await cure('--hash', '--undo'))[0]).toMatch(/^now: the kernel's own flow dissector steers/);
        expect(await sendAndSee(reader, hosts)).toEqual(before);
        expect(await live()).toBe('no');
      }),
    ),
  );

  testWith(needs, 'in mode ebpf, without a program: one member, then all of them, then one', { timeout: 60_000 }, () =>
    withHosts((hosts) =>
      withForeignReader({ interface: hosts.interface, id: 34, mode: 'ebpf', members: MEMBERS }, async (reader) => {
        const before = await sendAndSee(reader, hosts);
        expect(before).toMatchObject({ split: [], members: 1 });
        for (const policy of ['addresses', 'ports']) {
          const said = await cure('--group', '34', '--policy', policy);
          expect(lastLines(said)).toEqual([
            `now: a program of this tool steers group 34 by innermost ${policy}`,
            `proof: sudo fanout-cluster -i cap0 --procs 5 --mode ebpf --ebpf-program builtin:${policy}`,
          ]);
          const { split, ...rest } = await sendAndSee(reader, hosts);
          expect(rest).toEqual({ members: MEMBERS, flows: before.flows });
          // A first piece that never came tells nobody of what flow the later ones are: only addresses are in all of them.
          expect(split.filter((name) => policy === 'addresses' || name !== 'fragment-headless-ipv4-udp')).toEqual([]);
        }
        expect(await cure('--status')).toMatch(/In a group in mode ebpf: program \d+ \(fc_steer_all\)/);
        await cure('--group', '34', '--undo');
        expect(await sendAndSee(reader, hosts)).toEqual(before);
      }),
    ),
  );

  testWith([...needs, program('netsniff-ng')], 'of netsniff-ng, in mode hash: what it writes down', { timeout: 60_000 }, () =>
    withHosts(async (hosts) => {
      const written = Array.from({ length: MEMBERS }, (_, i) => join(scratch.path, `netsniff${i}.pcap`));
      const group = ['--fanout-group', '39', '--fanout-type', 'hash', '--ring-size', '4MiB'];
      for (const file of written)
        await hosts.serve(['netsniff-ng', '--in', hosts.interface, '--out', file, '--silent', ...group], /Running!/);
      // One half of the flows before, the other half after.
      const isEarly = (flow: number) => flow < TRAFFIC.flows.length / 2;
      await send(hosts, captureOf('early', isEarly));
      await cure('--hash');
      await send(
        hosts,
        captureOf('late', (flow) => !isEarly(flow)),
      );
      const membersOf = new Map<number, Set<number>>();
      await hosts.end();
      for (const [member, file] of written.entries())
        for (const flow of readPcap(file).map(flowOf)) membersOf.set(flow, (membersOf.get(flow) ?? new Set()).add(member));
      const split = [...membersOf].filter(([, members]) => members.size > 1).map(([flow]) => flow);
      const early = [...membersOf.keys()].filter(isEarly).length;
      // It drops some where the machine is busy.
      expect(Math.min(early, membersOf.size - early)).toBeGreaterThan(150);
      expect([split.filter(isEarly).length > 15, split.filter((flow) => !isEarly(flow))]).toEqual([true, []]);
    }),
  );

  testWith(needs, '--verify runs the proof, and ends as it ends', { timeout: 60_000 }, () =>
    withHosts((hosts) =>
      withForeignReader({ interface: hosts.interface, id: 35, mode: 'hash', members: 3 }, async () => {
        const sending = hosts.onPeer(`timeout 8 tcpreplay -q --loop=0 --pps=5000 -i ${hosts.peerInterface} ${many} || true`);
        const { status, stdout } = await run(['cure', '--hash', '--verify']);
        expect([status, stdout]).toEqual([0, expect.stringMatching(/YES[\s\S]*\nnow: program .*\nproof: /)]);
        await sending;
      }),
    ),
  );

  testWith(needs, 'in another namespace, by --netns', { timeout: 60_000 }, async () => {
    const there = spawn('setpriv', [...DIES_WITH_US, 'unshare', '--net', '--', 'sleep', 'infinity'], { stdio: 'ignore' });
    const netns = `/proc/${there.pid}/ns/net`;
    try {
      await expect.poll(() => readlinkSync(netns)).not.toBe(readlinkSync('/proc/self/ns/net'));
      const said = await cure('--hash', '--netns', `${there.pid}`, '--quiet');
      expect(lastLines(said)[1]).toBe(`proof: sudo nsenter --net=${netns} fanout-cluster -i INTERFACE --procs 8 --mode hash`);
      expect(existsSync(join(PINS, `dissector-${statSync(netns).ino}`))).toBe(true);
      expect([native.flowDissector(netns), native.flowDissector('/proc/self/ns/net')]).toEqual([expect.any(Number), null]);
      await cure('--hash', '--undo', '--netns', netns);
      expect(native.flowDissector(netns)).toBeNull();
    } finally {
      await end(there);
    }
  });
});

describe('how deep', () => {
  const group = (interfaceName: string, comm: string) => ({ interface: interfaceName, id: 36, mode: 'hash', members: 2, comm }) as const;

  testWith(needs, 'as deep as the reader that is there', { timeout: 60_000 }, () =>
    withHosts((hosts) =>
      withForeignReader(group(hosts.interface, 'zeek'), async () => {
        expect(await cure('--hash')).toMatch(/It looks as deep as Zeek, whose groups are here, and so\s+not into/);
        expect(await cure('--status')).toMatch(/\(fc_dissect_z\)/);
      }),
    ),
  );

  testWith(needs, 'no deeper, whoever asks, and nothing is attached then', { timeout: 60_000 }, () =>
    withHosts((hosts) =>
      withForeignReader(group(hosts.interface, 'zeek'), async ({ pid }) => {
        for (const args of [
          ['--layers', 'all'],
          ['--ids', 'snort'],
          ['--layers', 'ip,l2tp'],
        ]) {
          const { status, stderr } = await run(['cure', '--hash', ...args]);
          expect([status, stderr]).toEqual([2, expect.stringContaining(`zeek (pid ${pid}) has a group here, and Zeek does not open`)]);
        }
        expect(native.flowDissector('/proc/self/ns/net')).toBeNull();
        await cure('--hash', '--ids', 'zeek,snort');
      }),
    ),
  );
});

describe('refuses', () => {
  testWith(needs, 'where another dissector is attached, which stays', { timeout: 60_000 }, () =>
    withDissector('faithful', async ({ path, id }) => {
      execFileSync('bpftool', ['prog', 'attach', 'pinned', path, 'flow_dissector']);
      try {
        for (const args of [[], ['--undo']]) {
          const { status, stderr } = await run(['cure', '--hash', ...args]);
          expect([status, stderr]).toEqual([4, expect.stringContaining(`program ${id}, `)]);
        }
        expect(native.flowDissector('/proc/self/ns/net')).toBe(id);
        expect(await cure('--status')).toContain(`Of another program: program ${id}`);
      } finally {
        execFileSync('bpftool', ['prog', 'detach', 'pinned', path, 'flow_dissector']);
      }
    }),
  );

  testWith(needs, 'whoever has no privilege', {}, async () => {
    const by = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'];
    for (const args of [['--hash'], ['--group', '7'], ['--hash', '--undo']]) {
      const { status, stderr } = await run(['cure', ...args], { by });
      expect([status, stderr]).toEqual([
        args.includes('--undo') || args[0] === '--hash' ? 4 : 4,
        expect.stringMatching(/^fanout-cluster: /),
      ]);
    }
    const { status, stdout } = await run(['cure', '--status'], { by });
    expect([status, stdout]).toEqual([0, expect.stringContaining('only root may know')]);
    expect(native.flowDissector('/proc/self/ns/net')).toBeNull();
  });

  testWith(needs, 'without a BPF file system, and where somebody else has the folder', { timeout: 60_000 }, async () => {
    const inside = (script: string) => run(['cure', '--hash'], { by: ['unshare', '--mount', 'sh', '-c', `${script} && exec "$0" "$@"`] });
    const without = await inside('umount /sys/fs/bpf');
    expect([without.status, without.stderr]).toEqual([4, expect.stringContaining('mount -t bpf bpf /sys/fs/bpf')]);
    const others = await inside(`mount -t bpf bpf /sys/fs/bpf && mkdir ${PINS} && chown 1234 ${PINS}`);
    expect([others.status, others.stderr]).toEqual([4, expect.stringContaining('belongs to user 1234')]);
    expect(native.flowDissector('/proc/self/ns/net')).toBeNull();
  });

  testWith(needs, 'what it could not prove, before it does it', { timeout: 60_000 }, async () => {
    const { status, stderr } = await run(['cure', '--hash', '--verify']);
    expect([status, stderr]).toEqual([2, expect.stringContaining('-i INTERFACE')]);
    expect(native.flowDissector('/proc/self/ns/net')).toBeNull();
  });

  testWith(needs, 'groups that are not there, or cannot have a program', { timeout: 60_000 }, () =>
    withHosts((hosts) =>
      withForeignReader({ interface: hosts.interface, id: 37, mode: 'hash', members: 1 }, async () => {
        const missing = await run(['cure', '--group', '38']);
        expect([missing.status, missing.stderr]).toEqual([4, expect.stringContaining('these are here: 37')]);
        const inHash = await run(['cure', '--group', '37']);
        expect([inHash.status, inHash.stderr]).toEqual([4, expect.stringContaining('sudo fanout-cluster cure --hash')]);
      }),
    ),
  );
});

describe('ended at any moment', () => {
  const ROUNDS = 12;

  testWith(needs, 'it has attached all or nothing', { timeout: 120_000 }, async () => {
    const { ms } = await run(['cure', '--hash', '--quiet']);
    await cure('--hash', '--undo');
    let attached = 0;
    for (let i = 0; i < ROUNDS; i += 1) {
      const { child, ended } = start(['cure', '--hash', '--quiet']);
      await new Promise((resolve) => setTimeout(resolve, (ms * (i + 0.5)) / ROUNDS));
      child.kill(i % 3 === 0 ? 'SIGTERM' : 'SIGKILL');
      await ended;
      const isAttached = native.flowDissector('/proc/self/ns/net') !== null;
      expect(existsSync(PINS) ? readdirSync(PINS).length : 0).toBe(isAttached ? 1 : 0);
      if (isAttached) {
        attached += 1;
        await cure('--hash', '--undo');
      }
    }
    expect(attached).toBeLessThan(ROUNDS);
  });
});

describe('--write', () => {
  const write = (path: string, env: Readonly<Record<string, string>> = {}) => run(['cure', '--ids', 'suricata', '--write', path], { env });

  testWith(
    needs,
    'an object that only root may read, with keys of its own, that bpftool loads and this program, too',
    { timeout: 60_000 },
    async () => {
      const paths = ['a.bpf.o', 'b.bpf.o'].map((name) => join(scratch.path, name));
      writeFileSync(paths[0] as string, 'old', { mode: 0o644 });
      for (const path of paths) {
        const { status, stdout, stderr } = await write(path);
        expect([status, stderr]).toEqual([0, '']);
        expect(stdout).toContain(`ebpf-lb-file: ${path}`);
        expect(stdout).toMatch(/threads: \d+/);
        expect(statSync(path)).toMatchObject({ uid: 0, mode: 0o100600 });
      }
      const [one, other] = paths.map((path) => readFileSync(path));
      expect(one?.length).toBe(other?.length);
      expect(one?.equals(other as Buffer)).toBe(false);
      execFileSync('bpftool', ['prog', 'load', paths[0] as string, '/sys/fs/bpf/written', 'type', 'socket']);
      execFileSync('rm', ['/sys/fs/bpf/written']);
      const lab = ['-n', '4', '--mode', 'ebpf', '--ebpf-program', paths[0] as string, '--quiet'];
      // No bpftool in any folder that is searched.
      const without = [
        'unshare',
        '--mount',
        'sh',
        '-c',
        'for f in /usr/sbin/bpftool /usr/local/sbin/bpftool; do [ -e $f ] && mount --bind /dev/null $f; done; exec "$0" "$@"',
      ];
      const { status, stdout } = await run(lab, { by: without });
      expect([status, stdout]).toEqual([0, expect.stringContaining('YES')]);
    },
  );

  testWith(needs, 'with sudo in a folder of root, and never where a link of somebody else leads', { timeout: 60_000 }, async () => {
    const closed = join(scratch.path, 'closed');
    mkdirSync(closed, { mode: 0o700 });
    const sudo = { SUDO_UID: '1234', SUDO_GID: '1234' };
    expect((await write(join(closed, 'lb.o'), sudo)).status).toBe(0);
    const theirs = join(scratch.path, 'theirs');
    mkdirSync(theirs, { mode: 0o755 });
    symlinkSync(join(closed, 'stolen.o'), join(theirs, 'lb.o'));
    chownSync(theirs, 1234, 1234);
    const { status, stderr } = await write(join(theirs, 'lb.o'), sudo);
    expect([status, stderr]).toEqual([2, expect.stringContaining('OUTPUT_UNWRITABLE')]);
    expect(existsSync(join(closed, 'stolen.o'))).toBe(false);
    // In a folder of theirs, it is a file of theirs.
    expect((await write(join(theirs, 'own.o'), sudo)).status).toBe(0);
    expect(statSync(join(theirs, 'own.o'))).toMatchObject({ uid: 1234, mode: 0o100600 });
  });

  testWith(needs, 'the keys are in the file alone', { timeout: 60_000 }, async () => {
    const path = join(scratch.path, 'c.bpf.o');
    const { stdout } = await run(['cure', '--ids', 'suricata', '--write', path, '--json']);
    const keys = [...(settingsIn(readFileSync(path))?.keys ?? [])];
    expect(new Set(keys).size).toBe(11);
    for (const key of keys) for (const digits of [key.toString(), key.toString(16)]) expect(stdout).not.toContain(digits);
    expect(Object.keys(JSON.parse(stdout))).toEqual(['schema', 'tool', 'at', 'netns', 'did', 'inForce', 'groups', 'proof']);
  });
});
