/** From what violations look like to why they happened. Pure. What is not established is `unexplained`, never guessed. */
import { CAUSES, type CauseCode } from '../model/cause.ts';
import type { ViolationGroup, ViolationTraits } from '../model/evidence.ts';
import type { FanoutFlag, FanoutMode } from '../model/fanout.ts';
import type { FlowDissector } from '../model/flow-dissector.ts';
import type { KernelBugs } from '../model/kernel-model.ts';
import type { KernelIdentity } from '../model/kernel-release.ts';
import type { NicFacts } from '../model/run-facts.ts';
import type { CauseResult } from '../model/run-result.ts';
import { type HashFindings, hashBugOf } from './hash-bugs.ts';
import { asymmetricHashText, hashBugText } from './hash-texts.ts';
import { readersText } from './readers.ts';
import { rssText } from './rss-texts.ts';
import { carriesNoFlow, family, hasLayer, isTunnelled, listed, OUTER_HASHED } from './stack-layers.ts';

export interface DiagnosisContext {
  readonly interface: string;
  readonly mode: FanoutMode;
  readonly flags: readonly FanoutFlag[];
  readonly programMissing: boolean;
  readonly kernel: string | KernelIdentity;
  /** Packets that the kernel passed on because of the rollover flag (PACKET_ROLLOVER_STATS tp_all). */
  readonly rolledOver: number;
  /** Captured packets that this host sent. */
  readonly outgoing: number;
  readonly groups: readonly ViolationGroup[];
  /** What they have in common: some bugs are told apart by what else went wrong, and what did not. */
  readonly hash: HashFindings;
  readonly dissector: FlowDissector;
  /** Of a prediction: the bugs of the kernel whose hash is modelled, so that they are in the kernel keys. */
  readonly modelled?: KernelBugs;
  /** Of a run behind a simulated one. */
  readonly nic?: NicFacts;
  /** The live interface spreads nothing over queues of its own. */
  readonly lacksRss?: boolean;
}

const OF_KEPT_FLOWS = ['icmp-error', 'no-spread', 'bpf-program-missing'] as const satisfies readonly CauseCode[];

/** Why a flow was parted. The other causes are about flows that were kept. */
export type ViolationCause = Exclude<CauseCode, (typeof OF_KEPT_FLOWS)[number]>;

export function isOfKeptFlows(code: string): boolean {
  return OF_KEPT_FLOWS.some((known) => known === code);
}

interface Explanation {
  readonly message: string;
  readonly remedy?: string;
}

interface Rule {
  readonly code: ViolationCause;
  readonly holds: (traits: ViolationTraits, context: DiagnosisContext) => boolean;
}

