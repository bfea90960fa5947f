/** `--like`: a shadow of a group that runs. It is on the members of the same number, in the same namespace, and takes nothing away. */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { RunResult } from '../../src/model/run-result.ts';
import { readTag } from '../../src/traffic/tag.ts';
import { generateTraffic } from '../../src/traffic/traffic.ts';
import { withForeignReader } from '../helpers/foreign-reader.ts';
import { assertPrivateNamespace, CAPTURE, ip, makePair, removePair, SENDER, sendFrames } from '../helpers/network.ts';
import { FLAG, MODE, type ReaderSocket, withReader } from '../helpers/packet-readers.ts';
import { readPcap } from '../helpers/pcap.ts';
import { temporaryDirectory } from '../helpers/programs.ts';
import { program, root, testWith } from '../helpers/requirements.ts';
import { end, serveCommand } from '../helpers/serve.ts';
import { run, start } from '../helpers/tool.ts';

beforeAll(() => {
  assertPrivateNamespace();
  ip('link', 'set', 'lo', 'up');
});
afterEach(removePair);

const traffic = generateTraffic({ seed: 5, flows: 300, packetsPerFlow: 4, classes: ['ipv4-tcp', 'ipv4-udp', 'ipv6-tcp', 'ipv6-udp'] });
const PACKETS = 1200;

/** What passes once, seen by the shadow. */
async function shadowing(args: readonly string[]): Promise<RunResult & { readonly status: number | null }> {
  const running = start([...args, '--json', '-', '--max-packets', String(PACKETS), '--duration', '15s', '--status-interval', '100ms']);
  await running.said(/capturing/);
  const sending = sendFrames(traffic, { rounds: 1, packetsPerSecond: 5000 });
  await sending.report;
  const { status, stdout, stderr } = await running.ended;
  if (stdout === '') throw new Error(stderr);
  return { ...(JSON.parse(stdout) as RunResult), status };
}

/** The number of its flow. */
function tagIn(frame: Uint8Array): number | undefined {
  return readTag(frame, Buffer.from(frame).indexOf('FCLT'))?.flow;
}

const codes = ({ deployment }: RunResult) => deployment?.remarks.map(({ code }) => code);

describe('a group of another program', () => {
  test('mode hash: as many flows on each member as the shadow has on its own', async () => {
    makePair();
    await withForeignReader({ interface: CAPTURE, id: 77, mode: 'hash', members: 5, comm: 'zeek' }, async ({ membersByFlow }) => {
      const result = await shadowing(['--like', '77']);
      expect([result.status, result.group.mode, result.group.procs, result.source.interface]).toEqual([0, 'hash', 5, CAPTURE]);
      expect(result.group.id).not.toBe(77);
      const counts = [0, 0, 0, 0, 0];
      for (const members of (await membersByFlow(PACKETS)).values())
        for (const member of members) counts[member] = (counts[member] ?? 0) + 1;
      expect(result.members.map(({ flows }) => flows)).toEqual(counts);
      expect(result.deployment).toMatchObject({
        files: [],
        program: 'zeek',
        interface: CAPTURE,
        id: 77,
        running: { owners: [{ comm: 'zeek' }] },
      });
      expect(result.deployment?.settings).toContainEqual({ option: '--procs', value: '5', from: 'group' });
      expect(codes(result)).toEqual(expect.arrayContaining(['own-group-id', 'index-unknown']));
    });
  });

  testWith(
    [root(), program('netsniff-ng')],
    'netsniff-ng: three processes in one group, and as many flows on each as in the shadow',
    {},
    async () => {
      makePair();
      const scratch = temporaryDirectory();
      const pcapOf = (process: number): string => join(scratch.path, `${process}.pcap`);
      const command = (process: number) => [
        'netsniff-ng',
        '--in',
        CAPTURE,
        '--out',
        pcapOf(process),
        '-s',
        '-C',
        '99',
        '-K',
        'hash',
        '-S',
        '4MiB',
      ];
      const all: ChildProcess[] = [];
      try {
        for (const process of [0, 1, 2]) all.push(await serveCommand(command(process), /Running/));
        const result = await shadowing(['--like', '99']);
        expect([result.status, result.group.mode, result.group.procs]).toEqual([0, 'hash', 3]);
        expect(result.deployment?.program).toBe('netsniff-ng');
        // It hands a block on when its time is up.
        await pause(500);
        await Promise.all(all.splice(0).map(end));
        const theirs = [0, 1, 2].map((process) => new Set(readPcap(pcapOf(process)).map((frame) => tagIn(frame))).size);
        const ours = result.members.map(({ flows }) => flows);
        // What is in its ring when it is ended it does not write.
        for (const [member, flows] of theirs.entries()) {
          expect(flows).toBeLessThanOrEqual(ours[member] ?? 0);
          expect(flows).toBeGreaterThan(0.9 * (ours[member] ?? 0));
        }
      } finally {
        await Promise.all(all.map(end));
        scratch.remove();
      }
    },
  );

  test('its filter is copied as it is, its DEFRAG is not', async () => {
    makePair();
    const member: ReaderSocket = { device: CAPTURE, group: 12, mode: MODE.hash, flags: FLAG.defrag, ring: 3, filter: 3 };
    await withReader({ comm: 'zeek', sockets: [member, member] }, async () => {
      const result = await shadowing(['--like', '12']);
      expect([result.status, result.group.flags, result.packets.judged]).toEqual([0, [], PACKETS]);
      expect(codes(result)).toContain('without-defrag');
      expect(codes(result)).not.toContain('filter-not-copied');
      expect(result.deployment?.settings).toContainEqual({ option: '--ring-size', value: '256K', from: 'group' });
    });
  });

  test('rollover is copied; what is typed outranks it', async () => {
    makePair();
    const member: ReaderSocket = { device: CAPTURE, group: 13, mode: MODE.hash, flags: FLAG.rollover, ring: 3 };
    await withReader({ comm: 'zeek', sockets: [member, member, member] }, async () => {
      const result = await shadowing(['--like', '13', '--procs', '2']);
      expect([result.group.flags, result.group.procs]).toEqual([['rollover'], 2]);
      expect(result.deployment?.settings).toContainEqual({ option: '--procs', value: '2', from: 'command line', instead: '3' });
    });
  });
});

