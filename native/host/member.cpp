#include "host/member.hpp"

#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>

#include "host/descriptors.hpp"

namespace fanout {
namespace {

bool is_meant(int fd, const MemberPlace& place) noexcept {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISSOCK(status.st_mode) || status.st_ino != place.inode) return false;
  std::uint64_t cookie = 0;
  socklen_t length = sizeof cookie;
  // Linux 4.12; before that the inode has to do.
  return ::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &length) != 0 || cookie == place.cookie;
}

// With a length of zero nothing is copied, and the answer is the number of instructions (sk_get_filter() of
// net/core/filter.c); EACCES is said of a program of eBPF.
void ask_for_filter(int fd, MemberFacts& facts) noexcept {
  socklen_t instructions = 0;
  if (::getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, nullptr, &instructions) == 0) {
    facts.filter = instructions == 0 ? MemberFacts::Filter::none : MemberFacts::Filter::classic;
    facts.filter_instructions = instructions;
  } else if (errno == EACCES) {
    facts.filter = MemberFacts::Filter::ebpf;
  }
}

}  // namespace

Result<MemberFacts> member_facts(const MemberPlace& place) noexcept {
  const auto copy = take_descriptor(place.pid, place.descriptor);
  if (!copy) return copy.error();
  const int fd = copy->get();
  if (!is_meant(fd, place)) return SysError{"pidfd_getfd", ESTALE};
  std::uint32_t word = 0;
  socklen_t length = sizeof word;
  if (::getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &word, &length) != 0)
    return SysError::from_errno("getsockopt(PACKET_FANOUT)");
  // Group 0 in mode hash without a flag is zero, as no group is: packet_diag has said which of them it is.
  if ((word & 0xffff) != place.group_id) return SysError{"getsockopt(PACKET_FANOUT)", ESTALE};

  MemberFacts facts;
  facts.mode = static_cast<std::uint8_t>(word >> 16);
  facts.flags = static_cast<std::uint8_t>(word >> 24);
  if ((facts.flags & PACKET_FANOUT_FLAG_ROLLOVER >> 8) != 0) facts.rollover = read_rollover_counters(fd);
  ask_for_filter(fd, facts);
  return facts;
}

}  // namespace fanout
