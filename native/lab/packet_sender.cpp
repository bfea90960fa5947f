#include "lab/packet_sender.hpp"

#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace fanout {
namespace {

constexpr std::size_t batch_max = 64;

Result<int> interface_index(int fd, std::string_view name) noexcept {
  if (name.empty() || name.size() >= IFNAMSIZ) return SysError{"SIOCGIFINDEX", ENODEV};
  ifreq request{};
  std::copy(name.begin(), name.end(), request.ifr_name);
  if (::ioctl(fd, SIOCGIFINDEX, &request) != 0) return SysError::from_errno("SIOCGIFINDEX");
  return request.ifr_ifindex;
}

}  // namespace

// Protocol 0 at socket(2) and at bind(2): this socket receives nothing, and the kernel takes each frame's protocol from
// its Ethernet header.
Result<PacketSender> PacketSender::open(std::string_view interface) noexcept {
  UniqueFd fd{::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
  if (!fd) return SysError::from_errno("socket");
  return over(std::move(fd), interface);
}

Result<PacketSender> PacketSender::over(UniqueFd fd, std::string_view interface) noexcept {
  const auto index = interface_index(fd.get(), interface);
  if (!index) return index.error();
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_ifindex = *index;
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return SysError::from_errno("bind");
  const int on = 1;
  if (::setsockopt(fd.get(), SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) != 0) {
    return SysError::from_errno("PACKET_QDISC_BYPASS");
  }
  return PacketSender{std::move(fd)};
}

Result<Taken> PacketSender::send(std::span<const OutgoingFrame> frames) noexcept {
  std::array<iovec, batch_max> parts;
  std::array<mmsghdr, batch_max> messages;
  const std::size_t count = std::min(frames.size(), batch_max);
  for (std::size_t i = 0; i < count; ++i) {
    parts[i] = {const_cast<std::byte*>(frames[i].bytes.data()), frames[i].bytes.size()};
    messages[i] = {};
    messages[i].msg_hdr.msg_iov = &parts[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  const int sent = ::sendmmsg(fd_.get(), messages.data(), static_cast<unsigned>(count), 0);
  if (sent >= 0) return Taken{static_cast<std::size_t>(sent), 0};
  switch (errno) {
    case EINTR:
      return Taken{};
    // The veth's receiver had no room (netdev_max_backlog), or the send buffer is full.
    case EAGAIN:
    case ENOBUFS:
      return Taken{0, errno};
    default:
      return SysError::from_errno("sendmmsg");
  }
}

}  // namespace fanout
