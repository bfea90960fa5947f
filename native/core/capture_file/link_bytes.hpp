// What the readers of link layers share, for link_frame.cpp and link_radio.cpp only.
#pragma once

#include <linux/if_ether.h>

#include "core/capture_file/link_frame.hpp"

namespace fanout {

[[nodiscard]] inline unsigned link_octet(std::span<const std::byte> bytes, std::size_t at) noexcept {
  return std::to_integer<unsigned>(bytes[at]);
}
[[nodiscard]] inline unsigned link_be16(std::span<const std::byte> bytes, std::size_t at) noexcept {
  return link_octet(bytes, at) << 8 | link_octet(bytes, at + 1);
}
[[nodiscard]] inline unsigned link_le16(std::span<const std::byte> bytes, std::size_t at) noexcept {
  return link_octet(bytes, at + 1) << 8 | link_octet(bytes, at);
}
[[nodiscard]] inline std::uint32_t link_be32(std::span<const std::byte> bytes, std::size_t at) noexcept {
  return link_be16(bytes, at) << 16 | link_be16(bytes, at + 2);
}
[[nodiscard]] inline std::uint32_t link_le32(std::span<const std::byte> bytes, std::size_t at) noexcept {
  return link_le16(bytes, at + 2) << 16 | link_le16(bytes, at);
}

[[nodiscard]] inline LinkFrame refused(Convertible why) noexcept { return {.convertible = why}; }

// `type` is an ethertype, or the length of an IEEE 802.3 frame.
[[nodiscard]] LinkFrame framed(unsigned type, std::span<const std::byte> payload) noexcept;

// What begins with a header of IEEE 802.2: by SNAP an ethertype, else a frame with its length in place of one.
[[nodiscard]] LinkFrame of_llc(std::span<const std::byte> packet) noexcept;

// IEEE 802.11, from the frame control field to the end of the body.
[[nodiscard]] LinkFrame of_radio(std::span<const std::byte> packet) noexcept;
// The same behind a header of the driver's own.
[[nodiscard]] LinkFrame of_radiotap(std::span<const std::byte> packet) noexcept;
[[nodiscard]] LinkFrame of_prism(std::span<const std::byte> packet) noexcept;
[[nodiscard]] LinkFrame of_avs(std::span<const std::byte> packet) noexcept;

}  // namespace fanout
