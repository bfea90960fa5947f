// Headers that an ethertype announces, other than those of IP; and Ethernet, PPP and IEEE 802.2 themselves.
#pragma once

#include "walk.h"
#include "wire.h"

// In front of the outermost IP header there is no other flow that could be scattered.
INLINE int is_taken_off(const struct walk* w, u64 layers, enum layer layer) {
  return w->sum == 0 || opens(layers, layer);
}

INLINE u32 type_or_length(u32 field) { return field < types_min ? an_llc_frame : field; }

INLINE u32 ethertype_of_ppp(u32 protocol) {
  if (protocol == 0x21) return type_ipv4;
  if (protocol == 0x57) return type_ipv6;
  if (protocol == 0x281) return type_mpls;
  return protocol == 0x283 ? type_mpls_multicast : nothing;
}

INLINE u32 ethertype_of_version(u32 octet) {
  octet >>= 4;
  return octet == 4 ? type_ipv4 : octet == 6 ? type_ipv6 : nothing;
}

// Whether an Ethernet header may begin so far on: as the dissector of the project has it.
INLINE int is_usual_ethernet(const struct __sk_buff* skb, struct walk* w, u32 offset) {
  if (!look_ahead(skb, w, offset + 12, 3)) return 0;
  const u32 type = BIG16(w->buf.h[0]);
  if (type == type_ipv4 || type == type_ipv6) return ethertype_of_version(w->buf.b[2]) == type;
  return type == type_arp || type == type_vlan || type == type_qinq || type == type_pppoe || type == type_mpls;
}

// A tag of so many octets, the last two of which say what follows.
INLINE void strip_tag(const struct __sk_buff* skb, struct walk* w, u32 bytes) {
  if (!look_ahead(skb, w, bytes - 2, 2)) return;
  w->at += bytes;
  w->next = type_or_length(BIG16(w->buf.h[0]));
}

INLINE void strip_ethernet(const struct __sk_buff* skb, struct walk* w) {
  if (!look_ahead(skb, w, 12, 2)) return;
  w->at += 14;
  w->next = type_or_length(BIG16(w->buf.h[0]));
}

// So many octets in front of an Ethernet frame.
INLINE void strip_before_ethernet(struct walk* w, u32 bytes) {
  w->at += bytes;
  w->next = an_ethernet_frame;
}

// With a SNAP header and no organisation in it an ethertype follows (RFC 1042).
INLINE void strip_llc(const struct __sk_buff* skb, struct walk* w) {
  if (!look(skb, w, 8) || w->buf.h[0] != BIG16(0xaaaa)) return;
  const u32 is_short = (w->buf.b[2] & 3) == 3;
  w->at += is_short ? 3 : 4;
  if (!look(skb, w, 5) || w->buf.b[0] != 0 || w->buf.b[1] != 0 || w->buf.b[2] != 0) return;
  w->at += 5;
  w->next = (u32)w->buf.b[3] << 8 | w->buf.b[4];
}

// By custom the first four bits tell what is beneath the labels (RFC 4928): a version of IP, or zero for the control
// word of a pseudowire (RFC 4385), which may be missing.
INLINE void strip_mpls(const struct __sk_buff* skb, struct walk* w, u64 layers) {
  if (!look(skb, w, 4)) return;
  w->at += 4;
  if ((w->buf.b[2] & 1) == 0) {
    w->next = type_mpls;
    return;
  }
  if (!look(skb, w, 1)) return;
  const u32 first = w->buf.b[0];
  w->next = ethertype_of_version(first);
  if (w->next != nothing) return;
  if (first >> 4 == 0 && is_taken_off(w, layers, in_mpls_pw) && is_usual_ethernet(skb, w, 4))
    return strip_before_ethernet(w, 4);
  if (is_taken_off(w, layers, in_mpls_ethernet) && is_usual_ethernet(skb, w, 0)) w->next = an_ethernet_frame;
}

// Version and type 1, code 0. An odd first octet is a whole protocol number (RFC 1661).
INLINE void strip_pppoe(const struct __sk_buff* skb, struct walk* w) {
  if (!look(skb, w, 8) || w->buf.h[0] != BIG16(0x1100)) return;
  const u32 protocol = BIG16(w->buf.h[3]), is_short = (protocol & 0x100) != 0;
  w->at += is_short ? 7 : 8;
  w->next = ethertype_of_ppp(is_short ? protocol >> 8 : protocol);
}

// Address and control may be left out, and half of the protocol.
INLINE void strip_ppp(const struct __sk_buff* skb, struct walk* w) {
  if (!look(skb, w, 4)) return;
  u32 protocol = BIG16(w->buf.h[0]);
  if (protocol == 0xff03) {
    w->at += 2;
    protocol = BIG16(w->buf.h[1]);
  }
  const u32 is_short = (protocol & 0x100) != 0;
  w->at += is_short ? 1 : 2;
  w->next = ethertype_of_ppp(is_short ? protocol >> 8 : protocol);
}

