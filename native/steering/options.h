// What the loader sets before the program is loaded: each is the immediate of one instruction, known by its upper half.
// So the verifier knows the numbers, and takes out what can never run.
#pragma once

#include "bpf.h"

// What an IDS does not look into it must not be steered by: it would scatter the packets that it takes for one flow.
enum layers {
  in_vxlan = 1 << 0,
  in_geneve = 1 << 1,
  in_gtpu = 1 << 2,
  in_teredo = 1 << 3,
  in_l2tp = 1 << 4,
  in_gre = 1 << 5,
  in_erspan = 1 << 6,
  in_ip = 1 << 7,
  in_ethernet = 1 << 8,  // EtherIP, and Ethernet as an IP protocol (RFC 8986)
  in_mpls = 1 << 9,      // in IP or UDP; labels in front of IP are always taken off
  in_ah = 1 << 10,
  in_nsh = 1 << 11,
  in_gre_udp = 1 << 12,
  in_ayiya = 1 << 13,
  in_lisp = 1 << 14,
  in_capwap = 1 << 15,
  in_eoip = 1 << 16,
  in_pptp = 1 << 17,
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

#define LAYERS ((u32)IMMEDIATE(0x5eedfcffffffffff))
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
