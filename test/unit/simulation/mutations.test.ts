/** Every fault that `npm run mutate` makes on purpose can still be made: its text occurs once. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../../src/package-root.ts';
import { MUTATIONS } from '../../simulation/mutations.ts';

test('each replaces text that occurs once, by another', () => {
  const broken = MUTATIONS.filter(({ file, find, replace }) => {
    const text = readFileSync(join(packageRoot(), file), 'utf8');
    return text.split(find).length !== 2 || find === replace;
  });
  expect(
    broken.map(({ file, name }) => `${file}: ${name}`),
    'the text to find has changed or moved: mend `file` and `find` of these defects in test/simulation/mutations.ts',
  ).toEqual([]);
});

test('each has a name of its own in its file', () => {
  const names = MUTATIONS.map(({ file, name }) => `${file}: ${name}`);
  expect(
    names.filter((name, index) => names.indexOf(name) < index),
    'name these anew in test/simulation/mutations.ts',
  ).toEqual([]);
});
