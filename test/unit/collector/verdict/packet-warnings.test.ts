/** Which devices are advised what: a line for ethtool only where the device has the feature and it does something. */
import { describe, expect, test } from 'vitest';
import type { LinkState } from '../../../../src/model/link.ts';
import { copiesWarning, largeWarning } from '../../../helpers/worded.ts';

const copies = (again: number, looked: number, crossed = 0) =>
  copiesWarning({ interface: 'eth1', copies: { looked, again, crossed, apartNs: 4200 } });

describe('packets that came twice', () => {
  test.each([
    [0, 100],
    [7, 10],
    [99, 10_000],
  ])('%i of %i are chance', (again, looked) => expect(copies(again, looked)).toEqual([]));

  test.each([
    [8, 800, '8 of 800'],
    [100, 10_000, '100 of 10,000'],
    [5000, 10_000, '5,000 of 10,000'],
  ])('%i of %i are told', (again, looked, told) => {
    const [warning] = copies(again, looked);
    expect(warning?.message).toContain(`${told} packets that were looked at are copies of one that came 4 µs before (mean); an IDS`);
    expect(warning?.remedy).toContain('let each packet come to eth1 once');
  });

  test('of which one was sent and the other received', () => {
    expect(copies(50, 100, 50)[0]?.message).toContain('(mean), one as it was sent by this host');
    expect(copies(50, 100, 40)[0]?.message).toContain('(mean), 40 of them one as it was sent by this host');
    expect(copies(50, 100, 40)[0]?.remedy).toContain('ignore-outgoing');
    expect(copies(50, 100, 10)[0]?.remedy).not.toContain('ignore-outgoing');
  });

  test('where nobody looked', () => expect(copiesWarning({ interface: 'eth1' })).toEqual([]));
});

const ALL = ['gro', 'lro', 'tso', 'gso'];

function large(link: Partial<LinkState> | undefined, received = 5, sent = 0, merged = 0) {
  const state: LinkState = { running: true, rxPackets: 0, txPackets: 0, ...link };
  const counts = { mtu: 1500, received, sent, merged, largestBytes: 17_432 };
  return largeWarning({
    interface: 'eth1',
    large: counts,
    packets: { captured: 1000 },
    ...(link === undefined ? {} : { link: { before: state, after: state } }),
  })[0];
}

describe('packets above the MTU', () => {
  test('none', () => expect(large({}, 0, 0)).toBe(undefined));

  test('figures', () => {
    expect(large({ offloads: ALL }, 5, 2, 3)?.message).toMatch(
      /^7 of 1,000 packets were larger than the MTU of eth1 \(1500 bytes\), up to 17432 bytes: 5 received.* and 2 sent by this host.*, 3 of them of several TCP segments by the kernel's mark; an IDS/,
    );
  });

  test.each<[string, Partial<LinkState> | undefined, number, number, readonly string[]]>([
    ['a NIC', { offloads: ALL }, 5, 0, ['ethtool -K eth1 gro off lro off']],
    ['a NIC without LRO', { offloads: ['gro', 'tso'] }, 5, 0, ['ethtool -K eth1 gro off']],
    ['a NIC that sends', { offloads: ALL }, 0, 5, ['ethtool -K eth1 tso off gso off']],
    ['a NIC, both ways', { offloads: ALL }, 5, 5, ['ethtool -K eth1 gro off lro off', 'ethtool -K eth1 tso off gso off']],
    ['a NIC on which all is off', {}, 5, 5, []],
    ['WireGuard', { kind: 'wireguard', offloads: ['gro', 'gso', 'tso'] }, 5, 0, ['ethtool -K eth1 gro off']],
    ['a bridge', { kind: 'bridge', offloads: ALL }, 5, 0, []],
    ['a bond', { kind: 'bond', offloads: ALL }, 5, 0, []],
    ['a veth', { kind: 'veth', offloads: ALL }, 5, 0, []],
    ['a TUN device', { kind: 'tun', offloads: ['gro'] }, 5, 0, []],
    ['one that could not be asked', undefined, 5, 5, []],
  ])('%s', (_, link, received, sent, commands) => {
    const remedy = large(link, received, sent)?.remedy ?? '';
    expect([...remedy.matchAll(/"(ethtool[^"]+)"/g)].map(([, command]) => command)).toEqual(commands);
  });
});
