// Order within a member: by the lab's tags, with plain maps as the oracle, and by what TCP says, with simulated
// exchanges of which the true order is known.
#include <map>
#include <string>

#include "core/packet/lab_tag.hpp"
#include "core/worker/order_lab.hpp"
#include "core/worker/order_tcp.hpp"
#include "test/check.hpp"
#include "test/packets.hpp"
#include "test/tcp_exchange.hpp"
#include "test/tunnels.hpp"

using namespace fanout;
using namespace fanout::test;

namespace {

// ---- the lab's tags

Header tag(std::uint32_t flow, std::uint32_t sequence, lab_tag::Guard guard = lab_tag::Guard::complement) {
  Header out;
  put32(out.bytes, lab_tag::magic);
  put32(out.bytes, flow);
  put8(out.bytes, 0);
  put8(out.bytes, static_cast<unsigned>(guard));
  put16(out.bytes, 0);
  put32(out.bytes, 0);
  put32(out.bytes, 0);
  lab_tag::patch_sequence(out.bytes.data(), sequence);
  return out;
}

std::optional<LabTag> find(const Octets& frame, std::size_t snaplen = 192) {
  const std::span<const std::byte> seen{frame.data(), std::min(frame.size(), snaplen)};
  return find_lab_tag(seen, dissect(seen, {}, {}));
}

LabOrder lab_order() {
  auto order = LabOrder::create();
  if (!CHECK(static_cast<bool>(order))) std::abort();
  return std::move(*order);
}

Header tcp_with_options(const Octets& options) {
  Header out = tcp(1024, 80);
  out.bytes[12] = static_cast<std::byte>((5 + options.size() / 4) << 4);
  put_octets(out.bytes, options);
  return out;
}

const Header to_server = ipv4("10.0.0.1", "10.0.0.2");

}  // namespace

TEST(a_tag_is_found_wherever_the_generator_puts_it) {
  const Header t = tag(7, 99);
  const Header crc = tag(7, 99, lab_tag::Guard::crc32c);
  const Header ports = ported(IPPROTO_SCTP, 1024, 80);
  const std::map<std::string, Packet> rows{
      {"udp", eth() / to_server / udp(1024, 53) / t},
      {"udp6", eth() / ipv6("fd00::1", "fd00::2") / udp(1024, 53) / t / payload(50)},
      {"tcp data", eth() / to_server / tcp(1024, 80) / t},
      {"tcp option", eth() / to_server / tcp_with_options(octets({253, 22})) / t / payload(2, 1)},
      {"tcp options", eth() / to_server / tcp_with_options(octets({2, 4, 5, 0xa0, 253, 22})) / t / payload(2, 1)},
      {"sctp data", eth() / to_server / ports / payload(16, 3) / crc},
      {"sctp init", eth() / to_server / ports / payload(24, 1) / crc},
      {"sctp cookie", eth() / to_server / ports / payload(4, 10) / crc},
      {"echo", eth() / to_server / icmp(8, 5) / t},
      {"error", eth() / to_server / icmp(3, 0) / ipv4("10.0.0.2", "10.0.0.1") / udp(53, 1024) / t},
      {"first fragment",
       eth() / ipv4("10.0.0.1", "10.0.0.2", {.more_fragments = true}) / udp(1024, 53) / t / payload(16)},
      {"later fragment", eth() / ipv4("10.0.0.1", "10.0.0.2", {.protocol = IPPROTO_UDP, .fragment_offset = 64}) / t},
      {"vlan", eth() / vlan(5) / to_server / udp(1024, 53) / t},
      {"gre", eth() / to_server / gre(0) / ipv4("192.168.0.1", "192.168.0.2") / tcp(1024, 80) / t},
      {"vxlan",
       eth() / to_server / udp(50000, 4789) / vxlan() / eth() / ipv4("192.168.0.1", "192.168.0.2") / udp(1, 2) / t},
      {"no flow", eth(0x88b5) / payload(31) / t},
      {"esp", eth() / to_server / esp(5) / payload(1) / t},
  };
  for (const auto& [name, packet] : rows) {
    const Note note{name};
    const auto found = find(packet.bytes());
    if (!CHECK(found.has_value())) continue;
    CHECK_EQ(found->flow, 7);
    CHECK_EQ(found->sequence, 99);
  }
}

