// The verdict on one flow, from where its packets were seen. Pure, and the same for every order of arrival.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <span>

#include "flow_key.hpp"

namespace fanout {

enum class FlowVerdict : std::uint8_t { none = 0, one_way, consistent, asymmetric, split };

// One member saw packets of one direction within one epoch.
struct Sighting {
  std::uint16_t epoch = 0;
  std::uint16_t member = 0;
  Direction direction = Direction::forward;
  std::uint64_t first_ns = 0;
};

// Membership was constant from the epoch's start until `end_ns`. After a member was lost nobody knows to the nanosecond when: packets
// first seen after the last sign that all members lived may have been steered by the smaller group, and prove nothing.
struct EpochWindow {
  static constexpr std::uint64_t open = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t end_ns = open;
};

// Evidence is compared within one epoch only; the worst epoch decides. Two directions seen in different epochs stay one-way.
// `on_consistent(epoch, member)` is called for every epoch in which both directions were seen on one member and nowhere else.
template <typename OnConsistent>
[[nodiscard]] FlowVerdict judge_flow(std::span<const Sighting> sightings, std::span<const EpochWindow> windows, OnConsistent&& on_consistent) noexcept {
  constexpr std::uint32_t nowhere = std::numeric_limits<std::uint32_t>::max();
  constexpr std::uint32_t several = nowhere - 1;
  // A run may have many epochs, and hardly any flow lives through more than a few of them.
  std::uint32_t first = nowhere;
  std::uint32_t last = 0;
  for (const Sighting& s : sightings) {
    if (s.epoch >= windows.size()) continue;
    first = std::min<std::uint32_t>(first, s.epoch);
    last = std::max<std::uint32_t>(last, s.epoch);
  }
  FlowVerdict worst = FlowVerdict::none;
  for (std::uint32_t epoch = first; epoch <= last; ++epoch) {
    std::uint32_t where[2]{nowhere, nowhere};
    for (const Sighting& s : sightings) {
      if (s.epoch != epoch || s.first_ns >= windows[epoch].end_ns) continue;
      std::uint32_t& member = where[static_cast<std::size_t>(s.direction)];
      if (member == nowhere) member = s.member;
      else if (member != s.member) member = several;
    }
    FlowVerdict verdict = FlowVerdict::none;
    if (where[0] == several || where[1] == several) verdict = FlowVerdict::split;
    else if (where[0] == nowhere && where[1] == nowhere) verdict = FlowVerdict::none;
    else if (where[0] == nowhere || where[1] == nowhere) verdict = FlowVerdict::one_way;
    else if (where[0] != where[1]) verdict = FlowVerdict::asymmetric;
    else {
      verdict = FlowVerdict::consistent;
      on_consistent(epoch, static_cast<std::uint16_t>(where[0]));
    }
    if (verdict > worst) worst = verdict;
  }
  return worst;
}

}  // namespace fanout
