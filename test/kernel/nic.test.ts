/** The simulated NIC: one writer for each receive queue, and what modes qm and cpu make of what it spreads. */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { native } from '../../src/addon/native.ts';
import { isSystemCallError } from '../../src/errors.ts';
import type { LabNetwork } from '../../src/lab/network.ts';
import type { RunResult } from '../../src/model/run-result.ts';
import { FLOW_KINDS } from '../../src/nic/model.ts';
import { TRAFFIC_CLASSES } from '../../src/traffic/classes.ts';
import { readTag } from '../../src/traffic/tag.ts';
import { generateTraffic, type Traffic } from '../../src/traffic/traffic.ts';
import { receivedPackets, startCapture } from '../helpers/capture.ts';
import { runCli } from '../helpers/cli.ts';
import { accountErrors, membersInOrder, onePacketPerDirection, refuseHostNamespace, sendTo, withLab } from '../helpers/lab.ts';
import { readPcap, writePcap } from '../helpers/pcap.ts';
import { temporaryDirectory } from '../helpers/programs.ts';
import { cpus, root, testWith } from '../helpers/requirements.ts';
import { schemaErrors } from '../helpers/schema.ts';
import { rssHash, SUITE_KEY } from '../helpers/toeplitz.ts';
import { CLI, run } from '../helpers/tool.ts';
import { framesOf } from '../helpers/traffic.ts';

const scratch = temporaryDirectory();
beforeAll(refuseHostNamespace);
afterAll(() => scratch.remove());

/** Frames go to queues in no regular order. */
function scattered(queueCount: number, flows = 100): Traffic {
  const traffic = generateTraffic({ seed: 31, flows });
  return { ...traffic, queues: Uint16Array.from(traffic.tags, (_, i) => ((i * 2654435761) >>> 20) % queueCount) };
}

/** The sequence numbers in the order of arrival. */
async function sequencesOf(lab: LabNetwork, traffic: Traffic, send: () => Promise<unknown>): Promise<readonly number[]> {
  const file = join(scratch.path, 'sent.pcap');
  const capture = await startCapture(lab.interface, file);
  await send();
  await capture.finish();
  const offsets = [...new Set(traffic.tags)];
  return readPcap(file).map((frame) => {
    const found = offsets.map((at) => readTag(frame, at)).find((tag) => tag !== undefined);
    return found?.sequence ?? -1;
  });
}

