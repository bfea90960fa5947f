/** The collector's evidence through the addon: what arrives counts, not when, in what order or in how many messages. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { NativeEvidence } from '../../src/addon/flow-map.ts';
import { native } from '../../src/addon/native.ts';
import type { ObservationInput } from '../../src/addon/observations.ts';
import { flowRoomIn } from '../../src/model/run-limits.ts';
import { observation } from '../helpers/messages.ts';

const MEMBERS = 4;
const EPOCHS = 2;

interface Told {
  readonly member: number;
  readonly epoch: number;
  readonly observation: ObservationInput;
}

/** Few flows and few values, so that observations meet. */
const told: fc.Arbitrary<Told> = fc
  .record({
    member: fc.nat(MEMBERS - 1),
    epoch: fc.nat(EPOCHS - 1),
    flow: fc.nat(5),
    reverse: fc.boolean(),
    kernelKey: fc.bigInt({ min: 1n, max: 2n }),
    stack: fc.constantFrom('ipv4/tcp', 'vlan/ipv4/tcp', 'ipv4/gre/ipv4/tcp'),
    marks: fc.nat(3),
    packets: fc.integer({ min: 1, max: 9 }),
    firstNs: fc.nat(1_000_000),
    lengthNs: fc.nat(1_000_000),
  })
  .map(({ member, epoch, flow, reverse, firstNs, lengthNs, packets, ...rest }) => {
    const there = { src: `10.0.0.${flow + 1}`, srcPort: 1000, dst: '192.0.2.1', dstPort: 80 };
    const back = { src: there.dst, srcPort: there.dstPort, dst: there.src, dstPort: there.srcPort };
    return {
      member,
      epoch,
      observation: {
        ...(reverse ? back : there),
        ...rest,
        protocol: 6,
        packets,
        bytes: packets * 60,
        firstNs,
        lastNs: firstNs + lengthNs,
        content: 0,
        datagram: 0,
      },
    };
  });

const list = fc.array(told, { maxLength: 40 });

const ICMP_ERROR = 16;

/** The same with what joins: ICMP errors about flows, fragments of few datagrams, contents by which copies are known. */
const joined: fc.Arbitrary<Told> = fc
  .record({
    told,
    content: fc.constantFrom(0, 7 << 10, (7 << 10) + 1, 9 << 10),
    part: fc.constantFrom('packet', 'error', 'first', 'later'),
    datagram: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ told: { observation, ...place }, content, part, datagram }) => {
    const change = {
      packet: { content },
      error: { marks: ICMP_ERROR },
      first: { datagram, packets: 0, bytes: 0 },
      later: { datagram, srcPort: 0, dstPort: 0 },
    }[part];
    return { ...place, observation: { ...observation, ...change } };
  });

/** A run of consecutive observations by one member in one epoch may travel in one message; `cut` says where a new one starts anyway. */
function messagesOf(observations: readonly Told[], cut: (i: number) => boolean): { readonly member: number; readonly bytes: Buffer }[] {
  const batches: { member: number; epoch: number; observations: ObservationInput[] }[] = [];
  observations.forEach(({ member, epoch, observation }, i) => {
    const last = batches.at(-1);
    if (last !== undefined && last.member === member && last.epoch === epoch && !cut(i)) last.observations.push(observation);
    else batches.push({ member, epoch, observations: [observation] });
  });
  return batches.map((b) => ({ member: b.member, bytes: native.encodeObservations(b.member, b.epoch, b.observations) }));
}

function newMap(hashSeed = 1n) {
  return new native.FlowMap({ members: MEMBERS, flowsMax: 1000, hashSeed });
}

function mapOf(observations: readonly Told[], cut: (i: number) => boolean = () => true, hashSeed = 1n) {
  const map = newMap(hashSeed);
  for (const { member, bytes } of messagesOf(observations, cut)) expect(map.ingest(bytes, member)).toBeGreaterThan(0);
  return map;
}

function evidenceOf(
  map: ReturnType<typeof newMap>,
  epochEndsNs: readonly (bigint | null)[] = [null, null],
  violationsMax = 100,
): NativeEvidence {
  return map.evidence({ epochEndsNs, violationsMax, startNs: 1_000_000_000n });
}

// ---- the reference: sets, no thought of speed

type Verdict = 'oneWay' | 'consistent' | 'asymmetric' | 'split';
const RANK: readonly Verdict[] = ['oneWay', 'consistent', 'asymmetric', 'split'];

