#include "encapsulation.hpp"

#include <linux/if_ether.h>
#include <linux/ppp_defs.h>
#include <netinet/in.h>

#include <limits>

namespace fanout {
namespace {

constexpr std::uint16_t ethertype_qinq_old = 0x9100;  // QinQ before IEEE 802.1ad, still the default of some switches
constexpr std::uint16_t ethertype_erspan3 = 0x22eb;
constexpr std::uint16_t ethertype_prp = 0x88fb;
constexpr std::uint8_t protocol_etherip = 97, protocol_l2tp = 115, protocol_ethernet = 143;

// The kernel's dissector has what it wants, or does not know what comes now.
void stop_kernel(Walk& walk) noexcept { walk.kernel_follows = false; }

Follows announce(Walk& walk, std::uint16_t ethertype, Follows what = Follows::network) noexcept {
  walk.found_ethertype(ethertype);
  if (walk.again()) return what;
  walk.end(PacketKind::malformed);
  return Follows::nothing;
}

// ---- behind an ethertype

Follows tag(Walk& walk) noexcept {
  walk.out->stack.push(Layer::vlan);
  const std::byte* const header = walk.header(4);
  return header == nullptr ? Follows::nothing : announce(walk, load16(header + 2));
}

// 0x9100 is no VLAN tag for the kernel.
Follows old_tag(Walk& walk) noexcept {
  stop_kernel(walk);
  return tag(walk);
}

// Inside an IP packet: then that is the flow.
Follows unknown(Walk& walk) noexcept {
  walk.out->stack.push(Layer::other);
  return Follows::nothing;
}

Follows other_ethertype(Walk& walk) noexcept {
  if (walk.inside_ip()) return unknown(walk);
  walk.out->stack.push(Layer::other);
  // The kernel keeps the length that follows an inner tag as if it were an ethertype; frames are counted by protocol.
  walk.next_type = ethertype_of(walk, walk.next_type);
  walk.end(PacketKind::other_ethertype);
  return Follows::nothing;
}

// Zero: a protocol that carries no flow, such as LCP.
[[nodiscard]] std::uint16_t ethertype_of_ppp(unsigned protocol) noexcept {
  switch (protocol) {
    case PPP_IP:
      return ETH_P_IP;
    case PPP_IPV6:
      return ETH_P_IPV6;
    case PPP_MPLS_UC:
      return ETH_P_MPLS_UC;
    case PPP_MPLS_MC:
      return ETH_P_MPLS_MC;
    default:
      return 0;
  }
}

// is_pppoe_ses_hdr_valid() of kernels from 6.0 on: version and type 1, code 0. What is not IP leaves the ethertype as it is.
Follows pppoe(Walk& walk) noexcept {
  walk.out->stack.push(Layer::pppoe);
  const std::byte* const header = walk.header(8);
  if (header == nullptr) return Follows::nothing;
  unsigned protocol = load16(header + 6);
  // RFC 1661, 6.5: an odd first octet is a whole protocol number. Kernels from 6.0 to 6.18 learned to read and not to read it.
  if ((protocol & 0x100) != 0) {
    stop_kernel(walk);
    protocol >>= 8;
    --walk.at;
  }
  const bool session_data = load16(header) == 0x1100;
  const std::uint16_t ethertype = session_data ? ethertype_of_ppp(protocol) : 0;
  return ethertype == 0 ? other_ethertype(walk) : announce(walk, ethertype);
}

// Whether an Ethernet header may begin here. False, too, if the packet ends in it: then it is cut.
[[nodiscard]] bool looks_like_ethernet(Walk& walk, std::size_t offset) noexcept {
  constexpr std::size_t needed = ETH_HLEN + 1;
  if (!walk.in_packet(offset + needed)) {
    walk.end(PacketKind::truncated);
    return false;
  }
  const std::byte* const header = walk.data + walk.at + offset;
  const unsigned version = load8(header + ETH_HLEN) >> 4U;
  switch (load16(header + 12)) {
    case ETH_P_IP:
      return version == 4;
    case ETH_P_IPV6:
      return version == 6;
    case ETH_P_ARP:
    case ETH_P_8021Q:
    case ETH_P_8021AD:
    case ETH_P_PPP_SES:
    case ETH_P_MPLS_UC:
      return true;
    default:
      return false;
  }
}

// No field says what a label stack carries. By custom the first four bits do (RFC 4928): an IP version, or zero for the control
// word of a pseudowire (RFC 4385). A pseudowire without one begins with an Ethernet address, which may look like either.
Follows beneath_labels(Walk& walk) noexcept {
  if (!walk.in_packet(1)) {
    walk.end(PacketKind::truncated);
    return Follows::nothing;
  }
  const unsigned nibble = load8(walk.data + walk.at) >> 4U;
  if (nibble == 4) return announce(walk, ETH_P_IP);
  if (nibble == 6) return announce(walk, ETH_P_IPV6);
  constexpr std::size_t control_word_bytes = 4;
  if (nibble == 0 && looks_like_ethernet(walk, control_word_bytes)) {
    walk.at += control_word_bytes;
    walk.out->stack.push(Layer::pw);
    return Follows::ethernet;
  }
  return looks_like_ethernet(walk, 0) ? Follows::ethernet : other_ethertype(walk);
}

// For the symmetric hash the kernel's dissector has no key for labels and stops. A stack of labels is one layer.
Follows mpls(Walk& walk) noexcept {
  stop_kernel(walk);
  walk.out->stack.push(Layer::mpls);
  for (;;) {
    const std::byte* const label = walk.header(4);
    if (label == nullptr) return Follows::nothing;
    const bool bottom = (load8(label + 2) & 1U) != 0;
    if (bottom) return beneath_labels(walk);
  }
}

Follows hsr(Walk& walk) noexcept {
  walk.out->stack.push(Layer::hsr);
  const std::byte* const header = walk.header(6);
  return header == nullptr ? Follows::nothing : announce(walk, load16(header + 4));
}

// batman-adv, unicast packets of compatibility version 15: ten octets in front of an Ethernet frame.
Follows batman(Walk& walk) noexcept {
  constexpr std::size_t unicast_bytes = 10;
  walk.out->stack.push(Layer::batman);
  const std::byte* const header = walk.header(unicast_bytes);
  if (header == nullptr) return Follows::nothing;
  return load16(header) == 0x400f ? Follows::ethernet : other_ethertype(walk);
}

// ---- behind an IP protocol

// The point-to-point header of PPTP and L2TP, which may leave out address and control and half of the protocol (RFC 1661).
Follows ppp(Walk& walk) noexcept {
  walk.out->stack.push(Layer::ppp);
  if (!walk.in_packet(4)) {
    walk.end(PacketKind::truncated);
    return Follows::nothing;
  }
  if (load16(walk.data + walk.at) == 0xff03) walk.at += 2;
  const unsigned first = load8(walk.data + walk.at);
  const bool compressed = (first & 1) != 0;
  const unsigned protocol = compressed ? first : load16(walk.data + walk.at);
  walk.at += compressed ? 1 : 2;
  const std::uint16_t ethertype = ethertype_of_ppp(protocol);
  return ethertype == 0 ? unknown(walk) : announce(walk, ethertype);
}

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
    stop_kernel(walk);
    return Follows::nothing;
  }
  const std::uint16_t seen_by_kernel = ethertype_of_ppp(load16(walk.data + walk.at + 2));
  if (seen_by_kernel == ETH_P_IP || seen_by_kernel == ETH_P_IPV6) {
    walk.out->stack.push(Layer::ppp);
    if (!walk.in_packet(ppp_bytes)) walk.end(PacketKind::truncated);
    walk.at += ppp_bytes;
    return announce(walk, seen_by_kernel);
  }
  stop_kernel(walk);
  return payload ? ppp(walk) : Follows::nothing;
}

