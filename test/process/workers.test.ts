/** Workers that die, hang or lie: at every state of their life, with real processes and the real kernel. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { native } from '../../src/addon/native.ts';
import type { Member, MemberState } from '../../src/collector/group/member.ts';
import { workerByPath } from '../../src/collector/processes/worker-program.ts';
import { FanoutError } from '../../src/errors.ts';
import type { RunResult } from '../../src/model/run-result.ts';
import { PROTOCOL_VERSION } from '../../src/protocol/schema.ts';
import { WORKER_DESCRIPTORS } from '../../src/worker-descriptors.ts';
import { judge, newCluster, startGroup, when } from '../helpers/in-process.ts';
import { assertPrivateNamespace, makePair, promiscuity, removePair, type Sending, send } from '../helpers/network.ts';
import { COUNTERS_KIND, countersNow } from '../helpers/nothing-counted.ts';
import { temporaryDirectory } from '../helpers/programs.ts';
import { childrenOf, entriesOf, isAlive, ROOT, until } from '../helpers/tool.ts';

const scratch = temporaryDirectory();
const runtime = join(scratch.path, 'runtime');
let sending: Sending | undefined;
let descriptors = 0;

beforeAll(() => {
  assertPrivateNamespace();
  mkdirSync(runtime, { mode: 0o700 });
  vi.stubEnv('XDG_RUNTIME_DIR', runtime);
  // It is made once, and keeps a descriptor.
  workerByPath();
});
afterAll(() => scratch.remove());
beforeEach(() => {
  makePair();
  descriptors = openDescriptors();
});
afterEach(async () => {
  vi.restoreAllMocks();
  await sending?.stop();
  sending = undefined;
  // A sender has protocol 0, and lives until it is collected.
  expect(native.packetSockets().filter(({ protocol }) => protocol !== 0)).toEqual([]);
  expect(entriesOf(runtime)).toEqual([]);
  expect(childrenOf(process.pid).filter(isWorker)).toEqual([]);
  expect(promiscuity()).toBe(0);
  await until(() => openDescriptors() <= descriptors, 'descriptors are closed', 1000);
  removePair();
});

/** Without those of senders. */
function openDescriptors(): number {
  const senders = native.packetSockets().filter(({ protocol }) => protocol === 0).length;
  return readdirSync('/proc/self/fd').length - senders;
}

function isWorker(pid: number): boolean {
  return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes('worker');
}

const kill = (member: Member): boolean => process.kill(member.pid, 'SIGKILL');
const stop = (member: Member): boolean => process.kill(member.pid, 'SIGSTOP');
const codes = (result: RunResult) => result.verdict.reasons.map(({ code }) => code);
const CHUNK_MS = 400;

