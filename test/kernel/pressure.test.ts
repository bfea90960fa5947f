/**
 * Rings that are too small and processes that are too slow: mode hash drops, and parts nothing; rollover splits flows. What each member
 * should have had is known from the same traffic without pressure, because a group of equal size maps flows alike.
 */

import { beforeAll, describe, expect, test } from 'vitest';
import type { ObservedFlow } from '../../src/addon/flow-map.ts';
import { HOST_CLOCK } from '../../src/collector/group/clock.ts';
import { styleFor } from '../../src/collector/report/layout.ts';
import type { Observed } from '../../src/collector/run/io.ts';
import { openProvisions } from '../../src/collector/run/provisions.ts';
import { runCluster } from '../../src/collector/run/run.ts';
import { counted, grouped } from '../../src/collector/words/english.ts';
import type { MemberResult, RunResult } from '../../src/model/run-result.ts';
import { readMachine } from '../../src/options/machine.ts';
import { parseOptions } from '../../src/options/options.ts';
import type { RawOptions } from '../../src/options/table.ts';
import { flowName } from '../helpers/group.ts';
import { flowIdOf, refuseHostNamespace } from '../helpers/lab.ts';
import { renderTerminal } from '../helpers/rendered.ts';

beforeAll(refuseHostNamespace);

const PROCS = 4;
const TRAFFIC: RawOptions = { procs: String(PROCS), seed: '5', flows: '120', packetsPerFlow: '48' };
const PACKETS = 120 * 48;
/** A ring holds some 600 packets, and a process needs 100 us for each of them while thousands come. */
const PRESSURE: RawOptions = { rate: '1000000', ringSize: '128K', blockSize: '4K', workNs: '100000' };

interface Run {
  readonly result: RunResult;
  readonly observed: Observed;
}

async function labRun(raw: RawOptions): Promise<Run> {
  let observed: Observed | undefined;
  const io = { version: 'test', clock: HOST_CLOCK, signal: new AbortController().signal, onProgress: () => {} };
  const onObserved = (all: Observed): void => {
    observed = all;
  };
  const options = parseOptions({ ...TRAFFIC, ...raw }, readMachine());
  const provisions = await openProvisions({ runs: [options] });
  const result = await runCluster(options, { ...io, provisions, onObserved }).finally(() => provisions.close());
  if (observed === undefined) throw new Error('nothing was observed');
  return { result, observed };
}

/** The member of each flow in mode hash, by name. */
let home: ReadonlyMap<string, number>;

beforeAll(async () => {
  const { result, observed } = await labRun({ rate: '20000' });
  expect(result.verdict.answer).toBe('yes');
  home = new Map(observed.flows.map(({ flow, observations }) => [flowName(flow), observations[0]?.member ?? -1]));
  expect(home.size).toBe(120);
});

const codes = ({ verdict }: RunResult) => verdict.reasons.map(({ code }) => code);
const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
const perMember = (count: (member: number) => number) => Array.from({ length: PROCS }, (_, member) => count(member));
const countersOf = ({ members }: RunResult, name: 'all' | 'huge' | 'failed') => members.map(({ rollover }) => rollover?.[name]);
const homeOf = ({ flow }: Pick<ObservedFlow, 'flow'>) => home.get(flowName(flow)) ?? -1;

/** Packets sent of the flows that live on a member. */
function sentTo(member: number, { truth }: Observed): number {
  const own = truth.filter((flow) => home.get(flowName(flowIdOf(flow))) === member);
  return sum(own.map(({ packets }) => packets.forward + packets.reverse));
}

/** Packets seen of the flows that live on a member: by it, or by all others. */
function seenOf(member: number, where: 'there' | 'elsewhere', { flows }: Observed): number {
  const own = flows.filter((flow) => homeOf(flow) === member).flatMap(({ observations }) => observations);
  return sum(own.filter((seen) => (seen.member === member) === (where === 'there')).map(({ packets }) => packets));
}

function expectAccounted({ packets, members }: RunResult): void {
  expect(packets).toMatchObject({
    offered: PACKETS,
    captured: PACKETS - packets.dropped,
    judged: packets.captured,
    overflowed: 0,
    ignored: {},
  });
  expect(sum(members.map(({ packets: captured }) => captured))).toBe(packets.captured);
  expect(sum(members.map(({ drops }) => drops))).toBe(packets.dropped);
  // A quarter of what was sent, or there was no pressure.
  expect(packets.dropped).toBeGreaterThan(PACKETS / 4);
}

const textOf = (result: RunResult) => renderTerminal(result, styleFor(10_000, false));

