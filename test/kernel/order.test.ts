/** The order in which packets of a flow reach their member: exact by the lab's numbers, and by what TCP acknowledges. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CaptureCounters } from '../../src/addon/capture.ts';
import type { FrameSet, InjectPlan } from '../../src/addon/injector.ts';
import type { FanoutMode } from '../../src/model/fanout.ts';
import { TRAFFIC_CLASSES } from '../../src/traffic/classes.ts';
import { LAB_TAG } from '../../src/traffic/tag.ts';
import { generateTraffic, type Traffic } from '../../src/traffic/traffic.ts';
import { type CliRun, runCli, runCliDuring } from '../helpers/cli.ts';
import { CHECKED_IN_ORDER, type ConnectionsOptions, connections, EXCHANGES, frameSetOf } from '../helpers/connections.ts';
import { type GroupOptions, startGroup } from '../helpers/group.ts';
import { HERE, withHosts } from '../helpers/hosts.ts';
import { packetsOf, refuseHostNamespace, sendTo, withLab } from '../helpers/lab.ts';
import { CAPTURE, makePair, removePair, sendFrames } from '../helpers/network.ts';
import { writePcap } from '../helpers/pcap.ts';
import { temporaryDirectory } from '../helpers/programs.ts';
import { cpus, program, root, testWith } from '../helpers/requirements.ts';

const scratch = temporaryDirectory();
beforeAll(refuseHostNamespace);
afterAll(() => scratch.remove());

const [CHECKED, INVERSIONS, FLOWS, SYN_ACK_FIRST, ACK_FIRST] = [0, 1, 2, 3, 4] as const;

const total = (members: readonly CaptureCounters[], place: 0 | 1 | 2 | 3 | 4): number =>
  members.reduce((sum, { order }) => sum + order[place], 0);

const totals = (members: readonly CaptureCounters[]) =>
  [CHECKED, INVERSIONS, FLOWS, SYN_ACK_FIRST, ACK_FIRST].map((place) => total(members, place as 0));

/** Sends frames as they are, with the numbers that they carry, through a TAP of one queue. */
async function capture(frames: FrameSet, groups: readonly Omit<GroupOptions, 'interface'>[], plan: InjectPlan = {}) {
  return withLab('tap', 1, async (lab) => {
    const started = [];
    try {
      for (const group of groups) started.push(await startGroup({ ...group, interface: lab.interface }));
      const { packets } = await lab.createInjector(frames).run(plan);
      return await Promise.all(started.map((group) => group.finish(packets)));
    } finally {
      await Promise.all(started.map((group) => group.close()));
    }
  });
}

