// Boots one kernel with the guest's program as its first process, and gives what came of each step.
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { built } from './build.mjs';
import { initramfs } from './initramfs.mjs';
import { run, unpacked, unpackedAll } from './packages.mjs';

const ROOT = resolve(import.meta.dirname, '../..');
const MODULES = { veth: ['veth'], diag: ['af_packet_diag'], tun: ['tun'] };
/** Of one step in the guest. */
const STEP_MS_MAX = 240_000;

/**
 * @param limitMs for all of it, but for building the kernel
 * @returns records of guest.mjs, and what stood on the console
 */
export async function boot(kernel, steps, { limitMs, onRecord, onBuilt }) {
  const folder = mkdtempSync(join(tmpdir(), 'fanout-cluster-kernel-'));
  try {
    const parts = kernel.kind === 'uml' ? userModeParts(kernel, folder, onBuilt) : emulatedParts(kernel, folder);
    const guest = guestProgram(folder);
    const steering = join(import.meta.dirname, 'guest-steering.mjs');
    const plan = {
      tool: ROOT,
      guest: parts.inGuest(guest),
      steering,
      modules: parts.modules,
      steps,
      limitMs: STEP_MS_MAX,
      slowness: parts.slowness,
    };
    writeFileSync(join(folder, 'plan.json'), JSON.stringify(plan));
    const { file, args, env, results } = parts.machine({ guest, plan: join(folder, 'plan.json') });
    writeFileSync(results, '');
    return await watched(
      spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd: folder, env: { ...process.env, ...env }, detached: true }),
      {
        results,
        limitMs,
        onRecord,
      },
    );
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One static program: other kernels have no libraries of their own. */
function guestProgram(folder) {
  const output = join(folder, 'guest');
  const sources = readdirSync(join(import.meta.dirname, 'guest')).filter((file) => file.endsWith('.cpp'));
  run('g++', ['-std=c++20', '-O1', '-static', '-o', output, ...sources], { cwd: join(import.meta.dirname, 'guest') });
  return output;
}

/** To be loaded into a program of this machine. */
function hostLibrary(name, folder) {
  const output = join(folder, `${name}.so`);
  run('g++', ['-std=c++20', '-O1', '-shared', '-fPIC', '-o', output, `${name}.cpp`], { cwd: join(import.meta.dirname, 'host') });
  return output;
}

// ---- user-mode Linux: its root is that of this machine, read-only

function userModeParts(kernel, folder, tell) {
  const { linux, modules } = kernel.build === undefined ? packagedParts(kernel, folder) : { linux: built(kernel, tell), modules: {} };
  const results = join(folder, 'results');
  const wideRegisters = hostLibrary('wide-registers', folder);
  const machine = ({ guest, plan }) => ({
    file: linux,
    env: { LD_PRELOAD: wideRegisters },
    args: [
      'mem=3G',
      'root=/dev/root',
      'rootfstype=hostfs',
      'rootflags=/',
      'ro',
      `init=${guest}`,
      `FANOUT_HOST_FOLDER=${folder}`,
      `FANOUT_COMMAND=${[process.execPath, join(import.meta.dirname, 'guest.mjs'), plan, '/run/host/results'].join(',')}`,
      'con=null',
      'con0=null,fd:1',
      'ssl=null',
      'quiet',
      'loglevel=3',
      'panic=-1',
      `umid=${basename(folder)}`,
    ],
    results,
  });
  return { modules, machine, inGuest: (path) => path, slowness: 2 };
}

function packagedParts(kernel, folder) {
  const [content] = unpackedAll(kernel);
  const linux = withLibraries(join(content, 'usr/bin/linux.uml'), folder);
  const release = readdirSync(join(content, 'usr/lib/uml/modules'))[0];
  return { linux, modules: modulesIn(join(content, 'usr/lib/uml/modules', release), folder) };
}

/** A kernel that was built for a newer C library than this machine has gets that library, and names it. */
function withLibraries(linux, folder) {
  const { status, stdout, stderr } = spawnSync(linux, ['--version'], { encoding: 'utf8' });
  if (status === 0) return linux;
  if (!/GLIBC/.test(`${stdout}${stderr}`)) throw new Error(`${linux} --version: ${stdout}${stderr}`);
  const libraries = join(unpacked({ package: 'libc6', suite: 'sid' }), 'usr/lib/x86_64-linux-gnu');
  const patched = join(folder, 'linux');
  copyFileSync(linux, patched);
  run('patchelf', ['--set-interpreter', join(libraries, 'ld-linux-x86-64.so.2'), '--set-rpath', libraries, patched]);
  return patched;
}

/** Files of modules, those first that others need, decompressed. Nothing for what is built in. */
function modulesIn(folder, scratch) {
  const files = new Map();
  for (const path of readdirSync(folder, { recursive: true })) {
    const [, name] = /([^/]+)\.ko(?:\.xz|\.zst)?$/.exec(path) ?? [];
    if (name !== undefined) files.set(name.replaceAll('-', '_'), join(folder, path));
  }
  mkdirSync(join(scratch, 'modules'), { recursive: true });
  const ready = new Map();
  const needed = (name) => {
    const file = files.get(name);
    if (file === undefined || ready.has(name)) return [];
    ready.set(name, '');
    const plain = decompressed(file, join(scratch, 'modules', `${name}.ko`));
    return [...dependenciesOf(plain).flatMap(needed), plain];
  };
  return Object.fromEntries(Object.entries(MODULES).map(([kind, names]) => [kind, names.flatMap(needed)]));
}

