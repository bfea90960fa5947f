/**
 * Machines as operators have them: each is this one with something taken away, axis by axis. On each a run goes on, or ends with 2 or 4 and a
 * remedy; the remedy is followed as it is written, and then the run goes on. Never another status, and never silence.
 */
import { closeSync, mkdirSync, openSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Ended, run } from './tool.ts';
import { type Feature, withMounts } from './without.ts';

export type Axis = 'user' | 'namespaces' | 'tun' | 'proc' | 'sys' | 'root' | 'limits' | 'memory' | 'tasks' | 'filter';

/** What is taken away. Undefined: nothing. */
export type Machine = Readonly<Partial<Record<Axis, string>>>;

/** What a machine consists of. A remedy that is followed changes it. */
interface Setting {
  /** Names of capabilities; undefined: all. */
  capabilities?: ReadonlySet<string>;
  /** No root. */
  isUser?: true;
  /** Of a user: capabilities that a unit or a file gives. */
  ambient?: readonly string[];
  hasNoUserNamespaces?: true;
  readonly mounts: string[];
  readonly ulimits: string[];
  memoryMiB?: number;
  tasks?: number;
  features: readonly Feature[];
  procs: number;
}

const OF_A_CONTAINER =
  'chown dac_override fowner fsetid kill setgid setuid setpcap net_bind_service net_raw sys_chroot mknod setfcap'.split(' ');
const only = (...names: readonly string[]) => ({ capabilities: new Set(names) });

type Values = Readonly<Record<string, (setting: Setting) => void>>;
const mount = (line: string) => (setting: Setting) => void setting.mounts.push(line);
const limit = (line: string) => (setting: Setting) => void setting.ulimits.push(line);
const filter =
  (...features: readonly Feature[]) =>
  (setting: Setting) => {
    setting.features = features;
  };

export const AXES: Readonly<Record<Axis, Values>> = {
  user: {
    container: (setting) => Object.assign(setting, only(...OF_A_CONTAINER)),
    'container with NET_ADMIN': (setting) => Object.assign(setting, only(...OF_A_CONTAINER, 'net_admin')),
    'container with SYS_ADMIN': (setting) => Object.assign(setting, only(...OF_A_CONTAINER, 'sys_admin')),
    'container with both': (setting) => Object.assign(setting, only(...OF_A_CONTAINER, 'sys_admin', 'net_admin')),
    'root with NET_RAW alone': (setting) => Object.assign(setting, only('net_raw')),
    'root with NET_RAW and NET_ADMIN alone': (setting) => Object.assign(setting, only('net_raw', 'net_admin')),
    'root without any': (setting) => Object.assign(setting, only()),
    user: (setting) => Object.assign(setting, { isUser: true }),
    'user with NET_RAW': (setting) => Object.assign(setting, { isUser: true, ambient: ['net_raw'] }),
    'user with NET_RAW and NET_ADMIN': (setting) => Object.assign(setting, { isUser: true, ambient: ['net_raw', 'net_admin'] }),
  },
  namespaces: {
    'no user namespaces': (setting) => Object.assign(setting, { hasNoUserNamespaces: true }),
    'a kernel without user namespaces': filter('user-namespaces'),
    'a filter refuses all': filter('namespaces'),
  },
  tun: {
    'no node': mount('mount -t tmpfs none /dev/net'),
    'no module': mount('mount -t tmpfs none /dev/net && mknod -m 666 /dev/net/tun c 60 1'),
    'not for this device group': mount('mount -t tmpfs -o nodev none /dev/net && mknod -m 666 /dev/net/tun c 10 200'),
    'no right to it': mount('mount -t tmpfs none /dev/net && mknod -m 0 /dev/net/tun c 10 200'),
  },
  proc: {
    'processes alone': mount('mount -t proc -o subset=pid none /proc'),
    "no other user's": mount('mount -t proc -o hidepid=invisible none /proc'),
    'read-only': mount('mount --bind /proc /proc && mount -o remount,bind,ro /proc'),
    'read-only settings': mount('mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys'),
    none: mount('mount -t tmpfs none /proc'),
  },
  sys: {
    none: mount('mount -t tmpfs none /sys'),
    'read-only': mount('mount --bind /sys /sys && mount -o remount,bind,ro /sys'),
    'no control groups': mount('mount -t tmpfs none /sys/fs/cgroup'),
  },
  root: {
    'read-only, with all below': mount(
      'for at in /tmp /run /dev/shm /var /; do mount --bind $at $at && mount -o remount,bind,ro $at || true; done',
    ),
    'no room in /tmp, /run and /dev/shm': mount(
      'for at in /run /dev/shm; do mount -t tmpfs -o size=4k none $at && head -c 4096 /dev/zero > $at/full || exit 9; done',
    ),
  },
  limits: {
    'no files': limit('ulimit -f 0'),
    '20 descriptors': limit('ulimit -n 20'),
    '30 descriptors': limit('ulimit -n 30'),
    '50 descriptors': limit('ulimit -n 50'),
    'no locked memory': limit('ulimit -l 0'),
    'small stacks': limit('ulimit -s 128'),
    'no processes': limit('ulimit -u 1'),
    '30 processes': limit('ulimit -u 30'),
    'no queued signals': limit('ulimit -i 0'),
    'no core files': limit('ulimit -c 0'),
  },
  memory: {
    '30 MiB': (setting) => Object.assign(setting, { memoryMiB: 30 }),
    '60 MiB': (setting) => Object.assign(setting, { memoryMiB: 60 }),
    '100 MiB': (setting) => Object.assign(setting, { memoryMiB: 100 }),
  },
  tasks: {
    // With fewer, Node.js ends itself before this program begins.
    '12': (setting) => Object.assign(setting, { tasks: 12 }),
    '16': (setting) => Object.assign(setting, { tasks: 16 }),
    '30': (setting) => Object.assign(setting, { tasks: 30 }),
  },
  filter: {
    '@system-service': filter('system-service-only'),
    '@system-service, deadly': filter('deadly-system-service-only'),
    'no packet sockets': filter('packet-family'),
    'no netlink sockets': filter('netlink-family'),
    'no Unix sockets': filter('unix-family'),
    'no Internet sockets': filter('inet-family'),
    'a deadly memfd_create': filter('deadly-memfd_create'),
    'a deadly sendmsg': filter('deadly-sendmsg'),
    'a deadly setgroups': filter('deadly-setgroups'),
    'a deadly unshare': filter('deadly-unshare'),
  },
};

