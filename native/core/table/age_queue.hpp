// Which flows make room first: those that were seen last the longest ago, in steps of 4.3 s, and within a step those
// that came first. A flow that is seen again stays where it is and is moved when its turn comes: so nothing is to be
// done when a packet is counted, and every move is paid for by a sighting.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include "core/base/mapped_region.hpp"
#include "core/base/result.hpp"

namespace fanout {

// Times are in the ticks of the flow map.
class AgeQueue {
 public:
  static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();
  static constexpr std::size_t bytes_per_record = sizeof(std::uint32_t);

  AgeQueue() noexcept = default;

  [[nodiscard]] static Result<AgeQueue> create(std::uint32_t records_max) noexcept {
    auto behind = MappedRegion::anonymous(records_max * bytes_per_record, Pages::huge);
    if (!behind) return behind.error();
    auto steps = MappedRegion::anonymous(step_count * sizeof(Step), Pages::small);
    if (!steps) return steps.error();
    AgeQueue queue;
    queue.behind_ = std::move(*behind);
    queue.steps_ = std::move(*steps);
    return queue;
  }

  // At the end of the step of its time. Steps whose turn is over are not opened again: what would belong there is the
  // next to go.
  void push(std::uint32_t record, std::uint32_t tick) noexcept {
    Step& step = steps()[std::max(step_of(tick), oldest_)];
    if (step.first == 0)
      step.first = record + 1;
    else
      behind()[step.last - 1] = record + 1;
    behind()[record] = 0;
    step.last = record + 1;
    newest_ = std::max({newest_, step_of(tick), oldest_});
  }

  // Takes the first out of the queue, or gives `none`.
  [[nodiscard]] std::uint32_t pop() noexcept {
    // As many steps as a run has, and never back: less than one for a flow that makes room.
    while (steps()[oldest_].first == 0 && oldest_ < newest_) ++oldest_;
    Step& step = steps()[oldest_];
    if (step.first == 0) return none;
    const std::uint32_t record = step.first - 1;
    step.first = behind()[record];
    return record;
  }
  // The one behind it, whose record can be prefetched; `none` if that is not known yet.
  [[nodiscard]] std::uint32_t peek() const noexcept { return steps()[oldest_].first - 1; }

  // Whether something seen at this time has its turn later than what was taken out last.
  [[nodiscard]] bool is_later(std::uint32_t tick) const noexcept { return step_of(tick) > oldest_; }

 private:
  static constexpr unsigned step_shift = 16;
  static constexpr std::size_t step_count = std::size_t{1} << (32 - step_shift);

  // Stored plus one: fresh pages are an empty queue.
  struct Step {
    std::uint32_t first = 0;
    std::uint32_t last = 0;
  };

  [[nodiscard]] static std::uint32_t step_of(std::uint32_t tick) noexcept { return tick >> step_shift; }
  [[nodiscard]] Step* steps() const noexcept { return reinterpret_cast<Step*>(steps_.data()); }
  [[nodiscard]] std::uint32_t* behind() const noexcept { return reinterpret_cast<std::uint32_t*>(behind_.data()); }

  MappedRegion behind_;  // of each record, the one behind it
  MappedRegion steps_;
  std::uint32_t oldest_ = 0;
  std::uint32_t newest_ = 0;
};

}  // namespace fanout
