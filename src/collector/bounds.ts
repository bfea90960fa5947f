/** What the bounds of this program did to a run, if it came to them. Pure. */
import type { Evidence } from '../model/evidence.ts';
import type { WarningCode } from '../model/reason.ts';
import type { RunFacts, StopReason } from '../model/run-facts.ts';
import { RUN_MS_MAX } from '../model/run-limits.ts';
import type { Reason } from '../model/run-result.ts';

interface Warning extends Reason {
  readonly code: WarningCode;
}

export function boundWarnings(evidence: Evidence, facts: RunFacts): readonly Warning[] {
  return [...forgottenWarning(evidence, facts), ...endedEarlyWarning(facts)];
}

/** Flows that made room for others. */
export function forgottenWarning({ flows }: Evidence, { flowsMax }: RunFacts): readonly Warning[] {
  const { forgotten = 0 } = flows;
  if (forgotten === 0) return [];
  const one = forgotten === 1;
  const message = `${forgotten} of ${flows.oneWay} flows that were seen in one direction only made room for others, the oldest first: the flow table has room for ${flowsMax}. ${one ? 'It is' : 'They are'} counted, and a flow in one direction proves nothing, so the answer does not rest on ${one ? 'it' : 'them'}; but a flow whose other direction came only after that counts as two, and had it been parted, this run would not show it`;
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

function endedEarlyWarning(facts: RunFacts): readonly Warning[] {
  const remedy = EARLY[facts.stop];
  if (remedy === undefined) return [];
  return [{ code: 'ended-early', message: `${stopped(facts)}; what was seen until then is judged like that of any run`, remedy }];
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
