#include "frame_collector.hpp"

#include <linux/if_ether.h>

#include <optional>
#include <utility>

#include "dissect.hpp"
#include "link_frame.hpp"

namespace fanout {
namespace {

// Offset and queue of a frame.
constexpr std::size_t bookkeeping_bytes = sizeof(std::uint32_t) + sizeof(std::uint16_t);

void clear(FrameSet& set) noexcept {
  set.bytes.clear();
  set.offsets.clear();
  set.queues.clear();
  set.tags.clear();
}

std::optional<LeftOutReason> refusal(Convertible convertible) noexcept {
  switch (convertible) {
    case Convertible::yes:
      return std::nullopt;
    case Convertible::link_type:
      return LeftOutReason::link_type;
    case Convertible::protocol:
      return LeftOutReason::protocol;
    case Convertible::cut:
      return LeftOutReason::cut;
  }
  return LeftOutReason::link_type;
}

// skb_vlan_untag() frees a packet that has less than two octets behind its first tag, and no socket ever sees it.
bool is_cut_in_tag(std::span<const std::byte> frame) noexcept {
  const unsigned type = std::to_integer<unsigned>(frame[12]) << 8 | std::to_integer<unsigned>(frame[13]);
  return (type == ETH_P_8021Q || type == ETH_P_8021AD) && frame.size() < ETH_HLEN + 4 + 2;
}

}  // namespace

void FrameCollector::restart() noexcept {
  parser_ = {};
  counts_ = {};
  clear(segment_);
}

bool FrameCollector::is_full() const noexcept {
  return segment_.bytes.size() + segment_.count() * bookkeeping_bytes >= segment_bytes_;
}

void FrameCollector::take_segment(FrameSet& out) noexcept {
  std::swap(out, segment_);
  clear(segment_);
}

bool FrameCollector::on_record(const CaptureRecord& record) noexcept {
  const LinkFrame frame = as_ethernet(record.link_type, record.bytes);
  if (const auto reason = refusal(frame.convertible)) {
    leave_out(*reason, record.link_type);
    return true;
  }
  if (frame.size() > frame_bytes_max) {
    leave_out(LeftOutReason::too_long, record.link_type);
    return true;
  }
  const std::size_t start = segment_.bytes.size();
  append(std::span{frame.header}.first(frame.header_bytes), frame.rest);
  const auto bytes = std::span<const std::byte>{segment_.bytes}.subspan(start);
  if (is_cut_in_tag(bytes)) {
    segment_.bytes.resize(start);
    leave_out(LeftOutReason::cut, record.link_type);
    return true;
  }
  const Dissection dissection = dissect(bytes, {}, seed_);
  if (segment_.offsets.empty()) segment_.offsets.push_back(0);
  segment_.offsets.push_back(static_cast<std::uint32_t>(segment_.bytes.size()));
  const std::uint64_t queue = dissection.kind == PacketKind::flow ? dissection.flow_hash % queues_ : 0;
  segment_.queues.push_back(static_cast<std::uint16_t>(queue));
  ++counts_.frames;
  if (dissection.kind == PacketKind::truncated && record.bytes.size() < record.wire_bytes) ++counts_.cut_headers;
  return !is_full();
}

void FrameCollector::append(std::span<const std::byte> header, std::span<const std::byte> rest) noexcept {
  // Once and for all: growing by doubling would copy the segment several times. Untouched pages cost nothing.
  if (segment_.bytes.capacity() == 0) segment_.bytes.reserve(segment_bytes_ + frame_bytes_max);
  segment_.bytes.insert(segment_.bytes.end(), header.begin(), header.end());
  segment_.bytes.insert(segment_.bytes.end(), rest.begin(), rest.end());
}

void FrameCollector::leave_out(LeftOutReason reason, std::uint16_t link_type) noexcept {
  for (LeftOut& entry : std::span{counts_.left_out}.first(counts_.left_out_used)) {
    if (entry.reason != reason || entry.link_type != link_type) continue;
    ++entry.packets;
    return;
  }
  if (counts_.left_out_used == counts_.left_out.size()) {
    ++counts_.left_out_otherwise;
    return;
  }
  counts_.left_out[counts_.left_out_used++] = {reason, link_type, 1};
}

}  // namespace fanout
