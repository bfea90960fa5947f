#include "flow_map.hpp"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <tuple>

#include "dissect.hpp"

namespace fanout {
namespace {

constexpr unsigned tick_shift = 16;
constexpr std::size_t stacks_max = 1024;
constexpr std::size_t batch = 32;  // lookups in flight: enough to hide memory, few enough to stay in the first-level cache
constexpr std::uint8_t state_two_way = 0x01;
constexpr std::uint8_t state_violated = 0x02;

std::uint32_t saturated(std::uint64_t value) noexcept {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(value, 0xffffffff));
}
std::uint32_t ticks(std::uint64_t ns) noexcept { return saturated(ns >> tick_shift); }
std::uint64_t from_ticks(std::uint32_t t) noexcept { return std::uint64_t{t} << tick_shift; }

// x.y.z.N and x.y.z.N+128: the pairs that commit 64ae13ed4784 of Linux 6.0 mended.
bool is_top_bit_pair(const FlowKey& key) noexcept {
  if (key.family != 4) return false;
  return key.a[0] == key.b[0] && key.a[1] == key.b[1] && key.a[2] == key.b[2] && (key.a[3] ^ key.b[3]) == 0x80;
}

// One kernel key on several members within an epoch: the hash was meant to keep these packets together, whatever else of the flow
// has other keys by design.
bool is_one_key_parted(std::span<const FlowSight> sights) {
  std::vector<std::tuple<std::uint16_t, std::uint64_t, std::uint16_t>> seen;
  seen.reserve(sights.size());
  for (const FlowSight& s : sights) seen.emplace_back(s.where.epoch, s.kernel_key, s.where.member);
  std::sort(seen.begin(), seen.end());
  return std::adjacent_find(seen.begin(), seen.end(), [](const auto& x, const auto& y) {
           return std::get<0>(x) == std::get<0>(y) && std::get<1>(x) == std::get<1>(y) && std::get<2>(x) != std::get<2>(y);
         }) != seen.end();
}

ViolationSignature signature_of(const FlowKey& key, FlowVerdict kind, std::span<const FlowSight> sights) {
  ViolationSignature s{kind, sights.front().stack, is_one_key_parted(sights), is_top_bit_pair(key), false, false, false};
  bool labelled[2]{};
  bool unlabelled[2]{};
  for (const FlowSight& sight : sights) {
    // The smallest code stands for the flow, whichever packet came first.
    if (sight.stack.packed() < s.stack.packed()) s.stack = sight.stack;
    if ((sight.marks & mark_fragment) != 0) s.fragments = true;
    if ((sight.marks & mark_stale_ipv6) != 0) s.stale_ipv6 = true;
    ((sight.marks & mark_flow_label) != 0 ? labelled : unlabelled)[static_cast<std::size_t>(sight.where.direction)] = true;
  }
  s.label_one_way =
      key.family == 6 && ((labelled[0] && unlabelled[1] && !labelled[1]) || (labelled[1] && unlabelled[0] && !labelled[0]));
  return s;
}

void count(FlowCounts& counts, FlowVerdict verdict) noexcept {
  ++counts.total;
  switch (verdict) {
    case FlowVerdict::split:
      ++counts.split;
      break;
    case FlowVerdict::asymmetric:
      ++counts.asymmetric;
      break;
    case FlowVerdict::consistent:
      ++counts.consistent;
      break;
    case FlowVerdict::one_way:
      ++counts.one_way;
      break;
    case FlowVerdict::none:
      break;
  }
}

bool by_key(const Violation& x, const Violation& y) noexcept { return std::memcmp(&x.key, &y.key, sizeof(FlowKey)) < 0; }

bool earlier(const FlowSight& x, const FlowSight& y) noexcept {
  const auto rank = [](const FlowSight& s) {
    return std::tuple{s.where.epoch, s.where.direction, s.where.member, s.where.first_ns, s.kernel_key, s.stack.packed()};
  };
  return rank(x) < rank(y);
}

bool by_signature(const std::pair<ViolationSignature, std::uint64_t>& x,
                  const std::pair<ViolationSignature, std::uint64_t>& y) noexcept {
  const auto rank = [](const ViolationSignature& s) {
    return std::tuple{s.kind, s.stack.packed(), s.one_kernel_key, s.top_bit_pair, s.label_one_way, s.fragments, s.stale_ipv6};
  };
  return rank(x.first) < rank(y.first);
}

// Ends are rounded down to the records' clock, so that a packet of the tick in which an epoch ended proves nothing, and neither
// does one that came when the clock had run out.
std::vector<EpochWindow> in_ticks(std::span<const EpochWindow> windows) {
  std::vector<EpochWindow> out(windows.begin(), windows.end());
  for (EpochWindow& w : out)
    if (w.end_ns != EpochWindow::open) w.end_ns = from_ticks(ticks(w.end_ns));
  return out;
}

// First times are rounded down to ticks; so is the end, or a packet just after it could pass for one before.
void erase_late(std::vector<FlowSight>& sights, std::span<const EpochWindow> windows) {
  std::erase_if(sights, [&](const FlowSight& s) {
    return s.where.epoch >= windows.size() || s.where.first_ns >> tick_shift >= windows[s.where.epoch].end_ns >> tick_shift;
  });
}

template <typename OnConsistent>
FlowVerdict verdict_of(std::span<const FlowSight> sights, std::span<const EpochWindow> windows, OnConsistent&& on_consistent) {
  std::vector<Sighting> sightings;
  sightings.reserve(sights.size());
  for (const FlowSight& s : sights) sightings.push_back(s.where);
  return judge_flow(std::span<const Sighting>{sightings}, windows, on_consistent);
}

bool is_violation(FlowVerdict verdict) noexcept { return verdict == FlowVerdict::split || verdict == FlowVerdict::asymmetric; }

}  // namespace

