// SPDX-License-Identifier: MIT OR GPL-2.0-only
//
// A steering program with a rule of its own: a recorder sends each call as several UDP flows, between several hosts,
// and begins every payload with the number of the call. All flows of a call are to meet in one process. No hash of
// headers can do that.
//
//     clang -O2 -g -target bpf -I/usr/include/x86_64-linux-gnu -c steer-by-call.bpf.c -o steer-by-call.bpf.o
//     sudo fanout-cluster --procs 5 --pcap calls.pcap --mode ebpf --ebpf-program steer-by-call.bpf.o

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>

#define SECTION(name) __attribute__((section(name), used))
#define BIG16(n) ((__u16)(((n) >> 8) | (((n)&0xff) << 8)))

// From the network header on, of received and of sent packets alike: at offset 0 of a sent one is the link header.
static long (*const load_bytes_relative)(const struct __sk_buff* skb, __u32 offset, void* to, __u32 length,
                                         __u32 start) = (void*)BPF_FUNC_skb_load_bytes_relative;

enum { recorder_port = 7000 };

struct numbered {
  __be16 source;
  __be16 destination;
  __be16 length;
  __be16 check;
  __be32 call;
};

// The same for both directions, because a sum does not depend on the order.
static __attribute__((always_inline)) inline __u32 by_hosts(const struct iphdr* ip) {
  return ((ip->saddr + ip->daddr) * 0x9e3779b1u) >> 16;
}

// What it returns is taken modulo the number of processes. Suricata looks for a section of this name.
SECTION("loadbalancer")
int steer(struct __sk_buff* skb) {
  struct iphdr ip;
  if (skb->protocol != BIG16(ETH_P_IP) || load_bytes_relative(skb, 0, &ip, sizeof ip, BPF_HDR_START_NET) != 0) return 0;
  // A later fragment has no payload header. Its call is not known.
  const __u16 more_or_offset = BIG16(0x3fff);
  if (ip.protocol != IPPROTO_UDP || (ip.frag_off & more_or_offset) != 0) return by_hosts(&ip);

  struct numbered head;
  if (load_bytes_relative(skb, ip.ihl * 4u, &head, sizeof head, BPF_HDR_START_NET) != 0) return by_hosts(&ip);
  if (head.source != BIG16(recorder_port) && head.destination != BIG16(recorder_port)) return by_hosts(&ip);
  return (int)__builtin_bswap32(head.call);
}

char kernel_license[] SECTION("license") = "Dual MIT/GPL";
