/** Live traffic that proves little, and interfaces and groups that change under a run: the right reason, no hang, no false NO. */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { native } from '../../src/addon/native.ts';
import type { RunResult } from '../../src/model/run-result.ts';
import { type Disturbance, disturbed as disturbedRun, pause } from '../helpers/disturbed.ts';
import {
  assertPrivateNamespace,
  CAPTURE,
  ip,
  joinFrames,
  makePair,
  oneWayFrames,
  removePair,
  type Sending,
  send,
  sendFrames,
} from '../helpers/network.ts';
import { makeRuntimeDirectory, temporaryDirectory } from '../helpers/programs.ts';
import { entriesOf, run, start, until } from '../helpers/tool.ts';

const scratch = temporaryDirectory();
const runtime = join(scratch.path, 'runtime');
const env = { XDG_RUNTIME_DIR: runtime };
let sending: Sending | undefined;

beforeAll(() => {
  assertPrivateNamespace();
  makeRuntimeDirectory(runtime);
  ip('link', 'set', 'lo', 'up');
});
afterAll(() => scratch.remove());
beforeEach(makePair);
afterEach(async () => {
  await sending?.stop();
  sending = undefined;
  expect(native.packetSockets().filter(({ protocol }) => protocol !== 0)).toEqual([]);
  expect(entriesOf(runtime)).toEqual([]);
  removePair();
});

async function live(...args: string[]): Promise<RunResult & { readonly status: number | null }> {
  const { status, stdout, stderr } = await run(['-i', CAPTURE, '--json', '-', '--quiet', ...args], { env });
  if (stdout === '') throw new Error(stderr);
  return { ...(JSON.parse(stdout) as RunResult), status };
}

const codes = ({ verdict }: RunResult) => verdict.reasons.map(({ code }) => code);

describe('traffic that proves little', () => {
  test('none at all: INCONCLUSIVE after the time asked for', async () => {
    const result = await live('-n', '4', '--duration', '1s');
    expect([result.status, ...codes(result)]).toEqual([3, 'no-traffic']);
    expect(result.durationMs).toBeLessThan(2500);
    const { startMs, captureMs } = result.timing;
    expect(captureMs).toBeGreaterThanOrEqual(980);
    expect(startMs).toBeGreaterThan(0);
    expect(startMs + captureMs).toBeLessThanOrEqual(result.durationMs + 1);
    expect(result.packets.offeredPerSecond).toBeUndefined();
  });

  test('one direction only', async () => {
    sending = sendFrames(oneWayFrames());
    const result = await live('-n', '4', '--duration', '400ms');
    expect([result.status, ...codes(result)]).toEqual([3, 'no-two-way-flows']);
    expect(result.flows).toMatchObject({ total: 100, oneWay: 100, twoWay: 0 });
  });

  test('one flow: all on one member, and how many more are needed', async () => {
    sending = send({ flows: 1, classes: ['ipv4-tcp'] }, { packetsPerSecond: 1000 });
    const result = await live('-n', '4', '--duration', '400ms');
    expect([result.status, ...codes(result)]).toEqual([3, 'one-member']);
    expect(result.verdict.reasons[0]?.remedy).toMatch(/at least 10 more two-way flows/);
  });

  test('five flows: too few, and how many more are needed', async () => {
    sending = send({ flows: 5, classes: ['ipv4-tcp'], seed: 3 }, { packetsPerSecond: 1000 });
    const result = await live('-n', '4', '--duration', '400ms');
    expect(result.status).toBe(3);
    expect(codes(result)).toEqual(['too-few-flows']);
    expect(result.verdict.reasons[0]?.remedy).toMatch(/^let [\d,]+ more two-way flows pass/);
  });

  test('pings between one pair of hosts: one member', async () => {
    const { frames, offsets } = (await import('../../src/traffic/traffic.ts')).generateTraffic({
      seed: 1,
      flows: 1,
      packetsPerFlow: 100,
      classes: ['ipv4-icmp'],
    });
    // Other identifiers make other flows, all with the same addresses. The checksum does not matter to anybody here.
    const list = Array.from({ length: 100 }, (_, i) => Buffer.from(frames.subarray(offsets[i], offsets[i + 1])));
    list.forEach((frame, i) => void frame.writeUInt16BE(1000 + (i >> 1), 38));
    sending = sendFrames(joinFrames(list), { packetsPerSecond: 2000 });
    const result = await live('-n', '4', '--duration', '400ms');
    expect([result.status, ...codes(result)]).toEqual([3, 'one-member', 'no-spread']);
    expect(result.balance.membersUsed).toBe(1);
  });

  test.each(['qm', 'cpu'])('mode %s where there is one queue and one CPU: never a YES', async (mode) => {
    sending = send({ flows: 200 }, { cpu: 0 });
    const result = await live('-n', '4', '-m', mode, '--duration', '400ms');
    expect([result.status, ...codes(result)]).toEqual([3, 'one-member']);
  });

  test('no IP at all: what it was is counted', async () => {
    const arp = Buffer.alloc(60);
    arp.write('ffffffffffff0200000000010806', 0, 'hex');
    sending = sendFrames(joinFrames([arp]), { packetsPerSecond: 500 });
    const result = await live('-n', '4', '--duration', '400ms');
    expect([result.status, ...codes(result)]).toEqual([3, 'no-flows']);
    const { 'ethertype 0x0806': arps = 0, 'before-start': early = 0 } = result.packets.ignored;
    expect(arps).toBeGreaterThan(100);
    expect(arps + early).toBe(result.packets.captured);
  });

  test('loopback: packets are counted once, and flows kept', async () => {
    const server = createSocket('udp4').on('message', (data, from) => server.send(data, from.port, from.address));
    server.bind(0, '127.0.0.1');
    await once(server, 'listening');
    const clients = Array.from({ length: 60 }, () => createSocket('udp4'));
    const talk = setInterval(() => clients.forEach((client) => void client.send('x', server.address().port, '127.0.0.1')), 20);
    const { status, stdout } = await run(['-i', 'lo', '-n', '4', '--duration', '600ms', '--json', '-', '--quiet'], { env });
    clearInterval(talk);
    for (const socket of [server, ...clients]) socket.close();
    const result = JSON.parse(stdout) as RunResult;
    expect([status, result.verdict.answer]).toEqual([0, 'yes']);
    expect(result.flows).toMatchObject({ twoWay: 60, consistent: 60, duplicated: 0 });
  });
});

