/** What this kernel says of interfaces that are made here: veth, TAP, bridge, macvlan and loopback. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { ROOTS } from '../../src/host/nic/told.ts';
import { readNicFacts } from '../../src/host/nic-facts.ts';
import type { Fact, NicFacts } from '../../src/nic/facts.ts';
import { loadLabAddon } from '../helpers/addon.ts';
import { startGroup } from '../helpers/group.ts';
import { refuseHostNamespace } from '../helpers/lab.ts';
import { ip } from '../helpers/network.ts';
import { temporaryDirectory } from '../helpers/programs.ts';
import { program, type Requirement, root, testWith } from '../helpers/requirements.ts';

const QUEUES = 4;
const addon = loadLabAddon();
const scratch = temporaryDirectory();
// The /sys of the tests shows the interfaces of the host.
const sys = join(scratch.path, 'sys');
const needs = [root(), ownMounts(), program('ethtool'), program('tc', 'iproute2')];
const canMake = needs.every((need) => need === undefined);

function ownMounts(): Requirement | undefined {
  if (process.env['FANOUT_TEST_MOUNTS'] === 'own') return undefined;
  return { reason: 'mounts of the host would be touched', remedy: 'run it with `node scripts/test.mjs kernel`' };
}

beforeAll(() => {
  if (!canMake) return;
  refuseHostNamespace();
  mkdirSync(sys);
  execFileSync('mount', ['-t', 'sysfs', 'sysfs', sys]);
  ip('link', 'add', 'facts0', 'numrxqueues', `${QUEUES}`, 'numtxqueues', `${QUEUES}`, 'type', 'veth', 'peer', 'name', 'facts1');
  ip('link', 'add', 'factsbr', 'type', 'bridge');
  ip('link', 'set', 'facts1', 'master', 'factsbr');
  ip('link', 'add', 'factsmv', 'link', 'facts0', 'type', 'macvlan');
  for (const name of ['facts0', 'facts1']) ip('link', 'set', 'dev', name, 'addrgenmode', 'none', 'arp', 'off', 'up');
});

afterAll(() => {
  if (canMake) {
    for (const name of ['facts0', 'factsbr']) ip('link', 'delete', name);
    execFileSync('umount', [sys]);
  }
  scratch.remove();
});

const facts = (name: string): Promise<NicFacts> => readNicFacts(name, { waitMs: 20, roots: { ...ROOTS, sys } });

function said<T>(fact: Fact<T>): T {
  if ('value' in fact) return fact.value;
  throw new Error(`${fact.where}: ${fact.why}`);
}

const why = (fact: Fact<unknown>): string | undefined => ('why' in fact ? fact.why : undefined);

describe('veth', () => {
  testWith(needs, 'its kind, state, queues and neighbours', {}, async () => {
    const { driver, kind, link, queues, uppers, lowers, master, xdp, bond } = await facts('facts0');
    expect(said(driver).name).toBe('veth');
    expect(said(kind)).toBe('veth');
    expect(said(link)).toEqual({ isUp: true, hasCarrier: true, mtu: 1500, promiscuity: 0, isLoopback: false });
    expect(said(queues)).toEqual({ used: QUEUES, most: QUEUES });
    expect([said(uppers), said(lowers), said(master), said(xdp), said(bond)]).toEqual([['factsmv'], [], null, null, null]);
  });

  testWith(needs, 'what no driver of it tells', {}, async () => {
    const { rss, hashFields, steeringRules, irqs, numaNode } = await facts('facts0');
    const untold = [rss, ...Object.values(hashFields), steeringRules, irqs, numaNode].map(why);
    expect(untold).toEqual([...Array.from({ length: 6 }, () => 'Operation not supported'), ...Array.from({ length: 2 }, () => VIRTUAL)]);
  });
  const VIRTUAL = 'it has no device of its own: it is virtual';

  testWith(needs, 'fewer queues, and where their packets go', {}, async () => {
    execFileSync('ethtool', ['-L', 'facts0', 'rx', '2']);
    writeFileSync(join(sys, 'class/net/facts0/queues/rx-1/rps_cpus'), '1');
    try {
      const { queues, rps } = await facts('facts0');
      expect(said(queues)).toEqual({ used: 2, most: QUEUES });
      expect(said(rps)).toEqual([
        { queue: 0, rpsCpus: [], flowCount: 0 },
        { queue: 1, rpsCpus: [0], flowCount: 0 },
      ]);
    } finally {
      writeFileSync(join(sys, 'class/net/facts0/queues/rx-1/rps_cpus'), '0');
      execFileSync('ethtool', ['-L', 'facts0', 'rx', `${QUEUES}`]);
    }
  });

  testWith(needs, 'features, threads and ingress disciplines as they are set', {}, async () => {
    const setGro = (gro: 'on' | 'off') => execFileSync('ethtool', ['-K', 'facts0', 'gro', gro]);
    const setThreaded = (threaded: '0' | '1') => writeFileSync(join(sys, 'class/net/facts0/threaded'), threaded);
    const now = async () => {
      const { features, threadedNapi } = await facts('facts0');
      return [said(features)['generic-receive-offload'], said(threadedNapi)];
    };
    // Without GRO it has no NAPI that could be in a thread (veth_set_features()).
    setGro('on');
    setThreaded('1');
    expect(await now()).toEqual([true, true]);
    setThreaded('0');
    setGro('off');
    expect(await now()).toEqual([false, false]);
    expect(said((await facts('facts0')).ingress)).toEqual([]);
    execFileSync('tc', ['qdisc', 'add', 'dev', 'facts0', 'clsact']);
    expect(said((await facts('facts0')).ingress)).toEqual(['clsact']);
    expect(said((await facts('facts1')).ingress)).toEqual([]);
    execFileSync('tc', ['qdisc', 'delete', 'dev', 'facts0', 'clsact']);
  });

  testWith(needs, 'all features as ethtool shows them', {}, async () => {
    const shown = execFileSync('ethtool', ['-k', 'facts0'], { encoding: 'utf8' });
    const features = said((await facts('facts0')).features);
    const differing = [...shown.matchAll(/^\t?([\w-]+): (on|off)/gm)].filter(
      ([, name = '', state]) => features[name] !== undefined && features[name] !== (state === 'on'),
    );
    expect(differing).toEqual([]);
    expect(features['receive-hashing'], 'the one that decides whose hash RPS goes by').toBeTypeOf('boolean');
    expect(shown).toContain('receive-hashing');
  });

  testWith(needs, 'losses and the work of CPUs, twice', {}, async () => {
    const { losses, softnet } = await facts('facts0');
    const { before, after, ms } = said(losses);
    expect(Object.keys(after)).toEqual(Object.keys(before));
    expect(after).toMatchObject({ rx_dropped: 0, rx_missed_errors: 0, rx_queue_0_drops: 0 });
    expect(Object.keys(after).filter((name) => /xdp|tx|packets/.test(name))).toEqual([]);
    expect(ms).toBeGreaterThanOrEqual(19);
    expect(said(softnet).before.length).toBe(said(softnet).after.length);
    expect(said(softnet).before.length).toBeGreaterThan(0);
  });
});

testWith(needs, 'a bridge and its member', {}, async () => {
  const [bridge, member] = [await facts('factsbr'), await facts('facts1')];
  expect([said(bridge.kind), said(bridge.lowers), said(bridge.master)]).toEqual(['bridge', ['facts1'], null]);
  expect([said(member.master), said(member.uppers), said(member.bond)]).toEqual(['factsbr', ['factsbr'], null]);
  // The bridge wants all that its members receive.
  expect(said(member.link).promiscuity).toBe(1);
});

testWith(needs, 'macvlan', {}, async () => {
  const { kind, lowers, link } = await facts('factsmv');
  expect([said(kind), said(lowers), said(link).isUp]).toEqual(['macvlan', ['facts0'], false]);
});

testWith(needs, 'a TAP of several queues', {}, async () => {
  const tap = new addon.Tap({ name: 'factstap', queues: QUEUES });
  try {
    const { kind, driver, queues } = await facts('factstap');
    expect([said(kind), said(driver).name]).toEqual(['tun', 'tun']);
    expect(said(queues).used).toBe(QUEUES);
  } finally {
    tap.close();
  }
});

testWith(needs, 'loopback', {}, async () => {
  const { kind, link, queues, driver } = await facts('lo');
  expect([said(kind), said(link).isLoopback, said(queues).used]).toEqual([null, true, 1]);
  expect(why(driver)).toBe('Operation not supported');
});

testWith(needs, 'fanout groups there, and nowhere else', {}, async () => {
  const group = await startGroup({ interface: 'facts0', procs: 3, mode: 'qm' });
  try {
    const [one, ...others] = said((await facts('facts0')).groups);
    expect(one).toMatchObject({ mode: 'qm', members: 3 });
    expect(one?.owners.length).toBe(3);
    expect(others).toEqual([]);
    expect(said((await facts('facts1')).groups)).toEqual([]);
  } finally {
    await group.close();
  }
});

testWith(needs, 'what other namespaces do not show', {}, async () => {
  const { backlogMax, rfsEntries } = await facts('facts0');
  expect([backlogMax, rfsEntries]).toMatchObject([{ needs: 'the initial network namespace' }, { needs: 'the initial network namespace' }]);
  // Of the same name and index there as here.
  for (const name of ['facts0', 'lo']) {
    const { rps, uppers, kind, queues } = await readNicFacts(name, { waitMs: 0 });
    expect([why(rps), why(uppers)]).toEqual(
      Array.from({ length: 2 }, () => 'the /sys that is mounted here shows another network namespace'),
    );
    expect(why(kind)).toBeUndefined();
    expect(name === 'lo' ? why(queues) : said(queues).used).toBe(name === 'lo' ? 'Operation not supported' : QUEUES);
  }
});

testWith(needs, 'by an alternative name, and none', {}, async () => {
  ip('link', 'property', 'add', 'dev', 'facts0', 'altname', 'facts-by-another-name');
  expect((await facts('facts-by-another-name')).name).toBe('facts0');
  await expect(facts('nothere0')).rejects.toMatchObject({ code: 'NO_SUCH_INTERFACE' });
});
