#include "host/packet_diag.hpp"

#include <linux/netlink.h>
#include <linux/packet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <cstring>

#include "core/base/unique_fd.hpp"

namespace fanout {
namespace {

Status request_dump(int fd) noexcept {
  struct {
    nlmsghdr header;
    packet_diag_req body;
  } request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.sdiag_family = AF_PACKET;
  request.body.pdiag_show = PACKET_SHOW_INFO | PACKET_SHOW_FANOUT;
  if (::send(fd, &request, sizeof request, 0) < 0) return SysError::from_errno("send(NETLINK_SOCK_DIAG)");
  return Done{};
}

PacketSocketInfo parse_socket(const nlmsghdr* header) noexcept {
  const auto* const message = static_cast<const packet_diag_msg*>(NLMSG_DATA(header));
  PacketSocketInfo info;
  info.inode = message->pdiag_ino;
  int left = static_cast<int>(header->nlmsg_len - NLMSG_LENGTH(sizeof *message));
  for (auto* a = reinterpret_cast<const rtattr*>(message + 1); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
    if (a->rta_type == PACKET_DIAG_INFO && RTA_PAYLOAD(a) >= sizeof(packet_diag_info)) {
      packet_diag_info body;
      std::memcpy(&body, RTA_DATA(a), sizeof body);
      info.ifindex = body.pdi_index;
    } else if (a->rta_type == PACKET_DIAG_UID && RTA_PAYLOAD(a) >= sizeof(std::uint32_t)) {
      std::uint32_t uid = 0;
      std::memcpy(&uid, RTA_DATA(a), sizeof uid);
      info.uid = uid;
    } else if (a->rta_type == PACKET_DIAG_FANOUT && RTA_PAYLOAD(a) >= sizeof(std::uint32_t)) {
      std::uint32_t word = 0;
      std::memcpy(&word, RTA_DATA(a), sizeof word);
      info.fanout =
          PacketSocketInfo::Fanout{static_cast<std::uint16_t>(word & 0xffff), static_cast<std::uint8_t>(word >> 16)};
    }
  }
  info.protocol = message->pdiag_num;
  return info;
}

}  // namespace

Result<std::vector<PacketSocketInfo>> list_packet_sockets() {
  UniqueFd fd{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)};
  if (!fd) return SysError::from_errno("socket(NETLINK_SOCK_DIAG)");
  // A dump answers at once; the limit only keeps a defect from hanging the start.
  const timeval limit{2, 0};
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (const auto sent = request_dump(fd.get()); !sent) return sent.error();

  std::vector<PacketSocketInfo> sockets;
  alignas(nlmsghdr) char buffer[16 << 10];
  for (;;) {
    const ssize_t received = ::recv(fd.get(), buffer, sizeof buffer, 0);
    if (received < 0) return SysError::from_errno("recv(NETLINK_SOCK_DIAG)");
    auto left = static_cast<unsigned>(received);
    for (auto* h = reinterpret_cast<const nlmsghdr*>(buffer); NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
      if (h->nlmsg_type == NLMSG_DONE) return sockets;
      if (h->nlmsg_type == NLMSG_ERROR) {
        const auto* const error = static_cast<const nlmsgerr*>(NLMSG_DATA(h));
        return SysError{"NETLINK_SOCK_DIAG", -error->error};
      }
      if (h->nlmsg_len >= NLMSG_LENGTH(sizeof(packet_diag_msg))) sockets.push_back(parse_socket(h));
    }
  }
}

}  // namespace fanout
