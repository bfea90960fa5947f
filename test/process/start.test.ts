/** What keeps a run from starting: each with its exit status, what happened and where, and a remedy; and nothing is left behind. */

import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { native } from '../../src/addon/native.ts';
import { assertPrivateNamespace, CAPTURE, ip, makePair, promiscuity, removePair } from '../helpers/network.ts';
import { makeRuntimeDirectory, temporaryDirectory } from '../helpers/programs.ts';
import { childrenOf, commandLine, type Ended, entriesOf, ROOT, run, start, type ToolOptions, until, workersOf } from '../helpers/tool.ts';

const scratch = temporaryDirectory();
const runtime = join(scratch.path, 'runtime');
const env = { XDG_RUNTIME_DIR: runtime };
const AS_NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];

beforeAll(() => {
  assertPrivateNamespace();
  execFileSync('chmod', ['755', scratch.path]);
  makeRuntimeDirectory(runtime);
  ip('link', 'set', 'lo', 'up');
});
afterAll(() => scratch.remove());
beforeEach(makePair);
afterEach(() => {
  expect(native.packetSockets()).toEqual([]);
  expect(entriesOf(runtime)).toEqual([]);
  removePair();
});

function refused(ended: Ended, status: number, ...said: readonly (RegExp | string)[]): void {
  for (const part of said) expect(ended.stderr).toMatch(part);
  expect(ended.stderr).toMatch(/^ {2}-> \S/m);
  expect(ended.stderr).not.toMatch(/^ {4}at /m);
  expect([ended.status, ended.stdout]).toEqual([status, '']);
}

const tool = (args: readonly string[], options: ToolOptions = {}) => run(args, { ...options, env: { ...env, ...options.env } });

describe('options', () => {
  test.each<[string, readonly string[], readonly RegExp[]]>([
    ['no processes', ['-n', '0'], [/USAGE: --procs: "0"/]],
    ['fewer than none', ['-n', '-1'], [/USAGE: --procs: "-1"/]],
    ['an exponent', ['-n', '1e9'], [/USAGE: --procs: "1e9"/]],
    ['a word', ['-n', 'abc'], [/USAGE: --procs: "abc"/]],
    ['a mode that does not exist', ['-m', 'xor'], [/USAGE: --mode: "xor" is not one of hash/]],
    ['a mode and a flag that exclude each other', ['-m', 'rollover', '--rollover'], [/CONTRADICTORY_OPTIONS: .*EINVAL/]],
    ['a lab option on a live interface', ['-i', CAPTURE, '--flows', '5'], [/CONTRADICTORY_OPTIONS: --flows shapes/]],
    ['a time limit that no heartbeat can keep', ['-i', CAPTURE, '--worker-timeout', '100ms'], [/USAGE: --worker-timeout: "100ms"/]],
  ])('%s: 2', async (_, args, said) => refused(await tool(args), 2, ...said));

  test('one process: INCONCLUSIVE, and why', async () => {
    const { status, stdout } = await tool(['-n', '1', '--quiet']);
    expect(stdout).toContain('a group of one process');
    expect(status).toBe(3);
  });

  test('rings that the host cannot hold: 4, with the sum', async () => {
    refused(await tool(['-n', '4096', '--ring-size', '4G']), 4, /TOO_LARGE: 4096 processes need 16809984 MiB/, /smaller --ring-size/);
  });
});

