/** Kernels and hosts that lack something: each run goes as far as it can there, and says what is missing. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import type { ScaleResult } from '../../src/commands/scale/result.ts';
import type { RunResult } from '../../src/model/run-result.ts';
import { generateTraffic } from '../../src/traffic/traffic.ts';
import { assertPrivateNamespace, CAPTURE, ip, makePair, removePair, type Sending, send } from '../helpers/network.ts';
import { writePcap } from '../helpers/pcap.ts';
import { makeRuntimeDirectory, temporaryDirectory } from '../helpers/programs.ts';
import { root, testWith } from '../helpers/requirements.ts';
import { type Ended, ROOT, run, start, type ToolOptions } from '../helpers/tool.ts';
import { framesOf } from '../helpers/traffic.ts';
import { buildWithout, type Feature, withMounts } from '../helpers/without.ts';

const scratch = temporaryDirectory();
const runtime = join(scratch.path, 'runtime');
let without: (...features: readonly Feature[]) => readonly string[];
let sending: Sending | undefined;

beforeAll(() => {
  assertPrivateNamespace();
  chmodSync(scratch.path, 0o755);
  makeRuntimeDirectory(runtime);
  without = buildWithout(scratch.path);
  ip('link', 'set', 'lo', 'up');
  makePair();
  sending = send();
});
afterAll(async () => {
  await sending?.stop();
  removePair();
  scratch.remove();
});

const tool = (args: readonly string[], by: readonly string[], options: ToolOptions = {}) =>
  run(args, { ...options, by, env: { XDG_RUNTIME_DIR: runtime } });
const AS_NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
const LAB = ['-n', '2', '--flows', '60', '--quiet'];
const LIVE = ['-i', CAPTURE, '-n', '2', '--duration', '600ms', '--quiet'];

function refused({ status, stdout, stderr }: Ended, ...said: readonly RegExp[]): void {
  for (const part of said) expect(stderr).toMatch(part);
  expect(stderr).toMatch(/^ {2}-> \S/m);
  expect([status, stdout]).toEqual([4, '']);
}

function reportOf({ stdout, stderr }: Ended): RunResult {
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as RunResult;
}

describe('a filter that kills the process instead of refusing the call', () => {
  const capture = join(scratch.path, 'one.pcap');
  beforeAll(() => writePcap(capture, framesOf(generateTraffic({ seed: 5, flows: 2, packetsPerFlow: 2 }))));

  testWith([root()], 'for what a run can do without: it does', {}, async () => {
    const by = without('deadly-bpf', 'deadly-seccomp');
    expect(reportOf(await tool([...LAB, '--json'], by)).verdict.answer).toBe('yes');
    expect(reportOf(await tool([...LIVE, '--json'], by)).verdict.answer).toBe('yes');
    refused(await tool([...LAB, '--mode', 'ebpf', '--ebpf-program', '/sys/fs/bpf/none'], by), /bpf\(BPF_OBJ_GET\)/);
  });

  for (const call of ['memfd_create', 'setgroups', 'sendmsg'] as const)
    testWith([root()], `for ${call}(2), which it needs: 4, before anything begins`, {}, async () => {
      for (const args of [LAB, LIVE, ['matrix'], ['predict', capture]])
        refused(
          await tool(args, without(`deadly-${call}`)),
          new RegExp(`NO_PRIVILEGE: a filter of system calls kills any process that calls ${call}\\(2\\)`),
        );
      expect((await tool(['--version'], without(`deadly-${call}`))).status).toBe(0);
    });

  testWith([root()], 'for unshare(2): no lab, and live as ever', {}, async () => {
    refused(await tool(LAB, without('deadly-unshare')), /NO_PRIVILEGE: this root may not set up a network namespace/);
    expect((await tool(LIVE, without('deadly-unshare'))).status).toBe(0);
  });
});

describe('files', () => {
  const NO_PROC = withMounts('mount -t tmpfs none /proc');

  testWith([root()], 'no /proc: 4, and what to mount', {}, async () => {
    for (const args of [LAB, LIVE, ['matrix'], ['predict', '/nowhere.pcap']])
      refused(await tool(args, NO_PROC), /NO_PROC: \/proc\/self\/status does not exist/, /-> mount -t proc proc \/proc/);
  });

  testWith([root()], 'no /proc: --version and --help say what they say everywhere', {}, async () => {
    for (const option of ['--version', '--help']) {
      const [{ status, stdout }, elsewhere] = [await tool([option], NO_PROC), await tool([option], [])];
      expect([status, stdout]).toEqual([0, elsewhere.stdout]);
    }
  });

  testWith([root()], 'a /proc of processes alone, and no /sys: the lab answers', {}, async () => {
    for (const line of ['mount -t proc -o subset=pid none /proc', 'mount -t tmpfs none /sys']) {
      // For two seconds, in which an interface that were not silent would ask for a router.
      const report = reportOf(await tool([...LAB, '--rate', '180', '--json'], withMounts(line)));
      expect(report.verdict.answer).toBe('yes');
      expect(report.packets.captured).toBe(report.packets.offered);
    }
  });

  testWith([root()], 'a node for TUN without the module behind it: runs and comparisons take a veth pair', {}, async () => {
    // A device number that no driver has: opening it gives ENXIO, as the node of a module that is not there gives ENODEV.
    const noTun = withMounts('mount -t tmpfs none /dev/net && mknod /dev/net/tun c 60 1');
    const report = reportOf(await tool([...LAB, '--json'], noTun));
    expect([report.verdict.answer, report.source.injection]).toEqual(['yes', 'veth']);
    const { status, stderr } = await tool(['compare', '-n', '2', '--flows', '60', '--quiet'], noTun);
    expect([status, stderr]).toEqual([0, '']);
    refused(await tool([...LAB, '--mode', 'qm', '--nic', 'queues=2'], noTun), /LAB_FAILED: cannot make a TAP/, /modprobe tun/);
  });
});

describe('features of the kernel', () => {
  testWith([root()], 'no user namespaces: 4 for a user, and root has a lab', {}, async () => {
    refused(await tool(LAB, [...AS_NOBODY, ...without('user-namespaces')]), /NO_USER_NAMESPACE/, /Invalid argument/, /sudo/);
    expect((await tool(LAB, without('user-namespaces'))).status).toBe(0);
  });

  testWith([root()], 'no filters on system calls: a run goes on without that second lock', {}, async () => {
    expect((await tool(LAB, without('seccomp'))).status).toBe(0);
    expect((await tool(LIVE, without('seccomp'))).status).toBe(0);
  });

  testWith([root()], 'no eBPF: mode ebpf says so, the others do not ask', {}, async () => {
    const ebpf = [...LAB, '--mode', 'ebpf', '--ebpf-program'];
    for (const path of ['/sys/fs/bpf/steering', process.execPath])
      refused(await tool([...ebpf, path], without('bpf')), /PROGRAM_REFUSED: .* this kernel has no eBPF/, /CONFIG_BPF_SYSCALL/);
    expect((await tool(LAB, without('bpf'))).status).toBe(0);
  });
});

testWith([root()], 'a file that is no object, and a pipe that nobody writes to: said so at once', {}, async () => {
  const pipe = join(scratch.path, 'pipe');
  execFileSync('mkfifo', [pipe]);
  for (const path of ['/etc/passwd', '/dev/null', pipe])
    refused(await tool([...LAB, '--mode', 'ebpf', '--ebpf-program', path], []), /PROGRAM_REFUSED: .* is no object file \(ELF\)/, /clang/);
});

describe('no fanout_args', () => {
  const TOO_LARGE = /a group of 257 processes: this kernel \(.*\) has no fanout_args, and without it a group has 256 members at most/;

  testWith([root()], 'more than 256 processes: 4, before the first of them is forked', {}, async () => {
    const ended = await tool(['-n', '257', '--ring-size', '256K', '--quiet'], without('fanout-args'));
    refused(ended, TOO_LARGE, /5\.10\.37/);
  });

  testWith([root()], 'a size of the scale like any that is too large', {}, async () => {
    const args = ['scale', '--procs', '2,257', '--flows', '50', '--packets', '2000', '--ring-size', '256K', '--json'];
    const { stdout, stderr } = await tool(args, without('fanout-args'));
    if (stdout === '') throw new Error(stderr);
    const { sizes } = JSON.parse(stdout) as ScaleResult;
    expect(sizes.map((size) => ('error' in size ? size.error.message : size.membersUsed))).toEqual([2, expect.stringMatching(TOO_LARGE)]);
  });

  testWith([root()], 'fewer: a group all the same', {}, async () => {
    expect((await tool(LIVE, without('fanout-args'))).status).toBe(0);
  });
});

/** A program of others, which captures on the interface and joins the group if it is given one. */
const CAPTURES = `
const native = require(${JSON.stringify(join(ROOT, 'build/Release/fanout.node'))});
const [ifindex, groupId] = process.argv.slice(2).map(Number);
const capture = new native.Capture({ socket: native.openPacketSocket(), ifindex, member: 0, blockBytes: 1 << 17, blockCount: 2, blockTimeoutMs: 10,
  snaplen: 128, filter: null, promiscuous: false, ignoreOutgoing: false, cpu: null, flowsMax: 64, workNs: 0, newsIntervalMs: 10, hashSeed: 1n,
  labTags: false, replayed: false, eager: false });
if (groupId > 0) capture.join({ groupId, mode: 0, flags: 0, membersMax: 0 });
console.log('captures');
setTimeout(() => process.exit(), 20000);`;

