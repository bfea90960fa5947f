/** ICMP errors that went another way than the flow that they are about. Pure. */
import type { Evidence } from '../../model/evidence.ts';
import { flowPromise } from '../../model/fanout.ts';
import type { RunFacts } from '../../model/run-facts.ts';
import type { CauseResult } from '../../model/run-result.ts';
import { sum } from './confidence.ts';
import { listed } from './stack-layers.ts';

/** The cause `icmp-error`. Modes that scatter by design part errors from their flow like everything else. */
export function strayErrors(
  { stacks }: Evidence,
  { mode }: Pick<RunFacts, 'mode'>,
  whatHappened = 'an ICMP error about the flow was on another process',
): readonly CauseResult[] {
  const found = stacks.filter(({ errorsElsewhere }) => errorsElsewhere > 0);
  if (found.length === 0 || flowPromise(mode) === 'spread') return [];
  const flows = sum(found.map(({ errorsElsewhere }) => errorsElsewhere));
  const why =
    mode === 'hash'
      ? 'the kernel hashes the addresses and the protocol of the error itself, which may come from any router, and does not look at the packet that it quotes'
      : `mode ${mode} steers the error by its own packet, not by the one that it quotes`;
  return [
    {
      code: 'icmp-error',
      flows,
      harmless: true,
      message: `${flows} ${flows === 1 ? 'flow' : 'flows'} (${listed(found.map(({ stack }) => stack).sort())}): ${whatHappened}; ${why}`,
      remedy: 'none is needed for the flows, which stayed whole; rules that need error and flow together cannot match',
    },
  ];
}
