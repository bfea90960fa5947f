#include "core/evidence/fragment_store.hpp"

#include <algorithm>
#include <bit>
#include <numeric>
#include <tuple>

namespace fanout {
namespace {

using First = FragmentStore::First;
using Later = FragmentStore::Later;

[[nodiscard]] std::uint32_t distance(std::uint32_t x, std::uint32_t y) noexcept { return x > y ? x - y : y - x; }

template <typename Piece>
[[nodiscard]] std::pair<std::uint64_t, std::uint16_t> datagram_of(const Piece& piece) noexcept {
  return {piece.datagram, piece.epoch};
}

// Another first piece within this distance of the later one is about as near.
[[nodiscard]] std::uint64_t rivals_within(const Later& later, const First& nearest) noexcept {
  return 2ULL * distance(nearest.at, later.first) + 1;
}

[[nodiscard]] auto rank_of(const First& f) noexcept {
  return std::tuple{datagram_of(f), f.at, f.stack.packed(), f.direction};
}

// How many firsts of one datagram are looked at on each side of a piece: hostile traffic can send as many as it likes.
constexpr std::ptrdiff_t rivals_max = 32;

// `candidates` are of one datagram, sorted by time; `first_of` gives the piece itself. The end: none is near enough, or
// nobody knows which it is.
template <typename Iterator, typename FirstOf>
[[nodiscard]] Iterator nearest_of(const Later& later, Iterator begin, Iterator end, std::uint32_t lifetime,
                                  FirstOf&& first_of) {
  const auto after = std::partition_point(begin, end, [&](const auto& c) { return first_of(c).at < later.first; });
  const auto from = after - std::min(after - begin, rivals_max);
  const auto to = after + std::min(end - after, rivals_max);
  const auto away = [&](const auto& c) { return distance(first_of(c).at, later.first); };
  const auto nearest = std::min_element(from, to, [&](const auto& x, const auto& y) { return away(x) < away(y); });
  if (nearest == to || away(*nearest) > lifetime) return end;
  const std::uint64_t within = rivals_within(later, first_of(*nearest));
  const std::uint64_t flow = first_of(*nearest).flow;
  const bool unclear =
      std::any_of(from, to, [&](const auto& c) { return first_of(c).flow != flow && away(c) <= within; });
  return unclear ? end : nearest;
}

}  // namespace

Result<FragmentStore> FragmentStore::create(std::uint32_t max, WhenFull when_full, HashSeed seed) noexcept {
  auto firsts = RecordArray<First>::reserve(max, Pages::small);
  if (!firsts) return firsts.error();
  auto laters = RecordArray<Later>::reserve(max, Pages::small);
  if (!laters) return laters.error();
  auto table = MappedRegion::anonymous(std::bit_ceil(std::size_t{max}) * sizeof(std::uint32_t), Pages::small);
  if (!table) return table.error();
  return FragmentStore{when_full, seed, std::move(*firsts), std::move(*laters), std::move(*table)};
}

std::uint32_t& FragmentStore::last_of(std::uint64_t datagram, std::uint16_t epoch) noexcept {
  const std::size_t places = table_.size() / sizeof(std::uint32_t);
  return reinterpret_cast<std::uint32_t*>(table_.data())[seeded_mix(datagram, epoch, seed_) & (places - 1)];
}

bool FragmentStore::add(First first) noexcept {
  if (firsts_.full()) {
    if (when_full_ == WhenFull::refuse) {
      lose_first(first.at);
      return false;
    }
    lose_first(firsts_[firsts_.begin].at);
    ++firsts_.begin;
  }
  std::uint32_t& last = last_of(first.datagram, first.epoch);
  first.before = std::exchange(last, static_cast<std::uint32_t>(firsts_.end));
  firsts_.push(first);
  return true;
}

bool FragmentStore::add(Later later) noexcept {
  if (laters_.full()) return false;
  later.firsts_before = static_cast<std::uint32_t>(firsts_.end);
  laters_.push(later);
  return true;
}

void FragmentStore::lose_first(std::uint32_t at) noexcept {
  lost_from_ = std::min(lost_from_, at);
  lost_to_ = std::max(lost_to_, at);
}

bool FragmentStore::may_be_anothers(const Later& later, const First& nearest) const noexcept {
  const std::uint64_t within = rivals_within(later, nearest);
  return lost_from_ <= lost_to_ && later.first <= lost_to_ + within && later.first + within >= lost_from_;
}

std::optional<FragmentStore::Settled> FragmentStore::settle_due(std::uint32_t lifetime, std::uint32_t now) {
  if (when_full_ == WhenFull::refuse || laters_.size() == 0) return std::nullopt;
  const Later later = laters_[laters_.begin];
  // Half of the firsts that there is room for have come since: those before them are soon gone.
  const bool is_late = static_cast<std::uint32_t>(firsts_.end) - later.firsts_before > firsts_.array.capacity() / 2;
  if (!laters_.full() && !is_late) return std::nullopt;
  ++laters_.begin;
  return Settled{later, find_first(later, lifetime, now)};
}

std::optional<First> FragmentStore::find_first(const Later& later, std::uint32_t lifetime, std::uint32_t now) {
  // Datagrams that share a place in the table are few, unless somebody sends them on purpose; then nobody knows.
  constexpr unsigned steps_max = 64;
  candidates_.clear();
  std::uint32_t low = last_of(later.datagram, later.epoch);
  unsigned steps = 0;
  for (std::uint64_t above = firsts_.end;; ++steps) {
    const std::uint64_t number = firsts_.end - (static_cast<std::uint32_t>(firsts_.end) - low);
    // Always further back: a place that was never used, or that wrapped around, ends the search.
    if (number < firsts_.begin || number >= above) break;
    if (steps == steps_max) return std::nullopt;
    const First& first = firsts_[number];
    if (datagram_of(first) == datagram_of(later)) candidates_.push_back(first);
    above = number;
    low = first.before;
  }
  std::sort(candidates_.begin(), candidates_.end(),
            [](const First& x, const First& y) { return rank_of(x) < rank_of(y); });
  const auto found = nearest_of(later, candidates_.begin(), candidates_.end(), lifetime,
                                [](const First& f) -> const First& { return f; });
  if (found == candidates_.end() || may_be_anothers(later, *found)) return std::nullopt;
  const bool is_too_early = now < later.first + rivals_within(later, *found) + lifetime;
  return is_too_early ? std::nullopt : std::optional{*found};
}

FragmentStore::Joined FragmentStore::join(std::uint32_t lifetime) const {
  Joined out;
  if (laters_.size() == 0) return out;
  const auto first_of = [&](std::uint32_t place) -> const First& { return firsts_.array[place]; };
  std::vector<std::uint32_t> firsts(firsts_.size());
  for (std::uint64_t number = firsts_.begin; number < firsts_.end; ++number)
    firsts[static_cast<std::size_t>(number - firsts_.begin)] = firsts_.place_of(number);
  std::sort(firsts.begin(), firsts.end(),
            [&](std::uint32_t x, std::uint32_t y) { return rank_of(first_of(x)) < rank_of(first_of(y)); });
  for (std::uint64_t number = laters_.begin; number < laters_.end; ++number) {
    const Later& later = laters_[number];
    const auto begin = std::partition_point(
        firsts.begin(), firsts.end(), [&](std::uint32_t c) { return datagram_of(first_of(c)) < datagram_of(later); });
    const auto end = std::partition_point(
        begin, firsts.end(), [&](std::uint32_t c) { return datagram_of(first_of(c)) == datagram_of(later); });
    const auto found = nearest_of(later, begin, end, lifetime, first_of);
    if (found == end || may_be_anothers(later, first_of(*found)))
      out.unjoined_packets += later.packets;
    else
      out.pieces.push_back({first_of(*found).record, *found, laters_.place_of(number)});
  }
  std::sort(out.pieces.begin(), out.pieces.end(), [](const Piece& x, const Piece& y) { return x.record < y.record; });
  return out;
}

std::span<const FragmentStore::Piece> FragmentStore::Joined::of(std::uint32_t record) const noexcept {
  if (pieces.empty()) return {};
  const auto begin =
      std::partition_point(pieces.begin(), pieces.end(), [&](const Piece& p) { return p.record < record; });
  const auto end = std::partition_point(begin, pieces.end(), [&](const Piece& p) { return p.record == record; });
  return {begin, end};
}

}  // namespace fanout
