import { describe, expect, test } from 'vitest';
import { MATRIX_OPTIONS, parseMatrixOptions, type RawMatrixOptions } from '../../../../src/commands/matrix/options.ts';
import { labelOf } from '../../../../src/model/fanout.ts';
import { defaultsOf } from '../../../../src/options/table.ts';
import { classesSelectedBy, packetsMinOf, TRAFFIC_CLASSES } from '../../../../src/traffic/classes.ts';
import { framesMax } from '../../../../src/traffic/limits.ts';
import { MACHINE } from '../../../helpers/machine.ts';

const parse = (raw: RawMatrixOptions) => parseMatrixOptions(raw, MACHINE);
const modesOf = (modes: string) => parse({ modes }).runs.map(labelOf);

test('by default every class, in every mode with its built-in programs, 96 flows of each, 8 processes', () => {
  const { classes, flowsPerClass, procs, seed, runs, output } = parse({});
  expect(classes).toEqual(TRAFFIC_CLASSES.map(({ name }) => name));
  expect({ flowsPerClass, procs, seed }).toEqual({ flowsPerClass: 96, procs: 8, seed: 77 });
  expect(output).toEqual({ json: { kind: 'none' }, quiet: false, color: true });
  expect(modesOf(defaultsOf(MATRIX_OPTIONS).modes ?? '')).toEqual([
    'hash',
    'hash+defrag',
    'hash+dissector',
    'ebpf:addresses',
    'ebpf:ports',
    'lb',
    'cpu',
    'rollover',
    'rnd',
    'qm',
  ]);
  for (const run of runs) {
    expect(run).toMatchObject({ procs: 8, seed: 77, ring: { blockBytes: 65536, blockCount: 128, blockTimeoutMs: 10 } });
    expect(run.source).toMatchObject({ kind: 'lab', traffic: classes, flows: 96 * classes.length, rounds: 1, queues: 8 });
  }
});

test('a flow has packets enough for every class, and none of its datagrams is left in pieces', () => {
  const { classes, runs } = parse({});
  const packets = runs[0]?.source.kind === 'lab' ? runs[0].source.packetsPerFlow : 0;
  expect(packets).toBeGreaterThanOrEqual(packetsMinOf(classes));
  // Two whole datagrams, two in two pieces each, and so on.
  expect([0, 1, 2, 4]).toContain(packets % 6);
});

test('classes in the order of the table, each once, however they are named', () => {
  expect(parse({ classes: 'vxlan*,arp,ipv4-tcp,ipv4-tcp' }).classes).toEqual(['ipv4-tcp', ...classesSelectedBy('vxlan*'), 'arp']);
});

test('modes in the order in which they are named, each once, flags in one order', () => {
  expect(modesOf('lb,hash+rollover+defrag,hash+defrag+rollover,lb')).toEqual(['lb', 'hash+rollover+defrag']);
});

test('mode ebpf is that of the built-in program, which goes by addresses unless another policy is named', () => {
  expect(modesOf('ebpf,ebpf:ports+ignore-outgoing,AF_Packet::FANOUT_EBPF:ports,ebpf:addresses')).toEqual([
    'ebpf:addresses',
    'ebpf:ports+ignore-outgoing',
    'ebpf:ports',
  ]);
  const [hash, ports] = parse({ modes: 'hash,ebpf:ports' }).runs;
  expect([hash?.program, ports?.program]).toEqual([undefined, { kind: 'ebpf', path: 'builtin:ports' }]);
  expect([parse({}).areUsualModes, parse({ modes: 'ebpf' }).areUsualModes]).toEqual([true, false]);
});

test('many processes: as many queues as a TAP can have', () => {
  const [run] = parse({ procs: '400' }).runs;
  expect(run?.source).toMatchObject({ queues: 256 });
});

describe('refused', () => {
  test.each([
    [{ modes: '' }, 'USAGE', /--modes: ""/],
    [{ modes: 'hash,' }, 'USAGE', /--modes: ""/],
    [{ modes: 'Hashes' }, 'USAGE', /--modes: "Hashes"/],
    [{ modes: 'hash+' }, 'USAGE', /"hash\+"/],
    [{ modes: 'hash+unique' }, 'USAGE', /"hash\+unique"/],
    [{ modes: 'constructor' }, 'USAGE', /constructor/],
    [{ modes: 'cbpf' }, 'CONTRADICTORY_OPTIONS', /program/],
    [{ modes: 'hash:ports' }, 'USAGE', /"hash:ports"/],
    [{ modes: 'ebpf:both' }, 'USAGE', /"ebpf:both"/],
    [{ modes: 'ebpf:ports:addresses' }, 'USAGE', /"ebpf:ports:addresses"/],
    [{ modes: 'ebpf+ports' }, 'USAGE', /"ebpf\+ports"/],
    [{ modes: 'rollover+rollover' }, 'CONTRADICTORY_OPTIONS', /EINVAL/],
    [{ classes: 'ipv9' }, 'USAGE', /--classes: .*"ipv9"/],
    [{ classes: '' }, 'USAGE', /--classes/],
    [{ flows: '0' }, 'USAGE', /--flows/],
    [{ flows: '1e2' }, 'USAGE', /--flows/],
    [{ procs: '0' }, 'USAGE', /--procs/],
    [{ seed: '-1' }, 'USAGE', /--seed/],
    [{ rate: '0' }, 'USAGE', /--rate/],
    [{ labInterface: 'eth0' }, 'USAGE', /--lab-interface/],
    [{ json: '' }, 'USAGE', /--json/],
  ] as const)('%j', (raw, code, message) => {
    expect(() => parse(raw)).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
  });

  test('more flows than the lab can hold, and the most that it can is accepted', () => {
    const most = Math.floor(framesMax() / 8 / TRAFFIC_CLASSES.length);
    expect(() => parse({ flows: String(most + 1) })).toThrow(
      expect.objectContaining({ code: 'CONTRADICTORY_OPTIONS', remedy: expect.stringContaining(`at most ${most},`) }),
    );
    expect(parse({ flows: String(most) }).flowsPerClass).toBe(most);
    expect(parse({ flows: String(2 ** 17), classes: 'arp' }).flowsPerClass).toBe(2 ** 17);
  });
});
