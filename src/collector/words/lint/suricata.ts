/** Words for what goes wrong in suricata.yaml. Pure. */
import { SURICATA_OBJECT, SURICATA_WRITE } from '../../../deployment/levers.ts';
import type { SuricataRules } from '../../../deployment/rules.ts';
import { counted, grouped, joined } from '../english.ts';
import { on } from './groups.ts';
import type { LintWords } from './words.ts';

export const SURICATA_LINT_WORDS: LintWords<SuricataRules> = {
  'suricata-yaml-header': ({ flaw, document, given }) => ({
    message: `${document === 1 ? 'the file' : `document ${document} of the file`} ${flaw === 'no-directive' ? 'does not begin with the lines %YAML 1.1 and ---' : `is of YAML ${given ?? '?'}, and Suricata takes 1.1`}: it does not start ("Invalid configuration file")`,
    remedy: 'begin every file, included ones too, and every document with two lines: %YAML 1.1 and ---',
  }),
  'suricata-yaml-alias': ({ alias, isMerge }) => ({
    message: `Suricata ignores the alias ${isMerge ? '<<: ' : ''}*${alias}: the next key becomes the value, and every key behind it moves up`,
    remedy: 'write the value out, or put it into a file of its own: include: FILE',
  }),
  'suricata-key-twice': ({ key, firstLine }) => ({
    message: `${key} stands here again: Suricata forgets what line ${firstLine} said`,
    remedy: 'merge the two into one',
  }),
  'suricata-key-underscore': ({ key }) => ({
    message: `Suricata reads ${key} as ${key.replaceAll('_', '-')} and warns; if both are written, the one with dashes counts`,
    remedy: `write ${key.replaceAll('_', '-')}`,
  }),
  'suricata-include-missing': ({ path, why }) => ({
    message: `${path} is included and cannot be read (${why}): Suricata does not start`,
    remedy: 'name a file that is there; its path is relative to the directory of the main file',
  }),
  'suricata-include-form': ({ form }) => ({
    message:
      form === 'mapping'
        ? 'include holds a mapping: Suricata does not start'
        : 'several include keys at one level: Suricata warns that it will not take them in future',
    remedy: 'write a list: include: [a.yaml, b.yaml]',
  }),
  'suricata-no-af-packet': ({ hasSection }) => ({
    message: `${hasSection ? 'af-packet names no interface' : 'there is no section af-packet'}: Suricata started with --af-packet alone has nothing to capture on`,
    remedy: 'af-packet: with an entry such as "- interface: eth0", or --af-packet=eth0',
  }),
  'suricata-interface-empty': () => ({
    message: 'interface has no value: Suricata crashes',
    remedy: 'interface: eth0, or take the entry out',
  }),
  'suricata-interface-twice': ({ interface: device, entries, threads }) => ({
    message: `${device} stands in ${entries} entries: Suricata registers it ${entries} times and reads the first entry each time, ${threads === 'auto' ? 'so it has as many more threads' : `so it has ${grouped(entries * threads)} threads`} and the other settings are ignored`,
    remedy: 'one entry, with the sum of the threads',
  }),
  'suricata-twice-without-id': ({ interface: device, ids }) => ({
    message: `${device} stands in several entries without a cluster-id: Suricata numbers them (${ids.join(', ')}), and each group gets every packet`,
    remedy: 'one entry with the sum of the threads, and cluster-id: 99',
  }),
  'suricata-id-from-default': ({ id, interfaces }) => ({
    message: `the entry "default" gives cluster-id ${id} to ${joined(interfaces, 'and')}: one id on several interfaces`,
    remedy: 'take it out of the default entry, and give each entry its own: cluster-id: 98',
  }),
  'suricata-id-invalid': ({ given }) => ({
    message: `cluster-id ${JSON.stringify(given)} is no number from 0 to 65535: Suricata takes 0`,
    remedy: 'cluster-id: 99',
  }),
  'suricata-threads-invalid': ({ given }) => ({
    message: `threads ${JSON.stringify(given)} is no number from 0 to 65535: Suricata takes auto`,
    remedy: 'threads: 8',
  }),
  'suricata-auto-is-one': ({ interface: device, type }) => ({
    message: `threads: auto with ${type} is one thread ${on(device)}: only cluster_flow counts CPUs, and only cluster_qm queues`,
    remedy: 'threads: 8',
  }),
  'suricata-qm-auto-one-queue': ({ interface: device }) => ({
    message: `threads: auto with cluster_qm counts the receive queues of ${device}, and it has one: Suricata runs one thread and joins no group`,
    remedy: `ethtool -L ${device} combined 8, or threads: 8 with cluster-type: cluster_flow`,
  }),
  'suricata-threads-capped': ({ interface: device, threads, most }) => ({
    message: `${counted(threads, 'thread')} for ${device}, and this host has ${counted(most, 'CPU')}: Suricata (6.0 or newer) starts no more workers than CPUs`,
    remedy: `threads: ${most}, or set threading: cpu-affinity: worker-cpu-set: threads`,
  }),
  'suricata-cluster-type': ({ given }) => ({
    message: `Suricata knows no cluster-type ${JSON.stringify(given)}: it warns, and takes cluster_flow with defrag`,
    remedy: 'cluster-type: cluster_flow',
  }),
  'suricata-cluster-rollover': ({ isMode }) => ({
    message: isMode
      ? 'cluster_rollover fills one thread and then passes packets of its flows on'
      : 'Suricata 7 and newer takes cluster_rollover for cluster_flow, and warns',
    remedy: 'cluster-type: cluster_flow',
  }),
  'suricata-own-lb': ({ given }) => ({
    message: `${given} is the load balancer that comes with Suricata: it takes a part of the source address for the type of the packet, so plain TCP is split, too`,
    remedy: `ebpf-lb-file: ${SURICATA_OBJECT}, which "${SURICATA_WRITE}" makes`,
  }),
  'suricata-rollover-key': ({ isFlag }) => ({
    message: isFlag
      ? 'rollover: yes lets a full thread pass packets of a flow on to another'
      : 'Suricata 7 and newer ignores rollover, and warns',
    remedy: 'take the key out',
  }),
  'suricata-not-a-boolean': ({ key, given }) => ({
    message: `${key}: ${given} counts as no: only 1, yes, true and on are yes`,
    remedy: `${key}: yes, or ${key}: no`,
  }),
  'suricata-number-invalid': ({ key, given }) => ({
    message: `Suricata cannot read ${key}: ${given} as a number, logs an error and takes its default`,
    remedy: `write plain digits, without a unit: ${key}: 131072`,
  }),
  'suricata-runmode-single': ({ interfaces }) => ({
    message: `runmode single is one thread for one interface, and ${interfaces} are named: Suricata does not start`,
    remedy: 'runmode: workers',
  }),
  'suricata-runmode-autofp': () => ({
    message:
      'in runmode autofp the group has only the capture threads; Suricata spreads flows over its other threads by a hash of its own, so a test of the group says less',
    remedy: 'runmode: workers',
  }),
  'suricata-v3-not-workers': ({ runmode }) => ({
    message: `tpacket-v3: yes holds in runmode workers only: in ${runmode} Suricata takes version 2`,
    remedy: 'runmode: workers',
  }),
  'suricata-v2-defrag-cut': ({ interface: device, frame }) => ({
    message: `with TPACKET_V2 ${on(device)} a frame holds ${frame === undefined ? '9,216 bytes (before 7.0.9: the MTU)' : `${grouped(frame)} bytes`}: a larger reassembled datagram is cut, and no drop is counted`,
    remedy: 'tpacket-v3: yes with block-size: 131072',
  }),
  'suricata-v2-ids': ({ interface: device }) => ({
    message: `TPACKET_V2 ${on(device)}: Suricata itself recommends version 3 unless it is inline`,
    remedy: 'tpacket-v3: yes',
  }),
  'suricata-copy-v3': ({ interface: device }) => ({
    message: `tpacket-v3 with copy-mode ${on(device)}: packets wait until a block is full, so the latency is high`,
    remedy: 'tpacket-v3: no',
  }),
  'suricata-copy-defrag': ({ interface: device }) => ({
    message: `defrag with copy-mode ${on(device)}: a reassembled packet is larger than the MTU, and cannot be sent`,
    remedy: 'defrag: no',
  }),
  'suricata-copy-iface-same': ({ interface: device }) => ({
    message: `copy-iface is ${device}, the interface itself: Suricata does not start`,
    remedy: 'copy-iface: the other interface of the pair',
  }),
  'suricata-copy-incomplete': ({ mode, lacks }) => ({
    message:
      lacks === 'interface'
        ? `copy-mode: ${mode} without copy-iface: Suricata is not inline`
        : `copy-mode ${JSON.stringify(mode)} is neither ips nor tap: Suricata is not inline`,
    remedy: lacks === 'interface' ? 'copy-iface: eth1' : 'copy-mode: ips',
  }),
  'suricata-copy-threads': ({ interfaces, threads }) => ({
    message: `${interfaces[0]} has ${threads[0]} threads and its peer ${interfaces[1]} has ${threads[1]}: "thread number not equal", and Suricata does not start`,
    remedy: 'write the same threads: for both',
  }),
  'suricata-ips-and-ids': ({ inline, others }) => ({
    message: `${joined(inline, 'and')} inline (copy-mode: ips) and ${joined(others, 'and')} not: Suricata refuses both in one process`,
    remedy: 'start two Suricata processes, each with its own file',
  }),
  'suricata-ring-small': ({ ring, threads, pending }) => ({
    message: `ring-size ${grouped(ring)} for ${counted(threads, 'thread')} holds fewer packets than max-pending-packets (${grouped(pending)}): Suricata raises it, and warns`,
    remedy: 'ring-size: 2048, or leave it out',
  }),
  'suricata-use-mmap': () => ({
    message: 'Suricata 7 and newer does not read use-mmap any more: it always uses a ring',
    remedy: 'take the key out',
  }),
  'suricata-livedev': ({ interfaces }) => ({
    message: `${joined(interfaces, 'and')} count as different networks: if the directions of one link arrive on two of them, each flow is two for Suricata`,
    remedy: 'livedev: use-for-tracking: no',
  }),
  'suricata-not-af-packet': ({ option }) => ({
    message: `Suricata is started with ${option}, so it does not use the section af-packet`,
    remedy: 'suricata --af-packet -c /etc/suricata/suricata.yaml',
  }),
};
