// A TPACKET_V3 receive ring: blocks are borrowed from the kernel through a lease, and walked with every offset checked.
#pragma once

#include <linux/if_packet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "core/base/mapped_region.hpp"
#include "core/base/result.hpp"
#include "core/packet/dissect.hpp"

namespace fanout {

struct RingGeometry {
  std::uint32_t block_bytes = 512U << 10;  // a multiple of the page size
  std::uint32_t block_count = 8;
  std::uint32_t retire_ms = 10;  // a block that holds packets is handed over after this time at the latest
};

// ARPHRD_* of linux/if_arp.h, which cannot be included beside net/if.h.
namespace hardware {
inline constexpr std::uint16_t ethernet = 1, loopback = 772;
}

// One packet inside a leased block; its bytes live as long as the lease.
struct RingPacket {
  std::span<const std::byte> frame;
  std::uint64_t timestamp_ns = 0;  // CLOCK_REALTIME
  std::uint32_t wire_bytes = 0;    // without the stripped tag
  StrippedTag tag;
  std::uint32_t status = 0;      // TP_STATUS_*
  std::uint8_t packet_type = 0;  // sll_pkttype: PACKET_HOST, PACKET_OUTGOING, ...
  NetworkStart network;
  std::uint16_t hardware_type = 0;  // sll_hatype: ARPHRD_* of the device

  // Whether the frame begins with an Ethernet header.
  [[nodiscard]] bool is_ethernet() const noexcept {
    return hardware_type == hardware::ethernet || hardware_type == hardware::loopback;
  }
};

struct WalkCounts {
  std::uint32_t packets = 0;
  std::uint32_t malformed = 0;  // packets announced by the block that its own bytes cannot hold
};

// Reads the packet whose header starts at `offset`; nothing if header or data would leave the block.
[[nodiscard]] inline std::optional<RingPacket> packet_at(std::span<const std::byte> block, std::size_t offset,
                                                         std::uint32_t& next) noexcept {
  constexpr std::size_t link_offset =
      (sizeof(tpacket3_hdr) + TPACKET_ALIGNMENT - 1) & ~std::size_t{TPACKET_ALIGNMENT - 1};
  if (offset > block.size() || block.size() - offset < link_offset + sizeof(sockaddr_ll)) return std::nullopt;
  tpacket3_hdr header;
  std::memcpy(&header, block.data() + offset, sizeof header);
  const std::size_t room = block.size() - offset;
  if (header.tp_mac > room || header.tp_snaplen > room - header.tp_mac) return std::nullopt;
  next = header.tp_next_offset;

  RingPacket packet;
  packet.frame = block.subspan(offset + header.tp_mac, header.tp_snaplen);
  packet.timestamp_ns = std::uint64_t{header.tp_sec} * 1'000'000'000U + header.tp_nsec;
  packet.wire_bytes = header.tp_len;
  packet.status = header.tp_status;
  packet.tag.present = (header.tp_status & TP_STATUS_VLAN_VALID) != 0;
  packet.tag.tci = static_cast<std::uint16_t>(header.hv1.tp_vlan_tci);
  if ((header.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0) packet.tag.tpid = header.hv1.tp_vlan_tpid;
  sockaddr_ll link;
  std::memcpy(&link, block.data() + offset + link_offset, sizeof link);
  packet.packet_type = link.sll_pkttype;
  packet.hardware_type = link.sll_hatype;
  packet.network.protocol = ntohs(link.sll_protocol);
  // Without a network header behind that of the link the offset is no larger than that of the frame.
  packet.network.network_at = static_cast<std::uint16_t>(std::max(header.tp_net, header.tp_mac) - header.tp_mac);
  return packet;
}

// Calls visit(RingPacket) for each packet of a block. Walks by the block's count (the last packet's next offset is 0),
// stops at the first step that does not go forward or leaves the block; what was announced and not reached counts as
// malformed.
template <typename Visit>
WalkCounts for_each_packet(std::span<const std::byte> block, Visit&& visit) noexcept {
  tpacket_block_desc description;
  if (block.size() < sizeof description) return {0, 0};
  std::memcpy(&description, block.data(), sizeof description);
  const std::uint32_t announced = description.hdr.bh1.num_pkts;
  std::size_t offset = description.hdr.bh1.offset_to_first_pkt;
  WalkCounts counts;
  for (std::uint32_t i = 0; i < announced; ++i) {
    std::uint32_t next = 0;
    const auto packet = packet_at(block, offset, next);
    if (!packet) return {counts.packets, announced - counts.packets};
    // The next header is far enough ahead to miss the cache. Its offset is not checked yet, and no pointer may leave
    // the block.
    __builtin_prefetch(block.data() + std::min<std::size_t>(offset + next, block.size()));
    visit(*packet);
    ++counts.packets;
    if (next == 0 && i + 1 < announced) return {counts.packets, announced - counts.packets};
    offset += next;
  }
  return counts;
}

// Holding a lease is owning the block; letting go of it gives the block back to the kernel.
class BlockLease {
 public:
  [[nodiscard]] static std::optional<BlockLease> try_acquire(std::span<std::byte> block) noexcept;
  BlockLease(BlockLease&& other) noexcept : block_(std::exchange(other.block_, {})) {}
  BlockLease(const BlockLease&) = delete;
  BlockLease& operator=(const BlockLease&) = delete;
  BlockLease& operator=(BlockLease&&) = delete;
  ~BlockLease();

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return block_; }

 private:
  explicit BlockLease(std::span<std::byte> block) noexcept : block_(block) {}
  std::span<std::byte> block_;
};

class RxRing {
 public:
  RxRing() noexcept = default;
  // The socket must be TPACKET_V3 and not yet a member of a group: a ring set later would move the member to the end.
  [[nodiscard]] static Result<RxRing> create(int fd, const RingGeometry& geometry) noexcept;

  [[nodiscard]] std::optional<BlockLease> try_acquire() noexcept { return BlockLease::try_acquire(current()); }
  void advance() noexcept { index_ = index_ + 1 == geometry_.block_count ? 0 : index_ + 1; }

 private:
  RxRing(MappedRegion region, const RingGeometry& geometry) noexcept
      : region_(std::move(region)), geometry_(geometry) {}
  [[nodiscard]] std::span<std::byte> current() const noexcept {
    return region_.bytes().subspan(std::size_t{index_} * geometry_.block_bytes, geometry_.block_bytes);
  }

  MappedRegion region_;
  RingGeometry geometry_;
  std::uint32_t index_ = 0;
};

}  // namespace fanout
