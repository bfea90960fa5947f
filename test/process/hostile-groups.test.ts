/** Several groups in the same processes, and one process that turns on the collector in one of them: it is lost to all, and the others' evidence stands. */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { native } from '../../src/addon/native.ts';
import { HOST_CLOCK } from '../../src/collector/group/clock.ts';
import { workerByPath } from '../../src/collector/processes/worker-program.ts';
import { openProvisions } from '../../src/collector/run/provisions.ts';
import { runTogether } from '../../src/collector/run/run.ts';
import type { RunResult } from '../../src/model/run-result.ts';
import { readMachine } from '../../src/options/machine.ts';
import { parseOptions } from '../../src/options/options.ts';
import { PROTOCOL_VERSION } from '../../src/protocol/schema.ts';
import { WORKER_DESCRIPTORS } from '../../src/worker-descriptors.ts';
import { assertPrivateNamespace, CAPTURE, makePair, removePair, type Sending, send } from '../helpers/network.ts';
import { COUNTERS_KIND, countersNow } from '../helpers/nothing-counted.ts';
import { temporaryDirectory } from '../helpers/programs.ts';
import { childrenOf, ROOT } from '../helpers/tool.ts';

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
  removePair();
});

/** A member of each group as the protocol has it, until it is told to start in the second. */
const traitor = (lie: string) => `
if (process.argv[2] !== '1') require(${JSON.stringify(join(ROOT, 'dist/worker.cjs'))}); else {
  const net = require('node:net');
  const native = require(${JSON.stringify(join(ROOT, 'build/Release/fanout.node'))});
  const [index, parent, groups] = process.argv.slice(2);
  native.signalAtParentsEnd(9, Number(parent));
  const frame = (bytes) => { const head = Buffer.alloc(4); head.writeUInt32BE(bytes.length); return Buffer.concat([head, bytes]); };
  const pack = (...fields) => frame(native.encodeMessage(fields));
  const takePart = (group) => {
    const socket = new net.Socket({ fd: ${WORKER_DESCRIPTORS.streams} + group, readable: true, writable: true });
    const say = (...chunks) => chunks.forEach((chunk) => socket.write(chunk));
    socket.on('error', () => {});
    socket.on('close', () => setTimeout(() => process.exit(0), 3000));
    let capture, rest = Buffer.alloc(0);
    const obey = (kind, a, b, c, d) => {
      if (kind === 16) {
        const [, ifindex, member, [blockBytes, blockCount, blockTimeoutMs], snaplen, , promiscuous, ignoreOutgoing, , flowsMax, workNs, newsIntervalMs, hashSeed] = a;
        capture = new native.Capture({ socket: native.receiveDescriptor(${WORKER_DESCRIPTORS.channel}).descriptor, ifindex, member, blockBytes, blockCount, blockTimeoutMs, snaplen, filter: null, promiscuous,
          ignoreOutgoing, cpu: null, flowsMax, workNs, newsIntervalMs, hashSeed: BigInt(hashSeed), labTags: false, replayed: false, eager: false });
        say(pack(2, capture.inode()));
      }
      if (kind === 17) { const { groupId, mode, flags } = capture.join({ groupId: a, mode: b, flags: c, membersMax: d }); say(pack(3, groupId, mode, flags)); }
      if (kind === 18) { capture.arm(); say(pack(4)); }
      if (kind === 19) {
        // Heartbeats in each group: an honest worker without packets.
        const beat = () => say(pack(${COUNTERS_KIND}, ${countersNow('{}')}));
        setInterval(beat, 100);
        if (group === 1) setTimeout(() => { ${lie} }, 250);
      }
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
    say(pack(1, ${PROTOCOL_VERSION}, Number(index), process.pid));
  };
  for (let group = 0; group < Number(groups); group += 1) takePart(group);
}`;

const LIES: Readonly<Record<string, readonly [lie: string, why: RegExp]>> = {
  garbage: ['say(Buffer.alloc(5000, 0xfe));', /frame of 4278124286 bytes/],
  'observations of another member': ['say(frame(Buffer.from([0x94, 5, 0, 0, 0x90])));', /observations, at byte/],
  'a hung up connection': ['socket.destroy();', /closed its connection/],
  'its own end': ['process.exit(3);', /exit status 3/],
};

describe('one of three processes sends, in the second of two groups,', () => {
  test.each(Object.keys(LIES))('%s', async (name) => {
    const [lie, why] = LIES[name] ?? ['', /-/];
    const script = join(scratch.path, 'fanout-cluster-traitor.cjs');
    writeFileSync(script, traitor(lie));
    const groups = ['hash', 'lb'].map((mode) =>
      parseOptions({ interface: CAPTURE, procs: '3', mode, duration: '1800ms', maxLoss: '100' }, readMachine()),
    );
    const provisions = await openProvisions({ runs: groups });
    const io = { version: 'test', clock: HOST_CLOCK, signal: new AbortController().signal, onProgress: () => {} };
    try {
      const begun = performance.now();
      const [hash, lb] = (await runTogether(groups, {
        ...io,
        provisions: { ...provisions, worker: { ...workerByPath(), script } },
      })) as RunResult[];
      expect(performance.now() - begun).toBeLessThan(8000);
      expect(lb?.members[1]?.end).toMatch(why);
      // The process is gone, and so is its member of the group in which it kept quiet.
      expect(hash?.members[1]?.end).toMatch(/^lost while capturing/);
      expect(hash?.verdict.answer).toBe('inconclusive');
      expect(hash?.verdict.reasons.map(({ code }) => code)).toContain('lost-member');
      expect(hash?.flows).toMatchObject({ split: 0, asymmetric: 0 });
      expect(hash?.flows.consistent).toBeGreaterThan(50);
      expect(hash?.epochs.map(({ members }) => members)).toEqual([3, 2]);
      expect(childrenOf(process.pid).length).toBe(0);
    } finally {
      await provisions.close();
    }
  });
});
