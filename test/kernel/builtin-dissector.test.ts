/** The built-in flow dissector: attached to a network namespace it mends mode hash there, and nothing else changes. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { RunResult } from '../../src/model/run-result.ts';
import { refuseHostNamespace } from '../helpers/lab.ts';
import { temporaryDirectory } from '../helpers/programs.ts';
import { ATTACHED, ATTACHED_WITHOUT_FALLBACK, DETACHED, inNamespace, reportOf, runsCli } from '../helpers/steering.ts';

beforeAll(refuseHostNamespace);
const scratch = temporaryDirectory();
afterAll(() => scratch.remove());

const everything = (procs: number, seed: number): readonly string[] => [
  ...['--mode', 'hash', '--traffic', 'all', '--flows', '3000', '-n', `${procs}`, '--seed', `${seed}`],
];

function keepsTogether({ flows, verdict, balance, causes }: RunResult, procs: number): void {
  expect(flows).toMatchObject({ consistent: flows.total, twoWay: flows.total, split: 0, asymmetric: 0, duplicated: 0 });
  expect(flows.total).toBeGreaterThan(2500);
  expect(causes.filter(({ code }) => code !== 'no-spread')).toEqual([]);
  expect([verdict.answer, balance.membersUsed]).toEqual(['yes', procs]);
}

describe('mode hash over all classes', () => {
  test('NO before, YES while it is attached, NO after', { timeout: 180_000 }, async () => {
    const ends = await inNamespace(scratch, [
      runsCli(everything(8, 21)),
      ATTACHED,
      ...[runsCli(everything(2, 22)), runsCli(everything(7, 23)), runsCli(everything(8, 21)), runsCli(everything(16, 24))],
      DETACHED,
      runsCli(everything(8, 21)),
    ]);
    const [before, two, seven, eight, sixteen, after] = ends.map((end) => reportOf(end).report);
    if (two === undefined || seven === undefined || eight === undefined || sixteen === undefined) throw new Error('a run is missing');
    keepsTogether(two, 2);
    keepsTogether(seven, 7);
    keepsTogether(eight, 8);
    keepsTogether(sixteen, 16);
    for (const report of [before, after]) {
      expect(report?.verdict.answer).toBe('no');
      expect((report?.flows.split ?? 0) + (report?.flows.asymmetric ?? 0)).toBeGreaterThan(100);
    }
    // What is not its own doing is the kernel's, to the flow.
    expect(after?.flows).toEqual(before?.flows);
  });

  test('without the fallback, for kernels before 6.1: the same', { timeout: 180_000 }, async () => {
    const [end] = await inNamespace(scratch, [ATTACHED_WITHOUT_FALLBACK, runsCli(everything(7, 25))]);
    keepsTogether(reportOf(end).report, 7);
  });
});
