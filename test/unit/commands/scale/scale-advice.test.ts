/** Each limit from the figures that show it, and nothing from figures that do not. */
import { describe, expect, test } from 'vitest';
import { worded } from '../../../../src/collector/words/say.ts';
import type { Advice, ScalePlan, ScaleSize } from '../../../../src/commands/scale/result.ts';
import { adviseOn } from '../../../../src/commands/scale/scale-advice.ts';
import { lossy, PLAN, sizeOf } from '../../../helpers/scale.ts';

const advise = (sizes: readonly ScaleSize[], change: Partial<ScalePlan> = {}) => adviseOn(sizes, { ...PLAN, ...change }).map(worded);
const codes = (advice: readonly Advice[]) => advice.map(({ code }) => code);
const one = (advice: readonly Advice[], code: Advice['code']) => advice.find((each) => each.code === code);

test('nothing measured: nothing to say', () => {
  expect(advise([])).toEqual([]);
  expect(advise([{ procs: 4, error: { code: 'WORKER_FAILED', message: 'worker 1 died' } }])).toEqual([]);
});

describe('kernel-path', () => {
  test('no loss, the sending CPU busy and the others not', () => {
    const advice = advise([sizeOf(1), sizeOf(4, { packetsPerSecond: 520_000, cpuNsPerPacket: 150 })]);
    expect(codes(advice)).toEqual(['kernel-path', 'best-size', 'beyond-af-packet']);
    expect(one(advice, 'kernel-path')?.message).toContain(
      'with 1 and 4 processes nothing was lost, and 500,000 to 520,000 packets a second',
    );
    // 520,000 packets of 150 ns are 78 ms in each second, of three CPUs.
    expect(one(advice, 'kernel-path')?.message).toContain('the processes used at most 3 % of CPU 1, 2 and 3');
  });

  test('14.88 million packets a second in CPUs of the best rate', () => {
    expect(one(advise([sizeOf(1), sizeOf(4)]), 'beyond-af-packet')?.message).toContain('up to 30 CPUs');
  });

  test.each<[string, Parameters<typeof sizeOf>[1], Partial<ScalePlan>]>([
    ['the sender had time left', { senderNsPerPacket: 1000 }, {}],
    ['the rate asked for was reached', {}, { packetsPerSecond: 500_000 }],
    ['packets were lost', { lost: 1, lossPercent: 0.0001 }, {}],
    ['the processes were as busy', { cpuNsPerPacket: 5000 }, {}],
  ])('not where %s', (_, size, plan) => {
    expect(codes(advise([sizeOf(2, size)], plan))).not.toContain('kernel-path');
    expect(codes(advise([sizeOf(2, size)], plan))).not.toContain('beyond-af-packet');
  });

  test('not where nobody knows what the sender used', () => {
    const { senderNsPerPacket: _, ...unknown } = sizeOf(2);
    expect(codes(advise([unknown]))).toEqual([]);
  });

  test('a rate that was asked for and not reached is a limit too', () => {
    expect(codes(advise([sizeOf(2)], { packetsPerSecond: 2_000_000 }))).toContain('kernel-path');
  });
});

describe('busy-host', () => {
  const starved = sizeOf(4, { packetsPerSecond: 100_000 });

  test('a thread that sends as fast as it can, and had little of its CPU: its rate carries no other advice', () => {
    const advice = advise([sizeOf(1), starved, sizeOf(64, { packetsPerSecond: 50_000, cpuNsPerPacket: 90 })]);
    expect(codes(advice)).toEqual(['busy-host', 'kernel-path', 'beyond-af-packet']);
    expect(advice[0]?.message).toContain('with 4 and 64 processes the thread that sends had 19 % and 10 % of CPU 0');
  });

  test('not where it had to wait for its turn', () => {
    expect(codes(advise([starved], { packetsPerSecond: 100_000 }))).toEqual([]);
  });
});

describe('loss', () => {
  test('worker-cpu: the CPUs of the processes are used up', () => {
    // 500,000 packets, half of them captured, of 11 us: 2.75 of 3 CPUs.
    const advice = advise([lossy(3, 50, { cpuNsPerPacket: 11_000 })]);
    expect(codes(advice)).toEqual(['worker-cpu']);
    expect(advice[0]?.message).toContain('with 3 processes 50.0 % of the packets');
  });

  test('busiest-member: one process used up its CPU, the others did not', () => {
    // A quarter is lost; the busiest of 8 gets 2.5 / 8 of 375,000 packets of 8 us: 0.94 of a CPU, and all together 3 of 6.
    const placement = { senderCpu: 0, workerCpus: [1, 2, 3, 4, 5, 6] };
    const advice = advise([lossy(8, 25, { cpuNsPerPacket: 8000, maxOverMean: 2.5 })], { placement });
    expect(codes(advice)).toEqual(['busiest-member']);
    expect(advice[0]?.message).toContain('the busiest process got 31 % of all and used up its CPU');
    expect(advice[0]?.message).toContain('at most 50 % of 6 CPUs');
  });

  test('ring-overflow: lost although CPU time was left', () => {
    const advice = advise([lossy(4, 2)]);
    expect(codes(advice)).toEqual(['ring-overflow']);
    expect(advice[0]?.message).toContain('longer than a ring of 4 MiB lasts');
    expect(advice[0]?.remedy).toContain('other programs');
  });

  test('one process has all CPUs but one for nothing: it is the process, not the CPUs', () => {
    expect(codes(advise([lossy(1, 50, { cpuNsPerPacket: 4000 })]))).toEqual(['busiest-member']);
    expect(codes(advise([lossy(1, 50, { cpuNsPerPacket: 4000 })], { placement: { senderCpu: 0, workerCpus: [1] } }))).toEqual([
      'worker-cpu',
    ]);
  });
});

