// Which packets a member judges, by their time stamps: CLOCK_REALTIME in nanoseconds, which may be set back.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include "core/packet/ignored.hpp"

namespace fanout {

struct JudgedSpan {
  // Clocks of several CPUs differ by less.
  static constexpr std::uint64_t ahead_max_ns = 1'000'000;

  std::uint64_t from_ns = 0;
  std::uint64_t until_ns = std::numeric_limits<std::uint64_t>::max();

  // Why a packet with this stamp is not judged when the clock says `now_ns`; nothing: it is. One from the future was
  // stamped before the clock was set back. It is older than what it seems to be younger than, and the group may have
  // been another one.
  [[nodiscard]] constexpr std::optional<IgnoreReason> refusal(std::uint64_t stamp_ns,
                                                              std::uint64_t now_ns) const noexcept {
    if (stamp_ns < from_ns || stamp_ns > now_ns + ahead_max_ns) return IgnoreReason::before_start;
    if (stamp_ns >= until_ns) return IgnoreReason::after_end;
    return std::nullopt;
  }
};

}  // namespace fanout
