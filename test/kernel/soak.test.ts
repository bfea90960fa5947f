/** The short form of `npm run soak`: fresh flows all the time, a flow table that is full in a second, and nothing that is off at the end. */
import { beforeAll, expect, test } from 'vitest';
import { refuseHostNamespace } from '../helpers/lab.ts';
import { faultsOf, type Soak, type SoakPlan, soak } from '../helpers/soak.ts';

const PLAN: SoakPlan = {
  seconds: 9,
  procs: 3,
  flowMemoryMiB: 2,
  flows: { connections: 100, odd: 20, flood: 8000 },
  sampleMs: 1000,
  seed: 1,
  warmUpSeconds: 2,
};
let result: Soak;

beforeAll(async () => {
  refuseHostNamespace();
  result = await soak(PLAN);
});

test('ten seconds of churn: everything is counted, memory and open files stay in bounds, and nothing is left behind', () => {
  expect(faultsOf(result)).toEqual([]);
  expect(result.report.flows.forgotten).toBeGreaterThan(20_000);
});

test('it would have been noticed if anything were off', () => {
  const { report, samples } = result;
  const withPackets = (change: Partial<Soak['report']['packets']>) => ({
    ...result,
    report: { ...report, packets: { ...report.packets, ...change } },
  });
  const withFlows = (change: Partial<Soak['report']['flows']>) => ({
    ...result,
    report: { ...report, flows: { ...report.flows, ...change } },
  });
  const withSamples = (change: (sample: Soak['samples'][number], i: number) => Partial<Soak['samples'][number]>) => {
    return { ...result, samples: samples.map((sample, i) => ({ ...sample, ...change(sample, i) })) };
  };
  const plan = { ...PLAN, growthMiBPerHourMax: 8 };
  const cases: readonly (readonly [string, Soak, RegExp])[] = [
    ['a packet that was lost on the way', { ...result, sent: result.sent + 1 }, /packets sent; /],
    ['a packet that was not judged', withPackets({ judged: report.packets.judged - 1 }), / captured; .* judged/],
    ['one that found no room', withPackets({ judged: report.packets.judged - 1, overflowed: 1 }), /^1 packets found no room$/],
    ['a flow without a verdict', withFlows({ oneWay: report.flows.oneWay - 1 }), /verdicts do not add up/],
    ['flows that were lost', withFlows({ twoWay: 10 }), /^10 two-way flows of \d+ sent$/],
    ['a NO', { ...result, report: { ...report, verdict: { ...report.verdict, answer: 'no' } } }, /^the answer is no/],
    ['an early end', { ...result, samples: samples.slice(1) }, /the run ended after/],
    ['a flow table above its bound', withSamples(() => ({ collectorMiB: 500 })), /the collector took 500/],
    ['a worker above its tables', withSamples(() => ({ workersMiB: [1, 500] })), /a worker took 500/],
    ['a leak', { ...withSamples((_, i) => ({ collectorMiB: 50 + i })), plan }, /^the collector grew by [\d.]+ MiB an hour/],
    ['a leak of a worker', { ...withSamples((_, i) => ({ workersMiB: [20, 20 + i] })), plan }, /^the largest worker grew by/],
    [
      'a descriptor more',
      withSamples((sample, i) => (i === 3 ? { descriptors: [99, ...sample.descriptors.slice(1)] } : {})),
      /^open files: /,
    ],
    ['what is left behind', { ...result, leftOvers: ['1 packet sockets'] }, /^left behind: 1 packet sockets$/],
  ];
  for (const [what, falsified, fault] of cases) expect(faultsOf(falsified), what).toContainEqual(expect.stringMatching(fault));
});
