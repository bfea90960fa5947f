/** The built command as a process: what it exits with, and what it says, when something is wrong. */
import { spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build, type Plugin } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = resolve(import.meta.dirname, '../..');
let directory: string;

/** Programs in the place of the collector that end in one named way each. */
const COLLECTORS = {
  throws: 'export const runCluster = async () => { throw new TypeError("not a \\u001b[31mverdict"); };',
  throwsLater: 'export const runCluster = () => new Promise(() => { setTimeout(() => { throw new RangeError("later"); }, 1); });',
  rejectsLater:
    'export const runCluster = () => new Promise(() => { setTimeout(() => { Promise.reject(new RangeError("unheard")); }, 1); setTimeout(() => process.exit(99), 500); });',
  neverEnds: 'export const runCluster = () => new Promise(() => {});',
  refuses:
    'import { FanoutError } from "ERRORS"; export const runCluster = async () => { throw new FanoutError("NO_PRIVILEGE", "no CAP_NET_RAW", "use sudo"); };',
  waits:
    'export const runCluster = (_, { signal }) => new Promise((_, reject) => { setInterval(() => {}, 1000); process.stderr.write("waiting\\n"); signal.addEventListener("abort", () => { process.stderr.write("asked to end\\n"); if (!process.env["DEAF"]) reject(new TypeError("ended")); }); });',
} as const;
type Collector = keyof typeof COLLECTORS;

function collectorPlugin(source: string): Plugin {
  return {
    name: 'collector',
    setup: (b) => {
      b.onLoad({ filter: /src\/collector\/run\/run\.ts$/ }, () => ({
        contents: source.replace('"ERRORS"', JSON.stringify(join(ROOT, 'src/errors.ts'))),
        loader: 'js',
        resolveDir: ROOT,
      }));
    },
  };
}

beforeAll(async () => {
  // Inside the tree, because the command looks for package.json one directory above itself.
  directory = mkdtempSync(join(ROOT, '.cli-test-'));
  await Promise.all(
    Object.entries(COLLECTORS).map(([name, source]) =>
      build({
        entryPoints: { [name]: join(ROOT, 'src/cli.ts') },
        outdir: directory,
        outExtension: { '.js': '.mjs' },
        bundle: true,
        platform: 'node',
        target: 'node20.19',
        format: 'esm',
        banner: { js: "import { createRequire as __r } from 'node:module'; const require = __r(import.meta.url);" },
        plugins: [collectorPlugin(source)],
        logLevel: 'silent',
      }),
    ),
  );
});
afterAll(() => rmSync(directory, { recursive: true }));

interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(collector: Collector, args: readonly string[], environment: Record<string, string> = {}, stdout: 'pipe' | number = 'pipe') {
  const env = { PATH: process.env['PATH'] ?? '', ...environment };
  return spawn(process.execPath, [join(directory, `${collector}.mjs`), ...args], { env, stdio: ['ignore', stdout, 'pipe'] });
}

function ended(child: ReturnType<typeof start>): Promise<Ended> {
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (data) => (stdout += String(data)));
  child.stderr?.on('data', (data) => (stderr += String(data)));
  return new Promise((done) => child.on('close', (status) => done({ status, stdout, stderr })));
}

const perform = (collector: Collector, ...args: string[]) => ended(start(collector, args));