describe('files', () => {
  test.each<[string, () => string, RegExp, ToolOptions]>([
    ['a missing directory', () => join(scratch.path, 'none', 'run.json'), /ENOENT/, {}],
    ['a directory', () => scratch.path, /it is a directory/, {}],
    ['a file that may only be read', () => readOnlyFile(), /EACCES/, { by: AS_NOBODY }],
    ['a directory that may only be read', () => join(scratch.path, 'new.json'), /EACCES/, { by: AS_NOBODY }],
  ])('--json to %s: 2, before anything is started', async (_, path, why, options) => {
    const ended = await tool(['-i', CAPTURE, '-n', '2', '--json', path()], options);
    refused(ended, 2, /OUTPUT_UNWRITABLE: cannot write/, why);
    expect(ended.stderr).not.toContain('capturing');
  });

  function readOnlyFile(): string {
    const path = join(scratch.path, 'read-only.json');
    writeFileSync(path, '{}', { mode: 0o444 });
    return path;
  }

  test('a filter that is none: 2, with what tcpdump says', async () =>
    refused(await tool(['-i', CAPTURE, '-n', '2', '--filter', 'tcp prt 80']), 2, /BAD_FILTER: --filter "tcp prt 80": .*syntax error/));

  test('a steering program that is none: 2, with file and line', async () => {
    const path = join(scratch.path, 'bad.txt');
    writeFileSync(path, '2\n40 0 0 12\n21 9 9 1\n');
    refused(await tool(['-i', CAPTURE, '-m', 'cbpf', '--cbpf-program', path]), 2, /BAD_PROGRAM: .*bad\.txt:3: jumps to instruction/);
  });

  test('a steering program that only the kernel sees through: 4', async () => {
    const path = join(scratch.path, 'unknown-opcode.txt');
    writeFileSync(path, '2\n255 0 0 12\n6 0 0 1\n');
    refused(
      await tool(['-i', CAPTURE, '-n', '2', '-m', 'cbpf', '--cbpf-program', path]),
      4,
      /PROGRAM_REFUSED: worker 0 .*Invalid argument/,
    );
  });
});

describe('the interface', () => {
  test('does not exist: 4', async () =>
    refused(await tool(['-i', 'none0', '-n', '2']), 4, /NO_SUCH_INTERFACE: there is no interface none0/, /ip link/));

  test('is down: 4', async () => {
    ip('link', 'set', CAPTURE, 'down');
    refused(await tool(['-i', CAPTURE, '-n', '2']), 4, /INTERFACE_DOWN: interface cap0 is down/, /ip link set cap0 up/);
  });
});