/** The first rule that holds names the cause. Rules above the modes are about the input, the others about one mode each. */
const RULES: readonly Rule[] = [
  { code: 'membership-change', holds: (traits) => traits.movedAtChange === true },
  // Packets that look alike are scattered, or moved on, like all others.
  { code: 'lb-by-design', holds: (_, { mode }) => mode === 'lb' },
  { code: 'rnd-by-design', holds: (_, { mode }) => mode === 'rnd' },
  { code: 'rollover-under-load', holds: (_, { mode }) => mode === 'rollover' },
  // Copies with one kernel key would have been kept together by the hash.
  { code: 'duplicated', holds: (traits, { mode }) => traits.kind === 'duplicated' && !(mode === 'hash' && traits.oneKernelKey) },
  { code: 'rollover-under-load', holds: (traits, context) => context.mode === 'hash' && rolled(context) && traits.oneKernelKey },
  // Under any other mode a rollover and an asymmetric steering look alike: neither is established.
  { code: 'unexplained', holds: (_, context) => context.mode !== 'hash' && rolled(context) },
  { code: 'rss-asymmetric', holds: (_, { mode }) => mode === 'qm' || mode === 'cpu' },
  { code: 'unexplained', holds: (_, context) => context.programMissing },
  { code: 'bpf-program', holds: (_, { mode }) => mode === 'cbpf' || mode === 'ebpf' },
  // Whatever else they are, the hash has not looked at it.
  { code: 'sent-tagged', holds: (traits) => !traits.oneKernelKey && traits.sentTagged },
  { code: 'tunnel-payload-types', holds: (traits) => !traits.oneKernelKey && carriesNoFlow(traits.stack) },
  { code: 'fragment-v4', holds: (traits) => isPartedByFragments(traits) && family(traits.stack) === 4 },
  { code: 'fragment-v6', holds: (traits) => isPartedByFragments(traits) && family(traits.stack) === 6 },
  { code: 'known-bug-d', holds: (traits) => !traits.oneKernelKey && traits.staleIpv6 },
  {
    code: 'esp-ah-spi',
    holds: (traits) => !traits.oneKernelKey && hasLayer(traits.stack, ['esp', 'ah']) && !hasLayer(traits.stack, OUTER_HASHED),
  },
  { code: 'tunnel-outer-only', holds: (traits) => !traits.oneKernelKey && !traits.fragments && isPartedByWrapping(traits) },
  { code: 'known-bug-c', holds: (traits, { modelled }) => modelled?.c === true && !traits.oneKernelKey && hasLabels(traits) },
  { code: 'known-bug-b', holds: (traits, { modelled }) => modelled?.b === true && !traits.oneKernelKey && traits.topBitPair },
  { code: 'known-bug-c', holds: (traits, { hash }) => hashBugOf(traits, hash) === 'known-bug-c' },
  { code: 'known-bug-b', holds: (traits, { hash }) => hashBugOf(traits, hash) === 'known-bug-b' },
  { code: 'known-bug-a', holds: (traits, { hash }) => hashBugOf(traits, hash) === 'known-bug-a' },
  { code: 'hash-asymmetric', holds: (traits) => traits.oneKernelKey },
];

export function causeOf(traits: ViolationTraits, context: DiagnosisContext): ViolationCause {
  return RULES.find((rule) => rule.holds(traits, context))?.code ?? 'unexplained';
}

/** One result per cause, the one with most flows first. */
export function diagnose(context: DiagnosisContext, tolerated: readonly CauseCode[]): readonly CauseResult[] {
  const found = new Map<ViolationCause, { flows: number; stacks: Set<string> }>();
  for (const group of context.groups) {
    const code = causeOf(group, context);
    const entry = found.get(code) ?? { flows: 0, stacks: new Set() };
    entry.flows += group.flows;
    entry.stacks.add(group.stack);
    found.set(code, entry);
  }
  return byFlows(
    [...found].map(([code, { flows, stacks }]) => causeResult(code, flows, [...stacks].sort(), context, tolerated.includes(code))),
  );
}

export function byFlows(causes: readonly CauseResult[]): readonly CauseResult[] {
  return causes.toSorted((a, b) => b.flows - a.flows || (a.code < b.code ? -1 : 1));
}

/** What a mode's design means for flows, said also where no violation was seen. */
export function explainCause(code: ViolationCause, context: DiagnosisContext, stacks: readonly string[] = []): Explanation {
  return EXPLANATIONS[code](context, stacks);
}

function causeResult(
  code: ViolationCause,
  flows: number,
  stacks: readonly string[],
  context: DiagnosisContext,
  isTolerated: boolean,
): CauseResult {
  const { message, remedy } = explainCause(code, context, stacks);
  return {
    code,
    flows,
    harmless: CAUSES[code].harmless,
    ...(isTolerated ? { tolerated: true } : {}),
    message: `${flows} ${flows === 1 ? 'flow' : 'flows'} (${listed(stacks)}): ${message}`,
    ...(remedy === undefined ? {} : { remedy }),
  };
}

