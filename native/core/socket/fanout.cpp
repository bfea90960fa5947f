#include "core/socket/fanout.hpp"

#include <linux/if_packet.h>
#include <sys/socket.h>

#include <cerrno>

namespace fanout {
namespace {

// struct fanout_args of linux/if_packet.h, which older headers lack.
struct FanoutArgs {
  std::uint16_t id;
  std::uint16_t type_flags;
  std::uint32_t max_num_members;
};
static_assert(sizeof(FanoutArgs) == 8);

constexpr std::uint32_t legacy_members_max = 256;

constexpr std::uint16_t type_flags_of(const JoinRequest& request) noexcept {
  return static_cast<std::uint16_t>(static_cast<std::uint16_t>(request.mode) | request.flags);
}

}  // namespace

bool has_fanout_args(int fd) noexcept {
  // packet_setsockopt() looks at the length first, and copies then: nothing is joined from where nothing can be read.
  return ::setsockopt(fd, SOL_PACKET, PACKET_FANOUT, nullptr, sizeof(FanoutArgs)) != 0 && errno == EFAULT;
}

Result<Membership> join_group(int fd, const JoinRequest& request) noexcept {
  const FanoutArgs args{request.group_id, type_flags_of(request), request.members_max};
  const auto legacy = static_cast<std::uint32_t>(args.id) | static_cast<std::uint32_t>(args.type_flags) << 16;
  const auto join = [&](const auto& argument) {
    return ::setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &argument, sizeof argument);
  };
  int refused = request.members_max == 0 ? join(legacy) : join(args);
  // Older kernels refuse the long form. A group that fits into the short one does without its limit there.
  if (refused != 0 && errno == EINVAL && request.members_max != 0 && request.members_max <= legacy_members_max)
    refused = join(legacy);
  if (refused != 0) return SysError::from_errno("setsockopt(PACKET_FANOUT)");

  std::uint32_t word = 0;
  socklen_t length = sizeof word;
  if (::getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &word, &length) != 0)
    return SysError::from_errno("getsockopt(PACKET_FANOUT)");
  return Membership{static_cast<std::uint16_t>(word & 0xffff), static_cast<FanoutMode>((word >> 16) & 0xff),
                    static_cast<std::uint16_t>((word >> 16) & 0xff00)};
}

Status set_group_cbpf(int fd, std::span<const sock_filter> program) noexcept {
  // The kernel copies the program; the const_cast only serves the C declaration.
  const sock_fprog fprog{static_cast<unsigned short>(program.size()), const_cast<sock_filter*>(program.data())};
  if (::setsockopt(fd, SOL_PACKET, PACKET_FANOUT_DATA, &fprog, sizeof fprog) != 0)
    return SysError::from_errno("setsockopt(PACKET_FANOUT_DATA)");
  return Done{};
}

Status set_group_ebpf(int fd, int program_fd) noexcept {
  const auto value = static_cast<std::uint32_t>(program_fd);
  if (::setsockopt(fd, SOL_PACKET, PACKET_FANOUT_DATA, &value, sizeof value) != 0)
    return SysError::from_errno("setsockopt(PACKET_FANOUT_DATA)");
  return Done{};
}

std::optional<GroupMembership> membership_of(int fd) noexcept {
  std::uint32_t value = 0;
  socklen_t length = sizeof value;
  if (::getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &value, &length) != 0 || value == 0) return std::nullopt;
  return GroupMembership{static_cast<std::uint16_t>(value), static_cast<std::uint8_t>(value >> 16),
                         static_cast<std::uint8_t>(value >> 24)};
}

std::optional<RolloverCounters> read_rollover_counters(int fd) noexcept {
  tpacket_rollover_stats stats{};
  socklen_t length = sizeof stats;
  if (::getsockopt(fd, SOL_PACKET, PACKET_ROLLOVER_STATS, &stats, &length) != 0) return std::nullopt;
  return RolloverCounters{stats.tp_all, stats.tp_huge, stats.tp_failed};
}

}  // namespace fanout
