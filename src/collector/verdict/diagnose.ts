/** From what violations look like to why they happened. Pure. What is not established is `unexplained`, never guessed. */
import type { Builtin } from '../../model/builtin.ts';
import { CAUSES, type CauseCode } from '../../model/cause.ts';
import { definedOf } from '../../model/defined.ts';
import type { ViolationGroup, ViolationTraits } from '../../model/evidence.ts';
import type { FanoutFlag, FanoutMode } from '../../model/fanout.ts';
import { type Finding, type FindingArgs, finding } from '../../model/finding.ts';
import type { CauseArgs, CauseFlows } from '../../model/findings/cause.ts';
import type { FlowDissector } from '../../model/flow-dissector.ts';
import type { KernelBugs } from '../../model/kernel-model.ts';
import { type KernelIdentity, kernelText } from '../../model/kernel-release.ts';
import type { LinkState } from '../../model/link.ts';
import type { NicFacts } from '../../model/run-facts.ts';
import type { FoundCause } from '../../model/run-result.ts';
import type { WrappingLayer } from '../../model/wrapping.ts';
import { sum } from './confidence.ts';
import { type HashFindings, hashBugOf, knownBug } from './hash-bugs.ts';
import { concernedReaders, readersByStack, readersByWrapping } from './readers.ts';
import { received } from './rss.ts';
import { carriesNoFlow, family, hasLayer, isTaggedAlone, isTunnelled, wrappingBeyond } from './stack-layers.ts';

export interface DiagnosisContext {
  readonly interface: string;
  readonly mode: FanoutMode;
  readonly flags: readonly FanoutFlag[];
  readonly builtin?: Builtin;
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
  { code: 'fragment-v6', holds: (traits) => isSplitByFragments(traits) && traits.fragments === 'ipv6' },
  { code: 'fragment-v4', holds: isSplitByFragments },
  { code: 'known-bug-d', holds: (traits) => !traits.oneKernelKey && traits.staleIpv6 },
  { code: 'esp-ah-spi', holds: (traits) => !traits.oneKernelKey && traits.onlyIndexDiffers },
  { code: 'tunnel-outer-only', holds: isSplitByWrapping },
  { code: 'known-bug-c', holds: (traits, { modelled }) => modelled?.c === true && !traits.oneKernelKey && hasLabels(traits) },
  { code: 'known-bug-b', holds: (traits, { modelled }) => modelled?.b === true && !traits.oneKernelKey && traits.topBitPair },
  { code: 'known-bug-c', holds: (traits, { hash }) => hashBugOf(traits, hash) === 'known-bug-c' },
  { code: 'known-bug-b', holds: (traits, { hash }) => hashBugOf(traits, hash) === 'known-bug-b' },
  { code: 'known-bug-a', holds: (traits, { hash }) => hashBugOf(traits, hash) === 'known-bug-a' },
  // Nothing else gives such packets several keys: what else could has a rule above.
  { code: 'tunnel-outer-only', holds: isSplitByTagType },
  { code: 'hash-asymmetric', holds: (traits) => traits.oneKernelKey },
];

export function causeOf(traits: ViolationTraits, context: DiagnosisContext): ViolationCause {
  return RULES.find((rule) => rule.holds(traits, context))?.code ?? 'unexplained';
}

/** One result per cause, the one with most flows first. */
export function diagnose(context: DiagnosisContext, tolerated: readonly CauseCode[]): readonly FoundCause[] {
  const found = new Map<ViolationCause, ViolationGroup[]>();
  for (const group of context.groups) {
    const code = causeOf(group, context);
    found.set(code, [...(found.get(code) ?? []), group]);
  }
  return byFlows([...found].map(([code, groups]) => causeResult(code, groups, context, tolerated.includes(code))));
}

export function byFlows(causes: readonly FoundCause[]): readonly FoundCause[] {
  return causes.toSorted((a, b) => b.flows - a.flows || (a.code < b.code ? -1 : 1));
}

/** The finding of a cause. Without groups it is of the mode, whose design needs no violation to be told. */
export function explain<Code extends ViolationCause>(
  code: Code,
  context: DiagnosisContext,
  groups: readonly ViolationGroup[] = [],
): Finding<Code> {
  const args: (seen: CauseFlows, context: DiagnosisContext, groups: readonly ViolationGroup[]) => FindingArgs[Code] = ARGS[code];
  return finding(code, args(flowsOf(code, context, groups), context, groups));
}

function causeResult(code: ViolationCause, groups: readonly ViolationGroup[], context: DiagnosisContext, isTolerated: boolean): FoundCause {
  return {
    ...explain(code, context, groups),
    flows: flowCount(groups),
    harmless: CAUSES[code].harmless,
    ...(isTolerated ? { tolerated: true } : {}),
  };
}

function flowsOf(code: ViolationCause, { mode, flags }: DiagnosisContext, groups: readonly ViolationGroup[]): CauseFlows {
  const seen = { flows: flowCount(groups), stacks: stacksOf(groups) };
  const fragmented = mode === 'hash' && LEAVES_FRAGMENTS[code] ? groups.filter(({ fragments }) => fragments !== 'none') : [];
  if (fragmented.length === 0) return seen;
  // Then a flow has two causes, and is mended when both are.
  const families = new Set(fragmented.map(({ fragments }) => (fragments === 'ipv6' ? 6 : 4)));
  return { ...seen, fragments: { flows: flowCount(fragmented), families: [...families].sort(), isDefrag: flags.includes('defrag') } };
}

function flowCount(groups: readonly ViolationGroup[]): number {
  return sum(groups.map(({ flows }) => flows));
}

function stacksOf(groups: readonly ViolationGroup[]): readonly string[] {
  return [...new Set(groups.map(({ stack }) => stack))].sort();
}

