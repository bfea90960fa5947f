import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ERROR_CODES } from '../../../src/errors.ts';
import { CAUSES } from '../../../src/model/cause.ts';
import { DISTURBANCES, REASONS, WARNINGS } from '../../../src/model/reason.ts';

/** Second-level headings under the first-level heading `part`, or all of them. */
function headings(file: string, part?: string): readonly string[] {
  const text = readFileSync(new URL(`../../../docs/${file}`, import.meta.url), 'utf8');
  const sections = text.split(/^# /m);
  const wanted = part === undefined ? text : (sections.find((section) => section.startsWith(`${part}\n`)) ?? '');
  return [...wanted.matchAll(/^## `?([\w-]+)`?$/gm)].map(([, heading = '']) => heading);
}

test.each([
  ['errors.md', undefined, ERROR_CODES],
  ['verdicts.md', 'Causes', CAUSES],
  ['verdicts.md', 'Reasons', REASONS],
  ['verdicts.md', 'Disturbances', DISTURBANCES],
  ['verdicts.md', 'Warnings', WARNINGS],
])('%s (%s) has one heading for each code, in the same order', (file, part, codes) => {
  expect(headings(file, part), `give each code one "## code" in docs/${file}, in the order of src/errors.ts or src/model`).toEqual(
    Object.keys(codes),
  );
});

test.each(Object.entries(ERROR_CODES))('%s: the documented exit status is %i', (code, status) => {
  const text = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
  expect(text, `say in docs/errors.md, under ## ${code}: Exit status ${status}.`).toMatch(
    new RegExp(`^## ${code}\n\nExit status ${status}\\.`, 'm'),
  );
});
