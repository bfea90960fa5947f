// What bug A hashed and the symmetric hash leaves out: flow labels, VLAN ids and GRE keys. Packets are only compared in them.
#pragma once

#include <cstdint>

namespace fanout::tag_digest {

// Zero: none of them. The last value is kept for packets that differ.
inline constexpr std::uint16_t none = 0, various = 0xffff;

// What has more bits than there are here. A VLAN id has not.
[[nodiscard]] constexpr std::uint16_t folded(std::uint32_t value) noexcept {
  return static_cast<std::uint16_t>((value ^ value >> 15) * 0x85ebca6bU >> 16);
}

// Of one packet: a number for all of them, in whatever order. One multiplication, as it is made for every packet with a tag.
[[nodiscard]] constexpr std::uint16_t with(std::uint16_t tags, std::uint16_t value) noexcept {
  const unsigned mixed = value * 0x9e37U & 0xffffU;
  return static_cast<std::uint16_t>(tags + (mixed ^ mixed >> 7));
}

// Of packets, each of which may have the value that is kept for several.
[[nodiscard]] constexpr std::uint16_t of_one(std::uint16_t tags) noexcept { return tags == various ? std::uint16_t{1} : tags; }
// The same in every order.
[[nodiscard]] constexpr std::uint16_t join(std::uint16_t x, std::uint16_t y) noexcept { return x == y ? x : various; }

}  // namespace fanout::tag_digest
