#include "lab/frame_collector.hpp"

#include <utility>

#include "core/packet/dissect.hpp"

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

}  // namespace

void FrameCollector::restart() noexcept {
  // Later rounds are of the same packets.
  is_first_round_ = is_first_round_ && counts().frames == 0;
  CaptureFrames::restart();
  clear(segment_);
}

void FrameCollector::finish() noexcept {
  CaptureFrames::finish();
  if (original_ && is_first_round_) original_->finish();
}

bool FrameCollector::is_full() const noexcept {
  return segment_.bytes.size() + segment_.count() * bookkeeping_bytes >= segment_bytes_;
}

void FrameCollector::take_segment(FrameSet& out) noexcept {
  std::swap(out, segment_);
  clear(segment_);
}

std::uint16_t FrameCollector::queue_of(std::span<const std::byte> frame, const Dissection& dissection) const noexcept {
  if (nic_) return nic_->queue_of(frame);
  return static_cast<std::uint16_t>(dissection.kind == PacketKind::flow ? dissection.flow_hash % queues_ : 0);
}

bool FrameCollector::on_frame(std::span<const std::byte> frame, const CaptureRecord& record) noexcept {
  // Once and for all: growing by doubling would copy the segment several times. Untouched pages cost nothing.
  if (segment_.bytes.capacity() == 0) segment_.bytes.reserve(segment_bytes_ + frame_bytes_max);
  segment_.bytes.insert(segment_.bytes.end(), frame.begin(), frame.end());
  if (segment_.offsets.empty()) segment_.offsets.push_back(0);
  segment_.offsets.push_back(static_cast<std::uint32_t>(segment_.bytes.size()));
  const Dissection dissection = dissect(frame, {}, seed_);
  segment_.queues.push_back(queue_of(frame, dissection));
  note_dissection(dissection, record);
  if (original_ && is_first_round_) original_->add(frame, record.wire_bytes, record.time_ns);
  return !is_full();
}

}  // namespace fanout
