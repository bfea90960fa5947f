/** What the control groups of this process leave it of memory and of tasks, in both versions of them. */

/** The text of a file; undefined where there is none. */
export type ReadFile = (path: string) => string | undefined;

/** In bytes; Infinity where nothing limits it. */
export function memoryLeftByGroups(read: ReadFile): number {
  return leftByGroups(read, MEMORY);
}

/** Processes and threads that may still be started; Infinity where nothing limits them. */
export function tasksLeftByGroups(read: ReadFile): number {
  return leftByGroups(read, TASKS);
}

/** A group limits all that are in it, so those above count as well. */
function leftByGroups(read: ReadFile, versions: readonly Version[]): number {
  const groups = read('/proc/self/cgroup') ?? '';
  const mounts = (read('/proc/self/mountinfo') ?? '').split('\n').map(parseMount);
  const left = versions.flatMap(({ group, isMounted, leftIn }) => {
    const path = group.exec(groups)?.[1];
    const mount = mounts.find((one) => one !== undefined && isMounted(one));
    if (path === undefined || mount === undefined) return [];
    return directories(mount, path).map((directory) => leftIn((file) => read(`${directory}/${file}`)));
  });
  return Math.min(...left, Number.POSITIVE_INFINITY);
}

interface Mount {
  readonly root: string;
  readonly point: string;
  readonly type: string;
  readonly options: readonly string[];
}

interface Version {
  /** The path of the group in /proc/self/cgroup. */
  readonly group: RegExp;
  readonly isMounted: (mount: Mount) => boolean;
  readonly leftIn: (read: ReadFile) => number;
}

const MEMORY: readonly Version[] = [
  { ...version1('memory'), leftIn: (read) => memoryLeftOf(read, ['memory.limit_in_bytes'], 'memory.usage_in_bytes', 'total_') },
  // Above `high` the kernel slows the processes of a group down until they stand still.
  { ...version2(), leftIn: (read) => memoryLeftOf(read, ['memory.max', 'memory.high'], 'memory.current', '') },
];

const TASKS: readonly Version[] = [
  { ...version1('pids'), leftIn: tasksLeftOf },
  { ...version2(), leftIn: tasksLeftOf },
];

function version1(controller: string): Omit<Version, 'leftIn'> {
  return {
    group: new RegExp(`^\\d+:(?:[^:\\n]*,)?${controller}(?:,[^:\\n]*)?:(.*)$`, 'm'),
    isMounted: ({ type, options }) => type === 'cgroup' && options.includes(controller),
  };
}

function version2(): Omit<Version, 'leftIn'> {
  return { group: /^0::(.*)$/m, isMounted: ({ type }) => type === 'cgroup2' };
}

function tasksLeftOf(read: ReadFile): number {
  return Math.max(0, numberIn(read('pids.max')) - numberIn(read('pids.current'), 0));
}

// Pages of files are given up for whoever needs memory.
function memoryLeftOf(read: ReadFile, limits: readonly string[], usage: string, prefix: string): number {
  const limit = Math.min(...limits.map((file) => numberIn(read(file))));
  const stat = read('memory.stat') ?? '';
  const ofFiles = (kind: string): number => Number(new RegExp(`^${prefix}${kind}_file (\\d+)$`, 'm').exec(stat)?.[1] ?? 0);
  const used = numberIn(read(usage), 0) - ofFiles('inactive') - ofFiles('active');
  return Math.max(0, limit - Math.max(0, used));
}

/** "max", and no file at all, is no limit. Version 1 has a number for it that no machine reaches. */
function numberIn(text: string | undefined, otherwise = Number.POSITIVE_INFINITY): number {
  const number = Number.parseInt(text ?? '', 10);
  return Number.isNaN(number) || number >= 2 ** 60 ? otherwise : number;
}

/** proc_pid_mountinfo(5): id, parent, device, root, mount point, options, optional fields, "-", type, source, options of the file system. */
function parseMount(line: string): Mount | undefined {
  const [own = '', fileSystem] = line.split(' - ');
  const [, , , root, point] = own.split(' ');
  const [type, , options = ''] = (fileSystem ?? '').split(' ');
  if (root === undefined || point === undefined || type === undefined) return undefined;
  return { root: unescaped(root), point: unescaped(point), type, options: options.split(',') };
}

function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** The group's own and those above it, as far as they can be seen from here: in a container the mount may begin at its own group. */
function directories({ root, point }: Mount, path: string): readonly string[] {
  const top = root === '/' ? '' : root;
  const isBelow = path.startsWith(`${top}/`) && !path.includes('/..');
  const names = isBelow ? path.slice(top.length).split('/').filter(Boolean) : [];
  return [...names.map((_, i) => `${point}/${names.slice(0, i + 1).join('/')}`), point];
}
