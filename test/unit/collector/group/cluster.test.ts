/** What a group makes of what its members say, told to it word by word: no processes, no time that passes by itself. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { CaptureCounters, CaptureOptions } from '../../../../src/addon/capture.ts';
import { native } from '../../../../src/addon/native.ts';
import { Cluster, type ClusterEvents } from '../../../../src/collector/group/cluster.ts';
import { NO_COUNTERS } from '../../../../src/collector/group/member.ts';
import type { Connection, Crew, Enlisted } from '../../../../src/collector/processes/crew.ts';
import type { FanoutError } from '../../../../src/errors.ts';
import { Deframer, frame } from '../../../../src/protocol/framing.ts';
import {
  type CollectorMessage,
  PROTOCOL_VERSION,
  packWorkerMessage,
  parseCollectorMessage,
  type WorkerMessage,
} from '../../../../src/protocol/schema.ts';
import { MS, SimulatedClock } from '../../../simulation/clock.ts';
import { EQUIPMENT } from '../../../simulation/crew.ts';

class ToldConnection implements Connection {
  readonly heard: CollectorMessage[] = [];
  readonly #deframer = new Deframer();
  #onData: (chunk: Buffer) => void = () => {};
  onData(callback: (chunk: Buffer) => void): void {
    this.#onData = callback;
  }
  hangUp: () => void = () => {};
  onClose(callback: () => void): void {
    this.hangUp = callback;
  }
  write(bytes: Uint8Array): void {
    this.#deframer.push(Buffer.from(bytes), (message) => this.heard.push(parseCollectorMessage(native.decodeMessage(message))));
  }
  destroy(): void {}
  say(message: WorkerMessage): void {
    this.sayBytes(native.encodeMessage(packWorkerMessage(message)));
  }
  sayBytes(bytes: Buffer): void {
    this.#onData(frame(bytes));
  }
}

const FIRST_PID = 100;
const HASH = { mode: 'hash', flags: 0, id: 7, membersMax: 0, program: null } as const;
const START_NS = 1_800_000_000_000_000_000n;

let clock: SimulatedClock;
let events: string[];
let killed: number[];
let connections: ToldConnection[];
let group: Enlisted;
let cluster: Cluster;
/** Of all processes. */
let ended: Promise<void>;

beforeEach(() => {
  clock = new SimulatedClock();
  events = [];
  killed = [];
  ended = Promise.resolve();
  connections = [];
  const crew: Crew = {
    size: 2,
    enlist: (enlisted) => {
      group = enlisted;
      return EQUIPMENT;
    },
    fork: async () => {},
    add: async () => {},
    kill: (index) => void killed.push(index),
    memoryOf: () => undefined,
    shut: async () => {},
    ended: () => ended,
  };
  const note = (what: string) => (member: { readonly index: number }) => void events.push(`${what} ${member.index}`);
  const told: ClusterEvents = { onLost: note('lost'), onDeparted: note('departed'), onLinkError: note('link error') };
  const flowMap = new native.FlowMap({ members: 4, flowsMax: 16, hashSeed: 1n });
  cluster = new Cluster({ crew, cpus: [], flowMap, interface: 'cap0', events: told, clock });
});

const captureOptions = (): CaptureOptions => ({
  socket: 3,
  ifindex: 2,
  member: 0,
  blockBytes: 1 << 16,
  blockCount: 2,
  blockTimeoutMs: 10,
  snaplen: 192,
  filter: null,
  promiscuous: false,
  ignoreOutgoing: false,
  cpu: null,
  flowsMax: 16,
  workNs: 0,
  newsIntervalMs: 10,
  hashSeed: 1n,
  labTags: false,
  replayed: false,
  eager: false,
});

function connect(index: number): ToldConnection {
  const connection = new ToldConnection();
  connections[index] = connection;
  group.onForked(index, FIRST_PID + index);
  group.onConnected(index, connection);
  connection.say({ kind: 'hello', version: PROTOCOL_VERSION, member: index, pid: FIRST_PID + index });
  return connection;
}

