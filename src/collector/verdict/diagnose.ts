/** From what violations look like to why they happened. Pure. What is not established is `unexplained`, never guessed. */
import { CAUSES, type CauseCode } from '../../model/cause.ts';
import type { ViolationGroup, ViolationTraits } from '../../model/evidence.ts';
import type { FanoutFlag, FanoutMode } from '../../model/fanout.ts';
import type { FlowDissector } from '../../model/flow-dissector.ts';
import type { KernelBugs } from '../../model/kernel-model.ts';
import type { KernelIdentity } from '../../model/kernel-release.ts';
import type { LinkState } from '../../model/link.ts';
import type { NicFacts } from '../../model/run-facts.ts';
import type { CauseResult } from '../../model/run-result.ts';
import { sum } from './confidence.ts';
import { type HashFindings, hashBugOf } from './hash-bugs.ts';
import { asymmetricHashText, hashBugText } from './hash-texts.ts';
import { concernedReaders, readersOfBothText, readersText } from './readers.ts';
import { rssText } from './rss-texts.ts';
import { carriesNoFlow, family, hasLayer, isTaggedAlone, isTunnelled, listed, nameOfDifference, UNKNOWN_TAG } from './stack-layers.ts';

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
  readonly link?: LinkState;
}

const OF_KEPT_FLOWS = ['icmp-error', 'no-spread', 'bpf-program-missing'] as const satisfies readonly CauseCode[];

/** Why a flow was split. The other causes are about flows that were kept. */
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
  // What would be split in one piece, too, has another cause.
  { code: 'fragment-v6', holds: (traits) => isPartedByFragments(traits) && traits.fragments === 'ipv6' },
  { code: 'fragment-v4', holds: isPartedByFragments },
  { code: 'known-bug-d', holds: (traits) => !traits.oneKernelKey && traits.staleIpv6 },
  { code: 'esp-ah-spi', holds: (traits) => !traits.oneKernelKey && traits.onlyIndexDiffers },
  { code: 'tunnel-outer-only', holds: isPartedByWrapping },
  { code: 'known-bug-c', holds: (traits, { modelled }) => modelled?.c === true && !traits.oneKernelKey && hasLabels(traits) },
  { code: 'known-bug-b', holds: (traits, { modelled }) => modelled?.b === true && !traits.oneKernelKey && traits.topBitPair },
  { code: 'known-bug-c', holds: (traits, { hash }) => hashBugOf(traits, hash) === 'known-bug-c' },
  { code: 'known-bug-b', holds: (traits, { hash }) => hashBugOf(traits, hash) === 'known-bug-b' },
  { code: 'known-bug-a', holds: (traits, { hash }) => hashBugOf(traits, hash) === 'known-bug-a' },
  // Nothing else gives such packets several keys: what else could has a rule above.
  { code: 'tunnel-outer-only', holds: isPartedByTagType },
  { code: 'hash-asymmetric', holds: (traits) => traits.oneKernelKey },
];

export function causeOf(traits: ViolationTraits, context: DiagnosisContext): ViolationCause {
  return RULES.find((rule) => rule.holds(traits, context))?.code ?? 'unexplained';
}

/** One result per cause, the one with most flows first. */
export function diagnose(context: DiagnosisContext, tolerated: readonly CauseCode[]): readonly CauseResult[] {
  const found = new Map<ViolationCause, ViolationGroup[]>();
  for (const group of context.groups) {
    const code = causeOf(group, context);
    found.set(code, [...(found.get(code) ?? []), group]);
  }
  return byFlows([...found].map(([code, groups]) => causeResult(code, groups, context, tolerated.includes(code))));
}

export function byFlows(causes: readonly CauseResult[]): readonly CauseResult[] {
  return causes.toSorted((a, b) => b.flows - a.flows || (a.code < b.code ? -1 : 1));
}

/** What a mode's design means for flows, said also where no violation was seen. */
export function explainCause(code: ViolationCause, context: DiagnosisContext, groups: readonly ViolationGroup[] = []): Explanation {
  const explanation = EXPLANATIONS[code](context, groups);
  return context.mode === 'hash' && LEAVES_FRAGMENTS[code] ? withFragments(explanation, context, groups) : explanation;
}