export const COMMANDS = {
  lab: (procs: number) => ['--flows', '60', '--quiet', '-n', String(procs)],
  live: (procs: number) => ['-i', 'lo', '--duration', '100ms', '--quiet', '-n', String(procs)],
  predict: () => ['predict', '-', '--quiet'],
} as const satisfies Record<string, (procs: number) => readonly string[]>;
export type Command = keyof typeof COMMANDS;

/** A run has an answer; on a loopback without traffic, and of one process, that is INCONCLUSIVE. */
const ANSWERS: Readonly<Record<Command, readonly number[]>> = { lab: [0], live: [3], predict: [0] };

export interface Outcome {
  readonly machine: Machine;
  readonly command: Command;
  /** What was done in turn: error codes, remedies that were followed, the answer. */
  readonly steps: readonly string[];
  /** What is wrong; undefined where nothing is. */
  readonly fault?: string;
}

export interface Workshop {
  /** Of buildWithout(). */
  without(...features: readonly Feature[]): readonly string[];
  /** Parents of control groups, which this process may make others below; undefined where it may not. */
  readonly groups: Readonly<Partial<Record<'memory' | 'pids', string>>>;
  /** A capture file. */
  readonly capture: string;
}

export function nameOf(machine: Machine): string {
  const parts = Object.entries(machine).map(([axis, value]) => `${axis}: ${value}`);
  return parts.length === 0 ? 'this machine' : parts.join('; ');
}

const FOLLOWED_MAX = 4;

export async function outcomeOn(machine: Machine, command: Command, workshop: Workshop): Promise<Outcome> {
  const setting = settingOf(machine);
  const steps: string[] = [];
  for (let followed = 0; ; followed += 1) {
    const ended = await within(setting, workshop, (by) => runBy(by, COMMANDS[command](setting.procs), workshop.capture));
    const answers = setting.procs === 1 ? [...ANSWERS[command], 3] : ANSWERS[command];
    if (ended.signal === null && answers.includes(ended.status ?? -1)) return { machine, command, steps: [...steps, String(ended.status)] };
    const { code, remedy } = refusalOf(ended);
    const said = ended.stderr.trim() || '(nothing)';
    const end = `${ended.signal ?? ended.status}`;
    const fault = (what: string): Outcome => ({ machine, command, steps, fault: `${what}: ${end}: ${said}` });
    if (remedy === undefined || (ended.status !== 2 && ended.status !== 4)) return fault('no refusal');
    if (followed === FOLLOWED_MAX) return fault('remedies lead nowhere');
    const done = follow(setting, remedy, ended.stderr);
    if (done === undefined) return fault('nothing to follow');
    steps.push(`${code}: ${done}`);
  }
}

