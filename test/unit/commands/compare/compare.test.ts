/** What the comparison makes of its runs: what could not be tested, and whether the load of the test itself is to blame. */
import { describe, expect, test } from 'vitest';
import type { Provisions } from '../../../../src/collector/run/provisions.ts';
import { runCompare } from '../../../../src/commands/compare/compare.ts';
import type { CompareIo } from '../../../../src/commands/compare/io.ts';
import { parseCompareOptions, type RawCompareOptions } from '../../../../src/commands/compare/options.ts';
import type { OwnLoad } from '../../../../src/commands/compare/own-load-result.ts';
import { FanoutError } from '../../../../src/errors.ts';
import type { RunResult } from '../../../../src/model/run-result.ts';
import { epoch, evidenceOf } from '../../../helpers/evidence.ts';
import { MACHINE } from '../../../helpers/machine.ts';
import { resultOf } from '../../../helpers/run-result.ts';
import { SimulatedClock } from '../../../simulation/clock.ts';

const sample = { groups: 1, kernelNsPerPacket: 1500, workerNsPerPacket: 100 };
const load: OwnLoad = {
  schema: 'fanout-cluster/own-load@1',
  procs: 2,
  one: sample,
  all: { ...sample, groups: 2 },
  perFurtherGroup: { kernelNsPerPacket: 500, workerNsPerPacket: 100 },
  lossFreeRate: 10_000,
};

function result({ captured = 1000, dropped = 0, captureMs = 1000 } = {}): RunResult {
  const whole = resultOf(evidenceOf([epoch([60, 60])]), { source: 'live' });
  return { ...whole, timing: { startMs: 100, captureMs }, packets: { ...whole.packets, captured, dropped } };
}

/** @param cutAt the run, from 0 on, during which a signal comes */
async function compare(raw: RawCompareOptions, outcomes: readonly (RunResult | FanoutError)[], measured?: OwnLoad, cutAt = -1) {
  const interrupt = new AbortController();
  const io: CompareIo = {
    version: 'test',
    clock: new SimulatedClock(),
    provisions: { groups: [], refusalOf: ({ builtin }) => (builtin === 'ports' ? noBpf : undefined) } as Partial<Provisions> as Provisions,
    signal: interrupt.signal,
    onProgress: () => undefined,
    onMode: () => undefined,
    measureOwnLoad: async () => measured,
  };
  let next = 0;
  const runCluster = async (): Promise<RunResult> => {
    if (next === cutAt) interrupt.abort();
    const outcome = outcomes[next++];
    if (outcome instanceof FanoutError || outcome === undefined) throw outcome;
    return outcome;
  };
  return runCompare(parseCompareOptions(raw, MACHINE), io, { runCluster, runTogether: async () => outcomes });
}

const live = { interface: 'lo', procs: '2', modes: 'hash,qm' };
const noBpf = new FanoutError('PROGRAM_REFUSED', 'builtin:ports: not here', 'run as root');
const refused = new FanoutError('GROUP_REFUSED', 'not this mode', 'another kernel');

describe('own load', () => {
  test('traffic below what was found to go through: nothing to say', async () => {
    const { warnings, ownLoad } = await compare(live, [result({ captured: 9000 }), result()], load);
    expect([warnings, ownLoad]).toEqual([[], load]);
  });

  test('above it: a warning with both rates, by the time of the capture', async () => {
    const { warnings } = await compare(live, [result(), result({ captured: 6000, captureMs: 500 })], load);
    expect(warnings).toEqual([expect.objectContaining({ code: 'own-load', message: expect.stringMatching(/10,000 .*12,000/) })]);
  });

  test('drops below it, or where it was not measured: who dropped', async () => {
    const outcomes = [result({ dropped: 5 }), result()];
    expect((await compare(live, outcomes, load)).warnings[0]?.message).toContain('dropped in hash');
    expect((await compare({ ...live, ownLoad: false }, outcomes)).warnings[0]?.message).toContain('dropped in hash');
  });

  test('it could not be measured: said, with the command that tries', async () => {
    const { warnings } = await compare(live, [result(), result()]);
    expect(warnings[0]?.remedy).toContain('compare --measure-load');
  });

  test('one run after the other in the lab: no warning, whatever the rate', async () => {
    const { warnings, packets } = await compare({ modes: 'hash,qm' }, [result({ captured: 1e6 }), result()]);
    expect([warnings, packets]).toEqual([[], 'repeated']);
  });
});

