/** Packet sockets of whatever program, and what can be known of those that are in fanout groups. Failures throw Errors with `call` and `errno`. */
import type { InterfaceInfo } from './host.ts';

export interface PacketSocketInfo {
  readonly inode: number;
  /** 0: all devices; 0xffffffff: the device is gone. */
  readonly ifindex: number;
  readonly protocol: number;
  readonly uid?: number;
  readonly groupId?: number;
  readonly mode?: number;
}

/** What packet_diag tells in full. Absent: it was not told. */
export interface FullPacketSocketInfo extends PacketSocketInfo {
  /** Of this socket and no other since boot. */
  readonly cookie: bigint;
  /** 1 without a ring, too. */
  readonly tpacketVersion: number;
  /** Bound to a device that is up, or to all. */
  readonly isRunning: boolean;
  readonly receiveRing?: RingInfo;
  readonly queuedBytes?: number;
  readonly receiveBufferBytes?: number;
  /** Stays 0 where there is a ring. */
  readonly drops?: number;
  /** Asked for by this socket. */
  readonly isPromiscuous?: boolean;
  /** A struct sock_filter each, as in memory; none: there is no filter, or one of eBPF. */
  readonly filter?: readonly bigint[];
}

export interface RingInfo {
  readonly blockBytes: number;
  readonly blockCount: number;
  readonly frameBytes: number;
  readonly frameCount: number;
  /** Of TPACKET_V3; else 0. */
  readonly retireMs: number;
}

export interface PacketNamespaceInfo {
  /** Of what had this path. */
  readonly inode: number;
  /** Sockets came or went whenever it was asked for: one may be missing. */
  readonly isInterrupted: boolean;
  readonly sockets: readonly FullPacketSocketInfo[];
  /** That sockets are bound to. */
  readonly interfaces: readonly InterfaceInfo[];
}

/** Where the socket of a member is, and what is known of it from packet_diag. */
export interface MemberPlace {
  readonly pid: number;
  readonly descriptor: number;
  readonly inode: number;
  readonly cookie: bigint;
  readonly groupId: number;
}

export interface MemberFacts {
  readonly mode: number;
  /** PACKET_FANOUT_FLAG_* */
  readonly flags: number;
  /** Absent without the flag. */
  readonly rollover?: { readonly all: number; readonly huge: number; readonly failed: number };
  readonly filterKind?: 'none' | 'classic' | 'ebpf';
  readonly filterInstructions?: number;
}

export interface PacketSocketsAddon {
  /** Of the network namespace of this thread. */
  packetSockets(): readonly PacketSocketInfo[];
  /** Of the network namespace at this path, in which this process will not have been. Needs CAP_SYS_ADMIN, unless it is its own. */
  packetNamespace(path: string): PacketNamespaceInfo;
  /** By a copy of the socket that is closed when this returns. ESTALE: it is another one by now. Needs CAP_SYS_PTRACE over the owner. */
  memberFacts(place: MemberPlace): MemberFacts;
}
