/** Devices without Ethernet: TUN devices of several link types, through which packets and connections really pass. */
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:net';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import type { ObservedFlow } from '../../src/addon/flow-map.ts';
import { TRAFFIC_CLASSES } from '../../src/traffic/classes.ts';
import { generateTraffic } from '../../src/traffic/traffic.ts';
import { type CliRun, runCliDuring } from '../helpers/cli.ts';
import { startGroup } from '../helpers/group.ts';
import { HERE, type Hosts, withHosts } from '../helpers/hosts.ts';
import { refuseHostNamespace } from '../helpers/lab.ts';
import { ip } from '../helpers/network.ts';
import { temporaryDirectory } from '../helpers/programs.ts';
import { program, root, testWith } from '../helpers/requirements.ts';
import { framesOf } from '../helpers/traffic.ts';
import { buildTunnel, FAR_END, LINK_TYPE, sendInto, sendSeen, TUNNEL, withoutEthernet } from '../helpers/tunnel.ts';

const PROCS = 16;
const needs = [root()];
const scratch = temporaryDirectory();
let withTunnel: ReturnType<typeof buildTunnel>;

beforeAll(() => {
  refuseHostNamespace();
  withTunnel = buildTunnel(scratch.path);
});
afterAll(() => scratch.remove());

const CLASSES = TRAFFIC_CLASSES.filter(({ flow }) => flow !== undefined).map(({ name }) => name);
const ofAllClasses = withoutEthernet(
  framesOf(generateTraffic({ seed: 71, flows: 4 * CLASSES.length, packetsPerFlow: 4, classes: CLASSES })).filter(
    ({ length }) => length <= 1500,
  ),
);
const tcp = withoutEthernet(framesOf(generateTraffic({ seed: 72, flows: 150, packetsPerFlow: 8, classes: ['ipv4-tcp', 'ipv6-tcp'] })));

async function seenAt(device: string, send: () => Promise<void>): Promise<readonly ObservedFlow[]> {
  const group = await startGroup({ interface: device, procs: PROCS, mode: 'hash' });
  try {
    await send();
    return (await group.finish(ofAllClasses.length)).flows;
  } finally {
    await group.close();
  }
}

/** Members of each kernel key. */
function membersByKey(flows: readonly ObservedFlow[]): ReadonlyMap<string, ReadonlySet<number>> {
  const members = new Map<string, Set<number>>();
  for (const { observations } of flows)
    for (const { kernelKey, member } of observations) members.set(kernelKey, (members.get(kernelKey) ?? new Set()).add(member));
  return members;
}

describe('packets of all classes have the member of their kernel key', () => {
  for (const [what, send] of [
    ['where they are received', () => sendInto(ofAllClasses)],
    ['where they are sent', () => sendSeen(TUNNEL, ofAllClasses)],
  ] as const)
    testWith([...needs, program('python3')], what, { timeout: 180_000 }, () =>
      withTunnel(LINK_TYPE.none, async () => {
        const keys = [...membersByKey(await seenAt(TUNNEL, send)).values()];
        expect(keys.filter((members) => members.size > 1)).toEqual([]);
        expect(keys.length).toBeGreaterThan(CLASSES.length);
        expect(new Set(keys.flatMap((members) => [...members])).size).toBe(PROCS);
        // Keys that differ meet by chance alone.
        const alone = keys.map((members) => [...members][0]);
        const pairs = alone.flatMap((x, i) => alone.slice(i + 1).map((y) => x === y));
        const expected = pairs.length / PROCS;
        expect(Math.abs(pairs.filter(Boolean).length - expected)).toBeLessThan(5 * Math.sqrt(expected) + pairs.length / 100 + 5);
      }),
    );
});

const judged = (args: readonly string[], device = TUNNEL) => runCliDuring(['-i', device, '-m', 'hash', ...args], () => sendInto(tcp));

describe('the verdict', () => {
  for (const [name, type] of Object.entries(LINK_TYPE).filter(
    ([, type]) => ![LINK_TYPE.ether, LINK_TYPE.can, LINK_TYPE.radiotap].includes(type as 1),
  ))
    testWith(needs, `YES on a device of type ${name}`, { timeout: 180_000 }, () =>
      withTunnel(type, async () => {
        const { status, report } = await judged(['-n', '2']);
        expect([status, report.verdict.answer, report.packets.judged, report.packets.ignored]).toEqual([0, 'yes', tcp.length, {}]);
        expect(report.stacks.map(({ stack }) => stack).sort()).toEqual(['ipv4/tcp', 'ipv6/tcp']);
      }),
    );

  for (const procs of ['2', '8'])
    testWith(needs, `NO where packets are scattered over ${procs} members`, { timeout: 180_000 }, () =>
      withTunnel(LINK_TYPE.none, async () => {
        const { status, report } = await runCliDuring(['-i', TUNNEL, '-m', 'rnd', '-n', procs], () => sendInto(tcp));
        expect([status, report.verdict.answer]).toEqual([1, 'no']);
        expect(report.flows.split + report.flows.asymmetric).toBeGreaterThan(100);
      }),
    );

  testWith(needs, 'YES for real connections, of which each direction is sent or received', { timeout: 180_000 }, () =>
    withHosts((hosts) =>
      withTunnel(LINK_TYPE.none, async () => {
        const run = await runCliDuring(['-i', TUNNEL, '-m', 'hash', '-n', '8'], () => connections(120, hosts));
        expectConnections(run, 120);
      }),
    ),
  );
});

