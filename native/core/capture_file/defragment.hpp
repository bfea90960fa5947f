// What a fanout group with the flag DEFRAG sees of a frame: a model of ip_check_defrag() and ip_frag_queue()
// (net/ipv4/ip_fragment.c, net/ipv4/inet_fragment.c), for frames as they arrive. IPv4 only, behind one VLAN tag at
// most, never inside a tunnel.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace fanout {

class Defragmenter {
 public:
  struct Seen {
    // As it is, or the whole packet with as much of its payload as is kept; none: kept back, or refused.
    std::span<const std::byte> frame;
    std::uint32_t wire_bytes = 0;
  };

  // `frame` must stay valid while the result is used. A reassembled packet is valid until the next call.
  [[nodiscard]] Seen take(std::span<const std::byte> frame, std::uint32_t wire_bytes, std::uint64_t time_ns);

  // Fragments that were kept back and never came to a whole packet: incomplete, overlapping, or too many at a time.
  [[nodiscard]] std::uint64_t lost() const noexcept;

 private:
  // Of a reassembled packet, enough for any headers; the rest is only counted.
  static constexpr std::size_t payload_kept = 512;
  static constexpr std::size_t datagrams_max = 4096;
  // net.ipv4.ipfrag_max_dist: if more fragments of its source have come since the last one of a datagram, its
  // identification is taken to have been used again, and what came before is thrown away.
  static constexpr std::uint32_t distance_max = 64;

  struct Key {
    std::uint32_t src, dst;
    std::uint16_t id;
    std::uint8_t protocol;
    auto operator<=>(const Key&) const = default;
  };
  struct Queue {
    std::uint64_t started_ns = 0;
    std::uint64_t packets = 0;
    std::uint32_t last_of_source = 0;               // the number of its last fragment among those of the source
    std::vector<std::byte> header;                  // of the first fragment, link layer and IP
    std::vector<std::byte> payload;                 // the beginning
    std::map<std::uint32_t, std::uint32_t> pieces;  // begin to end, disjoint
    std::uint32_t bytes = 0;                        // in all pieces
    std::uint32_t end = 0;                          // so far, or of the datagram if has_last
    bool has_last = false;
  };
  struct Piece;
  // Only as long as a datagram of it is waiting, so that these are bounded, too.
  struct Source {
    std::uint32_t fragments = 0;
    std::uint32_t queues = 0;
  };
  using Queues = std::map<Key, Queue>;

  [[nodiscard]] Queue& queue_of(const Key& key, std::uint64_t time_ns);
  void count_fragment(const Key& key, Queue& queue, std::uint64_t time_ns);
  void erase(Queues::iterator queue) noexcept;
  void lose(Queues::iterator queue) noexcept;
  void make_room() noexcept;
  // False: the queue is to be dropped.
  [[nodiscard]] static bool insert(Queue& queue, const Piece& piece);
  [[nodiscard]] Seen reassemble(Queue& queue);

  Queues queues_;
  std::map<std::uint32_t, Source> sources_;
  std::vector<std::byte> whole_;
  std::uint64_t lost_ = 0;
};

}  // namespace fanout
