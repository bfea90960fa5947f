// One member of the group: its socket, ring and the thread that reads it. The only file that waits in poll(2).
#pragma once

#include <linux/filter.h>
#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "core/packet/ignored.hpp"
#include "core/socket/fanout.hpp"
#include "core/socket/packet_socket.hpp"
#include "core/socket/rx_ring.hpp"
#include "core/table/datagrams.hpp"
#include "core/worker/copies.hpp"
#include "core/worker/flow_cache.hpp"
#include "core/worker/judged_span.hpp"
#include "core/worker/order_lab.hpp"
#include "core/worker/order_tcp.hpp"
#include "core/worker/outbox.hpp"

namespace fanout {

struct CaptureConfig {
  int ifindex = 0;
  std::uint32_t member = 0;
  RingGeometry ring;
  std::uint32_t snaplen = 192;
  std::vector<sock_filter> filter;  // empty: keep `snaplen` bytes of every packet
  bool promiscuous = true;
  bool ignore_outgoing = false;  // do not judge packets that this host sent
  std::optional<int> cpu;
  std::uint32_t flows_max = 1U << 20;
  std::uint32_t work_ns = 0;  // simulated cost of inspecting one packet
  std::uint32_t news_interval_ms = 10;
  std::uint32_t changes_interval_ms = 5000;
  HashSeed seed;
  std::optional<KernelModel> kernel;  // that hashes otherwise than current ones
  bool lab_tags = false;              // the traffic is the lab's own, and numbers its packets
  // Deliver packets from bind() on, as most programs do: to a socket that is no member yet, and under a growing group.
  bool eager = false;
  bool replayed = false;  // it is that of a capture file, sent faster or slower than it was
  std::uint32_t mtu = 0;  // of a live device; 0: packets above it are not counted
};

// Packets longer than the device's MTU: segments that were merged on receipt, or are split only by the NIC that sends
// them.
struct LargeCounts {
  std::uint64_t received = 0;
  std::uint64_t sent = 0;
  std::uint64_t merged = 0;   // of both: the kernel says that it is of several TCP segments
  std::uint32_t largest = 0;  // from the network header on
};

struct CaptureCounters {
  KernelCounters kernel;
  std::optional<RolloverCounters> rollover;
  std::uint64_t captured = 0;  // read from the ring
  std::uint64_t bytes = 0;     // of those, as on the wire
  std::uint64_t outgoing = 0;
  std::uint64_t judged = 0;
  std::uint64_t overflowed = 0;  // found the cache full, or could not be told because the collector was too slow
  std::vector<IgnoredCounts::Entry> ignored;
  OrderCounts order;
  CopyCounts copies;
  LargeCounts large;
  std::uint64_t alive_ns = 0;  // CLOCK_REALTIME at which these counters were true
  std::uint64_t cpu_ns = 0;    // of this process, since arm()
  std::uint32_t epoch = 0;
  int link_error = 0;  // last SO_ERROR of the socket, as an errno; ENETDOWN when the interface went down or away
  std::uint32_t link_errors = 0;  // how often
  bool finished = false;
};

class Capture {
 public:
  using Doorbell = std::function<void()>;

  // Everything but joining: ring, drop-all filter, bind, promiscuous mode. Nothing is delivered yet.
  [[nodiscard]] static Result<std::unique_ptr<Capture>> open(UniqueFd packet_socket, CaptureConfig config) noexcept;
  ~Capture();
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;

  [[nodiscard]] Result<Membership> join(const JoinRequest& request) noexcept {
    return join_group(socket_.fd(), request);
  }
  [[nodiscard]] const PacketSocket& socket() const noexcept { return socket_; }

  // When all members have joined: zeroes the kernel's counters and lets packets into the ring.
  [[nodiscard]] Status arm() noexcept;
  // Begins to read. Packets stamped before `start_ns` (CLOCK_REALTIME) are not judged. The doorbell rings on the
  // capture thread.
  [[nodiscard]] Status start(std::uint64_t start_ns, std::uint32_t epoch, Doorbell doorbell) noexcept;
  // Closes the current epoch and judges packets stamped from `from_ns` on in the next.
  void begin_epoch(std::uint32_t epoch, std::uint64_t from_ns) noexcept;
  // Shuts the ring, reads what it holds, tells everything; then counters().finished. The socket stays a member until
  // destruction. Packets stamped `until_ns` (CLOCK_REALTIME) or later are not judged, so that several groups can end
  // with the same packet.
  void finish(std::uint64_t until_ns = at_once) noexcept;
  static constexpr std::uint64_t at_once = 0;

