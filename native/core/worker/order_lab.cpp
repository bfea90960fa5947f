#include "core/worker/order_lab.hpp"

#include <cstring>

#include "core/packet/lab_tag.hpp"
#include "core/packet/walk.hpp"

namespace fanout {
namespace {

constexpr std::size_t kind_offset = lab_tag::guard_kind_offset;

// The octets beside the magic number that are the same in all tags: bytes of somebody else that happen to hold the
// number are none.
[[nodiscard]] bool is_tag_at(std::span<const std::byte> frame, std::size_t at) noexcept {
  if (!lab_tag::present_at(frame, at)) return false;
  const std::byte* const tag = frame.data() + at;
  return load8(tag + lab_tag::direction_offset) <= 1 && load8(tag + kind_offset) <= 1 &&
         load16(tag + kind_offset + 1) == 0;
}

[[nodiscard]] LabTag tag_at(std::span<const std::byte> frame, std::size_t at) noexcept {
  return {load32(frame.data() + at + lab_tag::flow_offset), load32(frame.data() + at + lab_tag::sequence_offset)};
}

}  // namespace

std::optional<LabTag> find_lab_tag(std::span<const std::byte> frame, const Dissection& packet) noexcept {
  // Behind UDP, UDP-Lite or echo; behind TCP; in an option of TCP, without and with another one before it.
  constexpr std::array<std::size_t, 4> likely{8, 20, 22, 26};
  // Zero where no transport header was reached: then it may be anywhere.
  const std::size_t from = std::min<std::size_t>(packet.transport_at, frame.size());
  for (const std::size_t offset : likely)
    if (is_tag_at(frame, from + offset)) return tag_at(frame, from + offset);

  constexpr std::uint32_t magic = lab_tag::detail::big_endian(lab_tag::magic);
  for (std::size_t at = from; at < frame.size(); ++at) {
    const void* const found = ::memmem(frame.data() + at, frame.size() - at, &magic, sizeof magic);
    if (found == nullptr) return std::nullopt;
    at = static_cast<std::size_t>(static_cast<const std::byte*>(found) - frame.data());
    if (is_tag_at(frame, at)) return tag_at(frame, at);
  }
  return std::nullopt;
}

Result<LabOrder> LabOrder::create() noexcept {
  auto region = MappedRegion::anonymous(std::size_t{slot_count} * sizeof(Slot), Pages::small);
  if (!region) return region.error();
  return LabOrder{std::move(*region)};
}

void LabOrder::settle() noexcept {
  for (std::size_t i = 0; i < pending_count_; ++i) check(pending_[i]);
  pending_count_ = 0;
}

void LabOrder::check(const LabTag& tag) noexcept {
  ++counts_.checked;
  Slot& slot = slots()[slot_of(tag.flow)];
  const std::uint32_t owner = (tag.flow >> slot_bits) + 1;
  if ((slot.owner & ~inverted_bit) != owner) {
    slot = {owner, tag.sequence};
    return;
  }
  if (!is_after(slot.last, tag.sequence)) {
    slot.last = tag.sequence;
    return;
  }
  ++counts_.inversions;
  if ((slot.owner & inverted_bit) == 0) ++counts_.flows;
  slot.owner |= inverted_bit;
}

}  // namespace fanout
