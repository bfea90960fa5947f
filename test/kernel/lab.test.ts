/** To be run in a network namespace of its own: unshare --net npx vitest run test/kernel/lab.test.ts */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { InjectPlan } from '../../src/addon/injector.ts';
import { isSystemCallError } from '../../src/errors.ts';
import { LAB_VARIABLE, labState, readSelf, usedDevices } from '../../src/lab/namespace.ts';
import { createLabNetwork, type Injection, type LabNetwork } from '../../src/lab/network.ts';
import { TRAFFIC_CLASSES } from '../../src/traffic/classes.ts';
import { LAB_TAG, readTag } from '../../src/traffic/tag.ts';
import { generateTraffic } from '../../src/traffic/traffic.ts';
import { ADDON_PATH, loadLabAddon } from '../helpers/addon.ts';
import { receivedPackets, startCapture } from '../helpers/capture.ts';
import { readPcap, writePcap } from '../helpers/pcap.ts';
import { bundle, runProgram, temporaryDirectory } from '../helpers/programs.ts';
import { framesOf } from '../helpers/traffic.ts';
import { tshark } from '../helpers/tshark.ts';
import { lookAt, type Seen } from '../helpers/wire.ts';

const addon = loadLabAddon();
const scratch = temporaryDirectory();
let network: LabNetwork | undefined;

beforeAll(() => {
  const used = usedDevices(readSelf().devices).filter((name) => name !== 'cap0' && name !== 'gen0');
  if (used.length > 0) throw new Error(`packets have passed ${used.join(', ')}: run this under "unshare --net"`);
});

afterEach(async () => {
  await network?.close();
  network = undefined;
});

afterAll(() => scratch.remove());

async function open(injection: Injection, queues = 1): Promise<LabNetwork> {
  network = await createLabNetwork({ addon, injection, queues });
  return network;
}

/** Everything of a frame but what the injector writes into it. */
function withoutSequence(frame: Uint8Array, tagAt: number): Buffer {
  const copy = Buffer.from(frame);
  copy.fill(0, tagAt + LAB_TAG.sequenceOffset, tagAt + LAB_TAG.bytes);
  return copy;
}

describe.each<Injection>(['tap', 'veth'])('frames sent through %s', (injection) => {
  test('arrive exactly: all of them, in order, numbered, otherwise unchanged', async () => {
    const lab = await open(injection, 4);
    const traffic = generateTraffic({ seed: 7, flows: 200, queues: lab.queues });
    const file = join(scratch.path, `${injection}.pcap`);
    const capture = await startCapture(lab.interface, file);
    const rounds = 3;
    const report = await lab.createInjector(traffic).run({ rounds });
    const seen = await capture.finish();

    const sent = framesOf(traffic);
    expect(report).toMatchObject({ packets: rounds * sent.length, bytes: rounds * traffic.frames.length, stopped: false });
    expect(seen).toEqual({ captured: report.packets, dropped: 0 });
    const received = readPcap(file);
    expect(received).toHaveLength(report.packets);
    received.forEach((frame, i) => {
      const original = sent[i % sent.length] ?? new Uint8Array(0);
      const tagAt = traffic.tags[i % sent.length] ?? 0;
      expect(readTag(frame, tagAt)?.sequence).toBe(i);
      expect(withoutSequence(frame, tagAt).equals(withoutSequence(original, tagAt))).toBe(true);
      if (i >= 2 * sent.length) expect(lookAt(frame).faults).toEqual([]);
    });
    expect(receivedPackets(lab.interface)).toBe(report.packets);
  });

  test('and when it is closed, another can be opened in the same place, as often as needed', async () => {
    for (let i = 0; i < 3; i += 1) {
      const lab = await open(injection);
      expect(await lab.createInjector(generateTraffic({ seed: i, flows: 10 })).run()).toMatchObject({ packets: 80 });
      await lab.close();
      expect(readSelf().devices).not.toContain(lab.interface);
    }
  });

  test('are alone: an idle interface receives and sends nothing by itself', async () => {
    const lab = await open(injection);
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(usedDevices(readSelf().devices)).not.toContain(lab.interface);
  });

  test('are paced as asked, and stopped at once', async () => {
    const lab = await open(injection);
    const injector = lab.createInjector(generateTraffic({ seed: 1, flows: 100 }));
    const report = await injector.run({ packetsPerSecond: 8000 });
    expect(report.packets).toBe(800);
    // 800 packets take 99.9 ms; a machine under load may take longer, but never less.
    expect(report.elapsedMs).toBeGreaterThan(99);
    expect(report.elapsedMs).toBeLessThan(300);

    const endless = injector.run({ rounds: 0, packetsPerSecond: 0.5 });
    await expect.poll(() => injector.counters.packets).toBe(1);
    const asked = performance.now();
    injector.stop();
    expect(await endless).toMatchObject({ packets: 1, stopped: true });
    expect(performance.now() - asked).toBeLessThan(500);
  });

  test('are refused with call and errno when the interface is down', async () => {
    const lab = await open(injection);
    execFileSync('ip', ['link', 'set', injection === 'tap' ? 'cap0' : 'gen0', 'down']);
    const injector = lab.createInjector(generateTraffic({ seed: 1, flows: 10 }));
    const error = await injector.run().catch((reason: unknown) => reason);
    expect(isSystemCallError(error) && [error.call, error.errno]).toEqual(injection === 'tap' ? ['write', 5] : ['sendmmsg', 100]);
    expect(injector.counters.packets).toBe(0);
  });
});

