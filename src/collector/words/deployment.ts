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
  'without-defrag': ({ id, isKnown }) => ({
    message: isKnown
      ? `group ${id} reassembles IPv4 fragments (defrag), and this shadow does not, because it would take all fragments from that group: fragments are judged without reassembly`
      : `the flags of group ${id} could not be read: it may reassemble IPv4 fragments (defrag), and this shadow does not`,
    remedy: 'tolerate fragment-v4 (--tolerate fragment-v4), or test with --defrag in the lab: --like ID --pcap FILE --defrag',
  }),
  'filter-not-copied': ({ kind }) => ({
    message:
      kind === null
        ? 'whether the group has a filter could not be read: this run sees all packets of the interface'
        : `the group has a filter of ${kind === 'ebpf' ? 'eBPF, which cannot be copied' : 'classic BPF, whose instructions could not be read'}: this run sees all packets of the interface`,
    remedy: kind === 'ebpf' ? 'say the same with --filter' : 'run as root, or say the same with --filter',
  }),
  'protocol-not-copied': ({ protocol }) => ({
    message: `the group reads packets of protocol 0x${protocol.toString(16).padStart(4, '0')} only, and this run all`,
    remedy: 'say the same with --filter',
  }),
  'members-differ': ({ what }) => ({
    message: `the members of the group differ in ${joined(what, 'and')}: this run has what the first of them has`,
  }),
  'ring-scaled': ({ theirs, ours, procs }) => ({
    message: `the ring of each process has ${mebibytes(ours)} instead of ${mebibytes(theirs)}: ${mebibytes(procs * ours)} in all, and a second copy of every packet, are what this shadow costs the host`,
  }),
  'index-unknown': ({ members }) => ({
    message: `workers are numbered as the ${counted(members, 'member')} of the group joined it: a flow is on the member of the same number, unless one has left the group since`,
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
