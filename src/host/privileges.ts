/**
 * What this process may do that others may not, and how it gives that up. Root, or a capability, is used to open sockets and to enter
 * namespaces. Files that the caller names are opened as the caller; what is in them is read as somebody who may do nothing.
 */
import { readdirSync, readFileSync } from 'node:fs';
import type { Ids, PrivilegesAddon } from '../addon/privileges.ts';
import { FanoutError, isSystemCallError } from '../errors.ts';

export type Privilege =
  /** Nothing that an ordinary user may not do. */
  | { readonly kind: 'none' }
  /** May become another user, and so leave all capabilities behind. */
  | { readonly kind: 'root'; readonly runAs: Ids; readonly invoker: Ids }
  /** Some capabilities, and nobody else to become: those of a file, ambient ones, or those of the root of a user namespace. */
  | { readonly kind: 'capabilities' };

/** What the kernel says about this process. */
export interface Credentials {
  readonly euid: number;
  /** Permitted capabilities, a bit each (capabilities(7)). */
  readonly permitted: bigint;
  /** Content of /proc/self/uid_map and gid_map. */
  readonly uidMap: string;
  readonly gidMap: string;
}

const ROOT: Ids = { uid: 0, gid: 0 };
/** The user that owns nothing, under this number on every Linux (the kernel's overflow id, too). */
export const NOBODY: Ids = { uid: 65534, gid: 65534 };
const CAP_SETGID = 6n;
const CAP_SETUID = 7n;

export function readCredentials(): Credentials {
  const status = readFileSync('/proc/self/status', 'latin1');
  return {
    euid: process.geteuid?.() ?? 0,
    permitted: BigInt(`0x${/^CapPrm:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? '0'}`),
    uidMap: readFileSync('/proc/self/uid_map', 'latin1'),
    gidMap: readFileSync('/proc/self/gid_map', 'latin1'),
  };
}

/** @param environment names who called: sudo(8) and pkexec(1) set it */
export function privilegeOf({ euid, permitted, uidMap, gidMap }: Credentials, environment: NodeJS.ProcessEnv): Privilege {
  if (permitted === 0n) return { kind: 'none' };
  const mayChangeIds = has(permitted, CAP_SETUID) && has(permitted, CAP_SETGID);
  const invoker = invokerOf(environment);
  const runAs = invoker.uid === 0 ? NOBODY : invoker;
  const isKnown = isMapped(uidMap, runAs.uid) && isMapped(gidMap, runAs.gid);
  if (euid === 0 && mayChangeIds && isKnown) return { kind: 'root', runAs, invoker };
  return { kind: 'capabilities' };
}

function has(capabilities: bigint, capability: bigint): boolean {
  return ((capabilities >> capability) & 1n) === 1n;
}

/** Whoever became root by way of another program; root itself, if nobody did. */
function invokerOf(environment: NodeJS.ProcessEnv): Ids {
  const uid = idIn(environment['SUDO_UID']);
  const gid = idIn(environment['SUDO_GID']);
  if (uid !== undefined && gid !== undefined) return { uid, gid };
  // pkexec(1) tells the user only, and by the custom of most distributions a user's own group has the same number.
  const called = idIn(environment['PKEXEC_UID']);
  return called === undefined ? ROOT : { uid: called, gid: called };
}

const ID_MAX = 0xfffffffe;

function idIn(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= ID_MAX ? id : undefined;
}

/** Lines of user_namespaces(7): first id inside, first id outside, how many. */
function isMapped(map: string, id: number): boolean {
  return map.split('\n').some((line) => {
    const [inside, , count] = line.trim().split(/\s+/).map(Number);
    return inside !== undefined && count !== undefined && id >= inside && id < inside + count;
  });
}

export class Privileges {
  readonly privilege: Privilege;

  constructor(privilege: Privilege) {
    this.privilege = privilege;
    // Root's own groups open nothing from here on; the caller's open what the caller may.
    if (privilege.kind === 'root') joinGroupsOf(privilege.invoker);
  }

