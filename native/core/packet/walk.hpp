// A parse in progress, for dissect.cpp and encapsulation.cpp only. It keeps two views apart. The IDS view is the flow
// an IDS tracks; it obeys the length fields of the headers. The kernel view is what __skb_flow_dissect()
// (net/core/flow_dissector.c) collects for fanout's symmetric hash; it looks at no length field and stops earlier, at a
// fragment for instance. Every layer is one function: it reads its header and records what it found in the views that
// still follow.
#pragma once

#include <linux/if_ether.h>

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstring>

#include "core/packet/dissect.hpp"

namespace fanout {

template <std::unsigned_integral T>
[[nodiscard]] T load(const std::byte* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <std::unsigned_integral T>
[[nodiscard]] constexpr T to_host(T wire) noexcept {
  if constexpr (std::endian::native == std::endian::big) return wire;
  if constexpr (sizeof(T) == 2) return __builtin_bswap16(wire);
  if constexpr (sizeof(T) == 4) return __builtin_bswap32(wire);
  if constexpr (sizeof(T) == 8) return __builtin_bswap64(wire);
}

[[nodiscard]] inline std::uint8_t load8(const std::byte* from) noexcept { return load<std::uint8_t>(from); }
[[nodiscard]] inline std::uint16_t load16(const std::byte* from) noexcept { return to_host(load<std::uint16_t>(from)); }
[[nodiscard]] inline std::uint32_t load32(const std::byte* from) noexcept { return to_host(load<std::uint32_t>(from)); }

// All that goes into one digest. Neither VLAN nor flow label nor ICMP identifier is in the kernel's.
struct View {
  std::uint64_t address_digest = 0;  // zero: no addresses were reached
  std::uint16_t ethertype = 0;       // the kernel's: the last one announced; the IDS's: that of the last IP header
  std::uint8_t protocol = 0;         // the last one
  std::uint32_t ports = 0;           // source and destination, as they follow each other on the wire
};

// One number for both: two would be one register more, which plain packets with tags do not have.
[[nodiscard]] constexpr std::uint16_t src_port(std::uint32_t ports) noexcept {
  return static_cast<std::uint16_t>(ports >> 16);
}
[[nodiscard]] constexpr std::uint16_t dst_port(std::uint32_t ports) noexcept {
  return static_cast<std::uint16_t>(ports);
}
[[nodiscard]] constexpr std::uint32_t exchanged(std::uint32_t ports) noexcept { return std::rotl(ports, 16); }

[[nodiscard]] constexpr std::uint32_t sorted(std::uint32_t ports) noexcept { return std::min(ports, exchanged(ports)); }

// Where a walk stands and what both views have collected. What is already final goes straight to `out`: copies of small
// structures cost more here than the parsing (a wide load right after narrow stores waits for them).
struct Walk {
  Walk(std::span<const std::byte> frame, HashSeed hash_seed, KernelModel kernel_model, Dissection& result) noexcept
      : data(frame.data()),
        frame_end(frame.size()),
        packet_end(frame.size()),
        seed(hash_seed),
        model(kernel_model),
        out(&result) {
    out->kind = PacketKind::flow;
  }

  const std::byte* data;
  std::size_t frame_end;
  std::size_t packet_end;  // what the IP headers claim, within the frame, which may be padded
  std::size_t at = 0;      // may lie beyond both after a header that claims more than there is
  HashSeed seed;
  KernelModel model;
  Dissection* out;
  View kernel;
  View ids;
  std::uint16_t next_type = 0;     // what the last header that carries an ethertype says about the one that follows
  std::uint8_t headers_left = 15;  // MAX_FLOW_DISSECT_HDRS: the kernel's limit, and ours against endless nesting
  bool exhausted = false;          // that limit was met
  bool handed_over = false;        // another walk has gone on and finished
  bool kernel_follows = true;      // the kernel's dissector has not stopped yet
  bool swapped = false;            // the source is the greater address, key.b
  bool equal = false;              // the addresses are
  bool reverse_if_equal = false;   // the direction of a packet between equal addresses
  bool stale_hashed = false;       // see read_ipv4_addresses()
  bool quoted = false;             // inside an ICMP error
  bool as_whole = false;           // the kernel is taken to get all datagrams in one piece
  std::uint32_t stale = 0;

  // The next header as the kernel reads it, or nullptr if the frame ends inside it.
  [[nodiscard]] const std::byte* take(std::size_t bytes) noexcept {
    if (at + bytes > frame_end) return nullptr;
    const std::byte* const header = data + at;
    at += bytes;
    return header;
  }

  [[nodiscard]] bool in_packet(std::size_t bytes) const noexcept { return at + bytes <= packet_end; }

  // The next header for both views: what lies beyond the packet is none for the IDS.
  [[nodiscard]] const std::byte* header(std::size_t bytes) noexcept {
    if (!in_packet(bytes)) end(PacketKind::truncated);
    return take(bytes);
  }

  // Zero is no length: segmentation offload (BIG TCP) leaves it so, and the packet then reaches as far as the frame.
  void limit_packet(std::size_t begin, std::size_t bytes) noexcept {
    if (bytes != 0) packet_end = std::min(packet_end, begin + bytes);
  }

  // Whether one more header may follow.
  [[nodiscard]] bool again() noexcept {
    if (headers_left == 0) {
      exhausted = true;
      return false;
    }
    --headers_left;
    return true;
  }

  // Ends the IDS view. The first reason stays; the kernel view may still go on.
  void end(PacketKind reason) noexcept {
    if (out->kind == PacketKind::flow) out->kind = reason;
  }

  // The kernel's dissector has what it wants, or does not know what comes now.
  void stop_kernel() noexcept { kernel_follows = false; }

  void found_ethertype(std::uint16_t ethertype) noexcept {
    next_type = ethertype;
    if (kernel_follows) kernel.ethertype = ethertype;
  }

  void found_protocol(std::uint8_t protocol) noexcept {
    ids.protocol = protocol;
    if (kernel_follows) kernel.protocol = protocol;
  }

  // Ports, or what the kernel takes for them.
  void found_kernel_ports(std::uint32_t ports) noexcept {
    if (!kernel_follows) return;
    kernel.ports = ports;
    if (model.ports_with_addresses) [[unlikely]]
      kernel.ports = equal ? sorted(ports) : std::rotl(ports, swapped ? 16 : 0);
  }

  void found_tag(std::uint16_t value) noexcept {
    if (kernel_follows) out->tags = tag_digest::with(out->tags, value);
  }

  // A new IP header: ports of the one around it are not its own.
  void found_ip() noexcept {
    ids.ethertype = next_type;
    ids.ports = 0;
    reverse_if_equal = false;
  }

  // Then there is a flow already, whatever else is inside.
  [[nodiscard]] bool inside_ip() const noexcept { return ids.ethertype != 0; }
};

// eth_type_trans(): below 1536 the field is a length, and the kernel puts a protocol number of its own in its place.
[[nodiscard]] inline std::uint16_t ethertype_of(const Walk& walk, std::uint16_t field) noexcept {
  if (field >= ETH_P_802_3_MIN) [[likely]]
    return field;
  const bool raw_ipx = walk.in_packet(2) && load<std::uint16_t>(walk.data + walk.at) == 0xffff;
  return raw_ipx ? ETH_P_802_3 : ETH_P_802_2;
}

}  // namespace fanout
