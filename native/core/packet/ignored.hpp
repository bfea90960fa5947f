// Packets that were captured but not judged, counted by reason. Bounded: hostile traffic cannot invent unlimited
// ethertypes.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "core/packet/dissect.hpp"

namespace fanout {

// Reasons as they go over the wire: a small number, or a class in the upper bits with its value below. Part of the
// protocol.
enum class IgnoreReason : std::uint32_t {
  before_start = 1,
  icmp_error = 2,
  fragment_later = 3,
  truncated = 4,
  malformed = 5,
  block_malformed = 6,
  other_ethertype = 7,  // beyond those counted one by one
  outgoing = 8,         // sent by this host, where such packets are not to be judged
  icmp_other = 9,
  after_end = 10,  // of a run that ends at a set time
  last_fixed = after_end,
  ethertype = 0x10000,  // + ethertype
  protocol = 0x20000,   // + IP protocol
};

class IgnoredCounts {
 public:
  struct Entry {
    std::uint32_t reason = 0;
    std::uint64_t packets = 0;
  };

  void add(IgnoreReason reason, std::uint64_t packets = 1) noexcept {
    fixed_[static_cast<std::size_t>(reason)] += packets;
  }

  void add(const Dissection& packet) noexcept {
    switch (packet.kind) {
      case PacketKind::flow:
        return;
      case PacketKind::icmp_error:
        return add(IgnoreReason::icmp_error);
      case PacketKind::icmp_other:
        return add(IgnoreReason::icmp_other);
      case PacketKind::fragment_later:
        return add(IgnoreReason::fragment_later);
      case PacketKind::truncated:
        return add(IgnoreReason::truncated);
      case PacketKind::malformed:
        return add(IgnoreReason::malformed);
      case PacketKind::other_protocol:
        ++protocols_[packet.protocol];
        return;
      case PacketKind::other_ethertype:
        return add_ethertype(packet.ethertype);
    }
  }

  [[nodiscard]] std::vector<Entry> entries() const {
    std::vector<Entry> out;
    for (std::uint32_t i = 0; i < fixed_.size(); ++i)
      if (fixed_[i] != 0) out.push_back({i, fixed_[i]});
    for (std::uint32_t i = 0; i < ethertypes_used_; ++i)
      out.push_back(
          {static_cast<std::uint32_t>(IgnoreReason::ethertype) + ethertypes_[i].reason, ethertypes_[i].packets});
    for (std::uint32_t i = 0; i < protocols_.size(); ++i)
      if (protocols_[i] != 0) out.push_back({static_cast<std::uint32_t>(IgnoreReason::protocol) + i, protocols_[i]});
    return out;
  }

 private:
  void add_ethertype(std::uint16_t ethertype) noexcept {
    for (std::uint32_t i = 0; i < ethertypes_used_; ++i) {
      if (ethertypes_[i].reason != ethertype) continue;
      ++ethertypes_[i].packets;
      return;
    }
    if (ethertypes_used_ == ethertypes_.size()) return add(IgnoreReason::other_ethertype);
    ethertypes_[ethertypes_used_++] = {ethertype, 1};
  }

  std::array<std::uint64_t, static_cast<std::size_t>(IgnoreReason::last_fixed) + 1> fixed_{};
  std::array<Entry, 64> ethertypes_{};
  std::uint32_t ethertypes_used_ = 0;
  std::array<std::uint64_t, 256> protocols_{};
};

}  // namespace fanout
