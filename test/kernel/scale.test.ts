/** Groups of many sizes: the figures of `scale` against what was sent and where it ran, and groups as large as they get. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { native } from '../../src/addon/native.ts';
import { isMeasured, type MeasuredSize, type ScaleResult } from '../../src/commands/scale/result.ts';
import { runCliDuring } from '../helpers/cli.ts';
import { refuseHostNamespace } from '../helpers/lab.ts';
import { CAPTURE, makePair, promiscuity, removePair, send } from '../helpers/network.ts';
import { makeRuntimeDirectory, runProgram, temporaryDirectory } from '../helpers/programs.ts';
import { cpus, testWith } from '../helpers/requirements.ts';
import { CLI, entriesOf, isAlive, start, until, workersOf } from '../helpers/tool.ts';

const scratch = temporaryDirectory();
beforeAll(refuseHostNamespace);
afterAll(() => scratch.remove());

interface Scaled {
  readonly status: number | null;
  readonly scale: ScaleResult;
}

async function scaled(args: readonly string[], uid?: number): Promise<Scaled> {
  const identity = uid === undefined ? {} : { uid };
  const ended = await runProgram(process.execPath, [CLI, 'scale', '--json', ...args], { env: { PATH: process.env['PATH'] }, ...identity });
  if (ended.stdout === '') throw new Error(`scale ${args.join(' ')} exited with ${ended.code}: ${ended.stderr}`);
  return { status: ended.code, scale: JSON.parse(ended.stdout) };
}

function measuredOf({ sizes }: ScaleResult): readonly MeasuredSize[] {
  return sizes.filter(isMeasured);
}

const SOME = ['--flows', '500', '--packets', '30000', '--rate', '60000', '--seed', '1'];

describe('the figures', () => {
  test('of each size, and of one that cannot be; the others go on', async () => {
    const { status, scale } = await scaled([...SOME, '--procs', '2,65536,5', '--ring-size', '32M']);
    // A size is missing: no machine has 2.5 TiB to spare.
    expect(status).toBe(3);
    expect(scale).toMatchObject({
      schema: 'fanout-cluster/scale@1',
      plan: { mode: 'hash', flows: 500, packets: 30_000, packetsPerSecond: 60_000 },
    });
    expect(scale.sizes.map((size) => (isMeasured(size) ? size.answer : size.error.code))).toEqual(['yes', 'TOO_LARGE', 'yes']);
    for (const size of measuredOf(scale)) {
      expect(size).toMatchObject({ offered: 30_000, lost: 0, lossPercent: 0, membersUsed: size.procs, doubts: [] });
      expect(size.packetsPerSecond).toBeGreaterThan(50_000);
      expect(size.packetsPerSecond).toBeLessThan(61_000);
      expect(size.startMs).toBeGreaterThan(20);
      // A core would be used up by 16 us at this rate.
      expect(size.cpuNsPerPacket).toBeGreaterThan(10);
      expect(size.cpuNsPerPacket).toBeLessThan(16_667);
      expect(size.senderNsPerPacket).toBeGreaterThan(100);
      expect(size.senderNsPerPacket).toBeLessThan(16_667);
      // 500 flows of equal size on few members.
      expect(size.maxOverMean).toBeGreaterThanOrEqual(1);
      expect(size.maxOverMean).toBeLessThan(1.5);
      const { processBytes = 0, processesRead = 0, totalBytes = 0, ringBytes = 0 } = size.memory ?? {};
      expect([processesRead, totalBytes, ringBytes]).toEqual([size.procs, size.procs * processBytes, size.procs * 32 * 2 ** 20]);
      // A Node process with its ring.
      expect(processBytes).toBeGreaterThan(32 * 2 ** 20);
      expect(processBytes).toBeLessThan(96 * 2 ** 20);
    }
    expect(scale.advice.map(({ code }) => code)).toContain('memory');
  });

  test('of rings that are too small: what was lost and what was captured are what was sent', async () => {
    const cramped = ['--ring-size', '64K', '--block-size', '4K', '--work-ns', '50000'];
    const { status, scale } = await scaled(['--flows', '500', '--packets', '6000', ...cramped, '--procs', '2']);
    const [size] = measuredOf(scale);
    // Loss is a figure. Packets that do not add up would be a doubt about it, and the status 3.
    expect([status, size?.answer, size?.doubts.map(({ code }) => code)]).toEqual([0, 'inconclusive', ['loss']]);
    expect(size?.lost).toBeGreaterThan(3000);
    expect(size?.lossPercent).toBeCloseTo(((size?.lost ?? 0) / 6000) * 100, 6);
    // The work is of the clock's time, and other programs may have a part of that.
    expect(size?.cpuNsPerPacket).toBeGreaterThan(10_000);
    expect(scale.advice.map(({ code }) => code)).not.toContain('kernel-path');
  });

  test('as an ordinary user, by way of a veth pair', async () => {
    const nobody = 65534;
    const { status, scale } = await scaled([...SOME, '--procs', '3'], nobody);
    expect([status, scale.source.injection, ...measuredOf(scale).map(({ answer, lost }) => [answer, lost])]).toEqual([
      0,
      'veth',
      ['yes', 0],
    ]);
  });

  test('a NO is a figure too', async () => {
    const { status, scale } = await scaled([...SOME, '--procs', '4', '--mode', 'lb']);
    const [size] = measuredOf(scale);
    expect([status, size?.answer, size?.doubts.map(({ code }) => code)]).toEqual([0, 'no', ['lb-by-design']]);
    expect(size?.maxOverMean).toBeLessThan(1.001);
  });

  testWith([cpus(2)], 'sender and processes run where the result says', {}, async () => {
    const running = start(['scale', '--procs', '3', '--packets', '200000', '--rate', '40000', '--json']);
    await until(() => senderOf(running.pid) !== undefined, 'packets are sent', 20_000);
    const where = { sender: allowed(senderOf(running.pid) ?? ''), workers: workersOf(running.pid).map((pid) => captureCpus(pid)) };
    running.child.kill('SIGINT');
    const scale: ScaleResult = JSON.parse((await running.ended).stdout);
    const { senderCpu, workerCpus } = scale.plan.placement;
    expect(where.sender).toBe(String(senderCpu));
    expect(where.workers).toEqual([0, 1, 2].map((i) => String(workerCpus[i % workerCpus.length])));
    expect(workerCpus).not.toContain(senderCpu);
  });

  test('Ctrl-C leaves what was measured, and says what was not', async () => {
    const running = start(['scale', ...SOME, '--procs', '2,3,4', '--json']);
    await running.said(/measuring 3 processes/);
    running.child.kill('SIGINT');
    const { status, stdout } = await running.ended;
    const scale: ScaleResult = JSON.parse(stdout);
    expect(status).toBe(3);
    expect(scale.sizes[0]).toMatchObject({ procs: 2, answer: 'yes', offered: 30_000 });
    expect(scale.sizes[2]).toMatchObject({ procs: 4, error: { code: 'interrupted' } });
  });

  test('nothing that fits: the error, and its status', async () => {
    const { status, stderr } = await start(['scale', '--procs', '65536', '--ring-size', '4G']).ended;
    expect(status).toBe(4);
    expect(stderr).toMatch(/TOO_LARGE: 65536 processes need/);
  });
});

/** The directory in /proc of the thread that sends. */
function senderOf(pid: number): string | undefined {
  return tasksOf(pid).find((task) => textOf(`${task}/comm`).trim() === 'lab-inject');
}

