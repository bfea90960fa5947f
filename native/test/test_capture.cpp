// The capture thread on real packets: an interface of a private network namespace, real sockets, a real fanout group.
// Every packet sent is found again in exactly one counter, whatever the collector does, and the thread ends in every
// state.
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <thread>

#include "core/worker/capture.hpp"
#include "test/check.hpp"
#include "test/packets.hpp"

using namespace fanout;
using namespace fanout::test;

namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

// Far below the capture's own patience of two and five seconds, far above what a busy machine takes.
constexpr auto prompt = 1800ms;

int loopback = 0;

std::uint64_t realtime_ns() {
  timespec t{};
  ::clock_gettime(CLOCK_REALTIME, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(t.tv_nsec);
}

bool set_up(const char* interface, bool up) {
  const UniqueFd fd{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  ifreq request{};
  std::strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
  if (::ioctl(fd.get(), SIOCGIFFLAGS, &request) != 0) return false;
  request.ifr_flags = static_cast<short>(up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP);
  return ::ioctl(fd.get(), SIOCSIFFLAGS, &request) == 0;
}

// Sends to the loopback interface, past its queueing discipline: each frame arrives once, and no copy of it as
// outgoing.
class Sender {
 public:
  Sender() : fd_{::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)} {
    const int yes = 1;
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_ifindex = loopback;
    CHECK_EQ(::setsockopt(fd_.get(), SOL_PACKET, PACKET_QDISC_BYPASS, &yes, sizeof yes), 0);
    CHECK_EQ(::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  void send(const Octets& frame) {
    CHECK_EQ(::send(fd_.get(), frame.data(), frame.size(), 0), static_cast<ssize_t>(frame.size()));
    ++sent_;
  }
  void send(const Packet& packet) { send(packet.bytes()); }
  // Both directions of flow n.
  void send_flow(unsigned n) {
    const std::string host =
        "10." + std::to_string(n >> 16 & 0xff) + "." + std::to_string(n >> 8 & 0xff) + "." + std::to_string(n & 0xff);
    send(eth() / ipv4(host, "192.0.2.1") / udp(1024, 53) / payload(8));
    send(eth() / ipv4("192.0.2.1", host) / udp(53, 1024) / payload(8));
  }
  [[nodiscard]] std::uint64_t sent() const { return sent_; }

 private:
  UniqueFd fd_;
  std::uint64_t sent_ = 0;
};

CaptureConfig config_for() {
  CaptureConfig config;
  config.ifindex = loopback;
  config.member = 3;
  config.ring = {64U << 10, 16, 5};
  config.promiscuous = false;
  return config;
}

Result<std::unique_ptr<Capture>> opened_with(CaptureConfig config) {
  auto socket = PacketSocket::open_descriptor();
  if (!CHECK(static_cast<bool>(socket))) std::abort();
  return Capture::open(std::move(*socket), std::move(config));
}

// The thread that answers the doorbell: here the test's own.
class Desk {
 public:
  explicit Desk(CaptureConfig config = config_for()) {
    auto opened = opened_with(std::move(config));
    if (!CHECK(static_cast<bool>(opened))) std::abort();
    capture_ = std::move(*opened);
  }
  ~Desk() { capture_.reset(); }

  Capture& capture() { return *capture_; }
  void join() { CHECK(static_cast<bool>(capture_->join({.group_id = 77, .mode = FanoutMode::hash}))); }
  void arm() { CHECK(static_cast<bool>(capture_->arm())); }
  void start(std::uint64_t start_ns = realtime_ns(), std::uint32_t epoch = 0) {
    CHECK(static_cast<bool>(capture_->start(start_ns, epoch, [this] {
      {
        const std::lock_guard lock{mutex_};
        rung_ = true;
      }
      ring_.notify_one();
    })));
  }
  void run() {
    join();
    arm();
    start();
  }

  // Answers the doorbell until `done`; false if it stayed silent for seconds, although counters are published ten times
  // a second, and if what was waited for never came.
  template <typename Done>
  bool answer_until(Done&& done, bool take = true) {
    const auto deadline = Clock::now() + 30s;
    while (!done(counters_)) {
      if (Clock::now() > deadline) return CHECK(!"it never came");
      std::unique_lock lock{mutex_};
      if (!ring_.wait_for(lock, 15s, [this] { return rung_; })) return CHECK(!"the doorbell was lost");
      rung_ = false;
      lock.unlock();
      capture_->answer_doorbell();
      counters_ = capture_->counters();
      if (take) take_all();
    }
    return true;
  }
  bool finish(bool take = true, std::uint64_t until_ns = Capture::at_once) {
    capture_->finish(until_ns);
    return answer_until([](const CaptureCounters& c) { return c.finished; }, take);
  }
  bool answer_until_captured(std::uint64_t packets, bool take = true) {
    return answer_until([&](const CaptureCounters& c) { return c.captured >= packets; }, take);
  }

  void take_all() {
    while (const auto filled = capture_->outbox().take()) {
      const auto frame = capture_->outbox().slot(filled->slot).first(filled->length);
      std::size_t length = 0;
      for (std::size_t i = 0; i < Outbox::frame_header_bytes; ++i)
        length = length << 8 | static_cast<std::size_t>(frame[i]);
      CHECK_EQ(length, frame.size() - Outbox::frame_header_bytes);
      wire::BatchReader reader{frame.subspan(Outbox::frame_header_bytes)};
      CHECK_EQ(reader.member(), 3);
      for (Observation o; reader.next(o);) {
        told_[reader.epoch()] += o.packets;
        observations_.push_back(o);
      }
      CHECK(reader.ok());
      capture_->outbox().release(filled->slot);
    }
  }

  [[nodiscard]] const CaptureCounters& counters() const { return counters_; }
  [[nodiscard]] std::uint64_t ignored(IgnoreReason reason) const {
    for (const auto& entry : counters_.ignored)
      if (entry.reason == static_cast<std::uint32_t>(reason)) return entry.packets;
    return 0;
  }
  [[nodiscard]] std::uint64_t told(std::uint32_t epoch) { return told_[epoch]; }
  [[nodiscard]] std::uint64_t told() const {
    std::uint64_t sum = 0;
    for (const auto& [epoch, packets] : told_) sum += packets;
    return sum;
  }

  [[nodiscard]] const std::vector<Observation>& observations() const { return observations_; }

  // Every packet sent is in exactly one place.
  void expect_all_accounted_for(std::uint64_t sent) const {
    const CaptureCounters& c = counters_;
    std::uint64_t ignored = 0;
    for (const auto& entry : c.ignored) ignored += entry.packets;
    CHECK_EQ(c.kernel.packets + c.kernel.drops, sent);
    CHECK_EQ(c.captured, c.kernel.packets);
    CHECK_EQ(c.judged + c.overflowed + ignored, c.captured);
    CHECK_EQ(told(), c.judged);
  }

 private:
  std::mutex mutex_;
  std::condition_variable ring_;
  bool rung_ = false;
  CaptureCounters counters_;
  std::map<std::uint32_t, std::uint64_t> told_;
  std::vector<Observation> observations_;
  std::unique_ptr<Capture> capture_;
};

template <typename Body>
milliseconds time_of(Body&& body) {
  const auto start = Clock::now();
  body();
  return std::chrono::duration_cast<milliseconds>(Clock::now() - start);
}

// More flows than four buffers of observations hold.
constexpr unsigned many_flows = 6000;
// As many as the ring has room for several times, whoever else wants the CPU.
constexpr unsigned flows_at_once = 500;

// Each packet is captured, as no more are under way than the ring holds.
bool send_and_capture_many(Desk& desk, Sender& sender) {
  for (unsigned n = 0; n < many_flows; ++n) {
    sender.send_flow(n);
    if ((n + 1) % flows_at_once == 0 && !desk.answer_until_captured(sender.sent(), false)) return false;
  }
  return true;
}

}  // namespace

TEST(every_packet_is_counted_once) {
  Desk desk;
  Sender sender;
  desk.run();
  for (unsigned round = 0; round < 3; ++round)
    for (unsigned n = 0; n < 500; ++n) sender.send_flow(n);
  sender.send(eth() / vlan(5) / ipv4("10.0.0.1", "192.0.2.1") / tcp(1024, 80));
  sender.send(eth(ETH_P_ARP) / payload(46));
  sender.send(eth() / ipv6("2001:db8::1", "2001:db8::2"));  // announces nothing
  sender.send(eth() / ipv4("10.0.0.1", "192.0.2.1") / icmp(3, 0) / payload(28));
  if (!desk.finish()) return;
  desk.expect_all_accounted_for(sender.sent());
  CHECK_EQ(desk.counters().kernel.drops, 0);
  CHECK_EQ(desk.counters().judged, 3001);
  CHECK_EQ(desk.counters().overflowed, 0);
  CHECK_EQ(desk.ignored(IgnoreReason::icmp_error), 1);
  CHECK_EQ(desk.counters().ignored.size(), 3);
}

TEST(packets_before_arming_are_not_delivered) {
  Desk desk;
  Sender sender;
  sender.send_flow(1);
  desk.join();
  sender.send_flow(2);
  desk.arm();
  desk.start();
  sender.send_flow(3);
  if (!desk.finish()) return;
  CHECK_EQ(desk.counters().kernel.packets, 2);
  CHECK_EQ(desk.told(), 2);
}

TEST(packets_before_the_start_are_captured_and_not_judged) {
  Desk desk;
  Sender sender;
  desk.join();
  desk.arm();
  for (unsigned n = 0; n < 10; ++n) sender.send_flow(n);
  desk.start(realtime_ns());
  for (unsigned n = 0; n < 10; ++n) sender.send_flow(n);
  if (!desk.finish()) return;
  desk.expect_all_accounted_for(40);
  CHECK_EQ(desk.ignored(IgnoreReason::before_start), 20);
  CHECK_EQ(desk.counters().judged, 20);
}

TEST(packets_after_the_end_are_captured_and_not_judged) {
  Desk desk;
  Sender sender;
  desk.run();
  for (unsigned n = 0; n < 10; ++n) sender.send_flow(n);
  const std::uint64_t until_ns = realtime_ns() + 300'000'000;
  desk.capture().finish(until_ns);
  for (unsigned n = 10; n < 15; ++n) sender.send_flow(n);  // still in time
  while (realtime_ns() < until_ns) std::this_thread::sleep_for(1ms);
  // Whether these pass the filter before it shuts is a race; that they do not count is not.
  for (unsigned n = 20; n < 30; ++n) sender.send_flow(n);
  if (!desk.answer_until([](const CaptureCounters& c) { return c.finished; })) return;
  desk.expect_all_accounted_for(desk.counters().kernel.packets);
  CHECK_EQ(desk.counters().judged, 30);
}

TEST(an_end_that_has_passed_is_one_at_once_and_packets_from_after_it_are_counted) {
  Desk desk;
  Sender sender;
  desk.run();
  for (unsigned n = 0; n < 5; ++n) sender.send_flow(n);
  const std::uint64_t until_ns = realtime_ns();
  for (unsigned n = 0; n < 5; ++n) sender.send_flow(n);
  if (!desk.finish(true, until_ns)) return;
  desk.expect_all_accounted_for(20);
  CHECK_EQ(desk.ignored(IgnoreReason::after_end) + desk.counters().judged, 20);
  CHECK(desk.counters().judged >= 10);
}

TEST(an_eager_socket_gets_packets_before_it_joins_and_as_a_member) {
  auto config = config_for();
  config.eager = true;
  Desk desk{config};
  Sender sender;
  const std::uint64_t start_ns = realtime_ns();
  sender.send_flow(1);
  desk.join();
  sender.send_flow(2);
  desk.arm();
  desk.start(start_ns);
  sender.send_flow(3);
  if (!desk.finish()) return;
  CHECK_EQ(desk.counters().judged, 6);
  desk.expect_all_accounted_for(6);
}

TEST(fragments_are_counted_with_their_flow_in_any_order) {
  Desk desk;
  Sender sender;
  desk.run();
  const auto later = [&](unsigned id) {
    sender.send(eth() / ipv4("10.0.0.1", "192.0.2.1", {.protocol = IPPROTO_UDP, .id = id, .fragment_offset = 16}) /
                payload(8));
  };
  const auto first = [&](unsigned id) {
    sender.send(eth() / ipv4("10.0.0.1", "192.0.2.1", {.id = id, .more_fragments = true}) / udp(1024, 53) / payload(8));
  };
  first(1), later(1);
  later(2), first(2);
  later(3);
  if (!desk.finish()) return;
  desk.expect_all_accounted_for(sender.sent());
  CHECK_EQ(desk.counters().judged, 5);
  CHECK_EQ(desk.counters().ignored.size(), 0);
  // The one that has lost its first piece is left to the collector.
  std::uint64_t with_ports = 0, without = 0;
  for (const Observation& o : desk.observations()) (o.tuple.dst_port == 53 ? with_ports : without) += o.packets;
  CHECK_EQ(with_ports, 4);
  CHECK_EQ(without, 1);
}

TEST(what_this_host_sent_is_judged_only_if_wanted) {
  for (const bool ignore : {false, true}) {
    const Note note{ignore ? "ignored" : "judged"};
    auto config = config_for();
    config.ignore_outgoing = ignore;
    Desk desk{std::move(config)};
    desk.run();
    const UniqueFd fd{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(9);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // Each datagram is seen leaving and arriving. Nobody listens; the answer of ICMP is seen twice as well, and is of
    // its flow.
    constexpr char text[] = "x";
    CHECK_EQ(::sendto(fd.get(), text, sizeof text, 0, reinterpret_cast<const sockaddr*>(&address), sizeof address),
             ssize_t{sizeof text});
    if (!desk.finish()) return;
    CHECK_EQ(desk.counters().outgoing, 2);
    CHECK_EQ(desk.counters().judged, ignore ? 2 : 4);
    desk.expect_all_accounted_for(4);
  }
}

TEST(news_travels_at_once_and_counts_follow) {
  auto config = config_for();
  config.changes_interval_ms = 200;
  Desk desk{std::move(config)};
  Sender sender;
  desk.run();
  for (unsigned n = 0; n < 20; ++n) sender.send_flow(n);
  if (!desk.answer_until([&](const CaptureCounters&) { return desk.told() == 40; })) return;
  for (unsigned n = 0; n < 20; ++n) sender.send_flow(n);
  // Not news any more: told when the interval is over, without anybody finishing.
  if (!desk.answer_until([&](const CaptureCounters&) { return desk.told() == 80; })) return;
  if (desk.finish()) desk.expect_all_accounted_for(80);
}

TEST(epochs_divide_the_packets) {
  Desk desk;
  Sender sender;
  desk.run();
  for (unsigned n = 0; n < 100; ++n) sender.send_flow(n);
  if (!desk.answer_until_captured(200)) return;
  const std::uint64_t from = realtime_ns();
  desk.capture().begin_epoch(1, from);
  if (!desk.answer_until([](const CaptureCounters& c) { return c.epoch == 1; })) return;
  for (unsigned n = 0; n < 150; ++n) sender.send_flow(n);
  if (!desk.answer_until_captured(500)) return;
  if (!desk.finish()) return;
  CHECK_EQ(desk.told(0), 200);
  CHECK_EQ(desk.told(1), 300);
  desk.expect_all_accounted_for(500);
}

// Times are told as time since the start of the run: an epoch from before it, by a clock that stepped back, must not
// let any be negative.
TEST(no_epoch_judges_packets_from_before_the_start) {
  constexpr std::uint64_t hour_ns = 3600ULL * 1'000'000'000;
  Desk desk;
  Sender sender;
  desk.join();
  desk.arm();
  desk.start(realtime_ns() + hour_ns);
  desk.capture().begin_epoch(1, realtime_ns() - hour_ns);
  if (!desk.answer_until([](const CaptureCounters& c) { return c.epoch == 1; })) return;
  sender.send_flow(1);
  if (!desk.finish()) return;
  CHECK_EQ(desk.ignored(IgnoreReason::before_start), 2);
  desk.expect_all_accounted_for(2);
}

TEST(an_epoch_that_begins_with_a_block_still_open_counts_what_it_cannot_judge) {
  auto config = config_for();
  config.ring.retire_ms = 500;
  Desk desk{std::move(config)};
  Sender sender;
  desk.run();
  for (unsigned n = 0; n < 10; ++n) sender.send_flow(n);
  desk.capture().begin_epoch(1, realtime_ns());
  for (unsigned n = 0; n < 10; ++n) sender.send_flow(n);
  if (desk.finish()) desk.expect_all_accounted_for(40);
}

TEST(the_end_waits_for_the_last_open_block_and_not_longer) {
  for (const std::uint32_t retire_ms : {0U, 1U, 60U, 300U}) {
    const Note note{"block timeout " + std::to_string(retire_ms)};
    auto config = config_for();
    config.ring.retire_ms = retire_ms;
    Desk desk{std::move(config)};
    Sender sender;
    desk.run();
    sender.send_flow(1);
    const auto took = time_of([&] { CHECK(desk.finish()); });
    desk.expect_all_accounted_for(2);
    CHECK(took < milliseconds{retire_ms} + 2000ms);
  }
}

TEST(the_end_waits_for_a_slow_worker_with_a_full_ring) {
  auto config = config_for();
  config.work_ns = 500'000;
  config.ring.retire_ms = 1;
  Desk desk{std::move(config)};
  Sender sender;
  desk.run();
  for (unsigned n = 0; n < 500; ++n) sender.send_flow(n % 10);
  if (desk.finish()) desk.expect_all_accounted_for(sender.sent());
}

TEST(a_small_cache_is_emptied_and_loses_nothing) {
  auto config = config_for();
  config.flows_max = 64;
  Desk desk{std::move(config)};
  Sender sender;
  desk.run();
  for (unsigned n = 0; n < 1000; ++n) {
    sender.send_flow(n);
    // As fast as the collector takes: every direction is news, and told without being asked for.
    if (n % 50 == 49 && !desk.answer_until([&](const CaptureCounters&) { return desk.told() == sender.sent(); }))
      return;
  }
  if (!desk.finish()) return;
  desk.expect_all_accounted_for(sender.sent());
  CHECK_EQ(desk.counters().overflowed, 0);
}

TEST(a_collector_that_pauses_costs_overflow_and_no_miscount) {
  auto config = config_for();
  config.flows_max = 1000;
  Desk desk{std::move(config)};
  Sender sender;
  desk.run();
  for (unsigned n = 0; n < many_flows; ++n) {
    sender.send_flow(n);
    if (n % 500 == 0 && !desk.answer_until_captured(sender.sent() / 2, false)) return;
  }
  // Nothing was taken so far; from now on all is.
  desk.take_all();
  if (!desk.finish()) return;
  desk.expect_all_accounted_for(sender.sent());
  CHECK(desk.counters().overflowed > 0);
  CHECK(desk.told() > 0);
}

TEST(a_collector_that_never_takes_gets_what_was_judged_and_no_more) {
  Desk desk;
  Sender sender;
  desk.run();
  for (unsigned n = 0; n < many_flows; ++n) sender.send_flow(n);
  if (!desk.finish(false)) return;
  desk.take_all();
  desk.expect_all_accounted_for(sender.sent());
  CHECK(desk.counters().overflowed > 0);
  CHECK(desk.told() > 0);
}

TEST(an_epoch_that_cannot_be_told_is_counted_as_overflow) {
  Desk desk;
  Sender sender;
  desk.run();
  if (!send_and_capture_many(desk, sender)) return;
  desk.capture().begin_epoch(1, realtime_ns());
  if (!desk.answer_until([](const CaptureCounters& c) { return c.epoch == 1; }, false)) return;
  desk.take_all();
  if (!desk.finish()) return;
  desk.expect_all_accounted_for(sender.sent());
  CHECK(desk.counters().overflowed > 0);
}

TEST(a_worker_that_is_too_slow_counts_the_kernels_drops) {
  auto config = config_for();
  config.ring = {4096, 2, 5};
  config.work_ns = 20'000;
  Desk desk{std::move(config)};
  Sender sender;
  desk.run();
  for (unsigned n = 0; n < 1500; ++n) sender.send_flow(n % 10);
  if (!desk.finish()) return;
  desk.expect_all_accounted_for(sender.sent());
  CHECK(desk.counters().kernel.drops > 0);
  CHECK(desk.counters().kernel.freezes > 0);
}

TEST(a_link_that_goes_down_is_told_and_what_was_read_stays) {
  Desk desk;
  Sender sender;
  desk.run();
  sender.send_flow(1);
  if (!desk.answer_until_captured(2)) return;
  CHECK(set_up("lo", false));
  desk.answer_until([](const CaptureCounters& c) { return c.link_errors > 0; });
  CHECK_EQ(desk.counters().link_error, ENETDOWN);
  CHECK(set_up("lo", true));
  if (!desk.finish()) return;
  CHECK_EQ(desk.told(), 2);
}

TEST(two_members_share_the_packets) {
  Desk first;
  Desk second;
  Sender sender;
  first.join();
  second.join();
  first.arm();
  second.arm();
  const std::uint64_t start = realtime_ns();
  first.start(start);
  second.start(start);
  for (unsigned n = 0; n < 400; ++n) sender.send_flow(n);
  if (!first.finish() || !second.finish()) return;
  first.expect_all_accounted_for(first.counters().kernel.packets);
  second.expect_all_accounted_for(second.counters().kernel.packets);
  CHECK_EQ(first.told() + second.told(), 800);
  CHECK(first.told() > 200 && second.told() > 200);
}

TEST(a_capture_ends_in_every_state) {
  const auto in_time = [](const char* state, auto&& body) {
    const Note note{state};
    auto desk = std::make_unique<Desk>();
    body(*desk);
    CHECK(time_of([&] { desk.reset(); }) < prompt);
  };
  in_time("opened", [](Desk&) {});
  in_time("joined", [](Desk& d) { d.join(); });
  in_time("armed, packets in the ring", [](Desk& d) {
    d.join();
    d.arm();
    Sender{}.send_flow(1);
  });
  in_time("just started", [](Desk& d) { d.run(); });
  in_time("running under traffic", [](Desk& d) {
    d.run();
    Sender sender;
    for (unsigned n = 0; n < 300; ++n) sender.send_flow(n);
  });
  in_time("waiting for a buffer", [](Desk& d) {
    d.run();
    Sender sender;
    CHECK(send_and_capture_many(d, sender));
    d.capture().begin_epoch(1, realtime_ns());
  });
  in_time("just told to finish", [](Desk& d) {
    d.run();
    d.capture().finish();
  });
  in_time("finishing, no buffer free", [](Desk& d) {
    d.run();
    Sender sender;
    for (unsigned n = 0; n < many_flows; ++n) sender.send_flow(n);
    d.capture().finish();
    std::this_thread::sleep_for(50ms);
  });
  in_time("finished", [](Desk& d) {
    d.run();
    CHECK(d.finish());
  });
  in_time("told everything twice, after the end too", [](Desk& d) {
    d.run();
    CHECK(d.finish());
    d.capture().finish();
    d.capture().begin_epoch(9, realtime_ns());
  });
}

TEST(the_end_does_not_wait_for_a_long_block_timeout) {
  auto config = config_for();
  config.ring.retire_ms = 5000;
  auto desk = std::make_unique<Desk>(std::move(config));
  desk->run();
  Sender{}.send_flow(1);
  desk->capture().finish();
  std::this_thread::sleep_for(20ms);
  CHECK(time_of([&] { desk.reset(); }) < prompt);
}

TEST(a_capture_starts_once) {
  Desk desk;
  desk.run();
  const auto again = desk.capture().start(realtime_ns(), 5, [] {});
  CHECK(!again && again.error().code == EALREADY);
  CHECK(desk.finish());
  CHECK_EQ(desk.counters().epoch, 0);
}

TEST(what_the_kernel_refuses_is_said) {
  auto config = config_for();
  config.ifindex = 4711;
  const auto no_interface = opened_with(config);
  CHECK(!no_interface && no_interface.error().code == ENODEV);
  config = config_for();
  config.ring.block_bytes = 1000;
  const auto no_ring = opened_with(config);
  CHECK(!no_ring && no_ring.error().code == EINVAL);
  config = config_for();
  config.cpu = 100'000;
  const auto no_cpu = opened_with(config);
  CHECK(!no_cpu && no_cpu.error().code == EINVAL);
  const auto no_packet_socket = Capture::open(UniqueFd{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)}, config_for());
  CHECK(!no_packet_socket && no_packet_socket.error().code == EINVAL);
  const auto no_socket = Capture::open(UniqueFd{::eventfd(0, EFD_CLOEXEC)}, config_for());
  CHECK(!no_socket && no_socket.error().code == ENOTSOCK);
  const auto nothing = Capture::open(UniqueFd{}, config_for());
  CHECK(!nothing && nothing.error().code == EBADF);
  Desk desk;
  desk.join();
  const auto twice = desk.capture().join({.group_id = 78});
  CHECK(!twice && twice.error().code == EALREADY);
}

// Never in the host's own network: without a private namespace nothing runs.
int main(int argc, char** argv) {
  const bool is_private = ::unshare(CLONE_NEWNET) == 0 || ::unshare(CLONE_NEWUSER | CLONE_NEWNET) == 0;
  if (!is_private) {
    const char* const required = std::getenv("REQUIRE_ALL_TESTS");
    std::printf("SKIPPED: no private network namespace (%s); run as root, or allow user namespaces\n",
                std::strerror(errno));
    return required != nullptr && std::strcmp(required, "1") == 0 ? 1 : 0;
  }
  if (!set_up("lo", true)) {
    std::fprintf(stderr, "cannot set lo up: %s\n", std::strerror(errno));
    return 1;
  }
  loopback = static_cast<int>(::if_nametoindex("lo"));
  return run(argc, argv);
}
