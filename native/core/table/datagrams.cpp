#include "core/table/datagrams.hpp"

#include <new>
#include <utility>

namespace fanout {
namespace {

// Places in which a datagram may be: the oldest of them makes room.
constexpr std::uint32_t ways = 4;

[[nodiscard]] std::uint64_t distance(std::uint64_t x, std::uint64_t y) noexcept { return x > y ? x - y : y - x; }

}  // namespace

// Copies in another wrapping have another kernel key, and are joined among themselves.
Datagrams::Entry* Datagrams::entry_of(const Dissection& packet, std::uint64_t time_ns) noexcept {
  if (!entries_) entries_.reset(new (std::nothrow) Entry[limits_.datagrams_max]);
  if (!entries_) return nullptr;
  const Fragment& piece = packet.fragment;
  const std::uint64_t set = (piece.datagram ^ packet.kernel_key) % (limits_.datagrams_max / ways);
  Entry* const begin = &entries_[set * ways];
  Entry* oldest = begin;
  for (Entry* e = begin; e != begin + ways; ++e) {
    if (e->started_ns < oldest->started_ns) oldest = e;
    if (e->datagram != piece.datagram || e->kernel_key != packet.kernel_key) continue;
    // The identification is in use again.
    const bool another = e->complete() || (piece.begin == 0 && e->has_first) || (piece.last != 0 && e->has_last) ||
                         distance(e->started_ns, time_ns) > datagram_lifetime_ns;
    if (!another) return e;
    oldest = e;
    break;
  }
  settle(*oldest);
  *oldest = {};
  oldest->datagram = piece.datagram;
  oldest->kernel_key = packet.kernel_key;
  oldest->started_ns = time_ns;
  return oldest;
}

Datagrams::Waiting Datagrams::begin(const Dissection& packet, std::uint64_t time_ns) noexcept {
  Entry* const entry = entry_of(packet, time_ns);
  if (entry == nullptr) return {};
  Entry& e = *entry;
  e.key = packet.key;
  e.flow_hash = packet.flow_hash;
  e.stack = packet.stack;
  e.direction = packet.direction;
  e.has_first = true;
  e.seen += packet.fragment.end;
  return std::exchange(e.waiting, {});
}

bool Datagrams::continue_with(Dissection& packet, const Amount& amount) noexcept {
  const Fragment& piece = packet.fragment;
  Entry* const entry = entry_of(packet, amount.first_ns);
  if (entry == nullptr) {
    lost_ += amount.packets;
    return false;
  }
  Entry& e = *entry;
  e.seen += piece.end - piece.begin;
  if (piece.last != 0) {
    e.has_last = true;
    e.end = piece.end;
  }
  if (e.has_first) {
    packet.key = e.key;
    packet.flow_hash = e.flow_hash;
    packet.stack = e.stack;
    packet.direction = e.direction;
    packet.kind = PacketKind::flow;
    return true;
  }
  e.key = packet.key;
  e.stack = packet.stack;
  e.direction = packet.direction;
  const std::uint16_t tags = told_tags(packet);
  e.waiting.tags = e.waiting.amount.packets == 0 ? tags : tag_digest::join(e.waiting.tags, tags);
  e.waiting.amount.add(amount);
  e.waiting.marks |= packet.marks;
  return false;
}

void Datagrams::settle() noexcept {
  if (!entries_) return;
  for (std::uint32_t i = 0; i < limits_.datagrams_max; ++i) settle(entries_[i]);
}

void Datagrams::settle(Entry& e) noexcept {
  if (e.datagram == 0) return;
  if (e.waiting.amount.packets != 0) {
    tell(e, e.waiting, e.waiting.amount.first_ns, e.waiting.amount.last_ns);
    e.waiting = {};
    e.orphans_told = true;
  }
  if (!e.has_first || e.first_told || (e.complete() && !e.orphans_told)) return;
  tell(e, {}, e.started_ns, e.started_ns);
  e.first_told = true;
}

void Datagrams::tell(const Entry& e, const Waiting& waiting, std::uint64_t first_ns, std::uint64_t last_ns) noexcept {
  if (due_.size() >= limits_.due_max) {
    lost_ += waiting.amount.packets;
    return;
  }
  Observation o;
  o.tuple = directed(e.key, e.direction);
  o.stack = e.stack;
  o.kernel_key = e.kernel_key;
  o.packets = waiting.amount.packets;
  o.bytes = waiting.amount.bytes;
  o.first_ns = first_ns;
  o.last_ns = last_ns;
  o.marks = waiting.marks;
  o.tags = waiting.tags;
  o.datagram = e.datagram;
  due_.push_back(o);
}

void Datagrams::clear() noexcept {
  if (entries_)
    for (std::uint32_t i = 0; i < limits_.datagrams_max; ++i) entries_[i] = {};
  due_.clear();
  due_read_ = 0;
}

std::uint64_t Datagrams::take_lost() noexcept { return std::exchange(lost_, 0); }

std::uint64_t Datagrams::untold_packets() const noexcept {
  std::uint64_t packets = 0;
  if (entries_)
    for (std::uint32_t i = 0; i < limits_.datagrams_max; ++i) packets += entries_[i].waiting.amount.packets;
  for (std::size_t i = due_read_; i < due_.size(); ++i) packets += due_[i].packets;
  return packets;
}

}  // namespace fanout