FlowMap::FlowMap(const Limits& limits, HashSeed seed, HashIndex index, RecordArray<Record> records,
                 RecordArray<MoreSight> more) noexcept
    : limits_(limits), seed_(seed), index_(std::move(index)), records_(std::move(records)), more_(std::move(more)) {}

Result<FlowMap> FlowMap::create(const Limits& limits, HashSeed seed) noexcept {
  constexpr std::uint32_t index_capacity = 1U << 15;
  auto index = HashIndex::create(index_capacity);
  if (!index) return index.error();
  auto records = RecordArray<Record>::reserve(limits.flows_max, Pages::huge);
  if (!records) return records.error();
  auto more = RecordArray<MoreSight>::reserve(limits.sights_max, Pages::small);
  if (!more) return more.error();
  return FlowMap{limits, seed, std::move(*index), std::move(*records), std::move(*more)};
}

void FlowMap::prepare(Pending& p) const noexcept {
  p.direction = direction_of(p.observation.tuple);
  p.key = canonical(p.observation.tuple, p.direction);
  std::array<std::uint64_t, 5> words;
  std::memcpy(words.data(), &p.key, sizeof words);
  const std::uint64_t addresses = mix(words[0] ^ seed_.value, words[1]) + mix(words[2], words[3] ^ seed_.value);
  p.hash = static_cast<std::uint32_t>(mix(addresses, words[4]) >> 32);
}

