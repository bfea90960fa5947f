// SPDX-License-Identifier: MIT OR GPL-2.0-only
//
// A flow dissector (BPF_PROG_TYPE_FLOW_DISSECTOR) for a network namespace: tells the kernel the innermost pair of
// addresses, so that PACKET_FANOUT_HASH goes by them, in groups that are running already.
//
// It answers where no flag is set, as fanout asks (net/core/flow_dissector.c, __skb_get_hash_symmetric_net()), and leaves
// everything else to the kernel by BPF_FLOW_DISSECTOR_CONTINUE (Linux 6.1). Before 6.1 the kernel takes no such answer:
// with the bit no_fallback the outermost addresses and ports are told instead, which is less than the kernel can do.
//
// Ports are not told: later fragments have none. Nor is the protocol, as those of IPv6 do not know it.

#include "walk.h"
#include "wire.h"

struct first_piece {
  u64 addresses[4];  // of the flow that it is of
  u32 version_type;
  u32 second;  // when
};

struct {
  int (*type)[BPF_MAP_TYPE_LRU_HASH];
  int (*max_entries)[fragments_max];
  u64* key;
  struct first_piece* value;
} fc_fragments SECTION(".maps");

// The kernel asks in process context, too, for what is sent; meanwhile packets may arrive on the same CPU.
enum { walks_at_once = 2 };

struct {
  int (*type)[BPF_MAP_TYPE_PERCPU_ARRAY];
  int (*max_entries)[walks_at_once];
  u32* key;
  struct walk* value;
} fc_walk SECTION(".maps");

// How many walks are under way on this CPU.
struct {
  int (*type)[BPF_MAP_TYPE_PERCPU_ARRAY];
  int (*max_entries)[1];
  u32* key;
  u32* value;
} fc_depth SECTION(".maps");

INLINE void found_pair4(struct walk* w, u32 source, u32 destination) {
  w->addresses[0] = source;
  w->addresses[1] = destination;
  w->version_type = type_ipv4;
  ++w->sum;
}

INLINE void found_pair6(struct walk* w, const u64* addresses) {
  for (u32 i = 0; i < 4; ++i) w->addresses[i] = addresses[i];
  w->version_type = type_ipv6;
  ++w->sum;
}

INLINE void found_first_piece(struct walk* w, u64 datagram) {
  if (w->is_quoted || w->datagram != 0) return;
  w->datagram = datagram;
  w->otherwise = (u32)w->sum;
}

INLINE void found_later_piece(struct walk* w, u64 datagram) {
  const struct first_piece* const first = map_lookup(&fc_fragments, &datagram);
  if (first == 0 || !is_recent(first->second)) return;
  for (u32 i = 0; i < 4; ++i) w->addresses[i] = first->addresses[i];
  w->version_type = first->version_type;
}

INLINE void remember(const struct walk* w) {
  struct first_piece first;
  for (u32 i = 0; i < 4; ++i) first.addresses[i] = w->addresses[i];
  first.version_type = w->version_type;
  first.second = second_now();
  map_update(&fc_fragments, &w->datagram, &first, BPF_ANY);
}

#include "strip.h"

enum { parse_first_fragment = 1, stop_at_flow_label = 2 };  // BPF_FLOW_DISSECTOR_F_*
enum { dropped = 2 };               // BPF_DROP: this is no packet to dissect

INLINE void tell_pair4(struct bpf_flow_keys* keys, u32 source, u32 destination) {
  keys->n_proto = BIG16((u16)type_ipv4);
  keys->addr_proto = type_ipv4;
  keys->ipv4_src = source;
  keys->ipv4_dst = destination;
}

INLINE void tell_pair6(struct bpf_flow_keys* keys, const u64* addresses) {
  keys->n_proto = BIG16((u16)type_ipv6);
  keys->addr_proto = type_ipv6;
  for (u32 i = 0; i < 2; ++i) {
    keys->ipv6_src[2 * i] = (u32)addresses[i];
    keys->ipv6_src[2 * i + 1] = (u32)(addresses[i] >> 32);
    keys->ipv6_dst[2 * i] = (u32)addresses[2 + i];
    keys->ipv6_dst[2 * i + 1] = (u32)(addresses[2 + i] >> 32);
  }
}

// Most packets, as in steer.bpf.c: false if this one needs a walk.
INLINE int tell_plain(const struct __sk_buff* skb, struct bpf_flow_keys* keys, u32 type, u32 start) {
  union octets buf;
  if (LIKELY(type == type_ipv4)) {
    if (load_bytes(skb, start, &buf, 24) != 0 || !is_plain4(&buf)) return 0;
    tell_pair4(keys, buf.w[3], buf.w[4]);
    keys->thoff = (u16)(start + 20);
    return 1;
  }
  if (type != type_ipv6 || load_bytes(skb, start, &buf, 44) != 0 || !is_plain6(&buf)) return 0;
  tell_pair6(keys, &buf.d[1]);
  keys->thoff = (u16)(start + 40);
  return 1;
}

// Where the kernel begins. Of a frame that this host sends with VLAN tags in its bytes, it has moved the network header
// behind them (packet_parse_headers() in net/packet/af_packet.c), but still says the type that the first one has. Then
// octet 0 is the link header, and the last tag tells what follows. Of such a frame the type may be a length, too.
INLINE u32 type_at(const struct __sk_buff* skb, u32 type, u32 start) {
  if (LIKELY(type != type_vlan && type != type_qinq)) return type_or_length(type);
  u16 first, last;
  if (start < 18 || load_bytes(skb, 12, &first, 2) != 0 || BIG16(first) != type) return type;
  return load_bytes(skb, start - 2, &last, 2) == 0 ? type_or_length(BIG16(last)) : type;
}

