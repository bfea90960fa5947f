/**
 * Kernels with the known asymmetric hashes, made on purpose: a BPF flow dissector attached to a network namespace stands in for the
 * kernel's own there, and mode hash goes by what it reports.
 */
import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { compileBpf, mountBpfFileSystem } from './bpf.ts';
import { refuseHostNamespace } from './lab.ts';
import { temporaryDirectory } from './programs.ts';

/** Parses what the lab sends by default, and leaves the rest, and what `HIT` does not concern, to the kernel. */
const SOURCE = `
  #include <linux/if_ether.h>
  #include <linux/in.h>
  #include <linux/ip.h>
  #include <linux/ipv6.h>
  #define BIG16(x) __builtin_bswap16(x)
  #define BIG32(x) __builtin_bswap32(x)
  #define UNCHANGED BPF_FLOW_DISSECTOR_CONTINUE
  struct tag { unsigned short tci, type; };
  struct ports { unsigned short source, destination; };

  static inline __attribute__((always_inline)) int isInQuarter(unsigned int pair) { return (pair * 0x9e3779b1u) >> 30 == 0; }

  static inline __attribute__((always_inline)) void put_ports(struct __sk_buff *skb, struct bpf_flow_keys *keys) {
    struct ports ports;
    switch (keys->ip_proto) {
      case IPPROTO_TCP: case IPPROTO_UDP: case IPPROTO_UDPLITE: case IPPROTO_SCTP: case IPPROTO_DCCP:
        if (load_bytes(skb, keys->thoff, &ports, sizeof ports) < 0) return;
        keys->sport = ports.source;
        keys->dport = ports.destination;
    }
  }

  static inline __attribute__((always_inline)) int ipv4(struct __sk_buff *skb, struct bpf_flow_keys *keys) {
    struct iphdr ip;
    if (load_bytes(skb, keys->nhoff, &ip, sizeof ip) < 0) return BPF_DROP;
    const int isTopBitPair = (ip.saddr ^ ip.daddr) == BIG32(0x80);
    if (!(HIT_IPV4)) return UNCHANGED;
    keys->thoff = keys->nhoff + sizeof ip;
    keys->addr_proto = ETH_P_IP;
    keys->ip_proto = ip.protocol;
    // The destination is left out: directions differ.
    keys->ipv4_src = ip.saddr;
    put_ports(skb, keys);
    return BPF_OK;
  }

  static inline __attribute__((always_inline)) int ipv6(struct __sk_buff *skb, struct bpf_flow_keys *keys) {
    struct ipv6hdr ip;
    if (load_bytes(skb, keys->nhoff, &ip, sizeof ip) < 0) return BPF_DROP;
    const int hasLabel = ((ip.flow_lbl[0] & 0x0f) | ip.flow_lbl[1] | ip.flow_lbl[2]) != 0;
    const int isLeftOut = HIT_IPV6_SOURCE_ONLY;
    const int isWithoutPorts = HIT_IPV6_WITHOUT_PORTS;
    if (!isLeftOut && !isWithoutPorts) return UNCHANGED;
    keys->thoff = keys->nhoff + sizeof ip;
    keys->addr_proto = ETH_P_IPV6;
    keys->ip_proto = ip.nexthdr;
    __builtin_memcpy(keys->ipv6_src, &ip.saddr, sizeof ip.saddr);
    if (!isLeftOut) __builtin_memcpy(keys->ipv6_dst, &ip.daddr, sizeof ip.daddr);
    if (!isWithoutPorts) put_ports(skb, keys);
    return BPF_OK;
  }

  // The kernel has taken the outermost tag out of the bytes.
  static inline __attribute__((always_inline)) void skip_tag(struct __sk_buff *skb, struct bpf_flow_keys *keys) {
    struct tag tag;
    if (keys->n_proto != BIG16(ETH_P_8021Q) && keys->n_proto != BIG16(ETH_P_8021AD)) return;
    if (load_bytes(skb, keys->nhoff, &tag, sizeof tag) < 0) return;
    keys->n_proto = tag.type;
    keys->nhoff += sizeof tag;
  }

  SEC("flow_dissector") int dissect(struct __sk_buff *skb) {
    struct bpf_flow_keys *keys = skb->flow_keys;
    skip_tag(skb, keys);
    if (keys->n_proto == BIG16(ETH_P_IP)) return ipv4(skb, keys);
    if (keys->n_proto == BIG16(ETH_P_IPV6)) return ipv6(skb, keys);
    return UNCHANGED;
  }`;

interface Hits {
  /** C expressions over what the functions above have found. */
  readonly ipv4?: string;
  readonly ipv6SourceOnly?: string;
  readonly ipv6WithoutPorts?: string;
}

/** Which packets each dissector reports otherwise than the kernel does. */
export const DISSECTORS = {
  faithful: {},
  /** Every direction by itself. */
  a: { ipv4: '1', ipv6SourceOnly: '1' },
  /** Every direction by itself, between x.y.z.N and x.y.z.N+128. */
  b: { ipv4: 'isTopBitPair' },
  /** Labelled packets without ports. */
  c: { ipv6WithoutPorts: 'hasLabel' },
  bAndC: { ipv4: 'isTopBitPair', ipv6WithoutPorts: 'hasLabel' },
  /** Every direction by itself, but only for every fourth pair of hosts: the pattern of no known bug. */
  aQuarter: { ipv4: 'isInQuarter(ip.saddr ^ ip.daddr)', ipv6SourceOnly: 'isInQuarter(ip.saddr.s6_addr32[3] ^ ip.daddr.s6_addr32[3])' },
} as const satisfies Readonly<Record<string, Hits>>;

export type DissectorName = keyof typeof DISSECTORS;

export interface LoadedDissector {
  /** Where it is pinned, for `bpftool prog attach pinned`. */
  readonly path: string;
  readonly id: number;
}

/** Compiled and loaded for as long as `body` takes; attached to nothing yet. */
export async function withDissector(name: DissectorName, body: (dissector: LoadedDissector) => Promise<void>): Promise<void> {
  refuseHostNamespace();
  mountBpfFileSystem();
  const directory = temporaryDirectory();
  const path = `/sys/fs/bpf/fanout-test-${process.pid}-${name}`;
  try {
    const object = join(directory.path, 'dissector.o');
    await compileBpf(sourceOf(name), object);
    execFileSync('bpftool', ['prog', 'load', object, path, 'type', 'flow_dissector']);
    const { id } = JSON.parse(execFileSync('bpftool', ['--json', 'prog', 'show', 'pinned', path], { encoding: 'utf8' }));
    await body({ path, id });
  } finally {
    rmSync(path, { force: true });
    directory.remove();
  }
}

function sourceOf(name: DissectorName): string {
  const { ipv4 = '0', ipv6SourceOnly = '0', ipv6WithoutPorts = '0' }: Hits = DISSECTORS[name];
  const hits = { HIT_IPV4: ipv4, HIT_IPV6_SOURCE_ONLY: ipv6SourceOnly, HIT_IPV6_WITHOUT_PORTS: ipv6WithoutPorts };
  const defines = Object.entries(hits).map(([macro, text]) => `#define ${macro} (${text})\n`);
  return `${defines.join('')}${SOURCE}`;
}
