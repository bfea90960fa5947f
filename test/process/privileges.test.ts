/** Root, or a capability, opens sockets and enters namespaces, and is gone from every thread of every process before the first packet is read. */
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { native } from '../../src/addon/native.ts';
import type { ChurnResult } from '../../src/commands/churn/result.ts';
import type { RunResult } from '../../src/model/run-result.ts';
import { type Credentials, credentialsOfTree, type ProcessCredentials } from '../helpers/credentials.ts';
import { assertPrivateNamespace, CAPTURE, makePair, removePair, type Sending, send } from '../helpers/network.ts';
import { makeRuntimeDirectory, NOBODY, temporaryDirectory } from '../helpers/programs.ts';
import { program, root, testWith } from '../helpers/requirements.ts';
import { byNode, closedPackage, entriesOf, type Running, run, start, type ToolOptions, until, workersOf } from '../helpers/tool.ts';

const scratch = temporaryDirectory();
const runtime = join(scratch.path, 'runtime');
const ALICE = { uid: 4711, gid: 4712 } as const;
const CALLED_BY_ALICE = { SUDO_UID: String(ALICE.uid), SUDO_GID: String(ALICE.gid), SUDO_USER: 'alice' };
const AS_NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
const WITH_NET_RAW = [...AS_NOBODY, '--inh-caps=+net_raw', '--ambient-caps=+net_raw'];
const CAP_NET_ADMIN = 1n << 12n;
let sending: Sending | undefined;

beforeAll(() => {
  assertPrivateNamespace();
  makeRuntimeDirectory(runtime);
});
afterAll(() => scratch.remove());
beforeEach(() => {
  makePair();
  sending = send();
});
afterEach(async () => {
  await sending?.stop();
  expect(native.packetSockets().filter(({ protocol }) => protocol !== 0)).toEqual([]);
  expect(entriesOf(runtime)).toEqual([]);
  removePair();
});

function begin(args: readonly string[], { env = {}, ...options }: ToolOptions = {}): Running {
  return start([...args, '--status-interval', '100ms'], { ...options, env: { XDG_RUNTIME_DIR: runtime, ...env } });
}

/** A run that captures until it has been looked at. */
async function lookedAt(args: readonly string[], workers: number, options?: ToolOptions) {
  const running = begin([...args, '--json'], options);
  await running.said(/capturing/);
  await until(() => workersOf(running.pid).length === workers, `${workers} workers`);
  const tree = credentialsOfTree(running.pid);
  running.child.kill('SIGINT');
  const { status, stdout, stderr } = await running.ended;
  if (stdout === '') throw new Error(stderr);
  return { tree, status, report: JSON.parse(stdout) as RunResult };
}

const nothing = ({ uid, gid }: { readonly uid: number; readonly gid: number }): Credentials => ({
  uids: [uid],
  gids: [gid],
  groups: [],
  capabilities: 0n,
  bounding: 0n,
  noNewPrivileges: true,
  hasFilter: true,
});

function expectNothingLeft(
  tree: readonly ProcessCredentials[],
  user: { readonly uid: number; readonly gid: number },
  workers: number,
): void {
  expect(tree.map(({ name }) => name).sort()).toEqual(['collector', ...Array.from({ length: workers }, () => 'worker')]);
  // Node.js has helper threads; the capture thread is one too.
  for (const { threads } of tree) {
    expect(threads.length).toBeGreaterThan(1);
    for (const thread of threads) expect({ ...thread, bounding: 0n }).toEqual(nothing(user));
  }
}