const disturbed = (args: readonly string[], disturbance: Disturbance) => disturbedRun(env, args, disturbance);
const noFalseNo = (result: RunResult) => expect(result.flows).toMatchObject({ split: 0, asymmetric: 0 });

describe('the interface', () => {
  test('goes down: link-down, one epoch, what was seen before counts', async () => {
    sending = send();
    const result = await disturbed(['-n', '4'], { afterMs: 200, restMs: 700, action: () => void ip('link', 'set', CAPTURE, 'down') });
    expect([result.status, ...codes(result)]).toEqual([3, 'link-down']);
    expect(result.epochs).toEqual([{ members: 4 }]);
    expect(result.flows.consistent).toBeGreaterThan(50);
    noFalseNo(result);
  });

  test('goes down and comes up: a second epoch, because the kernel links the members anew', async () => {
    sending = send();
    const result = await disturbed(['-n', '4'], {
      afterMs: 200,
      restMs: 900,
      action: async () => {
        ip('link', 'set', CAPTURE, 'down');
        await pause(50);
        ip('link', 'set', CAPTURE, 'up');
        await sending?.stop();
        sending = send();
      },
    });
    expect([result.status, ...codes(result)]).toEqual([3, 'link-down']);
    expect(result.epochs).toEqual([{ members: 4 }, { members: 4, reason: 'cap0 was down and came up again' }]);
    noFalseNo(result);
  });

  test.each([0, 1, 2, 3, 4])('flaps faster than anybody can look, under load: no false NO (%i)', async (round) => {
    sending = send({ flows: 1000, seed: round }, { packetsPerSecond: 0 });
    const result = await disturbed(['-n', '4', '--max-loss', '100'], {
      afterMs: 100,
      restMs: 700,
      action: async () => {
        ip('-batch', writeBatch(['down', 'up', 'down', 'up']));
        await sending?.stop();
        sending = send({ flows: 1000, seed: round }, { packetsPerSecond: 0 });
      },
    });
    expect(codes(result)).toContain('link-down');
    noFalseNo(result);
  });

  test('flaps just before the end: noticed by the last word of the workers', async () => {
    sending = send({}, { packetsPerSecond: 0 });
    const running = start(['-i', CAPTURE, '-n', '4', '--duration', '20s', '--json', '-', '--status-interval', '100ms'], { env });
    await running.said(/capturing/);
    await pause(300);
    ip('-batch', writeBatch(['down', 'up']));
    const again = send({}, { packetsPerSecond: 0 });
    running.child.kill('SIGINT');
    const { status, stdout } = await running.ended;
    await again.stop();
    const result = JSON.parse(stdout) as RunResult;
    expect([status, ...codes(result)]).toEqual([3, 'link-down']);
    noFalseNo(result);
  });

  test('is removed: the run ends, with that reason only', async () => {
    sending = send();
    const begun = performance.now();
    const result = await disturbed(['-n', '4'], { afterMs: 200, restMs: 'itself', action: () => void ip('link', 'delete', CAPTURE) });
    expect(performance.now() - begun).toBeLessThan(4000);
    expect([result.status, ...codes(result)]).toEqual([3, 'interface-removed']);
    noFalseNo(result);
  });

  test('is removed and another one gets its name: removed all the same', async () => {
    const result = await disturbed(['-n', '4'], { afterMs: 200, restMs: 'itself', action: makePair });
    expect(result.status).toBe(3);
    expect(codes(result)).toContain('interface-removed');
    noFalseNo(result);
  });

  test('is renamed while it is down: it is still the same one', async () => {
    sending = send();
    const result = await disturbed(['-n', '4'], {
      afterMs: 200,
      restMs: 700,
      action: async () => {
        ip('link', 'set', CAPTURE, 'down');
        ip('link', 'set', CAPTURE, 'name', 'other0');
        await pause(150);
        ip('link', 'set', 'other0', 'up');
      },
    });
    expect([result.status, ...codes(result)]).toEqual([3, 'link-down']);
    expect(result.epochs).toHaveLength(2);
    noFalseNo(result);
  });

  test('is renamed while it is up, where the kernel allows that: nothing happens', async () => {
    sending = send();
    const result = await disturbed(['-n', '4'], {
      afterMs: 100,
      restMs: 400,
      action: () => {
        try {
          ip('link', 'set', CAPTURE, 'name', 'other0');
        } catch {
          // EBUSY before Linux 6.2.
        }
      },
    });
    expect(result.status).toBe(0);
  });

  test('loses its carrier: the group stays as it is', async () => {
    sending = send();
    const result = await disturbed(['-n', '4'], { afterMs: 300, restMs: 400, action: () => void ip('link', 'set', 'gen0', 'down') });
    expect(result.status).toBe(0);
  });

  function writeBatch(states: readonly string[]): string {
    const path = join(scratch.path, 'batch');
    writeFileSync(path, states.map((state) => `link set ${CAPTURE} ${state}\n`).join(''));
    return path;
  }
});

