// The worker's counters against a plain std::map: whatever is added is told, once, and nothing else is.
#include <map>
#include <tuple>
#include <vector>

#include "core/worker/flow_cache.hpp"
#include "test/check.hpp"
#include "test/generate.hpp"

using namespace fanout;
using namespace fanout::test;

namespace {

Dissection packet_of(const FiveTuple& tuple, std::uint64_t kernel_key = 1,
                     Stack stack = stack_of({Layer::ipv4, Layer::tcp}), std::uint8_t marks = 0) {
  Dissection d;
  d.kind = PacketKind::flow;
  d.direction = direction_of(tuple);
  d.key = canonical(tuple, d.direction);
  d.kernel_key = kernel_key;
  d.flow_hash = mix(tuple.src_port ^ tuple.dst_port, d.key.a[3] + d.key.b[3] + d.key.a[15]);
  d.stack = stack;
  d.marks = marks;
  return d;
}

struct Packet {
  Dissection dissection;
  std::uint32_t bytes = 60;
  std::uint64_t time_ns = 0;
};

bool add(FlowCache& cache, const Packet& p) {
  return cache.add(p.dissection, FlowCache::hash_of(p.dissection, {}), {p.bytes, p.time_ns, p.time_ns, 1, 0})
      .has_value();
}

// One direction of one flow as one kernel key and one stack.
using Line = std::tuple<std::string, std::uint8_t, std::uint64_t, std::uint64_t>;

struct Total {
  std::uint64_t packets = 0, bytes = 0, first_ns = ~std::uint64_t{0}, last_ns = 0;
  unsigned marks = 0;
  bool operator==(const Total&) const = default;
};

using Book = std::map<Line, Total>;

Line line_of(const FlowKey& key, Direction direction, std::uint64_t kernel_key, Stack stack) {
  return {std::string(reinterpret_cast<const char*>(&key), sizeof key), static_cast<std::uint8_t>(direction),
          kernel_key, stack.packed()};
}

void enter(Book& book, const Line& line, std::uint64_t packets, std::uint64_t bytes, std::uint64_t first,
           std::uint64_t last, unsigned marks) {
  Total& t = book[line];
  t.packets += packets;
  t.bytes += bytes;
  t.first_ns = std::min(t.first_ns, first);
  t.last_ns = std::max(t.last_ns, last);
  t.marks |= marks;
}

void enter(Book& book, const Packet& p) {
  const Dissection& d = p.dissection;
  enter(book, line_of(d.key, d.direction, d.kernel_key, d.stack), 1, p.bytes, p.time_ns, p.time_ns, d.marks);
}

// Reads what the cache wrote as the collector would.
std::uint32_t enter_batch(Book& book, std::span<const std::byte> message) {
  wire::BatchReader reader{message};
  std::uint32_t count = 0;
  for (Observation o; reader.next(o); ++count) {
    const Direction direction = direction_of(o.tuple);
    enter(book, line_of(canonical(o.tuple, direction), direction, o.kernel_key, o.stack), o.packets, o.bytes,
          o.first_ns, o.last_ns, o.marks);
  }
  CHECK(reader.ok());
  return count;
}

constexpr std::size_t room_for(std::size_t observations) {
  return wire::batch_header_bytes + observations * wire::observation_bytes_max;
}

// Tells in batches of a buffer's size until `write` says that all is told; gives the number of observations.
template <typename Write>
std::uint32_t tell(Book& book, std::size_t buffer_bytes, Write&& write) {
  std::vector<std::byte> buffer(buffer_bytes);
  std::uint32_t told = 0;
  for (bool all = false; !all;) {
    wire::BatchWriter writer{buffer, 0, 0};
    all = write(writer);
    // A batch that says nothing and is not the last would never end.
    if (!CHECK(all || writer.count() > 0)) return told;
    told += enter_batch(book, std::span{buffer}.first(writer.finish()));
  }
  return told;
}

std::uint32_t tell_changes(Book& book, FlowCache& cache, std::size_t buffer_bytes = room_for(100)) {
  std::uint32_t cursor = 0;
  return tell(book, buffer_bytes, [&](wire::BatchWriter& writer) { return cache.write_changes(writer, cursor); });
}

std::uint32_t tell_news(Book& book, FlowCache& cache, std::size_t buffer_bytes = room_for(100)) {
  return tell(book, buffer_bytes, [&](wire::BatchWriter& writer) { return cache.write_news(writer); });
}

FlowCache cache_for(std::uint32_t flows_max) {
  auto cache = FlowCache::create({flows_max});
  if (!cache) __builtin_trap();
  return std::move(*cache);
}

Packet any_packet(Random& random, std::uint32_t flows) {
  FiveTuple tuple = tuple_of(random.below(flows));
  if (random.one_in(2)) tuple = reversed(tuple);
  const Stack stack =
      random.one_in(8) ? stack_of({Layer::vlan, Layer::ipv4, Layer::tcp}) : stack_of({Layer::ipv4, Layer::tcp});
  Packet p;
  p.dissection =
      packet_of(tuple, random.below(3), stack, static_cast<std::uint8_t>(random.one_in(16) ? mark_fragment : 0));
  p.bytes = 60 + random.below(1455);
  p.time_ns = random.next() >> 20;
  return p;
}

}  // namespace

