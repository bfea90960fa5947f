/** The watch by itself, in simulated time: changes on purpose, silence, and a clock that is set back. test/process/watch.test.ts has the real host. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { FlowMap, Tally } from '../../../../src/addon/flow-map.ts';
import { native } from '../../../../src/addon/native.ts';
import type { HostView } from '../../../../src/collector/group/host-view.ts';
import { Member } from '../../../../src/collector/group/member.ts';
import { Watch, type WatchedGroup } from '../../../../src/collector/group/watch.ts';
import type { ProgressSnapshot } from '../../../../src/collector/report/progress.ts';
import type { PacketSource } from '../../../../src/collector/source/sources.ts';
import type { ViolationGroup } from '../../../../src/model/evidence.ts';
import type { Outsiders } from '../../../../src/model/run-facts.ts';
import { readMachine } from '../../../../src/options/machine.ts';
import { parseOptions } from '../../../../src/options/options.ts';
import type { RawOptions } from '../../../../src/options/table.ts';
import { group } from '../../../helpers/evidence.ts';
import { MS, REALTIME_BASE_NS, SimulatedClock } from '../../../simulation/clock.ts';

const OUR_INODES = [10, 11, 12];
const TIMEOUT_MS = 1000;
let clock: SimulatedClock;
let members: readonly Member[];
let begun: string[];
let abandoned: number[];
let inodes: readonly number[] | undefined;
/** Without a list of groups. */
let capturing: readonly number[] | undefined;
let asked: readonly (bigint | null)[];
let watch: Watch;
let link: { readonly name: string; readonly up: boolean } | undefined;
/** What is different in the tally of an empty flow map, and what split flows are found when all are judged. */
let tallied: Partial<Tally>;
let parted: readonly ViolationGroup[];
let stopped: string;
let snapshots: ProgressSnapshot[];

beforeEach(() => setUp());
afterEach(() => watch.end());

function setUp(limits: RawOptions = { duration: '1h' }, closed = false): void {
  clock = new SimulatedClock();
  link = { name: 'cap0', up: true };
  tallied = {};
  parted = [];
  stopped = '';
  begun = [];
  abandoned = [];
  inodes = OUR_INODES;
  capturing = OUR_INODES;
  members = OUR_INODES.map((inode, index) => {
    const member = new Member(index, undefined);
    for (const state of ['connected', 'opened', 'joined', 'armed', 'capturing'] as const) member.become(state);
    member.inode = inode;
    member.aliveNs = REALTIME_BASE_NS;
    return member;
  });
  const cluster: WatchedGroup = {
    members,
    beginEpoch: (epoch, fromNs) => void begun.push(`${epoch} from ${sinceBaseMs(fromNs)}`),
    abandon: ({ index }) => void abandoned.push(index),
  };
  const host: HostView = {
    interfaceAt: () => link,
    fanoutGroups: () => (inodes === undefined ? undefined : [{ id: 1, mode: 'hash', ifindex: 2, inodes }]),
    capturingOn: () => capturing,
    fanoutArgs: false,
    ownersOf: (sockets) => sockets.map((inode) => `program ${inode}`),
    flowDissector: () => ({ kind: 'none', asked: 'both' }),
    linkAt: () => undefined,
    kernelRelease: () => '6.18.0',
    processCpuNs: () => 0,
    threadCpuNs: () => undefined,
  };
  const source = {
    interface: 'cap0',
    ifindex: 2,
    info: { kind: 'live' },
    ended: new Promise(() => {}),
    offered: () => undefined,
  } as unknown as PacketSource;
  const options = parseOptions({ interface: 'cap0', procs: '3', workerTimeout: `${TIMEOUT_MS}ms`, ...limits }, readMachine());
  const real = new native.FlowMap({ members: 3, flowsMax: 16, hashSeed: 1n });
  const flowMap: Pick<FlowMap, 'tally' | 'evidence'> = {
    tally: () => ({ ...real.tally(), ...tallied }),
    evidence: (question) => {
      asked = question.epochEndsNs;
      return { ...real.evidence(question), groups: parted };
    },
  };
  snapshots = [];
  const io = {
    version: 'test',
    clock,
    signal: new AbortController().signal,
    onProgress: (one: ProgressSnapshot) => void snapshots.push(one),
  };
  watch = new Watch({ options, source, flowMap: flowMap as FlowMap, io, host, ownGroups: new Set(), begunMs: 0, closed });
  watch.begin(cluster, 1, REALTIME_BASE_NS);
  watch.untilStop().then((reason) => {
    stopped = `${reason} at ${clock.nowMs()}`;
  });
}

