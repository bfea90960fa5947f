#include "core/evidence/flow_map.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <tuple>

#include "core/packet/dissect.hpp"
#include "core/table/datagrams.hpp"

namespace fanout {
namespace {

constexpr unsigned tick_shift = 16;
constexpr std::size_t batch =
    32;  // lookups in flight: enough to hide memory, few enough to stay in the first-level cache
constexpr std::uint8_t state_two_way = 0x01;
constexpr std::uint8_t state_violated = 0x02;
constexpr std::uint8_t state_seen = 0x04;        // there was a packet of the flow itself
constexpr std::uint8_t state_many_keyed = 0x08;  // more kernel keys than are told apart
constexpr std::uint8_t state_kept = state_two_way | state_violated;

// Room is made in steps, before the last of it is used: an insertion looks at up to this many flows of the queue. The
// insertions that are left before room runs out suffice to look at all flows twice.
constexpr unsigned visits_max = 64;
constexpr std::uint32_t low_water(std::uint32_t capacity) noexcept { return std::max(1U, capacity / 32); }
constexpr std::uint32_t reserve(std::uint32_t capacity) noexcept { return capacity / 16; }

std::uint32_t saturated(std::uint64_t value) noexcept {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(value, 0xffffffff));
}
std::uint32_t ticks(std::uint64_t ns) noexcept { return saturated(ns >> tick_shift); }
std::uint64_t from_ticks(std::uint32_t t) noexcept { return std::uint64_t{t} << tick_shift; }

// By which the index finds a flow.
std::uint32_t hash_of(std::uint64_t digest) noexcept { return static_cast<std::uint32_t>(digest >> 32); }

// Ends are rounded down to the records' clock, so that a packet of the tick in which an epoch ended proves nothing, and
// neither does one that came when the clock had run out.
std::vector<EpochWindow> in_ticks(std::span<const EpochWindow> windows) {
  std::vector<EpochWindow> out(windows.begin(), windows.end());
  for (EpochWindow& w : out)
    if (w.end_ns != EpochWindow::open) w.end_ns = from_ticks(ticks(w.end_ns));
  return out;
}

[[nodiscard]] bool are_of_one_sight(const FlowSight& x, const FlowSight& y) noexcept {
  return x.where.epoch == y.where.epoch && x.where.member == y.where.member && x.where.direction == y.where.direction &&
         x.kernel_key == y.kernel_key && x.stack == y.stack;
}

// Pieces that were joined may be where packets of the flow are already: then both are one sight.
void merge_equal(std::vector<FlowSight>& sights) {
  const auto rank = [](const FlowSight& s) {
    return std::tuple{s.where.epoch, s.where.direction, s.where.member, s.kernel_key, s.stack.packed()};
  };
  std::sort(sights.begin(), sights.end(), [&](const FlowSight& x, const FlowSight& y) { return rank(x) < rank(y); });
  std::size_t count = 0;
  for (const FlowSight& s : sights) {
    if (count == 0 || !are_of_one_sight(sights[count - 1], s)) {
      sights[count++] = s;
      continue;
    }
    FlowSight& known = sights[count - 1];
    known.where.first_ns = std::min(known.where.first_ns, s.where.first_ns);
    known.where.last_ns = std::max(known.where.last_ns, s.where.last_ns);
    known.where.content = content::least(known.where.content, s.where.content);
    known.where.packets += s.where.packets;
    known.bytes += s.bytes;
    known.marks |= s.marks;
    known.tags = tag_digest::join(known.tags, s.tags);
  }
  sights.resize(count);
}

[[nodiscard]] bool on_several_members(std::span<const FlowSight> sights) noexcept {
  return std::any_of(sights.begin(), sights.end(),
                     [&](const FlowSight& s) { return s.where.member != sights.front().where.member; });
}

[[nodiscard]] bool by_what_is_hashed(const FlowSight& x, const FlowSight& y) noexcept {
  const auto rank = [](const FlowSight& s) { return std::tuple{s.where.direction, s.kernel_key, s.stack.packed()}; };
  return rank(x) < rank(y);
}

// One direction of a flow in a replay, of which time tells nothing: the file's has been made shorter or longer.
// `by_file` is what the file has of the flow, with marks that differ where packets are only alike. A sight that the
// file has, too, is marked as there. Where a group hands out packets of one kernel key to several members (lb, rnd),
// the file does not know who got which: then the members' own marks tell, if the file has copies under such a key at
// all.
void tell_copies_by_file(std::span<FlowSight> sights, std::span<const FlowSight> by_file, Direction direction) {
  std::vector<std::pair<FlowSight*, const FlowSight*>> known;
  bool repeated = false;
  for (FlowSight& s : sights) {
    // Without a mark it is no copy of anything: later pieces of datagrams.
    if (s.where.direction != direction || s.where.content == 0) continue;
    const auto in_file = std::lower_bound(by_file.begin(), by_file.end(), s, by_what_is_hashed);
    // The file's table had no room for it.
    if (in_file == by_file.end() || by_what_is_hashed(s, *in_file)) return;
    repeated |= (in_file->marks & mark_repeated) != 0;
    known.emplace_back(&s, &*in_file);
  }
  std::sort(known.begin(), known.end(), [](const auto& x, const auto& y) { return x.second < y.second; });
  const bool shared = std::adjacent_find(known.begin(), known.end(), [](const auto& x, const auto& y) {
                        return x.second == y.second && x.first->where.member != y.first->where.member;
                      }) != known.end();
  if (shared && repeated) return;
  for (const auto& [seen, in_file] : known) {
    seen->where.content = shared ? 0 : in_file->where.content;
    seen->where.timeless = true;
  }
}

void tell_copies_by_file(std::span<FlowSight> sights, std::vector<FlowSight> by_file) {
  std::sort(by_file.begin(), by_file.end(), by_what_is_hashed);
  for (const Direction direction : {Direction::forward, Direction::reverse})
    tell_copies_by_file(sights, by_file, direction);
}

}  // namespace

