/** From the evidence of a run to its verdict. Pure; the answer does not depend on the order in which evidence arrived. */
import { CAUSES, type CauseCode } from '../../model/cause.ts';
import type { Evidence, StackEvidence, ViolationGroup } from '../../model/evidence.ts';
import { goesByNic, modeRow } from '../../model/fanout.ts';
import { type Finding, finding } from '../../model/finding.ts';
import type { CauseArgs } from '../../model/findings/cause.ts';
import type { DoubtArgs } from '../../model/findings/doubt.ts';
import type { WarningArgs } from '../../model/findings/warning.ts';
import { olderDesign } from '../../model/kernel-model.ts';
import { isAtLeast, kernelText, parseKernelRelease } from '../../model/kernel-release.ts';
import type { Disturbance, RunFacts } from '../../model/run-facts.ts';
import type { Answer, Balance, CauseWeight, FoundCause, RunResult, StackResult, Violation } from '../../model/run-result.ts';
import { boundWarnings } from './bounds.ts';
import { binomialSpread, FALSE_PASS_LIMIT, falsePassBound, sum } from './confidence.ts';
import { byFlows, causeOf, type DiagnosisContext, diagnose, explain, isOfKeptFlows } from './diagnose.ts';
import { type Doubt, findDoubts, isOnOneMember, knownOf, stackAnswer } from './doubts.ts';
import { findHashBugs } from './hash-bugs.ts';
import { strayErrors } from './icmp-errors.ts';
import { isIsolated, isMoreThanIsolated, isolatedDoubt, isolatedGroups, withIsolated } from './isolated.ts';
import { luckyStacks, withoutLuck } from './luck.ts';
import { copiesWarning, largeWarning } from './packet-warnings.ts';
import { noSpread, programMissing } from './unspread.ts';

/** What an answer rests on. */
export type Ground = Finding<keyof DoubtArgs | keyof WarningArgs | keyof CauseArgs> | Disturbance;

/** The parts of a RunResult that follow from evidence and facts, without words. */
export interface Judgement extends Pick<RunResult, 'stacks' | 'violations' | 'violationsOmitted' | 'balance'> {
  readonly verdict: { readonly answer: Answer; readonly reasons: readonly Ground[]; readonly falsePassBound: number };
  readonly causes: readonly FoundCause[];
  readonly warnings: readonly Ground[];
}

export function judge(evidence: Evidence, facts: RunFacts): Judgement {
  const context = diagnosisContext(evidence, facts);
  const known = knownOf(evidence, facts);
  const { integrity, unspread } = known;
  const keeping = [...noSpread(unspread, facts), ...programMissing(evidence, facts)];
  const isolated = isolatedGroups(context, facts);
  const causes = byFlows([
    ...withIsolated(diagnose(context, facts.tolerated), isolated, context),
    ...strayErrors(evidence, facts),
    ...keeping,
  ]);
  const against = reasonsAgainst(causes, context, evidence, facts);
  const alone = isolatedDoubt(evidence, causes.filter(weighs));
  const lucky = luckyStacks(evidence, splitHarmlessly(context, facts));
  const sound = withoutLuck(evidence, lucky);
  const doubts = [
    ...alone,
    ...findDoubts(sound, facts, known).flatMap((doubt) => [doubt, ...whyOf(doubt, keeping, causes)]),
    ...toleratedDesign(facts),
  ];
  const excuse = foreignExcuse(against, facts);
  const answer: Answer = excuse !== undefined ? 'inconclusive' : against.length > 0 ? 'no' : doubts.length > 0 ? 'inconclusive' : 'yes';
  const open = excuse === undefined ? doubts : [excuse, ...against, ...doubts];
  return {
    verdict: { answer, reasons: reasonsFor(answer, against, open, sound, causes), falsePassBound: falsePassBound(spreadOf(sound)) },
    stacks: judgeStacks(evidence, facts, context, lucky, integrity.length > 0),
    causes,
    violations: evidence.violations.map(({ kind, stack, flow, observations, observationsOmitted, ...traits }): Violation => {
      const omitted = observationsOmitted === undefined ? {} : { observationsOmitted };
      const one = traits.onOnePacket ? { onOnePacket: true as const } : {};
      return { kind, cause: causeOf({ kind, stack, ...traits }, context), stack, flow, ...one, observations, ...omitted };
    }),
    violationsOmitted: evidence.violationsOmitted,
    balance: balanceOf(evidence, facts),
    warnings: [...(answer === 'no' ? outranked(against, integrity) : []), ...warningsOf(evidence, facts, unspread)],
  };
}

/** Whoever joins or leaves a group moves flows. What a mode's design says needs no evidence. */
function foreignExcuse(against: readonly Ground[], facts: RunFacts): Ground | undefined {
  const { outsiders } = facts;
  const rests = against.some(({ code }) => code !== designOf(facts) && code !== 'spread-broken');
  if (outsiders === undefined || !rests) return undefined;
  return finding('foreign-member-possible', { outsiders });
}

