import { describe, expect, test } from 'vitest';
import {
  epochsMax,
  FLOW_MEMORY_MAX,
  FLOW_MEMORY_MIN,
  FLOWS_MAX,
  flowMemoryBytes,
  flowRoomIn,
  RUN_MS_MAX,
} from '../../../src/model/run-limits.ts';

describe('room for flows', () => {
  test('of 2^24 flows and no more', () => {
    expect(flowRoomIn(FLOW_MEMORY_MAX)).toEqual({ flowsMax: FLOWS_MAX, sightsMax: FLOWS_MAX / 4, fragmentsMax: FLOWS_MAX / 16 });
    expect(flowRoomIn(1e15).flowsMax).toBe(FLOWS_MAX);
    expect(flowRoomIn(FLOW_MEMORY_MIN)).toMatchInlineSnapshot(`
      {
        "flowsMax": 3646,
        "fragmentsMax": 228,
        "sightsMax": 912,
      }
    `);
  });

  test.each([1, 1.5, 2, 3, 5, 64, 100, 512, 1000, 1500, 2047])('as many as fit into %f MiB', (mebibytes) => {
    const bytes = Math.floor(mebibytes * 2 ** 20);
    const { flowsMax } = flowRoomIn(bytes);
    expect(flowMemoryBytes(flowsMax)).toBeLessThanOrEqual(bytes);
    expect(flowMemoryBytes(flowsMax + 1)).toBeGreaterThan(bytes);
  });

  test('more flows never take less', () => {
    for (let flows = 1000, before = 0; flows <= FLOWS_MAX; flows = Math.ceil(flows * 1.01)) {
      const bytes = flowMemoryBytes(flows);
      expect(bytes).toBeGreaterThanOrEqual(before);
      before = bytes;
    }
  });

  test('what a flow takes, by how full its index is', () => {
    const each = [100_000, 1_000_000, 10_000_000, FLOWS_MAX].map((flows) => Math.round(flowMemoryBytes(flows) / flows));
    expect(each).toMatchInlineSnapshot(`
      [
        175,
        161,
        157,
        160,
      ]
    `);
  });
});

test('epochs: what they are counted in is bounded as well', () => {
  expect(epochsMax(4)).toBe(4096);
  expect(epochsMax(4096)).toBe(4096);
  expect(epochsMax(65_536)).toBe(256);
});

test('the longest run ends before the clock of the flow map does', () => {
  const tickNs = 2 ** 16;
  expect(RUN_MS_MAX * 1e6).toBeLessThan(2 ** 32 * tickNs * 0.95);
});
