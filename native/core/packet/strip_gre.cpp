// Generic routing encapsulation (RFC 1701, 2784, 2890; 2637 for PPTP), and what is built on it.
#include <linux/if_ether.h>

#include "core/packet/encapsulation.hpp"

namespace fanout {
namespace {

constexpr std::uint16_t ethertype_eoip = 0x6400;

namespace gre_flag {
constexpr unsigned checksum = 0x8000, routing = 0x4000, key = 0x2000, sequence = 0x1000, acknowledgment = 0x0080,
                   version = 0x0007;
}

// Enhanced GRE (RFC 2637). The kernel reads the protocol behind an address and control field that it takes for granted.
Follows pptp(Walk& walk, unsigned flags) noexcept {
  if ((flags & gre_flag::acknowledgment) != 0) walk.at += 4;
  const bool payload = (flags & gre_flag::sequence) != 0;
  constexpr std::size_t ppp_bytes = 4;
  if (walk.at + ppp_bytes > walk.frame_end) {
    if (payload) walk.end(PacketKind::truncated);
    walk.stop_kernel();
    return Follows::nothing;
  }
  const std::uint16_t seen_by_kernel = ethertype_of_ppp(load16(walk.data + walk.at + 2));
  if (seen_by_kernel == ETH_P_IP || seen_by_kernel == ETH_P_IPV6) {
    walk.out->stack.push(Layer::ppp);
    if (!walk.in_packet(ppp_bytes)) walk.end(PacketKind::truncated);
    walk.at += ppp_bytes;
    return announce(walk, seen_by_kernel);
  }
  walk.stop_kernel();
  return payload ? ppp(walk) : Follows::nothing;
}

// Type I has no header of its own, type II eight octets (its sequence number is the mark), type III twelve or twenty.
Follows erspan(Walk& walk, std::uint16_t protocol, unsigned flags) noexcept {
  walk.stop_kernel();
  walk.out->stack.push(Layer::erspan);
  if (protocol == ETH_P_ERSPAN) {
    if ((flags & gre_flag::sequence) != 0 && walk.header(8) == nullptr) return Follows::nothing;
    return Follows::ethernet;
  }
  const std::byte* const header = walk.header(12);
  if (header == nullptr) return Follows::nothing;
  const unsigned last = load16(header + 10);
  constexpr unsigned frame_type = 0x7c00, platform_header = 0x0001;
  if ((last & platform_header) != 0) walk.at += 8;
  return (last & frame_type) == 0 ? Follows::ethernet : Follows::nothing;
}

// Source route entries (RFC 1701), up to the empty one. False if they are cut.
[[nodiscard]] bool skip_routes(Walk& walk) noexcept {
  for (;;) {
    const std::byte* const entry = walk.header(4);
    if (entry == nullptr) return false;
    const std::size_t bytes = load8(entry + 3);
    if (bytes == 0 && load16(entry) == 0) return true;
    if (walk.header(bytes) == nullptr) return false;
  }
}

// MikroTik's: a length, and a number of the tunnel that both ends agree on.
Follows eoip(Walk& walk) noexcept {
  walk.stop_kernel();
  walk.out->stack.push(Layer::eoip);
  const std::byte* const rest = walk.header(4);
  // Without a frame it only says that the other end is there.
  return rest == nullptr || load16(rest) == 0 ? Follows::nothing : Follows::ethernet;
}

// Aruba's access points: an ethertype for each kind of user.
[[nodiscard]] bool is_wlan(std::uint16_t type) noexcept {
  return type >= 0x8200 && type <= 0x8370 && (type & 0x0f) == 0;
}

// What follows a header of version 0.
Follows behind_gre(Walk& walk, std::uint16_t inner, unsigned flags) noexcept {
  if (inner == ETH_P_TEB) return Follows::ethernet;
  if (inner == ETH_P_ERSPAN || inner == ethertype::erspan3) return erspan(walk, inner, flags);
  if (!is_wlan(inner)) return announce(walk, inner);
  walk.stop_kernel();
  return wlan(walk, FrameControl::as_sent);
}

}  // namespace

// A fixed part of four octets, and four for each flag that is set.
Follows gre(Walk& walk) noexcept {
  using namespace gre_flag;
  const std::byte* const header = walk.header(4);
  const unsigned flags = header == nullptr ? 0 : load16(header);
  const std::uint16_t inner = header == nullptr ? 0 : load16(header + 2);
  // The kernel looks at the type only if there is no source route.
  if (header == nullptr || (flags & routing) != 0) walk.stop_kernel();
  const bool enhanced = (flags & version) == 1;
  if (enhanced && inner == ethertype_eoip && (flags & (checksum | routing | key | sequence | acknowledgment)) == key) {
    walk.found_ethertype(inner);
    return eoip(walk);
  }
  const bool nvgre = inner == ETH_P_TEB && (flags & (checksum | routing | key | sequence | version)) == key;
  walk.out->stack.push(nvgre ? Layer::nvgre : Layer::gre);
  if (header == nullptr || (flags & version) > 1 || (enhanced && (flags & routing) != 0)) {
    walk.stop_kernel();
    return Follows::nothing;
  }
  walk.found_ethertype(inner);
  if (enhanced && (inner != ethertype::ppp || (flags & key) == 0)) {
    walk.stop_kernel();
    return Follows::nothing;
  }
  if ((flags & (checksum | routing)) != 0) walk.at += 4;
  if ((flags & key) != 0) {
    const std::byte* const field = walk.header(4);
    if (field == nullptr) {
      walk.stop_kernel();
      return Follows::nothing;
    }
    walk.found_tag(tag_digest::folded(load32(field)));
  }
  if ((flags & sequence) != 0) walk.at += 4;
  if (enhanced) return pptp(walk, flags);
  if ((flags & routing) != 0 && !skip_routes(walk)) return Follows::nothing;
  return behind_gre(walk, inner, flags);
}

}  // namespace fanout
