/** Machines as operators have them: each run goes on, or ends with 2 or 4 and a remedy that works. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect } from 'vitest';
import { temporaryDirectory } from '../helpers/programs.ts';
import { root, testWith } from '../helpers/requirements.ts';
import { type Ended, run, until } from '../helpers/tool.ts';
import { withMounts } from '../helpers/without.ts';

const scratch = temporaryDirectory();
afterAll(() => scratch.remove());

const LAB = ['--flows', '60', '--quiet', '-n'];

function refused({ status, stdout, stderr }: Ended, ...said: readonly RegExp[]): void {
  for (const part of said) expect(stderr).toMatch(part);
  expect(stderr).toMatch(/^ {2}-> \S/m);
  expect([status, stdout]).toEqual([4, '']);
}

describe('capabilities', () => {
  const only = (...names: readonly string[]): readonly string[] => [
    'setpriv',
    '--bounding-set',
    ['-all', ...names.map((name) => `+${name}`)].join(','),
    '--inh-caps=-all',
  ];
  const OF_A_CONTAINER = [
    'chown',
    'dac_override',
    'fowner',
    'kill',
    'setgid',
    'setuid',
    'net_bind_service',
    'net_raw',
    'sys_chroot',
    'mknod',
    'setfcap',
  ];
  const NO_USER_NAMESPACES = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"';
  /** In a user namespace of its own, below which there is none. */
  const withoutNamespaces = ['unshare', '--user', '--map-root-user', '--net', 'sh', '-c', NO_USER_NAMESPACES, 'sh'];

  testWith([root()], "root with a container's: the lab, in a user namespace", {}, async () => {
    for (const more of [[], ['sys_admin'], ['net_admin']])
      expect((await run([...LAB, '2'], { by: only(...OF_A_CONTAINER, ...more) })).status).toBe(0);
  });

  testWith([root()], 'and no user namespaces: 4, with all capabilities that are missing; they are enough', {}, async () => {
    const ended = await run([...LAB, '2'], { by: [...withoutNamespaces, ...only(...OF_A_CONTAINER)] });
    refused(ended, /NO_PRIVILEGE: this root may not .* it lacks CAP_NET_ADMIN, CAP_SYS_ADMIN/);
    const advised = [...ended.stderr.matchAll(/--cap-add (\S+?)[;\s]/g)].map(([, name = '']) => name.toLowerCase());
    expect(advised).toEqual(['net_admin', 'sys_admin']);
    const followed = await run([...LAB, '2'], { by: [...withoutNamespaces, ...only(...OF_A_CONTAINER, ...advised)] });
    expect([followed.status, followed.stderr]).toEqual([0, '']);
  });

  testWith([root()], 'live without CAP_NET_RAW: 4, with what a container takes', {}, async () => {
    execFileSync('ip', ['link', 'set', 'lo', 'up']);
    refused(await run(['-i', 'lo', '-n', '2'], { by: only('setuid', 'setgid') }), /NO_PRIVILEGE/, /--cap-add NET_RAW/);
  });
});