TEST(counts_agree_with_a_map_under_random_traffic) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    const Note note{"seed " + std::to_string(seed)};
    Random random{seed};
    FlowCache cache = cache_for(1U << 16);
    Book added;
    Book told;
    for (int i = 0; i < 30'000; ++i) {
      const Packet p = any_packet(random, 1000);
      CHECK(add(cache, p));
      enter(added, p);
      if (random.one_in(500)) tell_news(told, cache, room_for(1 + random.below(20)));
      if (random.one_in(5000)) tell_changes(told, cache, room_for(1 + random.below(20)));
    }
    tell_changes(told, cache);
    CHECK_EQ(told.size(), added.size());
    CHECK(told == added);
    // All is told now: there is nothing more to say, not even as news.
    CHECK_EQ(tell_changes(told, cache), 0);
    CHECK_EQ(tell_news(told, cache), 0);
  }
}

TEST(it_grows_far_beyond_its_first_index) {
  constexpr std::uint32_t flows = 100'000;
  FlowCache cache = cache_for(flows);
  Book added;
  Book told;
  for (std::uint32_t n = 0; n < flows; ++n) {
    const Packet p{packet_of(tuple_of(n), n)};
    CHECK(add(cache, p));
    enter(added, p);
  }
  CHECK_EQ(cache.size(), flows);
  // Every one is found again, and none is entered twice.
  for (std::uint32_t n = 0; n < flows; ++n) {
    const Packet p{packet_of(reversed(tuple_of(n)), n)};
    CHECK(add(cache, p));
    enter(added, p);
  }
  CHECK_EQ(cache.size(), flows);
  CHECK_EQ(tell_changes(told, cache, room_for(600)), 2 * flows);
  CHECK(told == added);
}

TEST(a_full_cache_refuses_new_flows_only) {
  FlowCache cache = cache_for(16);
  Book added;
  Book told;
  for (std::uint32_t n = 0; n < 16; ++n) CHECK(add(cache, {packet_of(tuple_of(n))}));
  CHECK(cache.full());
  CHECK(!add(cache, {packet_of(tuple_of(16))}));
  CHECK(add(cache, {packet_of(tuple_of(3))}));
  CHECK(add(cache, {packet_of(reversed(tuple_of(3)))}));
  CHECK_EQ(cache.size(), 16);
  CHECK_EQ(tell_changes(told, cache), 17);
  std::uint64_t packets = 0;
  for (const auto& [line, total] : told) packets += total.packets;
  CHECK_EQ(packets, 18);
  cache.clear();
  CHECK(!cache.full());
  CHECK(add(cache, {packet_of(tuple_of(16))}));
}

