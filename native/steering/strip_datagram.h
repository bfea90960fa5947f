// Tunnels over UDP. A port is a hint, no promise: where the payload contradicts it, the datagram is a flow like any
// other.
#pragma once

#include "strip_gre.h"

// Six bits of a port: enough to pass by most ports that are no tunnel's with one test for all of them.
#define PORT_BIT(port) (1ULL << (((port) ^ (port) >> 3) & 63))
#define PORTS_OF_TUNNELS                                                                                               \
  (PORT_BIT(port_l2tp) | PORT_BIT(port_gtpc) | PORT_BIT(port_gtpu) | PORT_BIT(port_gtp_old) | PORT_BIT(port_teredo) |  \
   PORT_BIT(port_lisp) | PORT_BIT(port_gre) | PORT_BIT(port_vxlan) | PORT_BIT(port_vxlan_gpe) | PORT_BIT(port_ayiya) | \
   PORT_BIT(port_capwap) | PORT_BIT(port_geneve) | PORT_BIT(port_mpls) | PORT_BIT(port_vxlan_linux))

INLINE int is_tunnel_port(u32 port) {
  return port == port_vxlan || port == port_vxlan_linux || port == port_vxlan_gpe || port == port_geneve ||
         port == port_gtpu || port == port_gtpc || port == port_gtp_old || port == port_teredo || port == port_l2tp ||
         port == port_gre || port == port_mpls || port == port_lisp || port == port_ayiya || port == port_capwap;
}

INLINE int may_be_tunnel(u32 source, u32 destination) {
  if (LIKELY(((PORT_BIT(source) | PORT_BIT(destination)) & PORTS_OF_TUNNELS) == 0)) return 0;
  return is_tunnel_port(destination) || is_tunnel_port(source);
}

// Where the length of the IP header that may begin so far on agrees with what is left of the payload: its ethertype.
INLINE u32 ip_behind(const struct __sk_buff* skb, struct walk* w, u32 bytes) {
  if (w->at + bytes + 8 > w->payload_end || !look_ahead(skb, w, bytes, 8)) return nothing;
  const u32 left = w->payload_end - w->at - bytes, first = w->buf.b[0];
  if (first >> 4 == 4) {
    const u32 total = BIG16(w->buf.h[1]), header_bytes = (first & 0x0f) * 4;
    return header_bytes >= 20 && total >= header_bytes && total <= left ? type_ipv4 : nothing;
  }
  return first >> 4 == 6 && 40 + (u32)BIG16(w->buf.h[2]) <= left ? type_ipv6 : nothing;
}

// Reserved fields are ignored on receipt (RFC 7348).
INLINE void strip_vxlan(struct walk* w) {
  if ((w->buf.b[0] & 0x08) != 0) strip_before_ethernet(w, 8);
}

INLINE void strip_vxlan_gpe(struct walk* w) {
  const u32 flags = w->buf.b[0], kind = (flags & 0x04) != 0 ? w->buf.b[3] : 3;
  if ((flags & 0x30) != 0 || (flags & 0x0c) == 0) return;
  if (kind == 1) w->next = type_ipv4;
  if (kind == 2) w->next = type_ipv6;
  if (kind == 3) w->next = an_ethernet_frame;
  if (kind == 4) w->next = type_nsh;
  if (kind == 5) w->next = type_mpls;
  w->at += 8;
}

INLINE void strip_geneve(struct walk* w, u64 layers) {
  const u32 first = w->buf.b[0], bytes = 8 + (first & 0x3f) * 4, type = BIG16(w->buf.h[1]);
  const int is_known = type == type_teb || type == type_ipv4 || type == type_ipv6 ||
                       ((type == type_mpls || type == type_mpls_multicast) && opens(layers, in_geneve_mpls)) ||
                       ((type == type_vlan || type == type_qinq) && opens(layers, in_geneve_vlan)) ||
                       (type == type_nsh && opens(layers, in_geneve_nsh));
  if ((first & 0xc0) != 0 || !is_known || w->at + bytes > w->payload_end) return;
  w->at += bytes;
  w->next = type;
}

