import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { renderJson } from '../../../../src/collector/report/json.ts';
import { printable, printableJson } from '../../../../src/collector/report/printable.ts';
import { epoch, evidenceOf } from '../../../helpers/evidence.ts';
import { keptFlows, predicted } from '../../../helpers/prediction.ts';
import { resultOf } from '../../../helpers/run-result.ts';
import { predictionSchemaErrors } from '../../../helpers/schema.ts';

const result = resultOf(evidenceOf([epoch([61, 60])]));

test('a prediction is the result, under the names that are fixed', () => {
  const prediction = predicted(keptFlows(3));
  const parsed: unknown = JSON.parse(renderJson(prediction));
  expect(parsed).toEqual(prediction);
  expect(predictionSchemaErrors(parsed)).toEqual([]);
});

describe('json', () => {
  test('is the result, under the names that are fixed', () => {
    const parsed: unknown = JSON.parse(renderJson(result));
    expect(parsed).toEqual(result);
    expect(Object.keys(parsed as object).sort()).toMatchInlineSnapshot(`
      [
        "balance",
        "causes",
        "durationMs",
        "epochs",
        "flows",
        "group",
        "host",
        "members",
        "order",
        "packets",
        "schema",
        "source",
        "stacks",
        "startedAt",
        "timing",
        "tool",
        "verdict",
        "violations",
        "violationsOmitted",
        "warnings",
      ]
    `);
  });

  test('is one document that ends its line', () => expect(renderJson(result)).toMatch(/^\{\n.*\n\}\n$/s));

  test('parses to the same value whatever text is inside, and holds nothing that a terminal obeys', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const json = printableJson(JSON.stringify({ text }, null, 2));
        expect(JSON.parse(json)).toEqual({ text });
        expect(json).not.toMatch(/[^\n\P{Cc}]|\p{Cf}|\p{Zl}|\p{Zp}/u);
      }),
    );
  });
});

describe('printable', () => {
  test('leaves ordinary text of any script alone', () => expect(printable('eth0 größe 網卡 🐟')).toBe('eth0 größe 網卡 🐟'));
  test('escapes what lies outside the basic plane by its units', () => expect(printable('\u{e0001}')).toBe('\\udb40\\udc01'));
  test('escapes half a character', () => expect(printable('a\ud800')).toBe('a\\ud800'));
});
