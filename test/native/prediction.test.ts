/** A small capture of each traffic class: what is predicted is what the table of classes says of mode hash, and no packet is lost sight of. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openCaptureInput } from '../../src/capture-file/input.ts';
import { PREDICT } from '../../src/capture-file/use.ts';
import { runPrediction } from '../../src/collector/predict.ts';
import { TRAFFIC_CLASSES, type TrafficClass } from '../../src/lab/classes.ts';
import { generateTraffic } from '../../src/lab/traffic.ts';
import { CAUSES, isCauseCode } from '../../src/model/cause.ts';
import type { PredictionResult } from '../../src/model/prediction.ts';
import { pcapBytes } from '../helpers/pcap.ts';
import { temporaryDirectory } from '../helpers/programs.ts';
import { predictionSchemaErrors } from '../helpers/schema.ts';
import { framesOf } from '../helpers/traffic.ts';

const scratch = temporaryDirectory();
afterAll(() => scratch.remove());

const FLOWS = 24;
const PACKETS_PER_FLOW = 8;

async function predicted(frames: readonly Uint8Array[], defrag: boolean, flowsMax?: number): Promise<PredictionResult> {
  const path = join(scratch.path, 'capture');
  writeFileSync(path, pcapBytes(frames));
  const io = { version: '0', signal: new AbortController().signal, onProgress: () => {} };
  const input = await openCaptureInput(path, () => process.stdin, PREDICT);
  const result = await runPrediction({ input, defrag }, { ...io, ...(flowsMax === undefined ? {} : { flowsMax }) });
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
    const { packets, flows, causes, violations } = await predicted(frames, isDefrag);
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

test('flows that find no room are counted, and make no claim', async () => {
  const frames = framesOfClass('ipv4-tcp');
  const { packets, flows, warnings } = await predicted(frames, false, 16);
  expect(flows.total).toBe(16);
  expect(packets.judged + packets.overflowed).toBe(frames.length);
  expect(warnings.map(({ code }) => code)).toEqual(['evidence-lost']);
});
