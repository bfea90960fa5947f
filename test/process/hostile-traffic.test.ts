/** What somebody who can send packets to the network can do to a verdict: nothing. Full tables and single packets are doubt, never proof. */
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { PredictionResult } from '../../src/commands/predict/result.ts';
import type { RunResult } from '../../src/model/run-result.ts';
import {
  connections,
  craftedStacks,
  type Disguise,
  FLOOD_NAMES,
  type Flood,
  floodFrames,
  securityAssociations,
  spoofed,
} from '../helpers/hostile-frames.ts';
import { assertPrivateNamespace, CAPTURE, joinFrames, makePair, removePair, type Sending, sendFrames } from '../helpers/network.ts';
import { pcapBytes } from '../helpers/pcap.ts';
import { makeRuntimeDirectory, temporaryDirectory } from '../helpers/programs.ts';
import { type Running, run, start } from '../helpers/tool.ts';

const scratch = temporaryDirectory();
const env = { XDG_RUNTIME_DIR: join(scratch.path, 'runtime') };
let sendings: Sending[] = [];

beforeAll(() => {
  assertPrivateNamespace();
  makeRuntimeDirectory(env.XDG_RUNTIME_DIR);
});
afterAll(() => scratch.remove());
beforeEach(makePair);
afterEach(async () => {
  for (const sending of sendings) await sending.stop();
  sendings = [];
  removePair();
});

/** Sends each list in turn, once, and ends the run when all is out. */
async function liveWith(lists: readonly (readonly Uint8Array[])[], ...args: string[]) {
  const running = start(['-i', CAPTURE, '-n', '4', '--duration', '30s', '--json', '-', ...args], { env });
  await running.said(/capturing/);
  for (const list of lists) {
    const sending = sendFrames(joinFrames(list), { rounds: 1, packetsPerSecond: 20_000 });
    sendings.push(sending);
    await sending.report;
  }
  await new Promise((done) => setTimeout(done, 300));
  running.child.kill('SIGINT');
  return resultOf(running);
}

async function resultOf(running: Running): Promise<RunResult & { readonly status: number | null }> {
  const { status, stdout, stderr } = await running.ended;
  if (stdout === '') throw new Error(stderr);
  const report = JSON.parse(stdout) as RunResult;
  const { captured, judged, overflowed, ignored } = report.packets;
  expect(judged + overflowed + Object.values(ignored).reduce((sum, n) => sum + n, 0)).toBe(captured);
  return { ...report, status };
}

const codes = ({ verdict }: RunResult) => verdict.reasons.map(({ code }) => code);

describe('encapsulations without end', () => {
  const real = connections(200).frames;

  test('in one direction: the answer to real traffic is what it is without them', async () => {
    const report = await liveWith([craftedStacks(8000), securityAssociations(60), real]);
    expect([report.status, ...codes(report)]).toEqual([0, 'proven']);
    // Parted by design, and told so: none of it is taken for something else.
    expect(report.causes.map(({ code }) => code)).toEqual(['esp-ah-spi']);
    expect(report.stacks.find(({ stack }) => stack === 'ipv4/tcp')).toMatchObject({ answer: 'yes', twoWay: 200 });
    expect(report.flows).not.toHaveProperty('unjudged');
    expect(report.stacks.length).toBeLessThanOrEqual(1025);
    expect(report.stacks.reduce((sum, { flows }) => sum + flows, 0)).toBe(report.flows.total);
  });

  test('in both: what finds no place is not judged, and the answer is INCONCLUSIVE; --quiet names it', async () => {
    const report = await liveWith([floodFrames('stacks-two-way', 6000), real]);
    expect(report.flows.unjudged).toBeGreaterThan(400);
    expect(report.packets.overflowed).toBeGreaterThanOrEqual(2 * (report.flows.unjudged ?? 0));
    expect([report.status, report.verdict.answer]).toEqual([3, 'inconclusive']);
    expect(codes(report)).toContain('unjudged-stacks');
    expect(report.stacks.find(({ stack }) => stack === 'ipv4/tcp')).toMatchObject({ split: 0, asymmetric: 0, duplicated: 0 });
  });
});

