// Headers that an ethertype announces, other than those of IP.
#include <linux/if_ether.h>

#include "core/packet/encapsulation.hpp"

namespace fanout {
namespace {

// QinQ before IEEE 802.1ad, still the default of some switches.
constexpr std::uint16_t ethertype_qinq_9100 = 0x9100, ethertype_qinq_9200 = 0x9200;
constexpr std::uint16_t ethertype_prp = 0x88fb;
constexpr std::uint16_t ethertype_pbb = 0x88e7, ethertype_fabricpath = 0x8903, ethertype_cmd = 0x8909;
constexpr std::uint16_t ethertype_vntag = 0x8926, ethertype_etag = 0x893f;
constexpr std::uint16_t ethertype_garland = 0xff12;

// A tag of so many octets, the last two of which say what follows.
Follows tag(Walk& walk, Layer layer, std::size_t bytes) noexcept {
  walk.out->stack.push(layer);
  const std::byte* const header = walk.header(bytes);
  return header == nullptr ? Follows::nothing : announce(walk, load16(header + bytes - 2));
}

// The same where the kernel knows no such ethertype: it hashes the number alone.
Follows unhashed_tag(Walk& walk, Layer layer, std::size_t bytes) noexcept {
  walk.stop_kernel();
  return tag(walk, layer, bytes);
}

// So many octets, unknown to the kernel, in front of an Ethernet frame.
Follows unhashed_frame(Walk& walk, Layer layer, std::size_t bytes) noexcept {
  walk.stop_kernel();
  walk.out->stack.push(layer);
  return walk.header(bytes) == nullptr ? Follows::nothing : Follows::ethernet;
}

// The type field of an Ethernet header, or of a tag, is a length where it is small.
[[nodiscard]] bool is_length(const Walk& walk) noexcept {
  if (walk.next_type >= ETH_P_802_3_MIN) return false;
  const Layer before = walk.out->stack.innermost();
  return before == Layer::none || before == Layer::eth || before == Layer::vlan || before == Layer::hsr;
}

// The kernel takes the outermost tag out before it looks for a flow, and then has the number that eth_type_trans()
// would give; of further tags, and inside IP, it keeps the length as if it were an ethertype. It looks behind neither.
Follows behind_length(Walk& walk) noexcept {
  constexpr Stack one_tag{static_cast<std::uint64_t>(Layer::vlan)};
  walk.next_type = ethertype_of(walk, walk.next_type);
  if (walk.out->stack == one_tag && walk.kernel_follows) walk.kernel.ethertype = walk.next_type;
  return walk.next_type == ETH_P_802_2 ? llc(walk) : unknown(walk);
}

// The metadata, of whatever type, are in the length of the header (RFC 8300), which counts words of four octets.
Follows nsh(Walk& walk) noexcept {
  constexpr std::size_t base_bytes = 8;
  walk.stop_kernel();
  walk.out->stack.push(Layer::nsh);
  const std::byte* const header = walk.header(base_bytes);
  if (header == nullptr) return Follows::nothing;
  const unsigned first = load16(header);
  const std::size_t bytes = std::size_t{first & 0x3f} * 4;
  const unsigned version = first >> 14;
  if (version != 0 || bytes < base_bytes) return unknown(walk);
  if (walk.header(bytes - base_bytes) == nullptr) return Follows::nothing;
  switch (load8(header + 3)) {
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
      return unknown(walk);
  }
}

// Two octets of address, then an ethertype, or "unnumbered information" and the number that ISO gave to IP.
Follows frame_relay(Walk& walk) noexcept {
  constexpr unsigned iso_ip = 0x03cc;
  walk.stop_kernel();
  walk.out->stack.push(Layer::fr);
  const std::byte* const header = walk.header(4);
  if (header == nullptr) return Follows::nothing;
  const std::uint16_t type = load16(header + 2);
  return announce(walk, type == iso_ip ? std::uint16_t{ETH_P_IP} : type);
}

// As an ethertype by itself, or of a GRE header of version 0. What PPTP carries is another matter: see gre().
Follows bare_ppp(Walk& walk) noexcept {
  walk.stop_kernel();
  return ppp(walk);
}

// is_pppoe_ses_hdr_valid() of kernels from 6.0 on: version and type 1, code 0. What is not IP leaves the ethertype as
// it is, and so does MPLS before that.
Follows pppoe(Walk& walk) noexcept {
  walk.out->stack.push(Layer::pppoe);
  const std::byte* const header = walk.header(8);
  if (header == nullptr) return Follows::nothing;
  unsigned protocol = load16(header + 6);
  // RFC 1661, 6.5: an odd first octet is a whole protocol number. Kernels from 6.0 to 7.0 learned to read and not to
  // read it.
  if ((protocol & 0x100) != 0) {
    if (walk.model.pppoe != PppoeReading::compressed) walk.stop_kernel();
    protocol >>= 8;
    --walk.at;
  }
  const bool session_data = load16(header) == 0x1100;
  const std::uint16_t ethertype = session_data ? ethertype_of_ppp(protocol) : 0;
  if (walk.model.pppoe == PppoeReading::plain && ethertype != ETH_P_IP && ethertype != ETH_P_IPV6) walk.stop_kernel();
  return ethertype == 0 ? unknown(walk) : announce(walk, ethertype);
}

// Whether an Ethernet header may begin here. False, too, if the packet ends in it: then it is cut.
[[nodiscard]] bool looks_like_ethernet(Walk& walk, std::size_t offset) noexcept {
  constexpr std::size_t needed = ETH_HLEN + 1;
  if (!walk.in_packet(offset + needed)) {
    walk.end(PacketKind::truncated);
    return false;
  }
  return is_usual_ethernet(walk, offset);
}

// No field says what a label stack carries. By custom the first four bits do (RFC 4928): an IP version, or zero for the
// control word of a pseudowire (RFC 4385). A pseudowire without one begins with an Ethernet address, which may look
// like either.
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
  return looks_like_ethernet(walk, 0) ? Follows::ethernet : unknown(walk);
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
  if (!walk.model.reads_hsr) walk.stop_kernel();
  const std::byte* const header = walk.header(6);
  return header == nullptr ? Follows::nothing : announce(walk, load16(header + 4));
}

// batman-adv, unicast packets of compatibility version 15: ten octets in front of an Ethernet frame.
Follows batman(Walk& walk) noexcept {
  constexpr std::size_t unicast_bytes = 10;
  walk.out->stack.push(Layer::batman);
  const std::byte* const header = walk.header(unicast_bytes);
  if (header == nullptr) return Follows::nothing;
  return load16(header) == 0x400f ? Follows::ethernet : unknown(walk);
}

}  // namespace

