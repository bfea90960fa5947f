/**
 * The kernel key against the kernel: frames of every encapsulation, both directions, many of them broken, and for each the queue that
 * the kernel's own symmetric hash chooses. Equal keys must have one queue; different keys may meet only by chance.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { native } from '../../src/addon/native.ts';
import { createRandom, type Random } from '../../src/traffic/random.ts';
import { startGroup, Whereabouts } from '../helpers/group.ts';
import { refuseHostNamespace } from '../helpers/lab.ts';
import { openQueueOracle, type QueueOracle } from '../helpers/queue-oracle.ts';

const QUEUES = 256;
const FLOWS = 24;
const MUTANTS = 5;
const SEED = 20;

/** A bridge drops what comes from a multicast address. */
const ETHERNET_ADDRESSES = Buffer.from('020000000001020000000002', 'hex');

/** The fuzzer's corpus: one byte that says whether a tag was stripped, then the frame. `in-X` and `in-X-back` are a flow in a wrapping. */
const CORPUS = fileURLToPath(new URL('../../native/fuzz/corpus/dissect/', import.meta.url));
const frames = new Map(
  readdirSync(CORPUS)
    .map((name): [string, Buffer] => [name, readFileSync(CORPUS + name).subarray(1)])
    .filter(([, frame]) => frame.length >= 14)
    .map(([name, frame]) => [name, Buffer.concat([ETHERNET_ADDRESSES, frame.subarray(12)])]),
);
const wrappings = [...frames.keys()].filter((name) => frames.has(`${name}-back`)).sort();
const others = [...frames.keys()].filter((name) => !name.startsWith('in-'));

/** The addresses in frames of a wrapping, inside and outside. Replaced wherever they are, they make another flow through another tunnel. */
const ADDRESSES = [
  '0a000001',
  '0a090002',
  'cb007101',
  'c6336402',
  '20010db8000000000000000000000001',
  '20010db8000000000000000000090002',
  '20010db8000a00000000000000000001',
  '20010db8000b00000000000000000002',
].map((hex) => Buffer.from(hex, 'hex'));

interface Sample {
  readonly frame: Uint8Array;
  /** The frame that this one was made from by a change of bytes. */
  readonly original?: number;
}

interface Comparison {
  /** Frames of one key on several queues. */
  readonly contradictions: readonly string[];
  /** Frames whose key differs from that of their original, and how many of them have its queue all the same. */
  readonly changed: number;
  readonly met: number;
}

let oracle: QueueOracle;
beforeAll(() => {
  refuseHostNamespace();
  oracle = openQueueOracle(QUEUES);
});
afterAll(() => oracle.close());

const total = { changed: 0, met: 0 };

describe('equal kernel keys have one queue, different ones meet by chance:', () => {
  test.each(wrappings)('%s', (name) => {
    const random = createRandom(SEED);
    const comparison = compare(flowsIn([frameOf(name), frameOf(`${name}-back`)], random));
    expect(comparison.contradictions).toEqual([]);
    expect(comparison.met).toBeLessThan(unlikelyMany(comparison.changed));
    total.changed += comparison.changed;
    total.met += comparison.met;
  });

  test('all else that the dissector knows', () => {
    const random = createRandom(SEED);
    const samples = others.flatMap((name, i) => mutants(frameOf(name), i * (1 + 4 * MUTANTS), 4 * MUTANTS, random));
    const comparison = compare(samples);
    expect(comparison.contradictions).toEqual([]);
    total.changed += comparison.changed;
    total.met += comparison.met;
  });

  test('in sum: no more and no fewer than chance has it', () => {
    expect(total.changed).toBeGreaterThan(wrappings.length * FLOWS);
    const expected = total.changed / QUEUES;
    expect(Math.abs(total.met - expected)).toBeLessThan(5 * Math.sqrt(expected));
  });
});

describe('the directions of a flow', () => {
  const together = wrappings.filter((name) => hasOneKey(name));
  test('have one queue wherever the model says so, for any addresses', () => {
    const random = createRandom(SEED);
    const pairs = together.flatMap((name) =>
      Array.from({ length: FLOWS }, () => readdressed([frameOf(name), frameOf(`${name}-back`)], random)),
    );
    const queues = oracle.queuesOf(pairs.flat());
    const parted = pairs.filter(([there, back], i) => keyOf(there) === keyOf(back) && queues[2 * i] !== queues[2 * i + 1]);
    expect(together.length).toBeGreaterThan(40);
    expect(parted).toEqual([]);
  });

  test.each(['in-4in6', 'in-gre-in-ipv6'])('part in %s with octets 8 to 11 of the IPv6 addresses, and the mark says so', (name) => {
    const random = createRandom(SEED);
    const pairs = Array.from({ length: 200 }, () => readdressed([frameOf(name), frameOf(`${name}-back`)], random));
    const queues = oracle.queuesOf(pairs.flat());
    const parted = pairs.filter((_, i) => queues[2 * i] !== queues[2 * i + 1]);
    expect(parted.length).toBeGreaterThan(190);
    expect(parted.filter(([there]) => !native.dissectFrame(there).marks.includes('stale-ipv6'))).toEqual([]);
  });
});