  [[nodiscard]] Outbox& outbox() noexcept { return *outbox_; }
  [[nodiscard]] const std::shared_ptr<Outbox>& shared_outbox() const noexcept { return outbox_; }
  // To be called before reading counters and outbox in answer to the doorbell: later news ring again.
  // An exchange and not a store: it must see whatever was published before a ring that found the doorbell rung.
  void answer_doorbell() noexcept { (void)rung_.exchange(false, std::memory_order_acq_rel); }
  [[nodiscard]] CaptureCounters counters() const;

 private:
  struct Command {
    std::optional<std::pair<std::uint32_t, std::uint64_t>> epoch;
    std::optional<std::uint64_t> finish;
    bool quit = false;
  };

  // Exactly one of the two.
  struct Order {
    std::optional<LabOrder> lab;
    std::optional<TcpOrder> tcp;
  };

  [[nodiscard]] static Result<Order> create_order(const CaptureConfig& config) noexcept;
  Capture(CaptureConfig config, PacketSocket socket, RxRing ring, FlowCache cache, Order order,
          std::shared_ptr<Outbox> outbox, UniqueFd wake) noexcept;

  static void* thread_main(void* self) noexcept;
  void run() noexcept;
  void read_blocks() noexcept;
  void read_block(std::span<const std::byte> block) noexcept;
  struct Parsed;
  void commit(const Parsed* batch, std::size_t count) noexcept;
  std::optional<std::uint32_t> store(const Dissection& packet, std::uint32_t hash, const Amount& amount) noexcept;
  void check_order(const Parsed& packet, std::uint32_t position) noexcept;
  void forget_flows() noexcept;
  [[nodiscard]] bool join_fragment(Dissection& packet, const Amount& amount) noexcept;
  void count_lost_fragments() noexcept;
  void note_large(const RingPacket& packet) noexcept;
  void look_for_copy(const RingPacket& packet, const Dissection& dissection, std::uint64_t content) noexcept;
  void look_at_unjudged(const RingPacket& packet) noexcept;
  [[nodiscard]] bool has_news() const noexcept { return cache_.has_news() || datagrams_.has_due(); }
  void wait() noexcept;
  void obey(const Command& command) noexcept;
  void note_link_error() noexcept;
  void finish_reading(std::uint64_t until_ns) noexcept;
  void read_until(std::uint64_t until_ns) noexcept;
  void read_until_empty() noexcept;
  [[nodiscard]] bool lags_behind() noexcept;
  void give_up_untold() noexcept;
  void evict() noexcept;
  template <typename Write>
  [[nodiscard]] bool tell(std::chrono::milliseconds patience, Write&& write) noexcept;
  void tell_news() noexcept;
  void tell_changes() noexcept;
  [[nodiscard]] bool tell_everything(std::chrono::milliseconds patience) noexcept;
  void publish(std::uint32_t slot, wire::BatchWriter& writer) noexcept;
  void publish_counters(bool finished) noexcept;
  void ring_doorbell() noexcept;
  void send(const Command& command) noexcept;

  CaptureConfig config_;
  PacketSocket socket_;
  RxRing ring_;
  FlowCache cache_;
  Order order_;
  Datagrams datagrams_;
  std::shared_ptr<Outbox> outbox_;
  UniqueFd wake_;

  // Capture thread only, after start().
  IgnoredCounts ignored_;
  Copies copies_;
  LargeCounts large_;
  std::uint32_t whole_bytes_;   // from the network header on: longer packets are large
  std::uint64_t start_ns_ = 0;  // of the run: zero of the observations' times
  JudgedSpan span_;             // of the epoch
  std::uint32_t epoch_ = 0;
  std::uint64_t captured_ = 0, bytes_ = 0, outgoing_ = 0, judged_ = 0, overflowed_ = 0;
  int link_error_ = 0;
  std::uint32_t link_errors_ = 0;
  std::uint64_t cpu_start_ns_ = 0;
  std::int64_t next_news_ms_ = 0, next_changes_ms_ = 0, next_counters_ms_ = 0, next_evict_ms_ = 0;
  std::optional<std::uint32_t> changes_cursor_;
  bool done_ = false;

  Doorbell doorbell_;
  std::atomic<bool> rung_{false};
  mutable std::mutex shared_;  // guards the two below
  Command command_;
  CaptureCounters published_;
  std::optional<pthread_t> thread_;
};

}  // namespace fanout
