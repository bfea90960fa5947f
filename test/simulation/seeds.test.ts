import { describe, expect, it } from 'vitest';
import { checkSeed, describeFinding, SEEDS } from './seeds.ts';

const AT_ONCE = 250;
/** A quiet machine takes 15 s; others may be at work. */
const PATIENCE_MS = 300_000;

describe('runs over a simulated kernel, of which the oracle knows the truth', () => {
  const firsts = Array.from({ length: Math.ceil(SEEDS / AT_ONCE) }, (_, i) => i * AT_ONCE);
  it.each(firsts)(
    `${AT_ONCE} seeds from %i: every answer, cause, count and end is as it must be`,
    { timeout: PATIENCE_MS },
    async (first) => {
      const findings: string[] = [];
      for (let seed = first; seed < first + AT_ONCE; seed += 1) {
        const finding = await checkSeed(seed);
        if (finding.failures.length > 0) findings.push(describeFinding(finding));
      }
      expect(findings).toEqual([]);
    },
  );
});