FlowMap::FlowMap(const Limits& limits, HashSeed seed, HashIndex index, RecordPool<Record> records,
                 RecordPool<MoreSight> more, FragmentStore fragments, AgeQueue ages) noexcept
    : limits_(limits),
      seed_(seed),
      index_(std::move(index)),
      records_(std::move(records)),
      more_(std::move(more)),
      fragments_(std::move(fragments)),
      ages_(std::move(ages)),
      forgotten_({}, limits.members, 0) {
  tally_.told_by_member.resize(limits.members);
}

Result<FlowMap> FlowMap::create(const Limits& limits, HashSeed seed) noexcept {
  constexpr std::uint32_t index_capacity = 1U << 15;
  auto index = HashIndex::create(index_capacity, limits.flows_max);
  if (!index) return index.error();
  auto records = RecordArray<Record>::reserve(limits.flows_max, Pages::huge);
  if (!records) return records.error();
  auto more = RecordArray<MoreSight>::reserve(limits.sights_max, Pages::small);
  if (!more) return more.error();
  const bool forgets = limits.when_full == WhenFull::forget;
  auto fragments = FragmentStore::create(
      limits.fragments_max, forgets ? FragmentStore::WhenFull::settle : FragmentStore::WhenFull::refuse, seed);
  if (!fragments) return fragments.error();
  auto ages = forgets ? AgeQueue::create(records->capacity()) : AgeQueue{};
  if (!ages) return ages.error();
  return FlowMap{limits,
                 seed,
                 std::move(*index),
                 RecordPool<Record>{std::move(*records)},
                 RecordPool<MoreSight>{std::move(*more)},
                 std::move(*fragments),
                 std::move(*ages)};
}

std::uint64_t FlowMap::digest_of(const FlowKey& key) const noexcept {
  std::array<std::uint64_t, 5> words;
  std::memcpy(words.data(), &key, sizeof words);
  const std::uint64_t a = seeded_mix(words[0], words[1], seed_), b = seeded_mix(words[2], words[3], seed_);
  return seeded_mix(seeded_mix(a, b, seed_), words[4], seed_);
}

void FlowMap::prepare(Pending& p) const noexcept {
  p.direction = direction_of(p.observation.tuple);
  p.key = canonical(p.observation.tuple, p.direction);
  p.hash = hash_of(digest_of(p.key));
}

