// Two answers of a flow map, compared field by field.
#pragma once

#include <cstdint>
#include <tuple>

#include "core/evidence/evidence.hpp"
#include "test/check.hpp"

namespace fanout {

inline bool operator==(const FlowSight& x, const FlowSight& y) noexcept {
  return x.where.epoch == y.where.epoch && x.where.member == y.where.member && x.where.direction == y.where.direction &&
         x.where.first_ns == y.where.first_ns && x.stack == y.stack && x.kernel_key == y.kernel_key &&
         x.where.packets == y.where.packets && x.bytes == y.bytes && x.where.last_ns == y.where.last_ns &&
         x.marks == y.marks;
}

}  // namespace fanout

namespace fanout::test {

// The resolution of times in the map.
inline constexpr std::uint64_t tick_ns = 65536;
constexpr std::uint64_t floor_to_tick(std::uint64_t ns) { return ns / tick_ns * tick_ns; }

inline auto rank_of(const ViolationSignature& s) {
  return std::tuple{s.kind,        s.stack.packed(),    s.one_kernel_key,     s.top_bit_pair,     s.label_one_way,
                    s.fragments,   s.stale_ipv6,        s.mixed_wrappings,    s.on_one_packet,    s.sent_tagged,
                    s.tags_differ, s.whole_keys_differ, s.only_index_differs, s.wrapping.packed()};
}

inline bool same_signature(const ViolationSignature& x, const ViolationSignature& y) {
  return rank_of(x) == rank_of(y);
}

inline void expect_same(const FlowCounts& actual, const FlowCounts& expected) {
  CHECK_EQ(actual.total, expected.total);
  CHECK_EQ(actual.one_way, expected.one_way);
  CHECK_EQ(actual.consistent, expected.consistent);
  CHECK_EQ(actual.asymmetric, expected.asymmetric);
  CHECK_EQ(actual.split, expected.split);
  CHECK_EQ(actual.unjudged, expected.unjudged);
}

// All but the violations one by one.
inline void expect_same_counts(const Evidence& actual, const Evidence& expected) {
  expect_same(actual.flows, expected.flows);
  CHECK_EQ(actual.two_way, expected.two_way);
  CHECK_EQ(actual.judged_packets, expected.judged_packets);
  CHECK_EQ(actual.unmatched_errors, expected.unmatched_errors);
  CHECK_EQ(actual.unjoined_fragments, expected.unjoined_fragments);
  CHECK_EQ(actual.top_flow_packets, expected.top_flow_packets);
  CHECK(actual.flows_by_member == expected.flows_by_member);
  CHECK(actual.two_way_by_epoch_and_member == expected.two_way_by_epoch_and_member);
  CHECK_EQ(actual.violations_omitted, expected.violations_omitted);
  if (CHECK_EQ(actual.stacks.size(), expected.stacks.size())) {
    for (std::size_t i = 0; i < actual.stacks.size(); ++i) {
      CHECK(actual.stacks[i].stack == expected.stacks[i].stack);
      expect_same(actual.stacks[i].flows, expected.stacks[i].flows);
      CHECK_EQ(actual.stacks[i].two_way, expected.stacks[i].two_way);
      CHECK(actual.stacks[i].two_way_by_member == expected.stacks[i].two_way_by_member);
      CHECK_EQ(actual.stacks[i].errors_elsewhere, expected.stacks[i].errors_elsewhere);
      CHECK_EQ(actual.stacks[i].sent_tagged, expected.stacks[i].sent_tagged);
    }
  }
  if (CHECK_EQ(actual.groups.size(), expected.groups.size())) {
    for (std::size_t i = 0; i < actual.groups.size(); ++i) {
      CHECK(same_signature(actual.groups[i].first, expected.groups[i].first));
      CHECK_EQ(actual.groups[i].second, expected.groups[i].second);
    }
  }
}

inline void expect_same(const Evidence& actual, const Evidence& expected) {
  expect_same_counts(actual, expected);
  if (CHECK_EQ(actual.violations.size(), expected.violations.size())) {
    for (std::size_t i = 0; i < actual.violations.size(); ++i) {
      CHECK(actual.violations[i].key == expected.violations[i].key);
      CHECK(same_signature(actual.violations[i].signature, expected.violations[i].signature));
      CHECK(actual.violations[i].sights == expected.violations[i].sights);
    }
  }
}

}  // namespace fanout::test
