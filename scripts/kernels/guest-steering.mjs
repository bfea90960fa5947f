// Runs inside another kernel: node guest-steering.mjs ADDON STEP COMMAND...: the built-in programs as far as the command line does not reach.
// Prints the report of the command, whose options are --json and what the step needs, and says on standard error what it did.
//   dissector            the command's lab is this network namespace, with the flow dissector attached
//   dissector-fallback   the same, in the variant for kernels without BPF_FLOW_DISSECTOR_CONTINUE
//   loads                says how long loading each program takes, and whether the kernel goes on where the dissector leaves a packet to it
//   group                before "--" a command that sends: once the other's group captures, in mode ebpf without a program, one is given to it
//                        from this process, and only then is anything sent
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, readdirSync, readlinkSync } from 'node:fs';
import { createRequire } from 'node:module';

const [addonPath, step, outside, ...command] = process.argv.slice(2);
const addon = createRequire(import.meta.url)(addonPath);
const ALL_LAYERS = 0xffff_ffff;
const NO_FALLBACK = 2;
const EBPF = 7;

const STEPS = { loads, dissector: () => behind(0), 'dissector-fallback': () => behind(NO_FALLBACK), group };
process.exitCode = await STEPS[step]();

function loaded(program, policy) {
  return addon.loadSteering({ program, policy, layers: ALL_LAYERS });
}

function loads() {
  for (const [program, policy] of [
    ['steer', 0],
    ['steer', 1],
    ['dissect', 0],
    ['dissect', NO_FALLBACK],
  ]) {
    const begun = performance.now();
    const descriptor = loaded(program, policy);
    const ms = Math.round(performance.now() - begun);
    console.log(
      `${program} ${policy}: loaded in ${ms} ms${program === 'dissect' && policy === 0 ? `, continue ${addon.hasContinue(descriptor)}` : ''}`,
    );
    closeSync(descriptor);
  }
  return 0;
}

/** The link ends with this process. */
function behind(policy) {
  addon.attachFlowDissector('/proc/self/ns/net', loaded('dissect', policy));
  const script = 'export FANOUT_CLUSTER_LAB="$$:$1"; shift; exec "$@"';
  return spawnSync('sh', ['-c', script, 'sh', outside, ...command], { stdio: ['ignore', 'inherit', 'inherit'] }).status;
}

function group() {
  const end = command.indexOf('--');
  const [sender, tool] = [command.slice(0, end), command.slice(end + 1)];
  const child = spawn(tool[0], tool.slice(1), { stdio: ['ignore', 'inherit', 'pipe'] });
  let sending;
  let said = '';
  let isGiven = false;
  child.stderr.on('data', (data) => {
    said += data;
    if (isGiven || !/capturing/.test(said)) return;
    isGiven = true;
    const socket = foreignMember();
    const before = addon.groupOf(socket);
    addon.steerGroup(socket, loaded('steer', 0));
    closeSync(socket);
    sending = spawn(sender[0], sender.slice(1), { stdio: 'ignore' });
    console.error(`given to group ${before.id} of mode ${before.mode}`);
  });
  return new Promise((resolve) => {
    child.on('close', (status) => {
      sending?.kill('SIGKILL');
      resolve(status);
    });
  });
}

/** A copy of a socket of another process that is a member of a group in mode ebpf. */
function foreignMember() {
  const others = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  for (const pid of others)
    for (const descriptor of socketsOf(pid)) {
      const socket = copyOf(Number(pid), Number(descriptor));
      if (socket === undefined) continue;
      if (addon.groupOf(socket)?.mode === EBPF) return socket;
      // Whoever waits for the end of a connection would wait for this copy, too.
      closeSync(socket);
    }
  throw new Error('no group in mode ebpf');
}

function socketsOf(pid) {
  try {
    return readdirSync(`/proc/${pid}/fd`).filter((descriptor) => readlinkSync(`/proc/${pid}/fd/${descriptor}`).startsWith('socket:'));
  } catch {
    // It ended meanwhile.
    return [];
  }
}

function copyOf(pid, descriptor) {
  try {
    return addon.takeDescriptor(pid, descriptor);
  } catch {
    return undefined;
  }
}
