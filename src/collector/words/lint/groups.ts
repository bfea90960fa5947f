/** Words for rules that hold for every program; each remedy is in the program's own syntax. Pure. */

import { PROGRAM_TITLES, type Program } from '../../../deployment/group.ts';
import { SURICATA_OBJECT, SURICATA_WRITE } from '../../../deployment/levers.ts';
import type { GroupRules } from '../../../deployment/rules.ts';
import { counted, grouped, joined, mebibytes } from '../english.ts';
import type { LintWords } from './words.ts';

export function on(device: string | null): string {
  return device === null ? 'on an interface that the file does not name' : `on ${device}`;
}

type Remedies = Readonly<Partial<Record<Program, string>>>;

function remedyFor(program: Program, remedies: Remedies, otherwise: string): string {
  return remedies[program] ?? otherwise;
}

const OTHER_ID: Remedies = {
  suricata: 'give each entry its own: cluster-id: 98',
  zeek: 'give each interface its own: af_packet_fanout_id=24 in node.cfg, worker_args = AF_Packet::fanout_id=24 in zeek.conf',
  arkime: 'give each node its own: tpacketv3ClusterId=8010',
  packetbeat: 'give each device its own: fanout_group: 2',
  stenographer: 'give each its own: "Flags": ["--fanout_id=8"]',
  'netsniff-ng': 'give each its own: -C 8',
  heplify: 'give each its own: -fg 2',
};

const JOIN_FAILS: Remedies = {
  suricata: 'Suricata says "failed to set fanout mode", or goes on with one thread',
  zeek: 'that worker ends with "failed to join fanout group"',
  arkime: 'Arkime exits',
  packetbeat: 'Packetbeat exits with "failed setting af_packet fanout group"',
};

const DEFRAG_ON: Remedies = {
  suricata: 'defrag: yes',
  zeek: 'af_packet_enable_defrag=T (ZeekControl of Zeek 8.1 or newer), or redef AF_Packet::enable_defrag = T; in local.zeek',
  snort: '--daq-var fanout_flag=defrag',
  arkime: 'Arkime has no setting for it: keep fragments away from it, or let one thread capture (tpacketv3NumThreads=1)',
  stenographer: '"Flags": ["--fanout_type=32768"]',
  dpdk: 'there is no setting for it in newer releases: use one queue pair',
};

const HASH_ON: Remedies = {
  suricata: 'cluster-type: cluster_flow',
  zeek: 'af_packet_fanout_mode=AF_Packet::FANOUT_HASH',
  snort: '--daq-var fanout_type=hash',
  stenographer: '"Flags": ["--fanout_type=0"]',
  'netsniff-ng': '-K hash',
  dpdk: 'fanout_mode=hash',
};

const LARGER_RING: Remedies = {
  suricata: 'block-size: 131072',
  zeek: 'af_packet_block_size=131072 (ZeekControl of Zeek 8.1 or newer), or redef AF_Packet::block_size = 131072;',
  snort: '--snaplen 65535: the frame follows it',
};

const MORE_MEMBERS: Remedies = {
  suricata: 'threads: 8',
  zeek: 'lb_procs=8 with lb_method=af_packet',
  arkime: 'tpacketv3NumThreads=8',
  stenographer: 'list several "Threads"',
  heplify: '-fw 8',
};

const SMALLER_RING: Remedies = {
  suricata: 'a smaller ring-size',
  zeek: 'a smaller af_packet_buffer_size',
  snort: 'a smaller buffer_size_mb',
  arkime: 'a smaller tpacketv3BlockSize: 64 of them are locked in memory for each thread',
  packetbeat: 'a smaller buffer_size_mb',
};

const NO_ROLLOVER: Remedies = {
  suricata: 'rollover: no',
  snort: 'take fanout_flag=rollover out',
  stenographer: '"Flags": ["--fanout_type=0"]',
  'netsniff-ng': 'take -L roll out',
  dpdk: 'fanout_mode=hash',
};

const MODE_DOES = {
  lb: 'hands packets out in turn',
  rnd: 'draws a member for each packet',
  rollover: 'gives everything to one member until its ring is full',
} as const;

function modeDoes(mode: string): string {
  return MODE_DOES[mode as keyof typeof MODE_DOES] ?? 'does not go by flows';
}

