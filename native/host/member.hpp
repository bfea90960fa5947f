// A member of a fanout group of another program, asked through a copy of its socket.
#pragma once

#include <cstdint>
#include <optional>

#include "core/base/result.hpp"
#include "core/socket/fanout.hpp"

namespace fanout {

// Where a member is, and what is known of it from elsewhere (PacketSocketInfo): descriptors may be closed, and their
// numbers used again, at any moment.
struct MemberPlace {
  int pid = 0;
  int descriptor = 0;
  std::uint64_t inode = 0;
  std::uint64_t cookie = 0;
  std::uint16_t group_id = 0;
};

struct MemberFacts {
  std::uint8_t mode = 0;
  std::uint8_t flags = 0;                    // PACKET_FANOUT_FLAG_*, shifted right by eight
  std::optional<RolloverCounters> rollover;  // none without the flag
  enum class Filter : std::uint8_t { untold, none, classic, ebpf };
  Filter filter = Filter::untold;
  std::uint32_t filter_instructions = 0;  // of a classic one
};

// While it runs, this process has a copy of the socket, which keeps it in its group should its owner die in that
// moment. So it is one call that takes the copy, makes sure which socket it is, asks, and closes it. It changes
// nothing, and does not ask for PACKET_STATISTICS: whoever reads them resets what their owner counts. ESTALE where the
// socket is another one, or in this group no more. Needs what ptrace(2) needs, and Linux 5.6.
[[nodiscard]] Result<MemberFacts> member_facts(const MemberPlace& place) noexcept;

}  // namespace fanout