const of = (index: number): ToldConnection => connections[index] as ToldConnection;
const stateOf = (index: number) => cluster.members[index]?.state;
const heardBy = (index: number) => of(index).heard.map(({ kind }) => kind);
/** Until promises have run to their end. */
const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

async function joined(): Promise<void> {
  const joining = cluster.join(captureOptions, HASH, 1000);
  for (const index of [0, 1]) connect(index);
  for (const index of [0, 1]) of(index).say({ kind: 'opened', inode: 50 + index });
  for (const index of [0, 1]) {
    await turn();
    of(index).say({ kind: 'joined', groupId: 7, mode: 0, flags: 0 });
  }
  await joining;
}

async function capturing(): Promise<void> {
  await joined();
  const arming = cluster.arm(1000);
  for (const index of [0, 1]) of(index).say({ kind: 'armed' });
  await arming;
  cluster.start(START_NS);
}

const countersOf = (index: number, change: Partial<CaptureCounters>): void =>
  of(index).say({ kind: 'counters', counters: { ...NO_COUNTERS, ...change } });

describe('a member that joins', () => {
  test('is the one that was asked', async () => {
    const joining = cluster.join(captureOptions, HASH, 1000).catch((error: unknown) => error);
    for (const index of [0, 1]) connect(index);
    for (const index of [0, 1]) of(index).say({ kind: 'opened', inode: 50 + index });
    await turn();
    // Member 0 has been asked.
    of(1).say({ kind: 'joined', groupId: 7, mode: 0, flags: 0 });
    expect(await joining).toMatchObject({ code: 'WORKER_FAILED', message: expect.stringContaining('which nobody asked for') });
    expect(killed).toEqual([1]);
  });
});

describe('a member that captures', () => {
  const observation = (): Buffer => native.encodeObservations(1, 0, []);

  test('and fails is lost, with what it said', async () => {
    await capturing();
    of(1).say({ kind: 'failed', step: 'capture', call: 'poll', errno: 5, message: 'input/output error' });
    expect([stateOf(1), cluster.members[1]?.end, events]).toEqual([
      'lost',
      'lost while capturing: capture failed: input/output error',
      ['lost 1'],
    ]);
  });

  test('and hangs up is lost, if its end does not say why meanwhile', async () => {
    await capturing();
    of(1).hangUp();
    expect(stateOf(1)).toBe('capturing');
    await clock.run(() => stateOf(1) === 'lost', 5000 * MS);
    expect(cluster.members[1]?.end).toBe('lost while capturing: closed its connection');
  });

  test('is the only one that may tell of flows', async () => {
    await capturing();
    of(1).sayBytes(observation());
    expect(stateOf(1)).toBe('capturing');
    void cluster.finish(1000);
    countersOf(1, { finished: true });
    of(1).sayBytes(observation());
    expect(cluster.members[1]?.end).toContain('observations while finished');
  });
});

describe('counters', () => {
  test('that end the capture unasked are not believed in anything', async () => {
    await capturing();
    countersOf(1, { finished: true, aliveNs: 1n, captured: 99 });
    expect([stateOf(1), cluster.members[1]?.aliveNs, cluster.members[1]?.counters.captured]).toEqual(['lost', START_NS, 0]);
    expect(events).toEqual(['lost 1']);
  });

  test('from the future are from now', async () => {
    await capturing();
    countersOf(1, { aliveNs: START_NS + 3_600_000_000_000n });
    expect(cluster.members[1]?.aliveNs).toBe(clock.realtimeNs());
  });

  test('of an epoch that nobody announced are a lie, and so are observations', async () => {
    await capturing();
    cluster.beginEpoch(1, START_NS);
    countersOf(0, { epoch: 1 });
    of(0).sayBytes(native.encodeObservations(0, 1, []));
    expect(stateOf(0)).toBe('capturing');
    countersOf(0, { epoch: 2 });
    of(1).sayBytes(native.encodeObservations(1, 2, []));
    expect([stateOf(0), stateOf(1)]).toEqual(['lost', 'lost']);
  });

  test('with a new link error tell when it was noticed, not that the link was good until then', async () => {
    await capturing();
    countersOf(0, { aliveNs: START_NS - 5n, linkErrors: 1 });
    expect([cluster.members[0]?.aliveNs, events]).toEqual([START_NS, ['link error 0']]);
  });
});

