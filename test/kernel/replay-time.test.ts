/**
 * Packets that are alike are copies only if they came at one time: by the time stamps of the capture file, whatever the replay makes of
 * them. `--pcap` and `predict` agree.
 */
import { afterAll, describe, expect, test } from 'vitest';
import type { PredictionResult } from '../../src/commands/predict/result.ts';
import { runCli } from '../helpers/cli.ts';
import { pcapBytes, pcapngBytes } from '../helpers/pcap.ts';
import { temporaryDirectory } from '../helpers/programs.ts';
import { run } from '../helpers/tool.ts';

const scratch = temporaryDirectory();
afterAll(() => scratch.remove());

const FLOWS = 8;
/** By chance two keys meet in one of so many: hardly ever those of all flows. */
const PROCS = '12';
const START_MS = 1_700_000_000_000;
const MINUTE_MS = 60_000;

const u16 = (value: number): readonly number[] => [value >> 8, value & 0xff];
const MACS = [2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];

/** A keep-alive of TCP over IPv6, which has nothing that tells it from the one before. */
function keepAlive(flow: number): readonly number[] {
  const end = (last: number): readonly number[] => [0x20, 1, 0xd, 0xb8, ...new Array<number>(11).fill(0), last];
  const segment = [...u16(40000 + flow), ...u16(443), 0, 0, 0, 9, 0, 0, 0, 7, 0x50, 0x10, 4, 0, 0, 0, 0, 0];
  return [...MACS, 0x86, 0xdd, 0x60, 0, 0, 0, ...u16(segment.length), 6, 64, ...end(1), ...end(2), ...segment];
}

/** In VXLAN, whose outer source port is what the kernel hashes of it. */
function tunnelled(flow: number, outerPort: number): readonly number[] {
  const inner = [8, 0, 0, 0, 0, 0, 11, 0, ...keepAlive(flow)];
  const udp = [...u16(outerPort), ...u16(4789), ...u16(8 + inner.length), 0, 0, ...inner];
  const ip = [0x45, 0, ...u16(20 + udp.length), ...u16(outerPort), 0, 0, 64, 17, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2];
  return [...MACS, 8, 0, ...ip, ...udp];
}

/** Of each flow one packet at each of these times, in this order; `way` is the port of the tunnel, or none. */
interface Packet {
  readonly ms: number;
  readonly way?: number;
}

function packetsOf(packets: readonly Packet[]): { readonly frames: readonly Uint8Array[]; readonly timesMs: readonly number[] } {
  const flows = Array.from({ length: FLOWS }, (_, flow) => flow);
  const all = packets.flatMap(({ ms, way }) =>
    flows.map((flow) => ({
      ms: START_MS + ms,
      frame: Uint8Array.from(way === undefined ? keepAlive(flow) : tunnelled(flow, 50000 + 100 * flow + way)),
    })),
  );
  return { frames: all.map(({ frame }) => frame), timesMs: all.map(({ ms }) => ms) };
}

function captureOf(packets: readonly Packet[]): string {
  const { frames, timesMs } = packetsOf(packets);
  return scratch.fileOf(pcapBytes(frames, { timesMs }));
}

async function replayed(path: string, ...args: readonly string[]): Promise<readonly string[]> {
  const { report } = await runCli(['--pcap', path, '-n', PROCS, ...args]);
  expect(report.packets.dropped).toBe(0);
  return report.causes.filter(({ harmless }) => !harmless).map(({ code }) => code);
}

async function predicted(path: string): Promise<readonly string[]> {
  const { stdout } = await run(['predict', path, '--json', '--quiet']);
  const { causes }: PredictionResult = JSON.parse(stdout);
  return causes.filter(({ harmless }) => !harmless).map(({ code }) => code);
}

describe('packets that are alike, under several keys', () => {
  test.each<[string, readonly Packet[], string]>([
    [
      'a minute apart',
      [
        { ms: 0, way: 1 },
        { ms: MINUTE_MS, way: 2 },
      ],
      'tunnel-outer-only',
    ],
    [
      'a tenth of a second apart',
      [
        { ms: 0, way: 1 },
        { ms: 100, way: 2 },
      ],
      'tunnel-outer-only',
    ],
    [
      'a millisecond apart',
      [
        { ms: 0, way: 1 },
        { ms: 1, way: 2 },
      ],
      'duplicated',
    ],
    [
      'a minute apart, the later one first',
      [
        { ms: MINUTE_MS, way: 1 },
        { ms: 0, way: 2 },
      ],
      'tunnel-outer-only',
    ],
    [
      'sent twice by a mirror every minute',
      [0, 1, 2].flatMap((i) => [
        { ms: i * MINUTE_MS, way: 1 },
        { ms: i * MINUTE_MS + 1, way: 2 },
      ]),
      'duplicated',
    ],
    [
      'the same, as two captures that were merged by taking turns',
      [
        { ms: 0, way: 1 },
        { ms: MINUTE_MS, way: 1 },
        { ms: 1, way: 2 },
        { ms: MINUTE_MS + 1, way: 2 },
      ],
      'duplicated',
    ],
  ])('%s', async (_, packets, cause) => {
    const path = captureOf(packets);
    expect(await predicted(path)).toEqual([cause]);
    expect(await replayed(path)).toEqual([cause]);
  });

  test.each([['--rounds 3'], ['--defrag'], ['--lab-interface veth'], ['--rate 40']])(
    'however fast, how often and to whichever group they are sent: %s',
    async (words) => {
      const args = words.split(' ');
      const apart = captureOf([
        { ms: 0, way: 1 },
        { ms: MINUTE_MS, way: 2 },
      ]);
      const copies = captureOf([
        { ms: 0, way: 1 },
        { ms: 1, way: 2 },
      ]);
      expect(await replayed(apart, ...args)).toEqual(['tunnel-outer-only']);
      expect(await replayed(copies, ...args)).toEqual(['duplicated']);
    },
  );

  test('of a file without time stamps nobody knows, and it is said', async () => {
    const { frames } = packetsOf([
      { ms: 0, way: 1 },
      { ms: 1, way: 2 },
    ]);
    const files = [pcapBytes(frames, { timesMs: frames.map(() => 0) }), pcapngBytes(frames, { block: 'simple' })];
    for (const path of files.map((bytes) => scratch.fileOf(bytes))) {
      const { stdout } = await run(['predict', path, '--json', '--quiet']);
      const prediction: PredictionResult = JSON.parse(stdout);
      const { report } = await runCli(['--pcap', path, '-n', PROCS]);
      for (const { causes, warnings } of [prediction, report]) {
        expect(causes.map(({ code }) => code)).toEqual(['tunnel-outer-only']);
        expect(warnings.map(({ code }) => code)).toContain('no-time-stamps');
      }
    }
  });
});

describe('packets that are alike, under one key, dealt out in turns', () => {
  test.each([
    ['a minute apart', MINUTE_MS, { split: FLOWS, duplicated: 0 }],
    ['a millisecond apart', 1, { split: 0, duplicated: FLOWS }],
  ])('%s', async (_, ms, flows) => {
    const { report } = await runCli(['--pcap', captureOf([{ ms: 0 }, { ms }]), '-n', PROCS, '-m', 'lb']);
    expect(report.flows).toMatchObject({ total: FLOWS, ...flows });
  });
});
