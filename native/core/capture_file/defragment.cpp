#include "core/capture_file/defragment.hpp"

#include <linux/if_ether.h>

#include <algorithm>

#include "core/packet/walk.hpp"
#include "core/table/datagrams.hpp"

namespace fanout {
namespace {

constexpr std::size_t ip_bytes_min = 20;
constexpr std::uint32_t datagram_bytes_max = 65535;
constexpr unsigned offset_bits = 0x1fff, more_fragments = 0x2000;

}  // namespace

struct Defragmenter::Piece {
  std::span<const std::byte> header;  // link layer and IP
  std::span<const std::byte> payload;
  std::uint32_t begin = 0;
  bool last = false;
};

Defragmenter::Seen Defragmenter::take(std::span<const std::byte> frame, std::uint32_t wire_bytes,
                                      std::uint64_t time_ns) {
  const Seen as_it_is{frame, wire_bytes};
  if (frame.size() < ETH_HLEN) return as_it_is;
  std::size_t at = ETH_HLEN;
  std::uint16_t type = load16(frame.data() + 12);
  // skb_vlan_untag() has taken one tag away before.
  if ((type == ETH_P_8021Q || type == ETH_P_8021AD) && frame.size() >= at + 4) {
    type = load16(frame.data() + at + 2);
    at += 4;
  }
  if (type != ETH_P_IP || frame.size() < at + ip_bytes_min) return as_it_is;
  const std::byte* const ip = frame.data() + at;
  const std::size_t header_bytes = std::size_t{load8(ip) & 0x0fU} * 4;
  const std::size_t total_bytes = load16(ip + 2);
  if (load8(ip) >> 4U != 4 || header_bytes < ip_bytes_min || total_bytes < header_bytes ||
      frame.size() < at + total_bytes)
    return as_it_is;
  const unsigned fragmentation = load16(ip + 6);
  if ((fragmentation & (offset_bits | more_fragments)) == 0) return as_it_is;

  const Key key{load<std::uint32_t>(ip + 12), load<std::uint32_t>(ip + 16), load16(ip + 4), load8(ip + 9)};
  Queue& queue = queue_of(key, time_ns);
  count_fragment(key, queue, time_ns);
  const Piece piece{frame.first(at + header_bytes), frame.subspan(at + header_bytes, total_bytes - header_bytes),
                    (fragmentation & offset_bits) * 8U, (fragmentation & more_fragments) == 0};
  if (!insert(queue, piece)) {
    lose(queues_.find(key));
    return {};
  }
  if (queue.header.empty() || !queue.has_last || queue.bytes != queue.end) return {};
  const Seen whole = reassemble(queue);
  if (whole.frame.empty()) lost_ += queue.packets;
  erase(queues_.find(key));
  return whole;
}

Defragmenter::Queue& Defragmenter::queue_of(const Key& key, std::uint64_t time_ns) {
  const auto found = queues_.find(key);
  if (found != queues_.end()) {
    if (time_ns <= found->second.started_ns + datagram_lifetime_ns) return found->second;
    lose(found);
  }
  if (queues_.size() == datagrams_max) make_room();
  ++sources_[key.src].queues;
  Queue& queue = queues_[key];
  queue.started_ns = time_ns;
  return queue;
}

// ip_frag_too_far() and ip_frag_reinit().
void Defragmenter::count_fragment(const Key& key, Queue& queue, std::uint64_t time_ns) {
  const std::uint32_t number = ++sources_[key.src].fragments;
  if (queue.packets > 0 && number - queue.last_of_source > distance_max) {
    lost_ += queue.packets;
    queue = {};
    queue.started_ns = time_ns;
  }
  queue.last_of_source = number;
  ++queue.packets;
}

void Defragmenter::erase(Queues::iterator queue) noexcept {
  const auto source = sources_.find(queue->first.src);
  if (--source->second.queues == 0) sources_.erase(source);
  queues_.erase(queue);
}

void Defragmenter::lose(Queues::iterator queue) noexcept {
  lost_ += queue->second.packets;
  erase(queue);
}

// ip_frag_queue(): what cannot be, or overlaps (RFC 5722), ends the datagram; a duplicate is ignored.
bool Defragmenter::insert(Queue& queue, const Piece& piece) {
  std::uint32_t end = piece.begin + static_cast<std::uint32_t>(piece.payload.size());
  if (piece.last) {
    if (end < queue.end || (queue.has_last && end != queue.end)) return false;
    queue.has_last = true;
    queue.end = end;
  } else {
    end &= ~7U;
    if (end > queue.end) {
      if (queue.has_last) return false;
      queue.end = end;
    }
  }
  if (end == piece.begin) return false;
  const auto after = queue.pieces.upper_bound(piece.begin);
  if (after != queue.pieces.begin()) {
    const auto& [begin, known_end] = *std::prev(after);
    if (end <= known_end) return true;
    if (piece.begin < known_end) return false;
  }
  if (after != queue.pieces.end() && after->first < end) return false;
  queue.bytes += end - piece.begin;
  // Neighbours become one, so that a datagram in many pieces costs little.
  auto place = queue.pieces.emplace(piece.begin, end).first;
  if (const auto next = std::next(place); next != queue.pieces.end() && next->first == end) {
    place->second = next->second;
    queue.pieces.erase(next);
  }
  if (place != queue.pieces.begin() && std::prev(place)->second == place->first) {
    std::prev(place)->second = place->second;
    queue.pieces.erase(place);
  }
  if (piece.begin == 0) queue.header.assign(piece.header.begin(), piece.header.end());
  if (piece.begin < payload_kept) {
    const std::size_t bytes = std::min<std::size_t>(end, payload_kept) - piece.begin;
    if (queue.payload.size() < piece.begin + bytes) queue.payload.resize(piece.begin + bytes);
    std::copy_n(piece.payload.begin(), bytes, queue.payload.begin() + piece.begin);
  }
  return true;
}

// ip_frag_reasm().
Defragmenter::Seen Defragmenter::reassemble(Queue& queue) {
  std::size_t at = ETH_HLEN;
  if (load16(queue.header.data() + 12) != ETH_P_IP) at += 4;
  const std::size_t total_bytes = queue.header.size() - at + queue.end;
  if (total_bytes > datagram_bytes_max) return {};
  whole_ = std::move(queue.header);
  const auto set16 = [&](std::size_t offset, std::size_t value) {
    whole_[at + offset] = static_cast<std::byte>(value >> 8U);
    whole_[at + offset + 1] = static_cast<std::byte>(value);
  };
  set16(2, total_bytes);
  set16(6, 0);
  whole_.insert(whole_.end(), queue.payload.begin(), queue.payload.end());
  return {whole_, static_cast<std::uint32_t>(at + total_bytes)};
}

void Defragmenter::make_room() noexcept {
  const auto oldest = std::min_element(queues_.begin(), queues_.end(), [](const auto& x, const auto& y) {
    return x.second.started_ns < y.second.started_ns;
  });
  lose(oldest);
}

std::uint64_t Defragmenter::lost() const noexcept {
  std::uint64_t lost = lost_;
  for (const auto& [key, queue] : queues_) lost += queue.packets;
  return lost;
}

}  // namespace fanout
