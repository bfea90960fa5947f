import { describe, expect, test } from 'vitest';
import { splitOf, splitsFlows } from '../../../../src/commands/predict/prediction.ts';
import { epoch, evidenceOf, group, stackOf } from '../../../helpers/evidence.ts';
import { groupFindings, keptFlows, predicted, summaryOf } from '../../../helpers/prediction.ts';

const parted = (traits: Parameters<typeof group>[0]) => group({ oneKernelKey: false, ...traits });
const codes = ({ causes }: { readonly causes: readonly { readonly code: string; readonly flows: number }[] }) =>
  causes.map(({ code, flows }) => [code, flows]);

test('flows of one key are kept', () => {
  const result = predicted(keptFlows(20));
  expect(result.flows).toEqual({ total: 20, kept: 20, split: 0, duplicated: 0, harmless: 0, twoWay: 20, oneWay: 0 });
  expect([splitsFlows(result), splitOf(result)]).toEqual([false, 0]);
  expect([result.causes, result.violations, result.warnings]).toEqual([[], [], []]);
});

test('split and asymmetric are both split, copies are told apart, and the numbers add up', () => {
  const groups = [
    parted({ kind: 'split', fragments: 'in-reach', flows: 5 }),
    parted({ kind: 'asymmetric', stack: 'ipv4/udp/vxlan/eth/ipv4/tcp', flows: 7 }),
    parted({ kind: 'duplicated', flows: 2 }),
  ];
  const { flows, stacks, ...result } = predicted(evidenceOf([epoch([10])], groups));
  expect(flows).toMatchObject({ total: 24, kept: 10, split: 12, duplicated: 2, harmless: 0 });
  expect(stacks).toEqual([
    { stack: 'ipv4/tcp', flows: 17, twoWay: 17, kept: 10, split: 5, duplicated: 2 },
    { stack: 'ipv4/udp/vxlan/eth/ipv4/tcp', flows: 7, twoWay: 7, kept: 0, split: 7, duplicated: 0 },
  ]);
  expect(codes(result)).toEqual([
    ['tunnel-outer-only', 7],
    ['fragment-v4', 5],
    ['duplicated', 2],
  ]);
  expect(splitOf({ flows })).toBe(14);
});

describe('what counts against mode hash', () => {
  test.each([
    ['esp-ah-spi', parted({ stack: 'ipv4/esp', onlyIndexDiffers: true }), false],
    ['known-bug-d', parted({ stack: 'ipv6/ipv4/tcp', staleIpv6: true }), true],
    ['fragment-v6', parted({ stack: 'ipv6/frag/udp', fragments: 'ipv6' }), true],
    ['duplicated', parted({ kind: 'duplicated' }), true],
    ['unexplained', parted({}), true],
  ])('%s', (code, violations, counts) => {
    const result = predicted(evidenceOf([epoch([10])], [violations]));
    expect(codes(result)).toEqual([[code, 3]]);
    expect([splitsFlows(result), splitOf(result), result.flows.harmless]).toEqual([counts, counts ? 3 : 0, counts ? 0 : 3]);
  });

  test('kinds of traffic that cannot spread do not', () => {
    const mpls = { ...stackOf('mpls/ipv4/tcp', [40]), kernelKeys: 1 };
    const result = predicted({ ...keptFlows(40), stacks: [mpls] });
    expect(codes(result)).toEqual([['no-spread', 40]]);
    expect(splitsFlows(result)).toBe(false);
  });

  test('frames of one ethertype do not', () => {
    const result = predicted(keptFlows(1), { asked: groupFindings(false, keptFlows(1), { ignored: [[0x10806, 60]] }) });
    expect(result.causes.map(({ code, message }) => `${code}: ${message}`)).toEqual([
      'no-spread: 60 of 66 packets belong to no flow (ethertype 0x0806: 60), and mode hash gives all of one type to one process',
    ]);
    expect([splitsFlows(result), splitOf(result)]).toEqual([false, 0]);
  });

  test('errors with another key do not', () => {
    const evidence = { ...keptFlows(9), stacks: [{ ...stackOf('ipv4/udp', [9]), errorsElsewhere: 4 }] };
    const [cause, ...others] = predicted(evidence).causes;
    expect([cause?.code, cause?.flows, cause?.harmless, others]).toEqual(['icmp-error', 4, true, []]);
    expect(cause?.message).toMatch(/^4 flows \(ipv4\/udp\): an ICMP error about the flow has another kernel key; the kernel hashes/);
  });
});