test('mode hash drops: no flow is split, and every packet that is missing is missing from its member', async () => {
  const { result, observed } = await labRun(PRESSURE);
  expectAccounted(result);
  expect([result.verdict.answer, ...codes(result)]).toEqual(['inconclusive', 'loss']);
  expect(result.flows).toMatchObject({ split: 0, asymmetric: 0, duplicated: 0 });
  expect(perMember((member) => seenOf(member, 'elsewhere', observed))).toEqual([0, 0, 0, 0]);
  const had = (member: MemberResult | undefined) => (member?.packets ?? 0) + (member?.drops ?? 0);
  expect(perMember((member) => had(result.members[member]))).toEqual(perMember((member) => sentTo(member, observed)));
  const text = textOf(result);
  expect(text).toContain('Drops split no flow, and none was split');
  for (const { index, drops } of result.members.filter(({ drops: count }) => count > 0))
    expect(text).toContain(`${grouped(drops)} on worker ${index}`);
});

describe('the flag rollover', () => {
  /** All rings may be full at once, and then nothing has room elsewhere. */
  async function rolledOver(): Promise<Run> {
    for (let run = 0; run < 6; run += 1) {
      const found = await labRun({ ...PRESSURE, rollover: true });
      if (sum(countersOf(found.result, 'all').map((count) => count ?? 0)) > 0) return found;
    }
    throw new Error('nothing rolled over in six runs');
  }

  test('splits flows, and the kernel counts each packet that was elsewhere on the member that had no room', async () => {
    const { result, observed } = await rolledOver();
    expectAccounted(result);
    expect([result.verdict.answer, ...codes(result)]).toEqual(['no', 'rollover-under-load']);
    const elsewhere = perMember((member) => seenOf(member, 'elsewhere', observed));
    expect(countersOf(result, 'all')).toEqual(elsewhere);
    expect(sum(elsewhere)).toBeGreaterThan(0);
    expect(result.verdict.reasons[0]?.message).toContain(`passed ${counted(sum(elsewhere), 'packet')} on to other processes`);
    // Only a ring with room is given a packet of another, so what was dropped was dropped at home.
    const there = perMember((member) => seenOf(member, 'there', observed) + (result.members[member]?.drops ?? 0));
    expect(perMember((member) => (there[member] ?? 0) + (elsewhere[member] ?? 0))).toEqual(perMember((member) => sentTo(member, observed)));
    expectListed(result);
    // What else is said is about packets that are lost, and not about flows.
    expect(result.warnings.map(({ code }) => code)).toEqual(['loss']);
    expect(result.warnings[0]?.message).toContain('Drops split no flow: those that were split are counted apart');
  });

  test('without pressure does nothing, and says that it was not tested', async () => {
    const { result, observed } = await labRun({ rate: '20000', rollover: true });
    expect([result.verdict.answer, ...result.warnings.map(({ code }) => code)]).toEqual(['yes', 'rollover-untested']);
    expect(countersOf(result, 'all')).toEqual([0, 0, 0, 0]);
    expect(perMember((member) => seenOf(member, 'elsewhere', observed))).toEqual([0, 0, 0, 0]);
  });
});

test('packets that come again in the next round, alike to the last bit, are no copies in mode rollover', async () => {
  const { result } = await labRun({ ...PRESSURE, mode: 'rollover', packetsPerFlow: '8', rounds: '6' });
  expect([result.verdict.answer, ...codes(result)]).toEqual(['no', 'rollover-under-load']);
});

test('mode rollover splits flows: every packet is in its counters on the first member, and only that drops', async () => {
  const { result } = await labRun({ ...PRESSURE, mode: 'rollover' });
  expectAccounted(result);
  expect([result.verdict.answer, ...codes(result)]).toEqual(['no', 'rollover-under-load']);
  const [all = 0, failed = 0] = [countersOf(result, 'all')[0], countersOf(result, 'failed')[0]];
  expect(all + failed).toBe(PACKETS);
  expect([...countersOf(result, 'all').slice(1), ...countersOf(result, 'failed').slice(1)]).toEqual([0, 0, 0, 0, 0, 0]);
  // Whoever is found to have room gets the packet; where nobody has, the first member is tried all the same.
  expect(result.members.slice(1).map(({ drops }) => drops)).toEqual([0, 0, 0]);
  expect(result.members.every(({ packets }) => packets > 0)).toBe(true);
  expectListed(result);
  expect(result.warnings.map(({ code }) => code)).toEqual(['loss']);
});

/** Each flow that rolled is listed with where its packets were, and the text has the counters. */
function expectListed(result: RunResult): void {
  const { flows, violations, violationsOmitted, causes } = result;
  expect(violations.length + violationsOmitted).toBe(flows.split + flows.asymmetric);
  expect(causes.map(({ code, flows: count }) => [code, count])).toEqual([['rollover-under-load', flows.split + flows.asymmetric]]);
  for (const { cause, observations } of violations) {
    expect(cause).toBe('rollover-under-load');
    expect(new Set(observations.map(({ member }) => member)).size).toBeGreaterThan(1);
    expect(new Set(observations.map(({ kernelKey }) => kernelKey)).size).toBe(1);
  }
  expect(textOf(result)).toMatch(/drops +freezes +rolled +huge +failed +end/);
}
