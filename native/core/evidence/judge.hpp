// The verdict on one flow, from where its packets were seen. Pure, and the same for every order of arrival.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "core/packet/content.hpp"
#include "core/packet/flow_key.hpp"

namespace fanout {

// In the order in which a worse one outranks a better.
enum class FlowVerdict : std::uint8_t { none = 0, one_way, consistent, duplicated, asymmetric, split };
[[nodiscard]] constexpr bool is_violation(FlowVerdict verdict) noexcept { return verdict >= FlowVerdict::duplicated; }

// One member saw packets of one direction within one epoch.
struct Sighting {
  std::uint16_t epoch = 0;
  std::uint16_t member = 0;
  Direction direction = Direction::forward;
  std::uint64_t first_ns = 0;
  std::uint64_t last_ns = 0;
  ContentMark content = 0;
  std::uint64_t packets = 0;
  bool timeless =
      false;  // `content` tells copies by itself: the time of a capture file is in it, and not that of the replay
};

// Membership was constant from the epoch's start until `end_ns`. After a member was lost nobody knows to the nanosecond
// when: packets first seen after the last sign that all members lived may have been steered by the smaller group, and
// prove nothing.
struct EpochWindow {
  static constexpr std::uint64_t open = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t end_ns = open;
};

// What one member saw of one direction within an epoch, in whatever wrapping and under whichever kernel key.
struct MemberView {
  std::uint16_t member = 0;
  ContentMark content = 0;
  std::uint64_t first_ns = 0;
  std::uint64_t last_ns = 0;
  std::uint64_t packets = 0;
  bool timeless = false;
};

// Whether two members saw the same packets. The run may have begun or ended between two copies, or some were lost: so
// one end has to agree, not both, and the numbers nearly.
[[nodiscard]] inline bool are_copies(const MemberView& x, const MemberView& y) noexcept {
  const auto near = [](std::uint64_t a, std::uint64_t b) { return (a > b ? a - b : b - a) <= content::apart_max_ns; };
  const auto [fewer, more] = std::minmax(x.packets, y.packets);
  return content::may_be_copies(x.content, y.content) && more - fewer <= more / 4 &&
         ((x.timeless && y.timeless) || near(x.first_ns, y.first_ns) || near(x.last_ns, y.last_ns));
}

// The members that saw one direction, each once, in their order. Hardly ever more than one, which takes no memory.
class Whereabouts {
 public:
  void add(const Sighting& s) {
    const MemberView seen{s.member, s.content, s.first_ns, s.last_ns, s.packets, s.timeless};
    if (members_ == 0) {
      front_ = seen;
      members_ = 1;
      return;
    }
    if (front_.member == s.member) return merge(front_, seen);
    // Sightings mostly come in the order of their members, of which there may be thousands.
    const auto place = place_of(s.member);
    if (place != others_.end() && place->member == s.member)
      return merge(others_[static_cast<std::size_t>(place - others_.begin())], seen);
    others_.insert(place, seen);
    ++members_;
  }
  void clear() noexcept {
    members_ = 0;
    others_.clear();
  }

  [[nodiscard]] std::size_t members() const noexcept { return members_; }
  [[nodiscard]] std::uint16_t front() const noexcept { return front_.member; }
  [[nodiscard]] bool has(std::uint16_t member) const noexcept {
    if (members_ == 0) return false;
    if (front_.member == member) return true;
    const auto place = place_of(member);
    return place != others_.end() && place->member == member;
  }
  // Several members saw this direction, and all of them the same packets.
  [[nodiscard]] bool copied() const noexcept {
    return members_ > 1 &&
           std::all_of(others_.begin(), others_.end(), [&](const MemberView& v) { return are_copies(front_, v); });
  }
  [[nodiscard]] bool meets(const Whereabouts& other) const noexcept {
    return members_ != 0 &&
           (other.has(front_.member) ||
            std::any_of(others_.begin(), others_.end(), [&](const MemberView& v) { return other.has(v.member); }));
  }
  // Each member's view in turn.
  [[nodiscard]] const MemberView& operator[](std::size_t i) const noexcept { return i == 0 ? front_ : others_[i - 1]; }
  // As if this one had seen nothing.
  [[nodiscard]] Whereabouts without(std::size_t i) const {
    Whereabouts out = *this;
    if (i == 0 && !others_.empty()) out.front_ = others_.front();
    if (!others_.empty()) out.others_.erase(out.others_.begin() + static_cast<std::ptrdiff_t>(i == 0 ? 0 : i - 1));
    --out.members_;
    return out;
  }