/** What there is to say of each cause beside the flows that have it. */
const ARGS: {
  readonly [Code in ViolationCause]: (seen: CauseFlows, context: DiagnosisContext, groups: readonly ViolationGroup[]) => FindingArgs[Code];
} = {
  'hash-asymmetric': (seen, { kernel, dissector }) => ({ ...seen, kernel: kernelText(kernel), dissector }),
  'known-bug-a': (seen, context) => ({
    ...seen,
    ...knownBug('known-bug-a', context),
    by: context.hash.onlyTagsDiffer ? 'fields' : 'nic',
  }),
  'known-bug-b': (seen, context) => ({ ...seen, ...knownBug('known-bug-b', context) }),
  'known-bug-c': (seen, context) => ({ ...seen, ...knownBug('known-bug-c', context) }),
  'known-bug-d': (seen) => seen,
  'sent-tagged': (seen, { interface: device }) => ({ ...seen, interface: device }),
  'fragment-v4': (seen, { flags }, groups) => ({ ...seen, isDefrag: flags.includes('defrag'), inReach: inReachOf(groups) }),
  'fragment-v6': (seen) => seen,
  'tunnel-outer-only': (seen, _, groups) => ({ ...seen, ...wrappings(groups) }),
  'esp-ah-spi': (seen, _, groups) => ({ ...seen, isMixed: groups.some(({ mixedWrappings }) => mixedWrappings) }),
  'tunnel-payload-types': (seen) => seen,
  'lb-by-design': (seen) => seen,
  'rnd-by-design': (seen) => seen,
  'rollover-under-load': (seen, { mode, rolledOver }) => ({ ...seen, ...(mode === 'rollover' ? {} : { passedOn: rolledOver }) }),
  'rss-asymmetric': (seen, context) => ({ ...seen, ...received(context) }),
  'bpf-program': (seen, { mode, builtin }) => ({ ...seen, mode, ...definedOf({ builtin }) }),
  'membership-change': (seen) => seen,
  duplicated: (seen, { interface: device }) => ({ ...seen, interface: device }),
  unexplained: (seen, context) => ({ ...seen, why: whatIsKnown(context) }),
};

function inReachOf(groups: readonly ViolationGroup[]): CauseArgs['fragment-v4']['inReach'] {
  const isInReach = ({ fragments }: ViolationGroup) => fragments === 'in-reach';
  if (groups.every(isInReach)) return 'all';
  return groups.some(isInReach) ? 'some' : 'none';
}

function whatIsKnown(context: DiagnosisContext): CauseArgs['unexplained']['why'] {
  const { mode, rolledOver, programMissing } = context;
  if (rolled(context)) return { kind: 'rolled-over', mode, packets: rolledOver };
  return { kind: programMissing ? 'no-program' : 'fields' };
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

/** What keeps the hash from the flow inside, and which readers track that flow. */
function wrappings(groups: readonly ViolationGroup[]): Omit<CauseArgs['tunnel-outer-only'], keyof CauseFlows> {
  const tunnels = groups.filter(isOfTunnel);
  const mixed = groups.filter((group) => !isOfTunnel(group) && !isSplitByTagType(group));
  return {
    ...(tunnels.length === 0
      ? {}
      : { inTunnels: { hasHashedPorts: tunnels.some(hasHashedPorts), readers: readersByStack(stacksOf(tunnels)) } }),
    tagTypesDiffer: groups.some(isSplitByTagType),
    ...(mixed.length === 0 ? {} : { mixed: { ...differences(mixed), readers: readersByWrapping(mixed) } }),
    concernsNoReader: groups.length > 0 && groups.every((group) => concernedReaders(group).length === 0),
  };
}

function isOfTunnel({ stack }: ViolationGroup): boolean {
  return isTunnelled(stack);
}

/** Each end of VXLAN and Geneve takes the outer source port from a hash of its own (RFC 7348, RFC 8926). */
function hasHashedPorts({ stack }: ViolationGroup): boolean {
  return hasLayer(stack, ['vxlan', 'geneve']);
}

/** What some packets of these flows are behind, and what the others. */
function differences(groups: readonly ViolationGroup[]): {
  readonly some: readonly WrappingLayer[];
  readonly others: readonly WrappingLayer[];
} {
  const behind = (layer: (stack: string, wrapping: string) => WrappingLayer | undefined) => [
    ...new Set(groups.flatMap(({ stack, wrapping }) => (wrapping === undefined ? [] : (layer(stack, wrapping) ?? [])))),
  ];
  return {
    some: behind((stack, wrapping) => wrappingBeyond(wrapping, stack)).sort(),
    others: behind((stack, wrapping) => wrappingBeyond(stack, wrapping)).sort(),
  };
}

// Some packets of an IPv6 flow with a label, and some without.
function hasLabels({ stack, labelOneWay, tagsDiffer }: ViolationTraits): boolean {
  return labelOneWay || (tagsDiffer && family(stack) === 6);
}

function rolled({ flags, rolledOver }: DiagnosisContext): boolean {
  return flags.includes('rollover') && rolledOver > 0;
}

function isSplitByWrapping({ oneKernelKey, stack, mixedWrappings }: ViolationTraits): boolean {
  return !oneKernelKey && (isTunnelled(stack) || mixedWrappings);
}

function isSplitByTagType({ oneKernelKey, stack, mixedWrappings }: ViolationTraits): boolean {
  return !oneKernelKey && !mixedWrappings && isTaggedAlone(stack);
}

function isSplitByFragments({ oneKernelKey, fragments, wholeKeysDiffer }: ViolationTraits): boolean {
  return !oneKernelKey && fragments !== 'none' && !wholeKeysDiffer;
}
