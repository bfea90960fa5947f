#include "host/packet_diag.hpp"

#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/packet_diag.h>
#include <linux/sock_diag.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <unordered_map>
#include <unordered_set>

#include "core/base/unique_fd.hpp"
#include "host/attributes.hpp"

namespace fanout {
namespace {

constexpr const char* call = "NETLINK_SOCK_DIAG";

Status request_dump(int fd, std::uint32_t show) noexcept {
  struct {
    nlmsghdr header;
    packet_diag_req body;
  } request{};
  request.header.nlmsg_len = sizeof request;
  request.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.sdiag_family = AF_PACKET;
  request.body.pdiag_show = show;
  if (::send(fd, &request, sizeof request, 0) < 0) return SysError::from_errno("send(NETLINK_SOCK_DIAG)");
  return Done{};
}

// Fields that an older kernel does not send are zero.
template <typename T>
T fields_in(Bytes payload) noexcept {
  T fields{};
  std::memcpy(&fields, payload.data(), std::min(payload.size(), sizeof fields));
  return fields;
}

PacketSocketInfo::Ring ring_in(Bytes payload) noexcept {
  const auto ring = fields_in<packet_diag_ring>(payload);
  return {ring.pdr_block_size, ring.pdr_block_nr, ring.pdr_frame_size, ring.pdr_frame_nr, ring.pdr_retire_tmo};
}

PacketSocketInfo::Memory memory_in(Bytes payload) noexcept {
  const auto memory = fields_in<std::array<std::uint32_t, SK_MEMINFO_VARS>>(payload);
  return {memory[SK_MEMINFO_RMEM_ALLOC], memory[SK_MEMINFO_RCVBUF], memory[SK_MEMINFO_DROPS]};
}

bool has_promiscuous(Bytes payload) noexcept {
  for (; payload.size() >= sizeof(packet_diag_mclist); payload = payload.subspan(sizeof(packet_diag_mclist)))
    if (number_in<packet_diag_mclist>(payload).pdmc_type == PACKET_MR_PROMISC) return true;
  return false;
}

void read_filter(Bytes payload, PacketSocketInfo& info) {
  static_assert(sizeof(sock_filter) == sizeof(std::uint64_t));
  if (payload.empty()) {
    info.filter_kind = PacketSocketInfo::FilterKind::forbidden;
    return;
  }
  info.filter_kind = PacketSocketInfo::FilterKind::classic;
  info.filter.resize(payload.size() / sizeof(sock_filter));
  if (!info.filter.empty()) std::memcpy(info.filter.data(), payload.data(), info.filter.size() * sizeof(sock_filter));
}

void read_attribute(unsigned type, Bytes payload, PacketSocketInfo& info) {
  switch (type) {
    case PACKET_DIAG_INFO: {
      const auto body = fields_in<packet_diag_info>(payload);
      info.ifindex = body.pdi_index;
      info.tpacket_version = body.pdi_version;
      info.running = (body.pdi_flags & PDI_RUNNING) != 0;
      return;
    }
    case PACKET_DIAG_UID:
      if (payload.size() >= sizeof(std::uint32_t)) info.uid = number_in<std::uint32_t>(payload);
      return;
    case PACKET_DIAG_FANOUT:
      if (payload.size() >= sizeof(std::uint32_t)) {
        const auto word = number_in<std::uint32_t>(payload);
        info.fanout =
            PacketSocketInfo::Fanout{static_cast<std::uint16_t>(word & 0xffff), static_cast<std::uint8_t>(word >> 16)};
      }
      return;
    case PACKET_DIAG_RX_RING:
      info.receive_ring = ring_in(payload);
      return;
    case PACKET_DIAG_MEMINFO:
      info.memory = memory_in(payload);
      return;
    case PACKET_DIAG_MCLIST:
      info.promiscuous = has_promiscuous(payload);
      return;
    case PACKET_DIAG_FILTER:
      read_filter(payload, info);
      return;
    default:
      return;
  }
}

PacketSocketInfo parse_socket(Bytes body) {
  const auto message = number_in<packet_diag_msg>(body);
  PacketSocketInfo info;
  info.inode = message.pdiag_ino;
  info.cookie = message.pdiag_cookie[0] | std::uint64_t{message.pdiag_cookie[1]} << 32;
  info.protocol = message.pdiag_num;
  each_attribute(body.subspan(sizeof message),
                 [&](unsigned type, Bytes payload) { read_attribute(type, payload, info); });
  return info;
}

// A dump answers at once; the limit only keeps a defect from hanging the start.
constexpr timeval patience{2, 0};
// The kernel makes datagrams of up to 32 KiB where there is room for them.
constexpr std::size_t datagram_bytes_max = std::size_t{64} << 10;

Result<PacketSocketList> dump(std::uint32_t show) {
  UniqueFd fd{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)};
  if (!fd) return SysError::from_errno("socket(NETLINK_SOCK_DIAG)");
  (void)::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (const auto sent = request_dump(fd.get(), show); !sent) return sent.error();