const sinceBaseMs = (ns: bigint): number => Number(ns - REALTIME_BASE_NS) / MS;
const until = (ms: number) => clock.run(() => clock.nowMs() >= ms, (ms + 200) * MS);

/** Milliseconds after the start; null: it lasts. */
function ends(): readonly (number | null)[] {
  watch.evidence(0);
  return asked.map((end) => (end === null ? null : Number(end) / MS));
}

/** What members say ten times a second. */
function speak(index: number, atMs: number): void {
  clock.at(atMs * MS, () => {
    const member = members[index] as Member;
    member.heardAtMs = clock.nowMs();
    member.aliveNs = clock.realtimeNs();
  });
}

function lose(index: number): Member {
  const member = members[index] as Member;
  member.become('lost');
  watch.onLost(member);
  return member;
}

describe('a run ends', () => {
  test('with as many flows as were asked for', async () => {
    setUp({ maxFlows: '5' });
    tallied = { twoWay: 4 };
    await until(105);
    expect(stopped).toBe('');
    tallied = { twoWay: 5 };
    await until(200);
    expect(stopped).toMatch(/^flows at 1\d0$/);
  });

  test('with as many packets as were asked for, whoever captured them', async () => {
    setUp({ maxPackets: '5' });
    const capture = (index: number, captured: number): void => {
      const member = members[index] as Member;
      member.counters = { ...member.counters, captured };
    };
    capture(0, 4);
    await until(105);
    expect(stopped).toBe('');
    capture(1, 1);
    await until(200);
    expect(stopped).toMatch(/^packets at 1\d0$/);
  });

  test('at its first violation, if asked for, when it has stood for a while', async () => {
    setUp({ failFast: true, duration: '1h' });
    clock.at(100 * MS, () => {
      tallied = { violated: 1 };
    });
    await until(1000);
    // Those that turned out to be none.
    expect(stopped).toBe('');
    // And one that a single packet may have made, whoever sent it.
    parted = [group({ kind: 'split', oneKernelKey: false, onOnePacket: true })];
    await until(1500);
    expect(stopped).toBe('');
    parted = [...parted, group({ oneKernelKey: true, onOnePacket: true })];
    await until(2500);
    expect(stopped).toMatch(/^violation at (1[5-9]|2[0-4])\d\d$/);
    setUp({ failFast: true, duration: '1h' });
    parted = [group()];
    tallied = { violated: 1 };
    await until(300);
    expect(stopped).toBe('');
    await until(400);
    expect(stopped).toBe('violation at 310');
  });

  test('with its last member', async () => {
    await until(100);
    lose(0);
    lose(2);
    await until(200);
    expect(stopped).toBe('');
    lose(1);
    await until(300);
    expect(stopped).toMatch(/^members-lost/);
  });

  test('with its interface, which was down before', async () => {
    await until(100);
    link = undefined;
    watch.onLinkError();
    await until(300);
    expect(stopped).toMatch(/^interface-removed/);
    expect(watch.disturbances.map(({ code }) => code)).toEqual(['interface-removed']);
  });
});

test('while the link is down nothing begins, whoever goes; when it is up again, one does', async () => {
  await until(100);
  link = { name: 'cap0', up: false };
  watch.onLinkError();
  await until(300);
  watch.onDeparted(lose(1));
  await until(450);
  expect(begun).toEqual([]);
  link = { name: 'cap0', up: true };
  await until(900);
  expect(begun).toEqual(['1 from 550']);
  expect(watch.disturbances.map(({ code }) => code)).toEqual(['link-down']);
});