TEST(no_tag_is_found_where_there_is_none_or_a_part_of_one) {
  const Octets frame = (eth() / to_server / udp(1024, 53) / payload(60, 0)).bytes();
  CHECK(!find(frame));
  const Octets tagged = (eth() / to_server / udp(1024, 53) / tag(1, 1)).bytes();
  for (std::size_t bytes = 0; bytes < tagged.size(); ++bytes) CHECK(!find(tagged, bytes));
  CHECK(find(tagged, tagged.size()).has_value());
  // The number alone, behind which something else stands, in front of a tag.
  Header number;
  put32(number.bytes, lab_tag::magic);
  CHECK(!find((eth() / to_server / udp(1024, 53) / number / payload(40)).bytes()));
  Header resembling = number;
  put_octets(resembling.bytes, octets({0, 0, 0, 9, 0, 0, 1, 0}));
  CHECK(!find((eth() / to_server / udp(1024, 53) / resembling / payload(40)).bytes()));
  const auto behind = find((eth() / to_server / udp(1024, 53) / number / payload(13) / tag(3, 4)).bytes());
  if (CHECK(behind.has_value())) CHECK_EQ(behind->flow, 3);
}

TEST(packets_in_order_are_checked_and_none_is_inverted) {
  LabOrder order = lab_order();
  for (std::uint32_t i = 0; i < 1000; ++i) order.see({i % 7, 0xffffff00U + i});
  order.settle();
  CHECK_EQ(order.counts().checked, 1000);
  CHECK_EQ(order.counts().inversions, 0);
  CHECK_EQ(order.counts().flows, 0);
}

TEST(inversions_are_counted_as_a_plain_map_counts_them) {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    const Note note{"seed " + std::to_string(seed)};
    Random random{seed};
    LabOrder order = lab_order();
    std::map<std::uint32_t, std::uint32_t> highest;
    std::map<std::uint32_t, bool> inverted;
    std::uint64_t inversions = 0;
    auto sequence = static_cast<std::uint32_t>(random.next());
    for (int i = 0; i < 2000; ++i) {
      // Flows far apart have places of their own as well, as long as no other flow has the same.
      const std::uint32_t flow = random.below(40) * 0x2001U;
      const std::uint32_t sent = ++sequence - (random.one_in(4) ? random.below(100) : 0);
      order.see({flow, sent});
      const auto [at, is_first] = highest.try_emplace(flow, sent);
      if (static_cast<std::int32_t>(sent - at->second) < 0) {
        ++inversions;
        inverted[flow] = true;
      } else {
        at->second = sent;
      }
    }
    order.settle();
    CHECK_EQ(order.counts().checked, 2000);
    CHECK_EQ(order.counts().inversions, inversions);
    CHECK_EQ(order.counts().flows, inverted.size());
  }
}

TEST(flows_that_share_a_place_make_no_inversion_up) {
  LabOrder order = lab_order();
  order.see({5, 1000});
  order.see({5 + (1U << 20), 10});
  order.see({5, 20});
  order.see({0xffffffff, 30});
  order.see({0xffffffff, 29});
  order.settle();
  CHECK_EQ(order.counts().inversions, 1);
  CHECK_EQ(order.counts().flows, 1);
}

// ---- TCP

