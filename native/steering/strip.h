// The stack of headers, from the first to the innermost: shared by both programs. Each defines what is done with
// what is found on the way: found_pair4() and found_pair6() are told of every pair of addresses, the innermost last,
// found_first_piece() and found_later_piece() of fragments.
#pragma once

#include "strip_ip.h"

// Whether what follows the IP header ends the walk, so that four octets of it are all that is needed.
INLINE int is_plain(u32 protocol, u32 ports) {
  if (LIKELY(protocol == proto_tcp)) return 1;
  if (protocol != proto_udp) return protocol == proto_sctp;
  return !may_be_tunnel(BIG32(ports) >> 16, BIG32(ports) & 0xffff);
}

// Of the first 24 octets: no options, no piece of a datagram.
INLINE int is_plain4(const union octets* buf) {
  if (buf->b[0] != 0x45 || (buf->h[3] & BIG16(0x3fff)) != 0 || BIG16(buf->h[1]) < 24) return 0;
  return is_plain(buf->b[9], buf->w[5]);
}

// Of the first 44 octets.
INLINE int is_plain6(const union octets* buf) {
  if (buf->b[0] >> 4 != 6 || BIG16(buf->h[2]) < 4) return 0;
  return is_plain(buf->b[6], buf->w[10]);
}

// ARP for IPv4 over Ethernet: between the two hosts that it is about.
INLINE void strip_arp(const struct __sk_buff* skb, struct walk* w) {
  if (w->sum != 0 || !look(skb, w, 28)) return;
  if (w->buf.w[0] != BIG32(0x00010800) || w->buf.h[2] != BIG16(0x0604)) return;
  found_pair4(w, (u32)w->buf.h[7] | (u32)w->buf.h[8] << 16, w->buf.w[6]);
}

// One header of the stack: false if the walk is over.
INLINE int strip(const struct __sk_buff* skb, struct walk* w, u64 layers) {
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

// All headers, or as many as a walk may have.
INLINE void walk_through(const struct __sk_buff* skb, struct walk* w, u64 layers) {
#pragma clang loop unroll(disable)
  for (u32 header = 0; header < headers_max; ++header)
    if (!strip(skb, w, layers)) break;
  FORGET;
}
