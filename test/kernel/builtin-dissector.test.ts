/** The built-in flow dissector: attached to a network namespace it mends mode hash there, and nothing else changes. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { native } from '../../src/addon/native.ts';
import type { MatrixResult } from '../../src/commands/matrix/result.ts';
import { labelOf } from '../../src/model/fanout.ts';
import type { RunResult } from '../../src/model/run-result.ts';
import { runCli } from '../helpers/cli.ts';
import { refuseHostNamespace } from '../helpers/lab.ts';
import { temporaryDirectory } from '../helpers/programs.ts';
import { root, testWith } from '../helpers/requirements.ts';
import { ATTACHED, ATTACHED_WITHOUT_FALLBACK, DETACHED, inNamespace, reportOf, runsCli } from '../helpers/steering.ts';
import { run } from '../helpers/tool.ts';

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

testWith([root()], 'in a list of modes it runs first, and is gone for the others', { timeout: 120_000 }, async () => {
  const { status, stdout } = await run(['matrix', '--modes', 'hash,hash+dissector,hash+defrag', '--flows', '16', '--procs', '4', '--json']);
  const { runs, cells }: MatrixResult = JSON.parse(stdout);
  expect([status, runs.map(labelOf)]).toEqual([0, ['hash', 'hash+dissector', 'hash+defrag']]);
  const splitIn = (label: string) =>
    cells.filter((cell) => labelOf(cell) === label && ['split', 'duplicated', 'apart'].includes(cell.outcome)).length;
  expect([splitIn('hash') > 10, splitIn('hash+dissector'), splitIn('hash+defrag') > 10]).toEqual([true, 0, true]);
});

testWith([root()], 'is attached to the lab for a run, and for nobody else', { timeout: 60_000 }, async () => {
  const { status, report } = await runCli(['-n', '7', '--dissector', 'builtin', '--traffic', 'all', '--flows', '1000']);
  expect([status, report.verdict.answer, labelOf(report.group)]).toEqual([0, 'yes', 'hash+dissector']);
  expect(report.causes.map(({ code }) => code)).toEqual([]);
  expect(report.warnings.map(({ code }) => code)).not.toContain('bpf-flow-dissector');
  expect(native.flowDissector('/proc/self/ns/net')).toBeNull();
});
