/** Reports of compare, churn and race: each figure in its place, hostile text harmless, what --quiet leaves. */
import { describe, expect, test } from 'vitest';
import type { ChurnResult } from '../../../../src/commands/churn/result.ts';
import type { OwnLoad } from '../../../../src/commands/compare/own-load-result.ts';
import { recommend } from '../../../../src/commands/compare/recommend.ts';
import type { ComparisonResult } from '../../../../src/commands/compare/result.ts';
import type { RaceResult } from '../../../../src/commands/race/result.ts';
import { epoch, evidenceOf, group } from '../../../helpers/evidence.ts';
import {
  renderChurn,
  renderChurnBrief,
  renderComparison,
  renderComparisonBrief,
  renderOwnLoad,
  renderRace,
  renderRaceBrief,
} from '../../../helpers/rendered.ts';
import { resultOf } from '../../../helpers/run-result.ts';

const plain = { width: 100, color: false };
const common = { tool: { version: '0' }, startedAt: '', durationMs: 2100, host: { kernel: '6.18.0', cpus: 2 } };
const source = { kind: 'lab', interface: 'cap0', seed: 7 } as const;

const ownLoad: OwnLoad = {
  schema: 'fanout-cluster/own-load@1',
  procs: 4,
  one: { groups: 1, kernelNsPerPacket: 1697.4, workerNsPerPacket: 185 },
  all: { groups: 8, kernelNsPerPacket: 5053, workerNsPerPacket: 1900 },
  perFurtherGroup: { kernelNsPerPacket: 479.4, workerNsPerPacket: 245 },
  lossFreeRate: 120_000,
  lossRate: 180_000,
};

function comparison(change: Partial<ComparisonResult> = {}): ComparisonResult {
  const kept = resultOf(evidenceOf([epoch([60, 60])]));
  const parted = resultOf(evidenceOf([epoch([60, 60])], [group({ kind: 'split' })]), { mode: 'lb' });
  const runs = [kept, { ...parted, order: { ...parted.order, checked: 900, inversions: 33 } }];
  const leftOut = [
    { mode: 'qm', flags: [], reason: { code: 'GROUP_REFUSED', message: 'no\u001b[2J such mode', remedy: 'another kernel' } },
  ] as const;
  const recommendation = recommend(runs, { procs: 2 }, { asked: 3, interrupted: false });
  return {
    schema: 'fanout-cluster/comparison@1',
    ...common,
    source,
    procs: 2,
    packets: 'same',
    recommendation,
    runs,
    leftOut,
    ownLoad,
    warnings: [{ code: 'own-load', message: 'too fast' }],
    ...change,
  };
}

