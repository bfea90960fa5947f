/** What shares of flows that moved mean, and which of them chance explains. */
import { describe, expect, test } from 'vitest';
import type { ObservedFlow } from '../../../../src/addon/flow-map.ts';
import { adviceOn, doubtsAbout, eventOf } from '../../../../src/commands/churn/churn-events.ts';
import type { ChurnEvent } from '../../../../src/commands/churn/result.ts';
import type { GroupName } from '../../../../src/model/fanout.ts';
import { finding } from '../../../../src/model/finding.ts';

function event(kind: ChurnEvent['kind'], change: Partial<ChurnEvent> = {}): ChurnEvent {
  return {
    kind,
    slots: [0, 1, 2, 3],
    flows: 10_000,
    draws: 10_000,
    stayed: 5000,
    stayedShare: 0.5,
    expectedStayedShare: 0.5,
    survivorsFlows: 7500,
    survivorsMoved: 2500,
    survivorsMovedShare: 0.33,
    expectedSurvivorsMovedShare: 0.33,
    packetsSent: 100,
    packetsLost: 0,
    tookMs: 12,
    ...change,
  };
}

/** Seen on member 0 in both epochs. */
function flowIn(src: string, sport: number, dst: string, dport: number): ObservedFlow {
  const observations = [0, 1].map((epoch) => ({ epoch, member: 0, first: String(epoch) }));
  return { flow: { proto: 'tcp', src, sport, dst, dport }, observations } as unknown as ObservedFlow;
}

describe('doubts', () => {
  test('a share that chance explains is none', () => {
    // Five standard deviations of 10,000 flows are 0.025, and one flow more is allowed.
    expect(doubtsAbout([event('leave', { stayedShare: 0.525 }), event('join', { stayedShare: 0.475 })])).toEqual([]);
  });

  test('one that it does not explain', () => {
    expect(doubtsAbout([event('leave', { slot: 2, stayedShare: 0.53 })])).toEqual([
      finding('unexpected-share', { change: { kind: 'leave', slot: 2 }, flows: 10_000, stayedShare: 0.53, expectedShare: 0.5 }),
    ]);
  });

  test('flows that go together are one draw', () => {
    expect(doubtsAbout([event('leave', { draws: 2500, stayedShare: 0.55 })])).toEqual([]);
    expect(doubtsAbout([event('leave', { draws: 2500, stayedShare: 0.551 })])).toHaveLength(1);
  });

  test.each<[GroupName, number]>([
    [{ mode: 'ebpf', flags: [], builtin: 'addresses' }, 2],
    [{ mode: 'ebpf', flags: [], builtin: 'ports' }, 4],
    [{ mode: 'hash', flags: [] }, 4],
  ])('of %j two flows between the same hosts are %i draws of two pairs', (group, draws) => {
    const change = { kind: 'leave', packetsSent: 0, packetsLost: 0, tookMs: 1 } as const;
    const [before, after] = [
      { epoch: 0, slots: [0, 1] },
      { epoch: 1, slots: [0] },
    ];
    const flows = [1, 2].flatMap((host) => [
      flowIn(`10.0.0.${host}`, 80, '10.0.0.9', host),
      flowIn('10.0.0.9', 443, `10.0.0.${host}`, host),
    ]);
    expect(eventOf({ ...change, before, after }, flows, group)).toMatchObject({ flows: 4, draws });
  });

  test('no flow before and after', () => {
    expect(doubtsAbout([event('link-flap', { flows: 0 })])).toEqual([finding('no-flows', { change: { kind: 'link-flap' } })]);
  });
});

describe('advice', () => {
  test('of several losses the one that moves least and the one that moves most, and the mean of what a return moves', () => {
    const leaves = [0.3, 0.1, 0.4].map((survivorsMovedShare, slot) => event('leave', { slot, survivorsMovedShare }));
    const joins = [0.5, 0.25].map((survivorsMovedShare) => event('join', { slot: 3, survivorsMovedShare }));
    expect(adviceOn([...leaves, ...joins], 4)).toEqual([
      finding('restart-moves-flows', { procs: 4, losses: 3, least: { slot: 1, share: 0.1 }, most: { slot: 2, share: 0.4 }, joins: 0.375 }),
    ]);
  });

  test('a link flap that moved fewer than one flow of a hundred moved none', () => {
    expect(adviceOn([event('link-flap', { stayedShare: 0.995 })], 4)).toEqual([finding('link-flap-reorders', {})]);
    expect(adviceOn([event('link-flap', { stayedShare: 0.25 })], 4)).toEqual([finding('link-flap-reorders', { movedShare: 0.75 })]);
  });

  test('nothing happened: nothing to say', () => expect(adviceOn([], 4)).toEqual([]));
});