describe('programs', () => {
  // What it writes to standard error when it is called with -batch.
  const BUSYBOX =
    "#!/bin/sh\nprintf 'BusyBox v1.36.1 (2024) multi-call binary.\\n\\nUsage: ip [OPTIONS] address|route|link\\n\\n\\tip addr add\\n' >&2\nexit 1\n";

  testWith([root()], "BusyBox's ip: 4, and one line of what it said at most", {}, async () => {
    const busybox = join(scratch.path, 'ip');
    writeFileSync(busybox, BUSYBOX, { mode: 0o755 });
    const hide = `for ip in /usr/sbin/ip /sbin/ip /usr/bin/ip /bin/ip; do [ ! -e $ip ] || mount --bind ${busybox} $ip || exit 9; done`;
    const ended = await run([...LAB, '2', '--lab-interface', 'veth'], { by: withMounts(hide) });
    refused(ended, /TOOL_MISSING: ip is BusyBox's/, /iproute2/);
    expect(ended.stderr).not.toContain('\\u');
  });
});

describe('limits of the process', () => {
  const limited = (option: string): readonly string[] => ['sh', '-c', `${option} && exec "$@"`, 'sh'];

  testWith([root()], 'files without a byte (ulimit -f 0): 4, with the limit to raise', {}, async () => {
    refused(await run([...LAB, '2'], { by: limited('ulimit -f 0') }), /TOO_LARGE: files may have 0 bytes/, /ulimit -f/);
  });

  testWith([root()], 'few open files, down to those with which the program is not even loaded: 4', {}, async () => {
    for (const files of [20, 22, 25, 30, 40])
      refused(await run([...LAB, '2'], { by: limited(`ulimit -n ${files}`) }), /TOO_LARGE: .*open|TOO_LARGE: .*descriptors/, /ulimit -n/);
    expect((await run([...LAB, '2'], { by: limited('ulimit -n 100') })).status).toBe(0);
  });

  testWith([root()], 'small stacks, nothing locked in memory: a verdict', {}, async () => {
    for (const limit of ['ulimit -s 128', 'ulimit -l 0']) expect((await run([...LAB, '2'], { by: limited(limit) })).status).toBe(0);
  });
});

describe('the current directory', () => {
  testWith([root()], 'deleted: the lab and live runs go on, and no relative path leads elsewhere', {}, async () => {
    const gone = ['sh', '-c', `mkdir ${scratch.path}/gone && cd ${scratch.path}/gone && rmdir ../gone && exec "$@"`, 'sh'];
    expect((await run([...LAB, '2'], { by: gone })).status).toBe(0);
    expect((await run(['-i', 'lo', '-n', '2', '--filter', 'tcp', '--duration', '300ms', '--quiet'], { by: gone })).status).toBe(3);
    const { status, stderr } = await run([...LAB, '2', '--json', 'report.json'], { by: gone });
    expect([status, existsSync('/report.json')]).toEqual([2, false]);
    expect(stderr).toMatch(/OUTPUT_UNWRITABLE/);
    expect((await run(['predict', 'trace.pcap'], { by: gone })).status).toBe(2);
  });
});

describe('control groups', () => {
  const made: string[] = [];
  afterAll(async () => {
    for (const directory of made.reverse()) await until(() => isRemoved(directory), `${directory} is empty`);
  });

  function isRemoved(directory: string): boolean {
    try {
      rmdirSync(directory);
    } catch {
      return !existsSync(directory);
    }
    return true;
  }

  /** Below the root, in the version that this machine has of the controller; undefined where it has none that may be used. */
  function parentOf(controller: string): { readonly directory: string; readonly version: 1 | 2 } | undefined {
    const version = existsSync('/sys/fs/cgroup/cgroup.controllers') ? 2 : 1;
    const directory = `/sys/fs/cgroup/${version === 1 ? `${controller}/` : ''}machines-test-${process.pid}`;
    try {
      if (!existsSync(directory)) {
        mkdirSync(directory);
        made.push(directory);
      }
      if (version === 2) writeFileSync(join(directory, 'cgroup.subtree_control'), `+${controller}`);
      return { directory, version };
    } catch {
      return undefined;
    }
  }

  const parents = { memory: parentOf('memory'), pids: parentOf('pids') };
  const has = (controller: keyof typeof parents) =>
    parents[controller] === undefined
      ? { reason: `no ${controller} control group can be made`, remedy: 'run it as root where control groups are mounted' }
      : undefined;

  /** A command to run by, in a group of its own. */
  function within(controller: keyof typeof parents, limit: number): readonly string[] {
    const { directory = '', version = 1 } = parents[controller] ?? {};
    const own = join(directory, controller);
    mkdirSync(own);
    made.push(own);
    const file = controller === 'pids' ? 'pids.max' : version === 1 ? 'memory.limit_in_bytes' : 'memory.max';
    writeFileSync(join(own, file), String(limit));
    return ['sh', '-c', `echo $$ > ${own}/cgroup.procs && exec "$@"`, 'sh'];
  }

  async function followed(ended: Ended, by: readonly string[]): Promise<void> {
    const fits = /use --procs (\d+)/.exec(ended.stderr)?.[1] ?? '';
    const { status, stderr } = await run([...LAB, fits], { by });
    // One process alone proves nothing.
    expect([status, stderr]).toEqual([fits === '1' ? 3 : 0, '']);
  }

  testWith([root(), has('memory')], 'too little memory for the processes: 4 with figures, and what it advises runs', {}, async () => {
    const by = within('memory', 200 << 20);
    const ended = await run([...LAB, '32'], { by });
    refused(
      ended,
      /TOO_LARGE: 32 processes need about \d+ MiB each, and the collector \d+ MiB: \d+ MiB together; the memory control group leaves \d+ MiB/,
    );
    await followed(ended, by);
  });

  testWith([root(), has('pids')], 'too few tasks: 4 with figures, and what it advises runs', {}, async () => {
    const by = within('pids', 40);
    const ended = await run([...LAB, '8'], { by });
    refused(ended, /TOO_LARGE: 8 processes and the collector need 48 more threads, and the control group allows \d+ more \(pids.max\)/);
    await followed(ended, by);
  });
});
