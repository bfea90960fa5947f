#include "core/socket/packet_socket.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace fanout {

Result<UniqueFd> PacketSocket::open_descriptor(From from) noexcept {
  const int type = from == From::network_header ? SOCK_DGRAM : SOCK_RAW;
  UniqueFd fd{::socket(AF_PACKET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd) return SysError::from_errno("socket(AF_PACKET)");
  return fd;
}

Result<PacketSocket> PacketSocket::adopt(UniqueFd fd) noexcept {
  int domain = 0;
  socklen_t length = sizeof domain;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_DOMAIN, &domain, &length) != 0)
    return SysError::from_errno("getsockopt(SO_DOMAIN)");
  if (domain != AF_PACKET) return SysError{"getsockopt(SO_DOMAIN)", EINVAL};
  // Whoever passed it on to execve(2) could not leave this set; nobody else is to have it.
  if (::fcntl(fd.get(), F_SETFD, FD_CLOEXEC) != 0) return SysError::from_errno("fcntl(F_SETFD)");
  const int version = TPACKET_V3;
  if (::setsockopt(fd.get(), SOL_PACKET, PACKET_VERSION, &version, sizeof version) != 0)
    return SysError::from_errno("setsockopt(PACKET_VERSION)");
  return PacketSocket{std::move(fd)};
}

Status PacketSocket::attach_filter(std::span<const sock_filter> program) noexcept {
  const sock_fprog fprog{static_cast<unsigned short>(program.size()), const_cast<sock_filter*>(program.data())};
  if (::setsockopt(fd_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &fprog, sizeof fprog) != 0)
    return SysError::from_errno("setsockopt(SO_ATTACH_FILTER)");
  return Done{};
}

Status PacketSocket::attach_drop_all() noexcept { return attach_keep(0); }

Status PacketSocket::attach_keep(std::uint32_t snaplen) noexcept {
  const sock_filter keep[]{{BPF_RET | BPF_K, 0, 0, snaplen}};
  return attach_filter(keep);
}

Status PacketSocket::bind_device(int ifindex) noexcept {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = ifindex;
  if (::bind(fd_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return SysError::from_errno("bind(AF_PACKET)");
  return Done{};
}

Status PacketSocket::add_promiscuous(int ifindex) noexcept {
  packet_mreq request{};
  request.mr_ifindex = ifindex;
  request.mr_type = PACKET_MR_PROMISC;
  if (::setsockopt(fd_.get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request, sizeof request) != 0)
    return SysError::from_errno("setsockopt(PACKET_ADD_MEMBERSHIP)");
  return Done{};
}

Result<KernelCounters> PacketSocket::read_counters() noexcept {
  tpacket_stats_v3 stats{};
  socklen_t length = sizeof stats;
  if (::getsockopt(fd_.get(), SOL_PACKET, PACKET_STATISTICS, &stats, &length) != 0)
    return SysError::from_errno("getsockopt(PACKET_STATISTICS)");
  total_.packets += stats.tp_packets - stats.tp_drops;
  total_.drops += stats.tp_drops;
  total_.freezes += stats.tp_freeze_q_cnt;
  return total_;
}

Status PacketSocket::clear_counters() noexcept {
  const auto read = read_counters();
  if (!read) return read.error();
  total_ = KernelCounters{};
  return Done{};
}

int PacketSocket::take_error() noexcept {
  int error = 0;
  socklen_t length = sizeof error;
  return ::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

std::uint64_t PacketSocket::inode() const noexcept {
  struct stat status {};
  return ::fstat(fd_.get(), &status) == 0 ? status.st_ino : 0;
}

}  // namespace fanout