namespace {

constexpr std::uint64_t us = 1000, ms = 1'000'000;

TcpOrder tcp_order(TcpOrder::Clock clock = TcpOrder::Clock::senders) {
  auto order = TcpOrder::create(16, clock);
  if (!CHECK(static_cast<bool>(order))) std::abort();
  return std::move(*order);
}

// A flow written down segment by segment; a packet every 100 microseconds.
class Flow {
 public:
  struct More {
    std::uint32_t stamp = 0, echo = 0;
    bool stamped = false;
  };
  explicit Flow(TcpOrder::Clock clock = TcpOrder::Clock::senders) : order_(tcp_order(clock)) {}
  Flow& syn(std::uint32_t isn, std::uint32_t bytes = 0) {
    return add(Direction::forward, isn, bytes + 1, std::nullopt, true);
  }
  Flow& syn_ack(std::uint32_t isn, std::uint32_t ack) { return add(Direction::reverse, isn, 1, ack, true); }
  Flow& client(std::uint32_t begin, std::uint32_t bytes, std::uint32_t ack) {
    return add(Direction::forward, begin, bytes, ack);
  }
  Flow& server(std::uint32_t begin, std::uint32_t bytes, std::uint32_t ack) {
    return add(Direction::reverse, begin, bytes, ack);
  }
  Flow& client_syn_ack(std::uint32_t isn, std::uint32_t ack) { return add(Direction::forward, isn, 1, ack, true); }
  Flow& server_syn(std::uint32_t isn) { return add(Direction::reverse, isn, 1, std::nullopt, true); }
  Flow& reset(std::uint32_t begin, std::uint32_t ack) {
    TcpSegment s;
    s.begin = s.end = begin;
    s.ack = ack;
    s.has_ack = s.rst = true;
    order_.see(3, Direction::reverse, s, now_ns_ += 100 * us);
    return *this;
  }
  Flow& pass(std::uint64_t ns) {
    now_ns_ += ns;
    return *this;
  }
  Flow& stamps(std::uint32_t stamp, std::uint32_t echo) {
    more_ = {stamp, echo, true};
    return *this;
  }
  Flow& forget() {
    order_.forget();
    return *this;
  }
  Flow& established() { return syn(100).syn_ack(500, 101).client(101, 0, 501); }
  [[nodiscard]] const OrderCounts& counts() const { return order_.counts(); }
  [[nodiscard]] std::uint64_t inversions() const {
    const OrderCounts& c = counts();
    CHECK_EQ(c.inversions, c.syn_ack_first + c.ack_first);
    CHECK(c.inversions <= c.checked);
    CHECK_EQ(c.flows, c.inversions > 0 ? 1 : 0);
    return c.inversions;
  }

 private:
  Flow& add(Direction direction, std::uint32_t begin, std::uint32_t length, std::optional<std::uint32_t> ack,
            bool syn = false) {
    TcpSegment s;
    s.begin = begin;
    s.end = begin + length;
    s.syn = syn;
    s.has_ack = ack.has_value();
    s.ack = ack.value_or(0);
    s.has_stamps = more_.stamped;
    s.stamp = more_.stamp;
    s.echo = more_.echo;
    more_ = {};
    order_.see(3, direction, s, now_ns_ += 100 * us);
    return *this;
  }

  TcpOrder order_;
  std::uint64_t now_ns_ = 0;
  More more_;
};

}  // namespace

TEST(a_connection_in_order_is_checked_and_has_no_inversion) {
  Flow flow;
  flow.established()
      .client(101, 50, 501)
      .server(501, 200, 151)
      .client(151, 0, 701)
      .client(151, 1, 701)
      .server(701, 0, 152)
      .server(701, 1, 152);
  CHECK_EQ(flow.inversions(), 0);
  // SYN/ACK, two segments and two FINs: the SYN came when there was nothing to come before it.
  CHECK_EQ(flow.counts().checked, 5);
}

TEST(a_syn_behind_its_syn_ack_is_an_inversion) {
  CHECK_EQ(Flow{}.syn_ack(500, 101).syn(100).counts().syn_ack_first, 1);
  CHECK_EQ(Flow{}.syn_ack(500, 101).syn(100).client(101, 0, 501).client(101, 9, 501).server(501, 5, 110).inversions(),
           1);
  CHECK_EQ(Flow{}.syn_ack(500, 0).syn(0xffffffff).counts().syn_ack_first, 1);
  // Fast open: the answer acknowledges the data, or refuses it.
  CHECK_EQ(Flow{}.syn_ack(500, 121).syn(100, 20).counts().syn_ack_first, 1);
  CHECK_EQ(Flow{}.syn_ack(500, 101).syn(100, 20).counts().syn_ack_first, 1);
  // On the ports of an older connection.
  CHECK_EQ(Flow{}.established().client(101, 50, 501).syn_ack(9000, 7001).syn(7000).counts().syn_ack_first, 1);
}

