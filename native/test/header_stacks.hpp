// Stacks of headers as no sender makes them: any header that the dissector knows in any other, seeded.
#pragma once

#include <array>
#include <string>
#include <utility>

#include "test/generate.hpp"
#include "test/packets.hpp"
#include "test/tunnels.hpp"

namespace fanout::test {

template <typename Values>
const auto& any_of(Random& random, const Values& values) {
  return values[random.below(static_cast<std::uint32_t>(values.size()))];
}

// Few hosts, so that flows come back, also in the other direction.
inline Header any_ipv4(Random& random) {
  std::string a = "10." + std::to_string(random.below(4)) + ".0." + std::to_string(random.below(8));
  std::string b = "192.0.2." + std::to_string(random.below(16));
  if (random.one_in(2)) std::swap(a, b);
  Ipv4Options set{.id = random.below(65536)};
  if (random.one_in(12)) set.options = octets({7, 4, 0, 0, 1, 1, 1, 0});
  if (random.one_in(12)) set.more_fragments = true;
  if (random.one_in(12)) set.fragment_offset = 8 * random.below(200);
  return ipv4(a, b, set);
}

inline Header any_ipv6(Random& random) {
  std::string a = "2001:db8::" + std::to_string(random.below(9));
  std::string b = "2001:db8::ff:" + std::to_string(random.below(9));
  if (random.one_in(2)) std::swap(a, b);
  return ipv6(a, b, {.flow_label = random.one_in(4) ? random.below(1 << 20) : 0});
}

inline Header any_fragment6(Random& random) {
  Header out = frag6(random.one_in(3) ? 8 * random.below(200) : 0, random.one_in(2));
  const std::uint32_t identification = random.below(65536);
  out.bytes[6] = static_cast<std::byte>(identification >> 8);
  out.bytes[7] = static_cast<std::byte>(identification);
  return out;
}

inline Header any_udp(Random& random) {
  constexpr std::array tunnels{4789U, 8472U, 4790U, 6081U, 2152U, 2123U, 3386U, 3544U,
                               1701U, 4754U, 6635U, 4341U, 5072U, 5247U, 53U};
  const unsigned to = random.one_in(4) ? random.below(65536) : any_of(random, tunnels);
  const unsigned from = random.one_in(8) ? any_of(random, tunnels) : random.below(65536);
  return random.one_in(4) ? udp(to, from) : udp(from, to);
}

inline Header any_link_header(Random& random) {
  switch (random.below(16)) {
    case 0:
      return vlan(random.below(4096));
    case 1:
      return vlan(random.below(4096), ETH_P_8021AD);
    case 2:
      return vlan(random.below(4096), random.one_in(2) ? 0x9100 : 0x9200);
    case 3:
      return pppoe(random.one_in(2) ? 0x21 : 0x57);
    case 4:
      return pppoe_compressed(random.one_in(2) ? 0x21 : 0x57);
    case 5:
      return mpls(random.below(1 << 20), !random.one_in(3));
    case 6:
      return mpls(random.below(1 << 20), true, ETH_P_MPLS_MC);
    case 7:
      return hsr();
    case 8:
      return batman(random.one_in(4) ? random.below(256) : 0x40);
    case 9:
      return cisco_metadata();
    case 10:
      return random.one_in(2) ? vn_tag() : e_tag();
    case 11:
      return random.one_in(2) ? fabric_path() : service_tag();
    case 12:
      return garland();
    case 13:
      return nsh(random.below(7), 2 + random.below(6));
    case 14:
      return random.one_in(2) ? snap() : snap_numbered();
    default:
      return frame_relay();
  }
}

inline Header any_tunnel_header(Random& random) {
  switch (random.below(20)) {
    case 0:
      return gre(random.one_in(2) ? 0 : random.below(65536) & 0xf087);
    case 1:
      return gre_routed();
    case 2:
      return eoip();
    case 3:
      return gre_erspan(random.one_in(2) ? 0x1000 : 0, random.one_in(2) ? 0x88be : 0x22eb);
    case 4:
      return random.one_in(2) ? erspan2() : erspan3(random.one_in(2), random.one_in(2) ? 0 : random.below(32));
    case 5:
      return ppp({0xff, 3, 0, random.one_in(2) ? 0x21U : 0x57U});
    case 6:
      return ppp({random.one_in(2) ? 0x21U : 0x57U});
    case 7:
      return etherip(random.one_in(4) ? 4 : 3);
    case 8:
      return vxlan(random.one_in(4) ? random.below(256) : 8);
    case 9:
      return vxlan_gpe(random.below(7));
    case 10:
      return geneve(random.below(3), random.one_in(4) ? random.below(256) : 0);
    case 11:
      return random.one_in(2) ? gtpu() : gtp_old();
    case 12:
      return gtpu_extended({1, 2});
    case 13:
      return l2tp(0x0002 | (random.below(65536) & 0x4a00));
    case 14:
      return random.one_in(2) ? teredo_origin() : teredo_authentication();
    case 15:
      return ayiya(random.one_in(2) ? 4 : 41);
    case 16:
      return lisp();
    case 17:
      return capwap(random.one_in(2) ? 0 : 3);
    case 18:
      return wlan(random.one_in(2) ? 0x08 : 0x88, random.below(4), random.one_in(2));
    default:
      return control_word();
  }
}

inline Header any_header(Random& random) {
  switch (random.below(20)) {
    case 0:
      return eth();
    case 1:
    case 2:
      return any_link_header(random);
    case 3:
    case 4:
    case 5:
    case 6:
      return any_ipv4(random);
    case 7:
    case 8:
    case 9:
      return any_ipv6(random);
    case 10:
      return extension(any_of(random, std::array{0U, 43U, 60U, 135U, 139U, 140U}), random.below(3));
    case 11:
      return any_fragment6(random);
    case 12:
      return tcp(random.below(65536), 443);
    case 13:
    case 14:
      return any_udp(random);
    case 15:
      return ported(any_of(random, std::array{132U, 33U, 136U}), random.below(65536), 9);
    case 16:
      return random.one_in(2) ? icmp(random.one_in(2) ? 8 * random.below(2) : random.below(20), random.below(65536))
                              : icmp6(random.one_in(2) ? 128 + random.below(2) : random.below(8), random.below(65536));
    case 17:
      return random.one_in(2) ? esp(random.below(1 << 30)) : ah(random.below(1 << 30));
    default:
      return any_tunnel_header(random);
  }
}

inline Octets any_stack(Random& random) {
  Packet packet = eth();
  for (std::uint32_t more = 1 + random.below(10); more > 0; --more) packet = packet / any_header(random);
  return (packet / payload(random.below(48), random.below(256))).bytes();
}

// Usual packets of both directions in every wrapping.
inline std::vector<Octets> wrapped_packets() {
  std::vector<Octets> out;
  const std::vector<Inner> inner = inner_packets();
  for (const Wrapping& wrapping : wrappings())
    for (const Inner& packet : inner) {
      const Pair pair = pair_of(wrapping, packet);
      out.push_back(pair.there.bytes());
      out.push_back(pair.back.bytes());
    }
  return out;
}

inline Octets mutated(Octets frame, Random& random) {
  if (frame.empty()) return frame;
  const auto size = static_cast<std::uint32_t>(frame.size());
  for (std::uint32_t more = 1 + random.below(6); more > 0; --more) {
    std::byte& octet = frame[random.below(size)];
    octet = random.one_in(2) ? static_cast<std::byte>(random.next())
                             : octet ^ static_cast<std::byte>(1U << random.below(8));
  }
  if (random.one_in(4)) frame.resize(random.below(size + 1));
  return frame;
}

// Any octets behind an Ethernet header that leads to something.
inline Octets any_octets(Random& random) {
  Octets frame(14 + random.below(150));
  for (std::byte& octet : frame) octet = static_cast<std::byte>(random.next());
  const unsigned type = any_of(random, std::array{0x0800U, 0x86ddU, 0x8100U, 0x8847U, 0x8864U});
  set16(frame, 12, type);
  if (frame.size() > 14) frame[14] = static_cast<std::byte>(type == 0x86dd ? 0x60 : 0x45);
  return frame;
}

}  // namespace fanout::test
