/** The end of the collector, by whatever means: no process, directory or promiscuous mode survives it, and signals end in a verdict. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { native } from '../../src/addon/native.ts';
import type { RunResult } from '../../src/model/run-result.ts';
import { assertPrivateNamespace, CAPTURE, makePair, promiscuity, removePair, type Sending, send } from '../helpers/network.ts';
import { makeRuntimeDirectory, temporaryDirectory } from '../helpers/programs.ts';
import { childrenOf, entriesOf, isAlive, type Running, start, until, workersOf } from '../helpers/tool.ts';

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
  await sending?.stop();
  sending = undefined;
  await nothingIsLeft();
  removePair();
});

async function nothingIsLeft(): Promise<void> {
  await until(() => ourSockets() === 0, 'packet sockets are closed');
  expect(entriesOf(runtime)).toEqual([]);
  expect(promiscuity()).toBe(0);
}

/** Senders have protocol 0. */
function ourSockets(): number {
  return native.packetSockets().filter(({ protocol }) => protocol !== 0).length;
}

const live = (...args: string[]) => start(['-i', CAPTURE, ...args], { env });
const capturing = (running: Running) => running.said(/capturing/);
const SOON = ['--status-interval', '100ms'];

describe('SIGKILL', () => {
  test.each<[string, (running: Running) => Promise<void>]>([
    ['as the first worker starts', (running) => until(() => childrenOf(running.pid).length > 0, 'a worker')],
    ['with half of the workers started', (running) => until(() => workersOf(running.pid).length >= 4, 'workers')],
    ['with all workers started', (running) => until(() => workersOf(running.pid).length === 8, 'workers')],
    ['with the first socket open', () => until(() => ourSockets() > 0, 'a socket')],
    ['with the last socket open', () => until(() => ourSockets() === 8, 'sockets')],
    ['while capturing', capturing],
  ])('%s', async (_, moment) => {
    sending = send();
    const running = live('--procs', '8', '--duration', '20s', ...SOON);
    await moment(running);
    const workers = childrenOf(running.pid);
    running.child.kill('SIGKILL');
    expect((await running.ended).signal).toBe('SIGKILL');
    await until(() => !workers.some(isAlive), 'the workers end');
    await nothingIsLeft();
  });

  test('at twelve moments of the start that nobody chose', async () => {
    for (let i = 0; i < 12; i += 1) {
      const running = live('--procs', '6', '--duration', '20s');
      await new Promise((done) => setTimeout(done, 40 + i * 15));
      const workers = childrenOf(running.pid);
      running.child.kill('SIGKILL');
      await running.ended;
      await until(() => !workers.some(isAlive), 'the workers end');
      await nothingIsLeft();
    }
  });

  test('with a worker that is stopped while capturing: it ends, too', async () => {
    const running = live('--procs', '3', '--duration', '20s', ...SOON);
    await capturing(running);
    // The request follows the load at once, but nothing outside the process shows it (prctl(2) has no counterpart in /proc).
    await new Promise((done) => setTimeout(done, 300));
    const workers = workersOf(running.pid);
    for (const pid of workers) process.kill(pid, 'SIGSTOP');
    running.child.kill('SIGKILL');
    await running.ended;
    await until(() => !workers.some(isAlive), 'the workers end');
  });

  test('with workers that are stopped before they opened anything: they end', async () => {
    const running = live('--procs', '4', '--duration', '20s');
    await until(() => workersOf(running.pid).some(isLoaded), 'a worker that runs');
    running.child.kill('SIGSTOP');
    // The collector answers nobody any more: its workers get as far as their greeting.
    await until(() => workersOf(running.pid).filter(isLoaded).length === 4, 'all workers run');
    // The request follows the load at once, but nothing outside the process shows it (prctl(2) has no counterpart in /proc).
    await new Promise((done) => setTimeout(done, 300));
    const workers = workersOf(running.pid);
    for (const pid of workers) process.kill(pid, 'SIGSTOP');
    running.child.kill('SIGKILL');
    await running.ended;
    await until(() => !workers.some(isAlive), 'the workers end');
  });

  // A worker asks for its end once it has loaded the addon.
  function isLoaded(pid: number): boolean {
    try {
      return readFileSync(`/proc/${pid}/maps`, 'latin1').includes('fanout.node');
    } catch {
      return false;
    }
  }

  test('of the lab', async () => {
    const running = start(['-n', '4', '--loop', ...SOON], { env });
    await capturing(running);
    const workers = childrenOf(running.pid);
    expect(workers).toHaveLength(4);
    running.child.kill('SIGKILL');
    await running.ended;
    await until(() => !workers.some(isAlive), 'the workers end');
  });
});