describe('while capturing, every thread of every process', () => {
  testWith([root()], 'called by root: nobody', {}, async () => {
    const { tree, report } = await lookedAt(['-i', CAPTURE, '-n', '4', '--duration', '20s'], 4);
    expectNothingLeft(tree, NOBODY, 4);
    // With it goes what execve(2) could have given; only root may take that away.
    for (const { threads } of tree) expect(threads[0]?.bounding).toBe(0n);
    expect(report.verdict.answer).toBe('yes');
  });

  testWith([root()], 'called through sudo: the user who called, without their groups', {}, async () => {
    const options = { env: { ...CALLED_BY_ALICE, XDG_RUNTIME_DIR: '' } };
    const { tree, report } = await lookedAt(['-i', CAPTURE, '-n', '3', '--duration', '20s'], 3, options);
    expectNothingLeft(tree, ALICE, 3);
    expect(report.verdict.answer).toBe('yes');
  });

  testWith([root()], 'in the lab of root: nobody', {}, async () => {
    const { tree, report } = await lookedAt(['-n', '3', '--loop'], 3);
    expectNothingLeft(tree, NOBODY, 3);
    expect([report.verdict.answer, report.source.injection]).toEqual(['yes', 'tap']);
  });

  testWith([root()], 'in the lab of an ordinary user: that user', {}, async () => {
    const { tree, report } = await lookedAt(['-n', '3', '--loop'], 3, { by: AS_NOBODY });
    expectNothingLeft(tree, NOBODY, 3);
    expect(report.verdict.answer).toBe('yes');
  });

  testWith([root()], 'with an ambient capability: that user, and the capability is gone', {}, async () => {
    const { tree, report } = await lookedAt(['-i', CAPTURE, '-n', '3', '--duration', '20s'], 3, { by: WITH_NET_RAW });
    expectNothingLeft(tree, NOBODY, 3);
    expect(report.verdict.answer).toBe('yes');
  });

  testWith([root(), program('setcap', 'libcap2-bin')], 'with the capability of a file: the same', {}, async () => {
    const node = join(scratch.path, 'node');
    copyFileSync(process.execPath, node);
    const { status, stderr } = spawnSync('setcap', ['cap_net_raw+ep', node], { encoding: 'utf8' });
    expect([status, stderr]).toEqual([0, '']);
    const by = [...AS_NOBODY, 'sh', '-c', 'shift; exec "$0" "$@"', node];
    const { tree, report } = await lookedAt(['-i', CAPTURE, '-n', '3', '--duration', '20s'], 3, { by });
    expectNothingLeft(tree, NOBODY, 3);
    expect(report.verdict.answer).toBe('yes');
  });

  testWith([root()], 'of several groups at once', {}, async () => {
    const running = begin(['compare', '-i', CAPTURE, '-n', '2', '--modes', 'hash,lb,rnd', '--no-own-load', '--duration', '20s', '--json']);
    await running.said(/capturing/);
    await until(() => workersOf(running.pid).length === 2, 'workers');
    expectNothingLeft(credentialsOfTree(running.pid), NOBODY, 2);
    running.child.kill('SIGINT');
    expect((await running.ended).status).toBe(0);
  });

  testWith([root()], 'of churn: one helper keeps what changes the link, and is nobody', {}, async () => {
    const running = start(['churn', '-n', '3', '--flows', '200', '--json']);
    const haveBegun = (): boolean => credentialsOfTree(running.pid).every(({ name, threads }) => name !== 'worker' || threads.length > 1);
    await until(() => workersOf(running.pid).length === 3 && haveBegun(), 'workers');
    const tree = credentialsOfTree(running.pid);
    expectNothingLeft(
      tree.filter(({ name }) => name !== 'fanout-link'),
      NOBODY,
      3,
    );
    const [helper] = tree.filter(({ name }) => name === 'fanout-link');
    expect(helper?.threads).toEqual([{ ...nothing(NOBODY), capabilities: CAP_NET_ADMIN }]);
    const { status, stdout } = await running.ended;
    expect([status, (JSON.parse(stdout) as ChurnResult).doubts]).toEqual([0, []]);
  });
});

describe('a package that only root can reach', () => {
  testWith([root()], 'works as any other: code comes by descriptor', {}, async () => {
    const { cli, node } = closedPackage(join(scratch.path, 'closed'));
    const by = byNode(node);
    const { tree, report } = await lookedAt(['-i', CAPTURE, '-n', '3', '--duration', '20s'], 3, { by, cli });
    expectNothingLeft(tree, NOBODY, 3);
    expect(report.verdict.answer).toBe('yes');
    const lab = await run(['matrix', '--classes', 'ipv4-tcp', '--modes', 'hash,lb', '--quiet'], { by, cli });
    expect([lab.status, lab.stderr]).toEqual([0, '']);
  });
});

