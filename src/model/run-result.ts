/** The one result of a run. Reporters render it and decide nothing; `report json` prints it as it is. */
import type { DeploymentResult } from './deployment.ts';
import type { GroupName } from './fanout.ts';
import type { Finding } from './finding.ts';
import type { CauseArgs } from './findings/cause.ts';
import type { KernelDesign } from './kernel-model.ts';

export type Answer = 'yes' | 'no' | 'inconclusive';

export interface Reason {
  readonly code: string;
  /** What the words are made of: numbers, names, lists (model/findings). */
  readonly args?: object;
  readonly message: string;
  readonly remedy?: string;
}

export interface SourceInfo {
  readonly kind: 'lab' | 'live' | 'pcap';
  readonly interface: string;
  /** Lab: how packets were injected ("tap" or "veth"), and from which seed. */
  readonly injection?: string;
  readonly seed?: number;
  /** Lab: the traffic classes that were asked for; absent for the standard mix. */
  readonly traffic?: readonly string[];
  readonly pcap?: string;
  readonly nic?: string;
}

export interface FlowCounts {
  readonly total: number;
  readonly twoWay: number;
  readonly oneWay: number;
  /** Of those seen in one direction, so many were given up to make room for others; absent for none. */
  readonly forgotten?: number;
  /**
   * Seen in both directions or split, but with a stack beyond those that are told apart: nothing is said of them. Part of the total, and of
   * none of the others; absent for none.
   */
  readonly unjudged?: number;
  /** Of all, so many had more kernel keys than are told apart; absent for none. */
  readonly manyKeyed?: number;
  readonly consistent: number;
  readonly split: number;
  readonly asymmetric: number;
  readonly duplicated: number;
}

/** The ancestor tool's counters, so that its users recognise them: packets whose flow had been seen on that worker before. */
export interface PacketCounts {
  /** Packets that the lab sent; absent where nobody knows. */
  readonly offered?: number;
  /** Mean rate at which the lab sent, while it did; absent where nobody knows. */
  readonly offeredPerSecond?: number;
  /** Delivered to members by the kernel, dropped ones not included. */
  readonly captured: number;
  /** Attributed to a flow and judged. */
  readonly judged: number;
  /** Lost in full rings (PACKET_STATISTICS tp_drops), summed over members. */
  readonly dropped: number;
  /** Attributed to a flow, but lost to the evidence because a bounded table was full. */
  readonly overflowed: number;
  /** Captured packets that were sent by this host (PACKET_OUTGOING). Part of `captured`. */
  readonly outgoing: number;
  /** Captured but not judged, by reason: "before-start", "ethertype 0x0806", "ip protocol 89", "truncated", ... */
  readonly ignored: Readonly<Record<string, number>>;
}

export interface StackResult extends Pick<FlowCounts, 'twoWay' | 'split' | 'asymmetric' | 'duplicated'> {
  readonly stack: string;
  readonly flows: number;
  readonly membersUsed: number;
  readonly answer: Answer;
}

/** How many flows have a cause, and what that says against the mode. */
export interface CauseWeight {
  readonly flows: number;
  /** Of those, in live traffic, so many that rest on one packet, which anybody may have sent; absent for none. */
  readonly isolated?: number;
  readonly harmless: boolean;
  /** True if the user asked to tolerate it: the answer does not rest on these flows. */
  readonly tolerated?: boolean;
}

/** A cause that was found, without words. */
export type FoundCause = Finding<keyof CauseArgs> & CauseWeight;

export type CauseResult = FoundCause & Pick<Reason, 'message' | 'remedy'>;

export interface MemberResult {
  readonly index: number;
  readonly pid: number;
  readonly cpu?: number;
  readonly packets: number;
  readonly bytes: number;
  /** Flows of which at least one packet was seen on this member. */
  readonly flows: number;
  readonly drops: number;
  readonly freezes: number;
  /** Rollover counters of the kernel (PACKET_ROLLOVER_STATS), where the group rolls over. */
  readonly rollover?: { readonly all: number; readonly huge: number; readonly failed: number };
  /** CPU time of the process while it captured, user and system. */
  readonly cpuNs?: number;
  /** "gone" after an orderly end; otherwise why the member was lost. */
  readonly end: string;
}