/** A NO stands whatever else went wrong, but the reader should know. That packets rolled over is no news where it is the cause. */
function outranked(against: readonly Ground[], integrity: readonly Doubt[]): readonly Ground[] {
  const isCause = against.some(({ code }) => code === 'rollover-under-load');
  return integrity.filter(({ code }) => !(isCause && code === 'rolled-over'));
}

/** What kept all flows on one member is why they were there; what split flows and does not count is why so few are left that do. */
function whyOf({ code }: Ground, keeping: readonly FoundCause[], causes: readonly FoundCause[]): readonly Ground[] {
  if (code !== 'one-member' && code !== 'too-few-flows') return [];
  const harmless = causes.filter((cause) => cause.harmless && !isOfKeptFlows(cause.code));
  return [...(code === 'one-member' ? keeping : []), ...harmless].map(findingOf);
}

function findingOf({ code, args }: FoundCause): Finding<keyof CauseArgs> {
  return { code, args } as Finding<keyof CauseArgs>;
}

function reasonsFor(
  answer: Answer,
  against: readonly Ground[],
  doubts: readonly Ground[],
  evidence: Evidence,
  causes: readonly FoundCause[],
): readonly Ground[] {
  switch (answer) {
    case 'no':
      return against;
    case 'inconclusive':
      return doubts;
    case 'yes':
      return [provenReason(evidence, causes)];
  }
}

/** What proves a NO: causes that are neither harmless nor tolerated, the design of the mode, and what the mode failed of its own promise. */
function reasonsAgainst(causes: readonly FoundCause[], context: DiagnosisContext, evidence: Evidence, facts: RunFacts): readonly Ground[] {
  const proven = causes.filter((cause) => weighs(cause) && isMoreThanIsolated(cause)).map(findingOf);
  const design = designOf(facts);
  const wasTested = facts.procs > 1 && facts.packets.captured > 0;
  if (design === undefined || !wasTested) return proven;
  const byDesign = facts.tolerated.includes(design) || proven.some(({ code }) => code === design);
  return [...proven, ...(byDesign ? [] : [explain(design, context)]), ...brokenSpread(evidence, facts)];
}

/** Whether a cause speaks against the mode. */
function weighs({ harmless, tolerated }: CauseWeight): boolean {
  return !harmless && tolerated !== true;
}

/** The cause that says that affinity was never promised. */
function designOf({ mode }: RunFacts): 'lb-by-design' | 'rnd-by-design' | undefined {
  return modeRow(mode).byDesign;
}

// A mode that scatters by design stays unproven at best, even where its violations are tolerated.
function toleratedDesign(facts: RunFacts): readonly Ground[] {
  const design = designOf(facts);
  if (design === undefined || !facts.tolerated.includes(design)) return [];
  return [finding('tolerated-design', { mode: facts.mode, cause: design })];
}

function brokenSpread({ epochs }: Evidence, facts: RunFacts): readonly Ground[] {
  // Who was a member for a part of the run only got a part of a share, and where somebody else was one nobody knows how many shares there were.
  const wasConstant = epochs.length === 1 && facts.disturbances.length === 0 && facts.members.every(({ end }) => end === 'gone');
  if (!wasConstant) return [];
  // The kernel takes a turn for a packet before it finds the ring full, so drops count as dealt.
  const dealt = facts.members.map(({ packets, drops }) => packets + drops);
  return facts.mode === 'lb' ? brokenTurns(dealt, facts) : brokenDice(dealt);
}

// Turns are exact only if every packet of the group is one that the lab sent and that some member counted.
function brokenTurns(dealt: readonly number[], { source, packets, withheld }: RunFacts): readonly Ground[] {
  const isClosed = source !== 'live' && packets.outgoing === 0 && withheld === 0 && packets.offered === sum(dealt);
  const [least, most] = [Math.min(...dealt), Math.max(...dealt)];
  if (!isClosed || most - least <= 1) return [];
  return [finding('spread-broken', { kind: 'turns', least, most, packets: sum(dealt) })];
}

/** Below this mean per member the normal approximation of the binomial distribution is too coarse. */
const MEAN_PACKETS_MIN = 20;

function brokenDice(dealt: readonly number[]): readonly Ground[] {
  if (sum(dealt) < MEAN_PACKETS_MIN * dealt.length || dealt.length < 2) return [];
  const { z, probability: p } = binomialSpread(dealt);
  if (p >= FALSE_PASS_LIMIT) return [];
  return [finding('spread-broken', { kind: 'draws', z, mean: sum(dealt) / dealt.length, probability: p })];
}

