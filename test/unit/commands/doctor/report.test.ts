/** Reports of doctor, whole: what a user reads. */
import { describe, expect, test } from 'vitest';
import { renderText } from '../../../../src/collector/report/text.ts';
import { doctor } from '../../../../src/commands/doctor/doctor.ts';
import { doctorBrief, doctorDocument } from '../../../../src/commands/doctor/report.ts';
import type { DoctorResult } from '../../../../src/commands/doctor/result.ts';
import type { Question } from '../../../../src/nic/examine.ts';
import type { NicFacts } from '../../../../src/nic/facts.ts';
import { NICS, NOTHING_TOLD, nic, sampled, symmetricNic, told } from '../../../helpers/nics.ts';

const STYLE = { width: 100, color: false };
const judge = (facts: NicFacts, question: Partial<Question> = {}): DoctorResult => {
  const read = { facts, kernel: '6.12.9', startedAt: '2026-01-01T00:00:00.000Z' };
  return doctor({ mode: 'hash', flags: [], ...question }, read, sampled(facts), '0.1.0');
};
const full = (facts: NicFacts, question: Partial<Question> = {}) => renderText(doctorDocument(judge(facts, question)), STYLE);
const brief = (facts: NicFacts, question: Partial<Question> = {}) => renderText(doctorBrief(judge(facts, question)), STYLE);

test('i40e as it is shipped, mode qm', () => {
  expect(full(NICS.i40e, { mode: 'qm', procs: 4 })).toMatchSnapshot();
});

test('igb, mode cpu', () => {
  expect(full(NICS.igb, { mode: 'cpu', procs: 4 })).toMatchSnapshot();
});

test('all is well', () => {
  expect(full(symmetricNic(), { mode: 'qm', procs: 4 })).toMatchSnapshot();
});

describe('the first line', () => {
  test.each([
    ['qm', NICS.ixgbe, 'eth0: 1 thing breaks mode qm; 3 warnings'],
    ['cpu', NICS.ixgbe, 'eth0: 2 things break mode cpu; 2 warnings'],
    ['hash', symmetricNic(), 'eth0: nothing here breaks mode hash'],
    ['hash', NOTHING_TOLD, 'eth0: not enough could be read to say whether anything here breaks mode hash'],
  ] as const)('mode %s: %#', (mode, facts, expected) => {
    expect(full(facts, { mode, procs: 4 }).split('\n')[0]).toContain(expected);
  });
});

test('--quiet leaves the answer and what breaks the mode', () => {
  expect(brief(symmetricNic(), { mode: 'qm' })).toBe('eth0: nothing here breaks mode qm\n');
  expect(brief(NOTHING_TOLD, { mode: 'hash' })).toMatch(/^eth0: not enough .*\nWhat is not known\n {2}flow dissector .*decides\n$/s);
  expect(brief(NICS.ixgbe, { mode: 'qm' })).toContain('directions-apart');
});

test('JSON has what was told, and in words what was not', () => {
  const result = judge(NICS.virtio, { mode: 'qm', procs: 2 });
  expect(result).toMatchObject({ schema: 'fanout-cluster/doctor@1', interface: 'eth0', mode: 'qm', procs: 2, answer: 'ok' });
  expect(result.facts).toContainEqual({ id: 'queues', value: { used: 1, most: 1 }, where: 'a test' });
  expect(result.facts.map(({ id }) => id)).not.toContain('rss');
  expect(result.meetings[0]?.directions).toEqual({ answer: 'together', proof: 'one-queue', text: 'together (there is one queue)' });
  expect(judge(NOTHING_TOLD, { mode: 'qm' }).unknowns).toContainEqual({
    fact: 'kind',
    where: 'a test',
    why: 'not tried',
    decisive: true,
  });
});

test('a name that a shell would take apart stays one word', () => {
  const facts = nic({ name: "a;'b", link: told({ isUp: false, hasCarrier: false, mtu: 1500, promiscuity: 0, isLoopback: false }) });
  const { findings } = judge(facts);
  expect(findings.find(({ code }) => code === 'link-down')?.remedy).toBe("ip link set 'a;'\\''b' up");
});
