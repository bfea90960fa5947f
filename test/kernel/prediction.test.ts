/**
 * Predictions against the kernel, flow by flow: captures of every traffic class, whole and torn, are predicted and replayed through a group
 * in mode hash, without the flag DEFRAG and with it.
 */
import { beforeAll, describe, expect, test } from 'vitest';
import type { ObservedFlow } from '../../src/addon/flow-map.ts';
import { native } from '../../src/addon/native.ts';
import type { CapturePrediction } from '../../src/addon/prediction.ts';
import { logBinomialBound } from '../../src/collector/verdict/confidence.ts';
import type { LabNetwork } from '../../src/lab/network.ts';
import { TRAFFIC_CLASSES } from '../../src/traffic/classes.ts';
import { createRandom } from '../../src/traffic/random.ts';
import { generateTraffic } from '../../src/traffic/traffic.ts';
import { flowName, type Seen, startGroup } from '../helpers/group.ts';
import { withLab } from '../helpers/lab.ts';
import { pcapBytes } from '../helpers/pcap.ts';
import { framesOf } from '../helpers/traffic.ts';

const FLOWS_PER_CLASS = 9;
const PACKETS_PER_FLOW = 8;
const PACKETS_PER_SECOND = 20_000;
const FLOWS_MAX = 1 << 16;
/** A wrong model gives far less; a right one fails once in a million runs of the suite. */
const CHANCE_LIMIT = 1e-6;

const frames = framesOf(
  generateTraffic({
    seed: 77,
    flows: FLOWS_PER_CLASS * TRAFFIC_CLASSES.length,
    packetsPerFlow: PACKETS_PER_FLOW,
    classes: TRAFFIC_CLASSES.map(({ name }) => name),
  }),
);

/** Some frames missing, some twice, some cut, and neighbours out of order: fragments without a first, a last or a middle. */
function torn(whole: readonly Uint8Array[]): readonly Uint8Array[] {
  const random = createRandom(4);
  const kept = whole.flatMap((frame) => {
    const fate = random.below(100);
    if (fate < 10) return [];
    if (fate < 15) return [frame, frame];
    return [fate < 25 ? frame.subarray(0, 14 + random.below(frame.length - 13)) : frame];
  });
  return kept
    .map((frame, index) => ({ frame, place: index + random.below(6) }))
    .sort((a, b) => a.place - b.place)
    .map(({ frame }) => frame);
}

const NEAR = 60;

/** Datagrams of one source in two pieces each: first some whose pieces are neighbours, then others whose pieces are far apart. */
function interleaved(): readonly Uint8Array[] {
  const traffic = generateTraffic({ seed: 78, flows: 300, packetsPerFlow: PACKETS_PER_FLOW, classes: ['fragment-ipv4-udp'] });
  const ip = 14;
  const datagrams = new Map<string, Uint8Array[]>();
  for (const frame of framesOf(traffic)) {
    const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    if ((view.getUint16(ip + 6) & 0x3fff) === 0) continue;
    // The kernel does not look at the checksum on this way.
    view.setUint32(ip + 12, 0x0a090807);
    const key = `${view.getUint16(ip + 4)} ${view.getUint32(ip + 16)}`;
    datagrams.set(key, [...(datagrams.get(key) ?? []), frame]);
  }
  const pairs = [...datagrams.values()].filter(({ length }) => length === 2);
  const far = pairs.slice(NEAR);
  return [...pairs.slice(0, NEAR).flat(), ...far.flatMap(([first]) => first ?? []), ...far.flatMap(([, second]) => second ?? [])];
}

interface Measured {
  readonly frames: number;
  readonly predicted: readonly ObservedFlow[];
  readonly seen: Seen;
  /** Packets that a member should get, by the prediction. */
  readonly expected: number;
}

function packetsOf(prediction: CapturePrediction, defrag: boolean): number {
  const { judgedPackets, unjoinedFragments, unmatchedErrors } = prediction.evidence({ defrag, violationsMax: 0 });
  const { ignored } = prediction.counts({ defrag });
  return judgedPackets + unjoinedFragments + unmatchedErrors + ignored.reduce((sum, [, packets]) => sum + packets, 0);
}

async function measure(lab: LabNetwork, capture: Uint8Array, procs: number, defrag: boolean): Promise<Measured> {
  const prediction = new native.CapturePrediction({ hashSeed: 1n, flowsMax: FLOWS_MAX });
  prediction.feed(capture);
  prediction.finish();
  const expected = packetsOf(prediction, defrag);
  const collector = new native.FrameCollector({ segmentBytes: 1 << 26, queues: 1, seed: 1 });
  collector.feed(capture);
  const group = await startGroup({
    interface: lab.interface,
    procs,
    mode: 'hash',
    flags: defrag ? ['defrag'] : [],
    ring: { blockBytes: 1 << 16, blockCount: 16 },
  });
  try {
    const injector = lab.createInjector();
    injector.refill(collector);
    const { packets } = await injector.run({ packetsPerSecond: PACKETS_PER_SECOND });
    return { frames: packets, predicted: prediction.flows({ defrag, max: FLOWS_MAX }), seen: await group.finish(expected), expected };
  } finally {
    await group.close();
  }
}

