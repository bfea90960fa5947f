/** What goes wrong around a run: memory, disks, terminals, a collector that is held up, interfaces that move, frames that are hardly any. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { native } from '../../src/addon/native.ts';
import type { RunResult } from '../../src/model/run-result.ts';
import { type Disturbance, disturbed, pause } from '../helpers/disturbed.ts';
import { judge, when } from '../helpers/in-process.ts';
import {
  assertPrivateNamespace,
  CAPTURE,
  ip,
  joinFrames,
  makePair,
  promiscuity,
  removePair,
  type Sending,
  send,
  sendFrames,
} from '../helpers/network.ts';
import { makeRuntimeDirectory, temporaryDirectory } from '../helpers/programs.ts';
import { program, type Requirement, root, testWith } from '../helpers/requirements.ts';
import { childrenOf, entriesOf, isAlive, type Running, run, start, type ToolOptions, until, workersOf } from '../helpers/tool.ts';

const scratch = temporaryDirectory();
const runtime = join(scratch.path, 'runtime');
const env = { XDG_RUNTIME_DIR: runtime };
let sending: Sending | undefined;

beforeAll(() => {
  assertPrivateNamespace();
  makeRuntimeDirectory(runtime);
});
afterAll(() => scratch.remove());
beforeEach(makePair);
afterEach(async () => {
  vi.restoreAllMocks();
  await sending?.stop();
  sending = undefined;
  await nothingIsLeft();
  removePair();
});

async function nothingIsLeft(): Promise<void> {
  await until(() => native.packetSockets().every(({ protocol }) => protocol === 0), 'packet sockets are closed');
  expect(entriesOf(runtime)).toEqual([]);
  if (existsSync(`/sys/class/net/${CAPTURE}`)) expect(promiscuity()).toBe(0);
}

const tool = (args: readonly string[], options: ToolOptions = {}) => run(args, { ...options, env: { ...env, ...options.env } });
const live = (...args: string[]): Running => start(['-i', CAPTURE, '--status-interval', '100ms', ...args], { env });
const codes = ({ verdict }: RunResult) => verdict.reasons.map(({ code }) => code);
/** Until `action` has resolved, or as long as the run goes on by itself. */
async function runWith(args: readonly string[], action: Disturbance['action'], restMs: Disturbance['restMs'] = 0) {
  const { status, ...result } = await disturbed(env, args, { afterMs: 300, action, restMs });
  return { status, result: result as RunResult };
}

describe('memory', () => {
  test('that the kernel does not give for a ring: the call that failed, and a remedy', async () => {
    // What Node.js has already, and half a ring more. Rings are mapped when it is told to open its socket.
    when(1, 'connected', ({ pid }) => {
      const [pages = ''] = readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ');
      execFileSync('prlimit', ['--pid', String(pid), `--as=${Number(pages) * 4096 + (128 << 20)}`]);
    });
    await expect(judge({ procs: '3', ringSize: '256M', blockSize: '1M', duration: '100ms' })).rejects.toMatchObject({
      code: 'RING_REFUSED',
      message: expect.stringMatching(/^worker 1 \(pid \d+\): mmap: Cannot allocate memory$/),
      remedy: expect.stringMatching(/smaller --ring-size/),
    });
  });
});

/** A file system as small as the test wants it, which only this namespace of mounts sees. */
function ownMounts(): Requirement | undefined {
  if (process.env['FANOUT_TEST_MOUNTS'] === 'own') return root();
  return { reason: 'mounts of the host would be touched', remedy: 'npm run test:process' };
}

describe('a full disk', () => {
  const full = () => {
    const path = join(scratch.path, 'full');
    mkdirSync(path, { recursive: true });
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=16k,mode=755', 'tmpfs', path]);
    return path;
  };

  // Root writes where nobody may by way of a helper, and in a directory of nobody's without one.
  testWith([ownMounts()], 'under the report: 2, the old one stays, and nothing of the new', {}, async () => {
    const path = full();
    try {
      for (const owner of ['root', '65534']) {
        execFileSync('chown', [owner, path]);
        const json = join(path, 'run.json');
        writeFileSync(json, 'old');
        execFileSync('chown', [owner, json]);
        // Its list of violations needs far more than there is.
        const ended = await tool(['-n', '4', '--mode', 'lb', '--quiet', '--json', json]);
        expect(ended.stderr).toMatch(/OUTPUT_UNWRITABLE: cannot write .*run\.json: .*(ENOSPC|No space left)/);
        expect(ended.stderr).toContain('make room there');
        expect([ended.status, entriesOf(path), readFileSync(json, 'utf8')]).toEqual([2, ['run.json'], 'old']);
      }
    } finally {
      execFileSync('umount', [path]);
    }
  });
});

