/** A doubt says why, and why is true. */

import { CAUSES } from '../../../src/model/cause.ts';
import type { Reason } from '../../../src/model/run-result.ts';
import { MS } from '../clock.ts';
import { designOf, mayBeSenders, rolledOver } from './causes.ts';
import {
  faultsOf,
  isDim,
  isError,
  isHonest,
  isLaterPiece,
  isParted,
  isUndisturbed,
  type LaneTruth,
  placesOf,
  restsOnOnePacket,
  spansOf,
  sufferedBy,
} from './truth.ts';
import { usedMembers } from './yes.ts';

export function everyDoubtIsTrue(truth: LaneTruth): readonly string[] {
  const { answer, reasons } = truth.result.verdict;
  if (answer !== 'inconclusive') return [];
  if (reasons.length === 0) return ['INCONCLUSIVE without a reason'];
  return reasons
    .filter((reason) => !isTrue(truth, reason))
    .map(({ code, message }) => `INCONCLUSIVE for ${code}, which is not so: ${message}`);
}

/** What may be said beside a NO, too. */
export function warningsAreTrue(truth: LaneTruth): readonly string[] {
  const doubts = [
    'loss',
    'evidence-lost',
    'accounting-mismatch',
    'lost-member',
    'link-down',
    'interface-removed',
    'foreign-member',
    'rolled-over',
  ];
  return truth.result.warnings
    .filter((warning) => doubts.includes(warning.code) && !isTrue(truth, warning))
    .map(({ code, message }) => `a warning of ${code}, which is not so: ${message}`);
}

function isTrue(truth: LaneTruth, { code }: Reason): boolean {
  const { result, options, group, outcome } = truth;
  const { begunNs = 0, kernel } = outcome.world;
  const lost = result.members.filter(({ end }) => end !== 'gone');
  switch (code) {
    case 'lost-member':
      return lost.length > 0 && lost.every(({ index }) => isBlamed(truth, index));
    case 'link-down':
      return kernel.downs.length > 0;
    case 'interface-removed':
      return !kernel.isThere;
    case 'foreign-member':
    case 'foreign-member-possible':
      return group.changes.some(({ ns, what }) => what.startsWith('a foreign') && ns <= outcome.judgedNs);
    case 'loss':
      return group.deliveries.some(({ fate, member }) => fate === 'dropped' && member >= 0);
    case 'evidence-lost':
      return faultsOf(truth, 'choke').length > 0;
    case 'accounting-mismatch':
      return isSomethingMissing(truth);
    case 'rolled-over':
      return rolledOver(truth);
    case 'tolerated-design': {
      const design = designOf(truth);
      return design !== undefined && options.tolerated.includes(design);
    }
    case 'one-process':
      return options.procs === 1;
    case 'no-traffic':
      return result.packets.captured === 0 && !truth.judged.some(({ member }) => isSound(truth, member));
    case 'no-flows':
      return result.flows.total === 0;
    case 'no-two-way-flows':
      return result.flows.twoWay === 0;
    case 'one-member':
      // Left out are flows of a kind that others were split of for a cause that does not count, and those after the last look.
      return (
        usedMembers(truth) <= 1 ||
        isDim(outcome) ||
        outcome.world.suffered.length > 0 ||
        result.causes.some(({ harmless, tolerated }) => harmless || tolerated === true)
      );
    case 'too-few-flows':
      return true;
    case 'isolated-violation':
      return isSomethingIsolated(truth);
    default:
      // What was seen may be the doing of somebody who was a member meanwhile: then it is told without being proof.
      if (isToldOnly(truth) && result.causes.some((cause) => cause.code === code)) return true;
      // Why flows were on one member, or why so few of them count.
      return Object.hasOwn(CAUSES, code) && result.causes.some((cause) => cause.code === code && cause.harmless && begunNs >= 0);
  }
}

function isToldOnly({ result }: LaneTruth): boolean {
  return result.verdict.reasons.some(({ code }) => code === 'foreign-member-possible');
}

/** Some packets of a flow may be no evidence: where something happened, one is all that is left of several. */
function isSomethingIsolated(truth: LaneTruth): boolean {
  // When somebody came or went is known only roughly, and a packet of that moment may look like the one that was elsewhere.
  if (truth.group.changes.some(({ what }) => what.startsWith('a foreign'))) return true;
  return [...truth.byFlow].some(([flow, deliveries]) => {
    const own = deliveries.filter((d) => !isError(d));
    // Queues and programs may split any flow, by whatever its packets are.
    if (truth.options.mode !== 'hash') return spansOf(own).some((span) => isParted(placesOf(span)));
    if (!mayBeSenders(truth, flow)) return false;
    const isOne = restsOnOnePacket(own.filter((d) => !isLaterPiece(d))) || restsOnOnePacket(own);
    return isUndisturbed(truth) ? isOne : spansOf(own).some((span) => isParted(placesOf(span)));
  });
}

function isSound(truth: LaneTruth, member: number): boolean {
  return isHonest(truth, member) && truth.result.members[member]?.end === 'gone';
}

/** Packets that came to nobody who could count them, or counts that are no counts. */
function isSomethingMissing(truth: LaneTruth): boolean {
  const isAway = truth.group.deliveries.some(({ fate }) => fate === 'foreign' || fate === 'buried' || fate === 'on-its-way');
  return isAway || truth.outcome.scenario.vanishing > 0 || faultsOf(truth, 'lie', 'hang-up').length > 0;
}

/** Something happened to it that the collector may take for its loss. */
export function isBlamed(truth: LaneTruth, index: number): boolean {
  const { options, outcome } = truth;
  const { messageNs, wakeNs } = outcome.scenario;
  const faults = sufferedBy(truth, index);
  const stoppedNs = faults.reduce((sum, fault) => sum + (fault.kind === 'stop' && 'forNs' in fault ? fault.forNs : 0), 0);
  const slowNs = (messageNs[index] ?? 0) + 2 * (wakeNs[index] ?? 0);
  const isForgotten = faults.some((fault) => fault.kind === 'stop' && !('forNs' in fault));
  const isSilent = stoppedNs > 0 && stoppedNs + slowNs + 100 * MS >= options.workerTimeoutMs * MS;
  const isTold = faults.some((fault) => fault.kind === 'kill' || fault.kind === 'hang-up' || fault.kind === 'lie');
  // There was no room for one that came later.
  const isKeptOut = index >= options.procs && outcome.world.visits.length > 0;
  return isSilent || isForgotten || isTold || isKeptOut;
}
