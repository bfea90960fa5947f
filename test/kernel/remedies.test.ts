/** A remedy that names the cure helps: the same traffic, steered by the built-in program, is a YES. Where it does not help, it is not named. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { native } from '../../src/addon/native.ts';
import type { CauseResult } from '../../src/model/run-result.ts';
import { generateTraffic } from '../../src/traffic/traffic.ts';
import { runCli } from '../helpers/cli.ts';
import { packetsOf, refuseHostNamespace } from '../helpers/lab.ts';
import { writePcap } from '../helpers/pcap.ts';
import { temporaryDirectory } from '../helpers/programs.ts';

const scratch = temporaryDirectory();
afterAll(() => scratch.remove());
beforeAll(refuseHostNamespace);

const SIZE = ['-n', '8', '--seed', '5', '--flows', '240'];
/** As the remedies have it. */
const CURED = ['--mode', 'ebpf', '--ebpf-program', 'builtin:addresses'];
const NAMES_THE_CURE = /"sudo fanout-cluster cure --hash"/;

/** By the cause, and what it depends on: how to send such traffic, and how it was steered. */
const CURED_CAUSES: readonly (readonly [code: string, traffic: string, how: readonly string[]])[] = [
  ['fragment-v4', 'fragment-ipv4-udp', []],
  ['fragment-v4', 'fragment-qinq-ipv4-udp', []],
  ['fragment-v4', 'fragment-qinq-ipv4-udp', ['--defrag']],
  ['fragment-v6', 'fragment-ipv6-udp,fragment-atomic-one-way-ipv6-udp', []],
  ['known-bug-d', '4in6-ipv4-tcp,gre-in-ipv6-ipv4-tcp,srv6-ipv4-udp', []],
  ['tunnel-outer-only', 'vxlan-ipv4-tcp,vxlan-ipv6-udp,geneve-ipv4-tcp,vxlan-gpe-nsh-ipv4-tcp', []],
  ['tunnel-outer-only', 'cmd-one-way-ipv4-tcp,fabricpath-one-way-ipv4-tcp', []],
  ['esp-ah-spi', 'esp-ipv4,esp-ipv6', []],
  ['esp-ah-spi', 'ah-ipv4-tcp,ah-ipv6-udp', []],
  ['icmp-error', 'icmp-error-peer-ipv4-udp,icmp-error-router-ipv4-udp,icmp-error-router-ipv6-udp', []],
  ['no-spread', 'mpls-ipv4-tcp,mpls-two-ipv4-tcp', []],
  ['no-spread', 'vntag-ipv4-tcp,snap-vlan-ipv6-udp,vlan-9200-ipv4-tcp', []],
  ['rss-asymmetric', 'cmd-one-way-ipv4-tcp,fabricpath-one-way-ipv4-tcp', ['--mode', 'qm', '--nic', 'queues=8,rss=symmetric,fields=sd']],
];

describe.each(CURED_CAUSES)('%s of %s %j', (code, traffic, how) => {
  test('names the cure, and that keeps every flow together', { timeout: 120_000 }, async () => {
    const before = await runCli([...SIZE, '--traffic', traffic, ...how]);
    const cause = before.report.causes.find((one) => one.code === code);
    expect(cause?.remedy).toMatch(NAMES_THE_CURE);
    expect(cause?.remedy).toContain(CURED.join(' '));

    const { report } = await runCli([...SIZE, '--traffic', traffic, ...CURED]);
    expect(report.verdict.answer).toBe('yes');
    expect(report.flows).toMatchObject({ consistent: report.flows.total, split: 0, asymmetric: 0, duplicated: 0 });
    expect(report.causes).toEqual([]);
    expect(report.balance.membersUsed).toBe(8);
  });
});

test('no other cause of all traffic names it, and no class needs it that is not cured', { timeout: 180_000 }, async () => {
  const everything = ['-n', '8', '--seed', '6', '--traffic', 'all', '--flows', '3000'];
  const { report } = await runCli(everything);
  const naming = report.causes.filter(({ remedy }) => NAMES_THE_CURE.test(remedy ?? '')).map((cause) => cause.code);
  expect(naming.filter((code) => !CURED_CAUSES.some(([known]) => known === code))).toEqual([]);
  expect(naming.length).toBeGreaterThan(5);
});

