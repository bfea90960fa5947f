// The kernel's own word on its symmetric hash, by which a fanout group in mode hash chooses a member.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/result.hpp"

namespace fanout {

// For each frame the member that a group of `members` (256 at most) would choose, in a child with a network namespace
// of its own: a TAP sends a frame out on the queue floor(symmetric hash * queues / 2^32) (tun_automq_select_queue() in
// drivers/net/tun.c), which is how fanout_demux_hash() chooses. Frames are dissected as this host sends them, so VLAN
// tags are not read where a receiver would. EPERM and the like where no namespace or no TAP is to be had; ETIMEDOUT
// where a frame did not come out.
[[nodiscard]] Result<std::vector<std::uint8_t>> members_by_kernel_hash(
    std::span<const std::span<const std::byte>> frames, std::size_t members) noexcept;

}  // namespace fanout
