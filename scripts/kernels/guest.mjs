// Runs inside another kernel: node guest.mjs PLAN RESULTS. Does the steps of the plan one after the other and writes what came of each,
// one JSON object a line. It judges nothing: the machine that booted this kernel does.
import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync, chownSync, cpSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { release, version } from 'node:os';
import { join } from 'node:path';

const [planFile, results] = process.argv.slice(2);
const { tool, guest, steering, modules, steps, limitMs, slowness } = JSON.parse(readFileSync(planFile, 'utf8'));

const TOOL = '/run/tool';
const USER = 1000;
const TEXT_MAX = 4000;
const PATIENT = ['--worker-timeout', `${Math.ceil(10 * slowness)}s`];
/** Longer than the tool starts here; what outlives its use ends with the machine. */
const TRAFFIC_S = Math.ceil(30 * slowness);
/** Those in which kernels differ, and a few in which they must not. */
const KNOWN_CLASSES = 'ipv4-tcp,ipv6-udp,top-bit-*,label-*,vlan-ipv4-tcp,hsr-*,4in6-*,esp-*,ah-*';
/** A flow or two of every class, by which the built-in programs are judged. */
const EVERYTHING = ['--procs', '4', '--traffic', 'all', '--flows', '240', '--seed', '9'];
const LINK = { capturing: 'v0', sending: 'v1' };

// A folder that every user of the guest may read, wherever the clone is.
mkdirSync(TOOL, { mode: 0o755 });
for (const part of ['dist', 'package.json', 'build/Release/fanout.node']) cpSync(join(tool, part), join(TOOL, part), { recursive: true });
mkdirSync('/run/user', { mode: 0o755 });
chownSync('/run/user', USER, USER);

emit({ step: 'kernel', release: release(), version: version() });
/** A capture file of one UDP packet between two hosts. */
const ONE_PACKET = Buffer.from(
  `d4c3b2a1020004000000000000000000ffff0000010000000000000000000000${'2a000000'.repeat(2)}${'02'.repeat(12)}0800` +
    '4500001c00000000401100000a0000010a0000020400003500080000',
  'hex',
);

for (const name of steps) {
  const begun = performance.now();
  const result = await STEPS()[name]();
  emit({ step: name, ms: Math.round(performance.now() - begun), ...result });
}

function emit(record) {
  appendFileSync(results, `${JSON.stringify(record)}\n`);
}

