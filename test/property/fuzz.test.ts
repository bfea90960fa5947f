/** Every fuzz target, for a moment: the inputs that are kept, and as many new ones as take about a second. docs/testing.md has the long form. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { directoriesOf, readCorpus } from '../fuzz/corpus.ts';
import { timed } from '../fuzz/target.ts';
import { TARGETS } from '../fuzz/targets.ts';

const RUNS: Readonly<Record<string, number>> = { 'command-line': 300, cbpf: 3000, nic: 1000, deployment: 100, frames: 500 };

describe.each(TARGETS)('fuzz target $name', (target) => {
  test('kept inputs break no rule', async () => {
    const { corpus, found } = directoriesOf(target.name);
    const kept = readCorpus(corpus);
    expect(kept.length).toBeGreaterThan(10);
    // Set to measure what a long run reached.
    const more = process.env['FUZZ_FOUND'] === '1' ? readCorpus(found) : [];
    for (const input of [...kept, ...more]) await timed(target, input);
  });

  test('new ones neither', async () => {
    await fc.assert(
      fc.asyncProperty(target.inputs, async (input) => void (await timed(target, input))),
      { numRuns: RUNS[target.name] ?? 0 },
    );
  });
});
