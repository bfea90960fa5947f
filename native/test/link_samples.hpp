// A packet of every link type from which an Ethernet frame can be made, and the stack that is found in it: what the
// test of the conversion reads, and the seeds of the fuzzer of capture files.
#pragma once

#include <string>
#include <vector>

#include "test/packets.hpp"

namespace fanout::test {

struct LinkSample {
  std::uint16_t link_type;
  Octets packet;
  const char* stack;
};

inline const Packet& link_inner4() {
  static const Packet packet = ipv4("10.0.0.1", "10.0.0.2") / udp(1024, 53) / payload(8);
  return packet;
}
inline const Packet& link_inner6() {
  static const Packet packet = ipv6("2001:db8::1", "2001:db8::2") / tcp(1024, 80);
  return packet;
}

inline Octets link_behind(std::initializer_list<unsigned> header, const Octets& packet) {
  Octets out = octets(header);
  put_octets(out, packet);
  return out;
}

inline Octets link_ethernet4() {
  Octets out = eth(ETH_P_IP).bytes;
  put_octets(out, link_inner4().bytes());
  return out;
}

// Headers of IEEE 802.11, all of the same length where nothing else is said: two octets of control, then 22 of
// addresses and more.
inline Octets radio(unsigned control, unsigned flags, std::initializer_list<unsigned> more, const Octets& body) {
  Octets out = octets({control, flags, 0, 0});
  out.resize(24, std::byte{2});
  out.at(22) = std::byte{0x50};  // sequence number 5, fragment 0
  put_octets(out, octets(more));
  put_octets(out, body);
  return out;
}

inline Octets llc_snap(unsigned ethertype, const Octets& packet) {
  return link_behind({0xaa, 0xaa, 3, 0, 0, 0, ethertype >> 8, ethertype & 0xff}, packet);
}

// A subframe of an A-MSDU, padded as they are between one another.
inline Octets subframe(const Octets& body, bool is_last) {
  Octets out(12, std::byte{2});
  put16(out, static_cast<unsigned>(body.size()));
  put_octets(out, body);
  if (!is_last) out.resize((out.size() + 3) / 4 * 4);
  return out;
}

// Time stamp, type, flags, length of the record, losses, length on the wire; `type` may say that extension headers
// follow.
inline Octets erf_record(unsigned type, const Octets& behind, std::size_t wire_bytes,
                         std::uint32_t seconds = 1'700'000'000) {
  Octets out = octets({0, 0, 0, 0x80});  // half a second
  for (unsigned shift = 0; shift < 32; shift += 8) put8(out, seconds >> shift & 0xff);
  put8(out, type);
  put8(out, 4);  // of variable length
  const std::size_t bytes = (16 + behind.size() + 7) / 8 * 8;
  put16(out, static_cast<unsigned>(bytes));
  put16(out, 0);
  put16(out, static_cast<unsigned>(wire_bytes));
  put_octets(out, behind);
  out.resize(bytes);
  return out;
}

inline std::vector<LinkSample> link_samples() {
  const Octets ip4 = link_inner4().bytes(), ip6 = link_inner6().bytes();
  const Octets snap4 = llc_snap(ETH_P_IP, ip4), snap6 = llc_snap(ETH_P_IPV6, ip6);
  const Octets frame = link_ethernet4();
  const auto behind = [](std::initializer_list<unsigned> header, const Octets& packet) {
    return link_behind(header, packet);
  };
  const auto with = [](Octets packet, std::size_t more) {
    packet.resize(packet.size() + more, std::byte{0xee});
    return packet;
  };
  const Octets erf_frame = erf_record(2, behind({0, 0}, frame), frame.size());
  Octets two_in_one = subframe(snap4, false);
  put_octets(two_in_one, subframe(snap6, true));
  return {
      {1, (eth() / vlan(7) / ipv4("10.0.0.1", "10.0.0.2") / udp(1024, 53) / payload(8)).bytes(), "vlan/ipv4/udp"},
      {101, ip4, "ipv4/udp"},
      {101, ip6, "ipv6/tcp"},
      {12, ip4, "ipv4/udp"},
      {14, ip6, "ipv6/tcp"},
      {228, ip4, "ipv4/udp"},
      {229, ip6, "ipv6/tcp"},
      {0, behind({2, 0, 0, 0}, ip4), "ipv4/udp"},
      {0, behind({0, 0, 0, 2}, ip4), "ipv4/udp"},
      {0, behind({10, 0, 0, 0}, ip6), "ipv6/tcp"},
      {0, behind({0, 0, 0, 24}, ip6), "ipv6/tcp"},
      {0, behind({28, 0, 0, 0}, ip6), "ipv6/tcp"},
      {108, behind({0, 0, 0, 30}, ip6), "ipv6/tcp"},
      {108, behind({0, 0, 0, 2}, ip4), "ipv4/udp"},
      {113, behind({0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0x08, 0x00}, ip4), "ipv4/udp"},
      {113, behind({0, 4, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x86, 0xdd}, ip6), "ipv6/tcp"},
      {113, behind({0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0x81, 0x00, 0, 5, 0x08, 0x00}, ip4), "vlan/ipv4/udp"},
      {276, behind({0x08, 0x00, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0}, ip4), "ipv4/udp"},
      {276, behind({0x81, 0x00, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0, 5, 0x86, 0xdd}, ip6),
       "vlan/ipv6/tcp"},
      {9, behind({0xff, 0x03, 0x00, 0x21}, ip4), "ipv4/udp"},
      {9, behind({0x00, 0x57}, ip6), "ipv6/tcp"},
      {9, behind({0x21}, ip4), "ipv4/udp"},
      {50, behind({0xff, 0x03, 0x00, 0x57}, ip6), "ipv6/tcp"},
      {51, behind({0x11, 0x00, 0x00, 0x01, 0x00, 0x26, 0x00, 0x21}, ip4), "pppoe/ipv4/udp"},
      {104, behind({0x0f, 0x00, 0x08, 0x00}, ip4), "ipv4/udp"},
      {104, behind({0xff, 0x03, 0x00, 0x21}, ip4), "ipv4/udp"},
      {219, behind({0x00, 0x01, 0x01, 0x40}, ip4), "mpls/ipv4/udp"},
      {0, behind({23, 0, 0, 0}, ip6), "ipv6/tcp"},
      {9, behind({0x0f, 0x00, 0x08, 0x00}, ip4), "ipv4/udp"},
      {9, behind({0x8f, 0x00, 0x86, 0xdd}, ip6), "ipv6/tcp"},
      {50, behind({0x0f, 0x00, 0x08, 0x00}, ip4), "ipv4/udp"},
      {50, behind({0x8f, 0x00, 0x86, 0xdd}, ip6), "ipv6/tcp"},
      {50, behind({0x0f, 0x00, 0x81, 0x00, 0, 7, 0x08, 0x00}, ip4), "vlan/ipv4/udp"},
      {204, behind({1, 0xff, 0x03, 0x00, 0x21}, ip4), "ipv4/udp"},
      {205, behind({0, 0x8f, 0x00, 0x08, 0x00}, ip4), "ipv4/udp"},
      // Q.922 with two, three and four octets of address; IPv4, IPv6, SNAP, a bridged frame and PPP; Cisco's ethertype.
      {107, behind({0x18, 0x41, 0x03, 0xcc}, ip4), "ipv4/udp"},
      {107, behind({0x18, 0x40, 0x01, 0x03, 0x8e}, ip6), "ipv6/tcp"},
      {107, behind({0x18, 0x40, 0x00, 0x41, 0x03, 0x00, 0x80, 0, 0, 0, 0x08, 0x00}, ip4), "ipv4/udp"},
      {107, behind({0x18, 0x41, 0x03, 0x00, 0x80, 0x00, 0x80, 0xc2, 0x00, 0x07}, frame), "ipv4/udp"},
      {107, behind({0x18, 0x41, 0x03, 0xcf, 0x00, 0x57}, ip6), "ipv6/tcp"},
      {107, behind({0x18, 0x41, 0x08, 0x00}, ip4), "ipv4/udp"},
      {206, behind({0, 0x18, 0x41, 0x03, 0xcc}, ip4), "ipv4/udp"},
      {10, behind({0x57, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}, snap4), "ipv4/udp"},
      // Plain data, QoS data, four addresses, QoS with HT control, the first of several fragments; the other
      // organisation of SNAP.
      {105, radio(0x08, 0x01, {}, snap4), "ipv4/udp"},
      {105, radio(0x88, 0x02, {0, 0}, snap6), "ipv6/tcp"},
      {105, radio(0x08, 0x03, {2, 2, 2, 2, 2, 2}, snap4), "ipv4/udp"},
      {105, radio(0x88, 0x83, {2, 2, 2, 2, 2, 2, 0, 0, 0, 0, 0, 0}, snap4), "ipv4/udp"},
      {105, radio(0x08, 0x05, {}, snap4), "ipv4/udp"},
      {105, radio(0x08, 0x02, {}, behind({0xaa, 0xaa, 3, 0, 0, 0xf8, 0x86, 0xdd}, ip6)), "ipv6/tcp"},
      {105, radio(0x88, 0x02, {0x80, 0}, subframe(snap4, true)), "ipv4/udp"},
      // Radiotap: the shortest; with a clock and flags that say check sequence, or alignment; with two words of what is
      // present.
      {127, behind({0, 0, 8, 0, 0, 0, 0, 0}, radio(0x08, 0x01, {}, snap4)), "ipv4/udp"},
      {127, behind({0, 0, 9, 0, 2, 0, 0, 0, 0x10}, with(radio(0x08, 0x01, {}, snap4), 4)), "ipv4/udp"},
      {127, behind({0, 0, 9, 0, 2, 0, 0, 0, 0x20}, radio(0x88, 0x01, {0, 0, 0, 0}, snap4)), "ipv4/udp"},
      {127,
       behind({0, 0, 26, 0, 3, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x20, 0},
              radio(0x88, 0x01, {0, 0, 0, 0}, snap6)),
       "ipv6/tcp"},
      {119, behind({0x44, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0}, radio(0x08, 0x02, {}, snap4)), "ipv4/udp"},
      {119, behind({0, 0, 0, 0x41, 0, 0, 0, 12, 0, 0, 0, 0}, radio(0x08, 0x02, {}, snap4)), "ipv4/udp"},
      {119, behind({0x80, 0x21, 0x10, 0x01, 0, 0, 0, 12, 0, 0, 0, 0}, radio(0x08, 0x02, {}, snap6)), "ipv6/tcp"},
      {163, behind({0x80, 0x21, 0x10, 0x02, 0, 0, 0, 8}, radio(0x08, 0x02, {}, snap4)), "ipv4/udp"},
      {192, behind({0, 0, 8, 0, 105, 0, 0, 0}, radio(0x08, 0x02, {}, snap4)), "ipv4/udp"},
      {192, behind({0, 0, 12, 0, 1, 0, 0, 0, 9, 9, 0, 0}, frame), "ipv4/udp"},
      // A log with a packet header and a mark in front of the payload, in both byte orders; of a bridge, which has no
      // family.
      {239, behind({2, 0, 0, 5, 8, 0, 1, 0, 8, 0, 1, 0, 8, 0, 3, 0, 0, 0, 0, 1, 64, 0, 9, 0}, ip4), "ipv4/udp"},
      {239, behind({10, 0, 0, 5, 0, 8, 0, 1, 0x86, 0xdd, 1, 0, 0, 64, 0, 9}, ip6), "ipv6/tcp"},
      {239, behind({7, 0, 0, 5, 8, 0, 1, 0, 8, 0, 1, 0, 64, 0, 9, 0}, ip4), "ipv4/udp"},
      // Ethernet, with a color, with two extension headers; HDLC, one channel of it; bare IP.
      {197, erf_frame, "ipv4/udp"},
      {197, erf_record(11, behind({0, 0}, frame), frame.size() + 4), "ipv4/udp"},
      {197, erf_record(0x82, behind({0x83, 0, 0, 0, 0, 0, 0, 1, 3, 0, 0, 0, 0, 0, 0, 2, 0, 0}, frame), frame.size()),
       "ipv4/udp"},
      {197, erf_record(1, behind({0xff, 0x03, 0x00, 0x21}, ip4), ip4.size() + 4), "ipv4/udp"},
      {197, erf_record(1, behind({0x0f, 0x00, 0x86, 0xdd}, ip6), ip6.size() + 4), "ipv6/tcp"},
      {197, erf_record(5, behind({0, 0, 0, 7, 0xff, 0x03, 0x00, 0x21}, ip4), ip4.size() + 4), "ipv4/udp"},
      {197, erf_record(22, ip4, ip4.size()), "ipv4/udp"},
      {197, erf_record(23, ip6, ip6.size()), "ipv6/tcp"},
      // Captured on any device, one of them a radio or a frame relay.
      {113, behind({0, 0, 3, 0x21, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0, 4}, radio(0x08, 0x02, {}, snap4)), "ipv4/udp"},
      {113,
       behind({0, 0, 3, 0x23, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 8, 0, 0, 0, 0, 0},
              radio(0x08, 0x02, {}, snap4)),
       "ipv4/udp"},
      {276, behind({0, 0, 0, 0, 0, 0, 0, 2, 3, 2, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0x18, 0x41, 0x03, 0xcc}, ip4),
       "ipv4/udp"},
  };
}

}  // namespace fanout::test
