/** One group of a run, whole, over a simulated kernel. */
import { describe, expect, test } from 'vitest';
import type { RawOptions } from '../../../../src/options/table.ts';
import { MS } from '../../../simulation/clock.ts';
import { simulate } from '../../../simulation/run.ts';
import { makeScenario, type Scenario } from '../../../simulation/scenario.ts';

const PROCS = 3;
const TIMEOUT_MS = 500;
const live: RawOptions = { interface: 'cap0', procs: `${PROCS}`, mode: 'hash', duration: '300ms', workerTimeout: `${TIMEOUT_MS}ms` };

/** A run in which nothing happens but what `change` says. */
function quiet(change: Partial<Scenario>): Scenario {
  return {
    ...makeScenario(0),
    theme: 'quiet',
    source: 'live',
    procs: PROCS,
    groups: [live],
    traits: ['sound', 'sound'],
    ringPackets: 1 << 20,
    vanishing: 0,
    blindness: 0,
    startFaults: [],
    faults: [],
    ...change,
  };
}

describe('a group', () => {
  const limits = async (raw: RawOptions): Promise<readonly number[]> => {
    const { world } = await simulate(quiet({ groups: [raw] }));
    return [...world.kernel.groups.values()].map(({ membersMax }) => membersMax);
  };

  test('whose id the kernel chose lets nobody else in', async () => {
    expect(await limits(live)).toEqual([PROCS]);
  });

  test('whose id was chosen may be joined by the program that has a right to it', async () => {
    expect(await limits({ ...live, groupId: '7' })).toEqual([256]);
  });
});

test('groups on the same packets end with the same packet, as long as all hear of it in time', async () => {
  const messageNs = [1, 30, 5, 40, 1, 20].map((ms) => ms * MS);
  // Most of it about the end.
  const traffic = { ...makeScenario(0).traffic, flows: 90, toNs: 420 * MS, moments: [300 * MS], drawn: 0.8 };
  const { results } = await simulate(quiet({ theme: 'together', groups: [live, live], messageNs, traffic }));
  const judged = (results ?? []).map((result) => (result instanceof Error ? result : result.packets.judged));
  expect(judged[0]).toBeGreaterThan(100);
  expect(judged).toEqual([judged[0], judged[0]]);
});

test('groups that end at one moment have time to wait for it, should the clock be set back just then', async () => {
  const step = { kind: 'step', atNs: 320 * MS, byNs: -5000 * MS } as const;
  const { results } = await simulate(quiet({ theme: 'together', groups: [live, live], faults: [step] }));
  for (const result of results ?? []) expect(result).toMatchObject({ members: Array(PROCS).fill({ end: 'gone' }) });
  expect(results).toHaveLength(2);
});

test('a sender that fails ends the run, and nothing is left of it', async () => {
  const lab: RawOptions = { procs: `${PROCS}`, mode: 'hash', seed: '1' };
  const { error, results, world } = await simulate(quiet({ source: 'lab', groups: [lab] }), 0, (source) => ({
    ...source,
    ended: source.ended.then(() => Promise.reject(new Error('no buffer space'))),
  }));
  expect([String(error), results, world.clock.timers]).toEqual(['Error: no buffer space', undefined, 0]);
});
