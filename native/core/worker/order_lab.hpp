// Order by the lab's own numbers: every generated frame carries the number of its send, so that each packet that comes
// late is known. Capture thread only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "core/packet/dissect.hpp"
#include "core/table/hash_index.hpp"
#include "core/worker/order.hpp"

namespace fanout {

// What lab_tag.hpp describes, as far as order needs it.
struct LabTag {
  std::uint32_t flow = 0;
  std::uint32_t sequence = 0;
};

// The first tag from the innermost header on that was read: the payload, an option of TCP, a chunk of SCTP, the rest of
// a datagram. Nothing if the frame has none, or is cut before it.
[[nodiscard]] std::optional<LabTag> find_lab_tag(std::span<const std::byte> frame, const Dissection& packet) noexcept;

class LabOrder {
 public:
  [[nodiscard]] static Result<LabOrder> create() noexcept;

  void see(const LabTag& tag) noexcept {
    __builtin_prefetch(&slots()[slot_of(tag.flow)], 1);
    pending_[pending_count_] = tag;
    if (++pending_count_ == pending_.size()) settle();
  }
  // To be called before counts(): some packets wait until the memory of their flow is at hand.
  void settle() noexcept;
  [[nodiscard]] const OrderCounts& counts() const noexcept { return counts_; }

 private:
  // Flows of the lab are numbered from zero, so the number is the place; of two flows with one place the later one is
  // remembered. That may hide an inversion, and never makes one up.
  static constexpr unsigned slot_bits = 20;
  static constexpr std::uint32_t slot_count = 1U << slot_bits;
  static constexpr std::uint32_t inverted_bit = 1U << 31;
  struct Slot {
    std::uint32_t owner;  // the rest of the flow's number, plus one: zero is nobody; and whether an inversion was seen
    std::uint32_t last;   // highest sequence
  };

  explicit LabOrder(MappedRegion region) noexcept : region_(std::move(region)) {}
  [[nodiscard]] static std::uint32_t slot_of(std::uint32_t flow) noexcept { return flow & (slot_count - 1); }
  [[nodiscard]] Slot* slots() const noexcept { return reinterpret_cast<Slot*>(region_.data()); }
  void check(const LabTag& tag) noexcept;

  MappedRegion region_;
  std::array<LabTag, 16> pending_{};
  std::size_t pending_count_ = 0;
  OrderCounts counts_;
};

}  // namespace fanout