describe('refused, with what would do', () => {
  const refused = async (...args: readonly string[]) => {
    const { status, stderr } = await run(args);
    return [status, stderr] as const;
  };

  test('no such group, none at all, and what is no id', async () => {
    makePair();
    expect(await refused('--like', '5')).toEqual([4, expect.stringMatching(/there is no fanout group 5/)]);
    expect(await refused('--like', 'five')).toEqual([2, expect.stringMatching(/--like: "five" is not the id/)]);
    expect(await refused('--like', '70000')).toEqual([2, expect.stringMatching(/--like/)]);
    expect(await refused('--like', '5', '--from', '/etc/passwd')).toEqual([2, expect.stringMatching(/two deployments/)]);
    await withForeignReader({ interface: CAPTURE, id: 8, mode: 'hash', members: 2 }, async () => {
      expect(await refused('--like', '5')).toEqual([4, expect.stringMatching(/name one of these: 8@/)]);
    });
  });

  test('mode ebpf, whose program nobody can read', async () => {
    makePair();
    await withForeignReader({ interface: CAPTURE, id: 9, mode: 'ebpf', members: 2 }, async () => {
      expect(await refused('--like', '9')).toEqual([2, expect.stringMatching(/mode ebpf, and the kernel tells nobody which program/)]);
    });
  });

  test('a group on all interfaces, unless one is named', async () => {
    makePair();
    const member: ReaderSocket = { device: '', group: 14, mode: MODE.hash };
    await withReader({ comm: 'zeek', sockets: [member, member] }, async () => {
      expect(await refused('--like', '14')).toEqual([2, expect.stringMatching(/reads all interfaces/)]);
      const result = await shadowing(['--like', '14', '-i', CAPTURE]);
      expect([result.status, result.source.interface]).toEqual([0, CAPTURE]);
    });
  });
});

describe('in another network namespace', () => {
  const NETNS = 'like-test';
  const inside = (...args: readonly string[]): string => execFileSync('ip', ['netns', 'exec', NETNS, ...args], { encoding: 'utf8' });

  testWith([root()], 'the shadow goes where the group is; one id in two namespaces has to be told apart', {}, async () => {
    ip('netns', 'add', NETNS);
    try {
      makePair();
      ip('link', 'set', CAPTURE, 'netns', NETNS);
      inside('ip', 'link', 'set', 'dev', CAPTURE, 'addrgenmode', 'none', 'arp', 'off', 'up');
      const member: ReaderSocket = { device: CAPTURE, group: 31, mode: MODE.hash, ring: 3 };
      await withReader({ comm: 'zeek', sockets: [member, member], by: ['ip', 'netns', 'exec', NETNS] }, async () => {
        const result = await shadowing(['--like', '31']);
        expect([result.status, result.source.interface, result.group.procs]).toEqual([0, CAPTURE, 2]);
        expect(result.deployment?.running?.namespace).toBe(NETNS);
        const named = await shadowing(['--like', `31@${NETNS}`]);
        expect([named.status, named.packets.judged]).toEqual([0, PACKETS]);
        await withReader({ comm: 'zeek', sockets: [{ ...member, device: SENDER }] }, async () => {
          const { status, stderr } = await run(['--like', '31']);
          expect([status, stderr]).toEqual([2, expect.stringMatching(/group 31 in 2 network namespaces/)]);
        });
      });
    } finally {
      ip('netns', 'delete', NETNS);
    }
  });
});
