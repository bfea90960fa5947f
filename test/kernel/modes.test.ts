/** Each mode against what the kernel is known to do with each packet: the member of every one of them is predicted, then compared. */

import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { closeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { CbpfInstruction } from '../../src/addon/capture.ts';
import { binomialSpread } from '../../src/collector/verdict/confidence.ts';
import { openSteeringProgram } from '../../src/host/programs.ts';
import { TRAFFIC_CLASSES } from '../../src/traffic/classes.ts';
import { CBPF, compileBpf, ebpfRequirements, mountBpfFileSystem, SKF_LL_OFF, SKF_NET_OFF } from '../helpers/bpf.ts';
import { type Seen, startGroup, Whereabouts } from '../helpers/group.ts';
import {
  accountErrors,
  flowIdOf,
  membersInOrder,
  onePacketPerDirection,
  packetsOf,
  refuseHostNamespace,
  type SentPacket,
  sendTo,
  withLab,
} from '../helpers/lab.ts';
import { hashMembers } from '../helpers/oracle.ts';
import { temporaryDirectory } from '../helpers/programs.ts';
import { cpus, root, testWith } from '../helpers/requirements.ts';

const scratch = temporaryDirectory();
beforeAll(refuseHostNamespace);
afterAll(() => scratch.remove());

/** Every class of traffic, 16 flows each: so few that a TAP with two queues can hold what comes out of it. */
const everyClass = onePacketPerDirection({ seed: 11, flows: 16 * TRAFFIC_CLASSES.length });
const numbers = (count: number, of: (i: number) => number) => Array.from({ length: count }, (_, i) => of(i));

describe('mode lb', () => {
  test.each([2, 3, 7])('deals packet j to member (j + 1) mod %i', async (procs) => {
    await withLab('tap', 1, async (lab) => {
      const [seen] = await sendTo(lab, everyClass, [{ procs, mode: 'lb' }]);
      if (seen === undefined) throw new Error('nothing seen');
      expect(accountErrors(everyClass, seen)).toEqual([]);
      expect(membersInOrder(everyClass, seen)).toEqual(numbers(everyClass.tags.length, (j) => (j + 1) % procs));
    });
  });
});

describe('mode qm', () => {
  testWith([root()], 'a TAP records queue q as q + 1, so its packets are on member (q + 1) mod n', {}, async () => {
    for (const [procs, queueCount] of [
      [2, 4],
      [3, 4],
      [3, 8],
      [5, 3],
      [4, 1],
    ] as const) {
      await withLab('tap', queueCount, async (lab) => {
        const queues = Uint16Array.from(everyClass.tags, (_, i) => (i * 7 + (i >> 3)) % queueCount);
        const traffic = { ...everyClass, queues };
        const [seen] = await sendTo(lab, traffic, [{ procs, mode: 'qm' }]);
        if (seen === undefined) throw new Error('nothing seen');
        expect(accountErrors(traffic, seen)).toEqual([]);
        expect(membersInOrder(traffic, seen)).toEqual(Array.from(queues, (queue) => (queue + 1) % procs));
      });
    }
  });
});

describe('mode cpu', () => {
  for (const injection of ['tap', 'veth'] as const)
    testWith([cpus(2)], `${injection}: what CPU c receives is on member c mod n`, {}, async () => {
      for (const [procs, cpu] of [
        [2, 0],
        [2, 1],
        [3, 1],
      ] as const)
        await withLab(injection, 1, async (lab) => {
          const [seen] = await sendTo(lab, everyClass, [{ procs, mode: 'cpu' }], { cpu });
          if (seen === undefined) throw new Error('nothing seen');
          expect(accountErrors(everyClass, seen)).toEqual([]);
          expect(new Set(membersInOrder(everyClass, seen))).toEqual(new Set([cpu % procs]));
        });
    });
});

describe('mode hash', () => {
  test.each([2, 3, 7, 16])('every packet of every class is on the member that the kernel itself names, n = %i', async (procs) => {
    await withLab('tap', 4, async (lab) => {
      const expected = await hashMembers(packetsOf(everyClass), procs);
      expect(new Set(expected).size).toBe(procs);
      expect(expected).not.toContain(-1);
      const [seen] = await sendTo(lab, everyClass, [{ procs, mode: 'hash' }]);
      if (seen === undefined) throw new Error('nothing seen');
      expect(accountErrors(everyClass, seen)).toEqual([]);
      expect(membersInOrder(everyClass, seen)).toEqual(expected);
    });
  });

  test('two groups of equal size map all flows alike, whatever their ids', async () => {
    await withLab('veth', 1, async (lab) => {
      const [one, other] = await sendTo(lab, everyClass, [
        { procs: 5, mode: 'hash', id: 77 },
        { procs: 5, mode: 'hash', id: 40_000 },
      ]);
      if (one === undefined || other === undefined) throw new Error('nothing seen');
      expect([...accountErrors(everyClass, one), ...accountErrors(everyClass, other)]).toEqual([]);
      const members = membersInOrder(everyClass, one);
      expect(membersInOrder(everyClass, other)).toEqual(members);
      expect(new Set(members)).toEqual(new Set([0, 1, 2, 3, 4]));
    });
  });
});

describe('mode rnd', () => {
  test('spreads as fair dice do: neither more unevenly nor more evenly', async () => {
    const procs = 4;
    const traffic = onePacketPerDirection({ seed: 12, flows: 5000, classes: ['ipv4-udp'] });
    await withLab('tap', 1, async (lab) => {
      const [seen] = await sendTo(lab, traffic, [{ procs, mode: 'rnd' }]);
      if (seen === undefined) throw new Error('nothing seen');
      expect(accountErrors(traffic, seen)).toEqual([]);
      const members = membersInOrder(traffic, seen);
      expect(binomialSpread(seen.members.map(({ packets }) => packets)).probability).toBeGreaterThan(1e-6);
      // Neighbours meet by chance with probability 1/n; dealing in turn would never let them. Beyond 5 deviations: once in a million runs.
      const meetings = members.slice(1).filter((member, i) => member === members[i]).length;
      const [trials, p] = [members.length - 1, 1 / procs];
      expect(Math.abs(meetings - trials * p) / Math.sqrt(trials * p * (1 - p))).toBeLessThan(5);
    });
  });
});

/** Rings that 250 small packets fill, and members so slow that none is emptied while the lab sends. */
const CRAMPED = { ring: { blockBytes: 4096, blockCount: 8 }, workNs: 1_000_000 };

/** How many packets whose home is member m were seen elsewhere, for each m. */
function movedPackets(seen: Seen, packets: readonly SentPacket[], home: readonly number[], procs: number): readonly number[] {
  const whereabouts = new Whereabouts(seen);
  const moved = numbers(procs, () => 0);
  packets.forEach(({ flow, direction }, i) => {
    const own = home[i] ?? -1;
    for (const [member, count] of whereabouts.of(flowIdOf(flow), direction)) if (member !== own) moved[own] = (moved[own] ?? 0) + count;
  });
  return moved;
}

describe('rollover', () => {
  const traffic = onePacketPerDirection({ seed: 13, flows: 150, classes: ['ipv4-udp'] });

  test('the mode fills member after member, in the order in which they joined', async () => {
    await withLab('tap', 1, async (lab) => {
      const [seen] = await sendTo(lab, traffic, [{ procs: 4, mode: 'rollover', ...CRAMPED }]);
      if (seen === undefined) throw new Error('nothing seen');
      expect(accountErrors(traffic, seen)).toEqual([]);
      const members = membersInOrder(traffic, seen);
      expect(members).toEqual(members.toSorted());
      expect(new Set(members).size).toBeGreaterThanOrEqual(2);
      expect(members[0]).toBe(0);
      // The kernel counts every packet of this mode as rolled over, on the first member.
      expect(seen.members.map(({ rollover }) => rollover[0])).toEqual([traffic.tags.length, 0, 0, 0]);
    });
  });

  test('the flag takes from full members only, and the kernel counts each packet that it passed on', async () => {
    const procs = 3;
    await withLab('tap', 1, async (lab) => {
      const home = await hashMembers(packetsOf(traffic), procs);
      // One flow in three is sent again and again, so that its member fills and the others do not.
      const heavy = packetsOf(traffic).flatMap((_, i) => (home[i] === 1 ? [i] : []));
      const light = packetsOf(traffic)
        .flatMap((_, i) => (home[i] === 1 ? [] : [i]))
        .slice(0, 40);
      expect(heavy.length).toBeGreaterThan(60);
      const frames = [...light, ...heavy, ...heavy, ...heavy].map((i) => packetsOf(traffic)[i]?.frame ?? new Uint8Array());
      const offsets = new Uint32Array(frames.length + 1);
      frames.forEach((frame, i) => {
        offsets[i + 1] = (offsets[i] ?? 0) + frame.length;
      });
      const chosen = {
        ...traffic,
        frames: Uint8Array.from(Buffer.concat(frames)),
        offsets,
        queues: new Uint16Array(frames.length),
        tags: new Uint16Array(frames.length),
      };
      const [seen] = await sendTo(lab, chosen, [{ procs, mode: 'hash', flags: ['rollover'], ...CRAMPED }]);
      if (seen === undefined) throw new Error('nothing seen');
      expect(seen.members.reduce((sum, { packets, drops }) => sum + packets + drops, 0)).toBe(frames.length);
      const moved = movedPackets(seen, packetsOf(traffic), home, procs);
      expect(seen.members.map(({ rollover }) => rollover[0])).toEqual(moved);
      expect(moved[1]).toBeGreaterThan(0);
      expect([moved[0], moved[2]]).toEqual([0, 0]);
    });
  });
});

describe('a steering program', () => {
  const traffic = onePacketPerDirection({ seed: 14, flows: 200, classes: ['ipv4-tcp', 'ipv4-udp'] });
  const ETHERNET = 14;
  const SOURCE_LOW = 15;
  const procs = 4;
  const bySource = packetsOf(traffic).map(({ frame }) => (frame[ETHERNET + SOURCE_LOW] ?? 0) % procs);
  const cbpf = (...instructions: CbpfInstruction[]) => ({ kind: 'cbpf', instructions }) as const;

  const PROGRAMS: readonly (readonly [string, readonly CbpfInstruction[], readonly number[]])[] = [
    ['offset 0 of a received packet is the network header', [CBPF.loadByte(SOURCE_LOW), CBPF.returnA], bySource],
    ['SKF_NET_OFF', [CBPF.loadByte(SKF_NET_OFF + SOURCE_LOW), CBPF.returnA], bySource],
    ['SKF_LL_OFF', [CBPF.loadByte(SKF_LL_OFF + ETHERNET + SOURCE_LOW), CBPF.returnA], bySource],
    ['a constant, as an unsigned number modulo n', [CBPF.returnK(0xffffffff)], bySource.map(() => 3)],
    ['a load beyond the packet: member 0', [CBPF.loadByte(5000), CBPF.returnA], bySource.map(() => 0)],
  ];

  test.each(PROGRAMS)('classic: %s', async (_, instructions, expected) => {
    await withLab('tap', 1, async (lab) => {
      const [seen] = await sendTo(lab, traffic, [{ procs, mode: 'cbpf', program: cbpf(...instructions) }]);
      if (seen === undefined) throw new Error('nothing seen');
      expect(accountErrors(traffic, seen)).toEqual([]);
      expect(membersInOrder(traffic, seen)).toEqual(expected);
    });
  });

  test.each(['cbpf', 'ebpf'] as const)('mode %s without a program puts all on member 0, and is no error', async (mode) => {
    await withLab('tap', 1, async (lab) => {
      const [seen] = await sendTo(lab, traffic, [{ procs, mode }]);
      if (seen === undefined) throw new Error('nothing seen');
      expect(new Set(membersInOrder(traffic, seen))).toEqual(new Set([0]));
    });
  });

  const OBJECTS: readonly (readonly [string, string, readonly number[]])[] = [
    ['offset 0 of a received packet is the network header', `load_bytes(skb, ${SOURCE_LOW}, &byte, 1); return byte;`, bySource],
    ['relative to the network header', `load_bytes_relative(skb, ${SOURCE_LOW}, &byte, 1, BPF_HDR_START_NET); return byte;`, bySource],
    [
      'relative to the link header',
      `load_bytes_relative(skb, ${ETHERNET + SOURCE_LOW}, &byte, 1, BPF_HDR_START_MAC); return byte;`,
      bySource,
    ],
    ['-1 is 4294967295 modulo n', 'return -1;', bySource.map(() => 4294967295 % procs)],
  ];
  for (const [name, body, expected] of OBJECTS)
    testWith(ebpfRequirements(), `extended: ${name}`, {}, async () => {
      mountBpfFileSystem();
      const object = join(scratch.path, 'steering.o');
      await compileBpf(`SEC("socket") int steer(struct __sk_buff *skb) { unsigned char byte = 0; ${body} }`, object);
      const descriptor = await openSteeringProgram(object);
      try {
        await withLab('tap', 1, async (lab) => {
          const program = { kind: 'ebpf', descriptor } as const;
          const [seen] = await sendTo(lab, traffic, [{ procs, mode: 'ebpf', program }]);
          if (seen === undefined) throw new Error('nothing seen');
          expect(accountErrors(traffic, seen)).toEqual([]);
          expect(membersInOrder(traffic, seen)).toEqual(expected);
        });
      } finally {
        closeSync(descriptor);
      }
    });

  const DESTINATION_PORT_LOW = 23;
  const SENT: readonly (readonly [string, number])[] = [
    ['offset 0 is the link header', ETHERNET + DESTINATION_PORT_LOW],
    ['SKF_NET_OFF is the network header, as for received ones', SKF_NET_OFF + DESTINATION_PORT_LOW],
  ];
  test.each(SENT)('for packets that this host sends, %s', async (_, offset) => {
    await withLab('veth', 1, async (lab) => {
      execFileSync('ip', ['address', 'add', '192.0.2.1/24', 'dev', lab.interface]);
      const program = cbpf(CBPF.loadByte(offset), CBPF.returnA);
      const group = await startGroup({ interface: lab.interface, procs: 5, mode: 'cbpf', program });
      try {
        const ports = numbers(40, (i) => 9000 + i);
        await sendDatagrams('192.0.2.9', ports);
        const { flows, members } = await group.finish(ports.length);
        expect(members.reduce((sum, { outgoing }) => sum + outgoing, 0)).toBe(ports.length);
        const observed = flows.map(({ flow, observations }) => [flow.dport, observations.map(({ member }) => member)]);
        expect(observed).toEqual(ports.map((port) => [port, [(port & 0xff) % 5]]));
      } finally {
        await group.close();
      }
    });
  });
});

async function sendDatagrams(address: string, ports: readonly number[]): Promise<void> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(40_000, resolve));
  for (const port of ports)
    await new Promise<void>((resolve, reject) => socket.send('x', port, address, (error) => (error === null ? resolve() : reject(error))));
  socket.close();
}
