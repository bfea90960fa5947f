/** Evidence without flows that prove nothing, because only chance kept them together while others of their kind were split. Pure. */
import type { Evidence, StackEvidence } from '../../model/evidence.ts';
import { FALSE_PASS_LIMIT, logBinomialBound, meetingProbability, sum } from './confidence.ts';

/**
 * Stacks whose flows were split for a cause that does not count, and kept no more often than packets that go where they like.
 *
 * @param splitByStack such flows
 */
export function luckyStacks({ stacks }: Evidence, splitByStack: ReadonlyMap<string, number>): ReadonlySet<string> {
  return new Set(stacks.filter((stack) => mayBeLuck(stack, splitByStack.get(stack.stack) ?? 0)).map(({ stack }) => stack));
}

function mayBeLuck({ twoWayByMember }: StackEvidence, split: number): boolean {
  const kept = sum(twoWayByMember);
  if (split === 0 || kept === 0) return false;
  const chance = meetingProbability(twoWayByMember);
  const isRare = kept / (kept + split) > chance && logBinomialBound(kept, kept + split, chance) < Math.log(FALSE_PASS_LIMIT);
  return !isRare;
}

/** Where there are several epochs nobody knows in which of them those flows were: then they are missing from all, on the side of doubt. */
export function withoutLuck(evidence: Evidence, lucky: ReadonlySet<string>): Evidence {
  const stacks = evidence.stacks.filter(({ stack }) => lucky.has(stack));
  if (stacks.length === 0) return evidence;
  const count = (member: number): number => sum(stacks.map(({ twoWayByMember }) => twoWayByMember[member] ?? 0));
  const epochs = evidence.epochs.map((epoch) => ({
    ...epoch,
    twoWayByMember: epoch.twoWayByMember.map((flows, member) => Math.max(0, flows - count(member))),
  }));
  return { ...evidence, epochs };
}
