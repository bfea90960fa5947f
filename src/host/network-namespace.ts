/** Network namespaces: by the name that ip-netns(8) has for them, by a process in one, or by a path. */
import { existsSync, readdirSync, type Stats, statSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { native } from '../addon/native.ts';
import { FanoutError, isSystemCallError, type SystemCallError } from '../errors.ts';
import { isInitialPidNamespace, nameOf, processIds } from './process-list.ts';

const NAMED = '/run/netns';
export const OWN_NAMESPACE = '/proc/self/ns/net';
/** Process 1 is as near to the initial namespace as one gets from inside a container. */
export const INITIAL_NAMESPACE = '/proc/1/ns/net';

/** A name before the number of a process, should both be there. */
export function namespacePath(given: string): string {
  if (given.includes('/')) return given;
  const named = join(NAMED, given);
  return /^\d+$/.test(given) && !existsSync(named) ? `/proc/${given}/ns/net` : named;
}

/** This thread, for good, and whatever it starts from then on. */
export function enterNamespace(given: string): void {
  try {
    native.enterNetworkNamespace(namespacePath(given));
  } catch (cause) {
    throw namespaceRefused(given, cause);
  }
}

/** Of the one that --netns names. Anything else than a failed call is thrown as it is. */
export function namespaceRefused(given: string, cause: unknown): FanoutError {
  if (!isSystemCallError(cause)) throw cause;
  const isForbidden = isRefusal(cause);
  return new FanoutError(
    isForbidden ? 'NO_PRIVILEGE' : 'USAGE',
    `--netns: cannot enter ${namespacePath(given)}: ${cause.message}`,
    isForbidden
      ? 'entering one needs root (sudo)'
      : 'name one that `ip netns` lists, the id of a process in it, or a path such as /proc/1234/ns/net',
    { cause },
  );
}

export function isRefusal({ errno }: SystemCallError): boolean {
  return errno === constants.errno.EPERM || errno === constants.errno.EACCES;
}

/** As the kernel numbers it. */
export function namespaceInode(path: string = OWN_NAMESPACE): number {
  return statSync(path).ino;
}

/** The name that ip-netns(8) has for it, or what else it is; undefined: it may have a name that nobody here knows. */
export function namespaceName(inode: number): string | undefined {
  if (initialInode() === inode) return 'initial';
  try {
    return readdirSync(NAMED).find((name) => inodeOrNone(join(NAMED, name)) === inode);
  } catch {
    return undefined;
  }
}

/** Where process 1 may not be looked at, kernel threads may: outside of any container number 2 is one. */
function initialInode(): number | undefined {
  return inodeOrNone(INITIAL_NAMESPACE) ?? (isInitialPidNamespace() ? inodeOrNone('/proc/2/ns/net') : undefined);
}

function inodeOrNone(path: string): number | undefined {
  return statsOrNone(path)?.ino;
}

function statsOrNone(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

export interface FoundNamespace {
  readonly inode: number;
  /** The one that is likely to be there longest: a name before a process. */
  readonly path: string;
  readonly name: string | undefined;
  /** The first process that is there. */
  readonly process: { readonly pid: number; readonly comm: string } | undefined;
}

export interface FoundNamespaces {
  /** This thread's first, then in the order in which they were made. */
  readonly namespaces: readonly FoundNamespace[];
  /** There are processes of which this user may not see where they are. */
  readonly isBlind: boolean;
}

/** Those that have a name or a process. Others, which only a descriptor or a socket keeps, are not found. */
export function findNamespaces(): FoundNamespaces {
  const { ino: own, dev } = statSync(OWN_NAMESPACE);
  const initial = initialInode();
  const paths = new Map([[own, OWN_NAMESPACE]]);
  const names = new Map<number, string>();
  const processes = new Map<number, number>();
  for (const name of namesKept()) {
    const stats = statsOrNone(join(NAMED, name));
    // What has no namespace mounted on it is a file that was left behind.
    if (stats === undefined || stats.dev !== dev) continue;
    if (!paths.has(stats.ino)) paths.set(stats.ino, join(NAMED, name));
    if (!names.has(stats.ino)) names.set(stats.ino, name);
  }
  let isBlind = false;
  for (const pid of processIds()) {
    const path = `/proc/${pid}/ns/net`;
    const inode = inodeOrNone(path);
    // It has ended, or this user may not see.
    if (inode === undefined) isBlind ||= existsSync(`/proc/${pid}`);
    else if (!processes.has(inode)) processes.set(inode, pid);
    if (inode !== undefined && !paths.has(inode)) paths.set(inode, path);
  }
  if (initial !== undefined) names.set(initial, 'initial');
  const namespaces = [...paths].map(([inode, path]) => {
    const pid = processes.get(inode);
    return { inode, path, name: names.get(inode), process: pid === undefined ? undefined : { pid, comm: nameOf(pid) } };
  });
  return { namespaces: namespaces.sort((a, b) => Number(b.inode === own) - Number(a.inode === own) || a.inode - b.inode), isBlind };
}

function namesKept(): readonly string[] {
  try {
    return readdirSync(NAMED).sort();
  } catch {
    return [];
  }
}