describe('groups of others', () => {
  const capture = () => {
    const { index } = native.describeInterface(CAPTURE);
    const ring = { blockBytes: 1 << 16, blockCount: 2, blockTimeoutMs: 10 };
    const rest = { member: 0, snaplen: 192, filter: null, promiscuous: false, ignoreOutgoing: false, cpu: null, flowsMax: 16 };
    return new native.Capture({
      socket: native.openPacketSocket(),
      ifindex: index,
      ...ring,
      ...rest,
      workNs: 0,
      newsIntervalMs: 10,
      hashSeed: 1n,
      labTags: false,
      replayed: false,
      eager: false,
    });
  };

  test('the id is taken: 4, by whom', async () => {
    const other = capture();
    other.join({ groupId: 77, mode: 1, flags: 0, membersMax: 0 });
    const ended = await tool(['-i', CAPTURE, '-n', '2', '--group-id', '77']);
    other.close();
    refused(ended, 4, /GROUP_TAKEN: fanout group 77 exists already: mode lb, 1 member, held by/, new RegExp(`\\(pid ${process.pid}\\)`));
  });

  test('the id is taken by a program in another language: named as well', async () => {
    const script = [
      'import socket, struct, sys, time',
      's = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)); s.bind(("cap0", 3))',
      's.setsockopt(263, 18, struct.pack("I", 78))',
      'print("joined", flush=True); sys.stdin.read()',
    ].join('\n');
    const other = spawn('/usr/bin/python3', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
    await new Promise((joined) => other.stdout.once('data', joined));
    const ended = await tool(['-i', CAPTURE, '-n', '2', '--group-id', '78']);
    const gone = new Promise((done) => other.once('close', done));
    other.stdin.end();
    await gone;
    refused(ended, 4, new RegExp(`GROUP_TAKEN: .*mode hash, 1 member, held by python3\\S* \\(pid ${other.pid}\\)`), /leave --group-id out/);
  });

  test('--defrag beside any other group: 4, unless forced', async () => {
    const other = capture();
    other.join({ groupId: 79, mode: 0, flags: 0, membersMax: 0 });
    const ended = await tool(['-i', CAPTURE, '-n', '2', '--defrag']);
    const forced = await tool(['-i', CAPTURE, '-n', '2', '--defrag', '--force', '--duration', '50ms', '--quiet']);
    other.close();
    refused(
      ended,
      4,
      /DEFRAG_UNSAFE: --defrag while fanout group 79 exists: mode hash, 1 member, held by/,
      /no other one does so here now/,
    );
    expect(forced.status).toBe(3);
  });
});

describe('privileges', () => {
  test('none, on a live interface: 4', async () =>
    refused(await tool(['-i', CAPTURE, '-n', '2'], { by: AS_NOBODY }), 4, /NO_PRIVILEGE: this user may open no packet socket/, /sudo/));

  test('none, with a filter: the filter is not to blame', async () =>
    refused(await tool(['-i', CAPTURE, '-n', '2', '--filter', 'tcp'], { by: AS_NOBODY }), 4, /NO_PRIVILEGE/, /sudo/));

  test('none, where user namespaces are allowed: the lab answers', async () => {
    const { status, stdout } = await tool(['-n', '3'], { by: AS_NOBODY });
    expect(stdout).toMatch(/YES!\n$/);
    expect(status).toBe(0);
  });

  test('none, where user namespaces are forbidden: 4', async () => {
    // One more user namespace is allowed below this one, and the user without privileges lives in it.
    const limit = 'echo 1 > /proc/sys/user/max_user_namespaces; exec unshare --user --map-user=1000 --map-group=1000 "$0" "$@"';
    const by = ['unshare', '--user', '--map-root-user', '--net', 'sh', '-c', limit];
    refused(await tool(['-n', '2'], { by }), 4, /NO_USER_NAMESPACE: this user may not create/, /sudo/);
  });
});

describe('limits of the process', () => {
  test('too few descriptors for the group: 4, with both numbers', async () =>
    refused(
      await tool(['-i', CAPTURE, '-n', '64'], { by: ['prlimit', '--nofile=100:100'] }),
      4,
      /TOO_LARGE: 64 processes need .* descriptors, and .* 100/,
      /ulimit -n/,
    ));

  test('too few processes for the user: 4, with both numbers', async () =>
    refused(
      await tool(['-n', '64'], { by: [...AS_NOBODY, 'prlimit', '--nproc=200:200'] }),
      4,
      /TOO_LARGE: 64 processes have 320 threads, .* 200/,
      /ulimit -u/,
    ));

  test('the limit is reached by other processes of the user: 4, with the limit to raise', async () => {
    const crowd = 'for i in $(seq 40); do sleep 3 >/dev/null 2>&1 & done; exec "$0" "$@"';
    const ended = await tool(['-n', '8'], { by: [...AS_NOBODY, 'prlimit', '--nproc=62:62', 'sh', '-c', crowd] });
    refused(ended, 4, /WORKER_FAILED: worker \d \(pid \d+\) ended while starting: .*EAGAIN/, /ulimit -u/);
  });

  test('many processes start without a warning', async () => {
    const { status, stderr } = await tool(['-i', CAPTURE, '-n', '32', '--duration', '50ms', '--quiet', '--ring-size', '1M']);
    expect([status, stderr]).toEqual([3, '']);
  });
});

describe('the package', () => {
  function copyOfThePackage(name: string): string {
    const copy = join(scratch.path, name);
    mkdirSync(copy);
    cpSync(join(ROOT, 'dist'), join(copy, 'dist'), { recursive: true });
    cpSync(join(ROOT, 'package.json'), join(copy, 'package.json'));
    symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
    mkdirSync(join(copy, 'build', 'Release'), { recursive: true });
    return copy;
  }

  test('without its addon: 4', async () => {
    const copy = copyOfThePackage('unbuilt');
    refused(
      await tool(['-n', '2'], { cli: join(copy, 'dist', 'cli.js') }),
      4,
      /ADDON_MISSING: cannot load the native addon/,
      /npm rebuild/,
    );
  });

  test('with a part of its program missing: 70, and never 1', async () => {
    const copy = copyOfThePackage('torn');
    for (const name of readdirSync(join(copy, 'dist'))) if (/^chunk-.*\.js$/.test(name)) rmSync(join(copy, 'dist', name));
    const { status, stdout, stderr } = await tool(['-n', '2'], { cli: join(copy, 'dist', 'cli.js') });
    expect([status, stdout]).toEqual([70, '']);
    expect(stderr).toMatch(/cannot be loaded, so this is no verdict[\s\S]*-> install the package again/);
  });

  test('with half an addon: 4', async () => {
    const copy = copyOfThePackage('truncated');
    writeFileSync(join(copy, 'build', 'Release', 'fanout.node'), 'ELF');
    refused(await tool(['-i', CAPTURE, '-n', '2'], { cli: join(copy, 'dist', 'cli.js') }), 4, /ADDON_MISSING: .*(short|invalid)/);
  });

  test('with the addon of another version: 4, with both numbers', async () => {
    const copy = copyOfThePackage('stale');
    const source = join(copy, 'stale.c');
    writeFileSync(
      source,
      `typedef void *p; int napi_create_uint32(p, unsigned, p *); int napi_set_named_property(p, p, const char *, p);
       p napi_register_module_v1(p env, p exports) { p v; napi_create_uint32(env, 99, &v); napi_set_named_property(env, exports, "wireVersion", v); return exports; }`,
    );
    execFileSync('gcc', ['-shared', '-fPIC', '-o', join(copy, 'build', 'Release', 'fanout.node'), source]);
    refused(
      await tool(['-n', '2'], { cli: join(copy, 'dist', 'cli.js') }),
      4,
      /ADDON_MISSING: .* record layout 99, this program needs \d/,
      /npm rebuild/,
    );
  });
});

describe('a signal during the start', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('%s: 4, and the workers go', async (signal) => {
    const running = start(['-i', CAPTURE, '-n', '16'], { env });
    await until(() => workersOf(running.pid).length > 0, 'a worker');
    running.child.kill(signal);
    refused(await running.ended, 4, /INTERRUPTED: /);
    expect(promiscuity()).toBe(0);
  });

  test('Ctrl-C reaches the workers too: still 4, and no other reason is given', async () => {
    const running = start(['-i', CAPTURE, '-n', '16'], { env, detached: true });
    await until(() => workersOf(running.pid).length > 2, 'workers');
    process.kill(-running.pid, 'SIGINT');
    refused(await running.ended, 4, /INTERRUPTED: /);
  });

  // Root looks for programs in the directories of the system only; a namespace puts slow ones there.
  test('Ctrl-C while the lab is made or a filter is compiled: 4', async () => {
    for (const [name, args] of [
      ['ip', ['-n', '2']],
      ['tcpdump', ['-i', CAPTURE, '-n', '2', '--filter', 'tcp']],
    ] as const) {
      const slow = join(scratch.path, `slow-${name}`);
      writeFileSync(slow, '#!/bin/sh\necho slow >&2; sleep 5\n', { mode: 0o755 });
      const original = execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
      const by = ['unshare', '--mount', 'sh', '-c', 'mount --bind "$0" "$1"; shift; exec "$@"', slow, original];
      const running = start(args, { env, by, detached: true });
      // Not the shell that mounts: it forks under its own name, and the tool does not run yet.
      const isSlow = (pid: number) => new RegExp(`^/bin/sh \\S*/${name} `).test(commandLine(pid));
      await until(() => childrenOf(running.pid).some(isSlow), 'a slow program');
      // Again and again, as a person would: one may arrive while a program is being replaced by another.
      const nudge = setInterval(() => pressCtrlC(running.pid), 300);
      pressCtrlC(running.pid);
      const ended = await running.ended;
      clearInterval(nudge);
      refused(ended, 4, /INTERRUPTED: /);
    }
  });

  function pressCtrlC(leader: number): void {
    try {
      process.kill(-leader, 'SIGINT');
    } catch {
      // It has ended.
    }
  }
});