describe('exact: by the numbers of the lab', () => {
  test.each<FanoutMode>(['hash', 'lb', 'rnd'])(
    'one queue, all classes, mode %s: every packet is checked, none is out of order',
    async (mode) => {
      const traffic = generateTraffic({ seed: 61, classes: TRAFFIC_CLASSES.map(({ name }) => name), flows: 500, packetsPerFlow: 6 });
      await withLab('tap', 1, async (lab) => {
        const [seen] = await sendTo(lab, traffic, [{ procs: 4, mode, labTags: true }], { packetsPerSecond: 100_000, rounds: 3 });
        const captured = seen?.members.reduce((sum, { packets }) => sum + packets, 0) ?? 0;
        expect(captured).toBe(traffic.tags.length * 3);
        expect(totals(seen?.members ?? [])).toEqual([captured, 0, 0, 0, 0]);
      });
    },
  );

  test.each(['hash', 'lb'] as const)('numbers that were exchanged on purpose: as many as there are, mode %s', async (mode) => {
    const traffic = generateTraffic({ seed: 62, classes: ['ipv4-udp', 'ipv6-udp', 'vlan-ipv4-tcp'], flows: 200, packetsPerFlow: 20 });
    const sequences = scramble(traffic);
    const procs = 4;
    const untagged = { frames: traffic.frames, offsets: traffic.offsets };
    const [seen] = await capture(untagged, [{ procs, mode, labTags: true }], { packetsPerSecond: 100_000 });
    const members = mode === 'lb' ? packetsOf(traffic).map((_, i) => (i + 1) % procs) : oneMemberEach(traffic);
    const truth = inversionsOf(traffic, sequences, members);
    expect(truth.inversions).toBeGreaterThan(300);
    expect(totals(seen?.members ?? [])).toEqual([traffic.tags.length, truth.inversions, truth.flows, 0, 0]);
  });

  test.each(['--mode=hash', '--defrag', '--mode=qm', '--mode=cpu'])('what the command says of its own lab: %s', async (option) => {
    const { report } = await runCli(['-n', '4', '--traffic', 'all', option]);
    expect(report.packets.captured).toBeGreaterThan(2900);
    expect(report.order).toEqual({ checked: report.packets.captured, inversions: 0, flows: 0, evidence: 'exact' });
    expect(report.warnings.map(({ code }) => code)).not.toContain('order-inverted');
  });

  testWith([cpus(2)], 'several queues, several writers: each flow on the right process, and packets out of order', {}, async () => {
    const { report, status } = await runCli(['-n', '4', '--nic', 'queues=8,rss=microsoft', '--rate', '100000', '--rounds', '4']);
    expect([status, report.verdict.answer]).toEqual([0, 'yes']);
    expect(report.order.checked).toBe(12_000);
    expect(report.order.inversions).toBeGreaterThan(20);
    expect(report.order.flows).toBeGreaterThan(10);
    const warning = report.warnings.find(({ code }) => code === 'order-inverted');
    expect(warning?.remedy).toMatch(/queue/);
  });

  test.each(['queues=1,rss=microsoft', 'queues=8,rss=symmetric', 'queues=8,rss=xor'])(
    'both directions on one queue, %s: none',
    async (nic) => {
      const { report } = await runCli(['-n', '4', '--nic', nic, '--rate', '100000', '--rounds', '4']);
      expect(report.order).toEqual({ checked: 12_000, inversions: 0, flows: 0, evidence: 'exact' });
    },
  );

  /** Writes numbers into the tags that are out of order here and there, across the wrap-around, and gives them back in the order of sending. */
  function scramble(traffic: Traffic): readonly number[] {
    const numbers = Array.from(traffic.tags, (_, i) => (0xffff_f000 + i) >>> 0);
    // Far enough apart that packets of one flow change places.
    for (let i = 0; i + 700 < numbers.length; i += 7) [numbers[i], numbers[i + 700]] = [numbers[i + 700] ?? 0, numbers[i] ?? 0];
    const view = new DataView(traffic.frames.buffer, traffic.frames.byteOffset, traffic.frames.byteLength);
    traffic.tags.forEach((tag, i) => {
      const at = (traffic.offsets[i] ?? 0) + tag;
      view.setUint32(at + LAB_TAG.sequenceOffset, numbers[i] ?? 0);
      view.setUint32(at + LAB_TAG.guardOffset, ~(numbers[i] ?? 0));
    });
    return numbers;
  }

  const oneMemberEach = (traffic: Traffic) => packetsOf(traffic).map(() => 0);

  /** The oracle: the highest number of each flow on each member so far. */
  function inversionsOf(traffic: Traffic, sequences: readonly number[], members: readonly number[]) {
    const highest = new Map<string, number>();
    const inverted = new Set<string>();
    let inversions = 0;
    packetsOf(traffic).forEach(({ flow }, i) => {
      const key = `${flow.id} ${members[i]}`;
      const sequence = sequences[i] ?? 0;
      const before = highest.get(key) ?? sequence;
      if (((sequence - before) | 0) < 0) {
        inversions += 1;
        inverted.add(key);
      } else highest.set(key, sequence);
    });
    return { inversions, flows: inverted.size };
  }
});