describe('no list of groups', () => {
  const program = join(scratch.path, 'captures.cjs');
  const ifindex = (): string => ip('-o', 'link', 'show', CAPTURE).split(':')[0] ?? '';
  const by = (): readonly string[] => without('packet-diag');

  beforeAll(() => writeFileSync(program, CAPTURES));

  /** Beside another program that captures on the interface. */
  async function beside<T>(groupId: number, body: (pid: number | undefined) => Promise<T>): Promise<T> {
    const child = spawn(process.execPath, [program, ifindex(), `${groupId}`], { stdio: ['ignore', 'pipe', 'inherit'] });
    try {
      await once(child.stdout, 'data', { signal: AbortSignal.timeout(10_000) });
      return await body(child.pid);
    } finally {
      child.kill('SIGKILL');
    }
  }

  testWith([root()], 'nobody else captures here: a chosen group, and one that reassembles, are safe', {}, async () => {
    expect((await tool([...LIVE, '--group-id', '99'], by())).status).toBe(0);
    expect((await tool([...LIVE, '--defrag'], by())).status).toBe(0);
  });

  testWith([root()], 'somebody does: both are refused, and it is named', {}, async () => {
    await beside(0, async (pid) => {
      const who = new RegExp(`/proc/net/packet lists 1 packet socket of \\S+ \\(pid ${pid}\\)`);
      refused(await tool([...LIVE, '--group-id', '99'], by()), /GROUP_TAKEN/, who, /leave --group-id out/);
      refused(await tool([...LIVE, '--defrag'], by()), /DEFRAG_UNSAFE/, who);
    });
  });

  testWith([root()], "a group of the kernel's choice is closed: a YES beside another program", {}, async () => {
    await beside(0, async () => expect((await tool(LIVE, by())).status).toBe(0));
  });

  testWith([root()], 'a member that nobody can see moves flows: no NO, and why', {}, async () => {
    const args = ['-i', CAPTURE, '-n', '2', '--duration', '3s', '--group-id', '99', '--json', '--status-interval', '100ms'];
    const running = start(args, { by: by(), env: { XDG_RUNTIME_DIR: runtime } });
    await running.said(/capturing/);
    const report = await beside(99, async () => reportOf(await running.ended));
    // It took a third of the packets, and its coming moved flows from one of our members to the other.
    expect(report.flows.split + report.flows.asymmetric).toBeGreaterThan(0);
    expect([report.verdict.answer, report.verdict.reasons[0]?.code]).toEqual(['inconclusive', 'foreign-member-possible']);
  });
});
