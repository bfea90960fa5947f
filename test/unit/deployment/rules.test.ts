/** For every rule that one file can break: a configuration without a mistake, one change in it, and where the finding is. */
import { expect, test } from 'vitest';
import type { Kind } from '../../../src/deployment/reading.ts';
import { RULES, type Rule } from '../../../src/deployment/rules.ts';
import { GOOD, readingOf, type Surroundings } from '../../helpers/deployments.ts';

interface Mutation extends Omit<Surroundings, 'kind'> {
  /** The rule on line so-and-so. */
  readonly line?: number;
}

type Row = readonly [rule: Rule, kind: Kind, from: string, to: string, mutation?: Mutation];

const SECOND = '  - interface: ens2\n    cluster-id: 72\n    threads: 4\n';
const INLINE = '    copy-mode: ips\n    copy-iface: ens2\n';
const PEER =
  '  - interface: ens2\n    cluster-id: 72\n    cluster-type: cluster_flow\n    defrag: no\n    threads: 4\n    copy-mode: ips\n    copy-iface: ens1\n';
const OLD = { programVersion: '6.0.4' };
const END = '    block-size: 131072\n';
const LAST = 'af_packet_block_size=131072\n';
const SNORT = 'snort --daq afpacket --daq-var fanout_type=hash --daq-var fanout_flag=defrag -i ens2 \\\n  --snaplen 65535 -z 2';

