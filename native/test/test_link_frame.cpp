// Packets of every link type become frames in which the dissector finds the same flow, or are refused for a reason.
#include "check.hpp"
#include "dissect.hpp"
#include "link_frame.hpp"
#include "packets.hpp"

using namespace fanout;
using namespace fanout::test;

namespace {

const Packet inner4 = ipv4("10.0.0.1", "10.0.0.2") / udp(1024, 53) / payload(8);
const Packet inner6 = ipv6("2001:db8::1", "2001:db8::2") / tcp(1024, 80);

Octets joined(const LinkFrame& frame) {
  Octets out(frame.header.begin(), frame.header.begin() + frame.header_bytes);
  out.insert(out.end(), frame.rest.begin(), frame.rest.end());
  return out;
}

Octets behind(std::initializer_list<unsigned> header, const Packet& packet) {
  Octets out = octets(header);
  put_octets(out, packet.bytes());
  return out;
}

}  // namespace

TEST(every_link_type_that_carries_ip) {
  struct Row {
    std::uint16_t link_type;
    Octets packet;
    const char* stack;
  };
  const Row rows[]{
      {1, (eth() / vlan(7) / ipv4("10.0.0.1", "10.0.0.2") / udp(1024, 53) / payload(8)).bytes(), "vlan/ipv4/udp"},
      {101, inner4.bytes(), "ipv4/udp"},
      {101, inner6.bytes(), "ipv6/tcp"},
      {12, inner4.bytes(), "ipv4/udp"},
      {14, inner6.bytes(), "ipv6/tcp"},
      {228, inner4.bytes(), "ipv4/udp"},
      {229, inner6.bytes(), "ipv6/tcp"},
      {0, behind({2, 0, 0, 0}, inner4), "ipv4/udp"},
      {0, behind({0, 0, 0, 2}, inner4), "ipv4/udp"},
      {0, behind({10, 0, 0, 0}, inner6), "ipv6/tcp"},
      {0, behind({0, 0, 0, 24}, inner6), "ipv6/tcp"},
      {0, behind({28, 0, 0, 0}, inner6), "ipv6/tcp"},
      {108, behind({0, 0, 0, 30}, inner6), "ipv6/tcp"},
      {108, behind({0, 0, 0, 2}, inner4), "ipv4/udp"},
      {113, behind({0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0x08, 0x00}, inner4), "ipv4/udp"},
      {113, behind({0, 4, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x86, 0xdd}, inner6), "ipv6/tcp"},
      {113, behind({0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0x81, 0x00, 0, 5, 0x08, 0x00}, inner4), "vlan/ipv4/udp"},
      {276, behind({0x08, 0x00, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0}, inner4), "ipv4/udp"},
      {276, behind({0x81, 0x00, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0, 5, 0x86, 0xdd}, inner6),
       "vlan/ipv6/tcp"},
      {9, behind({0xff, 0x03, 0x00, 0x21}, inner4), "ipv4/udp"},
      {9, behind({0x00, 0x57}, inner6), "ipv6/tcp"},
      {9, behind({0x21}, inner4), "ipv4/udp"},
      {50, behind({0xff, 0x03, 0x00, 0x57}, inner6), "ipv6/tcp"},
      {51, behind({0x11, 0x00, 0x00, 0x01, 0x00, 0x26, 0x00, 0x21}, inner4), "pppoe/ipv4/udp"},
      {104, behind({0x0f, 0x00, 0x08, 0x00}, inner4), "ipv4/udp"},
      {104, behind({0xff, 0x03, 0x00, 0x21}, inner4), "ipv4/udp"},
      {219, behind({0x00, 0x01, 0x01, 0x40}, inner4), "mpls/ipv4/udp"},
  };
  for (const Row& row : rows) {
    const Note note{"link type " + shown(row.link_type) + ", " + row.stack};
    const LinkFrame frame = as_ethernet(row.link_type, row.packet);
    CHECK_EQ(frame.convertible, Convertible::yes);
    const Octets bytes = joined(frame);
    CHECK_EQ(bytes.size(), frame.size());
    const Dissection d = dissect(bytes, {}, HashSeed{1});
    CHECK_EQ(d.kind, PacketKind::flow);
    CHECK_EQ(d.stack.text(), std::string{row.stack});
    // The same flow as in a frame of its own.
    const bool is_ipv4 = d.key.family == 4;
    Octets plain = eth(is_ipv4 ? ETH_P_IP : ETH_P_IPV6).bytes;
    put_octets(plain, (is_ipv4 ? inner4 : inner6).bytes());
    CHECK_EQ(d.flow_hash, dissect(plain, {}, HashSeed{1}).flow_hash);
    CHECK_EQ(link_type_name(row.link_type) != nullptr, true);
  }
}

TEST(an_ethernet_frame_stays_where_it_is) {
  const Octets bytes = eth().bytes;
  const LinkFrame frame = as_ethernet(1, bytes);
  CHECK_EQ(frame.header_bytes, 0);
  CHECK(frame.rest.data() == bytes.data() && frame.rest.size() == bytes.size());
}

TEST(cooked_packets_without_an_ethertype) {
  // IEEE 802.2 after a cooked header is a frame with its length in the place of the ethertype: here spanning tree.
  const LinkFrame stp = as_ethernet(113, octets({0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0x00, 0x04, 0x42, 0x42, 0x03, 0, 0}));
  CHECK_EQ(stp.convertible, Convertible::yes);
  CHECK_EQ(static_cast<int>(stp.header[12]), 0);
  CHECK_EQ(static_cast<int>(stp.header[13]), 5);
  // CAN, netlink and radio frames are something else, whatever the protocol field says.
  CHECK_EQ(as_ethernet(113, octets({0, 0, 1, 0x18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x00, 0x0c, 1, 2})).convertible,
           Convertible::protocol);
  CHECK_EQ(as_ethernet(113, octets({0, 4, 3, 0x38, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x08, 0x00, 1, 2})).convertible,
           Convertible::protocol);
  CHECK_EQ(as_ethernet(276, octets({0, 4, 0, 0, 0, 0, 0, 1, 3, 0x23, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})).convertible,
           Convertible::protocol);
}

TEST(what_cannot_be_converted_is_refused_for_a_reason) {
  CHECK_EQ(as_ethernet(105, inner4.bytes()).convertible, Convertible::link_type);
  CHECK_EQ(as_ethernet(65535, {}).convertible, Convertible::link_type);
  CHECK_EQ(as_ethernet(101, octets({0x10, 0})).convertible, Convertible::protocol);
  CHECK_EQ(as_ethernet(0, octets({7, 0, 0, 0, 1})).convertible, Convertible::protocol);
  CHECK_EQ(as_ethernet(9, octets({0xff, 0x03, 0xc0, 0x21, 1})).convertible, Convertible::protocol);
  CHECK_EQ(as_ethernet(104, octets({0x8f, 0x00, 0x00, 0x21})).convertible, Convertible::protocol);
  CHECK_EQ(as_ethernet(1, Octets(13)).convertible, Convertible::cut);
  CHECK_EQ(as_ethernet(1, Octets(14)).convertible, Convertible::yes);
  for (const std::uint16_t type : std::initializer_list<std::uint16_t>{0, 9, 12, 14, 50, 101, 104, 108, 113, 276}) {
    const Note note{"link type " + shown(type)};
    CHECK_EQ(as_ethernet(type, {}).convertible, Convertible::cut);
  }
}