describe('a member that has finished', () => {
  const finished = async (): Promise<void> => {
    await capturing();
    void cluster.finish(1000);
    countersOf(0, { finished: true });
  };

  test('and goes by itself while others still read is lost: its flows move to them', async () => {
    await finished();
    group.onExit({ index: 0, end: 'exit status 0', orderly: true });
    expect(stateOf(0)).toBe('lost');
    expect(events).toEqual(['lost 0', 'departed 0']);
  });

  test('and goes when it was told to is gone', async () => {
    await finished();
    await cluster.close();
    group.onExit({ index: 0, end: 'exit status 0', orderly: true });
    expect(stateOf(0)).toBe('gone');
  });
});

describe('a member that is added', () => {
  test('hears of a new epoch with its start, and not before it can understand', async () => {
    await capturing();
    const adding = cluster.add(HASH, 1000);
    connect(2);
    cluster.beginEpoch(1, START_NS);
    expect(heardBy(2)).toEqual(['open']);
    of(2).say({ kind: 'opened', inode: 60 });
    await turn();
    of(2).say({ kind: 'joined', groupId: 7, mode: 0, flags: 0 });
    of(2).say({ kind: 'armed' });
    await adding;
    expect(of(2).heard.at(-1)).toEqual({ kind: 'start', startNs: START_NS, epoch: 1 });
    expect(heardBy(0)).toContain('epoch');
  });

  test('and fails fails alone: the others finish as ever', async () => {
    await capturing();
    const adding = cluster.add(HASH, 1000).catch((error: FanoutError) => error.code);
    connect(2);
    group.onExit({ index: 2, end: 'signal SIGKILL', orderly: false });
    expect(await adding).toBe('WORKER_FAILED');
    expect(events).toEqual(['lost 2', 'departed 2']);
    const finishing = cluster.finish(1000);
    for (const index of [0, 1]) countersOf(index, { finished: true });
    await finishing;
    expect([stateOf(0), stateOf(1)]).toEqual(['finished', 'finished']);
  });

  test('is not kept from it by the failure of the one before it', async () => {
    await capturing();
    const failing = cluster.add(HASH, 1000).catch((error: FanoutError) => error.code);
    group.onExit({ index: 2, end: 'signal SIGKILL', orderly: false });
    await failing;
    const adding = cluster.add(HASH, 1000);
    connect(3);
    of(3).say({ kind: 'opened', inode: 61 });
    await turn();
    of(3).say({ kind: 'joined', groupId: 7, mode: 0, flags: 0 });
    of(3).say({ kind: 'armed' });
    expect((await adding).state).toBe('capturing');
  });

  test('and does not get there in time is ended, as it may be in the group already', async () => {
    await capturing();
    let failure: unknown;
    void cluster.add(HASH, 1000).catch((error: unknown) => {
      failure = error;
    });
    connect(2);
    await clock.run(() => failure !== undefined, 5000 * MS);
    expect(failure).toMatchObject({ code: 'WORKER_FAILED', message: expect.stringContaining('did not open its socket in time') });
    expect([stateOf(2), killed, events]).toEqual(['lost', [2], ['lost 2']]);
  });
});

test('processes that do not leave are killed after a second, and no timer is left of it', async () => {
  let end = (): void => {};
  ended = new Promise((resolve) => {
    end = resolve;
  });
  const closed = cluster.close();
  // Those that have not said a word are killed at once.
  await clock.run(() => clock.nowMs() >= 1000, 1100 * MS);
  expect(killed).toEqual([0, 1, 0, 1]);
  end();
  await closed;
  expect(clock.timers).toBe(0);
});