test('a veth whose far end takes nothing is reported, not waited for without end', async () => {
  const lab = await open('veth');
  execFileSync('ip', ['link', 'set', 'cap0', 'down']);
  const error = await lab
    .createInjector(generateTraffic({ seed: 1, flows: 10 }))
    .run()
    .catch((reason: unknown) => reason);
  expect(isSystemCallError(error) && error.errno).toBe(105);
});

test('the TAP hands out what the kernel sends: one queue per flow, the same for both directions', async () => {
  await open('tap', 8);
  await network?.close();
  const tap = new addon.Tap({ name: 'oracle0', queues: 8 });
  execFileSync('ip', ['link', 'set', 'dev', 'oracle0', 'addrgenmode', 'none', 'arp', 'off', 'up']);
  const traffic = generateTraffic({ seed: 5, flows: 64, packetsPerFlow: 4, classes: ['ipv4-tcp', 'ipv4-udp'] });
  await new addon.Injector({ ...traffic, interface: 'oracle0' }).run();
  const queuesOf = new Map<number, Set<number>>();
  let count = 0;
  for (let queue = 0; queue < 8; queue += 1) {
    for (let frame = tap.read(queue); frame !== null; frame = tap.read(queue)) {
      const tagAt = Buffer.from(frame).indexOf(Buffer.from('FCLT'));
      const flow = readTag(frame, tagAt)?.flow ?? -1;
      queuesOf.set(flow, (queuesOf.get(flow) ?? new Set()).add(queue));
      count += 1;
    }
  }
  tap.close();
  expect(count).toBe(256);
  expect(queuesOf.size).toBe(64);
  expect(Array.from(queuesOf.values()).every((queues) => queues.size === 1)).toBe(true);
  expect(new Set(Array.from(queuesOf.values()).flatMap((queues) => Array.from(queues))).size).toBe(8);
});

