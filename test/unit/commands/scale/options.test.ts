import { describe, expect, test } from 'vitest';
import { parseScaleOptions, type RawScaleOptions, type SizeOptions } from '../../../../src/commands/scale/options.ts';
import { MACHINE } from '../../../helpers/machine.ts';

const machine = { ...MACHINE, memAvailableBytes: 2 ** 30, descriptorsMax: 4096, onlineCpus: [0, 1, 2, 3] };
const parse = (raw: RawScaleOptions, cpus: readonly number[] = [0, 1, 2, 3]) => parseScaleOptions(raw, machine, cpus);
const optionsOf = (size: SizeOptions | undefined) => {
  if (size === undefined || 'refused' in size) throw new Error('it was refused');
  return size.options;
};

test('by default five sizes, the same traffic for each, as fast as it goes', () => {
  const { sizes, plan, output } = parse({});
  expect(sizes.map(({ procs }) => procs)).toEqual([1, 2, 4, 8, 16]);
  for (const size of sizes) {
    const options = optionsOf(size);
    expect(options).toMatchObject({ procs: size.procs, mode: 'hash', flags: [], seed: 77, limits: { durationMs: 10_000 } });
    expect(options.source).toMatchObject({ kind: 'lab', flows: 2000, packetsPerFlow: 6, rounds: 84, packetsPerSecond: 1e9 });
  }
  expect(plan).toMatchObject({ mode: 'hash', flags: [], flows: 2000, packets: 1_008_000, workNs: 0 });
  expect(plan.packetsPerSecond).toBeUndefined();
  expect(output).toEqual({ json: { kind: 'none' }, quiet: false, color: true });
});

test('sizes in the order in which they are named, each once', () => {
  expect(parse({ procs: '8,2,8,1' }).sizes.map(({ procs }) => procs)).toEqual([8, 2, 1]);
});

test('packets are rounded up to whole rounds', () => {
  const { plan, sizes } = parse({ flows: '100', packets: '601' });
  expect(plan.packets).toBe(1200);
  expect(optionsOf(sizes[0]).source).toMatchObject({ rounds: 2 });
});

test('a rate that is chosen is part of the plan', () => {
  const { plan, sizes } = parse({ rate: '30000' });
  expect(plan.packetsPerSecond).toBe(30_000);
  expect(optionsOf(sizes[0]).source).toMatchObject({ packetsPerSecond: 30_000 });
});

describe('where everything runs', () => {
  test.each([
    [[0, 1, 2, 3], 0, [1, 2, 3]],
    [[2, 5], 2, [5]],
    [[3], undefined, [3]],
  ])('on CPUs %j the sender has %s, the processes %j', (cpus, senderCpu, workerCpus) => {
    const { plan, sizes } = parse({}, cpus);
    expect(plan.placement).toEqual(senderCpu === undefined ? { workerCpus } : { senderCpu, workerCpus });
    const { source, pin } = optionsOf(sizes[0]);
    expect(pin).toEqual({ kind: 'list', cpus: workerCpus });
    expect(source).toMatchObject(senderCpu === undefined ? {} : { cpu: senderCpu });
    expect('cpu' in source).toBe(senderCpu !== undefined);
  });
});

test('a size that does not fit is refused by itself', () => {
  const { sizes } = parse({ procs: '2,1000,4' });
  expect(sizes.map((size) => ('refused' in size ? size.refused.code : 'fits'))).toEqual(['fits', 'TOO_LARGE', 'fits']);
});

test('mode, flags and work are those of a run', () => {
  const { plan, sizes } = parse({
    mode: 'hash',
    rollover: true,
    defrag: true,
    workNs: '500',
    ringSize: '1M',
    blockSize: '64K',
    blockTimeout: '20',
  });
  expect(plan).toMatchObject({
    flags: ['rollover', 'defrag'],
    workNs: 500,
    ring: { blockBytes: 65_536, blockCount: 16, blockTimeoutMs: 20 },
  });
  expect(optionsOf(sizes[0])).toMatchObject({ flags: ['rollover', 'defrag'], workNs: 500 });
});

describe('refused', () => {
  test.each([
    [{ procs: '' }, 'USAGE', /--procs: ""/],
    [{ procs: '1,' }, 'USAGE', /--procs: ""/],
    [{ procs: '1,0' }, 'USAGE', /--procs: "0"/],
    [{ procs: '1, 2' }, 'USAGE', /--procs: " 2"/],
    [{ procs: '65537' }, 'USAGE', /--procs/],
    [{ procs: Array.from({ length: 65 }, (_, i) => i + 1).join() }, 'USAGE', /at most 64 sizes/],
    [{ packets: '0' }, 'USAGE', /--packets/],
    [{ packets: '1e6' }, 'USAGE', /--packets/],
    [{ rate: '0' }, 'USAGE', /--rate/],
    [{ duration: 'long' }, 'USAGE', /--duration/],
    [{ mode: 'best' }, 'USAGE', /--mode/],
    [{ mode: 'cbpf' }, 'CONTRADICTORY_OPTIONS', /program/],
    [{ flows: '3000000' }, 'USAGE', /--flows/],
    [{ ringSize: '2G' }, 'TOO_LARGE', /1 processes need/],
  ] as const)('%j', (raw, code, message) => {
    expect(() => parse(raw)).toThrow(expect.objectContaining({ code, message: expect.stringMatching(message) }));
  });
});
