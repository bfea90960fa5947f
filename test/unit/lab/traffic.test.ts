import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TRAFFIC_CLASSES } from '../../../src/lab/classes.ts';
import { readTag } from '../../../src/lab/tag.ts';
import { type FlowTruth, generateTraffic, type Traffic } from '../../../src/lab/traffic.ts';
import { lookAt, type Seen } from '../../helpers/wire.ts';

const CLASS_NAMES = TRAFFIC_CLASSES.map((row) => row.name);

interface Packet {
  readonly seen: Seen;
  readonly bytes: number;
  readonly tag: NonNullable<ReturnType<typeof readTag>>;
}

function packetsOf({ frames, offsets, tags }: Traffic): readonly Packet[] {
  return Array.from(tags, (tagAt, i) => {
    const frame = frames.subarray(offsets[i], offsets[i + 1]);
    const tag = readTag(frame, tagAt);
    if (tag === undefined) throw new Error(`frame ${i} has no tag at ${tagAt}`);
    return { seen: lookAt(frame), bytes: frame.length, tag };
  });
}

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
  packetsPerFlow: fc.integer({ min: 2, max: 15 }),
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
    const forward = [longAddress(flow.src), flow.sport, longAddress(flow.dst), flow.dport];
    const reverse = [longAddress(flow.dst), flow.dport, longAddress(flow.src), flow.sport];
    expect(forward.join() < reverse.join() || flow.src !== flow.dst).toBe(true);
    expect(packets[0]?.tag.direction).toBe(truth.initiator);
    for (const direction of ['forward', 'reverse'] as const) {
      const some = packets.filter(({ tag }) => tag.direction === direction);
      expect(some.length).toBeGreaterThan(0);
      expect(some).toHaveLength(truth.packets[direction]);
      expect(some.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(truth.bytes[direction]);
      for (const { seen } of some) {
        expect([seen.src, seen.ports[0], seen.dst, seen.ports[1]]).toEqual(direction === 'forward' ? forward : reverse);
        expect(seen.faults).toEqual([]);
        expect(seen.stack).toBe(truth.stack);
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

  test('four flows of a class share their hosts', () => {
    const { flows } = generateTraffic({ seed: 5, classes: ['ipv4-udp', 'ipv6-tcp'], flows: 80 });
    const pairs = new Map<string, number>();
    for (const { flow } of flows) pairs.set(`${flow.src} ${flow.dst}`, (pairs.get(`${flow.src} ${flow.dst}`) ?? 0) + 1);
    expect(Array.from(pairs.values())).toEqual(Array.from({ length: 20 }, () => 4));
  });
});

test('the same options give the same bytes, another seed gives others', () => {
  fc.assert(
    fc.property(options, (chosen) => {
      expect(generateTraffic(chosen)).toEqual(generateTraffic(chosen));
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

test('both directions of a flow go to one queue, and all queues are used', () => {
  const traffic = generateTraffic({ seed: 1, flows: 64, queues: 8 });
  const queueOf = new Map<number, Set<number>>();
  packetsOf(traffic).forEach(({ tag }, i) => {
    queueOf.set(tag.flow, (queueOf.get(tag.flow) ?? new Set()).add(traffic.queues[i] ?? -1));
  });
  expect(Array.from(queueOf.values()).every((queues) => queues.size === 1)).toBe(true);
  expect(new Set(traffic.queues).size).toBe(8);
});

describe('classes', () => {
  const byClass = (name: string) => packetsOf(generateTraffic({ seed: 11, classes: [name], flows: 40 }));

  test('names are unique', () => {
    expect(new Set(CLASS_NAMES).size).toBe(CLASS_NAMES.length);
  });

  test.each(CLASS_NAMES)('%s is described and has the stack of its name', (name) => {
    const { flows } = generateTraffic({ seed: 1, classes: [name], flows: 1 });
    const words = name.replace('qinq', 'vlan-vlan').split('-');
    expect(flows[0]?.stack.split('/')).toEqual(
      words.filter((word) => /^(vlan|ipv4|ipv6|tcp|udp|udplite|sctp|dccp|icmp|icmp6)$/.test(word)),
    );
  });

  test.each(['top-bit-ipv4-tcp', 'top-bit-ipv4-udp'])('%s: addresses differ in the top bit of the last octet only', (name) => {
    for (const { seen } of byClass(name)) {
      const [a, b] = [seen.src, seen.dst].map((text) => text.split('.').map(Number)) as [number[], number[]];
      expect(a.slice(0, 3)).toEqual(b.slice(0, 3));
      expect((a[3] ?? 0) ^ (b[3] ?? 0)).toBe(0x80);
    }
  });

  const labelsOf = (name: string) => {
    const labels = new Map<number, { forward: Set<number>; reverse: Set<number> }>();
    for (const { seen, tag } of byClass(name)) {
      const entry = labels.get(tag.flow) ?? { forward: new Set(), reverse: new Set() };
      entry[tag.direction].add(seen.flowLabel);
      labels.set(tag.flow, entry);
    }
    return Array.from(labels.values(), ({ forward, reverse }) => [Array.from(forward), Array.from(reverse)] as const);
  };

  test.each(['label-pair-ipv6-tcp', 'label-pair-ipv6-udp'])('%s: both directions have a label, and not the same', (name) => {
    for (const [forward, reverse] of labelsOf(name)) {
      expect([forward.length, reverse.length]).toEqual([1, 1]);
      expect(forward[0]).not.toBe(reverse[0]);
      expect([forward[0], reverse[0]]).not.toContain(0);
    }
  });

  test.each(['label-one-way-ipv6-tcp', 'label-one-way-ipv6-udp'])('%s: one direction has a label, the other none', (name) => {
    for (const [forward, reverse] of labelsOf(name)) {
      expect([forward.length, reverse.length]).toEqual([1, 1]);
      expect([forward[0], reverse[0]].filter((label) => label === 0)).toHaveLength(1);
    }
  });

  test.each([
    ['vlan-ipv4-tcp', true],
    ['qinq-ipv6-tcp', true],
    ['vlan-pair-ipv4-tcp', false],
    ['qinq-pair-ipv4-tcp', false],
  ])('%s: the same tags in both directions: %s', (name, same) => {
    const tags = new Map<number, Set<string>>();
    for (const { seen, tag } of byClass(name)) tags.set(tag.flow, (tags.get(tag.flow) ?? new Set()).add(seen.vlans.join()));
    expect(Array.from(tags.values()).every((set) => set.size === (same ? 1 : 2))).toBe(true);
  });
});

test.each([
  { seed: -1 },
  { seed: 1.5 },
  { seed: 1, flows: 0 },
  { seed: 1, flows: 2 ** 21 },
  { seed: 1, packetsPerFlow: 1 },
  { seed: 1, payloadMin: 19 },
  { seed: 1, payloadMin: 200, payloadMax: 100 },
  { seed: 1, queues: 0 },
  { seed: 1, classes: [] },
  { seed: 1, classes: ['ipv9'] },
  { seed: 1, flows: 2 ** 20, payloadMax: 1400, packetsPerFlow: 100 },
])('%j is refused', (bad) => {
  expect(() => generateTraffic(bad)).toThrow(RangeError);
});