const keysOf = ({ observations }: ObservedFlow) => [...new Set(observations.map(({ kernelKey }) => kernelKey))].sort();
const membersOf = ({ observations }: ObservedFlow) => new Set(observations.map(({ member }) => member));
/** What does not depend on where packets went, nor on when. */
const countsOf = ({ observations, errors }: ObservedFlow) => {
  const counts = new Map<string, number>();
  for (const [list, kind] of [
    [observations, 'own'],
    [errors, 'error'],
  ] as const)
    for (const { direction, kernelKey, stack, packets } of list) {
      const key = `${kind} ${direction} ${kernelKey} ${stack}`;
      counts.set(key, (counts.get(key) ?? 0) + packets);
    }
  return [...counts].sort();
};

for (const [what, capture, procs] of [
  ['whole', pcapBytes(frames), 64],
  // Fewer, because starting them is what takes the time.
  ['torn', pcapBytes(torn(frames)), 16],
] as const) {
  describe(`every traffic class, ${what}`, () => {
    const measured: Measured[] = [];
    beforeAll(async () => {
      await withLab('tap', 1, async (lab) => {
        // One after the other: groups with the flag take fragments from all others in the namespace.
        for (const defrag of [false, true]) measured.push(await measure(lab, capture, procs, defrag));
      });
    });

    test.each([
      ['hash', 0],
      ['hash+defrag', 1],
    ])('%s: the prediction is what the kernel does', (group, index) => {
      const [run] = measured.slice(index);
      if (run === undefined) throw new Error('it was not measured');
      const { predicted, seen, expected } = run;
      const real = new Map(seen.flows.map((flow) => [flowName(flow.flow), flow]));

      // Nothing is lost, and every packet is where the model has it.
      expect(seen.members.filter(({ drops }) => drops > 0)).toEqual([]);
      expect(seen.members.reduce((sum, { packets }) => sum + packets, 0)).toBe(expected);
      if (index === 0) expect(expected).toBe(run.frames);
      expect([...real.keys()].sort()).toEqual(predicted.map(({ flow }) => flowName(flow)).sort());
      const unlike = predicted.filter((flow) => {
        const other = real.get(flowName(flow.flow));
        return other === undefined || JSON.stringify(countsOf(flow)) !== JSON.stringify(countsOf(other));
      });
      expect(unlike).toEqual([]);

      const parted = (flow: ObservedFlow) => membersOf(real.get(flowName(flow.flow)) ?? flow).size > 1;
      const kept = predicted.filter((flow) => keysOf(flow).length === 1);
      const split = predicted.filter((flow) => keysOf(flow).length > 1);
      expect(kept.filter(parted)).toEqual([]);

      // A pair of keys that several flows share is one throw of the dice.
      const pairs = new Map<string, boolean>();
      for (const flow of split) {
        const memberOf = new Map(real.get(flowName(flow.flow))?.observations.map(({ kernelKey, member }) => [kernelKey, member]));
        const keys = keysOf(flow);
        keys.forEach((key, i) => {
          for (const other of keys.slice(i + 1)) pairs.set(`${key} ${other}`, memberOf.get(key) === memberOf.get(other));
        });
      }
      const together = [...pairs.values()].filter((isTogether) => isTogether).length;
      const isByChance = together <= pairs.size / procs || logBinomialBound(together, pairs.size, 1 / procs) > Math.log(CHANCE_LIMIT);
      expect([isByChance, together, pairs.size]).toEqual([true, together, pairs.size]);

      console.info(
        `${what}, ${group}: ${kept.length} flows kept and on one member; ${split.length} split, ${split.filter(parted).length} of them on several; ${together} of ${pairs.size} pairs of keys met`,
      );
      // Neither side may be empty.
      expect(kept.length).toBeGreaterThan(500);
      expect(split.length).toBeGreaterThan(50);
    });

    test('the flag changes what it should', () => {
      const [plain, defragmented] = measured.map(({ predicted }) => predicted.filter((flow) => keysOf(flow).length > 1).length);
      expect(defragmented).toBeLessThan(plain ?? 0);
    });
  });
}

test('fragments too far apart are lost where they are reassembled', async () => {
  await withLab('tap', 1, async (lab) => {
    const capture = pcapBytes(interleaved());
    const { frames: sent, expected, predicted, seen } = await measure(lab, capture, 2, true);
    const delivered = seen.members.reduce((sum, { packets }) => sum + packets, 0);
    expect(delivered).toBe(expected);
    // The near ones came through, each as one packet, and of the far ones none.
    expect(delivered).toBe(NEAR);
    expect(sent).toBeGreaterThan(2 * NEAR + 2 * 64);
    expect(predicted.map(({ flow }) => flowName(flow)).sort()).toEqual(seen.flows.map(({ flow }) => flowName(flow)).sort());
  });
});