const ROWS: readonly Row[] = [
  ['group-on-two-interfaces', 'suricata', END, `${END}${SECOND.replace('72', '71')}`, { line: 12 }],
  ['fragments-split', 'suricata', 'defrag: yes', 'defrag: no', { line: 9 }],
  ['fragments-split', 'zeek-node', 'af_packet_enable_defrag=T\n', ''],
  ['fragments-split', 'snort-lua', ", 'fanout_flag=defrag'", '', { line: 4 }],
  ['defrag-ring-too-small', 'suricata', '131072', '32768', { line: 10 }],
  ['defrag-ring-too-small', 'zeek-node', LAST, '', { line: 18 }],
  ['defrag-ring-too-small', 'snort-lua', '65535', '1518', { line: 6 }],
  ['mode-splits-flows', 'suricata', 'cluster_flow', 'cluster_random', { line: 8 }],
  ['mode-splits-flows', 'snort-lua', 'fanout_type=hash', 'fanout_type=lb', { line: 4 }],
  ['mode-splits-flows', 'command', '-K hash', '-K rnd', { line: 1 }],
  ['mode-follows-nic', 'zeek-node', 'FANOUT_HASH', 'FANOUT_QM', { line: 17 }],
  ['rollover-flag', 'suricata', END, `${END}    rollover: yes\n`, OLD],
  ['rollover-flag', 'snort-lua', 'fanout_flag=defrag', 'fanout_flag=rollover', { line: 4 }],
  ['bpf-mode-without-program', 'suricata', 'cluster_flow', 'cluster_ebpf', { line: 8 }],
  ['bpf-mode-without-program', 'zeek-node', 'FANOUT_HASH', 'FANOUT_CBPF', { line: 17 }],
  ['one-member', 'suricata', 'threads: 4', 'threads: 1', { line: 6 }],
  ['one-member', 'stenographer', ', { "PacketsDirectory": "/p1" }', ''],
  ['members-over-limit', 'zeek-node', 'lb_procs=4', 'lb_procs=257', { line: 14 }],
  ['duplicated-readers', 'unit', 'fanout_id=40 AF_Packet::enable_defrag=T AF_Packet::block_size=131072"', 'enable_fanout=F"'],
  ['id-out-of-range', 'suricata', '71', '65536', { line: 7 }],
  ['id-out-of-range', 'packetbeat', 'fanout_group: 5', 'fanout_group: 70000', { line: 4 }],
  ['id-out-of-range', 'zeek-node', 'fanout_id=31', 'fanout_id=-1', { line: 16 }],
  ['id-zero', 'stenographer', '--fanout_id=8', '--fanout_id=0', { line: 2 }],
  ['duplicated-readers', 'command', 'snort', 'zeek -i ens5 & zeek -i ens5; snort', { line: 2 }],
  ['template-not-filled', 'suricata', 'ens1', '***IFACE***', { line: 5 }],
  ['template-not-filled', 'suricata', 'ens1', '@IFACE@', { line: 5 }],
  ['id-zero', 'suricata', '71', '0', { line: 7 }],
  ['id-zero', 'command', '-C 9', '-C 0', { line: 1 }],
  ['interface-loopback', 'suricata', 'ens1', 'lo', { line: 5 }],
  ['template-not-filled', 'suricata', 'ens1', '__IFACE__', { line: 5 }],
  ['template-not-filled', 'suricata', 'threads: 4', 'threads: {{ threads }}', { line: 6 }],
  ['template-not-filled', 'zeek-node', 'interface=ens1', 'interface=$\x7bIFACE}', { line: 12 }],
  ['template-not-filled', 'arkime', 'interface=ens1;ens2', 'interface=<interface>', { line: 4 }],
  ['template-not-filled', 'command', '--in ens1', '--in "$IFACE"', { line: 1 }],
  ['block-size-page', 'suricata', '131072', '100000', { line: 10 }],
  ['block-size-page', 'zeek-node', '131072', '100000', { line: 19 }],
  ['block-size-page', 'arkime', '[node7]', 'tpacketv3BlockSize=100000\n[node7]', { line: 7 }],

  ['suricata-yaml-header', 'suricata', '%YAML 1.1\n---\n', '', { line: 1 }],
  ['suricata-yaml-header', 'suricata', '%YAML 1.1', '%YAML 1.2', { line: 1 }],
  ['suricata-yaml-header', 'suricata', END, `${END}---\nx: 1\n`, { line: 11 }],
  ['suricata-yaml-alias', 'suricata', '1024', '&n 1024\nstream: *n', { line: 4 }],
  ['suricata-key-twice', 'suricata', END, `${END}af-packet: []\n`, { line: 11 }],
  ['suricata-key-twice', 'suricata', END, `${END}    threads: 8\n`, { line: 11 }],
  ['suricata-key-underscore', 'suricata', 'cluster-id', 'cluster_id', { line: 7 }],
  ['suricata-include-missing', 'suricata', END, `${END}include: more.yaml\n`, { line: 11 }],
  ['suricata-include-form', 'suricata', END, `${END}include: { a: b }\n`, { line: 11 }],
  [
    'suricata-include-form',
    'suricata',
    END,
    `${END}include: a.yaml\ninclude: a.yaml\n`,
    { there: { '/etc/sensor/a.yaml': '%YAML 1.1\n---\nx: 1\n' }, line: 12 },
  ],
  ['suricata-no-af-packet', 'suricata', '  - interface: ens1', '  - iface: ens1', { line: 4 }],
  ['suricata-interface-empty', 'suricata', ' ens1', '', { line: 5 }],
  ['suricata-interface-twice', 'suricata', END, `${END}${SECOND.replace('ens2', 'ens1')}`, { line: 11 }],
  ['suricata-twice-without-id', 'suricata', '    cluster-id: 71\n', '  - interface: ens1\n', { line: 7 }],
  [
    'suricata-id-from-default',
    'suricata',
    '    cluster-id: 71',
    '  - interface: ens2\n  - interface: default\n    cluster-id: 71',
    { line: 9 },
  ],
  ['suricata-id-invalid', 'suricata', '71', '71x', { line: 7 }],
  ['suricata-threads-invalid', 'suricata', 'threads: 4', 'threads: many', { line: 6 }],
  [
    'suricata-auto-is-one',
    'suricata',
    'threads: 4\n    cluster-id: 71\n    cluster-type: cluster_flow',
    'cluster-type: cluster_cpu',
    { line: 6 },
  ],
  ['suricata-cluster-type', 'suricata', 'cluster_flow', 'cluster_flows', { line: 8 }],
  ['suricata-cluster-rollover', 'suricata', 'cluster_flow', 'cluster_rollover', { line: 8 }],
  ['suricata-rollover-key', 'suricata', END, `${END}    rollover: on\n`, { line: 11 }],
  ['suricata-not-a-boolean', 'suricata', 'defrag: yes', 'defrag: enabled', { line: 9 }],
  ['suricata-number-invalid', 'suricata', '131072', '128k', { line: 10 }],
  ['suricata-runmode-single', 'suricata', END, `${END}${SECOND}runmode: single\n`, { line: 14 }],
  ['suricata-runmode-autofp', 'suricata', END, `${END}runmode: autofp\n`, { line: 11 }],
  ['suricata-v3-not-workers', 'suricata', END, `${END}    tpacket-v3: yes\nrunmode: autofp\n`, { line: 11 }],
  ['suricata-v2-defrag-cut', 'suricata', END, `${END}    tpacket-v3: no\n`, { line: 11 }],
  ['suricata-v2-ids', 'suricata', END, `${END}    tpacket-v3: no\n`, { line: 11 }],
  ['suricata-copy-v3', 'suricata', END, `${END}${INLINE}    tpacket-v3: yes\n`, { line: 13 }],
  ['suricata-copy-defrag', 'suricata', END, `${END}${INLINE}`, { line: 9 }],
  ['suricata-copy-iface-same', 'suricata', END, `${END}${INLINE.replace('ens2', 'ens1')}`, { line: 12 }],
  ['suricata-copy-incomplete', 'suricata', END, `${END}    copy-mode: ips\n`, { line: 11 }],
  ['suricata-copy-incomplete', 'suricata', END, `${END}${INLINE.replace('ips', 'bridge')}`, { line: 11 }],
  ['suricata-copy-threads', 'suricata', END, `${END}${INLINE}${PEER.replace('threads: 4', 'threads: 2')}`, { line: 17 }],
  ['suricata-ips-and-ids', 'suricata', END, `${END}${INLINE}${PEER}  - interface: ens3\n`, { line: 20 }],
  ['suricata-ring-small', 'suricata', END, `${END}    ring-size: 100\n`, { line: 11 }],
  ['suricata-own-lb', 'suricata', 'cluster_flow', 'cluster_ebpf\n    ebpf-lb-file: /usr/libexec/suricata/ebpf/lb.bpf', { line: 9 }],
  ['suricata-use-mmap', 'suricata', END, `${END}    use-mmap: yes\n`, { line: 11 }],
  ['suricata-livedev', 'suricata', END, `${END}${SECOND}`, { line: 11 }],
  ['suricata-not-af-packet', 'command', SNORT, 'suricata -c /etc/s.yaml --dpdk', { line: 2 }],

  ['zeek-inline-comment', 'zeek-node', 'lb_procs=4', 'lb_procs=4 # four', { line: 14 }],
  ['zeek-inline-comment', 'zeek-node', 'interface=ens1', 'interface=ens1 ; span', { line: 12 }],
  ['zeek-section-twice', 'zeek-node', LAST, `${LAST}[relay]\ntype=proxy\nhost=x\n`, { line: 20 }],
  ['zeek-section-twice', 'zeek-node', LAST, `${LAST}lb_procs=8\n`, { line: 20 }],
  ['zeek-no-section', 'zeek-node', '[boss]', 'workers\n[boss]', { line: 1 }],
  ['zeek-lb-method-missing', 'zeek-node', 'lb_method=af_packet\n', '', { line: 13 }],
  ['zeek-lb-procs-missing', 'zeek-node', 'lb_procs=4\n', '', { line: 13 }],
  ['zeek-lb-method', 'zeek-node', 'lb_method=af_packet', 'lb_method=afpacket', { line: 13 }],
  ['zeek-lb-method', 'zeek-node', '', '', { programVersion: '5.0', line: 13 }],
  ['zeek-no-manager', 'zeek-node', 'type=manager', 'type=logger', { line: 9 }],
  ['zeek-prefix-with-af-packet', 'zeek-node', 'interface=ens1', 'interface=af_packet::ens1', { line: 12 }],
  [
    'zeek-prefix-twice',
    'zeek-node',
    'interface=ens1\nlb_method=af_packet',
    'interface=af_packet::ens1\nlb_method=custom',
    { there: { '/etc/sensor/zeekctl.cfg': GOOD['zeek-zeekctl'] }, line: 12 },
  ],
  ['zeek-prefix-wrong', 'zeek-zeekctl', 'af_packet::', 'afpacket', { line: 3 }],
  ['zeek-custom-without-prefix', 'zeek-node', 'lb_method=af_packet', 'lb_method=custom', { line: 12 }],
  [
    'zeek-workers-same-interface',
    'zeek-node',
    LAST,
    `${LAST}[a]\ntype=worker\ninterface=ens5\n[b]\ntype=worker\ninterface=ens5\n`,
    { line: 25 },
  ],
  ['zeek-workers-same-interface', 'zeek-conf', 'af_packet::', '', { line: 5 }],
  [
    'zeek-default-id-shared',
    'zeek-conf',
    '  AF_Packet::block_size=131072\n',
    '[interface b]\ninterface = af_packet::ens2\nworkers = 2\n[interface c]\ninterface = af_packet::ens3\nworkers = 2\n',
    { line: 13 },
  ],
  [
    'zeek-option-without-lb-procs',
    'zeek-node',
    LAST,
    `${LAST}[b]\ntype=worker\nhost=x\ninterface=af_packet::ens5\naf_packet_fanout_id=3\n`,
    { line: 24 },
  ],
  ['zeek-option-unknown', 'zeek-node', 'af_packet_fanout_id', 'af_packet_fanoutid', { line: 16 }],
  ['zeek-option-unknown', 'zeek-node', '', '', { programVersion: '7.0', line: 18 }],
  ['zeek-option-in-env-vars', 'zeek-node', LAST, `${LAST}env_vars=af_packet_fanout_id=3\n`, { line: 20 }],
  ['zeek-enum', 'zeek-node', 'AF_Packet::FANOUT_HASH', 'FANOUT_HASH', { line: 17 }],
  ['zeek-fanout-off', 'zeek-node', LAST, `${LAST}af_packet_enable_fanout=F\n`, { line: 20 }],
  ['zeek-id-from-code', 'zeek-script', '31;', 'to_count(getenv("ID"));', { line: 2 }],
  ['zeek-value-split', 'zeek-node', 'interface=ens1', 'interface=\n  ens1', { line: 12 }],
  ['zeek-value-split', 'zeek-node', LAST, `${LAST}env_vars=A=%d\n`, { line: 20 }],
  ['zeek-pin-short', 'zeek-node', 'pin_cpus=0,1,2,3', 'pin_cpus=0,1', { line: 15 }],
  ['zeek-interfaces-count', 'zeek-node', 'lb_method=af_packet', 'lb_method=interfaces\nlb_interfaces=a,b', { line: 14 }],
  ['zeek-conf-workers', 'zeek-conf', 'workers = 3\n', '', { line: 5 }],
  ['zeek-conf-twice', 'zeek-conf', 'loggers = 1', 'loggers = 1\nloggers = 2', { line: 4 }],
  ['zeek-conf-unknown-key', 'zeek-conf', '[zeek]\nmanager = 1\nloggers = 1\n[interface span]\n', 'worker_cpus = 1\n', { line: 1 }],
  ['zeek-conf-template-interface', 'zeek-conf', 'ens1', 'ens$\x7bworker_index0}', { line: 5 }],

  ['snort-no-fanout', 'command', '--daq-var fanout_type=hash --daq-var fanout_flag=defrag', '', { line: 3 }],
  ['snort-flag-alone', 'command', '--daq-var fanout_type=hash ', '', { line: 2 }],
  ['snort-fanout-type', 'command', 'fanout_type=hash', 'fanout_type=flow', { line: 2 }],
  ['snort-variable-unknown', 'snort-lua', "'fanout_type=hash'", "'fanout_type=hash', 'num_threads=3'", { line: 4 }],
  ['snort-one-thread', 'command', '-z 2', '', { line: 2 }],
  ['snort-inputs', 'command', '-z 2', '-z 8 -i ens3', { line: 3 }],
  ['snort-buffer-wraps', 'snort-lua', "'fanout_type=hash'", "'fanout_type=hash', 'buffer_size_mb=5000'", { line: 4 }],
  ['snort-passive-pair', 'command', '-i ens2', '-i ens2::ens3', { line: 2 }],
  [
    'snort-daq-nesting',
    'snort-lua',
    "modules = { { name = 'afpacket', mode = 'passive', variables =",
    "module = 'afpacket', x = { { y =",
    { line: 4 },
  ],
  ['snort-not-afpacket', 'snort-lua', "'afpacket'", "'pcap'", { line: 4 }],

  ['arkime-unknown-key', 'arkime', 'tpacketv3NumThreads', 'tpacketv3Threads', { line: 5 }],
  ['arkime-block-snaplen', 'arkime', '[node7]', 'snapLen=65520\n[node7]', { line: 7 }],
  ['arkime-snaplen-align', 'arkime', '[node7]', 'snapLen=16392\n[node7]', { line: 7 }],
  ['arkime-block-too-big', 'arkime', '[node7]', 'tpacketv3BlockSize=67108864\n[node7]', { line: 7 }],
  ['arkime-threads-clamped', 'arkime', 'NumThreads=3', 'NumThreads=30', { line: 5 }],
  ['arkime-threads-clamped', 'arkime', 'NumThreads=3', 'NumThreads=8', { programVersion: '3.1', line: 5 }],
  ['arkime-inline-comment', 'arkime', 'interface=ens1;ens2', 'interface=ens1;ens2 # two', { line: 4 }],
  ['arkime-key-file', 'arkime', '# capture', '; capture', { line: 1 }],
  ['arkime-key-file', 'arkime', '# capture', '\ufeff# capture', { line: 1 }],
  ['arkime-not-tpacketv3', 'arkime', 'tpacketv3\n', 'libpcap\n', { line: 3 }],
  ['arkime-id-overflow', 'arkime', '9001', '65535', { line: 6 }],
  ['arkime-no-group-before-4', 'arkime', 'tpacketv3ClusterId=9001\n', '', { programVersion: '3.4.2', line: 5 }],

  ['packetbeat-group-type', 'packetbeat', 'type: af_packet', 'type: pcap', { line: 4 }],
  [
    'packetbeat-group-twice',
    'packetbeat',
    '    auto_promisc_mode: true\n',
    '  - device: ens2\n    type: af_packet\n    fanout_group: 5\n',
    { line: 7 },
  ],
  ['packetbeat-device-twice', 'packetbeat', '    auto_promisc_mode: true\n', '  - device: ens1\n', { line: 5 }],
  ['packetbeat-type', 'packetbeat', 'af_packet', 'af_packet // fast', { line: 3 }],
  ['packetbeat-no-group', 'packetbeat', '    fanout_group: 5\n', '', { line: 3 }],
  ['packetbeat-any', 'packetbeat', 'ens1', 'any', { line: 2 }],
  ['stenotype-default-mode', 'stenographer', '"--fanout_type=32768", ', '', { line: 2 }],
  ['netsniff-default-mode', 'command', ' -K hash', '', { line: 1 }],
  ['heplify-no-group', 'command', SNORT, 'heplify -i any -t af_packet', { line: 2 }],
];

