// Headers that wrap a packet in another. Each strip_ function removes one from the front of the walk, or finds that
// there is none.
#pragma once

#include <array>
#include <cstdint>

#include "core/packet/walk.hpp"

namespace fanout {

// What a stripped header leaves at the front. `nothing`: no layer known here, so that the flow is the one found so far,
// if any.
enum class Follows : std::uint8_t {
  nothing,
  ethernet,   // an Ethernet header
  network,    // what walk.next_type says
  transport,  // what walk.ids.protocol says
  piece,      // the same, of which this is the first piece: the kernel goes on only if it gets the datagram whole
};

// An ethertype, and whether the header that it announces may follow.
[[nodiscard]] inline Follows announce(Walk& walk, std::uint16_t ethertype) noexcept {
  walk.found_ethertype(ethertype);
  if (walk.again()) return Follows::network;
  walk.end(PacketKind::malformed);
  return Follows::nothing;
}

// What is announced and not known. Inside an IP packet, that packet is of the flow; else there is none.
[[nodiscard]] inline Follows unknown(Walk& walk) noexcept {
  walk.out->stack.push(Layer::other);
  if (!walk.inside_ip()) walk.end(PacketKind::other_ethertype);
  return Follows::nothing;
}

namespace ethertype {
inline constexpr std::uint16_t erspan3 = 0x22eb, frame_relay = 0x6559, ppp = 0x880b, nsh = 0x894f;
}

// Zero: a protocol that carries no flow, such as LCP.
[[nodiscard]] std::uint16_t ethertype_of_ppp(unsigned protocol) noexcept;
// A point-to-point header inside a tunnel.
[[nodiscard]] Follows ppp(Walk& walk) noexcept;

// At a GRE header, of IP or of UDP.
[[nodiscard]] Follows gre(Walk& walk) noexcept;
// At an IEEE 802.11 header. Some access points exchange the octets of its frame control field.
enum class FrameControl : std::uint8_t { as_sent, maybe_exchanged };
[[nodiscard]] Follows wlan(Walk& walk, FrameControl order) noexcept;
// At an IEEE 802.2 header.
[[nodiscard]] Follows llc(Walk& walk) noexcept;
// Whether an Ethernet header whose type is a usual one begins so far on; 15 octets must be there.
[[nodiscard]] bool is_usual_ethernet(const Walk& walk, std::size_t offset) noexcept;

// Behind an ethertype other than those of IP: walk.next_type.
[[nodiscard]] Follows strip_link(Walk& walk) noexcept;
// Behind an IP protocol without ports of its own: walk.ids.protocol.
[[nodiscard]] Follows strip_protocol(Walk& walk) noexcept;
// Behind the ports of a UDP header.
[[nodiscard]] Follows strip_datagram(Walk& walk) noexcept;
// At an ICMP or ICMPv6 header. What follows an error is the packet that it quotes.
[[nodiscard]] Follows strip_icmp(Walk& walk) noexcept;
// Behind an IPv4 header that says that this is a fragment; at the fragment header of IPv6. Nothing follows in later
// fragments.
[[nodiscard]] Follows strip_ipv4_fragment(Walk& walk) noexcept;
[[nodiscard]] Follows strip_ipv6_fragment(Walk& walk) noexcept;

namespace ipv4_fragment {
inline constexpr unsigned offset_bits = 0x1fff, more_fragments = 0x2000;
}

namespace udp_port {
inline constexpr std::uint16_t l2tp = 1701, gtpc = 2123, gtpu = 2152, gtp_old = 3386, teredo = 3544, lisp = 4341,
                               gre = 4754;
inline constexpr std::uint16_t vxlan = 4789, vxlan_gpe = 4790, ayiya = 5072, capwap = 5247, geneve = 6081, mpls = 6635;
inline constexpr std::uint16_t vxlan_linux = 8472;  // what Linux chose before there was a number, and still its default

// Each port has a slot of its own, so that a lookup is one load and one comparison instead of a branch for each.
inline constexpr std::array<std::uint16_t, 14> tunnels{l2tp,  gtpc,      gtpu,  gtp_old, teredo, lisp, gre,
                                                       vxlan, vxlan_gpe, ayiya, capwap,  geneve, mpls, vxlan_linux};
inline constexpr std::size_t slot_count = 32;
[[nodiscard]] constexpr std::size_t slot_of(std::uint16_t port) noexcept {
  return (unsigned{port} * 3 >> 3U) % slot_count;
}
inline constexpr auto slots = [] {
  std::array<std::uint16_t, slot_count> out{};
  out.fill(tunnels.front());  // in a slot that is not its own no port is ever looked for
  for (const std::uint16_t port : tunnels) out[slot_of(port)] = port;
  return out;
}();

[[nodiscard]] constexpr bool may_be_tunnel(std::uint16_t port) noexcept { return slots[slot_of(port)] == port; }
static_assert([] {
  for (const std::uint16_t port : tunnels)
    if (!may_be_tunnel(port)) return false;
  return !may_be_tunnel(0);
}());
}  // namespace udp_port

}  // namespace fanout
