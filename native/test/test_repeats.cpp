// Copies of a packet have one instance, and what is only alike another one, in whatever order they stand in the file.
#include <set>

#include "core/evidence/repeats.hpp"
#include "core/packet/content.hpp"
#include "test/check.hpp"

using namespace fanout;

namespace {
constexpr std::uint64_t start = 1'700'000'000'000'000'000, ms = 1'000'000, minute = 60'000 * ms;
}

TEST(copies_have_one_instance) {
  Repeats repeats;
  const auto [first, again] = repeats.see(7, start);
  CHECK(!again);
  CHECK(first != 0);
  for (const std::uint64_t later : {std::uint64_t{0}, ms, content::apart_max_ns}) {
    const Repeats::Seen seen = repeats.see(7, start + later);
    CHECK(seen.again);
    CHECK_EQ(seen.instance, first);
  }
  CHECK(!repeats.see(8, start).again);
}

TEST(what_is_alike_and_too_far_apart_is_none) {
  Repeats repeats;
  std::set<std::uint64_t> instances;
  std::uint64_t now = start;
  for (int i = 0; i < 100; ++i, now += content::apart_max_ns + 1) {
    const Repeats::Seen seen = repeats.see(7, now);
    CHECK(!seen.again);
    instances.insert(seen.instance);
  }
  CHECK_EQ(instances.size(), std::size_t{100});
  // Nor does it become one by others in between: a period of any clock, a year, back in time.
  for (const std::uint64_t apart : {std::uint64_t{1} << 33, std::uint64_t{1} << 42, 365 * 24 * 60 * minute})
    CHECK(!repeats.see(7, now += apart).again);
  CHECK(!repeats.see(7, start - minute).again);
}

TEST(the_order_in_the_file_does_not_matter) {
  Repeats repeats;
  // Two captures, a minute apart, that were merged by taking turns.
  const std::uint64_t first = repeats.see(7, start).instance, second = repeats.see(7, start + minute).instance;
  CHECK(first != second);
  CHECK_EQ(repeats.see(7, start + ms).instance, first);
  CHECK_EQ(repeats.see(7, start + minute + ms).instance, second);
  CHECK_EQ(repeats.see(7, start - ms).instance, first);
}

TEST(a_million_packets_a_second_do_not_drive_one_another_out) {
  Repeats repeats;
  constexpr std::uint64_t packets = 30'000;
  unsigned found = 0;
  for (std::uint64_t i = 0; i < packets; ++i) (void)repeats.see(i * 0x9e3779b97f4a7c15, start + i * 1000);
  for (std::uint64_t i = 0; i < packets; ++i)
    found += repeats.see(i * 0x9e3779b97f4a7c15, start + i * 1000 + 30 * ms).again ? 1 : 0;
  // Four places each: hardly ever are five packets of one.
  CHECK(found > packets * 98 / 100);
}
