// What a member knows about the order in which the packets of its flows reached it. Totals, as all counters.
#pragma once

#include <cstdint>

namespace fanout {

struct OrderCounts {
  std::uint64_t checked = 0;     // packets that could have shown an inversion
  std::uint64_t inversions = 0;  // of those, packets that came after one that was sent later
  std::uint64_t flows = 0;       // with at least one inversion
  // Of the inversions, where TCP is the evidence.
  std::uint64_t syn_ack_first = 0;
  std::uint64_t ack_first = 0;
  // Time stamps that went back within a flow. No inversions: see docs/verdicts.md, "Order".
  std::uint64_t time_stamp = 0;
};

// RFC 1982: 32-bit numbers that wrap around.
[[nodiscard]] constexpr bool is_after(std::uint32_t x, std::uint32_t y) noexcept {
  return static_cast<std::int32_t>(x - y) > 0;
}

}  // namespace fanout
