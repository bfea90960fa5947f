/** When evidence ends and when it begins anew: the watch by itself, with a cluster that only listens. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { FlowMap } from '../../src/addon/flow-map.ts';
import { native } from '../../src/addon/native.ts';
import { HOST_CLOCK } from '../../src/collector/group/clock.ts';
import { hostSeenWith } from '../../src/collector/group/host-view.ts';
import { Member } from '../../src/collector/group/member.ts';
import { Watch, type WatchedGroup } from '../../src/collector/group/watch.ts';
import type { PacketSource } from '../../src/collector/source/sources.ts';
import { epochsMax, RUN_MS_MAX } from '../../src/model/run-limits.ts';
import { readMachine } from '../../src/options/machine.ts';
import { parseOptions } from '../../src/options/options.ts';
import type { RawOptions } from '../../src/options/table.ts';
import { CAPTURE, ip, makePair, removePair } from '../helpers/network.ts';

const START_NS = 1_000_000_000_000n;
const SECOND = 1_000_000_000n;
let watch: Watch;
let members: readonly Member[];
let epochsBegun: number[];
let asked: readonly (bigint | null)[];

beforeEach(() => {
  makePair();
  members = Array.from({ length: 4 }, (_, index) => new Member(index, undefined));
  for (const member of members) {
    for (const state of ['connected', 'opened', 'joined', 'armed', 'capturing'] as const) member.become(state);
    member.aliveNs = START_NS + BigInt(member.index + 1) * SECOND;
    member.heardAtMs = performance.now() + 60_000;
  }
  watch = begun({ duration: '1h' });
});

/** @param inFlowMap what the flow map says beside what a real one does */
function begun(limits: RawOptions, inFlowMap: { readonly violated?: number; readonly onAsked?: () => void } = {}): Watch {
  epochsBegun = [];
  const cluster: WatchedGroup = {
    members,
    beginEpoch: (epoch) => void epochsBegun.push(epoch),
    abandon: ({ index }) => {
      throw new Error(`nobody was to give up member ${index}`);
    },
  };
  const { index: ifindex } = native.describeInterface(CAPTURE);
  const source = {
    interface: CAPTURE,
    ifindex,
    info: { kind: 'live' },
    ended: new Promise(() => {}),
    offered: () => undefined,
  } as unknown as PacketSource;
  const options = parseOptions({ interface: CAPTURE, procs: '4', ...limits }, readMachine());
  const real = new native.FlowMap({ members: 4, flowsMax: 16, hashSeed: 1n });
  const flowMap: Pick<FlowMap, 'tally' | 'evidence'> = {
    tally: () => ({ ...real.tally(), violated: inFlowMap.violated ?? 0 }),
    evidence: (question) => {
      asked = question.epochEndsNs;
      inFlowMap.onAsked?.();
      return real.evidence(question);
    },
  };
  const io = { version: 'test', clock: HOST_CLOCK, signal: new AbortController().signal, onProgress: () => {} };
  const fresh = new Watch({
    options,
    source,
    flowMap: flowMap as FlowMap,
    io,
    host: hostSeenWith({ dissector: { kind: 'unknown' }, fanoutArgs: true }),
    ownGroups: new Set(),
    begunMs: 0,
    closed: true,
  });
  fresh.begin(cluster, 1, START_NS);
  return fresh;
}

afterEach(() => {
  watch.end();
  removePair();
});

function lose(index: number): void {
  const member = members[index] as Member;
  member.end = 'lost while capturing: given up';
  member.become('lost');
  watch.onLost(member);
}
const depart = (index: number) => watch.onDeparted(members[index] as Member);
const epochs = () => epochsBegun.length;

/** The ends that the flow map is asked with, in seconds after the start. */
function ends(): readonly (number | null)[] {
  watch.evidence(0);
  return asked.map((end) => (end === null ? null : Number(end) / 1e9));
}

test('evidence ends when a member is lost, and begins anew when its process has gone', () => {
  lose(2);
  expect([epochs(), ends()]).toEqual([0, [2.98]]);
  depart(2);
  expect([epochs(), ends()]).toEqual([1, [2.98, null]]);
});

test('while another one is on its way out, nothing begins', () => {
  lose(3);
  lose(1);
  depart(1);
  expect(epochs()).toBe(0);
  depart(3);
  // Of the two last signs of life the earlier one counts.
  expect([epochs(), ends()]).toEqual([1, [1.98, null]]);
});

test('what is noticed late reaches back into an epoch that had ended', () => {
  lose(3);
  depart(3);
  lose(0);
  expect(ends()).toEqual([0.98, 0.98]);
});

test('while the link is down nothing begins, whoever goes', async () => {
  ip('link', 'set', CAPTURE, 'down');
  watch.onLinkError();
  lose(2);
  depart(2);
  expect(epochs()).toBe(0);
  ip('link', 'set', CAPTURE, 'up');
  await expect.poll(epochs).toBe(1);
  expect(ends()).toEqual([0.98, null]);
});

test('a worker lost after it finished ends the evidence, too', () => {
  for (const member of members) member.become('finishing');
  (members[1] as Member).become('finished');
  lose(1);
  depart(1);
  expect([epochs(), ends()]).toEqual([0, [1.98]]);
});

test('a group that changes for ever ends the run, before its epochs are more than can be counted', async () => {
  for (let i = 1; i < epochsMax(4); i += 1) await watch.through(async () => `change ${i}`);
  expect([epochs(), watch.epoch]).toEqual([4095, 4095]);
  const stopped = watch.untilStop();
  await watch.through(async () => 'one more');
  expect(await stopped).toBe('epochs');
  expect([epochs(), watch.epoch]).toEqual([4095, 4095]);
  // Nothing from then on is judged.
  expect(ends()).not.toContain(null);
});

test('a run that nothing else ends does so before the clock of the flow map', async () => {
  watch.end();
  const now = performance.now.bind(performance);
  watch = begun({ maxPackets: '1000000' });
  const stopped = watch.untilStop();
  const ahead = vi.spyOn(performance, 'now').mockImplementation(() => now() + RUN_MS_MAX - 1000);
  const soon = new Promise((resolve) => setTimeout(resolve, 30, 'goes on'));
  expect(await Promise.race([stopped, soon])).toBe('goes on');
  ahead.mockImplementation(() => now() + RUN_MS_MAX);
  expect(await stopped).toBe('longest');
  ahead.mockRestore();
});

test('violations that turn out to be none do not keep the run from listening, however long it takes to judge millions of flows', async () => {
  watch.end();
  const asks: number[] = [];
  const onAsked = (): void => {
    asks.push(performance.now());
    for (const end = performance.now() + 40; performance.now() < end; );
  };
  watch = begun({ duration: '1h', failFast: true }, { violated: 1, onAsked });
  await expect.poll(() => asks.length, { timeout: 5000 }).toBe(2);
  const [first = 0, second = 0] = asks;
  expect(second - first).toBeGreaterThan(20 * 40);
});
