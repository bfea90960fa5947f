// The Toeplitz hash of receive-side scaling: each bit of the input that is set adds the 32 bits of the key that begin
// at its place, modulo 2. Its parts are independent of each other, so a table for each byte of the input replaces eight
// steps by one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace fanout {

class Toeplitz {
 public:
  // Two IPv6 addresses and two ports; and each bit needs 32 bits of the key.
  static constexpr std::size_t input_bytes_max = 36;
  static constexpr std::size_t key_bytes = input_bytes_max + 4;
  using Key = std::array<std::uint8_t, key_bytes>;

  explicit Toeplitz(const Key& key) : sums_(std::make_unique<Sums>()) {
    for (std::size_t at = 0; at < input_bytes_max; ++at) {
      std::uint64_t bits = 0;
      for (std::size_t i = 0; i < 5; ++i) bits = bits << 8 | key[at + i];
      auto& sums = (*sums_)[at];
      sums[0] = 0;
      for (unsigned value = 1; value < 256; ++value) {
        const unsigned lowest = value & (~value + 1);
        const auto place = static_cast<unsigned>(__builtin_ctz(value)) +
                           1;  // from the last bit of the byte, whose window ends the 40 bits
        sums[value] = sums[value ^ lowest] ^ static_cast<std::uint32_t>(bits >> place);
      }
    }
  }

  // `input` has up to input_bytes_max bytes.
  [[nodiscard]] std::uint32_t hash(std::span<const std::uint8_t> input) const noexcept {
    std::uint32_t sum = 0;
    for (std::size_t at = 0; at < input.size(); ++at) sum ^= (*sums_)[at][input[at]];
    return sum;
  }

 private:
  using Sums = std::array<std::array<std::uint32_t, 256>, input_bytes_max>;
  std::unique_ptr<Sums> sums_;
};

}  // namespace fanout
