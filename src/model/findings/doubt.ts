/** What findings are about that keep an answer from being a YES, or prove it. Codes have headings in docs/verdicts.md. */
import type { Builtin } from '../builtin.ts';
import type { CauseCode } from '../cause.ts';
import type { FanoutMode } from '../fanout.ts';
import type { NicFacts, Outsiders, StopReason } from '../run-facts.ts';
import type { SourceInfo } from '../run-result.ts';
import type { ReceiveMode, SpreadingElsewhere } from '../spreading.ts';
import type { ChurnChange } from './churn.ts';

export type Nothing = Readonly<Record<never, never>>;

type SourceKind = SourceInfo['kind'];

/** Why a run ended. */
export interface Stop {
  readonly reason: StopReason;
  /** Flows that the collector had room for. */
  readonly flowsMax: number;
}

/** A device that gets only what is for its own addresses. */
export type OwnAddresses = { readonly device: 'macvlan'; readonly mode: string } | { readonly device: 'ipvlan' };

/** Why nothing was captured on a live interface, as far as the kernel tells it. */
export type NoTrafficWhy =
  /** `sent`: packets meanwhile; absent where nobody could ask. */
  | { readonly kind: 'ignores-outgoing'; readonly sent?: number }
  /** `packets`: what went to an ifb, where all counts as sent. */
  | { readonly kind: 'ignores-mirrored'; readonly packets: number }
  | { readonly kind: 'no-carrier' }
  /** `received`: packets that came as far as the driver. */
  | { readonly kind: 'xdp'; readonly received: number; readonly program: number; readonly isGeneric: boolean }
  | { readonly kind: 'filter'; readonly received: number }
  | { readonly kind: 'taken-before'; readonly received: number }
  | ({ readonly kind: 'own-addresses' } & OwnAddresses)
  | { readonly kind: 'no-promisc' }
  | { readonly kind: 'nothing-received' }
  /** Nobody could look: what was asked for that may be the reason. */
  | { readonly kind: 'untold'; readonly filter: boolean; readonly noPromisc: boolean };

/** `end`: how it ended. */
export interface LostMember {
  readonly index: number;
  readonly pid: number;
  readonly end: string;
}

/** Why everything may have been on one member. */
export type OneMemberWhy =
  | { readonly kind: 'lab-queues'; readonly mode: ReceiveMode; readonly procs: number; readonly nic?: NicFacts['name'] }
  /** What a live device spreads does not come of a NIC's queues of its own. */
  | { readonly kind: 'device'; readonly mode: ReceiveMode; readonly interface: string; readonly spreading: SpreadingElsewhere }
  | {
      readonly kind: 'mode';
      readonly mode: FanoutMode;
      /** The policy of the built-in program. */
      readonly builtin?: Builtin;
      readonly procs: number;
      readonly interface: string;
    };

export interface DoubtArgs {
  /** A group of one process keeps every flow together. */
  'one-process': Nothing;
  /** `why`: of a live interface. */
  'no-traffic': { readonly interface: string; readonly source: SourceKind; readonly stop: Stop; readonly why?: NoTrafficWhy };
  /** `ignored`: the reasons that packets belong to no flow, most frequent first, up to three. */
  'no-flows':
    | {
        readonly captured: number;
        readonly ignored: readonly (readonly [reason: string, packets: number])[];
        readonly own?: OwnAddresses;
      }
    /** No flow was seen both before and after a change of the group. */
    | { readonly change: ChurnChange };
  'no-two-way-flows': { readonly flows: number; readonly stop: Stop; readonly source: SourceKind; readonly ignoresOutgoing: boolean };
  /** `missing`: two-way flows that must pass before chance is ruled out. */
  'one-member': {
    readonly flows: number;
    readonly members: readonly number[];
    readonly procs: number;
    readonly missing: number;
    readonly why?: OneMemberWhy;
  };
  /** `bound`: the probability with which a group that scattered packets would have passed; `needed`: further two-way flows. */
  'too-few-flows': { readonly flows: number; readonly bound: number; readonly limit: number; readonly needed: number; readonly stop: Stop };
  loss: {
    readonly dropped: number;
    readonly seen: number;
    readonly members: readonly { readonly index: number; readonly drops: number }[];
    readonly source: SourceKind;
    /** Live. */
    readonly maxLossPercent: number;
    /** Flows that were split. */
    readonly split: number;
  };
  /** `untracked`: of these packets, so many were lost in the collector. */
  'evidence-lost':
    | {
        readonly overflowed: number;
        readonly seen: number;
        readonly untracked: number;
        readonly source: SourceKind;
        readonly maxLossPercent: number;
      }
    /** Packets of a capture file that belong to flows for which there was no room. */
    | { readonly packets: number };
  'accounting-mismatch':
    | { readonly kind: 'sent'; readonly offered: number; readonly missing: number }
    | { readonly kind: 'sum'; readonly captured: number; readonly accounted: number }
    /** Of a survey: classes of traffic whose packets are not among their flows. */
    | { readonly kind: 'classes'; readonly classes: readonly string[]; readonly of: number }
    | {
        readonly kind: 'members';
        readonly members: readonly { readonly member: number; readonly judged: number; readonly told: number }[];
      }
    /** Flows that were seen in the lab and that it never sent. */
    | { readonly kind: 'strays'; readonly flows: number };
  'lost-member':
    | { readonly procs: number; readonly lost: readonly LostMember[] }
    /** Where members are killed on purpose: one that was not to be killed. */
    | LostMember;
  /** Packets that the kernel passed on although no flow was split. */
  'rolled-over': { readonly packets: number };
  'unjudged-stacks': { readonly flows: number; readonly total: number; readonly stacksMax: number };
  'ended-early': { readonly stop: Stop };
  'isolated-violation': { readonly flows: number; readonly total: number; readonly causes: readonly string[] };
  'foreign-member-possible': { readonly outsiders: Outsiders };
  'tolerated-design': { readonly mode: FanoutMode; readonly cause: CauseCode };
  'spread-broken':
    | { readonly kind: 'turns'; readonly least: number; readonly most: number; readonly packets: number }
    | { readonly kind: 'draws'; readonly z: number; readonly mean: number; readonly probability: number };
  proven: {
    readonly flows: number;
    readonly members: number;
    readonly bound: number;
    readonly limit: number;
    /** Flows that did not stay on one process, for causes that do not count here. */
    readonly excepted: number;
    readonly causes: readonly string[];
  };
}
