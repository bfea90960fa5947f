/** `predict` as its users run it: without privileges, from files and pipes, sound and damaged. What it says of the kernel is tested in test/kernel. */
import { spawn } from 'node:child_process';
import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { STEER_INSIDE } from '../../src/collector/words/cure.ts';
import type { PredictionResult } from '../../src/commands/predict/result.ts';
import { ah, mpls } from '../../src/traffic/encapsulations.ts';
import { announced, buildFrame, ethernet, ipv4, type Layer, PROTOCOL, padding, udp } from '../../src/traffic/frames.ts';
import { generateTraffic, type TrafficOptions } from '../../src/traffic/traffic.ts';
import { pcapBytes, pcapngBytes } from '../helpers/pcap.ts';
import { temporaryDirectory } from '../helpers/programs.ts';
import { root, testWith } from '../helpers/requirements.ts';
import { predictionSchemaErrors } from '../helpers/schema.ts';
import { run, start, type ToolOptions } from '../helpers/tool.ts';
import { framesOf, packetsOf } from '../helpers/traffic.ts';

const scratch = temporaryDirectory();
beforeAll(() => chmodSync(scratch.path, 0o755));
afterAll(() => scratch.remove());

const fileOf = scratch.fileOf;

const made = (options: Partial<TrafficOptions> = {}) => framesOf(generateTraffic({ seed: 5, flows: 60, packetsPerFlow: 4, ...options }));
const plain = made({ classes: ['ipv4-tcp', 'ipv6-udp'] });
const fragments = made({ classes: ['fragment-ipv4-udp'], packetsPerFlow: 8 });
const PACKETS = 240;

async function predict(args: readonly string[], options?: ToolOptions) {
  const { status, stdout, stderr } = await run(['predict', ...args, '--json', '--quiet'], options);
  if (stdout === '') throw new Error(`it exited with ${status}: ${stderr}`);
  const prediction: PredictionResult = JSON.parse(stdout);
  expect(predictionSchemaErrors(prediction)).toEqual([]);
  return { status, stderr, prediction };
}

function expectKept({ status, stderr, prediction }: Awaited<ReturnType<typeof predict>>): void {
  expect([status, stderr]).toEqual([0, '']);
  expect(prediction.packets).toEqual({ read: PACKETS, leftOut: 0, judged: PACKETS, overflowed: 0, ignored: {} });
  expect(prediction.flows).toEqual({ total: 60, kept: 60, split: 0, duplicated: 0, harmless: 0, twoWay: 60, oneWay: 0 });
  expect([prediction.causes, prediction.violations, prediction.warnings]).toEqual([[], [], []]);
}

describe('what is read', () => {
  test.each<[string, Uint8Array]>([
    ['pcap', pcapBytes(plain)],
    ['pcapng in sections of both byte orders', pcapngBytes(plain, { packetsPerSection: 50 })],
    ['gzip', gzipSync(pcapBytes(plain))],
  ])('%s', async (_, bytes) => {
    const path = fileOf(bytes);
    const result = await predict([path]);
    expectKept(result);
    expect(result.prediction.source).toEqual({ kind: 'pcap', pcap: path });
  });

  test('standard input, from a pipe', async () => {
    const source = spawn('cat', [fileOf(gzipSync(pcapngBytes(plain)))], { stdio: ['ignore', 'pipe', 'ignore'] });
    const result = await predict(['-'], { stdin: source.stdout });
    expectKept(result);
    expect(result.prediction.source.pcap).toBe('-');
  });

  testWith([root()], 'by a user without any privilege', {}, async () => {
    const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--no-new-privs'];
    expectKept(await predict([fileOf(pcapBytes(plain))], { by: nobody }));
  });
});

