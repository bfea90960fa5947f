import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { STANDARD_CLASSES, TRAFFIC_CLASSES } from '../../../src/traffic/classes.ts';
import { type FlowTruth, generateTraffic } from '../../../src/traffic/traffic.ts';
import { type Packet, packetsOf } from '../../helpers/traffic.ts';

const CLASS_NAMES = TRAFFIC_CLASSES.map((row) => row.name);

/** "2001:0db8:0001:0000:..." for the short text of a report. */
function longAddress(text: string): string {
  if (!text.includes(':')) return text;
  const [head = '', tail = ''] = text.split('::');
  const groups = (part: string) => (part === '' ? [] : part.split(':'));
  const zeros = Array.from({ length: 8 - groups(head).length - groups(tail).length }, () => '0');
  return [...groups(head), ...zeros, ...groups(tail)].map((group) => group.padStart(4, '0')).join(':');
}

const options = fc.record({
  seed: fc.nat(),
  classes: fc.uniqueArray(fc.constantFrom(...CLASS_NAMES), { minLength: 1, maxLength: 5 }),
  flows: fc.integer({ min: 1, max: 60 }),
  packetsPerFlow: fc.integer({ min: 3, max: 15 }),
  payloadMax: fc.integer({ min: 20, max: 1400 }),
  queues: fc.integer({ min: 1, max: 16 }),
  concurrency: fc.integer({ min: 1, max: 80 }),
});

