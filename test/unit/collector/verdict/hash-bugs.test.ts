import { describe, expect, test } from 'vitest';
import { findHashBugs, type HashBug, hashBugOf } from '../../../../src/collector/verdict/hash-bugs.ts';
import { hashBugText } from '../../../../src/collector/verdict/hash-texts.ts';
import type { StackEvidence, ViolationGroup } from '../../../../src/model/evidence.ts';
import type { FlowDissector } from '../../../../src/model/flow-dissector.ts';
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

test('what is said of kernels with and without a bug, by what is known of the flow dissector', () => {
  const attached: FlowDissector = { kind: 'attached', programId: 12, namespace: 'own' };
  const hosts: readonly [HashBug, string, FlowDissector, onlyTagsDiffer?: true][] = [
    ['known-bug-a', '4.4.15', { kind: 'none', asked: 'both' }, true],
    ['known-bug-a', '4.18.0-553.el8.x86_64', { kind: 'none', asked: 'both' }, true],
    ['known-bug-a', '4.4.15', { kind: 'none', asked: 'both' }],
    ['known-bug-b', '5.4.0-150-generic', { kind: 'unknown' }],
    ['known-bug-c', '6.1.20', attached],
    ['known-bug-a', MENDED, attached],
    ['known-bug-b', MENDED, { kind: 'none', asked: 'both' }],
    ['known-bug-c', MENDED, { kind: 'none', asked: 'own' }],
    ['known-bug-c', 'custom', { kind: 'unknown' }],
    ['known-bug-a', '3.10.0-514.el7', { ...attached, namespace: 'initial' }],
  ];
  const said = hosts.map(([bug, kernel, dissector, onlyTagsDiffer = false]) => {
    const { message, remedy } = hashBugText(bug, { kernel, dissector, hash: { onlyTagsDiffer } });
    return `${bug}: ${message} -> ${remedy}`;
  });
  expect(said).toMatchInlineSnapshot(`
    [
      "known-bug-a: every flow that failed differs by direction in VLAN id, flow label or GRE key: kernel 4.4.15 has bug A of Linux 4.2 to 4.6, its hash covers these fields as well; fixed by commit eb70db875671 in 4.4.16, 4.6.5 and 4.7 (Ubuntu: 4.4.0-38) -> update the kernel",
      "known-bug-a: every flow that failed differs by direction in VLAN id, flow label or GRE key, as with bug A of Linux 4.2 to 4.6 (its hash covers these fields as well; fixed by commit eb70db875671 in 4.4.16, 4.6.5 and 4.7 (Ubuntu: 4.4.0-38)); by its release kernel 4.18.0-553.el8.x86_64 should not have it; no BPF flow dissector is attached, so it is this kernel's own hash, and a vendor may have taken the bug over, or the fix back -> do not run an IDS in mode hash here; ask whoever made this kernel, and try --mode qm behind symmetric RSS, or a steering program",
      "known-bug-a: these flows have one kernel key in both directions, yet the directions were placed apart, in about as many flows as chance would part, whatever they carry: kernel 4.4.15 has the hash of a NIC, which Linux before 4.7 goes by where it has one, it is not symmetric as a rule; fixed by commit eb70db875671 in 4.4.16, 4.6.5 and 4.7 (Ubuntu: 4.4.0-38) -> update the kernel, or switch that hash off (ethtool -K DEVICE rxhash off)",
      "known-bug-b: every IPv4 flow that failed is between two addresses x.y.z.N and x.y.z.N+128, as with bug B of Linux 4.2 to 5.19 (its hash depends on which of such a pair sends; fixed by commit 64ae13ed4784 in 6.0, 5.19.12, 5.15.71 and 5.10.146); whether kernel 5.4.0-150-generic has it is not known, as its release does not tell which fixes it has; a BPF flow dissector attached to the network namespace can do that; without one it is this kernel's own hash, and a vendor may have taken the bug over, or the fix back -> do not run an IDS in mode hash here; see whether a BPF flow dissector is attached ("bpftool net show"); if none is, ask whoever made this kernel, and try --mode qm behind symmetric RSS, or a steering program",
      "known-bug-c: every IPv6 flow that failed carries a flow label in one direction only, as with bug C of Linux 4.7 to 6.5 (its hash leaves out the ports of IPv6 packets with a label, and so gives all labelled flows of a pair of hosts to one process; fixed by commit a5e2151ff9d5 in 6.6, 6.5.4, 6.1.54, 5.15.132 and 5.10.195); kernel 6.1.20 is one of those; a BPF flow dissector (program id 12) is attached to this network namespace: it, not the kernel, says what is hashed -> do not run an IDS in mode hash here while it is attached: mend the program ("bpftool prog show id 12" describes it), or detach it, or switch flow labels off at the senders (sysctl net.ipv6.auto_flowlabels=0)",
      "known-bug-a: these flows have one kernel key in both directions, yet the directions were placed apart, in about as many flows as chance would part, whatever they carry, as with the hash of a NIC, which Linux before 4.7 goes by where it has one (it is not symmetric as a rule; fixed by commit eb70db875671 in 4.4.16, 4.6.5 and 4.7 (Ubuntu: 4.4.0-38)); by its release kernel 6.18.44 should not have it; a BPF flow dissector (program id 12) is attached to this network namespace: it, not the kernel, says what is hashed -> do not run an IDS in mode hash here while it is attached: mend the program ("bpftool prog show id 12" describes it), or detach it, or switch that hash off (ethtool -K DEVICE rxhash off)",
      "known-bug-b: every IPv4 flow that failed is between two addresses x.y.z.N and x.y.z.N+128, as with bug B of Linux 4.2 to 5.19 (its hash depends on which of such a pair sends; fixed by commit 64ae13ed4784 in 6.0, 5.19.12, 5.15.71 and 5.10.146); by its release kernel 6.18.44 should not have it; no BPF flow dissector is attached, so it is this kernel's own hash, and a vendor may have taken the bug over, or the fix back -> do not run an IDS in mode hash here; ask whoever made this kernel, and try --mode qm behind symmetric RSS, or a steering program",
      "known-bug-c: every IPv6 flow that failed carries a flow label in one direction only, as with bug C of Linux 4.7 to 6.5 (its hash leaves out the ports of IPv6 packets with a label, and so gives all labelled flows of a pair of hosts to one process; fixed by commit a5e2151ff9d5 in 6.6, 6.5.4, 6.1.54, 5.15.132 and 5.10.195); by its release kernel 6.18.44 should not have it; no BPF flow dissector is attached to this network namespace; one attached to the host's initial namespace would act here too, else it is this kernel's own hash, and a vendor may have taken the bug over, or the fix back -> do not run an IDS in mode hash here; see "bpftool net show" on the host; if it lists none, ask whoever made this kernel, and try --mode qm behind symmetric RSS, or a steering program, or switch flow labels off at the senders (sysctl net.ipv6.auto_flowlabels=0)",
      "known-bug-c: every IPv6 flow that failed carries a flow label in one direction only, as with bug C of Linux 4.7 to 6.5 (its hash leaves out the ports of IPv6 packets with a label, and so gives all labelled flows of a pair of hosts to one process; fixed by commit a5e2151ff9d5 in 6.6, 6.5.4, 6.1.54, 5.15.132 and 5.10.195); whether kernel custom has it is not known, as its release does not tell which fixes it has; a BPF flow dissector attached to the network namespace can do that; without one it is this kernel's own hash, and a vendor may have taken the bug over, or the fix back -> do not run an IDS in mode hash here; see whether a BPF flow dissector is attached ("bpftool net show"); if none is, ask whoever made this kernel, and try --mode qm behind symmetric RSS, or a steering program, or switch flow labels off at the senders (sysctl net.ipv6.auto_flowlabels=0)",
      "known-bug-a: these flows have one kernel key in both directions, yet the directions were placed apart, in about as many flows as chance would part, whatever they carry, as with the hash of a NIC, which Linux before 4.7 goes by where it has one (it is not symmetric as a rule; fixed by commit eb70db875671 in 4.4.16, 4.6.5 and 4.7 (Ubuntu: 4.4.0-38)); whether kernel 3.10.0-514.el7 has it is not known, as its release does not tell which fixes it has; a BPF flow dissector (program id 12) is attached to the initial network namespace, and in force in this one: it, not the kernel, says what is hashed -> do not run an IDS in mode hash here while it is attached: mend the program ("bpftool prog show id 12" describes it), or detach it, or switch that hash off (ethtool -K DEVICE rxhash off)",
    ]
  `);
});