describe('a packet that somebody else sent in the name of a flow', () => {
  const { frames, flows } = connections(300);
  /** Of so many, chance leaves none where its flow is with 4^-12. */
  const victims = flows.slice(0, 12);

  test.each<Disguise>(['fragment', 'vxlan'])('one for each flow, %s: listed, INCONCLUSIVE, and no NO', async (disguise) => {
    const report = await liveWith([frames, victims.map((flow, i) => spoofed(flow, disguise, i))]);
    expect([report.status, report.verdict.answer, report.verdict.reasons[0]?.code]).toEqual([3, 'inconclusive', 'isolated-violation']);
    expect(report.verdict.reasons[0]?.message).toMatch(/^\d+ of 300 flows w/);
    const [cause] = report.causes;
    expect(cause).toMatchObject({ code: disguise === 'fragment' ? 'fragment-v4' : 'tunnel-outer-only' });
    expect(cause?.isolated).toBe(cause?.flows);
    expect(report.violations.length).toBe(cause?.flows);
    expect(report.violations.every(({ onOnePacket }) => onOnePacket === true)).toBe(true);
  });

  test('several for each flow: NO', async () => {
    const report = await liveWith([frames, [1, 2, 3].flatMap((id) => victims.map((flow) => spoofed(flow, 'fragment', id)))]);
    expect([report.status, ...codes(report)]).toEqual([1, 'fragment-v4']);
  });

  test('in a capture file the truth is known: one is proof', async () => {
    const path = scratch.fileOf(pcapBytes([...frames, ...victims.map((flow, i) => spoofed(flow, 'fragment', i))]));
    const { status, stdout } = await run(['predict', path, '--json', '--quiet']);
    const prediction = JSON.parse(stdout) as PredictionResult;
    expect([status, prediction.flows.split, prediction.causes[0]?.code]).toEqual([1, 12, 'fragment-v4']);
  });

  test('one does not end a run that ends at its first violation', async () => {
    const report = await liveWith([frames, victims.map((flow, i) => spoofed(flow, 'fragment', i)), frames], '--fail-fast');
    expect([report.status, report.verdict.reasons[0]?.code]).toEqual([3, 'isolated-violation']);
    expect(report.packets.captured).toBeGreaterThanOrEqual(2 * frames.length);
  });
});

describe('flows in both directions without end', () => {
  test('end the run before it sees what splits flows: INCONCLUSIVE, and never a YES', async () => {
    const running = start(['-i', CAPTURE, '-n', '4', '--duration', '30s', '--flow-memory', '1M', '--json', '-', '--quiet'], { env });
    sendings.push(sendFrames(joinFrames(floodFrames('two-way', 60_000)), { packetsPerSecond: 20_000 }));
    const report = await resultOf(running);
    // A collector that is kept waiting may have been told of more than there was room for.
    expect([report.status, codes(report).at(-1)]).toEqual([3, 'ended-early']);
    expect(report.flows.consistent).toBeGreaterThan(3000);
  });

  test('leave a violation that was proven before a NO', async () => {
    const { frames, flows } = connections(100);
    const parted = [1, 2, 3].flatMap((id) => flows.slice(0, 20).map((flow) => spoofed(flow, 'fragment', id)));
    const report = await liveWith([frames, parted, floodFrames('two-way', 12_000)], '--flow-memory', '1M');
    expect([report.status, ...codes(report)]).toEqual([1, 'fragment-v4']);
    expect(report.warnings.map(({ code }) => code)).toContain('ended-early');
  });
});

describe('hashes and kernel keys', () => {
  test('a capture of addresses that collided takes no longer than another', async () => {
    // With one factor of the digest without a seed, 60,000 of them took 13 s, and the time grew by the square.
    const path = scratch.fileOf(pcapBytes(floodFrames('ipv6-collisions', 60_000)));
    const { status, stdout, ms } = await run(['predict', path, '--json', '--quiet']);
    const prediction = JSON.parse(stdout) as PredictionResult;
    expect([status, prediction.flows.total]).toEqual([3, 60_000]);
    expect(ms).toBeLessThan(6000);
  });

  test('flows of endless kernel keys are counted in full, and take no evidence from others', async () => {
    const report = await liveWith([
      floodFrames('kernel-keys-vxlan', 20_000),
      floodFrames('kernel-keys-esp', 20_000),
      connections(100).frames,
    ]);
    expect(report.packets.overflowed).toBe(0);
    expect(report.flows.manyKeyed).toBe(101);
    expect(report.flows.consistent).toBe(100);
    for (const { observations } of report.violations) expect(observations.length).toBeLessThanOrEqual(8 + 16);
    // All packets of the inner flow are in the report, by member.
    const inner = report.violations.find(({ stack }) => stack === 'ipv4/udp/vxlan/eth/ipv4/tcp');
    expect(inner?.observations.reduce((sum, { packets }) => sum + packets, 0)).toBe(20_000);
    expect([report.status, ...codes(report)]).toEqual([1, 'tunnel-outer-only']);
  });
});

describe('a signal ends the run soon, whatever comes', () => {
  /** One second is promised; the suite runs beside other work. */
  const SOON_MS = 2500;

  test.each<Flood>(FLOOD_NAMES.filter((flood) => flood !== 'stacks' && flood !== 'fragments-later'))('%s', async (flood) => {
    const running = start(['-i', CAPTURE, '-n', '2', '--duration', '60s', '--flow-memory', '64M', '--json', '-'], { env });
    await running.said(/capturing/);
    sendings.push(sendFrames(joinFrames(floodFrames(flood, 100_000)), { packetsPerSecond: 60_000 }));
    await new Promise((done) => setTimeout(done, 2500));
    const askedMs = performance.now();
    running.child.kill('SIGINT');
    const report = await resultOf(running);
    expect(performance.now() - askedMs).toBeLessThan(SOON_MS);
    expect(report.packets.captured).toBeGreaterThan(10_000);
    // Nothing that was sent is split but by what its sender did, in flows that have more than one packet.
    if (flood.startsWith('kernel-keys')) return;
    expect(report.verdict.answer).not.toBe('no');
  });
});