describe('another group appears', () => {
  const anotherGroup = () => {
    const capture = new native.Capture({
      socket: native.openPacketSocket(),
      ifindex: native.describeInterface(CAPTURE).index,
      ...{ blockBytes: 1 << 16, blockCount: 2, blockTimeoutMs: 10, member: 0, snaplen: 192, filter: null, promiscuous: false },
      ...{
        ignoreOutgoing: false,
        cpu: null,
        flowsMax: 16,
        workNs: 0,
        newsIntervalMs: 10,
        hashSeed: 1n,
        labTags: false,
        replayed: false,
        eager: false,
      },
    });
    capture.join({ groupId: 4444, mode: 0, flags: 0x8000, membersMax: 0 });
    return capture;
  };

  test('while this one reassembles: INCONCLUSIVE, because one of them gets no fragments', async () => {
    sending = send();
    let other: { close(): void } | undefined;
    const result = await disturbed(['-n', '3', '--defrag'], {
      afterMs: 300,
      restMs: 500,
      action: () => {
        other = anotherGroup();
      },
    });
    other?.close();
    expect([result.status, ...codes(result)]).toEqual([3, 'other-group']);
    expect(result.verdict.reasons[0]?.message).toMatch(/^fanout group 4444 \(mode hash, of a process of user 0 \(socket \d+\)\) appeared/);
    expect(result.epochs).toHaveLength(1);
    noFalseNo(result);
  });

  test('while this one does not: no concern of this run', async () => {
    sending = send();
    let other: { close(): void } | undefined;
    const result = await disturbed(['-n', '3'], {
      afterMs: 300,
      restMs: 500,
      action: () => {
        other = anotherGroup();
      },
    });
    other?.close();
    expect([result.status, result.verdict.answer]).toEqual([0, 'yes']);
  });
});

