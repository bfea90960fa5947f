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

#include "walk.h"

struct first_piece {
  u32 hash;    // where it went
  u32 second;  // when
};

struct {
  int (*type)[BPF_MAP_TYPE_LRU_HASH];
  int (*max_entries)[fragments_max];
  u64* key;
  struct first_piece* value;
} fc_fragments SECTION(".maps");

struct {
  int (*type)[BPF_MAP_TYPE_PERCPU_ARRAY];
  int (*max_entries)[1];
  u32* key;
  struct walk* value;
} fc_walk SECTION(".maps");

INLINE void found_pair4(struct walk* w, u32 source, u32 destination) { w->sum = sum_of_pair4(source, destination); }
INLINE void found_pair6(struct walk* w, const u64* addresses) { w->sum = sum_of_pair6(addresses, addresses + 2); }

// Of the outermost datagram, and of the first one inside of it.
INLINE void found_first_piece(struct walk* w, u64 datagram) {
  if (w->is_quoted) return;
  if (w->datagram != 0) {
    w->inner_datagram = datagram;
    return;
  }
  w->datagram = datagram;
  w->otherwise = mixed(w->sum);
}

INLINE void found_later_piece(struct walk* w, u64 datagram) {
  const struct first_piece* const first = map_lookup(&fc_fragments, &datagram);
  w->hash = first != 0 && is_recent(first->second) ? first->hash : 0;
  if (w->hash == 0) w->hash = mixed(w->sum);
}

INLINE void remember(u64 datagram, u32 hash) {
  const struct first_piece first = {hash, second_now()};
  map_update(&fc_fragments, &datagram, &first, BPF_ANY);
}

#include "strip.h"

enum { packet_outgoing = 4 };

// Most packets: the first header is of IP, nothing special in it, and then come ports that are no tunnel's. A call of
// the kernel costs more than what it copies, so that all is fetched at once. Zero: walk.
INLINE u64 sum_of_plain(const struct __sk_buff* skb, u32 type, u32 policy) {
  union octets buf;
  if (LIKELY(type == type_ipv4)) {
    if (load_bytes(skb, 0, &buf, 24) != 0 || !is_plain4(&buf)) return 0;
    const u64 sum = sum_of_pair4(buf.w[3], buf.w[4]);
    return policy & by_ports ? with_ports(sum, buf.w[5], buf.b[9]) : sum;
  }
  if (type != type_ipv6 || load_bytes(skb, 0, &buf, 44) != 0 || !is_plain6(&buf)) return 0;
  const u64 sum = sum_of_pair6(&buf.d[1], &buf.d[3]);
  return policy & by_ports ? with_ports(sum, buf.w[10], buf.b[6]) : sum;
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

SECTION("loadbalancer")
int fc_steer(struct __sk_buff* skb) {
  const u32 policy = POLICY;
  const u64 layers = LAYERS;
  u32 type = BIG16((u16)skb->protocol);
  if (UNLIKELY(skb->pkt_type == packet_outgoing)) type = an_ethernet_frame;
  const u64 plain = sum_of_plain(skb, type, policy);
  if (LIKELY(plain != 0)) return (int)mixed(plain);

  const u32 first = 0;
  struct walk* const w = map_lookup(&fc_walk, &first);
  if (w == 0) return 0;
  begin_walk(w, type, 0, skb->len);
  walk_through(skb, w, layers);

  u64 sum = w->sum;
  u32 hash = w->hash;
  if (UNLIKELY(sum == 0)) sum = sum_of_stations(skb);
  if (LIKELY(hash == 0)) hash = mixed(policy & by_ports ? with_ports(sum, w->ports, w->protocol) : sum);
  if (UNLIKELY(w->datagram != 0)) {
    if (hash != w->otherwise)
      remember(w->datagram, hash);
    else
      forget(&fc_fragments, w->datagram);
  }
  if ((policy & by_ports) && UNLIKELY(w->inner_datagram != 0)) remember(w->inner_datagram, hash);
  return (int)hash;
}

#ifdef WITH_SHAPES
const struct map_shape fc_shapes[] SECTION("map_shapes") = {
    {BPF_MAP_TYPE_LRU_HASH, sizeof(u64), sizeof(struct first_piece), fragments_max},
    {BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(u32), sizeof(struct walk), 1},
};
#endif

char fc_license[] SECTION("license") = "Dual MIT/GPL";
