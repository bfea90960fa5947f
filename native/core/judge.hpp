// The verdict on one flow, from where its packets were seen. Pure, and the same for every order of arrival.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "content.hpp"
#include "flow_key.hpp"

namespace fanout {

// In the order in which a worse one outranks a better.
enum class FlowVerdict : std::uint8_t { none = 0, one_way, consistent, duplicated, asymmetric, split };

// One member saw packets of one direction within one epoch.
struct Sighting {
  std::uint16_t epoch = 0;
  std::uint16_t member = 0;
  Direction direction = Direction::forward;
  std::uint64_t first_ns = 0;
  std::uint64_t last_ns = 0;
  ContentMark content = 0;
  std::uint64_t packets = 0;
};

// Membership was constant from the epoch's start until `end_ns`. After a member was lost nobody knows to the nanosecond when:
// packets first seen after the last sign that all members lived may have been steered by the smaller group, and prove nothing.
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
};

// Whether two members saw the same packets. The run may have begun or ended between two copies, or some were lost: so one end has
// to agree, not both, and the numbers nearly.
[[nodiscard]] inline bool are_copies(const MemberView& x, const MemberView& y) noexcept {
  const auto near = [](std::uint64_t a, std::uint64_t b) { return (a > b ? a - b : b - a) <= content::apart_max_ns; };
  const auto [fewer, more] = std::minmax(x.packets, y.packets);
  return content::may_be_copies(x.content, y.content) && more - fewer <= more / 4 &&
         (near(x.first_ns, y.first_ns) || near(x.last_ns, y.last_ns));
}

// The members that saw one direction, each once. Hardly ever more than one, which takes no memory.
class Whereabouts {
 public:
  void add(const Sighting& s) {
    const MemberView seen{s.member, s.content, s.first_ns, s.last_ns, s.packets};
    if (members_ == 0) {
      front_ = seen;
      members_ = 1;
      return;
    }
    if (front_.member == s.member) return merge(front_, seen);
    const auto known = std::find_if(others_.begin(), others_.end(), [&](const MemberView& v) { return v.member == s.member; });
    if (known != others_.end()) return merge(*known, seen);
    others_.push_back(seen);
    ++members_;
  }
  void clear() noexcept {
    members_ = 0;
    others_.clear();
  }

  [[nodiscard]] std::size_t members() const noexcept { return members_; }
  [[nodiscard]] std::uint16_t front() const noexcept { return front_.member; }
  [[nodiscard]] bool has(std::uint16_t member) const noexcept {
    return members_ != 0 && (front_.member == member || std::any_of(others_.begin(), others_.end(),
                                                                    [&](const MemberView& v) { return v.member == member; }));
  }
  // Several members saw this direction, and all of them the same packets.
  [[nodiscard]] bool copied() const noexcept {
    return members_ > 1 &&
           std::all_of(others_.begin(), others_.end(), [&](const MemberView& v) { return are_copies(front_, v); });
  }
  [[nodiscard]] bool meets(const Whereabouts& other) const noexcept {
    return members_ != 0 && (other.has(front_.member) || std::any_of(others_.begin(), others_.end(),
                                                                     [&](const MemberView& v) { return other.has(v.member); }));
  }

 private:
  static void merge(MemberView& into, const MemberView& seen) noexcept {
    into.content = content::least(into.content, seen.content);
    into.first_ns = std::min(into.first_ns, seen.first_ns);
    into.last_ns = std::max(into.last_ns, seen.last_ns);
    into.packets += seen.packets;
  }

  std::size_t members_ = 0;
  MemberView front_;
  std::vector<MemberView> others_;
};

// Within one epoch. Copies of the flow on other members do not part it as long as one member has both directions.
[[nodiscard]] inline FlowVerdict judge_epoch(const Whereabouts& forward, const Whereabouts& reverse) noexcept {
  const auto parted = [](const Whereabouts& w) { return w.members() > 1 && !w.copied(); };
  const bool two_way = forward.members() != 0 && reverse.members() != 0;
  if (parted(forward) || parted(reverse)) return FlowVerdict::split;
  if (two_way && !forward.meets(reverse)) return FlowVerdict::asymmetric;
  if (forward.members() > 1 || reverse.members() > 1) return FlowVerdict::duplicated;
  if (two_way) return FlowVerdict::consistent;
  return forward.members() + reverse.members() == 0 ? FlowVerdict::none : FlowVerdict::one_way;
}

// Evidence is compared within one epoch only; the worst epoch decides. Two directions seen in different epochs stay one-way.
// `on_consistent(epoch, member)` is called for every epoch in which both directions were seen on one member and nowhere else.
template <typename OnConsistent>
[[nodiscard]] FlowVerdict judge_flow(std::span<const Sighting> sightings, std::span<const EpochWindow> windows,
                                     OnConsistent&& on_consistent) {
  // A run may have many epochs, and hardly any flow lives through more than a few of them.
  std::uint32_t first = std::numeric_limits<std::uint32_t>::max();
  std::uint32_t last = 0;
  for (const Sighting& s : sightings) {
    if (s.epoch >= windows.size()) continue;
    first = std::min<std::uint32_t>(first, s.epoch);
    last = std::max<std::uint32_t>(last, s.epoch);
  }
  FlowVerdict worst = FlowVerdict::none;
  std::array<Whereabouts, 2> where;
  for (std::uint32_t epoch = first; epoch <= last; ++epoch) {
    for (Whereabouts& w : where) w.clear();
    for (const Sighting& s : sightings)
      if (s.epoch == epoch && s.first_ns < windows[epoch].end_ns) where[static_cast<std::size_t>(s.direction)].add(s);
    const FlowVerdict verdict = judge_epoch(where[0], where[1]);
    if (verdict == FlowVerdict::consistent) on_consistent(epoch, where[0].front());
    worst = std::max(worst, verdict);
  }
  return worst;
}

}  // namespace fanout
