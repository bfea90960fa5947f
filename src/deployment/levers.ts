/** How each IDS is cured: the lever that it has, as lines to paste. Keys and values as in their sources and manuals. Pure. */
import { IDS_TITLES, type IdsName } from './depth.ts';

/** Where the object is written to, unless told otherwise. */
export const SURICATA_OBJECT = '/etc/suricata/fanout-cluster.bpf.o';

export interface SuricataLever {
  readonly interface: string;
  /** "auto" would be one thread with a program. */
  readonly threads: number;
  readonly object: string;
}

/** For suricata.yaml. */
export function suricataLines({ interface: device, threads, object }: SuricataLever): readonly string[] {
  return [
    'af-packet:',
    `  - interface: ${device}`,
    `    threads: ${threads}`,
    '    cluster-id: 99',
    '    cluster-type: cluster_ebpf',
    `    ebpf-lb-file: ${object}`,
  ];
}

/** Writes it. */
export const SURICATA_WRITE = `sudo fanout-cluster cure --ids suricata --write ${SURICATA_OBJECT}`;

/** Cures groups in mode hash while they run. */
export const CURE_HASH = 'sudo fanout-cluster cure --hash';

/** Gives a group in mode ebpf its program while it runs. */
export function cureGroup(id: number | string): string {
  return `sudo fanout-cluster cure --group ${id}`;
}

/** In one paragraph: what to do, and with which command. */
export function adviceOn(ids: IdsName): string {
  if (ids === 'suricata')
    return `Suricata loads a steering program by itself. Write one, paste the lines below, and start Suricata again: ${SURICATA_WRITE}`;
  const lever = `Groups of ${IDS_TITLES[ids]} are in mode hash. A flow dissector for their network namespace cures them while they run: ${CURE_HASH} --ids ${ids}. At boot the unit below does it.`;
  if (ids !== 'zeek') return lever;
  return `${lever} With af_packet_fanout_mode=AF_Packet::FANOUT_EBPF, Zeek gives its group no program: run ${cureGroup(23)} --ids zeek after each start.`;
}

/** Services as the packages of each call them. */
const SERVICES: Readonly<Record<IdsName, readonly string[]>> = {
  suricata: ['suricata.service'],
  zeek: ['zeek.service'],
  snort: ['snort3.service', 'snort.service'],
  arkime: ['arkimecapture.service'],
  packetbeat: ['packetbeat.service'],
};

export interface UnitOfCure {
  /** Before whose services it runs; empty: nobody knows. */
  readonly ids: readonly IdsName[];
  /** The path of this program, as a shell takes it. */
  readonly program: string;
  /** What `cure --hash` was told beside that. */
  readonly attach: readonly string[];
  /** What of that `cure --hash --undo` needs. */
  readonly detach: readonly string[];
}

/** A unit that attaches the flow dissector at boot. */
export function unitLines({ ids, program, attach, detach }: UnitOfCure): readonly string[] {
  const readers = ids.length === 0 ? 'an IDS' : ids.map((name) => IDS_TITLES[name]).join(', ');
  const start = [program, 'cure', '--hash', ...attach, '--quiet'].join(' ');
  const stop = [program, 'cure', '--hash', '--undo', ...detach, '--quiet'].join(' ');
  return [
    '[Unit]',
    `Description=Keep flows of ${readers} together in AF_PACKET fanout groups of mode HASH`,
    'RequiresMountsFor=/sys/fs/bpf',
    ...(ids.length === 0 ? [] : [`Before=${ids.flatMap((name) => SERVICES[name]).join(' ')}`]),
    '',
    '[Service]',
    'Type=oneshot',
    'RemainAfterExit=yes',
    `ExecStart=${start}`,
    `ExecStop=${stop}`,
    '',
    '[Install]',
    'WantedBy=multi-user.target',
  ];
}