function judge(observations: readonly Told[]): Verdict {
  const verdicts = [...new Set(observations.map(({ epoch }) => epoch))].map((epoch): Verdict => {
    const membersOf = (isForward: boolean) =>
      new Set(observations.filter((t) => t.epoch === epoch && (t.observation.srcPort === 1000) === isForward).map((t) => t.member));
    const [forward, reverse] = [membersOf(true), membersOf(false)];
    if (forward.size > 1 || reverse.size > 1) return 'split';
    if (forward.size === 0 || reverse.size === 0) return 'oneWay';
    return [...forward][0] === [...reverse][0] ? 'consistent' : 'asymmetric';
  });
  return RANK[Math.max(...verdicts.map((v) => RANK.indexOf(v)))] ?? 'oneWay';
}

function byFlow(observations: readonly Told[]): Told[][] {
  const flows = new Map<string, Told[]>();
  for (const t of observations) {
    const host = t.observation.src.startsWith('10.') ? t.observation.src : t.observation.dst;
    flows.set(host, [...(flows.get(host) ?? []), t]);
  }
  return [...flows.values()];
}

describe('evidence', () => {
  // As long as nothing is forgotten: what makes room is a matter of order.
  test('does not depend on the order of arrival, on the batches or on the hash seed', () => {
    const shuffled = fc.array(fc.oneof(told, joined), { maxLength: 40 }).chain((original) =>
      fc.record({
        original: fc.constant(original),
        reordered: fc.shuffledSubarray(original, { minLength: original.length }),
        cuts: fc.array(fc.boolean(), { minLength: original.length, maxLength: original.length }),
        seed: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
        ends: fc.tuple(fc.option(fc.bigInt({ min: 0n, max: 1_000_000n })), fc.option(fc.bigInt({ min: 0n, max: 1_000_000n }))),
        violationsMax: fc.nat(5),
      }),
    );
    fc.assert(
      fc.property(shuffled, ({ original, reordered, cuts, seed, ends, violationsMax }) => {
        const one = evidenceOf(mapOf(original), ends, violationsMax);
        const other = evidenceOf(
          mapOf(reordered, (i) => cuts[i] === true, seed),
          ends,
          violationsMax,
        );
        expect(other).toEqual(one);
      }),
      { numRuns: 300 },
    );
  });

  test('agrees with a judge that knows nothing of tables and hashes', () => {
    fc.assert(
      fc.property(list, (observations) => {
        const { flows, violations, judgedPackets, flowsByMember } = evidenceOf(mapOf(observations));
        const grouped = byFlow(observations);
        const count = (verdict: Verdict) => grouped.filter((flow) => judge(flow) === verdict).length;
        expect(flows).toEqual({
          total: grouped.length,
          twoWay: grouped.filter((flow) => new Set(flow.map((t) => t.observation.srcPort)).size === 2).length,
          oneWay: count('oneWay'),
          consistent: count('consistent'),
          split: count('split'),
          asymmetric: count('asymmetric'),
          duplicated: 0,
        });
        expect(violations.length).toBe(count('split') + count('asymmetric'));
        expect(judgedPackets).toBe(observations.reduce((sum, t) => sum + Number(t.observation.packets), 0));
        expect(flowsByMember).toEqual(
          Array.from({ length: MEMBERS }, (_, member) => grouped.filter((flow) => flow.some((t) => t.member === member)).length),
        );
      }),
      { numRuns: 500 },
    );
  });

  test('lists the packets of a violation by member, direction, kernel key and stack', () => {
    fc.assert(
      fc.property(list, (observations) => {
        const packetsOf = (member: number, epoch: number, direction: string, src: string) =>
          observations
            .filter((t) => {
              const isForward = t.observation.srcPort === 1000;
              const host = isForward ? t.observation.src : t.observation.dst;
              return t.member === member && t.epoch === epoch && isForward === (direction === 'forward') && host === src;
            })
            .reduce((sum, t) => sum + Number(t.observation.packets), 0);
        for (const { flow, observations: seen } of evidenceOf(mapOf(observations)).violations) {
          const places = new Set(seen.map((o) => JSON.stringify([o.member, o.epoch, o.direction])));
          for (const place of places) {
            const [member, epoch, direction] = JSON.parse(place) as [number, number, string];
            const sum = seen.filter((o) => JSON.stringify([o.member, o.epoch, o.direction]) === place).reduce((n, o) => n + o.packets, 0);
            expect(sum).toBe(packetsOf(member, epoch, direction, flow.src));
          }
        }
      }),
    );
  });

  test('and tally agree while no epoch has ended', () => {
    fc.assert(
      fc.property(list, (observations) => {
        const map = mapOf(observations);
        const { flows, judgedPackets } = evidenceOf(map);
        expect(map.tally()).toEqual({
          flows: flows.total,
          twoWay: flows.twoWay,
          violated: flows.split + flows.asymmetric,
          packets: judgedPackets,
          forgotten: 0,
          full: false,
        });
      }),
    );
  });
});

