// How many packets came twice: of a mirror that delivers both directions of a port to one that it mirrors too, or on a
// device where each packet is seen as sent and as received. An IDS counts them twice and takes them for
// retransmissions. One thread only.
//
// A packet is looked at by what it contains, so that its copy is too: at first every one, later one of 64, which keeps
// what the others cost to one comparison. What is remembered is bounded: a packet that was forgotten has no copies.
#pragma once

#include <netinet/in.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>

#include "core/packet/content.hpp"
#include "core/packet/dissect.hpp"

namespace fanout {

struct CopyCounts {
  std::uint64_t looked = 0;    // packets that were looked at
  std::uint64_t again = 0;     // of those, copies of one that came shortly before
  std::uint64_t crossed = 0;   // of those, sent where the other was received, or the other way round
  std::uint64_t apart_ns = 0;  // between them, summed
};

class Copies {
 public:
  [[nodiscard]] static Copies create() noexcept {
    Copies copies;
    copies.entries_.reset(new (std::nothrow) Entry[entries]{});
    if (copies.entries_) copies.mask_ = 0;
    return copies;
  }
  // One that looks at nothing.
  Copies() noexcept = default;

  [[nodiscard]] bool looks_at(std::uint64_t content_hash) const noexcept { return (content_hash & mask_) == 0; }

  // `digest` tells the packet from others; for one that looks_at() has named.
  void see(std::uint64_t digest, std::uint64_t time_ns, bool outgoing) noexcept {
    if (!entries_) return;
    if (++counts_.looked == all_of_the_first) mask_ = one_of_64;
    const std::uint64_t tag = (digest & ~std::uint64_t{1}) | std::uint64_t{outgoing};
    Entry* const set = &entries_[(digest >> index_shift) % (entries / ways) * ways];
    for (Entry* e = set; e != set + ways; ++e) {
      if ((e->tag ^ tag) > 1 || e->time_ns == 0) continue;
      const std::uint64_t apart = e->time_ns > time_ns ? e->time_ns - time_ns : time_ns - e->time_ns;
      // Alike, and no copy: a keep-alive, or a round of a traffic generator.
      if (apart > content::apart_max_ns) continue;
      ++counts_.again;
      counts_.crossed += e->tag != tag;
      counts_.apart_ns += apart;
      return;
    }
    Entry* oldest = set;
    for (Entry* e = set + 1; e != set + ways; ++e)
      if (e->time_ns < oldest->time_ns) oldest = e;
    *oldest = {tag, time_ns};
  }

  // A packet that looks_at() has named by `content`, its content_hash_of(). More of it counts than its rank goes by:
  // the rest of a TCP header, whose checksum covers options and payload.
  void look(std::span<const std::byte> frame, const Dissection& packet, std::uint64_t content, std::uint64_t time_ns,
            bool outgoing, HashSeed seed) noexcept {
    // What an error quotes was sent by somebody else, and a later fragment looks like its flow only by its datagram.
    if ((packet.marks & mark_icmp_error) != 0 || packet.fragment.datagram != 0) return;
    std::uint64_t rest = 0;
    const std::size_t at = packet.transport_at + std::size_t{12};
    if (packet.key.protocol == IPPROTO_TCP && at + sizeof rest <= frame.size())
      std::memcpy(&rest, frame.data() + at, sizeof rest);
    const std::uint64_t flow = packet.flow_hash ^ static_cast<std::uint64_t>(packet.direction);
    see(seeded_mix(content ^ flow, rest, seed), time_ns, outgoing);
  }

  [[nodiscard]] const CopyCounts& counts() const noexcept { return counts_; }

 private:
  static constexpr std::uint32_t entries = 1U << 13, ways = 4;
  static constexpr unsigned index_shift = 20;
  static constexpr std::uint64_t all_of_the_first = 4096;
  static constexpr std::uint64_t one_of_64 = 63, none = ~std::uint64_t{0};

  struct Entry {
    std::uint64_t tag = 0;      // a digest; the last bit: this host sent it
    std::uint64_t time_ns = 0;  // CLOCK_REALTIME; 0: free
  };

  std::unique_ptr<Entry[]> entries_;
  std::uint64_t mask_ = none;
  CopyCounts counts_;
};

}  // namespace fanout
