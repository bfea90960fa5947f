import { describe, expect, test } from 'vitest';
import { findHashBugs, hashBugOf } from '../../../../src/collector/verdict/hash-bugs.ts';
import type { StackEvidence, ViolationGroup } from '../../../../src/model/evidence.ts';
import { createRandom, type Random } from '../../../../src/traffic/random.ts';
import { group, stackOf } from '../../../helpers/evidence.ts';

const MENDED = '6.18.44';

/** Flows of one stack: how many of a group of `procs` were kept together, and how many parted, of which kind. */
interface Seen {
  readonly stack?: string;
  readonly kept: number;
  readonly parted?: readonly Partial<ViolationGroup>[];
  readonly kernelKeys?: number;
}

function run(procs: number, seen: readonly Seen[], kernel = MENDED) {
  const parts = seen.map(({ stack = 'ipv4/tcp', kept, parted = [], kernelKeys }) => {
    const groups = parted.map((traits) => group({ stack, ...traits }));
    const spread = Array.from({ length: procs }, (_, i) => Math.floor(kept / procs) + (i < kept % procs ? 1 : 0));
    const evidence: StackEvidence = stackOf(stack, spread, groups);
    return { groups, stack: kernelKeys === undefined ? evidence : { ...evidence, kernelKeys } };
  });
  const groups = parts.flatMap((part) => part.groups);
  const findings = findHashBugs({ kernel, procs, groups, stacks: parts.map((part) => part.stack) });
  return groups.map((traits) => hashBugOf(traits, findings) ?? 'none');
}

function stacks(count: number, seen: Seen): readonly Seen[] {
  return Array.from({ length: count }, (_, i) => ({ ...seen, stack: `${'vlan/'.repeat(i)}ipv4/tcp` }));
}

const topBit = { topBitPair: true };
const label = { labelOneWay: true };

describe('bug A on a release without it', () => {
  test.each([
    ['at the rate of chance, n = 2', 2, [{ kept: 60, parted: [{ flows: 60 }] }], ['known-bug-a']],
    ['at the rate of chance, n = 8', 8, [{ kept: 6, parted: [{ flows: 42 }] }], ['known-bug-a']],
    ['at the rate of chance, n = 16', 16, [{ kept: 3, parted: [{ flows: 37 }] }], ['known-bug-a']],
    ['too few to tell from a minority, n = 2', 2, [{ kept: 11, parted: [{ flows: 11 }] }], ['none']],
    ['one flow', 8, [{ kept: 0, parted: [{ flows: 1 }] }], ['none']],
    ['a minority', 8, [{ kept: 100, parted: [{ flows: 40 }] }], ['none']],
    ['half of the rate of chance, n = 2', 2, [{ kept: 750, parted: [{ flows: 250 }] }], ['none']],
    ['more than chance: the directions avoid each other', 2, [{ kept: 0, parted: [{ flows: 200 }] }], ['none']],
    [
      "B's and C's flows among others are A's",
      8,
      [{ kept: 30, parted: [{ ...topBit, flows: 20 }, { flows: 160 }] }],
      ['known-bug-a', 'known-bug-a'],
    ],
    [
      'one direction with one key on several members',
      8,
      [{ kept: 6, parted: [{ flows: 42 }, { kind: 'split', flows: 1 }] }],
      ['none', 'none'],
    ],
    [
      'a direction with several keys may be on several members',
      8,
      [{ kept: 6, parted: [{ flows: 42 }, { kind: 'split', fragments: 'in-reach', flows: 1 }] }],
      ['known-bug-a', 'known-bug-a'],
    ],
    ['flows of few kernel keys have few fates', 8, [{ kept: 6, parted: [{ flows: 42 }], kernelKeys: 3 }], ['none']],
    [
      'and prove nothing, but go with the others',
      8,
      [
        { kept: 6, parted: [{ flows: 42 }] },
        { stack: 'ipv4/icmp', kept: 60, parted: [{ flows: 60 }], kernelKeys: 6 },
      ],
      ['known-bug-a', 'known-bug-a'],
    ],
    [
      'TCP only: a stack is judged by itself',
      8,
      [
        { kept: 8, parted: [{ flows: 56 }] },
        { stack: 'ipv4/udp', kept: 500 },
      ],
      ['known-bug-a'],
    ],
    [
      'a small stack goes with the others',
      8,
      [
        { kept: 8, parted: [{ flows: 56 }] },
        { stack: 'ipv6/tcp', kept: 0, parted: [{ flows: 2 }] },
      ],
      ['known-bug-a', 'known-bug-a'],
    ],
    [
      'a stack of which a minority failed does not',
      8,
      [
        { kept: 8, parted: [{ flows: 56 }] },
        { stack: 'ipv6/tcp', kept: 50, parted: [{ flows: 2 }] },
      ],
      ['known-bug-a', 'none'],
    ],
    ['small stacks, which show a failure only by chance', 2, stacks(60, { kept: 1, parted: [{ flows: 1 }] }), Array(60).fill('none')],
    [
      'stacks that each might be chance, and together are too much for it',
      2,
      stacks(20, { kept: 0, parted: [{ flows: 10 }] }),
      Array(20).fill('none'),
    ],
  ] satisfies [string, number, readonly Seen[], string[]][])('%s', (_, procs, seen, expected) => {
    expect(run(procs, seen)).toEqual(expected);
  });

  test('a release with it needs no more', () => {
    expect(run(8, [{ kept: 100, parted: [{ flows: 1 }, { kind: 'split', flows: 1 }] }], '4.4.15')).toEqual(['known-bug-a', 'known-bug-a']);
  });
});

