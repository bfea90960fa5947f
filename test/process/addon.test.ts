/** The addon's life: its objects ended at every stage, in a process that collects garbage all the time and in threads that are cut off. */
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { native } from '../../src/addon/native.ts';
import { ADDON_PATH } from '../helpers/addon.ts';
import { assertPrivateNamespace, makePair, promiscuity, removePair, type Sending, send } from '../helpers/network.ts';
import { bundle, runProgram, temporaryDirectory } from '../helpers/programs.ts';

const scratch = temporaryDirectory();
let sending: Sending | undefined;

beforeAll(assertPrivateNamespace);
afterAll(() => scratch.remove());
beforeEach(() => {
  makePair();
  sending = send();
});
afterEach(async () => {
  await sending?.stop();
  expect(native.packetSockets().filter(({ protocol }) => protocol !== 0)).toEqual([]);
  expect(promiscuity()).toBe(0);
  removePair();
});

/** `at(stage)` brings a capture that far; stages are those of a worker. */
const PRELUDE = `
  import { createRequire } from 'node:module';
  import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
  const native = createRequire(import.meta.url)(${JSON.stringify(ADDON_PATH)});
  const STAGES = ['opened', 'joined', 'armed', 'capturing', 'next epoch', 'finishing', 'finished', 'closed', 'closed twice'];
  const turn = () => new Promise(setImmediate);
  const some = async (condition) => { while (!condition()) await turn(); };
  const { index: ifindex } = native.describeInterface('cap0');
  const open = () => new native.Capture({ socket: native.openPacketSocket(), ifindex, member: 0, blockBytes: 1 << 16, blockCount: 4, blockTimeoutMs: 5, snaplen: 192, filter: null,
    promiscuous: true, ignoreOutgoing: false, cpu: null, flowsMax: 4096, workNs: 0, newsIntervalMs: 1, hashSeed: 1n, labTags: false, replayed: false, eager: false });
  // A scope of its own: while the capture runs its callback is held, and with it all that the callback can see.
  const bell = () => { const it = { rings: 0, ring: () => { it.rings += 1; } }; return it; };
  async function at(stage) {
    const capture = open();
    const reached = (name) => STAGES.indexOf(stage) >= STAGES.indexOf(name);
    if (reached('joined')) capture.join({ groupId: 0, mode: 0, flags: 0x2000, membersMax: 0 });
    if (reached('armed')) capture.arm();
    if (reached('capturing')) { const b = bell(); capture.start(native.realtimeNs(), 0, b.ring); await some(() => b.rings > 0); }
    if (reached('next epoch')) capture.beginEpoch(1, native.realtimeNs());
    if (reached('finishing')) capture.finish(0n);
    if (reached('finished')) {
      // What waits in the outbox must be taken, or the capture thread would wait for room.
      await some(() => { for (let b = capture.take(); b !== null; b = capture.take()) capture.release(b.slot); return capture.counters().finished; });
    }
    if (reached('closed')) capture.close();
    if (reached('closed twice')) capture.close();
    return capture;
  }
`;

const STAGES = ['opened', 'joined', 'armed', 'capturing', 'next epoch', 'finishing', 'finished', 'closed', 'closed twice'] as const;

const LIVES: Readonly<Record<string, string>> = {
  'process exit': `
    for (const stage of STAGES) globalThis[stage] = await at(stage);
    process.exit(0);`,
  'its last reference': `
    for (const stage of STAGES) for (let i = 0; i < 3; i += 1) { await at(stage); gc(); await turn(); gc(); }
    const end = Date.now() + 5000;
    await some(() => { if (Date.now() > end) throw new Error('not collected'); gc(); return native.packetSockets().filter(({ protocol }) => protocol !== 0).length === 0; });`,
  'close while its buffers are still held': `
    const capture = await at('capturing');
    const buffers = capture.buffers();
    capture.close(); gc(); await turn(); gc();
    buffers.forEach((buffer) => buffer.fill(7));`,
  'calls after close': `
    const capture = await at('closed');
    for (const [name, ...args] of [['join', {}], ['arm'], ['start', 1n, 0, () => {}], ['beginEpoch', 1, 1n], ['finish'], ['counters'], ['buffers'], ['inode'], ['take'], ['release', 0], ['answerDoorbell']]) {
      try { capture[name](...args); } catch (error) { if (!(error instanceof TypeError)) throw error; }
    }`,
  'a second start, and options that are none': `
    const capture = await at('capturing');
    let refused = 0;
    for (const wrong of [() => capture.start(1n, 0, () => {}), () => new native.Capture(), () => new native.Capture(7), () => new native.FlowMap(), () => new native.FlowMap('x')]) {
      try { wrong(); } catch { refused += 1; }
    }
    if (refused !== 5) throw new Error('only ' + refused + ' were refused');
    capture.close();`,
  'a doorbell whose process does not answer': `
    const capture = await at('capturing');
    for (const end = Date.now() + 300; Date.now() < end;);
    capture.close();`,
  'flow maps by the dozen, forgotten': `
    for (let i = 0; i < 60; i += 1) {
      const map = new native.FlowMap({ members: 2, flowsMax: 1 << 20, hashSeed: 1n });
      map.ingest(Buffer.from([0x94, 5, 1, 0, 0x90]), 1);
      map.evidence({ epochEndsNs: [null], violationsMax: 10, startNs: 0n });
      if (i % 10 === 0) { gc(); await turn(); }
    }`,
};

async function endsCleanly(body: string): Promise<void> {
  const file = join(scratch.path, 'life.mjs');
  await bundle(PRELUDE + body, file);
  const ended = await runProgram(process.execPath, ['--expose-gc', file]);
  expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' });
}

test.each(Object.keys(LIVES))('a capture survives %s', (name) => endsCleanly(LIVES[name] ?? ''));

test.each(STAGES)('a thread that is terminated with a capture %s takes it along', (stage) =>
  endsCleanly(`
    if (isMainThread) {
      for (let i = 0; i < 4; i += 1) {
        const worker = new Worker(new URL(import.meta.url));
        await new Promise((resolve, reject) => { worker.once('message', resolve); worker.once('error', reject); });
        await worker.terminate();
      }
      if (native.packetSockets().some(({ protocol }) => protocol !== 0)) throw new Error('a socket is left');
    } else {
      globalThis.capture = await at(${JSON.stringify(stage)});
      parentPort.postMessage('there');
      setInterval(() => {}, 1000);
    }`),
);
