/** The command against the kernel: the right answer, the right exit status and the right reason for groups that deserve each. */
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { CbpfInstruction } from '../../src/addon/capture.ts';
import { flowsNeeded } from '../../src/collector/verdict/confidence.ts';
import type { RunResult } from '../../src/model/run-result.ts';
import { generateTraffic, type Traffic } from '../../src/traffic/traffic.ts';
import { CBPF, cbpfText, compileBpf, ebpfRequirements, mountBpfFileSystem, SKF_NET_OFF } from '../helpers/bpf.ts';
import { runCli, runCliBehindDissector, withFile } from '../helpers/cli.ts';
import { withDissector } from '../helpers/dissectors.ts';
import { flowName } from '../helpers/group.ts';
import { flowIdOf, packetsOf, refuseHostNamespace, type SentPacket, withLab } from '../helpers/lab.ts';
import { hashMembers } from '../helpers/oracle.ts';
import { temporaryDirectory } from '../helpers/programs.ts';
import { root, testWith } from '../helpers/requirements.ts';
import { schemaErrors } from '../helpers/schema.ts';

const scratch = temporaryDirectory();
afterAll(() => scratch.remove());

const codes = ({ verdict }: RunResult) => verdict.reasons.map(({ code }) => code);
const undisturbed = { dropped: 0, overflowed: 0, ignored: {} };

describe('in the lab', () => {
  test.each([[[]], [['--defrag']], [['--lab-interface', 'veth']]])('hash %j: YES', async (flags) => {
    const { status, report } = await runCli(['-n', '8', ...flags]);
    expect([status, report.verdict.answer, codes(report)]).toEqual([0, 'yes', ['proven']]);
    expect(report.packets).toMatchObject({ offered: 3000, captured: 3000, judged: 3000, ...undisturbed });
    expect(report.flows).toEqual({ total: 500, twoWay: 500, oneWay: 0, consistent: 500, split: 0, asymmetric: 0, duplicated: 0 });
    expect(report.balance.membersUsed).toBe(8);
    expect(schemaErrors(report)).toEqual([]);
  });

  test('the rate at which it sent, as asked for', async () => {
    const { report } = await runCli(['-n', '2', '--rate', '10000', '--rounds', '2']);
    // The last packet is due one interval before the end of the time.
    const { offered = 0, offeredPerSecond = 0 } = report.packets;
    expect(offered).toBe(6000);
    expect(offeredPerSecond).toBeGreaterThan(9000);
    expect(offeredPerSecond).toBeLessThan(10_100);
    expect(report.timing.captureMs).toBeGreaterThanOrEqual(590);
  });

  test('lb: NO by design, dealt out in exact turns', async () => {
    const { status, report } = await runCli(['-n', '7', '-m', 'lb']);
    expect([status, report.verdict.answer, codes(report)]).toEqual([1, 'no', ['lb-by-design']]);
    const packets = report.members.map((member) => member.packets);
    expect(packets.toSorted()).toEqual([428, 428, 428, 429, 429, 429, 429]);
    expect(schemaErrors(report)).toEqual([]);
  });

  test('rnd: NO by design, dealt out fairly', async () => {
    const { status, report } = await runCli(['-n', '4', '-m', 'rnd']);
    expect([status, report.verdict.answer, codes(report)]).toEqual([1, 'no', ['rnd-by-design']]);
    expect(report.flows.split + report.flows.asymmetric).toBeGreaterThan(400);
  });

  test.each(['cpu', 'qm'])('%s on a veth, one member used: INCONCLUSIVE, whatever was kept together', async (mode) => {
    const { status, report } = await runCli(['-n', '4', '-m', mode, '--lab-interface', 'veth']);
    expect([status, report.verdict.answer, codes(report)]).toEqual([3, 'inconclusive', ['one-member']]);
    expect(report.flows).toMatchObject({ consistent: 500, split: 0, asymmetric: 0 });
    expect(report.balance.membersUsed).toBe(1);
    expect(schemaErrors(report)).toEqual([]);
  });

  test('one flow: INCONCLUSIVE, and how many more would settle it', async () => {
    const { status, report } = await runCli(['-n', '4', '--flows', '1']);
    expect([status, report.verdict.answer]).toEqual([3, 'inconclusive']);
    const needed = (flowsNeeded([], 4) ?? 0) - 1;
    expect(report.verdict.reasons[0]?.remedy).toContain(`at least ${needed} more two-way flows`);
  });

  test('as an ordinary user, by way of a user namespace: YES', async () => {
    const nobody = 65534;
    const { status, report } = await runCli(['-n', '4'], { uid: nobody });
    expect([status, report.verdict.answer, report.source.injection]).toEqual([0, 'yes', 'veth']);
    expect(report.packets).toMatchObject({ offered: 3000, captured: 3000, judged: 3000, ...undisturbed });
  });
});

