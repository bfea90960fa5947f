/** What the bounds of this program did to a run, if it came to them. Pure. */
import type { Evidence } from '../../model/evidence.ts';
import type { ReasonCode, WarningCode } from '../../model/reason.ts';
import type { RunFacts, StopReason } from '../../model/run-facts.ts';
import { RUN_MS_MAX, STACKS_MAX } from '../../model/run-limits.ts';
import type { Reason } from '../../model/run-result.ts';

interface Warning extends Reason {
  readonly code: WarningCode;
}

interface Doubt extends Reason {
  readonly code: ReasonCode;
}

export function boundWarnings(evidence: Evidence, facts: RunFacts): readonly Warning[] {
  return [...forgottenWarning(evidence, facts), ...(facts.stop === 'longest' ? endedEarly(facts) : [])];
}

/**
 * A table that is full has left out what nobody can know: a sender fills it at will, so nothing is proven by what is not in it. Time runs out
 * for everybody alike.
 */
export function boundDoubts(evidence: Evidence, facts: RunFacts): readonly Doubt[] {
  return [...unjudgedDoubt(evidence), ...(facts.stop === 'longest' ? [] : endedEarly(facts))];
}

function unjudgedDoubt({ flows: { unjudged = 0, total } }: Evidence): readonly Doubt[] {
  if (unjudged === 0) return [];
  const message = `${unjudged} of ${total} flows have encapsulations beyond the ${STACKS_MAX} that are told apart, and are not judged. Normal traffic has a few dozen, so these packets are probably crafted, and may hide what happens to other flows`;
  return [
    { code: 'unjudged-stacks', message, remedy: 'leave the crafted traffic out with --filter, or look at one kind of traffic at a time' },
  ];
}

/** Flows that made room for others. */
export function forgottenWarning({ flows }: Evidence, { flowsMax }: RunFacts): readonly Warning[] {
  const { forgotten = 0 } = flows;
  if (forgotten === 0) return [];
  const one = forgotten === 1;
  const message = `${forgotten} of ${flows.oneWay} flows that were seen in one direction only made room for others, the oldest first: the flow table has room for ${flowsMax}. ${one ? 'It is' : 'They are'} counted, and a flow in one direction proves nothing, so the answer does not rest on ${one ? 'it' : 'them'}; but a flow whose other direction came only after that counts as two, and had it been split, this run would not show it`;
  return [
    { code: 'flows-forgotten', message, remedy: 'give the flow table more memory (--flow-memory), or leave the flood out with --filter' },
  ];
}

/** Ends that nobody asked for, and what lets a run go on for longer. */
const EARLY: Readonly<Partial<Record<StopReason, string>>> = {
  'flow-memory': 'give the flow table more memory (--flow-memory), or look at less (--filter); --max-flows ends a run by itself',
  epochs: 'find out what changes the group so often, and run again while it is stable',
  longest: 'give a --duration, and make several runs',
};

function endedEarly(facts: RunFacts): readonly Doubt[] {
  const remedy = EARLY[facts.stop];
  if (remedy === undefined) return [];
  return [{ code: 'ended-early', message: `${stopped(facts)}; what would have come after that is not known`, remedy }];
}

/** Why the run ended. */
export function stopped({ stop, flowsMax }: Pick<RunFacts, 'stop' | 'flowsMax'>): string {
  switch (stop) {
    case 'flows':
      return 'the run ended at --max-flows';
    case 'packets':
      return 'the run ended at --max-packets';
    case 'time':
      return 'the run ended at --duration';
    case 'end-of-traffic':
      return 'the run ended with its traffic';
    case 'signal':
      return 'the run was ended by a signal';
    case 'violation':
      return 'the run ended at its first violation';
    case 'members-lost':
      return 'the run ended because processes were lost';
    case 'interface-removed':
      return 'the run ended with its interface';
    case 'flow-memory':
      return `the run ended because its flow table is full (room for ${flowsMax} flows)`;
    case 'epochs':
      return 'the run ended because its group had changed too often';
    case 'longest':
      return `the run ended after ${RUN_MS_MAX / 3_600_000} hours, the longest that there is`;
  }
}