async function runBy(by: readonly string[], args: readonly string[], capture: string): Promise<Ended> {
  const stdin = openSync(capture, 'r');
  try {
    return await run(args, { by, stdin });
  } finally {
    closeSync(stdin);
  }
}

function settingOf(machine: Machine): Setting {
  const setting: Setting = { mounts: [], ulimits: [], features: [], procs: 2 };
  for (const [axis, value] of Object.entries(machine) as [Axis, string][]) {
    const take = AXES[axis][value];
    if (take === undefined) throw new RangeError(`${axis} has no ${value}`);
    const before = setting.features;
    take(setting);
    setting.features = [...new Set([...before, ...setting.features])];
  }
  return setting;
}

function refusalOf({ stdout, stderr }: Ended): { readonly code: string; readonly remedy?: string } {
  const [, code, remedy] = /^fanout-cluster: ([A-Z_]+): .+\n {2}-> (.+)$/m.exec(stderr) ?? [];
  return code === undefined || remedy === undefined || stdout !== '' ? { code: 'none' } : { code, remedy };
}

interface Advice {
  readonly says: RegExp;
  /** Does it, and says what; undefined where it has been done before, so that it cannot be what helps. */
  readonly doing: (setting: Setting, said: RegExpMatchArray, stderr: string) => string | undefined;
}

const allow =
  (...features: readonly Feature[]) =>
  (setting: Setting): boolean => {
    const left = setting.features.filter((feature) => !features.includes(feature));
    const changed = left.length < setting.features.length;
    setting.features = left;
    return changed;
  };

/** In this order; the first that changes something is followed. */
const ADVICE: readonly Advice[] = [
  {
    says: /mount -t proc proc \/proc/,
    doing: ({ mounts }, [command = '']) => {
      if (mounts.includes(command)) return undefined;
      mounts.push(command);
      return command;
    },
  },
  {
    says: /--cap-add [A-Z_]+/,
    doing: (setting, { input = '' }) => {
      const names = [...input.matchAll(/--cap-add ([A-Z_]+)/g)].map(([, name = '']) => name.toLowerCase());
      const { capabilities, isUser } = setting;
      const added = isUser === true || capabilities === undefined ? [] : names.filter((name) => !capabilities.has(name));
      if (added.length === 0) return undefined;
      setting.capabilities = new Set([...(capabilities ?? []), ...added]);
      return added.map((name) => `--cap-add ${name}`).join(' ');
    },
  },
  {
    says: /SystemCallFilter=@system-service.*SystemCallErrorNumber=EPERM/,
    doing: (setting) => {
      const deadly = setting.features.filter((feature) => feature.startsWith('deadly-'));
      if (!allow(...deadly)(setting)) return undefined;
      setting.features = [...setting.features, 'system-service-only'];
      return 'SystemCallErrorNumber=EPERM';
    },
  },
  {
    says: /RestrictAddressFamilies=((?:AF_[A-Z]+ ?)+)/,
    doing: (setting, [, families = '']) => {
      const features = families
        .trim()
        .split(' ')
        .map((family) => `${family.slice(3).toLowerCase()}-family` as Feature);
      return allow(...features)(setting) ? families.trim() : undefined;
    },
  },
  {
    says: /run with sudo/,
    doing: (setting) => {
      if (setting.isUser !== true) return undefined;
      delete setting.isUser;
      return 'sudo';
    },
  },
  {
    says: /allow user namespaces|user\.max_user_namespaces/,
    doing: (setting) => {
      const changed = [allow('user-namespaces', 'namespaces', 'deadly-unshare')(setting), setting.hasNoUserNamespaces].includes(true);
      delete setting.hasNoUserNamespaces;
      return changed ? 'user namespaces' : undefined;
    },
  },
  {
    says: /use --procs (\d+)/,
    doing: (setting, [said, procs]) => {
      if (Number(procs) >= setting.procs) return undefined;
      setting.procs = Number(procs);
      return said;
    },
  },
  {
    says: /raise its limit \((MemoryMax|TasksMax)=/,
    doing: (setting, [, name], stderr) => {
      const [, memory] = / (\d+) MiB together/.exec(stderr) ?? [];
      const [, tasks] = / need (\d+) more threads/.exec(stderr) ?? [];
      if (name === 'MemoryMax' && setting.memoryMiB !== undefined) {
        setting.memoryMiB = Number(memory ?? 0) + 40;
        return `MemoryMax=${setting.memoryMiB}M`;
      }
      if (name === 'MemoryMax' || setting.tasks === undefined) return undefined;
      // Beside the shell and what it starts.
      setting.tasks = Number(tasks ?? 0) + 16;
      return `TasksMax=${setting.tasks}`;
    },
  },
  {
    // Where nobody could look at the group beforehand.
    says: /pids\.max of the control group/,
    doing: (setting) => {
      if (setting.tasks === undefined || setting.tasks >= 64) return undefined;
      setting.tasks = 64;
      return 'pids.max 64';
    },
  },
  {
    says: /\(ulimit (-\w)[^)]*\)(?:, to (\d+) at least)?|ulimit (-u)/,
    doing: (setting, [, option, least, user], stderr) => {
      const name = option ?? user;
      const at = setting.ulimits.findIndex((line) => line.startsWith(`ulimit ${name}`));
      if (at < 0) return undefined;
      const [, needed] = /need about (\d+) file descriptors/.exec(stderr) ?? [];
      const raised = `ulimit -n ${needed ?? least ?? '100'}`;
      if (setting.ulimits[at] === raised) return undefined;
      // The hard limit of this host is what "unlimited" can be here.
      if (name === '-n') setting.ulimits[at] = raised;
      else setting.ulimits.splice(at, 1);
      if (name !== '-n') return `ulimit ${name} unlimited`;
      return raised;
    },
  },
];