/** Room for so few flows that they make room for one another. */
function smallMapOf(observations: readonly Told[], flowsMax: number) {
  const map = new native.FlowMap({ members: MEMBERS, flowsMax, sightsMax: 3 * flowsMax, fragmentsMax: 2, hashSeed: 1n });
  for (const { member, bytes } of messagesOf(observations, () => true)) map.ingest(bytes, member);
  return map;
}

describe('a map that is too small', () => {
  const many = fc.array(fc.oneof(told, joined), { maxLength: 120 });

  test('loses no packet, and calls no flow a violation that is none', () => {
    fc.assert(
      fc.property(many, fc.integer({ min: 1, max: 5 }), (observations, flowsMax) => {
        const map = smallMapOf(observations, flowsMax);
        const { untracked, ...small } = evidenceOf(map);
        const all = evidenceOf(mapOf(observations));
        const packets = observations.reduce((sum, t) => sum + Number(t.observation.packets), 0);
        expect(small.judgedPackets + small.unjoinedFragments + small.unmatchedErrors + untracked.packets).toBe(packets);
        expect(small.flows.forgotten ?? 0).toBe(map.tally().forgotten);
        expect(small.flows.oneWay).toBeGreaterThanOrEqual(small.flows.forgotten ?? 0);
        const violated = new Set(all.violations.map(({ flow }) => JSON.stringify(flow)));
        for (const { flow } of small.violations) expect(violated).toContain(JSON.stringify(flow));
        expect(small.flows.twoWay).toBeLessThanOrEqual(all.flows.twoWay);
      }),
      { numRuns: 500 },
    );
  });

  test('keeps what has been seen in both directions for good', () => {
    fc.assert(
      fc.property(fc.array(told, { maxLength: 120 }), fc.integer({ min: 1, max: 5 }), (observations, flowsMax) => {
        const map = smallMapOf([], flowsMax);
        let before = map.tally();
        for (const { member, bytes } of messagesOf(observations, () => true)) {
          map.ingest(bytes, member);
          const after = map.tally();
          for (const count of ['flows', 'twoWay', 'violated', 'packets', 'forgotten'] as const)
            expect(after[count]).toBeGreaterThanOrEqual(before[count]);
          before = after;
        }
        const { flows } = evidenceOf(map);
        expect(flows.twoWay).toBe(before.twoWay);
        expect(flows.split + flows.asymmetric).toBe(before.violated);
      }),
    );
  });
});

describe('memory', () => {
  // One-way flows of the same second, each told of once.
  const flood = (map: ReturnType<typeof newMap>, from: number, count: number, datagrams: boolean) => {
    const hosts = Array.from({ length: count }, (_, i) => from + i);
    for (let at = 0; at < count; at += 400) {
      const batch = hosts.slice(at, at + 400).flatMap((n): ObservationInput[] => {
        const src = `10.${(n >> 16) & 255}.${(n >> 8) & 255}.${n & 255}`;
        const packet = { ...BASE, src, srcPort: 1 + (n % 60_000), packets: 1, bytes: 60 };
        if (!datagrams) return [packet];
        const error = { ...packet, marks: ICMP_ERROR, kernelKey: 9n };
        const first = { ...packet, datagram: n + 1, packets: 0, bytes: 0 };
        const later = { ...packet, datagram: 5e8 + n, srcPort: 0, dstPort: 0 };
        return n % 5 === 0 ? [packet, error, first, later] : [packet];
      });
      expect(map.ingest(native.encodeObservations(0, 0, batch), 0)).toBe(batch.length);
    }
  };

  test.each([
    [1, false],
    [8, false],
    [8, true],
    [27, false],
    [29, true],
  ])('never more than the %i MiB that were given, and not much less where all of it is used (%s)', (mebibytes, datagrams) => {
    const bytes = mebibytes * 2 ** 20;
    const room = flowRoomIn(bytes);
    const map = new native.FlowMap({ members: MEMBERS, ...room, hashSeed: 1n });
    expect(map.capacity()).toBe(room.flowsMax);
    let most = 0;
    for (let n = 0; n < 1.5 * room.flowsMax; n += 4000) {
      flood(map, n, 4000, datagrams);
      most = Math.max(most, map.bytesUsed());
    }
    expect(map.tally().forgotten).toBeGreaterThan(0);
    expect(evidenceOf(map).untracked.packets).toBe(0);
    expect(most).toBeLessThanOrEqual(bytes);
    if (datagrams) expect(most).toBeGreaterThan(0.75 * bytes);
  });
});