  PacketSocketList list;
  std::vector<std::byte> buffer(datagram_bytes_max);
  for (;;) {
    sockaddr_nl from{};
    socklen_t from_bytes = sizeof from;
    const ssize_t received =
        ::recvfrom(fd.get(), buffer.data(), buffer.size(), MSG_TRUNC, reinterpret_cast<sockaddr*>(&from), &from_bytes);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0) return SysError::from_errno("recv(NETLINK_SOCK_DIAG)");
    // Of a program, and not of the kernel.
    if (from.nl_pid != 0) continue;
    if (static_cast<std::size_t>(received) > buffer.size()) return SysError{call, EMSGSIZE};
    const std::size_t before = list.sockets.size();
    const auto part = parse_dump(Bytes{buffer}.first(static_cast<std::size_t>(received)), list.sockets);
    if (!part) return part.error();
    list.is_in_pieces |= before > 0 && list.sockets.size() > before;
    list.is_interrupted |= part->is_interrupted;
    if (part->is_last) return list;
  }
}

constexpr int attempts = 3;

bool has_same_sockets(const std::vector<PacketSocketInfo>& some, const std::vector<PacketSocketInfo>& others) noexcept {
  return std::equal(some.begin(), some.end(), others.begin(), others.end(),
                    [](const PacketSocketInfo& a, const PacketSocketInfo& b) { return a.cookie == b.cookie; });
}

void keep_one_of_each(std::vector<PacketSocketInfo>& sockets) {
  std::unordered_set<std::uint64_t> seen;
  std::erase_if(sockets, [&](const PacketSocketInfo& info) { return !seen.insert(info.cookie).second; });
}

// The kernel goes on from datagram to datagram by the place in its list, and does not say that the list has changed
// (packet_diag_dump(), up to Linux 6.18): where a socket went in between, the one that took its place is passed over.
// So what came in several datagrams counts when it comes twice.
Result<PacketSocketList> dump_whole(std::uint32_t show) {
  auto list = dump(show);
  for (int attempt = 1; attempt < attempts && list && (list->is_in_pieces || list->is_interrupted); ++attempt) {
    auto again = dump(show);
    if (!again) return again;
    const bool is_sure = !again->is_interrupted && has_same_sockets(list->sockets, again->sockets);
    list = std::move(again);
    if (is_sure) return list;
  }
  if (!list) return list;
  list->is_interrupted |= list->is_in_pieces;
  keep_one_of_each(list->sockets);
  return list;
}

// A datagram of the kernel holds a whole socket, and a dump ends, without a word, at one that does not fit. So what a
// program can make as long as it likes is asked for by itself: a socket that is missing there has nothing told of it.
Status add_long_parts(PacketSocketList& list) {
  auto parts = dump_whole(PACKET_SHOW_MCLIST | PACKET_SHOW_FILTER);
  if (!parts) return parts.error();
  std::unordered_map<std::uint64_t, PacketSocketInfo*> by_cookie;
  for (PacketSocketInfo& part : parts->sockets) by_cookie.emplace(part.cookie, &part);
  for (PacketSocketInfo& info : list.sockets) {
    const auto part = by_cookie.find(info.cookie);
    if (part == by_cookie.end()) continue;
    using Kind = PacketSocketInfo::FilterKind;
    info.promiscuous = part->second->promiscuous.value_or(false);
    info.filter_kind = part->second->filter_kind == Kind::untold ? Kind::none_or_ebpf : part->second->filter_kind;
    info.filter = std::move(part->second->filter);
  }
  return Done{};
}

}  // namespace

Result<DumpPart> parse_dump(Bytes datagram, std::vector<PacketSocketInfo>& sockets) {
  DumpPart part;
  while (!datagram.empty()) {
    const auto header = number_in<nlmsghdr>(datagram);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > datagram.size()) return SysError{call, EBADMSG};
    const Bytes body = datagram.subspan(sizeof header, header.nlmsg_len - sizeof header);
    part.is_interrupted |= (header.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
    if (header.nlmsg_type == NLMSG_DONE || header.nlmsg_type == NLMSG_ERROR) {
      // Both begin with an errno, less than zero.
      constexpr int errno_max = 4095;
      if (const int error = number_in<int>(body); error < 0)
        return SysError{call, error < -errno_max ? EBADMSG : -error};
      part.is_last = true;
      return part;
    }
    if (header.nlmsg_type == SOCK_DIAG_BY_FAMILY) {
      if (body.size() < sizeof(packet_diag_msg)) return SysError{call, EBADMSG};
      sockets.push_back(parse_socket(body));
    }
    datagram = datagram.subspan(std::min(aligned(header.nlmsg_len), datagram.size()));
  }
  return part;
}

Result<PacketSocketList> list_packet_sockets(Detail detail) {
  constexpr std::uint32_t groups = PACKET_SHOW_INFO | PACKET_SHOW_FANOUT;
  if (detail == Detail::groups) return dump_whole(groups);
  auto list = dump_whole(groups | PACKET_SHOW_RING_CFG | PACKET_SHOW_MEMINFO);
  if (!list) return list;
  if (const auto added = add_long_parts(*list); !added) return added.error();
  return list;
}

}  // namespace fanout
