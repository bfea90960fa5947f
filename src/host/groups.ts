/** Fanout groups that exist on this host, and who owns them. Reads; never touches another process's socket. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { FANOUT_MODE_NAMES } from '../model/fanout.ts';
import { native, type PacketSocketInfo } from '../native.ts';
import { type ListedSocket, listedSockets } from './packet-list.ts';

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
        mode: FANOUT_MODE_NAMES[socket.mode ?? 0] ?? `mode ${socket.mode}`,
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
  const wanted = new Set(inodes.map((inode) => `socket:[${inode}]`));
  const owners: string[] = [];
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (Number.isInteger(pid) && holdsAny(pid, wanted)) owners.push(`${nameOf(pid)} (pid ${pid})`);
  }
  return owners.length > 0 ? owners : usersOf(inodes);
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

function holdsAny(pid: number, wanted: ReadonlySet<string>): boolean {
  let descriptors: string[];
  try {
    descriptors = readdirSync(`/proc/${pid}/fd`);
  } catch {
    return false;
  }
  return descriptors.some((fd) => {
    try {
      return wanted.has(readlinkSync(`/proc/${pid}/fd/${fd}`));
    } catch {
      return false;
    }
  });
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '?';
  }
}

export interface DescribedGroup {
  readonly id: number;
  /** "mode hash, 8 members, held by suricata (pid 4711)". */
  readonly description: string;
}

/** All groups, and by whom they are held as far as this user may see; undefined where nobody can tell. Called before this program captures. */
export function describeGroups(): readonly DescribedGroup[] | undefined {
  // Without any socket that captures there is no group, even where the kernel does not list them.
  const groups = fanoutGroups() ?? (capturing()?.length === 0 ? [] : undefined);
  return groups?.map((group) => ({ id: group.id, description: describeGroup(group) }));
}

/** Who captures in this network namespace, in words. */
export function capturersHere(): string {
  const sockets = capturing();
  if (sockets === undefined) return '/proc/net/packet, which would say whether any program captures here, is not there either';
  const count = `${sockets.length} packet socket${sockets.length === 1 ? '' : 's'}`;
  return `/proc/net/packet lists ${count} of ${ownersInWords(sockets.map(({ inode }) => inode))}`;
}

function capturing(): readonly ListedSocket[] | undefined {
  return listedSockets()?.filter(({ protocol }) => protocol !== 0);
}

function describeGroup(group: FanoutGroup): string {
  return `mode ${group.mode}, ${group.inodes.length} member${group.inodes.length === 1 ? '' : 's'}, held by ${ownersInWords(group.inodes)}`;
}

/** "suricata (pid 4711), zeek (pid 4712) and 3 more". */
export function ownersInWords(inodes: readonly number[]): string {
  const owners = ownersOf(inodes);
  if (owners.length === 0) return 'a process that this user may not see';
  const more = owners.length > OWNERS_SHOWN ? ` and ${owners.length - OWNERS_SHOWN} more` : '';
  return `${owners.slice(0, OWNERS_SHOWN).join(', ')}${more}`;
}

const OWNERS_SHOWN = 4;