describe('several writers', () => {
  testWith([cpus(2)], 'send everything once a round, numbered by the place on the wire, each queue in order', {}, async () => {
    await withLab('tap', 5, async (lab) => {
      const traffic = scattered(4);
      const [count, rounds] = [traffic.tags.length, 3];
      const arrived = await sequencesOf(lab, traffic, async () => {
        const report = await lab.createInjector(traffic).run({ rounds, queueCpus: [0, 1] });
        expect(report).toMatchObject({ packets: rounds * count, bytes: rounds * traffic.frames.length, stopped: false });
      });
      expect(arrived.toSorted((a, b) => a - b)).toEqual(Array.from({ length: rounds * count }, (_, i) => i));
      for (let queue = 0; queue < 4; queue += 1) {
        const own = arrived.filter((sequence) => traffic.queues[sequence % count] === queue);
        expect(own.length).toBeGreaterThan(count / 2);
        expect(own).toEqual(own.toSorted((a, b) => a - b));
      }
      // None begins a round before all have ended the one before.
      const round = arrived.map((sequence) => Math.floor(sequence / count));
      expect(round).toEqual(round.toSorted());
    });
  });

  testWith([cpus(2)], 'keep to the schedule of the wire, not of their own queue', {}, async () => {
    await withLab('tap', 2, async (lab) => {
      const traffic = scattered(1, 125);
      const queues = Uint16Array.from(traffic.tags, (_, i) => (i < 900 ? 0 : 1));
      const arrived = await sequencesOf(lab, traffic, async () => {
        const report = await lab.createInjector({ ...traffic, queues }).run({ packetsPerSecond: 5000, queueCpus: [0, 1] });
        expect(report.packets).toBe(1000);
        expect(report.elapsedMs).toBeGreaterThan(199);
        expect(report.elapsedMs).toBeLessThan(600);
      });
      // A queue that sent its 100 frames at once would have them out before the other one's first hundred.
      expect(arrived.indexOf(900)).toBeGreaterThan(arrived.indexOf(600));
    });
  });

  testWith([cpus(2)], 'stop together, and the next run goes on with numbers that were not used', {}, async () => {
    await withLab('tap', 4, async (lab) => {
      const traffic = scattered(4);
      const injector = lab.createInjector(traffic);
      let first = 0;
      const arrived = await sequencesOf(lab, traffic, async () => {
        const endless = injector.run({ rounds: 0, packetsPerSecond: 20_000, queueCpus: [0, 1] });
        await expect.poll(() => injector.counters.packets).toBeGreaterThan(2000);
        injector.stop();
        const report = await endless;
        expect(report.stopped).toBe(true);
        expect(receivedPackets(lab.interface)).toBe(report.packets);
        first = report.packets;
        expect(await injector.run({ queueCpus: [0, 1] })).toMatchObject({ packets: traffic.tags.length, stopped: false });
      });
      expect(new Set(arrived).size).toBe(first + traffic.tags.length);
      expect(Math.min(...arrived.slice(first))).toBeGreaterThan(Math.max(...arrived.slice(0, first)));
    });
  });

  testWith([cpus(2)], 'fail together, and can start again', {}, async () => {
    await withLab('tap', 4, async (lab) => {
      const injector = lab.createInjector(scattered(4));
      execFileSync('ip', ['link', 'set', lab.interface, 'down']);
      const error = await injector.run({ rounds: 0, packetsPerSecond: 1, queueCpus: [0, 1] }).catch((reason: unknown) => reason);
      expect(isSystemCallError(error) && [error.call, error.errno]).toEqual(['write', 5]);
      execFileSync('ip', ['link', 'set', lab.interface, 'up']);
      expect(() => injector.run({ queueCpus: [0, 1023] })).toThrow(/pthread_create/);
      expect(await injector.run({ queueCpus: [0] })).toMatchObject({ packets: 800, stopped: false });
    });
  });
});

describe('bursts', () => {
  for (const [name, plan] of [
    ['of one writer', {}],
    ['of several', { queueCpus: [0, 1] }],
  ] as const)
    testWith([cpus(2)], `${name}: nothing is sent between them, and the mean rate is the same`, {}, async () => {
      await withLab('tap', 4, async (lab) => {
        const injector = lab.createInjector(scattered(4, 50));
        const sent: number[] = [];
        const run = injector.run({ packetsPerSecond: 2000, burst: 100, ...plan });
        const sampling = new AbortController();
        const sampled = (async () => {
          while (!sampling.signal.aborted) {
            sent.push(injector.counters.packets);
            await sleep(2);
          }
        })();
        const report = await run;
        sampling.abort();
        await sampled;
        expect(report.packets).toBe(400);
        // The last burst of four begins when three quarters of 200 ms have passed, and takes no time.
        expect(report.elapsedMs).toBeGreaterThan(149);
        expect(report.elapsedMs).toBeLessThan(400);
        // A machine under load may be looked at in the middle of a burst, now and then; without bursts nearly every time.
        expect(sent.filter((count) => count % 100 !== 0).length).toBeLessThan(sent.length / 2);
      });
    });
});

const [TCP, UDP, SCTP] = [6, 17, 132];
const WITH_PORTS = { key: SUITE_KEY, portsOf: [TCP, UDP, SCTP] };

/** The queue of each frame behind a NIC of as many queues and an even table, worked out by other code than the lab's. */
function queuesOf(frames: readonly Uint8Array[], queues: number, scaling: Parameters<typeof rssHash>[1] = WITH_PORTS): readonly number[] {
  return frames.map((frame) => (rssHash(frame, scaling) % 128) % queues);
}

function counts(members: readonly number[], procs: number): readonly number[] {
  return Array.from({ length: procs }, (_, member) => members.filter((found) => found === member).length);
}

const packetsOf = ({ members }: RunResult) => members.map(({ packets }) => packets);

