import { expect, test } from 'vitest';
import { type OwnLoad, ownLoadIn } from '../../../../src/commands/compare/own-load-result.ts';

const load: OwnLoad = {
  schema: 'fanout-cluster/own-load@1',
  procs: 2,
  one: { groups: 1, kernelNsPerPacket: 800.5, workerNsPerPacket: 90 },
  all: { groups: 3, kernelNsPerPacket: 1900, workerNsPerPacket: 260 },
  // Less than nothing, where little was measured.
  perFurtherGroup: { kernelNsPerPacket: 549.75, workerNsPerPacket: -1.5 },
  lossFreeRate: 90_000,
};

test.each([[load], [{ ...load, lossRate: 120_000 }]])('what was measured is read as it was written: %j', (measured) => {
  expect(ownLoadIn(JSON.stringify(measured))).toEqual(measured);
});

test.each<[string, string]>([
  ['nothing', ''],
  ['half of it', JSON.stringify(load).slice(0, 90)],
  ['an array', '[]'],
  ['another schema', JSON.stringify({ ...load, schema: 'fanout-cluster/report@1' })],
  ['a number as text', JSON.stringify({ ...load, lossFreeRate: '90000' })],
  ['no number', JSON.stringify({ ...load, all: { ...load.all, kernelNsPerPacket: Number.NaN } })],
  ['half a process', JSON.stringify({ ...load, procs: 1.5 })],
  ['no samples', JSON.stringify({ ...load, one: undefined })],
  ['an odd rate', JSON.stringify({ ...load, lossRate: {} })],
])('%s is no measurement', (_, text) => {
  expect(ownLoadIn(text)).toBeUndefined();
});
