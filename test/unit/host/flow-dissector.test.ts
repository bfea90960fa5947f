import { expect, test } from 'vitest';
import { readFlowDissector } from '../../../src/host/flow-dissector.ts';

type Answer = number | null | 'refused';

function kernel(own: Answer, initial: Answer) {
  return (netns: string): number | null => {
    const answer = netns === '/proc/self/ns/net' ? own : initial;
    if (answer === 'refused') throw Object.assign(new Error('bpf(BPF_PROG_QUERY): EPERM'), { call: 'bpf(BPF_PROG_QUERY)', errno: 1 });
    return answer;
  };
}

test.each([
  ['none anywhere', null, null, { kind: 'none', asked: 'both' }],
  ['one here', 12, null, { kind: 'attached', programId: 12, namespace: 'own', isBuiltin: false }],
  ['one in the initial namespace, which this one is', 12, 12, { kind: 'attached', programId: 12, namespace: 'own', isBuiltin: false }],
  ['one in the initial namespace alone', null, 12, { kind: 'attached', programId: 12, namespace: 'initial', isBuiltin: false }],
  ['none here, and the initial one is out of reach', null, 'refused', { kind: 'none', asked: 'own' }],
  ['one here, and the initial one is out of reach', 12, 'refused', { kind: 'attached', programId: 12, namespace: 'own', isBuiltin: false }],
  ['no privilege', 'refused', 'refused', { kind: 'unknown' }],
] as const)('%s', (_, own, initial, expected) => {
  expect(readFlowDissector(kernel(own, initial), () => 'of_another')).toEqual(expected);
});

test('the one of this project is known by its name', () => {
  const named = (name: string) => readFlowDissector(kernel(12, null), () => name);
  expect([named('fc_dissect_z'), named('fc_dissect')]).toEqual([
    { ...named(''), isBuiltin: true },
    { ...named(''), isBuiltin: true },
  ]);
  expect([named('fc_dissector'), named('')]).toEqual([named(''), named('')]);
});

test('what is no answer of the kernel is a defect', () => {
  const broken = () => {
    throw new TypeError('not a function');
  };
  expect(() => readFlowDissector(broken)).toThrow(TypeError);
});