describe('not named where it does not help', () => {
  const causesOf = async (traffic: string): Promise<readonly CauseResult[]> =>
    (await runCli([...SIZE, '--traffic', traffic])).report.causes.filter((cause) => cause.remedy !== undefined);

  test.each([
    ['frames without IP between two stations', 'lldp,stp,ipv4-tcp', 'no-spread'],
    ['what no IDS decodes: its flow is the outer one', 'lisp-ipv4-tcp,mpls-in-udp-ipv4-tcp', 'tunnel-outer-only'],
    ['a mirror that copies packets', 'duplicate-mpls-ipv4-tcp', 'duplicated'],
  ])('%s', { timeout: 60_000 }, async (_, traffic, code) => {
    const causes = await causesOf(traffic);
    const cause = causes.find((one) => one.code === code);
    expect(cause?.remedy).toBeDefined();
    expect(cause?.remedy).not.toMatch(/fanout-cluster cure/);
  });
});

test('fragments that overtake the first one: the policy ports splits them, says so, and the other policy does not', {
  timeout: 120_000,
}, async () => {
  const pcap = join(scratch.path, 'overtaken.pcap');
  const { frames, offsets } = generateTraffic({ seed: 8, classes: ['fragment-ipv4-udp'], flows: 60, packetsPerFlow: 6 });
  const each = Array.from(offsets.subarray(1), (end, i) => frames.subarray(offsets[i], end));
  const isPiece = (frame: Uint8Array) => native.dissectFrame(frame, {}).marks.includes('fragment');
  // Whole datagrams go first, so that each flow has a place; then the pieces of each from behind.
  writePcap(pcap, [...each.filter((frame) => !isPiece(frame)), ...each.filter(isPiece).reverse()]);
  const ports = await runCli(['-n', '8', '--pcap', pcap, '--mode', 'ebpf', '--ebpf-program', 'builtin:ports']);
  expect(ports.report.verdict.answer).toBe('no');
  const [cause] = ports.report.causes;
  expect([cause?.code, cause?.remedy]).toEqual([
    'bpf-program',
    `use the policy addresses, which needs no first fragment (${CURED.join(' ')})`,
  ]);
  const { report } = await runCli(['-n', '8', '--pcap', pcap, ...CURED]);
  expect([report.verdict.answer, report.causes]).toEqual(['yes', []]);
});

test('tunnels between one pair of ends: all on one process, and spread by what is inside', { timeout: 120_000 }, async () => {
  const pcap = join(scratch.path, 'one-pair.pcap');
  const traffic = generateTraffic({ seed: 9, classes: ['gtpu-ipv4-tcp'], flows: 240, packetsPerFlow: 4 });
  const ends = [Uint8Array.of(198, 18, 0, 1), Uint8Array.of(198, 18, 0, 2)];
  const frames = packetsOf(traffic).map(({ frame, direction }) => {
    const [source, destination] = direction === 'forward' ? ends : ends.toReversed();
    const sent = Uint8Array.from(frame);
    sent.set(source ?? [], 26);
    sent.set(destination ?? [], 30);
    return sent;
  });
  writePcap(pcap, frames);
  const before = await runCli(['-n', '8', '--pcap', pcap]);
  const cause = before.report.causes.find(({ code }) => code === 'no-spread');
  expect(cause?.remedy).toMatch(NAMES_THE_CURE);
  expect(before.report.verdict.answer).toBe('inconclusive');
  const { report } = await runCli(['-n', '8', '--pcap', pcap, ...CURED]);
  expect([report.verdict.answer, report.causes, report.balance.membersUsed]).toEqual(['yes', [], 8]);
});

test('a group without a program: everything on one process, and the remedy is one', { timeout: 120_000 }, async () => {
  const { report } = await runCli([...SIZE, '--mode', 'ebpf', '--ebpf-program', 'none']);
  const cause = report.causes.find(({ code }) => code === 'bpf-program-missing');
  expect(cause?.remedy).toContain('"sudo fanout-cluster cure --group ID"');
  expect(cause?.remedy).toContain(CURED.join(' '));
  const cured = await runCli([...SIZE, ...CURED]);
  expect(cured.report.verdict.answer).toBe('yes');
});
