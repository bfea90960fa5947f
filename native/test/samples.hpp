// One packet of every shape that the dissector knows: the rows of its test, and the seeds of its fuzzer.
#pragma once

#include <string>
#include <vector>

#include "dissect.hpp"
#include "packets.hpp"

namespace fanout::test {

struct Sample {
  std::string name;
  Octets frame;
  PacketKind kind;
  std::string stack;
  unsigned protocol;  // 0: not reached
  unsigned ethertype;
  unsigned marks = 0;
};

inline std::vector<Sample> samples() {
  using enum PacketKind;
  const std::string a4 = "10.0.0.1", b4 = "192.0.2.200", a6 = "2001:db8::1", b6 = "2001:db8::ff:2";
  const Header four = ipv4(a4, b4), six = ipv6(a6, b6);
  constexpr unsigned ip = ETH_P_IP, ip6 = ETH_P_IPV6;
  const auto first4 = [&](unsigned protocol) { return ipv4(a4, b4, {.protocol = protocol, .more_fragments = true}); };
  const auto later4 = ipv4(a4, b4, {.protocol = IPPROTO_UDP, .fragment_offset = 1480});

  // A chain of `count` destination options headers before TCP.
  const auto chain = [&](int count) {
    Packet out = eth() / six;
    for (int i = 0; i < count; ++i) out = out / extension(IPPROTO_DSTOPTS);
    return (out / tcp(1024, 80)).bytes();
  };
  const auto tags = [&](int count) {
    Packet out = eth();
    for (int i = 0; i < count; ++i) out = out / vlan(1);
    return (out / four / tcp(1024, 80)).bytes();
  };

  return {
      {"ipv4-tcp", (eth() / four / tcp(1024, 80) / payload(6)).bytes(), flow, "ipv4/tcp", 6, ip},
      {"ipv4-udp", (eth() / four / udp(53, 1024) / payload(4)).bytes(), flow, "ipv4/udp", 17, ip},
      {"ipv4-udp-padded", (eth() / ipv4(a4, b4, {.total_bytes = 28}) / udp(53, 1024) / payload(18, 0)).bytes(), flow, "ipv4/udp",
       17, ip},
      {"ipv4-udplite", (eth() / four / ported(136, 7, 9)).bytes(), flow, "ipv4/udplite", 136, ip},
      {"ipv4-sctp", (eth() / four / ported(132, 7, 9)).bytes(), flow, "ipv4/sctp", 132, ip},
      {"ipv4-dccp", (eth() / four / ported(33, 7, 9)).bytes(), flow, "ipv4/dccp", 33, ip},
      {"ipv4-options", (eth() / ipv4(a4, b4, {.options = octets({7, 4, 0, 0, 1, 1, 1, 0})}) / tcp(1024, 80)).bytes(), flow,
       "ipv4/tcp", 6, ip},
      {"ipv4-total-zero", (eth() / ipv4(a4, b4, {.total_bytes = 0}) / tcp(1024, 80)).bytes(), flow, "ipv4/tcp", 6, ip},
      {"ipv4-same-host", (eth() / ipv4(a4, a4) / udp(9, 7)).bytes(), flow, "ipv4/udp", 17, ip},
      {"ipv6-tcp", (eth() / six / tcp(1024, 80)).bytes(), flow, "ipv6/tcp", 6, ip6},
      {"ipv6-udp", (eth() / six / udp(1024, 53)).bytes(), flow, "ipv6/udp", 17, ip6},
      {"ipv6-label", (eth() / ipv6(a6, b6, {.flow_label = 0xbeef}) / tcp(1024, 80)).bytes(), flow, "ipv6/tcp", 6, ip6,
       mark_flow_label},
      {"ipv6-jumbo", (eth() / ipv6(a6, b6, {.payload_bytes = 0}) / tcp(1024, 80)).bytes(), flow, "ipv6/tcp", 6, ip6},
      {"ipv6-hop-by-hop", (eth() / six / extension(IPPROTO_HOPOPTS, 1) / udp(1, 2)).bytes(), flow, "ipv6/udp", 17, ip6},
      {"ipv6-extensions",
       (eth() / six / extension(IPPROTO_HOPOPTS) / extension(IPPROTO_DSTOPTS, 2) / extension(IPPROTO_ROUTING) / tcp(1, 2))
           .bytes(),
       flow, "ipv6/tcp", 6, ip6},
      {"ipv6-16-extensions", chain(16), flow, "ipv6/tcp", 6, ip6},
      {"ipv6-17-extensions", chain(17), other_protocol, "ipv6/other", IPPROTO_DSTOPTS, ip6},
      {"vlan", (eth() / vlan(5) / four / tcp(1024, 80)).bytes(), flow, "vlan/ipv4/tcp", 6, ip},
      {"qinq", (eth() / vlan(5, ETH_P_8021AD) / vlan(6) / six / udp(1024, 80)).bytes(), flow, "vlan/vlan/ipv6/udp", 17, ip6},
      {"vlan-15", tags(15), flow, "vlan/vlan/vlan/vlan/vlan/vlan/vlan/vlan/vlan/vlan/...", 6, ip},
      {"vlan-16", tags(16), malformed, "vlan/vlan/vlan/vlan/vlan/vlan/vlan/vlan/vlan/vlan/...", 0, ip},
      {"vlan-cut", (eth(ETH_P_8021Q) / payload(3)).bytes(), truncated, "vlan", 0, ETH_P_8021Q},
      {"9100", (eth() / vlan(5, 0x9100) / four / tcp(1024, 80)).bytes(), other_ethertype, "other", 0, 0x9100},
      {"ipv4-ping", (eth() / four / icmp(8, 77)).bytes(), flow, "ipv4/icmp", 1, ip},
      {"ipv4-pong", (eth() / four / icmp(0, 77)).bytes(), flow, "ipv4/icmp", 1, ip},
      {"ipv6-ping", (eth() / six / icmp6(128, 77)).bytes(), flow, "ipv6/icmp6", 58, ip6},
      {"ipv4-icmp-unreachable", (eth() / four / icmp(3, 0) / ipv4(b4, a4) / udp(1, 2)).bytes(), icmp_error, "ipv4/icmp", 1, ip},
      {"ipv4-icmp-timestamp", (eth() / four / icmp(13, 5)).bytes(), icmp_error, "ipv4/icmp", 1, ip},
      {"ipv6-too-big", (eth() / six / icmp6(2, 0) / six / tcp(1, 2)).bytes(), icmp_error, "ipv6/icmp6", 58, ip6},
      {"ipv6-neighbour", (eth() / six / icmp6(135, 0) / payload(16)).bytes(), icmp_error, "ipv6/icmp6", 58, ip6},
      {"icmp6-in-ipv4", (eth() / four / icmp6(128, 77)).bytes(), other_protocol, "ipv4/icmp6", 58, ip},
      {"icmp-in-ipv6", (eth() / six / icmp(8, 77)).bytes(), other_protocol, "ipv6/icmp", 1, ip6},
      {"ipv4-ping-cut", (eth() / ipv4(a4, b4, {.total_bytes = 24}) / icmp(8, 77)).bytes(), truncated, "ipv4/icmp", 1, ip},
      {"ipv4-frag-first", (eth() / first4(IPPROTO_UDP) / udp(1024, 53) / payload(8)).bytes(), flow, "ipv4/frag/udp", 17, ip,
       mark_fragment},
      {"ipv4-frag-first-ping", (eth() / first4(IPPROTO_ICMP) / icmp(8, 77) / payload(8)).bytes(), flow, "ipv4/frag/icmp", 1, ip,
       mark_fragment},
      {"ipv4-frag-later", (eth() / later4 / payload(16)).bytes(), fragment_later, "ipv4/frag", 17, ip, mark_fragment},
      {"ipv6-frag-atomic", (eth() / six / frag6(0, false) / udp(1024, 53)).bytes(), flow, "ipv6/frag/udp", 17, ip6,
       mark_fragment},
      {"ipv6-frag-first", (eth() / six / frag6(0, true) / udp(1024, 53)).bytes(), flow, "ipv6/frag/udp", 17, ip6, mark_fragment},
      {"ipv6-frag-first-options", (eth() / six / frag6(0, true) / extension(IPPROTO_DSTOPTS) / udp(1024, 53)).bytes(), flow,
       "ipv6/frag/udp", 17, ip6, mark_fragment},
      {"ipv6-frag-later", (eth() / six / frag6(1448, false, IPPROTO_UDP) / payload(16)).bytes(), fragment_later, "ipv6/frag", 17,
       ip6, mark_fragment},
      {"ipv4-esp", (eth() / four / esp(0x12345678)).bytes(), other_protocol, "ipv4/esp", 50, ip},
      {"ipv6-ah", (eth() / six / ah(0x12345678) / tcp(1, 2)).bytes(), other_protocol, "ipv6/ah", 51, ip6},
      {"ipv4-ospf", (eth() / ipv4(a4, b4, {.protocol = 89}) / payload(24)).bytes(), other_protocol, "ipv4/other", 89, ip},
      {"ipv4-hop-by-hop-number", (eth() / ipv4(a4, b4, {.protocol = 0}) / payload(24)).bytes(), other_protocol, "ipv4/other", 0,
       ip},
      {"ipv6-none", (eth() / six).bytes(), other_protocol, "ipv6/other", 59, ip6},
      {"arp", (eth(ETH_P_ARP) / payload(28)).bytes(), other_ethertype, "other", 0, ETH_P_ARP},
      {"stp", (eth(38) / payload(38, 0x42)).bytes(), other_ethertype, "other", 0, ETH_P_802_2},
      {"ipx-raw", (eth(38) / payload(38, 0xff)).bytes(), other_ethertype, "other", 0, ETH_P_802_3},
      {"vlan-stp", (eth() / vlan(5, ETH_P_8021Q, 38) / payload(38, 0x42)).bytes(), other_ethertype, "vlan/other", 0, ETH_P_802_2},
      {"runt", octets({1, 2, 3}), truncated, "", 0, 0},
      {"empty", {}, truncated, "", 0, 0},
      {"ipv4-ihl-4", (eth() / ipv4(a4, b4, {.header_words = 4}) / tcp(1, 2)).bytes(), malformed, "ipv4", 0, ip},
      {"ipv4-version-6", (eth() / ipv4(a4, b4, {.version = 6}) / tcp(1, 2)).bytes(), malformed, "ipv4/tcp", 6, ip},
      {"ipv4-total-19", (eth() / ipv4(a4, b4, {.total_bytes = 19}) / tcp(1, 2)).bytes(), malformed, "ipv4/tcp", 6, ip},
      {"ipv4-total-20", (eth() / ipv4(a4, b4, {.total_bytes = 20}) / tcp(1, 2)).bytes(), truncated, "ipv4/tcp", 6, ip},
      {"ipv4-no-transport", (eth() / ipv4(a4, b4, {.protocol = IPPROTO_TCP})).bytes(), truncated, "ipv4/tcp", 6, ip},
      {"ipv6-version-4", (eth() / ipv6(a6, b6, {.version = 4}) / tcp(1, 2)).bytes(), malformed, "ipv6/tcp", 6, ip6},
      {"ipv6-payload-3", (eth() / ipv6(a6, b6, {.payload_bytes = 3}) / tcp(1, 2)).bytes(), truncated, "ipv6/tcp", 6, ip6},
      {"ipv6-none-past-payload", (eth() / ipv6(a6, b6, {.payload_bytes = 4}) / extension(IPPROTO_DSTOPTS)).bytes(), truncated,
       "ipv6/other", IPPROTO_NONE, ip6},
      {"ipv6-extension-past-payload",
       (eth() / ipv6(a6, b6, {.payload_bytes = 4}) / extension(IPPROTO_DSTOPTS) / tcp(1, 2)).bytes(), truncated, "ipv6/tcp", 6,
       ip6},
  };
}

}  // namespace fanout::test
