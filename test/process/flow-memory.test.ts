/** A flow table that is too small for what comes: flows in one direction make room; where all are evidence the run ends, nothing is lost, and nothing is proven. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { grouped } from '../../src/collector/words/english.ts';
import type { ComparisonResult } from '../../src/commands/compare/result.ts';
import type { RunResult } from '../../src/model/run-result.ts';
import { assertPrivateNamespace, CAPTURE, makePair, oneWayFrames, removePair, type Sending, send, sendFrames } from '../helpers/network.ts';
import { temporaryDirectory } from '../helpers/programs.ts';
import { run, start } from '../helpers/tool.ts';

const scratch = temporaryDirectory();
const env = { XDG_RUNTIME_DIR: join(scratch.path, 'runtime') };
let sendings: Sending[] = [];

beforeAll(() => {
  assertPrivateNamespace();
  mkdirSync(env.XDG_RUNTIME_DIR, { mode: 0o700 });
});
afterAll(() => scratch.remove());
beforeEach(makePair);
afterEach(async () => {
  for (const sending of sendings) await sending.stop();
  sendings = [];
  removePair();
});

/** In a table for 3646 flows. */
const SMALL = ['-i', CAPTURE, '-n', '4', '--flow-memory', '1M', '--json', '-', '--quiet'];
const ROOM = 3646;

function reportOf({ stdout, stderr }: { readonly stdout: string; readonly stderr: string }): RunResult {
  if (stdout === '') throw new Error(stderr);
  const report = JSON.parse(stdout) as RunResult;
  const { captured, judged, overflowed, ignored } = report.packets;
  expect(judged + overflowed + Object.values(ignored).reduce((sum, n) => sum + n, 0)).toBe(captured);
  return report;
}

const warnings = (report: RunResult) => report.warnings.map(({ code }) => code);

test('a flood of flows in one direction beside steady ones in both: YES, and what made room is told', async () => {
  sendings.push(send({ flows: 300, seed: 5, classes: ['ipv4-tcp', 'ipv6-udp'] }, { packetsPerSecond: 6000 }));
  sendings.push(sendFrames(oneWayFrames({ flows: 30_000, packetsPerFlow: 2, seed: 6 }), { packetsPerSecond: 30_000 }));
  const { status, ...ended } = await run([...SMALL, '--duration', '1s'], { env });
  const report = reportOf(ended);
  expect([status, report.verdict.answer, ...warnings(report)]).toEqual([0, 'yes', 'mostly-one-way', 'flows-forgotten']);
  const { total, twoWay, consistent, oneWay, forgotten = 0 } = report.flows;
  // In a table of its size few of the steady ones can have been counted as one-way for a moment.
  expect([twoWay, consistent]).toEqual([300, 300]);
  expect(forgotten).toBeGreaterThan(10_000);
  expect(oneWay).toBeLessThanOrEqual(forgotten + ROOM);
  expect(total).toBe(twoWay + oneWay);
  expect(report.stacks.reduce((sum, { flows }) => sum + flows, 0)).toBe(total);
  expect(report.packets.overflowed).toBe(0);
});

test('flows in both directions without end: the run ends before one is lost, and is INCONCLUSIVE', async () => {
  // About 2000 begin in a second; there is no other limit.
  sendings.push(send({ flows: 12_000, packetsPerFlow: 2, seed: 7, classes: ['ipv4-tcp'], concurrency: 16 }, { packetsPerSecond: 4000 }));
  const running = start([...SMALL, '--max-flows', '11000'], { env });
  const { status, ms, ...ended } = await running.ended;
  const report = reportOf(ended);
  expect([status, report.verdict.reasons.map(({ code }) => code), ...warnings(report)]).toEqual([3, ['ended-early']]);
  expect(report.verdict.reasons[0]?.message).toMatch(new RegExp(`its flow table is full \\(room for ${grouped(ROOM)} flows\\)`));
  expect(report.flows.twoWay).toBeGreaterThanOrEqual(Math.floor((15 / 16) * ROOM) - 50);
  expect(report.flows.twoWay).toBeLessThanOrEqual(ROOM);
  expect(report.packets.overflowed).toBe(0);
  expect(ms).toBeLessThan(8000);
});

test('violations are evidence as well: it ends with a NO', async () => {
  sendings.push(send({ flows: 5_000, packetsPerFlow: 6, seed: 8, classes: ['ipv4-tcp'], concurrency: 16 }, { packetsPerSecond: 12_000 }));
  const { status, ...ended } = await run([...SMALL, '-m', 'lb', '--max-flows', '4000'], { env });
  const report = reportOf(ended);
  expect([status, report.verdict.answer]).toEqual([1, 'no']);
  expect(warnings(report)).toContain('ended-early');
  // Each takes several sightings, of which there is room for a quarter as many as flows.
  expect(report.flows.split).toBeGreaterThan(ROOM / 40);
});

describe('groups on the same packets', () => {
  const compare = async (modes: string, limits: readonly string[]) => {
    const common = ['-i', CAPTURE, '-n', '4', '--no-own-load', '--flow-memory', '2M', '--json', '-', '--quiet'];
    const { stdout, stderr } = await run(['compare', ...common, '--modes', modes, ...limits], { env });
    if (stdout === '') throw new Error(stderr);
    return (JSON.parse(stdout) as ComparisonResult).runs;
  };

  test('end together when the table of one of them is full', async () => {
    sendings.push(send({ flows: 12_000, packetsPerFlow: 2, seed: 9, classes: ['ipv4-tcp'], concurrency: 16 }, { packetsPerSecond: 4000 }));
    const runs = await compare('hash,cpu', ['--max-flows', '11000']);
    for (const report of runs) {
      expect(report.verdict.reasons.map(({ code }) => code)).toContain('ended-early');
      expect(report.packets.overflowed).toBe(0);
    }
    expect(runs[0]?.packets.judged).toBe(runs[1]?.packets.judged);
  });

  test('but not for one that scatters by design', async () => {
    sendings.push(send({ flows: 400, seed: 10, classes: ['ipv4-tcp'] }, { packetsPerSecond: 8000 }));
    const [hash, lb] = await compare('hash,lb', ['--duration', '1s']);
    expect([hash?.verdict.answer, lb?.verdict.answer]).toEqual(['yes', 'no']);
    expect(hash?.warnings).toEqual([]);
    expect(hash?.timing.captureMs).toBeGreaterThan(900);
    // Each of its flows takes a sighting for each process and direction, and there is room for 912.
    expect(lb?.packets.overflowed).toBeGreaterThan(0);
    expect(lb === undefined ? [] : warnings(lb)).not.toContain('ended-early');
  });
});

test('address space that cannot be had: an error that says so, and no defect', async () => {
  const by = ['prlimit', `--as=${1_500_000_000}`];
  const { status, stderr } = await run(['-i', CAPTURE, '-n', '2', '--duration', '1s', '--flow-memory', '2G'], { env, by });
  expect(stderr).toMatch(/TOO_LARGE: the flow table's 2048 MiB of address space cannot be had: mmap: .*\n {2}-> .*ulimit -v/);
  expect(status).toBe(4);
});
