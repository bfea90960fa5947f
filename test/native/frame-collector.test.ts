/** Capture files become frames for the injector: all of them, by segments, with the queue a symmetric NIC would choose. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { CaptureSummary } from '../../src/addon/capture-summary.ts';
import type { FrameCollector } from '../../src/addon/frame-collector.ts';
import type { Nic } from '../../src/addon/nic.ts';
import { generateTraffic } from '../../src/traffic/traffic.ts';
import { loadLabAddon } from '../helpers/addon.ts';
import { erfBytes, pcapBytes, pcapngBytes, snoopBytes } from '../helpers/pcap.ts';
import { temporaryDirectory } from '../helpers/programs.ts';
import { program, testWith } from '../helpers/requirements.ts';
import { framesOf } from '../helpers/traffic.ts';

const addon = loadLabAddon();

const collectorOf = (options: { segmentBytes?: number; queues?: number; seed?: number; nic?: Nic } = {}): FrameCollector =>
  new addon.FrameCollector({ segmentBytes: 1 << 20, queues: 1, seed: 1, ...options });

function collect(file: Uint8Array): CaptureSummary {
  const collector = collectorOf();
  collector.feed(file);
  collector.finish();
  return collector.summary();
}

const traffic = generateTraffic({ seed: 5, flows: 50, packetsPerFlow: 4 });
const frames = framesOf(traffic);
const ethernet = (...octets: readonly number[]) => Uint8Array.from([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, ...octets]);

test('every packet of a file is a frame', () => {
  expect(collect(pcapBytes(frames))).toEqual({
    format: 'pcap',
    records: 200,
    frames: 200,
    cutHeaders: 0,
    leftOut: [],
    leftOutOtherwise: 0,
  });
  expect(collect(pcapngBytes(frames))).toMatchObject({ format: 'pcapng', records: 200, frames: 200 });
});

testWith(
  [program('capinfos', 'wireshark-common'), program('editcap', 'wireshark-common')],
  'capinfos counts the same, also in files that editcap has written',
  {},
  () => {
    const scratch = temporaryDirectory();
    try {
      const stored = (name: string, bytes: Uint8Array): string => {
        const path = join(scratch.path, name);
        writeFileSync(path, bytes);
        return path;
      };
      const ours = stored('ours', pcapngBytes(frames, { packetsPerSection: 60, bigEndian: true }));
      const source = stored('source', pcapBytes(frames, { bigEndian: true }));
      const written = (format: string, ...options: readonly string[]): string => {
        const path = join(scratch.path, `${format}${options.join('')}`);
        execFileSync('editcap', ['-F', format, ...options, source, path]);
        return path;
      };
      const others = [stored('snoop', snoopBytes(frames)), stored('erf', erfBytes(frames)), written('snoop')];
      const files = [...others, ours, source, written('pcapng'), written('nsecpcap'), written('modpcap'), written('pcap', '-s', '40')];
      for (const path of files) {
        const counted = Number(/Number of packets:\s+(\d+)/.exec(execFileSync('capinfos', ['-M', '-c', path], { encoding: 'utf8' }))?.[1]);
        expect(counted).toBeGreaterThan(10);
        expect(collect(readFileSync(path)).records).toBe(counted);
      }
    } finally {
      scratch.remove();
    }
  },
);

test('a full segment takes no more', () => {
  const collector = collectorOf({ segmentBytes: 1000 });
  const file = pcapBytes(frames);
  const taken = collector.feed(file);
  expect(collector.isFull).toBe(true);
  expect(taken).toBeGreaterThan(800);
  expect(taken).toBeLessThan(1400);
  expect(collector.summary()).toMatchObject({ records: collector.frames, frames: collector.frames });
});

test('restart() forgets everything', () => {
  const collector = collectorOf();
  collector.feed(Buffer.from('no capture'));
  collector.restart();
  collector.feed(pcapBytes(frames));
  collector.finish();
  expect(collector.summary()).toMatchObject({ records: 200, frames: 200 });
  expect(collector.summary()).not.toHaveProperty('problem');
});

describe('what is left out is counted by link type and reason', () => {
  test.each([
    [
      'a link type that cannot be converted',
      pcapBytes(frames, { linkType: 147 }),
      { reason: 'link-type', linkType: 147, linkTypeName: 'USER0', packets: 200 },
    ],
    [
      'packets that are no IP',
      pcapBytes([Uint8Array.of(0), Uint8Array.of(0)], { linkType: 101 }),
      { reason: 'protocol', linkType: 101, linkTypeName: 'RAW', packets: 2 },
    ],
    [
      'packets cut inside the Ethernet header',
      pcapBytes(frames, { snaplen: 13 }),
      { reason: 'cut', linkType: 1, linkTypeName: 'ETHERNET', packets: 200 },
    ],
    [
      'packets longer than any interface sends',
      pcapBytes([new Uint8Array(65550)]),
      { reason: 'too-long', linkType: 1, linkTypeName: 'ETHERNET', packets: 1 },
    ],
    // The kernel throws them away while it takes the tag out, before any socket sees them.
    [
      'packets cut inside a VLAN tag',
      pcapBytes([ethernet(0x81, 0, 0, 5, 8, 0, 0x45), ethernet(0x88, 0xa8, 0, 5)]),
      { reason: 'cut', linkType: 1, linkTypeName: 'ETHERNET', packets: 2 },
    ],
  ])('%s', (_, file, leftOut) => {
    expect(collect(file)).toMatchObject({ frames: 0, leftOut: [leftOut] });
  });

  test('up to a number of link types', () => {
    const link = (linkType: number) => pcapngBytes([new Uint8Array(60)], { linkType });
    const file = Buffer.concat(Array.from({ length: 40 }, (_, i) => link(300 + i)));
    const { leftOut, leftOutOtherwise } = collect(file);
    expect([leftOut.length, leftOutOtherwise]).toEqual([32, 8]);
  });
});

test('the largest frame, the shortest, and the shortest with a tag are taken', () => {
  expect(collect(pcapBytes([new Uint8Array(65549), new Uint8Array(14), ethernet(0x81, 0, 0, 5, 8, 0, 0x45, 0)])).frames).toBe(3);
});

test('headers cut by the snap length are counted, cut payload is not', () => {
  expect(collect(pcapBytes(frames, { snaplen: 20 }))).toMatchObject({ frames: 200, cutHeaders: 200 });
  const { cutHeaders, frames: all } = collect(
    pcapBytes(framesOf(generateTraffic({ seed: 1, flows: 20, packetsPerFlow: 4, classes: ['ipv4-tcp'] })), { snaplen: 60 }),
  );
  expect([all, cutHeaders]).toEqual([80, 0]);
});

test('damage is told with its place', () => {
  expect(collect(pcapBytes(frames).subarray(0, 24 + 10)).problem).toEqual({ fault: 'truncated', record: 1, offset: 24, value: 0 });
  expect(collect(Buffer.from('\x28\xb5\x2f\xfd rest', 'latin1')).problem).toMatchObject({ fault: 'foreign', foreign: 'zstd' });
});

test('wrong arguments are refused', () => {
  for (const change of [{ segmentBytes: 0 }, { queues: 0 }, { queues: 65536 }, { seed: -1 }, { segmentBytes: Number.NaN }])
    expect(() => collectorOf(change)).toThrow(RangeError);
  expect(() => collectorOf().feed('text' as never)).toThrow(TypeError);
  expect(() => collectorOf({ nic: {} as never })).toThrow(TypeError);
});
