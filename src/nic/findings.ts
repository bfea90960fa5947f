/** What can be found out about an interface that a group captures on: codes with their arguments. src/collector/words/doctor.ts has words for them. */
import type { FanoutMode } from '../model/fanout.ts';
import type { Channels, Symmetry } from './drivers.ts';
import type { HashedFlow, NicFacts } from './facts.ts';

export type NicSeverity = 'problem' | 'warning' | 'note';

export interface ApartFlow {
  readonly flow: HashedFlow;
  /** Of so many sampled flows; absent where it follows from the hashed fields, which have one end of a flow only. */
  readonly share?: { readonly apart: number; readonly of: number };
}

/** What decides where the two directions are handled. */
export type ApartBy = 'queues' | 'rps';

/** How to have both directions on one CPU. */
export interface Mend {
  readonly symmetry: Symmetry;
  /** RPS goes by the hash of the NIC, and another one can be had. */
  readonly needsSoftwareHash: boolean;
  readonly hasOneQueue: boolean;
  /** It has been made symmetric already. */
  readonly isHashSymmetric: boolean;
  /** Where mode cpu would have to spread packets by RPS; absent: not known. */
  readonly cpus?: readonly number[];
}

export interface NicFindingArgs {
  /** Affinity. */
  'by-design': { readonly mode: FanoutMode };
  'rollover-flag': { readonly mode: FanoutMode };
  'directions-apart': { readonly mode: FanoutMode; readonly by: ApartBy; readonly flows: readonly ApartFlow[]; readonly mend: Mend };
  'fragments-apart': { readonly mode: FanoutMode; readonly by: 'nic' | 'kernel'; readonly flows: readonly ApartFlow[] };
  'rps-flow-labels': { readonly mode: FanoutMode };
  'steering-rules': { readonly mode: FanoutMode; readonly count: number };
  'sent-traffic-steering': { readonly mode: FanoutMode; readonly off: 'ntuple' | 'private-flag' };
  'flow-dissector': { readonly programId: number; readonly isBuiltin: boolean };
  'irq-moves': { readonly mode: FanoutMode; readonly irqs: readonly number[] };
  'threaded-napi': { readonly mode: FanoutMode };
  rfs: { readonly mode: FanoutMode; readonly queues: readonly number[] };
  /** What the members get. */
  'one-queue': {
    readonly mode: FanoutMode;
    readonly most: number | null;
    readonly channels: Channels;
    readonly mend: Mend;
    readonly procs?: number;
  };
  'members-beyond-queues': {
    readonly queues: number;
    readonly procs: number;
    readonly most: number | null;
    readonly channels: Channels;
  };
  /** CPU c is that of member c mod n. */
  'members-without-cpu': { readonly members: readonly number[]; readonly cpus: readonly number[]; readonly procs: number };
  'queues-unused': {
    readonly unused: readonly number[];
    readonly queues: number;
    /** To so many the NIC can hash. */
    readonly hashedMost: number;
    readonly channels: Channels;
  };
  'queues-share-cpu': {
    readonly cpu: number;
    readonly irqs: readonly { readonly irq: number; readonly queue: number }[];
    readonly cpus: readonly number[];
  };
  /** Order. */
  'order-between-cpus': { readonly mode: FanoutMode; readonly by: ApartBy; readonly flows: readonly ApartFlow[]; readonly mend: Mend };
  'merged-packets': { readonly mode: FanoutMode; readonly features: readonly string[] };
  'several-below': { readonly kind: string; readonly lowers: readonly string[] };
  /** What is seen, and by whom. */
  'part-of': { readonly master: string };
  'devices-on-top': { readonly uppers: readonly string[] };
  xdp: { readonly programId: number; readonly mode: string };
  'tc-ingress': { readonly kinds: readonly string[] };
  'link-down': Nothing;
  'no-carrier': Nothing;
  'not-promiscuous': Nothing;
  /** Loss. */
  'nic-drops': { readonly counters: readonly { readonly name: string; readonly count: number }[]; readonly ms: number };
  'softnet-drops': {
    readonly rows: readonly { readonly cpu: number; readonly count: number }[];
    readonly ms: number;
    readonly backlog: number | null;
  };
  'ring-small': { readonly rx: number; readonly most: number };
  'backlog-small': { readonly backlog: number };
}

