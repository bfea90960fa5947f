import { describe, expect, test } from 'vitest';
import { isIsolated } from '../../../../src/collector/verdict/isolated.ts';
import type { ViolationGroup } from '../../../../src/model/evidence.ts';
import type { RunFacts } from '../../../../src/model/run-facts.ts';
import { epoch, evidenceOf, factsOf, group } from '../../../helpers/evidence.ts';
import { judge } from '../../../helpers/worded.ts';

const ONE: Partial<ViolationGroup> = { kind: 'split', oneKernelKey: false, onOnePacket: true, flows: 1 };

/** Of a hundred flows that stay together, and these. */
function judged(groups: readonly Partial<ViolationGroup>[], facts: Partial<RunFacts> = {}) {
  const evidence = evidenceOf([epoch([50, 50])], groups.map(group));
  return judge(evidence, factsOf(evidence, { source: 'live', stop: 'time', ...facts }));
}

const codes = (reasons: readonly { readonly code: string }[]) => reasons.map(({ code }) => code);

describe('a violation that rests on one packet', () => {
  test.each<[string, Partial<ViolationGroup>, Partial<RunFacts>]>([
    ['fragment-v4', { fragments: 'in-reach' }, {}],
    ['fragment-v6', { fragments: 'ipv6', stack: 'ipv6/tcp' }, {}],
    ['tunnel-outer-only', { stack: 'ipv4/udp/vxlan/eth/ipv4/tcp' }, {}],
    ['tunnel-outer-only', { mixedWrappings: true }, {}],
    ['known-bug-d', { staleIpv6: true, stack: 'ipv6/ipv4/tcp' }, {}],
    ['known-bug-c', { oneKernelKey: true, labelOneWay: true, stack: 'ipv6/tcp' }, { kernel: '5.15.0' }],
    ['duplicated', { kind: 'duplicated' }, {}],
    ['unexplained', {}, {}],
    ['rss-asymmetric', {}, { mode: 'qm' }],
    ['rss-asymmetric', { oneKernelKey: true }, { mode: 'cpu' }],
    ['bpf-program', {}, { mode: 'ebpf' }],
  ])('of live traffic is no NO by itself, and never a YES: %s', (cause, traits, facts) => {
    const { verdict, causes, stacks } = judged([{ ...ONE, ...traits }], facts);
    expect(verdict.answer).toBe('inconclusive');
    expect(verdict.reasons[0]).toMatchObject({
      code: 'isolated-violation',
      message: expect.stringMatching(/^1 of 101 flows was split by/),
    });
    expect(verdict.reasons[0]?.message).toContain(`(${cause})`);
    expect(causes).toMatchObject([{ code: cause, flows: 1, isolated: 1 }]);
    expect(stacks.find(({ stack }) => stack === (traits.stack ?? 'ipv4/tcp'))?.answer).toBe('inconclusive');
  });

  test.each(['lab', 'pcap'] as const)('is one where the truth is known: %s', (source) => {
    const { verdict, causes } = judged([{ ...ONE, fragments: 'in-reach' }], { source });
    expect([verdict.answer, ...codes(verdict.reasons)]).toEqual(['no', 'fragment-v4']);
    expect(causes[0]).not.toHaveProperty('isolated');
  });

  test.each<[string, Partial<ViolationGroup>, Partial<RunFacts>]>([
    ['hash-asymmetric', { oneKernelKey: true }, {}],
    ['known-bug-b', { kind: 'asymmetric', oneKernelKey: true, topBitPair: true }, { kernel: '5.4.0' }],
    ['rollover-under-load', { oneKernelKey: true }, { mode: 'rollover' }],
  ])('is one where the kernel did it, whoever sent the packet: %s', (cause, traits, facts) => {
    const { verdict } = judged([{ ...ONE, ...traits }], facts);
    expect([verdict.answer, ...codes(verdict.reasons)]).toEqual(['no', cause]);
  });

  test('is not joined by others to more than they are: whatever their number', () => {
    const { verdict } = judged([
      { ...ONE, fragments: 'in-reach', flows: 40 },
      { ...ONE, stack: 'ipv4/udp/vxlan/eth/ipv4/tcp', flows: 7 },
    ]);
    expect([verdict.answer, ...codes(verdict.reasons)]).toEqual(['inconclusive', 'isolated-violation']);
    expect(verdict.reasons[0]?.message).toMatch(/^47 of 147 flows were split, each by a single packet \(fragment-v4, tunnel-outer-only\)/);
  });

  test('beside one that rests on more: NO, for that cause alone, and how many are isolated is told', () => {
    const { verdict, causes } = judged([
      { ...ONE, fragments: 'in-reach', flows: 4 },
      { ...ONE, fragments: 'in-reach', onOnePacket: false, flows: 2 },
      { ...ONE, stack: 'ipv4/udp/vxlan/eth/ipv4/tcp' },
    ]);
    expect([verdict.answer, ...codes(verdict.reasons)]).toEqual(['no', 'fragment-v4']);
    expect(causes).toMatchObject([
      { code: 'fragment-v4', flows: 6, isolated: 4 },
      { code: 'tunnel-outer-only', flows: 1, isolated: 1 },
    ]);
  });

  test('is no doubt where the cause is harmless or tolerated', () => {
    const esp = judged([{ ...ONE, stack: 'ipv4/esp', onlyIndexDiffers: true }]);
    expect(codes(esp.verdict.reasons)).not.toContain('isolated-violation');
    const tolerated = judged([{ ...ONE, fragments: 'in-reach' }], { tolerated: ['fragment-v4'] });
    expect(codes(tolerated.verdict.reasons)).not.toContain('isolated-violation');
  });
});

test('only live, and only on one packet', () => {
  const traits = group(ONE);
  expect(isIsolated('fragment-v4', traits, { source: 'live' })).toBe(true);
  expect(isIsolated('fragment-v4', traits, { source: 'lab' })).toBe(false);
  expect(isIsolated('fragment-v4', { ...traits, onOnePacket: false }, { source: 'live' })).toBe(false);
});
