/** Fanout groups of running programs, as they can be seen from outside. What could not be read is null, and `unread` says what it takes. */
import type { FanoutMode } from './fanout.ts';

export interface SeenNamespace {
  readonly inode: number;
  /** As ip-netns(8) has it, or "initial"; null: it has no name that is known. */
  readonly name: string | null;
  /** By which it can be entered. */
  readonly path: string;
  readonly isOwn: boolean;
  /** One that is there; null: none was looked for, or found. */
  readonly process: Owner | null;
  readonly groups: readonly SeenGroup[] | null;
  /** Packet sockets that capture, and are in no group. */
  readonly taps: readonly Tap[];
  readonly unread: readonly Unread[];
}

/** A process that holds a socket. */
export interface Owner {
  readonly pid: number;
  /** As /proc/PID/comm has it: anybody may choose it. */
  readonly comm: string;
}

/** One device, all of them, or one that has gone since. */
export type Binding = 'interface' | 'all' | 'removed';

export interface SeenGroup {
  readonly id: number;
  /** As --mode has it, or "mode 9" where no kernel had it when this was written. */
  readonly mode: FanoutMode | `mode ${number}`;
  /** As the options have them; a bit that nobody knows as "0x0400". */
  readonly flags: readonly string[] | null;
  readonly interface: string | null;
  readonly binding: Binding;
  readonly ifindex: number;
  /** ETH_P_*: 3 is all. */
  readonly protocol: number;
  /** Whether its device is set to promiscuous mode as such (ip link), as netsniff-ng and tcpdump do. */
  readonly isInterfacePromiscuous: boolean | null;
  /** In the order in which their sockets were made. */
  readonly members: readonly SeenMember[];
  readonly unread: readonly Unread[];
}

export interface SeenMember {
  readonly inode: number;
  /** Who opened the socket; not always who holds it. */
  readonly uid: number | null;
  /** Null: it may have some that cannot be seen. */
  readonly owners: readonly Owner[] | null;
  /** Its device is up, so that it gets packets. */
  readonly running: boolean;
  /** Absent: it reads by recv(2). */
  readonly ring?: SeenRing;
  readonly receiveBufferBytes: number | null;
  readonly queuedBytes: number | null;
  /** Since it was opened. Null where there is a ring: reading them would reset what its owner reads. */
  readonly drops: number | null;
  /** Asked for by this socket. */
  readonly promiscuous: boolean | null;
  readonly filter: SeenFilter | null;
  /** Absent: its group does not roll over. */
  readonly rollover?: { readonly all: number; readonly huge: number; readonly failed: number } | null;
}

export interface SeenRing {
  readonly tpacket: number;
  readonly blockBytes: number;
  readonly blockCount: number;
  readonly frameBytes: number;
  readonly frameCount: number;
  /** Of TPACKET_V3: how long a block waits for more packets. */
  readonly retireMs?: number;
}

export type SeenFilter =
  | { readonly kind: 'none' | 'ebpf' }
  /** Without its instructions, where only their number can be read. */
  | { readonly kind: 'classic'; readonly instructions: number; readonly program?: readonly ClassicInstruction[] };

/** A struct sock_filter. */
export interface ClassicInstruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

export interface Tap {
  readonly ifindex: number;
  readonly protocol: number;
  readonly owners: readonly Owner[];
}

export type Fact = 'groups' | 'members' | 'owners' | 'flags' | 'filters' | 'drops' | 'program' | 'namespaces';

/** What it would take: a privilege, a kernel, or more than anybody has. */
export type Need =
  | 'sys-admin'
  | 'packet-diag'
  | 'netlink'
  | 'proc'
  | 'initial-pid-namespace'
  | 'ptrace'
  | 'linux-5.6'
  | 'net-admin'
  | 'owner'
  | 'quiet'
  | 'their-reader'
  | 'nobody';

export interface Unread {
  readonly fact: Fact;
  readonly need: Need;
}

const DEVICE_REMOVED = 0xffffffff;

/** Of an index as packet_diag gives it. */
export function bindingOf(ifindex: number): Binding {
  if (ifindex === DEVICE_REMOVED) return 'removed';
  return ifindex === 0 ? 'all' : 'interface';
}

export const ETH_P_ALL = 3;

/** As --like has it. */
export interface RunningGroupName {
  readonly id: number;
  /** As --netns has it; absent: wherever there is one of this id. */
  readonly netns?: string;
}

/** As it was when it was looked at. */
export interface RunningGroup {
  readonly group: SeenGroup;
  /** Absent: the one in which this program was called. */
  readonly namespace?: string;
}

/** Each process once. */
export function ownersOf({ members }: SeenGroup): readonly Owner[] {
  return [...new Map(members.flatMap(({ owners }) => owners ?? []).map((owner) => [owner.pid, owner])).values()];
}
