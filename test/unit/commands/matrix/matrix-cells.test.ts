import { describe, expect, test } from 'vitest';
import type { ObservedFlow } from '../../../../src/addon/flow-map.ts';
import { say } from '../../../../src/collector/words/say.ts';
import { type ClassSample, cellsOf, classesByFlow, doubtsOf } from '../../../../src/commands/matrix/matrix-cells.ts';
import type { MatrixCell } from '../../../../src/commands/matrix/result.ts';
import { finding } from '../../../../src/model/finding.ts';
import type { RunFacts } from '../../../../src/model/run-facts.ts';
import { kept, observedOf, PLAIN, parted, seen, truthOf } from '../../../helpers/matrix.ts';

const FLOWS = 40;
const ids = Array.from({ length: FLOWS }, (_, id) => id);

/** The cell of one class of forty flows. */
function cellOf(flows: readonly ObservedFlow[], { facts = {}, sample = PLAIN }: { facts?: Partial<RunFacts>; sample?: ClassSample } = {}) {
  const truth = ids.map((id) => truthOf(id, 'ipv4-udp'));
  const observed = observedOf(flows, truth, facts);
  const [cell] = cellsOf(observed, new Map([['ipv4-udp', sample]]), doubtsOf(observed));
  return cell as MatrixCell;
}

const evenly = ids.map((id) => kept(id, id % 2));
const except = (flow: ObservedFlow) => evenly.map((other, id) => (flow.flow.sport === 1000 + id ? flow : other));

describe('a class is', () => {
  test('kept if every flow is on one process, and they are on several', () => {
    expect(cellOf(evenly)).toEqual({
      class: 'ipv4-udp',
      mode: 'hash',
      flags: [],
      answer: 'yes',
      outcome: 'kept',
      flows: FLOWS,
      split: 0,
      asymmetric: 0,
      duplicated: 0,
      membersUsed: 2,
    });
  });

  test.each([
    [
      { kind: 'asymmetric', oneKernelKey: true },
      { outcome: 'split', cause: 'hash-asymmetric', asymmetric: 1, split: 0 },
    ],
    [
      { kind: 'split', oneKernelKey: false, fragments: 'in-reach' },
      { outcome: 'split', cause: 'fragment-v4', split: 1, asymmetric: 0 },
    ],
    [
      { kind: 'asymmetric', oneKernelKey: false, stack: 'ipv4/udp/vxlan/eth/ipv4/tcp' },
      { outcome: 'split', cause: 'tunnel-outer-only', asymmetric: 1 },
    ],
    [
      { kind: 'duplicated', oneKernelKey: false },
      { outcome: 'duplicated', cause: 'duplicated', duplicated: 1 },
    ],
    [
      { kind: 'split', oneKernelKey: false },
      { outcome: 'split', cause: 'unexplained', split: 1 },
    ],
  ] as const)('NO for one flow that is not: %j', (traits, expected) => {
    expect(cellOf(except(parted(3, traits)))).toMatchObject({ answer: 'no', flows: FLOWS, membersUsed: 2, ...expected });
  });

  test('split by what weighs against the mode, even if more flows were apart for a harmless cause', () => {
    const flows = evenly.map((flow, id) => {
      if (id === 0) return parted(0, { oneKernelKey: true });
      return id < 20 ? parted(id, { oneKernelKey: false, onlyIndexDiffers: true, stack: 'ipv4/esp' }) : flow;
    });
    expect(cellOf(flows)).toMatchObject({ answer: 'no', outcome: 'split', cause: 'hash-asymmetric', asymmetric: 20 });
  });

  test('apart for a harmless cause: neither a NO nor, for the flows that happened to stay together, a YES', () => {
    const flows = evenly.map((flow, id) =>
      id < 10 ? parted(id, { oneKernelKey: false, onlyIndexDiffers: true, stack: 'ipv4/esp' }) : flow,
    );
    expect(cellOf(flows)).toMatchObject({ answer: 'inconclusive', outcome: 'apart', cause: 'esp-ah-spi', reason: 'esp-ah-spi' });
  });

  test('kept although errors about its flows went elsewhere, which is named', () => {
    const flows = evenly.map((flow, id) => {
      // The last packet of each direction is an error about it, seen by the other member.
      const [there, back] = flow.observations.map((observation) => ({ ...observation, packets: 3 }));
      if (id >= 10 || there === undefined || back === undefined) return flow;
      const errors = [there, back].map((observation) => ({ ...observation, member: 1 - observation.member, packets: 1 }));
      return { ...flow, observations: [there, back], errors, errorsElsewhere: true };
    });
    expect(cellOf(flows)).toMatchObject({ answer: 'yes', outcome: 'kept', cause: 'icmp-error' });
  });

  test('on one member, and that is no YES', () => {
    const flows = ids.map((id) => kept(id, 1));
    expect(cellOf(flows)).toMatchObject({ answer: 'inconclusive', outcome: 'one-member', reason: 'one-member', membersUsed: 1 });
    expect(cellOf(flows)).not.toHaveProperty('cause');
    expect(cellOf(flows, { sample: { ...PLAIN, hasOneKernelKey: true } })).toMatchObject({ cause: 'no-spread' });
    expect(cellOf(flows, { sample: { ...PLAIN, hasOneKernelKey: true }, facts: { mode: 'rollover' } })).not.toHaveProperty('cause');
  });

  test('kept by chance, perhaps, if all flows but two are on one member', () => {
    const flows = ids.map((id) => kept(id, id < 2 ? 1 : 0));
    expect(cellOf(flows)).toMatchObject({ answer: 'inconclusive', outcome: 'few-flows', reason: 'too-few-flows', membersUsed: 2 });
  });

  test('never kept in a mode that keeps nothing together', () => {
    for (const mode of ['lb', 'rnd'] as const) expect(cellOf(evenly, { facts: { mode } })).toMatchObject({ answer: 'inconclusive' });
    expect(cellOf(evenly, { facts: { mode: 'qm' } })).toMatchObject({ answer: 'yes' });
  });
});