describe('by what TCP acknowledges', () => {
  const COUNT = 400;
  const exchange: NonNullable<ConnectionsOptions['exchange']> = (i) => EXCHANGES[i % EXCHANGES.length] ?? { first: 0 };
  const provable = (kind: 'synAckFirst' | 'ackFirst') =>
    Array.from({ length: COUNT }, (_, i) => exchange(i)).filter((e) => e.kind === kind).length;
  const group = { procs: 4, mode: 'hash' } as const;

  test.each([false, true])('connections in order, time stamps %s: checked, and none is out of order', async (stamps) => {
    const [seen] = await capture(frameSetOf(connections({ count: COUNT, stamps })), [group]);
    expect(totals(seen?.members ?? [])).toEqual([CHECKED_IN_ORDER * COUNT, 0, 0, 0, 0]);
  });

  test('neighbours that changed places: those are found that one of them proves', async () => {
    const [seen] = await capture(frameSetOf(connections({ count: COUNT, exchange, stamps: true })), [group]);
    const members = seen?.members ?? [];
    // A sender that is put off its CPU for longer than 10 ms between the two makes one unprovable.
    const [synAckFirst, ackFirst] = [provable('synAckFirst'), provable('ackFirst')];
    expect(total(members, SYN_ACK_FIRST)).toBeLessThanOrEqual(synAckFirst);
    expect(total(members, SYN_ACK_FIRST)).toBeGreaterThanOrEqual(synAckFirst - 2);
    expect(total(members, ACK_FIRST)).toBeLessThanOrEqual(ackFirst);
    expect(total(members, ACK_FIRST)).toBeGreaterThanOrEqual(ackFirst - 2);
    expect(total(members, INVERSIONS)).toBe(total(members, SYN_ACK_FIRST) + total(members, ACK_FIRST));
    expect(total(members, FLOWS)).toBe(total(members, INVERSIONS));
  });

  test('without time stamps the same, as long as they come within a millisecond', async () => {
    const frames = frameSetOf(connections({ count: COUNT, exchange }));
    const [seen] = await capture(frames, [group]);
    const all = provable('synAckFirst') + provable('ackFirst');
    expect(total(seen?.members ?? [], INVERSIONS)).toBeGreaterThan(all * 0.9);
    // A sender that was put off its CPU makes up for it in a burst.
    const [slow] = await capture(frameSetOf(connections({ count: 80, exchange })), [group], { packetsPerSecond: 400 });
    expect(total(slow?.members ?? [], INVERSIONS)).toBeLessThan(12);
  });

  /** What the command says of these connections on a live interface. */
  async function judge(options: ConnectionsOptions): Promise<CliRun> {
    makePair();
    try {
      return await runCliDuring(['-i', CAPTURE, '-n', '4'], async () => {
        await sendFrames(frameSetOf(connections(options)), { rounds: 1, packetsPerSecond: 0, cpu: 0 }).report;
      });
    } finally {
      removePair();
    }
  }

  test('live, in order: YES, and nothing to say', async () => {
    const { status, report } = await judge({ count: COUNT, stamps: true });
    expect([status, report.warnings.map(({ code }) => code)]).toEqual([0, []]);
    expect(report.order).toMatchObject({ checked: CHECKED_IN_ORDER * COUNT, inversions: 0, flows: 0, evidence: 'tcp' });
  });

  test('live, out of order: still YES, as every flow is on one process, and a warning', async () => {
    const { status, report } = await judge({ count: COUNT, exchange, stamps: true });
    expect([status, report.warnings.map(({ code }) => code)]).toEqual([0, ['order-inverted']]);
    const { inversions, flows, kinds } = report.order;
    expect(inversions).toBeGreaterThan(COUNT / 2);
    expect([flows, (kinds?.synAckFirst ?? 0) + (kinds?.ackFirst ?? 0)]).toEqual([inversions, inversions]);
    expect(report.warnings[0]?.remedy).toContain('rps_cpus');
  });

  test('a capture file: what its time stamps prove, and without them nothing', async () => {
    const file = join(scratch.path, 'exchanged.pcap');
    writePcap(file, connections({ count: COUNT, exchange, stamps: true }));
    const stamped = await runCli(['--pcap', file, '-n', '4']);
    expect(stamped.report.order.inversions).toBeGreaterThan(COUNT / 2);
    expect(stamped.report.warnings).toContainEqual(
      expect.objectContaining({ code: 'order-inverted', remedy: expect.stringMatching(/capture file/) }),
    );
    writePcap(file, connections({ count: COUNT, exchange }));
    const bare = await runCli(['--pcap', file, '-n', '4']);
    expect(bare.report.order).toMatchObject({ inversions: 0, evidence: 'tcp' });
    expect(bare.report.order.checked).toBeGreaterThan(COUNT);
  });

  testWith([root(), program('iperf3')], 'iperf3, eight TCP streams at full speed, is in order', {}, async () => {
    await withHosts(async (hosts) => {
      await hosts.serve(['iperf3', '-s', '--forceflush'], /Server listening/);
      const { report } = await runCliDuring(['-i', hosts.interface, '-n', '4', '--ring-size', '16M'], () =>
        hosts.onPeer(`iperf3 -c ${HERE} -P 8 -t 2`),
      );
      expect(report.order).toMatchObject({ inversions: 0, flows: 0, evidence: 'tcp' });
      expect(report.order.checked).toBeGreaterThan(1000);
    });
  });
});