TEST(each_direction_is_news_once) {
  FlowCache cache = cache_for(16);
  Book told;
  CHECK(!cache.has_news());
  CHECK(add(cache, {packet_of(tuple_of(1))}));
  CHECK(cache.has_news());
  CHECK_EQ(tell_news(told, cache), 1);
  CHECK(!cache.has_news());
  // More of the same direction waits for the changes; the other direction does not.
  CHECK(add(cache, {packet_of(tuple_of(1))}));
  CHECK(!cache.has_news());
  CHECK(add(cache, {packet_of(reversed(tuple_of(1)))}));
  CHECK(cache.has_news());
  CHECK_EQ(tell_news(told, cache), 1);
  CHECK_EQ(tell_changes(told, cache), 1);
  CHECK_EQ(told.size(), 2);
}

TEST(news_carries_all_packets_up_to_then) {
  FlowCache cache = cache_for(16);
  Book told;
  for (int i = 0; i < 5; ++i) CHECK(add(cache, {packet_of(tuple_of(1))}));
  CHECK_EQ(tell_news(told, cache), 1);
  CHECK_EQ(told.begin()->second.packets, 5);
  CHECK_EQ(tell_changes(told, cache), 0);
}

TEST(news_that_was_told_among_the_changes_is_not_told_again) {
  FlowCache cache = cache_for(16);
  Book told;
  CHECK(add(cache, {packet_of(tuple_of(1))}));
  CHECK_EQ(tell_changes(told, cache), 1);
  CHECK_EQ(tell_news(told, cache), 0);
  CHECK(!cache.has_news());
}

TEST(a_batch_for_one_observation_tells_all_the_same) {
  FlowCache cache = cache_for(64);
  Book added;
  for (std::uint32_t n = 0; n < 64; ++n) {
    for (const FiveTuple& tuple : {tuple_of(n), reversed(tuple_of(n))}) {
      const Packet p{packet_of(tuple), 60, n};
      CHECK(add(cache, p));
      enter(added, p);
    }
  }
  Book news;
  CHECK_EQ(tell_news(news, cache, room_for(1)), 128);
  CHECK(news == added);
  Book changes;
  CHECK_EQ(tell_changes(changes, cache, room_for(1)), 0);
}

TEST(packets_of_a_flow_that_is_being_told_are_told_next_time) {
  FlowCache cache = cache_for(64);
  for (std::uint32_t n = 0; n < 20; ++n) CHECK(add(cache, {packet_of(tuple_of(n))}));
  std::vector<std::byte> buffer(room_for(4));
  Book told;
  std::uint32_t cursor = 0;
  wire::BatchWriter first{buffer, 0, 0};
  CHECK(!cache.write_changes(first, cursor));
  enter_batch(told, std::span{buffer}.first(first.finish()));
  // One before the cursor, one behind it, and one that is new.
  for (const std::uint32_t n : {0U, 19U, 20U}) CHECK(add(cache, {packet_of(tuple_of(n))}));
  wire::BatchWriter second{buffer, 0, 0};
  CHECK(!cache.write_changes(second, cursor));
  enter_batch(told, std::span{buffer}.first(second.finish()));
  tell_changes(told, cache);
  std::uint64_t packets = 0;
  for (const auto& [line, total] : told) packets += total.packets;
  CHECK_EQ(packets, 23);
  CHECK_EQ(told.size(), 21);
}

TEST(times_are_extremes_and_not_the_order_of_arrival) {
  FlowCache cache = cache_for(4);
  Book told;
  for (const std::uint64_t time : {500U, 100U, 900U, 300U}) CHECK(add(cache, {packet_of(tuple_of(1)), 60, time}));
  tell_changes(told, cache);
  CHECK_EQ(told.begin()->second.first_ns, 100);
  CHECK_EQ(told.begin()->second.last_ns, 900);
  // A later interval starts its own: its times may all be earlier.
  Book later;
  CHECK(add(cache, {packet_of(tuple_of(1)), 60, 50}));
  tell_changes(later, cache);
  CHECK_EQ(later.begin()->second.first_ns, 50);
  CHECK_EQ(later.begin()->second.last_ns, 50);
}