IngestResult FlowMap::ingest(std::span<const std::byte> message, std::uint32_t member, std::uint32_t newest_epoch) {
  wire::BatchReader reader{message};
  pending_.clear();
  if (!reader.ok() || reader.member() != member || member >= limits_.members ||
      reader.epoch() > std::min(newest_epoch, epoch_max))
    return {false, 0, reader.error_offset()};
  pending_.reserve(reader.remaining());
  for (Pending p; reader.next(p.observation);) {
    prepare(p);
    pending_.push_back(p);
  }
  if (!reader.ok()) return {false, 0, reader.error_offset()};

  for (const Pending& p : pending_) tally_.told_by_member[member] += p.observation.packets;
  const auto epoch = static_cast<std::uint16_t>(reader.epoch());
  for (std::size_t base = 0; base < pending_.size(); base += batch) {
    const std::size_t end = std::min(base + batch, pending_.size());
    for (std::size_t i = base; i < end; ++i) index_.prefetch(pending_[i].hash);
    for (std::size_t i = base; i < end; ++i) {
      const std::uint32_t position = index_.peek(pending_[i].hash);
      if (position == HashIndex::none) continue;
      __builtin_prefetch(&records_[position], 1);
      __builtin_prefetch(reinterpret_cast<const std::byte*>(&records_[position]) + 64, 1);
      __builtin_prefetch(reinterpret_cast<const std::byte*>(&records_[position]) + sizeof(Record) - 1, 1);
    }
    for (std::size_t i = base; i < end; ++i) apply(pending_[i], static_cast<std::uint16_t>(member), epoch);
  }
  return {true, static_cast<std::uint32_t>(pending_.size()), 0};
}

void FlowMap::add(const Observation& observation, std::uint16_t member, std::uint16_t epoch) noexcept {
  Pending p{observation, {}, Direction::forward, 0};
  prepare(p);
  apply(p, member, epoch);
}

void FlowMap::apply(const Pending& p, std::uint16_t member, std::uint16_t epoch) noexcept {
  const Observation& o = p.observation;
  if (o.datagram != 0 && o.packets != 0) [[unlikely]]
    return keep_later(o, member, epoch);
  // Before anything is looked for: it might be what is forgotten.
  if (short_of_sights_) [[unlikely]]
    make_room();
  std::uint32_t position =
      index_.find(p.hash, [&](std::uint32_t candidate) { return records_[candidate].key == p.key; });
  if (position == HashIndex::none) {
    if (short_of_records_) [[unlikely]]
      make_room();
    if (records_.room() == 0 || !index_.insert(p.hash, records_.next())) {
      if (o.datagram != 0) fragments_.lose_first(ticks(o.first_ns));
      return count_untracked(o);
    }
    Record record;
    record.key = p.key;
    position = records_.take(record);
    ++forgettable_;
    if (limits_.when_full == WhenFull::forget) {
      ages_.push(position, ticks(o.last_ns));
      short_of_records_ = records_.room() < low_water(records_.capacity());
    }
  }
  if (o.datagram != 0) [[unlikely]]
    return keep_first(p, position, epoch);
  Record& record = records_[position];
  if ((o.marks & mark_icmp_error) != 0) [[unlikely]]
    (void)merge_more(record, p, member, epoch);
  else if (merge(record, p, member, epoch))
    reclassify(record, member, epoch, p.direction);
}

void FlowMap::keep_first(const Pending& p, std::uint32_t record, std::uint16_t epoch) {
  const Observation& o = p.observation;
  latest_fragment_ = std::max(latest_fragment_, ticks(o.first_ns));
  // Where there is no room, later pieces stay unjoined, and are counted as that.
  (void)fragments_.add(
      FragmentStore::First{o.datagram, digest_of(p.key), record, ticks(o.first_ns), o.stack, 0, epoch, p.direction});
  settle_fragments();
}

void FlowMap::keep_later(const Observation& o, std::uint16_t member, std::uint16_t epoch) {
  latest_fragment_ = std::max(latest_fragment_, ticks(o.first_ns));
  settle_fragments();
  const FragmentStore::Later later{
      o.datagram, o.kernel_key, o.bytes, saturated(o.packets), ticks(o.first_ns), ticks(o.last_ns), 0, epoch,
      member,     o.tags,       o.marks};
  if (fragments_.add(later))
    tally_.packets += o.packets;
  else
    count_untracked(o);
}

