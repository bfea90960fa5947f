/** Network namespaces: by the name that ip-netns(8) has for them, by a process in one, or by a path. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { native } from '../addon/native.ts';
import { FanoutError, isSystemCallError } from '../errors.ts';

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
    if (!isSystemCallError(cause)) throw cause;
    const isForbidden = cause.errno === constants.errno.EPERM || cause.errno === constants.errno.EACCES;
    throw new FanoutError(
      isForbidden ? 'NO_PRIVILEGE' : 'USAGE',
      `--netns: cannot enter ${namespacePath(given)}: ${cause.message}`,
      isForbidden
        ? 'entering one needs root (sudo)'
        : 'name one that `ip netns` lists, the id of a process in it, or a path such as /proc/1234/ns/net',
      { cause },
    );
  }
}

/** As the kernel numbers it. */
export function namespaceInode(path: string = OWN_NAMESPACE): number {
  return statSync(path).ino;
}

/** The name that ip-netns(8) has for it, or what else it is; undefined: it may have a name that nobody here knows. */
export function namespaceName(inode: number): string | undefined {
  if (inodeOrNone(INITIAL_NAMESPACE) === inode) return 'initial';
  try {
    return readdirSync(NAMED).find((name) => inodeOrNone(join(NAMED, name)) === inode);
  } catch {
    return undefined;
  }
}

function inodeOrNone(path: string): number | undefined {
  try {
    return statSync(path).ino;
  } catch {
    return undefined;
  }
}
