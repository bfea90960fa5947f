/** Several modes on the same packets: what each of them must say, and that testing them together changes no answer. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { native } from '../../src/addon/native.ts';
import type { ComparisonResult } from '../../src/commands/compare/result.ts';
import { labelOf } from '../../src/model/fanout.ts';
import type { RunResult } from '../../src/model/run-result.ts';
import { runCli } from '../helpers/cli.ts';
import { refuseHostNamespace } from '../helpers/lab.ts';
import { CAPTURE, makePair, promiscuity, removePair, type Sending, send } from '../helpers/network.ts';
import { run, start } from '../helpers/tool.ts';

const MODES = ['hash', 'hash+defrag', 'hash+dissector', 'ebpf:addresses', 'lb', 'cpu', 'rollover', 'hash+rollover', 'rnd', 'qm'];
/** A flow dissector is for all groups of a namespace or none. */
const LIVE_MODES = MODES.filter((label) => label !== 'hash+dissector');

async function compare(...args: string[]): Promise<{ readonly status: number | null; readonly result: ComparisonResult }> {
  const { status, stdout, stderr } = await run(['compare', '--json', '-', '--quiet', ...args]);
  if (stdout === '') throw new Error(stderr);
  return { status, result: JSON.parse(stdout) as ComparisonResult };
}

/** What does not depend on processes, times, dice, or on which of several queues is a moment faster. */
function essence({ group, verdict, packets: { offeredPerSecond: _, ...packets }, flows, stacks, causes, balance, members }: RunResult) {
  const isByChance = group.mode === 'rnd' || group.mode === 'lb';
  const dealt = isByChance ? [] : members.map((member) => [member.packets, member.flows]);
  const dice = isByChance ? {} : { flows, balance: { ...balance, topFlowShare: 0 } };
  const told = causes.map(({ code, harmless }) => ({ code, harmless }));
  const reasons = verdict.reasons.map(({ code }) => code);
  const answers = stacks.map(({ stack, answer }) => [stack, answer]);
  return { mode: group.mode, flags: group.flags, answer: verdict.answer, reasons, packets, dealt, told, answers, ...dice };
}

describe('in the lab', () => {
  test('ten modes with eight processes each, in less than 20 s, as single runs with the same seed have them', async () => {
    const begunMs = performance.now();
    const { status, result } = await compare('-n', '8', '--seed', '7');
    expect(performance.now() - begunMs).toBeLessThan(20_000);
    expect(status).toBe(0);
    expect(result.runs.map(({ group }) => labelOf(group))).toEqual(MODES);
    expect(result).toMatchObject({ schema: 'fanout-cluster/comparison@1', packets: 'repeated', leftOut: [], warnings: [] });
    // Both keep all flows, and the traffic has no fragment that could tell them apart.
    expect(result.recommendation).toMatchObject({ answer: 'yes', group: { mode: 'hash', flags: ['defrag'] } });
    for (const [i, label] of MODES.entries()) {
      // Of the built-in program each run has another secret.
      if (label.startsWith('ebpf') || label === 'hash+dissector') continue;
      const [mode = '', ...flags] = label.split('+');
      const { report } = await runCli([
        '-n',
        '8',
        '--seed',
        '7',
        '--nic',
        'queues=8,rss=microsoft',
        '-m',
        mode,
        ...flags.map((flag) => `--${flag}`),
      ]);
      expect(essence(result.runs[i] as RunResult), label).toEqual(essence(report));
    }
  });

  test('fragments: hash splits their flows, hash+defrag keeps them and is what to use', async () => {
    const { status, result } = await compare('-n', '8', '--traffic', 'fragment-ipv4-udp,ipv4-tcp', '--modes', 'hash,hash+defrag,lb');
    expect(status).toBe(0);
    expect(result.runs.map(({ verdict }) => verdict.answer)).toEqual(['no', 'yes', 'no']);
    expect(result.recommendation.group).toEqual({ mode: 'hash', flags: ['defrag'] });
    expect(result.recommendation.lines?.suricata).toContain('    defrag: yes');
  });

  test('no mode keeps VXLAN together: NO, and the least harm', async () => {
    const { status, result } = await compare('-n', '8', '--traffic', 'vxlan-ipv4-tcp', '--modes', 'hash,lb');
    expect([status, result.recommendation.answer]).toEqual([1, 'no']);
    expect(result.recommendation.group).toEqual({ mode: 'hash', flags: [] });
    expect(result.recommendation.reasons.map(({ code }) => code)).toEqual(['no-safe-mode', 'tunnel-outer-only']);
  });
});