IngestResult FlowMap::ingest(std::span<const std::byte> message, std::uint32_t member) {
  wire::BatchReader reader{message};
  pending_.clear();
  if (!reader.ok() || reader.member() != member || member >= limits_.members || reader.epoch() > 0xffff)
    return {false, 0, reader.error_offset()};
  pending_.reserve(reader.remaining());
  for (Pending p; reader.next(p.observation);) {
    prepare(p);
    pending_.push_back(p);
  }
  if (!reader.ok()) return {false, 0, reader.error_offset()};

  const auto epoch = static_cast<std::uint16_t>(reader.epoch());
  for (std::size_t base = 0; base < pending_.size(); base += batch) {
    const std::size_t end = std::min(base + batch, pending_.size());
    for (std::size_t i = base; i < end; ++i) index_.prefetch(pending_[i].hash);
    for (std::size_t i = base; i < end; ++i) {
      const std::uint32_t position = index_.peek(pending_[i].hash);
      if (position == HashIndex::none) continue;
      __builtin_prefetch(&records_[position], 1);
      __builtin_prefetch(reinterpret_cast<const std::byte*>(&records_[position]) + 64, 1);
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
  std::uint32_t position = index_.find(p.hash, [&](std::uint32_t candidate) { return records_[candidate].key == p.key; });
  const std::uint16_t stack = stack_index(p.observation.stack);
  if (position == HashIndex::none) {
    if (records_.full() || !index_.insert(p.hash, records_.size())) return count_untracked(p.observation);
    Record record;
    record.key = p.key;
    record.kernel_key = p.observation.kernel_key;
    record.stack = stack;
    record.epoch = epoch;
    position = records_.push(record);
    ++tally_.flows;
  }
  Record& record = records_[position];
  if (merge(record, p, member, epoch, stack)) reclassify(record, member, epoch, p.direction);
}

bool FlowMap::merge(Record& r, const Pending& p, std::uint16_t member, std::uint16_t epoch, std::uint16_t stack) noexcept {
  const Observation& o = p.observation;
  const auto d = static_cast<std::size_t>(p.direction);
  const bool fresh = r.packets[d] == 0;
  if (r.epoch != epoch || r.kernel_key != o.kernel_key || r.stack != stack || (!fresh && r.member[d] != member))
    return merge_more(r, p, member, epoch, stack);
  tally_.packets += o.packets;
  r.packets[d] = saturated(std::uint64_t{r.packets[d]} + o.packets);
  r.bytes[d] += o.bytes;
  r.first[d] = fresh ? ticks(o.first_ns) : std::min(r.first[d], ticks(o.first_ns));
  r.last[d] = std::max(r.last[d], ticks(o.last_ns));
  r.member[d] = member;
  r.marks[d] |= o.marks;
  return fresh;
}

bool FlowMap::merge_more(Record& r, const Pending& p, std::uint16_t member, std::uint16_t epoch, std::uint16_t stack) noexcept {
  const Observation& o = p.observation;
  const auto d = static_cast<std::uint8_t>(p.direction);
  std::uint32_t length = 0;
  for (std::uint32_t i = r.more; i != no_sight; i = more_[i].next, ++length) {
    MoreSight& m = more_[i];
    if (m.epoch != epoch || m.member != member || m.direction != d || m.kernel_key != o.kernel_key || m.stack != stack) continue;
    tally_.packets += o.packets;
    m.packets = saturated(std::uint64_t{m.packets} + o.packets);
    m.bytes += o.bytes;
    m.first = std::min(m.first, ticks(o.first_ns));
    m.last = std::max(m.last, ticks(o.last_ns));
    m.marks |= o.marks;
    return false;
  }
  if (more_.full() || length == sights_per_flow_max) {
    count_untracked(o);
    return false;
  }
  tally_.packets += o.packets;
  r.more = more_.push(MoreSight{o.kernel_key, o.bytes, saturated(o.packets), ticks(o.first_ns), ticks(o.last_ns), r.more, epoch,
                                member, stack, d, o.marks});
  return true;
}

// Keeps the running totals when a flow gains a sighting. Ends of epochs are not known here, so every sighting counts as valid.
void FlowMap::reclassify(Record& r, std::uint16_t member, std::uint16_t epoch, Direction direction) noexcept {
  std::uint8_t state = r.state;
  const auto compare = [&](std::uint16_t other_epoch, std::uint16_t other_member, std::size_t other_direction) {
    if (other_direction != static_cast<std::size_t>(direction)) state |= state_two_way;
    if (other_epoch == epoch && other_member != member) state |= state_violated;
  };
  for (std::size_t d = 0; d < 2; ++d)
    if (r.packets[d] != 0) compare(r.epoch, r.member[d], d);
  constexpr std::uint8_t all = state_two_way | state_violated;
  for (std::uint32_t i = r.more; i != no_sight && state != all; i = more_[i].next)
    compare(more_[i].epoch, more_[i].member, more_[i].direction);

  const std::uint8_t gained = state & static_cast<std::uint8_t>(~r.state);
  if ((gained & state_two_way) != 0) ++tally_.two_way;
  if ((gained & state_violated) != 0) ++tally_.violated;
  r.state = state;
}

std::uint16_t FlowMap::stack_index(Stack stack) noexcept {
  if (last_stack_ < stacks_.size() && stacks_[last_stack_] == stack) return last_stack_;
  for (std::size_t i = 0; i < stacks_.size(); ++i)
    if (stacks_[i] == stack) return last_stack_ = static_cast<std::uint16_t>(i);
  // The bound keeps hostile traffic from growing the table; what is beyond it shares the last entry.
  if (stacks_.size() == stacks_max) return static_cast<std::uint16_t>(stacks_max - 1);
  if (stacks_.size() == stacks_max - 1) {
    stack = Stack{};
    stack.push(Layer::other);
  }
  stacks_.push_back(stack);
  return static_cast<std::uint16_t>(stacks_.size() - 1);
}

void FlowMap::collect(const Record& r, std::vector<FlowSight>& out) const {
  out.clear();
  for (std::size_t d = 0; d < 2; ++d) {
    if (r.packets[d] == 0) continue;
    out.push_back({{r.epoch, r.member[d], static_cast<Direction>(d), from_ticks(r.first[d])},
                   stacks_[r.stack],
                   r.kernel_key,
                   r.packets[d],
                   r.bytes[d],
                   from_ticks(r.last[d]),
                   r.marks[d]});
  }
  for (std::uint32_t i = r.more; i != no_sight; i = more_[i].next) {
    const MoreSight& m = more_[i];
    out.push_back({{m.epoch, m.member, static_cast<Direction>(m.direction), from_ticks(m.first)},
                   stacks_[m.stack],
                   m.kernel_key,
                   m.packets,
                   m.bytes,
                   from_ticks(m.last),
                   m.marks});
  }
}

std::optional<Direction> echo_requests(const FlowKey& key, std::span<const FlowSight> sights) noexcept {
  if (key.protocol != (key.family == 4 ? 1 : 58) || sights.empty()) return std::nullopt;
  const auto asks =
      std::find_if(sights.begin(), sights.end(), [](const FlowSight& s) { return (s.marks & mark_echo_request) != 0; });
  if (asks != sights.end()) return asks->where.direction;
  // Only answers were seen.
  return sights.front().where.direction == Direction::forward ? Direction::reverse : Direction::forward;
}

std::vector<ObservedFlow> FlowMap::flows(std::span<const EpochWindow> epochs, std::size_t max) const {
  const std::vector<EpochWindow> windows = in_ticks(epochs);
  std::vector<std::uint32_t> order(records_.size());
  std::iota(order.begin(), order.end(), 0U);
  const std::size_t count = std::min(max, order.size());
  std::partial_sort(
      order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
      [&](std::uint32_t x, std::uint32_t y) { return std::memcmp(&records_[x].key, &records_[y].key, sizeof(FlowKey)) < 0; });
  std::vector<ObservedFlow> out(count);
  for (std::size_t i = 0; i < count; ++i) {
    out[i].key = records_[order[i]].key;
    collect(records_[order[i]], out[i].sights);
    std::sort(out[i].sights.begin(), out[i].sights.end(), earlier);
    std::vector<FlowSight> valid = out[i].sights;
    erase_late(valid, windows);
    if (valid.empty()) continue;
    out[i].verdict = verdict_of(valid, windows, [](std::uint32_t, std::uint16_t) {});
    if (is_violation(out[i].verdict)) out[i].signature = signature_of(out[i].key, out[i].verdict, valid);
  }
  return out;
}

void FlowMap::count_untracked(const Observation& o) noexcept {
  ++tally_.untracked_observations;
  tally_.untracked_packets += o.packets;
}

std::size_t FlowMap::bytes_used() const noexcept {
  return index_.bytes() + std::size_t{records_.size()} * sizeof(Record) + std::size_t{more_.size()} * sizeof(MoreSight);
}

// What one pass over all records adds up.
class EvidenceBuilder {
 public:
  EvidenceBuilder(std::span<const EpochWindow> windows, std::uint32_t members, std::size_t violations_max)
      : windows_(windows), members_(members), violations_max_(violations_max) {
    evidence_.flows_by_member.resize(members);
    evidence_.two_way_by_epoch_and_member.assign(windows.size(), std::vector<std::uint64_t>(members));
    member_seen_.resize(members);
  }

  void add(const FlowKey& key, const std::vector<FlowSight>& sights) {
    sightings_.clear();
    std::uint64_t packets = 0;
    Stack stack = sights.front().stack;
    bool seen[2]{};
    for (const FlowSight& s : sights) {
      sightings_.push_back(s.where);
      packets += s.packets;
      seen[static_cast<std::size_t>(s.where.direction)] = true;
      if (s.stack.packed() < stack.packed()) stack = s.stack;
    }
    count_members(sights);
    const bool two_way = seen[0] && seen[1];
    StackCounts& per_stack = counts_of(stack);
    const FlowVerdict verdict =
        judge_flow(std::span<const Sighting>{sightings_}, windows_, [&](std::uint32_t epoch, std::uint16_t member) {
          ++evidence_.two_way_by_epoch_and_member[epoch][member];
          ++per_stack.two_way_by_member[member];
        });
    count(evidence_.flows, verdict);
    count(per_stack.flows, verdict);
    for (const FlowSight& s : sights) note_kernel_key(per_stack.kernel_keys, s.kernel_key);
    if (two_way) {
      ++evidence_.two_way;
      ++per_stack.two_way;
    }
    evidence_.judged_packets += packets;
    evidence_.top_flow_packets = std::max(evidence_.top_flow_packets, packets);
    if (is_violation(verdict)) add_violation(key, verdict, sights);
  }

  [[nodiscard]] Evidence take() {
    std::sort(evidence_.violations.begin(), evidence_.violations.end(), by_key);
    std::sort(evidence_.groups.begin(), evidence_.groups.end(), by_signature);
    std::sort(evidence_.stacks.begin(), evidence_.stacks.end(),
              [](const StackCounts& x, const StackCounts& y) { return x.stack.packed() < y.stack.packed(); });
    return std::move(evidence_);
  }

 private:
  StackCounts& counts_of(Stack stack) {
    for (StackCounts& s : evidence_.stacks)
      if (s.stack == stack) return s;
    evidence_.stacks.push_back({stack, {}, 0, std::vector<std::uint64_t>(members_), {}});
    return evidence_.stacks.back();
  }

  static void note_kernel_key(std::vector<std::uint64_t>& known, std::uint64_t key) {
    if (known.size() < kernel_keys_max && std::find(known.begin(), known.end(), key) == known.end()) known.push_back(key);
  }

  void count_members(const std::vector<FlowSight>& sights) {
    for (const FlowSight& s : sights) {
      if (member_seen_[s.where.member]) continue;
      member_seen_[s.where.member] = true;
      ++evidence_.flows_by_member[s.where.member];
    }
    for (const FlowSight& s : sights) member_seen_[s.where.member] = false;
  }

  // Keeps the violations with the smallest keys (a heap with the largest on top), so that the list does not depend on arrival.
  void add_violation(const FlowKey& key, FlowVerdict verdict, const std::vector<FlowSight>& sights) {
    const ViolationSignature signature = signature_of(key, verdict, sights);
    const auto group =
        std::find_if(evidence_.groups.begin(), evidence_.groups.end(), [&](const auto& g) { return g.first == signature; });
    if (group != evidence_.groups.end())
      ++group->second;
    else
      evidence_.groups.emplace_back(signature, 1);

    auto& kept = evidence_.violations;
    if (kept.size() == violations_max_) {
      ++evidence_.violations_omitted;
      if (kept.empty() || std::memcmp(&key, &kept.front().key, sizeof key) >= 0) return;
      std::pop_heap(kept.begin(), kept.end(), by_key);
      kept.pop_back();
    }
    kept.push_back({key, signature, sights});
    std::push_heap(kept.begin(), kept.end(), by_key);
  }

  std::span<const EpochWindow> windows_;
  std::uint32_t members_;
  std::size_t violations_max_;
  std::vector<Sighting> sightings_;
  std::vector<bool> member_seen_;
  Evidence evidence_;
};

Evidence FlowMap::evidence(std::span<const EpochWindow> epochs, std::size_t violations_max) const {
  const std::vector<EpochWindow> windows = in_ticks(epochs);
  EvidenceBuilder builder{windows, limits_.members, violations_max};
  std::vector<FlowSight> sights;
  for (std::uint32_t i = 0; i < records_.size(); ++i) {
    collect(records_[i], sights);
    erase_late(sights, windows);
    // A flow of which only packets in the shadow of a lost member were seen is no evidence at all.
    if (sights.empty()) continue;
    // Sorted, so that reports do not depend on the order of arrival either.
    if (sights.size() > 1) std::sort(sights.begin(), sights.end(), earlier);
    builder.add(records_[i].key, sights);
  }
  return builder.take();
}

}  // namespace fanout
