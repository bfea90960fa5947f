#include "lab/inject.hpp"

#include <sched.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <utility>

#include "core/packet/lab_tag.hpp"

namespace fanout {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t batch_max = 64;
constexpr std::size_t ethernet_header_bytes = 14;
// A paced sender sleeps this long at least, then sends what has become due: a wake-up per packet would cost more than
// the packet, and what comes together so is far below any ring's size. NICs hold their interrupts back as long
// (rx-usecs).
constexpr double coalesced_seconds = 250e-6;
// A refusal for want of room passes within microseconds; one that lasts means that nobody takes packets at the other
// end.
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

std::uint64_t SendSchedule::due_by_now() const noexcept {
  const std::chrono::duration<double> elapsed = Clock::now() - started_;
  return (static_cast<std::uint64_t>(elapsed.count() * rate_ / static_cast<double>(burst_)) + 1) * burst_;
}

SendSchedule::Clock::time_point SendSchedule::wake_up_for(std::uint64_t packet) const noexcept {
  const auto coalesced = static_cast<std::uint64_t>(rate_ * coalesced_seconds);
  const std::uint64_t last = packet + (coalesced > 0 ? coalesced - 1 : 0);
  const std::chrono::duration<double> when{static_cast<double>(last - last % burst_) / rate_};
  return started_ + std::chrono::ceil<std::chrono::nanoseconds>(when);
}

std::uint64_t SendSchedule::elapsed_ns() const noexcept {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds{Clock::now() - started_}.count());
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
  assign_frames();
  rounds_ended_ = 0;
  writers_in_round_ = writers_.size();
  writers_left_ = writers_.size();

  Status launched = Done{};
  {
    // Writers wait for this lock: they start together, and none starts if one of them cannot.
    const std::lock_guard lock{mutex_};
    for (Writer& writer : writers_) {
      launched = launch(writer);
      if (!launched) break;
    }
    if (!launched) stop_requested_ = true;
    schedule_ = {Clock::now(), plan_.packets_per_second, plan_.burst};
  }
  if (launched) return launched;
  // `done` is not called: the writers that run see the stop, and the others never bring their number down to zero.
  join();
  done_ = nullptr;
  return launched;
}

void Injector::assign_frames() {
  writers_.clear();
  if (plan_.queue_cpus.empty()) {
    writers_.emplace_back().injector = this;
    writers_.front().cpu = plan_.cpu;
    return;
  }
  std::vector<std::size_t> counts;
  for (std::size_t i = 0; i < frames_->count(); ++i) {
    const std::size_t queue = frames_->queue(i);
    if (queue >= counts.size()) counts.resize(queue + 1);
    ++counts[queue];
  }
  // A queue without frames needs no thread.
  std::vector<std::size_t> writer_of(counts.size());
  for (std::size_t queue = 0; queue < counts.size(); ++queue) {
    if (counts[queue] == 0) continue;
    writer_of[queue] = writers_.size();
    Writer& writer = writers_.emplace_back();
    writer.injector = this;
    writer.cpu = plan_.queue_cpus[queue % plan_.queue_cpus.size()];
    writer.frames.reserve(counts[queue]);
  }
  for (std::size_t i = 0; i < frames_->count(); ++i) {
    writers_[writer_of[frames_->queue(i)]].frames.push_back(static_cast<std::uint32_t>(i));
  }
}

Status Injector::launch(Writer& writer) noexcept {
  ThreadAttributes attributes;
  if (writer.cpu) {
    if (*writer.cpu >= CPU_SETSIZE) return SysError{"pthread_attr_setaffinity_np", EINVAL};
    attributes.pin(*writer.cpu);
  }
  pthread_t thread;
  // A CPU that does not exist, or that this process may not use, is refused here (EINVAL).
  const int code = ::pthread_create(&thread, &attributes.value, &Injector::thread_main, &writer);
  if (code != 0) return SysError{"pthread_create", code};
  writer.thread = thread;
  return Done{};
}

void Injector::request_stop() noexcept {
  {
    const std::lock_guard lock{mutex_};
    stop_requested_ = true;
  }
  stop_signal_.notify_all();
  round_signal_.notify_all();
}

void Injector::join() noexcept {
  for (Writer& writer : writers_) {
    if (writer.thread) ::pthread_join(*writer.thread, nullptr);
    writer.thread.reset();
  }
  // What was sent last has the greatest number, whoever sent it.
  std::uint64_t reached = 0;
  for (Writer& writer : writers_) reached = std::max(reached, std::exchange(writer.reached, 0));
  sequence_ += static_cast<std::uint32_t>(reached);
  writers_.clear();
  sink_.reset();
}

InjectCounters Injector::counters() const noexcept {
  return {packets_.load(std::memory_order_relaxed), bytes_.load(std::memory_order_relaxed),
          retries_.load(std::memory_order_relaxed), elapsed_ns_.load(std::memory_order_relaxed)};
}