/** `then4` for IPv4 and `then6` for IPv6, by the version that stands where the network header begins; member 0 for others. */
function byFamily(then4: readonly CbpfInstruction[], then6: readonly CbpfInstruction[]): readonly CbpfInstruction[] {
  const VERSION_MASK: CbpfInstruction = [0x54, 0, 0, 0xf0];
  return [
    CBPF.loadByte(SKF_NET_OFF),
    VERSION_MASK,
    CBPF.jumpIfEqual(0x40, 0, then4.length),
    ...then4,
    CBPF.jumpIfEqual(0x60, 0, then6.length),
    ...then6,
    CBPF.returnK(0),
  ];
}

const bySourcePort = byFamily([CBPF.loadHalf(SKF_NET_OFF + 20), CBPF.returnA], [CBPF.loadHalf(SKF_NET_OFF + 40), CBPF.returnA]);

const xorOf = (x: number, y: number) => [CBPF.loadWord(SKF_NET_OFF + x), CBPF.toX, CBPF.loadWord(SKF_NET_OFF + y), CBPF.xorX, CBPF.returnA];
const byAddresses = byFamily(xorOf(12, 16), xorOf(20, 36));

/** What `bySourcePort` returns, found in the frame: the kernel takes the outer VLAN tag out of it, and no other. */
function sourcePort(frame: Uint8Array): number {
  const view = Buffer.from(frame);
  const isTagged = [0x8100, 0x88a8].includes(view.readUInt16BE(12));
  const network = view.subarray(isTagged ? 18 : 14);
  const version = network.readUInt8(0) >> 4;
  return version === 4 ? network.readUInt16BE(20) : version === 6 ? network.readUInt16BE(40) : 0;
}

/** For each flow the members of both directions, by what says where each packet goes. */
function membersByFlow(traffic: Traffic, memberOf: (packet: SentPacket, index: number) => number) {
  const members = new Map(
    traffic.flows.map((flow) => [flowName(flowIdOf(flow)), { forward: new Set<number>(), reverse: new Set<number>() }]),
  );
  packetsOf(traffic).forEach((packet, i) => {
    members.get(flowName(flowIdOf(packet.flow)))?.[packet.direction].add(memberOf(packet, i));
  });
  return members;
}

type Members = ReturnType<typeof membersByFlow>;
const asText = ({ forward, reverse }: { forward: Set<number>; reverse: Set<number> }) => `${[...forward].sort()} | ${[...reverse].sort()}`;

/** "flow: members forward | members reverse" for all flows that are not on one member. */
function expectedViolations(members: Members): readonly string[] {
  return [...members]
    .filter(([, { forward, reverse }]) => new Set([...forward, ...reverse]).size > 1)
    .map(([name, both]) => `${name}: ${asText(both)}`)
    .sort();
}

function listedViolations({ violations }: RunResult): readonly string[] {
  return violations
    .map(({ flow, observations }) => {
      const of = (wanted: string) => new Set(observations.filter(({ direction }) => direction === wanted).map(({ member }) => member));
      return `${flowName(flow)}: ${asText({ forward: of('forward'), reverse: of('reverse') })}`;
    })
    .sort();
}

describe('steering programs', () => {
  const [seed, flows, procs] = [21, 400, 5];
  const lab = ['-n', String(procs), '-m', 'cbpf', '--seed', String(seed), '--flows', String(flows), '--packets-per-flow', '6'];

  test('by source port: NO, and the violations are exactly the flows whose directions the program parts', async () => {
    const traffic = generateTraffic({ seed, flows, packetsPerFlow: 6 });
    const expected = expectedViolations(membersByFlow(traffic, ({ frame }) => sourcePort(frame) % procs));
    const { status, report } = await withFile(cbpfText(bySourcePort), (path) => runCli([...lab, '--cbpf-program', path]));
    expect([status, report.verdict.answer, codes(report)]).toEqual([1, 'no', ['bpf-program']]);
    expect(listedViolations(report)).toEqual(expected);
    expect(expected.length).toBeGreaterThan(100);
    expect(expected.length).toBeLessThan(flows);
    expect(report.flows.split + report.flows.asymmetric).toBe(expected.length);
    expect(report.violationsOmitted).toBe(0);
    expect(schemaErrors(report)).toEqual([]);
  });

  test('by both addresses: YES', async () => {
    const { status, report } = await withFile(cbpfText(byAddresses), (path) => runCli([...lab, '--cbpf-program', path]));
    expect([status, report.verdict.answer, report.violations]).toEqual([0, 'yes', []]);
    expect(report.balance.membersUsed).toBe(procs);
  });
});