describe('modes that cannot be tested', () => {
  test.each([[live], [{ modes: 'hash,qm' }]])('%j: named, and the others compared', async (raw) => {
    const { runs, leftOut } = await compare(raw, [result(), refused], load);
    expect(runs.length).toBe(1);
    expect(leftOut).toEqual([
      { mode: 'qm', flags: [], reason: { code: 'GROUP_REFUSED', message: 'not this mode', remedy: 'another kernel' } },
    ]);
  });

  test('none at all: the error of the first', async () => {
    await expect(compare({ modes: 'hash,qm' }, [refused, refused])).rejects.toBe(refused);
  });

  test('live, two groups that reassemble: the second is left out', async () => {
    const { leftOut } = await compare({ ...live, modes: 'hash,hash+defrag,qm+defrag', force: true }, [result(), result()], load);
    expect(leftOut.map(({ mode, reason }) => [mode, reason.code])).toEqual([['qm', 'DEFRAG_UNSAFE']]);
  });
});

describe('a signal in the middle of a comparison in the lab', () => {
  const lab = { modes: 'hash,qm,lb' };
  const interruption = new FanoutError('INTERRUPTED', 'ended by a signal', 'start again');

  test('while a mode is tested: its row stays, and nothing is recommended', async () => {
    const { runs, leftOut, recommendation } = await compare(lab, [result(), result()], undefined, 1);
    expect(runs.length).toBe(2);
    expect(leftOut.map(({ mode, reason }) => [mode, reason.code])).toEqual([
      ['qm', 'interrupted'],
      ['lb', 'interrupted'],
    ]);
    expect(recommendation).toMatchObject({ answer: 'inconclusive', reasons: [{ code: 'interrupted' }, { code: 'kept-all-flows' }] });
    expect(recommendation.reasons[1]?.message).toContain('of 1 mode tested');
    expect(recommendation.lines).toBeUndefined();
  });

  test('while a mode starts: the same, in the same words', async () => {
    const { leftOut, recommendation } = await compare(lab, [result(), interruption], undefined, 1);
    expect(leftOut.map(({ reason }) => reason.code)).toEqual(['interrupted', 'interrupted']);
    expect(recommendation.answer).toBe('inconclusive');
  });

  test('while the first one is tested: none was tested to its end', async () => {
    const { runs, recommendation } = await compare(lab, [result()], undefined, 0);
    expect([runs.length, recommendation.answer]).toEqual([1, 'inconclusive']);
    expect(recommendation.reasons.map(({ code }) => code)).toEqual(['interrupted', 'nothing-shown']);
  });

  test('a mode whose worker died is not one that split flows', async () => {
    const died = new FanoutError('WORKER_FAILED', 'worker 1 died', 'again');
    const { recommendation, leftOut } = await compare(lab, [result(), died, died]);
    expect(recommendation).toMatchObject({ answer: 'yes', group: { mode: 'hash' } });
    expect(recommendation.reasons[0]?.message).toMatch(/^of 1 mode tested, hash kept/);
    expect(recommendation.reasons[0]?.message).not.toContain('no other');
    expect(leftOut.map(({ reason }) => reason.code)).toEqual(['WORKER_FAILED', 'WORKER_FAILED']);
  });
});

describe('the built-in program is refused', () => {
  test.each([{}, { interface: 'lo', ownLoad: false }])('its mode is left out, and the others are tested: %j', async (where) => {
    const { leftOut, runs, recommendation } = await compare({ ...where, procs: '2', modes: 'hash,ebpf:ports' }, [result()]);
    expect(leftOut).toEqual([
      { mode: 'ebpf', flags: [], builtin: 'ports', reason: { code: 'PROGRAM_REFUSED', message: noBpf.message, remedy: noBpf.remedy } },
    ]);
    expect([runs.length, recommendation.answer]).toEqual([1, 'yes']);
  });

  test('and nothing else was asked for: an error', async () => {
    await expect(compare({ procs: '2', modes: 'ebpf:ports' }, [])).rejects.toBe(noBpf);
  });
});
