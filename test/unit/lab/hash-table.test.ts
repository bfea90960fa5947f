/** The lab's expectations against the table of what was measured. */
import { expect, test } from 'vitest';
import { TRAFFIC_CLASSES } from '../../../src/traffic/classes.ts';
import { DUPLICATES, HASH_TABLE, type HashRow } from '../../helpers/hash-table.ts';

test('every class is in one row, and every row has a class', () => {
  const listed = [...HASH_TABLE.flatMap(({ classes }) => classes), ...DUPLICATES];
  expect(listed.toSorted()).toEqual(TRAFFIC_CLASSES.map(({ name }) => name).toSorted());
  expect(HASH_TABLE.filter(({ classes }) => classes.length === 0)).toEqual([]);
  expect(HASH_TABLE.length).toBeGreaterThanOrEqual(40);
});

const SPREAD: Readonly<Record<HashRow['spread'], string>> = {
  ports: 'ports',
  addresses: 'addresses',
  'tunnel ends': 'tunnels',
  nothing: 'none',
};

const rows = HASH_TABLE.flatMap((row) => row.classes.map((name) => ({ ...row, name })));

test.each(rows)('$name: $together, by $spread', ({ name, together, spread, defrag, cause, flowless }) => {
  const found = TRAFFIC_CLASSES.find((row) => row.name === name);
  const { hash, defrag: reassembled } = found?.expect ?? {};
  expect(found?.flow === undefined).toBe(flowless === true);
  // The errors are part of what a class sends, but not of its flows.
  const isKept = hash === 'together' || (hash === 'apart' && found?.expect.cause === 'icmp-error');
  if (together !== 'yes') expect(['split', 'apart']).toContain(hash);
  else if (spread === 'nothing') expect(hash).toBe('one-member');
  else expect(isKept).toBe(true);
  // Without an inner flow, the tunnel's ends are the flow's own addresses.
  const expected = spread === 'tunnel ends' && found?.expect.spread === 'addresses' ? 'addresses' : SPREAD[spread];
  expect(found?.expect.spread).toBe(expected);
  if (defrag === 'yes') expect(reassembled).toBe('together');
  else expect(['together', undefined, hash]).toContain(reassembled);
  if (cause !== undefined) expect(found?.expect.cause).toBe(cause);
});