// Into a group whose id the kernel chose nobody is let in.
const CHOSEN = ['--group-id', '4711'];

describe('another program joins our group', () => {
  const ours = () => native.packetSockets().find(({ groupId }) => groupId !== undefined)?.groupId ?? 0;

  function joinOurs(): { close(): void } {
    const ring = { blockBytes: 1 << 16, blockCount: 2, blockTimeoutMs: 10 };
    const rest = { member: 0, snaplen: 192, filter: null, promiscuous: false, ignoreOutgoing: false, cpu: null, flowsMax: 16 };
    const capture = new native.Capture({
      socket: native.openPacketSocket(),
      ifindex: native.describeInterface(CAPTURE).index,
      ...ring,
      ...rest,
      workNs: 0,
      newsIntervalMs: 10,
      hashSeed: 1n,
      labTags: false,
      replayed: false,
      eager: false,
    });
    try {
      capture.join({ groupId: ours(), mode: 0, flags: 0, membersMax: 0 });
    } catch (error) {
      capture.close();
      throw error;
    }
    return capture;
  }

  test('and stays: named, a second epoch, no false NO', async () => {
    sending = send({ flows: 1000 }, { packetsPerSecond: 0 });
    let other: { close(): void } | undefined;
    const result = await disturbed(['-n', '4', '--max-loss', '100', ...CHOSEN], {
      afterMs: 200,
      restMs: 600,
      action: () => {
        other = joinOurs();
      },
    });
    other?.close();
    expect([result.status, ...codes(result)]).toEqual([3, 'foreign-member']);
    expect(result.verdict.reasons[0]?.message).toMatch(/^a process of user 0 \(socket \d+\) joined fanout group \d+ during the run$/);
    expect(result.epochs).toHaveLength(2);
    noFalseNo(result);
  });

  test('and leaves again: a third epoch, no false NO', async () => {
    sending = send({ flows: 1000 }, { packetsPerSecond: 0 });
    const result = await disturbed(['-n', '4', '--max-loss', '100', ...CHOSEN], {
      afterMs: 200,
      restMs: 900,
      action: async () => {
        const other = joinOurs();
        await pause(350);
        other.close();
      },
    });
    expect([result.status, ...codes(result)]).toEqual([3, 'foreign-member']);
    expect(result.epochs).toHaveLength(3);
    expect(result.epochs[2]?.reason).toMatch(/another program left fanout group/);
    noFalseNo(result);
  });

  test('a moment before the end: found by the last look', async () => {
    sending = send({ flows: 1000 }, { packetsPerSecond: 0 });
    const running = start(
      ['-i', CAPTURE, '-n', '4', '--duration', '20s', '--json', '-', '--max-loss', '100', '--status-interval', '100ms', ...CHOSEN],
      { env },
    );
    await running.said(/capturing/);
    await pause(300);
    const other = joinOurs();
    await pause(30);
    running.child.kill('SIGINT');
    const { status, stdout } = await running.ended;
    other.close();
    const result = JSON.parse(stdout) as RunResult;
    expect([status, ...codes(result)]).toEqual([3, 'foreign-member']);
    noFalseNo(result);
  });

  test('whose id the kernel chose: it is not let in, and nothing happens', async () => {
    sending = send({ flows: 1000 }, { packetsPerSecond: 0 });
    let refused: unknown;
    const result = await disturbed(['-n', '4', '--max-loss', '100'], {
      afterMs: 200,
      restMs: 400,
      action: () => {
        try {
          joinOurs().close();
        } catch (error) {
          refused = error;
        }
      },
    });
    expect(refused).toMatchObject({ call: 'setsockopt(PACKET_FANOUT)', errno: constants.errno.ENOSPC });
    expect([result.status, ...codes(result)]).toEqual([0, 'proven']);
    expect(result.epochs).toHaveLength(1);
  });

  test.each<[string, readonly string[]]>([
    ['of a chosen id', CHOSEN],
    ['whose id the kernel chose', []],
  ])('while the group is being set up, %s: refused, by whom', async (_, id) => {
    const running = start(['-i', CAPTURE, '-n', '16', '--duration', '5s', ...id], { env });
    await until(() => ours() !== 0, 'a group');
    const other = joinOurs();
    const { status, stderr } = await running.ended;
    other.close();
    expect(stderr).toMatch(/GROUP_TAKEN: another program joined .*: a process of user 0 \(socket \d+\)/);
    expect(status).toBe(4);
  });
});
