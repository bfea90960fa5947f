// Records that come and go. Places that were given back are used first, so memory is that of the most that there ever
// were at once.
#pragma once

#include <cstdint>
#include <cstring>
#include <utility>

#include "core/table/hash_index.hpp"

namespace fanout {

// A record that is given back must still say of itself that it is none, but for its first four bytes: they lead to the
// next free one.
template <typename Record>
class RecordPool {
 public:
  RecordPool() noexcept = default;
  explicit RecordPool(RecordArray<Record> records) noexcept : records_(std::move(records)) {}

  [[nodiscard]] Record& operator[](std::uint32_t i) noexcept { return records_[i]; }
  [[nodiscard]] const Record& operator[](std::uint32_t i) const noexcept { return records_[i]; }
  // All places that were ever taken, free ones among them.
  [[nodiscard]] std::uint32_t size() const noexcept { return records_.size(); }
  [[nodiscard]] std::uint32_t capacity() const noexcept { return records_.capacity(); }
  [[nodiscard]] std::uint32_t room() const noexcept { return records_.capacity() - records_.size() + free_count_; }
  [[nodiscard]] std::uint32_t held() const noexcept { return records_.size() - free_count_; }

  // Where the next record will be. There must be room.
  [[nodiscard]] std::uint32_t next() const noexcept { return free_count_ != 0 ? free_ : records_.size(); }
  std::uint32_t take(const Record& record) noexcept {
    if (free_count_ == 0) return records_.push(record);
    const std::uint32_t place = free_;
    std::memcpy(&free_, &records_[place], sizeof free_);
    --free_count_;
    records_[place] = record;
    return place;
  }
  void give_back(std::uint32_t place) noexcept {
    records_[place] = Record{};
    std::memcpy(static_cast<void*>(&records_[place]), &free_, sizeof free_);
    free_ = place;
    ++free_count_;
  }

 private:
  RecordArray<Record> records_;
  std::uint32_t free_ = 0;
  std::uint32_t free_count_ = 0;
};

}  // namespace fanout
