// Headers that wrap packets, and every wrapping that the dissector knows, for both directions of a flow.
#pragma once

#include <linux/if_ether.h>
#include <netinet/in.h>

#include <string>
#include <vector>

#include "test/packets.hpp"

namespace fanout::test {

inline Header pppoe(unsigned protocol, unsigned version_and_type = 0x11, unsigned code = 0) {
  Header out{.ethertype = ETH_P_PPP_SES, .length_at = 4, .length_skips = 6};
  put8(out.bytes, version_and_type);
  put8(out.bytes, code);
  put16(out.bytes, 7);
  put16(out.bytes, 0);
  put16(out.bytes, protocol);
  return out;
}

// A protocol number in one octet.
inline Header pppoe_compressed(unsigned protocol) {
  Header out = pppoe(0);
  out.bytes.resize(6);
  put8(out.bytes, protocol);
  return out;
}

inline Header mpls(unsigned label, bool bottom, unsigned ethertype = ETH_P_MPLS_UC) {
  Header out{.ethertype = ethertype, .protocol = IPPROTO_MPLS};
  put32(out.bytes, label << 12 | (bottom ? 0x100U : 0U) | 64);
  return out;
}

inline Header control_word() { return {.bytes = octets({0, 0, 0, 9})}; }

inline Header hsr() { return {.bytes = octets({0, 60, 0, 1, 0, 0}), .ethertype = ETH_P_HSR, .type_at = 4}; }

inline Header batman(unsigned type = 0x40, unsigned version = 15) {
  return {.bytes = octets({type, version, 50, 1, 2, 0, 0, 0, 0, 2}), .ethertype = ETH_P_BATMAN};
}

// Tags that the kernel does not know.
inline Header cisco_metadata() {
  return {.bytes = octets({1, 1, 0, 1, 0, 4, 0, 0}), .ethertype = 0x8909, .type_at = 6};
}
inline Header vn_tag() { return {.bytes = octets({0x80, 0, 0, 5, 0, 0}), .ethertype = 0x8926, .type_at = 4}; }
inline Header e_tag() { return {.bytes = octets({0xe0, 0, 0, 0x10, 0, 0, 0, 0}), .ethertype = 0x893f, .type_at = 6}; }
// And what stands in front of an Ethernet frame.
inline Header fabric_path() { return {.bytes = octets({0, 0x60}), .ethertype = 0x8903}; }
inline Header service_tag() { return {.bytes = octets({0, 0, 0x12, 0x34}), .ethertype = 0x88e7}; }
inline Header garland() { return {.bytes = Octets(18), .ethertype = 0xff12}; }

// `words` of four octets in all.
inline Header nsh(unsigned next, unsigned words = 6, unsigned metadata_type = 1) {
  Header out{.bytes = octets({0x0f, 0xc0 | words, metadata_type, next, 0, 0, 9, 255}), .ethertype = 0x894f};
  out.bytes.resize(std::size_t{words} * 4);
  return out;
}

// Announced by a length, of whatever.
inline Header snap(unsigned type = 0) {
  Header out{.bytes = octets({0xaa, 0xaa, 3, 0, 0, 0}), .ethertype = 70, .type_at = 6};
  put16(out.bytes, type);
  return out;
}
// With a control field of two octets.
inline Header snap_numbered() {
  return {.bytes = octets({0xaa, 0xaa, 0, 0, 0, 0, 0, 0, 0}), .ethertype = 70, .type_at = 7};
}

inline Header frame_relay(unsigned type = 0) {
  Header out{.bytes = octets({0x18, 0x41}), .ethertype = 0x6559, .type_at = 2};
  put16(out.bytes, type);
  return out;
}

// To a distribution system, with quality of service where `control` says so.
inline Header wlan(unsigned control = 0x08, unsigned flags = 0x01, bool is_exchanged = false, unsigned quality = 0) {
  Header out{.bytes = Octets(24)};
  out.bytes[is_exchanged ? 1 : 0] = static_cast<std::byte>(control);
  out.bytes[is_exchanged ? 0 : 1] = static_cast<std::byte>(flags);
  if ((flags & 3) == 3) out.bytes.resize(30);
  if ((control & 0x80) != 0) put_octets(out.bytes, octets({quality, 0}));
  if ((quality & 0x80) != 0) out.bytes.resize(out.bytes.size() + 14);
  return out;
}

// The optional words follow from the flags.
inline Header gre(unsigned flags, unsigned type = 0, unsigned key = 7) {
  Header out{.protocol = IPPROTO_GRE, .type_at = 2};
  put16(out.bytes, flags);
  put16(out.bytes, type);
  if ((flags & 0x8000) != 0) put32(out.bytes, 0);
  if ((flags & 0x2000) != 0) put32(out.bytes, key);
  if ((flags & 0x1000) != 0) put32(out.bytes, 3);
  if ((flags & 0x0080) != 0) put32(out.bytes, 2);
  return out;
}

// Through one router, with a source route entry for it.
inline Header gre_routed() {
  return {.bytes = octets({0x40, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 4, 203, 0, 113, 9, 0, 0, 0, 0}),
          .protocol = IPPROTO_GRE,
          .type_at = 2};
}
inline Header eoip() {
  return {.bytes = octets({0x20, 1, 0x64, 0, 0, 0, 7, 0}), .protocol = IPPROTO_GRE, .length_at = 4, .length_skips = 8};
}

// Names ERSPAN, whatever follows.
inline Header gre_erspan(unsigned flags, unsigned type) {
  Header out = gre(flags, type);
  out.type_at.reset();
  return out;
}
inline Header erspan2() { return {.bytes = octets({0x10, 5, 0, 1, 0, 0, 0, 1})}; }
inline Header erspan3(bool platform_header = false, unsigned frame_type = 0) {
  Header out{.bytes = octets({0x20, 5, 0, 1, 0, 0, 0, 1, 0, 0, frame_type << 2, platform_header ? 1U : 0U})};
  if (platform_header) out.bytes.resize(20);
  return out;
}

inline Header ppp(std::initializer_list<unsigned> protocol) { return {.bytes = octets(protocol)}; }

inline Header etherip(unsigned version = 3) { return {.bytes = octets({version << 4, 0}), .protocol = 97}; }

// Behind UDP.
inline Header vxlan(unsigned flags = 0x08, unsigned reserved = 0) {
  return {.bytes = octets({flags, reserved, reserved, reserved, 0, 0, 9, reserved})};
}
inline Header vxlan_gpe(unsigned protocol) { return {.bytes = octets({0x0c, 0, 0, protocol, 0, 0, 9, 0})}; }
inline Header geneve(unsigned option_words = 0, unsigned flags = 0) {
  Header out{.bytes = octets({option_words, flags, 0, 0, 0, 0, 9, 0}), .type_at = 2};
  out.bytes.resize(8 + std::size_t{option_words} * 4);
  return out;
}
inline Header gtpu(unsigned type = 0xff) {
  return {.bytes = octets({0x30, type, 0, 0, 0, 0, 0, 9}), .length_at = 2, .length_skips = 8};
}
// Version 0.
inline Header gtp_old() {
  Header out{.bytes = octets({0x1e, 0xff, 0, 0}), .length_at = 2, .length_skips = 20};
  out.bytes.resize(20);
  return out;
}
// Extension headers of these lengths, in units of four octets.
inline Header gtpu_extended(std::initializer_list<unsigned> lengths) {
  Header out{.bytes = octets({0x36, 0xff, 0, 0, 0, 0, 0, 9, 0, 1, 0, 0}), .length_at = 2, .length_skips = 8};
  for (const unsigned units : lengths) {
    out.bytes.back() = std::byte{0x85};
    const std::size_t begin = out.bytes.size();
    out.bytes.resize(begin + std::size_t{units} * 4);
    out.bytes[begin] = static_cast<std::byte>(units);
  }
  return out;
}
inline Header l2tp(unsigned flags = 0x0002) {
  Header out;
  put16(out.bytes, flags);
  if ((flags & 0x4000) != 0) {
    out.length_at = 2;
    put16(out.bytes, 0);
  }
  put32(out.bytes, 0x00010002);
  if ((flags & 0x0800) != 0) put32(out.bytes, 0);
  if ((flags & 0x0200) != 0) {
    put16(out.bytes, 3);
    out.bytes.resize(out.bytes.size() + 3);
  }
  return out;
}
inline Header ayiya(unsigned next, unsigned operation = 1) {
  Header out{.bytes = octets({0x41, 0x52, 0x10 | operation, next})};
  out.bytes.resize(8 + 16 + 20);
  return out;
}
inline Header lisp() { return {.bytes = octets({0x80, 1, 2, 3, 0, 0, 0, 1})}; }
inline Header capwap(unsigned kinds, unsigned flags = 0, unsigned preamble = 0) {
  return {.bytes = octets({preamble, 0x10, kinds, flags, 0, 0, 0, 0})};
}
inline Header teredo_origin() { return {.bytes = octets({0, 0, 1, 2, 3, 4, 5, 6})}; }
inline Header teredo_authentication() { return {.bytes = octets({0, 1, 1, 2, 9, 9, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0})}; }

enum class Family : std::uint8_t { four, six };

// What the kernel hashes of a packet in a wrapping.
enum class Hashed : std::uint8_t {
  inner,    // just what it hashes of the inner packet alone
  outer,    // something of the outer headers, the same for both directions
  one_way,  // something that differs by direction
};

struct Wrapping {
  std::string name;
  std::string stack;
  Family inner;  // what the wrapping announces
  Hashed hashed;
  std::vector<Header> there, back;
};

inline std::vector<Wrapping> wrappings() {
  using enum Family;
  using enum Hashed;
  const std::string a4 = "203.0.113.1", b4 = "198.51.100.2";
  // Octets 8 to 11 are equal, or the kernel would hash the directions of IPv4 inside differently.
  const std::string a6 = "2001:db8:a::1", b6 = "2001:db8:b::2";
  const Header to4 = ipv4(a4, b4), from4 = ipv4(b4, a4), to6 = ipv6(a6, b6), from6 = ipv6(b6, a6);

  const auto link = [&](std::vector<Header> headers) {
    headers.insert(headers.begin(), eth());
    return headers;
  };
  std::vector<Wrapping> out;
  const auto same = [&](const char* name, const char* stack, Family inner, Hashed hashed,
                        const std::vector<Header>& headers) {
    out.push_back({name, stack, inner, hashed, link(headers), link(headers)});
  };
  const auto over4 = [&](const char* name, const char* stack, Family inner, Hashed hashed,
                         const std::vector<Header>& headers) {
    Wrapping row{name, stack, inner, hashed, {eth(), to4}, {eth(), from4}};
    row.there.insert(row.there.end(), headers.begin(), headers.end());
    row.back.insert(row.back.end(), headers.begin(), headers.end());
    out.push_back(std::move(row));
  };
  const auto over6 = [&](const char* name, const char* stack, Family inner, Hashed hashed,
                         const std::vector<Header>& headers) {
    over4(name, stack, inner, hashed, headers);
    out.back().there[1] = to6;
    out.back().back[1] = from6;
  };
  // The source port comes from the inner flow, by another hash in each direction.
  const auto datagram = [&](const char* name, const char* stack, Family inner, unsigned port,
                            const std::vector<Header>& headers) {
    over4(name, stack, inner, one_way, {});
    for (auto* side : {&out.back().there, &out.back().back}) {
      side->push_back(udp(side == &out.back().there ? 50001 : 60002, port));
      side->insert(side->end(), headers.begin(), headers.end());
    }
  };
  const auto between = [&](const char* name, const char* stack, Family inner, unsigned port,
                           const std::vector<Header>& headers) {
    datagram(name, stack, inner, port, headers);
    out.back().hashed = outer;
    out.back().there[2] = udp(port, port);
    out.back().back[2] = udp(port, port);
  };

  same("plain4", "", four, inner, {});
  same("plain6", "", six, inner, {});
  same("vlan3", "vlan/vlan/vlan", four, inner, {vlan(1, ETH_P_8021AD), vlan(2), vlan(3)});
  same("9100", "vlan", four, outer, {vlan(5, 0x9100)});
  same("9100-vlan", "vlan/vlan", six, outer, {vlan(5, 0x9100), vlan(6)});
  same("vlan-9100", "vlan/vlan", six, outer, {vlan(5), vlan(6, 0x9100)});
  same("pppoe4", "pppoe", four, inner, {pppoe(0x21)});
  same("pppoe6", "pppoe", six, inner, {pppoe(0x57)});
  same("vlan-pppoe", "vlan/pppoe", four, inner, {vlan(5), pppoe(0x21)});
  same("pppoe-compressed", "pppoe", six, outer, {pppoe_compressed(0x57)});
  same("pppoe-mpls", "pppoe/mpls", four, outer, {pppoe(0x281), mpls(3, true)});
  same("mpls4", "mpls", four, outer, {mpls(16, true)});
  same("mpls6", "mpls", six, outer, {mpls(16, true)});
  same("mpls-3-labels", "mpls", four, outer, {mpls(16, false), mpls(17, false), mpls(18, true)});
  same("mpls-multicast", "mpls", four, outer, {mpls(16, true, ETH_P_MPLS_MC)});
  same("pw", "mpls/eth", four, outer, {mpls(16, true), eth()});
  same("pw-control-word", "mpls/pw/eth", six, outer, {mpls(16, true), control_word(), eth()});
  same("pw-vlan", "vlan/mpls/pw/eth/vlan", four, outer, {vlan(5), mpls(16, true), control_word(), eth(), vlan(6)});
  same("9200", "vlan", four, outer, {vlan(5, 0x9200)});
  same("cmd", "cmd", four, outer, {cisco_metadata()});
  same("vlan-cmd", "vlan/cmd", six, outer, {vlan(5), cisco_metadata()});
  same("vn-tag", "vntag", four, outer, {vn_tag()});
  same("vn-tag-vlan", "vntag/vlan", six, outer, {vn_tag(), vlan(5)});
  same("e-tag", "etag", four, outer, {e_tag()});
  same("fabricpath", "fabricpath/eth", four, outer, {fabric_path(), eth()});
  same("fabricpath-vlan", "fabricpath/eth/vlan", six, outer, {fabric_path(), eth(), vlan(5)});
  same("pbb", "pbb/eth", four, outer, {service_tag(), eth()});
  same("backbone-pbb-vlan", "vlan/pbb/eth/vlan", six, outer, {vlan(5, ETH_P_8021AD), service_tag(), eth(), vlan(6)});
  same("garland", "garland/eth", four, outer, {garland(), eth()});
  same("bridged", "eth", six, outer, {eth()});
  same("nsh4", "nsh", four, outer, {nsh(1)});
  same("nsh6", "nsh", six, outer, {nsh(2, 2, 2)});
  same("nsh-ethernet", "nsh/eth", four, outer, {nsh(3, 9, 2), eth()});
  same("nsh-nsh", "nsh/nsh", four, outer, {nsh(4), nsh(1, 3, 2)});
  same("nsh-mpls", "vlan/nsh/mpls", six, outer, {vlan(5), nsh(5), mpls(16, true)});
  same("snap", "snap", four, outer, {snap()});
  same("snap-numbered", "snap", six, outer, {snap_numbered()});
  same("snap-vlan", "snap/vlan", four, outer, {snap(), vlan(5)});
  same("frame-relay", "fr", four, outer, {frame_relay()});
  same("ppp", "ppp", six, outer, {gre(0, 0x880b), ppp({0xff, 3, 0, 0x57})});
  out.back().there = out.back().back = {eth(0x880b), ppp({0xff, 3, 0, 0x57})};
  same("hsr", "hsr", four, inner, {hsr()});
  same("batman", "batman/eth", six, inner, {batman(), eth()});

  over4("ipip", "ipv4", four, inner, {});
  over4("6in4", "ipv4", six, inner, {});
  over6("4in6", "ipv6", four, inner, {});
  over6("6in6", "ipv6", six, inner, {});
  over6("srv6", "ipv6", six, inner, {extension(IPPROTO_ROUTING, 2)});
  over6("srv6-ethernet", "ipv6/srv6l2/eth", four, outer, {extension(IPPROTO_ROUTING, 2), eth()});
  over6("shim6", "ipv6/ext", six, outer, {extension(140)});
  over4("mpls-in-ipv4", "ipv4/mpls", six, outer, {mpls(16, true)});
  over6("mpls-in-ipv6", "ipv6/mpls", four, outer, {mpls(16, true)});
  over4("etherip", "ipv4/etherip/eth", four, outer, {etherip(), eth()});
  over4("etherip-other-version", "ipv4/etherip/eth", six, outer, {etherip(0), eth()});
  over4("gre4", "ipv4/gre", four, inner, {gre(0)});
  over4("gre6", "ipv4/gre", six, inner, {gre(0)});
  over6("gre-in-ipv6", "ipv6/gre", four, inner, {gre(0)});
  over4("gre-all-fields", "ipv4/gre", four, inner, {gre(0xb000)});
  over4("gre-ethernet", "ipv4/gre/eth", four, inner, {gre(0), eth()});
  over4("nvgre", "ipv4/nvgre/eth", six, inner, {gre(0x2000), eth()});
  over4("nvgre-vlan", "ipv4/nvgre/eth/vlan", four, inner, {gre(0x2000), eth(), vlan(5)});
  over4("gre-mpls", "ipv4/gre/mpls", four, outer, {gre(0), mpls(16, true)});
  over4("gre-vlan-9100", "ipv4/gre/vlan", four, outer, {gre(0), vlan(5, 0x9100)});
  over4("gre-gre", "ipv4/gre/ipv6/gre", four, inner, {gre(0), to6, gre(0x2000)});
  over4("pptp", "ipv4/gre/ppp", four, inner, {gre(0x3081, 0x880b), ppp({0xff, 3, 0, 0x21})});
  over4("pptp6", "ipv4/gre/ppp", six, inner, {gre(0x3001, 0x880b), ppp({0xff, 3, 0, 0x57})});
  over4("pptp-compressed", "ipv4/gre/ppp", four, outer, {gre(0x3001, 0x880b), ppp({0x21})});
  over4("gre-ppp", "ipv4/gre/ppp", four, outer, {gre(0, 0x880b), ppp({0xff, 3, 0, 0x21})});
  over4("gre-ppp-compressed", "ipv4/gre/ppp", six, outer, {gre(0x2000, 0x880b), ppp({0x57})});
  over4("gre-routed", "ipv4/gre", four, outer, {gre_routed()});
  over4("gre-nsh", "ipv4/gre/nsh", six, outer, {gre(0), nsh(2)});
  over4("gre-frame-relay", "ipv4/gre/fr", four, outer, {gre(0), frame_relay()});
  over4("gre-frame-relay-iso", "ipv4/gre/fr", four, outer, {gre(0, 0x6559), frame_relay(0x03cc)});
  out.back().there[3].type_at.reset();
  out.back().back[3].type_at.reset();
  over4("gre-ethernet-snap", "ipv4/gre/eth/snap", four, outer, {gre(0), eth(), snap()});
  over4("gre-wlan", "ipv4/gre/wlan/snap", four, outer, {gre(0, 0x8200), wlan(), snap()});
  over4("gre-wlan-quality", "ipv4/gre/wlan/snap", six, outer, {gre(0x2000, 0x8370), wlan(0x88, 3), snap()});
  over4("gre-wlan-several", "ipv4/gre/wlan/snap", four, outer, {gre(0, 0x8210), wlan(0x88, 1, false, 0x80), snap()});
  over4("eoip", "ipv4/eoip/eth", four, outer, {eoip(), eth()});
  over4("erspan1", "ipv4/gre/erspan/eth", four, outer, {gre_erspan(0, 0x88be), eth()});
  over4("erspan2", "ipv4/gre/erspan/eth", six, outer, {gre_erspan(0x1000, 0x88be), erspan2(), eth()});
  over4("erspan3", "ipv4/gre/erspan/eth", four, outer, {gre_erspan(0x1000, 0x22eb), erspan3(), eth()});
  over4("erspan3-platform", "ipv4/gre/erspan/eth/vlan", four, outer,
        {gre_erspan(0x1000, 0x22eb), erspan3(true), eth(), vlan(5)});
  over4("ah-tunnel", "ipv4/ah", four, one_way, {ah(0x11112222)});
  out.back().back[2] = ah(0x33334444);
  over6("ah-tunnel6", "ipv6/ah", six, one_way,
        {extension(IPPROTO_HOPOPTS), ah(0x11112222), extension(IPPROTO_DSTOPTS)});
  out.back().back[3] = ah(0x33334444);

  datagram("vxlan", "ipv4/udp/vxlan/eth", four, 4789, {vxlan(), eth()});
  datagram("vxlan-8472", "ipv4/udp/vxlan/eth/vlan", six, 8472, {vxlan(0x88), eth(), vlan(5)});
  datagram("vxlan-reserved", "ipv4/udp/vxlan/eth", four, 4789, {vxlan(0xff, 0xff), eth()});
  datagram("vxlan-gpe-nsh", "ipv4/udp/vxlan/nsh/eth", four, 4790, {vxlan_gpe(4), nsh(3), eth()});
  datagram("vxlan-gpe4", "ipv4/udp/vxlan", four, 4790, {vxlan_gpe(1)});
  datagram("vxlan-gpe6", "ipv4/udp/vxlan", six, 4790, {vxlan_gpe(2)});
  datagram("vxlan-gpe-ethernet", "ipv4/udp/vxlan/eth", six, 4790, {vxlan_gpe(3), eth()});
  datagram("vxlan-gpe-mpls", "ipv4/udp/vxlan/mpls", six, 4790, {vxlan_gpe(5), mpls(16, true)});
  datagram("geneve", "ipv4/udp/geneve/eth", four, 6081, {geneve(), eth()});
  datagram("geneve-options", "ipv4/udp/geneve/eth", six, 6081, {geneve(5, 0x40), eth()});
  datagram("geneve-ip", "ipv4/udp/geneve", six, 6081, {geneve()});
  datagram("geneve-control", "ipv4/udp/geneve/eth", four, 6081, {geneve(0, 0x80), eth()});
  datagram("geneve-vlan", "ipv4/udp/geneve/vlan", six, 6081, {geneve(), vlan(5)});
  datagram("gre-in-udp", "ipv4/udp/gre", four, 4754, {gre(0)});
  datagram("gre-in-udp-ethernet", "ipv4/udp/nvgre/eth", six, 4754, {gre(0x2000), eth()});
  datagram("mpls-in-udp", "ipv4/udp/mpls", four, 6635, {mpls(16, false), mpls(17, true)});
  datagram("mpls-in-udp-pw", "ipv4/udp/mpls/pw/eth", six, 6635, {mpls(16, true), control_word(), eth()});
  datagram("lisp4", "ipv4/udp/lisp", four, 4341, {lisp()});
  datagram("lisp6", "ipv4/udp/lisp", six, 4341, {lisp()});
  datagram("ayiya4", "ipv4/udp/ayiya", four, 5072, {ayiya(4)});
  between("ayiya6", "ipv4/udp/ayiya", six, 5072, {ayiya(41)});
  between("capwap", "ipv4/udp/capwap/eth", four, 5247, {capwap(0), eth()});
  between("capwap-wlan", "ipv4/udp/capwap/wlan/snap", four, 5247, {capwap(3), wlan(), snap()});
  between("capwap-wlan-exchanged", "ipv4/udp/capwap/wlan/snap", six, 5247, {capwap(3), wlan(0x88, 2, true), snap()});
  between("gtp-old", "ipv4/udp/gtpu", four, 3386, {gtp_old()});
  between("gtp-control-port", "ipv4/udp/gtpu", six, 2123, {gtpu()});
  between("gtpu", "ipv4/udp/gtpu", four, 2152, {gtpu()});
  between("gtpu6", "ipv4/udp/gtpu", six, 2152, {gtpu()});
  between("gtpu-extended", "ipv4/udp/gtpu", four, 2152, {gtpu_extended({1, 2})});
  between("l2tp", "ipv4/udp/l2tp/ppp", four, 1701, {l2tp(), ppp({0xff, 3, 0, 0x21})});
  between("l2tp-all-fields", "ipv4/udp/l2tp/ppp", six, 1701, {l2tp(0x4a02), ppp({0, 0x57})});
  between("l2tp-compressed", "ipv4/udp/l2tp/ppp", four, 1701, {l2tp(), ppp({0x21})});
  between("teredo", "ipv4/udp/teredo", six, 3544, {});
  between("teredo-indications", "ipv4/udp/teredo", six, 3544, {teredo_authentication(), teredo_origin()});
  return out;
}

// A packet of `headers` around what comes next.
inline Packet wrapped(const std::vector<Header>& headers) {
  Packet out{headers.front()};
  for (std::size_t i = 1; i < headers.size(); ++i) out = out / headers[i];
  return out;
}

struct Inner {
  std::string stack4, stack6;  // of the inner packet
  Header transport4, transport6, answer4, answer6;
};

inline std::vector<Inner> inner_packets() {
  const Header ospf{.bytes = Octets(24), .protocol = 89};
  return {{"ipv4/tcp", "ipv6/tcp", tcp(1024, 80), tcp(1024, 80), tcp(80, 1024), tcp(80, 1024)},
          {"ipv4/udp", "ipv6/udp", udp(53, 53), udp(53, 53), udp(53, 53), udp(53, 53)},
          {"ipv4/icmp", "ipv6/icmp6", icmp(8, 5), icmp6(128, 5), icmp(0, 5), icmp6(129, 5)},
          {"ipv4/other", "ipv6/other", ospf, ospf, ospf, ospf}};
}

// Both directions of one flow in one wrapping, and the flow's packets without it.
struct Pair {
  Packet there, back, bare_there, bare_back;
  std::string stack;
};

inline Pair pair_of(const Wrapping& wrapping, const Inner& inner) {
  const bool four = wrapping.inner == Family::four;
  const std::string a = four ? "10.0.0.1" : "2001:db8::1", b = four ? "10.9.0.2" : "2001:db8::9:2";
  const Header to = four ? ipv4(a, b) : ipv6(a, b), from = four ? ipv4(b, a) : ipv6(b, a);
  const Header& transport = four ? inner.transport4 : inner.transport6;
  const Header& answer = four ? inner.answer4 : inner.answer6;
  const std::string& stack = four ? inner.stack4 : inner.stack6;
  return {wrapped(wrapping.there) / to / transport / payload(4), wrapped(wrapping.back) / from / answer / payload(4),
          eth() / to / transport / payload(4), eth() / from / answer / payload(4),
          wrapping.stack.empty() ? stack : wrapping.stack + "/" + stack};
}

}  // namespace fanout::test