describe('the collector', () => {
  test('is stopped for longer than workers may be silent, and goes on: nobody is accused', async () => {
    sending = send();
    const { status, result } = await runWith(['-n', '4', '--worker-timeout', '500ms'], async ({ pid }) => {
      process.kill(pid, 'SIGSTOP');
      await pause(1200);
      process.kill(pid, 'SIGCONT');
      await pause(300);
    });
    expect(result.members.map(({ end }) => end)).toEqual(['gone', 'gone', 'gone', 'gone']);
    expect([status, result.verdict.answer]).toEqual([0, 'yes']);
  });

  test('is killed while rings are read out: nothing is left', async () => {
    sending = send();
    const running = live('-n', '4', '--duration', '20s', '--block-timeout', '2000');
    await running.said(/capturing/);
    await pause(200);
    running.child.kill('SIGINT');
    await pause(150);
    const workers = workersOf(running.pid);
    running.child.kill('SIGKILL');
    expect((await running.ended).signal).toBe('SIGKILL');
    expect(workers).toHaveLength(4);
    await until(() => !workers.some(isAlive), 'the workers end');
  });

  test.each<[string, readonly NodeJS.Signals[], string | number]>([
    ['killed', ['SIGKILL'], 'SIGKILL'],
    ['interrupted twice', ['SIGINT', 'SIGINT'], 4],
  ])('is %s while it writes the report to a reader who takes nothing: it ends, and nothing is left', async (_, signals, end) => {
    sending = send();
    const pipe = join(scratch.path, `pipe-${end}`);
    execFileSync('mkfifo', ['-m', '666', pipe]);
    const reader = spawn('sh', ['-c', 'exec 9<"$0"; sleep 30', pipe]);
    // Hundreds of violations do not fit into a pipe.
    const running = live('-n', '4', '--mode', 'lb', '--duration', '400ms', '--json', pipe);
    await until(() => workersOf(running.pid).length === 4, 'workers');
    await until(() => workersOf(running.pid).length === 0, 'the end of the capture');
    await pause(100);
    for (const [i, signal] of signals.entries()) {
      // Sooner it would be the same wish.
      if (i > 0) await pause(1100);
      running.child.kill(signal);
    }
    const { status, signal } = await running.ended;
    reader.kill('SIGKILL');
    expect(signal ?? status).toBe(end);
  });

  testWith([program('script', 'bsdutils')], 'loses its terminal: it ends by itself, and all that it started', {}, async () => {
    sending = send();
    const command = [process.execPath, join(import.meta.dirname, '../../dist/cli.js'), '-i', CAPTURE, '-n', '3', '--duration', '20s'].join(
      ' ',
    );
    const terminal = spawn('script', ['--quiet', '--return', '--command', `exec ${command}`, '/dev/null'], {
      env: { PATH: process.env['PATH'] ?? '', TERM: 'xterm', ...env },
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    const collector = () => childrenOf(terminal.pid ?? 0)[0] ?? 0;
    await until(
      () => collector() !== 0 && native.packetSockets().filter(({ groupId }) => groupId !== undefined).length === 3,
      'the capture',
    );
    await pause(300);
    const processes = [collector(), ...workersOf(collector())];
    expect(processes).toHaveLength(4);
    terminal.kill('SIGKILL');
    await until(() => !processes.some(isAlive), 'all end');
  });
});

describe('the interface', () => {
  test('is moved to another network namespace: removed, and what was seen before counts', async () => {
    sending = send();
    const other = spawn('unshare', ['--net', 'sleep', '30']);
    try {
      await until(() => netns(other.pid ?? 0) !== netns(process.pid), 'another namespace');
      const { status, result } = await runWith(['-n', '4'], () => void ip('link', 'set', CAPTURE, 'netns', String(other.pid)), 'itself');
      expect([status, ...codes(result)]).toEqual([3, 'interface-removed']);
      expect(result.flows).toMatchObject({ split: 0, asymmetric: 0 });
      expect(result.flows.consistent).toBeGreaterThan(50);
    } finally {
      other.kill('SIGKILL');
    }
  });

  test('gets another MTU: nothing happens', async () => {
    sending = send();
    const { status, result } = await runWith(['-n', '4'], async () => {
      ip('link', 'set', CAPTURE, 'mtu', '9000');
      await pause(200);
      ip('link', 'set', CAPTURE, 'mtu', '576');
      await pause(200);
    });
    expect([status, result.verdict.answer, result.epochs.length]).toEqual([0, 'yes', 1]);
  });

  function netns(pid: number): string {
    return spawnSync('readlink', [`/proc/${pid}/ns/net`], { encoding: 'utf8' }).stdout;
  }
});

describe('frames that are hardly any', () => {
  const header = (ethertype: string) => Buffer.from(`ffffffffffff020000000001${ethertype}`, 'hex');
  const ipv4 = (change: (packet: Buffer) => void = () => {}): Buffer => {
    const packet = Buffer.from('45000028000100004006000001020304050607080050c000000000010000000150100000000000000', 'hex');
    change(packet);
    return Buffer.concat([header('0800'), packet]);
  };
  const ODD: Readonly<Record<string, Buffer>> = {
    'an Ethernet header and nothing behind it': header('0800'),
    'one byte of IPv4': Buffer.concat([header('0800'), Buffer.from([0x45])]),
    'one byte of IPv6': Buffer.concat([header('86dd'), Buffer.from([0x60])]),
    'an IPv4 header that says it is shorter than any': ipv4((packet) => void packet.writeUInt8(0x41, 0)),
    'an IPv4 header longer than the packet': ipv4((packet) => void packet.writeUInt8(0x4f, 0)),
    'a total length of 0': ipv4((packet) => void packet.writeUInt16BE(0, 2)),
    'a total length of 65535': ipv4((packet) => void packet.writeUInt16BE(65535, 2)),
    'a TCP header cut in the middle of its ports': ipv4().subarray(0, 14 + 20 + 3),
    'a VLAN tag and nothing behind it': Buffer.concat([header('8100'), Buffer.from([0x00, 0x05])]),
    'a stack of tags': Buffer.concat([header('88a8'), Buffer.from('00018100'.repeat(300), 'hex')]),
    'labels to the end': Buffer.concat([header('8847'), Buffer.alloc(1400, 1)]),
    'a frame of zeros': Buffer.alloc(1514),
    'a frame of ones': Buffer.alloc(1514, 0xff),
  };

  test('between good ones: every packet is accounted for, and the flows are judged', async () => {
    sending = send({ flows: 200 }, { packetsPerSecond: 5000 });
    const odd = sendFrames(joinFrames(Object.values(ODD)), { packetsPerSecond: 3000 });
    const { status, result } = await runWith(['-n', '4'], () => pause(500));
    await odd.stop();
    expect([status, result.verdict.answer]).toEqual([0, 'yes']);
    const { captured, judged, ignored } = result.packets;
    const ignoredPackets = Object.values(ignored).reduce((sum, count) => sum + count, 0);
    expect(captured).toBe(judged + ignoredPackets);
    expect(ignoredPackets).toBeGreaterThan(500);
    expect(result.flows).toMatchObject({ split: 0, asymmetric: 0 });
  });

  test('with priority tags (VLAN 0) in one direction only: the same flows', async () => {
    const { frames, offsets } = (await import('../../src/traffic/traffic.ts')).generateTraffic({
      seed: 4,
      flows: 100,
      packetsPerFlow: 6,
      classes: ['ipv4-tcp'],
    });
    const list = Array.from({ length: offsets.length - 1 }, (_, i) => Buffer.from(frames.subarray(offsets[i], offsets[i + 1])));
    const tagged = list.map((frame, i) =>
      i % 2 === 0 ? frame : Buffer.concat([frame.subarray(0, 12), Buffer.from('8100e000', 'hex'), frame.subarray(12)]),
    );
    sending = sendFrames(joinFrames(tagged));
    const { status, result } = await runWith(['-n', '4'], () => pause(300));
    expect([status, result.verdict.answer, result.flows.total, result.flows.twoWay]).toEqual([0, 'yes', 100, 100]);
  });
});
