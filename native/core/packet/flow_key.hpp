// What a flow is: the five-tuple an IDS tracks, in an order that is the same for both directions.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

namespace fanout {

// Network byte order. An IPv4 address fills the first four bytes; the rest is zero.
using Address = std::array<std::uint8_t, 16>;

enum class Direction : std::uint8_t { forward = 0, reverse = 1 };

// The canonical form: endpoint (a, a_port) is not greater than (b, b_port), so that key(t) == key(reverse of t).
// Ports are in host byte order; ICMP echo keeps its identifier in both; protocols without ports keep zero.
struct FlowKey {
  Address a{};
  Address b{};
  std::uint16_t a_port = 0;
  std::uint16_t b_port = 0;
  std::uint8_t protocol = 0;  // IP protocol number
  std::uint8_t family = 0;    // 4 or 6
  std::uint16_t unused = 0;   // always zero: keys are compared as five 64-bit words

  [[nodiscard]] bool operator==(const FlowKey& other) const noexcept {
    return std::memcmp(this, &other, sizeof(FlowKey)) == 0;
  }
};
static_assert(sizeof(FlowKey) == 40);

// As seen on the wire.
struct FiveTuple {
  Address src{};
  Address dst{};
  std::uint16_t src_port = 0;
  std::uint16_t dst_port = 0;
  std::uint8_t protocol = 0;
  std::uint8_t family = 0;
};

[[nodiscard]] inline Direction direction_of(const FiveTuple& t) noexcept {
  const int order = std::memcmp(t.src.data(), t.dst.data(), t.src.size());
  if (order != 0) return order < 0 ? Direction::forward : Direction::reverse;
  return t.src_port <= t.dst_port ? Direction::forward : Direction::reverse;
}

[[nodiscard]] inline FlowKey canonical(const FiveTuple& t, Direction direction) noexcept {
  if (direction == Direction::forward) return {t.src, t.dst, t.src_port, t.dst_port, t.protocol, t.family, 0};
  return {t.dst, t.src, t.dst_port, t.src_port, t.protocol, t.family, 0};
}

[[nodiscard]] inline FiveTuple directed(const FlowKey& k, Direction direction) noexcept {
  if (direction == Direction::forward) return {k.a, k.b, k.a_port, k.b_port, k.protocol, k.family};
  return {k.b, k.a, k.b_port, k.a_port, k.protocol, k.family};
}

}  // namespace fanout
