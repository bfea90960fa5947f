import { expect, test } from 'vitest';
import { stopped } from '../../../../src/collector/words/stop.ts';
import type { Evidence } from '../../../../src/model/evidence.ts';
import type { StopReason } from '../../../../src/model/run-facts.ts';
import { epoch, evidenceOf, factsOf, group } from '../../../helpers/evidence.ts';
import { boundWarnings, judge } from '../../../helpers/worded.ts';

const kept = evidenceOf([epoch([60, 60])]);

function withForgotten(forgotten: number): Evidence {
  return { ...kept, flows: { ...kept.flows, total: 420, oneWay: 300, forgotten } };
}

test('nothing is said where no bound was reached', () => expect(boundWarnings(kept, factsOf(kept))).toEqual([]));

test('flows that made room: how many, why the answer stands, and what it may hide', () => {
  const evidence = withForgotten(250);
  expect(boundWarnings(evidence, factsOf(evidence, { flowsMax: 400 }))).toMatchInlineSnapshot(`
    [
      {
        "args": {
          "flowsMax": 400,
          "forgotten": 250,
          "oneWay": 300,
        },
        "code": "flows-forgotten",
        "message": "250 of 300 flows that were seen in one direction only made room for others, the oldest first: the flow table has room for 400. They are counted, and a flow in one direction proves nothing, so the answer does not rest on them; but a flow whose other direction came only after that counts as two, and had it been split, this run would not show it",
        "remedy": "give the flow table more memory (--flow-memory), or leave the flood out with --filter",
      },
    ]
  `);
  const { verdict, warnings } = judge(evidence, factsOf(evidence));
  expect(verdict.answer).toBe('yes');
  expect(warnings.map(({ code }) => code)).toEqual(['mostly-one-way', 'flows-forgotten']);
});

test('one flow is one', () => {
  const evidence = withForgotten(1);
  expect(boundWarnings(evidence, factsOf(evidence))[0]?.message).toMatch(/^1 of 300 flows .* It is counted, .* does not rest on it;/);
});

test.each<[StopReason, RegExp, RegExp]>([
  ['flow-memory', /^the run ended because its flow table is full \(room for 1,000 flows\)/, /--flow-memory/],
  ['epochs', /^the run ended because its group had changed too often/, /stable/],
])('a table that is full is a doubt, as a sender can fill it: %s', (stop, message, remedy) => {
  const facts = factsOf(kept, { source: 'live', stop, flowsMax: 1000 });
  const told = { code: 'ended-early', message: expect.stringMatching(message), remedy: expect.stringMatching(remedy) };
  expect(judge(kept, facts)).toMatchObject({ verdict: { answer: 'inconclusive', reasons: [told] }, warnings: [] });
  // What was proven before it was full stays so.
  const broken = evidenceOf([epoch([60, 60])], [group()]);
  expect(judge(broken, factsOf(broken, { source: 'live', stop, flowsMax: 1000 }))).toMatchObject({
    verdict: { answer: 'no' },
    warnings: [told],
  });
});

test('the end of time comes to every run, whoever sends: a warning', () => {
  const { verdict, warnings } = judge(kept, factsOf(kept, { source: 'live', stop: 'longest' }));
  expect(verdict.answer).toBe('yes');
  const message = expect.stringMatching(/^the run ended after 72 hours, the longest that a run may take/);
  expect(warnings).toEqual([
    { code: 'ended-early', args: { stop: { reason: 'longest', flowsMax: 2 ** 24 } }, message, remedy: expect.stringMatching(/--duration/) },
  ]);
});

test('flows of further stacks are not judged, and that is a doubt; a NO of others stays one', () => {
  const unjudged = (evidence: Evidence): Evidence => ({ ...evidence, flows: { ...evidence.flows, total: 140, unjudged: 20 } });
  const crafted = unjudged(kept);
  const told = { code: 'unjudged-stacks', message: expect.stringMatching(/^20 of 140 flows .* beyond the 1024 /) };
  expect(judge(crafted, factsOf(crafted)).verdict).toMatchObject({ answer: 'inconclusive', reasons: [told] });
  const broken = unjudged(evidenceOf([epoch([60, 57])], [group()]));
  expect(judge(broken, factsOf(broken))).toMatchObject({ verdict: { answer: 'no' }, warnings: [told] });
});

test('where it is the reason that too little was seen, it is told there', () => {
  const few = evidenceOf([epoch([7, 6])]);
  const { verdict } = judge(few, factsOf(few, { source: 'live', stop: 'flow-memory', flowsMax: 13 }));
  expect(verdict.answer).toBe('inconclusive');
  expect(verdict.reasons[0]?.message).toMatch(/the run ended because its flow table is full \(room for 13 flows\)$/);
});

test.each<StopReason>(['flows', 'packets', 'time', 'end-of-traffic', 'signal', 'violation', 'members-lost', 'interface-removed'])(
  'an end that was asked for, or is told elsewhere, is no warning: %s',
  (stop) => {
    expect(boundWarnings(kept, factsOf(kept, { stop }))).toEqual([]);
    expect(stopped({ reason: stop, flowsMax: 1 })).toMatch(/^the run (was )?ended/);
  },
);
