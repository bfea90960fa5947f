/** Signals as terminals, timeout(1) and service managers send them: to every process of the program, and more than once. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { native } from '../../src/addon/native.ts';
import type { RunResult } from '../../src/model/run-result.ts';
import { assertPrivateNamespace, CAPTURE, makePair, promiscuity, removePair, type Sending, send } from '../helpers/network.ts';
import { makeRuntimeDirectory, runProgram, temporaryDirectory } from '../helpers/programs.ts';
import { program, testWith } from '../helpers/requirements.ts';
import { childrenOf, type Ended, entriesOf, isAlive, ROOT, start, until, workersOf } from '../helpers/tool.ts';

const scratch = temporaryDirectory();
const runtime = join(scratch.path, 'runtime');
const env = { XDG_RUNTIME_DIR: runtime };
const FOREVER = ['-i', CAPTURE, '-n', '4', '--duration', '20s'];
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
  await until(() => sockets() === 0, 'packet sockets are closed');
  await until(() => entriesOf(runtime).length === 0, 'the socket directory is removed');
  expect(promiscuity()).toBe(0);
  removePair();
});

/** Senders have protocol 0. */
function sockets(): number {
  return native.packetSockets().filter(({ protocol }) => protocol !== 0).length;
}

const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));

function expectYes({ status, signal, stdout, stderr }: Ended): void {
  expect(stderr).not.toContain('INTERRUPTED');
  expect([status, signal]).toEqual([0, null]);
  const { verdict, members } = JSON.parse(stdout) as RunResult;
  expect([verdict.answer, members.map(({ end }) => end)]).toEqual(['yes', ['gone', 'gone', 'gone', 'gone']]);
}

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

describe('to the process group of a run that captures', () => {
  test.each(SIGNALS)('%s: the verdict on what was seen', async (signal) => {
    sending = send();
    const running = start([...FOREVER, '--json', '--status-interval', '100ms'], { env, detached: true });
    await running.said(/capturing/);
    await pause(300);
    process.kill(-running.pid, signal);
    expectYes(await running.ended);
  });

  test('to each process by itself, workers first, and all of it twice: the same', async () => {
    sending = send();
    const running = start([...FOREVER, '--json', '--status-interval', '100ms'], { env });
    await running.said(/capturing/);
    await pause(300);
    for (const pid of [...workersOf(running.pid), running.pid, ...workersOf(running.pid), running.pid]) process.kill(pid, 'SIGTERM');
    expectYes(await running.ended);
  });

  test('a worker that is stopped as well is killed when its time is up, and nothing hangs', async () => {
    const running = start([...FOREVER, '--worker-timeout', '1s', '--status-interval', '100ms'], { env, detached: true });
    await running.said(/capturing/);
    const [worker = 0, ...others] = workersOf(running.pid);
    process.kill(worker, 'SIGSTOP');
    process.kill(-running.pid, 'SIGTERM');
    const { status, ms } = await running.ended;
    expect(status).toBe(3);
    expect(ms).toBeLessThan(15_000);
    await until(() => ![worker, ...others].some(isAlive), 'the workers end');
  });
});

describe('timeout(1), which signals its child and then the group', () => {
  testWith([program('timeout', 'coreutils')], 'by SIGTERM and by SIGINT: the verdict', {}, async () => {
    sending = send();
    for (const signal of ['TERM', 'INT']) {
      const running = start([...FOREVER, '--json', '--quiet'], { env, detached: true, by: ['timeout', '-s', signal, '6'] });
      const { status, stdout, stderr } = await running.ended;
      expect(stderr).toBe('');
      // It says that it timed out, and not what its child said.
      expect(status).toBe(124);
      expect((JSON.parse(stdout) as RunResult).verdict.answer).toBe('yes');
    }
  });
});

describe('while a command starts', () => {
  const COMMANDS: readonly (readonly string[])[] = [
    ['race', '-n', '5', '--lab-interface', 'veth'],
    ['churn', '-n', '5', '--lab-interface', 'veth'],
    ['-n', '5', '--lab-interface', 'veth', '--loop'],
    ['matrix', '-n', '5', '--classes', 'ipv4-tcp', '--modes', 'hash', '--rate', '100'],
    ['compare', '-n', '5', '--modes', 'hash', '--measure-load'],
  ];

  test.each(COMMANDS.map((args) => [args.join(' '), args] as const))('%s: nobody is blamed', async (_, args) => {
    for (const [i, signal] of ([...SIGNALS, ...SIGNALS] as const).entries()) {
      const running = start(args, { env, detached: true });
      await until(() => childrenOf(running.pid).length > i % 5, 'a worker');
      await pause(12 * i);
      process.kill(-running.pid, signal);
      const { status, stderr, stdout } = await running.ended;
      expect(`${stderr}${stdout}`).not.toMatch(/WORKER_FAILED|LAB_FAILED|lost-member/);
      expect([3, 4]).toContain(status);
    }
  });
});

test('the program says that it is ending, once, and nothing of it with --quiet', async () => {
  for (const [args, said] of [
    [[], 1],
    [['--quiet'], 0],
  ] as const) {
    const running = start([...FOREVER, ...args], { env });
    await until(() => sockets() === 4 && promiscuity() === 4, 'the capture');
    await pause(200);
    running.child.kill('SIGTERM');
    const { stderr } = await running.ended;
    expect(stderr.match(/ending, Ctrl-C again to stop at once\n/g) ?? []).toHaveLength(said);
  }
});

describe('terminals', () => {
  const onTerminal = async (term: string, ...options: string[]): Promise<string> => {
    const command = [process.execPath, join(ROOT, 'dist/cli.js'), '-n', '2', '--lab-interface', 'veth', ...options].join(' ');
    const log = join(scratch.path, `terminal-${readdirSync(scratch.path).length}`);
    const environment = { PATH: process.env['PATH'], TERM: term, ...env };
    const { code } = await runProgram('script', ['--quiet', '--return', '--command', `stty cols 100; exec ${command}`, log], {
      env: environment,
    });
    expect(code).toBe(0);
    return readFileSync(log, 'latin1').split('\n').slice(1).join('\n');
  };

  testWith([program('script', 'bsdutils')], 'a dumb one gets plain lines, any other one a picture in place', {}, async () => {
    const dumb = await onTerminal('dumb');
    expect(dumb).not.toContain('\u001b');
    expect(dumb).toContain('YES!');
    expect(await onTerminal('xterm')).toContain('A\r\u001b[J');
  });
});