function causeResult(
  code: ViolationCause,
  groups: readonly ViolationGroup[],
  context: DiagnosisContext,
  isTolerated: boolean,
): CauseResult {
  const { message, remedy } = explainCause(code, context, groups);
  const flows = sum(groups.map((group) => group.flows));
  return {
    code,
    flows,
    harmless: CAUSES[code].harmless,
    ...(isTolerated ? { tolerated: true } : {}),
    message: `${flows} ${flows === 1 ? 'flow' : 'flows'} (${listed(stacksOf(groups))}): ${message}`,
    ...(remedy === undefined ? {} : { remedy }),
  };
}

function stacksOf(groups: readonly ViolationGroup[]): readonly string[] {
  return [...new Set(groups.map(({ stack }) => stack))].sort();
}

const EXPLANATIONS: Readonly<Record<ViolationCause, (context: DiagnosisContext, groups: readonly ViolationGroup[]) => Explanation>> = {
  'hash-asymmetric': asymmetricHashText,
  'known-bug-a': (context) => hashBugText('known-bug-a', context),
  'known-bug-b': (context) => hashBugText('known-bug-b', context),
  'known-bug-c': (context) => hashBugText('known-bug-c', context),
  'sent-tagged': ({ interface: device }) => ({
    message:
      'this host sent packets of these flows with the VLAN tag in their bytes, and the kernel then looks for the tag behind the tag: it hashes what stands there, of IPv4 the total length of the packet, and neither addresses nor ports; packets that are received are hashed properly',
    remedy: `capture where these packets are received, or where they have no tag yet: on the VLAN device or on the bridge; where VLAN devices send them and the driver can insert tags, "ethtool -K ${device} tx-vlan-offload on"; a test with tcpreplay has to send from the other end; --mode qm is no cure, as it goes by the queue of the sender`,
  }),
  'fragment-v4': ({ flags }, groups) => fragments4(flags.includes('defrag'), groups),
  'fragment-v6': () => ({
    message: `${HASHED_6}, so it leaves the process of its flow; the defrag flag reassembles IPv4 alone`,
    remedy: `no fanout flag helps; ${BY_ADDRESSES}`,
  }),
  'known-bug-d': () => ({
    message:
      'the kernel hashes octets 8 to 11 of the outer IPv6 source address together with the inner IPv4 flow, and each direction has another source there; it does so wherever struct flow_keys ends in padding, as in mainline since Linux 5.5, and no later release is known that does not',
    remedy: 'end the tunnel (DS-Lite, 4in6, GRE over IPv6) before the sensor, or steer by the inner addresses (--mode ebpf)',
  }),
  'tunnel-outer-only': (_, groups) => wrappings(groups),
  'tunnel-payload-types': () => ({
    message:
      'the tunnel carries frames without IP (such as ARP, LLDP, STP, LCP or keepalives), and the kernel hashes the type of what follows the last header that it reads, so frames of different types may be on different processes',
    remedy: 'none is needed: flows inside the tunnel are judged by themselves, and these frames belong to none',
  }),
  'esp-ah-spi': (_, groups) => ({
    message: `the kernel hashes the SPI of ESP and AH where it hashes the ports of TCP, and ${
      groups.some(({ mixedWrappings }) => mixedWrappings)
        ? 'some packets have an AH header, and others none'
        : 'each direction is a security association with an SPI of its own'
    }`,
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
          message: `packets rolled over (${context.rolledOver}), but mode ${context.mode} may have split these flows as well`,
          remedy: 'test without --rollover',
        }
      : {
          message: context.programMissing
            ? 'without a program the kernel sends all packets to the first member, yet these were on several, and nothing measured establishes why'
            : 'the kernel hashes packets of one such flow by different fields, and nothing measured establishes why',
          remedy: 'look at the listed observations; a capture of one such flow would help to extend this diagnosis',
        },
};

const HASHED_4 = 'the kernel hashes an IPv4 fragment by addresses and protocol only';
const HASHED_6 = 'the kernel hashes an IPv6 packet with a fragment header by addresses and protocol only';
const SET_DEFRAG =
  'set --defrag (Suricata: "defrag: yes", Zeek: AF_Packet::enable_defrag=T), for one group of a host only: two would take fragments from each other';
const BY_ADDRESSES =
  'a steering program that goes by the addresses alone (--mode cbpf or ebpf) keeps them together, at the price of balance';
const LIMIT = 'does not reach fragments under two VLAN tags or inside a tunnel';
const UNCOVER = 'strip the outer tags or end the tunnel before the sensor';

function fragments4(isDefrag: boolean, groups: readonly ViolationGroup[]): Explanation {
  const message = `${HASHED_4}, so it leaves the process of its flow`;
  const isInReach = ({ fragments }: ViolationGroup) => fragments === 'in-reach';
  if (isDefrag && groups.some(isInReach)) {
    // ip_check_defrag() lets pass what is shorter than its header says.
    const cut = 'or that were cut by the snap length of a capture';
    return {
      message: `${message}; the defrag flag is set, but it ${LIMIT}, ${cut}`,
      remedy: `capture with a larger snap length; else ${UNCOVER}`,
    };
  }
  if (isDefrag) return { message: `${message}; the defrag flag is set, but it ${LIMIT}`, remedy: UNCOVER };
  if (groups.every(isInReach)) return { message, remedy: SET_DEFRAG };
  const uncoverThen = `${UNCOVER}, where the flag then reaches them`;
  const [first, second] = groups.some(isInReach) ? ['', `; for the others ${UNCOVER}`] : [`${uncoverThen}, and `, ''];
  return { message: `${message}; the defrag flag ${LIMIT}`, remedy: `${first}${SET_DEFRAG}${second}` };
}

/** Whether what mends the cause leaves fragments of these flows where they are. Harmless causes need no mending, those of modes another mode. */
const LEAVES_FRAGMENTS: Readonly<Record<ViolationCause, boolean>> = {
  'hash-asymmetric': true,
  'known-bug-a': true,
  'known-bug-b': true,
  'known-bug-c': true,
  'known-bug-d': true,
  'sent-tagged': true,
  'fragment-v4': false,
  'fragment-v6': false,
  'tunnel-outer-only': true,
  'esp-ah-spi': false,
  'tunnel-payload-types': false,
  'lb-by-design': false,
  'rnd-by-design': false,
  'rollover-under-load': true,
  'rss-asymmetric': false,
  'bpf-program': false,
  'membership-change': false,
  duplicated: false,
  unexplained: false,
};

// Then a flow has two causes, and is mended when both are.
function withFragments({ message, remedy }: Explanation, { flags }: DiagnosisContext, groups: readonly ViolationGroup[]): Explanation {
  const fragmented = groups.filter(({ fragments }) => fragments !== 'none');
  if (fragmented.length === 0) return { message, ...(remedy === undefined ? {} : { remedy }) };
  const isIpv6 = ({ fragments }: ViolationGroup) => fragments === 'ipv6';
  const [all6, any6] = [fragmented.every(isIpv6), fragmented.some(isIpv6)];
  const flows = sum(fragmented.map((group) => group.flows));
  const some = `${flows} of these ${flows === 1 ? 'flows has' : 'flows have'} fragments besides, which split ${flows === 1 ? 'it' : 'them'} as well`;
  const hashed = [...(all6 ? [] : [HASHED_4]), ...(any6 ? [HASHED_6] : [])].join(', and ');
  const set = flags.includes('defrag') ? 'the defrag flag reaches what is then IPv4 in the outermost header' : SET_DEFRAG;
  const cures = [...(all6 ? [] : [set]), ...(any6 ? [BY_ADDRESSES] : [])].join('; of IPv6 ');
  return {
    message: `${message}; ${some}: ${hashed}`,
    remedy: `${remedy === undefined ? '' : `${remedy}; `}for fragments that remain then: ${cures}`,
  };
}

const END_OF_TUNNEL =
  'end the tunnel before the sensor, let the IDS receive it by a socket of its own, or steer by the inner flow (--mode ebpf)';

/** What the hash covers in place of the flow. */
function hidden(groups: readonly ViolationGroup[]): string {
  const parts = [
    ...(groups.some(isOfTunnel) ? [OUTER_DIFFERS] : []),
    ...(groups.some(isPartedByTagType) ? [TAG_TYPES_DIFFER] : []),
    ...mixed(groups.filter((group) => !isOfTunnel(group) && !isPartedByTagType(group))),
  ];
  return parts.join('; besides, ');
}

const OUTER_DIFFERS =
  'the kernel hashes the outer header of the tunnel, not the flow inside, and the outer ones differ between packets of one inner flow';

const TAG_TYPES_DIFFER = `some packets of the flow are behind ${UNKNOWN_TAG}, where the hash of the kernel does not look, and others behind tags that it knows, such as one direction with 0x9100 and one with 0x8100`;

/** One sentence for flows whose packets are wrapped otherwise; none without any. */
function mixed(groups: readonly ViolationGroup[]): readonly string[] {
  if (groups.length === 0) return [];
  const behind = (name: (group: ViolationGroup) => string | undefined) => [...new Set(groups.flatMap((group) => name(group) ?? []))].sort();
  const some = behind(({ stack, wrapping }) => (wrapping === undefined ? undefined : nameOfDifference(wrapping, stack)));
  const others = behind(({ stack, wrapping }) => (wrapping === undefined ? undefined : nameOfDifference(stack, wrapping)));
  const where = some.length === 0 ? 'a label or a tag, or in a tunnel' : some.join(' or ');
  const rest = others.length === 0 ? 'are not' : `behind ${others.join(' or ')}`;
  return [
    `some packets of the flow are behind ${where}, where the hash of the kernel does not look, and others ${rest}, such as one direction with it and one without`,
  ];
}

function isOfTunnel({ stack }: ViolationGroup): boolean {
  return isTunnelled(stack);
}

function wrappings(groups: readonly ViolationGroup[]): Explanation {
  const tunnels = groups.filter(isOfTunnel);
  const others = groups.filter((group) => !isOfTunnel(group));
  const why = tunnels.some(({ stack }) => hasLayer(stack, ['vxlan', 'geneve']))
    ? ['each end of VXLAN and Geneve takes the outer source port from a hash of its own (RFC 7348, RFC 8926)']
    : [];
  const readers = [tunnels.length === 0 ? '' : readersText(stacksOf(tunnels)), readersOfBothText(others)].filter((text) => text !== '');
  const message = groups.length === 0 ? OUTER_DIFFERS : hidden(groups);
  const strip = 'have the packet broker strip labels, tags and tunnels in both directions, or steer by the inner flow (--mode ebpf)';
  const remedies = [...(tunnels.length > 0 || others.length === 0 ? [END_OF_TUNNEL] : []), ...(others.length > 0 ? [strip] : [])];
  const isForNobody = groups.length > 0 && groups.every((group) => concernedReaders(group).length === 0);
  const forNobody = isForNobody ? ['; where the sensor is one of these, it loses nothing by it (--tolerate tunnel-outer-only)'] : [];
  return { message: [message, ...why, ...readers].join('; '), remedy: [remedies.join('; for the others '), ...forNobody].join('') };
}

// Some packets of an IPv6 flow with a label, and some without.
function hasLabels({ stack, labelOneWay, tagsDiffer }: ViolationTraits): boolean {
  return labelOneWay || (tagsDiffer && family(stack) === 6);
}

function rolled({ flags, rolledOver }: DiagnosisContext): boolean {
  return flags.includes('rollover') && rolledOver > 0;
}

function isPartedByWrapping({ oneKernelKey, stack, mixedWrappings }: ViolationTraits): boolean {
  return !oneKernelKey && (isTunnelled(stack) || mixedWrappings);
}

function isPartedByTagType({ oneKernelKey, stack, mixedWrappings }: ViolationTraits): boolean {
  return !oneKernelKey && !mixedWrappings && isTaggedAlone(stack);
}

function isPartedByFragments({ oneKernelKey, fragments, wholeKeysDiffer }: ViolationTraits): boolean {
  return !oneKernelKey && fragments !== 'none' && !wholeKeysDiffer;
}
