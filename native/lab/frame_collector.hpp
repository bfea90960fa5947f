// Packets of a capture file, collected as frames that an injector can send: as many as fit into a segment, so that
// memory stays flat however large the file is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "core/base/hash.hpp"
#include "core/capture_file/capture_frames.hpp"
#include "core/capture_file/prediction.hpp"
#include "lab/inject.hpp"
#include "lab/nic.hpp"

namespace fanout {

class FrameCollector final : public CaptureFrames {
 public:
  // The largest IP packet in an Ethernet frame: what fits through a TAP and through a veth pair with the largest MTU.
  static constexpr std::size_t frame_bytes_max = 14 + 65535;

  // Frames go to the receive queue that the NIC chooses; without one to that of a perfect NIC, which sends both
  // directions of a flow to the same. feed() takes less than all if the segment is full, and then the rest is to be
  // offered after take_segment().
  FrameCollector(std::size_t segment_bytes, std::uint16_t queues, HashSeed seed, std::shared_ptr<const Nic> nic,
                 std::shared_ptr<Prediction> original = nullptr) noexcept
      : CaptureFrames(frame_bytes_max),
        segment_bytes_(segment_bytes),
        queues_(queues),
        seed_(seed),
        nic_(std::move(nic)),
        original_(std::move(original)) {}

  // From the beginning of a file again. A segment that was not taken is lost.
  void restart() noexcept;
  // The file has ended.
  void finish() noexcept;
  // What the flows of the file are by its own time, which the replay does not keep: by it copies are told. May be none.
  [[nodiscard]] const std::shared_ptr<Prediction>& original() const noexcept { return original_; }

  [[nodiscard]] bool is_full() const noexcept;
  [[nodiscard]] const FrameSet& segment() const noexcept { return segment_; }
  // Into the set given; its memory is used for the next segment.
  void take_segment(FrameSet& out) noexcept;

 private:
  bool on_frame(std::span<const std::byte> frame, const CaptureRecord& record) noexcept override;
  [[nodiscard]] std::uint16_t queue_of(std::span<const std::byte> frame, const Dissection& dissection) const noexcept;

  std::size_t segment_bytes_;
  std::uint16_t queues_;
  HashSeed seed_;
  std::shared_ptr<const Nic> nic_;
  std::shared_ptr<Prediction> original_;
  bool is_first_round_ = true;
  FrameSet segment_;
};

}  // namespace fanout