test('what no hash keeps together, the built-in program does', async () => {
  const { status, result } = await compare('-n', '8', '--traffic', 'vxlan-ipv4-tcp', '--modes', 'hash,ebpf,ebpf:ports,lb');
  expect(result.runs.map(({ group, verdict }) => `${labelOf(group)} ${verdict.answer}`)).toEqual([
    'hash no',
    'ebpf:addresses yes',
    'ebpf:ports yes',
    'lb no',
  ]);
  expect([status, result.recommendation.group]).toEqual([0, { mode: 'ebpf', flags: [], builtin: 'addresses' }]);
});

test('without the right to load programs it is left out, and the table says why', async () => {
  const { status, stdout } = await run(['compare', '-n', '2', '--modes', 'hash,ebpf', '--no-color'], {
    by: ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups'],
  });
  expect(status).toBe(0);
  expect(stdout).toMatch(/^Not tested\n {2}ebpf:addresses: PROGRAM_REFUSED: .*may\s+not\s+load/m);
});

test('a signal after the first mode: nothing is recommended, and nothing is there to paste', async () => {
  const running = start(['compare', '-n', '2', '--modes', 'hash,hash+defrag,lb,qm']);
  await running.said(/testing hash\+defrag/);
  running.child.kill('SIGINT');
  const { status, stdout } = await running.ended;
  expect(status).toBe(3);
  expect(stdout).toMatch(/when\s+[12]\s+of\s+4\s+modes\s+(was|were)\s+tested\.\n$/);
  expect(stdout).toMatch(/^ {2}lb: interrupted: /m);
  expect(stdout).not.toMatch(/no other|suricata\.yaml|^Use /m);
});

describe('live', () => {
  let sending: Sending | undefined;
  beforeAll(() => {
    refuseHostNamespace();
    makePair();
    sending = send({ flows: 400, packetsPerFlow: 6 }, { packetsPerSecond: 20_000 });
  });
  afterAll(async () => {
    await sending?.stop();
    removePair();
  });

  test('all groups saw the very same packets, and each gave its own answer', async () => {
    const { status, result } = await compare('-i', CAPTURE, '-n', '4', '--duration', '1s', '--no-own-load');
    expect(result.runs.map(({ group }) => labelOf(group))).toEqual(LIVE_MODES);
    const [first] = result.runs;
    expect(first?.packets.judged).toBeGreaterThan(10_000);
    for (const { packets, flows } of result.runs) {
      expect(packets.dropped).toBe(0);
      expect([flows.total, flows.twoWay]).toEqual([first?.flows.total, first?.flows.twoWay]);
      // The kernel stamps the copy of each group by itself: one packet may be on either side of the start, and one of the end.
      expect(Math.abs(packets.judged - (first?.packets.judged ?? 0))).toBeLessThanOrEqual(2);
    }
    const answers = Object.fromEntries(result.runs.map(({ group, verdict }) => [labelOf(group), verdict.answer]));
    expect(answers).toMatchObject({
      hash: 'yes',
      'ebpf:addresses': 'yes',
      'hash+defrag': 'yes',
      lb: 'no',
      rnd: 'no',
      rollover: 'inconclusive',
    });
    expect([status, result.packets]).toEqual([0, 'same']);
    // One process holds a member of each group.
    const pids = result.runs.map(({ members }) => members.map(({ pid }) => pid));
    expect(new Set(pids.flat()).size).toBe(4);
    expect(new Set(result.runs.map(({ group }) => group.id)).size).toBe(LIVE_MODES.length);
    expect(native.packetSockets().filter(({ protocol }) => protocol !== 0)).toEqual([]);
    expect(promiscuity()).toBe(0);
  });

  test('before that the lab says what so many groups cost this machine', async () => {
    const { status, result } = await compare('-i', CAPTURE, '-n', '2', '--modes', 'hash,lb', '--duration', '300ms');
    const { ownLoad } = result;
    if (ownLoad === undefined) return expect.unreachable('nothing was measured');
    expect(ownLoad).toMatchObject({ schema: 'fanout-cluster/own-load@1', procs: 2, one: { groups: 1 }, all: { groups: 2 } });
    expect(ownLoad.all.workerNsPerPacket).toBeGreaterThan(ownLoad.one.workerNsPerPacket);
    expect(Math.min(ownLoad.one.kernelNsPerPacket, ownLoad.perFurtherGroup.workerNsPerPacket)).toBeGreaterThan(0);
    expect(ownLoad.lossFreeRate).toBeGreaterThan(20_000);
    expect([status, result.runs.map(({ verdict }) => verdict.answer)]).toEqual([0, ['yes', 'no']]);
  });
});
