// What bug A hashed and the symmetric hash leaves out: flow labels, VLAN ids and GRE keys. Packets are only compared in
// them. Of a fragment at which the kernel stops, what the hash leaves out is the rest of its datagram: there it is a
// digest of the kernel key that the datagram would have in one piece. The first piece tells; later ones are of no other
// datagram, and say nothing.
#pragma once

#include <cstdint>

namespace fanout::tag_digest {

// Zero: none of them. The last values are kept for later pieces, and for packets that differ.
inline constexpr std::uint16_t none = 0, unknown = 0xfffe, various = 0xffff;

// What has more bits than there are here. A VLAN id has not.
[[nodiscard]] constexpr std::uint16_t folded(std::uint32_t value) noexcept {
  return static_cast<std::uint16_t>((value ^ value >> 15) * 0x85ebca6bU >> 16);
}

// Of one packet: a number for all of them, in whatever order. One multiplication, as it is made for every packet with a
// tag.
[[nodiscard]] constexpr std::uint16_t with(std::uint16_t tags, std::uint16_t value) noexcept {
  const unsigned mixed = value * 0x9e37U & 0xffffU;
  return static_cast<std::uint16_t>(tags + (mixed ^ mixed >> 7));
}

// Of a packet whose numbers add up to a value that is kept.
[[nodiscard]] constexpr std::uint16_t of_one(std::uint16_t tags) noexcept {
  return tags >= unknown ? static_cast<std::uint16_t>(tags - unknown + 1) : tags;
}

// Of a datagram in one piece, with this kernel key.
[[nodiscard]] constexpr std::uint16_t of_whole(std::uint64_t kernel_key) noexcept {
  const std::uint64_t half = kernel_key ^ kernel_key >> 32;
  return of_one(static_cast<std::uint16_t>(half ^ half >> 16));
}

// The same in every order.
[[nodiscard]] constexpr std::uint16_t join(std::uint16_t x, std::uint16_t y) noexcept {
  if (x == y || y == unknown) return x;
  return x == unknown ? y : various;
}

}  // namespace fanout::tag_digest
