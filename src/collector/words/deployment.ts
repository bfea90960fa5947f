/** Words for runs that are shaped after a configuration. Pure. */
import type { DeploymentArgs } from '../../model/findings/deployment.ts';
import { counted, joined, listed, mebibytes } from './english.ts';
import type { Words } from './say.ts';

export const DEPLOYMENT_WORDS: Words<DeploymentArgs> = {
  'own-group-id': ({ id }) => ({
    message: `${idText(id)} is not taken over: this run has a group of its own, so that it takes no packet from one that runs`,
  }),
  'reads-v3': ({ program }) => ({
    message: `${program} reads by TPACKET_V2, and this run by TPACKET_V3: which process gets a packet does not depend on it, what is lost in a full ring does`,
  }),
  'cpus-missing': ({ missing, online }) => ({
    message: `${missing.length === 1 ? `CPU ${missing[0]}` : `CPUs ${listed(missing.map(String))}`} of the configuration ${missing.length === 1 ? 'is' : 'are'} not online here (${counted(online, 'CPU')} ${online === 1 ? 'is' : 'are'}): no process is pinned`,
    remedy: 'name CPUs of this host with --pin, or test on the host that the configuration is for',
  }),
  'inline-untested': ({ copyMode }) => ({
    message: `the configuration is inline (${copyMode}): this run receives and passes nothing on`,
  }),
  'ring-adapted': ({ ringBytes, blockBytes }) => ({
    message: `the ring of the configuration does not suit this program as it is: it has ${mebibytes(ringBytes)} in blocks of ${mebibytes(blockBytes)}`,
  }),
  'not-for-command': ({ command, options }) => ({
    message: `${joined(options, 'and')} ${options.length === 1 ? 'is' : 'are'} not taken over: ${command} chooses that itself, or has no use for it`,
  }),
  'lint-findings': ({ errors, warnings, files }) => ({
    message: `lint finds ${joined(countsOf({ error: errors, warning: warnings }), 'and')} in the configuration itself`,
    remedy: `fanout-cluster lint ${files.join(' ')}`,
  }),
  'in-the-lab': () => ({
    message: "the group is tested in the lab: its interface, that interface's NIC and its traffic are not",
  }),
};

function countsOf(counts: Readonly<Record<string, number>>): readonly string[] {
  return Object.entries(counts).flatMap(([noun, count]) => (count === 0 ? [] : [counted(count, noun)]));
}

function idText(id: number | 'ifindex' | null): string {
  if (id === null) return 'the id of the group';
  return id === 'ifindex' ? 'the id of the group, which is the index of the interface,' : `group id ${id}`;
}