TEST(a_syn_that_may_be_a_repetition_is_none) {
  CHECK_EQ(Flow{}.syn_ack(500, 101).pass(1000 * ms).syn(100).inversions(), 0);
  CHECK_EQ(Flow{}.syn(100).syn_ack(500, 101).syn(100).inversions(), 0);
  CHECK_EQ(Flow{}.syn(100).syn(100).syn_ack(500, 101).syn(100).client(101, 0, 501).inversions(), 0);
  // Of another connection.
  CHECK_EQ(Flow{}.syn_ack(500, 101).syn(300).inversions(), 0);
  CHECK_EQ(Flow{}.syn_ack(500, 101).client(101, 0, 501).syn(100).inversions(), 0);
  // Sent after what the answer echoes.
  CHECK_EQ(Flow{}.stamps(70, 10).syn_ack(500, 101).stamps(11, 0).syn(100).inversions(), 0);
  CHECK_EQ(Flow{}.stamps(70, 10).syn_ack(500, 101).stamps(10, 0).syn(100).inversions(), 1);
}

TEST(a_syn_ack_behind_its_acknowledgment_is_an_inversion) {
  CHECK_EQ(Flow{}.syn(100).client(101, 0, 501).syn_ack(500, 101).counts().ack_first, 1);
  CHECK_EQ(Flow{}.syn(100).client(101, 10, 501).syn_ack(500, 101).server(501, 5, 111).inversions(), 1);
  CHECK_EQ(Flow{}.syn(100).client(101, 0, 501).pass(1000 * ms).syn_ack(500, 101).inversions(), 0);
  // No SYN was seen: the capture may have begun between.
  CHECK_EQ(Flow{}.client(101, 0, 501).syn_ack(500, 101).inversions(), 0);
}

TEST(data_behind_its_acknowledgment_is_an_inversion) {
  CHECK_EQ(Flow{}.established().server(501, 0, 151).client(101, 50, 501).counts().ack_first, 1);
  CHECK_EQ(Flow{}.established().client(101, 0, 601).server(501, 100, 101).counts().ack_first, 1);
  // Three segments, acknowledged together.
  CHECK_EQ(Flow{}
               .established()
               .server(501, 0, 131)
               .client(101, 10, 501)
               .client(111, 10, 501)
               .client(121, 10, 501)
               .inversions(),
           3);
  // Half of them.
  CHECK_EQ(Flow{}.established().server(501, 0, 111).client(101, 10, 501).client(111, 10, 501).inversions(), 1);
  // FIN takes a number.
  CHECK_EQ(Flow{}.established().server(501, 0, 102).client(101, 1, 501).inversions(), 1);
  // Around zero.
  CHECK_EQ(Flow{}.syn(0xfffffff0).syn_ack(500, 0xfffffff1).server(501, 0, 20).client(0xfffffff1, 35, 501).inversions(),
           1);
}