export type Nothing = Readonly<Record<never, never>>;
export type NicFindingCode = keyof NicFindingArgs;

export type NicFinding<Code extends NicFindingCode = NicFindingCode> = {
  readonly [C in Code]: { readonly code: C; readonly severity: NicSeverity; readonly args: NicFindingArgs[C] };
}[Code];

export function nicFinding<Code extends NicFindingCode>(code: Code, severity: NicSeverity, args: NicFindingArgs[Code]): NicFinding {
  return { code, severity, args } as unknown as NicFinding;
}

/** A fact by its name in NicFacts. */
export type FactId = Exclude<keyof NicFacts, 'name' | 'hashFields'> | `hashFields.${HashedFlow}`;

/** Why something is not known although it matters. */
export type Unsaid =
  /** It could not be read. */
  | { readonly code: 'unread'; readonly why: string }
  /** It was read, and the driver left out this part of it. */
  | { readonly code: 'not-shown'; readonly what: 'function' | 'key' | 'table' }
  /** Each driver has its own. */
  | { readonly code: 'own-function'; readonly name: string }
  | { readonly code: 'own-fields'; readonly fields: string }
  | { readonly code: 'key-too-short'; readonly bytes: number }
  /** It may mix source and destination without saying so. */
  | { readonly code: 'silent-transform' }
  /** It says that it mixes them, and may not. */
  | { readonly code: 'announced-transform' }
  /** No sampled flow was apart, and nothing proves it for all. */
  | { readonly code: 'unproven'; readonly of: number }
  | { readonly code: 'received-below'; readonly lowers: readonly string[] }
  | { readonly code: 'chosen-by-senders'; readonly kind: string }
  | { readonly code: 'rules-not-read'; readonly count: number }
  | { readonly code: 'program-not-read'; readonly programId: number }
  | { readonly code: 'steering-program'; readonly mode: FanoutMode }
  | { readonly code: 'cpu-of-queue' }
  /** Several CPUs may serve one interrupt. */
  | { readonly code: 'several-cpus'; readonly irqs: readonly number[] };

export interface NicUnknown {
  readonly fact: FactId | 'program';
  readonly where: string;
  readonly because: Unsaid;
  readonly needs?: string;
  /** Without it nobody can say that nothing breaks this mode. */
  readonly isDecisive: boolean;
}

/** What is known to hold for every flow, and by what; or the share of sampled flows. */
export type Proof = 'one-member' | 'one-queue' | 'one-cpu' | 'key' | 'transform' | 'hash-function' | 'software-hash' | 'fields' | 'sampled';

export type Meets =
  | { readonly answer: 'together'; readonly proof: Proof }
  | {
      readonly answer: 'apart';
      readonly proof: Proof;
      readonly by: ApartBy;
      readonly share?: { readonly apart: number; readonly of: number };
    }
  | { readonly answer: 'unknown'; readonly unknown: Omit<NicUnknown, 'isDecisive'> }
  /** Together, unless an IPv6 flow label is set: each direction has its own. */
  | { readonly answer: 'unlabelled' };

/** Whether both directions of such flows come to one queue, CPU or member, and fragments to that of their flow. */
export interface Meeting {
  readonly flow: HashedFlow;
  readonly place: 'member' | 'queue' | 'cpu';
  readonly directions: Meets;
  /** Fragments against whole packets of the same direction. */
  readonly fragments: Meets;
}

export interface Examined {
  readonly findings: readonly NicFinding[];
  readonly meetings: readonly Meeting[];
  readonly unknowns: readonly NicUnknown[];
}