describe('Wireshark', () => {
  const STATUS = ['ip', 'tcp', 'udp', 'sctp', 'icmp', 'icmpv6', 'dccp'];

  test('finds every checksum right and no packet malformed, as generated and as sent', async () => {
    const lab = await open('tap');
    const traffic = generateTraffic({ seed: 1 });
    const generated = join(scratch.path, 'generated.pcap');
    writePcap(generated, framesOf(traffic));
    const sent = join(scratch.path, 'sent.pcap');
    const capture = await startCapture(lab.interface, sent);
    // Paced, so that tcpdump on a busy machine keeps up; the second round has sequence numbers that need all guard bytes.
    await lab.createInjector(traffic).run({ rounds: 2, packetsPerSecond: 50_000 });
    expect(await capture.finish()).toEqual({ captured: 16_000, dropped: 0 });

    for (const [file, count] of [
      [generated, 8000],
      [sent, 16_000],
    ] as const) {
      expect(tshark(file, '_ws.malformed || _ws.expert.severity >= "Warning"', ['frame.number', '_ws.expert.message'])).toEqual([]);
      const wrong = STATUS.map((name) => `${name}.checksum.status == 0`).join(' || ');
      expect(tshark(file, wrong, ['frame.number'])).toEqual([]);
      // UDP-Lite shares the dissector and the field of UDP.
      const right = tshark(
        file,
        STATUS.slice(1)
          .map((name) => `${name}.checksum.status == 1`)
          .join(' || '),
        ['frame.number'],
      );
      expect(right).toHaveLength(count);
    }
  });

  // No field says what is behind MPLS labels, tshark does not guess pseudowires right, and it does not know what only one reader opens.
  const DECODED_AS: Readonly<Record<string, string>> = {
    'mpls-pw-ipv4-tcp': 'mpls.label==16-1048575,pwethnocw',
    'mpls-pw-control-ipv4-tcp': 'mpls.label==16-1048575,pwethcw',
    'vlan-9200-ipv4-tcp': 'ethertype==0x9200,vlan',
  };
  // Of EtherIP one class has the version in the wrong place on purpose.
  const ON_PURPOSE = 'etherip.ver != 3';
  // Of FabricPath tshark takes the last four octets for a checksum, though a capture has none, and then misses them in the packet.
  const isCutByWireshark = (name: string) => name.startsWith('fabricpath');
  const names = TRAFFIC_CLASSES.map((row) => row.name);
  const asIs = names.filter((name) => DECODED_AS[name] === undefined);
  const samples = [
    asIs.filter((name) => !isCutByWireshark(name)),
    asIs.filter(isCutByWireshark),
    ...Object.keys(DECODED_AS).map((name) => [name]),
  ];

  test.each(samples.map((classes) => ({ first: classes[0] ?? '', classes })))(
    'of every class ($first, ...): nothing malformed, no checksum wrong, every layer recognised',
    { timeout: 180_000 },
    async ({ first, classes }) => {
      const lab = await open('tap');
      const traffic = generateTraffic({ seed: 3, classes, flows: 2 * classes.length, packetsPerFlow: 12, payloadMax: 200 });
      const generated = join(scratch.path, `${first}-generated.pcap`);
      writePcap(generated, framesOf(traffic));
      const sent = join(scratch.path, `${first}-sent.pcap`);
      const capture = await startCapture(lab.interface, sent);
      await lab.createInjector(traffic).run({ rounds: 1, packetsPerSecond: 20_000 });
      await capture.finish();
      const decoded = DECODED_AS[first];
      const options = decoded === undefined ? [] : ['-d', decoded];
      for (const file of [generated, sent]) {
        const faults = [...STATUS, 'igmp'].map((name) => `${name}.checksum.status == 0`);
        const wrong = ['_ws.malformed', '_ws.expert.severity >= "Warning"', ...faults].join(' || ');
        expect(
          tshark(
            file,
            isCutByWireshark(first) ? '_ws.expert.message == ""' : `(${wrong}) && !(${ON_PURPOSE})`,
            ['frame.number', 'frame.protocols', '_ws.expert.message'],
            options,
          ),
        ).toEqual([]);
        const protocols = tshark(file, 'frame', ['frame.protocols'], options).map(([text = '']) => text.split(':'));
        expect(protocols).toHaveLength(24 * classes.length);
        const missed = readPcap(file).map((frame, n) => ({ n, missing: missingIn(protocols[n] ?? [], lookAt(frame)) }));
        expect(missed.filter(({ missing }) => missing !== undefined)).toEqual([]);
      }
    },
  );

  const OTHER_NAMES: Readonly<Record<string, readonly string[]>> = {
    ipv4: ['ip'],
    icmp6: ['icmpv6'],
    vlan: ['vlan', 'ieee8021ad'],
    pppoe: ['pppoes'],
    nvgre: ['gre'],
    gtpu: ['gtp', 'gtpprime'],
    lisp: ['lisp-data'],
    capwap: ['capwap.data'],
    eoip: ['gre'],
    batman: ['batadv'],
    fabricpath: ['cfp'],
    pbb: ['ieee8021ah', 'ieee8021ad'],
    snap: ['llc'],
  };

  /** The first layer of the stack that Wireshark does not have in its place. What is in several fragments it shows in the last. */
  function missingIn(protocols: readonly string[], { stack, isCutOff }: Seen): string | undefined {
    let at = 0;
    return (
      (isCutOff ? dirname(stack) : stack)
        .replace(/\/frag\b.*/, '')
        // Without a name in its list are protocol 143, and VXLAN where it says what it carries.
        .replace(/\/srv6l2|(?<=udp)\/vxlan(?=\/(nsh|ip))/, '')
        // The tags of 802.1ah and the customer's Ethernet header are one dissector.
        .replace(/(vlan\/)?pbb\/eth/, 'pbb')
        .split('/')
        .filter((layer) => layer !== 'other' && layer !== 'pw')
        .find((layer) => {
          const found = protocols.findIndex((protocol, n) => n > at && (OTHER_NAMES[layer] ?? [layer]).includes(protocol));
          at = found;
          return found < 0;
        })
    );
  }

  test('notices a wrong checksum: the test above can fail', () => {
    const traffic = generateTraffic({ seed: 1, flows: 23 });
    for (const frame of framesOf(traffic)) frame[frame.length - 1] = (frame.at(-1) ?? 0) ^ 0x40;
    const file = join(scratch.path, 'wrong.pcap');
    writePcap(file, framesOf(traffic));
    expect(tshark(file, STATUS.map((name) => `${name}.checksum.status == 0`).join(' || '), ['frame.number']).length).toBe(23 * 8);
  });
});