test('a group of real workers gets the flows where the queues say, whatever they are wrapped in', async () => {
  const random = createRandom(SEED);
  const pairs = wrappings.flatMap((name) => readdressed([frameOf(name), frameOf(`${name}-back`)], random));
  const group = await startGroup({ interface: oracle.interface, procs: 16, mode: 'hash' });
  try {
    const queues = oracle.queuesOf(pairs);
    const seen = new Whereabouts(await group.finish(pairs.length));
    const members = pairs.map((frame) => {
      const found = native.dissectFrame(frame);
      return found.kind === 'flow' ? seen.memberOf(found.flow, found.direction) : -1;
    });
    expect(members).toEqual(queues.map((queue) => Math.floor((queue * 16) / QUEUES)));
  } finally {
    await group.close();
  }
});

function compare(samples: readonly Sample[]): Comparison {
  const queues = oracle.queuesOf(samples.map(({ frame }) => frame));
  const keys = samples.map(({ frame }) => keyOf(frame));
  const queueOf = new Map<string, number>();
  const contradictions: string[] = [];
  let [changed, met] = [0, 0];
  samples.forEach(({ frame, original }, i) => {
    const [key = '', queue = -1] = [keys[i], queues[i]];
    if (queue < 0) {
      // The kernel drops a frame of less than two octets behind a VLAN tag, and the bridge one that ends in a PPPoE header.
      const isTooShort = frame.length < 20 || native.dissectFrame(frame).kind === 'truncated';
      if (!isTooShort) contradictions.push(`lost: ${describeFrame(frame)}`);
      return;
    }
    if ((queueOf.get(key) ?? queue) !== queue) contradictions.push(`queue ${queue}, not ${queueOf.get(key)}: ${describeFrame(frame)}`);
    queueOf.set(key, queue);
    if (original === undefined || keys[original] === key) return;
    changed += 1;
    if (queues[original] === queue) met += 1;
  });
  return { contradictions, changed, met };
}

function flowsIn(pair: readonly [Buffer, Buffer], random: Random): readonly Sample[] {
  const perFrame = 1 + MUTANTS;
  return Array.from({ length: FLOWS }, (_, flow) =>
    readdressed(pair, random).flatMap((frame, side) => mutants(frame, (2 * flow + side) * perFrame, MUTANTS, random)),
  ).flat();
}

/** The frame, which is number `at` of a list, and copies of it with some changed bytes or cut short. */
function mutants(frame: Uint8Array, at: number, count: number, random: Random): readonly Sample[] {
  const changed = Array.from({ length: count }, (): Sample => {
    const copy = Buffer.from(frame);
    // Not the Ethernet addresses: the bridge goes by them.
    for (let changes = 1 + random.below(2); changes > 0; changes -= 1)
      copy[12 + random.below(copy.length - 12)] = random.below(4) === 0 ? 1 << random.below(8) : random.below(256);
    const length = random.below(8) === 0 ? 14 + random.below(copy.length - 13) : copy.length;
    return { frame: copy.subarray(0, length), original: at };
  });
  return [{ frame }, ...changed];
}

/** Both frames with the same random addresses in the place of each known one. */
function readdressed(pair: readonly [Buffer, Buffer], random: Random): readonly [Uint8Array, Uint8Array] {
  const copies = [Buffer.from(pair[0]), Buffer.from(pair[1])] as const;
  for (const address of ADDRESSES) {
    const replacement = Buffer.from(Array.from(address, () => random.below(256)));
    for (const [i, copy] of copies.entries())
      for (let at = pair[i]?.indexOf(address) ?? -1; at >= 0; at = pair[i]?.indexOf(address, at + 1) ?? -1) replacement.copy(copy, at);
  }
  return copies;
}

/** So many that a Poisson variable with this mean exceeds it once in a million times. */
function unlikelyMany(changed: number): number {
  const mean = changed / QUEUES;
  let [term, rest] = [Math.exp(-mean), 1 - Math.exp(-mean)];
  for (let count = 1; ; count += 1) {
    if (rest < 1e-6) return count;
    term *= mean / count;
    rest -= term;
  }
}

function hasOneKey(name: string): boolean {
  return keyOf(frameOf(name)) === keyOf(frameOf(`${name}-back`));
}

function keyOf(frame: Uint8Array): string {
  return native.dissectFrame(frame).kernelKey;
}

function frameOf(name: string): Buffer {
  const frame = frames.get(name);
  if (frame === undefined) throw new Error(`no ${name} in the corpus`);
  return frame;
}

function describeFrame(frame: Uint8Array): string {
  const { kind, stack, kernelKey } = native.dissectFrame(frame);
  return `${kind} ${stack} ${kernelKey} ${Buffer.from(frame).toString('hex')}`;
}