describe('an ordinary user who has the run of churn', () => {
  testWith([root()], 'sees flows move: no socket of a dead worker is held by another process', {}, async () => {
    const { status, stdout } = await run(['churn', '-n', '3', '--flows', '2000', '--quiet', '--json'], { by: AS_NOBODY });
    expect([status, (JSON.parse(stdout) as ChurnResult).doubts]).toEqual([0, []]);
  });
});

describe('workers of a live run', () => {
  testWith([root()], 'give their sockets to nobody, not even to their own user, and open nothing more', {}, async () => {
    const running = begin(['-i', CAPTURE, '-n', '2', '--duration', '20s', '--quiet']);
    await until(() => native.packetSockets().filter(({ groupId }) => groupId !== undefined).length === 2, 'a group');
    // A worker hides when its last socket is open, and that is before it joins.
    const [worker = 0] = workersOf(running.pid);
    const asSameUser = spawnSync(AS_NOBODY[0] ?? '', [...AS_NOBODY.slice(1), 'ls', `/proc/${worker}/fd`], { encoding: 'utf8' });
    expect(asSameUser.stderr).toMatch(/Permission denied/);
    running.child.kill('SIGINT');
    await running.ended;
  });
});

describe('reports', () => {
  const judged = async (json: string, options: ToolOptions = {}) => {
    const ended = await run(['-i', CAPTURE, '-n', '2', '--duration', '300ms', '--quiet', '--json', json], {
      ...options,
      env: { XDG_RUNTIME_DIR: runtime, ...options.env },
    });
    return { ...ended, answer: () => (JSON.parse(readFileSync(json, 'utf8')) as RunResult).verdict.answer };
  };
  const owner = (path: string) => {
    const { uid, gid, mode } = statSync(path);
    return { uid, gid, mode: mode & 0o777 };
  };
  const directoryOf = (name: string, { uid, gid }: { readonly uid: number; readonly gid: number }, mode: number) => {
    const path = join(scratch.path, name);
    mkdirSync(path);
    chownSync(path, uid, gid);
    chmodSync(path, mode);
    return path;
  };

  testWith([root()], 'of who called through sudo are theirs', {}, async () => {
    const json = join(directoryOf('alice', ALICE, 0o700), 'run.json');
    const { status, answer } = await judged(json, { env: CALLED_BY_ALICE });
    expect([status, answer(), owner(json)]).toEqual([0, 'yes', { ...ALICE, mode: 0o644 }]);
  });

  testWith([root()], 'of who called through sudo cannot replace what they could not', {}, async () => {
    const json = join(directoryOf('roots', { uid: 0, gid: 0 }, 0o755), 'run.json');
    writeFileSync(json, 'of root');
    const { status, stderr } = await judged(json, { env: CALLED_BY_ALICE });
    expect([status, readFileSync(json, 'utf8')]).toEqual([2, 'of root']);
    expect(stderr).toMatch(/OUTPUT_UNWRITABLE: cannot write .*EACCES/);
  });

  testWith([root()], 'of root may be where only root may write: a helper without a capability writes them', {}, async () => {
    const directory = directoryOf('only-root', { uid: 0, gid: 0 }, 0o700);
    const json = join(directory, 'run.json');
    const running = begin(['-i', CAPTURE, '-n', '2', '--duration', '20s', '--json', json]);
    await running.said(/capturing/);
    const tree = credentialsOfTree(running.pid);
    // It has no name before it is complete.
    expect(entriesOf(directory)).toEqual([]);
    running.child.kill('SIGINT');
    expect((await running.ended).status).toBe(0);
    expectNothingLeft(
      tree.filter(({ name }) => name !== 'fanout-report'),
      NOBODY,
      2,
    );
    const [helper] = tree.filter(({ name }) => name === 'fanout-report');
    expect(helper?.threads).toEqual([nothing({ uid: 0, gid: 0 })]);
    expect(entriesOf(directory)).toEqual(['run.json']);
    expect([(JSON.parse(readFileSync(json, 'utf8')) as RunResult).verdict.answer, owner(json)]).toEqual([
      'yes',
      { uid: 0, gid: 0, mode: 0o644 },
    ]);
  });

  testWith([root()], 'of a run that is killed leave nothing there', {}, async () => {
    const directory = directoryOf('killed', { uid: 0, gid: 0 }, 0o700);
    const running = begin(['-i', CAPTURE, '-n', '2', '--duration', '20s', '--json', join(directory, 'run.json')]);
    await running.said(/capturing/);
    running.child.kill('SIGKILL');
    await running.ended;
    await until(() => entriesOf(directory).length === 0, 'the helper tidies up');
    await until(() => native.packetSockets().every(({ protocol }) => protocol === 0), 'the workers end');
  });

  testWith([root()], "of root in somebody's directory are written as that person, with the mode of the old one", {}, async () => {
    const directory = directoryOf('bob', { uid: 4800, gid: 4800 }, 0o700);
    const json = join(directory, 'run.json');
    writeFileSync(json, 'old', { mode: 0o600 });
    const { status, answer } = await judged(json);
    expect([status, answer(), owner(json)]).toEqual([0, 'yes', { uid: 4800, gid: 4800, mode: 0o600 }]);
    expect(entriesOf(directory)).toEqual(['run.json']);
  });

  testWith([root()], 'of root in /tmp do not replace what is not theirs, but by root', {}, async () => {
    const directory = directoryOf('sticky', { uid: 0, gid: 0 }, 0o1777);
    const json = join(directory, 'run.json');
    writeFileSync(json, 'of alice', { mode: 0o666 });
    chownSync(json, ALICE.uid, ALICE.gid);
    const { status, answer } = await judged(json);
    expect([status, answer()]).toEqual([0, 'yes']);
  });
});

