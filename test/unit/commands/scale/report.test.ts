import { expect, test } from 'vitest';
import { styleFor } from '../../../../src/collector/report/layout.ts';
import { renderScale, renderScaleBrief } from '../../../helpers/rendered.ts';
import { lossy, PLAN, scaleOf, sizeOf } from '../../../helpers/scale.ts';

const STYLE = styleFor(100, false);
const memory = { processBytes: 12 << 20, processesRead: 2, totalBytes: 24 << 20, ringBytes: 8 << 20 };
const tooLarge = { procs: 4096, error: { code: 'TOO_LARGE', message: '4096 processes need 49152 MiB', remedy: 'use fewer --procs' } };
const advice = [{ code: 'best-size', message: '2 processes lost nothing', remedy: 'measure with --work-ns' }] as const;
const result = scaleOf([sizeOf(2, { memory, maxOverMean: 1.048 }), lossy(16, 0.004), lossy(64, 12.34), tooLarge], { advice });

test('the whole text', () => {
  expect(renderScale(result, STYLE)).toMatchInlineSnapshot(`
    "mode hash, 1,008,000 packets of 2,000 flows for each size, sent as fast as it goes by tap; sent and
    received on CPU 0, processes on CPU 1, 2, 3; Linux 6.18.44, 4 CPUs, 8.8 s, seed 7

    procs  start  packets/s     lost  CPU/packet    sender  used  busiest  memory  answer
        2  0.1 s    500,000        0      100 ns  1,900 ns     2     1.05  24 MiB  yes
       16  0.6 s    500,000  <0.01 %      100 ns  1,900 ns    16     1.00       -  inconclusive
       64  2.6 s    500,000   12.3 %      100 ns  1,900 ns    64     1.00       -  inconclusive
     4096      -          -        -           -         -     -        -       -  TOO_LARGE

    CPU/packet: of all processes together; sender: of the thread that sends, in which the kernel also
    receives; used: processes that got packets; busiest: packets of the busiest process over the mean;
    memory: of all processes with their rings (PSS)

    Not a YES
      16: loss: full rings dropped 0.004 %
      64: loss: full rings dropped 12.34 %

    Not measured
      4096: TOO_LARGE: 4096 processes need 49152 MiB
        -> use fewer --procs

    What the figures say
      best-size: 2 processes lost nothing
        -> measure with --work-ns
    "
  `);
});

test('--quiet leaves what could not be measured and the advice', () => {
  expect(renderScaleBrief(result, STYLE)).toMatchInlineSnapshot(`
    "Not a YES: 16: loss, 64: loss

    Not measured
      4096: TOO_LARGE: 4096 processes need 49152 MiB
        -> use fewer --procs

    What the figures say
      best-size: 2 processes lost nothing
        -> measure with --work-ns
    "
  `);
});

test('a chosen rate, work, flags and a shared CPU are in the headline', () => {
  const plan = { ...PLAN, flags: ['rollover'], packetsPerSecond: 20_000, workNs: 1500, placement: { workerCpus: [0] } } as const;
  const [headline = ''] = renderScale(scaleOf([sizeOf(1)], { plan }), styleFor(400, false)).split('\n');
  expect(headline).toContain('mode hash+rollover');
  expect(headline).toContain('sent at 20,000 packets/s by tap, 1,500 ns of work for each; sender and processes share CPU 0;');
});