// User data of version 1, or of version 0, whose header has no flags.
INLINE void strip_gtpu(const struct __sk_buff* skb, struct walk* w, u64 layers) {
  const u32 flags = w->buf.b[0], version = flags & 0xf0;
  if ((version != 0x10 && version != 0x30) || w->buf.b[1] != 0xff) return;
  if (!opens(layers, version == 0x10 ? in_gtp_old : in_gtpu)) return;
  w->at += version == 0x10 ? 20 : 8;
  w->next = an_ip_packet;
  if (version == 0x10 || (flags & 0x07) == 0) return;
  if (!look(skb, w, 4)) {
    w->next = nothing;
    return;
  }
  w->at += 4;
  if ((flags & 0x04) != 0 && w->buf.b[3] != 0) w->next = a_gtp_extension;
}

// Its first octet says how long it is, in units of four, and its last what follows.
INLINE void strip_gtp_extension(const struct __sk_buff* skb, struct walk* w) {
  if (!look(skb, w, 1)) return;
  const u32 bytes = w->buf.b[0] * 4;
  if (bytes == 0 || !look_ahead(skb, w, bytes - 1, 1)) return;
  w->at += bytes;
  w->next = w->buf.b[0] == 0 ? an_ip_packet : a_gtp_extension;
}

// Indications of authentication and origin may precede the IPv6 packet (RFC 4380), whose length must fit: nothing else
// tells Teredo from other datagrams.
INLINE void strip_teredo(const struct __sk_buff* skb, struct walk* w) {
  const u32 indications_max = 2;
#pragma clang loop unroll(disable)
  for (u32 indications = 0; look(skb, w, 8); ++indications) {
    if (indications == indications_max || BIG16(w->buf.h[0]) > 1) {
      if (w->buf.b[0] >> 4 == 6 && w->at + 40 + BIG16(w->buf.h[2]) <= w->payload_end) w->next = type_ipv6;
      return;
    }
    w->at += w->buf.b[1] == 0 ? 8 : 13 + (u32)w->buf.b[2] + w->buf.b[3];
  }
}

// Version 2 (RFC 2661): control messages belong to the tunnel, data messages carry PPP.
INLINE void strip_l2tp(const struct __sk_buff* skb, struct walk* w) {
  const u32 flags = BIG16(w->buf.h[0]);
  if ((flags & 0x000f) != 2 || (flags & 0xb4f0) != 0) return;
  w->at += 6 + ((flags & 0x4000) != 0 ? 2 : 0) + ((flags & 0x0800) != 0 ? 4 : 0);
  if ((flags & 0x0200) != 0) {
    if (!look(skb, w, 2)) return;
    w->at += 2 + BIG16(w->buf.h[0]);
  }
  w->next = a_ppp_frame;
}

// RFC 8086: version 0, and no field but checksum, key and sequence number.
INLINE void strip_gre_udp(const struct __sk_buff* skb, struct walk* w, u64 layers) {
  const u32 flags = BIG16(w->buf.h[0]), type = BIG16(w->buf.h[1]);
  const int is_known = type == type_teb || type == type_ipv4 || type == type_ipv6 || type == type_mpls ||
                       type == type_vlan || type == type_erspan || type == type_erspan3;
  if ((flags & 0x4fff) != 0 || !is_known) return;
  w->at += gre_bytes(flags);
  behind_gre(skb, w, type, flags, layers);
}

// Anything in anything (SixXS): how long identity and signature are, what is to be done, and what follows.
INLINE void strip_ayiya(const struct __sk_buff* skb, struct walk* w) {
  const u32 bytes = 8 + (1u << (w->buf.b[0] >> 4)) + (u32)(w->buf.b[1] >> 4) * 4, protocol = w->buf.b[3];
  const u32 inner = protocol == 4 ? type_ipv4 : protocol == 41 ? type_ipv6 : nothing;
  if ((w->buf.b[2] & 0x0f) != 1 || inner == nothing || ip_behind(skb, w, bytes) != inner) return;
  w->at += bytes;
  w->next = inner;
}