const EXPLANATIONS: Readonly<Record<ViolationCause, (context: DiagnosisContext, stacks: readonly string[]) => Explanation>> = {
  'hash-asymmetric': asymmetricHashText,
  'known-bug-a': (context) => hashBugText('known-bug-a', context),
  'known-bug-b': (context) => hashBugText('known-bug-b', context),
  'known-bug-c': (context) => hashBugText('known-bug-c', context),
  'sent-tagged': ({ interface: device }) => ({
    message:
      'this host sent packets of these flows with the VLAN tag in their bytes, and the kernel then looks for the tag behind the tag: it hashes what stands there, of IPv4 the total length of the packet, and neither addresses nor ports; packets that are received are hashed properly',
    remedy: `capture where these packets are received, or where they have no tag yet: on the VLAN device or on the bridge; where VLAN devices send them and the driver can insert tags, "ethtool -K ${device} tx-vlan-offload on"; a test with tcpreplay has to send from the other end; --mode qm is no cure, as it goes by the queue of the sender`,
  }),
  'fragment-v4': ({ flags }, stacks) => fragments4(flags.includes('defrag'), stacks),
  'fragment-v6': () => ({
    message:
      'the kernel hashes an IPv6 packet with a fragment header by addresses and protocol only, so it leaves the process of its flow; the defrag flag reassembles IPv4 alone',
    remedy:
      'no fanout flag helps; a steering program that goes by the addresses alone (--mode cbpf or ebpf) keeps them together, at the price of balance',
  }),
  'known-bug-d': () => ({
    message:
      'the kernel hashes octets 8 to 11 of the outer IPv6 source address together with the inner IPv4 flow, and each direction has another source there; it does so wherever struct flow_keys ends in padding, as in mainline since Linux 5.5, and no later release is known that does not',
    remedy: 'end the tunnel (DS-Lite, 4in6, GRE over IPv6) before the sensor, or steer by the inner addresses (--mode ebpf)',
  }),
  'tunnel-outer-only': (_, stacks) => (stacks.length > 0 && !stacks.some(isTunnelled) ? MIXED_WRAPPINGS : tunnels(stacks)),
  'tunnel-payload-types': () => ({
    message:
      'the tunnel carries frames without IP (such as ARP, LLDP, STP, LCP or keepalives), and the kernel hashes the type of what follows the last header that it reads, so frames of different types may be on different processes',
    remedy: 'none is needed: flows inside the tunnel are judged by themselves, and these frames belong to none',
  }),
  'esp-ah-spi': () => ({
    message:
      'the kernel hashes the SPI of ESP and AH where it hashes the ports of TCP, and each direction is a security association with an SPI of its own',
    remedy: 'none is needed for ESP: an IDS cannot look inside; what AH carries it can, so capture that behind the gateway that ends AH',
  }),
  'lb-by-design': () => ({
    message: 'mode lb deals packets out in turn, so a flow of two packets is on two processes by design',
    remedy: 'use --mode hash for an IDS',
  }),
  'rnd-by-design': () => ({
    message: 'mode rnd chooses a process at random for each packet, by design',
    remedy: 'use --mode hash for an IDS',
  }),
  'rollover-under-load': ({ mode, rolledOver }) => ({
    message:
      mode === 'rollover'
        ? 'mode rollover fills one process until its ring has no room, then moves all flows to the next'
        : `a ring had no room, and the kernel passed ${rolledOver} packets on to other processes`,
    remedy:
      mode === 'rollover' ? 'use --mode hash' : 'leave --rollover off; give rings more memory (--ring-size) or more processes instead',
  }),
  'rss-asymmetric': rssText,
  'bpf-program': ({ mode }) => ({
    message: `the ${mode} steering program returned different members for packets of one flow`,
    remedy:
      'make the program symmetric: combine source and destination by an operation that commutes, and load from SKF_NET_OFF, because offset 0 is the network header for received packets but the link header for sent ones',
  }),
  'membership-change': () => ({
    message: 'they moved when a process joined or left: the kernel then maps about half of all flows anew, in every mode by hash',
    remedy: 'restart the whole group rather than single processes',
  }),
  duplicated: ({ interface: device }) => ({
    message: 'the same packets come to more than one process',
    remedy: `find out why ${device} sees each packet twice: a mirror of both directions of two ports or VLANs, a bridge and its port, or a loopback device`,
  }),
  unexplained: (context) =>
    rolled(context)
      ? {
          message: `packets rolled over (${context.rolledOver}), but mode ${context.mode} may have parted these flows as well`,
          remedy: 'test without --rollover',
        }
      : {
          message: context.programMissing
            ? 'without a program the kernel sends all packets to the first member, yet these were on several, and nothing measured establishes why'
            : 'the kernel hashes packets of one such flow by different fields, and nothing measured establishes why',
          remedy: 'look at the listed observations; a capture of one such flow would help to extend this diagnosis',
        },
};