function provenReason(evidence: Evidence, causes: readonly FoundCause[]): Finding<'proven'> {
  const spread = spreadOf(evidence);
  const { split, asymmetric, duplicated } = evidence.flows;
  return finding('proven', {
    flows: sum(spread.map(sum)),
    members: new Set(spread.flatMap((byMember) => byMember.flatMap((count, member) => (count > 0 ? [member] : [])))).size,
    bound: falsePassBound(spread),
    limit: FALSE_PASS_LIMIT,
    excepted: split + asymmetric + duplicated,
    causes: causes.filter(({ code }) => !isOfKeptFlows(code)).map(({ code }) => code),
  });
}

/** Flows by stack that were split for causes that do not count. What moved when the membership changed was not split by the mode. */
function splitHarmlessly(context: DiagnosisContext, facts: RunFacts): ReadonlyMap<string, number> {
  const splitByStack = new Map<string, number>();
  for (const group of context.groups) {
    const code = causeOf(group, context);
    if (code === 'membership-change' || counts(code, facts)) continue;
    splitByStack.set(group.stack, (splitByStack.get(group.stack) ?? 0) + group.flows);
  }
  return splitByStack;
}

function judgeStacks(
  evidence: Evidence,
  facts: RunFacts,
  context: DiagnosisContext,
  lucky: ReadonlySet<string>,
  isUnsound: boolean,
): readonly StackResult[] {
  const isOneEpoch = evidence.epochs.filter((epoch) => sum(epoch.twoWayByMember) > 0).length <= 1;
  const isDoubtful = facts.procs === 1 || isUnsound || designOf(facts) !== undefined;
  const weighing = context.groups.filter((group) => counts(causeOf(group, context), facts));
  const isAlone = (group: ViolationGroup) => isIsolated(causeOf(group, context), group, facts);
  const violated = new Set(weighing.filter((group) => !isAlone(group)).map(({ stack }) => stack));
  const doubted = new Set(weighing.filter(isAlone).map(({ stack }) => stack));
  return evidence.stacks.map(({ stack, flows, twoWay, split, asymmetric, duplicated, twoWayByMember }) => {
    const answer = stackAnswer(violated.has(stack), twoWayByMember, isOneEpoch);
    return {
      stack,
      flows,
      twoWay,
      split,
      asymmetric,
      duplicated,
      membersUsed: membersOf(stack, twoWayByMember, evidence),
      answer: answer === 'yes' && (isDoubtful || lucky.has(stack) || doubted.has(stack)) ? 'inconclusive' : answer,
    };
  });
}

/** Members that flows of the stack were seen on: consistent flows of all, and the violations that are listed. */
function membersOf(stack: string, twoWayByMember: readonly number[], { violations }: Evidence): number {
  const consistent = twoWayByMember.flatMap((count, member) => (count > 0 ? [member] : []));
  const violating = violations
    .filter((violation) => violation.stack === stack)
    .flatMap(({ observations }) => observations.map(({ member }) => member));
  return new Set([...consistent, ...violating]).size;
}

/** Whether a cause weighs against the mode in this run. */
function counts(code: CauseCode, facts: RunFacts): boolean {
  return !CAUSES[code].harmless && !facts.tolerated.includes(code);
}

function balanceOf({ judgedPackets, topFlowPackets }: Evidence, { members }: RunFacts): Balance {
  const packets = members.map((member) => member.packets);
  const total = sum(packets);
  return {
    membersUsed: packets.filter((count) => count > 0).length,
    maxOverMean: total === 0 ? 0 : (Math.max(...packets) * packets.length) / total,
    topFlowShare: judgedPackets === 0 ? 0 : topFlowPackets / judgedPackets,
  };
}

function warningsOf(
  evidence: Evidence,
  facts: RunFacts,
  unspread: readonly StackEvidence[],
): readonly Finding<keyof WarningArgs | 'ended-early'>[] {
  return [
    ...stacksOnOneMember(evidence, facts, unspread),
    ...oneWayWarning(evidence),
    ...boundWarnings(evidence, facts),
    ...outgoingWarning(evidence, facts),
    ...ignoreOutgoingWarning(facts),
    ...copiesWarning(facts),
    ...largeWarning(facts),
    ...rolloverWarning(facts),
    ...dissectorWarning(facts),
    ...designWarning(facts),
  ];
}

