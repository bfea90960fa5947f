/** ICMP errors that went another way than the flow that they are about. Pure. */
import type { Evidence } from '../../model/evidence.ts';
import { flowPromise } from '../../model/fanout.ts';
import { finding } from '../../model/finding.ts';
import type { CauseArgs } from '../../model/findings/cause.ts';
import type { RunFacts } from '../../model/run-facts.ts';
import type { FoundCause } from '../../model/run-result.ts';
import { sum } from './confidence.ts';

/** The cause `icmp-error`. Modes that scatter by design part errors from their flow like everything else. */
export function strayErrors(
  { stacks }: Evidence,
  { mode }: Pick<RunFacts, 'mode'>,
  seen: CauseArgs['icmp-error']['seen'] = 'process',
): readonly FoundCause[] {
  const found = stacks.filter(({ errorsElsewhere }) => errorsElsewhere > 0);
  if (found.length === 0 || flowPromise(mode) === 'spread') return [];
  const flows = sum(found.map(({ errorsElsewhere }) => errorsElsewhere));
  const about = { flows, stacks: found.map(({ stack }) => stack).sort() };
  return [{ ...finding('icmp-error', { ...about, mode, seen }), flows, harmless: true }];
}
