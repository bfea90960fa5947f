#include "core/worker/flow_cache.hpp"

namespace fanout {

Result<FlowCache> FlowCache::create(const Limits& limits) noexcept {
  constexpr std::uint32_t index_capacity = 2048;
  auto index = HashIndex::create(index_capacity, limits.flows_max);
  if (!index) return index.error();
  auto records = RecordArray<Record>::reserve(limits.flows_max, Pages::small);
  if (!records) return records.error();
  return FlowCache{std::move(*index), std::move(*records)};
}

std::optional<std::uint32_t> FlowCache::add(const Dissection& packet, std::uint32_t hash,
                                            const Amount& amount) noexcept {
  std::uint32_t position = index_.find(hash, [&](std::uint32_t candidate) {
    const Record& r = records_[candidate];
    return r.kernel_key == packet.kernel_key && r.key == packet.key && r.stack == packet.stack;
  });
  if (position == HashIndex::none) {
    if (records_.full() || !index_.insert(hash, records_.size())) return std::nullopt;
    Record record;
    record.key = packet.key;
    record.kernel_key = packet.kernel_key;
    record.stack = packet.stack;
    position = records_.push(record);
  }
  const auto direction = static_cast<std::size_t>(packet.direction);
  Record& record = records_[position];
  Counters& c = record.counters[direction];
  if (c.packets == 0) {
    c.first_ns = amount.first_ns;
    c.last_ns = amount.last_ns;
    if (!c.told) {
      c.told = true;
      c.tags = told_tags(packet);
      news_.push_back(std::uint64_t{position} << 1 | direction);
    }
  }
  // Time stamps come from several CPUs and a clock that may step: first and last are the extremes, not the order.
  if (amount.first_ns < c.first_ns) c.first_ns = amount.first_ns;
  if (amount.last_ns > c.last_ns) c.last_ns = amount.last_ns;
  c.packets += amount.packets;
  c.bytes += amount.bytes;
  c.marks |= packet.marks;
  // Most packets have none.
  if ((c.tags | packet.tags) != tag_digest::none) c.tags = tag_digest::join(c.tags, told_tags(packet));
  record.content[direction] = content::least(record.content[direction], amount.content);
  return position;
}

void FlowCache::write(wire::BatchWriter& writer, Record& record, Direction direction) noexcept {
  const auto d = static_cast<std::size_t>(direction);
  Counters& c = record.counters[d];
  writer.append(Observation{directed(record.key, direction), record.stack, record.kernel_key, c.packets, c.bytes,
                            c.first_ns, c.last_ns, c.marks, c.tags, record.content[d], 0});
  c.packets = 0;
  c.bytes = 0;
}

bool FlowCache::write_news(wire::BatchWriter& writer) noexcept {
  for (; news_read_ < news_.size(); ++news_read_) {
    if (!writer.fits_another()) return false;
    Record& record = records_[static_cast<std::uint32_t>(news_[news_read_] >> 1)];
    const auto direction = static_cast<Direction>(news_[news_read_] & 1);
    // A full flush may have told it already.
    if (record.counters[static_cast<std::size_t>(direction)].packets != 0) write(writer, record, direction);
  }
  news_.clear();
  news_read_ = 0;
  return true;
}

bool FlowCache::write_changes(wire::BatchWriter& writer, std::uint32_t& cursor) noexcept {
  for (; cursor < records_.size(); ++cursor) {
    Record& record = records_[cursor];
    for (const Direction direction : {Direction::forward, Direction::reverse}) {
      if (record.counters[static_cast<std::size_t>(direction)].packets == 0) continue;
      if (!writer.fits_another()) return false;
      write(writer, record, direction);
    }
  }
  return true;
}

std::uint64_t FlowCache::untold_packets() const noexcept {
  std::uint64_t packets = 0;
  for (std::uint32_t i = 0; i < records_.size(); ++i)
    for (const Counters& c : records_[i].counters) packets += c.packets;
  return packets;
}

void FlowCache::clear() noexcept {
  index_.clear();
  records_.clear();
  news_.clear();
  news_read_ = 0;
}

}  // namespace fanout
