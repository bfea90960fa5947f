import { expect, test } from 'vitest';
import { type ProvisionsHandover, parseProvisions } from '../../../../src/collector/run/provisions-handover.ts';

const least: ProvisionsHandover = {
  sockets: [],
  filters: [],
  programs: [],
  refused: [],
  fanoutArgs: false,
  dissector: { kind: 'unknown' },
};
const all: ProvisionsHandover = {
  sockets: [11, 12],
  network: { injection: 'tap', descriptors: [13, 14] },
  linkChannel: 15,
  filters: [
    [
      '192 tcp',
      [
        [40, 0, 0, 12],
        [6, 0, 0, 4_294_967_295],
      ],
    ],
  ],
  programs: [['prog.o', 16]],
  refused: [['builtin:ports', { message: 'no', remedy: 'sudo' }]],
  groups: [
    { id: 7, description: 'mode hash, 8 members' },
    { id: 8, description: 'mode hash+defrag, 1 member', reassembles: true },
  ],
  capturers: 'dumpcap (pid 3)',
  fanoutArgs: true,
  dissector: { kind: 'attached', programId: 12, namespace: 'initial', isBuiltin: false },
  askedDesign: { portsWithAddresses: true, readsHsr: false, pppoe: 'plain' },
};

test.each([[least], [all], [{ ...least, dissector: { kind: 'none', asked: 'own' } }]])('%j comes out as it went in', (handover) => {
  expect(parseProvisions(JSON.parse(JSON.stringify(handover)))).toEqual(handover);
});

test.each<[string, unknown]>([
  ['no object', [least]],
  ['a descriptor below zero', { ...least, sockets: [-1] }],
  ['no sockets', { ...least, sockets: undefined }],
  ['a network of another kind', { ...least, network: { injection: 'wire', descriptors: [] } }],
  ['half an instruction', { ...least, filters: [['tcp', [[40, 0]]]] }],
  ['a program without a descriptor', { ...least, programs: [['prog.o']] }],
  ['a refusal without a remedy', { ...least, refused: [['builtin', { message: 'no' }]] }],
  ['a group without an id', { ...least, groups: [{ description: '' }] }],
  ['a flag that is none', { ...least, fanoutArgs: 1 }],
  ['a design with an unknown reading', { ...least, askedDesign: { ...all.askedDesign, pppoe: 'odd' } }],
  ['another dissector', { ...least, dissector: { kind: 'none', asked: 'everybody' } }],
])('%s is malformed', (_, handed) => {
  expect(() => parseProvisions(handed)).toThrow(expect.objectContaining({ name: 'MalformedMessage' }));
});
