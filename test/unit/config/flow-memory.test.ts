import { describe, expect, test } from 'vitest';
import { parseFlowMemory } from '../../../src/config/flow-memory.ts';
import { FLOW_MEMORY_MAX, FLOW_MEMORY_MIN } from '../../../src/model/run-limits.ts';

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
    ['900K', 1, 'a size from 1M to 2396M'],
    ['3G', 1, 'a size from 1M to 2396M'],
    ['much', 1, 'a size from 1M to 2396M'],
    ['4M', 8, 'a size from 8M to 19168M'],
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