describe('killed', () => {
  test.each<MemberState>(['connected', 'opened', 'joined', 'armed'])('while %s: WORKER_FAILED, with state and signal', async (state) => {
    when(2, state, kill);
    const begun = performance.now();
    // A member that has just been armed may also be found dead when it should capture.
    const outcome = await judge({ procs: '4', duration: '100ms' }).catch((error: unknown) => error);
    expect(performance.now() - begun).toBeLessThan(3000);
    if (state === 'armed' && !(outcome instanceof Error)) return expect(codes(outcome as RunResult)).toContain('lost-member');
    expect(outcome).toBeInstanceOf(FanoutError);
    expect(outcome).toMatchObject({
      code: 'WORKER_FAILED',
      message: expect.stringMatching(/^worker 2 \(pid \d+\) ended while \w+: signal SIGKILL$/),
    });
    expect((outcome as FanoutError).remedy).toMatch(/memory/);
  });

  test.each([1, 3])('while starting, of %i: WORKER_FAILED, soon', async (procs) => {
    const cluster = newCluster(procs);
    const joined = startGroup(cluster, 5000).catch((error: unknown) => error);
    await until(() => cluster.members.every((m) => m.pid > 0), 'all are forked');
    const victim = cluster.members.at(-1) as Member;
    kill(victim);
    const begun = performance.now();
    expect(await joined).toMatchObject({ code: 'WORKER_FAILED', message: expect.stringMatching(/ended while \w+: signal SIGKILL/) });
    expect(performance.now() - begun).toBeLessThan(2000);
    await cluster.close();
  });

  test('the only one, after it joined: noticed although nobody else will ever say a word', async () => {
    const cluster = newCluster(1);
    await startGroup(cluster, 5000);
    kill(cluster.members[0] as Member);
    await until(() => !cluster.members[0]?.alive, 'the loss is noticed');
    const begun = performance.now();
    await expect(cluster.arm(5000)).rejects.toMatchObject({ code: 'WORKER_FAILED' });
    expect(performance.now() - begun).toBeLessThan(500);
    await cluster.close();
  });

  // Its flows move to the others, in the middle of heavy traffic: not one of them may be taken for a split one.
  test.each(Array.from({ length: 20 }, (_, i) => i))(
    'while capturing, under heavy traffic: INCONCLUSIVE, and no false NO (%i)',
    async (round) => {
      sending = send({ flows: 2000, packetsPerFlow: 8, seed: round }, { packetsPerSecond: 0 });
      const victim = round % 4;
      when(victim, 'capturing', (member) => setTimeout(() => kill(member), 50 + ((round * 13) % 100)));
      const result = await judge({ procs: '4', duration: `${CHUNK_MS}ms`, maxLoss: '100' });
      expect(result.flows).toMatchObject({ split: 0, asymmetric: 0 });
      expect(result.verdict.answer).toBe('inconclusive');
      expect(result.verdict.reasons[0]).toMatchObject({
        code: 'lost-member',
        message: expect.stringMatching(`worker ${victim} \\(pid \\d+\\): lost while capturing: signal SIGKILL`),
      });
      expect(result.epochs).toEqual([{ members: 4 }, { members: 3, reason: expect.stringMatching(`worker ${victim} .*SIGKILL`) }]);
      expect(result.flows.consistent).toBeGreaterThan(100);
    },
  );

  test('two of them, one after the other: three epochs, both named', async () => {
    sending = send();
    when(0, 'capturing', (member) => setTimeout(() => kill(member), 100));
    const running = judge({ procs: '4', duration: '600ms' });
    const second = setInterval(() => {
      const children = childrenOf(process.pid).filter(isWorker);
      if (children.length === 3) {
        process.kill(children.at(-1) as number, 'SIGKILL');
        clearInterval(second);
      }
    }, 150);
    const result = await running;
    clearInterval(second);
    expect(result.flows).toMatchObject({ split: 0, asymmetric: 0 });
    expect(result.epochs.map(({ members }) => members)).toEqual([4, 3, 2]);
    expect(result.verdict.reasons[0]?.message).toMatch(/^2 of 4 processes were lost/);
  });

  test('all of them: INCONCLUSIVE at once', async () => {
    sending = send();
    when(2, 'capturing', () =>
      setTimeout(
        () =>
          childrenOf(process.pid)
            .filter(isWorker)
            .forEach((pid) => void process.kill(pid, 'SIGKILL')),
        150,
      ),
    );
    const begun = performance.now();
    const result = await judge({ procs: '3', duration: '20s' });
    expect(performance.now() - begun).toBeLessThan(5000);
    expect([result.verdict.answer, ...codes(result)]).toEqual(['inconclusive', 'lost-member']);
    expect(result.flows).toMatchObject({ split: 0, asymmetric: 0 });
  });

  test.each<MemberState>(['finishing', 'finished'])('while %s: INCONCLUSIVE, named, no false NO', async (state) => {
    sending = send({ flows: 2000, packetsPerFlow: 8 }, { packetsPerSecond: 0 });
    when(1, state, kill);
    // Those that were busy read on for a while; what moves to them then must not be held against the kernel.
    const result = await judge({ procs: '4', duration: '200ms', maxLoss: '100', blockTimeout: '50' });
    expect(result.flows).toMatchObject({ split: 0, asymmetric: 0 });
    if (state === 'finished' && result.verdict.answer === 'yes') return;
    expect(codes(result)).toEqual(['lost-member']);
    expect(result.members[1]?.end).toMatch(`lost while ${state}: signal SIGKILL`);
  });

  test('after a NO was proven: it stays a NO, and the loss is a warning', async () => {
    const program = join(scratch.path, 'by-source-port.txt');
    // ldh [source port]; ret a. Offset 0 is the network header.
    writeFileSync(program, '2\n40 0 0 20\n22 0 0 0\n');
    sending = send({ classes: ['ipv4-udp', 'ipv4-tcp'] });
    when(3, 'capturing', (member) => setTimeout(() => kill(member), 300));
    const result = await judge({ procs: '4', mode: 'cbpf', cbpfProgram: program, duration: '600ms' });
    expect(result.verdict.answer).toBe('no');
    expect(codes(result)).toEqual(['bpf-program']);
    expect(result.warnings.map(({ code }) => code)).toContain('lost-member');
  });
});