function decompressed(file, plain) {
  const [tool, ...args] = file.endsWith('.xz') ? ['xz', '-dc'] : file.endsWith('.zst') ? ['zstd', '-dc'] : ['cat'];
  writeFileSync(plain, run(tool, [...args, file], { encoding: 'buffer' }));
  return plain;
}

/** As modinfo(8) reads it: strings "name=value" in a section of the module. */
function dependenciesOf(file) {
  const depends = /\0depends=([^\0]*)\0/.exec(readFileSync(file, 'latin1'))?.[1] ?? '';
  return depends
    .split(',')
    .filter((name) => name !== '')
    .map((name) => name.replaceAll('-', '_'));
}

// ---- qemu: everything that is needed goes into the first file system

function emulatedParts(kernel, folder) {
  const { release } = kernel;
  const inPackages = (...paths) => {
    const places = unpackedAll(kernel).flatMap((content) => paths.map((path) => join(content, path)));
    const place = places.find(existsSync);
    if (place === undefined) throw new Error(`${kernel.packages.join(' and ')} hold none of ${paths.join(', ')}`);
    return place;
  };
  const modules = modulesIn(inPackages(`lib/modules/${release}/kernel`, `usr/lib/modules/${release}/kernel`), folder);
  const image = inPackages(`boot/vmlinuz-${release}`, `usr/lib/modules/${release}/vmlinuz`, `usr/lib/linux/${release}/vmlinuz`);
  const results = join(folder, 'results');
  const machine = ({ guest, plan }) => {
    const initrd = join(folder, 'initrd');
    const script = join(import.meta.dirname, 'guest.mjs');
    const tool = ['dist', 'package.json', 'build/Release/fanout.node'].map((part) => join(ROOT, part));
    const programs = [process.execPath, ...['ip', 'unshare', 'sh', 'true'].map(pathOf)];
    const files = [
      guest,
      plan,
      script,
      join(import.meta.dirname, 'guest-steering.mjs'),
      ...tool,
      ...programs,
      ...librariesOf([...programs, tool[2]]),
      ...Object.values(modules).flat(),
    ];
    writeFileSync(initrd, initramfs({ init: guest, files }));
    const environment = { FANOUT_RESULTS: '/dev/ttyS1', FANOUT_COMMAND: [process.execPath, script, plan, '/dev/ttyS1'].join(',') };
    const words = [
      'console=ttyS0',
      'quiet',
      'loglevel=3',
      'panic=-1',
      'mitigations=off',
      ...Object.entries(environment).map((pair) => pair.join('=')),
    ];
    return {
      file: 'qemu-system-x86_64',
      args: [
        ...['-accel', 'tcg,thread=multi,tb-size=256', '-cpu', 'max', '-smp', '2', '-m', '2048', '-nodefaults', '-display', 'none'],
        ...[
          '-serial',
          'stdio',
          '-serial',
          `file:${results}`,
          '-no-reboot',
          '-kernel',
          image,
          '-initrd',
          initrd,
          '-append',
          words.join(' '),
        ],
      ],
      results,
    };
  };
  return { modules, machine, inGuest: (path) => path, slowness: 8 };
}

function pathOf(program) {
  const paths = (process.env.PATH ?? '').split(':').map((folder) => join(folder, program));
  const path = paths.find(existsSync);
  if (path === undefined) throw new Error(`${program} is not in PATH, and the guest needs it`);
  return path;
}

function librariesOf(files) {
  const found = files.flatMap((file) => run('ldd', [file]).match(/\/\S+/g) ?? []);
  return [...new Set(found.map((path) => path.replace(/:$/, '')))].filter((path) => !files.includes(path));
}

// ---- while it runs

function watched(child, { results, limitMs, onRecord }) {
  let console_ = '';
  const take = (data) => {
    console_ += data;
  };
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  let told = 0;
  const look = () => {
    const records = recordsIn(results);
    for (const record of records.slice(told)) onRecord?.(record);
    told = records.length;
  };
  const ticker = setInterval(look, 500);
  const begun = performance.now();
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    end();
  }, limitMs);
  // User-mode Linux is several processes, and none of them may outlive this one.
  const end = () => {
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  };
  const interrupted = () => {
    end();
    process.exit(4);
  };
  process.on('exit', end);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, interrupted);
  return new Promise((resolvePromise, reject) => {
    child.on('error', reject);
    child.on('close', () => {
      clearInterval(ticker);
      clearTimeout(timer);
      process.off('exit', end);
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.off(signal, interrupted);
      look();
      resolvePromise({ records: recordsIn(results), console: console_, ms: Math.round(performance.now() - begun), isLate });
    });
  });
}

// The last line may still be on its way.
function recordsIn(results) {
  return readFileSync(results, 'utf8')
    .split('\n')
    .slice(0, -1)
    .flatMap((line) => {
      try {
        return [JSON.parse(line)];
      } catch {
        return [];
      }
    });
}