describe('usage', () => {
  test.each([
    [['--bogus'], /unknown option '--bogus'/],
    [['--procs'], /option '-n, --procs <count>' argument missing/],
    [['eth0x'], /USAGE: there is no command "eth0x"/],
    [['lo'], /USAGE: "lo" is an interface, and no command/],
    [['run', '-n', '0'], /USAGE: --procs: "0" is not a whole number/],
    [['-n', '-1'], /USAGE: --procs: "-1"/],
    [['-n', '1e9'], /USAGE: --procs: "1e9"/],
    [['-m', 'lbb'], /USAGE: --mode: "lbb" is not one of hash, lb/],
    [['-m', 'rollover', '--rollover'], /CONTRADICTORY_OPTIONS/],
    [['--traffic', 'arp,nosuch'], /USAGE: --traffic: no traffic class or group is called "nosuch"/],
    [['--json', '/nowhere/run.json'], /OUTPUT_UNWRITABLE/],
    [['--tolerate', 'x\u001b[2J'], /USAGE: --tolerate: "x\\u001b\[2J"/],
    [['matrix', 'nosuch'], /there is no command "nosuch"/],
    [['matrix', '-i', 'eth0'], /unknown option '-i'/],
    [['matrix', '--modes', 'hash,lbb'], /USAGE: --modes: "lbb"/],
    [['matrix', '--modes', 'cbpf'], /CONTRADICTORY_OPTIONS: --modes: mode cbpf/],
    [['matrix', '--classes', 'x\u001b[2J'], /USAGE: --classes: .*"x\\u001b\[2J"/],
    [['scale', '--procs', '2,x'], /USAGE: --procs: "x"/],
    [['scale', '--json', '/nowhere/scale.json', '--procs', '1'], /OUTPUT_UNWRITABLE/],
    [['matrix', '--json', '/nowhere/matrix.json', '--classes', 'arp'], /OUTPUT_UNWRITABLE/],
    [['--\u001b[2J'], /unknown option '--\\u001b\[2J'/],
  ])('%j exits with 2', async (args, message) => {
    const { status, stdout, stderr } = await perform('throws', ...args);
    expect(stderr).toMatch(message);
    expect(stderr).not.toContain('\u001b');
    expect([status, stdout]).toEqual([2, '']);
  });

  test('--help shows the options of the default command and examples', async () => {
    const { status, stdout, stderr } = await perform('throws', '--help');
    expect([status, stderr]).toEqual([0, '']);
    for (const part of ['--interface <name>', 'The lab:', '--packets-per-flow', 'Examples:', 'Exit status: 0 yes, 1 no'])
      expect(stdout).toContain(part);
    expect(stdout).not.toContain('undefined');
  });

  test('--traffic list shows the classes and runs nothing', async () => {
    const { status, stdout, stderr } = await perform('throws', '--traffic', 'list');
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^\* ipv4-tcp +TCP over IPv4$/m);
    expect(stdout).toMatch(/^ {2}vxlan-ipv4-tcp +TCP over IPv4 in VXLAN, a source port for each direction$/m);
    expect(stdout).toMatch(/^groups: .*\btunnel\b/m);
  });

  test('--version', async () =>
    expect(await perform('throws', '--version')).toMatchObject({ status: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) }));
});

describe('failures are no verdicts', () => {
  test.each(['throws', 'throwsLater', 'rejectsLater', 'neverEnds'] as const)(
    'a defect that %s exits with 70 and asks for a report',
    async (collector) => {
      for (const command of ['run', 'matrix', 'scale']) {
        const { status, stdout, stderr } = await perform(collector, command, '-n', '2');
        expect([status, stdout]).toEqual([70, '']);
        expect(stderr).toMatch(/this is a defect of the tool, not a verdict\. Please report it/);
        expect(stderr).toMatch(/Error: /);
        expect(stderr).not.toContain('\u001b');
      }
    },
  );

  test('a rejection that nobody hears is a defect also where Node was told to only warn', async () => {
    const { status } = await ended(start('rejectsLater', ['-n', '2'], { NODE_OPTIONS: '--unhandled-rejections=none' }));
    expect(status).toBe(70);
  });

  test('what cannot run exits with 4, and says what to do', async () => {
    const { status, stdout, stderr } = await perform('refuses', '-n', '2', '-m', 'lb');
    expect([status, stdout]).toEqual([4, '']);
    expect(stderr).toBe('fanout-cluster: NO_PRIVILEGE: no CAP_NET_RAW\n  -> use sudo\n');
  });

  test('output that cannot be written exits with 2', async () => {
    const full = openSync('/dev/full', 'w');
    const { status, stderr } = await ended(start('throws', ['--help'], {}, full));
    closeSync(full);
    expect(stderr).toContain('OUTPUT_UNWRITABLE');
    expect(status).toBe(2);
  });

  test('a reader that goes away is no error', async () => {
    const child = start('throws', ['--help']);
    child.stdout?.destroy();
    expect(await ended(child)).toMatchObject({ status: 0, stderr: '' });
  });
});

describe('signals', () => {
  test.each(['SIGINT', 'SIGTERM'] as const)('%s asks the run to end; again, a second later, does not wait', async (signal) => {
    const child = start('waits', ['-n', '2'], { DEAF: '1' });
    child.stderr?.on('data', (data) => {
      if (/waiting/.test(String(data))) child.kill(signal);
      if (/asked/.test(String(data))) {
        // timeout(1) signals twice within a millisecond: one wish.
        child.kill(signal);
        setTimeout(() => child.kill(signal), 1200);
      }
    });
    const begun = performance.now();
    const { status, stderr } = await ended(child);
    expect(performance.now() - begun).toBeGreaterThan(1000);
    expect(stderr).toContain('ending, Ctrl-C again to stop at once\n');
    expect(stderr).toContain('asked to end');
    expect(stderr).toContain(`INTERRUPTED: ${signal} again`);
    expect(status).toBe(4);
  });
});
