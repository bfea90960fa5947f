#include "core/worker/capture.hpp"

#include <linux/if_packet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <cstring>
#include <limits>

namespace fanout {

struct Capture::Parsed {
  Dissection packet;
  std::span<const std::byte> frame;
  Amount amount;
  std::uint32_t hash = 0;
};

namespace {

using std::chrono::milliseconds;

constexpr std::size_t batch_packets = 32;
constexpr unsigned blocks_per_round = 64;  // then commands, news and counters have their turn
constexpr std::int64_t counters_interval_ms = 100;
constexpr std::uint32_t vlan_tag_bytes = 4;
// Tags that are still in the bytes count beyond the MTU.
constexpr std::uint32_t tags_bytes_max = 2 * vlan_tag_bytes;
// TP_STATUS_GSO_TCP of linux/if_packet.h, since Linux 6.3.
constexpr std::uint32_t status_gso_tcp = 1U << 8;

std::uint64_t clock_ns(clockid_t clock) noexcept {
  timespec t{};
  ::clock_gettime(clock, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(t.tv_nsec);
}

std::int64_t now_ms() noexcept { return static_cast<std::int64_t>(clock_ns(CLOCK_MONOTONIC) / 1'000'000U); }

void spin(std::uint64_t ns) noexcept {
  for (const std::uint64_t end = clock_ns(CLOCK_MONOTONIC) + ns; clock_ns(CLOCK_MONOTONIC) < end;) {
  }
}

// Lets packets pass.
Status attach(PacketSocket& socket, const CaptureConfig& config) noexcept {
  return config.filter.empty() ? socket.attach_keep(config.snaplen) : socket.attach_filter(config.filter);
}

[[nodiscard]] Dissection dissect_in(const RingPacket& packet, const CaptureConfig& config) noexcept {
  const auto model = [&] { return config.kernel.value_or(KernelModel{}); };
  if (!packet.is_ethernet()) [[unlikely]]
    return dissect_network(packet.frame, packet.network, config.seed, model());
  if (packet.packet_type == PACKET_OUTGOING)
    return dissect_sent(packet.frame, packet.tag, packet.network, config.seed, model());
  return config.kernel ? dissect(packet.frame, packet.tag, config.seed, *config.kernel)
                       : dissect(packet.frame, packet.tag, config.seed);
}

Status pin_to(int cpu) noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  // The capture thread is created later and inherits this.
  if (::sched_setaffinity(0, sizeof set, &set) != 0) return SysError::from_errno("sched_setaffinity");
  return Done{};
}

}  // namespace

Result<std::unique_ptr<Capture>> Capture::open(UniqueFd packet_socket, CaptureConfig config) noexcept {
  if (config.cpu) {
    const auto pinned = pin_to(*config.cpu);
    if (!pinned) return pinned.error();
  }
  auto socket = PacketSocket::adopt(std::move(packet_socket));
  if (!socket) return socket.error();
  auto ring = RxRing::create(socket->fd(), config.ring);
  if (!ring) return ring.error();
  for (const auto step :
       {+[](PacketSocket&s, const CaptureConfig&c) { return c.eager ? attach(s, c) : s.attach_drop_all(); },
        +[](PacketSocket&s, const CaptureConfig&c) { return s.bind_device(c.ifindex); },
        +[](PacketSocket&s, const CaptureConfig&c) {
          return c.promiscuous ? s.add_promiscuous(c.ifindex) : Status{Done{}};
        }}) {
    const auto status = step(*socket, config);
    if (!status) return status.error();
  }
  auto cache = FlowCache::create({config.flows_max});
  if (!cache) return cache.error();
  auto order = create_order(config);
  if (!order) return order.error();
  auto memory = Outbox::allocate();
  if (!memory) return memory.error();
  UniqueFd wake{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
  if (!wake) return SysError::from_errno("eventfd");
  return std::unique_ptr<Capture>{new Capture{std::move(config), std::move(*socket), std::move(*ring),
                                              std::move(*cache), std::move(*order),
                                              std::make_shared<Outbox>(std::move(*memory)), std::move(wake)}};
}

Result<Capture::Order> Capture::create_order(const CaptureConfig& config) noexcept {
  Order order;
  if (config.lab_tags) {
    auto lab = LabOrder::create();
    if (!lab) return lab.error();
    order.lab = std::move(*lab);
  } else {
    const std::uint32_t flows = std::min(config.flows_max, TcpOrder::watched_flows);
    auto tcp = TcpOrder::create(flows, config.replayed ? TcpOrder::Clock::foreign : TcpOrder::Clock::senders);
    if (!tcp) return tcp.error();
    order.tcp = std::move(*tcp);
  }
  return order;
}

Capture::Capture(CaptureConfig config, PacketSocket socket, RxRing ring, FlowCache cache, Order order,
                 std::shared_ptr<Outbox> outbox, UniqueFd wake) noexcept
    : config_(std::move(config)),
      socket_(std::move(socket)),
      ring_(std::move(ring)),
      cache_(std::move(cache)),
      order_(std::move(order)),
      outbox_(std::move(outbox)),
      wake_(std::move(wake)),
      // Rounds of the lab are no copies, and those of a capture file are told by its own time.
      copies_(config_.lab_tags || config_.replayed ? Copies{} : Copies::create()),
      whole_bytes_(config_.mtu == 0 ? std::numeric_limits<std::uint16_t>::max() * 2U : config_.mtu + tags_bytes_max) {}

Capture::~Capture() {
  if (!thread_) return;
  // The thread may be waiting for a buffer, which only this one could release.
  outbox_->close();
  send({std::nullopt, std::nullopt, true});
  ::pthread_join(*thread_, nullptr);
}

Status Capture::arm() noexcept {
  cpu_start_ns_ = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
  if (config_.eager) return Done{};
  // Cleared while nothing passes the filter yet: a packet that is counted is also in the ring.
  const auto cleared = socket_.clear_counters();
  return cleared ? attach(socket_, config_) : cleared;
}

Status Capture::start(std::uint64_t start_ns, std::uint32_t epoch, Doorbell doorbell) noexcept {
  if (thread_) return SysError{"pthread_create", EALREADY};
  start_ns_ = span_.from_ns = start_ns;
  epoch_ = epoch;
  doorbell_ = std::move(doorbell);
  pthread_t thread{};
  if (const int error = ::pthread_create(&thread, nullptr, thread_main, this); error != 0)
    return SysError{"pthread_create", error};
  thread_ = thread;
  return Done{};
}

void Capture::begin_epoch(std::uint32_t epoch, std::uint64_t from_ns) noexcept {
  send({std::pair{epoch, from_ns}, std::nullopt, false});
}
void Capture::finish(std::uint64_t until_ns) noexcept { send({std::nullopt, until_ns, false}); }

void Capture::send(const Command& command) noexcept {
  {
    const std::lock_guard lock{shared_};
    if (command.epoch) command_.epoch = command.epoch;
    if (command.finish) command_.finish = command.finish;
    command_.quit |= command.quit;
  }
  const std::uint64_t one = 1;
  (void)!::write(wake_.get(), &one, sizeof one);
}

CaptureCounters Capture::counters() const {
  const std::lock_guard lock{shared_};
  return published_;
}

void* Capture::thread_main(void* self) noexcept {
  static_cast<Capture*>(self)->run();
  return nullptr;
}

// Capture thread.
void Capture::run() noexcept {
  next_changes_ms_ = now_ms() + config_.changes_interval_ms;
  for (;;) {
    Command command;
    {
      const std::lock_guard lock{shared_};
      command = std::exchange(command_, Command{});
    }
    if (command.quit) return;
    obey(command);
    if (!done_) {
      read_blocks();
      const std::int64_t now = now_ms();
      if (has_news() && now >= next_news_ms_) tell_news();
      if (now >= next_changes_ms_ || changes_cursor_) tell_changes();
      if (now >= next_counters_ms_) publish_counters(false);
    }
    wait();
  }
}

void Capture::read_blocks() noexcept {
  for (unsigned i = 0; i < blocks_per_round; ++i) {
    const auto lease = ring_.try_acquire();
    if (!lease) return;
    read_block(lease->bytes());
    ring_.advance();
  }
}

void Capture::read_block(std::span<const std::byte> block) noexcept {
  Parsed batch[batch_packets];
  std::size_t count = 0;
  const std::uint64_t now_ns = clock_ns(CLOCK_REALTIME);
  const WalkCounts walked = for_each_packet(block, [&](const RingPacket& packet) noexcept {
    ++captured_;
    bytes_ += packet.wire_bytes + (packet.tag.present ? vlan_tag_bytes : 0);
    const bool outgoing = packet.packet_type == PACKET_OUTGOING;
    if (packet.wire_bytes > whole_bytes_ + packet.network.network_at) [[unlikely]]
      note_large(packet);
    if (outgoing) {
      ++outgoing_;
      if (config_.ignore_outgoing) {
        look_at_unjudged(packet);
        return ignored_.add(IgnoreReason::outgoing);
      }
    }
    if (const auto refusal = span_.refusal(packet.timestamp_ns, now_ns); refusal) [[unlikely]]
      return ignored_.add(*refusal);
    Parsed& p = batch[count];
    // Made in its place: a copy right after the parsing would wait for every narrow store.
    new (&p.packet) Dissection(dissect_in(packet, config_));
    if (packet.tag.present) p.packet.tags = with_tag(p.packet, packet.tag);
    const std::uint64_t time_ns = packet.timestamp_ns - start_ns_;
    p.amount = {packet.wire_bytes, time_ns, time_ns, 1, 0};
    p.frame = packet.frame;
    if (order_.lab) {
      if (const auto tag = find_lab_tag(packet.frame, p.packet)) order_.lab->see(*tag);
    }
    if (p.packet.fragment.datagram != 0) [[unlikely]]
      if (!join_fragment(p.packet, p.amount)) return;
    if (p.packet.kind != PacketKind::flow) return ignored_.add(p.packet);
    const std::uint64_t content = content_hash_of(packet.frame, p.packet, config_.seed);
    p.amount.content = content::mark(rank_of_hash(content), time_ns);
    if (copies_.looks_at(content)) [[unlikely]]
      look_for_copy(packet, p.packet, content);
    p.hash = FlowCache::hash_of(p.packet, config_.seed);
    cache_.prefetch_index(p.hash);
    if (++count < batch_packets) return;
    commit(batch, count);
    count = 0;
  });
  commit(batch, count);
  if (order_.lab) order_.lab->settle();
  if (walked.malformed != 0) {
    captured_ += walked.malformed;
    ignored_.add(IgnoreReason::block_malformed, walked.malformed);
  }
}

void Capture::note_large(const RingPacket& packet) noexcept {
  if (config_.mtu == 0) return;
  ++(packet.packet_type == PACKET_OUTGOING ? large_.sent : large_.received);
  large_.merged += (packet.status & status_gso_tcp) != 0;
  large_.largest = std::max(large_.largest, packet.wire_bytes - packet.network.network_at);
}

void Capture::look_for_copy(const RingPacket& packet, const Dissection& dissection, std::uint64_t content) noexcept {
  copies_.look(packet.frame, dissection, content, packet.timestamp_ns, packet.packet_type == PACKET_OUTGOING,
               config_.seed);
}

// A packet that this host sent, where such packets are not judged: on loopback it is received as well.
void Capture::look_at_unjudged(const RingPacket& packet) noexcept {
  const Dissection dissection = dissect_in(packet, config_);
  if (dissection.kind != PacketKind::flow) return;
  const std::uint64_t content = content_hash_of(packet.frame, dissection, config_.seed);
  if (copies_.looks_at(content)) look_for_copy(packet, dissection, content);
}

// False if the packet is none of a known flow (yet): then it has been taken care of. `packet` becomes one of its
// flow's.
bool Capture::join_fragment(Dissection& packet, const Amount& amount) noexcept {
  if (packet.kind == PacketKind::fragment_later) {
    if (datagrams_.continue_with(packet, amount)) return true;
    ++judged_;
    count_lost_fragments();
    return false;
  }
  if (packet.kind != PacketKind::flow) return true;
  const auto [waited, marks, tags] = datagrams_.begin(packet, amount.first_ns);
  count_lost_fragments();
  if (waited.packets == 0) return true;
  judged_ -= waited.packets;
  Dissection later = packet;
  later.marks = marks;
  later.tags = tags;
  (void)store(later, FlowCache::hash_of(later, config_.seed), waited);
  return true;
}

void Capture::count_lost_fragments() noexcept {
  const std::uint64_t lost = datagrams_.take_lost();
  judged_ -= lost;
  ignored_.add(IgnoreReason::fragment_later, lost);
}

void Capture::commit(const Parsed* batch, std::size_t count) noexcept {
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t position = cache_.prefetch_record(batch[i].hash);
    // Nothing has no position that is watched.
    if (order_.tcp && order_.tcp->watches(position) && batch[i].packet.key.protocol == IPPROTO_TCP)
      order_.tcp->prefetch(position);
  }
  for (std::size_t i = 0; i < count; ++i) {
    const auto position = store(batch[i].packet, batch[i].hash, batch[i].amount);
    if (order_.tcp && position && order_.tcp->watches(*position)) check_order(batch[i], *position);
  }
  if (config_.work_ns != 0) spin(std::uint64_t{config_.work_ns} * count);
}

// The position of its record, if there was room.
std::optional<std::uint32_t> Capture::store(const Dissection& packet, std::uint32_t hash,
                                            const Amount& amount) noexcept {
  auto position = cache_.add(packet, hash, amount);
  if (!position) {
    evict();
    position = cache_.add(packet, hash, amount);
  }
  (position ? judged_ : overflowed_) += amount.packets;
  return position;
}

void Capture::check_order(const Parsed& p, std::uint32_t position) noexcept {
  order_.tcp->see_stamp(p.amount.first_ns, cache_.latest_ns(position));
  if (const auto segment = find_tcp_segment(p.frame, p.amount.bytes, p.packet))
    order_.tcp->see(position, p.packet.direction, *segment, p.amount.first_ns);
}

void Capture::forget_flows() noexcept {
  cache_.clear();
  if (order_.tcp) order_.tcp->forget();
}

// Makes room by telling everything and starting empty. While the collector is too slow for that, new flows are counted
// as overflow.
void Capture::evict() noexcept {
  constexpr milliseconds patience{50};
  if (now_ms() < next_evict_ms_) return;
  if (tell_everything(patience))
    forget_flows();
  else
    next_evict_ms_ = now_ms() + patience.count();
}

void Capture::wait() noexcept {
  const std::int64_t now = now_ms();
  std::int64_t timeout = done_ ? -1 : std::max<std::int64_t>(0, next_counters_ms_ - now);
  if (!done_ && has_news()) timeout = std::min(timeout, std::max<std::int64_t>(1, next_news_ms_ - now));
  if (!done_ && changes_cursor_) timeout = std::min<std::int64_t>(timeout, 10);
  pollfd fds[]{{wake_.get(), POLLIN, 0}, {done_ ? -1 : socket_.fd(), POLLIN | POLLERR, 0}};
  if (::poll(fds, 2, static_cast<int>(timeout)) <= 0) return;
  if ((fds[0].revents & POLLIN) != 0) {
    std::uint64_t wakes = 0;
    (void)!::read(wake_.get(), &wakes, sizeof wakes);
  }
  if ((fds[1].revents & POLLERR) != 0) {
    // ENETDOWN: publish_counters() takes it. Blocks already filled stay readable.
    publish_counters(false);
  }
}

// The kernel reports ENETDOWN once, when the interface goes down or away; blocks already filled stay readable.
void Capture::note_link_error() noexcept {
  const int error = socket_.take_error();
  if (error == 0) return;
  link_error_ = error;
  ++link_errors_;
}

void Capture::obey(const Command& command) noexcept {
  constexpr milliseconds patience{2000};
  if (command.epoch && !done_) {
    read_blocks();
    // What belongs to the old epoch leaves under its number.
    if (!tell_everything(patience)) give_up_untold();
    forget_flows();
    datagrams_.clear();
    changes_cursor_.reset();
    epoch_ = command.epoch->first;
    // Should the clock have stepped back, the run's start still bounds what can be judged: times are counted from
    // there.
    span_.from_ns = std::max(start_ns_, command.epoch->second);
  }
  if (command.finish && !done_) finish_reading(*command.finish);
}

void Capture::finish_reading(std::uint64_t until_ns) noexcept {
  constexpr milliseconds patience{5000};
  if (until_ns != at_once) read_until(until_ns);
  (void)socket_.attach_drop_all();
  read_until_empty();
  if (!tell_everything(patience)) give_up_untold();
  done_ = true;
  publish_counters(true);
}

// Reads on while packets of the run may still come. Bounded, because the clock may be set back.
void Capture::read_until(std::uint64_t until_ns) noexcept {
  constexpr std::int64_t longest_ms = 1000;
  span_.until_ns = until_ns;
  const std::int64_t deadline = now_ms() + longest_ms;
  while (clock_ns(CLOCK_REALTIME) < until_ns && now_ms() < deadline && !outbox_->closed()) {
    read_blocks();
    pollfd fd{socket_.fd(), POLLIN, 0};
    if (::poll(&fd, 1, 1) > 0 && (fd.revents & POLLERR) != 0) note_link_error();
  }
}

// An open block is handed over when its timer fires, rounded up to the kernel's own clock, and not before: the kernel's
// count tells when all has been read. Given up only if no block comes for longer than any timer takes.
void Capture::read_until_empty() noexcept {
  // A packet that was past the filter on another CPU when it was shut is counted a moment later.
  constexpr std::int64_t in_flight_ms = 2;
  const std::int64_t retired_ms = 2 * std::int64_t{config_.ring.retire_ms} + 100;
  const std::int64_t settled = now_ms() + in_flight_ms;
  std::int64_t deadline = now_ms() + retired_ms;
  while (!outbox_->closed()) {
    const std::uint64_t before = captured_;
    read_blocks();
    const std::int64_t now = now_ms();
    if (captured_ != before) deadline = now + retired_ms;
    if (now >= deadline || (now > settled && !lags_behind())) return;
    pollfd fd{socket_.fd(), POLLIN, 0};
    if (::poll(&fd, 1, 1) > 0 && (fd.revents & POLLERR) != 0) note_link_error();
  }
}

bool Capture::lags_behind() noexcept {
  const auto kernel = socket_.read_counters();
  return kernel && captured_ < kernel->packets;
}

// What cannot leave in time is lost to the evidence: it was not judged after all.
void Capture::give_up_untold() noexcept {
  const std::uint64_t lost = cache_.untold_packets() + datagrams_.untold_packets();
  judged_ -= lost;
  overflowed_ += lost;
}

void Capture::publish(std::uint32_t slot, wire::BatchWriter& writer) noexcept {
  const std::size_t length = writer.finish();
  std::byte* const header = outbox_->slot(slot).data();
  for (std::size_t i = 0; i < Outbox::frame_header_bytes; ++i)
    header[i] = static_cast<std::byte>(length >> (8 * (Outbox::frame_header_bytes - 1 - i)));
  outbox_->publish(slot, Outbox::frame_header_bytes + length);
  ring_doorbell();
}

// Fills and publishes buffers until `write` has nothing left. False if none was free for as long as `patience`.
template <typename Write>
bool Capture::tell(milliseconds patience, Write&& write) noexcept {
  const std::int64_t deadline = now_ms() + patience.count();
  for (bool all = false; !all;) {
    const auto slot = outbox_->acquire(milliseconds{std::max<std::int64_t>(0, deadline - now_ms())});
    if (!slot) return false;
    wire::BatchWriter writer{outbox_->slot(*slot).subspan(Outbox::frame_header_bytes), config_.member, epoch_};
    all = write(writer);
    if (writer.count() != 0)
      publish(*slot, writer);
    else
      outbox_->give_back(*slot);
  }
  return true;
}

void Capture::tell_news() noexcept {
  (void)tell(milliseconds{0},
             [&](wire::BatchWriter& writer) { return cache_.write_news(writer) && datagrams_.write_due(writer); });
  next_news_ms_ = now_ms() + config_.news_interval_ms;
}

// Counters of known flows go out in passes, so that the loss of a worker costs no more than one interval of them.
void Capture::tell_changes() noexcept {
  if (!changes_cursor_) {
    changes_cursor_ = 0;
    datagrams_.settle();
    count_lost_fragments();
  }
  const auto write = [&](wire::BatchWriter& writer) {
    return datagrams_.write_due(writer) && cache_.write_changes(writer, *changes_cursor_);
  };
  if (!tell(milliseconds{0}, write)) return;
  changes_cursor_.reset();
  next_changes_ms_ = now_ms() + config_.changes_interval_ms;
}

bool Capture::tell_everything(milliseconds patience) noexcept {
  std::uint32_t cursor = 0;
  datagrams_.settle();
  count_lost_fragments();
  return tell(patience, [&](wire::BatchWriter& writer) {
    return datagrams_.write_due(writer) && cache_.write_changes(writer, cursor);
  });
}

void Capture::publish_counters(bool finished) noexcept {
  CaptureCounters fresh;
  if (const auto kernel = socket_.read_counters(); kernel) fresh.kernel = *kernel;
  fresh.rollover = read_rollover_counters(socket_.fd());
  fresh.captured = captured_;
  fresh.bytes = bytes_;
  fresh.outgoing = outgoing_;
  fresh.judged = judged_;
  fresh.overflowed = overflowed_;
  fresh.ignored = ignored_.entries();
  fresh.order = order_.lab ? order_.lab->counts() : order_.tcp->counts();
  fresh.copies = copies_.counts();
  fresh.large = large_;
  // First the time, then the question: whoever reads `alive_ns` without a new error knows that until then the link had
  // not gone.
  fresh.alive_ns = clock_ns(CLOCK_REALTIME);
  note_link_error();
  fresh.cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu_start_ns_;
  fresh.epoch = epoch_;
  fresh.link_error = link_error_;
  fresh.link_errors = link_errors_;
  fresh.finished = finished;
  {
    const std::lock_guard lock{shared_};
    published_ = std::move(fresh);
  }
  next_counters_ms_ = now_ms() + counters_interval_ms;
  ring_doorbell();
}

void Capture::ring_doorbell() noexcept {
  if (!rung_.exchange(true, std::memory_order_acq_rel) && doorbell_) doorbell_();
}

}  // namespace fanout
