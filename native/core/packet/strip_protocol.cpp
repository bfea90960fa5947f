// Headers that wrap packets directly in IP.
#include <linux/if_ether.h>
#include <netinet/in.h>

#include "core/packet/encapsulation.hpp"

namespace fanout {
namespace {

constexpr std::uint8_t protocol_etherip = 97, protocol_l2tp = 115, protocol_ethernet = 143;
constexpr std::uint8_t protocol_mobility = 135, protocol_hip = 139, protocol_shim6 = 140;

// proto_ports_offset(): the kernel takes the security parameters index, which each direction chooses for itself, for
// two ports.
void hash_index(Walk& walk, std::size_t offset) noexcept {
  const std::size_t end = walk.at + offset + 4;
  if (end > walk.packet_end) walk.end(PacketKind::truncated);
  if (end <= walk.frame_end && walk.kernel_follows) {
    walk.found_kernel_ports(load32(walk.data + end - 4));
    walk.out->marks |= mark_index;
  }
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

// RFC 3378 has a version, three, in the first half octet; who reads it otherwise is not agreed, and all readers take
// what follows.
Follows etherip(Walk& walk) noexcept {
  walk.stop_kernel();
  walk.out->stack.push(Layer::etherip);
  return walk.header(2) == nullptr ? Follows::nothing : Follows::ethernet;
}

// Segment routing over IPv6, End.DX2 and the like (RFC 8986).
Follows ethernet_in_ip(Walk& walk) noexcept {
  walk.stop_kernel();
  walk.out->stack.push(Layer::srv6l2);
  return Follows::ethernet;
}

// A flow by addresses and protocol, unless the protocol says that nothing follows.
Follows other_protocol(Walk& walk, Layer layer) noexcept {
  walk.stop_kernel();
  walk.out->stack.push(layer);
  if (walk.ids.protocol == IPPROTO_NONE && walk.ids.ethertype == ETH_P_IPV6) walk.end(PacketKind::other_protocol);
  return Follows::nothing;
}

// Mobility, HIP and Shim6 have the form of other extension headers, and the kernel stops at them. Most are all of their
// packet.
Follows late_extension(Walk& walk) noexcept {
  const bool last = walk.in_packet(1) && load8(walk.data + walk.at) == IPPROTO_NONE;
  if (walk.ids.ethertype != ETH_P_IPV6 || last) return other_protocol(walk, Layer::other);
  walk.stop_kernel();
  walk.out->stack.push(Layer::ext);
  const std::byte* const header = walk.header(2);
  if (header == nullptr) return Follows::nothing;
  walk.found_protocol(load8(header));
  walk.at += std::size_t{load8(header + 1)} * 8 + 6;
  if (!walk.in_packet(0)) walk.end(PacketKind::truncated);
  if (walk.again()) return Follows::transport;
  walk.end(PacketKind::malformed);
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
      return ethernet_in_ip(walk);
    case protocol_mobility:
    case protocol_hip:
    case protocol_shim6:
      return late_extension(walk);
    case IPPROTO_COMP:
      return other_protocol(walk, Layer::ipcomp);
    case protocol_l2tp:
      return other_protocol(walk, Layer::l2tp);
    default:
      return other_protocol(walk, Layer::other);
  }
}

}  // namespace fanout