TEST(what_loss_and_repetition_explain_is_no_inversion) {
  // Repeated, and acknowledged before.
  CHECK_EQ(Flow{}.established().client(101, 50, 501).server(501, 0, 151).client(101, 50, 501).inversions(), 0);
  CHECK_EQ(Flow{}
               .established()
               .client(101, 50, 501)
               .client(151, 50, 501)
               .server(501, 0, 201)
               .client(101, 50, 501)
               .inversions(),
           0);
  // Missed by the capture, and repeated because the acknowledgment was lost behind it.
  CHECK_EQ(Flow{}.established().server(501, 0, 151).pass(2 * ms).client(101, 50, 501).inversions(), 0);
  CHECK_EQ(Flow{}
               .established()
               .server(501, 0, 131)
               .pass(200 * ms)
               .client(101, 10, 501)
               .client(111, 10, 501)
               .client(121, 10, 501)
               .inversions(),
           0);
  // Within that time, but stamped after what was acknowledged.
  CHECK_EQ(Flow{}.established().stamps(9, 40).server(501, 0, 151).stamps(41, 8).client(101, 50, 501).inversions(), 0);
  CHECK_EQ(Flow{}.established().stamps(9, 40).server(501, 0, 151).stamps(40, 8).client(101, 50, 501).inversions(), 1);
  // Stamps allow for more time.
  CHECK_EQ(Flow{}
               .established()
               .stamps(9, 40)
               .server(501, 0, 151)
               .pass(5 * ms)
               .stamps(40, 8)
               .client(101, 50, 501)
               .inversions(),
           1);
  CHECK_EQ(Flow{}
               .established()
               .stamps(9, 40)
               .server(501, 0, 151)
               .pass(11 * ms)
               .stamps(40, 8)
               .client(101, 50, 501)
               .inversions(),
           0);
  // An older acknowledgment says since when something has been missing.
  CHECK_EQ(Flow{}
               .established()
               .server(501, 0, 151)
               .pass(5 * ms)
               .server(501, 0, 201)
               .client(101, 50, 501)
               .client(151, 50, 501)
               .inversions(),
           0);
  // Keep-alives with and without an octet, and probes of a closed window.
  CHECK_EQ(Flow{}
               .established()
               .client(101, 50, 501)
               .server(501, 0, 151)
               .client(150, 0, 501)
               .client(150, 1, 501)
               .server(501, 0, 151)
               .inversions(),
           0);
  CHECK_EQ(Flow{}
               .established()
               .client(101, 50, 501)
               .server(501, 0, 151)
               .client(151, 1, 501)
               .server(501, 0, 151)
               .client(151, 1, 501)
               .inversions(),
           0);
}

TEST(in_a_replay_only_the_senders_stamps_are_a_proof) {
  const auto replay = [] { return Flow{TcpOrder::Clock::foreign}; };
  CHECK_EQ(replay().syn_ack(500, 101).syn(100).inversions(), 0);
  CHECK_EQ(replay().established().server(501, 0, 151).client(101, 50, 501).inversions(), 0);
  CHECK_EQ(replay().established().stamps(9, 40).server(501, 0, 151).stamps(40, 8).client(101, 50, 501).inversions(), 1);
  CHECK_EQ(replay().established().stamps(9, 40).server(501, 0, 151).stamps(41, 8).client(101, 50, 501).inversions(), 0);
}

TEST(a_capture_that_begins_in_the_middle_sees_no_inversion) {
  CHECK_EQ(Flow{}.server(900, 0, 151).client(101, 50, 900).client(151, 50, 900).inversions(), 0);
  // All of a window repeated that was acknowledged before.
  CHECK_EQ(Flow{}.server(900, 0, 300).client(101, 50, 900).client(151, 50, 900).client(201, 99, 900).inversions(), 0);
  CHECK_EQ(Flow{}.established().forget().server(501, 0, 151).client(101, 50, 501).inversions(), 0);
  // Time alone is no proof then; what the senders stamped is.
  CHECK_EQ(Flow{}.client(101, 50, 900).pass(1100 * ms).server(900, 0, 301).client(201, 99, 900).inversions(), 0);
  CHECK_EQ(
      Flow{}.client(101, 50, 900).stamps(9, 40).server(900, 0, 301).stamps(40, 8).client(201, 99, 900).inversions(), 1);
  CHECK_EQ(
      Flow{}.client(101, 50, 900).stamps(9, 40).server(900, 0, 301).stamps(41, 8).client(201, 99, 900).inversions(), 0);
}

TEST(what_is_missing_is_not_looked_for_later) {
  // What the first acknowledgment covers passed before the capture began, however late it is repeated.
  Flow gap;
  gap.server(900, 0, 300).client(101, 50, 900).stamps(9, 40).server(900, 0, 310).stamps(40, 9).client(151, 50, 900);
  CHECK_EQ(gap.inversions(), 0);
  // A SYN that comes when its connection is known begins no other one.
  CHECK_EQ(
      Flow{}.syn_ack(500, 101).client(101, 100, 501).syn(100).server(501, 0, 202).client(151, 50, 501).inversions(), 0);
  CHECK_EQ(
      Flow{}.syn(100).server(501, 100, 101).syn_ack(500, 101).client(101, 0, 602).server(551, 50, 101).inversions(), 0);
}