function follow(setting: Setting, remedy: string, stderr: string): string | undefined {
  for (const { says, doing } of ADVICE) {
    const said = says.exec(remedy);
    const done = said === null ? undefined : doing(setting, said, stderr);
    if (done !== undefined) return done;
  }
  return undefined;
}

let groupsMade = 0;

/** From the outside in, as each needs what the next takes away. */
async function within<T>(setting: Setting, { without, groups }: Workshop, body: (by: readonly string[]) => Promise<T>): Promise<T> {
  const made: string[] = [];
  const group = (controller: 'memory' | 'pids', limits: Readonly<Record<string, number>>): readonly string[] => {
    const parent = groups[controller];
    if (parent === undefined) return [];
    const own = join(parent, String(++groupsMade));
    mkdirSync(own);
    made.push(own);
    for (const [file, value] of Object.entries(limits)) writeFileSync(join(own, file), String(value));
    return shell(`echo $$ > ${own}/cgroup.procs`);
  };
  try {
    return await body([
      ...(setting.memoryMiB === undefined ? [] : group('memory', memoryLimit(groups.memory, setting.memoryMiB))),
      ...(setting.tasks === undefined ? [] : group('pids', { 'pids.max': setting.tasks })),
      ...(setting.mounts.length === 0 ? [] : withMounts(setting.mounts.join(' && '))),
      ...(setting.hasNoUserNamespaces === true
        ? [...NEW_USER_NAMESPACE, ...shell('ip link set lo up && echo 0 > /proc/sys/user/max_user_namespaces')]
        : []),
      ...(setting.features.length === 0 ? [] : without(...setting.features)),
      ...(setting.ulimits.length === 0 ? [] : shell(setting.ulimits.join(' && '))),
      ...identity(setting),
    ]);
  } finally {
    for (const directory of made) await removed(directory);
  }
}

const NEW_USER_NAMESPACE = ['unshare', '--user', '--map-root-user', '--net', '--'];
// bash knows all limits.
const shell = (line: string): readonly string[] => ['bash', '-c', `${line} && exec "$@"`, 'bash'];

function memoryLimit(parent: string | undefined, mebibytes: number): Readonly<Record<string, number>> {
  return { [parent?.includes('/memory/') === true ? 'memory.limit_in_bytes' : 'memory.max']: mebibytes << 20 };
}

function identity({ isUser, ambient = [], capabilities }: Setting): readonly string[] {
  const names = (list: Iterable<string>): string => ['-all', ...[...list].map((name) => `+${name}`)].join(',');
  if (isUser === true) {
    const given = ambient.length === 0 ? [] : [`--inh-caps=${names(ambient)}`, `--ambient-caps=${names(ambient)}`];
    return ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', ...given];
  }
  return capabilities === undefined ? [] : ['setpriv', '--bounding-set', names(capabilities), '--inh-caps=-all'];
}

/** Its last process may still be on its way out. */
async function removed(directory: string): Promise<void> {
  for (const end = performance.now() + 5000; ; ) {
    try {
      return rmdirSync(directory);
    } catch (error) {
      if (performance.now() > end) throw error;
      await new Promise((done) => setTimeout(done, 5));
    }
  }
}
