/** Fanout groups that exist on this host, and who owns them. Reads; never touches another process's socket. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { FANOUT_MODE_NAMES } from '../model/fanout.ts';
import { native, type PacketSocketInfo } from '../native.ts';

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
  return packetSockets().flatMap(({ inode, uid }) =>
    uid !== undefined && inodes.includes(inode) ? [`a process of user ${uid} (socket ${inode})`] : [],
  );
}

function packetSockets(): readonly PacketSocketInfo[] {
  try {
    return native.packetSockets();
  } catch {
    return [];
  }
}

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

/** All groups, and by whom they are held as far as this user may see. */
export function describeGroups(): readonly DescribedGroup[] | undefined {
  return fanoutGroups()?.map((group) => ({ id: group.id, description: describeGroup(group) }));
}

function describeGroup(group: FanoutGroup): string {
  const owners = ownersOf(group.inodes);
  const more = owners.length > OWNERS_SHOWN ? ` and ${owners.length - OWNERS_SHOWN} more` : '';
  const held =
    owners.length === 0 ? 'held by a process that this user may not see' : `held by ${owners.slice(0, OWNERS_SHOWN).join(', ')}${more}`;
  return `mode ${group.mode}, ${group.inodes.length} member${group.inodes.length === 1 ? '' : 's'}, ${held}`;
}

const OWNERS_SHOWN = 4;
