// Packets that come twice: each is found, whatever is looked at, and what is only alike is not.
#include <vector>

#include "core/base/hash.hpp"
#include "core/worker/copies.hpp"
#include "test/check.hpp"

using namespace fanout;
using namespace fanout::test;

namespace {

constexpr std::uint64_t start = 1'700'000'000'000'000'000, us = 1000, ms = 1'000'000;

std::uint64_t content_of(std::uint64_t n) { return mix(n + 1, 0x9e3779b97f4a7c15); }

void offer(Copies& copies, std::uint64_t content, std::uint64_t time_ns, bool outgoing = false) {
  if (copies.looks_at(content)) copies.see(mix(content, 0x5eed), time_ns, outgoing);
}

}  // namespace

TEST(every_packet_twice_is_half_of_them_however_many) {
  for (const std::uint64_t packets : {1ULL, 1000ULL, 100'000ULL}) {
    Copies copies = Copies::create();
    for (std::uint64_t n = 0; n < packets; ++n)
      for (const std::uint64_t later : {0ULL, 3ULL}) offer(copies, content_of(n), start + n * 10 * us + later * us);
    const CopyCounts& c = copies.counts();
    CHECK_EQ(c.again * 2, c.looked);
    CHECK_EQ(c.crossed, 0);
    CHECK_EQ(c.apart_ns, c.again * 3 * us);
    if (packets <= 2000) CHECK_EQ(c.looked, packets * 2);
    // One of 64 of the others.
    if (packets > 2000) CHECK(c.looked > 4096 + packets * 2 / 80 && c.looked < 4096 + packets * 2 / 50);
  }
}

TEST(copies_from_both_sides_of_this_host_are_told) {
  Copies copies = Copies::create();
  for (std::uint64_t n = 0; n < 100; ++n) {
    offer(copies, content_of(n), start + n * us, true);
    offer(copies, content_of(n), start + n * us, n % 2 == 0);
  }
  CHECK_EQ(copies.counts().again, 100);
  CHECK_EQ(copies.counts().crossed, 50);
}

TEST(what_is_alike_after_longer_is_no_copy) {
  Copies copies = Copies::create();
  for (const std::uint64_t at : {0ULL, 68ULL, 136ULL}) offer(copies, content_of(7), start + at * ms);
  CHECK_EQ(copies.counts().again, 0);
  offer(copies, content_of(7), start + 136 * ms - 60 * ms);
  CHECK_EQ(copies.counts().again, 1);
  CHECK_EQ(copies.counts().apart_ns, 8 * ms);
}

TEST(packets_that_differ_are_no_copies_and_what_is_kept_is_bounded) {
  Copies copies = Copies::create();
  for (std::uint64_t n = 0; n < 1'000'000; ++n) offer(copies, content_of(n), start + n * us);
  CHECK_EQ(copies.counts().again, 0);
  // All that was remembered came later.
  offer(copies, content_of(0), start);
  CHECK_EQ(copies.counts().again, 0);
}

TEST(one_that_looks_at_nothing) {
  Copies copies;
  for (std::uint64_t n = 0; n < 10'000; ++n) CHECK(!copies.looks_at(content_of(n)));
  copies.see(1, start, false);
  CHECK_EQ(copies.counts().looked, 0);
}
