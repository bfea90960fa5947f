/**
 * A group as Suricata, Zeek and Snort are told to join it. Keys and values as in their sources: runmode-af-packet.c, the AF_Packet module and
 * zeekctl's af_packet plugin, libdaq's daq_afpacket.c. Pure.
 */

import { type GroupName, labelOf, modeRow } from '../model/fanout.ts';
import type { IdsName } from './depth.ts';
import { CURE_HASH, cureGroup, SURICATA_OBJECT, SURICATA_WRITE, suricataLines } from './levers.ts';

/** What an IDS that has none of its own to be given gets. */
const EXAMPLE_INTERFACE = 'eth0';

export interface Deployment {
  /** Of live traffic; absent in the lab, whose interface nobody deploys on. */
  readonly interface?: string;
  readonly procs: number;
}

/** The group as an IDS is told to join it, ready to be pasted; a comment where it cannot. */
export interface IdsLines {
  readonly suricata: readonly string[];
  readonly zeek: readonly string[];
  readonly snort: readonly string[];
}

/** @param fragmentsSeen without them nothing was learnt about the flag defrag, and an IDS is left its own default */
export function idsLines(group: GroupName, deployment: Deployment, fragmentsSeen: boolean): IdsLines {
  const { interface: device = EXAMPLE_INTERFACE, procs } = deployment;
  return {
    suricata: [...dissectorFor('suricata', group), ...suricata(group, device, procs, fragmentsSeen)],
    zeek: [...dissectorFor('zeek', group), ...zeek(group, device, procs, fragmentsSeen)],
    snort: [...dissectorFor('snort', group), ...snort(group, device, procs)],
  };
}

/** Their own lines are those of mode hash. */
function dissectorFor(ids: IdsName, { builtin }: GroupName): readonly string[] {
  return builtin === 'dissector' ? [`# once: ${CURE_HASH} --ids ${ids}`] : [];
}

const UNDECIDED = 'not set, because this test saw no IPv4 fragment';

function suricata(group: GroupName, device: string, procs: number, fragmentsSeen: boolean): readonly string[] {
  const type = modeRow(group.mode).suricata;
  if (type === undefined || group.flags.includes('rollover')) return [`# Suricata has no setting for ${labelOf(group)}`];
  const isDefrag = group.flags.includes('defrag');
  // It reads the key in mode hash only, and takes yes for granted.
  if (isDefrag && group.mode !== 'hash') return [`# Suricata has no setting for ${labelOf(group)}: it reassembles with cluster_flow only`];
  if (group.mode === 'ebpf')
    return [suricataProgram(group), ...suricataLines({ interface: device, threads: procs, object: SURICATA_OBJECT })];
  return [
    'af-packet:',
    `  - interface: ${device}`,
    `    threads: ${procs}`,
    '    cluster-id: 99',
    `    cluster-type: ${type}`,
    ...(group.mode === 'hash' ? [defragLine(isDefrag, fragmentsSeen)] : []),
  ];
}

function suricataProgram({ builtin }: GroupName): string {
  // One that it ships, ebpf/lb.c, reads the ethertype where the packet has an address, and splits plain TCP.
  if (builtin === undefined) return `# ${SURICATA_OBJECT}: the program tested here, as an object file with a section "loadbalancer"`;
  return `# ${SURICATA_WRITE} --policy ${builtin}`;
}

function defragLine(isDefrag: boolean, fragmentsSeen: boolean): string {
  if (isDefrag) return '    defrag: yes';
  return fragmentsSeen ? '    defrag: no' : `    # defrag: ${UNDECIDED}; the default is yes`;
}

/** Its default. */
const ZEEK_GROUP = 23;

function zeek(group: GroupName, device: string, procs: number, fragmentsSeen: boolean): readonly string[] {
  const mode = modeRow(group.mode).zeek;
  if (mode === undefined || group.flags.includes('rollover')) return [`# Zeek has no setting for ${labelOf(group)}`];
  return [
    '[worker-1]',
    'type=worker',
    'host=localhost',
    `interface=${device}`,
    'lb_method=af_packet',
    `lb_procs=${procs}`,
    `af_packet_fanout_id=${ZEEK_GROUP}`,
    `af_packet_fanout_mode=AF_Packet::${mode}`,
    ...(group.mode === 'ebpf' ? zeekProgram(group) : []),
    ...(group.mode === 'ebpf' && !group.flags.includes('defrag') ? [] : enableDefrag(group.flags.includes('defrag'), fragmentsSeen)),
  ];
}

/** It gives its group none. */
function zeekProgram({ builtin }: GroupName): readonly string[] {
  if (builtin === undefined)
    return ['# Zeek gives its group no program, and one worker gets everything until another process gives it one'];
  return [
    `# Zeek gives its group no program: after each start, ${cureGroup(ZEEK_GROUP)} --ids zeek`,
    `# or AF_Packet::FANOUT_HASH above, and once: ${CURE_HASH} --ids zeek`,
  ];
}

function enableDefrag(isDefrag: boolean, fragmentsSeen: boolean): readonly string[] {
  if (isDefrag) return ['af_packet_enable_defrag=T'];
  return [fragmentsSeen ? 'af_packet_enable_defrag=F' : `# af_packet_enable_defrag: ${UNDECIDED}`];
}

function snort({ mode, flags, builtin }: GroupName, device: string, procs: number): readonly string[] {
  if (builtin !== undefined && mode === 'ebpf')
    return [`# once: ${CURE_HASH} --ids snort`, ...snort({ mode: 'hash', flags }, device, procs)];
  if (!modeRow(mode).isInSnort) return [`# Snort has no setting for ${labelOf({ mode, flags })}`];
  const variables = [`fanout_type=${mode}`, ...flags.filter((flag) => flag !== 'ignore-outgoing').map((flag) => `fanout_flag=${flag}`)];
  return [`snort --daq afpacket ${variables.map((variable) => `--daq-var ${variable}`).join(' ')} -i ${device} -z ${procs}`];
}