void* Injector::thread_main(void* argument) noexcept {
  Writer& writer = *static_cast<Writer*>(argument);
  Injector& injector = *writer.injector;
  ::pthread_setname_np(::pthread_self(), "lab-inject");
  // Timers may be late by 50 us by default: a fifth of what is coalesced.
  ::prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL);
  // Until all have been launched.
  { const std::lock_guard lock{injector.mutex_}; }
  injector.run(writer);
  injector.end_writer();
  return nullptr;
}

void Injector::run(Writer& writer) noexcept {
  for (std::uint64_t round = 0; plan_.rounds == 0 || round < plan_.rounds; ++round) {
    if (round > 0 && !end_round()) return;
    if (!send_round(writer, round)) return;
  }
}

bool Injector::send_round(Writer& writer, std::uint64_t round) noexcept {
  const std::uint64_t first = round * frames_->count();
  // A batch ends with its round: a frame can be in flight with one sequence number only.
  const std::uint64_t end = writer.count();
  for (std::uint64_t i = 0; i < end;) {
    const std::uint64_t allowed = wait_for_turn(first + writer.place(i));
    if (allowed == 0) return false;
    std::size_t batch = 1;
    while (batch < batch_max && i + batch < end && first + writer.place(i + batch) < allowed) ++batch;
    if (!send_batch(writer, round, i, batch)) return false;
    i += batch;
  }
  return true;
}

bool Injector::end_round() noexcept {
  if (writers_.size() == 1) return true;
  std::unique_lock lock{mutex_};
  const std::uint64_t round = rounds_ended_;
  if (--writers_in_round_ == 0) {
    writers_in_round_ = writers_.size();
    ++rounds_ended_;
    round_signal_.notify_all();
    return true;
  }
  round_signal_.wait(lock, [&] { return rounds_ended_ != round || stop_requested(); });
  if (rounds_ended_ != round) return true;
  stopped_ = true;
  return false;
}

void Injector::end_writer() noexcept {
  if (writers_left_.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
  // Moved out, so that what the callback holds is not kept until the next run.
  if (const auto done = std::move(done_)) done();
}

std::uint64_t Injector::wait_for_turn(std::uint64_t packet) noexcept {
  if (stop_requested()) {
    stopped_ = true;
    return 0;
  }
  if (!schedule_.is_paced()) return std::numeric_limits<std::uint64_t>::max();
  std::uint64_t due = schedule_.due_by_now();
  while (due <= packet) {
    if (!pause_until(schedule_.wake_up_for(packet))) {
      stopped_ = true;
      return 0;
    }
    due = schedule_.due_by_now();
  }
  return due;
}

bool Injector::pause_until(Clock::time_point when) noexcept {
  std::unique_lock lock{mutex_};
  return !stop_signal_.wait_until(lock, when, [this] { return stop_requested(); });
}

bool Injector::send_batch(Writer& writer, std::uint64_t round, std::uint64_t i, std::size_t count) noexcept {
  std::array<OutgoingFrame, batch_max> batch;
  const std::uint64_t first = round * frames_->count();
  for (std::size_t j = 0; j < count; ++j) {
    const std::size_t place = writer.place(i + j);
    const auto frame = frames_->frame(place);
    if (const auto tag = frames_->tag(place); tag != 0) {
      lab_tag::patch_sequence(frame.data() + tag, sequence_ + static_cast<std::uint32_t>(first + place));
    }
    batch[j] = {frame, frames_->queue(place)};
  }
  std::size_t taken = 0;
  const bool delivered = deliver(std::span{batch}.first(count), taken);
  if (taken > 0) writer.reached = first + writer.place(i + taken - 1) + 1;
  const std::uint64_t now = schedule_.elapsed_ns();
  std::uint64_t seen = elapsed_ns_.load(std::memory_order_relaxed);
  while (seen < now && !elapsed_ns_.compare_exchange_weak(seen, now, std::memory_order_relaxed)) {
  }
  return delivered;
}

bool Injector::deliver(std::span<const OutgoingFrame> frames, std::size_t& taken) noexcept {
  auto last_progress = Clock::now();
  while (taken < frames.size()) {
    const auto sent = sink_->send(frames.subspan(taken));
    if (!sent) {
      fail(sent.error());
      return false;
    }
    std::uint64_t sent_bytes = 0;
    for (const OutgoingFrame& frame : frames.subspan(taken, sent->frames)) sent_bytes += frame.bytes.size();
    packets_.fetch_add(sent->frames, std::memory_order_relaxed);
    bytes_.fetch_add(sent_bytes, std::memory_order_relaxed);
    taken += sent->frames;
    if (sent->frames > 0) last_progress = Clock::now();
    if (sent->refused == 0) continue;

    retries_.fetch_add(1, std::memory_order_relaxed);
    if (Clock::now() - last_progress > stall_max) {
      fail({"send", sent->refused});
      return false;
    }
    if (!pause_until(Clock::now() + retry_pause)) {
      stopped_ = true;
      return false;
    }
  }
  return true;
}

void Injector::fail(SysError error) noexcept {
  {
    const std::lock_guard lock{mutex_};
    if (failure_.code == 0) failure_ = error;
  }
  request_stop();
}

}  // namespace fanout
