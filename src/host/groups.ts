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

export interface Owner {
  readonly pid: number;
  readonly name: string;
}

/** The processes that hold these sockets, as far as this user may look into /proc. */
export function ownersOf(inodes: readonly number[]): readonly Owner[] {
  const wanted = new Set(inodes.map((inode) => `socket:[${inode}]`));
  const owners: Owner[] = [];
  for (const entry of readdirSync('/proc')) {
    const pid = Number(entry);
    if (Number.isInteger(pid) && holdsAny(pid, wanted)) owners.push({ pid, name: nameOf(pid) });
  }
  return owners;
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

/** "mode hash, 8 members, held by suricata (pid 4711)". */
export function describeGroup(group: FanoutGroup): string {
  const owners = ownersOf(group.inodes);
  const listed = owners.slice(0, 4).map(({ pid, name }) => `${name} (pid ${pid})`);
  const more = owners.length > listed.length ? ` and ${owners.length - listed.length} more` : '';
  const held = owners.length === 0 ? 'held by a process that this user may not see' : `held by ${listed.join(', ')}${more}`;
  return `mode ${group.mode}, ${group.inodes.length} member${group.inodes.length === 1 ? '' : 's'}, ${held}`;
}
