// Fragments: what is only a part of a packet.
#include <linux/if_ether.h>

#include "core/packet/encapsulation.hpp"

namespace fanout {
namespace {

struct FragmentHeader {
  std::uint32_t identification;
  unsigned begin;  // in units of eight octets
  bool last;
  std::size_t end;  // of the packet, as its header says; the captured frame may end before
};

// The outermost IP header that is fragmented counts. What is fragmented once more within its first piece has no
// datagram here.
void note_fragment(Walk& walk, const FragmentHeader& header) noexcept {
  Fragment& fragment = walk.out->fragment;
  if (walk.quoted) return;
  if (fragment.datagram != 0) {
    if (header.begin != 0) fragment.datagram = 0;
    return;
  }
  // RFC 8200 tells IPv6 datagrams apart by addresses and identification, RFC 791 those of IPv4 by their protocol as
  // well.
  const std::uint64_t protocol = walk.ids.ethertype == ETH_P_IP ? walk.ids.protocol : 0;
  const std::uint64_t word = std::uint64_t{header.identification} << 16 | protocol << 8 | std::uint64_t{walk.swapped};
  const std::uint64_t digest = seeded_mix(walk.ids.address_digest, word, walk.seed);
  const std::size_t bytes = header.end > walk.at ? header.end - walk.at : 0;
  fragment.begin = static_cast<std::uint16_t>(header.begin);
  fragment.end = static_cast<std::uint16_t>((header.begin + (bytes + 7) / 8) & 0x7fffU);
  fragment.last = header.last;
  fragment.datagram = digest == 0 ? 1 : digest;
}

// The kernel hashes any fragment, the first included, without ports: FLOW_DISSECTOR_F_PARSE_1ST_FRAG is not set for
// fanout.
[[nodiscard]] Follows strip_fragment(Walk& walk, const FragmentHeader& header) noexcept {
  walk.out->stack.push(Layer::frag);
  const bool is_hashed = walk.kernel_follows && !walk.as_whole;
  if (is_hashed) {
    walk.out->marks |= mark_fragment;
    walk.out->tags = tag_digest::unknown;
  }
  // An atomic fragment (RFC 6946) is all of its datagram.
  if (header.begin != 0 || !header.last) note_fragment(walk, header);
  walk.out->transport_at = static_cast<std::uint16_t>(walk.at);
  if (header.begin == 0) return Follows::piece;
  walk.stop_kernel();
  walk.end(PacketKind::fragment_later);
  return Follows::nothing;
}

}  // namespace

Follows strip_ipv4_fragment(Walk& walk) noexcept {
  using ipv4_fragment::offset_bits, ipv4_fragment::more_fragments;
  const std::byte* const header = walk.data + walk.out->network_at;
  const unsigned fragmentation = load16(header + 6);
  const std::size_t bytes = load16(header + 2);
  const std::size_t end = bytes == 0 ? walk.frame_end : walk.out->network_at + bytes;
  return strip_fragment(walk,
                        {load16(header + 4), fragmentation & offset_bits, (fragmentation & more_fragments) == 0, end});
}

Follows strip_ipv6_fragment(Walk& walk) noexcept {
  constexpr std::size_t ipv6_bytes = 40;
  const std::byte* const header = walk.take(8);
  if (header == nullptr) {
    walk.end(PacketKind::truncated);
    return Follows::nothing;
  }
  walk.found_protocol(load8(header));
  const std::size_t bytes = load16(walk.data + walk.out->network_at + 4);
  const std::size_t end = bytes == 0 ? walk.frame_end : walk.out->network_at + ipv6_bytes + bytes;
  const unsigned offset = load16(header + 2);
  const Follows follows = strip_fragment(walk, {load32(header + 4), offset >> 3U, (offset & 1U) == 0, end});
  if (!walk.in_packet(0)) walk.end(PacketKind::truncated);
  if (follows == Follows::piece) (void)walk.again();
  return follows;
}

}  // namespace fanout