bool is_usual_ethernet(const Walk& walk, std::size_t offset) noexcept {
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

Follows strip_link(Walk& walk) noexcept {
  if (is_length(walk)) return behind_length(walk);
  switch (walk.next_type) {
    case ETH_P_8021Q:
    case ETH_P_8021AD:
      return tag(walk, Layer::vlan, 4);
    case ethertype_qinq_9100:
    case ethertype_qinq_9200:
      return unhashed_tag(walk, Layer::vlan, 4);
    case ethertype_cmd:
      return unhashed_tag(walk, Layer::cmd, 8);
    case ethertype_vntag:
      return unhashed_tag(walk, Layer::vntag, 6);
    case ethertype_etag:
      return unhashed_tag(walk, Layer::etag, 8);
    case ethertype_fabricpath:
      return unhashed_frame(walk, Layer::fabricpath, 2);
    case ethertype_pbb:
      return unhashed_frame(walk, Layer::pbb, 4);
    case ethertype_garland:
      return unhashed_frame(walk, Layer::garland, 18);
    case ETH_P_TEB:
      walk.stop_kernel();
      return Follows::ethernet;
    case ethertype::nsh:
      return nsh(walk);
    case ethertype::frame_relay:
      return frame_relay(walk);
    case ethertype::ppp:
      return bare_ppp(walk);
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
      return unknown(walk);
  }
}

}  // namespace fanout
