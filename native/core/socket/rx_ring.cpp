#include "core/socket/rx_ring.hpp"

#include <sys/socket.h>

namespace fanout {
namespace {

std::uint32_t* status_of(std::span<std::byte> block) noexcept {
  return reinterpret_cast<std::uint32_t*>(block.data() + offsetof(tpacket_block_desc, hdr) +
                                          offsetof(tpacket_hdr_v1, block_status));
}

}  // namespace

std::optional<BlockLease> BlockLease::try_acquire(std::span<std::byte> block) noexcept {
  if (block.size() < sizeof(tpacket_block_desc)) return std::nullopt;
  // Pairs with the kernel's barrier in prb_close_block(): the block's packets are visible once TP_STATUS_USER is.
  if ((__atomic_load_n(status_of(block), __ATOMIC_ACQUIRE) & TP_STATUS_USER) == 0) return std::nullopt;
  return BlockLease{block};
}

BlockLease::~BlockLease() {
  if (!block_.empty()) __atomic_store_n(status_of(block_), TP_STATUS_KERNEL, __ATOMIC_RELEASE);
}

Result<RxRing> RxRing::create(int fd, const RingGeometry& geometry) noexcept {
  // V3 packs packets without regard to tp_frame_size, but packet_set_ring() checks that it divides the block.
  constexpr std::uint32_t frame_bytes = 2048;
  tpacket_req3 request{};
  request.tp_block_size = geometry.block_bytes;
  request.tp_block_nr = geometry.block_count;
  request.tp_frame_size = frame_bytes;
  request.tp_frame_nr = geometry.block_bytes / frame_bytes * geometry.block_count;
  request.tp_retire_blk_tov = geometry.retire_ms;
  if (::setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &request, sizeof request) != 0)
    return SysError::from_errno("setsockopt(PACKET_RX_RING)");
  auto region = MappedRegion::map_descriptor(fd, std::size_t{geometry.block_bytes} * geometry.block_count);
  if (!region) return region.error();
  return RxRing{std::move(*region), geometry};
}

}  // namespace fanout
