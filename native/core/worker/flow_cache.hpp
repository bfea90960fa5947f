// A worker's flows: counters per direction since the collector was last told. Bounded; what does not fit is counted.
// Capture thread only.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "core/packet/dissect.hpp"
#include "core/table/hash_index.hpp"
#include "core/wire/observation.hpp"
#include "core/wire/wire.hpp"

namespace fanout {

class FlowCache {
 public:
  struct Limits {
    std::uint32_t flows_max = 1U << 20;
  };

  [[nodiscard]] static Result<FlowCache> create(const Limits& limits) noexcept;

  [[nodiscard]] static std::uint32_t hash_of(const Dissection& packet, HashSeed seed) noexcept {
    // The kernel key takes part: a tunnel's inner flow may come with many of them, each a record of its own.
    return static_cast<std::uint32_t>(seeded_mix(packet.flow_hash + packet.kernel_key, packet.stack.packed(), seed) >>
                                      32);
  }

  // Three steps over a batch of packets, so that the memory of one is fetched while another is looked at.
  void prefetch_index(std::uint32_t hash) const noexcept { index_.prefetch(hash); }
  // Gives the position that is likely to be the record's, or HashIndex::none.
  std::uint32_t prefetch_record(std::uint32_t hash) const noexcept {
    const std::uint32_t position = index_.peek(hash);
    if (position == HashIndex::none) return position;
    const auto* const record = reinterpret_cast<const std::byte*>(&records_[position]);
    __builtin_prefetch(record, 1);
    __builtin_prefetch(record + 64, 1);
    return position;
  }
  // The position of the flow's record, until clear(); nothing if `packet`, or several like it, belong to a new
  // flow and the cache is full.
  [[nodiscard]] std::optional<std::uint32_t> add(const Dissection& packet, std::uint32_t hash,
                                                 const Amount& amount) noexcept;

  // The latest time stamp of a flow.
  [[nodiscard]] std::uint64_t latest_ns(std::uint32_t position) const noexcept {
    const auto& [forward, reverse] = records_[position].counters;
    return std::max(forward.last_ns, reverse.last_ns);
  }

  // Directions seen for the first time, which the collector should hear of soon. Writes as many as fit; true when none
  // is left.
  [[nodiscard]] bool write_news(wire::BatchWriter& writer) noexcept;
  [[nodiscard]] bool has_news() const noexcept { return news_read_ < news_.size(); }

  // Everything that changed since it was last told, from `cursor` on; true when the end is reached.
  [[nodiscard]] bool write_changes(wire::BatchWriter& writer, std::uint32_t& cursor) noexcept;

  // Forgets all flows. What was not written is lost: call it after write_changes() has reached the end.
  void clear() noexcept;

  // Packets added and not yet written. Walks all records.
  [[nodiscard]] std::uint64_t untold_packets() const noexcept;

  [[nodiscard]] bool full() const noexcept { return records_.full(); }
  [[nodiscard]] std::uint32_t size() const noexcept { return records_.size(); }

 private:
  struct Counters {
    std::uint64_t bytes = 0;
    std::uint64_t first_ns = 0;
    std::uint64_t last_ns = 0;
    std::uint32_t packets = 0;
    std::uint8_t marks = 0;
    bool told = false;       // the collector has heard of this direction, or it is on the list of news
    std::uint16_t tags = 0;  // since the record was made, as marks
  };
  struct alignas(64) Record {
    FlowKey key;
    std::uint64_t kernel_key = 0;
    Stack stack;
    std::array<ContentMark, 2> content{};  // by direction, as the rest; since the record was made
    std::array<Counters, 2> counters;
  };
  static_assert(sizeof(Record) == 128);

  FlowCache(HashIndex index, RecordArray<Record> records) noexcept
      : index_(std::move(index)), records_(std::move(records)) {}
  static void write(wire::BatchWriter& writer, Record& record, Direction direction) noexcept;

  HashIndex index_;
  RecordArray<Record> records_;
  // Record positions, each with the direction in the lowest bit.
  std::vector<std::uint64_t> news_;
  std::size_t news_read_ = 0;
};

}  // namespace fanout
