/** A member of a group: socket, ring and capture thread. */
import type { KernelDesign } from '../model/kernel-model.ts';

/** One classic BPF instruction: code, jt, jf, k (linux/filter.h, struct sock_filter). */
export type CbpfInstruction = readonly [code: number, jt: number, jf: number, k: number];

export interface CaptureOptions {
  /** Of openPacketSocket(); the capture closes it. */
  readonly socket: number;
  readonly ifindex: number;
  readonly member: number;
  readonly blockBytes: number;
  readonly blockCount: number;
  readonly blockTimeoutMs: number;
  readonly snaplen: number;
  /** null: keep `snaplen` bytes of every packet. */
  readonly filter: readonly CbpfInstruction[] | null;
  readonly promiscuous: boolean;
  readonly ignoreOutgoing: boolean;
  readonly cpu: number | null;
  readonly flowsMax: number;
  readonly workNs: number;
  readonly newsIntervalMs: number;
  readonly hashSeed: bigint;
  /** The traffic is the lab's own: its numbers tell the order of packets. */
  readonly labTags: boolean;
  /** The traffic is that of a capture file: time between packets tells nothing about their senders. */
  readonly replayed: boolean;
  /** Packets are delivered from bind(2) on: before the member has joined, and while others still do. */
  readonly eager: boolean;
  /** Of a live device: packets above it are counted. */
  readonly mtu?: number;
  /** Of a kernel that hashes otherwise than current ones. */
  readonly kernel?: KernelDesign;
}

/** Totals of a member (native/core/worker/order.hpp). The last three are zero where lab tags are the evidence. */
export type OrderTotals = readonly [
  checked: number,
  inversions: number,
  flows: number,
  synAckFirst: number,
  ackFirst: number,
  timeStamp: number,
];

/** Of live packets that were looked at, how many came twice (native/core/worker/copies.hpp). */
export type CopyTotals = readonly [looked: number, again: number, crossed: number, apartNs: number];

/** Packets above the MTU (native/core/worker/capture.hpp). */
export type LargeTotals = readonly [received: number, sent: number, merged: number, largestBytes: number];

export interface CaptureCounters {
  /** Handed over by the kernel; drops not included. */
  readonly packets: number;
  readonly drops: number;
  readonly freezes: number;
  /** Read from the ring so far. */
  readonly captured: number;
  readonly bytes: number;
  readonly outgoing: number;
  readonly judged: number;
  readonly overflowed: number;
  readonly ignored: readonly (readonly [reason: number, packets: number])[];
  /** [all, huge, failed], or empty where the group does not roll over. */
  readonly rollover: readonly number[];
  readonly order: OrderTotals;
  readonly copies: CopyTotals;
  readonly large: LargeTotals;
  /** CLOCK_REALTIME at which all this was true. */
  readonly aliveNs: bigint;
  readonly cpuNs: number;
  readonly epoch: number;
  /** Last error of the socket, and how often there was one: ENETDOWN when the interface went down or away. */
  readonly linkErrno: number;
  readonly linkErrors: number;
  readonly finished: boolean;
}

export interface Membership {
  readonly groupId: number;
  readonly mode: number;
  readonly flags: number;
}

/** One member: socket, ring and capture thread. Failures throw Errors with `call` and `errno`. */
export interface Capture {
  join(request: { readonly groupId: number; readonly mode: number; readonly flags: number; readonly membersMax: number }): Membership;
  setCbpf(program: readonly CbpfInstruction[]): void;
  /** @param program a descriptor, which is closed */
  setEbpf(program: number): void;
  arm(): void;
  start(startNs: bigint, epoch: number, onDoorbell: () => void): void;
  beginEpoch(epoch: number, fromNs: bigint): void;
  /** Packets stamped `untilNs` or later are not judged; 0: at once. */
  finish(untilNs: bigint): void;
  answerDoorbell(): void;
  counters(): CaptureCounters;
  take(): { readonly slot: number; readonly length: number } | null;
  release(slot: number): void;
  buffers(): readonly Buffer[];
  inode(): number;
  close(): void;
}

export interface CaptureAddon {
  readonly Capture: new (options: CaptureOptions) => Capture;
}
