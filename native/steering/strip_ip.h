// IP, and what it carries without ports of its own.
#pragma once

#include "strip_datagram.h"

INLINE void limit_packet(struct walk* w, u32 begin, u32 bytes) {
  if (bytes != 0 && begin + bytes < w->end) w->end = begin + bytes;
}

INLINE void strip_ipv4(const struct __sk_buff* skb, struct walk* w) {
  if (!look(skb, w, 20)) return;
  const u32 header_bytes = (w->buf.b[0] & 0x0f) * 4, total = BIG16(w->buf.h[1]), protocol = w->buf.b[9];
  if (w->buf.b[0] >> 4 != 4 || header_bytes < 20 || (total != 0 && total < header_bytes)) return;
  limit_packet(w, w->at, total);
  w->at += header_bytes;
  found_pair4(w, w->buf.w[3], w->buf.w[4]);
  w->protocol = protocol;
  w->ports = 0;
  if (LIKELY((w->buf.h[3] & BIG16(0x3fff)) == 0)) {
    w->next = in_ipv4 | protocol;
    return;
  }
  const u64 piece = datagram4(w->buf.w[3], w->buf.w[4], w->buf.h[2], protocol);
  if ((w->buf.h[3] & BIG16(0x1fff)) != 0) return found_later_piece(w, piece);
  found_first_piece(w, piece);
  w->next = in_ipv4 | protocol;
}

INLINE void strip_ipv6(const struct __sk_buff* skb, struct walk* w) {
  if (!look(skb, w, 40) || w->buf.b[0] >> 4 != 6) return;
  w->ip_at = w->at;
  w->at += 40;
  limit_packet(w, w->at, BIG16(w->buf.h[2]));
  found_pair6(w, &w->buf.d[1]);
  w->protocol = w->buf.b[6];
  w->ports = 0;
  w->next = in_ipv6 | w->buf.b[6];
}

INLINE void strip_ipv6_fragment(const struct __sk_buff* skb, struct walk* w) {
  if (!look(skb, w, 8)) return;
  const u32 place = BIG16(w->buf.h[1]), identification = w->buf.w[1], protocol = w->buf.b[0];
  w->protocol = protocol;
  w->at += 8;
  // An atomic fragment (RFC 6946) is all of its datagram.
  if ((place & 0xfff9) != 0) {
    if (load_bytes(skb, w->ip_at + 8, &w->buf, 32) != 0) return;
    const u64 piece = datagram6(w->buf.d, identification);
    if (place >> 3 != 0) return found_later_piece(w, piece);
    found_first_piece(w, piece);
  }
  w->next = in_ipv6 | protocol;
}

INLINE void strip_extension(const struct __sk_buff* skb, struct walk* w) {
  if (!look(skb, w, 2)) return;
  w->at += ((u32)w->buf.b[1] + 1) * 8;
  w->protocol = w->buf.b[0];
  w->next = in_ipv6 | w->buf.b[0];
}

INLINE void strip_ah(const struct __sk_buff* skb, struct walk* w, u32 in) {
  if (!look(skb, w, 2)) return;
  w->at += (u32)w->buf.b[1] * 4 + 8;
  w->protocol = w->buf.b[0];
  w->next = in | w->buf.b[0];
}

// An echo is a flow by its identifier; an error goes where the flow goes that it quotes.
INLINE void strip_icmp(const struct __sk_buff* skb, struct walk* w, u32 in) {
  if (!look(skb, w, 6)) return;
  const u32 type = w->buf.b[0];
  const int is_error = in == in_ipv4 ? (type >= 3 && type <= 5) || type == 11 || type == 12 : type >= 1 && type <= 4;
  if (is_error && !w->is_quoted) {
    w->is_quoted = 1;
    w->at += 8;
    w->next = in == in_ipv4 ? type_ipv4 : type_ipv6;
    return;
  }
  const int is_echo = in == in_ipv4 ? type == 0 || type == 8 : type == 128 || type == 129;
  if (is_echo) w->ports = w->buf.h[2] | (u32)w->buf.h[2] << 16;
}

INLINE int is_extension(u32 protocol, u64 layers) {
  if (protocol == proto_mobility) return opens(layers, in_mobility);
  if (protocol == proto_hip || protocol == proto_shim6) return opens(layers, in_ext);
  return protocol == proto_hop_by_hop || protocol == proto_routing || protocol == proto_destination;
}

// `in` is the version of the packet that carries it.
INLINE void strip_protocol(const struct __sk_buff* skb, struct walk* w, u32 in, u32 protocol, u64 layers) {
  if (protocol == proto_tcp || protocol == proto_sctp || protocol == proto_dccp || protocol == proto_udplite) {
    if (look(skb, w, 4)) w->ports = w->buf.w[0];
    return;
  }
  if (protocol == proto_udp) {
    if (!look(skb, w, 4)) return;
    w->ports = w->buf.w[0];
    if (UNLIKELY(may_be_tunnel(BIG16(w->buf.h[0]), BIG16(w->buf.h[1])))) strip_datagram(skb, w, layers);
    return;
  }
  if (protocol == (in == in_ipv4 ? proto_icmp : proto_icmp6)) return strip_icmp(skb, w, in);
  if (protocol == proto_gre) return strip_gre(skb, w, layers);
  if (protocol == proto_ah) return opens(layers, in == in_ipv4 ? in_ah4 : in_ah6) ? strip_ah(skb, w, in) : (void)0;
  if (protocol == proto_ipip && opens(layers, in_ip)) w->next = type_ipv4;
  if (protocol == proto_ipv6 && opens(layers, in_ip)) w->next = type_ipv6;
  if (protocol == proto_mpls && opens(layers, in_mpls_ip)) w->next = type_mpls;
  if (protocol == proto_etherip && opens(layers, in_etherip)) strip_before_ethernet(w, 2);
  if (protocol == proto_ethernet && opens(layers, in_ethernet)) w->next = an_ethernet_frame;
  if (in != in_ipv6) return;
  if (protocol == proto_fragment) return strip_ipv6_fragment(skb, w);
  if (is_extension(protocol, layers)) strip_extension(skb, w);
}