describe('comparison', () => {
  const text = renderComparison(comparison(), plain);

  test('a row for each mode, with its answer, disorder and cause', () => {
    expect(text).toMatch(/^hash +YES +120 +0 +0 +0 +0 +2\/2 +/m);
    expect(text).toMatch(/^lb +NO +\d+ +3 +0 +0 +33 +2\/2 .* lb-by-design$/m);
    expect(text).toContain('2 modes of 3 on the same packets');
  });

  test('what was left out, what it costs, what to know, the lines to paste, and the choice last', () => {
    expect(text).toContain('qm: GROUP_REFUSED');
    expect(text).not.toContain('\u001b');
    expect(text).toMatch(/120,000 packets\/s,\s+and some at 180,000/);
    expect(text).toContain('own-load: too fast');
    expect(text).toContain('    cluster-type: cluster_flow');
    expect(text.trimEnd().endsWith('Use hash.')).toBe(true);
  });

  test('--quiet leaves why and the choice, and names what else there is', () => {
    const brief = renderComparisonBrief(comparison(), plain);
    expect(brief).toMatch(/^Why\n/);
    expect(brief).not.toContain('cluster_flow');
    expect(brief).toContain('\nNot tested: qm (GROUP_REFUSED)\nown-load: too fast\n');
    expect(brief.trimEnd().endsWith('Use hash.')).toBe(true);
  });

  test('colours only where they are wanted', () => {
    expect(renderComparison(comparison(), { width: 100, color: true })).toContain('\u001b[32mYES');
  });

  test('what single modes warn of is said once, with their names', () => {
    const { runs } = comparison();
    const damaged = { code: 'capture-damaged', message: 'cut', remedy: 'copy it again' };
    const [kept, parted] = runs.map((run) => ({ ...run, warnings: [damaged] }));
    const all = comparison({
      runs: [kept, { ...parted, warnings: [...(parted?.warnings ?? []), { code: 'loss', message: 'few' }] }] as never,
    });
    expect(renderComparison(all, plain)).toMatch(/^ {2}all modes: capture-damaged: cut\n {4}-> copy it again\n {2}lb: loss: few$/m);
    expect(renderComparisonBrief(all, plain)).toContain('\nWarnings: capture-damaged (all modes), loss (lb)\n');
  });

  test('interrupted: the last line tells what was tested', () => {
    const { runs } = comparison();
    const reason = { code: 'interrupted', message: 'ended by a signal before this mode was tested' };
    const unfinished = { ...reason, message: 'ended by a signal while this mode was tested' };
    const leftOut = [
      { mode: 'lb', flags: [], reason: unfinished },
      { mode: 'qm', flags: [], reason },
    ] as const;
    const recommendation = recommend(runs.slice(0, 1), { procs: 2 }, { asked: 3, interrupted: true });
    const text = renderComparison(comparison({ leftOut, recommendation }), plain);
    expect(text.trimEnd().endsWith('a signal ended the comparison when 1 of 3 modes was tested.')).toBe(true);
    expect(text).not.toContain('cluster_flow');
  });

  test('nothing shown', () => {
    const none = comparison({ recommendation: { answer: 'inconclusive', reasons: [{ code: 'nothing-shown', message: 'why' }] } });
    expect(renderComparison(none, plain)).toContain('Use none of these modes on this evidence.');
  });

  test('own load by itself', () => {
    expect(renderOwnLoad(ownLoad, { width: 400, color: false })).toContain('1,697 ns of CPU on its way through the kernel to 1 group of 4');
  });
});

const churn: ChurnResult = {
  schema: 'fanout-cluster/churn@1',
  ...common,
  source,
  group: { mode: 'hash', flags: ['defrag'], procs: 4 },
  packetsPerSecond: 100_000,
  events: [
    {
      kind: 'leave',
      slot: 0,
      member: 0,
      slots: [3, 1, 2],
      draws: 10_000,
      flows: 10_000,
      stayed: 2480,
      stayedShare: 0.248,
      expectedStayedShare: 0.25,
      survivorsFlows: 7523,
      survivorsMoved: 5043,
      survivorsMovedShare: 0.67,
      expectedSurvivorsMovedShare: 0.6667,
      packetsSent: 8567,
      packetsLost: 840,
      tookMs: 26,
    },
  ],
  advice: [{ code: 'restart-moves-flows', message: 'many' }],
  doubts: [{ code: 'interrupted', message: 'too early' }],
};

test('churn: moved beside expected, what was lost, and what it means', () => {
  const text = renderChurn(churn, { width: 200, color: false });
  expect(text).toMatch(/^slot 0 dies \(member 0\) +67.0 % +66.7 % +7,523 +24.8 % +25.0 % +8,567 +840 +26 ms +3 1 2$/m);
  expect(text).toContain('mode hash+defrag');
  expect(renderChurnBrief(churn, plain)).toBe('Doubts\n  interrupted: too early\n\nWhat it means\n  restart-moves-flows: many\n');
});

test('race: both starts, and what it means', () => {
  const race: RaceResult = {
    schema: 'fanout-cluster/race@1',
    ...common,
    source,
    group: { mode: 'ebpf', flags: [], builtin: 'ports' },
    procs: 8,
    packetsPerSecond: 50_000,
    naive: {
      flows: 500,
      split: 474,
      splitShare: 0.948,
      strayPackets: 5280,
      packetsSent: 30_970,
      copies: 570,
      joinedAfterMs: 116,
      lastStrayAfterMs: 115,
    },
    orderly: { answer: 'yes', flows: 500, split: 0, reasons: [] },
    advice: [{ code: 'start-race', message: 'so it is' }],
  };
  const text = renderRace(race, plain);
  expect(text).toMatch(/^one after the other +500 +474 +94.8 %$/m);
  expect(text).toMatch(/^in order +500 +0 +0.0 %$/m);
  expect(renderRaceBrief(race, plain)).toBe('What it means\n  start-race: so it is\n');
});
