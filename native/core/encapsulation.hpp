// Headers that wrap a packet in another. Each strip_ function removes one from the front of the walk, or finds that there is
// none.
#pragma once

#include <array>
#include <cstdint>

#include "walk.hpp"

namespace fanout {

// What a stripped header leaves at the front. `nothing`: no layer known here, so that the flow is the one found so far, if any.
enum class Follows : std::uint8_t {
  nothing,
  ethernet,   // an Ethernet header
  network,    // what walk.next_type says
  transport,  // what walk.ids.protocol says
};

// An ethertype, and whether the header that it announces may follow.
[[nodiscard]] inline Follows announce(Walk& walk, std::uint16_t ethertype) noexcept {
  walk.found_ethertype(ethertype);
  if (walk.again()) return Follows::network;
  walk.end(PacketKind::malformed);
  return Follows::nothing;
}

// What is announced and not known, inside an IP packet: then that packet is of the flow.
[[nodiscard]] inline Follows unknown(Walk& walk) noexcept {
  walk.out->stack.push(Layer::other);
  return Follows::nothing;
}

// Zero: a protocol that carries no flow, such as LCP.
[[nodiscard]] std::uint16_t ethertype_of_ppp(unsigned protocol) noexcept;
// A point-to-point header inside a tunnel.
[[nodiscard]] Follows ppp(Walk& walk) noexcept;

// Behind an ethertype other than those of IP: walk.next_type.
[[nodiscard]] Follows strip_link(Walk& walk) noexcept;
// Behind an IP protocol without ports of its own: walk.ids.protocol.
[[nodiscard]] Follows strip_protocol(Walk& walk) noexcept;
// Behind the ports of a UDP header.
[[nodiscard]] Follows strip_datagram(Walk& walk) noexcept;
// At an ICMP or ICMPv6 header. What follows an error is the packet that it quotes.
[[nodiscard]] Follows strip_icmp(Walk& walk) noexcept;
// Behind an IPv4 header that says that this is a fragment; at the fragment header of IPv6. Nothing follows in later fragments.
[[nodiscard]] Follows strip_ipv4_fragment(Walk& walk) noexcept;
[[nodiscard]] Follows strip_ipv6_fragment(Walk& walk) noexcept;

namespace ipv4_fragment {
inline constexpr unsigned offset_bits = 0x1fff, more_fragments = 0x2000;
}

namespace udp_port {
inline constexpr std::uint16_t l2tp = 1701, gtpu = 2152, teredo = 3544, vxlan = 4789, vxlan_gpe = 4790, geneve = 6081;
inline constexpr std::uint16_t vxlan_linux = 8472;  // what Linux chose before there was a number, and still its default

// Each port has a slot of its own, so that a lookup is one load and one comparison instead of a branch for each.
inline constexpr std::array<std::uint16_t, 7> tunnels{l2tp, gtpu, teredo, vxlan, vxlan_gpe, geneve, vxlan_linux};
inline constexpr std::size_t slot_count = 16;
[[nodiscard]] constexpr std::size_t slot_of(std::uint16_t port) noexcept { return (port ^ port >> 8) % slot_count; }
inline constexpr auto slots = [] {
  std::array<std::uint16_t, slot_count> out{};
  for (const std::uint16_t port : tunnels) out[slot_of(port)] = port;
  return out;
}();

[[nodiscard]] constexpr bool may_be_tunnel(std::uint16_t port) noexcept { return slots[slot_of(port)] == port; }
static_assert([] {
  for (const std::uint16_t port : tunnels)
    if (!may_be_tunnel(port)) return false;
  return true;
}());
}  // namespace udp_port

}  // namespace fanout