function tasksOf(pid: number): readonly string[] {
  return readdirSync(`/proc/${pid}/task`).map((task) => `/proc/${pid}/task/${task}`);
}

function allowed(task: string): string {
  return /^Cpus_allowed_list:\s*(\S+)$/m.exec(textOf(`${task}/status`))?.[1] ?? '';
}

/** Nothing of a thread that has ended since it was found. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

/** Of the thread of a worker that is confined most: its capture thread. */
function captureCpus(pid: number): string {
  return (
    tasksOf(pid)
      .map(allowed)
      .toSorted((a, b) => a.length - b.length)[0] ?? ''
  );
}

describe('large groups', () => {
  // A few more than a group may have by default: the kernel is asked for more (fanout_args.max_num_members).
  test.each([260])('%i members: every packet of every flow, YES, and nothing is left', async (procs) => {
    const runtime = join(scratch.path, `runtime-${procs}`);
    makeRuntimeDirectory(runtime);
    makePair();
    try {
      const args = ['-i', CAPTURE, '-n', String(procs), '--ring-size', '256K', '--block-size', '16K'];
      const env = { XDG_RUNTIME_DIR: runtime };
      const { status, report } = await runCliDuring(args, () => send({ flows: 600 }, { rounds: 1 }).report, env);
      expect([status, report.verdict.answer]).toEqual([0, 'yes']);
      expect(report.packets).toMatchObject({ captured: 3600, judged: 3600, dropped: 0, overflowed: 0, outgoing: 0, ignored: {} });
      expect(report.flows).toMatchObject({ total: 600, twoWay: 600, consistent: 600 });
      expect(report.members.map(({ end }) => end)).toEqual(Array(procs).fill('gone'));
      // 600 flows drawn for each of n members leave about n e^(-600/n) without any: 25 of 256.
      expect(report.balance.membersUsed).toBeGreaterThan(200);
      expect(report.members.some(({ pid }) => isAlive(pid))).toBe(false);
      expect([promiscuity(), entriesOf(runtime), native.packetSockets().filter(({ protocol }) => protocol !== 0)]).toEqual([0, [], []]);
    } finally {
      removePair();
    }
  });
});