describe('a cell is doubtful', () => {
  const doubtful = { answer: 'inconclusive', outcome: 'doubtful' };

  test('if a flow was not seen, or not in both directions', () => {
    expect(cellOf(evenly.slice(1))).toMatchObject({ ...doubtful, reason: 'accounting-mismatch', flows: FLOWS - 1 });
    for (const verdict of ['one-way', 'none'] as const) {
      expect(cellOf(except(seen(3, verdict, 1, 1)))).toMatchObject({ ...doubtful, reason: 'accounting-mismatch' });
    }
    expect(cellOf([])).toMatchObject({ ...doubtful, flows: 0, membersUsed: 0 });
  });

  test('if a packet of a flow is missing, unless packets of the class are joined or belong to none', () => {
    const [first] = kept(3, 1).observations;
    const short = { ...kept(3, 1), observations: first === undefined ? [] : [{ ...first, packets: 7 }] };
    expect(cellOf(except(short))).toMatchObject({ ...doubtful, reason: 'accounting-mismatch' });
    expect(cellOf(except(short), { sample: { ...PLAIN, isWhole: false } })).toMatchObject({ answer: 'yes' });
  });

  const lossy = { members: [{ index: 0, pid: 1, packets: 6, bytes: 600, flows: 1, drops: 6, freezes: 1, end: 'killed' }] };
  test.each([
    ['lost-member', lossy],
    ['interrupted', { stop: 'signal' as const }],
    ['ended-early', { stop: 'flow-memory' as const }],
    ['link-down', { disturbances: [finding('link-down', { interface: 'cap0' })] }],
  ])('if the run had a doubt: %s; but a proven NO stays one', (reason, facts) => {
    expect(cellOf(evenly, { facts })).toMatchObject({ ...doubtful, reason });
    expect(cellOf(except(parted(3, {})), { facts })).toMatchObject({ answer: 'no', cause: 'hash-asymmetric' });
  });

  test('if flows were seen that nobody sent', () => {
    const observed = observedOf(
      [...evenly, kept(FLOWS, 0)],
      ids.map((id) => truthOf(id, 'ipv4-udp')),
    );
    expect(doubtsOf(observed)).toEqual([finding('accounting-mismatch', { kind: 'strays', flows: 1 })]);
    expect(doubtsOf(observed).map((doubt) => say(doubt).message)).toEqual(['1 flow that nobody had sent was seen in the lab']);
    expect(doubtsOf({ ...observed, flows: evenly })).toEqual([]);
  });
});

describe('frames without a flow', () => {
  const sample: ClassSample = { isWhole: false, hasOneKernelKey: true, ignoredAs: 'ethertype 0x0806' };
  function arp(byMember: readonly number[], facts: Partial<RunFacts> = {}) {
    const { flow: _, ...truth } = truthOf(0, 'arp');
    const observed = { ...observedOf([], [truth], facts), ignoredByMember: byMember.map((packets) => ({ 'ethertype 0x0806': packets })) };
    return cellsOf(observed, new Map([['arp', sample]]), doubtsOf(observed))[0];
  }

  test('are on one member or on several, and neither is an answer', () => {
    expect(arp([0, 8])).toMatchObject({ answer: 'inconclusive', outcome: 'one-member', cause: 'no-spread', flows: 0, membersUsed: 1 });
    expect(arp([5, 3], { mode: 'lb' })).toMatchObject({ answer: 'inconclusive', outcome: 'no-flows', membersUsed: 2 });
  });

  test('are doubtful if some are missing, or more were counted than sent', () => {
    for (const counts of [[0, 7], [8, 1], []]) expect(arp(counts)).toMatchObject({ outcome: 'doubtful', reason: 'accounting-mismatch' });
  });
});

test('each class has its own flows', () => {
  const truth = [truthOf(1, 'ipv4-udp'), truthOf(2, 'vlan-ipv4-udp')];
  expect([...classesByFlow(truth).values()]).toEqual(['ipv4-udp', 'vlan-ipv4-udp']);
  expect(() => classesByFlow([...truth, truthOf(2, 'mpls-ipv4-udp')])).toThrow(/mpls-ipv4-udp is one of vlan-ipv4-udp/);
});