TEST(an_inversion_does_not_hide_the_next_one) {
  Flow flow;
  flow.established().server(501, 0, 151).client(101, 50, 501).pass(1000 * ms).server(501, 0, 201).client(151, 50, 501);
  CHECK_EQ(flow.inversions(), 2);
}

TEST(one_direction_alone_is_not_checked) {
  CHECK_EQ(Flow{}.syn(100).client(101, 50, 501).client(151, 50, 501).counts().checked, 0);
  CHECK_EQ(Flow{}.syn(100).client(101, 50, 501).server(501, 0, 151).client(151, 50, 501).counts().checked, 1);
}

TEST(resets_and_reused_ports_are_no_inversions) {
  CHECK_EQ(Flow{}.established().reset(0, 5000).client(101, 50, 501).inversions(), 0);
  CHECK_EQ(Flow{}.established().reset(501, 151).client(101, 50, 501).inversions(), 0);
  CHECK_EQ(Flow{}
               .established()
               .syn(70000)
               .syn_ack(90000, 70001)
               .client(70001, 0, 90001)
               .client(70001, 5, 90001)
               .inversions(),
           0);
  // Without its handshake: numbers that have nothing to do with the old ones.
  CHECK_EQ(Flow{}.established().server(0x50000000, 0, 0x60000000).client(0x5fffffff, 1, 0x50000000).inversions(), 0);
  // The last packets of the old connection behind the first of the new one.
  CHECK_EQ(Flow{}.established().syn(70000).client(101, 0, 0x60000501).syn_ack(0x20000000, 70001).inversions(), 0);
  CHECK_EQ(Flow{}
               .established()
               .syn(70000)
               .syn_ack(90000, 70001)
               .client(101, 0, 0x20000000)
               .server(90001, 9, 70001)
               .inversions(),
           0);
  // Both sides open at once.
  CHECK_EQ(Flow{}.syn(100).server_syn(500).client_syn_ack(100, 501).syn_ack(500, 101).client(101, 9, 501).inversions(),
           0);
}

TEST(time_stamps_that_go_back_are_counted_unless_the_clock_was_stepped) {
  TcpOrder order = tcp_order();
  order.see_stamp(10 * ms, 10 * ms);
  order.see_stamp(10 * ms, 12 * ms);
  order.see_stamp(10 * ms, 10 * ms + 1);
  order.see_stamp(10 * ms, 500 * ms);
  CHECK_EQ(order.counts().time_stamp, 2);
  CHECK_EQ(order.counts().inversions, 0);
  CHECK_EQ(order.counts().checked, 0);
}

namespace {

std::optional<TcpSegment> segment_of(const Octets& frame, std::size_t snaplen = 192) {
  const std::span<const std::byte> seen{frame.data(), std::min(frame.size(), snaplen)};
  return find_tcp_segment(seen, frame.size(), dissect(seen, {}, {}));
}

Header segment(std::uint32_t sequence, std::uint32_t ack, unsigned flags, const Octets& options = {}) {
  Header out = tcp_with_options(options);
  Octets numbers;
  put32(numbers, sequence);
  put32(numbers, ack);
  std::copy(numbers.begin(), numbers.end(), out.bytes.begin() + 4);
  out.bytes[13] = static_cast<std::byte>(flags);
  return out;
}

}  // namespace