export const GROUP_LINT_WORDS: LintWords<GroupRules> = {
  'group-on-two-interfaces': ({ program, id, interfaces }) => ({
    message: `group ${id} is meant for ${joined(interfaces, 'and')}, and a fanout group is on one interface: the kernel refuses the second join (EINVAL)${JOIN_FAILS[program] === undefined ? '' : `, and ${JOIN_FAILS[program]}`}`,
    remedy: remedyFor(program, OTHER_ID, 'give each interface its own group id'),
  }),
  'group-shared-by-programs': ({ id, interface: device, programs }) => ({
    message: `${joined(programs, 'and')} join the same group on ${device}${id === 'ifindex' ? '' : ` (id ${id})`}: the kernel spreads the flows over both, so each sees only a part of them`,
    remedy:
      id === 'ifindex' ? 'start one of them only: Snort takes the number of the interface as its id' : 'give one of them another group id',
  }),
  'group-id-in-use': ({ program, id, running }) => ({
    message: `group ${id} exists already (${running}): ${program === 'suricata' ? "Suricata's own test of the id fails then, and it goes on with one thread" : 'a join with another mode, flag or interface is refused (EINVAL), and with the same ones it takes flows from the owner'}`,
    remedy: remedyFor(program, OTHER_ID, 'choose another group id'),
  }),
  'fragments-split': ({ program, interface: device }) => ({
    message: `mode hash without reassembly ${on(device)}: fragments have no ports, so they leave the member that has the rest of their flow`,
    remedy: remedyFor(program, DEFRAG_ON, 'set the flag defrag'),
  }),
  'defrag-ring-too-small': ({ program, interface: device, bytes, unit }) => ({
    message: `a ${unit} of the ring ${on(device)} holds ${grouped(bytes)} bytes, and the kernel hands over reassembled datagrams of up to 65,535: a larger one is cut, and no drop is counted`,
    remedy: remedyFor(program, LARGER_RING, `a larger ${unit}`),
  }),
  'defrag-groups-steal': ({ groups }) => ({
    message: `${joined(groups, 'and')} both let the kernel reassemble fragments of one interface. All groups of a network namespace share one reassembly queue: the group started last takes every fragmented datagram, and the other gets none, uncounted`,
    remedy:
      'let one of them reassemble: defrag: no (Suricata), af_packet_enable_defrag=F (Zeek), or put one into a network namespace of its own',
  }),
  'mode-splits-flows': ({ program, interface: device, mode }) => ({
    message: `mode ${mode} ${on(device)} ${modeDoes(mode)}: packets of one flow reach several members`,
    remedy: remedyFor(program, HASH_ON, 'use mode hash'),
  }),
  'mode-follows-nic': ({ program, interface: device, mode }) => ({
    message: `in mode ${mode} the NIC chooses the member, by the ${mode === 'qm' ? 'receive queue' : 'CPU that serves the interrupt'}: flows stay together only if its hash sends both directions to one queue`,
    remedy: `test it: fanout-cluster -i ${device ?? 'IF'} --mode ${mode}; or ${remedyFor(program, HASH_ON, 'use mode hash')}`,
  }),
  'rollover-flag': ({ program, interface: device }) => ({
    message: `the flag rollover ${on(device)}: a member whose ring is full passes packets of a flow on to another`,
    remedy: remedyFor(program, NO_ROLLOVER, 'take the flag out'),
  }),
  'bpf-mode-without-program': ({ program, mode }) => ({
    message:
      program === 'suricata'
        ? `mode ${mode} without a program: the thread fails with "Fanout file descriptor is invalid"`
        : `mode ${mode}, and ${PROGRAM_TITLES[program]} attaches no program: every packet goes to the first member`,
    remedy:
      program === 'suricata'
        ? `ebpf-lb-file: ${SURICATA_OBJECT}, which "${SURICATA_WRITE}" makes`
        : remedyFor(program, HASH_ON, 'use mode hash'),
  }),
  'one-member': ({ program, interface: device }) => ({
    message: `one ${program === 'zeek' ? 'process' : 'thread'} ${on(device)}: nothing is balanced${program === 'suricata' || program === 'stenographer' ? ', and no group is joined' : ''}`,
    remedy: remedyFor(program, MORE_MEMBERS, 'start several, if one does not keep up'),
  }),
  'members-over-limit': ({ id, members }) => ({
    message: `${counted(members, 'member')} in group ${id}, and a group holds 256: the 257th join fails with ENOSPC`,
    remedy: 'use fewer members, or spread them over interfaces with a group each',
  }),
  'duplicated-readers': ({ program, interface: device, readers }) => ({
    message: `${counted(readers, 'reader')} ${on(device)} without a group: each sees every packet, so ${PROGRAM_TITLES[program]} logs everything ${grouped(readers)} times`,
    remedy: remedyFor(
      program,
      { zeek: 'take AF_Packet::enable_fanout=F out, and give all of them one AF_Packet::fanout_id' },
      'join one group',
    ),
  }),
  'id-out-of-range': ({ program, given }) => ({
    message: `group id ${given} is not from 0 to 65535: ${PROGRAM_TITLES[program]} ${program === 'arkime' ? 'takes the nearest that is' : program === 'packetbeat' || program === 'stenographer' ? 'does not start' : program === 'suricata' ? 'takes 0' : 'takes the low 16 bits of it'}`,
    remedy: 'give an id from 1 to 65535',
  }),
  'id-zero': ({ program }) => ({
    message: {
      suricata: 'group id 0 is a real group, but nothing that looks at the sockets can tell it from none',
      stenographer: '--fanout_id=0 means none: the id is then taken from the process id',
      'netsniff-ng': 'netsniff-ng refuses group id 0: "Non-zero fanout group id required!"',
      heplify: '-fg 0 means no group',
    }[program as string] as string,
    remedy: 'give an id from 1 to 65535',
  }),
  'ring-memory': ({ program, interface: device, bytes, available }) => ({
    message: `the rings ${on(device)} take ${mebibytes(bytes)}, and this host has ${mebibytes(available)} available: mapping them fails with ENOMEM, or the host swaps`,
    remedy: remedyFor(program, SMALLER_RING, 'a smaller ring'),
  }),
  'interface-loopback': ({ program }) => ({
    message: `lo hands every packet over twice, as sent and as received${program === 'suricata' ? '; Suricata drops the sent copy itself' : `: ${PROGRAM_TITLES[program]} sees each of them`}`,
    remedy: 'for trials, use a veth pair: ip link add cap0 type veth peer name cap1',
  }),
  'interface-missing': ({ program, interface: device, isDown }) => ({
    message: `${device} ${isDown ? 'is down' : 'does not exist in this network namespace'}: ${program === 'suricata' ? 'Suricata tries again and again to open it' : `${PROGRAM_TITLES[program]} ends`}`,
    remedy: isDown ? `ip link set ${device} up` : 'name it as `ip -br link` shows it',
  }),
  'template-not-filled': ({ placeholder }) => ({
    message: `${placeholder} is not filled in, so what it stands for is not known`,
    remedy: 'give the finished file, such as the one below /etc',
  }),
  'filter-on-some-members': ({ interface: device }) => ({
    message: `members of one group on ${device} have different filters. The kernel chooses the member first: what its filter refuses is lost, and not counted`,
    remedy: 'give all of them the same filter',
  }),
  'block-size-page': ({ program, bytes }) => ({
    message: `a block of ${grouped(bytes)} bytes is no multiple of a page of 4096: ${program === 'suricata' ? 'Suricata takes its default instead' : program === 'zeek' ? 'Zeek ends with "unable to create RX-ring"' : `${PROGRAM_TITLES[program]} exits`}`,
    remedy: remedyFor(
      program,
      { suricata: 'block-size: 131072', zeek: 'af_packet_block_size=131072', arkime: 'tpacketv3BlockSize=2097152' },
      'a multiple of 4096',
    ),
  }),
  'qm-members-over-queues': ({ interface: device, members, queues }) => ({
    message: `${counted(members, 'member')} ${on(device)} in mode qm, and the NIC has ${counted(queues, 'receive queue')}: ${grouped(members - queues)} of them get nothing`,
    remedy: `use ${queues} of them, or ethtool -L ${device ?? 'IF'} combined ${members}`,
  }),
};
