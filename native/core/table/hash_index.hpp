// Open addressing from a 32-bit hash to the position of a record in a dense array. An entry is eight bytes, so a probe
// rarely leaves its cache line, and growing moves entries only: records stay where they are. All that growing takes is
// done a little with each insertion, so that none has to wait for it.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

#include "core/base/mapped_region.hpp"
#include "core/base/result.hpp"

namespace fanout {

class HashIndex {
 public:
  static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();

  HashIndex() noexcept = default;

  // `capacity` entries fit before the first growth; there will never be more than `most`.
  [[nodiscard]] static Result<HashIndex> create(std::uint32_t capacity, std::uint32_t most) noexcept {
    auto table = Table::create(std::bit_ceil(std::max(slots_at_a_time, std::uint64_t{capacity} * 2)));
    if (!table) return table.error();
    HashIndex index;
    index.table_ = std::move(*table);
    index.most_ = most;
    index.plan_growth();
    return index;
  }

  void prefetch(std::uint32_t hash) const noexcept { __builtin_prefetch(table_.entries() + (hash & table_.mask)); }

  // The position of the first entry with this hash, from which a record can be prefetched; `none` if there is none
  // nearby.
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
    if (count_ >= prepare_at_) [[unlikely]]
      prepare_growth();
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
    if (std::uint64_t* const found = table_.find(entry))
      table_.close_gap(static_cast<std::uint64_t>(found - table_.entries()));
  }

  void clear() noexcept {
    std::memset(table_.region.data(), 0, table_.region.size());
    old_ = {};
    count_ = 0;
  }

  [[nodiscard]] std::size_t bytes() const noexcept { return table_.region.size() + old_.region.size() + next_touched_; }

 private:
  [[nodiscard]] static std::uint32_t hash_of(std::uint64_t entry) noexcept {
    return static_cast<std::uint32_t>(entry >> 32);
  }
  // Stored plus one, so that zero means empty and fresh pages need no initialization.
  [[nodiscard]] static std::uint32_t position_of(std::uint64_t entry) noexcept {
    return static_cast<std::uint32_t>(entry) - 1;
  }
  [[nodiscard]] static std::uint64_t entry_of(std::uint32_t hash, std::uint32_t position) noexcept {
    return std::uint64_t{hash} << 32 | (std::uint64_t{position} + 1);
  }
  // In place of the position of what was erased from the old table, where a gap would end the search for others. No
  // record has it.
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

  static constexpr std::uint64_t page_bytes = std::uint64_t{2} << 20;
  // The next table is asked for when the present one is three quarters as full as it may be. From then on its pages are
  // taken one by one: the kernel clears them first, and entries go to all of them at once.
  void plan_growth() noexcept {
    const bool will_grow = std::uint64_t{most_} * 4 > table_.slots() * 3;
    // A smaller table has small pages, which are taken as entries come.
    const bool is_large = table_.region.size() * 2 > page_bytes;
    prepare_at_ = will_grow && is_large ? table_.slots() * 9 / 16 : std::numeric_limits<std::uint64_t>::max();
    next_touched_ = 0;
  }

  void prepare_growth() noexcept {
    const std::uint64_t bytes = table_.region.size() * 2;
    if (next_.region.data() == nullptr) {
      auto fresh = Table::create(table_.slots() * 2);
      // It is tried once more when there is no way around it.
      prepare_at_ = std::numeric_limits<std::uint64_t>::max();
      if (!fresh) return;
      next_ = std::move(*fresh);
    }
    *static_cast<volatile std::byte*>(next_.region.data() + next_touched_) = std::byte{0};
    next_touched_ = std::min(bytes, next_touched_ + page_bytes);
    const std::uint64_t pages = (bytes + page_bytes - 1) / page_bytes;
    const std::uint64_t insertions = table_.slots() * 3 / 16;
    prepare_at_ = next_touched_ < bytes ? count_ + insertions / (pages + 1) : std::numeric_limits<std::uint64_t>::max();
  }

  [[nodiscard]] Status begin_growth() noexcept {
    while (is_growing()) move_some();
    if (next_.region.data() == nullptr) {
      auto fresh = Table::create(table_.slots() * 2);
      if (!fresh) return fresh.error();
      next_ = std::move(*fresh);
    }
    old_ = std::exchange(table_, std::exchange(next_, Table{}));
    moved_ = 0;
    plan_growth();
    return Done{};
  }

  // Done long before the table must grow again: that takes three insertions for every four slots of the old one. So
  // many at a time are read as fast as all of them would be.
  static constexpr std::uint64_t slots_at_a_time = 64;
  void move_some() noexcept {
    for (const std::uint64_t end = moved_ + slots_at_a_time; moved_ < end; ++moved_) {
      const std::uint64_t entry = old_.entries()[moved_];
      if (entry != 0 && (entry & gone) != gone) table_.place(entry);
    }
    if (moved_ == old_.slots()) old_ = {};
  }

  Table table_;
  // What it will be next, on the way there.
  Table next_;
  std::uint64_t next_touched_ = 0;  // bytes
  std::uint64_t prepare_at_ = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t most_ = 0;
  // What the table was before it grew. It keeps its entries until the last has been moved: searches go through it.
  Table old_;
  std::uint64_t moved_ = 0;
  std::uint64_t count_ = 0;
};

// A dense, growing array whose records never move: address space for all of it is reserved at once, memory is used as
// it is touched.
template <typename Record>
class RecordArray {
 public:
  RecordArray() noexcept = default;

  // Reserves room for up to `capacity` records; less, down to a sixteenth, where the address space is limited (ulimit
  // -v, overcommit). Huge pages serve arrays that are expected to fill: fewer address translations, in steps of 2 MiB
  // of memory.
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
