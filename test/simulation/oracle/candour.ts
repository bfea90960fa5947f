/** What happened is said: as a reason, or as a warning beside a NO. */
import { MS } from '../clock.ts';
import { rolledOver } from './causes.ts';
import { faultsOf, hasFinished, type LaneTruth, sufferedBy } from './truth.ts';
import { allowedLoss, isForeignSeen, isLinkLossSeen, lossOf } from './yes.ts';

export function nothingIsHidden(truth: LaneTruth): readonly string[] {
  const { result, group } = truth;
  const said = new Set([...result.verdict.reasons, ...result.warnings, ...result.causes].map(({ code }) => code));
  const failures: string[] = [];
  const mustSay = (isSo: boolean, ...codes: readonly string[]): void => {
    if (isSo && !codes.some((code) => said.has(code))) failures.push(`${codes.join(' or ')} is not said`);
  };
  const haveAllFinished = result.members.every(({ index }) => hasFinished(truth, index));
  mustSay(
    result.members.some(({ end }) => end !== 'gone'),
    'lost-member',
  );
  mustSay(isForeignSeen(truth), 'foreign-member');
  mustSay(isLinkLossSeen(truth), 'link-down', 'interface-removed');
  mustSay(haveAllFinished && rolledOver(truth), 'rolled-over', 'rollover-under-load');
  const isLossy = haveAllFinished && lossOf(truth) > allowedLoss(truth);
  mustSay(isLossy && group.deliveries.some(({ fate, member }) => fate === 'dropped' && member >= 0), 'loss');
  mustSay(isLossy && result.packets.overflowed > 0, 'evidence-lost');
  const vanished = (result.packets.offered ?? 0) - group.deliveries.length;
  mustSay(haveAllFinished && truth.outcome.scenario.vanishing > 0 && vanished > 0, 'accounting-mismatch');
  mustSay(
    result.members.some(({ index }) => contradictsItself(truth, index)),
    'accounting-mismatch',
  );
  return failures;
}

/** It told of more or fewer packets than it counted, and did so long enough before its end. */
function contradictsItself(truth: LaneTruth, member: number): boolean {
  if (!hasFinished(truth, member)) return false;
  const { begunNs = 0 } = truth.outcome.world;
  const lies = sufferedBy(truth, member).filter((fault) => fault.kind === 'lie' && truth.lane === 0);
  const lastNs = truth.outcome.judgedNs - 400 * MS;
  return (
    faultsOf(truth, 'hold', 'stop').length === 0 &&
    lies.some((fault) => 'lie' in fault && CONTRADICTIONS.includes(fault.lie) && begunNs + fault.atNs < lastNs)
  );
}

const CONTRADICTIONS: readonly string[] = ['observations told twice', 'more judged than told'];
