/** A group that starts while packets flow accuses nobody. The long form of these tests is `npm run soak:start`. */
import { beforeAll, describe, expect, test } from 'vitest';
import { refuseHostNamespace } from '../helpers/lab.ts';
import { FLOWS, RATES, type Rate, start, startWithoutBarrier, underTraffic, violationsOf } from '../helpers/starts.ts';

beforeAll(refuseHostNamespace);

describe.each(Object.keys(RATES) as Rate[])('started under %s', (rate) => {
  test.each([
    [8, 3],
    [64, 1],
  ])('%i processes, %i times: no false violation', async (procs, starts) => {
    await underTraffic(rate, async (interfaceName) => {
      for (let i = 0; i < starts; i += 1) {
        const report = await start(interfaceName, procs);
        expect([report.verdict.answer, violationsOf(report)]).not.toContain('no');
        expect(violationsOf(report)).toBe(0);
        // Loss at full rate may leave the answer open, but only loss may.
        if (report.verdict.answer !== 'yes') expect(report.verdict.reasons.map(({ code }) => code)).toEqual(['loss']);
        expect(report.flows.twoWay).toBe(FLOWS);
      }
    });
  });
});

test('a start without drop filter and barrier does accuse flows, so the tests above can fail', async () => {
  await underTraffic('200 kpps', async (interfaceName) => expect(await startWithoutBarrier(interfaceName, 8)).toBeGreaterThan(50));
});
