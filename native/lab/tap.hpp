// A multi-queue TAP. What is written to queue i is received by the interface on its receive queue i, on the writer's
// CPU and before write(2) returns: the lab chooses queue and CPU of every packet, and nothing can be lost on the way to
// the taps.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"
#include "core/base/unique_fd.hpp"
#include "lab/frame_sink.hpp"

namespace fanout {

class Tap final : public FrameSink {
 public:
  static constexpr std::size_t queues_max = 256;  // MAX_TAP_QUEUES in drivers/net/tun.c

  // Makes a new interface, which is down; an interface of this name that exists already is EBUSY. A name such as
  // "tap%d" lets the kernel choose. The interface goes away with the last descriptor.
  [[nodiscard]] static Result<Tap> open(std::string_view name, std::size_t queues) noexcept;

  // One that was opened in this way before this program was replaced by itself: its descriptors, queue by queue.
  [[nodiscard]] static Result<Tap> adopt(std::vector<UniqueFd> queues) noexcept;
  [[nodiscard]] int descriptor(std::size_t queue) const noexcept { return queues_[queue].get(); }

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] std::size_t queue_count() const noexcept override { return queues_.size(); }

  [[nodiscard]] Result<Taken> send(std::span<const OutgoingFrame> frames) noexcept override;
  // One frame that the kernel sent out of the interface and put on this queue; its length, or 0 when there is none.
  // For a frame of a flow that the TAP never received, the queue is floor(symmetric hash * queues / 2^32): the member
  // that a HASH fanout group of as many members would choose (tun_automq_select_queue).
  [[nodiscard]] Result<std::size_t> read(std::size_t queue, std::span<std::byte> buffer) noexcept;

 private:
  Tap() noexcept = default;

  std::string name_;
  std::vector<UniqueFd> queues_;
};

}  // namespace fanout