// A few at a time: far more than can come meanwhile.
void FlowMap::settle_fragments() {
  constexpr unsigned at_a_time = 16;
  for (unsigned i = 0; i < at_a_time; ++i) {
    const auto settled = fragments_.settle_due(ticks(datagram_lifetime_ns), latest_fragment_);
    if (!settled) return;
    settle(*settled);
  }
}

void FlowMap::settle(const FragmentStore::Settled& settled) {
  const auto& [later, first] = settled;
  // Of a flow that was forgotten, or that was named and then never seen: the pieces alone make none.
  if (!first || !is_of(*first, first->record) || (records_[first->record].state & state_seen) == 0) {
    unjoined_packets_ += later.packets;
    return;
  }
  Pending p{};
  p.direction = first->direction;
  p.observation.kernel_key = later.kernel_key;
  p.observation.stack = first->stack;
  p.observation.packets = later.packets;
  p.observation.bytes = later.bytes;
  p.observation.first_ns = from_ticks(later.first);
  p.observation.last_ns = from_ticks(later.last);
  p.observation.marks = later.marks;
  p.observation.tags = later.tags;
  // Counted when it came; from now on with its flow.
  tally_.packets -= later.packets;
  Record& record = records_[first->record];
  if (merge(record, p, later.member, later.epoch)) reclassify(record, later.member, later.epoch, p.direction);
}

bool FlowMap::is_of(const FragmentStore::First& first, std::uint32_t record) const noexcept {
  return digest_of(records_[record].key) == first.flow;
}

FragmentStore::Joined FlowMap::join_fragments() const {
  FragmentStore::Joined joined = fragments_.join(ticks(datagram_lifetime_ns));
  // Of a flow that was forgotten meanwhile.
  std::erase_if(joined.pieces, [&](const FragmentStore::Piece& piece) {
    if (is_of(fragments_.first_at(piece.first), piece.record)) return false;
    joined.unjoined_packets += fragments_.later_at(piece.later).packets;
    return true;
  });
  return joined;
}

bool FlowMap::merge(Record& r, const Pending& p, std::uint16_t member, std::uint16_t epoch) noexcept {
  const Observation& o = p.observation;
  const auto d = static_cast<std::size_t>(p.direction);
  const bool fresh = r.packets[d] == 0;
  // A record may be there before its flow: an ICMP error or a fragment named it.
  if (fresh && (r.state & state_seen) == 0) {
    r.kernel_key = o.kernel_key;
    r.stack = o.stack;
    r.epoch = epoch;
    r.tags = o.tags;
    r.state |= state_seen;
    ++tally_.flows;
  }
  if (r.epoch != epoch || r.kernel_key != o.kernel_key || r.stack != o.stack || (!fresh && r.member[d] != member))
    return merge_more(r, p, member, epoch);
  r.member[d] = member;
  if (fresh) r.first[d] = ticks(o.first_ns);
  add_to_record(r, p);
  return fresh;
}

void FlowMap::add_to_record(Record& r, const Pending& p) noexcept {
  const Observation& o = p.observation;
  const auto d = static_cast<std::size_t>(p.direction);
  tally_.packets += o.packets;
  r.packets[d] = saturated(std::uint64_t{r.packets[d]} + o.packets);
  r.bytes[d] += o.bytes;
  r.first[d] = std::min(r.first[d], ticks(o.first_ns));
  r.last[d] = std::max(r.last[d], ticks(o.last_ns));
  r.marks[d] |= o.marks;
  r.tags = tag_digest::join(r.tags, o.tags);
  r.content[d] = content::least(r.content[d], o.content);
}

void FlowMap::add_to_sight(MoreSight& m, const Observation& o) noexcept {
  tally_.packets += o.packets;
  m.packets = saturated(std::uint64_t{m.packets} + o.packets);
  m.bytes += o.bytes;
  m.first = std::min(m.first, ticks(o.first_ns));
  m.last = std::max(m.last, ticks(o.last_ns));
  m.marks |= o.marks;
  m.tags = tag_digest::join(m.tags, o.tags);
  m.content = content::least(m.content, o.content);
}

