// Sends a prepared set of frames, over and over, at a given rate, from a thread of its own, or from one for each
// receive queue.
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

#include "core/base/result.hpp"
#include "lab/frame_sink.hpp"

namespace fanout {

// Frames back to back. Frame i is bytes [offsets[i], offsets[i + 1]), goes to queues[i], and has its lab tag at tags[i]
// from its start (0: it has none and is sent as it is). `queues` and `tags` may be empty: queue 0, no tags.
struct FrameSet {
  std::vector<std::byte> bytes;
  std::vector<std::uint32_t> offsets;
  std::vector<std::uint16_t> queues;
  std::vector<std::uint16_t> tags;

  [[nodiscard]] std::size_t count() const noexcept { return offsets.empty() ? 0 : offsets.size() - 1; }
  [[nodiscard]] std::span<std::byte> frame(std::size_t i) noexcept {
    return std::span{bytes}.subspan(offsets[i], offsets[i + 1] - offsets[i]);
  }
  [[nodiscard]] std::uint16_t queue(std::size_t i) const noexcept {
    return queues.empty() ? std::uint16_t{0} : queues[i];
  }
  [[nodiscard]] std::uint16_t tag(std::size_t i) const noexcept { return tags.empty() ? std::uint16_t{0} : tags[i]; }

  // What contradicts itself in here, or nullptr. An injector may be given only a set without a problem.
  [[nodiscard]] const char* problem(std::size_t queue_count) noexcept;
};

struct InjectPlan {
  std::uint64_t rounds = 1;       // how often the whole set is sent; 0 goes on until stopped
  double packets_per_second = 0;  // 0 is as fast as possible
  std::uint64_t burst = 1;        // so many packets are due at once, at the same mean rate
  std::optional<unsigned> cpu;    // run on this CPU only
  // Not empty: one thread for each queue, as interrupts of a NIC would have it; that of queue q runs on CPU q modulo
  // size only. Whichever queue takes it, a packet is due and numbered by its place on the wire, which is its place in
  // the set.
  std::vector<unsigned> queue_cpus;
};

// Everything since the last start. Written by the sending threads, readable from any.
struct InjectCounters {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  std::uint64_t retries = 0;  // sends that the kernel refused for want of room, and that were repeated
  std::uint64_t elapsed_ns = 0;
};

// When packets are due. The schedule is absolute: a late wake-up is made up for, so the mean rate is the one asked for.
class SendSchedule {
 public:
  using Clock = std::chrono::steady_clock;

  SendSchedule() = default;
  SendSchedule(Clock::time_point started, double packets_per_second, std::uint64_t burst) noexcept
      : started_(started), rate_(packets_per_second), burst_(burst) {}

  [[nodiscard]] bool is_paced() const noexcept { return rate_ > 0; }
  // How many packets are due by now, at least one burst.
  [[nodiscard]] std::uint64_t due_by_now() const noexcept;
  // When a sender whose next packet is this one should wake up: with it, a few later ones have become due.
  [[nodiscard]] Clock::time_point wake_up_for(std::uint64_t packet) const noexcept;
  [[nodiscard]] std::uint64_t elapsed_ns() const noexcept;

 private:
  Clock::time_point started_;
  double rate_ = 0;
  std::uint64_t burst_ = 1;
};

class Injector {
 public:
  explicit Injector(std::shared_ptr<FrameSet> frames) noexcept;
  Injector(const Injector&) = delete;
  Injector& operator=(const Injector&) = delete;
  ~Injector();  // stops, and waits for the threads

  // `done` runs on the last sending thread, as the last thing it does. The sequence goes on from the run before. The
  // sink is held from here to join(), not longer.
  [[nodiscard]] Status start(std::shared_ptr<FrameSink> sink, const InjectPlan& plan,
                             std::function<void()> done) noexcept;
  // Any thread. Ends the run after the batches that are being sent, or in the middle of a pause.
  void request_stop() noexcept;
  void join() noexcept;

  // What is sent. Between two runs the set may be replaced by another one without a problem.
  [[nodiscard]] FrameSet& frames() noexcept { return *frames_; }

  [[nodiscard]] InjectCounters counters() const noexcept;
  // After the run: whether it was cut short by request_stop(), and the first failure, which ended it (code 0: none).
  [[nodiscard]] bool stopped() const noexcept { return stopped_; }
  [[nodiscard]] SysError failure() const noexcept { return failure_; }

 private:
  using Clock = SendSchedule::Clock;

  // What one thread sends: its own frames in the order of the wire, round after round.
  struct Writer {
    Injector* injector = nullptr;
    std::vector<std::uint32_t> frames;  // places in the set; empty: all of it
    std::optional<unsigned> cpu;
    std::optional<pthread_t> thread;
    std::uint64_t reached = 0;  // on the wire: behind the last packet taken

    [[nodiscard]] std::uint64_t count() const noexcept {
      return frames.empty() ? injector->frames_->count() : frames.size();
    }
    [[nodiscard]] std::size_t place(std::uint64_t i) const noexcept { return frames.empty() ? i : frames[i]; }
  };

  void assign_frames();
  [[nodiscard]] Status launch(Writer& writer) noexcept;
  static void* thread_main(void* writer) noexcept;
  void run(Writer& writer) noexcept;
  bool send_round(Writer& writer, std::uint64_t round) noexcept;
  // Waits until every queue has sent its part of this round: an overloaded one falls behind by a round at the most.
  bool end_round() noexcept;
  void end_writer() noexcept;
  // Sends `count` frames, which fit into a batch, from the writer's i-th on. False ends the run.
  bool send_batch(Writer& writer, std::uint64_t round, std::uint64_t i, std::size_t count) noexcept;
  // True if all were taken; `taken` is how many were.
  bool deliver(std::span<const OutgoingFrame> frames, std::size_t& taken) noexcept;
  // How many packets the schedule allows by now, more than `packet`; waits until then. 0: told to stop.
  std::uint64_t wait_for_turn(std::uint64_t packet) noexcept;
  bool pause_until(Clock::time_point when) noexcept;
  void fail(SysError error) noexcept;
  [[nodiscard]] bool stop_requested() const noexcept { return stop_requested_.load(std::memory_order_relaxed); }

  std::shared_ptr<FrameSink> sink_;
  std::shared_ptr<FrameSet> frames_;
  InjectPlan plan_;
  std::function<void()> done_;
  std::vector<Writer> writers_;

  std::atomic<bool> stop_requested_ = false;
  std::mutex mutex_;
  std::condition_variable stop_signal_;
  std::condition_variable round_signal_;
  std::uint64_t rounds_ended_ = 0;    // these two under the mutex
  std::size_t writers_in_round_ = 0;  // that have not yet sent their part

  std::atomic<std::uint64_t> packets_ = 0;
  std::atomic<std::uint64_t> bytes_ = 0;
  std::atomic<std::uint64_t> retries_ = 0;
  std::atomic<std::uint64_t> elapsed_ns_ = 0;
  std::atomic<std::size_t> writers_left_ = 0;
  std::atomic<bool> stopped_ = false;

  SendSchedule schedule_;
  std::uint32_t sequence_ = 0;  // of the first packet of this run; written while no writer runs
  SysError failure_;            // under the mutex while writers run
};

}  // namespace fanout