/** By name; each is done at most once, and those that load modules come after those that must not have them. */
function STEPS() {
  const lab = (...args) => report(['--procs', '4', '--flows', '200', '--seed', '5', ...PATIENT, ...args]);
  const live = (...args) => report(['-i', LINK.capturing, '--procs', '2', '--duration', '2s', ...PATIENT, ...args]);
  return {
    version: () => text(['--version']),
    'load-veth': () => load('veth'),
    'load-diag': () => load('diag'),
    'load-tun': () => load('tun'),
    link: () => setUpLink(),

    // Without the module tun, behind a node that is there.
    'no-tun-lab': () => lab(),
    'no-tun-compare': () => report(['compare', '--procs', '2', '--flows', '60', '--seed', '7', '--modes', 'hash,lb', ...PATIENT]),
    'no-tun-nic': () => lab('--mode', 'qm', '--nic', 'queues=2'),

    // Without packet_diag.
    'no-diag-live': () => withTraffic(() => live()),
    'no-diag-group': () => withTraffic(() => live('--group-id', '99')),
    'no-diag-taken': () => withTraffic(() => withForeignMember(99, () => live('--group-id', '99'))),
    'no-diag-beside': () => withTraffic(() => withForeignMember(98, () => live('--group-id', '99'))),
    'no-diag-joined': () =>
      withTraffic(() =>
        live('--group-id', '99', '--duration', '5s', '--status-interval', '200ms', {
          whenCapturing: [guest, 'join', LINK.capturing, '99', '60'],
        }),
      ),
    'no-diag-defrag': () => withTraffic(() => withForeignMember(98, () => live('--defrag'))),

    facts: () => command([guest, 'facts', LINK.sending, LINK.capturing]),
    live: () => withTraffic(() => live()),
    'live-outgoing': () => withTraffic(() => report(['-i', LINK.sending, '--procs', '2', '--duration', '2s', ...PATIENT])),
    'live-ignore-outgoing': () =>
      withTraffic(() => report(['-i', LINK.sending, '--procs', '2', '--duration', '2s', '--ignore-outgoing', ...PATIENT])),
    taken: () => withTraffic(() => withForeignMember(99, () => live('--group-id', '99'))),
    down: async () => {
      ip(`link set ${LINK.capturing} down`);
      const result = await live();
      ip(`link set ${LINK.capturing} up`);
      return result;
    },
    lab: () => lab(),
    ...Object.fromEntries(['lb', 'cpu', 'rollover', 'rnd', 'qm'].map((mode) => [`mode-${mode}`, () => lab('--mode', mode)])),
    'mode-hash-defrag': () => lab('--defrag', '--traffic', 'fragment*'),
    'mode-cbpf-none': () => lab('--mode', 'cbpf', '--cbpf-program', 'none'),
    'mode-ebpf-none': () => lab('--mode', 'ebpf', '--ebpf-program', 'none'),
    matrix: () => report(['matrix', '--procs', '4', '--flows', '48', '--seed', '7', '--modes', 'hash,hash+defrag']),
    'matrix-known': () => report(['matrix', '--procs', '4', '--flows', '48', '--seed', '7', '--modes', 'hash', '--classes', KNOWN_CLASSES]),
    probe: () => {
      const file = '/dev/shm/one-packet.pcap';
      writeFileSync(file, ONE_PACKET);
      return report(['predict', file]);
    },
    'steer-loads': () => command(besides('loads')),
    ...Object.fromEntries(
      [
        ['hash', ['--mode', 'hash']],
        ['addresses', ['--mode', 'ebpf', '--ebpf-program', 'builtin:addresses']],
        ['ports', ['--mode', 'ebpf', '--ebpf-program', 'builtin:ports']],
      ].map(([name, args]) => [`steer-${name}`, () => report([...EVERYTHING, ...PATIENT, ...args])]),
    ),
    'steer-dissector': () => reported(['unshare', '--net', '--', ...besides('dissector', EVERYTHING)]),
    'steer-dissector-fallback': () => reported(['unshare', '--net', '--', ...besides('dissector-fallback', EVERYTHING)]),
    'steer-group': () => {
      const args = ['-i', LINK.capturing, '--procs', '4', '--mode', 'ebpf', '--ebpf-program', 'none', '--status-interval', '200ms'];
      const sender = [guest, 'send', LINK.sending, `${TRAFFIC_S}`, '300', '2000'];
      return reported(besides('group', [...args, '--duration', `${Math.ceil(4 * slowness)}s`], [...sender, '--']));
    },
    churn: () => report(['churn', '--procs', '3', '--flows', '500', '--rate', '3000', '--seed', '1', ...PATIENT]),
    user: () => lab({ user: USER }),
    'no-sys': () => lab({ hidden: ['/sys'] }),
    'no-proc': () => lab({ hidden: ['/proc'] }),
    'no-proc-version': () => text(['--version'], { hidden: ['/proc'] }),
  };
}

/** The tool's answer as JSON where it gives one, beside its status and what it said. */
async function report(args) {
  const { options, words } = parted(args);
  const { status, stdout, stderr, signal } = await run(toolCommand([...words, '--json'], options), options);
  return { status, ...(signal === null ? {} : { signal }), stderr: clipped(stderr), report: parsed(stdout) };
}

async function text(args, options = {}) {
  const { status, stdout, stderr } = await run(toolCommand(args, options), options);
  return { status, stdout: clipped(stdout), stderr: clipped(stderr) };
}

async function command(words) {
  const { status, stdout, stderr } = await run(words);
  return { status, stdout, stderr: clipped(stderr) };
}

