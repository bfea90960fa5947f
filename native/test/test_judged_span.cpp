// Which packets are judged, by their time stamps and by the clock.
#include "core/worker/judged_span.hpp"
#include "test/check.hpp"

using namespace fanout;

namespace {

constexpr std::uint64_t from = 1'000'000'000, until = 2'000'000'000, now = 3'000'000'000;
constexpr JudgedSpan span{from, until};

bool is_early(std::uint64_t stamp, std::uint64_t at = now) {
  return span.refusal(stamp, at) == IgnoreReason::before_start;
}
bool is_late(std::uint64_t stamp) { return span.refusal(stamp, now) == IgnoreReason::after_end; }
bool is_judged(std::uint64_t stamp, std::uint64_t at = now) { return !span.refusal(stamp, at); }

}  // namespace

TEST(a_span_has_its_first_nanosecond_and_not_its_last) {
  CHECK(is_early(from - 1));
  CHECK(is_judged(from));
  CHECK(is_judged(until - 1));
  CHECK(is_late(until));
}

TEST(a_stamp_from_the_future_is_from_before_the_clock_was_set_back) {
  const std::uint64_t set_back = from + 300'000'000;
  CHECK(is_judged(set_back, set_back));
  CHECK(is_judged(set_back + JudgedSpan::ahead_max_ns, set_back));
  CHECK(is_early(set_back + JudgedSpan::ahead_max_ns + 1, set_back));
}

TEST(a_span_without_an_end_ends_never) {
  CHECK(!JudgedSpan{from}.refusal(std::uint64_t{1} << 62, std::uint64_t{1} << 62));
}