export interface Balance {
  readonly membersUsed: number;
  /** Busiest member's packets over the mean of all members; 1 is even. 0 without packets. */
  readonly maxOverMean: number;
  /** Share of all judged packets that the largest flow had, 0..1. */
  readonly topFlowShare: number;
}

/** Whether packets of a flow reached their member in the order in which they were sent. No part of the verdict, which is on affinity. */
export interface Order {
  /** Packets that could have shown an inversion. */
  readonly checked: number;
  /** Of those, packets that came after one of their flow that was sent later. */
  readonly inversions: number;
  /** Flows with at least one, summed over members. */
  readonly flows: number;
  /** "exact": every packet of the lab carries the number of its send. "tcp": what acknowledgments prove, a lower bound. */
  readonly evidence: 'exact' | 'tcp';
  /** With evidence "tcp". The first two add up to the inversions. */
  readonly kinds?: {
    /** A SYN behind its SYN/ACK. */
    readonly synAckFirst: number;
    /** What takes sequence numbers, behind its own acknowledgment. */
    readonly ackFirst: number;
    /** Kernel time stamps that went back within a flow: a hint, and no inversion. */
    readonly timeStamp: number;
  };
}

export interface FlowId {
  readonly proto: string;
  readonly src: string;
  readonly sport: number;
  readonly dst: string;
  readonly dport: number;
  /** Version 1, seed 0, as Zeek and Suricata write it; absent where a flow has none, such as ICMP other than echo. */
  readonly communityId?: string;
}

export type ViolationKind = 'split' | 'asymmetric' | 'duplicated';

export interface ViolationObservation {
  readonly member: number;
  readonly epoch: number;
  readonly direction: 'forward' | 'reverse';
  readonly packets: number;
  readonly bytes: number;
  /** Digest of what the kernel's hash covers, 16 hexadecimal digits. Equal digests belong on one member. */
  readonly kernelKey: string;
  readonly stack: string;
  /** Nanoseconds since the epoch of the Unix clock, as decimal text. */
  readonly first: string;
  readonly last: string;
}

export interface Violation {
  readonly kind: ViolationKind;
  readonly cause: string;
  readonly stack: string;
  readonly flow: FlowId;
  /** There is one packet without which the flow would have stayed together. */
  readonly onOnePacket?: true;
  readonly observations: readonly ViolationObservation[];
  /** Beyond those listed; absent for none. */
  readonly observationsOmitted?: number;
}

export interface Timing {
  /** From the launch to the start time, from which on packets count. */
  readonly startMs: number;
  /** From the start time until the last packet was looked for. */
  readonly captureMs: number;
}

export interface EpochInfo {
  readonly members: number;
  /** Why this epoch began, or why the one before it ended; absent for an undisturbed first epoch. */
  readonly reason?: string;
}

export interface RunResult {
  readonly schema: 'fanout-cluster/report@1';
  readonly tool: { readonly version: string };
  readonly startedAt: string;
  readonly durationMs: number;
  readonly timing: Timing;
  readonly host: { readonly kernel: string; readonly cpus: number };
  /** How the kernel was taken to hash, where its release does not tell; `probed`: it was asked. */
  readonly kernel?: { readonly probed: boolean; readonly design: KernelDesign };
  readonly source: SourceInfo;
  /** Whose group this one is shaped after; absent where no configuration was named. */
  readonly deployment?: DeploymentResult;
  readonly group: GroupName & { readonly id: number; readonly procs: number };
  readonly verdict: { readonly answer: Answer; readonly reasons: readonly Reason[]; readonly falsePassBound: number };
  readonly packets: PacketCounts;
  readonly flows: FlowCounts;
  readonly stacks: readonly StackResult[];
  readonly causes: readonly CauseResult[];
  readonly members: readonly MemberResult[];
  readonly balance: Balance;
  readonly order: Order;
  readonly violations: readonly Violation[];
  readonly violationsOmitted: number;
  readonly epochs: readonly EpochInfo[];
  readonly warnings: readonly Reason[];
}