describe('what is said', () => {
  test('flows that must be split: 1, with the cause, the keys and the Community ID', async () => {
    const { status, prediction } = await predict([fileOf(pcapBytes(made({ classes: ['ipv4-tcp', 'vxlan-ipv4-tcp'], flows: 120 })))]);
    expect(status).toBe(1);
    expect(prediction.flows).toMatchObject({ total: 120, kept: 60, split: 60 });
    expect(prediction.causes.map(({ code, flows }) => [code, flows])).toEqual([['tunnel-outer-only', 60]]);
    const [violation] = prediction.violations;
    expect(prediction.violations.length).toBe(60);
    expect(violation).toMatchObject({
      kind: 'asymmetric',
      cause: 'tunnel-outer-only',
      flow: { communityId: expect.stringMatching(/^1:/) },
    });
    expect(new Set(violation?.observations.map(({ kernelKey }) => kernelKey)).size).toBe(2);
  });

  test('the flag defrag changes both the answer and what the other group is', async () => {
    const path = fileOf(pcapBytes(fragments));
    const [without, withFlag] = [await predict([path]), await predict([path, '--defrag'])];
    expect([without.status, withFlag.status]).toEqual([1, 0]);
    expect(without.prediction.causes.map(({ code }) => code)).toEqual(['fragment-v4']);
    expect([without.prediction.group.flags, withFlag.prediction.group.flags]).toEqual([[], ['defrag']]);
    for (const key of ['group', 'packets', 'flows', 'causes'] as const) {
      expect(without.prediction.alternative[key]).toEqual(withFlag.prediction[key]);
      expect(withFlag.prediction.alternative[key]).toEqual(without.prediction[key]);
    }
  });

  describe('of flows that several things may have split', () => {
    const [client, server] = [Uint8Array.of(198, 51, 100, 10), Uint8Array.of(203, 0, 113, 5)];
    const [there, back] = [
      { source: client, destination: server },
      { source: server, destination: client },
    ];
    const link = ethernet({ source: Uint8Array.of(2, 0, 0, 0, 0, 1), destination: Uint8Array.of(2, 0, 0, 0, 0, 2) });
    const query = udp({ sourcePort: 40000, destinationPort: 53 });
    const reply = udp({ sourcePort: 53, destinationPort: 40000 });
    const front = 80;
    const pieces = (ends: typeof there, ...layers: readonly Layer[]) => [
      [link, ipv4({ ...ends, dontFragment: false, moreFragments: true }), ...layers, padding({ length: front - 8 * layers.length })],
      [link, ipv4({ ...ends, dontFragment: false, fragmentOffset: front }), announced(PROTOCOL.udp, ''), padding({ length: 16 })],
    ];
    const said = async (frames: readonly (readonly Layer[])[]) => {
      const path = fileOf(pcapBytes(frames.map(buildFrame)));
      const told = [await predict([path]), await predict([path, '--defrag'])];
      return told.map(({ status, prediction }) => [status, ...prediction.causes.map(({ code, remedy }) => `${code}: ${remedy}`)]);
    };
    const labels = `${STEER_INSIDE}; or have the packet broker strip labels, tags and tunnels in both directions`;
    const defrag = expect.stringMatching(/^fragment-v4: set --defrag/);

    test('fragments: the flag mends them', async () => {
      expect(await said([[link, ipv4(there), query], [link, ipv4(back), reply], ...pieces(back, reply)])).toEqual([[1, defrag], [0]]);
    });

    test('fragments and a label in one direction: not the flag alone', async () => {
      const frames = [[link, mpls({ label: 100 }), ipv4(there), query], [link, ipv4(back), reply], ...pieces(back, reply)];
      expect(await said(frames)).toEqual([
        [1, expect.stringContaining(`tunnel-outer-only: ${labels}; for fragments that remain then: set --defrag`)],
        [1, `tunnel-outer-only: ${labels}`],
      ]);
    });

    test('fragments of the one label-less direction alone', async () => {
      const frames = [[link, mpls({ label: 100 }), ipv4(there), query], ...pieces(back, reply)];
      const codes = (await said(frames)).map(([status, text]) => [status, String(text).split(':')[0]]);
      expect(codes).toEqual([
        [1, 'tunnel-outer-only'],
        [1, 'tunnel-outer-only'],
      ]);
    });

    test.each([false, true])('AH on some packets does no harm (it comes first: %s)', async (isFirst) => {
      const bare = [
        [link, ipv4(there), query],
        [link, ipv4(back), reply],
      ];
      const authenticated = [[link, ipv4(there), ah({ spi: 256, sequence: 1 }), query]];
      const frames = isFirst ? [...authenticated, ...bare] : [...bare, ...authenticated];
      const harmless = [0, expect.stringMatching(/^esp-ah-spi: none is needed/)];
      expect(await said(frames)).toEqual([harmless, harmless]);
    });
  });

  test('one direction alone: 3', async () => {
    const traffic = generateTraffic({ seed: 5, flows: 60, packetsPerFlow: 4, classes: ['ipv4-tcp'] });
    const directions = packetsOf(traffic).map(({ tag }) => tag.direction);
    const forward = framesOf(traffic).filter((_, i) => directions[i] === 'forward');
    const { status, prediction } = await predict([fileOf(pcapBytes(forward))]);
    expect([status, prediction.flows.twoWay, prediction.warnings.map(({ code }) => code)]).toEqual([3, 0, ['mostly-one-way']]);
  });

  test('no flow: 3', async () => {
    const { status, prediction } = await predict([fileOf(pcapBytes(made({ classes: ['arp'] })))]);
    expect([status, prediction.flows.total, prediction.packets.ignored]).toEqual([3, 0, { 'ethertype 0x0806': PACKETS }]);
    expect(prediction.causes.map(({ code }) => code)).toEqual(['no-spread']);
  });

  test('as text, and to a file', async () => {
    const json = join(scratch.path, 'prediction.json');
    const path = fileOf(pcapBytes(fragments));
    const { status, stdout, stderr } = await run(['predict', path, '--json', json]);
    expect([status, stderr]).toEqual([1, '']);
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain(`HASH must split 60 of 60 flows of ${path}; with --defrag none.`);
    expect(stdout).toContain(`\n  sudo fanout-cluster --pcap ${path} --procs 64\n`);
    expect(predictionSchemaErrors(JSON.parse(readFileSync(json, 'utf8')))).toEqual([]);
  });
});

