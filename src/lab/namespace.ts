/**
 * The lab is a network namespace of its own, entered by replacing this process: process id, signals and exit status stay what
 * the caller expects, and the kernel cleans up when the process ends, however it ends.
 */

import { existsSync, readFileSync, readlinkSync } from 'node:fs';
import { constants } from 'node:os';
import type { ProcessAddon } from '../addon/process.ts';
import { FanoutError, firstLineOf, isSystemCallError } from '../errors.ts';

/** Set on the way in to "process id:inode of the namespace outside". */
export const LAB_VARIABLE = 'FANOUT_CLUSTER_LAB';

type Environment = Readonly<Record<string, string | undefined>>;

/** What the kernel says about this process. */
export interface SelfFacts {
  readonly pid: number;
  /** Inode of the network namespace. */
  readonly netns: string;
  /** Content of /proc/self/net/dev. */
  readonly devices: string;
}

export function readSelf(): SelfFacts {
  const link = readlinkSync('/proc/self/ns/net');
  const netns = /^net:\[(\d+)\]$/.exec(link)?.[1];
  if (netns === undefined) throw labFailed(`/proc/self/ns/net reads ${link}`);
  return { pid: process.pid, netns, devices: readFileSync('/proc/self/net/dev', 'utf8') };
}

/** Interfaces through which a packet has ever passed. */
export function usedDevices(devices: string): readonly string[] {
  const lines = devices.split('\n').slice(2);
  const rows = lines.map((line) => /^\s*([^:]+):(.*)$/.exec(line)).filter((match) => match !== null);
  return rows.filter(([, , counters = '']) => /[1-9]/.test(counters)).map(([, name = '']) => name);
}

/**
 * Whether this process is in a lab of its own. A marker that names another process was inherited and means nothing. One that
 * names this process says that it has been here before: it is believed only if the namespace is another one than then, and one
 * in which no packet has ever passed. No variable, forged or not, makes a host's namespace look like that.
 */
export function labState(env: Environment, self: SelfFacts = readSelf()): 'outside' | 'inside' {
  const marker = /^(\d+):(\d+)$/.exec(env[LAB_VARIABLE] ?? '');
  if (marker === null || Number(marker[1]) !== self.pid) return 'outside';
  if (marker[2] === self.netns) throw labFailed('the process was replaced, but is still in the network namespace it came from');
  const used = usedDevices(self.devices);
  if (used.length > 0) throw labFailed(`the network namespace is in use: packets have passed ${used.join(', ')}`);
  return 'inside';
}

function labFailed(message: string, cause?: unknown): FanoutError {
  return new FanoutError('LAB_FAILED', message, `unset ${LAB_VARIABLE} and start again`, { cause });
}

export interface EnterOptions {
  readonly addon: Pick<ProcessAddon, 'exec'>;
  /** The whole command that is to run inside, program first. */
  readonly argv: readonly [string, ...string[]];
  readonly env: Environment;
  readonly isRoot: boolean;
}

/**
 * Starts `argv` in place of this process, in a network namespace of its own. Comes back only to throw a FanoutError. Root of a container may lack
 * what the lab takes, and still be allowed what every user is: to be root of a user namespace.
 */
export async function enterLab({ addon, argv, env, isRoot }: EnterOptions): Promise<never> {
  const { pid, netns } = readSelf();
  const variables = environmentList({ ...env, [LAB_VARIABLE]: `${pid}:${netns}` });
  const lacking = isRoot ? capabilitiesLacking(readFileSync('/proc/self/status', 'latin1')) : [];
  if (isRoot && lacking.length === 0) {
    try {
      // Not by way of unshare(1): when that is refused it exits with 1, which from this program means "NO".
      return replaceProcess(addon, argv, variables, true);
    } catch (error) {
      if (!(error instanceof FanoutError) || error.code !== 'NO_PRIVILEGE') throw error;
    }
  }
  await probeUserNamespaces(isRoot ? lacking : undefined);
  return replaceProcess(addon, ['unshare', ...UNPRIVILEGED, '--', ...argv], variables, false);
}

/** By their bits in capabilities(7). */
const LAB_CAPABILITIES = [
  ['NET_ADMIN', 12n],
  ['NET_RAW', 13n],
  ['SYS_ADMIN', 21n],
] as const;

