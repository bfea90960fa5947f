/**
 * What this machine allows, as far as options depend on it. Read once, so that the options themselves stay pure. Of what a hardened host or a
 * container hides (/proc with subset=pid, no /sys) a system call tells a part; the rest counts as no limit.
 */
import { randomInt } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { availableParallelism, freemem } from 'node:os';
import { parseCpuList } from '../model/cpu-list.ts';
import { memoryLeftByGroups, tasksLeftByGroups } from './control-group.ts';

export interface Machine {
  readonly pageBytes: number;
  readonly memAvailableBytes: number;
  /** What the memory control groups of this process leave it; Infinity without a limit. Rings are not charged to them. */
  readonly memChargeableBytes: number;
  /** Processes and threads that this host, or the user of this process, may have in all. */
  readonly tasksMax: number;
  /** Processes and threads that the control groups of this process still allow; Infinity without a limit. */
  readonly tasksLeft: number;
  /** How large files may get that this process writes, those in memory too. */
  readonly fileBytesMax: number;
  /** Files that this process may have open. */
  readonly descriptorsMax: number;
  readonly onlineCpus: readonly number[];
  readonly randomSeed: number;
  /** Whether this process may make a TAP with several queues. */
  readonly mayOpenTun: boolean;
  /** The text of a file or pipe, cut after `bytesMax`; throws what node:fs throws. */
  readonly readText: (path: string, bytesMax: number) => string;
}

export const SEED_MAX = 0xffffffff;

export function readMachine(): Machine {
  const limits = readIfThere('/proc/self/limits') ?? '';
  return {
    pageBytes: pageBytes(),
    memAvailableBytes: availableBytes(readIfThere('/proc/meminfo')),
    memChargeableBytes: memoryLeftByGroups(readIfThere),
    tasksMax: Math.min(...TASK_LIMITS.map(limitIn), softLimit(limits, 'Max processes')),
    tasksLeft: tasksLeftByGroups(readIfThere),
    fileBytesMax: softLimit(limits, 'Max file size'),
    // Node raises the soft limit to the hard one when it starts.
    descriptorsMax: hardLimit(limits, 'Max open files'),
    onlineCpus: parseCpuList(readIfThere('/sys/devices/system/cpu/online')?.trim() ?? '') ?? allowedCpus(),
    randomSeed: randomInt(SEED_MAX + 1),
    mayOpenTun: mayOpen('/dev/net/tun'),
    readText,
  };
}

// Permissions do not tell: the node may be there without the module behind it, and opening it has the kernel load the module.
function mayOpen(path: string): boolean {
  try {
    closeSync(openSync(path, 'r+'));
    return true;
  } catch {
    return false;
  }
}

// Bounded, because the path may name an endless device, and open to pipes: --cbpf-program <(tcpdump -ddd ...).
function readText(path: string, bytesMax: number): string {
  const file = openSync(path, 'r');
  try {
    const bytes = Buffer.alloc(bytesMax);
    let length = 0;
    for (let got = -1; got !== 0 && length < bytesMax; length += got) got = readSync(file, bytes, length, bytesMax - length, null);
    return bytes.toString('utf8', 0, length);
  } finally {
    closeSync(file);
  }
}

const TASK_LIMITS = ['/proc/sys/kernel/pid_max', '/proc/sys/kernel/threads-max'];

function limitIn(path: string): number {
  const limit = Number.parseInt(readIfThere(path) ?? '', 10);
  return Number.isNaN(limit) ? Number.POSITIVE_INFINITY : limit;
}

/** Not every host has every file. */
function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}

/** Of a row of /proc/self/limits; "unlimited" is a number too. */
export function softLimit(limits: string, name: string): number {
  return limitsIn(limits, name)[0];
}

export function hardLimit(limits: string, name: string): number {
  return limitsIn(limits, name)[1];
}

function limitsIn(limits: string, name: string): readonly [soft: number, hard: number] {
  const row = limits.split('\n').find((line) => line.startsWith(name));
  const [soft, hard] = (row?.slice(name.length).trim().split(/\s+/) ?? []).map((text) => Number.parseInt(text, 10));
  return [known(soft), known(hard)];
}

function known(limit: number | undefined): number {
  return limit === undefined || Number.isNaN(limit) ? Number.POSITIVE_INFINITY : limit;
}

/**
 * One size of this process in two units. The auxiliary vector, which says it outright, is closed to a program with capabilities of its file;
 * arm64 and ppc64 kernels may use 64 KiB.
 */
function pageBytes(): number {
  const kibibytes = Number(/^VmSize:\s+(\d+) kB/m.exec(readIfThere('/proc/self/status') ?? '')?.[1]);
  const pages = Number.parseInt(readIfThere('/proc/self/statm') ?? '', 10);
  // It may have grown between the two.
  const bytes = 2 ** Math.round(Math.log2((kibibytes * 1024) / pages));
  return Number.isFinite(bytes) ? bytes : 4096;
}

/** Without the file sysinfo(2) knows what is free, but not what the page cache would give up. */
export function availableBytes(meminfo: string | undefined, free: () => number = freemem): number {
  const kibibytes = /^MemAvailable:\s+(\d+) kB/m.exec(meminfo ?? '')?.[1];
  return kibibytes === undefined ? free() : Number(kibibytes) * 1024;
}

/** Where this process may run: a control group or taskset(1) may have left it fewer than are online. */
export function allowedCpus(): readonly number[] {
  const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readIfThere('/proc/self/status') ?? '')?.[1] ?? '';
  return parseCpuList(list) ?? Array.from({ length: availableParallelism() }, (_, cpu) => cpu);
}