// Type I has no header of its own, type II eight octets (its sequence number is the mark), type III twelve or twenty.
Follows erspan(Walk& walk, std::uint16_t protocol, unsigned flags) noexcept {
  stop_kernel(walk);
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
    stop_kernel(walk);
    return Follows::nothing;
  }
  walk.found_ethertype(inner);
  const bool enhanced = (flags & version) == 1;
  if (enhanced && (inner != 0x880b || (flags & key) == 0)) {
    stop_kernel(walk);
    return Follows::nothing;
  }
  if ((flags & checksum) != 0) walk.at += 4;
  if ((flags & key) != 0 && walk.header(4) == nullptr) {
    stop_kernel(walk);
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
  if (walk.kernel_follows && end <= walk.frame_end) read_ports(walk.kernel, walk.data + end - 4);
  stop_kernel(walk);
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
  stop_kernel(walk);
  walk.out->stack.push(Layer::etherip);
  const std::byte* const header = walk.header(2);
  return header != nullptr && load16(header) == 0x3000 ? Follows::ethernet : Follows::nothing;
}

// A flow by addresses and protocol, unless the protocol says that nothing follows.
Follows other_protocol(Walk& walk, Layer layer) noexcept {
  stop_kernel(walk);
  walk.out->stack.push(layer);
  if (walk.ids.protocol == IPPROTO_NONE && walk.ids.ethertype == ETH_P_IPV6) walk.end(PacketKind::other_protocol);
  return Follows::nothing;
}

// ---- behind a UDP port

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

Follows strip_link(Walk& walk) noexcept {
  switch (walk.next_type) {
    case ETH_P_8021Q:
    case ETH_P_8021AD:
      return tag(walk);
    case ethertype_qinq_old:
      return old_tag(walk);
    case ETH_P_PPP_SES:
      return pppoe(walk);
    case ETH_P_MPLS_UC:
    case ETH_P_MPLS_MC:
      return mpls(walk);
    case ETH_P_HSR:
    case ethertype_prp:
      return hsr(walk);
    case ETH_P_BATMAN:
      return batman(walk);
    default:
      return other_ethertype(walk);
  }
}

Follows strip_protocol(Walk& walk) noexcept {
  if (walk.ids.protocol == IPPROTO_ESP) return esp(walk);
  if (walk.ids.protocol == IPPROTO_AH) return ah(walk);
  // One header more than the kernel reads.
  if (walk.exhausted) walk.end(PacketKind::malformed);
  if (walk.exhausted) return other_protocol(walk, Layer::other);
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
      stop_kernel(walk);
      return Follows::ethernet;
    case IPPROTO_COMP:
      return other_protocol(walk, Layer::ipcomp);
    case protocol_l2tp:
      return other_protocol(walk, Layer::l2tp);
    default:
      return other_protocol(walk, Layer::other);
  }
}

Follows strip_datagram(Walk& walk) noexcept {
  stop_kernel(walk);
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
  switch (walk.ids.dst_port) {
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
  const auto either_is = [&](std::uint16_t port) { return walk.ids.src_port == port || walk.ids.dst_port == port; };
  if (either_is(udp_port::teredo)) return teredo(walk, payload);
  return either_is(udp_port::l2tp) ? l2tp(walk, payload) : Follows::nothing;
}

}  // namespace fanout
