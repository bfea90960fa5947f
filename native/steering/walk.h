// A walk through the headers of one packet, up to the innermost flow. Each layer is one function: it takes its header
// off, and says what follows.
#pragma once

#include "fragments.h"

enum { headers_max = 24 };

// What follows: an ethertype, a protocol of an IP packet of either version, or one of these.
enum {
  nothing = 0,
  in_ipv4 = 0x10000,
  in_ipv6 = 0x20000,
  an_ethernet_frame = 0x30000,
  a_ppp_frame,
  an_ip_packet,  // of the version that its first octet says
  an_llc_frame,
  a_gtp_extension,
  a_teredo_packet,
  a_gre_route,
  a_wlan_frame,
  a_nsh_header,  // where the layer around it decides whether it is opened
};

union octets {
  u8 b[56];
  u16 h[28];
  u32 w[14];
  u64 d[7];
};

// Not on the stack: there the verifier follows what it knows of each number through all headers after it, and gives up.
// Of what is in a map it knows nothing. Each CPU has its own, and nothing else of the kind runs there meanwhile.
struct walk {
  union octets buf;
  u64 sum;                       // of the addresses; zero: none were reached
  u64 datagram, inner_datagram;  // of which this is the first piece; zero: none
  u32 next, at, end;
  u32 ip_at, payload_end;
  u32 ports, protocol;
  u32 hash;             // of a later piece
  u32 otherwise;        // what later pieces of `datagram` are taken for if nothing is remembered
  u32 is_quoted;        // in an ICMP error
  u32 inner_type;       // behind the routes of GRE
  // Of the dissector only: what steering makes a sum of at once.
  u64 addresses[4];     // as they stand in an IPv6 header; of IPv4 in the lower half of the first two
  u32 version_type;     // ethertype of the innermost IP packet
  u32 first_transport;  // where the header begins that the outermost IP packet carries; zero: none was reached
};

INLINE void begin_walk(struct walk* w, u32 type, u32 at, u32 end) {
  w->sum = 0;
  w->datagram = w->inner_datagram = 0;
  w->next = type;
  w->at = at;
  w->end = end;
  w->ports = w->protocol = 0;
  w->hash = w->is_quoted = 0;
}

// Keeps the compiler from holding a number of the walk in a register, where the verifier would know it again.
#define FORGET asm volatile("" ::: "memory")

// The next octets, if the packet has them: it is over where its IP headers say so.
INLINE int look(const struct __sk_buff* skb, struct walk* w, u32 bytes) {
  return w->at + bytes <= w->end && load_bytes(skb, w->at, &w->buf, bytes) == 0;
}

INLINE int look_ahead(const struct __sk_buff* skb, struct walk* w, u32 offset, u32 bytes) {
  return w->at + offset + bytes <= w->end && load_bytes(skb, w->at + offset, &w->buf, bytes) == 0;
}
