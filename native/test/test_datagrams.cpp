// Fragments joined to the flow of the first piece of their datagram, by one worker; what it cannot join it tells.
#include <algorithm>
#include <vector>

#include "core/evidence/fragment_store.hpp"
#include "core/table/datagrams.hpp"
#include "test/check.hpp"
#include "test/packets.hpp"

namespace fanout::test {
namespace {

constexpr HashSeed seed{7};
constexpr std::uint64_t second_ns = 1'000'000'000;

struct Piece {
  unsigned id = 1;
  unsigned begin = 0;  // in octets
  bool more = true;
  unsigned octets = 16;
  unsigned port = 53;  // of the first piece
  const char* src = "10.0.0.1";
};

Dissection dissected(const Piece& p) {
  const Header ip = ipv4(p.src, "192.0.2.1",
                         {.protocol = IPPROTO_UDP, .id = p.id, .fragment_offset = p.begin, .more_fragments = p.more});
  const Packet packet =
      p.begin == 0 ? eth() / ip / udp(1024, p.port) / payload(p.octets - 8) : eth() / ip / payload(p.octets);
  return dissect(packet.bytes(), {}, seed);
}

// The list of what is told, without a message around it.
struct Sink {
  std::vector<Observation> told;
  std::size_t room = 1000;
  [[nodiscard]] bool fits_another() const { return told.size() < room; }
  void append(const Observation& o) { told.push_back(o); }
};

class Bench {
 public:
  explicit Bench(const Datagrams::Limits& limits = {}) : datagrams_(limits) {}

  // Packets counted with the flow of each port at once.
  unsigned send(const Piece& piece, std::uint64_t time_ns = second_ns) {
    Dissection packet = dissected(piece);
    const Amount amount{100, time_ns, time_ns, 1, 0};
    if (packet.kind == PacketKind::flow) return 1 + datagrams_.begin(packet, time_ns).amount.packets;
    if (!datagrams_.continue_with(packet, amount)) return 0;
    CHECK_EQ(packet.kind, PacketKind::flow);
    joined_port_ = packet.key.b_port == 1024 ? packet.key.a_port : packet.key.b_port;
    return 1;
  }
  unsigned joined_port() const { return joined_port_; }

  std::vector<Observation> told() {
    datagrams_.settle();
    Sink sink;
    CHECK(datagrams_.write_due(sink));
    return sink.told;
  }
  Datagrams& operator*() { return datagrams_; }

