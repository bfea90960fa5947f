// Headers that wrap packets directly in IP.
#include <linux/if_ether.h>
#include <netinet/in.h>

#include "encapsulation.hpp"

namespace fanout {
namespace {

constexpr std::uint16_t ethertype_erspan3 = 0x22eb;
constexpr std::uint8_t protocol_etherip = 97, protocol_l2tp = 115, protocol_ethernet = 143;

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

// A fixed part of four octets, and four for each flag that is set.
Follows gre(Walk& walk) noexcept {
  using namespace gre_flag;
  const std::byte* const header = walk.header(4);
  const unsigned flags = header == nullptr ? 0 : load16(header);
  const std::uint16_t inner = header == nullptr ? 0 : load16(header + 2);
  const bool nvgre = inner == ETH_P_TEB && (flags & (checksum | key | sequence | version)) == key;
  walk.out->stack.push(nvgre ? Layer::nvgre : Layer::gre);
  if (header == nullptr || (flags & routing) != 0 || (flags & version) > 1) {
    walk.stop_kernel();
    return Follows::nothing;
  }
  walk.found_ethertype(inner);
  const bool enhanced = (flags & version) == 1;
  if (enhanced && (inner != 0x880b || (flags & key) == 0)) {
    walk.stop_kernel();
    return Follows::nothing;
  }
  if ((flags & checksum) != 0) walk.at += 4;
  if ((flags & key) != 0 && walk.header(4) == nullptr) {
    walk.stop_kernel();
    return Follows::nothing;
  }
  if ((flags & sequence) != 0) walk.at += 4;
  if (enhanced) return pptp(walk, flags);
  if (inner == ETH_P_TEB) return Follows::ethernet;
  if (inner == ETH_P_ERSPAN || inner == ethertype_erspan3) return erspan(walk, inner, flags);
  return announce(walk, inner);
}

// proto_ports_offset(): the kernel takes the security parameters index, which each direction chooses for itself, for two ports.
void hash_index(Walk& walk, std::size_t offset) noexcept {
  const std::size_t end = walk.at + offset + 4;
  if (end > walk.packet_end) walk.end(PacketKind::truncated);
  if (walk.kernel_follows && end <= walk.frame_end) walk.kernel.ports = load32(walk.data + end - 4);
  walk.stop_kernel();
}

// What is encrypted has no ports: all associations between two hosts are one flow.
Follows esp(Walk& walk) noexcept {
  walk.out->stack.push(Layer::esp);
  hash_index(walk, 0);
  return Follows::nothing;
}

// What is only authenticated can be read.
Follows ah(Walk& walk) noexcept {
  walk.out->stack.push(Layer::ah);
  hash_index(walk, 4);
  const std::byte* const header = walk.header(2);
  if (header == nullptr) return Follows::nothing;
  walk.found_protocol(load8(header));
  walk.at += std::size_t{load8(header + 1)} * 4 + 6;
  if (!walk.in_packet(0)) walk.end(PacketKind::truncated);
  if (walk.again()) return Follows::transport;
  walk.end(PacketKind::malformed);
  return Follows::nothing;
}

Follows etherip(Walk& walk) noexcept {
  walk.stop_kernel();
  walk.out->stack.push(Layer::etherip);
  const std::byte* const header = walk.header(2);
  return header != nullptr && load16(header) == 0x3000 ? Follows::ethernet : Follows::nothing;
}

// A flow by addresses and protocol, unless the protocol says that nothing follows.
Follows other_protocol(Walk& walk, Layer layer) noexcept {
  walk.stop_kernel();
  walk.out->stack.push(layer);
  if (walk.ids.protocol == IPPROTO_NONE && walk.ids.ethertype == ETH_P_IPV6) walk.end(PacketKind::other_protocol);
  return Follows::nothing;
}

}  // namespace

Follows strip_protocol(Walk& walk) noexcept {
  if (walk.ids.protocol == IPPROTO_ICMP || walk.ids.protocol == IPPROTO_ICMPV6) return strip_icmp(walk);
  if (walk.ids.protocol == IPPROTO_ESP) return esp(walk);
  if (walk.ids.protocol == IPPROTO_AH) return ah(walk);
  // One header more than the kernel reads.
  if (walk.exhausted) walk.end(PacketKind::malformed);
  if (walk.exhausted) return other_protocol(walk, Layer::other);
  if (walk.ids.protocol == IPPROTO_FRAGMENT && walk.ids.ethertype == ETH_P_IPV6) return strip_ipv6_fragment(walk);
  switch (walk.ids.protocol) {
    case IPPROTO_IPIP:
      return announce(walk, ETH_P_IP);
    case IPPROTO_IPV6:
      return announce(walk, ETH_P_IPV6);
    case IPPROTO_MPLS:
      return announce(walk, ETH_P_MPLS_UC);
    case IPPROTO_GRE:
      return gre(walk);
    case protocol_etherip:
      return etherip(walk);
    case protocol_ethernet:
      walk.stop_kernel();
      return Follows::ethernet;
    case IPPROTO_COMP:
      return other_protocol(walk, Layer::ipcomp);
    case protocol_l2tp:
      return other_protocol(walk, Layer::l2tp);
    default:
      return other_protocol(walk, Layer::other);
  }
}

}  // namespace fanout