describe('files that the command line names', () => {
  const secret = () => {
    const path = join(scratch.path, 'secret');
    writeFileSync(path, 'root:$6$salt$hash:19000:0:99999:7:::\n', { mode: 0o600 });
    return path;
  };

  testWith([root()], 'are opened as who called through sudo', {}, async () => {
    const path = secret();
    for (const [status, ...args] of [
      [2, '--pcap', path],
      [2, 'predict', path],
      [2, '--nic', path],
      [2, '-m', 'cbpf', '--cbpf-program', path],
      [4, '-m', 'ebpf', '--ebpf-program', path],
    ] as const) {
      const ended = await run(args, { env: CALLED_BY_ALICE });
      expect([ended.status, /EACCES/.test(ended.stderr), /salt/.test(ended.stderr)]).toEqual([status, true, false]);
    }
  });

  testWith([root()], 'are opened as root, if root called', {}, async () => {
    const path = join(scratch.path, 'steering.txt');
    writeFileSync(path, '2\n40 0 0 20\n22 0 0 0\n', { mode: 0o600 });
    const { status } = await run(['-n', '2', '-m', 'cbpf', '--cbpf-program', path, '--quiet']);
    expect(status).toBe(1);
  });

  test('may be pipes, though the program replaces itself on the way into the lab', async () => {
    const path = join(scratch.path, 'steering-for-all.txt');
    writeFileSync(path, '2\n40 0 0 20\n22 0 0 0\n');
    const { status, stderr } = await run(['-n', '2', '-m', 'cbpf', '--cbpf-program', '/dev/fd/9', '--quiet'], {
      by: ['sh', '-c', `cat ${path} | ("$0" "$@" 9<&0)`],
    });
    expect([status, stderr]).toEqual([1, '']);
  });
});

describe('a forged handover', () => {
  testWith([root()], 'is not believed by a process that could do something with it', {}, async () => {
    const forged = join(scratch.path, 'forged.json');
    writeFileSync(
      forged,
      JSON.stringify({ texts: {}, provisions: { sockets: [0, 1, 2], filters: [], programs: [] }, descriptors: [0, 1, 2] }),
    );
    const by = ['sh', '-c', `export FANOUT_CLUSTER_HANDOVER=$$:9; exec 9<${forged}; exec "$0" "$@"`];
    const { tree, report } = await lookedAt(['-i', CAPTURE, '-n', '2', '--duration', '20s'], 2, { by });
    expectNothingLeft(tree, NOBODY, 2);
    expect(report.verdict.answer).toBe('yes');
  });
});
