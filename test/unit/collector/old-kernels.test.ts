/** What kernels lack, as far as a verdict must know it: a list of groups, and the flag ignore-outgoing. */
import { describe, expect, test } from 'vitest';
import { checkGroup } from '../../../src/collector/group/group-safety.ts';
import type { RunFacts } from '../../../src/model/run-facts.ts';
import { epoch, evidenceOf, factsOf, group } from '../../helpers/evidence.ts';
import { judge } from '../../helpers/worded.ts';

const good = evidenceOf([epoch(Array<number>(8).fill(60))]);
const parted = evidenceOf([epoch(Array<number>(8).fill(60))], [group({ kind: 'split', oneKernelKey: true, flows: 3 })]);

function codes(evidence: typeof good, change: Partial<RunFacts> = {}): readonly string[] {
  const { answer, reasons } = judge(evidence, factsOf(evidence, change)).verdict;
  return [answer, ...reasons.map(({ code }) => code)];
}

describe('another program that may have joined the group unseen', () => {
  const outsiders = { kind: 'capturing', owners: ['tcpdump (pid 7)', 'zeek (pid 8)'] } as const;

  test('takes a NO away that rests on flows: it may have moved them', () => {
    expect(codes(parted)).toEqual(['no', 'hash-asymmetric']);
    expect(codes(parted, { outsiders })).toEqual(['inconclusive', 'foreign-member-possible', 'hash-asymmetric']);
    const [reason] = judge(parted, factsOf(parted, { outsiders })).verdict.reasons;
    expect(reason?.message).toMatch(/^flows were split, but tcpdump \(pid 7\), zeek \(pid 8\) may have joined/);
    expect(reason?.remedy).toMatch(/modprobe af_packet_diag/);
  });

  test('does not touch a YES: whoever joins can only part flows', () => expect(codes(good, { outsiders })).toEqual(['yes', 'proven']));

  test('nor what the design of a mode says', () => {
    expect(codes(good, { outsiders, mode: 'lb' })).toEqual(codes(good, { mode: 'lb' }));
    expect(codes(good, { mode: 'lb' })[0]).toBe('no');
  });

  test('nor what is tolerated', () => {
    expect(codes(parted, { outsiders, tolerated: ['hash-asymmetric'] })[0]).not.toBe('no');
    expect(codes(parted, { outsiders, tolerated: ['hash-asymmetric'] })).not.toContain('foreign-member-possible');
  });
});

describe('the flag ignore-outgoing', () => {
  const { packets } = factsOf(good);
  const warned = (kernel: string, outgoing: number, mode: RunFacts['mode'] = 'hash', flags: RunFacts['flags'] = ['ignore-outgoing']) =>
    judge(good, factsOf(good, { kernel, mode, flags, packets: { ...packets, outgoing, ignored: { outgoing } } })).warnings.filter(
      ({ code }) => code === 'ignore-outgoing-ineffective',
    );

  test('had no effect where packets of this host came, whatever the release says', () => {
    expect(warned('6.18.0', 9)[0]?.message).toMatch(/without effect: 9 packets that this host sent came all the same/);
    expect(warned('5.10.46', 9)[0]?.message).not.toMatch(/mode hash/);
    expect(warned('5.10.46', 9, 'qm')[0]?.message).toMatch(/in mode qm they take part in choosing the process/);
  });
  test('is not known to an old kernel, even if none came', () => {
    expect(warned('6.1.176', 0)[0]?.message).toMatch(/by its release it does not know it/);
  });
  test('works', () => expect([warned('6.2.0', 0), warned('6.12.113', 0)]).toEqual([[], []]));
  test('was not asked for', () => expect(warned('5.10.46', 9, 'hash', [])).toEqual([]));
});

describe('a group of a chosen id, or one that reassembles, where groups are not listed', () => {
  const source = { kind: 'live', interface: 'eth0', promisc: true } as const;
  const check = (groupId: number | undefined, flags: readonly 'defrag'[], force = false) =>
    checkGroup(
      { source, flags, force, ...(groupId === undefined ? {} : { groupId }) },
      undefined,
      '/proc/net/packet lists 1 packet socket of suricata (pid 9)',
    );

  test('is refused, and what could be seen is said', () => {
    expect(() => check(99, [])).toThrow(
      /does not list fanout groups .* lists 1 packet socket of suricata \(pid 9\), so nobody knows whether group 99/,
    );
    expect(() => check(undefined, ['defrag'])).toThrow(/suricata \(pid 9\), so nobody knows whether a group would lose its fragments/);
  });
  test('is not where the kernel chooses the id, or on demand', () => {
    check(undefined, []);
    check(undefined, ['defrag'], true);
  });
});
