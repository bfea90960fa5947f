// Tunnels over UDP.
#include <linux/if_ether.h>

#include <limits>

#include "encapsulation.hpp"

namespace fanout {
namespace {

// A port is a hint, no promise: where the payload contradicts it, the datagram is a flow like any other. `end` is where the
// UDP header says that the payload ends; the captured packet may end before.
struct Payload {
  static constexpr std::size_t endless = std::numeric_limits<std::size_t>::max();  // it does not say
  std::size_t end;
  const std::byte* begin;  // at least eight octets
};

Follows vxlan(Walk& walk, Payload payload) noexcept {
  constexpr unsigned has_identifier = 0x08;
  const bool reserved_is_zero = load8(payload.begin + 7) == 0;
  if ((load8(payload.begin) & has_identifier) == 0 || !reserved_is_zero) return Follows::nothing;
  walk.out->stack.push(Layer::vxlan);
  walk.at += 8;
  return Follows::ethernet;
}

Follows vxlan_gpe(Walk& walk, Payload payload) noexcept {
  constexpr unsigned version = 0x30, has_identifier = 0x08, has_protocol = 0x04, management = 0x01;
  const unsigned flags = load8(payload.begin);
  if ((flags & (version | has_identifier | management)) != has_identifier) return Follows::nothing;
  walk.out->stack.push(Layer::vxlan);
  walk.at += 8;
  if ((flags & has_protocol) == 0) return Follows::ethernet;
  switch (load8(payload.begin + 3)) {
    case 1:
      return announce(walk, ETH_P_IP);
    case 2:
      return announce(walk, ETH_P_IPV6);
    case 3:
      return Follows::ethernet;
    case 5:
      return announce(walk, ETH_P_MPLS_UC);
    default:
      return Follows::nothing;
  }
}

Follows geneve(Walk& walk, Payload payload) noexcept {
  constexpr unsigned version = 0xc0, control = 0x80;
  const unsigned first = load8(payload.begin);
  if ((first & version) != 0) return Follows::nothing;
  const std::size_t option_bytes = std::size_t{first & 0x3f} * 4;
  const std::uint16_t inner = load16(payload.begin + 2);
  const bool known = inner == ETH_P_TEB || inner == ETH_P_IP || inner == ETH_P_IPV6 || inner == ETH_P_MPLS_UC;
  if (!known || (load8(payload.begin + 1) & control) != 0 || walk.at + 8 + option_bytes > payload.end) return Follows::nothing;
  walk.out->stack.push(Layer::geneve);
  walk.at += 8 + option_bytes;
  return inner == ETH_P_TEB ? Follows::ethernet : announce(walk, inner);
}

// Each extension header says in its first octet how long it is, in units of four, and in its last what follows. False if cut.
[[nodiscard]] bool skip_gtp_extensions(Walk& walk, unsigned type) noexcept {
  while (type != 0) {
    const unsigned units = walk.in_packet(4) ? load8(walk.data + walk.at) : 0;
    const std::byte* const header = walk.header(std::size_t{units} * 4);
    if (units == 0 || header == nullptr || !walk.again()) {
      walk.end(PacketKind::truncated);
      return false;
    }
    type = load8(header + std::size_t{units} * 4 - 1);
  }
  return true;
}

Follows gtpu(Walk& walk, Payload payload) noexcept {
  constexpr unsigned version_and_type = 0xf0, version1 = 0x30, extended = 0x04, long_header = 0x07, user_data = 0xff;
  const unsigned flags = load8(payload.begin);
  if ((flags & version_and_type) != version1 || load8(payload.begin + 1) != user_data) return Follows::nothing;
  walk.out->stack.push(Layer::gtpu);
  walk.at += 8;
  if ((flags & long_header) != 0) {
    const std::byte* const more = walk.header(4);
    if (more == nullptr) return Follows::nothing;
    if ((flags & extended) != 0 && !skip_gtp_extensions(walk, load8(more + 3))) return Follows::nothing;
  }
  if (!walk.in_packet(1)) {
    walk.end(PacketKind::truncated);
    return Follows::nothing;
  }
  const unsigned version = load8(walk.data + walk.at) >> 4U;
  if (version == 4) return announce(walk, ETH_P_IP);
  return version == 6 ? announce(walk, ETH_P_IPV6) : Follows::nothing;
}

// An authentication and an origin indication may precede the IPv6 packet (RFC 4380), whose length must fit: nothing else tells
// Teredo from other datagrams.
Follows teredo(Walk& walk, Payload payload) noexcept {
  constexpr std::size_t indication_bytes = 8, ipv6_bytes = 40;
  std::size_t at = walk.at;
  for (int indications = 0; indications < 2 && at + indication_bytes <= walk.packet_end; ++indications) {
    const std::byte* const begin = walk.data + at;
    const unsigned kind = load16(begin);
    if (kind > 1) break;
    at += kind == 0 ? indication_bytes : 13 + std::size_t{load8(begin + 2)} + load8(begin + 3);
  }
  if (payload.end == Payload::endless || at + ipv6_bytes > payload.end) return Follows::nothing;
  walk.at = at;
  if (!walk.in_packet(indication_bytes)) {
    walk.end(PacketKind::truncated);
    return Follows::nothing;
  }
  const std::byte* const header = walk.data + at;
  if (load8(header) >> 4U != 6 || at + ipv6_bytes + load16(header + 4) > payload.end) return Follows::nothing;
  walk.out->stack.push(Layer::teredo);
  return announce(walk, ETH_P_IPV6);
}

// Version 2 (RFC 2661): control messages belong to the tunnel, data messages carry PPP.
Follows l2tp(Walk& walk, Payload payload) noexcept {
  constexpr unsigned control = 0x8000, length = 0x4000, sequence = 0x0800, offset = 0x0200, reserved = 0x34f0, version = 0x000f;
  const unsigned flags = load16(payload.begin);
  if ((flags & version) != 2 || (flags & (control | reserved)) != 0) return Follows::nothing;
  walk.out->stack.push(Layer::l2tp);
  walk.at += 6U + ((flags & length) != 0 ? 2U : 0U) + ((flags & sequence) != 0 ? 4U : 0U);
  if ((flags & offset) != 0) {
    const std::byte* const padding = walk.header(2);
    if (padding == nullptr) return Follows::nothing;
    walk.at += load16(padding);
  }
  return ppp(walk);
}

}  // namespace

Follows strip_datagram(Walk& walk) noexcept {
  walk.stop_kernel();
  constexpr std::size_t needed = 8;
  const std::size_t begin = walk.at - 4;
  const std::byte* const rest = walk.header(4);
  if (rest == nullptr) return Follows::nothing;
  const std::size_t claimed = load16(rest);
  const std::size_t end = claimed == 0 ? Payload::endless : begin + claimed;
  if (walk.at + needed > end) return Follows::nothing;
  if (!walk.in_packet(needed)) {
    walk.end(PacketKind::truncated);
    return Follows::nothing;
  }
  const Payload payload{end, walk.data + walk.at};
  switch (dst_port(walk.ids.ports)) {
    case udp_port::vxlan:
    case udp_port::vxlan_linux:
      return vxlan(walk, payload);
    case udp_port::vxlan_gpe:
      return vxlan_gpe(walk, payload);
    case udp_port::geneve:
      return geneve(walk, payload);
    case udp_port::gtpu:
      return gtpu(walk, payload);
    default:
      break;
  }
  const auto either_is = [&](std::uint16_t port) { return src_port(walk.ids.ports) == port || dst_port(walk.ids.ports) == port; };
  if (either_is(udp_port::teredo)) return teredo(walk, payload);
  return either_is(udp_port::l2tp) ? l2tp(walk, payload) : Follows::nothing;
}

}  // namespace fanout
