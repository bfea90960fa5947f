// Order by what TCP says: of a segment that comes after its own acknowledgment it is known that it was sent before,
// whoever sent it. Only what has no other reading is counted, so the count is a lower bound: loss, retransmission, or a
// capture that begins in the middle are none. docs/verdicts.md has the rules. Capture thread only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/base/mapped_region.hpp"
#include "core/packet/dissect.hpp"
#include "core/worker/order.hpp"

namespace fanout {

struct TcpSegment {
  std::uint32_t begin = 0;  // sequence number of its first octet
  std::uint32_t end = 0;    // and behind its last; SYN and FIN take one number each
  std::uint32_t ack = 0;
  std::uint32_t stamp = 0, echo = 0;  // TSval and TSecr (RFC 7323), if has_stamps
  bool has_stamps = false;
  bool syn = false;
  bool has_ack = false;
  bool rst = false;
};

// The segment in a frame of which dissect() said `packet`; nothing if that is no TCP, a fragment, or cut within the
// header. `wire_bytes` is the length of the frame before it was cut.
[[nodiscard]] std::optional<TcpSegment> find_tcp_segment(std::span<const std::byte> frame, std::size_t wire_bytes,
                                                         const Dissection& packet) noexcept;

class TcpOrder {
 public:
  // Whether the packets are as far apart as their senders sent them. In a replay they are not: then only what the
  // senders stamped tells a late segment from a repeated one.
  enum class Clock : bool { senders, foreign };

  // Of so many flows at a time the order is watched, the first that came; what they need stays in the CPU's
  // second-level cache, and a queue that overtakes another does so in these as in all.
  static constexpr std::uint32_t watched_flows = 1U << 12;

  // Flows are known by the position of their record in the flow cache: those below `flows_max` are watched.
  [[nodiscard]] static Result<TcpOrder> create(std::uint32_t flows_max, Clock clock) noexcept;

  [[nodiscard]] bool watches(std::uint32_t position) const noexcept { return position < flows_max_; }
  // The three below are for flows that are watched.
  void prefetch(std::uint32_t position) const noexcept { __builtin_prefetch(&flows()[position], 1); }
  void see(std::uint32_t position, Direction direction, const TcpSegment& segment, std::uint64_t now_ns) noexcept;
  // Of any packet of a flow: its time stamp, and the latest of the flow so far.
  void see_stamp(std::uint64_t now_ns, std::uint64_t latest_ns) noexcept {
    // A clock that was stepped goes back further than packets overtake each other.
    constexpr std::uint64_t step_ns = 5'000'000;
    counts_.time_stamp += latest_ns > now_ns && latest_ns - now_ns < step_ns;
  }
  // When the records of the flow cache are gone.
  void forget() noexcept;
  [[nodiscard]] const OrderCounts& counts() const noexcept { return counts_; }

 private:
  // 65 microseconds each, as many as fit beside the flags: they wrap after 73 minutes.
  static constexpr unsigned tick_bits = 26;
  // One direction. All zero: nothing was seen of it.
  struct Side {
    std::uint32_t end = 0;                // all before was seen, or came too late to be looked for
    std::uint32_t ack = 0;                // highest acknowledgment that this side sent
    std::uint32_t echo = 0;               // TSecr of the acknowledgment that `ahead` is about
    std::uint32_t ahead : tick_bits = 0;  // when the other side first acknowledged what is beyond `end`; 0: it has not
    bool known : 1 = false;
    bool acked : 1 = false;     // `ack` is set
    bool syn : 1 = false;       // its SYN was seen
    bool accepted : 1 = false;  // by a SYN/ACK whose SYN was not seen
    bool has_echo : 1 = false;
    bool inverted : 1 = false;  // of side 0 only: the flow has been counted
  };
  // Half a cache line, and none of the record's own: flows of other protocols never touch it.
  struct alignas(32) Flow {
    std::array<Side, 2> sides;
  };
  static_assert(sizeof(Flow) == 32);

  TcpOrder(MappedRegion region, std::uint32_t flows_max, Clock clock) noexcept
      : region_(std::move(region)), flows_max_(flows_max), clock_(clock) {}
  [[nodiscard]] Flow* flows() const noexcept { return reinterpret_cast<Flow*>(region_.data()); }
  void open(Flow& flow, Side& own, Side& peer, const TcpSegment& segment, std::uint32_t now) noexcept;
  void accept(Flow& flow, Side& own, Side& peer, const TcpSegment& segment, std::uint32_t now) noexcept;
  void advance(Flow& flow, Side& own, const Side& peer, const TcpSegment& segment, std::uint32_t now) noexcept;
  [[nodiscard]] static bool is_repeated_syn(const Side& own, const TcpSegment& segment) noexcept;
  static void start_over(Flow& flow) noexcept;
  static void begin(Side& own, const TcpSegment& syn) noexcept;
  static void acknowledge(Side& own, Side& peer, const TcpSegment& segment, std::uint32_t now) noexcept;
  void check(Flow& flow, std::uint64_t& kind, bool is_late) noexcept;
  [[nodiscard]] bool is_fresh(const Side& own, const TcpSegment& segment, std::uint32_t now) const noexcept;

  MappedRegion region_;
  std::uint32_t flows_max_;
  Clock clock_;
  std::uint32_t used_ = 0;
  OrderCounts counts_;
};

}  // namespace fanout