describe('bug A by what it hashed, on a release without it', () => {
  const tags = { tagsDiffer: true };
  const v6 = { stack: 'ipv6/tcp' };
  test.each([
    ['tagged flows fail, plain ones are kept', 8, [{ kept: 100, parted: [{ ...tags, flows: 20 }] }], ['known-bug-a']],
    [
      'of both families',
      8,
      [
        { kept: 100, parted: [{ ...tags, flows: 5 }] },
        { ...v6, kept: 20, parted: [{ ...tags, flows: 5 }] },
      ],
      ['known-bug-a', 'known-bug-a'],
    ],
    ['too few', 8, [{ kept: 100, parted: [{ ...tags, flows: 8 }] }], ['none']],
    ['a plain flow fails, too', 8, [{ kept: 100, parted: [{ ...tags, flows: 20 }, { flows: 1 }] }], ['none', 'none']],
    [
      'one direction is split by a label that changes',
      8,
      [{ ...v6, kept: 100, parted: [{ ...tags, kind: 'split', flows: 20 }] }],
      ['known-bug-a'],
    ],
    [
      'with bug B, as kernels of that time had it',
      8,
      [
        {
          kept: 200,
          parted: [
            { ...tags, flows: 20 },
            { ...topBit, flows: 20 },
          ],
        },
      ],
      ['known-bug-a', 'known-bug-b'],
    ],
    ['labels in one direction only are for bug C', 8, [{ ...v6, kept: 100, parted: [{ ...tags, ...label, flows: 20 }] }], ['known-bug-c']],
    [
      'but not where others differ in other labels',
      8,
      [
        {
          ...v6,
          kept: 100,
          parted: [
            { ...tags, ...label, flows: 20 },
            { ...tags, flows: 20 },
          ],
        },
      ],
      ['known-bug-a', 'known-bug-a'],
    ],
  ] satisfies [string, number, readonly Seen[], string[]][])('%s', (_, procs, seen, expected) => {
    expect(run(procs, seen)).toEqual(expected);
  });
});

describe('bugs B and C on a release without them', () => {
  const [v4, v6] = [{ stack: 'ipv4/udp' }, { stack: 'ipv6/udp' }];
  test.each([
    ['B', 2, [{ ...v4, kept: 200, parted: [{ ...topBit, flows: 20 }] }], ['known-bug-b']],
    ['C', 2, [{ ...v6, kept: 200, parted: [{ ...label, flows: 20 }] }], ['known-bug-c']],
    [
      'both',
      16,
      [
        { ...v4, kept: 200, parted: [{ ...topBit, flows: 40 }] },
        { ...v6, kept: 200, parted: [{ ...label, flows: 40 }] },
      ],
      ['known-bug-b', 'known-bug-c'],
    ],
    ['few failures', 8, [{ ...v4, kept: 900, parted: [{ ...topBit, flows: 8 }] }], ['none']],
    ['nothing else to compare with: A would look alike', 2, [{ ...v4, kept: 20, parted: [{ ...topBit, flows: 20 }] }], ['none']],
    [
      'what stayed is of the other family',
      2,
      [
        { ...v4, kept: 20, parted: [{ ...topBit, flows: 20 }] },
        { ...v6, kept: 400 },
      ],
      ['none'],
    ],
    [
      'what stayed has one kernel key, which no hash splits',
      2,
      [
        { ...v4, kept: 20, parted: [{ ...topBit, flows: 20 }] },
        { stack: 'mpls/ipv4/udp', kept: 400, kernelKeys: 1 },
      ],
      ['none'],
    ],
    ['another flow failed too', 2, [{ ...v4, kept: 200, parted: [{ ...topBit, flows: 20 }, { flows: 1 }] }], ['none', 'none']],
    ['B never splits one direction', 2, [{ ...v4, kept: 200, parted: [{ ...topBit, kind: 'split', flows: 20 }] }], ['none']],
  ] satisfies [string, number, readonly Seen[], string[]][])('%s', (_, procs, seen, expected) => {
    expect(run(procs, seen)).toEqual(expected);
  });

  test('on a release with them one failure is enough', () => {
    expect(run(2, [{ ...v4, kept: 3, parted: [{ ...topBit, flows: 1 }] }], '5.4.0')).toEqual(['known-bug-b']);
    expect(run(2, [{ ...v6, kept: 3, parted: [{ ...label, flows: 1 }] }], '5.15.100')).toEqual(['known-bug-c']);
  });
});

describe('simulated kernels', () => {
  const FLOWS = { plain: 457, probes: 43 };

  /** How many of so many flows a hash splits that places both directions by themselves. */
  function parted(flows: number, procs: number, random: Random): number {
    return Array.from({ length: flows }, () => random.below(procs) - random.below(procs)).filter((distance) => distance !== 0).length;
  }

  test.each([2, 3, 4, 8, 16, 64])('%i members: A is always named A, B always B, and never the other', (procs) => {
    const random = createRandom(procs);
    for (let i = 0; i < 200; i++) {
      const [plain, probes] = [parted(FLOWS.plain, procs, random), parted(FLOWS.probes, procs, random)];
      const a = [{ flows: plain }, { ...topBit, flows: probes }];
      expect(run(procs, [{ kept: FLOWS.plain + FLOWS.probes - plain - probes, parted: a }])).toEqual(['known-bug-a', 'known-bug-a']);
      const b = [{ ...topBit, flows: probes }];
      expect(run(procs, [{ kept: FLOWS.plain + FLOWS.probes - probes, parted: b }])).toEqual(['known-bug-b']);
    }
  });
});
