// The fragments that one worker sees, joined to the flow of the first piece of their datagram, in whatever order they
// come. What finds no first piece here is told to the collector, which knows those of all workers. Bounded: the oldest
// datagrams make room, and are told. Capture thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/packet/dissect.hpp"
#include "core/wire/observation.hpp"

namespace fanout {

// How long a datagram may take to arrive. Linux gives up after 30 s too (ipfrag_time); an identification is used again
// after that.
inline constexpr std::uint64_t datagram_lifetime_ns = 30'000'000'000;

class Datagrams {
 public:
  struct Limits {
    std::uint32_t datagrams_max = 4096;  // a power of two, at least four
    std::uint32_t due_max = 1U << 16;    // waiting to be told
  };

  Datagrams() noexcept = default;
  explicit Datagrams(const Limits& limits) noexcept : limits_(limits) {}

  // Pieces that came before the first one of their datagram.
  struct Waiting {
    Amount amount;
    std::uint8_t marks = 0;
    std::uint16_t tags = 0;
  };

  // `packet` is a flow and the first piece of a datagram. Returns what has waited for it, which is of the same flow and
  // kernel key.
  [[nodiscard]] Waiting begin(const Dissection& packet, std::uint64_t time_ns) noexcept;

  // `packet` is a later piece. True if its flow is known: then it has been made a packet of that flow. Else it waits.
  [[nodiscard]] bool continue_with(Dissection& packet, const Amount& amount) noexcept;

  // Puts everything that another worker may need, or may know, on the list to be told.
  void settle() noexcept;
  [[nodiscard]] bool has_due() const noexcept { return due_read_ < due_.size(); }
  // As many as fit; true when none is left.
  template <typename Writer>
  [[nodiscard]] bool write_due(Writer& writer) noexcept {
    for (; due_read_ < due_.size(); ++due_read_) {
      if (!writer.fits_another()) return false;
      writer.append(due_[due_read_]);
    }
    due_.clear();
    due_read_ = 0;
    return true;
  }

  void clear() noexcept;

  // Packets that waited and found no room on the list to be told, since the last call.
  [[nodiscard]] std::uint64_t take_lost() noexcept;
  // Packets that wait, or are on the list to be told.
  [[nodiscard]] std::uint64_t untold_packets() const noexcept;

 private:
  struct Entry {
    std::uint64_t datagram = 0;  // 0: free
    std::uint64_t kernel_key = 0;
    std::uint64_t started_ns = 0;
    FlowKey key;  // of the flow if has_first, else addresses and protocol
    std::uint64_t flow_hash = 0;
    Stack stack;
    Waiting waiting;
    std::uint32_t seen = 0;  // units of eight octets, all pieces together
    std::uint16_t end = 0;
    Direction direction = Direction::forward;
    bool has_first = false;
    bool has_last = false;
    bool first_told = false;
    bool orphans_told = false;

    [[nodiscard]] bool complete() const noexcept { return has_first && has_last && seen >= end; }
  };

  // nullptr: no memory.
  [[nodiscard]] Entry* entry_of(const Dissection& packet, std::uint64_t time_ns) noexcept;
  void settle(Entry& entry) noexcept;
  void tell(const Entry& entry, const Waiting& waiting, std::uint64_t first_ns, std::uint64_t last_ns) noexcept;

  Limits limits_;
  std::unique_ptr<Entry[]> entries_;  // made when the first fragment comes: most traffic has none
  std::vector<Observation> due_;
  std::size_t due_read_ = 0;
  std::uint64_t lost_ = 0;
};

}  // namespace fanout