  /** With the rights of whoever called: for opening the files that they name. */
  asInvoker<T>(work: () => T): T {
    return this.privilege.kind === 'root' ? as(this.privilege.invoker, work) : work();
  }

  /** With the rights of any user, which only root has. */
  as<T>(user: Ids, work: () => T): T {
    return as(user, work);
  }

  /** With the rights that are left in the end: for reading what others may have written. */
  asRunUser<T>(work: () => T): T {
    return this.privilege.kind === 'root' ? as(this.privilege.runAs, work) : work();
  }
}

/** Node.js has it on every POSIX system; its types do not know. */
interface WithInitgroups extends NodeJS.Process {
  initgroups(user: number | string, extraGroup: number | string): void;
}

function joinGroupsOf(user: Ids): void {
  try {
    if (user.uid === 0) process.setgroups?.([]);
    else (process as WithInitgroups).initgroups(user.uid, user.gid);
  } catch {
    // A user that no data base knows has the one group that sudo(8) named.
    process.setgroups?.([user.gid]);
  }
}

/** Effective ids only, and for all threads. Without a privilege to begin with nothing changes. */
function as<T>({ uid, gid }: Ids, work: () => T): T {
  const before: Ids = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  act({ uid, gid });
  try {
    return work();
  } finally {
    act(before);
  }
}

// The real user stays root meanwhile, which is what allows the way back.
function act({ uid, gid }: Ids): void {
  process.seteuid?.(0);
  process.setegid?.(gid);
  process.seteuid?.(uid);
}

/** Becomes the user for good, or throws. */
export function becomeForGood(addon: Pick<PrivilegesAddon, 'become' | 'refuseReachingOut'>, user: Ids): void {
  checkSignals(readFileSync('/proc/self/limits', 'latin1'), readdirSync('/proc/self/task').length);
  addon.become(user);
  refuseReachingOut(addon);
  checkNothingIsLeft(readThreads(), user);
}

/** Each thread changes its user when a signal tells it to, and the kernel refuses one for which there is no room. */
export function checkSignals(limits: string, threads: number): void {
  const most = Number(/^Max pending signals\s+(\d+)/m.exec(limits)?.[1] ?? Number.POSITIVE_INFINITY);
  if (most >= threads) return;
  throw new FanoutError(
    'TOO_LARGE',
    `at most ${most} signals may be pending, and ${threads} threads of this process are told by signals to give up its privileges`,
    'raise the limit (ulimit -i unlimited; LimitSIGPENDING= of the unit)',
  );
}

/** Beside having no privilege, a second lock; where the kernel has no such filters, or too many already, the first must do. */
export function refuseReachingOut(addon: Pick<PrivilegesAddon, 'refuseReachingOut'>): void {
  try {
    addon.refuseReachingOut();
  } catch (error) {
    if (!isSystemCallError(error)) throw error;
  }
}

/** Content of /proc/self/task/TID/status of every thread. */
export function readThreads(): readonly string[] {
  return readdirSync('/proc/self/task').flatMap((thread) => {
    try {
      return [readFileSync(`/proc/self/task/${thread}/status`, 'latin1')];
    } catch {
      // It has ended since.
      return [];
    }
  });
}

/** Throws if any thread could still do what only root, or who has a capability, may. The run must not begin then. */
export function checkNothingIsLeft(threads: readonly string[], { uid, gid }: Ids): void {
  for (const status of threads) {
    const field = (name: string): string => new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(status)?.[1]?.trim() ?? '';
    const name = field('Name');
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapAmb'])
      if (/[^0]/.test(field(set))) throw new Error(`thread ${name} still has capabilities (${set} ${field(set)})`);
    for (const [ids, id] of [
      ['Uid', uid],
      ['Gid', gid],
    ] as const)
      if (
        field(ids)
          .split(/\s+/)
          .some((text) => Number(text) !== id)
      )
        throw new Error(`thread ${name} still has ${ids} ${field(ids)}`);
    if (field('Groups') !== '') throw new Error(`thread ${name} still has groups ${field('Groups')}`);
  }
}
