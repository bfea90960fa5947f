import { expect, test } from 'vitest';
import { frameOf, tupleOf, tuplesIn } from '../../../bench/observations.ts';
import { native } from '../../../src/addon/native.ts';

const TUPLES = [tupleOf(7, false), tupleOf(7, true), tupleOf(70_000, false)];

test('the collector bench sends what a worker would send, field by field', () => {
  const common = { protocol: 6, stack: 'ipv4/tcp', marks: 0, packets: 3, bytes: 180, firstNs: 1, lastNs: 2, content: 0, datagram: 0 };
  const first = { src: '10.0.0.7', srcPort: 1031, dst: '198.18.0.0', dstPort: 443, kernelKey: 7, ...common };
  const answer = { src: '198.18.0.0', srcPort: 443, dst: '10.0.0.7', dstPort: 1031, kernelKey: 7, ...common };
  const other = { src: '10.1.17.112', srcPort: 11_024, dst: '198.18.1.17', dstPort: 443, kernelKey: 70_000, ...common };
  expect(tuplesIn(frameOf(3, TUPLES))).toEqual(tuplesIn(native.encodeObservations(3, 0, [first, answer, other])));
});

test('a flow map takes all of it', () => {
  const map = new native.FlowMap({ members: 4, flowsMax: 1000, hashSeed: 1n });
  expect(map.ingest(frameOf(3, TUPLES), 3)).toBe(TUPLES.length);
  expect(map.tally()).toMatchObject({ flows: 2 });
});

test('and so does the map that the bench compares it with', () => {
  const { member, tuples } = tuplesIn(frameOf(3, TUPLES));
  expect([member, tuples.map((tuple) => tuple.length)]).toEqual([3, [15, 15, 15]]);
  expect(tuples.map(([source]) => source.join('.'))).toEqual(['10.0.0.7', '198.18.0.0', '10.1.17.112']);
});