describe('every packet is on the member of its queue', () => {
  testWith([root(), cpus(2)], 'qm: (queue + 1) mod n; cpu: that of the CPU of its queue', {}, async () => {
    const traffic = onePacketPerDirection({ seed: 33, flows: 400 });
    const table = Uint16Array.from({ length: 128 }, (_, i) => i % 7);
    const nic = new native.Nic({ key: SUITE_KEY, transform: 'none', ports: FLOW_KINDS, table });
    const expected = queuesOf(framesOf(traffic), 7);
    await withLab('tap', 7, async (lab) => {
      const groups = [
        { procs: 5, mode: 'qm' },
        { procs: 8, mode: 'qm' },
        { procs: 2, mode: 'cpu' },
      ] as const;
      const spread = { ...traffic, queues: nic.spread(traffic.frames, traffic.offsets) };
      const [five, eight, byCpu] = await sendTo(lab, spread, groups, { queueCpus: [1, 0] });
      if (five === undefined || eight === undefined || byCpu === undefined) throw new Error('nothing seen');
      for (const seen of [five, eight, byCpu]) expect(accountErrors(spread, seen)).toEqual([]);
      expect(membersInOrder(spread, five)).toEqual(expected.map((queue) => (queue + 1) % 5));
      expect(membersInOrder(spread, eight)).toEqual(expected.map((queue) => (queue + 1) % 8));
      expect(membersInOrder(spread, byCpu)).toEqual(expected.map((queue) => [1, 0][queue % 2]));
    });
  });

  testWith([root()], 'of all classes of traffic, made up or replayed, in bursts or not', {}, async () => {
    const classes = TRAFFIC_CLASSES.map(({ name }) => name);
    const traffic = generateTraffic({ seed: 5, classes, flows: 500, packetsPerFlow: 6 });
    const members = queuesOf(framesOf(traffic), 6).map((queue) => (queue + 1) % 4);
    const spread = ['-m', 'qm', '-n', '4', '--nic', 'queues=6'];
    const { report } = await runCli([...spread, '--traffic', 'all', '--seed', '5', '--flows', '500', '--burst', '50']);
    expect(packetsOf(report)).toEqual(counts(members, 4));
    expect(report.packets).toMatchObject({ offered: 3000, captured: 3000, dropped: 0 });
    expect(report.source.nic).toBe('queues=6,rss=microsoft,fields=sdfn');
    expect(schemaErrors(report)).toEqual([]);

    const file = join(scratch.path, 'all.pcap');
    writePcap(file, framesOf(traffic));
    const replayed = await runCli([...spread, '--pcap', file, '--rounds', '3']);
    expect(packetsOf(replayed.report)).toEqual(counts(members, 4).map((count) => 3 * count));
    expect(replayed.report.packets.offered).toBe(9000);
  });
});

describe('what a NIC keeps together', () => {
  const judged = async (settings: string, ...args: readonly string[]) => {
    const { status, report } = await runCli(['--nic', `queues=8,${settings}`, ...args]);
    const causes = report.causes.filter(({ harmless }) => !harmless);
    return { status, code: causes[0]?.code, causes: causes.length, message: causes[0]?.message ?? '', remedy: causes[0]?.remedy ?? '' };
  };
  const NO = { status: 1, code: 'rss-asymmetric', causes: 1 };
  const YES = { status: 0, causes: 0 };

  for (const [settings, mode, expected] of [
    ['rss=microsoft', 'qm', NO],
    ['rss=microsoft', 'cpu', NO],
    ['rss=symmetric', 'qm', YES],
    ['rss=symmetric', 'cpu', YES],
    ['rss=xor', 'qm', YES],
  ] as const)
    testWith(
      [root(), cpus(2)],
      `${mode}, ${settings}: ${expected === YES ? 'all of the standard traffic' : 'not both directions'}`,
      {},
      async () => {
        const found = await judged(settings, '-m', mode, '-n', '2');
        expect(found).toMatchObject(expected);
        if (expected === NO) {
          expect(found.message).toContain('its hash is another one for each direction');
          expect(found.remedy).toContain('--nic queues=8,rss=symmetric,fields=sdfn');
          expect(found.remedy).toContain('ethtool -X DEVICE hkey 6D:5A');
        }
      },
    );

  for (const [traffic, settings, expected, why] of [
    ['fragment-ipv4-udp', 'rss=symmetric,fields=sdfn', NO, 'fragments by addresses'],
    ['fragment-ipv4-udp', 'rss=symmetric,fields=sd', YES, ''],
    ['fragment-ipv6-udp', 'rss=xor,fields=sd', YES, ''],
    ['vxlan-ipv4-tcp', 'rss=symmetric,fields=sdfn', NO, 'the outer header'],
  ] as const)
    testWith([root()], `qm, ${traffic}, ${settings}: ${expected === YES ? 'kept' : 'parted'}`, {}, async () => {
      const found = await judged(settings, '-m', 'qm', '-n', '4', '--traffic', traffic);
      expect(found).toMatchObject(expected);
      expect(found.message).toContain(why);
      expect(found.remedy.includes('rss=symmetric,fields=sd;')).toBe(expected === NO);
    });

  test('one receive queue, as the lab has without a NIC, shows nothing; the advice is to give one', async () => {
    const { status, report } = await runCli(['-m', 'qm', '-n', '4']);
    expect([status, report.verdict.reasons[0]?.code]).toEqual([3, 'one-member']);
    expect(report.verdict.reasons[0]?.remedy).toContain('--nic queues=4');
  });
});

