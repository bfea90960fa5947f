// Headers of IEEE 802: of wireless frames, and the one of 802.2 that stands behind a length.
#include <linux/if_ether.h>

#include "core/packet/encapsulation.hpp"

namespace fanout {
namespace {

// Version 0 and type 2, and a body: subtypes with the third bit have none.
[[nodiscard]] bool is_data(unsigned control) noexcept { return (control & 0x4f) == 0x08; }

}  // namespace

Follows wlan(Walk& walk, FrameControl order) noexcept {
  constexpr std::size_t header_bytes = 24, address_bytes = 6, quality_bytes = 2, subframe_bytes = 14;
  constexpr unsigned both_ways = 0x03, is_protected = 0x40, has_quality = 0x80, holds_several = 0x80;
  walk.out->stack.push(Layer::wlan);
  const std::byte* const header = walk.header(header_bytes);
  if (header == nullptr) return Follows::nothing;
  const bool exchanged = order == FrameControl::maybe_exchanged && !is_data(load8(header));
  const unsigned control = load8(header + (exchanged ? 1 : 0)), flags = load8(header + (exchanged ? 0 : 1));
  if (!is_data(control) || (flags & is_protected) != 0) return Follows::nothing;
  if ((flags & both_ways) == both_ways) walk.at += address_bytes;
  if ((control & has_quality) != 0) {
    const std::byte* const quality = walk.header(quality_bytes);
    if (quality == nullptr) return Follows::nothing;
    // Of several frames in one, each of a flow of its own, the first counts.
    if ((load8(quality) & holds_several) != 0) walk.at += subframe_bytes;
  }
  return llc(walk);
}

// With a SNAP header and no organisation in it, an ethertype follows (RFC 1042). All else carries no IP.
Follows llc(Walk& walk) noexcept {
  constexpr unsigned snap_access_points = 0xaaaa, unnumbered = 0x03;
  constexpr std::size_t snap_bytes = 5;
  walk.stop_kernel();
  // Inside IP a header that is cut must not pass for one that is not known: that would make a flow of the tunnel's
  // packet.
  if (!walk.in_packet(3) && walk.inside_ip()) walk.end(PacketKind::truncated);
  if (!walk.in_packet(3) || load16(walk.data + walk.at) != snap_access_points) return unknown(walk);
  walk.out->stack.push(Layer::snap);
  const bool short_control = (load8(walk.data + walk.at + 2) & unnumbered) == unnumbered;
  const std::size_t llc_bytes = short_control ? 3 : 4;
  const std::byte* const header = walk.header(llc_bytes + snap_bytes);
  if (header == nullptr) return Follows::nothing;
  const std::byte* const organisation = header + llc_bytes;
  if (load16(organisation) != 0 || load8(organisation + 2) != 0) return unknown(walk);
  return announce(walk, load16(organisation + 3));
}

}  // namespace fanout
