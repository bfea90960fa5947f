// Generic routing encapsulation (RFC 1701, 2784, 2890; 2637 for PPTP), and what is built on it.
#pragma once

#include "strip_link.h"

enum {
  gre_checksum = 0x8000,
  gre_routing = 0x4000,
  gre_key = 0x2000,
  gre_sequence = 0x1000,
  gre_acknowledgment = 0x0080,
  gre_version = 0x0007,
};

INLINE u32 gre_bytes(u32 flags) {
  return 4 + ((flags & (gre_checksum | gre_routing)) != 0 ? 4 : 0) + ((flags & gre_key) != 0 ? 4 : 0) +
         ((flags & gre_sequence) != 0 ? 4 : 0);
}

INLINE void strip_erspan3(const struct __sk_buff* skb, struct walk* w) {
  if (!look(skb, w, 12)) return;
  const u32 last = BIG16(w->buf.h[5]);
  if ((last & 0x7c00) == 0) strip_before_ethernet(w, (last & 1) != 0 ? 20 : 12);
}

// Aruba's access points: an ethertype for each kind of user.
INLINE int is_wlan(u32 type) { return type >= 0x8200 && type <= 0x8370 && (type & 0x0f) == 0; }

INLINE void behind_gre(const struct __sk_buff* skb, struct walk* w, u32 type, u32 flags, u64 layers) {
  if (type == type_erspan) {
    // Type I has no header of its own; of type II the sequence number is the mark.
    const int is_second = (flags & gre_sequence) != 0;
    if (opens(layers, is_second ? in_erspan2 : in_erspan1)) strip_before_ethernet(w, is_second ? 8 : 0);
    return;
  }
  if (type == type_erspan3) return opens(layers, in_erspan3) ? strip_erspan3(skb, w) : (void)0;
  if ((type == type_vlan || type == type_qinq) && !opens(layers, in_gre_vlan)) return;
  if ((type == type_mpls || type == type_mpls_multicast) && !opens(layers, in_gre_mpls)) return;
  if (type == type_ppp && !opens(layers, in_gre_ppp)) return;
  if (type == type_nsh) {
    w->next = opens(layers, in_gre_nsh) ? a_nsh_header : nothing;
    return;
  }
  w->next = is_wlan(type) ? a_wlan_frame : type;
}

// Source route entries (RFC 1701), up to the empty one.
INLINE void strip_gre_route(const struct __sk_buff* skb, struct walk* w, u64 layers) {
  if (!look(skb, w, 4)) return;
  const u32 bytes = w->buf.b[3];
  w->at += 4 + bytes;
  if (bytes != 0 || w->buf.h[0] != 0)
    w->next = a_gre_route;
  else
    behind_gre(skb, w, w->inner_type & 0xffff, w->inner_type >> 16, layers);
}

INLINE void strip_gre(const struct __sk_buff* skb, struct walk* w, u64 layers) {
  if (!look(skb, w, 6)) return;
  const u32 flags = BIG16(w->buf.h[0]), type = BIG16(w->buf.h[1]), version = flags & gre_version;
  if (version == 1) {
    const u32 fields = flags & (gre_checksum | gre_routing | gre_key | gre_sequence | gre_acknowledgment);
    if (type == type_eoip && fields == gre_key) {
      // MikroTik's. Without a frame it only says that the other end is there.
      if (opens(layers, in_eoip) && w->buf.h[2] != 0) strip_before_ethernet(w, 8);
      return;
    }
    if (type != type_ppp || (flags & gre_key) == 0 || (flags & gre_routing) != 0 || (flags & gre_sequence) == 0) return;
    if (!opens(layers, in_pptp)) return;
    w->at += gre_bytes(flags) + ((flags & gre_acknowledgment) != 0 ? 4 : 0);
    w->next = a_ppp_frame;
    return;
  }
  if (version != 0 || !opens(layers, in_gre)) return;
  w->at += gre_bytes(flags);
  if ((flags & gre_routing) == 0) return behind_gre(skb, w, type, flags, layers);
  if (!opens(layers, in_gre_route)) return;
  w->inner_type = type | flags << 16;
  w->next = a_gre_route;
}
