// What a worker tells the collector about one direction of one flow: a change since the last time it told.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/packet/content.hpp"
#include "core/packet/flow_key.hpp"
#include "core/packet/stack.hpp"

namespace fanout {

struct Observation {
  FiveTuple tuple;
  Stack stack;
  std::uint64_t kernel_key = 0;
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;
  std::uint64_t first_ns = 0;  // since the start of the run
  std::uint64_t last_ns = 0;
  std::uint8_t marks = 0;
  std::uint16_t tags = 0;  // tag_digest.hpp
  ContentMark content = 0;
  // Not 0: of a fragmented datagram, by its digest. Without packets it says whose the datagram is, as its first piece
  // was counted with its flow. With packets these are later pieces whose first one their worker did not see: the tuple
  // has no ports.
  std::uint64_t datagram = 0;
};

// One or several packets of one kind.
struct Amount {
  std::uint64_t bytes = 0;
  std::uint64_t first_ns = 0;
  std::uint64_t last_ns = 0;
  std::uint32_t packets = 0;
  ContentMark content = 0;

  // Time stamps come from several CPUs and a clock that may step: first and last are the extremes, not the order.
  void add(const Amount& other) noexcept {
    first_ns = packets == 0 ? other.first_ns : std::min(first_ns, other.first_ns);
    last_ns = packets == 0 ? other.last_ns : std::max(last_ns, other.last_ns);
    bytes += other.bytes;
    packets += other.packets;
    content = content::least(content, other.content);
  }
};

}  // namespace fanout