TEST(a_segment_is_read_from_its_frame) {
  const Octets stamps = octets({1, 1, 8, 10, 0, 0, 1, 2, 0, 0, 3, 4});
  // Padded, and cut behind the header: its length is that of the IP header.
  const Octets frame = (eth() / to_server / segment(1000, 77, 0x11, stamps) / payload(100)).bytes();
  Octets padded = frame;
  padded.resize(frame.size() + 20);
  for (const auto& s : {segment_of(frame), segment_of(padded), segment_of(frame, 66)}) {
    if (!CHECK(s.has_value())) continue;
    CHECK_EQ(s->begin, 1000);
    CHECK_EQ(s->end, 1101);
    CHECK_EQ(s->ack, 77);
    CHECK(s->has_ack && !s->syn && !s->rst && s->has_stamps);
    CHECK_EQ(s->stamp, 0x102);
    CHECK_EQ(s->echo, 0x304);
  }
  CHECK(!segment_of(frame, 53).has_value());
  const auto bare = segment_of(frame, 54);
  CHECK(bare.has_value() && !bare->has_stamps && bare->end == 1101);
  // Stamps behind others, an option that ends the list, lengths that contradict themselves.
  const Octets syn_options = octets({2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 7});
  const auto syn = segment_of((eth() / ipv6("fd00::1", "fd00::2") / segment(9, 0, 0x02, syn_options)).bytes());
  CHECK(syn.has_value() && syn->syn && !syn->has_ack && syn->end == 10 && syn->has_stamps && syn->stamp == 9);
  for (const Octets& bad :
       {octets({0, 8, 10, 0}), octets({5, 0, 8, 10}), octets({8, 40, 0, 0}), octets({1, 1, 1, 8})}) {
    const auto s = segment_of((eth() / to_server / segment(9, 0, 0x10, bad)).bytes());
    CHECK(s.has_value() && !s->has_stamps);
  }
}

TEST(what_is_no_whole_segment_is_not_read) {
  const Header s = segment(1, 2, 0x10);
  CHECK(!segment_of((eth() / to_server / udp(1, 2) / payload(40)).bytes()));
  CHECK(!segment_of((eth() / ipv4("10.0.0.1", "10.0.0.2", {.more_fragments = true}) / s / payload(8)).bytes()));
  CHECK(!segment_of((eth() / ipv4("10.0.0.1", "10.0.0.2", {.fragment_offset = 64}) / s).bytes()));
  CHECK(!segment_of((eth() / to_server / icmp(3, 0) / ipv4("10.0.0.2", "10.0.0.1") / s).bytes()));
  CHECK(!segment_of((eth() / ipv4("10.0.0.1", "10.0.0.2", {.total_bytes = 39}) / s).bytes()));
  Header short_header = s;
  short_header.bytes[12] = std::byte{0x40};
  CHECK(!segment_of((eth() / to_server / short_header).bytes()));
  // BIG TCP has no length.
  const auto big = segment_of((eth() / ipv4("10.0.0.1", "10.0.0.2", {.total_bytes = 0}) / s / payload(30)).bytes());
  CHECK(big.has_value() && big->end == 31);
  // Within a tunnel, behind an atomic fragment header.
  CHECK(segment_of((eth() / to_server / gre(0) / ipv4("192.168.0.1", "192.168.0.2") / s / payload(3)).bytes())
            .has_value());
  CHECK(segment_of((eth() / ipv6("fd00::1", "fd00::2") / frag6(0, false) / s / payload(3)).bytes()).has_value());
}

// ---- simulated exchanges

namespace {

// What became of each packet.
std::vector<bool> judge(const std::vector<Tapped>& packets) {
  TcpOrder order = tcp_order();
  std::vector<bool> out;
  std::uint64_t before = 0;
  for (const Tapped& p : packets) {
    order.see(0, p.direction, p.segment, p.time_ns);
    out.push_back(order.counts().inversions != before);
    before = order.counts().inversions;
  }
  return out;
}

std::size_t count(const std::vector<bool>& inverted) {
  return static_cast<std::size_t>(std::count(inverted.begin(), inverted.end(), true));
}

ExchangeOptions any_options(Random& random) {
  ExchangeOptions options;
  options.lost_percent = random.one_in(3) ? 0 : random.below(20);
  options.overtaken_percent = random.one_in(3) ? 0 : random.below(30);
  options.stamps = random.one_in(2);
  options.delayed_ack = random.one_in(2);
  options.keep_alive = random.one_in(3);
  options.connections = 1 + random.below(3);
  // Without stamps, a repetition of what was missed may cross its acknowledgment: docs/verdicts.md.
  options.missed_percent = options.stamps && random.one_in(2) ? random.below(20) : 0;
  return options;
}

// A capture may begin anywhere. Without stamps, two repetitions of a handshake that it missed may cross:
// docs/verdicts.md.
void begin_later(std::vector<Tapped>& seen, Random& random) {
  std::size_t first = random.below(static_cast<std::uint32_t>(seen.size() + 1));
  while (first < seen.size() && seen[first].segment.syn && !seen[first].segment.has_stamps) ++first;
  seen.erase(seen.begin(), seen.begin() + static_cast<std::ptrdiff_t>(first));
}

}  // namespace

