#include "inject.hpp"

#include <sched.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <utility>

#include "lab_tag.hpp"

namespace fanout {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t batch_max = 64;
constexpr std::size_t ethernet_header_bytes = 14;
// A paced sender sleeps this long at least, then sends what has become due: a wake-up per packet would cost more than the
// packet, and bursts of this length are far below any ring's size.
constexpr double burst_seconds = 250e-6;
// A refusal for want of room passes within microseconds; one that lasts means that nobody takes packets at the other end.
constexpr auto stall_max = 2s;
constexpr auto retry_pause = 20us;

struct ThreadAttributes {
  ThreadAttributes() noexcept { ::pthread_attr_init(&value); }
  ThreadAttributes(const ThreadAttributes&) = delete;
  ThreadAttributes& operator=(const ThreadAttributes&) = delete;
  ~ThreadAttributes() { ::pthread_attr_destroy(&value); }

  void pin(unsigned cpu) noexcept {
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    CPU_SET(cpu, &cpus);
    ::pthread_attr_setaffinity_np(&value, sizeof cpus, &cpus);
  }

  pthread_attr_t value;
};

}  // namespace

const char* FrameSet::problem(std::size_t queue_count) noexcept {
  if (count() == 0) return "no frames";
  if (!queues.empty() && queues.size() != count()) return "as many queues as frames are needed";
  if (!tags.empty() && tags.size() != count()) return "as many tags as frames are needed";
  if (offsets.front() != 0 || offsets.back() != bytes.size())
    return "offsets must begin with 0 and end with the size of the frames";
  for (std::size_t i = 0; i < count(); ++i) {
    if (offsets[i + 1] < offsets[i] || offsets[i + 1] > bytes.size()) return "offsets must not decrease";
    if (offsets[i + 1] - offsets[i] < ethernet_header_bytes) return "a frame is shorter than an Ethernet header";
    if (queue(i) >= queue_count) return "a frame names a queue that does not exist";
    if (tag(i) != 0 && !lab_tag::present_at(frame(i), tag(i))) return "a frame has no lab tag where one is claimed";
  }
  return nullptr;
}

Injector::Injector(std::shared_ptr<FrameSet> frames) noexcept : frames_(std::move(frames)) {}

Injector::~Injector() {
  request_stop();
  join();
}

Status Injector::start(std::shared_ptr<FrameSink> sink, const InjectPlan& plan, std::function<void()> done) noexcept {
  join();
  sink_ = std::move(sink);
  plan_ = plan;
  done_ = std::move(done);
  stop_requested_ = false;
  stopped_ = false;
  failure_ = {};
  packets_ = bytes_ = retries_ = elapsed_ns_ = 0;

  ThreadAttributes attributes;
  if (plan.cpu) {
    if (*plan.cpu >= CPU_SETSIZE) return SysError{"pthread_attr_setaffinity_np", EINVAL};
    attributes.pin(*plan.cpu);
  }
  pthread_t thread;
  // A CPU that does not exist, or that this process may not use, is refused here (EINVAL).
  const int code = ::pthread_create(&thread, &attributes.value, &Injector::thread_main, this);
  if (code != 0) {
    sink_.reset();
    return SysError{"pthread_create", code};
  }
  thread_ = thread;
  return Done{};
}

void Injector::request_stop() noexcept {
  {
    const std::lock_guard lock{mutex_};
    stop_requested_ = true;
  }
  stop_signal_.notify_all();
}

void Injector::join() noexcept {
  if (thread_) ::pthread_join(*thread_, nullptr);
  thread_.reset();
  sink_.reset();
}

InjectCounters Injector::counters() const noexcept {
  return {packets_.load(std::memory_order_relaxed), bytes_.load(std::memory_order_relaxed),
          retries_.load(std::memory_order_relaxed), elapsed_ns_.load(std::memory_order_relaxed)};
}

void* Injector::thread_main(void* self) noexcept {
  auto& injector = *static_cast<Injector*>(self);
  ::pthread_setname_np(::pthread_self(), "lab-inject");
  // Timers may be late by 50 us by default: a fifth of a burst.
  ::prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
  injector.run();
  // Moved out, so that what the callback holds is not kept until the next run.
  if (const auto done = std::move(injector.done_)) done();
  return nullptr;
}