describe('the addon', () => {
  test('has the tag layout that the generator writes', () => {
    expect(addon.labTag).toEqual(LAB_TAG);
  });

  test('refuses what does not fit together', async () => {
    const lab = await open('tap', 2);
    const good = generateTraffic({ seed: 1, flows: 4, queues: 2 });
    const bad = (part: object) => () => lab.createInjector({ ...good, ...part });
    expect(bad({ offsets: good.offsets.with(1, 5) })).toThrow(RangeError);
    expect(bad({ offsets: good.offsets.with(2, 0) })).toThrow(RangeError);
    expect(bad({ offsets: good.offsets.with(-1, 2 ** 31) })).toThrow(RangeError);
    expect(bad({ offsets: new Uint32Array(0) })).toThrow(RangeError);
    expect(bad({ queues: good.queues.with(3, 2) })).toThrow(RangeError);
    expect(bad({ queues: good.queues.subarray(1) })).toThrow(RangeError);
    expect(bad({ tags: good.tags.with(0, 9) })).toThrow(RangeError);
    expect(bad({ tags: good.tags.with(0, 65535) })).toThrow(RangeError);
    expect(bad({ frames: 'text' })).toThrow(TypeError);
    const run = (plan: InjectPlan) => () => lab.createInjector(good).run(plan);
    expect(run({ rounds: -1 })).toThrow(RangeError);
    expect(run({ rounds: 0.5 })).toThrow(RangeError);
    expect(run({ packetsPerSecond: Number.NaN })).toThrow(RangeError);
    expect(run({ cpu: 1023 })).toThrow(/pthread_create/);
    expect(() => new addon.Injector({ ...good, tap: {} as never })).toThrow(TypeError);
    expect(() => new addon.Tap({ name: 'cap0' })).toThrow(/TUNSETIFF/);
    expect(() => new addon.Tap({ name: 'x', queues: 257 })).toThrow(RangeError);
  });

  const PRELUDE = `
    import { createRequire } from 'node:module';
    import { Worker, isMainThread, parentPort } from 'node:worker_threads';
    import { execFileSync } from 'node:child_process';
    import { generateTraffic } from 'src/traffic/traffic.ts';
    const addon = createRequire(import.meta.url)(${JSON.stringify(ADDON_PATH)});
    const traffic = generateTraffic({ seed: 1, flows: 20 });
    const open = (queues = 1) => {
      const tap = new addon.Tap({ name: 'life%d', queues });
      execFileSync('ip', ['link', 'set', 'dev', tap.name, 'addrgenmode', 'none', 'arp', 'off', 'up']);
      return tap;
    };
    const spread = { ...traffic, queues: traffic.queues.map((_, i) => i % 4) };
    const started = async (injector) => { while (injector.counters.packets === 0) await new Promise(setImmediate); };
  `;
  const LIVES: Readonly<Record<string, string>> = {
    'exit while sending': `
      const injector = new addon.Injector({ ...traffic, tap: open() });
      injector.run({ rounds: 0 });
      await started(injector);
      process.exit(0);`,
    'exit while several threads send': `
      const injector = new addon.Injector({ ...spread, tap: open(4) });
      injector.run({ rounds: 0, queueCpus: [0] });
      await started(injector);
      process.exit(0);`,
    'everything forgotten while sending, then collected': `
      let ended = false;
      (() => { new addon.Injector({ ...traffic, tap: open() }).run({ rounds: 200, packetsPerSecond: 500000 }).then(() => { ended = true; }); })();
      while (!ended) { gc(); await new Promise(setImmediate); }
      gc();`,
    'made and never run': `
      for (let i = 0; i < 50; i += 1) { new addon.Injector({ ...traffic, tap: open() }); gc(); await new Promise(setImmediate); }`,
    'TAP closed while sending': `
      const tap = open();
      const injector = new addon.Injector({ ...traffic, tap });
      const run = injector.run({ rounds: 0 });
      await started(injector);
      tap.close(); gc();
      const before = injector.counters.packets;
      while (injector.counters.packets === before) await new Promise(setImmediate);
      injector.stop();
      if (!(await run).stopped) throw new Error('not stopped');`,
    'worker thread terminated while sending, many times': `
      if (isMainThread) {
        for (let i = 0; i < 10; i += 1) {
          const worker = new Worker(new URL(import.meta.url));
          await new Promise((resolve, reject) => { worker.once('message', resolve); worker.once('error', reject); });
          await worker.terminate();
        }
      } else {
        const injector = new addon.Injector({ ...traffic, tap: open() });
        injector.run({ rounds: 0 });
        const several = new addon.Injector({ ...spread, tap: open(4) });
        several.run({ rounds: 0, packetsPerSecond: 1000, queueCpus: [0] });
        await started(injector);
        parentPort.postMessage('sending');
        await new Promise(() => setInterval(() => undefined, 1000));
      }`,
    'worker thread ends by itself as the run ends': `
      if (isMainThread) {
        for (let i = 0; i < 10; i += 1) await new Promise((resolve) => new Worker(new URL(import.meta.url)).once('exit', resolve));
      } else {
        new addon.Injector({ ...traffic, tap: open() }).run({ rounds: 1 }).then(() => process.exit(0));
      }`,
  };

  test.each(Object.keys(LIVES))('ends cleanly: %s', { timeout: 180_000 }, async (name) => {
    const file = join(scratch.path, 'life.mjs');
    await bundle(PRELUDE + LIVES[name], file);
    // The C library overwrites what is freed, so that a use after free does not go unnoticed.
    const env = { ...process.env, MALLOC_PERTURB_: '165' };
    const ended = await runProgram(process.execPath, ['--expose-gc', file], { env });
    expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' });
  });
});

