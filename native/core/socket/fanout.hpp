// Joining an AF_PACKET fanout group (packet(7), net/packet/af_packet.c: fanout_add, fanout_set_data).
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <optional>
#include <span>

#include "core/base/result.hpp"
#include "core/base/unique_fd.hpp"

namespace fanout {

// PACKET_FANOUT_* values. Type and flags are two things that the kernel packs into one 16-bit word.
enum class FanoutMode : std::uint8_t { hash = 0, lb = 1, cpu = 2, rollover = 3, rnd = 4, qm = 5, cbpf = 6, ebpf = 7 };

struct JoinRequest {
  std::uint16_t group_id = 0;  // must be zero with PACKET_FANOUT_FLAG_UNIQUEID: the kernel chooses a free one
  FanoutMode mode = FanoutMode::hash;
  std::uint16_t flags = 0;  // PACKET_FANOUT_FLAG_*
  std::uint32_t members_max =
      0;  // 0: the legacy limit of 256; else fanout_args.max_num_members, where has_fanout_args()
};

// The group a socket is in, as getsockopt(PACKET_FANOUT) tells it. UNIQUEID is never part of the flags.
struct Membership {
  std::uint16_t group_id = 0;
  FanoutMode mode = FanoutMode::hash;
  std::uint16_t flags = 0;
};

// Whether this kernel takes a limit of members (struct fanout_args: Linux 5.11, and stable branches such as 5.10.37).
// `fd` is any packet socket, and stays as it is.
[[nodiscard]] bool has_fanout_args(int fd) noexcept;

// The socket must be bound to a device and a protocol. EINVAL covers several mistakes; see docs/errors.md,
// GROUP_REFUSED.
[[nodiscard]] Result<Membership> join_group(int fd, const JoinRequest& request) noexcept;

// Programs belong to the group: one member sets them for all (PACKET_FANOUT_DATA).
[[nodiscard]] Status set_group_cbpf(int fd, std::span<const sock_filter> program) noexcept;
[[nodiscard]] Status set_group_ebpf(int fd, int program_fd) noexcept;

// What PACKET_FANOUT tells of a socket of whomever; nothing if it is no packet socket, or in no group.
struct GroupMembership {
  std::uint16_t id = 0;
  std::uint8_t mode = 0;   // PACKET_FANOUT_HASH and so on
  std::uint8_t flags = 0;  // PACKET_FANOUT_FLAG_*, shifted right by eight
};
[[nodiscard]] std::optional<GroupMembership> membership_of(int fd) noexcept;

// PACKET_ROLLOVER_STATS of this member; none where the group does not roll over. Reading does not reset them.
struct RolloverCounters {
  std::uint64_t all = 0;
  std::uint64_t huge = 0;
  std::uint64_t failed = 0;
};
[[nodiscard]] std::optional<RolloverCounters> read_rollover_counters(int fd) noexcept;

}  // namespace fanout