/** Options may stand among the words. */
function parted(args) {
  const words = args.filter((arg) => typeof arg === 'string');
  return { words, options: Object.assign({}, ...args.filter((arg) => typeof arg !== 'string')) };
}

function toolCommand(words, { hidden = [] }) {
  const itself = [process.execPath, join(TOOL, 'dist/cli.js'), ...words];
  return hidden.length === 0 ? itself : [guest, 'hide', ...hidden, '--', ...itself];
}

/** @param whenCapturing a command that is started as soon as the tool says that it captures, and ended with it */
function run([file, ...args], { user, whenCapturing } = {}) {
  const environment = { PATH: process.env.PATH, HOME: '/run/user', TMPDIR: '/dev/shm' };
  const child = spawn(file, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environment,
    ...(user === undefined ? {} : { uid: user, gid: user, cwd: '/run/user' }),
    timeout: limitMs,
    killSignal: 'SIGKILL',
  });
  let companion;
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (data) => {
    said.stdout += data;
  });
  child.stderr.on('data', (data) => {
    said.stderr += data;
    if (whenCapturing !== undefined && companion === undefined && /capturing/.test(said.stderr))
      companion = spawn(whenCapturing[0], whenCapturing.slice(1), { stdio: 'ignore' });
  });
  return new Promise((resolve) => {
    child.on('error', (error) => resolve({ status: null, signal: null, stdout: '', stderr: String(error) }));
    child.on('close', (status, signal) => {
      companion?.kill('SIGKILL');
      resolve({ status, signal, ...said });
    });
  });
}

function load(kind) {
  const files = modules[kind] ?? [];
  if (files.length === 0) return { status: 0, stdout: 'built in' };
  const { status, stderr } = spawnSync(guest, ['insmod', ...files], { encoding: 'utf8' });
  return { status, stderr };
}

/** A veth pair that nobody speaks on by itself. */
function setUpLink() {
  spawnSync('sh', ['-c', 'echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6']);
  const errors = [
    'link set lo up',
    `link add ${LINK.capturing} type veth peer name ${LINK.sending}`,
    `link set ${LINK.capturing} up`,
    `link set ${LINK.sending} up`,
  ].map(ip);
  return { status: errors.every((error) => error === '') ? 0 : 1, stderr: errors.join('') };
}

function ip(words) {
  const { status, stderr, error } = spawnSync('ip', words.split(' '), { encoding: 'utf8' });
  return status === 0 ? '' : `ip ${words}: ${stderr ?? error}`;
}

function withTraffic(body) {
  return beside([guest, 'send', LINK.sending, `${TRAFFIC_S}`, '300', '2000'], body);
}

function withForeignMember(group, body) {
  return beside([guest, 'join', LINK.capturing, `${group}`, `${TRAFFIC_S}`], body);
}

async function beside([file, ...args], body) {
  const child = spawn(file, args, { stdio: 'ignore' });
  await new Promise((resolve) => setTimeout(resolve, 300));
  try {
    return await body();
  } finally {
    child.kill('SIGKILL');
  }
}

/** The program beside this one, which does `step`, and runs the tool with these arguments where it needs to. */
function besides(step, args, first = []) {
  const [, netns] = /^net:\[(\d+)\]$/.exec(readlinkSync('/proc/self/ns/net')) ?? [];
  const words = args === undefined ? [] : toolCommand([...args, ...PATIENT, '--json'], {});
  return [process.execPath, steering, join(TOOL, 'build/Release/fanout.node'), step, netns, ...first, ...words];
}

async function reported(words) {
  const { status, stdout, stderr } = await run(words);
  return { status, stderr: clipped(stderr), report: parsed(stdout) };
}

function parsed(stdout) {
  try {
    return JSON.parse(stdout);
  } catch {
    return clipped(stdout);
  }
}

function clipped(words) {
  return words.length <= TEXT_MAX ? words : `${words.slice(0, TEXT_MAX)}...`;
}