 private:
  [[nodiscard]] std::vector<MemberView>::const_iterator place_of(std::uint16_t member) const noexcept {
    return std::partition_point(others_.begin(), others_.end(), [&](const MemberView& v) { return v.member < member; });
  }
  static void merge(MemberView& into, const MemberView& seen) noexcept {
    into.content = content::least(into.content, seen.content);
    into.first_ns = std::min(into.first_ns, seen.first_ns);
    into.last_ns = std::max(into.last_ns, seen.last_ns);
    into.packets += seen.packets;
  }

  std::size_t members_ = 0;
  MemberView front_;                // the first that was added
  std::vector<MemberView> others_;  // by member
};

// Within one epoch. Copies of the flow on other members do not split it as long as one member has both directions.
[[nodiscard]] inline FlowVerdict judge_epoch(const Whereabouts& forward, const Whereabouts& reverse) noexcept {
  const auto is_split = [](const Whereabouts& w) { return w.members() > 1 && !w.copied(); };
  const bool two_way = forward.members() != 0 && reverse.members() != 0;
  if (is_split(forward) || is_split(reverse)) return FlowVerdict::split;
  if (two_way && !forward.meets(reverse)) return FlowVerdict::asymmetric;
  if (forward.members() > 1 || reverse.members() > 1) return FlowVerdict::duplicated;
  if (two_way) return FlowVerdict::consistent;
  return forward.members() + reverse.members() == 0 ? FlowVerdict::none : FlowVerdict::one_way;
}

using BothDirections = std::array<Whereabouts, 2>;

// `on_epoch(epoch, where)` for each epoch in which something was seen that is not late, in their order.
template <typename OnEpoch>
void for_each_epoch(std::span<const Sighting> sightings, std::span<const EpochWindow> windows, OnEpoch&& on_epoch) {
  const auto by_epoch = [](const Sighting& x, const Sighting& y) { return x.epoch < y.epoch; };
  std::vector<Sighting> sorted;
  if (!std::is_sorted(sightings.begin(), sightings.end(), by_epoch)) {
    sorted.assign(sightings.begin(), sightings.end());
    std::stable_sort(sorted.begin(), sorted.end(), by_epoch);
    sightings = sorted;
  }
  BothDirections where;
  for (std::size_t i = 0; i < sightings.size() && sightings[i].epoch < windows.size();) {
    const std::uint16_t epoch = sightings[i].epoch;
    for (Whereabouts& w : where) w.clear();
    for (; i < sightings.size() && sightings[i].epoch == epoch; ++i) {
      const Sighting& s = sightings[i];
      if (s.first_ns < windows[epoch].end_ns) where[static_cast<std::size_t>(s.direction)].add(s);
    }
    on_epoch(epoch, where);
  }
}

// Evidence is compared within one epoch only; the worst epoch decides. Two directions seen in different epochs stay
// one-way. `on_consistent(epoch, member)` is called for every epoch in which both directions were seen on one member
// and nowhere else.
template <typename OnConsistent>
[[nodiscard]] FlowVerdict judge_flow(std::span<const Sighting> sightings, std::span<const EpochWindow> windows,
                                     OnConsistent&& on_consistent) {
  FlowVerdict worst = FlowVerdict::none;
  for_each_epoch(sightings, windows, [&](std::uint32_t epoch, const BothDirections& where) {
    const FlowVerdict verdict = judge_epoch(where[0], where[1]);
    if (verdict == FlowVerdict::consistent) on_consistent(epoch, where[0].front());
    worst = std::max(worst, verdict);
  });
  return worst;
}

// Whether this epoch would hold no violation if one of these packets had not come.
[[nodiscard]] inline bool is_mended_by_one_packet(const BothDirections& where) {
  // One member that saw both directions, or one that saw one, is all that may be left.
  if (where[0].members() + where[1].members() > 3) return false;
  for (const std::size_t d : {std::size_t{0}, std::size_t{1}}) {
    for (std::size_t i = 0; i < where[d].members(); ++i) {
      if (where[d][i].packets != 1) continue;
      const Whereabouts rest = where[d].without(i);
      if (!is_violation(d == 0 ? judge_epoch(rest, where[1]) : judge_epoch(where[0], rest))) return true;
    }
  }
  return false;
}

// Whether there is one packet without which the flow would be no violation: anybody who can send a packet can make such
// a one.
[[nodiscard]] inline bool rests_on_one_packet(std::span<const Sighting> sightings,
                                              std::span<const EpochWindow> windows) {
  unsigned violated = 0;
  bool is_mended = true;
  for_each_epoch(sightings, windows, [&](std::uint32_t, const BothDirections& where) {
    if (!is_violation(judge_epoch(where[0], where[1]))) return;
    ++violated;
    is_mended = is_mended && is_mended_by_one_packet(where);
  });
  return violated == 1 && is_mended;
}

}  // namespace fanout
