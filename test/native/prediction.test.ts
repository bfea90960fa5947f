/** A small capture of each traffic class: what is predicted is what the table of classes says of mode hash, and no packet is lost sight of. */

import { rmSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { openCaptureInput } from '../../src/capture-file/input.ts';
import { PREDICT } from '../../src/capture-file/use.ts';
import { HOST_CLOCK } from '../../src/collector/group/clock.ts';
import { runPrediction } from '../../src/commands/predict/predict.ts';
import type { PredictionResult } from '../../src/commands/predict/result.ts';
import { CAUSES, isCauseCode } from '../../src/model/cause.ts';
import { TRAFFIC_CLASSES, type TrafficClass } from '../../src/traffic/classes.ts';
import { generateTraffic } from '../../src/traffic/traffic.ts';
import { pcapBytes } from '../helpers/pcap.ts';
import { temporaryDirectory } from '../helpers/programs.ts';
import { predictionSchemaErrors } from '../helpers/schema.ts';
import { framesOf } from '../helpers/traffic.ts';

const scratch = temporaryDirectory();
afterAll(() => scratch.remove());

const FLOWS = 24;
const PACKETS_PER_FLOW = 8;

interface How {
  readonly flowsMax?: number;
  readonly kernel?: string;
}

async function predicted(frames: readonly Uint8Array[], defrag: boolean, { flowsMax, kernel }: How = {}): Promise<PredictionResult> {
  const path = join(scratch.path, 'capture');
  writeFileSync(path, pcapBytes(frames));
  const io = { version: '0', clock: HOST_CLOCK, signal: new AbortController().signal, onProgress: () => {} };
  const input = await openCaptureInput(path, () => process.stdin, PREDICT);
  const result = await runPrediction(
    { input, defrag, ...(kernel === undefined ? {} : { kernel }) },
    { ...io, ...(flowsMax === undefined ? {} : { flowsMax }) },
  );
  rmSync(path);
  expect(predictionSchemaErrors(result)).toEqual([]);
  return result;
}

const framesOfClass = (name: string) =>
  framesOf(generateTraffic({ seed: 9, flows: FLOWS, packetsPerFlow: PACKETS_PER_FLOW, classes: [name] }));

/** Whether packets of one flow have several keys, and why. */
function expected({ name, expect: { hash, cause, defrag } }: TrafficClass, isDefrag: boolean): string | undefined {
  if (cause === undefined || !isCauseCode(cause) || name.startsWith('icmp-error')) return undefined;
  const isParted = hash === 'split' || hash === 'apart';
  return isParted && !(isDefrag && defrag === 'together') ? cause : undefined;
}

test.each(TRAFFIC_CLASSES.flatMap((row) => [false, true].map((defrag) => [row.name, defrag ? 'with --defrag' : 'without', row] as const)))(
  '%s %s',
  async (name, how, row) => {
    const frames = framesOfClass(name);
    const isDefrag = how === 'with --defrag';
    // Whatever kernel the tests run on.
    const { packets, flows, causes, violations } = await predicted(frames, isDefrag, { kernel: '6.18.44' });
    const why = expected(row, isDefrag);
    const parting = causes.filter(({ code }) => !['icmp-error', 'no-spread'].includes(code));

    expect(parting.map(({ code }) => code)).toEqual(why === undefined ? [] : [why]);
    expect(flows.total).toBe(row.flow === undefined ? 0 : FLOWS);
    // All flows of a class are alike.
    expect([flows.kept, flows.split + flows.duplicated]).toEqual(why === undefined ? [flows.total, 0] : [0, flows.total]);
    expect(flows.harmless).toBe(why !== undefined && isCauseCode(why) && CAUSES[why].harmless ? flows.total : 0);
    expect(violations.length).toBe(flows.split + flows.duplicated);
    const ignored = Object.values(packets.ignored).reduce((sum, count) => sum + count, 0);
    if (!isDefrag || !name.startsWith('fragment')) expect(packets.judged + ignored).toBe(frames.length);
    // Every second datagram of theirs is without its front.
    const fronts = name.startsWith('fragment-headless') ? frames.length / 2 : 0;
    expect(packets.ignored['later-fragment'] ?? 0).toBe(isDefrag ? 0 : fronts);
    expect([packets.overflowed, packets.heldBack ?? 0, packets.leftOut]).toEqual([0, isDefrag ? fronts : 0, 0]);
  },
);

test.each([
  ['0x9100', 0x9100],
  ['0x9200', 0x9200],
])('tags of type %s one way and 0x8100 the other split a flow, and the cause says why', async (_, type) => {
  const [tagAt, known] = [12, 0x8100];
  const frames = framesOfClass('vlan-ipv4-tcp').map((frame) => {
    const copy = Buffer.from(frame);
    expect(copy.readUInt16BE(tagAt)).toBe(known);
    // The two ends have addresses that differ: which of them sent it.
    if (copy.compare(copy, 0, 6, 6, 12) > 0) copy.writeUInt16BE(type, tagAt);
    return copy;
  });
  const { flows, causes, violations } = await predicted(frames, false, { kernel: '6.18.44' });
  expect([flows.total, flows.kept, flows.split]).toEqual([FLOWS, 0, FLOWS]);
  expect(causes.map(({ code, flows: split }) => [code, split])).toEqual([['tunnel-outer-only', FLOWS]]);
  expect(causes[0]?.message).toContain('behind a VLAN tag of a type that the kernel does not know');
  expect(new Set(violations.map(({ stack }) => stack))).toEqual(new Set(['vlan/ipv4/tcp']));
});

test('flows that find no room are counted, and make no claim', async () => {
  const frames = framesOfClass('ipv4-tcp');
  const { packets, flows, warnings } = await predicted(frames, false, { flowsMax: 16 });
  expect(flows.total).toBe(16);
  expect(packets.judged + packets.overflowed).toBe(frames.length);
  expect(warnings.map(({ code }) => code)).toEqual(['evidence-lost']);
});

/**
 * What the classes came to where they differ from the table above: measured by `matrix` on kernels that were booted, Debian's user-mode
 * Linux 5.10.46 and 5.10.218. All other classes are alike from 5.10.46 to 7.3.4.
 */
const OTHERWISE: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  '5.10.46': {
    'top-bit-ipv4-tcp': 'known-bug-b',
    'top-bit-ipv4-udp': 'known-bug-b',
    'label-one-way-ipv6-tcp': 'known-bug-c',
    'label-one-way-ipv6-udp': 'known-bug-c',
    'esp-same-spi-ipv4': 'esp-ah-spi',
    'ah-same-spi-ipv4-tcp': 'esp-ah-spi',
  },
  '5.10.218': {},
  '5.10.0-30-amd64 #1 SMP Debian 5.10.218-1 (2024-06-01)': {},
  '6.1.176': {},
  '7.3.4': {},
};

