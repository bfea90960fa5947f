// One 64-bit mixing step, from which flow hashes and kernel-key digests are made. Seeded per run, so that no sender can
// choose packets that collide. Not the kernel's siphash: a digest tells which packets the kernel hashes alike, not where they go.
#pragma once

#include <cstdint>

namespace fanout {

struct HashSeed {
  std::uint64_t value = 0x9e3779b97f4a7c15ULL;
};

// Folded 64x64->128 multiplication: every input bit reaches every output bit.
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t x, std::uint64_t y) noexcept {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(x ^ 0xa0761d6478bd642fULL) * (y ^ 0xe7037ed1a0b428dbULL);
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

}  // namespace fanout
