// What a worker tells the collector about one direction of one flow: a change since the last time it told.
#pragma once

#include <cstdint>

#include "flow_key.hpp"
#include "stack.hpp"

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
};

}  // namespace fanout
