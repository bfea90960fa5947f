/** What others on the host may try: programs of the user that a run becomes, owners of directories that root names, and whoever starts the program. */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  closeSync,
  constants,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { native } from '../../src/addon/native.ts';
import { Privileges } from '../../src/host/privileges.ts';
import type { RunResult } from '../../src/model/run-result.ts';
import { openReportFileAsRoot } from '../../src/process/report-file.ts';
import { compiled } from '../helpers/native-program.ts';
import { assertPrivateNamespace, CAPTURE, makePair, removePair, type Sending, send } from '../helpers/network.ts';
import { temporaryDirectory } from '../helpers/programs.ts';
import { root, testWith } from '../helpers/requirements.ts';
import {
  byNode,
  CLI,
  childrenOf,
  closedPackage,
  entriesOf,
  isAlive,
  type Running,
  run,
  start,
  stateOf,
  until,
  workersOf,
} from '../helpers/tool.ts';

const scratch = temporaryDirectory();
/** Nobody else on the machine that tests has these. */
const ALICE = { uid: 50_000 + (process.pid % 10_000), gid: 50_000 + (process.pid % 10_000) };
const AS_ALICE = ['setpriv', `--reuid=${ALICE.uid}`, `--regid=${ALICE.gid}`, '--clear-groups'];
const WITH_NET_RAW = [...AS_ALICE, '--inh-caps=+net_raw', '--ambient-caps=+net_raw'];
const CALLED_BY_ALICE = { SUDO_UID: String(ALICE.uid), SUDO_GID: String(ALICE.gid) };
const SHORT = ['-i', CAPTURE, '-n', '3', '--duration', '50ms', '--quiet'];
const LONG = ['-i', CAPTURE, '-n', '2', '--duration', '20s', '--status-interval', '100ms'];
let sending: Sending | undefined;

beforeAll(() => {
  assertPrivateNamespace();
  chmodSync(scratch.path, 0o755);
});
afterAll(() => scratch.remove());
beforeEach(() => {
  makePair();
  sending = send();
});
afterEach(async () => {
  await sending?.stop();
  expect(native.packetSockets().filter(({ protocol }) => protocol !== 0)).toEqual([]);
  removePair();
});

