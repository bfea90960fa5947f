// What mode HASH must do with packets, by the model of the kernel's key: packets of one flow with one key stay together
// whatever the group, those with different keys part unless chance brings them together. As if there were a member for
// every key.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "core/capture_file/capture_frames.hpp"
#include "core/capture_file/defragment.hpp"
#include "core/evidence/flow_map.hpp"
#include "core/evidence/repeats.hpp"
#include "core/packet/ignored.hpp"
#include "core/table/datagrams.hpp"
#include "core/worker/copies.hpp"

namespace fanout {

struct PredictionCounts {
  std::uint64_t packets = 0;  // of flows
  std::uint64_t unseen = 0;   // fragments that the kernel would have kept back for ever (DEFRAG only)
};

// Of one group, with or without the flag DEFRAG.
class Prediction {
 public:
  struct Options {
    bool defrag = false;
    std::uint32_t flows_max = 1U << 22;
    std::uint32_t sights_max = 1U << 22;  // beyond the first of each direction
    HashSeed seed;
    KernelModel kernel{};
  };

  [[nodiscard]] static Result<Prediction> create(const Options& options) noexcept;

  // An Ethernet frame, with a time from which datagrams and copies are told; 0: it has none. For the evidence, earlier
  // ones than the first count as that.
  void add(std::span<const std::byte> frame, std::uint32_t wire_bytes, std::uint64_t time_ns);
  void finish();

  [[nodiscard]] Evidence evidence(std::size_t violations_max) const;
  [[nodiscard]] std::vector<ObservedFlow> flows(std::size_t max) const;
  // For the flow map of a replay of the same frames, whose workers have the same seed.
  [[nodiscard]] FlowMap::Basis basis_of_replay() const noexcept;
  // Packets were alike, and nothing tells whether they are copies: no packet has a time stamp.
  [[nodiscard]] bool copies_are_untold() const noexcept { return !has_times() && has_alike_; }
  // Of packets with a time stamp, how many came twice.
  [[nodiscard]] const CopyCounts& copies() const noexcept { return copies_.counts(); }
  // Of the first packet that has one, since 1970; times in the evidence count from it.
  [[nodiscard]] std::uint64_t start_ns() const noexcept { return start_ns_.value_or(0); }
  [[nodiscard]] const Tally& tally() const noexcept { return flow_map_.tally(); }
  [[nodiscard]] PredictionCounts counts() const noexcept {
    return {packets_, defragmenter_ ? defragmenter_->lost() : 0};
  }
  [[nodiscard]] std::vector<IgnoredCounts::Entry> ignored() const { return ignored_.entries(); }

 private:
  Prediction(const Options& options, FlowMap flow_map) noexcept;
  void add_seen(std::span<const std::byte> frame, std::uint32_t wire_bytes, std::uint64_t time_ns);
  [[nodiscard]] bool has_times() const noexcept { return start_ns_.has_value(); }
  void tell_copies(std::span<const std::byte> frame, Dissection& packet, Amount& amount);
  [[nodiscard]] FlowMap::Basis basis() const noexcept;
  void tell(const Dissection& packet, const Amount& amount);
  void tell_datagrams();

  HashSeed seed_;
  KernelModel kernel_;
  FlowMap flow_map_;
  Datagrams datagrams_;
  std::optional<Defragmenter> defragmenter_;
  Repeats repeats_;
  Copies copies_ = Copies::create();
  IgnoredCounts ignored_;
  std::optional<std::uint64_t> start_ns_;
  std::uint64_t now_ns_ = 0;     // of the present packet, as the file has it
  std::uint64_t latest_ns_ = 0;  // of the last packet that had one
  bool has_alike_ = false;
  std::uint64_t packets_ = 0;
};

// Of a capture file: both groups in one pass.
class CapturePrediction final : public CaptureFrames {
 public:
  // Nothing is sent, so there is no bound but that of the parser: a packet of segmentation offload (BIG TCP) is longer
  // than any interface sends.
  static constexpr std::size_t frame_bytes_max = 14 + CaptureFileParser::packet_bytes_max;

  CapturePrediction(Prediction plain, Prediction defragmented) noexcept
      : CaptureFrames(frame_bytes_max), plain_(std::move(plain)), defragmented_(std::move(defragmented)) {}

  void finish() noexcept;
  [[nodiscard]] const Prediction& plain() const noexcept { return plain_; }
  [[nodiscard]] const Prediction& defragmented() const noexcept { return defragmented_; }

 private:
  bool on_frame(std::span<const std::byte> frame, const CaptureRecord& record) noexcept override;

  Prediction plain_;
  Prediction defragmented_;
};

}  // namespace fanout