// RFC 8300: the length counts words of four octets, metadata included.
INLINE void strip_nsh(const struct __sk_buff* skb, struct walk* w) {
  if (!look(skb, w, 8)) return;
  const u32 first = BIG16(w->buf.h[0]), bytes = (first & 0x3f) * 4, kind = w->buf.b[3];
  if (first >> 14 != 0 || bytes < 8) return;
  w->at += bytes;
  if (kind == 1) w->next = type_ipv4;
  if (kind == 2) w->next = type_ipv6;
  if (kind == 3) w->next = an_ethernet_frame;
  if (kind == 4) w->next = type_nsh;
  if (kind == 5) w->next = type_mpls;
}

// Two octets of address, then an ethertype, or "unnumbered information" and the number that ISO gave to IP.
INLINE void strip_frame_relay(const struct __sk_buff* skb, struct walk* w) {
  if (!look(skb, w, 4)) return;
  w->at += 4;
  const u32 type = BIG16(w->buf.h[1]);
  w->next = type == 0x03cc ? type_ipv4 : type;
}

// batman-adv, unicast packets of compatibility version 15.
INLINE void strip_batman(const struct __sk_buff* skb, struct walk* w) {
  if (look(skb, w, 10) && w->buf.h[0] == BIG16(0x400f)) strip_before_ethernet(w, 10);
}

// IEEE 802.11: data, not encrypted. Some access points exchange the octets of the frame control field.
INLINE int is_wlan_data(u32 control) { return (control & 0x4f) == 0x08; }

INLINE void strip_wlan(const struct __sk_buff* skb, struct walk* w) {
  if (!look(skb, w, 24)) return;
  const u32 first = w->buf.b[0], second = w->buf.b[1];
  const u32 control = is_wlan_data(first) ? first : second, flags = is_wlan_data(first) ? second : first;
  if (!is_wlan_data(control) || (flags & 0x40) != 0) return;
  w->at += (flags & 3) == 3 ? 30 : 24;
  if ((control & 0x80) != 0) {
    if (!look(skb, w, 2)) return;
    w->at += (w->buf.b[0] & 0x80) != 0 ? 16 : 2;
  }
  w->next = an_llc_frame;
}

// The layer that a header of a link stands for, which not all readers take off.
INLINE enum layer layer_of_link(u32 next) {
  if (next == an_llc_frame || next == type_802_2) return in_snap;
  if (next == type_cmd) return in_cmd;
  if (next == type_etag) return in_etag;
  if (next == type_vntag) return in_vntag;
  if (next == type_fabricpath) return in_fabricpath;
  if (next == type_pbb) return in_pbb;
  if (next == type_nsh) return in_nsh;
  if (next == type_frame_relay) return in_frame_relay;
  if (next == type_batman) return in_batman;
  if (next == a_wlan_frame) return in_wlan;
  if (next == type_hsr || next == type_prp) return in_hsr;
  return next == type_garland ? in_garland : all_take_off;
}

// `next` is no ethertype of IP. What is not known leaves nothing in w->next.
INLINE void strip_link(const struct __sk_buff* skb, struct walk* w, u32 next, u64 layers) {
  if (UNLIKELY(!is_taken_off(w, layers, layer_of_link(next)))) return;
  if (next == type_vlan || next == type_qinq || next == type_old_qinq || next == type_old_qinq2)
    return strip_tag(skb, w, 4);
  if (next == an_ethernet_frame || next == type_teb) return strip_ethernet(skb, w);
  if (next == an_llc_frame || next == type_802_2) return strip_llc(skb, w);
  if (next == type_mpls || next == type_mpls_multicast) return strip_mpls(skb, w, layers);
  if (next == type_pppoe) return strip_pppoe(skb, w);
  if (next == a_ppp_frame || next == type_ppp) return strip_ppp(skb, w);
  if (next == type_hsr || next == type_prp || next == type_vntag) return strip_tag(skb, w, 6);
  if (next == type_cmd || next == type_etag) return strip_tag(skb, w, 8);
  if (next == type_fabricpath) return strip_before_ethernet(w, 2);
  if (next == type_pbb) return strip_before_ethernet(w, 4);
  if (next == type_garland) return strip_before_ethernet(w, 18);
  if (next == type_nsh || next == a_nsh_header) return strip_nsh(skb, w);
  if (next == type_frame_relay) return strip_frame_relay(skb, w);
  if (next == type_batman) return strip_batman(skb, w);
  if (next == a_wlan_frame) return strip_wlan(skb, w);
  if (next == an_ip_packet && look(skb, w, 1)) w->next = ethertype_of_version(w->buf.b[0]);
}