/** @param status content of /proc/self/status */
export function capabilitiesLacking(status: string): readonly string[] {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`);
  return LAB_CAPABILITIES.filter(([, bit]) => ((effective >> bit) & 1n) === 0n).map(([name]) => name);
}

const UNPRIVILEGED = ['--user', '--map-root-user', '--net'] as const;

function environmentList(env: Environment): readonly string[] {
  return Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
}

function replaceProcess(
  addon: EnterOptions['addon'],
  argv: readonly [string, ...string[]],
  env: readonly string[],
  newNetwork: boolean,
): never {
  try {
    return addon.exec({ file: argv[0], argv, env, newNetwork });
  } catch (cause) {
    throw execFailure(argv[0], cause);
  }
}

const { EPERM, ENOENT, ENOSPC } = constants.errno;

function execFailure(file: string, cause: unknown): unknown {
  if (!isSystemCallError(cause)) return cause;
  if (cause.call !== 'unshare') {
    if (cause.errno === ENOENT) return toolMissing(file, cause);
    return new FanoutError('LAB_FAILED', `cannot start ${file} in the lab (${cause.message})`, 'check that the file can be executed', {
      cause,
    });
  }
  if (cause.errno === EPERM) {
    return rootMayNot([], 'unshare: EPERM', cause);
  }
  const remedy = cause.errno === ENOSPC ? 'raise the sysctl user.max_net_namespaces' : 'a kernel with CONFIG_NET_NS is needed';
  return new FanoutError('LAB_FAILED', `cannot create a network namespace (${cause.message})`, remedy, { cause });
}

function toolMissing(tool: string, cause: unknown): FanoutError {
  const remedy = 'install util-linux (it has unshare) and see that PATH leads to it, or run as root';
  return new FanoutError('TOOL_MISSING', `${tool} was not found in PATH`, remedy, { cause });
}

/** @param lacking capabilities; none where a filter of system calls, or a security module, refuses what they would allow */
function rootMayNot(lacking: readonly string[], said: string, cause: unknown): FanoutError {
  const why = lacking.length === 0 ? '' : `: it lacks ${lacking.map((name) => `CAP_${name}`).join(', ')}`;
  const options = (lacking.length === 0 ? LAB_CAPABILITIES.map(([name]) => name) : lacking).map((name) => `--cap-add ${name}`).join(' ');
  return new FanoutError(
    'NO_PRIVILEGE',
    `this root may not set up a network namespace${why}, nor a user namespace to have one in (${said})`,
    `in a container: ${options}; or allow user namespaces there (its seccomp profile, RestrictNamespaces= of the unit, sysctl user.max_user_namespaces)`,
    { cause },
  );
}

/**
 * Once this process is replaced, unshare(1)'s refusal could no longer be told from a verdict: so it is asked before.
 * @param lacking of root, which takes this way because it lacks them
 */
async function probeUserNamespaces(lacking: readonly string[] | undefined): Promise<void> {
  const { execa } = await import('execa');
  const probe = await execa('unshare', [...UNPRIVILEGED, 'true'], { cwd: '/', reject: false, stdin: 'ignore' });
  if (!probe.failed) return;
  if (probe.code === 'ENOENT') throw toolMissing('unshare', probe);
  const said = firstLineOf(probe.stderr === '' ? probe.shortMessage : probe.stderr);
  if (lacking !== undefined) throw rootMayNot(lacking, said, probe);
  if (!existsSync('/proc/self/ns/user'))
    throw new FanoutError(
      'NO_USER_NAMESPACE',
      `this kernel has no user namespaces, in which a user may make a network namespace (${said})`,
      'run with sudo, or on a kernel with CONFIG_USER_NS',
      { cause: probe },
    );
  const remedy =
    'run with sudo, or allow user namespaces: sysctl kernel.unprivileged_userns_clone=1 (Debian), ' +
    'kernel.apparmor_restrict_unprivileged_userns=0 (Ubuntu), user.max_user_namespaces > 0';
  throw new FanoutError('NO_USER_NAMESPACE', `this user may not create user and network namespaces (${said})`, remedy, { cause: probe });
}