bool FlowMap::merge_more(Record& r, const Pending& p, std::uint16_t member, std::uint16_t epoch) noexcept {
  const Observation& o = p.observation;
  const auto d = static_cast<std::uint8_t>(p.direction);
  const bool is_error = (o.marks & mark_icmp_error) != 0;
  // Of several at this place one of the same stack.
  MoreSight* here = nullptr;
  for (std::uint32_t i = r.more; i != no_sight; i = more_[i].next) {
    MoreSight& m = more_[i];
    if (m.epoch != epoch || m.member != member || m.direction != d) continue;
    // An ICMP error about the flow is none of its packets, whatever else they share.
    if (((m.marks ^ o.marks) & mark_icmp_error) != 0) continue;
    if (m.kernel_key == o.kernel_key && m.stack == o.stack) {
      add_to_sight(m, o);
      return false;
    }
    if (here == nullptr || m.stack == o.stack) here = &m;
  }
  const bool is_in_record = !is_error && r.packets[d] != 0 && r.epoch == epoch && r.member[d] == member;
  if (here != nullptr || is_in_record) {
    const unsigned place = is_error ? 4 : 0;
    if ((r.further >> place & further_sights_max) == further_sights_max) {
      r.state |= state_many_keyed;
      if (is_in_record && (here == nullptr || here->stack != o.stack))
        add_to_record(r, p);
      else
        add_to_sight(*here, o);
      return false;
    }
    r.further = static_cast<std::uint8_t>(r.further + (1U << place));
  }
  if (more_.room() == 0) {
    count_untracked(o);
    return false;
  }
  tally_.packets += o.packets;
  r.more = more_.take(MoreSight{o.kernel_key, o.stack, o.bytes, saturated(o.packets), ticks(o.first_ns),
                                ticks(o.last_ns), r.more, o.content, epoch, member, o.tags, d, o.marks});
  if ((r.state & state_kept) == 0) ++forgettable_sights_;
  if (limits_.when_full == WhenFull::forget) short_of_sights_ = more_.room() < low_water(more_.capacity());
  return true;
}

// Keeps the running totals when a flow gains a sighting. Ends of epochs are not known here, so every sighting counts as
// valid.
void FlowMap::reclassify(Record& r, std::uint16_t member, std::uint16_t epoch, Direction direction) noexcept {
  std::uint8_t state = r.state;
  const auto compare = [&](std::uint16_t other_epoch, std::uint16_t other_member, std::size_t other_direction) {
    if (other_direction != static_cast<std::size_t>(direction)) state |= state_two_way;
    if (other_epoch == epoch && other_member != member) state |= state_violated;
  };
  for (std::size_t d = 0; d < 2; ++d)
    if (r.packets[d] != 0) compare(r.epoch, r.member[d], d);
  for (std::uint32_t i = r.more; i != no_sight && (state & state_kept) != state_kept; i = more_[i].next)
    if ((more_[i].marks & mark_icmp_error) == 0) compare(more_[i].epoch, more_[i].member, more_[i].direction);

  const std::uint8_t gained = state & static_cast<std::uint8_t>(~r.state);
  if ((gained & state_two_way) != 0) ++tally_.two_way;
  if ((gained & state_violated) != 0) ++tally_.violated;
  if (gained != 0 && (r.state & state_kept) == 0) {
    --forgettable_;
    for (std::uint32_t i = r.more; i != no_sight; i = more_[i].next) --forgettable_sights_;
  }
  r.state = state;
}

bool FlowMap::full() const noexcept {
  const auto room = [](std::uint32_t free, std::uint32_t forgettable) { return std::uint64_t{free} + forgettable; };
  const bool forgets = limits_.when_full == WhenFull::forget;
  return room(records_.room(), forgets ? forgettable_ : 0) < reserve(records_.capacity()) ||
         room(more_.room(), forgets ? forgettable_sights_ : 0) < reserve(more_.capacity());
}

void FlowMap::look_for_room() noexcept {
  short_of_records_ = records_.room() < low_water(records_.capacity());
  short_of_sights_ = more_.room() < low_water(more_.capacity()) && forgettable_sights_ != 0;
}

void FlowMap::make_room() {
  look_for_room();
  for (unsigned visits = 0; visits < visits_max && (short_of_records_ || short_of_sights_); ++visits) {
    const std::uint32_t i = ages_.pop();
    if (i == AgeQueue::none) break;
    if (const std::uint32_t next = ages_.peek(); next != AgeQueue::none) __builtin_prefetch(&records_[next]);
    // Evidence: it never leaves, so it need not be looked at again.
    if ((records_[i].state & state_kept) != 0) continue;
    const std::uint32_t seen = last_seen(records_[i]);
    // While flows are seen again faster than they can be looked at, any that comes first must do.
    const bool is_urgent = (short_of_records_ && records_.room() < low_water(records_.capacity()) / 2) ||
                           (short_of_sights_ && more_.room() < low_water(more_.capacity()) / 2);
    if (ages_.is_later(seen) && !is_urgent)
      ages_.push(i, seen);
    else
      forget(i);
    look_for_room();
  }
}