describe('stopped', () => {
  test('while capturing: given up after --worker-timeout, named, and the run goes on', async () => {
    sending = send();
    when(1, 'capturing', (member) => setTimeout(() => stop(member), 100));
    const result = await judge({ procs: '3', duration: '1200ms', workerTimeout: '500ms' });
    expect(codes(result)).toEqual(['lost-member']);
    expect(result.members[1]?.end).toBe('lost while capturing: no sign of life for 500 ms');
    expect(result.flows).toMatchObject({ split: 0, asymmetric: 0 });
    expect(result.epochs).toMatchObject([{ members: 3 }, { members: 2 }]);
  });

  test.each<MemberState>(['connected', 'opened', 'joined', 'armed'])('while %s: not waited for without end, and named', async (state) => {
    when(2, state, stop);
    const outcome = await judge({ procs: '4', duration: '100ms', workerTimeout: '500ms' }).catch((error: unknown) => error);
    // One that has been armed has said all that a start needs.
    if (state === 'armed') return expect(codes(outcome as RunResult)).toContain('lost-member');
    expect(outcome).toMatchObject({
      code: 'WORKER_FAILED',
      message: expect.stringMatching(/^worker 2 \(pid \d+\) did not .* in time; it is (connected|opened|joined)$/),
    });
  });

  test('while finishing: not waited for without end', async () => {
    sending = send();
    when(1, 'finishing', stop);
    const begun = performance.now();
    const result = await judge({ procs: '3', duration: '200ms', workerTimeout: '500ms' });
    expect(performance.now() - begun).toBeLessThan(5000);
    expect(codes(result)).toEqual(['lost-member']);
    expect(result.members[1]?.end).toBe('lost while finishing: did not finish within 510 ms');
  });

  test('after it finished: the verdict does not need it any more, and it is ended', async () => {
    sending = send();
    when(1, 'finished', stop);
    const result = await judge({ procs: '3', duration: '300ms' });
    expect(result.verdict.answer).toBe('yes');
  });

  test('while starting: WORKER_FAILED, with its state', async () => {
    const cluster = newCluster(3);
    const joined = startGroup(cluster, 700).catch((error: unknown) => error);
    await until(() => cluster.members.every((m) => m.pid > 0), 'all are forked');
    stop(cluster.members[1] as Member);
    expect(await joined).toMatchObject({
      code: 'WORKER_FAILED',
      message: expect.stringMatching(/^worker 1 \(pid \d+\) did not open its socket in time; it is starting$/),
    });
    const pids = cluster.members.map(({ pid }) => pid);
    await cluster.close();
    expect(pids.some(isAlive)).toBe(false);
  });

  test('while the ring still waits for its timer: an open block as long as that is waited for', async () => {
    sending = send();
    const result = await judge({ procs: '2', duration: '100ms', workerTimeout: '500ms', blockTimeout: '700' });
    expect(result.members.map(({ end }) => end)).toEqual(['gone', 'gone']);
  });
});