test('while one of those that were lost still holds its share nothing begins', async () => {
  await until(100);
  const [first, second] = [lose(0), lose(1)];
  watch.onDeparted(first);
  expect(begun).toEqual([]);
  await until(200);
  watch.onDeparted(second);
  expect(begun).toEqual(['1 from 250']);
});

describe('while the group is changed on purpose', () => {
  test('nothing begins, whoever else goes', async () => {
    await until(300);
    let changed: (reason: string) => void = () => {};
    const change = watch.through(
      () =>
        new Promise((resolve) => {
          changed = resolve;
        }),
    );
    const [first] = members;
    if (first === undefined) return expect.unreachable();
    first.become('lost');
    watch.onLost(first);
    watch.onDeparted(first);
    expect(begun).toEqual([]);
    changed('member 3 joined');
    await change;
    expect(begun).toEqual(['1 from 350']);
  });

  test('and that fails, the next change begins anew', async () => {
    await until(300);
    await expect(watch.through(() => Promise.reject(new Error('no room')))).rejects.toThrow('no room');
    expect([begun, ends()]).toEqual([[], [280]]);
    inodes = [...OUR_INODES, 99];
    await until(500);
    expect(begun).toEqual(['1 from 450']);
  });
});

test('a look that failed is none: what the next one shows may have happened since the last', async () => {
  await until(250);
  inodes = undefined;
  await until(450);
  inodes = [...OUR_INODES, 99];
  await until(550);
  expect([begun, ends()]).toEqual([['1 from 550'], [180, null]]);
});

test('if the last look failed nobody knows what happened since the one before; where no look ever shows anything nobody knew', async () => {
  inodes = undefined;
  await until(150);
  watch.conclude();
  expect(ends()).toEqual([null]);
  setUp();
  await until(250);
  inodes = undefined;
  await until(350);
  watch.conclude();
  expect(ends()).toEqual([180]);
});

describe('silence', () => {
  test('is blamed when it was noticed twice', async () => {
    for (let ms = 100; ms < 3000; ms += 100) for (const index of [0, 1]) speak(index, ms);
    await until(1150);
    expect(abandoned).toEqual([]);
    await until(1250);
    expect(abandoned).toEqual([2]);
  });

  test('is not what a collector hears that was held up', async () => {
    for (let ms = 100; ms < 4000; ms += 100) for (const index of [0, 1, 2]) clock.tell(ms * MS, () => speakNow(index));
    clock.at(500 * MS, () => clock.holdUntil(2700 * MS));
    await until(3500);
    expect(abandoned).toEqual([]);
  });

  function speakNow(index: number): void {
    (members[index] as Member).heardAtMs = clock.nowMs();
  }
});

describe('a clock that is set back', () => {
  const setBack = (atMs: number, byMs: number): void => {
    clock.at(atMs * MS, () => clock.step({ atNs: atMs * MS, byNs: -byMs * MS }));
  };

  test('begins an epoch, and ends none', async () => {
    setBack(405, 100);
    await until(500);
    expect([begun, ends()]).toEqual([['1 from 360'], [null, null]]);
  });

  test('ends evidence, at a later loss, where the time is told twice', async () => {
    for (let ms = 50; ms < 500; ms += 100) for (const index of [0, 1, 2]) speak(index, ms);
    // Last heard at 350 in the old time, which is 250 in the new one; and nobody has heard of the new epoch.
    setBack(395, 100);
    await until(440);
    const [first] = members;
    if (first === undefined) return expect.unreachable();
    first.become('lost');
    watch.onLost(first);
    expect(ends()).toEqual([230, 230]);
  });

  test('does not hide when somebody joined the group', async () => {
    // Between the looks at 300 and 400; of the latter the clock says 350.
    setBack(310, 50);
    clock.at(320 * MS, () => {
      inodes = [...OUR_INODES, 99];
    });
    await until(450);
    expect(begun).toEqual(['1 from 310', '2 from 400']);
    expect(ends()).toEqual([230, 230, null]);
  });

  test('leaves nothing to an epoch that ended before, of what it tells anew', async () => {
    inodes = [...OUR_INODES, 99];
    await until(150);
    // The group was good at the start only, and from 150 on it is another one.
    expect(ends()).toEqual([0, null]);
    inodes = OUR_INODES;
    setBack(255, 200);
    await until(350);
    // 99 went between the looks at 100 and 200; of the old epoch nothing is left anyway.
    expect(ends()[1]).toBe(50);
  });
});

