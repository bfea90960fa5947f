// Open addressing from a 32-bit hash to the position of a record in a dense array. An entry is eight bytes, so a probe
// rarely leaves its cache line, and growing moves entries only: records stay where they are.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

#include "mapped_region.hpp"
#include "result.hpp"

namespace fanout {

class HashIndex {
 public:
  static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

  HashIndex() noexcept = default;

  // `capacity` entries fit before the first growth.
  [[nodiscard]] static Result<HashIndex> create(std::uint32_t capacity) noexcept {
    HashIndex index;
    const auto status = index.allocate(std::bit_ceil(std::uint64_t{capacity} * 2));
    if (!status) return status.error();
    return index;
  }

  void prefetch(std::uint32_t hash) const noexcept { __builtin_prefetch(entries() + (hash & mask_)); }

  // The position of the first entry with this hash, from which a record can be prefetched; `none` if there is none nearby.
  [[nodiscard]] std::uint32_t peek(std::uint32_t hash) const noexcept {
    const std::uint64_t entry = entries()[hash & mask_];
    return entry != 0 && hash_of(entry) == hash ? position_of(entry) : none;
  }

  // `same(position)` compares the record itself.
  template <typename Same>
  [[nodiscard]] std::uint32_t find(std::uint32_t hash, Same&& same) const noexcept {
    const std::uint64_t* const table = entries();
    for (std::uint64_t i = hash & mask_;; i = (i + 1) & mask_) {
      const std::uint64_t entry = table[i];
      if (entry == 0) return none;
      if (hash_of(entry) == hash && same(position_of(entry))) return position_of(entry);
    }
  }

  // The caller knows that the record is not there yet. Fails, changing nothing, if there is no memory to grow.
  [[nodiscard]] Status insert(std::uint32_t hash, std::uint32_t position) noexcept {
    if ((count_ + 1) * 4 > (mask_ + 1) * 3) {
      const auto grown = allocate((mask_ + 1) * 2);
      if (!grown) return grown.error();
    }
    place(hash, position);
    ++count_;
    return Done{};
  }

  void clear() noexcept {
    std::memset(region_.data(), 0, region_.size());
    count_ = 0;
  }

  [[nodiscard]] std::size_t bytes() const noexcept { return region_.size(); }

 private:
  [[nodiscard]] static std::uint32_t hash_of(std::uint64_t entry) noexcept { return static_cast<std::uint32_t>(entry >> 32); }
  // Stored plus one, so that zero means empty and fresh pages need no initialization.
  [[nodiscard]] static std::uint32_t position_of(std::uint64_t entry) noexcept { return static_cast<std::uint32_t>(entry) - 1; }
  [[nodiscard]] std::uint64_t* entries() const noexcept { return reinterpret_cast<std::uint64_t*>(region_.data()); }

  void place(std::uint32_t hash, std::uint32_t position) noexcept {
    std::uint64_t i = hash & mask_;
    while (entries()[i] != 0) i = (i + 1) & mask_;
    entries()[i] = std::uint64_t{hash} << 32 | (std::uint64_t{position} + 1);
  }

  [[nodiscard]] Status allocate(std::uint64_t slots) noexcept {
    auto fresh = MappedRegion::anonymous(slots * sizeof(std::uint64_t), Pages::huge);
    if (!fresh) return fresh.error();
    const MappedRegion old = std::exchange(region_, std::move(*fresh));
    const std::uint64_t old_slots = old.size() / sizeof(std::uint64_t);
    const auto* const old_entries = reinterpret_cast<const std::uint64_t*>(old.data());
    mask_ = slots - 1;
    for (std::uint64_t i = 0; i < old_slots; ++i)
      if (old_entries[i] != 0) place(hash_of(old_entries[i]), position_of(old_entries[i]));
    return Done{};
  }

  MappedRegion region_;
  std::uint64_t mask_ = 0;
  std::uint64_t count_ = 0;
};

// A dense, growing array whose records never move: address space for all of it is reserved at once, memory is used as it is touched.
template <typename Record>
class RecordArray {
 public:
  RecordArray() noexcept = default;

  // Reserves room for up to `capacity` records; less, down to a sixteenth, where the address space is limited (ulimit -v, overcommit).
  // Huge pages serve arrays that are expected to fill: fewer address translations, in steps of 2 MiB of memory.
  [[nodiscard]] static Result<RecordArray> reserve(std::uint32_t capacity, Pages pages) noexcept {
    const std::uint32_t least = capacity / 16;
    for (std::uint32_t wanted = capacity;; wanted /= 2) {
      auto region = MappedRegion::anonymous(std::size_t{wanted} * sizeof(Record), pages);
      if (region) return RecordArray{std::move(*region), wanted};
      if (wanted / 2 <= least) return region.error();
    }
  }

  [[nodiscard]] Record& operator[](std::uint32_t i) noexcept { return data()[i]; }
  [[nodiscard]] const Record& operator[](std::uint32_t i) const noexcept { return data()[i]; }
  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
  [[nodiscard]] bool full() const noexcept { return size_ == capacity_; }
  [[nodiscard]] std::uint32_t push(const Record& record) noexcept {
    data()[size_] = record;
    return size_++;
  }
  void clear() noexcept { size_ = 0; }

 private:
  RecordArray(MappedRegion region, std::uint32_t capacity) noexcept : region_(std::move(region)), capacity_(capacity) {}
  [[nodiscard]] Record* data() const noexcept { return reinterpret_cast<Record*>(region_.data()); }

  MappedRegion region_;
  std::uint32_t capacity_ = 0;
  std::uint32_t size_ = 0;
};

}  // namespace fanout
