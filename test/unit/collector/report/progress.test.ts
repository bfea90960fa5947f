import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { styleFor } from '../../../../src/collector/report/layout.ts';
import {
  lastSnapshot,
  type ProgressSnapshot,
  progressWriter,
  renderProgress,
  renderProgressLine,
} from '../../../../src/collector/report/progress.ts';
import { epoch, evidenceOf } from '../../../helpers/evidence.ts';
import { resultOf } from '../../../helpers/run-result.ts';

function snapshot(change: Partial<ProgressSnapshot> = {}): ProgressSnapshot {
  return {
    phase: 'capturing',
    elapsedMs: 2500,
    packets: 12_345,
    packetsPerSecond: 4938.4,
    flows: 120,
    flowGoal: 1000,
    perMemberPackets: [6000, 3000, 3345, 0],
    drops: 2,
    ...change,
  };
}

describe('picture', () => {
  test('a bar for each member', () => {
    expect(renderProgress(snapshot(), styleFor(100, false)).join('\n')).toMatchInlineSnapshot(`
      "capturing 2.5 s, 12,345 packets, 4,938/s, 120 of 1,000 two-way flows, 3 of 4 workers used, 2
      dropped
          0          6,000  ##################################################
          1          3,000  #########################
          2          3,345  ############################
          3              0"
    `);
  });

  test('one character for each member of a large group', () => {
    const perMemberPackets = Array.from({ length: 64 }, (_, i) => i * 10);
    expect(renderProgress(snapshot({ perMemberPackets }), styleFor(100, false)).join('\n')).toMatchInlineSnapshot(`
      "capturing 2.5 s, 12,345 packets, 4,938/s, 120 of 1,000 two-way flows, 63 of 64 workers used, 2
      dropped
        [ .........:::::::::---------=========+++++++++*********#########]
        least 0, most 630"
    `);
  });

  test('one character for several members of a huge group', () => {
    const perMemberPackets = Array.from({ length: 1000 }, (_, i) => i);
    expect(renderProgress(snapshot({ perMemberPackets }), styleFor(60, false)).join('\n')).toMatchInlineSnapshot(`
      "capturing 2.5 s, 12,345 packets, 4,938/s, 120 of 1,000
      two-way flows, 999 of 1000 workers used, 2 dropped
        [.......::::::::-------========+++++++********########]
        least 0, most 999, 19 workers a column"
    `);
  });

  test('no line reaches the last column, whatever the numbers', () => {
    const anything = fc.record({
      phase: fc.string({ unit: 'binary', maxLength: 40 }),
      elapsedMs: fc.nat(),
      packets: fc.maxSafeNat(),
      packetsPerSecond: fc.double({ min: 0, max: 1e12, noNaN: true }),
      flows: fc.maxSafeNat(),
      perMemberPackets: fc.array(fc.maxSafeNat(), { maxLength: 300 }),
      drops: fc.maxSafeNat(),
    });
    fc.assert(
      fc.property(anything, fc.integer({ min: 1, max: 200 }), (any, columns) => {
        const style = styleFor(columns, false);
        for (const line of renderProgress(any, style)) {
          expect(line.length).toBeLessThan(style.width);
          expect(line).not.toMatch(/\p{Cc}/u);
        }
      }),
    );
  });

  test('one line where there is no terminal', () => {
    expect(renderProgressLine(snapshot())).toMatchInlineSnapshot(
      `"capturing 2.5 s, 12,345 packets, 4,938/s, 120 of 1,000 two-way flows, 3 of 4 workers used, 2 dropped"`,
    );
  });
});

function recorder(isTerminal: boolean) {
  const written: string[] = [];
  return { written, target: { isTerminal, style: () => styleFor(120, false), write: (text: string) => void written.push(text) } };
}

describe('writer', () => {
  test('redraws in place and leaves a clean line', () => {
    const { written, target } = recorder(true);
    const writer = progressWriter(target, 1000);
    writer.update(snapshot());
    writer.update(snapshot({ perMemberPackets: [1, 2] }));
    writer.finish();
    expect(written.map((text) => text.slice(0, 8))).toEqual(['capturin', '\u001b[5A\r\u001b[J', '\u001b[3A\r\u001b[J']);
    expect(written.at(-1)).toBe('\u001b[3A\r\u001b[J');
  });

  test('writes nothing on a terminal if nothing was drawn', () => {
    const { written, target } = recorder(true);
    progressWriter(target, 1000).finish();
    expect(written.join('')).toBe('');
  });

  test('no rate as long as there is none, and no line about nothing', () => {
    const { written, target } = recorder(false);
    const writer = progressWriter(target, 1000);
    const { packetsPerSecond: _, ...first } = snapshot({ packets: 0, elapsedMs: 100 });
    writer.update(first);
    expect(written).toEqual([]);
    writer.update({ ...first, packets: 7, elapsedMs: 200 });
    expect(written).toEqual(['capturing 0.2 s, 7 packets, 120 of 1,000 two-way flows, 3 of 4 workers used, 2 dropped\n']);
    const late = recorder(false);
    progressWriter(late.target, 1000).update({ ...first, elapsedMs: 1000 });
    expect(late.written).toHaveLength(1);
  });

  test('the last line says what the report says', () => {
    const result = resultOf(evidenceOf([epoch([60, 60, 0])]));
    const { written, target } = recorder(false);
    progressWriter(target, 1000).finish(lastSnapshot(result));
    expect(written).toEqual(['ended after 1.2 s, 720 packets, 120 two-way flows, 3 of 3 workers used, 0 dropped\n']);
  });

  test('a note stays above what is drawn next', () => {
    const { written, target } = recorder(true);
    const writer = progressWriter(target, 1000);
    writer.update(snapshot());
    writer.note('ending');
    writer.update(snapshot());
    expect(written.slice(1).map((text) => text.slice(0, 20))).toEqual(['\u001b[5A\r\u001b[Jending\n', 'capturing 2.5 s, 12,']);
  });

  test('elsewhere writes one line for each interval', () => {
    const { written, target } = recorder(false);
    const writer = progressWriter(target, 1000);
    for (const elapsedMs of [0, 100, 999, 1000, 1900, 5200, 5900, 6000]) writer.update(snapshot({ elapsedMs }));
    writer.finish();
    expect(written.map((text) => /capturing (\S+) s/.exec(text)?.[1])).toEqual(['0.0', '1.0', '5.2', '6.0']);
  });
});
