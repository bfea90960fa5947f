// Copies of packets, told by the least of what they contain. Each packet of a flow has a rank (rank_of() in
// dissect.hpp); the least rank of a set of packets and the time of that packet go into one number, its mark. Two sets
// that hold the same packets have the same least one, at the same time; two that share none differ but for chance
// (about 2^-17 for the rank, 2^-6 for the time).
#pragma once

#include <algorithm>
#include <cstdint>

namespace fanout {

// 22 bits of rank over 10 of time, in units of 2^23 ns, so that marks are ordered by rank and what is merged is the
// minimum. 0: no packet, or nobody looked.
using ContentMark = std::uint32_t;

namespace content {
inline constexpr unsigned time_bits = 10, time_shift = 23;

[[nodiscard]] constexpr ContentMark mark(std::uint32_t rank, std::uint64_t time_ns) noexcept {
  return rank << time_bits | static_cast<std::uint32_t>(time_ns >> time_shift & ((1U << time_bits) - 1));
}

[[nodiscard]] constexpr ContentMark least(ContentMark x, ContentMark y) noexcept { return std::min(x - 1, y - 1) + 1; }

// How far apart two copies may arrive, 67 ms: routers and mirrors take microseconds, full queues and busy hosts
// milliseconds.
inline constexpr std::uint64_t apart_max_ns = 8ULL << time_shift;

[[nodiscard]] constexpr bool may_be_copies(ContentMark x, ContentMark y) noexcept {
  constexpr std::uint32_t period = 1U << time_bits;
  const std::uint32_t apart = (x - y) % period;
  constexpr std::uint32_t most = apart_max_ns >> time_shift;
  return x != 0 && y != 0 && x >> time_bits == y >> time_bits && std::min(apart, period - apart) <= most;
}
}  // namespace content

}  // namespace fanout
