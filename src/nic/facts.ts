/**
 * What a host says of a network interface, as far as it decides where packets go, in which order, and what is lost before a fanout group. Read by
 * src/host, recorded in tests, and judged by src/nic: none of it is a default, and what could not be read says why. Pure.
 */

export type Fact<T> = Told<T> | Untold;

export interface Told<T> {
  readonly value: T;
  /** As one would look it up, such as "ethtool -l" or "/sys/class/net/eth0/threaded". */
  readonly where: string;
}

export interface Untold {
  readonly where: string;
  /** Such as "Operation not supported", or that the file is not there. */
  readonly why: string;
  /** The privilege, or the namespace, with which it could be read. */
  readonly needs?: string;
}

export function isTold<T>(fact: Fact<T>): fact is Told<T> {
  return 'value' in fact;
}

/** Flows that NICs hash by fields of their own. */
export const HASHED_FLOWS = ['tcp4', 'udp4', 'tcp6', 'udp6'] as const;
export type HashedFlow = (typeof HASHED_FLOWS)[number];

export interface RssFacts {
  /** As ethtool -x names it: "toeplitz", "xor", "crc32". */
  readonly hashFunction: string | null;
  /** In hexadecimal; null: the driver does not show it. */
  readonly key: string | null;
  /** The queue of each entry; null: not shown. */
  readonly table: readonly number[] | null;
  /** Linux 6.8; null: not told. */
  readonly inputTransform: 'none' | 'symmetric-xor' | 'symmetric-or-xor' | null;
}

export interface QueueFacts {
  readonly queue: number;
  /** Of rps_cpus; empty: off. */
  readonly rpsCpus: readonly number[];
  /** rps_flow_cnt: 0 is off. */
  readonly flowCount: number;
}

export interface IrqFacts {
  readonly irq: number;
  readonly name: string;
  /** smp_affinity_list. */
  readonly cpus: readonly number[];
  /** effective_affinity_list; absent where there is none. */
  readonly effective?: readonly number[];
}

/** Twice, so that it shows what grows. */
export interface Growing<T> {
  readonly before: T;
  readonly after: T;
  readonly ms: number;
}

export interface SoftnetRow {
  readonly cpu: number;
  readonly dropped: number;
  readonly squeezed: number;
  readonly rps: number;
  readonly flowLimited: number;
}

export interface NicFacts {
  readonly name: string;
  readonly driver: Fact<{ readonly name: string; readonly version: string; readonly bus: string }>;
  /** IFLA_INFO_KIND: "veth", "bridge", "vlan", "bond", "team", "macvlan", "tun"; null for hardware and loopback. */
  readonly kind: Fact<string | null>;
  readonly link: Fact<{
    readonly isUp: boolean;
    readonly hasCarrier: boolean;
    readonly mtu: number;
    /** How many want to see every packet (IFLA_PROMISCUITY). */
    readonly promiscuity: number;
    readonly isLoopback: boolean;
  }>;
  /** Devices on top (VLANs, macvlan) and below (of a bond, a bridge, a VLAN); the bridge or bond that it belongs to. */
  readonly uppers: Fact<readonly string[]>;
  readonly lowers: Fact<readonly string[]>;
  readonly master: Fact<string | null>;
  /** Of itself, or of the bond that it belongs to. */
  readonly bond: Fact<{ readonly mode: string; readonly hashPolicy: string } | null>;
  /** Receive queues in use (channels: combined + rx, else rings, else those of /sys), and how many there could be; null: not told. */
  readonly queues: Fact<{ readonly used: number; readonly most: number | null }>;
  readonly rss: Fact<RssFacts>;
  /** As ethtool has them: "sdfn", "sd"; empty: no field is hashed. A letter that is not known is "?". */
  readonly hashFields: Readonly<Record<HashedFlow, Fact<string>>>;
  /** Rules of ntuple or Flow Director. */
  readonly steeringRules: Fact<number>;
  /** By the names of ethtool -k: receive-hashing, generic-receive-offload, large-receive-offload, rx-gro-hw, ntuple-filters, ... */
  readonly features: Fact<Readonly<Record<string, boolean>>>;
  readonly privateFlags: Fact<Readonly<Record<string, boolean>>>;
  readonly rings: Fact<{ readonly rx: number; readonly rxMost: number }>;
  readonly coalescing: Fact<{ readonly adaptiveRx: boolean; readonly rxUsecs: number }>;
  readonly rps: Fact<readonly QueueFacts[]>;
  /** net.core.rps_sock_flow_entries */
  readonly rfsEntries: Fact<number>;
  readonly threadedNapi: Fact<boolean>;
  /** All of its device: those of configuration and of sending as well, which their names tell apart ("virtio0-config", "eth0-TxRx-0"). */
  readonly irqs: Fact<readonly IrqFacts[]>;
  readonly irqbalance: Fact<boolean>;
  readonly numaNode: Fact<number>;
  readonly cpus: Fact<{ readonly online: readonly number[]; readonly isolated: readonly number[] }>;
  /**
   * What the NIC lost, by the names of its counters (rx_dropped, rx_missed_errors, rx_no_buffer, ...). The kernel adds to rx_dropped what no protocol
   * wanted, too: it grows on idle hosts that nobody captures on.
   */
  readonly losses: Fact<Growing<Readonly<Record<string, number>>>>;
  /** Of the whole host; each counter has 32 bits, and begins again at 0. */
  readonly softnet: Fact<Growing<readonly SoftnetRow[]>>;
  /** net.core.netdev_max_backlog */
  readonly backlogMax: Fact<number>;
  /** Modes are "driver", "generic", "hardware", and "several" of them. */
  readonly xdp: Fact<{ readonly mode: string; readonly programId: number } | null>;
  /** Kinds of ingress qdiscs: "clsact", "ingress". */
  readonly ingress: Fact<readonly string[]>;
  readonly flowDissector: Fact<{ readonly programId: number; readonly isBuiltin: boolean } | null>;
  readonly groups: Fact<
    readonly { readonly id: number; readonly mode: string; readonly members: number; readonly owners: readonly string[] }[]
  >;
}
