#include "core/capture_file/link_frame.hpp"

#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <sys/socket.h>

#include <algorithm>
#include <optional>

#include "core/capture_file/link_bytes.hpp"

namespace fanout {
namespace {

using Bytes = std::span<const std::byte>;

namespace link {
constexpr std::uint16_t null = 0;
constexpr std::uint16_t ethernet = 1;
constexpr std::uint16_t ppp = 9;
constexpr std::uint16_t fddi = 10;
constexpr std::uint16_t raw_bsd = 12;  // DLT_RAW, which some programs write as it is
constexpr std::uint16_t raw_openbsd = 14;
constexpr std::uint16_t ppp_hdlc = 50;
constexpr std::uint16_t ppp_ether = 51;
constexpr std::uint16_t raw = 101;
constexpr std::uint16_t c_hdlc = 104;
constexpr std::uint16_t ieee802_11 = 105;
constexpr std::uint16_t frelay = 107;
constexpr std::uint16_t loop = 108;
constexpr std::uint16_t linux_sll = 113;
constexpr std::uint16_t ieee802_11_prism = 119;
constexpr std::uint16_t ieee802_11_radiotap = 127;
constexpr std::uint16_t ieee802_11_avs = 163;
constexpr std::uint16_t ppi = 192;
constexpr std::uint16_t erf = 197;
constexpr std::uint16_t ppp_with_dir = 204;
constexpr std::uint16_t c_hdlc_with_dir = 205;
constexpr std::uint16_t frelay_with_dir = 206;
constexpr std::uint16_t mpls = 219;
constexpr std::uint16_t ipv4 = 228;
constexpr std::uint16_t ipv6 = 229;
constexpr std::uint16_t nflog = 239;
constexpr std::uint16_t linux_sll2 = 276;
}  // namespace link

// Locally administered; the hash of a fanout group does not cover addresses of the link layer.
constexpr std::array<std::byte, 12> addresses{std::byte{2}, {}, {}, {}, {}, std::byte{2},
                                              std::byte{2}, {}, {}, {}, {}, std::byte{1}};

LinkFrame ip_of_any_version(Bytes packet) noexcept {
  if (packet.empty()) return refused(Convertible::cut);
  switch (link_octet(packet, 0) >> 4) {
    case 4:
      return framed(ETH_P_IP, packet);
    case 6:
      return framed(ETH_P_IPV6, packet);
    default:
      return refused(Convertible::protocol);
  }
}

// The address family of the host that captured, in its byte order (NULL) or big endian (LOOP).
LinkFrame of_address_family(Bytes packet) noexcept {
  if (packet.size() < 4) return refused(Convertible::cut);
  const std::uint32_t big = link_be32(packet, 0);
  const std::uint32_t family = big > 0xffff ? __builtin_bswap32(big) : big;
  switch (family) {
    case 2:
      return framed(ETH_P_IP, packet.subspan(4));
    case 10:  // Linux
    case 23:  // Windows
    case 24:  // NetBSD, OpenBSD
    case 28:  // FreeBSD
    case 30:  // macOS
      return framed(ETH_P_IPV6, packet.subspan(4));
    default:
      return refused(Convertible::protocol);
  }
}

std::optional<unsigned> ethertype_of_ppp(unsigned protocol) noexcept {
  switch (protocol) {
    case 0x0021:
      return ETH_P_IP;
    case 0x0057:
      return ETH_P_IPV6;
    case 0x0281:
      return ETH_P_MPLS_UC;
    case 0x0283:
      return ETH_P_MPLS_MC;
    default:
      return std::nullopt;
  }
}

// Address and control octets of the two framings that a serial line may have; no PPP protocol begins with them.
constexpr unsigned hdlc_ppp = 0xff03, hdlc_cisco_unicast = 0x0f00, hdlc_cisco_multicast = 0x8f00;

// RFC 1661: after the address and control fields of RFC 1662, which may be left out. A protocol whose first octet is
// odd is compressed to that octet.
LinkFrame of_ppp(Bytes packet) noexcept {
  if (packet.size() >= 2 && link_be16(packet, 0) == hdlc_ppp) packet = packet.subspan(2);
  if (packet.empty()) return refused(Convertible::cut);
  const std::size_t protocol_bytes = (link_octet(packet, 0) & 1U) != 0 ? 1 : 2;
  if (packet.size() < protocol_bytes) return refused(Convertible::cut);
  const auto ethertype = ethertype_of_ppp(protocol_bytes == 1 ? link_octet(packet, 0) : link_be16(packet, 0));
  return ethertype ? framed(*ethertype, packet.subspan(protocol_bytes)) : refused(Convertible::protocol);
}

// Address, control, ethertype.
LinkFrame of_cisco_hdlc(Bytes packet) noexcept {
  if (packet.size() < 4) return refused(Convertible::cut);
  const unsigned type = link_be16(packet, 2);
  return type >= ETH_P_802_3_MIN ? framed(type, packet.subspan(4)) : refused(Convertible::protocol);
}

// A serial line: the frame says which of the two framings it has, whatever the link type says.
LinkFrame of_serial(Bytes packet, LinkFrame (*otherwise)(Bytes) noexcept) noexcept {
  if (packet.size() < 2) return otherwise(packet);
  switch (link_be16(packet, 0)) {
    case hdlc_ppp:
      return of_ppp(packet);
    case hdlc_cisco_unicast:
    case hdlc_cisco_multicast:
      return of_cisco_hdlc(packet);
    default:
      return otherwise(packet);
  }
}

// Organisation and protocol of SNAP (RFC 1042). For RFC 2684 and 2427 the organisation of IEEE 802.1 says that a frame
// follows.
LinkFrame of_snap(Bytes packet) noexcept {
  constexpr std::size_t snap_bytes = 5;
  constexpr unsigned rfc_1042 = 0x000000, bridge_tunnel = 0x0000f8, ieee_802_1 = 0x0080c2;
  constexpr unsigned ethernet_with_check_sequence = 1, ethernet_without = 7;
  if (packet.size() < snap_bytes) return refused(Convertible::cut);
  const unsigned organisation = link_octet(packet, 0) << 16 | link_be16(packet, 1);
  const unsigned protocol = link_be16(packet, 3);
  const Bytes payload = packet.subspan(snap_bytes);
  if ((organisation == rfc_1042 || organisation == bridge_tunnel) && protocol >= ETH_P_802_3_MIN)
    return framed(protocol, payload);
  if (organisation == ieee_802_1 && (protocol == ethernet_without || protocol == ethernet_with_check_sequence))
    return payload.size() < ETH_HLEN ? refused(Convertible::cut) : LinkFrame{.rest = payload};
  return refused(Convertible::protocol);
}

// RFC 2427: the address of Q.922, whose last octet is odd; then a control field and a protocol of ISO/IEC TR 9577.
// Cisco's routers put an ethertype behind the address instead.
LinkFrame of_frame_relay(Bytes packet) noexcept {
  constexpr std::size_t address_bytes_max = 4;
  constexpr unsigned unnumbered = 0x03;
  constexpr unsigned padding = 0x00, snap = 0x80, nlpid_ipv6 = 0x8e, nlpid_ipv4 = 0xcc, nlpid_ppp = 0xcf;
  std::size_t at = 0;
  while (at < packet.size() && at < address_bytes_max && (link_octet(packet, at) & 1U) == 0) ++at;
  if (at == packet.size()) return refused(Convertible::cut);
  if (at == 0 || at == address_bytes_max) return refused(Convertible::protocol);
  packet = packet.subspan(at + 1);
  if (packet.size() < 2) return refused(Convertible::cut);
  if (link_octet(packet, 0) != unnumbered) {
    const unsigned type = link_be16(packet, 0);
    return type >= ETH_P_802_3_MIN ? framed(type, packet.subspan(2)) : refused(Convertible::protocol);
  }
  packet = packet.subspan(1);
  if (link_octet(packet, 0) == padding) packet = packet.subspan(1);
  if (packet.empty()) return refused(Convertible::cut);
  const Bytes payload = packet.subspan(1);
  switch (link_octet(packet, 0)) {
    case nlpid_ipv4:
      return framed(ETH_P_IP, payload);
    case nlpid_ipv6:
      return framed(ETH_P_IPV6, payload);
    case snap:
      return of_snap(payload);
    case nlpid_ppp:
      return of_ppp(payload);
    default:
      return refused(Convertible::protocol);
  }
}

// Frame control, two addresses, and what follows is as in IEEE 802.2, where the control field says that it is.
LinkFrame of_fddi(Bytes packet) noexcept {
  constexpr std::size_t fddi_bytes = 13;
  constexpr unsigned kind_bits = 0xf0, llc_frame = 0x50;
  if (packet.size() < fddi_bytes) return refused(Convertible::cut);
  if ((link_octet(packet, 0) & kind_bits) != llc_frame) return refused(Convertible::protocol);
  return of_llc(packet.subspan(fddi_bytes));
}

// What a firewall has logged: the family, then fields of a type and a length in the byte order of the host that
// captured, of which one is the packet.
LinkFrame of_nflog(Bytes packet) noexcept {
  constexpr std::size_t fixed_bytes = 4, field_header_bytes = 4;
  constexpr unsigned packet_header = 1, payload = 9, types_max = 64;
  if (packet.size() < fixed_bytes) return refused(Convertible::cut);
  const unsigned family = link_octet(packet, 0);
  if (link_octet(packet, 1) != 0) return refused(Convertible::protocol);
  unsigned ethertype = family == AF_INET ? ETH_P_IP : family == AF_INET6 ? ETH_P_IPV6 : 0;
  for (packet = packet.subspan(fixed_bytes); packet.size() >= field_header_bytes;) {
    // A type is a small number in one of the two orders only.
    const bool is_little = link_le16(packet, 2) < types_max;
    const std::size_t bytes = is_little ? link_le16(packet, 0) : link_be16(packet, 0);
    const unsigned type = is_little ? link_le16(packet, 2) : link_be16(packet, 2);
    if (bytes < field_header_bytes) return refused(Convertible::protocol);
    const Bytes value = packet.subspan(field_header_bytes, std::min(bytes, packet.size()) - field_header_bytes);
    // A bridge has no family, but knows the ethertype.
    if (type == packet_header && ethertype == 0 && value.size() >= 2) ethertype = link_be16(value, 0);
    if (type == payload)
      return ethertype >= ETH_P_802_3_MIN ? framed(ethertype, value) : refused(Convertible::protocol);
    packet = packet.subspan(std::min((bytes + 3) / 4 * 4, packet.size()));
  }
  return refused(Convertible::protocol);
}

// Endace's records: time stamp, type, flags, length of the record, color or count of losses, length on the wire; then
// headers of eight octets for as long as the first bit says so.
LinkFrame of_erf(Bytes packet) noexcept {
  constexpr std::size_t record_header_bytes = 16, extension_bytes = 8, channel_header_bytes = 4, ethernet_pad_bytes = 2;
  constexpr unsigned extended = 0x80;
  if (packet.size() < record_header_bytes) return refused(Convertible::cut);
  const unsigned type = link_octet(packet, 8) & ~extended;
  const std::size_t wire_bytes = link_be16(packet, 14);
  bool is_extended = (link_octet(packet, 8) & extended) != 0;
  for (packet = packet.subspan(record_header_bytes); is_extended; packet = packet.subspan(extension_bytes)) {
    if (packet.size() < extension_bytes) return refused(Convertible::cut);
    is_extended = (link_octet(packet, 0) & extended) != 0;
  }
  // Records are padded.
  const auto on_wire = [&](Bytes bytes) { return bytes.first(std::min(bytes.size(), wire_bytes)); };
  switch (type) {
    case 1:   // HDLC_POS
    case 10:  // with a color, or a hash, in place of the count of losses
    case 15:
    case 19:
      return of_serial(on_wire(packet), of_ppp);
    case 5:  // MC_HDLC: one of several channels
    case 17:
      if (packet.size() < channel_header_bytes) return refused(Convertible::cut);
      return of_serial(on_wire(packet.subspan(channel_header_bytes)), of_ppp);
    case 2:  // ETH
    case 11:
    case 16:
    case 20:
      if (packet.size() < ethernet_pad_bytes + ETH_HLEN) return refused(Convertible::cut);
      packet = on_wire(packet.subspan(ethernet_pad_bytes));
      return packet.size() < ETH_HLEN ? refused(Convertible::cut) : LinkFrame{.rest = packet};
    case 22:
      return framed(ETH_P_IP, on_wire(packet));
    case 23:
      return framed(ETH_P_IPV6, on_wire(packet));
    default:
      return refused(Convertible::protocol);
  }
}

// `hardware` is an ARPHRD_ number; for some of them the payload has a header of its own, and the protocol field means
// nothing.
LinkFrame cooked(unsigned protocol, unsigned hardware, Bytes payload) noexcept {
  switch (hardware) {
    case ARPHRD_NETLINK:
      return refused(Convertible::protocol);
    case ARPHRD_FRAD:
      return of_frame_relay(payload);
    case ARPHRD_IEEE80211:
      return of_radio(payload);
    case ARPHRD_IEEE80211_PRISM:
      return of_prism(payload);
    case ARPHRD_IEEE80211_RADIOTAP:
      return of_radiotap(payload);
    default:
      break;
  }
  if (protocol >= ETH_P_802_3_MIN) return framed(protocol, payload);
  const bool is_802_3 = protocol == ETH_P_802_2 || protocol == ETH_P_802_3;
  if (!is_802_3 || payload.size() >= ETH_P_802_3_MIN) return refused(Convertible::protocol);
  return framed(static_cast<unsigned>(payload.size()), payload);
}

LinkFrame of_cooked(Bytes packet) noexcept {
  if (packet.size() < 16) return refused(Convertible::cut);
  return cooked(link_be16(packet, 14), link_be16(packet, 2), packet.subspan(16));
}

LinkFrame of_cooked_2(Bytes packet) noexcept {
  if (packet.size() < 20) return refused(Convertible::cut);
  return cooked(link_be16(packet, 0), link_be16(packet, 8), packet.subspan(20));
}

// "Per-Packet Information": a header of any length in front of a packet of another link type.
LinkFrame of_ppi(Bytes packet) noexcept {
  constexpr std::size_t fixed_bytes = 8;
  if (packet.size() < fixed_bytes) return refused(Convertible::cut);
  const std::size_t bytes = link_le16(packet, 2);
  const std::uint32_t link_type = link_le32(packet, 4);
  if (bytes < fixed_bytes || bytes > packet.size()) return refused(Convertible::cut);
  if (link_type == link::ppi || link_type > 0xffff) return refused(Convertible::protocol);
  return as_ethernet(static_cast<std::uint16_t>(link_type), packet.subspan(bytes));
}

// The first octet says in which direction the packet went.
LinkFrame behind_direction(Bytes packet, LinkFrame (*of)(Bytes) noexcept) noexcept {
  return packet.empty() ? refused(Convertible::cut) : of(packet.subspan(1));
}

}  // namespace

LinkFrame framed(unsigned type, Bytes payload) noexcept {
  LinkFrame out{.header_bytes = ETH_HLEN, .rest = payload};
  std::ranges::copy(addresses, out.header.begin());
  out.header[12] = static_cast<std::byte>(type >> 8);
  out.header[13] = static_cast<std::byte>(type & 0xff);
  return out;
}

LinkFrame of_llc(Bytes packet) noexcept {
  constexpr std::size_t llc_bytes = 3;
  constexpr unsigned snap_both_ends = 0xaaaa, unnumbered = 0x03;
  if (packet.size() < llc_bytes) return refused(Convertible::cut);
  if (link_be16(packet, 0) == snap_both_ends && link_octet(packet, 2) == unnumbered) {
    const LinkFrame frame = of_snap(packet.subspan(llc_bytes));
    if (frame.convertible != Convertible::protocol) return frame;
  }
  return packet.size() < ETH_P_802_3_MIN ? framed(static_cast<unsigned>(packet.size()), packet)
                                         : refused(Convertible::protocol);
}

LinkFrame as_ethernet(std::uint16_t link_type, std::span<const std::byte> packet) noexcept {
  switch (link_type) {
    case link::ethernet:
      return packet.size() < ETH_HLEN ? refused(Convertible::cut) : LinkFrame{.rest = packet};
    case link::raw:
    case link::raw_bsd:
    case link::raw_openbsd:
      return ip_of_any_version(packet);
    case link::ipv4:
      return framed(ETH_P_IP, packet);
    case link::ipv6:
      return framed(ETH_P_IPV6, packet);
    case link::null:
    case link::loop:
      return of_address_family(packet);
    case link::linux_sll:
      return of_cooked(packet);
    case link::linux_sll2:
      return of_cooked_2(packet);
    case link::ppp:
    case link::ppp_hdlc:
      return of_serial(packet, of_ppp);
    case link::ppp_with_dir:
      return behind_direction(packet, [](Bytes frame) noexcept { return of_serial(frame, of_ppp); });
    case link::ppp_ether:
      return framed(ETH_P_PPP_SES, packet);
    case link::c_hdlc:
      return of_serial(packet, of_cisco_hdlc);
    case link::c_hdlc_with_dir:
      return behind_direction(packet, [](Bytes frame) noexcept { return of_serial(frame, of_cisco_hdlc); });
    case link::frelay:
      return of_frame_relay(packet);
    case link::frelay_with_dir:
      return behind_direction(packet, of_frame_relay);
    case link::fddi:
      return of_fddi(packet);
    case link::ieee802_11:
      return of_radio(packet);
    case link::ieee802_11_prism:
      return of_prism(packet);
    case link::ieee802_11_radiotap:
      return of_radiotap(packet);
    case link::ieee802_11_avs:
      return of_avs(packet);
    case link::nflog:
      return of_nflog(packet);
    case link::erf:
      return of_erf(packet);
    case link::ppi:
      return of_ppi(packet);
    case link::mpls:
      return framed(ETH_P_MPLS_UC, packet);
    default:
      return refused(Convertible::link_type);
  }
}

const char* link_type_name(std::uint16_t link_type) noexcept {
  switch (link_type) {
    case link::null:
      return "NULL";
    case link::ethernet:
      return "ETHERNET";
    case 6:
      return "IEEE802_5";
    case link::ppp:
      return "PPP";
    case link::fddi:
      return "FDDI";
    case link::raw_bsd:
    case link::raw_openbsd:
    case link::raw:
      return "RAW";
    case link::ppp_hdlc:
      return "PPP_HDLC";
    case link::ppp_ether:
      return "PPP_ETHER";
    case link::c_hdlc:
      return "C_HDLC";
    case link::ieee802_11:
      return "IEEE802_11";
    case link::frelay:
      return "FRELAY";
    case link::loop:
      return "LOOP";
    case link::linux_sll:
      return "LINUX_SLL";
    case 117:
      return "PFLOG";
    case link::ieee802_11_prism:
      return "IEEE802_11_PRISM";
    case 122:
      return "IP_OVER_FC";
    case link::ieee802_11_radiotap:
      return "IEEE802_11_RADIOTAP";
    case 147:
      return "USER0";
    case link::ieee802_11_avs:
      return "IEEE802_11_AVS";
    case 187:
      return "BLUETOOTH_HCI_H4";
    case 189:
      return "USB_LINUX";
    case 195:
      return "IEEE802_15_4_WITHFCS";
    case link::ppi:
      return "PPI";
    case link::erf:
      return "ERF";
    case 201:
      return "BLUETOOTH_HCI_H4_WITH_PHDR";
    case link::ppp_with_dir:
      return "PPP_WITH_DIR";
    case link::c_hdlc_with_dir:
      return "C_HDLC_WITH_DIR";
    case link::frelay_with_dir:
      return "FRELAY_WITH_DIR";
    case link::mpls:
      return "MPLS";
    case 220:
      return "USB_LINUX_MMAPPED";
    case 227:
      return "CAN_SOCKETCAN";
    case link::ipv4:
      return "IPV4";
    case link::ipv6:
      return "IPV6";
    case 230:
      return "IEEE802_15_4_NOFCS";
    case link::nflog:
      return "NFLOG";
    case 240:
      return "NETANALYZER";
    case 253:
      return "NETLINK";
    case 258:
      return "PKTAP";
    case link::linux_sll2:
      return "LINUX_SLL2";
    default:
      return nullptr;
  }
}

}  // namespace fanout
