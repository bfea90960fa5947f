/** Counts that documents give are those of the code. Other counts are not given: they would be wrong after the next commit. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../../src/package-root.ts';

/** Read, because importing it loads the whole simulation. */
const [, seeds] = /^export const SEEDS = (\d+);$/m.exec(readFileSync(join(packageRoot(), 'test/simulation/seeds.ts'), 'utf8')) ?? [];

test.each(['docs/testing.md', 'test/simulation/mutations.md'])('%s: the seeds of the simulation', (file) => {
  const text = readFileSync(join(packageRoot(), file), 'utf8');
  const given = [...text.matchAll(/\b(\d{3,}) seeds\b/g)].map(([, count]) => Number(count));
  expect(given).not.toEqual([]);
  expect(
    given.filter((count) => count !== Number(seeds)),
    `${file} gives other numbers of seeds than SEEDS of test/simulation/seeds.ts`,
  ).toEqual([]);
});

const COUNT = /\b\d+ classes\b|\b\d+ (?:tests|defects|mutations|causes)\b/;
test.each(['README.md', 'CONTRIBUTING.md', 'docs/architecture.md', 'docs/testing.md', 'docs/encapsulations.md'])(
  '%s counts no classes, tests, defects or causes',
  (file) => {
    const prose = readFileSync(join(packageRoot(), file), 'utf8').replace(/^```[\s\S]*?^```/gm, '');
    expect(COUNT.exec(prose)?.[0], `leave this count out of ${file}, or check it here`).toBeUndefined();
  },
);
