import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageRoot } from '../../../src/package-root.ts';

const COLUMNS_MAX = 120;
// A clone has no folder for pages that nobody has written yet.
const folders = ['.', 'docs', 'docs/contributing', 'bench', 'test/simulation'].filter((folder) => existsSync(join(packageRoot(), folder)));
const texts = folders.flatMap((folder) =>
  readdirSync(join(packageRoot(), folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name)),
);

test.each(texts)('%s has no line of prose longer than 120 columns', (file) => {
  let isCode = false;
  const long = readFileSync(join(packageRoot(), file), 'utf8')
    .split('\n')
    .flatMap((line, index) => {
      if (line.startsWith('```')) isCode = !isCode;
      // A row of a table is one line, and what a program prints stays as it is.
      const isProse = !isCode && !/^(?: *\||#| {4}|\[)/.test(line);
      return isProse && [...line].length > COLUMNS_MAX ? [index + 1] : [];
    });
  expect(long).toEqual([]);
});