// ip_check_defrag() takes what is IPv4 once the kernel has taken the outer tag out of the bytes.
const IN_REACH_OF_DEFRAG = /^(vlan\/)?ipv4\//;

function fragments4(isDefrag: boolean, stacks: readonly string[]): Explanation {
  const message = 'the kernel hashes an IPv4 fragment by addresses and protocol only, so it leaves the process of its flow';
  const limit = 'the defrag flag does not reach fragments under two VLAN tags or inside a tunnel';
  const instead = 'strip the outer tags or end the tunnel before the sensor';
  const isInReach = (stack: string) => IN_REACH_OF_DEFRAG.test(stack);
  const set =
    'set --defrag (Suricata: "defrag: yes", Zeek: AF_Packet::enable_defrag=T), for one group of a host only: two would take fragments from each other';
  if (isDefrag && stacks.some(isInReach)) {
    // ip_check_defrag() lets pass what is shorter than its header says.
    const cut = 'or that were cut by the snap length of a capture';
    return {
      message: `${message}; the defrag flag is set, but ${limit.replace('the defrag flag', 'it')}, ${cut}`,
      remedy: `capture with a larger snap length; else ${instead}`,
    };
  }
  if (isDefrag) return { message: `${message}; the defrag flag is set, but ${limit.replace('the defrag flag', 'it')}`, remedy: instead };
  if (stacks.every(isInReach)) return { message, remedy: set };
  if (!stacks.some(isInReach)) return { message: `${message}; ${limit}`, remedy: instead };
  return { message: `${message}; ${limit}`, remedy: `${set}; for the others ${instead}` };
}

function tunnels(stacks: readonly string[]): Explanation {
  const why = stacks.some((stack) => hasLayer(stack, ['vxlan', 'geneve']))
    ? '; each end of VXLAN and Geneve takes the outer source port from a hash of its own (RFC 7348, RFC 8926)'
    : '';
  const readers = stacks.length === 0 ? '' : `; ${readersText(stacks)}`;
  return {
    message: `the kernel hashes the outer header of the tunnel, not the flow inside, and the outer ones differ between packets of one inner flow${why}${readers}`,
    remedy: 'end the tunnel before the sensor, let the IDS receive it by a socket of its own, or steer by the inner flow (--mode ebpf)',
  };
}

const MIXED_WRAPPINGS: Explanation = {
  message:
    'some packets of the flow are behind a label or in a tunnel, where the hash of the kernel does not look, and others are not, such as one direction with MPLS labels and one without',
  remedy: 'have the packet broker strip labels and tunnels in both directions, or steer by the inner flow (--mode ebpf)',
};

// Some packets of an IPv6 flow with a label, and some without.
function hasLabels({ stack, labelOneWay, tagsDiffer }: ViolationTraits): boolean {
  return labelOneWay || (tagsDiffer && family(stack) === 6);
}

function rolled({ flags, rolledOver }: DiagnosisContext): boolean {
  return flags.includes('rollover') && rolledOver > 0;
}

// Inside an outer header a fragment is one of two possible reasons.
function isPartedByWrapping({ stack, mixedWrappings }: ViolationTraits): boolean {
  return isTunnelled(stack) || mixedWrappings;
}

function isPartedByFragments(traits: ViolationTraits): boolean {
  return !traits.oneKernelKey && traits.fragments && !hasLayer(traits.stack, OUTER_HASHED);
}