describe('programs of the same user', () => {
  interface Loot {
    readonly rounds: number;
    readonly seen: number;
    readonly read: number;
    readonly traced: number;
    readonly descriptors: Readonly<Record<string, number>>;
  }

  /** What a thief of Alice's gets while something is done. */
  async function stolenDuring(work: () => Promise<void>): Promise<Loot> {
    const program = join(scratch.path, 'thief');
    if (!existsSync(program)) compiled(scratch.path, 'test/thief.cpp');
    const [command = '', ...rest] = [...AS_ALICE, program, '200000'];
    const thief = spawn(command, rest, { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: thief.stdout })[Symbol.asyncIterator]();
    expect((await lines.next()).value).toBe('ready');
    await work();
    // The next one would find this one, which hides from nobody.
    const gone = new Promise((done) => thief.on('close', done));
    thief.stdin.end();
    const loot = JSON.parse((await lines.next()).value as string) as Loot;
    await gone;
    return loot;
  }

  testWith([root()], 'take whatever an ordinary process holds: the thief knows its trade', {}, async () => {
    const socket = native.openPacketSocket();
    const loot = await stolenDuring(async () => {
      const [command = '', ...rest] = [...AS_ALICE, 'sleep', '0.5'];
      const victim = spawn(command, rest, { stdio: ['ignore', 'ignore', 'ignore', socket] });
      await new Promise((done) => victim.on('close', done));
    });
    closeSync(socket);
    expect(loot).toMatchObject({ seen: 1, read: 1, traced: 1 });
    expect(loot.descriptors['packet']).toBeGreaterThan(0);
  });

  const STARTS = 4;
  testWith([root()], `take nothing of ${4 * STARTS} starts, and enter none of their processes`, { timeout: 300_000 }, async () => {
    for (const [args, options] of [
      [SHORT, { env: CALLED_BY_ALICE }],
      [SHORT, { by: WITH_NET_RAW }],
      [['-n', '3', '--flows', '200', '--quiet'], { env: CALLED_BY_ALICE }],
      [
        ['compare', '-i', CAPTURE, '-n', '2', '--modes', 'hash,lb', '--no-own-load', '--duration', '50ms', '--quiet'],
        { env: CALLED_BY_ALICE },
      ],
    ] as const) {
      const loot = await stolenDuring(async () => {
        for (let i = 0; i < STARTS; i += 1) expect([0, 1, 3]).toContain((await run(args, options)).status);
      });
      // Each start has a collector and at least two workers.
      expect(loot.seen).toBeGreaterThanOrEqual(3 * STARTS);
      expect(loot.rounds).toBeGreaterThan(STARTS);
      expect({ read: loot.read, traced: loot.traced, descriptors: loot.descriptors }).toEqual({ read: 0, traced: 0, descriptors: {} });
    }
  });

  testWith([root()], 'take nothing of a package that only root can reach', { timeout: 120_000 }, async () => {
    const { cli, node } = closedPackage(join(scratch.path, 'closed'));
    // Once with a Node.js that everybody can read, and once with one that is closed, too.
    for (const by of [[], byNode(node)]) {
      const loot = await stolenDuring(async () => {
        for (let i = 0; i < 3; i += 1) expect((await run(SHORT, { env: CALLED_BY_ALICE, cli, by })).status).toBeLessThan(4);
      });
      expect(loot.seen).toBeGreaterThanOrEqual(9);
      expect({ read: loot.read, traced: loot.traced, descriptors: loot.descriptors }).toEqual({ read: 0, traced: 0, descriptors: {} });
    }
  });

  testWith([root()], 'take nothing of helpers: what changes a link, what writes a report', { timeout: 120_000 }, async () => {
    const directory = directoryOf('helped', ALICE, 0o755);
    const loot = await stolenDuring(async () => {
      expect((await run(['churn', '-n', '2', '--flows', '100', '--quiet'], { env: CALLED_BY_ALICE })).status).toBeLessThan(4);
      expect((await run([...SHORT, '--json', join(directory, 'run.json')])).status).toBeLessThan(4);
    });
    expect({ read: loot.read, traced: loot.traced, descriptors: loot.descriptors }).toEqual({ read: 0, traced: 0, descriptors: {} });
  });

  testWith([root()], 'find no socket by a name, and no directory of a run', {}, async () => {
    const names = () =>
      readFileSync('/proc/net/unix', 'latin1')
        .split('\n')
        .slice(1)
        .flatMap((line) => line.split(/\s+/)[7] ?? []);
    const runtime = directoryOf('runtime', ALICE, 0o777);
    const before = names();
    const running = start(LONG, { env: { XDG_RUNTIME_DIR: runtime, TMPDIR: runtime } });
    await until(() => workersOf(running.pid).length === 2, 'workers');
    expect([names(), entriesOf(runtime)]).toEqual([before, []]);
    await capturedAndStopped(running);
    expect([names(), entriesOf(runtime)]).toEqual([before, []]);
  });

  test('cannot start a worker that takes them for its collector', () => {
    const pair = native.streamPair();
    // Made by this process, which is not the parent of what the shell starts.
    const script = `"$0" "$1" 0 $$ 1; echo $?`;
    const worker = join(CLI, '..', 'worker.cjs');
    const { stdout, stderr } = spawnSync('sh', ['-c', script, process.execPath, worker], {
      stdio: ['ignore', 'pipe', 'pipe', 'ignore', 'ignore', 'ignore', 'ignore', pair[1], pair[1]],
      encoding: 'utf8',
    });
    for (const end of pair) closeSync(end);
    expect([stdout, stderr]).toEqual(['70\n', 'descriptor 8 is no connection to the collector\n']);
  });
});

