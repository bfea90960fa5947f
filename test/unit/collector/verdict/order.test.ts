import { describe, expect, test } from 'vitest';
import type { OrderTotals } from '../../../../src/addon/capture.ts';
import { NO_COUNTERS } from '../../../../src/collector/group/member.ts';
import { orderOf } from '../../../../src/collector/verdict/order.ts';
import { orderWarnings } from '../../../helpers/worded.ts';

const members = (...totals: readonly OrderTotals[]) => totals.map((order) => ({ counters: { ...NO_COUNTERS, order } }));

describe('orderOf', () => {
  test('adds up what the members of the lab counted by its numbers', () => {
    expect(orderOf(members([10, 2, 1, 0, 0, 0], [20, 3, 2, 0, 0, 0]), { kind: 'lab' })).toEqual({
      checked: 30,
      inversions: 5,
      flows: 3,
      evidence: 'exact',
    });
  });

  test.each(['live', 'pcap'] as const)('%s: tells the kinds apart that TCP proves', (kind) => {
    expect(orderOf(members([100, 3, 2, 1, 2, 7], [50, 4, 4, 0, 4, 0]), { kind })).toEqual({
      checked: 150,
      inversions: 7,
      flows: 6,
      evidence: 'tcp',
      kinds: { synAckFirst: 1, ackFirst: 6, timeStamp: 7 },
    });
  });

  test('nothing of members that counted nothing', () => {
    expect(orderOf([], { kind: 'lab' })).toEqual({ checked: 0, inversions: 0, flows: 0, evidence: 'exact' });
  });
});

describe('orderWarnings', () => {
  const source = (kind: 'lab' | 'live' | 'pcap') => ({ kind, interface: 'ens1' });

  test('none without an inversion, whatever time stamps did', () => {
    const order = orderOf(members([100, 0, 0, 0, 0, 9]), { kind: 'live' });
    expect(orderWarnings(order, source('live'))).toEqual([]);
  });

  test('live: what was seen, and the commands for this interface', () => {
    const order = orderOf(members([100, 3, 2, 1, 2, 0]), { kind: 'live' });
    const [warning] = orderWarnings(order, source('live'));
    expect(warning).toMatchObject({
      code: 'order-inverted',
      message: expect.stringContaining('3 packets of 100 checked, of 2 flows, reached their process after one that was sent later (1 SYN'),
      remedy: expect.stringContaining('ethtool -L ens1 combined 1'),
    });
  });

  test.each([
    ['lab', /one queue/],
    ['pcap', /the capture file holds the packets in this order/],
  ] as const)('%s: advice that fits', (kind, remedy) => {
    const [warning] = orderWarnings(orderOf(members([9, 1, 1, 0, 1, 0]), { kind }), source(kind));
    expect(warning?.message).toContain('1 packet of 9 checked, of 1 flow,');
    expect(warning?.remedy).toMatch(remedy);
  });
});
