/** Capture files in the lab: every variant is replayed packet by packet, and the verdict is that of the same traffic made live. */
import { execFileSync, spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { native } from '../../src/addon/native.ts';
import { openCaptureInput } from '../../src/capture-file/input.ts';
import { Replay } from '../../src/capture-file/replay.ts';
import { REPLAY } from '../../src/capture-file/use.ts';
import type { RunResult } from '../../src/model/run-result.ts';
import { generateTraffic, type TrafficOptions } from '../../src/traffic/traffic.ts';
import { receivedPackets } from '../helpers/capture.ts';
import { runCli } from '../helpers/cli.ts';
import { startGroup } from '../helpers/group.ts';
import { packetsOf, withLab } from '../helpers/lab.ts';
import { erfBytes, pcapBytes, pcapngBytes, snoopBytes } from '../helpers/pcap.ts';
import { temporaryDirectory } from '../helpers/programs.ts';
import { program, testWith } from '../helpers/requirements.ts';
import { schemaErrors } from '../helpers/schema.ts';
import { run, start } from '../helpers/tool.ts';
import { framesOf } from '../helpers/traffic.ts';

const scratch = temporaryDirectory();
afterAll(() => scratch.remove());

const fileOf = scratch.fileOf;

const made = (options: Partial<TrafficOptions> = {}) => framesOf(generateTraffic({ seed: 11, flows: 120, packetsPerFlow: 5, ...options }));
const frames = made();
const PACKETS = 600;
const RADIOTAP = Buffer.of(0, 0, 8, 0, 0, 0, 0, 0);
/** Data from a station, in one piece and not encrypted. */
const RADIO = Buffer.of(8, 1, 0, 0, ...new Uint8Array(20));
const replay = (path: string, ...args: readonly string[]) => runCli(['--pcap', path, '-n', '8', ...args]);
const codes = ({ warnings }: RunResult) => warnings.map(({ code }) => code);

function expectAll({ status, report }: Awaited<ReturnType<typeof replay>>, packets = PACKETS, warned: readonly string[] = []): void {
  expect([status, report.verdict.answer]).toEqual([0, 'yes']);
  expect(report.packets).toMatchObject({ offered: packets, captured: packets, judged: packets, dropped: 0, overflowed: 0, ignored: {} });
  expect(report.flows).toMatchObject({ total: 120, twoWay: 120, consistent: 120 });
  expect(codes(report)).toEqual(warned);
  expect(schemaErrors(report)).toEqual([]);
}

describe('every format is read to the last packet', () => {
  const ethernet = 12;
  const ipv4 = framesOf(generateTraffic({ seed: 11, flows: 120, packetsPerFlow: 5, classes: ['ipv4-tcp', 'ipv4-udp'] }));
  const withoutEthernet = ipv4.map((frame) => frame.subarray(14));
  const withType = (header: readonly number[], at: number) =>
    ipv4.map((frame) => {
      const start = Buffer.from(header);
      start.set(frame.subarray(ethernet, ethernet + 2), at);
      return Buffer.concat([start, frame.subarray(14)]);
    });
  test.each<[string, Uint8Array]>([
    ['pcap', pcapBytes(frames)],
    ['pcap, big endian', pcapBytes(frames, { bigEndian: true })],
    ['pcap with nanoseconds', pcapBytes(frames, { magic: 0xa1b23c4d })],
    ['pcap with nanoseconds, big endian', pcapBytes(frames, { magic: 0xa1b23c4d, bigEndian: true })],
    ["Kuznetzov's pcap", pcapBytes(frames, { magic: 0xa1b2cd34 })],
    ['pcap with the length of the check sequence', pcapBytes(frames, { linkType: 0x4c000001 })],
    ['pcapng', pcapngBytes(frames)],
    ['pcapng, big endian', pcapngBytes(frames, { bigEndian: true })],
    ['pcapng in sections of both byte orders', pcapngBytes(frames, { packetsPerSection: 70 })],
    ['pcapng with simple packets', pcapngBytes(frames, { block: 'simple' })],
    ['pcapng with obsolete packets', pcapngBytes(frames, { block: 'obsolete' })],
    ['raw IP', pcapBytes(withoutEthernet, { linkType: 101 })],
    ['IPv4', pcapngBytes(withoutEthernet, { linkType: 228 })],
    [
      'BSD loopback',
      pcapBytes(
        withoutEthernet.map((packet) => Buffer.concat([Buffer.of(2, 0, 0, 0), packet])),
        { linkType: 0 },
      ),
    ],
    ['Linux cooked', pcapBytes(withType([0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 9, 0, 0, 0, 0], 14), { linkType: 113 })],
    ['Linux cooked 2', pcapBytes(withType([0, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 9, 0, 0], 0), { linkType: 276 })],
    [
      'PPP',
      pcapBytes(
        withoutEthernet.map((packet) => Buffer.concat([Buffer.of(0xff, 3, 0, 0x21), packet])),
        { linkType: 9 },
      ),
    ],
    ['snoop', snoopBytes(frames)],
    ['ERF', erfBytes(frames)],
    [
      'IEEE 802.11 behind radiotap',
      pcapBytes(
        ipv4.map((frame) => Buffer.concat([RADIOTAP, RADIO, Buffer.of(0xaa, 0xaa, 3, 0, 0, 0), frame.subarray(ethernet)])),
        { linkType: 127 },
      ),
    ],
    [
      'Frame Relay',
      pcapBytes(
        withoutEthernet.map((packet) => Buffer.concat([Buffer.of(0x18, 0x41, 3, 0xcc), packet])),
        { linkType: 107 },
      ),
    ],
    ['gzip', gzipSync(pcapBytes(frames))],
    ['gzip in members', Buffer.concat([gzipSync(pcapBytes(frames).subarray(0, 5000)), gzipSync(pcapBytes(frames).subarray(5000))])],
  ])('%s', async (name, bytes) => {
    // Simple Packet Blocks have no time stamps, and some packets of these flows are alike.
    expectAll(await replay(fileOf(bytes)), PACKETS, name === 'pcapng with simple packets' ? ['no-time-stamps'] : []);
  });

  test('through a veth pair', async () => {
    const path = fileOf(pcapngBytes(frames));
    const { status, report } = await replay(path, '--lab-interface', 'veth', '--seed', '7');
    expectAll({ status, report });
    expect(report.source).toEqual({ kind: 'pcap', interface: 'cap0', injection: 'veth', seed: 7, pcap: path });
  });

  testWith([program('editcap', 'wireshark-common')], 'as editcap writes them', {}, async () => {
    const path = fileOf(pcapBytes(frames));
    for (const format of ['pcapng', 'nsecpcap', 'modpcap', 'pcap']) {
      const converted = join(scratch.path, `editcap-${format}`);
      execFileSync('editcap', ['-F', format, path, converted]);
      expectAll(await replay(converted));
    }
  });
});

describe('the verdict is that of the same traffic made live', () => {
  test.each<[string, readonly string[]]>([
    ['standard', []],
    ['vxlan-ipv4-tcp', []],
    ['fragment', []],
    ['fragment', ['--defrag']],
    ['ipv4-tcp', ['-m', 'lb']],
    ['mpls*', []],
  ])('%s %j', async (classes, args) => {
    const shape = ['--seed', '21', '--flows', '200', '--packets-per-flow', '6'];
    const live = await runCli(['-n', '8', '--traffic', classes, ...shape, ...args]);
    const names = live.report.source.traffic;
    const traffic = generateTraffic({ seed: 21, flows: 200, packetsPerFlow: 6, ...(names === undefined ? {} : { classes: names }) });
    const captured = await replay(fileOf(pcapngBytes(framesOf(traffic))), ...args);
    expect(captured.status).toBe(live.status);
    // How fast it was sent is known of traffic that is made up only.
    const counted = ({ packets: { offeredPerSecond: _, ...packets } }: RunResult) => packets;
    const comparable = ({ verdict, flows, stacks, causes }: RunResult) => ({
      answer: verdict.answer,
      reasons: verdict.reasons.map(({ code }) => code),
      flows,
      stacks: stacks.map(({ stack, flows: count, answer }) => [stack, count, answer]),
      causes: causes.map(({ code, flows: count }) => [code, count]),
    });
    // Where packets are dealt out in turns it is chance which flows meet.
    if (args.includes('lb')) expect(captured.report.verdict.answer).toBe(live.report.verdict.answer);
    else expect(comparable(captured.report)).toEqual(comparable(live.report));
    expect(counted(captured.report)).toEqual(counted(live.report));
  });
});

describe('how it is sent', () => {
  test('several rounds', async () => {
    expectAll(await replay(fileOf(pcapBytes(frames)), '--rounds', '3'), 3 * PACKETS);
  });

  test('for ever, until a limit', async () => {
    const { status, report } = await replay(fileOf(pcapBytes(frames)), '--loop', '--max-packets', '5000');
    expect([status, report.verdict.answer]).toEqual([0, 'yes']);
    expect(report.packets.offered).toBeGreaterThanOrEqual(5000);
    expect(report.packets.captured).toBe(report.packets.offered);
  });

  test('at a rate', async () => {
    const begun = performance.now();
    expectAll(await replay(fileOf(pcapBytes(frames)), '--rate', '500'));
    expect(performance.now() - begun).toBeGreaterThan(1150);
  });

  test('the largest frames pass, the shortest too', async () => {
    const [first = new Uint8Array()] = made({ classes: ['ipv4-udp'], payloadMin: 65000, payloadMax: 65000 });
    const large = Buffer.concat([first, Buffer.alloc(65549 - first.length)]);
    const small = Uint8Array.from([2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x88, 0xb5]);
    const tagged = Buffer.concat([small.subarray(0, 12), Buffer.of(0x81, 0, 0, 5, 0x88, 0xb5, 0, 0)]);
    for (const injection of ['tap', 'veth']) {
      const { report } = await replay(fileOf(pcapBytes([large, small, tagged])), '--lab-interface', injection);
      expect([injection, report.packets]).toMatchObject([injection, { offered: 3, captured: 3, judged: 1 }]);
    }
  });
});

describe('the receive queue', () => {
  test('is that of a symmetric NIC: both directions of a flow on one, all of them used', async () => {
    await withLab('tap', 4, async (lab) => {
      let placed: readonly (readonly number[])[] = [];
      const collector = new native.FrameCollector({ segmentBytes: 1 << 20, queues: lab.queues, seed: 3 });
      collector.feed(pcapBytes(frames));
      const group = await startGroup({ interface: lab.interface, procs: 4, mode: 'qm' });
      try {
        const injector = lab.createInjector();
        injector.refill(collector);
        await injector.run();
        const { flows } = await group.finish(PACKETS);
        placed = flows.map(({ observations }) => [...new Set(observations.map(({ member }) => member))]);
      } finally {
        await group.close();
      }
      expect(placed.length).toBe(120);
      expect(placed.filter((members) => members.length !== 1)).toEqual([]);
      expect(new Set(placed.flat()).size).toBe(4);
    });
  });
});

describe('segments', () => {
  const replayed = async (path: string, segmentBytes: number, rounds: number): Promise<readonly number[]> =>
    withLab('veth', 1, async (lab) => {
      const before = receivedPackets(lab.interface);
      const input = await openCaptureInput(path, () => process.stdin, REPLAY);
      const collector = new native.FrameCollector({ segmentBytes, queues: 1, seed: 1 });
      const opened = await Replay.open(input, collector, new AbortController().signal);
      if (!(opened instanceof Replay)) throw new TypeError(`nothing of it can be sent: ${opened.kind}`);
      await opened.run(lab.createInjector(), { rounds, packetsPerSecond: 0 });
      expect(opened.warnings).toEqual([]);
      await opened.close();
      return [opened.offered, receivedPackets(lab.interface) - before];
    });

  test.each([
    [100, 1],
    [5000, 1],
    [5000, 20],
    [1 << 20, 1],
    [1 << 20, 3],
  ])('of %i bytes, %i rounds: every packet once a round', async (segmentBytes, rounds) => {
    expect(await replayed(fileOf(pcapBytes(frames)), segmentBytes, rounds)).toEqual([rounds * PACKETS, rounds * PACKETS]);
    expect(await replayed(fileOf(gzipSync(pcapngBytes(frames))), segmentBytes, rounds)).toEqual([rounds * PACKETS, rounds * PACKETS]);
  });

  test('an injector takes over only what a collector has, and only while it rests', async () => {
    await withLab('veth', 1, async (lab) => {
      const injector = lab.createInjector();
      expect(() => injector.refill({} as never)).toThrow(TypeError);
      expect(() => injector.run()).toThrow('no frames');
      const collector = new native.FrameCollector({ segmentBytes: 1 << 20, queues: 1, seed: 1 });
      collector.feed(pcapBytes(frames));
      injector.refill(collector);
      expect(collector.frames).toBe(0);
      const running = injector.run({ packetsPerSecond: 1000 });
      expect(() => injector.refill(collector)).toThrow('running');
      injector.stop();
      await running;
    });
  });
});

describe('standard input', () => {
  test.each([
    ['from a file', async (path: string) => openSync(path, 'r')],
    ['from a pipe', async (path: string) => spawn('cat', [path], { stdio: ['ignore', 'pipe', 'ignore'] }).stdout],
  ])('%s', async (_, open) => {
    const stdin = await open(fileOf(gzipSync(pcapngBytes(frames))));
    const { status, stdout, stderr } = await run(['--pcap', '-', '-n', '8', '--json', '--quiet'], { stdin });
    expect([status, stderr]).toEqual([0, '']);
    const report: RunResult = JSON.parse(stdout);
    expectAll({ status, report });
    expect(report.source.pcap).toBe('-');
  });

  test('is sent as it comes: a pipe that stays open is no reason to wait', async () => {
    const pieces = `head -c 20000 ${fileOf(pcapBytes(frames))}; sleep 1; tail -c +20001 ${fileOf(pcapBytes(frames))}; exec sleep 60`;
    const source = spawn('sh', ['-c', pieces], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      const { status, stdout } = await run(['--pcap', '-', '-n', '8', '--max-packets', '600', '--json', '--quiet'], {
        stdin: source.stdout,
      });
      expectAll({ status, report: JSON.parse(stdout) });
    } finally {
      source.kill();
    }
  });

  test('a signal ends the wait for it', async () => {
    const silent = spawn('sleep', ['60'], { stdio: ['ignore', 'pipe', 'ignore'] });
    const { child, ended } = start(['--pcap', '-', '-n', '2'], { stdin: silent.stdout });
    await new Promise((resolve) => setTimeout(resolve, 1000));
    child.kill('SIGINT');
    const { status, stderr } = await ended;
    silent.kill();
    expect([status, stderr]).toEqual([4, expect.stringContaining('INTERRUPTED')]);
  });
});

describe('damage: what was read is judged, with a warning', () => {
  const pcap = pcapBytes(frames);
  const at = (record: number) => 24 + frames.slice(0, record - 1).reduce((sum, frame) => sum + 16 + frame.length, 0);
  const corrupt = Buffer.from(pcap);
  corrupt.writeUInt32LE(0x7fffffff, at(501) + 8);
  test.each<[string, Uint8Array, number | undefined, string]>([
    ['cut', pcap.subarray(0, at(501) + 30), 500, `ends inside packet 501 (at byte ${at(501)})`],
    ['a length that cannot be', corrupt, 500, `packet 501 (at byte ${at(501)}) has an impossible length (2147483647 bytes)`],
    ['gzip that ends too early', gzipSync(pcap).subarray(0, -20), undefined, 'its gzip data end too early'],
    ['gzip followed by something else', Buffer.concat([gzipSync(pcap), Buffer.from('garbage')]), PACKETS, 'its gzip data are damaged'],
    ['pcapng', pcapngBytes(frames).subarray(0, -5), PACKETS - 1, ', where packet 600 is due)'],
  ])('%s', async (_, bytes, packets, message) => {
    const { status, report } = await replay(fileOf(bytes));
    expect([status, report.verdict.answer]).toEqual([0, 'yes']);
    expect(codes(report)).toEqual(['capture-damaged']);
    expect(report.warnings[0]?.message).toContain(message);
    expect(report.packets.captured).toBe(report.packets.offered);
    if (packets === undefined) expect(report.packets.offered).toBeGreaterThan(500);
    else expect(report.packets.offered).toBe(packets);
    expect(report.warnings[0]?.message).toContain(`the ${report.packets.offered} packets before count`);
  });
});

describe('what cannot be sent or judged is said', () => {
  test('packets of other link types', async () => {
    const file = Buffer.concat([pcapngBytes(frames), pcapngBytes(frames.slice(0, 3), { linkType: 189 })]);
    const { status, report } = await replay(fileOf(file));
    expect([status, report.packets.offered, codes(report)]).toEqual([0, PACKETS, ['packets-left-out']]);
    expect(report.warnings[0]?.message).toMatch(/, 3 packets of link type 189 \(USB_LINUX\) left out$/);
  });

  test('headers cut by the snap length', async () => {
    const { report } = await replay(fileOf(pcapBytes(frames, { snaplen: 30 })));
    expect(report.packets).toMatchObject({ offered: PACKETS, captured: PACKETS, ignored: { truncated: PACKETS } });
    expect([report.verdict.answer, codes(report)]).toEqual(['inconclusive', ['packets-cut']]);
  });

  test.each([34, 40, 54, 62, 80])('packets cut to %i bytes are no false NO', async (snaplen) => {
    const { report } = await replay(fileOf(pcapBytes(frames, { snaplen })), '-m', 'hash');
    expect(report.packets).toMatchObject({ offered: PACKETS, captured: PACKETS });
    expect(report.flows).toMatchObject({ split: 0, asymmetric: 0 });
    expect(report.causes).toEqual([]);
  });

  test('one direction alone is no YES', async () => {
    const forward = packetsOf(generateTraffic({ seed: 2, flows: 200, packetsPerFlow: 4 })).filter(
      ({ direction }) => direction === 'forward',
    );
    const { status, report } = await replay(fileOf(pcapBytes(forward.map(({ frame }) => frame))));
    expect([status, report.verdict.reasons.map(({ code }) => code)]).toEqual([3, ['no-two-way-flows']]);
    expect(report.verdict.reasons[0]?.remedy).toMatch(/^capture both directions/);
  });

  test('too few flows are no YES', async () => {
    const { status, report } = await replay(fileOf(pcapBytes(made({ flows: 3 }))));
    expect([status, report.verdict.answer]).toEqual([3, 'inconclusive']);
  });
});

describe('what is refused before any worker starts', () => {
  test.each<[string, () => string, string]>([
    ['a file that does not exist', () => join(scratch.path, 'missing'), 'no such file'],
    ['a directory', () => scratch.path, 'is a directory'],
    ['an empty file', () => fileOf(new Uint8Array()), 'is empty'],
    ['a capture without packets', () => fileOf(pcapBytes([])), 'holds no packet'],
    ['a header and half a packet', () => fileOf(pcapBytes(frames).subarray(0, 60)), 'it ends inside packet 1 (at byte 24)'],
    ['a text', () => fileOf(Buffer.from('0000  45 00 00 3c\n')), 'is not a capture file, but text'],
    ['zstd', () => fileOf(Buffer.from('28b52ffd0458', 'hex')), 'is not a capture file, but zstd'],
    ['something unknown', () => fileOf(Buffer.alloc(100, 0x80)), 'is neither pcap, pcapng, snoop nor ERF'],
    ['only what cannot be sent', () => fileOf(pcapBytes(frames, { linkType: 147 })), '600 packets of link type 147 (USER0)'],
    ['a device', () => '/dev/null', 'is not a regular file'],
  ])('%s', async (_, path, message) => {
    const { status, stdout, stderr } = await run(['--pcap', path(), '-n', '2']);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain('fanout-cluster: BAD_CAPTURE: --pcap: ');
    expect(stderr).toContain(message);
    expect(stderr).toMatch(/\n {2}-> .+\n$/);
  });
});