describe('system calls', () => {
  type Outcome = Readonly<Record<string, number>>;
  const EPERM = 1;
  const confined = (as: string): Outcome => {
    const program = join(scratch.path, 'confined');
    if (!existsSync(program))
      compiled(scratch.path, 'test/confined.cpp', 'host/seccomp.cpp', 'core/base/deadly_call.cpp', 'core/socket/packet_socket.cpp');
    return JSON.parse(execFileSync(program, [as], { encoding: 'utf8' })) as Outcome;
  };
  const refusedTo = (as: string): readonly string[] =>
    Object.entries(confined(as)).flatMap(([call, error]) => (error === EPERM ? [call] : []));
  /** What all of them go on to do, by name; of what comes before, each refuses all up to a place. */
  const ALLOWED = ['write', 'read', 'tgkill of itself', 'prlimit of itself', 'mmap', 'SO_ATTACH_FILTER', 'PACKET_STATISTICS'];

  testWith([root()], 'are refused to a collector, a helper and a worker, and to nobody else', {}, () => {
    const calls = Object.keys(confined('none'));
    const upTo = (last: string) =>
      calls.slice(0, calls.indexOf(last) + 1).filter((call) => call !== 'prctl(PR_SET_DUMPABLE, 0)' && !ALLOWED.includes(call));
    expect(refusedTo('none')).toEqual([]);
    expect(refusedTo('collector')).toEqual(upTo('prctl(PR_SET_DUMPABLE, 1)'));
    expect(refusedTo('helper')).toEqual(upTo('fork'));
    expect(refusedTo('worker')).toEqual(upTo('PACKET_STATISTICS'));
  });

  testWith([root()], 'are filtered in every thread of a run, twice in its workers', {}, async () => {
    const filters = (pid: number) =>
      readdirSync(`/proc/${pid}/task`).map((thread) =>
        Number(/^Seccomp_filters:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/task/${thread}/status`, 'latin1'))?.[1]),
      );
    const own = filters(process.pid)[0] ?? 0;
    const directory = directoryOf('filtered', { uid: 0, gid: 0 }, 0o755);
    const running = start([...LONG, '--json', join(directory, 'run.json')]);
    await running.said(/capturing/);
    await until(() => workersOf(running.pid).every((pid) => filters(pid).every((count) => count === own + 2)), 'workers are confined');
    expect(new Set(filters(running.pid))).toEqual(new Set([own + 1]));
    expect(filters(helperOf(running))).toEqual([own + 1]);
    await capturedAndStopped(running);
  });
});

describe('owners of directories that root names', () => {
  const cases: readonly [string, (directory: string, victim: string) => string, RegExp][] = [
    ['a link to a file', (directory, victim) => linked(join(directory, 'run.json'), victim), /run\.json is a symbolic link in a directory/],
    ['a link to what does not exist', (directory, victim) => linked(join(directory, 'run.json'), `${victim}.new`), /symbolic link/],
    ['a link to a device', (directory) => linked(join(directory, 'run.json'), '/dev/null'), /symbolic link/],
    [
      'a link on the way',
      (directory, victim) => join(linked(join(directory, 'reports'), join(victim, '..')), 'victim'),
      /reports is a symbolic link/,
    ],
    ['a directory above', (directory) => `${directory}/../roots/new.json`, /leads upwards/],
  ];

  testWith([root()], 'cannot have root write elsewhere: 2, and nothing is touched', {}, async () => {
    const roots = directoryOf('roots', { uid: 0, gid: 0 }, 0o755);
    const victim = join(roots, 'victim');
    for (const [name, trap, why] of cases) {
      writeFileSync(victim, 'of root');
      const directory = directoryOf(`trap-${name.replaceAll(' ', '-')}`, ALICE, 0o755);
      const { status, stderr } = await run([...SHORT, '--json', trap(directory, victim)]);
      expect([name, status, entriesOf(roots), readFileSync(victim, 'utf8')]).toEqual([name, 2, ['victim'], 'of root']);
      expect(stderr).toMatch(/OUTPUT_UNWRITABLE/);
      expect(stderr).toMatch(why);
    }
  });

  testWith([root()], 'cannot in a directory that all may write to, either', {}, async () => {
    const shared = directoryOf('shared', { uid: 0, gid: 0 }, 0o1777);
    const victim = join(directoryOf('roots-too', { uid: 0, gid: 0 }, 0o755), 'victim');
    writeFileSync(victim, 'of root');
    const link = linked(join(shared, 'run.json'), victim);
    execFileSync('chown', ['-h', `${ALICE.uid}`, link]);
    const { status, stderr } = await run([...SHORT, '--json', link]);
    expect([status, readFileSync(victim, 'utf8'), /symbolic link/.test(stderr)]).toEqual([2, 'of root', true]);
  });

  testWith([root()], 'below their directory only their own rights count, whoever owns what lies there', {}, async () => {
    const outer = directoryOf('outer', ALICE, 0o755);
    const inner = join(outer, 'inner');
    mkdirSync(inner, { mode: 0o755 });
    const { status, stderr } = await run([...SHORT, '--json', join(inner, 'run.json')]);
    expect([status, entriesOf(inner), /EACCES|Permission denied/.test(stderr)]).toEqual([2, [], true]);
  });

  testWith([root()], "root's own links lead where they point", {}, async () => {
    const roots = directoryOf('linked', { uid: 0, gid: 0 }, 0o755);
    const target = directoryOf('linked-to', { uid: 0, gid: 0 }, 0o755);
    const link = linked(join(roots, 'latest.json'), join(target, 'run.json'));
    expect((await run([...SHORT, '--json', link])).status).toBe(0);
    expect([lstatSync(link).isSymbolicLink(), entriesOf(target), entriesOf(roots)]).toEqual([true, ['run.json'], ['latest.json']]);
  });

  testWith([root()], 'get what they may have: a pipe of theirs is written as them', {}, async () => {
    const directory = directoryOf('pipes', ALICE, 0o755);
    const pipe = join(directory, 'pipe');
    execFileSync('mkfifo', [pipe]);
    chownSync(pipe, ALICE.uid, ALICE.gid);
    // Its reader finds the end of the file when the last writer has gone, and one is there until the report is.
    const keptOpen = openSync(pipe, constants.O_RDWR);
    const reader = spawn('sh', ['-c', 'cat < "$0"', pipe], { stdio: ['ignore', 'pipe', 'inherit'] });
    let text = '';
    reader.stdout?.on('data', (chunk) => (text += String(chunk)));
    const ended = new Promise((done) => reader.on('close', done));
    expect((await run([...SHORT, '--json', pipe])).status).toBe(0);
    closeSync(keptOpen);
    await ended;
    expect((JSON.parse(text) as RunResult).verdict.answer).toBe('yes');
  });
});

describe('a process that writes a report', () => {
  testWith([root()], 'and is stopped does not hold up the end: a signal is heard, and the verdict told', {}, async () => {
    const directory = directoryOf('stopped', ALICE, 0o755);
    const running = start([...LONG.slice(0, -2), '--json', join(directory, 'run.json')]);
    await until(() => native.packetSockets().some(({ groupId }) => groupId !== undefined), 'a group');
    const helper = helperOf(running);
    execFileSync(AS_ALICE[0] ?? '', [...AS_ALICE.slice(1), 'kill', '-STOP', String(helper)]);
    await until(() => stateOf(helper) === 'T', 'it is stopped');
    await new Promise((done) => setTimeout(done, 300));
    running.child.kill('SIGINT');
    await until(() => workersOf(running.pid).length === 0, 'the workers have gone');
    // Two signals at nearly the same time are one wish.
    await new Promise((done) => setTimeout(done, 1500));
    running.child.kill('SIGINT');
    const { status, stderr, ms } = await running.ended;
    expect([status, /INTERRUPTED: SIGINT again/.test(stderr)]).toEqual([4, true]);
    expect(ms).toBeLessThan(15_000);
    await until(() => !isAlive(helper), 'it ends with the run, stopped as it is');
    // It was told all of it, and when it is woken nobody is there who would take that back.
    const [report, ...rest] = entriesOf(directory);
    expect([report ?? 'run.json', rest]).toEqual(['run.json', []]);
  });

  testWith([root()], 'and is stopped is waited for so long and no longer, and what is lost is said', {}, async () => {
    const directory = directoryOf('waited', ALICE, 0o755);
    const path = join(directory, 'run.json');
    const waiting = { signal: new AbortController().signal, limitMs: 300 };
    const privileges = new Privileges({ kind: 'none' });
    const before = childrenOf(process.pid);
    const report = openReportFileAsRoot(path, native, (_, work) => privileges.asInvoker(work), waiting);
    const [helper = 0] = childrenOf(process.pid).filter((pid) => !before.includes(pid));
    process.kill(helper, 'SIGSTOP');
    await expect(report.commit('{}')).rejects.toMatchObject({
      code: 'OUTPUT_UNWRITABLE',
      message: expect.stringMatching(new RegExp(`cannot write ${path}: process ${helper}, which writes it, has not answered within 0.3 s`)),
    });
    process.kill(helper, 'SIGKILL');
    expect(entriesOf(directory)).toEqual([]);
  });

  testWith([root()], 'leaves nothing, whatever is killed and when', {}, async () => {
    for (const [name, owner] of [
      ['killed-root', { uid: 0, gid: 0 }],
      ['killed-alice', ALICE],
    ] as const) {
      const directory = directoryOf(name, owner, 0o755);
      const running = start([...LONG, '--json', join(directory, 'run.json')]);
      await running.said(/capturing/);
      const helper = helperOf(running);
      expect(entriesOf(directory)).toEqual([]);
      process.kill(helper, 'SIGKILL');
      running.child.kill('SIGKILL');
      await running.ended;
      expect([name, entriesOf(directory)]).toEqual([name, []]);
      await until(() => native.packetSockets().every(({ protocol }) => protocol === 0), 'the workers end');
    }
  });

  testWith([root()], 'and is killed is missed: the verdict is told, and that the file is lost', {}, async () => {
    const directory = directoryOf('missed', ALICE, 0o755);
    const running = start([...LONG, '--json', join(directory, 'run.json')]);
    await running.said(/capturing/);
    process.kill(helperOf(running), 'SIGKILL');
    await new Promise((done) => setTimeout(done, 300));
    running.child.kill('SIGINT');
    const { status, stdout, stderr } = await running.ended;
    expect([status, entriesOf(directory)]).toEqual([2, []]);
    expect(stdout).toMatch(/YES!\n$/);
    expect(stderr).toMatch(/OUTPUT_UNWRITABLE: cannot write .*(has ended|EPIPE|ECONNRESET)/);
  });
});

describe('whoever starts the program', () => {
  testWith([root()], 'leaves it no descriptor but the standard streams and those that it names', {}, async () => {
    const secret = join(scratch.path, 'secret');
    writeFileSync(secret, 'of root', { mode: 0o600 });
    const nic = join(scratch.path, 'named');
    writeFileSync(nic, 'queues=2,rss=symmetric\n');
    const script = 'exec 7<>"$0" 9<"$0" 40<>"$0" 8<"$1" 11< <(exec sleep 9 2>/dev/null); shift 1; exec "$@"';
    for (const [kind, args, by] of [
      ['root', LONG, []],
      ['ambient', LONG, WITH_NET_RAW],
      ['lab', ['-n', '2', '--loop', '--status-interval', '100ms'], []],
    ] as const) {
      const running = start(args, { by: ['bash', '-c', script, secret, nic, ...by] });
      await running.said(/capturing/);
      const open = [running.pid, ...workersOf(running.pid)].flatMap((pid) =>
        readdirSync(`/proc/${pid}/fd`).flatMap((fd) =>
          readlinkSync(`/proc/${pid}/fd/${fd}`).startsWith(scratch.path) ? [`${pid} ${fd}`] : [],
        ),
      );
      expect([kind, aloneIn(running.pid)]).toEqual([kind, []]);
      expect([kind, open]).toEqual([kind, []]);
      await capturedAndStopped(running);
    }
  });

  test('may name a pipe: the report goes through it', async () => {
    const script = '"$@" --json >(cat > "$0"); echo $?';
    const target = join(scratch.path, 'through-a-pipe.json');
    const args = [process.execPath, CLI, '-n', '2', '--flows', '200', '--quiet'];
    const { stdout, stderr } = spawnSync('bash', ['-c', script, target, ...args], { encoding: 'utf8' });
    expect([stdout.trim().split('\n').at(-1), stderr]).toEqual(['0', '']);
    await until(() => existsSync(target) && statSync(target).size > 1000, 'the report');
    expect((JSON.parse(readFileSync(target, 'utf8')) as RunResult).verdict.answer).toBe('yes');
  });

  test.each(['/dev/stdout', '/dev/fd/1', '/proc/self/fd/1'])('may name standard output as %s', async (path) => {
    const { status, stdout } = await run(['-n', '2', '--flows', '200', '--quiet', '--json', path]);
    expect([status, stdout.startsWith('{') && stdout.includes('"schema"')]).toEqual([0, true]);
  });

  testWith([root()], 'leads root to no program but those of the system', {}, async () => {
    const bin = directoryOf('bin', ALICE, 0o755);
    const mark = join(scratch.path, 'was-run');
    for (const name of ['ip', 'tcpdump', 'bpftool', 'unshare'])
      writeFileSync(join(bin, name), `#!/bin/sh\ntouch ${mark}\nexit 1\n`, { mode: 0o755 });
    const env = { PATH: `${bin}:${process.env['PATH']}`, ...CALLED_BY_ALICE };
    expect((await run(['-n', '2', '--flows', '200', '--quiet'], { env })).status).toBe(0);
    expect((await run([...SHORT, '--filter', 'tcp'], { env })).status).toBeLessThan(4);
    expect(existsSync(mark)).toBe(false);
  });

  testWith([root()], 'has no say in what a process loads that goes on with what another one opened', {}, async () => {
    const mark = join(scratch.path, 'was-loaded');
    const preload = join(scratch.path, 'preload.cjs');
    // Only of the second program: the first one has what this user gave it.
    writeFileSync(preload, `if (process.execPath.startsWith('/memfd:')) require('node:fs').writeFileSync(${JSON.stringify(mark)}, '');`);
    const { status } = await run(SHORT, { by: WITH_NET_RAW, env: { NODE_OPTIONS: `--require ${preload}`, NODE_PATH: scratch.path } });
    expect([status, existsSync(mark)]).toEqual([0, false]);
  });
});

function directoryOf(name: string, { uid, gid }: { readonly uid: number; readonly gid: number }, mode: number): string {
  const path = join(scratch.path, name);
  mkdirSync(path);
  if (process.getuid?.() === 0) chownSync(path, uid, gid);
  chmodSync(path, mode);
  return path;
}

/** Pipes behind the standard streams of which a process has one end only. */
function aloneIn(pid: number): readonly string[] {
  const open = readdirSync(`/proc/${pid}/fd`).map((fd) => [Number(fd), readlinkSync(`/proc/${pid}/fd/${fd}`)] as const);
  const ends = (pipe: string) => open.filter(([, target]) => target === pipe).length;
  // Those to the standard error of its workers are its own.
  const workers = workersOf(pid).map((worker) => readlinkSync(`/proc/${worker}/fd/2`));
  return open.flatMap(([fd, target]) =>
    fd > 2 && target.startsWith('pipe:') && ends(target) === 1 && !workers.includes(target) ? [`${fd} ${target}`] : [],
  );
}

function linked(path: string, target: string): string {
  symlinkSync(target, path);
  return path;
}

function helperOf({ pid }: Running): number {
  const helper = childrenOf(pid).find((child) => readFileSync(`/proc/${child}/comm`, 'latin1').trim() === 'fanout-report');
  if (helper === undefined) throw new Error('there is no helper');
  return helper;
}

async function capturedAndStopped(running: Running): Promise<void> {
  running.child.kill('SIGINT');
  await running.ended;
}
