// Headers that an ethertype announces, other than those of IP.
#include <linux/if_ether.h>

#include "encapsulation.hpp"

namespace fanout {
namespace {

constexpr std::uint16_t ethertype_qinq_old = 0x9100;  // QinQ before IEEE 802.1ad, still the default of some switches
constexpr std::uint16_t ethertype_prp = 0x88fb;

Follows tag(Walk& walk) noexcept {
  walk.out->stack.push(Layer::vlan);
  const std::byte* const header = walk.header(4);
  return header == nullptr ? Follows::nothing : announce(walk, load16(header + 2));
}

// 0x9100 is no VLAN tag for the kernel.
Follows old_tag(Walk& walk) noexcept {
  walk.stop_kernel();
  return tag(walk);
}

Follows other_ethertype(Walk& walk) noexcept {
  if (walk.inside_ip()) return unknown(walk);
  // What follows a tag may be a length. The kernel takes the outermost tag out before it looks for a flow, and then has the
  // number that eth_type_trans() would give; of further tags it keeps the length as if it were an ethertype.
  constexpr Stack one_tag{static_cast<std::uint64_t>(Layer::vlan)};
  walk.next_type = ethertype_of(walk, walk.next_type);
  if (walk.out->stack == one_tag && walk.kernel_follows) walk.kernel.ethertype = walk.next_type;
  walk.out->stack.push(Layer::other);
  walk.end(PacketKind::other_ethertype);
  return Follows::nothing;
}

// is_pppoe_ses_hdr_valid() of kernels from 6.0 on: version and type 1, code 0. What is not IP leaves the ethertype as it is.
Follows pppoe(Walk& walk) noexcept {
  walk.out->stack.push(Layer::pppoe);
  const std::byte* const header = walk.header(8);
  if (header == nullptr) return Follows::nothing;
  unsigned protocol = load16(header + 6);
  // RFC 1661, 6.5: an odd first octet is a whole protocol number. Kernels from 6.0 to 6.18 learned to read and not to read it.
  if ((protocol & 0x100) != 0) {
    walk.stop_kernel();
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
  walk.stop_kernel();
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

}  // namespace fanout
