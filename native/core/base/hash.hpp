// One 64-bit mixing step, from which flow hashes and kernel-key digests are made. Seeded per run, so that no sender can
// choose packets that collide. Not the kernel's siphash: a digest tells which packets the kernel hashes alike, not
// where they go.
#pragma once

#include <bit>
#include <cstdint>

namespace fanout {

struct HashSeed {
  std::uint64_t value = 0x9e3779b97f4a7c15ULL;
};

inline constexpr std::uint64_t first_mix_constant = 0xa0761d6478bd642fULL, second_mix_constant = 0xe7037ed1a0b428dbULL;

// Folded 64x64->128 multiplication: every input bit reaches every output bit. The constants are public, and a factor of
// zero makes the product zero whatever the other factor is: what packets hold goes through seeded_mix().
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t x, std::uint64_t y) noexcept {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(x ^ first_mix_constant) * (y ^ second_mix_constant);
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

// Both factors depend on the seed: a sender who could make one of them zero would choose the digest.
[[nodiscard]] constexpr std::uint64_t seeded_mix(std::uint64_t x, std::uint64_t y, HashSeed seed) noexcept {
  return mix(x ^ seed.value, y ^ std::rotl(seed.value, 32));
}

}  // namespace fanout
