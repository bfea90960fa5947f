/** Packets that come twice, and packets larger than the MTU: told with figures, and with advice that works. */
import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { native } from '../../src/addon/native.ts';
import type { PredictionResult } from '../../src/commands/predict/result.ts';
import type { RunResult } from '../../src/model/run-result.ts';
import { generateTraffic } from '../../src/traffic/traffic.ts';
import { runCli, runCliDuring } from '../helpers/cli.ts';
import { type Hosts, withHosts } from '../helpers/hosts.ts';
import { assertPrivateNamespace, CAPTURE, ip, joinFrames, makePair, removePair, sendFrames } from '../helpers/network.ts';
import { pcapBytes } from '../helpers/pcap.ts';
import { temporaryDirectory } from '../helpers/programs.ts';
import { program, testWith } from '../helpers/requirements.ts';
import { run } from '../helpers/tool.ts';
import { framesOf } from '../helpers/traffic.ts';

beforeAll(assertPrivateNamespace);

const told = ({ warnings }: RunResult, code: string) => warnings.find((warning) => warning.code === code);

/** "1,000 of 20,000 packets" */
function figures(message = ''): readonly number[] {
  return (/^([\d,]+) of ([\d,]+) packets/.exec(message) ?? []).slice(1).map((text) => Number(text.replaceAll(',', '')));
}

/** All copies, and hardly more: a few packets of generated traffic are alike. */
function expectFigures(message: string | undefined, copies: number, of: number): void {
  const [again = 0, looked = 0] = figures(message);
  expect(looked).toBe(of);
  expect(again).toBeGreaterThanOrEqual(copies);
  expect(again).toBeLessThanOrEqual(copies + of / 200);
}

describe('a mirror', () => {
  afterEach(removePair);

  const frames = framesOf(generateTraffic({ seed: 81, flows: 200, packetsPerFlow: 8, classes: ['ipv4-tcp', 'ipv6-tcp'] }));
  const judge = (sent: readonly Uint8Array[]) => {
    makePair();
    return runCliDuring(['-i', CAPTURE, '-n', '4'], () => sendFrames(joinFrames(sent), { rounds: 1, packetsPerSecond: 8000 }).report);
  };

  test('that delivers every packet twice: half of all, and the time between them', async () => {
    const { status, report } = await judge(frames.flatMap((frame) => [frame, frame]));
    expect([status, report.verdict.answer]).toEqual([0, 'yes']);
    const warning = told(report, 'packets-twice');
    expect(warning?.message).toMatch(/ came \d+ µs before/);
    expectFigures(warning?.message, frames.length, 2 * frames.length);
    expect(warning?.message).not.toContain('sent by this host');
    expect(warning?.remedy).toContain('mirror a port');
  });

  test('that delivers one in twenty twice', async () => {
    const { report } = await judge(frames.flatMap((frame, i) => (i % 20 === 0 ? [frame, frame] : [frame])));
    expectFigures(told(report, 'packets-twice')?.message, frames.length / 20, (frames.length * 21) / 20);
  });

  test('that delivers each once: no word', async () => {
    const { report } = await judge(frames);
    expect(report.warnings).toEqual([]);
  });
});

describe('a capture file', () => {
  const scratch = temporaryDirectory();
  afterAll(() => scratch.remove());

  const frames = framesOf(generateTraffic({ seed: 82, flows: 60, packetsPerFlow: 8, classes: ['ipv4-tcp', 'ipv6-tcp'] }));
  /** `ms` between the first packet and the second, and so on. */
  const captureOf = (packets: readonly Uint8Array[], ms: number): string =>
    scratch.fileOf(pcapBytes(packets, { timesMs: packets.map((_, i) => 1_700_000_000_000 + i * ms) }));
  const doubled = frames.flatMap((frame) => [frame, frame]);
  const predicted = async (path: string): Promise<PredictionResult> => JSON.parse((await run(['predict', path, '--json'])).stdout);

  test('of a mirror that delivers every packet twice: predict and a replay say so, with the same figures', async () => {
    const path = captureOf(doubled, 1);
    const ofPrediction = (await predicted(path)).warnings.find(({ code }) => code === 'packets-twice');
    expect(ofPrediction?.message).toMatch(/ came 1\.0 ms before \(mean\); an IDS counts both/);
    expectFigures(ofPrediction?.message.replace(`of ${path}, `, ''), frames.length, doubled.length);
    const { report } = await runCli(['--pcap', path, '-n', '2']);
    expect(told(report, 'packets-twice')).toEqual(ofPrediction);
  });

  test('in which copies are further apart than copies are, or have no time at all: no word', async () => {
    const untimed = scratch.fileOf(pcapBytes(doubled, { timesMs: doubled.map(() => 0) }));
    for (const path of [captureOf(frames, 1), captureOf(doubled, 100), untimed])
      expect((await predicted(path)).warnings.map(({ code }) => code)).not.toContain('packets-twice');
  });

  testWith([program('editcap', 'wireshark-common')], 'what is advised for exact copies leaves one of each', {}, async () => {
    const { message = '', remedy = '' } = (await predicted(captureOf(doubled, 1))).warnings[0] ?? {};
    expect(message).not.toBe('');
    const out = join(scratch.path, 'once.pcap');
    await here(/"(editcap [^"]+)"/.exec(remedy)?.[1]?.replace('OUT', out) ?? 'false');
    expect((await predicted(out)).warnings).toEqual([]);
  });
});

