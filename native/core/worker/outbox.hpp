// Finished batches on their way from the capture thread to the socket: a fixed number of buffers, so that a slow
// collector costs no memory.
#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>

#include "core/base/mapped_region.hpp"
#include "core/base/result.hpp"

namespace fanout {

class Outbox {
 public:
  static constexpr std::size_t slot_count = 4;
  static constexpr std::size_t slot_bytes = std::size_t{64} << 10;
  static constexpr std::size_t frame_header_bytes = 4;  // the length that precedes a message on the socket

  struct Filled {
    std::uint32_t slot = 0;
    std::uint32_t length = 0;  // header and message
  };

  [[nodiscard]] static Result<MappedRegion> allocate() noexcept {
    return MappedRegion::anonymous(slot_count * slot_bytes, Pages::small);
  }
  explicit Outbox(MappedRegion memory) noexcept : memory_(std::move(memory)) {}

  [[nodiscard]] std::span<std::byte> slot(std::uint32_t index) const noexcept {
    return memory_.bytes().subspan(index * slot_bytes, slot_bytes);
  }

  // Capture thread: a free buffer, waiting for one no longer than `patience`, and not at all once nobody will release
  // one.
  [[nodiscard]] std::optional<std::uint32_t> acquire(std::chrono::milliseconds patience) noexcept {
    std::unique_lock lock{mutex_};
    if (patience.count() > 0)
      released_.wait_for(lock, patience, [this] { return closed_ || next_free() != slot_count; });
    const std::size_t index = next_free();
    if (index == slot_count) return std::nullopt;
    state_[index] = State::writing;
    return static_cast<std::uint32_t>(index);
  }
  // Capture thread: hands the buffer over; lengths count frame header and message.
  void publish(std::uint32_t index, std::size_t length) noexcept {
    const std::lock_guard lock{mutex_};
    state_[index] = State::filled;
    queue_[(queue_head_ + queue_length_++) % slot_count] = {index, static_cast<std::uint32_t>(length)};
  }
  void give_back(std::uint32_t index) noexcept { release(index); }

  // The other thread: the oldest finished batch, its own until release().
  [[nodiscard]] std::optional<Filled> take() noexcept {
    const std::lock_guard lock{mutex_};
    if (queue_length_ == 0) return std::nullopt;
    const Filled filled = queue_[queue_head_];
    queue_head_ = (queue_head_ + 1) % slot_count;
    --queue_length_;
    state_[filled.slot] = State::taken;
    return filled;
  }
  void release(std::uint32_t index) noexcept {
    {
      const std::lock_guard lock{mutex_};
      if (index >= slot_count) return;
      state_[index] = State::free;
    }
    released_.notify_one();
  }
  // No release() will come any more: the thread that takes is about to wait for the one that fills.
  void close() noexcept {
    {
      const std::lock_guard lock{mutex_};
      closed_ = true;
    }
    released_.notify_one();
  }
  [[nodiscard]] bool closed() const noexcept {
    const std::lock_guard lock{mutex_};
    return closed_;
  }

 private:
  enum class State : std::uint8_t { free, writing, filled, taken };

  [[nodiscard]] std::size_t next_free() const noexcept {
    std::size_t i = 0;
    while (i < slot_count && state_[i] != State::free) ++i;
    return i;
  }

  MappedRegion memory_;
  mutable std::mutex mutex_;
  std::condition_variable released_;
  std::array<State, slot_count> state_{};
  std::array<Filled, slot_count> queue_{};
  std::size_t queue_head_ = 0;
  std::size_t queue_length_ = 0;
  bool closed_ = false;
};

}  // namespace fanout
