/** Traffic that the kernel's hash cannot spread, and groups without a program: kept together, and yet no YES. */
import { describe, expect, test } from 'vitest';
import type { RunResult } from '../../src/model/run-result.ts';
import { runCli } from '../helpers/cli.ts';
import { program, testWith } from '../helpers/requirements.ts';
import { schemaErrors } from '../helpers/schema.ts';

const reasons = ({ verdict }: RunResult) => verdict.reasons.map(({ code }) => code);
const unspread = ({ causes }: RunResult) => causes.filter(({ code }) => code === 'no-spread');

describe('no-spread', () => {
  test.each([
    ['mpls-ipv4-tcp', 500, /stops at an MPLS label/],
    ['mpls-two-ipv4-tcp', 500, /stops at an MPLS label/],
    ['vlan-9100-ipv4-tcp', 500, /such as 0x9100/],
  ])('%s: INCONCLUSIVE, and why', async (traffic, flows, why) => {
    const { status, report } = await runCli(['-n', '8', '--traffic', traffic]);
    expect([status, ...reasons(report)]).toEqual([3, 'one-member', 'no-spread']);
    expect(unspread(report)).toMatchObject([{ flows, harmless: true, message: expect.stringMatching(why) }]);
    expect(report.stacks.map(({ answer }) => answer)).toEqual(['inconclusive']);
    expect([report.balance.membersUsed, report.warnings]).toEqual([1, []]);
    expect(schemaErrors(report)).toEqual([]);
  });

  testWith([program('tcpdump')], 'one pair of tunnel ends: INCONCLUSIVE; sixteen of them: YES', {}, async () => {
    const tunnel = ['-n', '4', '--traffic', 'gtpu-ipv4-tcp'];
    const one = await runCli([...tunnel, '--filter', 'host 192.0.2.1']);
    expect([one.status, ...reasons(one.report)]).toEqual([3, 'one-member', 'no-spread']);
    expect(unspread(one.report)[0]?.message).toContain('one pair of tunnel ends');
    const all = await runCli(tunnel);
    expect([all.status, unspread(all.report)]).toEqual([0, []]);
  });

  test('among other traffic: YES, which does not hide it', async () => {
    const { status, report } = await runCli(['-n', '8', '--traffic', 'standard,mpls-ipv4-tcp']);
    expect([status, ...reasons(report)]).toEqual([0, 'proven']);
    const stack = report.stacks.find(({ stack: name }) => name === 'mpls/ipv4/tcp');
    expect(stack).toMatchObject({ membersUsed: 1, answer: 'inconclusive' });
    expect(unspread(report)).toMatchObject([{ flows: stack?.flows, harmless: true }]);
    expect(report.warnings).toEqual([]);
  });

  test.each(['arp', 'macsec', 'unknown-ethertype'])('%s: no flows, and one process gets all of it', async (traffic) => {
    const { status, report } = await runCli(['-n', '8', '--traffic', traffic]);
    expect([status, ...reasons(report)]).toEqual([3, 'no-flows']);
    expect(unspread(report)).toMatchObject([{ flows: 0, message: expect.stringMatching(/^3,000 of 3,000 packets belong to no flow/) }]);
    expect(report.balance.membersUsed).toBe(1);
    expect(schemaErrors(report)).toEqual([]);
  });

  test('is no word about the standard traffic', async () => {
    const { report } = await runCli(['-n', '2']);
    expect(report.causes).toEqual([]);
  });
});

describe('mode without a program, as asked', () => {
  test.each(['cbpf', 'ebpf'])('%s: all on the first member, INCONCLUSIVE', async (mode) => {
    const { status, report } = await runCli(['-n', '4', '-m', mode, `--${mode}-program`, 'none']);
    expect([status, report.verdict.answer, ...reasons(report)]).toEqual([3, 'inconclusive', 'one-member', 'bpf-program-missing']);
    expect(report.members.map(({ packets }) => packets)).toEqual([3000, 0, 0, 0]);
    expect(report.causes).toMatchObject([{ code: 'bpf-program-missing', flows: 500, harmless: true }]);
    expect([report.flows.consistent, report.warnings]).toEqual([500, []]);
    expect(schemaErrors(report)).toEqual([]);
  });
});
