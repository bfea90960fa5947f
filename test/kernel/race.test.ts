/** A start without precautions splits flows that are under way; one in order does not, on the same traffic. */
import { expect, test } from 'vitest';
import { native } from '../../src/addon/native.ts';
import type { RaceResult } from '../../src/commands/race/result.ts';
import { refuseHostNamespace } from '../helpers/lab.ts';
import { run } from '../helpers/tool.ts';

async function race(...args: string[]): Promise<RaceResult> {
  const { status, stdout, stderr } = await run(['race', '--json', '-', '--quiet', ...args]);
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as RaceResult;
}

test('eight processes that join one after the other under traffic: most flows are split, and only until the last has joined', async () => {
  refuseHostNamespace();
  const { naive, orderly, advice } = await race('-n', '8', '--rate', '50000');
  expect(naive.flows).toBe(500);
  // The hash has 1 of 8 flows on the same process all along: that of the first member in every group it belonged to.
  expect(naive.splitShare).toBeGreaterThan(0.5);
  expect(naive.strayPackets).toBeGreaterThan(naive.split);
  expect(naive.lastStrayAfterMs).toBeLessThanOrEqual(naive.joinedAfterMs);
  expect([orderly.answer, orderly.flows, orderly.split]).toEqual(['yes', 500, 0]);
  expect(advice.map(({ code }) => code)).toEqual(['start-race', 'judge-later']);
  expect(native.packetSockets().filter(({ protocol }) => protocol !== 0)).toEqual([]);
});

test('two processes, few packets: what was not seen is not claimed', async () => {
  const { naive, orderly } = await race('-n', '2', '--flows', '100', '--rate', '20000', '--duration', '100ms');
  expect(naive.split).toBeLessThanOrEqual(naive.flows);
  expect(naive.strayPackets === 0).toBe(naive.split === 0);
  expect(orderly.split).toBe(0);
});
