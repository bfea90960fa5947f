// Random but repeatable inputs: the seed is all that a failure needs to be seen again.
#pragma once

#include <cstdint>

#include "core/packet/dissect.hpp"
#include "core/wire/observation.hpp"

namespace fanout::test {

// splitmix64.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>((next() >> 32) * bound >> 32); }
  bool one_in(std::uint32_t n) { return below(n) == 0; }
  // All magnitudes alike, so that every width of an encoding comes up.
  std::uint64_t of_any_size() { return next() >> below(64); }

 private:
  std::uint64_t state_;
};

// The n-th two-way flow, alternating between IPv4 and IPv6, as its first direction.
inline FiveTuple tuple_of(std::uint32_t n) {
  FiveTuple t;
  t.family = n % 2 == 0 ? 4 : 6;
  t.protocol = n % 3 == 0 ? 17 : 6;
  const std::size_t last = t.family == 4 ? 0 : 12;
  if (t.family == 6) t.src[0] = t.dst[0] = 0xfd;
  t.src[last] = 10;
  t.src[last + 1] = static_cast<std::uint8_t>(n >> 16);
  t.src[last + 2] = static_cast<std::uint8_t>(n >> 8);
  t.src[last + 3] = static_cast<std::uint8_t>(n);
  t.dst[last] = 192;
  t.dst[last + 3] = 1;
  t.src_port = static_cast<std::uint16_t>(1024 + n % 50000);
  t.dst_port = 443;
  return t;
}

inline FiveTuple reversed(const FiveTuple& t) { return {t.dst, t.src, t.dst_port, t.src_port, t.protocol, t.family}; }

inline Stack stack_of(std::initializer_list<Layer> layers) {
  Stack stack;
  for (const Layer layer : layers) stack.push(layer);
  return stack;
}

inline Observation any_observation(Random& random) {
  Observation o;
  o.tuple = tuple_of(random.below(1U << 24));
  if (random.one_in(2)) o.tuple = reversed(o.tuple);
  o.tuple.src_port = static_cast<std::uint16_t>(random.of_any_size());
  o.tuple.dst_port = static_cast<std::uint16_t>(random.of_any_size());
  o.tuple.protocol = static_cast<std::uint8_t>(random.of_any_size());
  o.stack = Stack{random.of_any_size()};
  o.kernel_key = random.of_any_size();
  o.content = random.one_in(2) ? static_cast<ContentMark>(random.next()) : 0;
  o.datagram = random.one_in(8) ? random.next() : 0;
  o.marks = static_cast<std::uint8_t>(random.of_any_size());
  o.tags = static_cast<std::uint16_t>(random.of_any_size());
  o.packets = random.of_any_size() | 1;
  o.bytes = random.of_any_size();
  o.first_ns = random.of_any_size() >> 1;
  o.last_ns = o.first_ns + (random.of_any_size() >> 1);
  return o;
}

}  // namespace fanout::test