/** A dissector in the place of the kernel's: the port that a packet comes from is the only one it reports. */
const ONE_SIDED_DISSECTOR = `
  #include <linux/if_ether.h>
  #include <linux/ip.h>
  #define BIG16(x) __builtin_bswap16(x)
  SEC("flow_dissector") int dissect(struct __sk_buff *skb) {
    struct bpf_flow_keys *keys = skb->flow_keys;
    struct iphdr ip;
    unsigned short port;
    if (keys->n_proto != BIG16(ETH_P_IP) || load_bytes(skb, keys->nhoff, &ip, sizeof ip) < 0) return BPF_DROP;
    keys->thoff = keys->nhoff + sizeof ip;
    if (load_bytes(skb, keys->thoff, &port, sizeof port) < 0) return BPF_DROP;
    keys->addr_proto = ETH_P_IP;
    keys->ipv4_src = ip.saddr;
    keys->ipv4_dst = ip.daddr;
    keys->ip_proto = ip.protocol;
    keys->sport = port;
    return BPF_OK;
  }`;

describe('a kernel whose hash is not symmetric', () => {
  const procs = 6;
  const traffic = generateTraffic({ seed: 31, flows: 300, packetsPerFlow: 6, classes: ['ipv4-tcp', 'ipv4-udp'] });
  const requirements = [root(), ...ebpfRequirements()];

  /** Judged live, because the lab of the command has a namespace of its own, and dissectors belong to one. */
  async function judgeLive(): Promise<{
    readonly status: number | null;
    readonly report: RunResult;
    readonly expected: readonly string[];
  }> {
    return withLab('veth', 1, async (lab) => {
      const direct = packetsOf(traffic);
      const once = [...new Map(direct.map((packet) => [`${packet.flow.id} ${packet.direction}`, packet])).values()];
      const members = await hashMembers(once, procs);
      const memberOf = new Map(once.map(({ flow, direction }, i) => [`${flow.id} ${direction}`, members[i] ?? -1]));
      const expected = expectedViolations(membersByFlow(traffic, ({ flow, direction }) => memberOf.get(`${flow.id} ${direction}`) ?? -1));
      const injector = lab.createInjector(traffic);
      const sending = injector.run({ rounds: 0, packetsPerSecond: 20_000 });
      // All flows pass many times in a second; a run ended by the number of flows would judge some of them on a packet or two.
      const run = await runCli(['-i', lab.interface, '-n', String(procs), '--duration', '600ms']);
      injector.stop();
      await sending;
      return { ...run, expected };
    });
  }

  testWith(
    requirements,
    "made on purpose by a BPF flow dissector: NO, cause known-bug-a, and the kernel's own list of flows",
    {},
    async () => {
      refuseHostNamespace();
      mountBpfFileSystem();
      const object = join(scratch.path, 'dissector.o');
      const pinned = '/sys/fs/bpf/one-sided-dissector';
      await compileBpf(ONE_SIDED_DISSECTOR, object);
      execFileSync('bpftool', ['prog', 'load', object, pinned, 'type', 'flow_dissector']);
      execFileSync('bpftool', ['prog', 'attach', 'pinned', pinned, 'flow_dissector']);
      try {
        const { status, report, expected } = await judgeLive();
        expect([status, report.verdict.answer, codes(report)]).toEqual([1, 'no', ['known-bug-a']]);
        expect(expected.length).toBeGreaterThan(200);
        expect(listedViolations(report)).toEqual(expected);
        expect(schemaErrors(report)).toEqual([]);
      } finally {
        execFileSync('bpftool', ['prog', 'detach', 'pinned', pinned, 'flow_dissector']);
        execFileSync('rm', [pinned]);
      }
    },
  );

  testWith(requirements, 'the remedy is another way than the hash, and that keeps every flow together', {}, () =>
    withDissector('a', async ({ path }) => {
      const before = await runCliBehindDissector(path, ['-n', '6', '--seed', '31']);
      expect(before.report.verdict.answer).toBe('no');
      for (const { remedy } of before.report.causes) {
        expect(remedy).toContain('--mode ebpf --ebpf-program builtin:addresses');
        // It would be refused where a dissector is attached.
        expect(remedy).not.toContain('cure --hash');
      }
      const cured = ['-n', '6', '--seed', '31', '--mode', 'ebpf', '--ebpf-program', 'builtin:addresses'];
      const { report } = await runCliBehindDissector(path, cured);
      expect([report.verdict.answer, report.causes]).toEqual(['yes', []]);
    }),
  );

  testWith(requirements, 'and without it: YES', {}, async () => {
    const { status, report, expected } = await judgeLive();
    expect(expected).toEqual([]);
    expect([status, report.verdict.answer, report.violations]).toEqual([0, 'yes', []]);
    expect(schemaErrors(report)).toEqual([]);
  });
});