describe('wake-ups', () => {
  test('CPU time for each packet grows while blocks are handed over nearly empty', () => {
    const message = one(advise([sizeOf(1), sizeOf(64, { cpuNsPerPacket: 640 })]), 'wake-ups')?.message;
    // 500,000 / 64 packets a second, for 10 ms.
    expect(message).toContain('a packet took 640 ns');
    expect(message).toContain('each of 64 gets about 78 packets in the 10 ms');
  });

  test('a block that is less than half full, and a loss that changes no cost', () => {
    expect(codes(advise([sizeOf(1), sizeOf(23, { cpuNsPerPacket: 640 })]))).toContain('wake-ups');
    expect(codes(advise([sizeOf(1), lossy(64, 0.99, { cpuNsPerPacket: 640 })]))).toContain('wake-ups');
  });

  test('sizes in any order', () => {
    expect(codes(advise([sizeOf(64, { cpuNsPerPacket: 640 }), sizeOf(1)]))).toContain('wake-ups');
  });

  test.each<[string, readonly ScaleSize[], Partial<ScalePlan>]>([
    ['it did not grow', [sizeOf(1), sizeOf(64, { cpuNsPerPacket: 199 })], {}],
    // 217 packets of 300 octets are half a block of 128K.
    ['blocks are half full by then', [sizeOf(1), sizeOf(22, { cpuNsPerPacket: 640 })], {}],
    ['far fewer packets came', [sizeOf(1), sizeOf(64, { cpuNsPerPacket: 640, packetsPerSecond: 249_999 })], {}],
    ['there is but one size', [sizeOf(64, { cpuNsPerPacket: 640 })], {}],
    ['the larger one lost packets', [sizeOf(1), lossy(64, 1, { cpuNsPerPacket: 640 })], {}],
  ])('not where %s', (_, sizes, plan) => {
    expect(codes(advise(sizes, plan))).not.toContain('wake-ups');
  });
});

test('memory: a size that does not fit, in the words of its error', () => {
  const error = { code: 'TOO_LARGE', message: '256 processes need 3072 MiB; 1024 MiB are available', remedy: 'use fewer --procs' };
  const advice = advise([sizeOf(2), { procs: 256, error }]);
  expect(one(advice, 'memory')).toEqual({
    code: 'memory',
    args: { procs: 256, message: error.message, remedy: error.remedy },
    message: '256 processes were not tried: 256 processes need 3072 MiB; 1024 MiB are available',
    remedy: 'use fewer --procs',
  });
});

describe('best-size', () => {
  const best = (sizes: readonly ScaleSize[], change: Partial<ScalePlan> = {}) => one(advise(sizes, change), 'best-size');

  test('the one that could take most, by CPUs, share of the busiest and cost', () => {
    // 3 CPUs at 120 ns are more than 2 / 1.05 at 100 ns, and more than 3 at 300 ns.
    const sizes = [
      sizeOf(1),
      sizeOf(2, { maxOverMean: 1.05 }),
      sizeOf(4, { cpuNsPerPacket: 120, maxOverMean: 1.2 }),
      sizeOf(64, { cpuNsPerPacket: 300 }),
    ];
    expect(best(sizes)?.message).toContain('4 processes lost nothing and could take about 25,000,000 packets a second on CPU 1, 2 and 3');
  });

  test('of two alike the smaller', () => {
    expect(best([sizeOf(8, { cpuNsPerPacket: 98 }), sizeOf(4)])?.message).toMatch(/^4 processes/);
  });

  test('one that lost packets only if all did', () => {
    expect(best([sizeOf(2), lossy(4, 1, { cpuNsPerPacket: 50 })])?.message).toMatch(/^2 processes lost nothing/);
    expect(best([lossy(2, 30), lossy(8, 10), lossy(4, 10.5)])?.message).toBe(
      'no size was free of loss; 4 processes lost least, 10.5 % of what was sent',
    );
  });

  test('none that split flows', () => {
    const parted = sizeOf(4, { answer: 'no', cpuNsPerPacket: 10, doubts: [{ code: 'lb-by-design', message: 'by design' }] });
    expect(best([sizeOf(1), sizeOf(2), parted])?.message).toMatch(/^2 processes/);
    expect(best([parted, parted])).toBeUndefined();
  });

  test('that an IDS needs more time is said where none was simulated', () => {
    expect(best([sizeOf(1), sizeOf(2)])?.remedy).toContain('--work-ns');
    expect(best([sizeOf(1), sizeOf(2)], { workNs: 2000 })?.remedy).toBeUndefined();
  });

  test('nothing to choose from one size', () => {
    expect(best([sizeOf(2)])).toBeUndefined();
  });
});

test('the best of the sizes that were measured is not called the best of all', () => {
  const cut: ScaleSize = { procs: 8, error: { code: 'INTERRUPTED', message: 'ended' } };
  expect(one(advise([sizeOf(1), sizeOf(4), cut]), 'best-size')?.message).toMatch(/^of 2 sizes measured \(3 asked for\): /);
  expect(one(advise([sizeOf(1), sizeOf(4)]), 'best-size')?.message).not.toContain('measured');
});

test.each(['accounting-mismatch', 'lost-member', 'interrupted', 'foreign-member'])('figures under %s carry no advice', (code) => {
  expect(advise([sizeOf(1), sizeOf(2)].map((size) => ({ ...size, doubts: [{ code, message: '' }] })))).toEqual([]);
});

test('where all share one CPU, the words say so', () => {
  const advice = advise([lossy(2, 50, { cpuNsPerPacket: 3500 })], { placement: { workerCpus: [0] } });
  expect(advice[0]?.message).toContain('CPU 0, which the sender shares');
});
