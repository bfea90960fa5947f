/** Real programs across a cable, judged live; and a second implementation of a fanout group, which must agree with ours. */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { readTag } from '../../src/traffic/tag.ts';
import { generateTraffic } from '../../src/traffic/traffic.ts';
import { type CliRun, runCliDuring } from '../helpers/cli.ts';
import { HERE, HERE6, type Hosts, withHosts } from '../helpers/hosts.ts';
import { membersInOrder, onePacketPerDirection, packetsOf, refuseHostNamespace, sendTo, withLab } from '../helpers/lab.ts';
import { readPcap, writePcap } from '../helpers/pcap.ts';
import { temporaryDirectory } from '../helpers/programs.ts';
import { program, root, testWith } from '../helpers/requirements.ts';
import { end, serveCommand } from '../helpers/serve.ts';

const scratch = temporaryDirectory();
beforeAll(refuseHostNamespace);
afterAll(() => scratch.remove());

const PROCS = 6;

/** What passes on the cable while the peer runs `script`. */
function judge(hosts: Hosts, script: string): Promise<CliRun> {
  return runCliDuring(['-i', hosts.interface, '-n', String(PROCS), '-m', 'hash'], () => hosts.onPeer(script));
}

/** YES, with at least so many two-way flows of this protocol on several members and none on two. */
function expectYes({ status, report }: CliRun, proto: RegExp, flows: number): void {
  expect([status, report.verdict.answer, report.violations]).toEqual([0, 'yes', []]);
  const stacks = report.stacks.filter(({ stack }) => proto.test(stack));
  expect(stacks.reduce((sum, { twoWay }) => sum + twoWay, 0)).toBeGreaterThanOrEqual(flows);
  expect(Math.max(...stacks.map(({ membersUsed }) => membersUsed))).toBeGreaterThan(2);
}

describe('judged live: YES for', () => {
  const needs = (...programs: Parameters<typeof program>[]) => [root(), ...programs.map((args) => program(...args))];

  for (const [address, stack] of [
    [HERE, /^ipv4\/tcp$/],
    [HERE6, /^ipv6\/tcp$/],
  ] as const)
    testWith(needs(['iperf3']), `iperf3, 32 TCP streams to ${address}`, {}, async () => {
      await withHosts(async (hosts) => {
        await hosts.serve(['iperf3', '-s', '--forceflush'], /Server listening/);
        expectYes(await judge(hosts, `iperf3 -c ${address} -P 32 -t 1 -b 2M`), stack, 33);
      });
    });

  testWith(needs(['iperf3']), 'iperf3, 32 UDP streams', {}, async () => {
    await withHosts(async (hosts) => {
      await hosts.serve(['iperf3', '-s', '--forceflush'], /Server listening/);
      expectYes(await judge(hosts, `iperf3 -u -c ${HERE} -P 32 -t 1 -b 1M`), /^ipv4\/udp$/, 32);
    });
  });

  testWith(needs(['curl'], ['python3']), 'curl and an HTTP server, 40 connections', {}, async () => {
    await withHosts(async (hosts) => {
      await hosts.serve(['python3', '-u', '-m', 'http.server', '8000', '--bind', HERE, '--directory', scratch.path], /Serving HTTP/);
      expectYes(await judge(hosts, `curl -sS -H 'Connection: close' -o /dev/null "http://${HERE}:8000/?[1-40]"`), /^ipv4\/tcp$/, 40);
    });
  });

  testWith(needs(['ping', 'iputils-ping']), 'ping, 30 hosts', {}, async () => {
    await withHosts(async (hosts) => {
      const pings = `for i in $(seq 100 129); do ping -q -c 3 -i 0.01 10.77.0.$i & done; wait`;
      expectYes(await judge(hosts, pings), /^ipv4\/icmp$/, 30);
    });
  });

  testWith(needs(['dig', 'dnsutils'], ['dnsmasq', 'dnsmasq-base']), 'dig and dnsmasq, 40 queries', {}, async () => {
    await withHosts(async (hosts) => {
      const quiet = ['--keep-in-foreground', '--log-facility=-', '--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--pid-file='];
      const service = ['--bind-interfaces', `--listen-address=${HERE}`, '--port=5353', '--address=/test/192.0.2.1', '--user=root'];
      await hosts.serve(['dnsmasq', ...quiet, ...service], /started/);
      const queries = `for i in $(seq 40); do dig @${HERE} -p 5353 +short +tries=1 host$i.test; done`;
      expectYes(await judge(hosts, queries), /^ipv4\/udp$/, 38);
    });
  });

  testWith(needs(['tcpreplay']), 'a capture of all classes that tcpreplay sends from the other end', {}, async () => {
    const traffic = generateTraffic({ seed: 51, flows: 460, packetsPerFlow: 6 });
    const file = join(scratch.path, 'classes.pcap');
    writePcap(
      file,
      packetsOf(traffic).map(({ frame }) => frame),
    );
    await withHosts(async (hosts) => {
      const run = await judge(hosts, `tcpreplay -q --pps=20000 -i ${hosts.peerInterface} ${file}`);
      expectYes(run, /tcp/, 100);
      expect(run.report.flows.twoWay).toBeGreaterThanOrEqual(460);
      expect(run.report.packets).toMatchObject({ dropped: 0, overflowed: 0 });
    });
  });
});

describe('netsniff-ng', () => {
  const procs = 4;

  async function join4(interfaceName: string): Promise<readonly ChildProcess[]> {
    const sniffers: ChildProcess[] = [];
    // One after the other: member i is the i-th to join.
    for (let i = 0; i < procs; i += 1) {
      const group = ['--fanout-group', '33', '--fanout-type', 'hash'];
      const args = ['--in', interfaceName, '--out', pcapOf(i), '--silent', '--ring-size', '4MiB', ...group];
      sniffers.push(await serveCommand(['netsniff-ng', ...args], /Running!/));
    }
    return sniffers;
  }

  const pcapOf = (i: number) => join(scratch.path, `member${i}.pcap`);

  testWith([root(), program('netsniff-ng')], 'with as many members gets the same packets on each as this program', {}, async () => {
    const traffic = onePacketPerDirection({ seed: 52, flows: 460 });
    await withLab('veth', 1, async (lab) => {
      const sniffers = await join4(lab.interface);
      let members: readonly number[];
      try {
        const [seen] = await sendTo(lab, traffic, [{ procs, mode: 'hash' }], { packetsPerSecond: 20_000 });
        if (seen === undefined) throw new Error('nothing seen');
        members = membersInOrder(traffic, seen);
      } finally {
        await Promise.all(sniffers.map(end));
      }
      const theirs = new Map<string, number>();
      for (let member = 0; member < procs; member += 1)
        for (const frame of readPcap(pcapOf(member))) {
          const tag = readTag(frame, Buffer.from(frame).indexOf('FCLT'));
          theirs.set(`${tag?.flow} ${tag?.direction}`, member);
        }
      // What is in its ring when it is ended it does not write.
      expect(theirs.size).toBeGreaterThan(0.9 * traffic.tags.length);
      const keys = packetsOf(traffic).map(({ flow, direction }) => `${flow.id} ${direction}`);
      expect(new Map(keys.map((key, i) => [key, theirs.has(key) ? members[i] : undefined]))).toEqual(
        new Map(keys.map((key) => [key, theirs.get(key)])),
      );
      expect(new Set(members).size).toBe(procs);
    });
  });
});
