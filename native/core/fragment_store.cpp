#include "fragment_store.hpp"

#include <algorithm>
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

// How many firsts of one datagram are looked at on each side of a piece: hostile traffic can send as many as it likes.
constexpr std::ptrdiff_t rivals_max = 32;

// `candidates` are of one datagram, sorted by time. nullptr: none is near enough, or nobody knows which it is.
[[nodiscard]] const First* first_of(const Later& later, std::span<const First> candidates, std::uint32_t lifetime) noexcept {
  const auto after =
      std::partition_point(candidates.begin(), candidates.end(), [&](const First& f) { return f.at < later.first; });
  const auto begin = after - std::min(after - candidates.begin(), rivals_max);
  const auto end = after + std::min(candidates.end() - after, rivals_max);
  const auto away = [&](const First& f) { return distance(f.at, later.first); };
  const auto nearest = std::min_element(begin, end, [&](const First& x, const First& y) { return away(x) < away(y); });
  if (nearest == end || away(*nearest) > lifetime) return nullptr;
  const std::uint64_t rivals_within = 2ULL * away(*nearest) + 1;
  const bool unclear =
      std::any_of(begin, end, [&](const First& f) { return f.record != nearest->record && away(f) <= rivals_within; });
  return unclear ? nullptr : &*nearest;
}

}  // namespace

bool FragmentStore::add(const First& first) {
  if (firsts_.size() >= max_) return false;
  firsts_.push_back(first);
  return true;
}

bool FragmentStore::add(const Later& later) {
  if (laters_.size() >= max_) return false;
  laters_.push_back(later);
  return true;
}

FragmentStore::Joined FragmentStore::join(std::uint32_t lifetime) const {
  Joined out;
  if (laters_.empty()) return out;
  std::vector<First> firsts = firsts_;
  const auto before = [](const auto& x, const auto& y) { return datagram_of(x) < datagram_of(y); };
  std::sort(firsts.begin(), firsts.end(), [&](const First& x, const First& y) {
    const auto rank = [&](const First& f) { return std::tuple{datagram_of(f), f.at, f.stack.packed(), f.direction}; };
    return rank(x) < rank(y);
  });
  for (const Later& later : laters_) {
    const auto begin = std::lower_bound(firsts.begin(), firsts.end(), later, before);
    const auto end = std::upper_bound(begin, firsts.end(), later, before);
    const First* const first = first_of(later, {begin, end}, lifetime);
    if (first == nullptr)
      out.unjoined_packets += later.packets;
    else
      out.pieces.emplace_back(*first, later);
  }
  std::sort(out.pieces.begin(), out.pieces.end(), [](const auto& x, const auto& y) { return x.first.record < y.first.record; });
  return out;
}

std::span<const std::pair<First, Later>> FragmentStore::Joined::of(std::uint32_t record) const noexcept {
  if (pieces.empty()) return {};
  const auto begin = std::partition_point(pieces.begin(), pieces.end(), [&](const auto& p) { return p.first.record < record; });
  const auto end = std::partition_point(begin, pieces.end(), [&](const auto& p) { return p.first.record == record; });
  return {begin, end};
}

}  // namespace fanout
