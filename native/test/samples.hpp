// One packet of every shape that the dissector knows: the rows of its test, and the seeds of its fuzzer.
#pragma once

#include <string>
#include <vector>

#include "core/packet/dissect.hpp"
#include "test/packets.hpp"
#include "test/tunnels.hpp"

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

// Both directions of one flow in each wrapping.
inline std::vector<Sample> wrapped_samples() {
  std::vector<Sample> out;
  for (const Wrapping& wrapping : wrappings()) {
    const Pair pair = pair_of(wrapping, inner_packets().front());
    const unsigned ethertype = wrapping.inner == Family::four ? ETH_P_IP : ETH_P_IPV6;
    const unsigned marks = wrapping.name.starts_with("ah-") ? mark_index : 0;
    out.push_back(
        {"in-" + wrapping.name, pair.there.bytes(), PacketKind::flow, pair.stack, IPPROTO_TCP, ethertype, marks});
    out.push_back({"in-" + wrapping.name + "-back", pair.back.bytes(), PacketKind::flow, pair.stack, IPPROTO_TCP,
                   ethertype, marks});
  }
  return out;
}

// One packet of every shape, wrapped or not.
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
  const auto tunnel_past_limit = [&] {
    Packet out = eth() / six;
    for (int i = 0; i < 16; ++i) out = out / extension(IPPROTO_DSTOPTS);
    return (out / four / tcp(1024, 80)).bytes();
  };
  const auto tags = [&](int count) {
    Packet out = eth();
    for (int i = 0; i < count; ++i) out = out / vlan(1);
    return (out / four / tcp(1024, 80)).bytes();
  };

  std::vector<Sample> out{
      {"ipv4-tcp", (eth() / four / tcp(1024, 80) / payload(6)).bytes(), flow, "ipv4/tcp", 6, ip},
      {"ipv4-udp", (eth() / four / udp(53, 1024) / payload(4)).bytes(), flow, "ipv4/udp", 17, ip},
      {"ipv4-udp-padded", (eth() / ipv4(a4, b4, {.total_bytes = 28}) / udp(53, 1024) / payload(18, 0)).bytes(), flow,
       "ipv4/udp", 17, ip},
      {"ipv4-udplite", (eth() / four / ported(136, 7, 9)).bytes(), flow, "ipv4/udplite", 136, ip},
      {"ipv4-sctp", (eth() / four / ported(132, 7, 9)).bytes(), flow, "ipv4/sctp", 132, ip},
      {"ipv4-dccp", (eth() / four / ported(33, 7, 9)).bytes(), flow, "ipv4/dccp", 33, ip},
      {"ipv4-options", (eth() / ipv4(a4, b4, {.options = octets({7, 4, 0, 0, 1, 1, 1, 0})}) / tcp(1024, 80)).bytes(),
       flow, "ipv4/tcp", 6, ip},
      {"ipv4-total-zero", (eth() / ipv4(a4, b4, {.total_bytes = 0}) / tcp(1024, 80)).bytes(), flow, "ipv4/tcp", 6, ip},
      {"ipv4-same-host", (eth() / ipv4(a4, a4) / udp(9, 7)).bytes(), flow, "ipv4/udp", 17, ip},
      {"ipv6-tcp", (eth() / six / tcp(1024, 80)).bytes(), flow, "ipv6/tcp", 6, ip6},
      {"ipv6-udp", (eth() / six / udp(1024, 53)).bytes(), flow, "ipv6/udp", 17, ip6},
      {"ipv6-label", (eth() / ipv6(a6, b6, {.flow_label = 0xbeef}) / tcp(1024, 80)).bytes(), flow, "ipv6/tcp", 6, ip6,
       mark_flow_label},
      {"ipv6-jumbo", (eth() / ipv6(a6, b6, {.payload_bytes = 0}) / tcp(1024, 80)).bytes(), flow, "ipv6/tcp", 6, ip6},
      {"ipv6-hop-by-hop", (eth() / six / extension(IPPROTO_HOPOPTS, 1) / udp(1, 2)).bytes(), flow, "ipv6/udp", 17, ip6},
      {"ipv6-extensions",
       (eth() / six / extension(IPPROTO_HOPOPTS) / extension(IPPROTO_DSTOPTS, 2) / extension(IPPROTO_ROUTING) /
        tcp(1, 2))
           .bytes(),
       flow, "ipv6/tcp", 6, ip6},
      {"ipv6-16-extensions", chain(16), flow, "ipv6/tcp", 6, ip6},
      {"ipv6-17-extensions", chain(17), malformed, "ipv6/other", IPPROTO_DSTOPTS, ip6},
      {"vlan", (eth() / vlan(5) / four / tcp(1024, 80)).bytes(), flow, "vlan/ipv4/tcp", 6, ip},
      {"qinq", (eth() / vlan(5, ETH_P_8021AD) / vlan(6) / six / udp(1024, 80)).bytes(), flow, "vlan/vlan/ipv6/udp", 17,
       ip6},
      {"vlan-15", tags(15), flow, "vlan/vlan/vlan/vlan/vlan/vlan/vlan/vlan/vlan/vlan/...", 6, ip},
      {"vlan-16", tags(16), malformed, "vlan/vlan/vlan/vlan/vlan/vlan/vlan/vlan/vlan/vlan/...", 0, ip},
      {"vlan-cut", (eth(ETH_P_8021Q) / payload(3)).bytes(), truncated, "vlan", 0, ETH_P_8021Q},
      {"9100", (eth(0x9100) / payload(3)).bytes(), truncated, "vlan", 0, 0x9100},
      {"ipv4-ping", (eth() / four / icmp(8, 77)).bytes(), flow, "ipv4/icmp", 1, ip, mark_echo_request},
      {"ipv4-pong", (eth() / four / icmp(0, 77)).bytes(), flow, "ipv4/icmp", 1, ip},
      {"ipv6-ping", (eth() / six / icmp6(128, 77)).bytes(), flow, "ipv6/icmp6", 58, ip6, mark_echo_request},
      {"ipv4-icmp-unreachable", (eth() / four / icmp(3, 0) / ipv4(b4, a4) / udp(1, 2)).bytes(), flow,
       "ipv4/icmp/ipv4/udp", 17, ip, mark_icmp_error},
      {"ipv4-icmp-quotes-ping", (eth() / four / icmp(11, 0) / ipv4(b4, a4) / icmp(8, 77)).bytes(), flow,
       "ipv4/icmp/ipv4/icmp", 1, ip, mark_icmp_error},
      {"ipv4-icmp-quotes-fragment", (eth() / four / icmp(11, 0) / later4 / payload(8)).bytes(), icmp_error,
       "ipv4/icmp/ipv4/frag", 17, ip},
      {"ipv4-icmp-quotes-first", (eth() / four / icmp(3, 4) / first4(IPPROTO_UDP) / udp(1, 2)).bytes(), flow,
       "ipv4/icmp/ipv4/frag/udp", 17, ip, mark_icmp_error},
      {"ipv4-icmp-quotes-error", (eth() / four / icmp(3, 0) / four / icmp(3, 0) / four / udp(1, 2)).bytes(), icmp_error,
       "ipv4/icmp/ipv4/icmp", 1, ip},
      {"ipv4-icmp-quotes-little", (eth() / four / icmp(3, 0) / payload(12, 0x45)).bytes(), icmp_error, "ipv4/icmp/ipv4",
       1, ip},
      {"ipv4-icmp-quotes-other", (eth() / four / icmp(3, 0) / payload(28, 0)).bytes(), icmp_error, "ipv4/icmp/ipv4", 1,
       ip},
      {"ipv4-icmp-timestamp", (eth() / four / icmp(13, 5)).bytes(), icmp_other, "ipv4/icmp", 1, ip},
      {"ipv6-too-big", (eth() / six / icmp6(2, 0) / six / tcp(1, 2)).bytes(), flow, "ipv6/icmp6/ipv6/tcp", 6, ip6,
       mark_icmp_error},
      {"ipv6-too-big-quotes-options",
       (eth() / six / icmp6(2, 0) / six / extension(IPPROTO_DSTOPTS) / tcp(1, 2)).bytes(), flow, "ipv6/icmp6/ipv6/tcp",
       6, ip6, mark_icmp_error},
      {"ipv6-neighbour", (eth() / six / icmp6(135, 0) / payload(16)).bytes(), icmp_other, "ipv6/icmp6", 58, ip6},
      {"icmp6-in-ipv4", (eth() / four / icmp6(128, 77)).bytes(), flow, "ipv4/icmp6", 58, ip},
      {"icmp-in-ipv6", (eth() / six / icmp(8, 77)).bytes(), flow, "ipv6/icmp", 1, ip6},
      {"ipv4-ping-cut", (eth() / ipv4(a4, b4, {.total_bytes = 24}) / icmp(8, 77)).bytes(), truncated, "ipv4/icmp", 1,
       ip},
      {"ipv4-frag-first", (eth() / first4(IPPROTO_UDP) / udp(1024, 53) / payload(8)).bytes(), flow, "ipv4/frag/udp", 17,
       ip, mark_fragment},
      {"ipv4-frag-first-ping", (eth() / first4(IPPROTO_ICMP) / icmp(8, 77) / payload(8)).bytes(), flow,
       "ipv4/frag/icmp", 1, ip, mark_fragment | mark_echo_request},
      {"ipv4-frag-later", (eth() / later4 / payload(16)).bytes(), fragment_later, "ipv4/frag", 17, ip, mark_fragment},
      {"ipv6-frag-atomic", (eth() / six / frag6(0, false) / udp(1024, 53)).bytes(), flow, "ipv6/frag/udp", 17, ip6,
       mark_fragment},
      {"ipv6-frag-first", (eth() / six / frag6(0, true) / udp(1024, 53)).bytes(), flow, "ipv6/frag/udp", 17, ip6,
       mark_fragment},
      {"ipv6-frag-first-options", (eth() / six / frag6(0, true) / extension(IPPROTO_DSTOPTS) / udp(1024, 53)).bytes(),
       flow, "ipv6/frag/udp", 17, ip6, mark_fragment},
      {"ipv6-frag-later", (eth() / six / frag6(1448, false, IPPROTO_UDP) / payload(16)).bytes(), fragment_later,
       "ipv6/frag", 17, ip6, mark_fragment},
      {"ipv4-esp", (eth() / four / esp(0x12345678)).bytes(), flow, "ipv4/esp", 50, ip, mark_index},
      {"ipv6-ah", (eth() / six / ah(0x12345678) / tcp(1, 2)).bytes(), flow, "ipv6/ah/tcp", 6, ip6, mark_index},
      {"ipv4-ah-cut", (eth() / ipv4(a4, b4, {.total_bytes = 40}) / ah(0x12345678) / tcp(1, 2)).bytes(), truncated,
       "ipv4/ah/tcp", 6, ip, mark_index},
      {"ipv6-16-extensions-ipip", tunnel_past_limit(), malformed, "ipv6/other", 4, ip6},
      {"ipv4-ospf", (eth() / ipv4(a4, b4, {.protocol = 89}) / payload(24)).bytes(), flow, "ipv4/other", 89, ip},
      {"ipv4-hop-by-hop-number", (eth() / ipv4(a4, b4, {.protocol = 0}) / payload(24)).bytes(), flow, "ipv4/other", 0,
       ip},
      {"ipv6-none", (eth() / six).bytes(), other_protocol, "ipv6/other", 59, ip6},
      {"ipv4-ipcomp", (eth() / ipv4(a4, b4, {.protocol = 108}) / payload(24)).bytes(), flow, "ipv4/ipcomp", 108, ip},
      {"ipv4-l2tpv3", (eth() / ipv4(a4, b4, {.protocol = 115}) / payload(24)).bytes(), flow, "ipv4/l2tp", 115, ip},
      {"gre-keepalive", (eth() / four / gre(0)).bytes(), flow, "ipv4/gre/other", 47, ip},
      {"gre-arp", (eth() / four / gre(0) / eth(ETH_P_ARP) / payload(28)).bytes(), flow, "ipv4/gre/eth/other", 47, ip},
      {"gre-stp", (eth() / four / gre(0) / eth(38) / payload(38, 0x42)).bytes(), flow, "ipv4/gre/eth/other", 47, ip},
      {"gre-routing-cut", (eth() / four / gre(0x4000) / payload(20, 0x11)).bytes(), truncated, "ipv4/gre", 47, ip},
      {"gre-version-1-routing", (eth() / four / gre(0x6001, 0x880b) / four / tcp(1, 2)).bytes(), flow, "ipv4/gre", 47,
       ip},
      {"gre-version-2", (eth() / four / gre(2) / four / tcp(1, 2)).bytes(), flow, "ipv4/gre", 47, ip},
      {"gre-version-1-no-ppp", (eth() / four / gre(0x2001) / four / tcp(1, 2)).bytes(), flow, "ipv4/gre", 47, ip},
      {"pptp-acknowledgment", (eth() / four / gre(0x2081, 0x880b)).bytes(), flow, "ipv4/gre", 47, ip},
      {"pptp-lcp", (eth() / four / gre(0x3001, 0x880b) / ppp({0xff, 3, 0xc0, 0x21, 1, 1, 0, 4})).bytes(), flow,
       "ipv4/gre/ppp/other", 47, ip},
      {"erspan3-ip-frame", (eth() / four / gre_erspan(0x1000, 0x22eb) / erspan3(false, 2) / payload(20)).bytes(), flow,
       "ipv4/gre/erspan", 47, ip},
      {"etherip-version-4", (eth() / four / etherip(4) / payload(20)).bytes(), flow, "ipv4/etherip/eth/other", 97, ip},
      {"eoip-keep-alive", (eth() / four / eoip()).bytes(), flow, "ipv4/eoip", 47, ip},
      {"gre-ppp-lcp", (eth() / four / gre(0, 0x880b) / ppp({0xff, 3, 0xc0, 0x21, 1, 1, 0, 4})).bytes(), flow,
       "ipv4/gre/ppp/other", 47, ip},
      {"gre-wlan-management", (eth() / four / gre(0, 0x8200) / wlan(0x80) / payload(20)).bytes(), flow, "ipv4/gre/wlan",
       47, ip},
      {"gre-wlan-empty", (eth() / four / gre(0, 0x8200) / wlan(0x48) / payload(20)).bytes(), flow, "ipv4/gre/wlan", 47,
       ip},
      {"gre-wlan-protected", (eth() / four / gre(0, 0x8200) / wlan(0x08, 0x41) / payload(20)).bytes(), flow,
       "ipv4/gre/wlan", 47, ip},
      {"gre-ethernet-llc-cut", (eth() / four / gre(0) / eth(2) / payload(2, 0xaa)).bytes(), truncated,
       "ipv4/gre/eth/other", 47, ip},
      {"mobility", (eth() / six / extension(135, 1)).bytes(), flow, "ipv6/other", 135, ip6},
      {"mobility-in-ipv4", (eth() / ipv4(a4, b4, {.protocol = 135}) / payload(24, 0)).bytes(), flow, "ipv4/other", 135,
       ip},
      {"hip-udp", (eth() / six / extension(139) / udp(1024, 53)).bytes(), flow, "ipv6/ext/udp", 17, ip6},
      {"shim6-cut", (eth() / ipv6(a6, b6, {.payload_bytes = 4}) / extension(140) / udp(1, 2)).bytes(), truncated,
       "ipv6/ext/udp", 17, ip6},
      {"nsh-unknown", (eth() / nsh(0xfe) / payload(20)).bytes(), other_ethertype, "nsh/other", 0, 0x894f},
      {"nsh-version-1",
       (eth() / Header{.bytes = octets({0x4f, 0xc2, 2, 1, 0, 0, 9, 255}), .ethertype = 0x894f} / four).bytes(),
       other_ethertype, "nsh/other", 0, 0x894f},
      {"nsh-too-short", (eth() / nsh(1, 1) / payload(20)).bytes(), other_ethertype, "nsh/other", 0, 0x894f},
      {"nsh-cut", (eth(0x894f) / payload(9, 6)).bytes(), truncated, "nsh", 0, 0x894f},
      {"cmd-arp", (eth() / cisco_metadata() / Header{.bytes = Octets(28), .ethertype = ETH_P_ARP}).bytes(),
       other_ethertype, "cmd/other", 0, ETH_P_ARP},
      {"cmd-cut", (eth(0x8909) / payload(7)).bytes(), truncated, "cmd", 0, 0x8909},
      {"vn-tag-arp", (eth() / vn_tag() / Header{.bytes = Octets(28), .ethertype = ETH_P_ARP}).bytes(), other_ethertype,
       "vntag/other", 0, ETH_P_ARP},
      {"fabricpath-arp", (eth() / fabric_path() / eth(ETH_P_ARP) / payload(28)).bytes(), other_ethertype,
       "fabricpath/eth/other", 0, ETH_P_ARP},
      {"fabricpath-stp", (eth() / fabric_path() / eth(38) / payload(38, 0x42)).bytes(), other_ethertype,
       "fabricpath/eth/other", 0, ETH_P_802_2},
      {"pbb-cut", (eth() / service_tag() / payload(13)).bytes(), truncated, "pbb/eth", 0, 0x88e7},
      {"snap-cut", (eth(70) / payload(7, 0xaa)).bytes(), truncated, "snap", 0, ETH_P_802_2},
      {"snap-cdp", (eth(70) / Header{.bytes = octets({0xaa, 0xaa, 3, 0, 0, 0x0c, 0x20, 0})} / payload(30)).bytes(),
       other_ethertype, "snap/other", 0, ETH_P_802_2},
      {"vlan-snap", (eth() / vlan(5) / snap() / six / udp(1, 2)).bytes(), flow, "vlan/snap/ipv6/udp", 17, ip6},
      {"qinq-snap", (eth() / vlan(5, ETH_P_8021AD) / vlan(6) / snap() / four / tcp(1, 2)).bytes(), flow,
       "vlan/vlan/snap/ipv4/tcp", 6, ip},
      {"snap-arp", (eth() / snap(ETH_P_ARP) / payload(28)).bytes(), other_ethertype, "snap/other", 0, ETH_P_ARP},
      {"llc-ip", (eth(70) / Header{.bytes = octets({6, 6, 3})} / four / tcp(1, 2)).bytes(), other_ethertype, "other", 0,
       ETH_P_802_2},
      {"ppp-lcp", (eth(0x880b) / ppp({0xff, 3, 0xc0, 0x21, 1, 1, 0, 4})).bytes(), other_ethertype, "ppp/other", 0,
       0x880b},
      {"frame-relay-unknown", (eth() / frame_relay(0x1234) / payload(8)).bytes(), other_ethertype, "fr/other", 0,
       0x1234},
      {"mpls-in-ipv4-unknown", (eth() / four / mpls(16, true) / payload(30, 0x15)).bytes(), flow, "ipv4/mpls/other",
       137, ip},
      {"mpls-unknown", (eth() / mpls(16, true) / payload(30, 0x15)).bytes(), other_ethertype, "mpls/other", 0,
       ETH_P_MPLS_UC},
      {"mpls-arp", (eth() / mpls(16, true) / control_word() / eth(ETH_P_ARP) / payload(28)).bytes(), other_ethertype,
       "mpls/pw/eth/other", 0, ETH_P_ARP},
      {"mpls-cut", (eth() / mpls(16, true)).bytes(), truncated, "mpls", 0, ETH_P_MPLS_UC},
      {"pppoe-lcp", (eth() / pppoe(0xc021) / payload(8)).bytes(), other_ethertype, "pppoe/other", 0, ETH_P_PPP_SES},
      {"pppoe-version-2", (eth() / pppoe(0x21, 0x21) / four / tcp(1, 2)).bytes(), other_ethertype, "pppoe/other", 0,
       ETH_P_PPP_SES},
      {"pppoe-code-7", (eth() / pppoe(0x21, 0x11, 7) / four / tcp(1, 2)).bytes(), other_ethertype, "pppoe/other", 0,
       ETH_P_PPP_SES},
      {"batman-broadcast", (eth() / batman(1) / eth() / four / tcp(1, 2)).bytes(), other_ethertype, "batman/other", 0,
       ETH_P_BATMAN},
      {"vxlan-port-only", (eth() / four / udp(1024, 4789) / payload(30)).bytes(), flow, "ipv4/udp", 17, ip},
      {"vxlan-reserved-octet", (eth() / four / udp(1024, 4789) / payload(8, 8) / eth() / four / tcp(1, 2)).bytes(),
       flow, "ipv4/udp/vxlan/eth/ipv4/tcp", 6, ip},
      {"vxlan-from-port", (eth() / four / udp(4789, 1024) / vxlan() / eth() / four / tcp(1, 2)).bytes(), flow,
       "ipv4/udp/vxlan/eth/ipv4/tcp", 6, ip},
      {"vxlan-to-port-first", (eth() / four / udp(6081, 4789) / vxlan() / eth() / four / tcp(1, 2)).bytes(), flow,
       "ipv4/udp/vxlan/eth/ipv4/tcp", 6, ip},
      {"gre-in-udp-reserved", (eth() / four / udp(1024, 4754) / gre(0x0010, ETH_P_IP) / payload(24)).bytes(), flow,
       "ipv4/udp", 17, ip},
      {"gre-in-udp-unknown", (eth() / four / udp(1024, 4754) / payload(24, 0)).bytes(), flow, "ipv4/udp", 17, ip},
      {"ayiya-heartbeat", (eth() / four / udp(1024, 5072) / ayiya(59, 0)).bytes(), flow, "ipv4/udp", 17, ip},
      {"ayiya-other-version", (eth() / four / udp(1024, 5072) / ayiya(41) / four / tcp(1, 2)).bytes(), flow, "ipv4/udp",
       17, ip},
      {"ayiya-too-long", (eth() / four / udp(1024, 5072) / payload(30, 0xf1)).bytes(), flow, "ipv4/udp", 17, ip},
      {"lisp-port-only", (eth() / four / udp(1024, 4341) / payload(30, 0x46)).bytes(), flow, "ipv4/udp", 17, ip},
      {"lisp-short", (eth() / four / udp(1024, 4341) / lisp()).bytes(), flow, "ipv4/udp", 17, ip},
      {"mpls-in-udp-endless", (eth() / four / udp(1024, 6635) / payload(30, 0)).bytes(), flow, "ipv4/udp", 17, ip},
      {"mpls-in-udp-unknown", (eth() / four / udp(1024, 6635) / mpls(16, true) / payload(30, 0x15)).bytes(), flow,
       "ipv4/udp", 17, ip},
      {"capwap-keep-alive", (eth() / four / udp(1024, 5247) / capwap(0, 8) / payload(30)).bytes(), flow, "ipv4/udp", 17,
       ip},
      {"capwap-fragment", (eth() / four / udp(1024, 5247) / capwap(0, 0x80) / eth() / four / tcp(1, 2)).bytes(), flow,
       "ipv4/udp", 17, ip},
      {"capwap-encrypted", (eth() / four / udp(1024, 5247) / capwap(0, 0, 1) / payload(30)).bytes(), flow, "ipv4/udp",
       17, ip},
      {"capwap-other-native", (eth() / four / udp(1024, 5247) / capwap(1) / payload(30)).bytes(), flow, "ipv4/udp", 17,
       ip},
      {"vxlan-arp", (eth() / four / udp(1024, 4789) / vxlan() / eth(ETH_P_ARP) / payload(28)).bytes(), flow,
       "ipv4/udp/vxlan/eth/other", 17, ip},
      {"vxlan-short", (eth() / four / udp(1024, 4789) / payload(7, 8)).bytes(), flow, "ipv4/udp", 17, ip},
      {"vxlan-gpe-unknown", (eth() / four / udp(1024, 4790) / vxlan_gpe(9) / payload(20)).bytes(), flow,
       "ipv4/udp/vxlan", 17, ip},
      {"vxlan-gpe-version-1", (eth() / four / udp(1024, 4790) / payload(30, 0x1c)).bytes(), flow, "ipv4/udp", 17, ip},
      {"geneve-unknown", (eth() / four / udp(1024, 6081) / geneve() / payload(40)).bytes(), flow, "ipv4/udp", 17, ip},
      {"geneve-version-1",
       (eth() / four / udp(1024, 6081) / Header{.bytes = octets({0x40, 0, 0x65, 0x58, 0, 0, 9, 0})} / eth() / four /
        tcp(1, 2))
           .bytes(),
       flow, "ipv4/udp", 17, ip},
      {"geneve-options-too-long", (eth() / four / udp(1024, 6081) / geneve(1) / payload(0)).bytes(), flow, "ipv4/udp",
       17, ip},
      {"gtpu-echo", (eth() / four / udp(2152, 2152) / gtpu(1) / payload(4)).bytes(), flow, "ipv4/udp", 17, ip},
      {"gtpu-ethernet", (eth() / four / udp(2152, 2152) / gtpu() / eth() / four / tcp(1, 2)).bytes(), flow,
       "ipv4/udp/gtpu", 17, ip},
      {"l2tp-control", (eth() / four / udp(1701, 1701) / l2tp(0xc802) / payload(12)).bytes(), flow, "ipv4/udp", 17, ip},
      {"l2tp-lcp", (eth() / four / udp(1701, 1701) / l2tp() / ppp({0xff, 3, 0xc0, 0x21, 1, 1, 0, 4})).bytes(), flow,
       "ipv4/udp/l2tp/ppp/other", 17, ip},
      {"teredo-port-only", (eth() / four / udp(1024, 3544) / payload(60, 0x66)).bytes(), flow, "ipv4/udp", 17, ip},
      {"inner-fragment-first", (eth() / four / first4(IPPROTO_UDP) / udp(1024, 53)).bytes(), flow, "ipv4/ipv4/frag/udp",
       17, ip, mark_fragment},
      {"inner-fragment-later", (eth() / four / later4 / payload(16)).bytes(), fragment_later, "ipv4/ipv4/frag", 17, ip,
       mark_fragment},
      {"outer-fragment-first", (eth() / first4(IPPROTO_GRE) / gre(0) / four / udp(1024, 53)).bytes(), flow,
       "ipv4/frag/gre/ipv4/udp", 17, ip, mark_fragment},
      {"inner-fragment-unseen",
       (eth() / four / udp(1024, 4789) / vxlan() / eth() / first4(IPPROTO_UDP) / udp(1024, 53)).bytes(), flow,
       "ipv4/udp/vxlan/eth/ipv4/frag/udp", 17, ip},
      {"inner-label-unseen", (eth() / mpls(16, true) / ipv6(a6, b6, {.flow_label = 9}) / tcp(1, 2)).bytes(), flow,
       "mpls/ipv6/tcp", 6, ip6},
      {"stale-octets", (eth() / ipv6("2001:db8::1:0:0:1", "2001:db8::2:0:0:1") / four / tcp(1, 2)).bytes(), flow,
       "ipv6/ipv4/tcp", 6, ip, mark_stale_ipv6},
      {"stale-octets-deeper", (eth() / ipv6("2001:db8::1:0:0:1", b6) / four / gre(0) / four / tcp(1, 2)).bytes(), flow,
       "ipv6/ipv4/gre/ipv4/tcp", 6, ip, mark_stale_ipv6},
      {"stale-octets-overwritten", (eth() / ipv6("2001:db8::1:0:0:1", b6) / four / six / tcp(1, 2)).bytes(), flow,
       "ipv6/ipv4/ipv6/tcp", 6, ip6},
      {"inner-ihl-4", (eth() / four / ipv4(a4, b4, {.header_words = 4}) / tcp(1, 2)).bytes(), malformed, "ipv4/ipv4", 4,
       ip},
      {"arp", (eth(ETH_P_ARP) / payload(28)).bytes(), other_ethertype, "other", 0, ETH_P_ARP},
      {"stp", (eth(38) / payload(38, 0x42)).bytes(), other_ethertype, "other", 0, ETH_P_802_2},
      {"ipx-raw", (eth(38) / payload(38, 0xff)).bytes(), other_ethertype, "other", 0, ETH_P_802_3},
      {"vlan-stp", (eth() / vlan(5, ETH_P_8021Q, 38) / payload(38, 0x42)).bytes(), other_ethertype, "vlan/other", 0,
       ETH_P_802_2},
      {"runt", octets({1, 2, 3}), truncated, "", 0, 0},
      {"empty", {}, truncated, "", 0, 0},
      {"ipv4-ihl-4", (eth() / ipv4(a4, b4, {.header_words = 4}) / tcp(1, 2)).bytes(), malformed, "ipv4", 0, ip},
      {"ipv4-version-6", (eth() / ipv4(a4, b4, {.version = 6}) / tcp(1, 2)).bytes(), malformed, "ipv4/tcp", 6, ip},
      {"ipv4-total-19", (eth() / ipv4(a4, b4, {.total_bytes = 19}) / tcp(1, 2)).bytes(), malformed, "ipv4/tcp", 6, ip},
      {"ipv4-total-20", (eth() / ipv4(a4, b4, {.total_bytes = 20}) / tcp(1, 2)).bytes(), truncated, "ipv4/tcp", 6, ip},
      {"ipv4-no-transport", (eth() / ipv4(a4, b4, {.protocol = IPPROTO_TCP})).bytes(), truncated, "ipv4/tcp", 6, ip},
      {"ipv6-version-4", (eth() / ipv6(a6, b6, {.version = 4}) / tcp(1, 2)).bytes(), malformed, "ipv6/tcp", 6, ip6},
      {"ipv6-payload-3", (eth() / ipv6(a6, b6, {.payload_bytes = 3}) / tcp(1, 2)).bytes(), truncated, "ipv6/tcp", 6,
       ip6},
      {"ipv6-none-past-payload", (eth() / ipv6(a6, b6, {.payload_bytes = 4}) / extension(IPPROTO_DSTOPTS)).bytes(),
       truncated, "ipv6/other", IPPROTO_NONE, ip6},
      {"ipv6-extension-past-payload",
       (eth() / ipv6(a6, b6, {.payload_bytes = 4}) / extension(IPPROTO_DSTOPTS) / tcp(1, 2)).bytes(), truncated,
       "ipv6/tcp", 6, ip6},
  };
  const std::vector<Sample> more = wrapped_samples();
  out.insert(out.end(), more.begin(), more.end());
  return out;
}

}  // namespace fanout::test
