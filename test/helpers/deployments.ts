/** Configurations without a mistake, one of each kind, and what reads them in tests: files in memory. */
import { readDeployment } from '../../src/deployment/read.ts';
import type { Files, Kind, Reading } from '../../src/deployment/reading.ts';
import { sourceOf } from '../../src/deployment/source.ts';
import { FanoutError } from '../../src/errors.ts';

export const GOOD = {
  suricata: `%YAML 1.1
---
max-pending-packets: 1024
af-packet:
  - interface: ens1
    threads: 4
    cluster-id: 71
    cluster-type: cluster_flow
    defrag: yes
    block-size: 131072
`,
  'suricata-dump': `suricata-version = 8.0
af-packet = (null)
af-packet.0 = interface
af-packet.0.interface = ens1
af-packet.0.threads = 4
af-packet.0.cluster-id = 71
af-packet.0.cluster-type = cluster_flow
af-packet.0.defrag = yes
`,
  'zeek-node': `[boss]
type=manager
host=localhost

[relay]
type=proxy
host=localhost

[reader]
type=worker
host=localhost
interface=ens1
lb_method=af_packet
lb_procs=4
pin_cpus=0,1,2,3
af_packet_fanout_id=31
af_packet_fanout_mode=AF_Packet::FANOUT_HASH
af_packet_enable_defrag=T
af_packet_block_size=131072
`,
  'zeek-zeekctl': `MailTo = root@localhost
SpoolDir = /var/spool/zeek
lb_custom.InterfacePrefix = af_packet::
`,
  'zeek-conf': `[zeek]
manager = 1
loggers = 1
[interface span]
interface = af_packet::ens1
workers = 3
workers_cpu_list = 2-8:2
worker_args = AF_Packet::fanout_id=31 AF_Packet::enable_defrag=T
  AF_Packet::block_size=131072
`,
  'zeek-script': `@load base/frameworks/cluster
redef AF_Packet::fanout_id = 31; # not 23
redef AF_Packet::enable_defrag = T;
`,
  'snort-lua': `local iface = 'ens' .. 1
daq =
{
    modules = { { name = 'afpacket', mode = 'passive', variables = { 'fanout_type=hash', 'fanout_flag=defrag' } } },
    inputs = { iface },
    snaplen = 65535,
}
snort = { ['-z'] = 4 }
`,
  arkime: `# capture
[default]
pcapReadMethod=tpacketv3
interface=ens1;ens2
tpacketv3NumThreads=3
tpacketv3ClusterId=9001
[node7]
interface=ens9
`,
  packetbeat: `packetbeat.interfaces:
  - device: ens1
    type: af_packet
    fanout_group: 5
    auto_promisc_mode: true
`,
  stenographer: `{ "Threads": [{ "PacketsDirectory": "/p0" }, { "PacketsDirectory": "/p1" }],
  "StenotypePath": "/usr/bin/stenotype", "Interface": "ens1", "Flags": ["--fanout_type=32768", "--fanout_id=8"] }
`,
  command: `netsniff-ng --in ens1 --out /pcap -C 9 -K hash -L defrag
snort --daq afpacket --daq-var fanout_type=hash --daq-var fanout_flag=defrag -i ens2 \\
  --snaplen 65535 -z 2
`,
  unit: `[Service]
Environment="DEVICE=ens1"
ExecStart=/usr/bin/zeek -i af_packet::\${DEVICE} AF_Packet::fanout_id=40 \\
  AF_Packet::enable_defrag=T AF_Packet::block_size=131072
ExecStart=/bin/sh -c "zeek -i af_packet::ens1 AF_Packet::fanout_id=40 AF_Packet::enable_defrag=T AF_Packet::block_size=131072"
`,
  env: 'CAPTURE_IFACE=ens1\nCAPTURE_THREADS=4\n',
} as const satisfies Readonly<Record<Kind, string>>;

/** Files by their paths; no others are there. */
export function filesIn(texts: Readonly<Record<string, string>>): Files {
  return {
    include: (path) => {
      const text = texts[path];
      if (text === undefined) throw new FanoutError('BAD_CONFIGURATION', `cannot read ${path}`, 'name a file that is there');
      return text;
    },
    neighbour: (name, beside) => {
      const path = `${beside.slice(0, beside.lastIndexOf('/') + 1)}${name}`;
      const text = texts[path];
      return text === undefined || path === beside ? undefined : sourceOf(path, text);
    },
  };
}

export interface Surroundings {
  readonly kind?: Kind;
  readonly programVersion?: string;
  /** What it may include, and what lies beside it. */
  readonly there?: Readonly<Record<string, string>>;
}

/** Reads files of one deployment, by name. */
export function readingsOf(texts: Readonly<Record<string, string>>, { there = {}, ...options }: Surroundings = {}): readonly Reading[] {
  const sources = Object.entries(texts).map(([path, text]) => sourceOf(path, text));
  return readDeployment(sources, { files: filesIn({ ...there, ...texts }), ...options });
}

/** Reads one file. */
export function readingOf(text: string, surroundings: Surroundings = {}): Reading {
  const [reading] = readingsOf({ '/etc/sensor/file': text }, surroundings);
  if (reading === undefined) throw new Error('nothing was read');
  return reading;
}

/** Rules in the order in which they are found, each once. */
export function rulesOf({ findings }: Pick<Reading, 'findings'>): readonly string[] {
  return [...new Set(findings.map(({ rule }) => rule))];
}
