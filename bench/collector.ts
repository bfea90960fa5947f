/**
 * How fast a collector takes observations in, and what a flow costs it in memory. Run by the bench in a process of its own:
 * `node --expose-gc collector.mjs native|javascript FLOWS`; prints one line of JSON. The javascript subject is what the native one has
 * to beat: msgpackr and a Map with text keys, as one would first write it.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Native } from '../src/addon/native.ts';
import { frameOf, tupleOf, tuplesIn } from './observations.ts';

const TUPLES_PER_FRAME = 512;
const FRAMES_PER_CHUNK = 128;
const UPDATES_MAX = 4_000_000;
const MEMBERS = 8;

interface Subject {
  ingest(frame: Uint8Array, member: number): void;
  flows(): number;
}

function javascriptSubject(): Subject {
  const map = new Map<string, { members: number; packets: number; bytes: number; first: number; last: number }>();
  const text = (source: Uint8Array, sourcePort: number, destination: Uint8Array, destinationPort: number): string =>
    `${latin1(source)}${latin1(destination)}${sourcePort}-${destinationPort}`;
  const ingest = (frame: Uint8Array): void => {
    const { member, tuples } = tuplesIn(frame);
    for (const [source, destination, sourcePort, destinationPort, protocol, , , , , packets, bytes, first, last] of tuples) {
      const forward = Buffer.compare(source, destination) <= 0;
      const key = `${protocol}${forward ? text(source, sourcePort, destination, destinationPort) : text(destination, destinationPort, source, sourcePort)}`;
      const known = map.get(key);
      if (known === undefined) map.set(key, { members: 1 << member, packets, bytes, first, last });
      else {
        known.members |= 1 << member;
        known.packets += packets;
        known.bytes += bytes;
        known.last = Math.max(known.last, last);
      }
    }
  };
  return { ingest, flows: () => map.size };
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}

/** The addon's flow map, as the collector uses it. The only place that depends on its interface. */
function nativeSubject(flows: number): Subject {
  const addon = fileURLToPath(new URL('../../build/Release/fanout.node', import.meta.url));
  if (!existsSync(addon)) throw new Error(`${addon} is missing: npm install builds it`);
  const { FlowMap } = createRequire(import.meta.url)(addon) as Pick<Native, 'FlowMap'>;
  const map = new FlowMap({ members: MEMBERS, flowsMax: Math.max(2 * flows, 1 << 20), hashSeed: 1n });
  return {
    ingest: (frame, member) => {
      if (map.ingest(frame, member) < 0) throw new Error('the flow map calls the frame malformed');
    },
    flows: () => map.tally().flows,
  };
}

/** Frames are encoded outside the clock, some at a time, so that neither their making nor their memory is counted. */
function ingestAll(subject: Subject, tuples: number, tupleAt: (i: number) => readonly [flow: number, reverse: boolean]): number {
  let ns = 0n;
  for (let done = 0, sequence = 0; done < tuples; ) {
    const frames: { readonly member: number; readonly bytes: Uint8Array }[] = [];
    for (; frames.length < FRAMES_PER_CHUNK && done < tuples; sequence++) {
      const count = Math.min(TUPLES_PER_FRAME, tuples - done);
      const member = sequence % MEMBERS;
      const tuplesOf = Array.from({ length: count }, (_, i) => tupleOf(...tupleAt(done + i)));
      frames.push({ member, bytes: frameOf(member, tuplesOf) });
      done += count;
    }
    const begin = process.hrtime.bigint();
    for (const { bytes, member } of frames) subject.ingest(bytes, member);
    ns += process.hrtime.bigint() - begin;
  }
  return Number(ns);
}

function residentBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage.rss();
}

function measure(subject: Subject, flows: number): { millionPerSecond: number; bytesPerFlow: number } {
  // Once over something small: the encoder's and the compiler's memory is then there before the first look.
  ingestAll(subject, 10_000, (i) => [i % 1000, false]);
  const before = residentBytes();
  ingestAll(subject, flows, (i) => [i, false]);
  const after = residentBytes();
  if (subject.flows() !== flows) throw new Error(`the map holds ${subject.flows()} flows, ${flows} were sent`);

  // Another order than that of insertion, both directions: every update is a cache miss, as in a collector of many workers.
  const updates = Math.min(UPDATES_MAX, 2 * flows);
  const ns = ingestAll(subject, updates, (i) => [(i * 7_368_787) % flows, i % 2 === 1]);
  return { millionPerSecond: (updates / ns) * 1000, bytesPerFlow: (after - before) / flows };
}

function main(name: string | undefined, flows: number): void {
  if ((name !== 'native' && name !== 'javascript') || !(flows >= 1000)) throw new Error('usage: collector.mjs native|javascript FLOWS');
  console.log(JSON.stringify(measure(name === 'native' ? nativeSubject(flows) : javascriptSubject(), flows)));
}

try {
  main(process.argv[2], Number(process.argv[3]));
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 1;
}
