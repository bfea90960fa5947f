import { expect, test } from 'vitest';
import { FANOUT_MODE_NAMES, fanoutModeCalled } from '../../../src/model/fanout.ts';

test.each([
  ['cluster_flow', 'hash'],
  ['cluster_cpu', 'cpu'],
  ['cluster_qm', 'qm'],
  ['cluster_ebpf', 'ebpf'],
  ['cluster_rollover', 'rollover'],
  ['cluster_random', 'rnd'],
  ['cluster_round_robin', 'lb'],
  ['FANOUT_HASH', 'hash'],
  ['PACKET_FANOUT_LB', 'lb'],
  ['AF_Packet::FANOUT_QM', 'qm'],
  ['af_packet::fanout_cbpf', 'cbpf'],
  ['Hash', 'hash'],
])('%s is mode %s', (text, mode) => expect(fanoutModeCalled(text)).toBe(mode));

test('every mode is called by its own name', () => {
  expect(FANOUT_MODE_NAMES.map(fanoutModeCalled)).toEqual(FANOUT_MODE_NAMES);
});

test.each([
  '',
  'flow',
  'cluster_',
  'cluster_foo',
  'cluster_constructor',
  'FANOUT_FLOW',
  'hash ',
  'hashes',
  'x::hash',
  'cluster_fanout_hash',
])('%j is none', (text) => expect(fanoutModeCalled(text)).toBeUndefined());