const ONE_KEYED = ['hsr-ipv4-udp'];

describe('by the kernel', () => {
  for (const [kernel, otherwise] of Object.entries(OTHERWISE))
    test.each(TRAFFIC_CLASSES.map((row) => [row.name, row] as const))(`${kernel}: %s`, async (name, row) => {
      const { flows, causes } = await predicted(framesOfClass(name), false, { kernel });
      const why = otherwise[name] ?? expected(row, false);
      const parting = causes.filter(({ code }) => !['icmp-error', 'no-spread'].includes(code));
      expect(parting.map(({ code }) => code)).toEqual(why === undefined ? [] : [why]);
      expect(flows.kept).toBe(why === undefined ? flows.total : 0);
      if (ONE_KEYED.includes(name)) {
        const unspread = causes.find(({ code }) => code === 'no-spread')?.message;
        if (kernel.startsWith('5.')) expect(unspread).toContain('does not look behind the tags of HSR and PRP');
        else expect(unspread).toBeUndefined();
      }
    });

  test('what was assumed is told, and what differs', async () => {
    const frames = framesOfClass('top-bit-ipv4-tcp');
    const { kernel, causes } = await predicted(frames, false, { kernel: '5.10.0-30-amd64' });
    expect(kernel).toEqual({
      release: '5.10.0-30-amd64',
      from: 'option',
      probed: false,
      design: { portsWithAddresses: true, readsHsr: false, pppoe: 'plain' },
      bugs: { b: true, c: true, d: true },
      assumed: ['it exchanges ports together with addresses', 'bug B was not mended', 'bug C was not mended'],
    });
    expect(causes[0]?.message).toContain('kernel 5.10.0-30-amd64 is taken to have bug B');
    expect((await predicted(frames, false, { kernel: '5.10.46' })).causes[0]?.message).toContain('kernel 5.10.46 has bug B');
  });

  test("without --kernel it is this host's", async () => {
    const { kernel } = await predicted(framesOfClass('ipv4-tcp'), false);
    expect(kernel.from).toBe('this-host');
    expect(kernel.release).toContain(release());
  });
});