void FlowMap::forget(std::uint32_t i) {
  Record& r = records_[i];
  collect(i, {}, {}, sights_);
  if (sights_.own.empty())
    forgotten_.add_unmatched(sights_.errors);
  else
    forgotten_.add_forgotten(sights_.own, sights_.errors);
  if ((r.state & state_seen) != 0) ++tally_.forgotten;
  if ((r.state & state_many_keyed) != 0) forgotten_.add_many_keyed();
  for (std::uint32_t sight = r.more; sight != no_sight; --forgettable_sights_) {
    const std::uint32_t next = more_[sight].next;
    more_.give_back(sight);
    sight = next;
  }
  index_.erase(hash_of(digest_of(r.key)), i);
  records_.give_back(i);
  --forgettable_;
}

std::uint32_t FlowMap::last_seen(const Record& r) const noexcept {
  std::uint32_t last = std::max(r.last[0], r.last[1]);
  for (std::uint32_t i = r.more; i != no_sight; i = more_[i].next) last = std::max(last, more_[i].last);
  return last;
}

void FlowMap::collect(std::uint32_t record, const FragmentStore::Joined& joined, const Basis& basis,
                      Sights& out) const {
  const Record& r = records_[record];
  out.own.clear();
  out.errors.clear();
  for (std::size_t d = 0; d < 2; ++d) {
    if (r.packets[d] == 0) continue;
    const Sighting where{
        r.epoch,      r.member[d], static_cast<Direction>(d), from_ticks(r.first[d]), from_ticks(r.last[d]),
        r.content[d], r.packets[d]};
    out.own.push_back({where, r.stack, r.kernel_key, r.bytes[d], r.marks[d], r.tags});
  }
  for (std::uint32_t i = r.more; i != no_sight; i = more_[i].next) {
    const MoreSight& m = more_[i];
    const Sighting where{
        m.epoch,   m.member, static_cast<Direction>(m.direction), from_ticks(m.first), from_ticks(m.last),
        m.content, m.packets};
    auto& list = (m.marks & mark_icmp_error) != 0 ? out.errors : out.own;
    list.push_back({where, m.stack, m.kernel_key, m.bytes, m.marks, m.tags});
  }
  const auto pieces = joined.of(record);
  for (const auto& piece : pieces) {
    const FragmentStore::First& first = fragments_.first_at(piece.first);
    const FragmentStore::Later& later = fragments_.later_at(piece.later);
    const Sighting where{later.epoch, later.member, first.direction, from_ticks(later.first), from_ticks(later.last),
                         0,           later.packets};
    out.own.push_back({where, first.stack, later.kernel_key, later.bytes, later.marks, later.tags});
  }
  if (basis.placement == Placement::by_kernel_key) place_by_kernel_key(out);
  if (!pieces.empty()) merge_equal(out.own);
  if (!basis.copies_are_told)
    for (FlowSight& s : out.own) s.where.content = 0;
  else if (basis.file != nullptr && on_several_members(out.own))
    tell_copies_by_file(out.own, basis.file->sights_of(r.key));
  // Sorted, so that reports do not depend on the order of arrival.
  if (out.own.size() > 1) std::sort(out.own.begin(), out.own.end(), earlier);
  if (out.errors.size() > 1) std::sort(out.errors.begin(), out.errors.end(), earlier);
}

// Of its own packets, in any order and with no fragments joined.
std::vector<FlowSight> FlowMap::sights_of(const FlowKey& key) const {
  const std::uint32_t record =
      index_.find(hash_of(digest_of(key)), [&](std::uint32_t candidate) { return records_[candidate].key == key; });
  if (record == HashIndex::none) return {};
  Sights sights;
  collect(record, {}, {}, sights);
  return std::move(sights.own);
}

