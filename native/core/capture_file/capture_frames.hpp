// Packets of a capture file as Ethernet frames, and a count of the packets that cannot be. A user of the frames derives
// from this.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/capture_file/capture_file.hpp"
#include "core/capture_file/link_frame.hpp"
#include "core/packet/dissect.hpp"

namespace fanout {

// Why a packet is not among the frames.
enum class LeftOutReason : std::uint8_t {
  link_type,  // no frame can be made of its link type
  protocol,   // what it carries has no ethertype
  encrypted,  // on the way to or from a radio station
  cut,        // too short for a frame that the kernel takes
  too_long,
};

struct LeftOut {
  LeftOutReason reason = LeftOutReason::link_type;
  std::uint16_t link_type = 0;
  std::uint64_t packets = 0;
};

// What became of the packets of a file so far.
struct FrameCounts {
  std::uint64_t frames = 0;
  std::uint64_t cut_headers = 0;  // of the frames: those that the capture cut before their flow was known
  std::array<LeftOut, 32> left_out{};
  std::size_t left_out_used = 0;
  std::uint64_t left_out_otherwise = 0;  // a file can invent more link types than there are entries above
};

class CaptureFrames : private CaptureSink {
 public:
  // How many bytes were taken: fewer than all if no more frames were wanted, and then the rest is to be offered again.
  std::size_t feed(std::span<const std::byte> bytes) noexcept { return parser_.feed(bytes, *this); }
  void finish() noexcept { parser_.finish(); }

  [[nodiscard]] const CaptureFileParser& parser() const noexcept { return parser_; }
  [[nodiscard]] const FrameCounts& counts() const noexcept { return counts_; }

 protected:
  // Packets whose frame is longer than this are left out.
  explicit CaptureFrames(std::size_t frame_bytes_max) noexcept : frame_bytes_max_(frame_bytes_max) {}
  CaptureFrames(CaptureFrames&&) noexcept = default;

  // From the beginning of a file again.
  void restart() noexcept;
  void note_dissection(const Dissection& dissection, const CaptureRecord& record) noexcept;

 private:
  // `frame` is valid until this returns. False: no more for now.
  [[nodiscard]] virtual bool on_frame(std::span<const std::byte> frame, const CaptureRecord& record) noexcept = 0;

  bool on_record(const CaptureRecord& record) noexcept final;
  [[nodiscard]] bool take(const LinkFrame& link, const CaptureRecord& record) noexcept;
  void leave_out(LeftOutReason reason, std::uint16_t link_type) noexcept;

  std::size_t frame_bytes_max_;
  CaptureFileParser parser_;
  FrameCounts counts_;
  std::vector<std::byte> made_;  // a frame that is not in the file as it is
};

}  // namespace fanout