void Injector::run() noexcept {
  started_ = Clock::now();
  const std::uint64_t per_round = frames_->count();
  for (std::uint64_t round = 0; plan_.rounds == 0 || round < plan_.rounds; ++round) {
    std::uint64_t in_round = 0;
    while (in_round < per_round) {
      const std::uint64_t allowed = wait_for_turn(packets_.load(std::memory_order_relaxed));
      // A batch ends with its round: a frame can be in flight with one sequence number only.
      const std::uint64_t batch = std::min({allowed, per_round - in_round, std::uint64_t{batch_max}});
      if (batch == 0 || !send_batch(in_round, batch)) return;
      in_round += batch;
    }
  }
}

std::uint64_t Injector::wait_for_turn(std::uint64_t sent) noexcept {
  if (stop_requested()) {
    stopped_ = true;
    return 0;
  }
  if (plan_.packets_per_second <= 0) return std::numeric_limits<std::uint64_t>::max();
  const auto due_by_now = [this] {
    const std::chrono::duration<double> elapsed = Clock::now() - started_;
    return static_cast<std::uint64_t>(elapsed.count() * plan_.packets_per_second) + 1;
  };
  std::uint64_t due = due_by_now();
  // The schedule is absolute: a late wake-up is made up for, so the mean rate is the one asked for.
  while (due <= sent) {
    const double burst = std::max(1.0, plan_.packets_per_second * burst_seconds);
    const std::chrono::duration<double> when{(static_cast<double>(sent) + burst - 1) / plan_.packets_per_second};
    if (!pause_until(started_ + std::chrono::ceil<std::chrono::nanoseconds>(when))) {
      stopped_ = true;
      return 0;
    }
    due = due_by_now();
  }
  return due - sent;
}

bool Injector::pause_until(Clock::time_point when) noexcept {
  std::unique_lock lock{mutex_};
  return !stop_signal_.wait_until(lock, when, [this] { return stop_requested(); });
}

bool Injector::send_batch(std::size_t first, std::size_t limit) noexcept {
  std::array<OutgoingFrame, batch_max> batch;
  for (std::size_t i = 0; i < limit; ++i) {
    const auto frame = frames_->frame(first + i);
    if (const auto tag = frames_->tag(first + i); tag != 0) {
      lab_tag::patch_sequence(frame.data() + tag, sequence_ + static_cast<std::uint32_t>(i));
    }
    batch[i] = {frame, frames_->queue(first + i)};
  }
  const bool delivered = deliver(std::span{batch}.first(limit));
  elapsed_ns_.store(static_cast<std::uint64_t>(std::chrono::nanoseconds{Clock::now() - started_}.count()),
                    std::memory_order_relaxed);
  return delivered;
}

bool Injector::deliver(std::span<const OutgoingFrame> frames) noexcept {
  auto last_progress = Clock::now();
  while (!frames.empty()) {
    const auto taken = sink_->send(frames);
    if (!taken) {
      failure_ = taken.error();
      return false;
    }
    std::uint64_t taken_bytes = 0;
    for (const OutgoingFrame& frame : frames.first(taken->frames)) taken_bytes += frame.bytes.size();
    packets_.fetch_add(taken->frames, std::memory_order_relaxed);
    bytes_.fetch_add(taken_bytes, std::memory_order_relaxed);
    sequence_ += static_cast<std::uint32_t>(taken->frames);
    frames = frames.subspan(taken->frames);
    if (taken->frames > 0) last_progress = Clock::now();
    if (taken->refused == 0) continue;

    retries_.fetch_add(1, std::memory_order_relaxed);
    if (Clock::now() - last_progress > stall_max) {
      failure_ = {"send", taken->refused};
      return false;
    }
    if (!pause_until(Clock::now() + retry_pause)) {
      stopped_ = true;
      return false;
    }
  }
  return true;
}

}  // namespace fanout
