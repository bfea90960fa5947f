/** What the bounds of this program did to a run, if it came to them. Pure. */
import type { Evidence } from '../../model/evidence.ts';
import { type Finding, finding } from '../../model/finding.ts';
import type { Stop } from '../../model/findings/doubt.ts';
import type { RunFacts, StopReason } from '../../model/run-facts.ts';
import { STACKS_MAX } from '../../model/run-limits.ts';

type BoundCode = 'unjudged-stacks' | 'ended-early';

export function boundWarnings(evidence: Evidence, facts: RunFacts): readonly Finding<'flows-forgotten' | 'ended-early'>[] {
  return [...forgottenWarning(evidence, facts), ...(facts.stop === 'longest' ? endedEarly(facts) : [])];
}

/**
 * A table that is full has left out what nobody can know: a sender fills it at will, so nothing is proven by what is not in it. Time runs out
 * for everybody alike.
 */
export function boundDoubts(evidence: Evidence, facts: RunFacts): readonly Finding<BoundCode>[] {
  return [...unjudgedDoubt(evidence), ...(facts.stop === 'longest' ? [] : endedEarly(facts))];
}

function unjudgedDoubt({ flows: { unjudged = 0, total } }: Evidence): readonly Finding<'unjudged-stacks'>[] {
  return unjudged === 0 ? [] : [finding('unjudged-stacks', { flows: unjudged, total, stacksMax: STACKS_MAX })];
}

/** Flows that made room for others. */
export function forgottenWarning({ flows }: Evidence, { flowsMax }: RunFacts): readonly Finding<'flows-forgotten'>[] {
  const { forgotten = 0, oneWay } = flows;
  return forgotten === 0 ? [] : [finding('flows-forgotten', { forgotten, oneWay, flowsMax })];
}

/** Ends that nobody asked for. */
const EARLY: ReadonlySet<StopReason> = new Set(['flow-memory', 'epochs', 'longest']);

function endedEarly(facts: RunFacts): readonly Finding<'ended-early'>[] {
  return EARLY.has(facts.stop) ? [finding('ended-early', { stop: stopOf(facts) })] : [];
}

export function stopOf({ stop, flowsMax }: Pick<RunFacts, 'stop' | 'flowsMax'>): Stop {
  return { reason: stop, flowsMax };
}