test('the words are about kernels at large, not about this one', () => {
  const result = predicted(
    evidenceOf(
      [epoch([10])],
      [
        parted({ stack: 'ipv6/ipv4/tcp', staleIpv6: true }),
        parted({ kind: 'duplicated' }),
        parted({ kind: 'split', fragments: 'in-reach' }),
        parted({ stack: 'ipv4/udp/vxlan/eth/ipv4/tcp' }),
      ],
    ),
  );
  const text = result.causes.map(({ message, remedy }) => `${message} ${remedy}`).join('\n');
  expect(text).toMatch(/the kernel hashes octets 8 to 11.*since Linux 5\.5/);
  expect(text).not.toMatch(/kernel \d|undefined|arrived|was on/);
});

describe('the other group', () => {
  const fragmented = evidenceOf([epoch([10])], [parted({ kind: 'split', fragments: 'in-reach' })]);
  const whole = keptFlows(13);

  test('says what the flag would change', () => {
    const result = predicted(fragmented, { other: groupFindings(true, whole, { unseen: 2 }) });
    expect([result.group, result.alternative.group]).toEqual([
      { mode: 'hash', flags: [] },
      { mode: 'hash', flags: ['defrag'] },
    ]);
    expect([result.flows.split, result.alternative.flows.split]).toEqual([3, 0]);
    expect([result.packets.heldBack, result.alternative.packets.heldBack]).toEqual([undefined, 2]);
    expect([splitsFlows(result), splitsFlows(result.alternative)]).toEqual([true, false]);
  });

  test('the top level is of the group asked for', () => {
    const result = predicted(whole, { asked: groupFindings(true, whole), other: groupFindings(false, fragmented) });
    expect([result.group.flags, result.flows.split, result.alternative.flows.split]).toEqual([['defrag'], 0, 3]);
  });

  test('fragments that the flag does not reach have another remedy', () => {
    const said = (fragments: 'in-reach' | 'beyond-reach') => {
      const evidence = evidenceOf([epoch([10])], [parted({ kind: 'split', fragments })]);
      return predicted(evidence, { asked: groupFindings(true, evidence) }).causes[0];
    };
    expect(said('beyond-reach')?.message).toMatch(/under two VLAN tags or inside a tunnel$/);
    expect(said('in-reach')?.message).toMatch(/or that were cut by the snap length of a capture$/);
    expect(said('in-reach')?.remedy).toMatch(/^capture with a larger snap length/);
  });
});

test('observations have kernel keys, and no member: there is no group', () => {
  const observation = {
    member: 1,
    epoch: 0,
    direction: 'forward',
    packets: 3,
    bytes: 300,
    kernelKey: '0123456789abcdef',
    stack: 'ipv4/tcp',
    first: '1',
    last: '2',
  } as const;
  const flow = { proto: 'tcp', src: '10.0.0.1', sport: 1, dst: '10.0.0.2', dport: 2 };
  const { flows: _, ...traits } = parted({ kind: 'split', fragments: 'in-reach' });
  const evidence = { ...evidenceOf([epoch([1])]), violations: [{ ...traits, flow, observations: [observation] }], violationsOmitted: 4 };
  const { violations, violationsOmitted } = predicted(evidence);
  const { member, epoch: __, ...seen } = observation;
  expect(violations).toEqual([{ kind: 'split', cause: 'fragment-v4', stack: 'ipv4/tcp', flow, observations: [seen] }]);
  expect(violationsOmitted).toBe(4);
});

test('packets are accounted for', () => {
  const evidence = { ...keptFlows(10), unjoinedFragments: 3, unmatchedErrors: 2, untracked: { observations: 1, packets: 7 } };
  const counted = groupFindings(true, evidence, { unseen: 5, ignored: [[4, 6]] });
  const { packets, warnings } = predicted(evidence, { asked: counted, summary: summaryOf(83, { leftOutOtherwise: 7 }) });
  expect(packets).toEqual({
    read: 90,
    leftOut: 7,
    judged: 60,
    overflowed: 7,
    heldBack: 5,
    ignored: { truncated: 6, 'later-fragment': 3, 'icmp-error': 2 },
  });
  expect(warnings.map(({ code }) => code)).toEqual(['evidence-lost']);
});

test('flows of one direction prove nothing about the other', () => {
  const evidence = evidenceOf([epoch([2])]);
  const oneWay = { ...evidence, flows: { ...evidence.flows, total: 12, oneWay: 10 } };
  expect(predicted(oneWay).warnings.map(({ code }) => code)).toEqual(['mostly-one-way']);
});