describe('settings saved from a NIC', () => {
  testWith([root()], 'are simulated to the last entry of the table', {}, async () => {
    const key = Uint8Array.from({ length: 52 }, (_, i) => (i * 91 + 7) & 255);
    const entries = Array.from({ length: 64 }, (_, i) => [0, 3, 5][i % 3] ?? 0);
    const rows = Array.from(
      { length: 8 },
      (_, row) =>
        `${String(8 * row).padStart(5)}: ${entries
          .slice(8 * row, 8 * row + 8)
          .map((queue) => String(queue).padStart(6))
          .join('')}`,
    );
    const file = join(scratch.path, 'nic.txt');
    writeFileSync(
      file,
      [
        'RX flow hash indirection table for ens1f0 with 6 RX ring(s):',
        ...rows,
        'RSS hash key:',
        Buffer.from(key).toString('hex').match(/../g)?.join(':'),
        'RSS hash function:\n    toeplitz: on\n    xor: off',
        'UDP over IPV4 flows use these fields for computing Hash flow key:\nIP SA\nIP DA\n',
        'UDP over IPV6 flows use these fields for computing Hash flow key:\nIP SA\nIP DA\n',
      ].join('\n'),
    );
    const traffic = generateTraffic({ seed: 6, flows: 300, packetsPerFlow: 6 });
    const members = framesOf(traffic).map((frame) => ((entries[rssHash(frame, { key, portsOf: [TCP, SCTP] }) % 64] ?? 0) + 1) % 5);
    const { report } = await runCli(['-m', 'qm', '-n', '5', '--seed', '6', '--flows', '300', '--nic', file]);
    expect(packetsOf(report)).toEqual(counts(members, 5));
    expect(report.source.nic).toMatch(/^ens1f0 of .*nic\.txt: queues=6,key=0762/);
  });

  test('and refused with the line where they cannot be', async () => {
    const file = join(scratch.path, 'bad.txt');
    writeFileSync(
      file,
      'RX flow hash indirection table for eth0 with 2 RX ring(s):\n    0:      0     1\nRSS hash function:\n    crc32: on\n',
    );
    const ended = await run(['--nic', file]);
    expect(ended.status).toBe(2);
    expect(ended.stderr).toContain(`BAD_NIC: ${file}:4: the NIC hashes by crc32`);
  });

  testWith([root()], 'without a TAP there is no NIC, and it is said what would make one possible', {}, async () => {
    const blind = ['unshare', '--mount', 'sh', '-c', 'mount -t tmpfs none /dev/net && exec "$0" "$@"'];
    const ended = await run(['--nic', 'queues=4'], { by: blind, cli: CLI });
    expect(ended.status).toBe(4);
    expect(ended.stderr).toMatch(/LAB_FAILED: cannot make a TAP with 4 queues[\s\S]*modprobe tun[\s\S]*without --nic/);
  });
});
