#include "core/worker/order_tcp.hpp"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "core/packet/walk.hpp"

namespace fanout {
namespace {

constexpr std::size_t header_bytes_min = 20;
constexpr unsigned flag_fin = 0x01, flag_syn = 0x02, flag_rst = 0x04, flag_ack = 0x10;
// NOP, NOP, then the option: how all stacks align it in segments other than SYN.
constexpr std::uint32_t aligned_stamps = 0x0101080a;
constexpr unsigned option_end = 0, option_nop = 1, option_stamps = 8;
constexpr std::size_t stamps_option_bytes = 10;
// What is acknowledged further ahead of all that was seen is of another connection between these ports, and came late
// itself.
constexpr std::uint32_t ahead_max = 1U << 24;
// A SYN carries one packet's data at the most (RFC 7413).
constexpr std::uint32_t fast_open_max = 1U << 16;

void read_stamps(TcpSegment& segment, const std::byte* values) noexcept {
  segment.stamp = load32(values);
  segment.echo = load32(values + 4);
  segment.has_stamps = true;
}

void read_options(TcpSegment& segment, std::span<const std::byte> options) noexcept {
  if (options.size() >= 12 && load32(options.data()) == aligned_stamps) return read_stamps(segment, options.data() + 4);
  for (std::size_t at = 0; at < options.size();) {
    const unsigned kind = load8(options.data() + at);
    if (kind == option_end) return;
    if (kind == option_nop) {
      ++at;
      continue;
    }
    if (at + 2 > options.size()) return;
    const std::size_t bytes = load8(options.data() + at + 1);
    if (bytes < 2 || at + bytes > options.size()) return;
    if (kind == option_stamps && bytes == stamps_option_bytes) return read_stamps(segment, options.data() + at + 2);
    at += bytes;
  }
}

// Where the packet ends by its IP header. Zero is no length (BIG TCP): then it ends with the frame, as it was on the
// wire.
[[nodiscard]] std::size_t packet_end(std::span<const std::byte> frame, std::size_t wire_bytes,
                                     const Dissection& packet) noexcept {
  const std::size_t at = packet.network_at;
  const bool ipv4 = packet.key.family == 4;
  const std::size_t claimed = load16(frame.data() + at + (ipv4 ? 2 : 4));
  return claimed == 0 ? wire_bytes : at + (ipv4 ? 0U : 40U) + claimed;
}

constexpr std::uint32_t tick_mask = (1U << 26) - 1;
[[nodiscard]] constexpr std::uint32_t ticks_of(std::uint64_t ns) noexcept {
  return static_cast<std::uint32_t>(ns >> 16) & tick_mask;
}
// Zero means never.
[[nodiscard]] std::uint32_t ticks(std::uint64_t ns) noexcept { return std::max(ticks_of(ns), 1U); }

}  // namespace

std::optional<TcpSegment> find_tcp_segment(std::span<const std::byte> frame, std::size_t wire_bytes,
                                           const Dissection& packet) noexcept {
  if (packet.kind != PacketKind::flow || packet.key.protocol != IPPROTO_TCP || packet.fragment.datagram != 0)
    return std::nullopt;
  // What an error quotes was sent some time ago.
  if ((packet.marks & mark_icmp_error) != 0) return std::nullopt;
  const std::size_t at = packet.transport_at;
  if (at + header_bytes_min > frame.size()) return std::nullopt;
  const std::byte* const header = frame.data() + at;
  const std::size_t header_bytes = std::size_t{load8(header + 12)} >> 4 << 2;
  const std::size_t end = packet_end(frame, wire_bytes, packet);
  if (header_bytes < header_bytes_min || at + header_bytes > end) return std::nullopt;

  const unsigned flags = load8(header + 13);
  TcpSegment out;
  out.syn = (flags & flag_syn) != 0;
  out.rst = (flags & flag_rst) != 0;
  out.has_ack = (flags & flag_ack) != 0;
  const std::size_t payload_bytes = end - at - header_bytes;
  out.begin = load32(header + 4);
  out.end =
      out.begin + static_cast<std::uint32_t>(payload_bytes) + unsigned{out.syn} + unsigned{(flags & flag_fin) != 0};
  out.ack = load32(header + 8);
  if (header_bytes > header_bytes_min) {
    const std::size_t options_end = std::min(at + header_bytes, frame.size());
    read_options(out, frame.subspan(at + header_bytes_min, options_end - at - header_bytes_min));
  }
  return out;
}

Result<TcpOrder> TcpOrder::create(std::uint32_t flows_max, Clock clock) noexcept {
  auto region = MappedRegion::anonymous(std::size_t{flows_max} * sizeof(Flow), Pages::small);
  if (!region) return region.error();
  return TcpOrder{std::move(*region), flows_max, clock};
}

void TcpOrder::forget() noexcept {
  std::memset(region_.data(), 0, std::size_t{used_} * sizeof(Flow));
  used_ = 0;
}

void TcpOrder::see(std::uint32_t position, Direction direction, const TcpSegment& segment,
                   std::uint64_t now_ns) noexcept {
  // Its numbers are whatever the side that knows nothing of the connection found fit.
  if (segment.rst) return;
  used_ = std::max(used_, position + 1);
  Flow& flow = flows()[position];
  Side& own = flow.sides[static_cast<std::size_t>(direction)];
  Side& peer = flow.sides[1 - static_cast<std::size_t>(direction)];
  const std::uint32_t now = ticks(now_ns);
  if (!segment.syn || is_repeated_syn(own, segment)) [[likely]]
    advance(flow, own, peer, segment, now);
  else if (segment.has_ack)
    accept(flow, own, peer, segment, now);
  else
    open(flow, own, peer, segment, now);
  if (segment.has_ack) acknowledge(own, peer, segment, now);
}

// Of the connection that is known, and not of the next one between these ports, whose first number is far away or
// higher.
bool TcpOrder::is_repeated_syn(const Side& own, const TcpSegment& segment) noexcept {
  constexpr std::uint32_t near = 1U << 20;
  return own.known && own.end - segment.begin < near;
}

// A first SYN. The other side's SYN/ACK may be here already, with all or some of the data of a fast open (RFC 7413)
// acknowledged.
void TcpOrder::open(Flow& flow, Side& own, Side& peer, const TcpSegment& segment, std::uint32_t now) noexcept {
  const bool is_answered =
      !own.known && peer.accepted && !is_after(segment.begin + 1, peer.ack) && !is_after(peer.ack, segment.end);
  if (is_answered) {
    check(flow, counts_.syn_ack_first, is_fresh(own, segment, now));
    peer.accepted = false;
    own.ahead = 0;
  } else {
    // A new connection between the ports of an old one, or the first that was seen.
    start_over(flow);
  }
  begin(own, segment);
}

// A first SYN/ACK, which the other side's acknowledgment may have overtaken.
void TcpOrder::accept(Flow& flow, Side& own, Side& peer, const TcpSegment& segment, std::uint32_t now) noexcept {
  const bool is_answer = !own.known && peer.syn && peer.end - segment.ack < fast_open_max;
  if (is_answer) {
    peer.acked = peer.acked && peer.ack - segment.end <= ahead_max;
    check(flow, counts_.ack_first, peer.acked && is_fresh(own, segment, now));
    if (!peer.acked || peer.ack == segment.end) own.ahead = 0;
  } else {
    start_over(flow);
    own.accepted = true;
  }
  begin(own, segment);
}

void TcpOrder::start_over(Flow& flow) noexcept {
  const bool inverted = flow.sides[0].inverted;
  flow = {};
  flow.sides[0].inverted = inverted;
}

void TcpOrder::begin(Side& own, const TcpSegment& syn) noexcept {
  own.known = true;
  own.syn = true;
  own.end = syn.end;
}

void TcpOrder::advance(Flow& flow, Side& own, const Side& peer, const TcpSegment& segment, std::uint32_t now) noexcept {
  if (!own.known) {
    // What was acknowledged before anything was seen of this side may have passed before the capture began.
    own.known = true;
    own.end = peer.acked && is_after(peer.ack, segment.end) ? peer.ack : segment.end;
    own.ahead = 0;
    return;
  }
  // Repeated, or of a connection that nothing is known of.
  if (!is_after(segment.end, own.end)) return;
  const bool is_acked = peer.acked && !is_after(segment.end, peer.ack);
  if (segment.end != segment.begin && peer.known)
    check(flow, counts_.ack_first, is_acked && is_fresh(own, segment, now));
  own.end = segment.end;
  if (!is_acked || peer.ack == segment.end) own.ahead = 0;
}

void TcpOrder::acknowledge(Side& own, Side& peer, const TcpSegment& segment, std::uint32_t now) noexcept {
  if (own.acked && !is_after(segment.ack, own.ack)) return;
  const bool is_ahead = !peer.known || is_after(segment.ack, peer.end);
  if (peer.known && is_ahead && segment.ack - peer.end > ahead_max) return;
  own.ack = segment.ack;
  own.acked = true;
  if (!is_ahead || peer.ahead != 0) return;
  peer.ahead = now & tick_mask;
  peer.echo = segment.echo;
  peer.has_echo = segment.has_stamps;
}

void TcpOrder::check(Flow& flow, std::uint64_t& kind, bool is_late) noexcept {
  ++counts_.checked;
  if (!is_late) return;
  ++counts_.inversions;
  ++kind;
  if (!flow.sides[0].inverted) ++counts_.flows;
  flow.sides[0].inverted = true;
}

// Whether the segment can be no repetition of one that this capture missed. Its sender's own time stamp tells: the
// acknowledgment echoes what the receiver had got, and what is repeated later is stamped later. Without it only time
// does: a sender repeats what it has no acknowledgment of after two milliseconds at the earliest (RFC 8985, as Linux
// does it), and as a rule after 200; and what was under way when the capture began may have passed before.
bool TcpOrder::is_fresh(const Side& own, const TcpSegment& segment, std::uint32_t now) const noexcept {
  constexpr std::uint32_t unstamped_max = ticks_of(1'000'000), stamped_max = ticks_of(10'000'000);
  if (own.ahead == 0) return false;
  // Time stamps come from several CPUs.
  const std::uint32_t late = std::min((now - own.ahead) & tick_mask, (own.ahead - now) & tick_mask);
  if (segment.has_stamps && own.has_echo) return late <= stamped_max && !is_after(segment.stamp, own.echo);
  return clock_ == Clock::senders && late <= unstamped_max && (own.syn || segment.syn);
}

}  // namespace fanout
