import { describe, expect, test } from 'vitest';
import type { ObservedFlow } from '../../../../src/addon/flow-map.ts';
import { adviceOn, strayIn } from '../../../../src/commands/race/race-findings.ts';

const flow = { proto: 'tcp', src: '10.0.0.1', sport: 1, dst: '10.0.0.2', dport: 2 };

function seen(...where: readonly (readonly [member: number, packets: number, lastMs: number])[]): ObservedFlow {
  const observations = where.map(([member, packets, lastMs]) => ({
    member,
    epoch: 0,
    direction: 'forward' as const,
    packets,
    bytes: 0,
    kernelKey: '0',
    stack: 'ipv4/tcp',
    first: '0',
    last: String(BigInt(lastMs) * 1_000_000n),
  }));
  return { flow, observations, verdict: 'split', errors: [], errorsElsewhere: false };
}

const facts = { startNs: 0n, joinedNs: 40_000_000n, captured: 120, packetsSent: 100 };

describe('stray packets', () => {
  test('are those on other processes than the one that saw the flow last', () => {
    const found = strayIn([seen([0, 5, 10], [3, 50, 90]), seen([1, 9, 80])], facts);
    expect(found).toEqual({
      flows: 2,
      split: 1,
      splitShare: 0.5,
      strayPackets: 5,
      packetsSent: 100,
      copies: 20,
      joinedAfterMs: 40,
      lastStrayAfterMs: 10,
    });
  });

  test('none: nothing is claimed, and how to see more is said', () => {
    const found = strayIn([seen([1, 9, 80])], { ...facts, captured: 90 });
    expect(found).toMatchObject({ split: 0, strayPackets: 0, copies: 0, lastStrayAfterMs: 0 });
    expect(adviceOn(found).map(({ code }) => code)).toEqual(['no-race-seen']);
  });

  test('no flows at all', () => expect(strayIn([], facts)).toMatchObject({ flows: 0, split: 0, splitShare: 0 }));
});
