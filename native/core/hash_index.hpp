// Open addressing from a 32-bit hash to the position of a record in a dense array. An entry is eight bytes, so a probe
// rarely leaves its cache line, and growing moves entries only: records stay where they are. It moves a few with each insertion,
// so that none waits for all of them.
#pragma once

#include <algorithm>
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
    auto table = Table::create(std::bit_ceil(std::max(slots_at_a_time, std::uint64_t{capacity} * 2)));
    if (!table) return table.error();
    HashIndex index;
    index.table_ = std::move(*table);
    return index;
  }

  void prefetch(std::uint32_t hash) const noexcept { __builtin_prefetch(table_.entries() + (hash & table_.mask)); }

  // The position of the first entry with this hash, from which a record can be prefetched; `none` if there is none nearby.
  [[nodiscard]] std::uint32_t peek(std::uint32_t hash) const noexcept {
    const std::uint64_t entry = table_.entries()[hash & table_.mask];
    return entry != 0 && hash_of(entry) == hash ? position_of(entry) : none;
  }

  // `same(position)` compares the record itself.
  template <typename Same>
  [[nodiscard]] std::uint32_t find(std::uint32_t hash, Same&& same) const noexcept {
    const std::uint64_t* const table = table_.entries();
    for (std::uint64_t i = hash & table_.mask;; i = (i + 1) & table_.mask) {
      const std::uint64_t entry = table[i];
      if (entry == 0) return is_growing() ? find_old(hash, same) : none;
      if (hash_of(entry) == hash && same(position_of(entry))) return position_of(entry);
    }
  }

  // The caller knows that the record is not there yet. Fails, changing nothing, if there is no memory to grow.
  [[nodiscard]] Status insert(std::uint32_t hash, std::uint32_t position) noexcept {
    if ((count_ + 1) * 4 > table_.slots() * 3) {
      const auto grown = begin_growth();
      if (!grown) return grown.error();
    }
    table_.place(entry_of(hash, position));
    ++count_;
    if (is_growing()) [[unlikely]]
      move_some();
    return Done{};
  }

  // The record is there under this hash.
  void erase(std::uint32_t hash, std::uint32_t position) noexcept {
    const std::uint64_t entry = entry_of(hash, position);
    --count_;
    if (is_growing()) [[unlikely]]
      if (std::uint64_t* const old = old_.find(entry)) *old = entry | gone;
    if (std::uint64_t* const found = table_.find(entry)) table_.close_gap(static_cast<std::uint64_t>(found - table_.entries()));
  }

  void clear() noexcept {
    std::memset(table_.region.data(), 0, table_.region.size());
    old_ = {};
    count_ = 0;
  }

  [[nodiscard]] std::size_t bytes() const noexcept { return table_.region.size() + old_.region.size(); }

 private:
  [[nodiscard]] static std::uint32_t hash_of(std::uint64_t entry) noexcept { return static_cast<std::uint32_t>(entry >> 32); }
  // Stored plus one, so that zero means empty and fresh pages need no initialization.
  [[nodiscard]] static std::uint32_t position_of(std::uint64_t entry) noexcept { return static_cast<std::uint32_t>(entry) - 1; }
  [[nodiscard]] static std::uint64_t entry_of(std::uint32_t hash, std::uint32_t position) noexcept {
    return std::uint64_t{hash} << 32 | (std::uint64_t{position} + 1);
  }
  // In place of the position of what was erased from the old table, where a gap would end the search for others. No record has
  // it.
  static constexpr std::uint64_t gone = 0xffffffff;

  struct Table {
    MappedRegion region;
    std::uint64_t mask = 0;

    [[nodiscard]] static Result<Table> create(std::uint64_t slots) noexcept {
      auto fresh = MappedRegion::anonymous(slots * sizeof(std::uint64_t), Pages::huge);
      if (!fresh) return fresh.error();
      return Table{std::move(*fresh), slots - 1};
    }
    [[nodiscard]] std::uint64_t slots() const noexcept { return mask + 1; }
    [[nodiscard]] std::uint64_t* entries() const noexcept { return reinterpret_cast<std::uint64_t*>(region.data()); }
    void place(std::uint64_t entry) const noexcept {
      std::uint64_t i = hash_of(entry) & mask;
      while (entries()[i] != 0) i = (i + 1) & mask;
      entries()[i] = entry;
    }
    [[nodiscard]] std::uint64_t* find(std::uint64_t entry) const noexcept {
      for (std::uint64_t i = hash_of(entry) & mask; entries()[i] != 0; i = (i + 1) & mask)
        if (entries()[i] == entry) return &entries()[i];
      return nullptr;
    }
    // Entries behind it move up as far as to where their search begins, so that each is still found.
    void close_gap(std::uint64_t gap) const noexcept {
      std::uint64_t* const table = entries();
      for (std::uint64_t i = (gap + 1) & mask; table[i] != 0; i = (i + 1) & mask) {
        const std::uint64_t home = hash_of(table[i]) & mask;
        if (((i - home) & mask) < ((i - gap) & mask)) continue;
        table[gap] = table[i];
        gap = i;
      }
      table[gap] = 0;
    }
  };

  [[nodiscard]] bool is_growing() const noexcept { return old_.region.data() != nullptr; }

  template <typename Same>
  [[nodiscard]] std::uint32_t find_old(std::uint32_t hash, Same&& same) const noexcept {
    const std::uint64_t* const table = old_.entries();
    for (std::uint64_t i = hash & old_.mask; table[i] != 0; i = (i + 1) & old_.mask) {
      const std::uint64_t entry = table[i];
      if (hash_of(entry) == hash && (entry & gone) != gone && same(position_of(entry))) return position_of(entry);
    }
    return none;
  }

  [[nodiscard]] Status begin_growth() noexcept {
    while (is_growing()) move_some();
    auto fresh = Table::create(table_.slots() * 2);
    if (!fresh) return fresh.error();
    old_ = std::exchange(table_, std::move(*fresh));
    moved_ = 0;
    return Done{};
  }

  // Done long before the table must grow again: that takes three insertions for every four slots of the old one.
  static constexpr std::uint64_t slots_at_a_time = 8;
  void move_some() noexcept {
    for (const std::uint64_t end = moved_ + slots_at_a_time; moved_ < end; ++moved_) {
      const std::uint64_t entry = old_.entries()[moved_];
      if (entry != 0 && (entry & gone) != gone) table_.place(entry);
    }
    if (moved_ == old_.slots()) old_ = {};
  }

  Table table_;
  // What the table was before it grew. It keeps its entries until the last has been moved: searches go through it.
  Table old_;
  std::uint64_t moved_ = 0;
  std::uint64_t count_ = 0;
};

// A dense, growing array whose records never move: address space for all of it is reserved at once, memory is used as it is
// touched.
template <typename Record>
class RecordArray {
 public:
  RecordArray() noexcept = default;

  // Reserves room for up to `capacity` records; less, down to a sixteenth, where the address space is limited (ulimit -v,
  // overcommit). Huge pages serve arrays that are expected to fill: fewer address translations, in steps of 2 MiB of memory.
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
  [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }
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
