// A captured packet of any link type as an Ethernet frame, as far as that can be told: what a fanout group sees of it
// is the same. Pure; survives any bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace fanout {

enum class Convertible : std::uint8_t {
  yes,
  link_type,  // no Ethernet frame can be made of this link type
  protocol,   // the link type could be, but what this packet carries has no ethertype
  encrypted,  // so that nobody but the stations can read it
  cut,        // cut before the network layer begins
};

// The frame is `header` and, behind it, `rest`. `rest` points into the packet.
struct LinkFrame {
  Convertible convertible = Convertible::yes;
  std::uint8_t header_bytes = 0;  // none where the packet is an Ethernet frame already
  std::array<std::byte, 14> header{};
  std::span<const std::byte> rest{};
  // Of a packet that carries several frames (an A-MSDU of IEEE 802.11): the others, for next_aggregated().
  std::span<const std::byte> more{};

  [[nodiscard]] std::size_t size() const noexcept { return header_bytes + rest.size(); }
};

[[nodiscard]] LinkFrame as_ethernet(std::uint16_t link_type, std::span<const std::byte> packet) noexcept;

// The frame at the beginning of what another one left as `more`.
[[nodiscard]] LinkFrame next_aggregated(std::span<const std::byte> subframes) noexcept;

// As in https://www.tcpdump.org/linktypes.html without the LINKTYPE_; nullptr for what is rarely met.
[[nodiscard]] const char* link_type_name(std::uint16_t link_type) noexcept;

}  // namespace fanout
