// The injector's threads, for the sanitizers: several writers that share a sink, which has no room now and then, or
// breaks. What the kernel makes of their frames is tested in test/kernel. The injector is no part of the core, so it is
// compiled in here.
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "lab/inject.cpp"
#include "test/check.hpp"

using namespace fanout;
using namespace fanout::test;

namespace {

constexpr std::size_t queues = 5;
constexpr std::size_t frame_bytes = 64;
constexpr std::uint16_t tag_at = 20;

// Remembers the sequence number of each frame taken, queue by queue.
class NarrowSink final : public FrameSink {
 public:
  explicit NarrowSink(std::size_t breaks_after) noexcept : breaks_after_(breaks_after) {}

  [[nodiscard]] std::size_t queue_count() const noexcept override { return queues; }

  [[nodiscard]] Result<Taken> send(std::span<const OutgoingFrame> frames) noexcept override {
    const std::lock_guard lock{mutex_};
    if (++calls_ % 3 == 0) return Taken{0, EAGAIN};
    Taken taken;
    for (const OutgoingFrame& frame : frames) {
      if (taken.frames == 7) {
        taken.refused = ENOBUFS;
        break;
      }
      if (frames_ == breaks_after_ && taken.frames == 0) return SysError{"write", EIO};
      if (frames_ == breaks_after_) break;
      std::uint32_t sequence = 0;
      std::memcpy(&sequence, frame.bytes.data() + tag_at + lab_tag::sequence_offset, sizeof sequence);
      sent_[frame.queue].push_back(lab_tag::detail::big_endian(sequence));
      ++frames_;
      ++taken.frames;
    }
    return taken;
  }

  // Once the injector has ended.
  [[nodiscard]] const std::map<std::uint16_t, std::vector<std::uint32_t>>& sent() const noexcept { return sent_; }

 private:
  std::size_t breaks_after_;
  std::mutex mutex_;
  std::size_t calls_ = 0;
  std::size_t frames_ = 0;
  std::map<std::uint16_t, std::vector<std::uint32_t>> sent_;
};

std::shared_ptr<FrameSet> frames_of(std::size_t count) {
  auto set = std::make_shared<FrameSet>();
  set->bytes.resize(count * frame_bytes);
  set->offsets.push_back(0);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t magic = lab_tag::detail::big_endian(lab_tag::magic);
    std::memcpy(set->bytes.data() + i * frame_bytes + tag_at, &magic, sizeof magic);
    set->offsets.push_back(static_cast<std::uint32_t>((i + 1) * frame_bytes));
    set->queues.push_back(static_cast<std::uint16_t>(i * i % queues));
    set->tags.push_back(tag_at);
  }
  return set;
}

class Ending {
 public:
  std::function<void()> callback() {
    return [this] {
      const std::lock_guard lock{mutex_};
      ++count_;
      signal_.notify_all();
    };
  }
  void wait() {
    std::unique_lock lock{mutex_};
    signal_.wait(lock, [this] { return count_ > 0; });
  }
  int count() {
    const std::lock_guard lock{mutex_};
    return count_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable signal_;
  int count_ = 0;
};

InjectPlan plan_of(std::uint64_t rounds) {
  InjectPlan plan;
  plan.rounds = rounds;
  plan.queue_cpus = {static_cast<unsigned>(::sched_getcpu())};
  return plan;
}

constexpr std::size_t never = ~std::size_t{0};

}  // namespace

TEST(bursts_are_due_as_a_whole_at_the_mean_rate) {
  using namespace std::chrono_literals;
  using Clock = SendSchedule::Clock;
  // One packet a second: nothing changes while this runs.
  const auto started = Clock::now() - 250s;
  const SendSchedule single{started, 1, 1};
  CHECK_EQ(single.due_by_now(), 251);
  CHECK(single.wake_up_for(251) == started + 251s);
  const SendSchedule burst{started, 1, 100};
  CHECK_EQ(burst.due_by_now(), 300);
  CHECK(burst.wake_up_for(300) == started + 300s);
  CHECK(burst.wake_up_for(399) == started + 300s);
  CHECK(burst.wake_up_for(400) == started + 400s);
  // What becomes due within 250 us is sent together: packets 1000 to 1249 at a million a second.
  const SendSchedule fast{started, 1e6, 1};
  CHECK(fast.wake_up_for(1000) == started + 1249us);
}

TEST(several_writers_send_every_number_once_and_each_queue_in_order) {
  constexpr std::size_t count = 501;
  Injector injector{frames_of(count)};
  const auto sink = std::make_shared<NarrowSink>(never);
  std::vector<bool> seen(2 * 3 * count);
  for (int run = 0; run < 2; ++run) {
    Ending ending;
    CHECK(static_cast<bool>(injector.start(sink, plan_of(3), ending.callback())));
    ending.wait();
    injector.join();
    CHECK_EQ(ending.count(), 1);
    CHECK_EQ(injector.counters().packets, 3 * count);
    CHECK_EQ(injector.counters().bytes, 3 * count * frame_bytes);
    CHECK(injector.counters().retries > 0);
    CHECK(!injector.stopped());
    CHECK_EQ(injector.failure().code, 0);
  }
  for (const auto& [queue, sequences] : sink->sent()) {
    for (std::size_t i = 0; i < sequences.size(); ++i) {
      const std::size_t place = sequences[i] % count;
      CHECK_EQ(place * place % queues, queue);
      CHECK(i == 0 || sequences[i] > sequences[i - 1]);
      if (CHECK(sequences[i] < seen.size())) seen[sequences[i]] = true;
    }
  }
  CHECK_EQ(std::count(seen.begin(), seen.end(), true), seen.size());
}

TEST(a_sink_that_breaks_ends_all_writers) {
  Injector injector{frames_of(501)};
  Ending ending;
  CHECK(static_cast<bool>(injector.start(std::make_shared<NarrowSink>(800), plan_of(0), ending.callback())));
  ending.wait();
  injector.join();
  CHECK_EQ(injector.failure().code, EIO);
  CHECK_EQ(injector.counters().packets, 800);
}

TEST(several_writers_stop_in_a_pause_and_between_rounds) {
  for (const double rate : {1.0, 0.0}) {
    Injector injector{frames_of(101)};
    Ending ending;
    InjectPlan plan = plan_of(0);
    plan.packets_per_second = rate;
    CHECK(static_cast<bool>(injector.start(std::make_shared<NarrowSink>(never), plan, ending.callback())));
    while (injector.counters().packets == 0) std::this_thread::yield();
    injector.request_stop();
    ending.wait();
    injector.join();
    CHECK(injector.stopped());
    CHECK_EQ(ending.count(), 1);
  }
}

TEST(a_writer_that_cannot_be_started_ends_the_others) {
  Injector injector{frames_of(101)};
  const auto sink = std::make_shared<NarrowSink>(never);
  Ending ending;
  InjectPlan plan = plan_of(0);
  plan.queue_cpus.push_back(CPU_SETSIZE - 1);
  CHECK(!injector.start(sink, plan, ending.callback()));
  CHECK_EQ(ending.count(), 0);
  CHECK_EQ(injector.counters().packets, 0);
  CHECK_EQ(sink.use_count(), 1);
}
