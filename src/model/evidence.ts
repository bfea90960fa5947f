/** What the flow map knows when it is asked: the input of the verdict. Order of arrival leaves no trace in it. */
import type { FlowCounts, FlowId, ViolationKind, ViolationObservation } from './run-result.ts';

export interface StackEvidence {
  readonly stack: string;
  readonly flows: number;
  readonly twoWay: number;
  readonly split: number;
  readonly asymmetric: number;
  readonly duplicated: number;
  /** Consistent two-way flows by member: the shares p_i of the false-pass bound within this stack. */
  readonly twoWayByMember: readonly number[];
  /** Different kernel keys of its packets, counted up to 64. With one of them a hash cannot spread these flows. */
  readonly kernelKeys: number;
  /** Flows about which an ICMP error was on a member that saw no packet of them. */
  readonly errorsElsewhere: number;
  /** Flows with packets that this host sent with the VLAN tag in their bytes. */
  readonly sentTagged: number;
}

/**
 * Which fragments the kernel hashed as such, by what it takes to have them whole; of several the hardest. In reach of the flag defrag is what is
 * IPv4 in the outermost header, behind one VLAN tag at the most; beyond it IPv4 further inside.
 */
export type Fragments = 'none' | 'in-reach' | 'beyond-reach' | 'ipv6';

/** Violations that look alike. Counted for all of them, however many are listed one by one. */
export interface ViolationGroup {
  readonly kind: ViolationKind;
  readonly stack: string;
  /** One kernel key was seen on several members within an epoch: the kernel's hash was meant to keep those packets together. */
  readonly oneKernelKey: boolean;
  /** The IPv4 addresses differ only in the top bit of the last octet (x.y.z.N and x.y.z.N+128). */
  readonly topBitPair: boolean;
  /** IPv6 with a flow label on packets of one direction only. */
  readonly labelOneWay: boolean;
  readonly fragments: Fragments;
  /** IPv4 inside IPv6: current kernels hash octets of the outer source address as well. */
  readonly staleIpv6: boolean;
  /** Packets of the flow came in different wrappings, such as some behind a label and some without. */
  readonly mixedWrappings: boolean;
  /** There is one packet without which the flow would have stayed together. */
  readonly onOnePacket: boolean;
  /** This host sent packets of the flow with the VLAN tag in their bytes, and the kernel hashed them otherwise than received ones. */
  readonly sentTagged: boolean;
  /** Packets of the flow differ in flow label, VLAN ids or GRE key: what bug A hashed, and the symmetric hash leaves out. */
  readonly tagsDiffer: boolean;
  /** The kernel keys would differ if all datagrams came in one piece, too. */
  readonly wholeKeysDiffer: boolean;
  /** And then they differ by the index of ESP or AH alone, which the kernel hashes where others have ports. */
  readonly onlyIndexDiffers: boolean;
  /** Of packets in two wrappings that of the others; absent for one wrapping or more than two, and for what was not told apart. */
  readonly wrapping?: string;
  /** Every packet on the one member is older than a known membership change within the epoch, every packet on the other younger. */
  readonly movedAtChange?: boolean;
  readonly flows: number;
}

/** What a violation looks like. */
export type ViolationTraits = Omit<ViolationGroup, 'flows'>;

export interface ViolationEvidence extends ViolationTraits {
  readonly flow: FlowId;
  /** Of an echo: the direction of its requests. */
  readonly requests?: 'forward' | 'reverse';
  readonly observations: readonly ViolationObservation[];
  /** Beyond those listed; absent for none. */
  readonly observationsOmitted?: number;
}

export interface EpochEvidence {
  readonly members: number;
  readonly reason?: string;
  /** Consistent two-way flows by member in this epoch. */
  readonly twoWayByMember: readonly number[];
}

export interface Evidence {
  readonly flows: FlowCounts;
  readonly stacks: readonly StackEvidence[];
  readonly epochs: readonly EpochEvidence[];
  readonly groups: readonly ViolationGroup[];
  /** The first violations by flow key, at most as many as asked for. */
  readonly violations: readonly ViolationEvidence[];
  readonly violationsOmitted: number;
  /** Flows of which at least one packet was seen, by member. */
  readonly flowsByMember: readonly number[];
  /** Packets of all that each member told of flows, whatever became of it. */
  readonly toldByMember: readonly number[];
  readonly judgedPackets: number;
  /** Of flows that are not judged: see FlowCounts.unjudged. */
  readonly unjudgedPackets: number;
  readonly topFlowPackets: number;
  /** Packets: later fragments of datagrams whose first one no member saw. */
  readonly unjoinedFragments: number;
  /** Packets: ICMP errors about flows of which nothing else was seen. */
  readonly unmatchedErrors: number;
  /** Observations that found the flow map full, and their packets. */
  readonly untracked: { readonly observations: number; readonly packets: number };
}
