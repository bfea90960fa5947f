// SPDX-License-Identifier: MIT OR GPL-2.0-only
//
// A steering program for PACKET_FANOUT_EBPF: finds the innermost flow of a packet, and returns a number that is the
// same for both of its directions. The kernel takes it modulo the number of members.
//
// What it sees (net/packet/af_packet.c, fanout_demux_bpf()): of a received packet, octets from the network header on.
// The link header lies before octet 0, the outermost VLAN tag is in the metadata, and skb->protocol says what octet 0
// begins. Of a packet that this host sends, octets from the link header on.
//
// Two policies:
//   addresses  the pair of innermost addresses. Every packet of a flow has it, fragments too: nothing is remembered,
//              unless a tunnel is fragmented.
//   ports      addresses, protocol and ports, or the identifier of an echo. Later fragments follow the first one.
//
// Needs helpers of Linux 4.18, and loops of 5.3. Nothing of the running kernel's structures is read.

#include "hash.h"
#include "walk.h"

INLINE void found_pair4(struct walk* w, u32 source, u32 destination) { w->sum = sum_of_pair4(source, destination); }
INLINE void found_pair6(struct walk* w, const u64* addresses) { w->sum = sum_of_pair6(addresses, addresses + 2); }

#include "strip_ip.h"

enum { packet_outgoing = 4 };

// Whether what follows the IP header ends the walk, so that four octets of it are all that is needed.
INLINE int is_plain(u32 protocol, u32 ports) {
  if (LIKELY(protocol == proto_tcp)) return 1;
  if (protocol != proto_udp) return protocol == proto_sctp;
  return !may_be_tunnel(BIG32(ports) >> 16, BIG32(ports) & 0xffff);
}

// Most packets: the first header is of IP, nothing special in it, and then come ports that are no tunnel's. A call of
// the kernel costs more than what it copies, so that all is fetched at once. Zero: walk.
INLINE u64 sum_of_plain(const struct __sk_buff* skb, u32 type, u32 policy) {
  union octets buf;
  if (LIKELY(type == type_ipv4)) {
    if (load_bytes(skb, 0, &buf, 24) != 0) return 0;
    if (buf.b[0] != 0x45 || (buf.h[3] & BIG16(0x3fff)) != 0 || BIG16(buf.h[1]) < 24 || !is_plain(buf.b[9], buf.w[5]))
      return 0;
    const u64 sum = sum_of_pair4(buf.w[3], buf.w[4]);
    return policy & by_ports ? with_ports(sum, buf.w[5], buf.b[9]) : sum;
  }
  if (type == type_ipv6) {
    if (load_bytes(skb, 0, &buf, 44) != 0) return 0;
    if (buf.b[0] >> 4 != 6 || BIG16(buf.h[2]) < 4 || !is_plain(buf.b[6], buf.w[10])) return 0;
    const u64 sum = sum_of_pair6(&buf.d[1], &buf.d[3]);
    return policy & by_ports ? with_ports(sum, buf.w[10], buf.b[6]) : sum;
  }
  return 0;
}

// Frames without IP: by their two stations. A group address is on one side only and does not count.
INLINE u64 sum_of_stations(const struct __sk_buff* skb) {
  union octets buf;
  if (load_bytes_relative(skb, 0, &buf, 12, BPF_HDR_START_MAC) != 0) return KEY0;
  const u64 destination = (buf.b[0] & 1) != 0 ? 0 : (u64)buf.h[0] << 32 | (u64)buf.h[1] << 16 | buf.h[2];
  const u64 source = (u64)buf.h[3] << 32 | (u64)buf.h[4] << 16 | buf.h[5];
  const u64 stations[4] = {source, 0, destination, 0};
  return sum_of_pair6(stations, stations + 2);
}

// ARP for IPv4 over Ethernet: between the two hosts that it is about.
INLINE void strip_arp(const struct __sk_buff* skb, struct walk* w) {
  if (w->sum != 0 || !look(skb, w, 28)) return;
  if (w->buf.w[0] != BIG32(0x00010800) || w->buf.h[2] != BIG16(0x0604)) return;
  found_pair4(w, (u32)w->buf.h[7] | (u32)w->buf.h[8] << 16, w->buf.w[6]);
}

// One header of the stack: false if the walk is over.
INLINE int strip(const struct __sk_buff* skb, struct walk* w, u32 layers) {
  FORGET;
  const u32 next = w->next;
  w->next = nothing;
  if (LIKELY(next == type_ipv4)) {
    strip_ipv4(skb, w);
  } else if (next == type_ipv6) {
    strip_ipv6(skb, w);
  } else if (next >= in_ipv4 && next < an_ethernet_frame) {
    strip_protocol(skb, w, next & ~0xffffu, next & 0xff, layers);
  } else if (next == type_arp) {
    strip_arp(skb, w);
  } else if (next == a_gtp_extension) {
    strip_gtp_extension(skb, w);
  } else if (next == a_teredo_packet) {
    strip_teredo(skb, w);
  } else if (next == a_gre_route) {
    strip_gre_route(skb, w, layers);
  } else {
    strip_link(skb, w, next, layers);
  }
  return w->next != nothing;
}

SECTION("loadbalancer")
int fc_steer(struct __sk_buff* skb) {
  const u32 policy = POLICY, layers = LAYERS;
  u32 type = BIG16((u16)skb->protocol);
  if (UNLIKELY(skb->pkt_type == packet_outgoing)) type = an_ethernet_frame;
  const u64 plain = sum_of_plain(skb, type, policy);
  if (LIKELY(plain != 0)) return (int)mixed(plain);

  const u32 first = 0;
  struct walk* const w = map_lookup(&fc_walk, &first);
  if (w == 0) return 0;
  w->sum = 0;
  w->datagram = w->inner_datagram = 0;
  w->next = type;
  w->at = 0;
  w->end = skb->len;
  w->ports = w->protocol = 0;
  w->hash = w->is_quoted = 0;
#pragma clang loop unroll(disable)
  for (u32 header = 0; header < headers_max; ++header)
    if (!strip(skb, w, layers)) break;

  FORGET;
  u64 sum = w->sum;
  u32 hash = w->hash;
  if (UNLIKELY(sum == 0)) sum = sum_of_stations(skb);
  if (LIKELY(hash == 0)) hash = mixed(policy & by_ports ? with_ports(sum, w->ports, w->protocol) : sum);
  if (UNLIKELY(w->datagram != 0) && hash != w->otherwise) remember(w->datagram, hash);
  if ((policy & by_ports) && UNLIKELY(w->inner_datagram != 0)) remember(w->inner_datagram, hash);
  return (int)hash;
}

// For the loader, which makes the maps.
const u32 fc_walk_bytes SECTION("fc_sizes") = sizeof(struct walk);

char fc_license[] SECTION("license") = "Dual MIT/GPL";
