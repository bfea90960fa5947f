import { describe, expect, test } from 'vitest';
import { FLOW_MEMORY_MAX, FLOW_MEMORY_MIN } from '../../../src/model/run-limits.ts';
import { parseFlowMemory, workerFlows } from '../../../src/options/flow-memory.ts';

const GIB = 2 ** 30;
const MIB = 2 ** 20;
const NOTHING = { charged: 0, rings: 0 };
const host = (available: number, chargeable = Number.POSITIVE_INFINITY) => ({
  memAvailableBytes: available,
  memChargeableBytes: chargeable,
});

describe('by default', () => {
  test('a quarter of what is available, on the host or in the control group', () => {
    expect(parseFlowMemory(undefined, NOTHING, host(4 * GIB))).toBe(GIB);
    expect(parseFlowMemory(undefined, NOTHING, host(4 * GIB, GIB))).toBe(GIB / 4);
  });

  test('at most what 2^24 flows need, and never so little that nothing fits', () => {
    expect(parseFlowMemory(undefined, NOTHING, host(64 * GIB))).toBe(FLOW_MEMORY_MAX);
    expect(parseFlowMemory(undefined, NOTHING, host(0))).toBe(FLOW_MEMORY_MIN);
  });

  test('no more than rings and processes leave; rings are charged to no control group', () => {
    expect(parseFlowMemory(undefined, { charged: GIB, rings: 2.5 * GIB }, host(4 * GIB))).toBe(GIB / 2);
    expect(parseFlowMemory(undefined, { charged: GIB, rings: 2.5 * GIB }, host(64 * GIB, 1.25 * GIB))).toBe(GIB / 4);
  });

  test('several maps share it', () => expect(parseFlowMemory(undefined, NOTHING, host(4 * GIB), 8)).toBe(GIB / 8));
});

describe('as asked for', () => {
  test('whatever else is available', () => {
    expect(parseFlowMemory('64M', NOTHING, host(4 * GIB))).toBe(64 * MIB);
    expect(parseFlowMemory('2G', NOTHING, host(2 * GIB))).toBe(2 * GIB);
    expect(parseFlowMemory('8G', NOTHING, host(64 * GIB), 8)).toBe(GIB);
  });

  test.each([
    ['900K', 1, 'a size from 1M to 2556M'],
    ['3G', 1, 'a size from 1M to 2556M'],
    ['much', 1, 'a size from 1M to 2556M'],
    ['4M', 8, 'a size from 8M to 20448M'],
  ])('in range: %s for %i', (text, maps, range) => {
    expect(() => parseFlowMemory(text, NOTHING, host(64 * GIB), maps)).toThrow(
      expect.objectContaining({ code: 'USAGE', message: expect.stringContaining(`--flow-memory: "${text}" is not ${range}`) }),
    );
  });

  test('but not more than there is beside rings and processes', () => {
    const ask = () => parseFlowMemory('2G', { charged: 64 * MIB, rings: 448 * MIB }, host(2 * GIB, 64 * GIB));
    expect(ask).toThrow(
      expect.objectContaining({
        code: 'TOO_LARGE',
        message: '--flow-memory asks for 2048 MiB; beside rings and processes 1536 MiB are available',
        remedy: expect.stringMatching(/--ring-size/),
      }),
    );
  });

  test('and not more than the control group leaves', () => {
    const ask = () => parseFlowMemory('1G', { charged: 64 * MIB, rings: 448 * MIB }, host(64 * GIB, GIB));
    expect(ask).toThrow(
      expect.objectContaining({
        code: 'TOO_LARGE',
        message: '--flow-memory asks for 1024 MiB; beside the processes the memory control group leaves 960 MiB',
        remedy: expect.stringMatching(/memory\.max/),
      }),
    );
  });
});

describe('what workers keep', () => {
  const GIB = 2 ** 30;
  const MIB = 2 ** 20;
  const machine = { memAvailableBytes: 1 * GIB, memChargeableBytes: Number.POSITIVE_INFINITY };
  const needed = { charged: 128 * MIB, rings: 128 * MIB };

  test('all of them together: a quarter of what there is, however many they are', () => {
    for (const procs of [8, 64, 256]) {
      const bytes = workerFlows(256 * MIB, needed, machine, procs) * procs * 192;
      expect(bytes).toBeLessThanOrEqual(256 * MIB);
      expect(bytes).toBeGreaterThan(250 * MIB);
    }
  });

  test('never more than is left beside the flow map, nor than a control group leaves', () => {
    expect(workerFlows(640 * MIB, needed, machine, 16)).toBe(Math.floor((128 * MIB) / 16 / 192));
    expect(workerFlows(256 * MIB, needed, { ...machine, memChargeableBytes: 512 * MIB }, 16)).toBe(Math.floor((128 * MIB) / 16 / 192));
  });

  test('no more than can be told at the end', () => {
    for (const procs of [2, 64, 256])
      expect(workerFlows(GIB, needed, { ...machine, memAvailableBytes: 64 * GIB }, procs)).toBe(2 ** 21 / procs);
  });

  test('enough to work, and no more than helps', () => {
    expect(workerFlows(GIB, needed, machine, 64)).toBe(4096);
    expect(workerFlows(256 * MIB, needed, machine, 65_536)).toBe(4096);
    expect(workerFlows(GIB, needed, { ...machine, memAvailableBytes: 64 * GIB }, 1)).toBe(2 ** 20);
  });
});
