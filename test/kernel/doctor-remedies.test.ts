/** Every command that doctor advises is one that its program takes: ethtool, ip and sysctl are asked, in a network namespace of their own. */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { sayNic } from '../../src/collector/words/doctor.ts';
import { FANOUT_MODE_NAMES } from '../../src/model/fanout.ts';
import { examine } from '../../src/nic/examine.ts';
import type { NicFacts } from '../../src/nic/facts.ts';
import { hashedBy, NICS, nic, rssOf, SYMMETRIC, sampled, symmetricNic, told } from '../helpers/nics.ts';
import { program, testWith } from '../helpers/requirements.ts';

const row = { cpu: 1, dropped: 0, squeezed: 0, rps: 0, flowLimited: 0 };
const offloads = ['generic-receive-offload', 'large-receive-offload', 'rx-gro-hw', 'rx-gro-list', 'rx-udp-gro-forwarding'];
/** What the drivers' own answers do not bring about. */
const OTHERS: readonly NicFacts[] = [
  symmetricNic({
    steeringRules: told(2),
    threadedNapi: told(true),
    rfsEntries: told(32768),
    rps: told([0, 1, 2, 3].map((queue) => ({ queue, rpsCpus: [], flowCount: 4096 }))),
    features: told(Object.fromEntries(offloads.map((name) => [name, true]))),
    irqs: told([0, 1, 2, 3].map((queue) => ({ irq: 60 + queue, name: `eth0-TxRx-${queue}`, cpus: [0] }))),
    losses: told({ before: { rx_missed_errors: 1 }, after: { rx_missed_errors: 2 }, ms: 1000 }),
    softnet: told({ before: [row], after: [{ ...row, dropped: 4 }], ms: 1000 }),
    link: told({ isUp: true, hasCarrier: true, mtu: 1500, promiscuity: 0, isLoopback: false }),
    rings: told({ rx: 256, rxMost: 8192 }),
  }),
  nic({
    rss: rssOf({ key: SYMMETRIC, table: [0, 1, 3] }),
    link: told({ isUp: false, hasCarrier: false, mtu: 1500, promiscuity: 0, isLoopback: false }),
  }),
  nic({ rss: rssOf({ hashFunction: 'xor' }), hashFields: hashedBy('sdf') }),
  nic({ hashFields: hashedBy('s'), rss: rssOf({ key: null }) }),
  nic({ queues: told({ used: 1, most: 8 }) }),
  nic({ queues: told({ used: 1, most: 1 }), rps: told([{ queue: 0, rpsCpus: [0, 1], flowCount: 0 }]), rss: rssOf() }),
];

const remedies = new Set(
  [...Object.values(NICS), ...OTHERS].flatMap((facts) =>
    FANOUT_MODE_NAMES.flatMap((mode) =>
      [2, 8].flatMap((procs) =>
        examine(facts, { mode, flags: [], procs }, sampled(facts)).findings.flatMap((finding) => {
          const { message, remedy } = sayNic(finding, 'lo');
          const quoted = [...message.matchAll(/"((?:ethtool|ip|sysctl) [^"]*)"/g)].map(([, line = '']) => line.replace('NUMBER', '1'));
          return [...(remedy?.split(' && ') ?? []), ...quoted];
        }),
      ),
    ),
  ),
);
const lines = [...remedies].sort();
const by = (name: string) => lines.filter((line) => line.startsWith(`${name} `));

/** Words of ethtool -X that came with Linux 6.8 and 6.15, and with ethtool 6.9 and one of 2025: an older one is not asked about them. */
const NEWER_WORDS = ['symmetric-xor', 'symmetric-or-xor'];
const newerWordIn = (line: string) => NEWER_WORDS.find((word) => line.endsWith(` xfrm ${word}`));

const isolated = (line: string) => spawnSync('unshare', ['--net', ...line.split(' ')], { encoding: 'utf8' });
const textOf = ({ stdout, stderr }: ReturnType<typeof isolated>) => `${stdout}${stderr}`;

test('there are remedies of every kind', () => {
  for (const word of [' hkey ', ' hfunc xor', ' xfrm ', ' rx-flow-hash ', ' rxhash off', ' combined ', ' ntuple on', 'flow-director-atr'])
    expect(lines.filter((line) => line.includes(word)).length, word).toBeGreaterThan(0);
  expect(lines.filter((line) => !/^(?:ethtool|ip|sysctl|systemctl|echo) /.test(line))).toEqual([]);
});

testWith([program('ethtool')], `ethtool takes all of its ${by('ethtool').length} lines`, { timeout: 60_000 }, () => {
  const help = textOf(isolated('ethtool --help'));
  const asked = by('ethtool').filter((line) => {
    const word = newerWordIn(line);
    return word === undefined || help.includes(word);
  });
  expect(asked.length).toBeGreaterThan(10);
  const refused = asked.filter((line) => /bad command line|bit name not found|unrecognized|invalid|unknown/i.test(textOf(isolated(line))));
  expect(refused).toEqual([]);
});

testWith([program('ethtool')], 'a line that ethtool does not take would be noticed', { timeout: 60_000 }, () => {
  for (const line of ['ethtool -X lo hkey', 'ethtool -X lo equal', 'ethtool -K lo nonsense off', 'ethtool -N lo rx-flow-hash udp5 sd'])
    expect(textOf(isolated(line)), line).toMatch(/bad command line|bit name not found/);
});

testWith([program('ip', 'iproute2')], 'ip takes its own, and sysctl settings that there are', { timeout: 60_000 }, () => {
  for (const line of by('ip')) expect(isolated(line).status, line).toBe(0);
  // Settings of the whole host, which a network namespace of its own does not show: Documentation/admin-guide/sysctl/net.rst names them.
  for (const line of by('sysctl'))
    expect(line).toMatch(/^sysctl -w net\.core\.(?:netdev_max_backlog|rps_sock_flow_entries|netdev_budget)=\d+$/);
});

test('what is written to files is written to such as Linux has', () => {
  const written = by('echo');
  expect(written.length).toBeGreaterThan(0);
  for (const line of written)
    expect(line).toMatch(
      /^echo [\da-f,]+ > (?:\/proc\/irq\/\d+\/smp_affinity_list|\/sys\/class\/net\/lo\/(?:threaded|queues\/rx-0\/rps_cpus))$/,
    );
});
