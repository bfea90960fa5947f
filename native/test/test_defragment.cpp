// The model of the kernel's reassembly for packet sockets, against the rules of ip_frag_queue() and ip_check_defrag().
#include <algorithm>

#include "core/capture_file/defragment.hpp"
#include "core/packet/dissect.hpp"
#include "core/table/datagrams.hpp"
#include "test/check.hpp"
#include "test/packets.hpp"

namespace fanout::test {
namespace {

constexpr std::uint64_t second_ns = 1'000'000'000;
constexpr HashSeed seed{7};

struct Piece {
  unsigned begin = 0;  // in octets
  bool more = true;
  unsigned octets = 16;
  unsigned id = 1;
  const char* src = "10.0.0.1";
  unsigned protocol = IPPROTO_UDP;
};

Octets frame_of(const Piece& p, const Packet& link = eth()) {
  const Header ip = ipv4(p.src, "192.0.2.1",
                         {.protocol = p.protocol, .id = p.id, .fragment_offset = p.begin, .more_fragments = p.more});
  return (p.begin == 0 ? link / ip / udp(1024, 53) / payload(p.octets - 8) : link / ip / payload(p.octets)).bytes();
}

// What came out of a take(), kept for longer than the next one.
struct Out {
  Octets frame;
  std::uint32_t wire_bytes = 0;
};

Out take(Defragmenter& defragmenter, const Octets& frame, std::uint64_t time_ns = second_ns) {
  const Defragmenter::Seen seen = defragmenter.take(frame, static_cast<std::uint32_t>(frame.size()), time_ns);
  return {Octets(seen.frame.begin(), seen.frame.end()), seen.wire_bytes};
}

// How many packets came out of these pieces, and that they are whole.
struct Result {
  std::size_t whole = 0;
  std::uint64_t lost = 0;
};

Result send(const std::vector<Piece>& pieces, const Packet& link = eth()) {
  Defragmenter defragmenter;
  Result result;
  for (const Piece& p : pieces) {
    const Out out = take(defragmenter, frame_of(p, link));
    if (out.frame.empty()) continue;
    ++result.whole;
    const Dissection packet = dissect(out.frame, {}, seed);
    CHECK_EQ(packet.kind, PacketKind::flow);
    CHECK_EQ(packet.fragment.datagram, 0U);
  }
  result.lost = defragmenter.lost();
  return result;
}

const std::vector<Piece> three{{.begin = 0}, {.begin = 16}, {.begin = 32, .more = false, .octets = 5}};

}  // namespace

TEST(pieces_in_any_order_make_one_whole_packet) {
  std::vector<std::size_t> order{0, 1, 2};
  do {
    Note note{shown(order[0]) + shown(order[1]) + shown(order[2])};
    const Result result = send({three[order[0]], three[order[1]], three[order[2]]});
    CHECK_EQ(result.whole, 1U);
    CHECK_EQ(result.lost, 0U);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(the_whole_packet_is_what_was_cut) {
  const Packet whole = eth() / vlan(7) / ipv4("10.0.0.1", "192.0.2.1", {.id = 1}) / udp(1024, 53) / payload(40);
  Octets expected = whole.bytes();
  // Each piece has the octets of its place.
  const std::size_t header = 14 + 4 + 20;
  for (std::size_t i = header + 8; i < expected.size(); ++i) expected[i] = static_cast<std::byte>(i);
  Defragmenter defragmenter;
  Out out;
  for (const std::size_t begin : {32U, 0U, 16U}) {
    const std::size_t end = std::min<std::size_t>(begin + 16, 48);
    Octets piece(expected.begin(), expected.begin() + static_cast<std::ptrdiff_t>(header));
    piece.insert(piece.end(), expected.begin() + static_cast<std::ptrdiff_t>(header + begin),
                 expected.begin() + static_cast<std::ptrdiff_t>(header + end));
    set16(piece, 18 + 2, 20 + end - begin);
    set16(piece, 18 + 6, begin / 8 | (end == 48 ? 0U : 0x2000U));
    out = take(defragmenter, piece);
  }
  CHECK(out.frame == expected);
  CHECK_EQ(out.wire_bytes, expected.size());
}

TEST(what_is_missing_keeps_the_rest_back) {
  for (std::size_t missing = 0; missing < three.size(); ++missing) {
    Note note{shown(missing)};
    std::vector<Piece> pieces = three;
    pieces.erase(pieces.begin() + static_cast<std::ptrdiff_t>(missing));
    const Result result = send(pieces);
    CHECK_EQ(result.whole, 0U);
    CHECK_EQ(result.lost, 2U);
  }
}

TEST(a_duplicate_is_ignored) {
  for (const Piece& again : {three[0], three[1], Piece{.begin = 16, .octets = 8}, Piece{.begin = 24, .octets = 8}}) {
    Note note{shown(again.begin) + " " + shown(again.octets)};
    const Result result = send({three[0], three[1], again, three[2]});
    CHECK_EQ(result.whole, 1U);
    CHECK_EQ(result.lost, 0U);
  }
}

TEST(an_overlap_ends_the_datagram) {
  for (const Piece& overlap :
       {Piece{.begin = 8, .octets = 16}, Piece{.begin = 0, .octets = 24}, Piece{.begin = 8, .octets = 32}}) {
    Note note{shown(overlap.begin) + " " + shown(overlap.octets)};
    // What comes afterwards begins a new one, which stays incomplete.
    const Result result = send({three[0], overlap, three[1], three[2]});
    CHECK_EQ(result.whole, 0U);
    CHECK_EQ(result.lost, 4U);
  }
}

TEST(an_end_that_cannot_be_ends_the_datagram) {
  CHECK_EQ(send({three[2], {.begin = 40}, three[0], three[1]}).whole, 0U);  // behind the last one
  CHECK_EQ(send({three[0], three[1], three[2], {.begin = 32, .more = false, .octets = 5}}).whole,
           1U);  // begins another datagram
  CHECK_EQ(send({three[2], {.begin = 32, .more = false, .octets = 6}, three[0], three[1]}).whole, 0U);  // two ends
  CHECK_EQ(send({three[1], {.begin = 8, .more = false, .octets = 8}, three[0]}).whole, 0U);  // before what is known
  CHECK_EQ(send({three[0], {.begin = 16, .octets = 7}, three[1], three[2]}).whole, 0U);      // nothing is left of it
}

TEST(lengths_in_the_middle_are_rounded_down_to_eight) {
  // 23 octets at 0 are 16, so the piece at 16 is no overlap.
  CHECK_EQ(send({{.begin = 0, .octets = 23}, three[1], three[2]}).whole, 1U);
}

TEST(datagrams_of_other_keys_do_not_meet) {
  for (const Piece& other :
       {Piece{.begin = 16, .id = 2}, Piece{.begin = 16, .src = "10.0.0.9"}, Piece{.begin = 16, .protocol = 17 + 1}}) {
    const Result result = send({three[0], other, three[2]});
    CHECK_EQ(result.whole, 0U);
    CHECK_EQ(result.lost, 3U);
  }
}

TEST(a_datagram_of_more_than_65535_octets_is_lost_whole) {
  const auto result_of = [](unsigned last) {
    std::vector<Piece> pieces;
    for (unsigned begin = 0; begin < 65504; begin += 1456)
      pieces.push_back({.begin = begin, .octets = std::min(1456U, 65504 - begin)});
    pieces.push_back({.begin = 65504, .more = false, .octets = last});
    return send(pieces);
  };
  CHECK_EQ(result_of(65535 - 20 - 65504).whole, 1U);
  const Result too_long = result_of(65535 - 20 - 65504 + 1);
  CHECK_EQ(too_long.whole, 0U);
  CHECK_EQ(too_long.lost, 46U);
}

TEST(one_tag_is_looked_behind_and_no_second_one) {
  CHECK_EQ(send(three, eth() / vlan(5)).whole, 1U);
  CHECK_EQ(send(three, eth() / vlan(5, ETH_P_8021AD)).whole, 1U);
  // skb_vlan_untag() knows no such tag.
  for (const Packet& link : {eth() / vlan(5, 0x9100), eth() / vlan(5, ETH_P_8021AD) / vlan(6)}) {
    Defragmenter defragmenter;
    for (const Piece& p : three) {
      const Octets frame = frame_of(p, link);
      CHECK(take(defragmenter, frame).frame == frame);
    }
    CHECK_EQ(defragmenter.lost(), 0U);
  }
}

TEST(what_the_kernel_does_not_reassemble_passes_as_it_is) {
  Octets cut = frame_of(three[0]);
  cut.pop_back();
  Octets shorter_than_its_header = frame_of(three[0]);
  set16(shorter_than_its_header, 14 + 2, 19);
  Octets no_version = frame_of(three[0]);
  no_version[14] = std::byte{0x65};
  Octets short_header = frame_of(three[0]);
  short_header[14] = std::byte{0x44};
  const Header six = ipv6("2001:db8::1", "2001:db8::2");
  const std::vector<Octets> frames{
      cut,
      shorter_than_its_header,
      no_version,
      short_header,
      Octets(3),
      Octets(14),
      Octets(20),
      (eth() / ipv4("10.0.0.1", "10.0.0.2") / udp(1, 2) / payload(9)).bytes(),
      (eth() / six / frag6(0, true) / udp(1, 2) / payload(8)).bytes(),
      // The outer packet is whole.
      (eth() / ipv4("10.9.0.1", "10.9.0.2") / ipv4("10.0.0.1", "10.0.0.2", {.more_fragments = true}) / udp(1, 2) /
       payload(8))
          .bytes(),
      (eth(ETH_P_ARP) / payload(28)).bytes(),
  };
  Defragmenter defragmenter;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    Note note{shown(i)};
    const Defragmenter::Seen seen = defragmenter.take(frames[i], 9000, second_ns);
    CHECK(seen.frame.data() == frames[i].data() && seen.frame.size() == frames[i].size());
    CHECK_EQ(seen.wire_bytes, 9000U);
  }
  CHECK_EQ(defragmenter.lost(), 0U);
}

TEST(padding_behind_a_fragment_is_no_part_of_it) {
  Defragmenter defragmenter;
  Octets first = frame_of(three[0]), last = frame_of({.begin = 16, .more = false, .octets = 3});
  last.resize(60);
  CHECK(take(defragmenter, first).frame.empty());
  const Out out = take(defragmenter, last);
  CHECK_EQ(out.frame.size(), 14U + 20 + 16 + 3);
}

TEST(a_datagram_has_thirty_seconds_of_the_capture) {
  for (const bool in_time : {true, false}) {
    Defragmenter defragmenter;
    CHECK(take(defragmenter, frame_of(three[0]), second_ns).frame.empty());
    CHECK(take(defragmenter, frame_of(three[1]), 20 * second_ns).frame.empty());
    const std::uint64_t last_ns = second_ns + datagram_lifetime_ns + (in_time ? 0 : 1);
    CHECK_EQ(take(defragmenter, frame_of(three[2]), last_ns).frame.empty(), !in_time);
    CHECK_EQ(defragmenter.lost(), in_time ? 0U : 3U);
    // A late piece has begun another datagram, which these complete.
    CHECK(take(defragmenter, frame_of(three[0]), last_ns).frame.empty());
    CHECK_EQ(take(defragmenter, frame_of(three[1]), last_ns).frame.empty(), in_time);
    CHECK_EQ(defragmenter.lost(), 2U);
  }
}

TEST(more_than_64_fragments_of_a_source_in_between_are_too_many) {
  for (const unsigned between : {63U, 64U}) {
    for (const bool same_source : {true, false}) {
      Note note{shown(between) + " " + shown(same_source)};
      Defragmenter defragmenter;
      (void)take(defragmenter, frame_of(three[0]));
      (void)take(defragmenter, frame_of(three[1]));
      for (unsigned id = 0; id < between; ++id)
        (void)take(defragmenter, frame_of({.id = 100 + id, .src = same_source ? "10.0.0.1" : "10.0.0.2"}));
      const bool is_whole = between < 64 || !same_source;
      CHECK_EQ(take(defragmenter, frame_of(three[2])).frame.empty(), !is_whole);
      CHECK_EQ(defragmenter.lost(), between + (is_whole ? 0U : 3U));
      // What came last is the beginning of another datagram.
      (void)take(defragmenter, frame_of(three[0]));
      CHECK_EQ(take(defragmenter, frame_of(three[1])).frame.empty(), is_whole);
    }
  }
}

TEST(a_clock_that_steps_back_loses_nothing) {
  Defragmenter defragmenter;
  CHECK(take(defragmenter, frame_of(three[0]), 90 * second_ns).frame.empty());
  CHECK(take(defragmenter, frame_of(three[1]), 5 * second_ns).frame.empty());
  CHECK(!take(defragmenter, frame_of(three[2]), 6 * second_ns).frame.empty());
}

TEST(the_oldest_datagrams_make_room) {
  Defragmenter defragmenter;
  constexpr unsigned datagrams = 5000, kept = 4096;
  // Each of a source of its own.
  const auto piece = [](unsigned i, unsigned begin, bool more) {
    const std::string src = "10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256);
    return frame_of({.begin = begin, .more = more, .src = src.c_str()});
  };
  for (unsigned i = 0; i < datagrams; ++i) (void)take(defragmenter, piece(i, 0, true), second_ns + i);
  CHECK_EQ(defragmenter.lost(), datagrams);
  std::size_t whole = 0;
  for (unsigned i = datagrams; i-- > datagrams - kept;)
    if (!take(defragmenter, piece(i, 16, false), 2 * second_ns).frame.empty()) ++whole;
  CHECK_EQ(whole, kept);
  CHECK_EQ(defragmenter.lost(), datagrams - kept);
}

}  // namespace fanout::test
