/** Words for what is remarkable about running fanout groups, and for what could not be read of them. Pure. */
import type { Fact, Need } from '../../model/fanout-group.ts';
import type { GroupRemarkArgs } from '../../model/findings/group-remark.ts';
import { counted, joined } from './english.ts';
import type { Words } from './say.ts';

export const GROUP_REMARK_WORDS: Words<GroupRemarkArgs> = {
  'defrag-groups-steal': ({ groups, isOneInterface }) => ({
    message: `${listOf(groups)} ${groups.length === 2 ? 'both' : 'all'} let the kernel reassemble IPv4 fragments, and the groups of a network namespace share one reassembly queue: ${
      isOneInterface
        ? 'one of them takes every fragmented datagram of the packets that they both get, and the other gets none, uncounted'
        : 'where the same fragments come by two of their interfaces (a bridge, a bond, a VLAN), one group takes them and the other gets none'
    }`,
    remedy:
      'let one group reassemble (Suricata: "defrag: no", Zeek: AF_Packet::enable_defrag=F in the others), or put the others into a network namespace of their own',
  }),
  'device-removed': ({ group, members }) => ({
    message: `the interface of group ${group} was removed: its ${counted(members, 'member')} ${members === 1 ? 'gets' : 'get'} nothing any more, also if an interface of that name comes back`,
    remedy: 'restart its program',
  }),
  'no-owner': ({ group, ownerless, members }) => ({
    message: `no process holds ${ownerless === members ? 'the ' : `${ownerless} of the `}${counted(members, 'member')} of group ${group}: the kernel still gives ${ownerless === 1 ? 'it its' : 'them their'} share of the flows, and nobody reads it. Such a socket is on its way between two processes, or kept by io_uring`,
    remedy: 'ask again; if it stays, end what passed the socket on (`ss -xp` shows who has Unix sockets)',
  }),
  'bound-to-all': ({ group }) => ({
    message: `group ${group} is bound to no interface: it gets the packets of all of them, those of loopback too, and a packet that passes two (a bridge and its port, a VLAN and its device) twice`,
    remedy: 'name an interface in the configuration of its program (Packetbeat: "device: any" is this)',
  }),
  'reads-twice': ({ group, reader, interface: device }) => ({
    message: `${reader.comm} (pid ${reader.pid}) reads ${device ?? 'all interfaces'} through a socket outside of group ${group} as well: that socket gets every packet, so that what it reads comes twice`,
    remedy: `if both are of one deployment, put all its sockets into the group, or leave out the one outside of it`,
  }),
  'groups-read-twice': ({ groups, comm, interface: device }) => ({
    message: `${comm} has ${groups.length} groups on ${device ?? 'all interfaces'} (${groups.join(', ')}): each group gets every packet, so that each packet is read ${groups.length} times`,
    remedy: 'if these are workers of one deployment, give all of them the same group id (Zeek: AF_Packet::fanout_id, Suricata: cluster-id)',
  }),
  'program-unreadable': ({ group, mode }) => ({
    message: `group ${group} is in mode ${mode}, and the kernel tells nobody whether it has a program: without one, every packet goes to its first member`,
    remedy:
      mode === 'ebpf'
        ? `if the other members get nothing: sudo fanout-cluster cure --group ${group}`
        : 'if the other members get nothing, have its program attach one (PACKET_FANOUT_DATA), or use mode hash',
  }),
};

function listOf(groups: readonly number[]): string {
  return `groups ${joined(groups.map(String), 'and')}`;
}

/** What it would take to read it. */
export const NEEDS: Readonly<Record<Need, string>> = {
  'sys-admin': 'root of the host (CAP_SYS_ADMIN here and over that network namespace)',
  'packet-diag': 'a kernel with CONFIG_PACKET_DIAG (modprobe af_packet_diag)',
  netlink: 'netlink sockets, which something refuses here (a filter of system calls)',
  proc: 'root of the host (CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH, to see the open files of all processes)',
  'initial-pid-namespace': 'to be asked on the host: processes outside of this pid namespace are not seen',
  ptrace:
    'root of the host (CAP_SYS_PTRACE over the process that holds the socket), kernel.yama.ptrace_scope below 3, and no filter of system calls that refuses pidfd_getfd(2)',
  'linux-5.6': 'Linux 5.6 (pidfd_getfd(2))',
  'net-admin': 'root (CAP_NET_ADMIN over the network namespace)',
  owner: 'a process that holds the socket, and none was found',
  quiet: 'a quieter moment: sockets came and went each time that the kernel was asked',
  'their-reader': 'the program that reads the ring: asking resets the counter that it reads',
  nobody: 'a kernel that tells it, and none does',
};

export const FACT_WORDS: Readonly<Record<Fact, string>> = {
  groups: 'groups',
  members: 'further members',
  owners: 'owners',
  flags: 'flags',
  filters: 'filter',
  drops: 'drops',
  program: 'steering program',
  namespaces: 'further network namespaces',
};
