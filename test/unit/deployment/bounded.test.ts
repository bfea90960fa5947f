/** Files that somebody made to keep the reader busy: twice as long is twice as much work. */
import { expect, test } from 'vitest';
import { readingOf } from '../../helpers/deployments.ts';

const HEAD = '%YAML 1.1\n---\n';
const LINES = 60_000;

function many(line: (i: number) => string): string {
  return Array.from({ length: LINES }, (_, i) => line(i)).join('');
}

test.each([
  ['keys without a value', `${HEAD}${many((i) => `k${i}:\n`)}`],
  ['keys without a value, below af-packet', `${HEAD}af-packet:\n${many((i) => `  k${i}:\n`)}`],
  ['entries without a value', `${HEAD}af-packet:\n${many(() => '  -\n')}`],
  ['entries of an interface without a name', `${HEAD}af-packet:\n${many(() => '  - interface:\n')}`],
])(`suricata: ${LINES} %s are read in seconds`, (_, text) => {
  const begun = performance.now();
  readingOf(text, { kind: 'suricata' });
  // A second here. What looks back over all lines for each takes minutes.
  expect(performance.now() - begun).toBeLessThan(15_000);
});