/** Programs in the place of a worker. `say` frames a message; `hello` is the right one. */
const PRELUDE = `
const net = require('node:net');
const { native } = { native: require(${JSON.stringify(join(ROOT, 'build/Release/fanout.node'))}) };
const [index, parent] = process.argv.slice(2);
native.signalAtParentsEnd(9, Number(parent));
const member = Number(index);
const frame = (bytes) => { const head = Buffer.alloc(4); head.writeUInt32BE(bytes.length); return Buffer.concat([head, bytes]); };
const pack = (...fields) => frame(native.encodeMessage(fields));
const hello = pack(1, ${PROTOCOL_VERSION}, member, process.pid);
const socket = new net.Socket({ fd: ${WORKER_DESCRIPTORS.streams}, readable: true, writable: true });
socket.resume();
const say = (...chunks) => chunks.forEach((chunk) => socket.write(chunk));
socket.on('error', () => {});
socket.on('close', () => process.exit(0));
setTimeout(() => process.exit(9), 15000).unref();
`;

const LIES_AT_START: Readonly<Record<string, readonly [program: string, why: RegExp]>> = {
  garbage: ['say(Buffer.alloc(3000, 0xfe));', /frame of 4278124286 bytes/],
  'an empty frame': ['say(Buffer.alloc(4));', /frame of 0 bytes/],
  'a giant length': ['say(Buffer.from([0x7f, 0xff, 0xff, 0xff, 1]));', /frame of 2147483647 bytes/],
  'text that is no msgpack': ['say(frame(Buffer.from("\\xc1\\xff", "latin1")));', /not one value of msgpack/],
  'an array that announces four billion elements': [
    'say(frame(Buffer.from([0xdd, 0xff, 0xff, 0xff, 0xff, 1])));',
    /not one value of msgpack/,
  ],
  'arrays in arrays in arrays': ['say(frame(Buffer.alloc(60000, 0x91)));', /not one value of msgpack/],
  'an object that cannot be shown': [
    'say(frame(Buffer.from([0x91, 0x81, 0xa8, ...Buffer.from("toString"), 1])));',
    /not one value of msgpack/,
  ],
  'a message of no known kind': ['say(pack(99));', /unknown kind 99/],
  'a kind that is text': ['say(pack("\\u001b[2J".repeat(1000)));', /unknown kind "/],
  'fields that are missing': ['say(pack(1, 1));', /hello has 1 fields instead of 3/],
  'another version': [
    `say(pack(1, ${PROTOCOL_VERSION + 1}, member, process.pid));`,
    new RegExp(`hello of member 1, pid \\d+, protocol ${PROTOCOL_VERSION + 1}`),
  ],
  'the number of another member': [`say(pack(1, ${PROTOCOL_VERSION}, 0, process.pid));`, /hello of member 0/],
  'the process id of another': ['say(pack(1, 1, member, 1));', /pid 1,/],
  'hello twice': ['say(hello, hello);', /hello while connected/],
  'joined before it was asked': ['say(hello, pack(2, 5), pack(3, 9, 0, 0));', /joined group 9 in mode 0, which nobody asked for/],
  'observations before the start': ['say(hello, frame(Buffer.from([0x94, 5, 1, 0, 0x90])));', /observations while connected/],
  'counters before the start': [`say(hello, pack(${COUNTERS_KIND}, ${countersNow('{}')}));`, /counters while connected/],
  'half a frame, and then nothing': ['say(hello.subarray(0, 6));', /did not open its socket in time/],
  'nothing, and hangs up': ['socket.destroy(); socket.removeAllListeners("close"); setInterval(() => {}, 1000);', /closed its connection/],
  'nothing, and a complaint': ['console.error("Error: no luck"); process.exit(7);', /exit status 7: Error: no luck/],
};

describe('lies at the start', () => {
  test.each(Object.keys(LIES_AT_START))('%s: WORKER_FAILED', async (lie) => {
    const [program, why] = LIES_AT_START[lie] ?? ['', /-/];
    const cluster = newCluster(2, {}, secondWorker(program));
    const error = await startGroup(cluster, 2500).catch((reason: unknown) => reason);
    await cluster.close();
    expect(error).toMatchObject({ code: 'WORKER_FAILED', message: expect.stringMatching(why) });
    expect((error as Error).message.length).toBeLessThan(1000);
  });

  test('joined while another is asked: WORKER_FAILED, not a group of its own choice', async () => {
    when(0, 'opened', stop);
    const cluster = newCluster(2, {}, secondWorker('say(hello, pack(2, 5)); setTimeout(() => say(pack(3, 9, 0, 0)), 300);'));
    const error = await startGroup(cluster, 2500).catch((reason: unknown) => reason);
    kill(cluster.members[0] as Member);
    await cluster.close();
    expect(error).toMatchObject({ message: expect.stringMatching(/^worker 1 .* joined group 9 in mode 0, which nobody asked for$/) });
  });
});

/** Does as it is told until it is told to start, and then what `lie` says. */
const HONEST_SO_FAR = `
let capture, rest = Buffer.alloc(0);
const obey = (kind, a, b, c, d) => {
  if (kind === 16) {
    const [, ifindex, m, [blockBytes, blockCount, blockTimeoutMs], snaplen, , promiscuous, , , flowsMax, , newsIntervalMs, hashSeed] = a;
    capture = new native.Capture({ socket: native.receiveDescriptor(${WORKER_DESCRIPTORS.channel}).descriptor, ifindex, member: m, blockBytes, blockCount, blockTimeoutMs, snaplen, filter: null, promiscuous,
      ignoreOutgoing: false, cpu: null, flowsMax, workNs: 0, newsIntervalMs, hashSeed: BigInt(hashSeed) });
    say(pack(2, capture.inode()));
  }
  if (kind === 17) { const { groupId, mode, flags } = capture.join({ groupId: a, mode: b, flags: c, membersMax: d }); say(pack(3, groupId, mode, flags)); }
  if (kind === 18) { capture.arm(); say(pack(4)); }
  if (kind === 19) setTimeout(lie, 100);
};
socket.on('data', (chunk) => {
  rest = Buffer.concat([rest, chunk]);
  while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE()) {
    const end = 4 + rest.readUInt32BE();
    const message = native.decodeMessage(rest.subarray(4, end));
    rest = rest.subarray(end);
    obey(...message);
  }
});
const counters = (change) => pack(${COUNTERS_KIND}, ${countersNow('change')});
say(hello);
`;

const LIES: Readonly<Record<string, readonly [program: string, why: RegExp]>> = {
  garbage: ['say(Buffer.alloc(100000, 0xfe));', /frame of 4278124286 bytes/],
  'a giant length in the middle of a batch': [
    'say(frame(Buffer.from([0x94, 5, 1, 0, 0x90])), Buffer.from([0x40, 0, 0, 0, 1, 2]));',
    /frame of 1073741824 bytes/,
  ],
  'observations of another member': ['say(frame(Buffer.from([0x94, 5, 0, 0, 0x90])));', /observations, at byte/],
  'observations of an epoch that cannot be': [
    'say(frame(Buffer.from([0x94, 5, 1, 0xce, 0xff, 0xff, 0xff, 0xff, 0x90])));',
    /observations, at byte/,
  ],
  'observations cut off': ['say(frame(Buffer.from([0x94, 5, 1, 0, 0x91, 0x9c, 0xc4])));', /observations, at byte/],
  'four billion observations': ['say(frame(Buffer.from([0x94, 5, 1, 0, 0xdd, 0xff, 0xff, 0xff, 0xff])));', /observations, at byte/],
  'a negative count': ['say(counters({ 0: -1 }));', /-1 is not a count/],
  'a count that is none': ['say(counters({ 3: 0.5 }));', /0\.5 is not a count/],
  'the end before it was asked': ['say(counters({ 13: true }));', /counters while capturing/],
  'a second opening': ['say(pack(2, 77));', /opened while capturing/],
  'a failure': ['say(pack(7, "start", "poll", 5, "no more of this"));', /start failed: no more of this/],
  'a drip of half a frame': ['say(Buffer.from([0, 0, 0xff, 0xff])); setInterval(() => say(Buffer.from([1])), 20);', /no sign of life/],
  'its connection hung up': ['socket.removeAllListeners("close"); socket.destroy(); setInterval(() => {}, 1000);', /closed its connection/],
};

describe('lies while capturing', () => {
  test.each(Object.keys(LIES))('%s: this member is lost, the others go on', async (lie) => {
    const [program, why] = LIES[lie] ?? ['', /-/];
    sending = send();
    const [lost, departed]: [number[], number[]] = [[], []];
    const events = { onLost: ({ index }: Member) => void lost.push(index), onDeparted: ({ index }: Member) => void departed.push(index) };
    const cluster = newCluster(3, events, secondWorker(`const lie = () => { ${program} }; ${HONEST_SO_FAR}`));
    await startGroup(cluster, 5000);
    await cluster.arm(5000);
    cluster.start(native.realtimeNs());
    const [honest, liar] = cluster.members as [Member, Member];
    // What the run's watch does: bytes that never make a message are no sign of life.
    const silence = setInterval(() => {
      if (performance.now() - liar.heardAtMs > 1800) cluster.abandon(liar, 'no sign of life');
    }, 50);
    await until(() => departed.length > 0, 'the liar has gone');
    clearInterval(silence);
    const before = honest.counters.captured;
    await until(() => honest.counters.captured > before, 'the honest go on');
    await cluster.finish(2000);
    const states = cluster.members.map(({ state }) => state);
    await cluster.close();
    expect([lost, departed, states]).toEqual([[1], [1], ['finished', 'lost', 'finished']]);
    expect(liar.end).toMatch(why);
  });

  test('as many empty observations as go through: memory stays bounded', async () => {
    const flood =
      'const much = Buffer.concat(Array.from({ length: 7000 }, () => frame(Buffer.from([0x94, 5, 1, 0, 0x90])))); const go = () => { while (socket.write(much)); socket.once("drain", go); }; go();';
    const cluster = newCluster(2, {}, secondWorker(`const lie = () => { ${flood} }; ${HONEST_SO_FAR}`));
    await startGroup(cluster, 5000);
    await cluster.arm(5000);
    const before = process.memoryUsage().rss;
    cluster.start(native.realtimeNs());
    await new Promise((done) => setTimeout(done, 1000));
    const grown = process.memoryUsage().rss - before;
    await cluster.finish(300);
    await cluster.close();
    expect(grown).toBeLessThan(100 << 20);
  });
});

describe('closing', () => {
  test('in the middle of the start leaves nothing, however early', async () => {
    for (const delayMs of [0, 5, 20, 60]) {
      const cluster = newCluster(4);
      const joined = startGroup(cluster, 3000).catch((error: unknown) => error);
      await new Promise((done) => setTimeout(done, delayMs));
      await cluster.close();
      expect(childrenOf(process.pid).filter(isWorker)).toEqual([]);
      const outcome = await joined;
      // Later the whole group may have joined already; a worker that has just been forked cannot have.
      if (delayMs === 0) expect(outcome).toBeInstanceOf(Error);
    }
  });

  test('many times over: no descriptor is kept', async () => {
    for (let i = 0; i < 5; i += 1) await judge({ procs: '2', duration: '20ms' });
  });
});

/** A program of which the first worker is the real one, and the others run `body`. */
function secondWorker(body: string): string {
  const path = join(scratch.path, 'fanout-cluster-liar.cjs');
  writeFileSync(
    path,
    `if (process.argv[2] !== '1') require(${JSON.stringify(join(ROOT, 'dist/worker.cjs'))}); else {\n${PRELUDE}\n${body}\n}`,
  );
  return path;
}
