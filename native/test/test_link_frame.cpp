// Packets of every link type become frames in which the dissector finds the same flow, or are refused for a reason.
#include "core/capture_file/link_frame.hpp"
#include "core/packet/dissect.hpp"
#include "test/check.hpp"
#include "test/link_samples.hpp"
#include "test/packets.hpp"

using namespace fanout;
using namespace fanout::test;

namespace {

Octets joined(const LinkFrame& frame) {
  Octets out(frame.header.begin(), frame.header.begin() + frame.header_bytes);
  out.insert(out.end(), frame.rest.begin(), frame.rest.end());
  return out;
}

const Octets inner4 = link_inner4().bytes();

Convertible converted(std::uint16_t link_type, const Octets& packet) {
  return as_ethernet(link_type, packet).convertible;
}

// The stack of what becomes of a packet, and of those that are with it in one.
std::vector<std::string> stacks_of(LinkFrame frame) {
  std::vector<std::string> out;
  for (;;) {
    out.push_back(frame.convertible == Convertible::yes ? dissect(joined(frame), {}, HashSeed{1}).stack.text() : "-");
    if (frame.more.empty()) return out;
    frame = next_aggregated(frame.more);
  }
}

}  // namespace

TEST(every_link_type_that_carries_ip) {
  for (const LinkSample& row : link_samples()) {
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
    put_octets(plain, (is_ipv4 ? link_inner4() : link_inner6()).bytes());
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
  const LinkFrame stp =
      as_ethernet(113, octets({0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0x00, 0x04, 0x42, 0x42, 0x03, 0, 0}));
  CHECK_EQ(stp.convertible, Convertible::yes);
  CHECK_EQ(static_cast<int>(stp.header[12]), 0);
  CHECK_EQ(static_cast<int>(stp.header[13]), 5);
  // CAN and netlink are something else, whatever the protocol field says.
  CHECK_EQ(converted(113, octets({0, 0, 1, 0x18, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x00, 0x0c, 1, 2})),
           Convertible::protocol);
  CHECK_EQ(converted(113, octets({0, 4, 3, 0x38, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x08, 0x00, 1, 2})),
           Convertible::protocol);
}

TEST(radio_frames_that_carry_no_packet) {
  const Octets snap = llc_snap(ETH_P_IP, inner4);
  // Management and control, data without data, later fragments.
  CHECK_EQ(converted(105, radio(0x80, 0, {}, snap)), Convertible::protocol);
  CHECK_EQ(converted(105, radio(0x48, 1, {}, snap)), Convertible::protocol);
  CHECK_EQ(converted(105, radio(0xc8, 1, {0, 0}, snap)), Convertible::protocol);
  CHECK_EQ(converted(105, radio(0x0a, 1, {}, snap)), Convertible::protocol);  // of a version that does not exist
  Octets fragment = radio(0x08, 1, {}, snap);
  fragment.at(22) = std::byte{0x51};
  CHECK_EQ(converted(105, fragment), Convertible::protocol);
  CHECK_EQ(converted(105, radio(0x08, 0x41, {}, snap)), Convertible::encrypted);
  CHECK_EQ(converted(105, radio(0x88, 0x42, {0, 0}, snap)), Convertible::encrypted);
  // What is neither of SNAP nor of IP stays a frame of IEEE 802.3: spanning tree.
  CHECK(stacks_of(as_ethernet(105, radio(0x08, 2, {}, octets({0x42, 0x42, 3, 0, 0})))) ==
        std::vector<std::string>{"other"});
  // Radiotap that is longer than the packet, or of another version; flags that lie beyond it.
  CHECK_EQ(converted(127, link_behind({0, 0, 200, 0, 0, 0, 0, 0}, radio(8, 1, {}, {}))), Convertible::cut);
  CHECK_EQ(converted(127, link_behind({1, 0, 8, 0, 0, 0, 0, 0}, radio(8, 1, {}, snap))), Convertible::cut);
  CHECK_EQ(converted(127, link_behind({0, 0, 8, 0, 0, 0, 0, 0x80}, radio(8, 1, {}, snap))), Convertible::cut);
  CHECK_EQ(converted(127, link_behind({0, 0, 8, 0, 2, 0, 0, 0}, radio(8, 1, {}, snap))), Convertible::yes);
}

TEST(several_packets_in_one_radio_frame) {
  const Octets snap4 = llc_snap(ETH_P_IP, inner4), snap6 = llc_snap(ETH_P_IPV6, link_inner6().bytes());
  Octets body = subframe(snap4, false);
  put_octets(body, subframe(octets({0x42, 0x42, 3}), false));
  put_octets(body, subframe(snap6, true));
  const std::vector<std::string> all{"ipv4/udp", "other", "ipv6/tcp"};
  CHECK(stacks_of(as_ethernet(105, radio(0x88, 2, {0x80, 0}, body))) == all);
  // The check sequence is no subframe, whether or not it is announced; a subframe that claims too much is the last one.
  Octets with_check = radio(0x88, 2, {0x80, 0}, body);
  with_check.resize(with_check.size() + 4);
  CHECK(stacks_of(as_ethernet(105, with_check)) == all);
  Octets lying = body;
  set16(lying, 12, 60000);
  CHECK_EQ(stacks_of(as_ethernet(105, radio(0x88, 2, {0x80, 0}, lying))).size(), std::size_t{1});
  // Each of a frame of nothing but headers.
  const Octets empty(14 * 5);
  CHECK_EQ(stacks_of(as_ethernet(105, radio(0x88, 2, {0x80, 0}, empty))).size(), std::size_t{4});
}

TEST(lengths_and_check_sequences_of_records_end_the_frame) {
  const Octets frame = link_ethernet4();
  Octets with_check = frame;
  with_check.resize(frame.size() + 4);
  // ERF: what is behind the length on the wire is padding.
  CHECK_EQ(as_ethernet(197, erf_record(2, link_behind({0, 0}, frame), frame.size())).size(), frame.size());
  CHECK_EQ(as_ethernet(197, erf_record(22, inner4, inner4.size())).size(), 14 + inner4.size());
  const Octets tagged = link_behind({0, 0, 9, 0, 2, 0, 0, 0, 0x10}, radio(8, 1, {}, llc_snap(ETH_P_IP, inner4)));
  CHECK_EQ(as_ethernet(127, tagged).size(), 14 + inner4.size() - 4);
  // NFLOG: further fields may follow the packet.
  Octets logged = link_behind({2, 0, 0, 5, static_cast<unsigned>(inner4.size()) + 4, 0, 9, 0}, inner4);
  put_octets(logged, octets({8, 0, 3, 0, 0, 0, 0, 1}));
  CHECK_EQ(as_ethernet(239, logged).size(), 14 + inner4.size());
}

TEST(what_cannot_be_converted_is_refused_for_a_reason) {
  CHECK_EQ(as_ethernet(147, inner4).convertible, Convertible::link_type);
  CHECK_EQ(as_ethernet(65535, {}).convertible, Convertible::link_type);
  CHECK_EQ(as_ethernet(101, octets({0x10, 0})).convertible, Convertible::protocol);
  CHECK_EQ(as_ethernet(0, octets({7, 0, 0, 0, 1})).convertible, Convertible::protocol);
  CHECK_EQ(as_ethernet(9, octets({0xff, 0x03, 0xc0, 0x21, 1})).convertible, Convertible::protocol);
  CHECK_EQ(as_ethernet(104, octets({0x8f, 0x00, 0x00, 0x21})).convertible, Convertible::protocol);
  CHECK_EQ(as_ethernet(1, Octets(13)).convertible, Convertible::cut);
  CHECK_EQ(as_ethernet(1, Octets(14)).convertible, Convertible::yes);
  CHECK_EQ(converted(107, octets({0x18, 0x40, 0x00, 0x40, 0x03, 0xcc})),
           Convertible::protocol);                                                       // an address without end
  CHECK_EQ(converted(107, octets({0x18, 0x41, 0x03, 0x81, 0})), Convertible::protocol);  // ISO 8473
  CHECK_EQ(converted(197, erf_record(3, inner4, 52)), Convertible::protocol);            // ATM
  CHECK_EQ(converted(197, erf_record(0x82, octets({0x80, 0, 0, 0, 0, 0, 0, 0}), 0)), Convertible::cut);
  CHECK_EQ(converted(239, octets({2, 0, 0, 5, 8, 0, 3, 0, 0, 0, 0, 1})), Convertible::protocol);  // no packet in it
  CHECK_EQ(converted(239, octets({2, 0, 0, 5, 0, 0, 9, 0})), Convertible::protocol);              // a field without end
  CHECK_EQ(converted(239, octets({7, 0, 0, 5, 8, 0, 9, 0, 1, 2, 3, 4})), Convertible::protocol);
  CHECK_EQ(converted(192, octets({0, 0, 8, 0, 192, 0, 0, 0, 0, 0, 8, 0, 1, 0, 0, 0})), Convertible::protocol);
  CHECK_EQ(converted(10, link_behind({0xc1, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}, inner4)), Convertible::protocol);
  for (const std::uint16_t type : std::initializer_list<std::uint16_t>{
           0, 9, 10, 12, 14, 50, 101, 104, 105, 107, 108, 113, 119, 127, 163, 192, 197, 204, 205, 206, 239, 276}) {
    const Note note{"link type " + shown(type)};
    CHECK_EQ(as_ethernet(type, {}).convertible, Convertible::cut);
  }
}