// RFC 9300. Nothing in its eight octets tells it from other datagrams.
INLINE void strip_lisp(const struct __sk_buff* skb, struct walk* w) {
  const u32 inner = ip_behind(skb, w, 8);
  if (inner == nothing) return;
  w->at += 8;
  w->next = inner;
}

// Within the payload: an Ethernet header and one octet of what it announces.
INLINE int is_ethernet_behind(const struct __sk_buff* skb, struct walk* w, u32 bytes) {
  return w->at + bytes + 15 <= w->payload_end && is_usual_ethernet(skb, w, bytes);
}

// RFC 7510. Something known must be beneath the stack: nothing else tells it from other datagrams.
enum { labels_in_udp_max = 4 };

INLINE void strip_mpls_udp(const struct __sk_buff* skb, struct walk* w) {
  u32 bytes = 0;
  for (u32 labels = 0; labels < labels_in_udp_max; ++labels) {
    if (w->at + bytes + 4 > w->payload_end || !look_ahead(skb, w, bytes, 4)) return;
    bytes += 4;
    if ((w->buf.b[2] & 1) == 0) continue;
    if (ip_behind(skb, w, bytes) != nothing || is_ethernet_behind(skb, w, bytes) ||
        is_ethernet_behind(skb, w, bytes + 4))
      w->next = type_mpls;
    return;
  }
}

// RFC 5415: a preamble of version 0 without encryption, a length in words of four octets, and what kind of frame
// follows. A fragment holds no more than a part of one.
INLINE void strip_capwap(const struct __sk_buff* skb, struct walk* w) {
  const u32 bytes = (u32)(w->buf.b[1] >> 3) * 4, kind = w->buf.b[2] & 0x3f;
  if (w->buf.b[0] != 0 || bytes < 8 || (w->buf.b[3] & 0x88) != 0) return;
  const u32 is_wireless = kind == 3;
  if (w->at + bytes + 15 > w->payload_end || !look_ahead(skb, w, bytes + 14, 1)) return;
  if (!is_wireless && ((kind & 1) != 0 || !is_usual_ethernet(skb, w, bytes))) return;
  w->at += bytes;
  w->next = is_wireless ? a_wlan_frame : an_ethernet_frame;
}

// Behind the ports. A tunnel is known by where it goes to; readers take the port of the answering side as well.
INLINE void strip_datagram(const struct __sk_buff* skb, struct walk* w, u64 layers) {
  if (!look(skb, w, 16)) return;
  const u32 source = BIG16(w->buf.h[0]), destination = BIG16(w->buf.h[1]), claimed = BIG16(w->buf.h[2]);
  const u32 port = is_tunnel_port(destination) ? destination : source;
  if (claimed != 0 && claimed < 16) return;
  w->payload_end = claimed == 0 ? 0x7fffffff : w->at + claimed;
  w->at += 8;
  w->buf.d[0] = w->buf.d[1];
  if (port == port_vxlan || port == port_vxlan_linux) return opens(layers, in_vxlan) ? strip_vxlan(w) : (void)0;
  if (port == port_vxlan_gpe) return opens(layers, in_vxlan_gpe) ? strip_vxlan_gpe(w) : (void)0;
  if (port == port_geneve) return opens(layers, in_geneve) ? strip_geneve(w, layers) : (void)0;
  if (port == port_gtpu || port == port_gtpc || port == port_gtp_old) return strip_gtpu(skb, w, layers);
  if (port == port_teredo) {
    if (opens(layers, in_teredo) && claimed != 0) w->next = a_teredo_packet;
    return;
  }
  if (port == port_l2tp) return opens(layers, in_l2tp) ? strip_l2tp(skb, w) : (void)0;
  if (port == port_gre) return opens(layers, in_gre_udp) ? strip_gre_udp(skb, w, layers) : (void)0;
  if (port == port_ayiya) return opens(layers, in_ayiya) ? strip_ayiya(skb, w) : (void)0;
  if (port == port_lisp) return opens(layers, in_lisp) ? strip_lisp(skb, w) : (void)0;
  if (port == port_mpls) return opens(layers, in_mpls_udp) ? strip_mpls_udp(skb, w) : (void)0;
  if (port == port_capwap && opens(layers, in_capwap)) strip_capwap(skb, w);
}
