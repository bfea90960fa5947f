// Later pieces of fragmented datagrams that their workers could not join, and the first pieces that say whose they are. Under
// modes that do not hash, a datagram's pieces may be on as many members as there are. Bounded.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "flow_key.hpp"
#include "stack.hpp"

namespace fanout {

// Times are in the ticks of the flow map.
class FragmentStore {
 public:
  explicit FragmentStore(std::uint32_t max) noexcept : max_(max) {}

  struct First {
    std::uint64_t datagram = 0;
    std::uint32_t record = 0;  // of the flow
    std::uint32_t at = 0;
    Stack stack;
    std::uint16_t epoch = 0;
    Direction direction = Direction::forward;
  };
  struct Later {
    std::uint64_t datagram = 0;
    std::uint64_t kernel_key = 0;
    std::uint64_t bytes = 0;
    std::uint32_t packets = 0;
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    std::uint16_t epoch = 0;
    std::uint16_t member = 0;
    std::uint8_t marks = 0;
  };

  // False if there is no room.
  [[nodiscard]] bool add(const First& first);
  [[nodiscard]] bool add(const Later& later);

  // Pieces with the first one of their datagram: the one nearest in time. Where an identification was used again so soon that
  // another flow's is about as near, nobody knows, and they stay unjoined.
  struct Joined {
    std::vector<std::pair<First, Later>> pieces;  // by record
    std::uint64_t unjoined_packets = 0;

    [[nodiscard]] std::span<const std::pair<First, Later>> of(std::uint32_t record) const noexcept;
  };
  [[nodiscard]] Joined join(std::uint32_t lifetime) const;

  [[nodiscard]] std::size_t bytes() const noexcept { return firsts_.size() * sizeof(First) + laters_.size() * sizeof(Later); }

 private:
  std::uint32_t max_;
  std::vector<First> firsts_;
  std::vector<Later> laters_;
};

}  // namespace fanout
