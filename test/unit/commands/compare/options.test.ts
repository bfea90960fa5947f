import { describe, expect, test } from 'vitest';
import { COMPARE_OPTIONS, parseCompareOptions, type RawCompareOptions } from '../../../../src/commands/compare/options.ts';
import { labelOf } from '../../../../src/model/fanout.ts';
import { defaultsOf } from '../../../../src/options/table.ts';
import { MACHINE } from '../../../helpers/machine.ts';

const machine = { ...MACHINE, memAvailableBytes: 2 ** 34, readText: () => '1\n6 0 0 0\n' };
const parse = (raw: RawCompareOptions) => parseCompareOptions(raw, machine);
const labels = (raw: RawCompareOptions) => parse(raw).runs.map(labelOf);

test('by default all modes, ebpf with the built-in program, in the lab, with one seed and the same traffic', () => {
  const { runs, procs, isLive, ownLoad } = parse({});
  expect(runs.map(labelOf)).toEqual(defaultsOf(COMPARE_OPTIONS).modes?.split(','));
  expect([procs, isLive, ownLoad]).toEqual([2, false, 'none']);
  for (const run of runs) {
    expect(run.seed).toBe(77);
    const { program: _, builtin: __, ...others } = run;
    expect({ ...others, mode: 'hash', flags: [] }).toEqual(runs[0]);
  }
});

test('the lab: behind a NIC as most come, where a TAP may be opened and none is given', () => {
  const nicOf = (raw: RawCompareOptions, mayOpenTun = true) => {
    const { source } = parseCompareOptions(raw, { ...machine, mayOpenTun }).runs[0] ?? {};
    return source?.kind === 'live' ? 'live' : source?.nic?.text;
  };
  expect(nicOf({ procs: '16' })).toContain('queues=16,rss=microsoft');
  expect(nicOf({ procs: '300' })).toContain('queues=256,rss=microsoft');
  expect(nicOf({ nic: 'queues=4,rss=symmetric' })).toContain('queues=4,rss=symmetric');
  expect(nicOf({ procs: '16' }, false)).toBeUndefined();
  expect(nicOf({ labInterface: 'veth' })).toBeUndefined();
  expect(nicOf({ measureLoad: true })).toBeUndefined();
  expect(nicOf({ procs: '1' })).toBeUndefined();
});

test('mode ebpf has the built-in program, unless one is given', () => {
  expect(labels({ modes: 'hash,ebpf,ebpf:addresses' })).toEqual(['hash', 'ebpf:addresses']);
  expect(labels({ modes: 'hash,ebpf:ports', ebpfProgram: '/sys/fs/bpf/x' })).toEqual(['hash', 'ebpf:ports', 'ebpf']);
  expect(parse({ modes: 'ebpf,ebpf:ports', ebpfProgram: '/sys/fs/bpf/x' }).runs.map(({ program }) => program)).toEqual([
    { kind: 'ebpf', path: '/sys/fs/bpf/x' },
    { kind: 'ebpf', path: 'builtin:ports' },
  ]);
  expect(labels({ modes: 'ebpf', ebpfProgram: 'builtin:ports' })).toEqual(['ebpf:ports']);
});

test('a program that is given is tested, whether its mode is named or not, and with no other mode', () => {
  expect(labels({ modes: 'hash', cbpfProgram: 'p', ebpfProgram: '/sys/fs/bpf/x' })).toEqual(['hash', 'cbpf', 'ebpf']);
  expect(labels({ modes: 'cbpf,hash', cbpfProgram: 'p' })).toEqual(['cbpf', 'hash']);
  const programs = parse({ modes: 'hash,cbpf', cbpfProgram: 'p' }).runs.map(({ program }) => program?.kind);
  expect(programs).toEqual([undefined, 'cbpf']);
});

test('flags of the list, and those for all', () => {
  expect(labels({ modes: 'hash+rollover,qm', ignoreOutgoing: true })).toEqual(['hash+rollover+ignore-outgoing', 'qm+ignore-outgoing']);
});

test('live: what so many groups cost is measured first, with all that matters for it, unless it shall not be', () => {
  const raw = { interface: 'eth0', procs: '4', modes: 'hash,qm', ringSize: '8M', filter: 'tcp', duration: '5s', json: 'x.json' };
  const { ownLoad, ownLoadArguments } = parse(raw);
  expect(ownLoad).toBe('first');
  const sizes = ['--procs', '4', '--modes', 'hash,qm', '--ring-size', '8M'];
  expect(ownLoadArguments).toEqual(['compare', '--measure-load', '--json', '-', '--quiet', ...sizes]);
  expect(parse({ ...raw, ownLoad: false }).ownLoad).toBe('none');
  expect(parse({ measureLoad: true }).ownLoad).toBe('only');
});

test('memory for flows: live and where the load is measured all groups share it, else one has it after the other', () => {
  const each = (raw: RawCompareOptions) =>
    new Set(parse({ modes: 'hash,qm,lb,cpu', flowMemory: '1G', ...raw }).runs.map((run) => run.flowMemoryBytes));
  expect(each({})).toEqual(new Set([2 ** 30]));
  expect(each({ interface: 'eth0' })).toEqual(new Set([2 ** 28]));
  expect(each({ measureLoad: true })).toEqual(new Set([2 ** 28]));
  expect(each({ interface: 'eth0', flowMemory: '8G' })).toEqual(new Set([2 ** 31]));
});

describe('refused', () => {
  test.each<[RawCompareOptions, string, RegExp]>([
    [{ modes: 'hash,fifo' }, 'USAGE', /--modes: "fifo"/],
    [{ modes: 'rollover+rollover' }, 'CONTRADICTORY_OPTIONS', /rollover/],
    [{ modes: 'cbpf' }, 'CONTRADICTORY_OPTIONS', /cbpf without a program/],
    [{ pcap: '-' }, 'CONTRADICTORY_OPTIONS', /standard input/],
    [{ interface: 'eth0', measureLoad: true }, 'CONTRADICTORY_OPTIONS', /never done on a live interface/],
    [{ interface: 'eth0', procs: '300' }, 'CONTRADICTORY_OPTIONS', /300 processes/],
    [{ interface: 'eth0', procs: '200', ringSize: '64M' }, 'TOO_LARGE', /rings of 576 MiB each/],
    [{ interface: 'eth0', procs: '120' }, 'TOO_LARGE', /file descriptors/],
    [
      { interface: 'eth0', ringSize: '512M', flowMemory: '16G' },
      'TOO_LARGE',
      /^--flow-memory asks for 16384 MiB; beside .* 7152 MiB are available/,
    ],
    [{ flowMemory: '4G' }, 'USAGE', /^--flow-memory: "4G" is not a size from 1M to 2556M/],
    [{ interface: 'eth0', flowMemory: '2M' }, 'USAGE', /^--flow-memory: "2M" is not a size from 9M/],
  ])('%j', (raw, code, message) => {
    expect(() => parse(raw)).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
  });
});