void FlowMap::place_by_kernel_key(Sights& sights) const {
  std::vector<std::uint64_t> keys;
  for (auto* list : {&sights.own, &sights.errors})
    for (const FlowSight& s : *list) keys.push_back(s.kernel_key);
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  for (auto* list : {&sights.own, &sights.errors}) {
    for (FlowSight& s : *list) {
      const auto rank = std::lower_bound(keys.begin(), keys.end(), s.kernel_key) - keys.begin();
      s.where.member = static_cast<std::uint16_t>(std::min<std::ptrdiff_t>(rank, limits_.members - 1));
    }
  }
}

std::vector<ObservedFlow> FlowMap::flows(std::span<const EpochWindow> epochs, std::size_t max,
                                         const Basis& basis) const {
  const std::vector<EpochWindow> windows = in_ticks(epochs);
  const FragmentStore::Joined joined = join_fragments();
  std::vector<std::uint32_t> order;
  for (std::uint32_t i = 0; i < records_.size(); ++i)
    if ((records_[i].state & state_seen) != 0) order.push_back(i);
  const std::size_t count = std::min(max, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                    [&](std::uint32_t x, std::uint32_t y) {
                      return std::memcmp(&records_[x].key, &records_[y].key, sizeof(FlowKey)) < 0;
                    });
  std::vector<ObservedFlow> out(count);
  Sights sights;
  for (std::size_t i = 0; i < count; ++i) {
    ObservedFlow& flow = out[i];
    flow.key = records_[order[i]].key;
    collect(order[i], joined, basis, sights);
    flow.sights = sights.own;
    flow.errors = sights.errors;
    erase_late(sights.own, windows);
    erase_late(sights.errors, windows);
    if (sights.own.empty()) continue;
    flow.verdict = verdict_of(sights.own, windows);
    if (is_violation(flow.verdict)) flow.signature = signature_of(flow.key, flow.verdict, sights.own, windows);
    flow.errors_elsewhere = are_elsewhere(sights.errors, sights.own);
  }
  return out;
}

bool FlowMap::holds(const FlowKey& key) const noexcept {
  return index_.find(hash_of(digest_of(key)),
                     [&](std::uint32_t candidate) { return records_[candidate].key == key; }) != HashIndex::none;
}

void FlowMap::count_untracked(const Observation& o) noexcept {
  ++tally_.untracked_observations;
  tally_.untracked_packets += o.packets;
}

std::size_t FlowMap::bytes_used() const noexcept {
  const std::size_t queued = limits_.when_full == WhenFull::forget ? AgeQueue::bytes_per_record : 0;
  return index_.bytes() + std::size_t{records_.size()} * (sizeof(Record) + queued) +
         std::size_t{more_.size()} * sizeof(MoreSight) + fragments_.bytes();
}

Evidence FlowMap::evidence(std::span<const EpochWindow> epochs, std::size_t violations_max, const Basis& basis) const {
  const std::vector<EpochWindow> windows = in_ticks(epochs);
  const FragmentStore::Joined joined = join_fragments();
  EvidenceBuilder builder{windows, limits_.members, violations_max};
  add_all(builder, windows, joined, basis);
  if (builder.choice().empty()) return builder.take();
  EvidenceBuilder again{windows, limits_.members, violations_max, builder.choice()};
  add_all(again, windows, joined, basis);
  return again.take();
}

void FlowMap::add_all(EvidenceBuilder& builder, std::span<const EpochWindow> windows,
                      const FragmentStore::Joined& joined, const Basis& basis) const {
  builder.add(forgotten_);
  builder.add_unjoined(joined.unjoined_packets + unjoined_packets_);
  Sights sights;
  for (std::uint32_t i = 0; i < records_.size(); ++i) {
    collect(i, joined, basis, sights);
    erase_late(sights.own, windows);
    erase_late(sights.errors, windows);
    // Named by the first piece of a datagram, and then no packet of it was told: flows() does not list it either.
    if ((records_[i].state & state_seen) == 0) {
      for (const FlowSight& s : sights.own) builder.add_unjoined(s.where.packets);
      sights.own.clear();
    }
    if ((records_[i].state & state_many_keyed) != 0) builder.add_many_keyed();
    // A flow of which only packets in the shadow of a lost member were seen is no evidence at all.
    if (sights.own.empty())
      builder.add_unmatched(sights.errors);
    else
      builder.add(records_[i].key, sights.own, sights.errors);
  }
}

}  // namespace fanout
