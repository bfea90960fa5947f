/** Fanout groups that exist on this host, and who owns them. Reads; never touches another process's socket. */
import { readdirSync, readlinkSync } from 'node:fs';
import { native } from '../addon/native.ts';
import type { PacketSocketInfo } from '../addon/packet-sockets.ts';
import { fanoutModeOf } from '../model/fanout.ts';
import { type ListedSocket, listedSockets } from './packet-list.ts';
import { nameOf, processIds } from './process-list.ts';

export interface FanoutGroup {
  readonly id: number;
  readonly mode: string;
  readonly ifindex: number;
  readonly inodes: readonly number[];
}

/** All groups of this network namespace, by packet_diag; undefined where the kernel cannot tell (CONFIG_PACKET_DIAG). */
export function fanoutGroups(): readonly FanoutGroup[] | undefined {
  let sockets: readonly PacketSocketInfo[];
  try {
    sockets = native.packetSockets();
  } catch {
    return undefined;
  }
  const groups = new Map<number, { id: number; mode: string; ifindex: number; inodes: number[] }>();
  for (const socket of sockets) {
    if (socket.groupId === undefined) continue;
    const known = groups.get(socket.groupId);
    if (known !== undefined) known.inodes.push(socket.inode);
    else
      groups.set(socket.groupId, {
        id: socket.groupId,
        mode: fanoutModeOf(socket.mode ?? 0) ?? `mode ${socket.mode}`,
        ifindex: socket.ifindex,
        inodes: [socket.inode],
      });
  }
  return [...groups.values()];
}

/**
 * Who holds these sockets: "suricata (pid 4711)", or where this user may not look into /proc what the kernel tells everybody, "a process of user 0
 * (socket 123456)".
 */
export function ownersOf(inodes: readonly number[]): readonly string[] {
  return namedBy(holdersOf(new Set(inodes)), inodes);
}

/** A process, and those of the sockets in question that it holds. */
export interface Holder {
  readonly pid: number;
  /** As /proc/PID/comm has it: anybody may choose it. */
  readonly comm: string;
  /** Its descriptors by inode. */
  readonly sockets: ReadonlyMap<number, number>;
}

/** One walk through the open files of all processes, which are hundreds of thousands on some hosts. */
export function holdersOf(wanted: ReadonlySet<number>): readonly Holder[] {
  return lookForHolders(wanted).holders;
}

export interface Holders {
  readonly holders: readonly Holder[];
  /** There are processes whose open files this user may not see. */
  readonly isBlind: boolean;
}

export function lookForHolders(wanted: ReadonlySet<number>): Holders {
  if (wanted.size === 0) return { holders: [], isBlind: false };
  const holders: Holder[] = [];
  const pids = processIds();
  // A proc(5) that is mounted with hidepid= does not even list them.
  let isBlind = !pids.includes(1);
  for (const pid of pids) {
    const sockets = heldBy(pid, wanted);
    if (sockets === undefined) isBlind = true;
    else if (sockets.size > 0) holders.push({ pid, comm: nameOf(pid), sockets });
  }
  return { holders, isBlind };
}

/** Of these holders, those of these sockets; the users of the sockets where none of them is. */
export function namedBy(holders: readonly Holder[], inodes: readonly number[]): readonly string[] {
  const owners = holders.filter(({ sockets }) => inodes.some((inode) => sockets.has(inode)));
  return owners.length > 0 ? owners.map(({ pid, comm }) => `${comm} (pid ${pid})`) : usersOf(inodes);
}

function usersOf(inodes: readonly number[]): readonly string[] {
  const users = (listedSockets() ?? []).filter(({ inode }) => inodes.includes(inode));
  return users.map(({ inode, uid }) => `a process of user ${uid} (socket ${inode})`);
}

/**
 * Sockets through which a program may be in a group on this device, now or in a moment, as far as /proc tells; undefined where it tells nothing.
 * A group is on one device and of one protocol (fanout_add() of net/packet/af_packet.c), and this program's are of all protocols.
 */
export function capturingOn(ifindex: number): readonly number[] | undefined {
  return listedSockets()?.flatMap((socket) => (socket.ifindex === ifindex && socket.protocol === ETH_P_ALL ? [socket.inode] : []));
}

const ETH_P_ALL = 3;

/** Undefined: this user may not see. */
function heldBy(pid: number, wanted: ReadonlySet<number>): ReadonlyMap<number, number> | undefined {
  const held = new Map<number, number>();
  let descriptors: string[];
  try {
    descriptors = readdirSync(`/proc/${pid}/fd`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'EACCES' || code === 'EPERM' ? undefined : held;
  }
  for (const descriptor of descriptors) {
    const inode = socketAt(`/proc/${pid}/fd/${descriptor}`);
    if (inode !== undefined && wanted.has(inode)) held.set(inode, Number(descriptor));
  }
  return held;
}

function socketAt(path: string): number | undefined {
  try {
    const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(path))?.[1];
    return inode === undefined ? undefined : Number(inode);
  } catch {
    return undefined;
  }
}

/** Who captures in this network namespace, in words. */
export function capturersHere(): string {
  const sockets = capturing();
  if (sockets === undefined) return '/proc/net/packet, which would say whether any program captures here, is not there either';
  const count = `${sockets.length} packet socket${sockets.length === 1 ? '' : 's'}`;
  return `/proc/net/packet lists ${count} of ${ownersInWords(sockets.map(({ inode }) => inode))}`;
}

/** Sockets that may get packets; undefined where nobody can tell. */
export function capturing(): readonly ListedSocket[] | undefined {
  return listedSockets()?.filter(({ protocol }) => protocol !== 0);
}

function ownersInWords(inodes: readonly number[]): string {
  return listed(ownersOf(inodes));
}

/** "suricata (pid 4711), zeek (pid 4712) and 3 more". */
export function listed(owners: readonly string[]): string {
  if (owners.length === 0) return 'a process that this user may not see';
  const more = owners.length > OWNERS_SHOWN ? ` and ${owners.length - OWNERS_SHOWN} more` : '';
  return `${owners.slice(0, OWNERS_SHOWN).join(', ')}${more}`;
}

const OWNERS_SHOWN = 4;