// Behind the tags that lead to the outermost IP packet: where it is, its addresses, and its ports if it has some.
INLINE long tell_outermost(const struct __sk_buff* skb, struct bpf_flow_keys* keys, u32 type, u32 at) {
  union octets buf;
#pragma clang loop unroll(disable)
  for (u32 tags = 0; tags < 4 && (type == type_vlan || type == type_qinq); ++tags) {
    if (load_bytes(skb, at, &buf, 4) != 0) return dropped;
    type = BIG16(buf.h[1]);
    at += 4;
  }
  keys->n_proto = BIG16((u16)type);
  keys->nhoff = keys->thoff = (u16)at;
  u32 protocol;
  if (type == type_ipv4) {
    if (load_bytes(skb, at, &buf, 20) != 0 || (buf.b[0] & 0x0f) < 5) return dropped;
    tell_pair4(keys, buf.w[3], buf.w[4]);
    protocol = buf.b[9];
    at += (buf.b[0] & 0x0f) * 4;
    const int is_piece = (buf.h[3] & BIG16(0x3fff)) != 0, is_later = (buf.h[3] & BIG16(0x1fff)) != 0;
    keys->is_frag = (u8)is_piece;
    keys->is_first_frag = (u8)(is_piece && !is_later);
    keys->ip_proto = (u8)protocol;
    keys->thoff = (u16)at;
    if (is_later || (is_piece && (keys->flags & parse_first_fragment) == 0)) return BPF_OK;
  } else if (type == type_ipv6) {
    if (load_bytes(skb, at, &buf, 40) != 0) return dropped;
    tell_pair6(keys, &buf.d[1]);
    protocol = buf.b[6];
    at += 40;
    keys->ip_proto = (u8)protocol;
    keys->thoff = (u16)at;
    keys->flow_label = buf.w[0] & BIG32(0x000fffffU);
    if ((keys->flags & stop_at_flow_label) != 0 && keys->flow_label != 0) return BPF_OK;
  } else {
    return BPF_OK;
  }
  const int has_ports = protocol == proto_tcp || protocol == proto_udp || protocol == proto_sctp ||
                        protocol == proto_dccp || protocol == proto_udplite;
  if (!has_ports || load_bytes(skb, at, &buf, 4) != 0) return BPF_OK;
  keys->sport = buf.h[0];
  keys->dport = buf.h[1];
  return BPF_OK;
}

INLINE long leave_to_kernel(const struct __sk_buff* skb, struct bpf_flow_keys* keys, u32 type, u32 start) {
  return POLICY & no_fallback ? tell_outermost(skb, keys, type, start) : BPF_FLOW_DISSECTOR_CONTINUE;
}

// False: no addresses were reached.
INLINE int tell_innermost(const struct __sk_buff* skb, struct bpf_flow_keys* keys, struct walk* w, u32 type, u32 start) {
  const u64 layers = LAYERS;
  // How long the packet is this program may not ask; reading beyond fails.
  begin_walk(w, type_at(skb, type, start), start, 0x7fffffff);
  w->first_transport = 0;
#pragma clang loop unroll(disable)
  for (u32 header = 0; header < headers_max; ++header) {
    const int goes_on = strip(skb, w, layers);
    if (w->first_transport == 0 && w->sum != 0) w->first_transport = w->at;
    if (!goes_on) break;
  }
  FORGET;
  if (w->sum == 0) return 0;
  if (UNLIKELY(w->datagram != 0)) {
    if (w->sum != w->otherwise)
      remember(w);
    else
      forget(&fc_fragments, w->datagram);
  }
  if (w->version_type == type_ipv4)
    tell_pair4(keys, (u32)w->addresses[0], (u32)w->addresses[1]);
  else
    tell_pair6(keys, w->addresses);
  // Of what is sent, the kernel takes the transport header to be there (skb_probe_transport_header()): the outermost.
  keys->thoff = (u16)w->first_transport;
  return 1;
}

SECTION("flow_dissector")
int fc_dissect(struct __sk_buff* skb) {
  struct bpf_flow_keys* const keys = skb->flow_keys;
  const u32 type = BIG16((u16)keys->n_proto), start = keys->nhoff;
  if (keys->flags != 0) return (int)leave_to_kernel(skb, keys, type, start);
  if (LIKELY(tell_plain(skb, keys, type, start))) return BPF_OK;

  const u32 only = 0;
  u32* const depth = map_lookup(&fc_depth, &only);
  if (depth == 0) return BPF_OK;
  const u32 which = *depth & (walks_at_once - 1);
  struct walk* const w = map_lookup(&fc_walk, &which);
  if (w == 0) return BPF_OK;
  ++*depth;
  const int is_told = tell_innermost(skb, keys, w, type, start);
  --*depth;
  return is_told ? BPF_OK : (int)leave_to_kernel(skb, keys, type, start);
}

#ifdef WITH_SHAPES
const struct map_shape fc_shapes[] SECTION("map_shapes") = {
    {BPF_MAP_TYPE_LRU_HASH, sizeof(u64), sizeof(struct first_piece), fragments_max},
    {BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(u32), sizeof(struct walk), walks_at_once},
    {BPF_MAP_TYPE_PERCPU_ARRAY, sizeof(u32), sizeof(u32), 1},
};
#endif

char fc_license[] SECTION("license") = "Dual MIT/GPL";
