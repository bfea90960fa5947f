// Receive-side scaling as NICs do it: a Toeplitz hash over the addresses and ports of the outermost IP header chooses
// an entry of the indirection table, and that entry names the receive queue. docs/nic.md says what is assumed about
// NICs, and why.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "lab/toeplitz.hpp"

namespace fanout {

// What the NIC does to its input before it hashes (RXH_XFRM_* in linux/ethtool.h).
enum class InputTransform : std::uint8_t {
  none,
  symmetric_xor,     // source XOR destination in place of each of the two
  symmetric_or_xor,  // source OR destination in place of the source, their XOR in place of the destination
};

// Kinds of flow whose ports are hashed beside their addresses.
inline constexpr std::uint8_t ports_of_tcp4 = 0x01;
inline constexpr std::uint8_t ports_of_udp4 = 0x02;
inline constexpr std::uint8_t ports_of_sctp4 = 0x04;
inline constexpr std::uint8_t ports_of_tcp6 = 0x08;
inline constexpr std::uint8_t ports_of_udp6 = 0x10;
inline constexpr std::uint8_t ports_of_sctp6 = 0x20;

struct NicSettings {
  Toeplitz::Key key{};
  InputTransform transform = InputTransform::none;
  std::uint8_t ports = 0;            // ports_of_*
  std::vector<std::uint16_t> table;  // of at least one entry
};

class Nic {
 public:
  explicit Nic(NicSettings settings) : settings_(std::move(settings)), toeplitz_(settings_.key) {}

  // `frame` starts at the Ethernet header and may be cut anywhere. What is no IP has hash 0.
  [[nodiscard]] std::uint16_t queue_of(std::span<const std::byte> frame) const noexcept {
    return settings_.table[hash_of(frame) % settings_.table.size()];
  }

 private:
  [[nodiscard]] std::uint32_t hash_of(std::span<const std::byte> frame) const noexcept;

  NicSettings settings_;
  Toeplitz toeplitz_;
};

}  // namespace fanout