 private:
  Datagrams datagrams_;
  unsigned joined_port_ = 0;
};

std::uint64_t packets_in(const std::vector<Observation>& list) {
  std::uint64_t sum = 0;
  for (const Observation& o : list) sum += o.packets;
  return sum;
}

}  // namespace

TEST(pieces_in_any_order_are_joined_and_nothing_is_told) {
  std::vector<Piece> pieces{{.begin = 0}, {.begin = 16}, {.begin = 32}, {.begin = 48, .more = false, .octets = 5}};
  std::vector<std::size_t> order{0, 1, 2, 3};
  do {
    Bench bench;
    unsigned counted = 0;
    for (const std::size_t i : order) counted += bench.send(pieces[i]);
    CHECK_EQ(counted, 4);
    CHECK_EQ(bench.told().size(), 0);
    CHECK_EQ((*bench).untold_packets(), 0);
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST(pieces_without_their_first_are_told_together) {
  Bench bench;
  CHECK_EQ(bench.send({.begin = 16}, second_ns), 0);
  CHECK_EQ(bench.send({.begin = 32, .more = false}, 2 * second_ns), 0);
  CHECK_EQ((*bench).untold_packets(), 2);
  const auto told = bench.told();
  if (!CHECK_EQ(told.size(), 1)) return;
  CHECK_EQ(told[0].packets, 2);
  CHECK_EQ(told[0].bytes, 200);
  CHECK_EQ(told[0].first_ns, second_ns);
  CHECK_EQ(told[0].last_ns, 2 * second_ns);
  CHECK_EQ(told[0].datagram, dissected({.begin = 0}).fragment.datagram);
  CHECK_EQ(told[0].tuple.src_port, 0);
  CHECK_EQ((*bench).untold_packets(), 0);
  // Once, however often it is asked.
  CHECK_EQ(bench.told().size(), 0);
}

TEST(a_first_piece_whose_rest_is_elsewhere_is_told_without_packets) {
  Bench bench;
  CHECK_EQ(bench.send({.begin = 0, .port = 99}), 1);
  const auto told = bench.told();
  if (!CHECK_EQ(told.size(), 1)) return;
  CHECK_EQ(told[0].packets, 0);
  CHECK_EQ(told[0].tuple.dst_port, 99);
  CHECK(told[0].datagram != 0);
  CHECK_EQ(bench.told().size(), 0);
  // It is still known here.
  CHECK_EQ(bench.send({.begin = 16}), 1);
  CHECK_EQ(bench.joined_port(), 99);
}

TEST(a_first_piece_that_comes_after_its_rest_was_told_is_told_although_all_is_there) {
  Bench bench;
  CHECK_EQ(bench.send({.begin = 16, .more = false}), 0);
  CHECK_EQ(packets_in(bench.told()), 1);
  CHECK_EQ(bench.send({.begin = 0}), 1);
  const auto told = bench.told();
  if (CHECK_EQ(told.size(), 1)) CHECK_EQ(told[0].packets, 0);
}

TEST(an_identification_that_is_used_again_is_another_datagram) {
  Bench bench;
  // Complete: what follows is new, in order or out of it.
  CHECK_EQ(bench.send({.begin = 0, .port = 1}) + bench.send({.begin = 16, .more = false}), 2);
  CHECK_EQ(bench.send({.begin = 16, .more = false}), 0);
  CHECK_EQ(bench.send({.begin = 0, .port = 2}), 2);
  CHECK_EQ(bench.told().size(), 0);
  // A second first piece without an end of the one before.
  CHECK_EQ(bench.send({.id = 9, .begin = 0, .port = 1}) + bench.send({.id = 9, .begin = 0, .port = 2}), 2);
  CHECK_EQ(bench.send({.id = 9, .begin = 16}), 1);
  CHECK_EQ(bench.joined_port(), 2);
  // After the time that a datagram may take.
  CHECK_EQ(bench.send({.id = 8, .begin = 0}, second_ns), 1);
  CHECK_EQ(bench.send({.id = 8, .begin = 16}, 30 * second_ns), 1);
  CHECK_EQ(bench.send({.id = 8, .begin = 16}, 32 * second_ns), 0);
}

TEST(datagrams_beyond_the_bound_push_the_oldest_out_and_are_told) {
  Bench bench{{.datagrams_max = 16, .due_max = 1000}};
  for (unsigned id = 1; id <= 500; ++id) CHECK_EQ(bench.send({.id = id, .begin = 16}, id * 1000), 0);
  CHECK_EQ((*bench).untold_packets(), 500);
  CHECK_EQ(packets_in(bench.told()), 500);
  CHECK_EQ((*bench).take_lost(), 0);
}

TEST(what_finds_no_room_to_be_told_is_counted) {
  Bench bench{{.datagrams_max = 16, .due_max = 10}};
  for (unsigned id = 1; id <= 500; ++id) CHECK_EQ(bench.send({.id = id, .begin = 16}, id * 1000), 0);
  const std::uint64_t told = packets_in(bench.told());
  CHECK_EQ(told, 10);
  CHECK_EQ(told + (*bench).take_lost(), 500);
  CHECK_EQ((*bench).take_lost(), 0);
}

TEST(writing_goes_on_where_there_was_no_more_room) {
  Bench bench;
  for (unsigned id = 1; id <= 20; ++id) (void)bench.send({.id = id, .begin = 16});
  (*bench).settle();
  Sink sink{{}, 7};
  CHECK(!(*bench).write_due(sink));
  CHECK((*bench).has_due());
  sink.room = 1000;
  CHECK((*bench).write_due(sink));
  CHECK_EQ(sink.told.size(), 20);
  CHECK(!(*bench).has_due());
}

TEST(a_cleared_table_knows_nothing) {
  Bench bench;
  (void)bench.send({.begin = 0});
  (void)bench.send({.id = 5, .begin = 16});
  (*bench).clear();
  CHECK_EQ(bench.told().size(), 0);
  CHECK_EQ(bench.send({.begin = 16}), 0);
}

// ---- across workers

namespace {

constexpr std::uint32_t lifetime = 1000;

FragmentStore::First first_at(std::uint64_t datagram, std::uint32_t record, std::uint32_t at, std::uint16_t epoch = 0) {
  return {.datagram = datagram, .flow = record, .record = record, .at = at, .stack = {}, .epoch = epoch};
}
FragmentStore::Later later_at(std::uint64_t datagram, std::uint32_t at, std::uint32_t packets = 1,
                              std::uint16_t epoch = 0) {
  return {.datagram = datagram, .packets = packets, .first = at, .last = at, .epoch = epoch};
}

FragmentStore store_for(std::uint32_t max) {
  auto store = FragmentStore::create(max, FragmentStore::WhenFull::refuse, HashSeed{1});
  if (!store) __builtin_trap();
  return std::move(*store);
}

struct Arrival {
  const char* what;
  std::vector<FragmentStore::First> firsts;
  FragmentStore::Later later;
  int record;  // -1: unjoined
};

}  // namespace

TEST(later_pieces_find_the_first_one_nearest_in_time) {
  const Arrival arrivals[]{
      {"before it", {first_at(5, 3, 100)}, later_at(5, 90), 3},
      {"after it", {first_at(5, 3, 100)}, later_at(5, 101), 3},
      {"another datagram's", {first_at(6, 3, 100)}, later_at(5, 100), -1},
      {"another epoch's", {first_at(5, 3, 100)}, later_at(5, 100, 1, 1), -1},
      {"too long ago", {first_at(5, 3, 100)}, later_at(5, 1101), -1},
      {"just in time", {first_at(5, 3, 100)}, later_at(5, 1100), 3},
      {"the nearer of two", {first_at(5, 3, 100), first_at(5, 4, 500)}, later_at(5, 490), 4},
      {"nearly as far from two flows", {first_at(5, 3, 100), first_at(5, 4, 500)}, later_at(5, 290), -1},
      {"nearly as far from one flow twice", {first_at(5, 3, 100), first_at(5, 3, 500)}, later_at(5, 290), 3},
      {"at one moment with two flows", {first_at(5, 3, 100), first_at(5, 4, 101)}, later_at(5, 100), -1},
      {"nobody's", {}, later_at(5, 100), -1},
  };
  for (const Arrival& c : arrivals) {
    const Note note{c.what};
    for (const bool backwards : {false, true}) {
      FragmentStore store = store_for(100);
      auto firsts = c.firsts;
      if (backwards) std::reverse(firsts.begin(), firsts.end());
      for (const auto& first : firsts) CHECK(store.add(first));
      CHECK(store.add(c.later));
      const auto joined = store.join(lifetime);
      CHECK_EQ(joined.unjoined_packets, c.record < 0 ? 1 : 0);
      for (std::uint32_t record = 0; record < 6; ++record)
        CHECK_EQ(joined.of(record).size(), c.record == static_cast<int>(record) ? 1U : 0U);
    }
  }
}

TEST(a_store_is_bounded_and_hostile_identifications_cost_little) {
  constexpr std::uint32_t max = 50'000;
  FragmentStore store = store_for(max);
  for (std::uint32_t i = 0; i < max; ++i) {
    CHECK(store.add(first_at(1, i, i % 7)));
    CHECK(store.add(later_at(1, i % 7)));
  }
  CHECK(!store.add(first_at(2, 0, 0)));
  CHECK(!store.add(later_at(2, 0)));
  CHECK_EQ(store.join(lifetime).unjoined_packets, max);
}

}  // namespace fanout::test