describe('entering the lab', () => {
  const SOURCE = `
    import { createRequire } from 'node:module';
    import { readlinkSync, readFileSync } from 'node:fs';
    import { enterLab, labState } from 'src/lab/namespace.ts';
    const addon = createRequire(import.meta.url)(process.env.ADDON);
    const facts = (state) => console.log(JSON.stringify({ state, pid: process.pid, netns: readlinkSync('/proc/self/ns/net'),
      arguments: process.argv.slice(2), devices: readFileSync('/proc/self/net/dev', 'utf8').split('\\n').length }));
    try {
      const state = labState(process.env);
      facts(state);
      if (state === 'inside') {
        if (process.argv[2] === 'wait') setInterval(() => undefined, 1000);
        else process.exitCode = 3;
      } else {
        const argv = [process.execPath, ...process.execArgv, ...process.argv.slice(1)];
        await enterLab({ addon, argv, env: process.env, isRoot: process.env.AS_USER === undefined && process.getuid() === 0 });
      }
    } catch (error) {
      console.log(JSON.stringify({ code: error.code, remedy: error.remedy, message: error.message }));
      process.exitCode = 4;
    }
  `;
  const program = join(scratch.path, 'enter.mjs');
  const env = { PATH: process.env['PATH'], ADDON: ADDON_PATH };

  beforeAll(async () => {
    await bundle(SOURCE, program);
  });

  const lines = (stdout: string) =>
    stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);

  test('as root: another namespace, the same process, arguments and exit status kept', async () => {
    const ended = await runProgram(process.execPath, [program, 'a b', ''], { env });
    const [outside, inside] = lines(ended.stdout);
    expect(ended).toMatchObject({ code: 3, stderr: '' });
    expect(outside).toMatchObject({ state: 'outside', pid: ended.pid });
    expect(inside).toMatchObject({ state: 'inside', pid: ended.pid, arguments: ['a b', ''] });
    expect(inside?.['netns']).not.toBe(outside?.['netns']);
  });

  test('a signal reaches it, and ends it as it should', async () => {
    const ended = await runProgram(process.execPath, [program, 'wait'], {
      env,
      onStdout: (text, pid) => {
        if (text.includes('inside') && pid !== undefined) process.kill(pid, 'SIGTERM');
      },
    });
    expect(ended).toMatchObject({ signal: 'SIGTERM', code: null });
  });

  test('an inherited marker means nothing: a lab is entered anew', async () => {
    const ended = await runProgram(process.execPath, [program], { env: { ...env, [LAB_VARIABLE]: `${process.pid}:1` } });
    expect(lines(ended.stdout).map((line) => line['state'])).toEqual(['outside', 'inside']);
  });

  test('a marker forged for this very process is not believed where packets have passed', async () => {
    execFileSync('ip', ['link', 'set', 'lo', 'up']);
    execFileSync('ping', ['-c', '1', '127.0.0.1'], { stdio: 'ignore' });
    const forged = ['-c', `${LAB_VARIABLE}=$$:1 exec "$0" "$@"`, process.execPath, program];
    const ended = await runProgram('sh', forged, { env });
    expect(ended.code).toBe(4);
    expect(lines(ended.stdout)).toMatchObject([{ code: 'LAB_FAILED', message: expect.stringContaining('lo') }]);
  });

  test('unshare missing from PATH is said, with a remedy', async () => {
    const ended = await runProgram(process.execPath, [program], { env: { ...env, PATH: scratch.path, AS_USER: '1' } });
    expect(ended.code).toBe(4);
    expect(lines(ended.stdout)[1]).toMatchObject({ code: 'TOOL_MISSING', remedy: expect.stringContaining('util-linux') });
  });

  test('as an ordinary user: by way of a user namespace', async () => {
    const ended = await runProgram(process.execPath, [program], { env: { ...env, AS_USER: '1' } });
    expect(lines(ended.stdout).map((line) => line['state'])).toEqual(['outside', 'inside']);
    expect(ended.code).toBe(3);
  });

  test('user namespaces forbidden: a FanoutError, not an exit status that reads as a verdict', async () => {
    const limit = 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$0" "$@"';
    // The limit is per user namespace: set in one of its own, it binds this test only.
    const args = ['--user', '--map-root-user', '--net', 'sh', '-c', limit, process.execPath, program];
    const ended = await runProgram('unshare', args, { env: { ...env, AS_USER: '1' } });
    expect(ended.code).toBe(4);
    expect(lines(ended.stdout)[1]).toMatchObject({ code: 'NO_USER_NAMESPACE', remedy: expect.stringContaining('sudo') });
  });

  test('root without CAP_SYS_ADMIN: by way of a user namespace', async () => {
    const args = ['--bounding-set=-sys_admin', '--inh-caps=-sys_admin', process.execPath, program];
    const ended = await runProgram('setpriv', args, { env });
    expect(lines(ended.stdout).map((line) => line['state'])).toEqual(['outside', 'inside']);
    expect(ended.code).toBe(3);
  });
});

test('labState believes only what the kernel confirms', () => {
  const fresh = readFileSync('/proc/self/net/dev', 'utf8').split('\n').slice(0, 2).join('\n');
  const self = {
    pid: 42,
    netns: '7',
    devices: `${fresh}\n    lo:       0       0    0    0    0     0          0         0        0 0 0 0 0 0 0 0\n`,
  };
  expect(labState({}, self)).toBe('outside');
  expect(labState({ [LAB_VARIABLE]: '42:6' }, self)).toBe('inside');
  for (const marker of ['', '41:6', '42', '42:', '42:6:1', ' 42:6', 'yes'])
    expect(labState({ [LAB_VARIABLE]: marker }, self)).toBe('outside');
  expect(() => labState({ [LAB_VARIABLE]: '42:7' }, self)).toThrow(/still in the network namespace/);
  const used = { ...self, devices: `${self.devices}  eth0: 1500 10 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n` };
  expect(() => labState({ [LAB_VARIABLE]: '42:6' }, used)).toThrow(/eth0/);
});
