/** A YES is earned. */
import { MS } from '../clock.ts';
import { designOf, rolledOver } from './causes.ts';
import { hasFinished, isParted, type LaneTruth, memberOf, placesOf, spansOf } from './truth.ts';

const FALSE_PASS_LIMIT = 1e-6;
const sum = (numbers: readonly number[]): number => numbers.reduce((total, n) => total + n, 0);

/** (sum of p_i^2)^F */
export function boundOf(kept: ReadonlyMap<number, number>): number {
  const flows = sum([...kept.values()]);
  if (flows === 0) return 1;
  const meeting = sum([...kept.values()].map((n) => (n / flows) ** 2));
  return Math.exp(flows * Math.log(meeting));
}

export function yesIsEarned(truth: LaneTruth): readonly string[] {
  const { verdict } = truth.result;
  if (verdict.answer !== 'yes') return [];
  const failures = [...unearned(truth)];
  if (usedMembers(truth) < 2) failures.push('one member had all two-way flows');
  if (verdict.falsePassBound > FALSE_PASS_LIMIT) failures.push(`the bound is ${verdict.falsePassBound}`);
  if (largestBound(truth) > FALSE_PASS_LIMIT) failures.push(`${keptFlows(truth)} flows were kept`);
  return failures.map((why) => `a YES although ${why}`);
}

/** Why nothing in this run can be a YES, whichever flows it is about. */
export function unearned(truth: LaneTruth): readonly string[] {
  const { result, options, group, outcome } = truth;
  const { world } = outcome;
  const reasons: string[] = [];
  const never = (isSo: boolean, what: string): void => {
    if (isSo) reasons.push(what);
  };
  never(options.procs < 2, 'there was one process');
  never(designOf(truth) !== undefined, `mode ${options.mode} promises nothing`);
  never(rolledOver(truth), 'packets rolled over');
  for (const { index, end } of result.members)
    never(end !== 'gone' || !hasFinished(truth, index), `member ${index} did not finish (${end})`);
  never(isForeignSeen(truth), 'a foreign member was seen');
  never(isLinkLossSeen(truth), 'the link was down');
  never(lossOf(truth) > allowedLoss(truth), `${(lossOf(truth) * 100).toFixed(2)} % were lost`);
  const isMissing = outcome.scenario.source !== 'live' && result.packets.judged + sum(Object.values(result.packets.ignored)) !== world.sent;
  never(isMissing, `${result.packets.captured} of ${world.sent} packets were captured`);
  never(
    group.deliveries.every(({ isRead }) => !isRead),
    'nothing was read',
  );
  return reasons;
}

export function isForeignSeen({ group, outcome }: LaneTruth): boolean {
  const { begunNs = 0, looks } = outcome.world;
  return looks.some(({ ns, foreign }) => ns >= begunNs && foreign.some(({ groupId }) => groupId === group.id));
}

/** Somebody who has finished since must have noticed. */
export function isLinkLossSeen(truth: LaneTruth): boolean {
  const { begunNs = 0, kernel } = truth.outcome.world;
  const finishedNs = truth.result.members.flatMap(({ index }) =>
    hasFinished(truth, index) ? [memberOf(truth, index)?.finishedNs ?? 0] : [],
  );
  const lastNs = Math.max(0, ...finishedNs);
  return kernel.downs.some((ns) => ns >= begunNs && ns < lastNs - 50 * MS);
}

export function allowedLoss({ options, outcome }: LaneTruth): number {
  return outcome.scenario.source === 'live' ? options.maxLossPercent / 100 : 0;
}

/** Of what came to members after their filters had opened: dropped, or judged and never told. */
export function lossOf({ group, result }: LaneTruth): number {
  const ours = group.deliveries.filter(({ member }) => member >= 0);
  const dropped = ours.filter(({ fate }) => fate === 'dropped').length;
  const came = dropped + ours.filter(({ fate }) => fate === 'ringed').length;
  return came === 0 ? 0 : (dropped + result.packets.overflowed) / came;
}

/** For each epoch the consistent two-way flows by member, as many as there can be. */
function keptByEpoch({ byFlow }: LaneTruth): ReadonlyMap<number, ReadonlyMap<number, number>> {
  const kept = new Map<number, Map<number, number>>();
  for (const deliveries of byFlow.values()) {
    for (const span of spansOf(deliveries)) {
      const places = placesOf(span);
      const [member] = places.forward;
      const [first] = span;
      if (first === undefined || member === undefined || isParted(places) || !places.reverse.has(member)) continue;
      const byMember = kept.get(first.epoch) ?? new Map<number, number>();
      byMember.set(member, (byMember.get(member) ?? 0) + 1);
      kept.set(first.epoch, byMember);
    }
  }
  return kept;
}

function keptFlows(truth: LaneTruth): number {
  return sum([...keptByEpoch(truth).values()].map((byMember) => sum([...byMember.values()])));
}

/** Members that had whole flows. */
export function usedMembers(truth: LaneTruth): number {
  return new Set([...keptByEpoch(truth).values()].flatMap((byMember) => [...byMember.keys()])).size;
}

/** No evidence can be stronger than all flows that were kept, spread as evenly as members allow. */
function largestBound(truth: LaneTruth): number {
  return Math.max(1, truth.result.members.length) ** -keptFlows(truth);
}
