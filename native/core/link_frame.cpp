#include "link_frame.hpp"

#include <linux/if_arp.h>
#include <linux/if_ether.h>

#include <algorithm>
#include <optional>

namespace fanout {
namespace {

using Bytes = std::span<const std::byte>;

namespace link {
constexpr std::uint16_t null = 0;
constexpr std::uint16_t ethernet = 1;
constexpr std::uint16_t ppp = 9;
constexpr std::uint16_t raw_bsd = 12;  // DLT_RAW, which some programs write as it is
constexpr std::uint16_t raw_openbsd = 14;
constexpr std::uint16_t ppp_hdlc = 50;
constexpr std::uint16_t ppp_ether = 51;
constexpr std::uint16_t raw = 101;
constexpr std::uint16_t c_hdlc = 104;
constexpr std::uint16_t loop = 108;
constexpr std::uint16_t linux_sll = 113;
constexpr std::uint16_t mpls = 219;
constexpr std::uint16_t ipv4 = 228;
constexpr std::uint16_t ipv6 = 229;
constexpr std::uint16_t linux_sll2 = 276;
}  // namespace link

// Locally administered; the hash of a fanout group does not cover addresses of the link layer.
constexpr std::array<std::byte, 12> addresses{std::byte{2}, {}, {}, {}, {}, std::byte{2},
                                              std::byte{2}, {}, {}, {}, {}, std::byte{1}};

unsigned octet(Bytes bytes, std::size_t at) noexcept { return std::to_integer<unsigned>(bytes[at]); }
unsigned be16(Bytes bytes, std::size_t at) noexcept { return octet(bytes, at) << 8 | octet(bytes, at + 1); }
std::uint32_t be32(Bytes bytes, std::size_t at) noexcept { return be16(bytes, at) << 16 | be16(bytes, at + 2); }

LinkFrame refused(Convertible why) noexcept { return {.convertible = why}; }

// `type` is an ethertype, or the length of an IEEE 802.3 frame.
LinkFrame framed(unsigned type, Bytes payload) noexcept {
  LinkFrame out{.header_bytes = ETH_HLEN, .rest = payload};
  std::ranges::copy(addresses, out.header.begin());
  out.header[12] = static_cast<std::byte>(type >> 8);
  out.header[13] = static_cast<std::byte>(type & 0xff);
  return out;
}

LinkFrame ip_of_any_version(Bytes packet) noexcept {
  if (packet.empty()) return refused(Convertible::cut);
  switch (octet(packet, 0) >> 4) {
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
  const std::uint32_t big = be32(packet, 0);
  const std::uint32_t family = big > 0xffff ? __builtin_bswap32(big) : big;
  switch (family) {
    case 2:
      return framed(ETH_P_IP, packet.subspan(4));
    case 10:  // Linux
    case 24:  // NetBSD, OpenBSD
    case 28:  // FreeBSD
    case 30:  // macOS
      return framed(ETH_P_IPV6, packet.subspan(4));
    default:
      return refused(Convertible::protocol);
  }
}

// `hardware` is an ARPHRD_ number; for some of them the protocol field means something else.
LinkFrame cooked(unsigned protocol, unsigned hardware, Bytes payload) noexcept {
  switch (hardware) {
    case ARPHRD_NETLINK:
    case ARPHRD_FRAD:
    case ARPHRD_IEEE80211:
    case ARPHRD_IEEE80211_PRISM:
    case ARPHRD_IEEE80211_RADIOTAP:
      return refused(Convertible::protocol);
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
  return cooked(be16(packet, 14), be16(packet, 2), packet.subspan(16));
}

LinkFrame of_cooked_2(Bytes packet) noexcept {
  if (packet.size() < 20) return refused(Convertible::cut);
  return cooked(be16(packet, 0), be16(packet, 8), packet.subspan(20));
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

// RFC 1661: after the address and control fields of RFC 1662, which may be left out. A protocol whose first octet is odd is
// compressed to that octet.
LinkFrame of_ppp(Bytes packet) noexcept {
  if (packet.size() >= 2 && be16(packet, 0) == 0xff03) packet = packet.subspan(2);
  if (packet.empty()) return refused(Convertible::cut);
  const std::size_t protocol_bytes = (octet(packet, 0) & 1U) != 0 ? 1 : 2;
  if (packet.size() < protocol_bytes) return refused(Convertible::cut);
  const auto ethertype = ethertype_of_ppp(protocol_bytes == 1 ? octet(packet, 0) : be16(packet, 0));
  return ethertype ? framed(*ethertype, packet.subspan(protocol_bytes)) : refused(Convertible::protocol);
}

// Address, control, ethertype; or PPP in HDLC, where the address says so.
LinkFrame of_cisco_hdlc(Bytes packet) noexcept {
  if (packet.size() < 4) return refused(Convertible::cut);
  if (be16(packet, 0) == 0xff03) return of_ppp(packet);
  const unsigned type = be16(packet, 2);
  return type >= ETH_P_802_3_MIN ? framed(type, packet.subspan(4)) : refused(Convertible::protocol);
}

}  // namespace

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
      return of_ppp(packet);
    case link::ppp_ether:
      return framed(ETH_P_PPP_SES, packet);
    case link::c_hdlc:
      return of_cisco_hdlc(packet);
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
    case 10:
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
    case 105:
      return "IEEE802_11";
    case 107:
      return "FRELAY";
    case link::loop:
      return "LOOP";
    case link::linux_sll:
      return "LINUX_SLL";
    case 117:
      return "PFLOG";
    case 119:
      return "IEEE802_11_PRISM";
    case 122:
      return "IP_OVER_FC";
    case 127:
      return "IEEE802_11_RADIOTAP";
    case 147:
      return "USER0";
    case 163:
      return "IEEE802_11_AVS";
    case 187:
      return "BLUETOOTH_HCI_H4";
    case 189:
      return "USB_LINUX";
    case 195:
      return "IEEE802_15_4_WITHFCS";
    case 197:
      return "ERF";
    case 201:
      return "BLUETOOTH_HCI_H4_WITH_PHDR";
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
    case 239:
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
