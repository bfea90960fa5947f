// What the loader sets before the program is loaded: each is the immediate of one instruction, known by its upper half.
// So the verifier knows the numbers, and takes out what can never run.
#pragma once

#include "bpf.h"

// What an IDS does not look into it must not be steered by: it would scatter the packets that it takes for one flow.
// Bits of LAYERS, by number; src/model/steering.ts has the same names in the same order. Links in front of the
// outermost IP header are always taken off.
enum layer {
  in_ip,  // IPv4 and IPv6 in either
  in_gre,
  in_gre_route,
  in_gre_vlan,
  in_gre_ppp,
  in_gre_mpls,
  in_gre_nsh,
  in_pptp,
  in_erspan1,
  in_erspan2,
  in_erspan3,
  in_eoip,
  in_ah4,
  in_ah6,
  in_mobility,
  in_ext,  // HIP and Shim6
  in_etherip,
  in_ethernet,  // as an IP protocol (RFC 8986)
  in_mpls_ip,
  in_vxlan,
  in_vxlan_gpe,
  in_geneve,
  in_geneve_vlan,
  in_geneve_mpls,
  in_geneve_nsh,
  in_gtpu,
  in_gtp_old,
  in_teredo,
  in_gre_udp,
  in_ayiya,
  in_l2tp,
  in_mpls_udp,
  in_lisp,
  in_capwap,
  // Inside of a tunnel:
  in_cmd,
  in_fabricpath,
  in_vntag,
  in_etag,
  in_pbb,
  in_snap,
  in_nsh,
  in_mpls_pw,
  in_mpls_ethernet,
  in_frame_relay,
  in_wlan,
  in_hsr,
  in_batman,
  in_garland,
  all_take_off = 63,  // set in every mask
};

enum policy {
  by_ports = 1 << 0,     // else by addresses
  no_fallback = 1 << 1,  // of a dissector: this kernel has no BPF_FLOW_DISSECTOR_CONTINUE (before 6.1)
};

#define IMMEDIATE(value)                               \
  ({                                                   \
    u64 value_;                                        \
    asm volatile("%0 = " #value " ll" : "=r"(value_)); \
    value_;                                            \
  })

#define LAYERS IMMEDIATE(0x5eedfcffffffffff)
#define POLICY ((u32)IMMEDIATE(0x5eedfcfe00000000))

// The secret: a sender who does not know it cannot choose packets that all go to one member.
#define KEY0 IMMEDIATE(0x5eedfc00a3b1c2d1)
#define KEY1 IMMEDIATE(0x5eedfc01b7d9e1f3)
#define KEY2 IMMEDIATE(0x5eedfc02c9f1a5b7)
#define KEY3 IMMEDIATE(0x5eedfc03d3a7b9c5)
#define KEY4 IMMEDIATE(0x5eedfc04e1b3c7d9)
#define KEY5 IMMEDIATE(0x5eedfc05f7c1d3e5)
#define KEY6 IMMEDIATE(0x5eedfc0689d5e7f1)
#define KEY7 IMMEDIATE(0x5eedfc0791e3f5a7)
#define KEY8 IMMEDIATE(0x5eedfc08a5f7b1c3)
#define KEY9 IMMEDIATE(0x5eedfc09b3c5d7e9)
#define KEY10 IMMEDIATE(0x5eedfc0ac7d1e3f5)

INLINE int opens(u64 layers, enum layer layer) { return (int)(layers >> layer & 1); }