describe('damage: what was read is judged, with a warning', () => {
  const pcap = pcapBytes(plain);
  test.each<[string, Uint8Array, string]>([
    ['cut', pcap.subarray(0, -5), 'it ends inside packet 240'],
    ['gzip that ends too early', gzipSync(pcap).subarray(0, -20), 'its gzip data end too early'],
    ['gzip followed by something else', Buffer.concat([gzipSync(pcap), Buffer.from('garbage')]), 'its gzip data are damaged'],
  ])('%s', async (_, bytes, message) => {
    const { status, prediction } = await predict([fileOf(bytes)]);
    expect([status, prediction.warnings.map(({ code }) => code)]).toEqual([0, ['capture-damaged']]);
    expect(prediction.warnings[0]?.message).toContain(message);
    expect(prediction.packets.judged).toBe(prediction.packets.read);
    expect(prediction.packets.read).toBeGreaterThan(100);
  });

  test('headers that were cut, and packets of other link types', async () => {
    const bytes = Buffer.concat([
      pcapngBytes(plain),
      pcapngBytes(plain.slice(0, 4), { linkType: 189 }),
      pcapngBytes(plain.slice(0, 3), { snaplen: 30 }),
    ]);
    const { status, prediction } = await predict([fileOf(bytes)]);
    expect([status, prediction.warnings.map(({ code }) => code)]).toEqual([0, ['packets-left-out', 'packets-cut']]);
    expect(prediction.packets).toMatchObject({ read: 247, leftOut: 4, judged: 240, ignored: { truncated: 3 } });
    expect(prediction.warnings[1]?.message).toMatch(/, 3 of 243 packets .*; they are not judged$/);
  });
});

