/** Packets that belong to a flow although they do not look like it: later fragments, ICMP errors, second copies. Each is counted with its flow. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { FanoutMode } from '../../src/model/fanout.ts';
import { generateTraffic, type Traffic } from '../../src/traffic/traffic.ts';
import { runCli } from '../helpers/cli.ts';
import { type Seen, Whereabouts } from '../helpers/group.ts';
import { flowIdOf, refuseHostNamespace, sendTo, withLab } from '../helpers/lab.ts';

beforeAll(refuseHostNamespace);

const MODES: readonly FanoutMode[] = ['hash', 'lb', 'rnd'];

function sum(byMember: ReadonlyMap<number, number>): number {
  return [...byMember.values()].reduce((total, packets) => total + packets, 0);
}

/** Packets that each flow lacks or has too many of, by direction. */
function miscounted({ flows }: Traffic, seen: Seen): readonly string[] {
  const where = new Whereabouts(seen);
  return flows.flatMap((truth) =>
    (['forward', 'reverse'] as const)
      .map((direction) => ({ direction, found: sum(where.of(flowIdOf(truth), direction)), sent: truth.packets[direction] }))
      .filter(({ found, sent }) => found !== sent)
      .map(({ direction, found, sent }) => `flow ${truth.id} ${direction}: ${found} of ${sent}`),
  );
}

const ignored = (seen: Seen) => seen.members.flatMap((member) => member.ignored);

describe('every fragment is counted with its flow, on however many members its datagram is:', () => {
  test.each(['fragment-ipv4-udp', 'fragment-vlan-ipv4-udp', 'fragment-qinq-ipv4-udp', 'fragment-ipv6-udp', 'fragment-atomic-ipv6-udp'])(
    '%s',
    async (name) => {
      const traffic = generateTraffic({ seed: 3, classes: [name], flows: 100, packetsPerFlow: 12 });
      await withLab('tap', 1, async (lab) => {
        const groups = MODES.map((mode) => ({ procs: 5, mode }));
        const seen = await sendTo(lab, traffic, groups, { packetsPerSecond: 50_000 });
        expect(seen.map((group) => miscounted(traffic, group))).toEqual(MODES.map(() => []));
        expect(seen.map(ignored)).toEqual(MODES.map(() => []));
      });
    },
  );
});

describe('what a run says', () => {
  test('of fragments whose first one is missing: they are counted, and nothing is blamed', async () => {
    const whole = generateTraffic({ seed: 4, classes: ['fragment-ipv4-udp'], flows: 60, packetsPerFlow: 12 });
    const { traffic, lost } = withoutFirstFragments(whole);
    expect(lost).toBeGreaterThan(100);
    await withLab('tap', 1, async (lab) => {
      const [hash] = await sendTo(lab, traffic, [{ procs: 4, mode: 'hash' }], { packetsPerSecond: 50_000 });
      expect(hash?.flows.filter(({ verdict }) => verdict === 'split' || verdict === 'asymmetric')).toEqual([]);
      const counted = hash?.flows.flatMap(({ observations }) => observations).reduce((total, { packets }) => total + packets, 0) ?? 0;
      const captured = hash?.members.reduce((total, { packets }) => total + packets, 0) ?? 0;
      expect(captured - counted).toBe(lost);
    });
  });

  test('of IPv4 fragments: fragment-v4, and nothing with the defrag flag', async () => {
    const args = ['-n', '8', '--traffic', 'fragment-ipv4-udp', '--flows', '200'];
    const { status, report } = await runCli(args);
    expect([status, report.causes.map(({ code }) => code)]).toEqual([1, ['fragment-v4']]);
    expect(report.packets).toMatchObject({ offered: 1200, judged: 1200, ignored: {} });
    const defragmented = await runCli([...args, '--defrag']);
    expect([defragmented.status, defragmented.report.causes]).toEqual([0, []]);
  });

  test.each(['peer', 'router'])('of ICMP errors from the %s: YES, and how many went another way', async (from) => {
    const args = ['-n', '8', '--traffic', `icmp-error-${from}-ipv4-udp,icmp-error-${from}-ipv6-udp`, '--flows', '400'];
    const { status, report } = await runCli(args);
    expect([status, report.verdict.answer]).toEqual([0, 'yes']);
    expect(report.flows).toMatchObject({ total: 400, consistent: 400 });
    expect(report.packets).toMatchObject({ offered: 2400, judged: 2400, ignored: {} });
    expect(report.causes).toMatchObject([{ code: 'icmp-error', harmless: true }]);
    // By chance one in eight stays with its flow: 350 on average, give or take 7.
    expect(report.causes[0]?.flows).toBeGreaterThan(300);
    expect(report.causes[0]?.flows).toBeLessThan(395);
  });

  test('of packets seen with and without a label: duplicated, not split', async () => {
    const { status, report } = await runCli(['-n', '8', '--traffic', 'duplicate-mpls-ipv4-tcp', '--flows', '200']);
    expect([status, report.verdict.answer]).toEqual([1, 'no']);
    expect(report.causes.map(({ code }) => code)).toEqual(['duplicated']);
    expect(report.flows).toMatchObject({ split: 0, asymmetric: 0 });
    // A label's process is one of eight, and has its own share of the flows behind it.
    expect(report.flows.duplicated).toBeGreaterThan(140);
    expect(report.flows.duplicated + report.flows.consistent).toBe(200);
  });

  test('of packets seen in two VLANs: one kernel key, one process, no violation', async () => {
    const { status, report } = await runCli(['-n', '8', '--traffic', 'duplicate-vlan-ipv4-tcp', '--flows', '200']);
    expect([status, report.flows.consistent, report.causes]).toEqual([0, 200, []]);
  });
});

/** Of IPv4 without options, right behind an Ethernet header: `lost` packets are of datagrams that have no first piece any more. */
function withoutFirstFragments(traffic: Traffic): { readonly traffic: Traffic; readonly lost: number } {
  const OFFSET_AT = 14 + 6;
  const MORE_FRAGMENTS = 0x20;
  const frames = traffic.frames.slice();
  let lost = 0;
  for (let i = 0; i + 1 < traffic.offsets.length; i += 1) {
    const at = traffic.offsets[i] ?? 0;
    const offset = ((frames[at + OFFSET_AT] ?? 0) << 8) | (frames[at + OFFSET_AT + 1] ?? 0);
    if (offset !== MORE_FRAGMENTS << 8) continue;
    lost += 2;
    // Further on in the datagram, so no first piece any more. Taps come before anybody looks at the header's checksum.
    frames[at + OFFSET_AT + 1] = 100;
  }
  return { traffic: { ...traffic, frames, flows: traffic.flows }, lost };
}