describe('signals while capturing', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s: the verdict on what was seen', async (signal) => {
    sending = send();
    const running = live('--procs', '4', '--duration', '20s', '--json', '-', ...SOON);
    await capturing(running);
    await new Promise((done) => setTimeout(done, 300));
    running.child.kill(signal);
    const { status, stdout } = await running.ended;
    const result = JSON.parse(stdout) as RunResult;
    expect([status, result.verdict.answer]).toEqual([0, 'yes']);
    expect(result.members.map(({ end }) => end)).toEqual(['gone', 'gone', 'gone', 'gone']);
  });

  test('before any traffic: INCONCLUSIVE, ended by a signal', async () => {
    const running = live('--procs', '2', '--duration', '20s', ...SOON);
    await capturing(running);
    running.child.kill('SIGINT');
    const { status, stdout } = await running.ended;
    expect(stdout).toMatch(/no packet was captured on cap0; the run was ended by a signal/);
    expect(status).toBe(3);
  });

  test('Ctrl-C, which the workers get as well: the same verdict', async () => {
    sending = send();
    const running = start(['-i', CAPTURE, '--procs', '4', '--duration', '20s', '--quiet', '--status-interval', '100ms'], {
      env,
      detached: true,
    });
    await until(() => ourSockets() === 4 && promiscuity() === 4, 'the capture');
    await new Promise((done) => setTimeout(done, 400));
    process.kill(-running.pid, 'SIGINT');
    const { status, stdout } = await running.ended;
    expect(stdout).toMatch(/YES/);
    expect(status).toBe(0);
  });

  test.each([
    [1, 0],
    [30, 0],
    [200, 0],
    [1200, 4],
  ])('twice, %i ms apart: the same wish within a second, else at once', async (pauseMs, expected) => {
    sending = send();
    const json = join(scratch.path, `twice-${pauseMs}.json`);
    const running = live('--procs', '4', '--duration', '20s', '--block-timeout', '2000', '--json', json, ...SOON);
    await capturing(running);
    const asked = performance.now();
    running.child.kill('SIGINT');
    await new Promise((done) => setTimeout(done, pauseMs));
    running.child.kill('SIGINT');
    const { status, signal } = await running.ended;
    expect(performance.now() - asked).toBeLessThan(status === 4 ? 2000 : 6000);
    expect([status, signal]).toEqual([expected, null]);
    // No half report, and no trace of one.
    expect(entriesOf(scratch.path).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    expect(entriesOf(scratch.path).includes(`twice-${pauseMs}.json`)).toBe(status === 0);
  });
});

describe('output that nobody takes', () => {
  test('standard output closed: the exit status tells the verdict', async () => {
    sending = send();
    const running = live('--procs', '4', '--duration', '300ms');
    running.child.stdout?.destroy();
    expect(await running.ended).toMatchObject({ status: 0 });
  });

  test('standard error closed: the same', async () => {
    sending = send();
    const running = live('--procs', '4', '--duration', '500ms', ...SOON);
    running.child.stderr?.destroy();
    expect(await running.ended).toMatchObject({ status: 0, stdout: expect.stringMatching(/YES!\n$/) });
  });
});