test.each(ROWS.map((row) => [row[0], row[1], row] as const))('%s in %s', (_, __, [rule, kind, from, to, mutation = {}]) => {
  const { line, ...surroundings } = mutation;
  expect(GOOD[kind]).toContain(from);
  const changed = GOOD[kind].replace(from, () => to);
  const found = (text: string) => readingOf(text, { kind, ...surroundings }).findings.filter((finding) => finding.rule === rule);
  if (changed !== GOOD[kind]) expect(found(GOOD[kind]), 'the change is what makes it').toEqual([]);
  expect(found(changed)).not.toEqual([]);
  if (line !== undefined) expect(found(changed).map(({ at }) => at?.line)).toContain(line);
});

/** Those take several files, or a host: conflicts.test.ts and this-host.test.ts have them. */
const ELSEWHERE: readonly Rule[] = [
  ...(['group-shared-by-programs', 'group-id-in-use', 'defrag-groups-steal', 'filter-on-some-members', 'snort-cli-wins'] as const),
  ...(['ring-memory', 'interface-missing', 'qm-members-over-queues', 'suricata-qm-auto-one-queue'] as const),
  ...(['suricata-threads-capped', 'arkime-large-packets', 'packetbeat-promisc'] as const),
];

test('every rule has a row', () => {
  const tested = new Set([...ROWS.map(([rule]) => rule), ...ELSEWHERE]);
  expect(RULES.filter((rule) => !tested.has(rule))).toEqual([]);
});
