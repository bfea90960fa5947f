/** What causes are about: why flows did not stay on one process, or why one process gets all of a kind. */
import type { Builtin } from '../builtin.ts';
import type { FanoutMode } from '../fanout.ts';
import type { FlowDissector } from '../flow-dissector.ts';
import type { Presence } from '../kernel-release.ts';
import type { ReadStacks } from '../reader.ts';
import type { NicFacts } from '../run-facts.ts';
import type { ReceiveMode, Spreading } from '../spreading.ts';
import type { WrappingLayer } from '../wrapping.ts';

/** The flows that a cause is about. Without any it is said of the mode. */
export interface CauseFlows {
  readonly flows: number;
  /** Sorted. */
  readonly stacks: readonly string[];
  /** Fragments that would still split some of these flows if the cause were mended; absent for none. */
  readonly fragments?: RemainingFragments;
}

export interface RemainingFragments {
  readonly flows: number;
  /** Of the headers that are fragmented, sorted. */
  readonly families: readonly (4 | 6)[];
  /** The flag defrag is set. */
  readonly isDefrag: boolean;
}

interface BrokenHash extends CauseFlows {
  /** Its name, with the point release where it is known: "5.10.0-30-amd64 (5.10.218)". */
  readonly kernel: string;
  readonly dissector: FlowDissector;
}

interface KnownBug extends CauseFlows {
  readonly kernel: string;
  /** Whether kernels of this release were published with the bug. */
  readonly byRelease: Presence;
  /** What may have made the pattern in place of the bug; absent where the kernel has the bug, or is taken to have it. */
  readonly dissector?: FlowDissector;
}

interface KnownBugA extends KnownBug {
  /** The directions differ in fields that the bug hashes; or a NIC hashed them, and the kernel went by that. */
  readonly by: 'fields' | 'nic';
}

interface OnInterface extends CauseFlows {
  readonly interface: string;
}

interface Fragmented extends CauseFlows {
  readonly isDefrag: boolean;
  /** Of how many of these flows the flag defrag reaches the fragments. */
  readonly inReach: 'all' | 'some' | 'none';
}

interface Wrapped extends CauseFlows {
  /** Flows inside tunnels; absent for none. */
  readonly inTunnels?: {
    /** Among them are tunnels whose ends take outer ports from a hash of their own. */
    readonly hasHashedPorts: boolean;
    readonly readers: readonly ReadStacks[];
  };
  /** Among the flows outside of tunnels are some of which the kernel knows the type of the tags of some packets alone. */
  readonly tagTypesDiffer: boolean;
  /** Flows outside of tunnels whose packets are wrapped in two ways; absent for none. */
  readonly mixed?: {
    /** What only some packets are behind; empty where that is not known. */
    readonly some: readonly WrappingLayer[];
    /** What only the others are behind. */
    readonly others: readonly WrappingLayer[];
    readonly readers: readonly ReadStacks[];
  };
  /** No reader takes the packets that were split for one flow. */
  readonly concernsNoReader: boolean;
}

interface IndexHashed extends CauseFlows {
  /** Some packets have an AH header, and others none. */
  readonly isMixed: boolean;
}

interface RolledOver extends CauseFlows {
  /** Packets that the kernel passed on because of the flag; absent in mode rollover, which does nothing else. */
  readonly passedOn?: number;
}

/** What a simulated NIC does wrong: it hashes directions apart, fragments apart, or the outer header of tunnels. */
export type NicFlaw = 'directions' | 'fragments' | 'tunnels';

interface Received extends CauseFlows {
  readonly mode: ReceiveMode;
  readonly by:
    | { readonly kind: 'simulated'; readonly nic: NicFacts; readonly flaws: readonly NicFlaw[] }
    | {
        readonly kind: 'device';
        readonly interface: string;
        readonly spreading: Spreading;
        /** Captured packets that this host sent. */
        readonly outgoing: number;
      };
}

interface Steered extends CauseFlows {
  readonly mode: FanoutMode;
  /** The policy of the built-in program; absent: another program. */
  readonly builtin?: Builtin;
}

interface Unexplained extends CauseFlows {
  readonly why:
    | { readonly kind: 'rolled-over'; readonly mode: FanoutMode; readonly packets: number }
    /** The group has no program, so that all packets belong on the first member. */
    | { readonly kind: 'no-program' }
    | { readonly kind: 'fields' };
}

interface StrayErrors extends CauseFlows {
  readonly mode: FanoutMode;
  /** What was seen of an error: that it was on another process, or that it has another kernel key. */
  readonly seen: 'process' | 'kernel-key';
}

/** What hides flows from the hash, so that all of a kind have one kernel key. */
export type UnspreadKind = 'sent' | 'label' | 'tag' | 'hsr' | 'tunnel' | 'portless' | 'hidden';

interface Unspread {
  readonly kinds: readonly {
    readonly kind: UnspreadKind;
    readonly flows: number;
    /** Sorted. */
    readonly stacks: readonly string[];
    /** Empty where all readers track all of these flows. */
    readonly readers: readonly ReadStacks[];
  }[];
  /** Frames that belong to no flow, by ethertype; absent for none. */
  readonly frames?: {
    /** The type of most packets first. */
    readonly types: readonly { readonly reason: string; readonly packets: number }[];
    /** Of the run, whatever they belong to. */
    readonly captured: number;
  };
}

/** A key for each code of model/cause.ts. */
export interface CauseArgs {
  'hash-asymmetric': BrokenHash;
  'known-bug-a': KnownBugA;
  'known-bug-b': KnownBug;
  'known-bug-c': KnownBug;
  'known-bug-d': CauseFlows;
  'sent-tagged': OnInterface;
  'fragment-v4': Fragmented;
  'fragment-v6': CauseFlows;
  'tunnel-outer-only': Wrapped;
  'esp-ah-spi': IndexHashed;
  'tunnel-payload-types': CauseFlows;
  'icmp-error': StrayErrors;
  'no-spread': Unspread;
  'lb-by-design': CauseFlows;
  'rnd-by-design': CauseFlows;
  'rollover-under-load': RolledOver;
  'rss-asymmetric': Received;
  'bpf-program': Steered;
  'bpf-program-missing': { readonly mode: FanoutMode };
  'membership-change': CauseFlows;
  duplicated: OnInterface;
  unexplained: Unexplained;
}
