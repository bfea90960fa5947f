import { describe, expect, test } from 'vitest';
import type { EthtoolFacts } from '../../../src/addon/ethtool.ts';
import { countersOf, driverFacts } from '../../../src/host/nic/driver.ts';

const UNSUPPORTED = { errno: 95, why: 'Operation not supported' };
const NONE: EthtoolFacts = {
  driver: UNSUPPORTED,
  rss: UNSUPPORTED,
  hashFields: [UNSUPPORTED, UNSUPPORTED, UNSUPPORTED, UNSUPPORTED],
  channels: UNSUPPORTED,
  receiveRings: UNSUPPORTED,
  steeringRules: UNSUPPORTED,
  features: UNSUPPORTED,
  privateFlags: UNSUPPORTED,
  rings: UNSUPPORTED,
  coalescing: UNSUPPORTED,
};
const inUse = { where: '/sys/class/net/eth0/queues/rx-*', value: 3 };
const said = (fact: object): unknown => ('value' in fact ? fact.value : undefined);

test('a refusal says where, and why', () => {
  const facts = driverFacts('eth0', { ...NONE, rings: { errno: 1, why: 'Operation not permitted' } }, inUse);
  expect(facts.rss).toEqual({ where: 'ethtool -x eth0', why: 'Operation not supported' });
  expect(facts.hashFields.udp6).toEqual({ where: 'ethtool -n eth0 rx-flow-hash udp6', why: 'Operation not supported' });
  expect(facts.rings).toEqual({ where: 'ethtool -g eth0', why: 'Operation not permitted', needs: 'CAP_NET_ADMIN' });
});

test('the hash of the NIC', () => {
  const rss = { hashFunction: 'toeplitz', key: Uint8Array.of(0x6d, 0x5a, 0x00), table: [0, 1], transform: 2 };
  const facts = (answer: EthtoolFacts['rss']) => said(driverFacts('eth0', { ...NONE, rss: answer }, inUse).rss);
  expect(facts({ value: rss })).toEqual({
    hashFunction: 'toeplitz',
    key: '6d5a00',
    table: [0, 1],
    inputTransform: 'symmetric-or-xor',
  });
  expect(facts({ value: {} })).toEqual({ hashFunction: null, key: null, table: null, inputTransform: null });
  // One that later kernels may have.
  expect(facts({ value: { transform: 64 } })).toMatchObject({ inputTransform: null });
});

test('fields in the order in which they were asked for', () => {
  const hashFields = [{ value: 0xf0 }, { value: 0x30 }, { value: 0x10 }, { value: 0 }];
  const { tcp4, udp4, tcp6, udp6 } = driverFacts('eth0', { ...NONE, hashFields }, inUse).hashFields;
  expect([tcp4, udp4, tcp6, udp6].map(said)).toEqual(['sdfn', 'sd', 's', '']);
});

describe('receive queues', () => {
  const queues = (more: Partial<EthtoolFacts>, shown: Parameters<typeof driverFacts>[2] = inUse) =>
    driverFacts('eth0', { ...NONE, ...more }, shown).queues;
  const channels = { value: { used: 4, most: 16 } };

  test('are channels', () => expect(queues({ channels })).toEqual({ where: 'ethtool -l eth0', value: { used: 4, most: 16 } }));
  test('or rings', () => expect(said(queues({ receiveRings: { value: 2 } }))).toEqual({ used: 2, most: null }));
  test('or what /sys has', () => expect(queues({})).toEqual({ where: inUse.where, value: { used: 3, most: null } }));
  test('or not told', () =>
    expect(queues({}, { where: '/sys', why: 'No such file or directory' })).toEqual({
      where: 'ethtool -l eth0',
      ...{ why: UNSUPPORTED.why },
    }));
});

test('features by ethtool’s names, several of them together', () => {
  const features = {
    value: [
      { name: 'rx-hashing', isOn: true },
      { name: 'rx-gro-hw', isOn: false },
      { name: 'tx-tcp-segmentation', isOn: false },
      { name: 'tx-tcp6-segmentation', isOn: true },
      { name: '__proto__', isOn: true },
    ],
  };
  const told = said(driverFacts('eth0', { ...NONE, features }, inUse).features) as Record<string, boolean>;
  expect(Object.entries(told)).toEqual([
    ['receive-hashing', true],
    ['rx-gro-hw', false],
    ['tx-tcp-segmentation', false],
    ['tx-tcp6-segmentation', true],
    ['__proto__', true],
    ['tcp-segmentation-offload', true],
  ]);
});

test('counters that are wanted, or none', () => {
  const counters = {
    value: [
      { name: 'rx_drops', count: 3 },
      { name: 'rx_packets', count: 9 },
    ],
  };
  expect(countersOf(counters, (name) => name === 'rx_drops')).toEqual([{ name: 'rx_drops', count: 3 }]);
  expect(countersOf(UNSUPPORTED, () => true)).toEqual([]);
});
