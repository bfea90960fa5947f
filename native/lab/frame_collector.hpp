// Packets of a capture file, collected as frames that an injector can send: as many as fit into a segment, so that memory stays
// flat however large the file is.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "capture_file.hpp"
#include "hash.hpp"
#include "inject.hpp"

namespace fanout {

// Why a packet is not among the frames.
enum class LeftOutReason : std::uint8_t {
  link_type,  // no frame can be made of its link type
  protocol,   // what it carries has no ethertype
  cut,        // too short for a frame that the kernel takes
  too_long,
};

struct LeftOut {
  LeftOutReason reason = LeftOutReason::link_type;
  std::uint16_t link_type = 0;
  std::uint64_t packets = 0;
};

// What became of the packets of a file so far.
struct CollectCounts {
  std::uint64_t frames = 0;
  std::uint64_t cut_headers = 0;  // of the frames: those that the capture cut before their flow was known
  std::array<LeftOut, 32> left_out{};
  std::size_t left_out_used = 0;
  std::uint64_t left_out_otherwise = 0;  // a file can invent more link types than there are entries above
};

class FrameCollector final : private CaptureSink {
 public:
  // The largest IP packet in an Ethernet frame: what fits through a TAP and through a veth pair with the largest MTU.
  static constexpr std::size_t frame_bytes_max = 14 + 65535;

  // Frames go to the receive queue that a NIC with a symmetric hash would choose: both directions of a flow to the same.
  FrameCollector(std::size_t segment_bytes, std::uint16_t queues, HashSeed seed) noexcept
      : segment_bytes_(segment_bytes), queues_(queues), seed_(seed) {}

  // How many bytes were taken: fewer than all if the segment is full, and then the rest is to be offered after take_segment().
  std::size_t feed(std::span<const std::byte> bytes) noexcept { return parser_.feed(bytes, *this); }
  void finish() noexcept { parser_.finish(); }
  // From the beginning of a file again. A segment that was not taken is lost.
  void restart() noexcept;

  [[nodiscard]] bool is_full() const noexcept;
  [[nodiscard]] const FrameSet& segment() const noexcept { return segment_; }
  // Into the set given; its memory is used for the next segment.
  void take_segment(FrameSet& out) noexcept;

  [[nodiscard]] const CaptureFileParser& parser() const noexcept { return parser_; }
  [[nodiscard]] const CollectCounts& counts() const noexcept { return counts_; }

 private:
  bool on_record(const CaptureRecord& record) noexcept override;
  void leave_out(LeftOutReason reason, std::uint16_t link_type) noexcept;
  void append(std::span<const std::byte> header, std::span<const std::byte> rest) noexcept;

  std::size_t segment_bytes_;
  std::uint16_t queues_;
  HashSeed seed_;
  CaptureFileParser parser_;
  FrameSet segment_;
  CollectCounts counts_;
};

}  // namespace fanout
