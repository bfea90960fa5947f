// Sends a prepared set of frames, over and over, at a given rate, from a thread of its own.
#pragma once

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "frame_sink.hpp"
#include "result.hpp"

namespace fanout {

// Frames back to back. Frame i is bytes [offsets[i], offsets[i + 1]), goes to queues[i], and has its lab tag at tags[i] from its
// start (0: it has none and is sent as it is). `queues` and `tags` may be empty: queue 0, no tags.
struct FrameSet {
  std::vector<std::byte> bytes;
  std::vector<std::uint32_t> offsets;
  std::vector<std::uint16_t> queues;
  std::vector<std::uint16_t> tags;

  [[nodiscard]] std::size_t count() const noexcept { return offsets.empty() ? 0 : offsets.size() - 1; }
  [[nodiscard]] std::span<std::byte> frame(std::size_t i) noexcept {
    return std::span{bytes}.subspan(offsets[i], offsets[i + 1] - offsets[i]);
  }
  [[nodiscard]] std::uint16_t queue(std::size_t i) const noexcept { return queues.empty() ? std::uint16_t{0} : queues[i]; }
  [[nodiscard]] std::uint16_t tag(std::size_t i) const noexcept { return tags.empty() ? std::uint16_t{0} : tags[i]; }

  // What contradicts itself in here, or nullptr. An injector may be given only a set without a problem.
  [[nodiscard]] const char* problem(std::size_t queue_count) noexcept;
};

struct InjectPlan {
  std::uint64_t rounds = 1;       // how often the whole set is sent; 0 goes on until stopped
  double packets_per_second = 0;  // 0 is as fast as possible
  std::optional<unsigned> cpu;    // run on this CPU only
};

// Everything since the last start. Written by the sending thread, readable from any.
struct InjectCounters {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  std::uint64_t retries = 0;  // sends that the kernel refused for want of room, and that were repeated
  std::uint64_t elapsed_ns = 0;
};

// One sending thread. Several injectors may share a sink and a frame set if no frame belongs to two of them.
class Injector {
 public:
  explicit Injector(std::shared_ptr<FrameSet> frames) noexcept;
  Injector(const Injector&) = delete;
  Injector& operator=(const Injector&) = delete;
  ~Injector();  // stops, and waits for the thread

  // `done` runs on the sending thread, as the last thing it does. The sequence goes on from the run before. The sink is held
  // from here to join(), not longer.
  [[nodiscard]] Status start(std::shared_ptr<FrameSink> sink, const InjectPlan& plan, std::function<void()> done) noexcept;
  // Any thread. Ends the run after the batch that is being sent, or in the middle of a pause.
  void request_stop() noexcept;
  void join() noexcept;

  // What is sent. Between two runs the set may be replaced by another one without a problem.
  [[nodiscard]] FrameSet& frames() noexcept { return *frames_; }

  [[nodiscard]] InjectCounters counters() const noexcept;
  // After the run: whether it was cut short by request_stop(), and the failure that ended it (code 0: none).
  [[nodiscard]] bool stopped() const noexcept { return stopped_; }
  [[nodiscard]] SysError failure() const noexcept { return failure_; }

 private:
  using Clock = std::chrono::steady_clock;

  static void* thread_main(void* self) noexcept;
  void run() noexcept;
  // Sends as many of the next `limit` frames of this round as fit into a batch. False ends the run.
  bool send_batch(std::size_t first, std::size_t limit) noexcept;
  bool deliver(std::span<const OutgoingFrame> frames) noexcept;
  // How many packets the schedule allows now, at least 1; waits until then. 0: told to stop.
  std::uint64_t wait_for_turn(std::uint64_t sent) noexcept;
  bool pause_until(Clock::time_point when) noexcept;
  [[nodiscard]] bool stop_requested() const noexcept { return stop_requested_.load(std::memory_order_relaxed); }

  std::shared_ptr<FrameSink> sink_;
  std::shared_ptr<FrameSet> frames_;
  InjectPlan plan_;
  std::function<void()> done_;
  std::optional<pthread_t> thread_;

  std::atomic<bool> stop_requested_ = false;
  std::mutex mutex_;
  std::condition_variable stop_signal_;

  std::atomic<std::uint64_t> packets_ = 0;
  std::atomic<std::uint64_t> bytes_ = 0;
  std::atomic<std::uint64_t> retries_ = 0;
  std::atomic<std::uint64_t> elapsed_ns_ = 0;

  // Sending thread only, until it is joined.
  Clock::time_point started_;
  std::uint32_t sequence_ = 0;
  bool stopped_ = false;
  SysError failure_;
};

}  // namespace fanout