describe('what cannot be read: 2', () => {
  test.each<[string, () => readonly string[], RegExp]>([
    ['no file named', () => [], /no capture file is named/],
    ['two files', () => ['a', 'b'], /predict takes one argument/],
    ['an option of run', () => ['a', '--procs', '4'], /unknown option '--procs'/],
    ['no such file', () => ['/nowhere/x.pcap'], /BAD_CAPTURE: predict: cannot open \/nowhere\/x\.pcap: ENOENT/],
    ['a directory', () => [scratch.path], /BAD_CAPTURE: predict: .* is a directory/],
    ['a device', () => ['/dev/zero'], /BAD_CAPTURE: predict: .* -> pipe it in: \.\.\. \| fanout-cluster predict -/s],
    ['an empty file', () => [fileOf(Buffer.alloc(0))], /BAD_CAPTURE: predict: .* is empty/],
    ['a capture without packets', () => [fileOf(pcapBytes([]))], /BAD_CAPTURE: predict: .* holds no packet/],
    ['another format', () => [fileOf(Buffer.from('28b52ffd00000000', 'hex'))], /zstd -dc \S+ \| fanout-cluster predict -/],
    [
      'only packets of another link type',
      () => [fileOf(pcapBytes(plain, { linkType: 147 }))],
      /none of the 240 packets of .* can be judged/,
    ],
    ['nowhere to write', () => [fileOf(pcapBytes(plain)), '--json', '/nowhere/x.json'], /OUTPUT_UNWRITABLE/],
    ['a name that commands the terminal', () => ['x\u001b[2J'], /predict: cannot open x\\u001b\[2J/],
  ])('%s', async (_, args, said) => {
    const { status, stdout, stderr } = await run(['predict', ...args()]);
    expect(stderr).toMatch(said);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).not.toMatch(/^ {4}at /m);
  });

  test('the report would replace the capture', async () => {
    const path = fileOf(pcapBytes(plain));
    const { status, stderr } = await run(['predict', path, '--json', path]);
    expect([status, stderr]).toEqual([2, expect.stringContaining('CONTRADICTORY_OPTIONS')]);
    expect(readFileSync(path)).toEqual(pcapBytes(plain));
  });
});

describe('signals', () => {
  test('end the reading, with a prediction for what has come', async () => {
    const bytes = pcapBytes(plain);
    const half = `cat ${fileOf(bytes.subarray(0, bytes.length - 10))}; exec sleep 60`;
    const source = spawn('sh', ['-c', half], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      const { child, ended } = start(['predict', '-', '--json', '--quiet'], { stdin: source.stdout });
      await new Promise((resolve) => setTimeout(resolve, 1500));
      child.kill('SIGINT');
      const { status, stdout } = await ended;
      const prediction: PredictionResult = JSON.parse(stdout);
      expect([status, prediction.packets.read]).toEqual([3, PACKETS - 1]);
      expect(prediction.warnings.map(({ code }) => code)).toEqual(['capture-unfinished']);
    } finally {
      source.kill();
    }
  });

  test('before anything has come they leave nothing to say: 4', async () => {
    const source = spawn('sleep', ['60'], { stdio: ['ignore', 'pipe', 'ignore'] });
    try {
      const { child, ended } = start(['predict', '-'], { stdin: source.stdout });
      await new Promise((resolve) => setTimeout(resolve, 1500));
      child.kill('SIGTERM');
      const { status, stdout, stderr } = await ended;
      expect([status, stdout, stderr]).toEqual([4, '', expect.stringContaining('INTERRUPTED')]);
    } finally {
      source.kill();
    }
  });
});

test('memory is flat: a file of 400 MB of few flows takes no more than a small one', async () => {
  const peakKb = async (rounds: number) => {
    const script = `i=0; head -c 24 "$1"; while [ $i -lt ${rounds} ]; do tail -c +25 "$1"; i=$((i+1)); done`;
    const large = made({ classes: ['ipv4-udp'], flows: 300, packetsPerFlow: 4, payloadMin: 1400, payloadMax: 1400 });
    const source = spawn('sh', ['-c', script, 'sh', fileOf(pcapBytes(large))], { stdio: ['ignore', 'pipe', 'ignore'] });
    const { child, ended } = start(['predict', '-', '--json', '--quiet'], { stdin: source.stdout });
    let peak = 0;
    const watch = setInterval(() => {
      try {
        const status = readFileSync(`/proc/${child.pid}/status`, 'latin1');
        peak = Math.max(peak, Number(/VmHWM:\s*(\d+)/.exec(status)?.[1] ?? 0));
      } catch {
        // It has ended.
      }
    }, 10);
    const { status, stdout } = await ended;
    clearInterval(watch);
    const { packets, flows }: PredictionResult = JSON.parse(stdout);
    expect([status, packets.judged, flows.kept]).toEqual([0, rounds * large.length, 300]);
    return peak;
  };
  const [small, large] = [await peakKb(2), await peakKb(230)];
  expect(small).toBeGreaterThan(10_000);
  expect(large - small).toBeLessThan(100_000);
});
