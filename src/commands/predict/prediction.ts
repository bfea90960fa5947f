/** From what a capture file holds to what mode HASH must do with it. Pure. */

import type { CaptureSummary } from '../../addon/capture-summary.ts';
import type { NativeEvidence } from '../../addon/flow-map.ts';
import type { PredictionCounts } from '../../addon/prediction.ts';
import { packetsLeftOut } from '../../capture-file/findings.ts';
import { ignoredPackets } from '../../collector/verdict/accounting.ts';
import { sum } from '../../collector/verdict/confidence.ts';
import { byFlows, causeOf, type DiagnosisContext, diagnose, isOfKeptFlows } from '../../collector/verdict/diagnose.ts';
import { strayErrors } from '../../collector/verdict/icmp-errors.ts';
import { findOneKeyed, noSpread } from '../../collector/verdict/unspread.ts';
import { worded } from '../../collector/words/say.ts';
import type { Evidence, StackEvidence } from '../../model/evidence.ts';
import type { FanoutFlag } from '../../model/fanout.ts';
import { type Finding, finding } from '../../model/finding.ts';
import type { CauseWeight, FoundCause } from '../../model/run-result.ts';
import type {
  GroupPrediction,
  ModelledKernel,
  PredictedFlows,
  PredictedPackets,
  PredictedStack,
  PredictedViolation,
  PredictionResult,
} from './result.ts';

/** What was found out about one group. */
export interface GroupFindings {
  readonly defrag: boolean;
  readonly evidence: Evidence;
  readonly counts: PredictionCounts;
}

export interface Findings {
  readonly pcap: string;
  readonly kernel: ModelledKernel;
  readonly summary: CaptureSummary;
  readonly asked: GroupFindings;
  readonly other: GroupFindings;
  /** About the file. */
  readonly warnings: readonly Finding[];
}

export type Prediction = Omit<PredictionResult, 'schema' | 'tool' | 'startedAt'>;

export function predictionOf({ pcap, kernel, summary, asked, other, warnings }: Findings): Prediction {
  const { evidence } = asked;
  const context = contextOf(asked, kernel);
  return {
    source: { kind: 'pcap', pcap },
    kernel,
    ...groupPrediction(asked, kernel, summary),
    stacks: evidence.stacks.map(predictedStack),
    violations: evidence.violations.map(({ kind, stack, flow, observations, observationsOmitted, ...traits }): PredictedViolation => {
      const omitted = observationsOmitted === undefined ? {} : { observationsOmitted };
      const cause = causeOf({ kind, stack, ...traits }, context);
      return { kind, cause, stack, flow, observations: observations.map(({ member, epoch, ...seen }) => seen), ...omitted };
    }),
    violationsOmitted: evidence.violationsOmitted,
    alternative: groupPrediction(other, kernel, summary),
    warnings: [...warnings, ...overflowWarning(evidence), ...oneWayWarning(evidence)].map(worded),
  };
}

/** As an Evidence of one epoch. */
export function evidenceOf({ twoWayByEpochAndMember, ...evidence }: NativeEvidence): Evidence {
  return { ...evidence, epochs: twoWayByEpochAndMember.map((twoWayByMember) => ({ members: twoWayByMember.length, twoWayByMember })) };
}

function groupPrediction(findings: GroupFindings, kernel: ModelledKernel, summary: CaptureSummary): GroupPrediction {
  const { evidence } = findings;
  const splitting = diagnose(contextOf(findings, kernel), []);
  const packets = packetsOf(findings, summary);
  return {
    group: { mode: 'hash', flags: flagsOf(findings) },
    packets,
    flows: flowsOf(evidence, splitting),
    causes: byFlows([...splitting, ...errorsApart(evidence), ...unspread(evidence, packets)]).map(worded),
  };
}

function flagsOf({ defrag }: GroupFindings): readonly FanoutFlag[] {
  return defrag ? ['defrag'] : [];
}

function contextOf(findings: GroupFindings, { release, bugs }: ModelledKernel): DiagnosisContext {
  return {
    interface: 'the interface of this capture',
    mode: 'hash',
    flags: flagsOf(findings),
    programMissing: false,
    kernel: release,
    modelled: bugs,
    rolledOver: 0,
    outgoing: 0,
    groups: findings.evidence.groups,
    // Packets of one kernel key are together by definition.
    hash: { directed: new Set(), onlyTagsDiffer: false, onlyTopBit: false, onlyLabelOneWay: false },
    dissector: { kind: 'none', asked: 'both' },
  };
}

function packetsOf({ defrag, evidence, counts }: GroupFindings, summary: CaptureSummary): PredictedPackets {
  const leftOut = packetsLeftOut(summary);
  return {
    // Of those that came several in one, each.
    read: summary.frames + leftOut,
    leftOut,
    judged: evidence.judgedPackets,
    overflowed: evidence.untracked.packets + evidence.unjudgedPackets,
    ...(defrag ? { heldBack: counts.unseen } : {}),
    ignored: ignoredPackets(counts.ignored, evidence),
  };
}

function flowsOf({ flows }: Evidence, splitting: readonly CauseWeight[]): PredictedFlows {
  return {
    total: flows.total,
    kept: flows.consistent + flows.oneWay,
    split: flows.split + flows.asymmetric,
    duplicated: flows.duplicated,
    harmless: sum(splitting.filter(({ harmless }) => harmless).map((cause) => cause.flows)),
    twoWay: flows.twoWay,
    oneWay: flows.oneWay,
  };
}

function predictedStack({ stack, flows, twoWay, split, asymmetric, duplicated }: StackEvidence): PredictedStack {
  return { stack, flows, twoWay, kept: flows - split - asymmetric - duplicated, split: split + asymmetric, duplicated };
}

function errorsApart(evidence: Evidence): readonly FoundCause[] {
  return strayErrors(evidence, { mode: 'hash' }, 'kernel-key');
}

/** No run has been made: of a group of this size chance would say little. */
const PROCS = 64;

function unspread({ stacks }: Evidence, { judged, ignored }: PredictedPackets): readonly FoundCause[] {
  const captured = judged + sum(Object.values(ignored));
  return noSpread(findOneKeyed(stacks, PROCS), {
    mode: 'hash',
    procs: PROCS,
    packets: { captured, ignored },
    // All frames of one ethertype have one kernel key.
    members: [{ packets: captured }],
  });
}

/** Whether flows must be split for a cause that counts against the mode. */
export function splitsFlows({ causes }: Pick<GroupPrediction, 'causes'>): boolean {
  return causes.some(({ code, harmless }) => !harmless && !isOfKeptFlows(code));
}

/** Flows that must be split, but for those for which that does no harm. */
export function splitOf({ flows }: Pick<GroupPrediction, 'flows'>): number {
  return flows.split + flows.duplicated - flows.harmless;
}

function overflowWarning({ untracked, unjudgedPackets }: Evidence): readonly Finding[] {
  const packets = untracked.packets + unjudgedPackets;
  return packets === 0 ? [] : [finding('evidence-lost', { packets })];
}

function oneWayWarning({ flows: { oneWay, total } }: Evidence): readonly Finding[] {
  return oneWay * 2 <= total ? [] : [finding('mostly-one-way', { oneWay, total, isOfFile: true })];
}