/** Of so many bytes in each direction between the hosts. */
async function exchange(bytes: number, address: string, { onPeer }: Pick<Hosts, 'onPeer'>): Promise<void> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined).resume();
    socket.end(Buffer.alloc(bytes));
  });
  try {
    await new Promise<void>((resolve) => server.listen(8000, address, resolve));
    const script = `const c = require("node:net").connect(8000, "${address}").on("error", (e) => { throw e; }).resume(); c.end(Buffer.alloc(${bytes}));`;
    await onPeer(`for i in 1 2 3 4 5 6 7 8; do ${process.execPath} -e '${script}'; done`);
  } finally {
    server.close();
  }
}

const here = async (script: string): Promise<string> => (await promisify(execFile)('sh', ['-c', script])).stdout;

test('loopback: every packet comes as sent and as received', async () => {
  ip('link', 'set', 'lo', 'up');
  const { report } = await runCliDuring(['-i', 'lo', '-n', '2'], () => exchange(20_000, '127.0.0.1', { onPeer: here }));
  const { message, remedy } = told(report, 'packets-twice') ?? {};
  const [again = 0, looked = 1] = figures(message);
  expect(again).toBeGreaterThan(50);
  expect(again / looked).toBeGreaterThan(0.45);
  expect(again / looked).toBeLessThanOrEqual(0.5);
  expect(message).toContain('one as it was sent by this host and the other as it was received');
  expect(remedy).toContain('ignore-outgoing');
  // Its MTU is as large as a packet can be.
  expect(told(report, 'above-mtu')).toBe(undefined);
});

/** What "ethtool -K" does with these words, of those that it knows: a command line. Not every host has ethtool. */
function ethtool(words: string): string {
  const script = `import ctypes, fcntl, socket, struct, sys
for name, state in zip(sys.argv[2::2], sys.argv[3::2]):
    command = {"tso": 0x1f, "gso": 0x24, "gro": 0x2c}.get(name)
    if command is None: continue
    value = ctypes.create_string_buffer(struct.pack("II", command, state == "on"))
    fcntl.ioctl(socket.socket(), 0x8946, struct.pack("16sP16x", sys.argv[1].encode(), ctypes.addressof(value)))`;
  return `python3 -c '${script}' ${words}`;
}

describe('segments above the MTU', () => {
  const judge = (hosts: Hosts) => runCliDuring(['-i', hosts.interface, '-n', '2'], () => exchange(400_000, '10.77.0.1', hosts));

  testWith([program('python3')], 'are counted, sent and received; what is advised ends them', { timeout: 180_000 }, () =>
    withHosts(async (hosts) => {
      const { report } = await judge(hosts);
      const { message, remedy } = told(report, 'above-mtu') ?? {};
      expect(message).toMatch(
        /^[\d,]+ of [\d,]+ packets were larger than the MTU of cap0 \(1500 bytes\), up to \d+ bytes: [\d,]+ received.* and [\d,]+ sent/,
      );
      const [, largest] = /up to (\d+) bytes/.exec(message ?? '') ?? [];
      expect(Number(largest)).toBeGreaterThan(2900);
      expect(remedy).toMatch(/nothing on cap0 merges them: where they are sent.*"ethtool -K cap0 tso off gso off/);
      // Followed literally here, and where it says that they come from.
      await here(ethtool(/"ethtool -K ([^"]+)"/.exec(remedy ?? '')?.[1] ?? ''));
      const onlyReceived = told((await judge(hosts)).report, 'above-mtu')?.message;
      expect(onlyReceived).toMatch(/received/);
      expect(onlyReceived).not.toMatch(/sent by this host/);
      await hosts.onPeer(ethtool('gen0 tso off gso off'));
      expect(told((await judge(hosts)).report, 'above-mtu')).toBe(undefined);
    }),
  );

  testWith([program('python3')], 'features are told by fact: those that are on, and that can be switched off', {}, () =>
    withHosts(async (hosts) => {
      const link = () => native.linkState(native.describeInterface(hosts.interface).index);
      expect(link()?.offloads).toEqual(expect.arrayContaining(['tso', 'gso']));
      expect(link()?.offloads).not.toContain('gro');
      await here(ethtool(`${hosts.interface} gro on tso off`));
      expect(link()?.offloads).toContain('gro');
      expect(link()?.offloads).not.toContain('tso');
    }),
  );
});