TEST(later_pieces_say_nothing_of_their_datagram) {
  const auto told = [](std::initializer_list<std::uint16_t> tags, std::uint8_t marks) {
    FlowCache cache = cache_for(4);
    for (const std::uint16_t its : tags) {
      Dissection d = packet_of(tuple_of(1), 1, stack_of({Layer::ipv4, Layer::frag, Layer::udp}), marks);
      d.tags = its;
      CHECK(add(cache, {d}));
    }
    std::vector<std::byte> buffer(1000);
    wire::BatchWriter writer{buffer, 0, 0};
    CHECK(cache.write_news(writer));
    wire::BatchReader reader{std::span{buffer}.first(writer.finish())};
    Observation o;
    CHECK(reader.next(o));
    return o.tags;
  };
  using tag_digest::unknown, tag_digest::various;
  CHECK_EQ(told({unknown}, mark_fragment), unknown);
  CHECK_EQ(told({unknown, 5, unknown}, mark_fragment), 5);
  CHECK_EQ(told({5, unknown, 5}, mark_fragment), 5);
  CHECK_EQ(told({5, unknown, 6}, mark_fragment), various);
  CHECK_EQ(told({0, unknown}, mark_fragment), 0);
  // Of whole packets it is a value like any other.
  CHECK_EQ(told({unknown}, 0), tag_digest::of_one(unknown));
  CHECK_EQ(told({unknown, 5}, 0), various);
}

TEST(kernel_keys_and_stacks_are_records_of_their_own) {
  FlowCache cache = cache_for(16);
  Book told;
  CHECK(add(cache, {packet_of(tuple_of(1), 7)}));
  CHECK(add(cache, {packet_of(tuple_of(1), 8)}));
  CHECK(add(cache, {packet_of(tuple_of(1), 7, stack_of({Layer::vlan, Layer::ipv4, Layer::tcp}))}));
  CHECK_EQ(cache.size(), 3);
  CHECK_EQ(tell_changes(told, cache), 3);
  CHECK_EQ(told.size(), 3);
}

TEST(records_with_one_hash_are_told_apart) {
  FlowCache cache = cache_for(64);
  Book added;
  Book told;
  const Stack tagged = stack_of({Layer::vlan, Layer::ipv4, Layer::tcp});
  const Packet packets[]{{packet_of(tuple_of(1), 7)},
                         {packet_of(tuple_of(1), 8)},
                         {packet_of(tuple_of(1), 7, tagged)},
                         {packet_of(tuple_of(2), 7)}};
  for (int round = 0; round < 2; ++round) {
    for (const Packet& p : packets) {
      CHECK(cache.add(p.dissection, 42, {p.bytes, p.time_ns, p.time_ns, 1, 0}));
      enter(added, p);
    }
  }
  CHECK_EQ(cache.size(), 4);
  CHECK_EQ(tell_changes(told, cache), 4);
  CHECK(told == added);
}

TEST(a_cleared_cache_starts_anew) {
  FlowCache cache = cache_for(5000);
  Book told;
  for (std::uint32_t n = 0; n < 5000; ++n) CHECK(add(cache, {packet_of(tuple_of(n))}));
  cache.clear();
  CHECK_EQ(cache.size(), 0);
  CHECK(!cache.has_news());
  CHECK_EQ(tell_changes(told, cache), 0);
  CHECK(add(cache, {packet_of(tuple_of(4999))}));
  CHECK(cache.has_news());
  CHECK_EQ(tell_changes(told, cache), 1);
  CHECK_EQ(told.begin()->second.packets, 1);
}

TEST(packets_that_were_not_told_can_be_counted) {
  FlowCache cache = cache_for(16);
  Book told;
  for (int i = 0; i < 3; ++i) CHECK(add(cache, {packet_of(tuple_of(1))}));
  CHECK(add(cache, {packet_of(reversed(tuple_of(2)))}));
  CHECK_EQ(cache.untold_packets(), 4);
  tell_news(told, cache);
  CHECK_EQ(cache.untold_packets(), 0);
  CHECK(add(cache, {packet_of(tuple_of(2))}));
  CHECK_EQ(cache.untold_packets(), 1);
}