// All F flows of a stack meet by chance with probability n^(1-F); below the limit it is a property of the traffic. What the cause no-spread
// or the reason one-member says of these flows is not said again.
function stacksOnOneMember(
  evidence: Evidence,
  { procs, builtin }: RunFacts,
  unspread: readonly StackEvidence[],
): readonly Finding<keyof WarningArgs | 'ended-early'>[] {
  if (isOnOneMember(spreadOf(evidence))) return [];
  const isTogether = (byMember: readonly number[]) =>
    byMember.filter((count) => count > 0).length === 1 && (1 - sum(byMember)) * Math.log(procs) <= Math.log(FALSE_PASS_LIMIT);
  return evidence.stacks
    .filter((stack) => !unspread.includes(stack) && isTogether(stack.twoWayByMember))
    .map(({ stack, twoWay, twoWayByMember }) =>
      finding('stack-on-one-member', {
        stack,
        flows: twoWay,
        member: twoWayByMember.findIndex((count) => count > 0),
        ...(builtin === undefined ? {} : { builtin }),
      }),
    );
}

function oneWayWarning({ flows }: Evidence): readonly Finding<keyof WarningArgs | 'ended-early'>[] {
  if (flows.twoWay === 0 || flows.oneWay * 2 <= flows.total) return [];
  return [finding('mostly-one-way', { oneWay: flows.oneWay, total: flows.total })];
}

// To leave them out helps only where the same packets were received as well, or where the mode goes by what a NIC makes of received ones. On a
// host that is an end or a hop of the traffic they are one direction of it, and on a device that a mirror is sent to they are all of it.
function outgoingWarning({ flows }: Evidence, { packets, mode }: RunFacts): readonly Finding<keyof WarningArgs | 'ended-early'>[] {
  const { outgoing, captured } = packets;
  if (outgoing === (packets.ignored['outgoing'] ?? 0)) return [];
  const helps = outgoing < captured && (flows.duplicated > 0 || goesByNic(mode));
  const remedy = helps ? (goesByNic(mode) ? 'ignore-unless-an-end' : 'ignore') : 'none';
  return [finding('outgoing-packets', { outgoing, captured, mode, remedy })];
}

/** Kernels accept flags that they do not know. That one had no effect is proven by what came; without any, only the release speaks. */
function ignoreOutgoingWarning({ flags, packets, kernel, mode }: RunFacts): readonly Finding<keyof WarningArgs | 'ended-early'>[] {
  if (!flags.includes('ignore-outgoing')) return [];
  const came = packets.ignored['outgoing'] ?? 0;
  const release = parseKernelRelease(kernel);
  const isOld = release !== undefined && !isAtLeast(release, 6, 2);
  if (came === 0 && !isOld) return [];
  return [finding('ignore-outgoing-ineffective', { kernel: kernelText(kernel), came, mode })];
}

function rolloverWarning({ mode, flags, members }: RunFacts): readonly Finding<keyof WarningArgs | 'ended-early'>[] {
  const rolledOver = sum(members.map(({ rollover }) => rollover?.all ?? 0));
  // In mode rollover every packet counts as passed on, so the counter tells nothing; but packets on several members were.
  const wasTested = mode === 'rollover' ? members.filter(({ packets }) => packets > 0).length > 1 : rolledOver > 0;
  if ((mode !== 'rollover' && !flags.includes('rollover')) || wasTested) return [];
  return [finding('rollover-untested', {})];
}

// The other modes do not ask the dissector.
function dissectorWarning({ mode, dissector, builtin }: RunFacts): readonly Finding<keyof WarningArgs | 'ended-early'>[] {
  return mode === 'hash' && dissector.kind === 'attached' && builtin !== 'dissector' ? [finding('bpf-flow-dissector', { dissector })] : [];
}

function designWarning({ mode, kernel, askedDesign }: RunFacts): readonly Finding<keyof WarningArgs | 'ended-early'>[] {
  const design = olderDesign(kernel, askedDesign);
  // Compressed protocol numbers, which hardly anybody sends, are not worth a word on every kernel of some years.
  if (mode !== 'hash' || design === undefined || (design.readsHsr && !design.portsWithAddresses)) return [];
  return [finding('older-hash', { kernel: kernelText(kernel), design, wasAsked: askedDesign !== undefined })];
}

/** What the diagnosis of one flow has to know of its run. */
export function diagnosisContext({ groups, stacks }: Evidence, facts: RunFacts): DiagnosisContext {
  return {
    interface: facts.interface,
    mode: facts.mode,
    flags: facts.flags,
    ...(facts.builtin === undefined ? {} : { builtin: facts.builtin }),
    programMissing: facts.programMissing,
    kernel: facts.kernel,
    rolledOver: sum(facts.members.map(({ rollover }) => rollover?.all ?? 0)),
    outgoing: facts.packets.outgoing,
    groups,
    hash: findHashBugs({ kernel: facts.kernel, procs: facts.procs, groups, stacks }),
    dissector: facts.dissector,
    ...(facts.nic === undefined ? {} : { nic: facts.nic }),
    ...(facts.link === undefined ? {} : { link: facts.link.after }),
  };
}

function spreadOf({ epochs }: Evidence): readonly (readonly number[])[] {
  return epochs.map((epoch) => epoch.twoWayByMember);
}
