/** What the verdict must know about the run beside the evidence. */

import type { Builtin } from './builtin.ts';
import type { CauseCode } from './cause.ts';
import type { CopiesSeen } from './copies.ts';
import type { FanoutFlag, FanoutMode } from './fanout.ts';
import type { Finding } from './finding.ts';
import type { FlowDissector } from './flow-dissector.ts';
import type { KernelDesign } from './kernel-model.ts';
import type { KernelIdentity } from './kernel-release.ts';
import type { LinkStates } from './link.ts';
import type { DisturbanceCode } from './reason.ts';
import type { MemberResult, PacketCounts, SourceInfo } from './run-result.ts';

/** Something outside the group that cut into the run. A proven NO stands; a YES does not. */
export type Disturbance = Finding<DisturbanceCode>;

/** Programs that may have been in the group where the kernel does not list its members. */
export type Outsiders =
  /** Nobody could tell which programs capture. */
  | { readonly kind: 'unknown' }
  /** Others captured on the interface, and have ended since. */
  | { readonly kind: 'ended' }
  /** Others captured on the interface: some of them, with their pids. */
  | { readonly kind: 'capturing'; readonly owners: readonly string[] };

export type StopReason =
  | 'flows'
  | 'packets'
  | 'time'
  | 'end-of-traffic'
  | 'signal'
  | 'violation'
  | 'members-lost'
  | 'interface-removed'
  /** The flow map is full, and nothing in it can be forgotten. */
  | 'flow-memory'
  /** The group changed more often than is kept apart. */
  | 'epochs'
  /** No limit was given that came before that of every run. */
  | 'longest';

/** The receive-side scaling that the lab simulated, as far as a diagnosis asks for it. */
export interface NicFacts {
  /** The settings as typed, or where they were saved. */
  readonly name: string;
  readonly queues: number;
  /** Both directions of a flow have one hash, where the same fields are hashed. */
  readonly isSymmetric: boolean;
  /** Ports are hashed for some kind of flow, where they can be found. */
  readonly hashesPorts: boolean;
}

export interface Contradiction {
  readonly member: number;
  readonly judged: number;
  readonly told: number;
}

/** Of live packets that were looked at, how many came twice. */
export interface CopyFacts extends CopiesSeen {
  /** Of those that came again, sent by this host where the other copy was received, or the other way round. */
  readonly crossed: number;
}

/** Live packets above the MTU. */
export interface LargeFacts {
  readonly mtu: number;
  readonly received: number;
  readonly sent: number;
  /** Of both, so many are of several TCP segments, by the kernel's word. */
  readonly merged: number;
  /** The largest, without its link header. */
  readonly largestBytes: number;
}

export interface RunFacts {
  readonly source: SourceInfo['kind'];
  readonly nic?: NicFacts;
  readonly interface: string;
  /** Of a live one, where it could be asked about. */
  readonly link?: LinkStates;
  /** What may keep packets of a live interface from the group. */
  readonly copies?: CopyFacts;
  readonly large?: LargeFacts;
  readonly narrowedBy?: { readonly filter: boolean; readonly noPromisc: boolean };
  readonly kernel: string | KernelIdentity;
  /** How it hashes, where it had to be asked, and could be. */
  readonly askedDesign?: KernelDesign;
  readonly dissector: FlowDissector;
  readonly mode: FanoutMode;
  readonly flags: readonly FanoutFlag[];
  /** What of this project takes part in choosing the member. */
  readonly builtin?: Builtin;
  /** Mode cbpf or ebpf, and the group was given no program. */
  readonly programMissing: boolean;
  readonly procs: number;
  /**
   * `overflowed` counts the packets that the flow map had no room for as well as those lost in the workers' tables,
   * so that captured = judged + overflowed + ignored.
   */
  readonly packets: PacketCounts;
  /** Offered packets that no member can have counted, for a known reason: refused by the filter, or merged by reassembly. */
  readonly withheld: number;
  readonly members: readonly MemberResult[];
  /** Flows that the collector had room for. */
  readonly flowsMax: number;
  /** Members that finished, and told of more or fewer packets than they say they judged. */
  readonly contradictions: readonly Contradiction[];
  readonly stop: StopReason;
  readonly disturbances: readonly Disturbance[];
  /** Programs that may have joined the group and left it again unseen; absent where none can have. */
  readonly outsiders?: Outsiders;
  readonly tolerated: readonly CauseCode[];
  /** Live traffic only: in the lab nothing may be lost. */
  readonly maxLossPercent: number;
}
