import { expect, test } from 'vitest';
import { type HostFacts, hostFindings, type InterfaceFacts } from '../../../src/deployment/this-host.ts';
import { GOOD, readingOf } from '../../helpers/deployments.ts';

const LINK: InterfaceFacts = { index: 7, isUp: true, isPromiscuous: false, queues: 2, offloads: [] };

function found(text: string, link: Partial<InterfaceFacts> | undefined, facts: Partial<HostFacts> = {}): readonly string[] {
  const interfaces = new Map(link === undefined ? [] : ['ens1', 'ens2', 'ens9'].map((name) => [name, { ...LINK, ...link }] as const));
  const host: HostFacts = { cpus: 8, memoryAvailable: 2 ** 34, interfaces, groups: [], ...facts };
  return [...new Set(hostFindings(readingOf(text), host).map(({ rule }) => rule))];
}

const running = (id: number) => ({ groups: [{ id, ifindex: 7, description: 'mode hash, 2 members' }] });
const qm = GOOD.suricata.replace('cluster_flow', 'cluster_qm');

test.each<[string, readonly string[], readonly string[]]>([
  ['nothing is wrong', found(GOOD.suricata, {}), []],
  ['there is no such interface', found(GOOD.suricata, undefined), ['interface-missing']],
  ['it is down', found(GOOD.suricata, { isUp: false }), ['interface-missing']],
  ['a group runs under the id', found(GOOD.suricata, {}, running(71)), ['group-id-in-use']],
  ['a group runs under another id', found(GOOD.suricata, {}, running(72)), []],
  [
    'a group runs under the number of the interface, which is what Snort takes',
    found(GOOD['snort-lua'], {}, running(7)),
    ['group-id-in-use'],
  ],
  ['rings are larger than the memory', found(GOOD['zeek-node'], {}, { memoryAvailable: 2 ** 28 }), ['ring-memory']],
  ['more threads than CPUs', found(GOOD.suricata, {}, { cpus: 2 }), ['suricata-threads-capped']],
  ['more members than queues', found(qm, {}), ['qm-members-over-queues']],
  ['auto counts one queue', found(qm.replace('threads: 4', 'threads: auto'), { queues: 1 }), ['suricata-qm-auto-one-queue']],
  ['segments are merged', found(GOOD.arkime, { offloads: ['gro'] }), ['arkime-large-packets']],
  ['the device is not promiscuous', found(GOOD.packetbeat.replace('true', 'false'), {}), ['packetbeat-promisc']],
  ['another host is meant', found(GOOD['zeek-node'].replaceAll('localhost', '10.0.0.7'), undefined), []],
])('%s', (_, got, rules) => {
  expect(got).toEqual(rules);
});
