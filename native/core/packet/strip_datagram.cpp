// Tunnels over UDP.
#include <linux/if_ether.h>

#include <limits>

#include "core/packet/encapsulation.hpp"

namespace fanout {
namespace {

// A port is a hint, no promise: where the payload contradicts it, the datagram is a flow like any other. `end` is where
// the UDP header says that the payload ends; the captured packet may end before.
struct Payload {
  static constexpr std::size_t endless = std::numeric_limits<std::size_t>::max();  // it does not say
  std::size_t end;
  const std::byte* begin;  // at least eight octets
};

// Whether so many octets of the payload are in the packet. What its sender did not send is no reason to call it cut.
enum class Reach : std::uint8_t { beyond_payload, cut, there };
[[nodiscard]] Reach reach_of(Walk& walk, std::size_t bytes, Payload payload) noexcept {
  if (walk.at + bytes > payload.end) return Reach::beyond_payload;
  if (walk.in_packet(bytes)) return Reach::there;
  walk.end(PacketKind::truncated);
  return Reach::cut;
}

// Where the length of the IP header that may begin at `at` agrees with what is left of the payload: its ethertype, else
// zero. Eight octets of it must be in the packet.
[[nodiscard]] std::uint16_t ip_at(const Walk& walk, std::size_t at, Payload payload) noexcept {
  const std::byte* const header = walk.data + at;
  const unsigned first = load8(header);
  const std::size_t left = payload.end == Payload::endless ? Payload::endless : payload.end - at;
  if (first >> 4U == 4) {
    const std::size_t bytes = load16(header + 2), header_bytes = std::size_t{first & 0x0f} * 4;
    return header_bytes >= 20 && bytes >= header_bytes && bytes <= left ? ETH_P_IP : 0;
  }
  constexpr std::size_t ipv6_bytes = 40;
  return first >> 4U == 6 && ipv6_bytes + load16(header + 4) <= left ? ETH_P_IPV6 : 0;
}

// Goes to what begins so many octets behind the payload's begin, where an IP header must be able to begin.
[[nodiscard]] std::uint16_t ip_behind(Walk& walk, std::size_t bytes, Payload payload) noexcept {
  constexpr std::size_t needed = 8;
  return reach_of(walk, bytes + needed, payload) == Reach::there ? ip_at(walk, walk.at + bytes, payload) : 0;
}

// Reserved fields are ignored on receipt (RFC 7348): the group of a policy may be in them.
Follows vxlan(Walk& walk, Payload payload) noexcept {
  constexpr unsigned has_identifier = 0x08;
  if ((load8(payload.begin) & has_identifier) == 0) return Follows::nothing;
  walk.out->stack.push(Layer::vxlan);
  walk.at += 8;
  return Follows::ethernet;
}

Follows vxlan_gpe(Walk& walk, Payload payload) noexcept {
  constexpr unsigned version = 0x30, has_identifier = 0x08, has_protocol = 0x04;
  const unsigned flags = load8(payload.begin);
  if ((flags & version) != 0 || (flags & (has_identifier | has_protocol)) == 0) return Follows::nothing;
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
    case 4:
      return announce(walk, ethertype::nsh);
    case 5:
      return announce(walk, ETH_P_MPLS_UC);
    default:
      return Follows::nothing;
  }
}

[[nodiscard]] bool may_be_in_geneve(std::uint16_t type) noexcept {
  switch (type) {
    case ETH_P_TEB:
    case ETH_P_IP:
    case ETH_P_IPV6:
    case ETH_P_MPLS_UC:
    case ETH_P_MPLS_MC:
    case ETH_P_8021Q:
    case ETH_P_8021AD:
    case ethertype::nsh:
      return true;
    default:
      return false;
  }
}

Follows geneve(Walk& walk, Payload payload) noexcept {
  constexpr unsigned version = 0xc0;
  const unsigned first = load8(payload.begin);
  if ((first & version) != 0) return Follows::nothing;
  const std::size_t option_bytes = std::size_t{first & 0x3f} * 4;
  const std::uint16_t inner = load16(payload.begin + 2);
  if (!may_be_in_geneve(inner) || walk.at + 8 + option_bytes > payload.end) return Follows::nothing;
  walk.out->stack.push(Layer::geneve);
  walk.at += 8 + option_bytes;
  return inner == ETH_P_TEB ? Follows::ethernet : announce(walk, inner);
}

// Each extension header says in its first octet how long it is, in units of four, and in its last what follows. False
// if cut.
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

// User data of version 1, or of version 0, whose header has no flags.
Follows gtpu(Walk& walk, Payload payload) noexcept {
  constexpr unsigned version_and_type = 0xf0, version0 = 0x10, version1 = 0x30, extended = 0x04, long_header = 0x07;
  constexpr unsigned user_data = 0xff;
  constexpr std::size_t bytes0 = 20, bytes1 = 8;
  const unsigned flags = load8(payload.begin), version = flags & version_and_type;
  if ((version != version0 && version != version1) || load8(payload.begin + 1) != user_data) return Follows::nothing;
  walk.out->stack.push(Layer::gtpu);
  walk.at += version == version0 ? bytes0 : bytes1;
  if (version == version1 && (flags & long_header) != 0) {
    const std::byte* const more = walk.header(4);
    if (more == nullptr) return Follows::nothing;
    if ((flags & extended) != 0 && !skip_gtp_extensions(walk, load8(more + 3))) return Follows::nothing;
  }
  if (!walk.in_packet(1)) {
    walk.end(PacketKind::truncated);
    return Follows::nothing;
  }
  const unsigned ip_version = load8(walk.data + walk.at) >> 4U;
  if (ip_version == 4) return announce(walk, ETH_P_IP);
  return ip_version == 6 ? announce(walk, ETH_P_IPV6) : Follows::nothing;
}

// An authentication and an origin indication may precede the IPv6 packet (RFC 4380), whose length must fit: nothing
// else tells Teredo from other datagrams.
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
  constexpr unsigned control = 0x8000, length = 0x4000, sequence = 0x0800, offset = 0x0200, reserved = 0x34f0,
                     version = 0x000f;
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

// RFC 8086: version 0, and no field but checksum, key and sequence number.
Follows gre_in_udp(Walk& walk, Payload payload) noexcept {
  constexpr unsigned reserved = 0x4fff;
  const std::uint16_t inner = load16(payload.begin + 2);
  const bool known = inner == ETH_P_TEB || inner == ETH_P_IP || inner == ETH_P_IPV6 || inner == ETH_P_MPLS_UC ||
                     inner == ETH_P_8021Q || inner == ETH_P_ERSPAN || inner == ethertype::erspan3;
  return (load16(payload.begin) & reserved) == 0 && known ? gre(walk) : Follows::nothing;
}

// Anything in anything (SixXS): how long identity and signature are, what is to be done, and what follows.
Follows ayiya(Walk& walk, Payload payload) noexcept {
  constexpr unsigned forward = 1, protocol_ipv4 = 4, protocol_ipv6 = 41;
  const std::size_t identity_bytes = std::size_t{1} << (load8(payload.begin) >> 4U);
  const std::size_t signature_bytes = (std::size_t{load8(payload.begin + 1)} >> 4U) * 4;
  const std::size_t bytes = 8 + identity_bytes + signature_bytes;
  if ((load8(payload.begin + 2) & 0x0f) != forward) return Follows::nothing;
  const unsigned protocol = load8(payload.begin + 3);
  const std::uint16_t inner = protocol == protocol_ipv4 ? ETH_P_IP : protocol == protocol_ipv6 ? ETH_P_IPV6 : 0;
  if (inner == 0 || ip_behind(walk, bytes, payload) != inner) return Follows::nothing;
  walk.out->stack.push(Layer::ayiya);
  walk.at += bytes;
  return announce(walk, inner);
}

// RFC 9300. Nothing in its eight octets tells it from other datagrams.
Follows lisp(Walk& walk, Payload payload) noexcept {
  constexpr std::size_t bytes = 8;
  const std::uint16_t inner = ip_behind(walk, bytes, payload);
  if (inner == 0) return Follows::nothing;
  walk.out->stack.push(Layer::lisp);
  walk.at += bytes;
  return announce(walk, inner);
}

// The octets of a stack of labels up to its bottom, or zero if it has none.
[[nodiscard]] std::size_t label_bytes(Walk& walk, Payload payload) noexcept {
  for (std::size_t bytes = 4; reach_of(walk, bytes, payload) == Reach::there; bytes += 4)
    if ((load8(walk.data + walk.at + bytes - 2) & 1U) != 0) return bytes;
  return 0;
}

// RFC 7510. The stack must end, and something known be beneath: nothing else tells it from other datagrams.
Follows mpls_in_udp(Walk& walk, Payload payload) noexcept {
  constexpr std::size_t ethernet_bytes = ETH_HLEN + 1, control_word_bytes = 4;
  const std::size_t labels = label_bytes(walk, payload);
  if (labels == 0) return Follows::nothing;
  if (ip_behind(walk, labels, payload) != 0) return announce(walk, ETH_P_MPLS_UC);
  for (const std::size_t at : {labels, labels + control_word_bytes}) {
    const Reach reach = reach_of(walk, at + ethernet_bytes, payload);
    if (reach == Reach::cut) return Follows::nothing;
    if (reach == Reach::there && is_usual_ethernet(walk, at)) return announce(walk, ETH_P_MPLS_UC);
  }
  return Follows::nothing;
}

// RFC 5415: a preamble of version 0 without encryption, a length in words of four octets, and what kind of frame
// follows. A fragment holds no more than a part of one.
Follows capwap(Walk& walk, Payload payload) noexcept {
  constexpr unsigned native = 0x01, wireless = 0x02, kind = 0x3f, fragment = 0x80, keep_alive = 0x08;
  const std::size_t bytes = (std::size_t{load8(payload.begin + 1)} >> 3U) * 4;
  const unsigned kinds = load8(payload.begin + 2) & kind, flags = load8(payload.begin + 3);
  constexpr std::size_t needed = ETH_HLEN + 1;
  if (load8(payload.begin) != 0 || bytes < 8 || (flags & (fragment | keep_alive)) != 0) return Follows::nothing;
  if (reach_of(walk, bytes + needed, payload) != Reach::there) return Follows::nothing;
  const bool is_wireless = kinds == (native | wireless);
  if (!is_wireless && ((kinds & native) != 0 || !is_usual_ethernet(walk, bytes))) return Follows::nothing;
  walk.out->stack.push(Layer::capwap);
  walk.at += bytes;
  return is_wireless ? wlan(walk, FrameControl::maybe_exchanged) : Follows::ethernet;
}

// `port` says which tunnel it may be.
Follows strip_port(Walk& walk, std::uint16_t port, Payload payload) noexcept {
  switch (port) {
    case udp_port::vxlan:
    case udp_port::vxlan_linux:
      return vxlan(walk, payload);
    case udp_port::vxlan_gpe:
      return vxlan_gpe(walk, payload);
    case udp_port::geneve:
      return geneve(walk, payload);
    case udp_port::gtpu:
    case udp_port::gtpc:
    case udp_port::gtp_old:
      return gtpu(walk, payload);
    case udp_port::teredo:
      return teredo(walk, payload);
    case udp_port::l2tp:
      return l2tp(walk, payload);
    case udp_port::gre:
      return gre_in_udp(walk, payload);
    case udp_port::ayiya:
      return ayiya(walk, payload);
    case udp_port::lisp:
      return lisp(walk, payload);
    case udp_port::mpls:
      return mpls_in_udp(walk, payload);
    case udp_port::capwap:
      return capwap(walk, payload);
    default:
      return Follows::nothing;
  }
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
  // A tunnel is known by where it goes to; readers take the port of the answering side as well.
  const std::uint16_t to = dst_port(walk.ids.ports), from = src_port(walk.ids.ports);
  return strip_port(walk, udp_port::may_be_tunnel(to) ? to : from, payload);
}

}  // namespace fanout
