/** docs/doctor.md has a row for everything that doctor may find. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { NIC_FINDING_CODES } from '../../../src/collector/words/doctor.ts';
import { packageRoot } from '../../../src/package-root.ts';

test('every code has a row, and no row is of another code', () => {
  const text = readFileSync(join(packageRoot(), 'docs/doctor.md'), 'utf8');
  const [, table = ''] = text.split('## What it finds');
  const rows = [...(table.split('\n## ')[0]?.matchAll(/^\| `([\w-]+)` \|/gm) ?? [])].map(([, code]) => code);
  expect(rows).toEqual(NIC_FINDING_CODES);
});
