import { expect, it } from 'vitest';
import { COMMAND_SEEDS, checkCommand, describeCommand } from '../../simulation/seeds.ts';

/** A quiet machine takes 5 s for all of them; others may be at work. */
const PATIENCE_MS = 300_000;

it(`churn, race, scale and the measurement of a load, ${COMMAND_SEEDS} seeds: each finds what happened in its world`, {
  timeout: PATIENCE_MS,
}, async () => {
  const findings: string[] = [];
  for (let seed = 0; seed < COMMAND_SEEDS; seed += 1) {
    const finding = await checkCommand(seed);
    if (finding.failures.length > 0) findings.push(describeCommand(finding));
  }
  expect(findings).toEqual([]);
});