describe('the truth about the traffic', () => {
  test('every packet is what its flow says, has valid checksums, and is counted once', () => {
    fc.assert(
      fc.property(options, (chosen) => {
        const traffic = generateTraffic(chosen);
        const packets = packetsOf(traffic);
        expect(packets).toHaveLength(chosen.flows * chosen.packetsPerFlow);
        expect(traffic.offsets.at(-1)).toBe(traffic.frames.length);
        expect(traffic.flows.map((flow) => flow.id)).toEqual(Array.from({ length: chosen.flows }, (_, id) => id));
        for (const flow of traffic.flows)
          checkFlow(
            flow,
            packets.filter(({ tag }) => tag.flow === flow.id),
          );
      }),
      { numRuns: 60 },
    );
  });

  function checkFlow(truth: FlowTruth, packets: readonly Packet[]): void {
    const { flow } = truth;
    expect(packets[0]?.tag.direction).toBe(truth.initiator);
    expect(packets[0]?.seen.stack).toBe(truth.stack);
    const ends = flow && {
      forward: [longAddress(flow.src), flow.sport, longAddress(flow.dst), flow.dport],
      reverse: [longAddress(flow.dst), flow.dport, longAddress(flow.src), flow.sport],
    };
    for (const direction of ['forward', 'reverse'] as const) {
      const some = packets.filter(({ tag }) => tag.direction === direction);
      expect(some.length).toBeGreaterThan(0);
      expect(some).toHaveLength(truth.packets[direction]);
      expect(some.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(truth.bytes[direction]);
      for (const { seen } of some) {
        expect(seen.faults).toEqual([]);
        expect(truth.stacks).toContain(seen.stack);
        if (ends === undefined) continue;
        const [src, sport, dst, dport] = ends[direction];
        const isRear = (seen.fragment?.offset ?? 0) > 0;
        expect([seen.src, seen.ports[0], seen.dst, seen.ports[1]]).toEqual([src, isRear ? 0 : sport, dst, isRear ? 0 : dport]);
      }
    }
  }

  test('forward goes up: the canonical key has the lower address first', () => {
    for (const { seen, tag } of packetsOf(generateTraffic({ seed: 3, flows: 300 }))) {
      const bytes = (address: string) =>
        address.includes('.')
          ? address
              .split('.')
              .map((part) => part.padStart(3, '0'))
              .join()
          : address;
      expect(bytes(seen.src) < bytes(seen.dst)).toBe(tag.direction === 'forward');
    }
  });

  test('no two flows share a five-tuple, far beyond the default', () => {
    const { flows } = generateTraffic({ seed: 5, flows: 80_000, packetsPerFlow: 2 });
    expect(new Set(flows.map(({ flow }) => JSON.stringify(flow))).size).toBe(flows.length);
  });

  test('nor where there are no ports, and more flows than hosts', () => {
    const { flows } = generateTraffic({ seed: 5, classes: ['esp-ipv4', 'ipv4-tcp', 'ospf-ipv4'], flows: 200_001, packetsPerFlow: 2 });
    expect(new Set(flows.map(({ flow }) => JSON.stringify(flow))).size).toBe(flows.length);
  });

  test('nor in any class, all classes together', () => {
    const { flows } = generateTraffic({ seed: 6, classes: CLASS_NAMES, flows: 40 * CLASS_NAMES.length, packetsPerFlow: 3 });
    const keys = flows.flatMap(({ flow }) => (flow === undefined ? [] : [JSON.stringify(flow)]));
    expect(new Set(keys).size).toBe(keys.length);
  });

  test('four flows of a class share their hosts', () => {
    const { flows } = generateTraffic({ seed: 5, classes: ['ipv4-udp', 'ipv6-tcp'], flows: 80 });
    const pairs = new Map<string, number>();
    for (const { flow } of flows) pairs.set(`${flow?.src} ${flow?.dst}`, (pairs.get(`${flow?.src} ${flow?.dst}`) ?? 0) + 1);
    expect(Array.from(pairs.values())).toEqual(Array.from({ length: 20 }, () => 4));
  });
});

test('the same options give the same bytes, another seed gives others', () => {
  fc.assert(
    fc.property(options, (chosen) => {
      const [one, two] = [generateTraffic(chosen), generateTraffic(chosen)];
      // Byte by byte, the matcher would take seconds.
      for (const part of ['frames', 'offsets', 'queues', 'tags'] as const) {
        const [a, b] = [one[part], two[part]];
        expect(Buffer.from(a.buffer, a.byteOffset, a.byteLength).equals(Buffer.from(b.buffer, b.byteOffset, b.byteLength))).toBe(true);
      }
      expect(one.flows).toEqual(two.flows);
    }),
    { numRuns: 20 },
  );
  const frames = (seed: number) => Buffer.from(generateTraffic({ seed, flows: 50 }).frames);
  expect(frames(1).equals(frames(2))).toBe(false);
  // Seeds that differ in the upper half only.
  expect(frames(1).equals(frames(1 + 2 ** 32))).toBe(false);
});

test('flows are interleaved, each in its own order', () => {
  const order = packetsOf(generateTraffic({ seed: 1, flows: 100 })).map(({ tag }) => tag.flow);
  const changes = order.filter((flow, i) => i > 0 && flow !== order[i - 1]).length;
  expect(changes).toBeGreaterThan(700);
  const alone = packetsOf(generateTraffic({ seed: 1, flows: 100, concurrency: 1 })).map(({ tag }) => tag.flow);
  expect(alone).toEqual(Array.from({ length: 800 }, (_, i) => Math.floor(i / 8)));
});

test.each([1, 2, 7, 8, 16])('flows of each of 8 classes use all of %i queues', (queues) => {
  const classes = STANDARD_CLASSES.slice(0, 8);
  const traffic = generateTraffic({ seed: 1, classes, flows: 8 * 16, packetsPerFlow: 2, queues });
  const used = new Map(classes.map((name) => [name, new Set<number>()]));
  packetsOf(traffic).forEach(({ tag }, i) => {
    used.get(traffic.flows[tag.flow]?.class ?? '')?.add(traffic.queues[i] ?? -1);
  });
  expect(Array.from(used.values(), ({ size }) => size)).toEqual(classes.map(() => queues));
});

test('both directions of a flow go to one queue, and all queues are used', () => {
  const traffic = generateTraffic({ seed: 1, flows: 64, queues: 8 });
  const queueOf = new Map<number, Set<number>>();
  packetsOf(traffic).forEach(({ tag }, i) => {
    queueOf.set(tag.flow, (queueOf.get(tag.flow) ?? new Set()).add(traffic.queues[i] ?? -1));
  });
  expect(Array.from(queueOf.values()).every((queues) => queues.size === 1)).toBe(true);
  expect(new Set(traffic.queues).size).toBe(8);
});

test.each([
  { seed: -1 },
  { seed: 1.5 },
  { seed: 1, flows: 0 },
  { seed: 1, flows: 2 ** 21 },
  { seed: 1, packetsPerFlow: 1 },
  { seed: 1, classes: ['ipv4-tcp', 'duplicate-vlan-ipv4-tcp'], packetsPerFlow: 2 },
  { seed: 1, payloadMin: 19 },
  { seed: 1, payloadMin: 200, payloadMax: 100 },
  { seed: 1, queues: 0 },
  { seed: 1, classes: [] },
  { seed: 1, classes: ['ipv9'] },
  { seed: 1, flows: 2 ** 20, payloadMax: 1400, packetsPerFlow: 100 },
])('%j is refused', (bad) => {
  expect(() => generateTraffic(bad)).toThrow(RangeError);
});