describe('where nobody can look into the group', () => {
  beforeEach(() => {
    inodes = undefined;
  });
  const outsidersOf = (seen: readonly number[] | undefined): Outsiders | undefined => {
    capturing = seen;
    clock.at(150 * MS, () => {});
    watch.conclude();
    return watch.outsiders;
  };

  test('alone on the interface: nobody can have joined', () => expect(outsidersOf(OUR_INODES)).toBeUndefined());
  test('beside another program that captures there: it may have', () => {
    expect(outsidersOf([...OUR_INODES, 99])).toEqual({ kind: 'capturing', owners: ['program 99'] });
  });
  test('and where not even that can be told: somebody may have', () => expect(outsidersOf(undefined)).toEqual({ kind: 'unknown' }));

  test('one that was there for a while may have, too', async () => {
    capturing = [99, ...OUR_INODES];
    await until(150);
    expect(outsidersOf(OUR_INODES)).toEqual({ kind: 'capturing', owners: ['program 99'] });
  });

  test('nobody has a place in a closed group while all its members live', async () => {
    setUp({ duration: '1h' }, true);
    inodes = undefined;
    capturing = [...OUR_INODES, 99];
    await until(250);
    expect(watch.outsiders).toBeUndefined();
    lose(1);
    expect(outsidersOf(capturing)).toEqual({ kind: 'capturing', owners: ['program 99'] });
  });

  test('one look into the group says more', async () => {
    capturing = [...OUR_INODES, 99];
    await until(150);
    inodes = OUR_INODES;
    watch.conclude();
    expect(watch.outsiders).toBeUndefined();
  });
});

describe('progress', () => {
  /** As a member tells them; those of the others are old. */
  function count(packets: readonly number[]): void {
    for (const [i, member] of members.entries()) {
      if (packets[i] === undefined) continue;
      member.counters = { ...member.counters, packets: packets[i] };
      member.countedAtMs = clock.nowMs();
    }
  }

  test('nothing before all that live have counted: flows of that moment would be none', async () => {
    for (const member of members) member.countedAtMs = -1;
    await until(150);
    expect(snapshots).toEqual([]);
    count(members.map(() => 400));
    await until(250);
    expect(snapshots).toHaveLength(1);
  });

  test('never more flows than the packets that are told beside them', async () => {
    tallied = { twoWay: 500 };
    await until(150);
    expect(snapshots.map(({ packets, flows }) => [packets, flows])).toEqual([[0, 0]]);
    count([400, 400]);
    await until(250);
    expect(snapshots.at(-1)).toMatchObject({ packets: 800, flows: 0, perMemberPackets: [400, 400, 0] });
    count([400, 400, 500]);
    tallied = { twoWay: 650 };
    await until(350);
    expect(snapshots.at(-1)).toMatchObject({ packets: 1300, flows: 500 });
  });

  test('a member that is lost holds nobody up', async () => {
    tallied = { twoWay: 5 };
    await until(150);
    members[2]?.become('lost');
    count([10, 10]);
    await until(250);
    expect(snapshots.at(-1)).toMatchObject({ packets: 20, flows: 5 });
  });

  test('a rate from two moments on', async () => {
    count([0, 0, 0]);
    await until(150);
    expect(snapshots.at(-1)).not.toHaveProperty('packetsPerSecond');
    count([600, 0, 0]);
    await until(650);
    expect(snapshots.at(-1)?.packetsPerSecond).toBeCloseTo(1200, 0);
  });
});