const BASE: ObservationInput = {
  src: '10.0.0.1',
  dst: '192.0.2.1',
  srcPort: 1,
  dstPort: 2,
  protocol: 6,
  stack: 'ipv4/tcp',
  kernelKey: 1n,
  marks: 0,
  packets: 1,
  bytes: 60,
  firstNs: 0,
  lastNs: 0,
  content: 0,
  datagram: 0,
};

describe('a flow', () => {
  test('is one for both directions: key(t) = key(reverse t)', () => {
    fc.assert(
      fc.property(observation, (o) => {
        // An error about a flow is none of its packets.
        fc.pre((o.marks & ICMP_ERROR) === 0);
        const back = { ...o, src: o.dst, dst: o.src, srcPort: o.dstPort, dstPort: o.srcPort };
        const map = newMap();
        map.ingest(native.encodeObservations(0, 0, [o, back]), 0);
        expect(map.tally().flows).toBe(1);
        const isOwnReverse = o.src === o.dst && o.srcPort === o.dstPort;
        expect(map.tally().twoWay).toBe(isOwnReverse ? 0 : 1);
      }),
      { numRuns: 500 },
    );
  });

  test('is another when address, port or protocol differ', () => {
    const o: ObservationInput = {
      src: '10.0.0.1',
      dst: '10.0.0.2',
      srcPort: 1,
      dstPort: 2,
      protocol: 6,
      stack: 'ipv4/tcp',
      kernelKey: 1n,
      marks: 0,
      packets: 1,
      bytes: 60,
      firstNs: 0,
      lastNs: 0,
      content: 0,
      datagram: 0,
    };
    const others = [
      { src: '10.0.0.3' },
      { dst: '10.0.0.3' },
      { srcPort: 3 },
      { dstPort: 3 },
      { protocol: 17 },
      { src: 'a00:1::', dst: 'a00:2::' },
    ];
    // Ports exchanged, addresses not: the kernel hashes both alike, and they are two flows all the same.
    const crossed = { srcPort: 2, dstPort: 1 };
    const map = newMap();
    const all = [o, ...[...others, crossed].map((change) => ({ ...o, ...change }))];
    expect(map.ingest(native.encodeObservations(0, 0, all), 0)).toBe(all.length);
    expect(map.tally().flows).toBe(all.length);
  });
});

describe('a malformed message', () => {
  const good = (observations: readonly Told[]) =>
    native.encodeObservations(
      1,
      0,
      observations.map((t) => t.observation),
    );

  test('changes nothing, and says where it is wrong', () => {
    fc.assert(
      fc.property(list, fc.array(told, { minLength: 1, maxLength: 10 }), fc.nat(), fc.nat(255), (before, later, at, value) => {
        const map = mapOf(before);
        const [tally, evidence] = [map.tally(), evidenceOf(map)];
        const message = good(later);
        message[at % message.length] = value;
        const taken = map.ingest(message, 1);
        if (taken >= 0) return;
        expect(-1 - taken).toBeLessThanOrEqual(message.length);
        expect(map.tally()).toEqual(tally);
        expect(evidenceOf(map)).toEqual(evidence);
      }),
      { numRuns: 500 },
    );
  });

  test('is one cut short, in the name of another, of no such member, or of an epoch beyond counting', () => {
    const [first] = fc.sample(told, { numRuns: 1, seed: 1 });
    if (first === undefined) return expect.unreachable();
    const map = newMap();
    const message = good([first]);
    for (let length = 0; length < message.length; length++) expect(map.ingest(message.subarray(0, length), 1)).toBeLessThan(0);
    expect(map.ingest(message, 2)).toBeLessThan(0);
    expect(map.ingest(native.encodeObservations(MEMBERS, 0, [first.observation]), MEMBERS)).toBeLessThan(0);
    expect(map.ingest(native.encodeObservations(1, 0x10000, [first.observation]), 1)).toBeLessThan(0);
    expect(map.tally().flows).toBe(0);
    expect(map.ingest(message, 1)).toBe(1);
  });
});