/** Connections from another network namespace to a server at `address` here. */
async function connect(count: number, address: string, run: (script: string) => Promise<unknown>): Promise<void> {
  const server = createServer((socket) => socket.on('error', () => undefined).end('welcome'));
  try {
    await new Promise<void>((resolve) => server.listen(8000, address, resolve));
    const script = `const net = require("node:net"); let left = ${count};
      const next = () => { if (left-- > 0) net.connect(8000, "${address}").on("error", (e) => { throw e; }).on("close", next).resume(); };
      next();`;
    await run(`${process.execPath} -e '${script}'`);
  } finally {
    server.close();
  }
}

/** The far end of the tunnel moves to the other namespace. */
async function connections(count: number, { onPeer, moveToPeer }: Hosts): Promise<void> {
  moveToPeer(FAR_END);
  ip('address', 'add', '10.78.0.1', 'peer', '10.78.0.2', 'dev', TUNNEL);
  await onPeer(`ip address add 10.78.0.2 peer 10.78.0.1 dev ${FAR_END} && ip link set ${FAR_END} up`);
  await connect(count, '10.78.0.1', onPeer);
}

/** YES, and both directions of each were seen: one was received, the other sent. */
function expectConnections({ status, report }: CliRun, count: number): void {
  expect([status, report.verdict.answer, report.violations]).toEqual([0, 'yes', []]);
  expect(report.stacks.find(({ stack }) => stack === 'ipv4/tcp')?.twoWay).toBe(count);
  expect(report.packets.outgoing).toBeGreaterThan(count);
  expect(report.packets.captured - report.packets.outgoing).toBeGreaterThan(count);
}

describe('a tunnel that the kernel ends itself (VXLAN-GPE)', () => {
  const tunnel = (own: string, other: string, outer: string) =>
    [
      'ip link add vx0 type vxlan gpe external dstport 4790',
      'ip link set vx0 mtu 1400 addrgenmode none up',
      `ip address add ${own}/32 dev vx0`,
      `ip route add ${other}/32 encap ip id 5 dst ${outer} dev vx0`,
    ].join(' && ');

  testWith(needs, 'YES for the connections inside', { timeout: 180_000 }, () =>
    withHosts(async ({ onPeer }) => {
      execFileSync('sh', ['-c', tunnel('10.79.0.1', '10.79.0.2', '10.77.0.2')]);
      try {
        await onPeer(tunnel('10.79.0.2', '10.79.0.1', HERE));
        const run = await runCliDuring(['-i', 'vx0', '-m', 'hash', '-n', '8'], () => connect(120, '10.79.0.1', onPeer));
        expectConnections(run, 120);
      } finally {
        ip('link', 'delete', 'vx0');
      }
    }),
  );
});

describe('--filter', () => {
  for (const [type, expression] of [
    [LINK_TYPE.none, 'tcp and ip6'],
    [LINK_TYPE.ppp, 'tcp and ip6'],
    [LINK_TYPE.none, 'inbound and ip6'],
  ] as const)
    testWith(needs, `${expression} on type ${type}: what passes is what it says`, { timeout: 180_000 }, () =>
      withTunnel(type, async () => {
        const { report } = await judged(['-n', '2', '--filter', expression]);
        expect(report.stacks.map(({ stack }) => stack)).toEqual(['ipv6/tcp']);
        expect(report.packets.judged).toBe(tcp.filter(([first = 0]) => first >> 4 === 6).length);
      }),
    );

  testWith(needs, 'of ports, by which no more than one flow passes', { timeout: 180_000 }, () =>
    withTunnel(LINK_TYPE.none, async () => {
      const first = tcp.find(([octet = 0]) => octet === 0x45) ?? new Uint8Array();
      const port = Buffer.from(first).readUInt16BE(20);
      const { report } = await judged(['-n', '2', '--filter', `ip and tcp port ${port} and host ${first.subarray(12, 16).join('.')}`]);
      expect(report.flows.total).toBeGreaterThanOrEqual(1);
      expect(report.flows.total).toBeLessThan(20);
    }),
  );

  testWith(needs, 'that asks for Ethernet is refused', { timeout: 180_000 }, () =>
    withTunnel(LINK_TYPE.none, async () => {
      await expect(judged(['-n', '2', '--filter', 'ether host 02:00:00:00:00:01'])).rejects.toThrow(/BAD_FILTER.*ether/s);
    }),
  );
});

describe('devices on which no flow can be read', () => {
  for (const [type, message] of [
    [LINK_TYPE.radiotap, /INTERFACE_UNSUITABLE: interface tun0 has link type 803 \(ARPHRD_IEEE80211_RADIOTAP\)/],
    [LINK_TYPE.can, /INTERFACE_UNSUITABLE: interface tun0 has link type 280 \(ARPHRD_CAN\)/],
    [9999, /INTERFACE_UNSUITABLE: interface tun0 has link type 9999 \(see ARPHRD_\* in linux\/if_arp.h\)/],
  ] as const)
    testWith(needs, `type ${type} is named`, {}, () =>
      withTunnel(type, async () => {
        await expect(judged(['-n', '2'])).rejects.toThrow(message);
      }),
    );
});