TEST(exchanges_in_order_have_no_inversion) {
  std::size_t packets = 0, checked = 0;
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) {
    const Note note{"seed " + std::to_string(seed)};
    Random random{seed};
    std::vector<Tapped> seen = Exchange{seed, any_options(random)}.run();
    if (random.one_in(3)) begin_later(seen, random);
    CHECK_EQ(count(judge(seen)), 0);
    packets += seen.size();
    TcpOrder order = tcp_order();
    for (const Tapped& p : seen) order.see(0, p.direction, p.segment, p.time_ns);
    checked += order.counts().checked;
  }
  CHECK(packets > 100'000);
  CHECK(checked > packets / 5);
}

// In an exchange without loss, of two neighbours the second one's acknowledgment of the first is all the proof that
// there is.
TEST(swapped_neighbours_are_found_exactly_where_one_acknowledges_the_other) {
  std::size_t provable = 0;
  for (std::uint64_t seed = 1; seed <= 600; ++seed) {
    Random random{seed};
    const std::vector<Tapped> seen = Exchange{seed, {.stamps = random.one_in(2)}}.run();
    for (std::size_t i = 0; i + 1 < seen.size(); ++i) {
      const Note note{"seed " + std::to_string(seed) + ", packet " + std::to_string(i)};
      std::vector<Tapped> swapped = seen;
      std::swap(swapped[i], swapped[i + 1]);
      // The kernel stamps a packet when it reaches the ring.
      swapped[i].time_ns = seen[i + 1].time_ns;
      swapped[i + 1].time_ns = seen[i + 1].time_ns + 50 * us;
      const TcpSegment& first = seen[i].segment;
      const TcpSegment& second = seen[i + 1].segment;
      const bool is_proof = seen[i].direction != seen[i + 1].direction && first.end != first.begin && second.has_ack &&
                            second.ack == first.end;
      provable += is_proof;
      CHECK_EQ(count(judge(swapped)), is_proof ? 1 : 0);
    }
  }
  CHECK(provable > 1000);
}

// Whatever is mixed up: an inversion is counted only for a packet that changed places with another one.
TEST(nothing_is_counted_of_packets_that_kept_their_order) {
  std::size_t found = 0;
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    const Note note{"seed " + std::to_string(seed)};
    Random random{seed};
    const std::vector<Tapped> seen = Exchange{seed, any_options(random)}.run();
    std::vector<std::size_t> arrival(seen.size());
    std::vector<std::uint64_t> time(seen.size());
    for (std::size_t i = 0; i < seen.size(); ++i) {
      arrival[i] = i;
      time[i] = seen[i].time_ns + (random.one_in(10) ? random.below(3000) * us : 0);
    }
    std::stable_sort(arrival.begin(), arrival.end(), [&](std::size_t x, std::size_t y) { return time[x] < time[y]; });
    std::vector<Tapped> mixed;
    for (const std::size_t i : arrival) mixed.push_back({time[i], seen[i].direction, seen[i].segment});
    const std::vector<bool> inverted = judge(mixed);
    for (std::size_t i = 0; i < inverted.size(); ++i) {
      if (!inverted[i]) continue;
      const auto here = arrival.begin() + static_cast<std::ptrdiff_t>(i);
      const bool was_overtaken = std::any_of(arrival.begin(), here, [&](std::size_t n) { return n > *here; });
      // Then what it repeats comes later.
      const bool overtook = std::any_of(here, arrival.end(), [&](std::size_t n) { return n < *here; });
      CHECK(was_overtaken || overtook);
    }
    found += count(inverted);
  }
  CHECK(found > 100);
}
