/** The command as it is started, on some of the fuzzer's arguments: it ends as the fuzz target says, which only looks at a part of it. */
import { expect, test } from 'vitest';
import { EXIT } from '../../src/errors.ts';
import { argvOf, outcomeOf } from '../fuzz/command-line.ts';
import { directoriesOf, readCorpus } from '../fuzz/corpus.ts';
import { run } from '../helpers/tool.ts';

const EVERY = 8;

test('help is a success, and what is refused is no verdict', async () => {
  const ends = { help: EXIT.yes, refused: EXIT.usage };
  const seen = { help: 0, refused: 0 };
  for (const [i, input] of readCorpus(directoriesOf('command-line').corpus).entries()) {
    const argv = argvOf(input);
    const outcome = await outcomeOf(argv);
    // What begins, or only wants a larger machine, is another matter.
    if (i % EVERY !== 0 || outcome === 'begins' || outcome === 'too large') continue;
    const { status, stdout, stderr } = await run(argv);
    expect([argv, status]).toEqual([argv, ends[outcome]]);
    expect(outcome === 'help' ? stdout : stderr).not.toBe('');
    seen[outcome] += 1;
  }
  expect(Math.min(seen.help, seen.refused)).toBeGreaterThan(0);
});
