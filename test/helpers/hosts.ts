/** Two hosts on one cable: this network namespace with cap0, and another one with gen0, for real programs to talk. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readlinkSync, writeFileSync } from 'node:fs';
import { refuseHostNamespace } from './lab.ts';
import { DIES_WITH_US, end, serveCommand } from './serve.ts';

export interface Hosts {
  /** Of this namespace. */
  readonly interface: string;
  /** Of the other one. */
  readonly peerInterface: string;
  /** Runs a program here until the hosts are taken down. Resolves when `ready` matches what it says. */
  serve(command: readonly string[], ready: RegExp): Promise<void>;
  /** Ends what runs here, in order, so that all of it is written. */
  end(): Promise<void>;
  /** Runs a shell command on the peer to its end, and gives back what it printed. Rejects if it fails. */
  onPeer(script: string): Promise<string>;
  /** Another device of this namespace goes to the peer's. */
  moveToPeer(device: string): void;
}

export const HERE = '10.77.0.1';
export const HERE6 = 'fd77::1';

export async function withHosts<T>(body: (hosts: Hosts) => Promise<T>): Promise<T> {
  refuseHostNamespace();
  const started: ChildProcess[] = [];
  const peer = spawn('setpriv', [...DIES_WITH_US, 'unshare', '--net', '--', 'sleep', 'infinity'], { stdio: 'ignore' });
  started.push(peer);
  try {
    await untilApart(peer);
    connect(Number(peer.pid));
    return await body({
      interface: 'cap0',
      peerInterface: 'gen0',
      serve: async (command, ready) => {
        started.push(await serveCommand(command, ready));
      },
      end: async () => {
        for (const child of started.filter((one) => one !== peer)) await end(child);
      },
      moveToPeer: (device) => void execFileSync('ip', ['link', 'set', device, 'netns', String(peer.pid)]),
      onPeer: (script) => run('nsenter', [`--net=/proc/${peer.pid}/ns/net`, '--', 'sh', '-c', script]),
    });
  } finally {
    for (const child of started) await end(child);
    // Gone already if its peer went with the other namespace.
    spawn('ip', ['link', 'delete', 'cap0'], { stdio: 'ignore' });
    await untilGone('cap0');
  }
}

async function untilApart({ pid }: ChildProcess): Promise<void> {
  const own = readlinkSync('/proc/self/ns/net');
  while (readlinkSync(`/proc/${pid}/ns/net`) === own) await pause();
}

async function untilGone(name: string): Promise<void> {
  const exists = () => execFileSync('ip', ['-o', 'link'], { encoding: 'utf8' }).includes(` ${name}@`);
  while (exists()) await pause();
}

const pause = () => new Promise((resolve) => setTimeout(resolve, 5));

function connect(peer: number): void {
  const ip = (commands: readonly string[], namespace: readonly string[] = []) => {
    const [file = 'ip', ...args] = [...namespace, 'ip', '-batch', '-'];
    execFileSync(file, args, { input: `${commands.join('\n')}\n` });
  };
  ip(['link add name cap0 type veth peer name gen0', `link set gen0 netns ${peer}`]);
  // A lab made here before may have switched IPv6 off for interfaces to come.
  writeFileSync('/proc/sys/net/ipv6/conf/cap0/disable_ipv6', '0');
  const more = Array.from({ length: 30 }, (_, i) => `address add 10.77.0.${100 + i}/24 dev cap0`);
  ip([`address add ${HERE}/24 dev cap0`, ...more, `address add ${HERE6}/64 dev cap0 nodad`, 'link set cap0 up']);
  ip(
    ['address add 10.77.0.2/24 dev gen0', 'address add fd77::2/64 dev gen0 nodad', 'link set gen0 up'],
    ['nsenter', `--net=/proc/${peer}/ns/net`, '--'],
  );
}

function run(file: string, args: readonly string[]): Promise<string> {
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => (code === 0 ? resolve(stdout) : reject(new Error(`${args.at(-1)}: ${code}: ${stderr}${stdout}`))));
  });
}
