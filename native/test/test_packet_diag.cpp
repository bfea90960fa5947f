// What packet_diag answers, in any bytes. The part of native/host that reads them is compiled in here: the rest of it
// asks the kernel.
#include "host/packet_diag.cpp"
#include "test/check.hpp"
#include "test/generate.hpp"

using namespace fanout;
using namespace fanout::test;

namespace {

using Octets = std::vector<std::byte>;

template <typename T>
void append(Octets& to, const T& value) {
  const auto* const bytes = reinterpret_cast<const std::byte*>(&value);
  to.insert(to.end(), bytes, bytes + sizeof value);
}

template <typename T>
void attribute(Octets& to, unsigned type, const T& payload) {
  append(to, rtattr{static_cast<unsigned short>(sizeof(rtattr) + sizeof payload), static_cast<unsigned short>(type)});
  append(to, payload);
  to.resize(aligned(to.size()));
}

void empty_attribute(Octets& to, unsigned type) {
  append(to, rtattr{sizeof(rtattr), static_cast<unsigned short>(type)});
}

Octets message(unsigned type, const Octets& body, unsigned flags = NLM_F_MULTI) {
  Octets out;
  nlmsghdr header{};
  header.nlmsg_len = static_cast<std::uint32_t>(sizeof header + body.size());
  header.nlmsg_type = static_cast<std::uint16_t>(type);
  header.nlmsg_flags = static_cast<std::uint16_t>(flags);
  append(out, header);
  out.insert(out.end(), body.begin(), body.end());
  out.resize(aligned(out.size()));
  return out;
}

Octets head(std::uint32_t inode) {
  packet_diag_msg about{};
  about.pdiag_family = AF_PACKET;
  about.pdiag_num = 0x0003;
  about.pdiag_ino = inode;
  about.pdiag_cookie[0] = 7;
  about.pdiag_cookie[1] = 1;
  Octets body;
  append(body, about);
  return body;
}

Octets whole(std::uint32_t inode) {
  Octets body = head(inode);
  packet_diag_info info{};
  info.pdi_index = 3;
  info.pdi_version = 2;
  info.pdi_flags = PDI_RUNNING;
  attribute(body, PACKET_DIAG_INFO, info);
  attribute(body, PACKET_DIAG_UID, std::uint32_t{1000});
  attribute(body, PACKET_DIAG_RX_RING, packet_diag_ring{131072, 8, 2048, 512, 60, 16, 1});
  attribute(body, PACKET_DIAG_FANOUT, std::uint32_t{0x0007'0063});
  attribute(body, PACKET_DIAG_MEMINFO, std::array<std::uint32_t, SK_MEMINFO_VARS>{5, 212992, 0, 0, 0, 0, 0, 0, 93});
  packet_diag_mclist promiscuous{};
  promiscuous.pdmc_type = PACKET_MR_PROMISC;
  attribute(body, PACKET_DIAG_MCLIST, std::array<packet_diag_mclist, 2>{packet_diag_mclist{}, promiscuous});
  attribute(body, PACKET_DIAG_FILTER, std::array<sock_filter, 2>{sock_filter{0x28, 0, 0, 12}, {0x06, 0, 0, 0x40000}});
  return body;
}

Octets done(int error) {
  Octets body;
  append(body, error);
  return message(NLMSG_DONE, body);
}

Octets joined(Octets first, const Octets& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

}  // namespace

TEST(a_socket_with_everything) {
  std::vector<PacketSocketInfo> sockets;
  const auto part = parse_dump(joined(message(SOCK_DIAG_BY_FAMILY, whole(9)), done(0)), sockets);
  CHECK(part && part->is_last && !part->is_interrupted);
  if (!CHECK_EQ(sockets.size(), 1U)) return;
  const PacketSocketInfo& socket = sockets[0];
  CHECK_EQ(socket.inode, 9U);
  CHECK_EQ(socket.cookie, (std::uint64_t{1} << 32) + 7);
  CHECK_EQ(socket.ifindex, 3U);
  CHECK_EQ(socket.protocol, 3);
  CHECK_EQ(socket.uid.value_or(0), 1000U);
  CHECK_EQ(socket.tpacket_version, 2U);
  CHECK(socket.running);
  CHECK(socket.fanout && socket.fanout->id == 99 && socket.fanout->mode == 7);
  CHECK(socket.receive_ring && socket.receive_ring->block_bytes == 131072 && socket.receive_ring->frame_count == 512 &&
        socket.receive_ring->retire_ms == 60);
  CHECK(socket.memory && socket.memory->queued_bytes == 5 && socket.memory->receive_buffer_bytes == 212992 &&
        socket.memory->drops == 93);
  CHECK(socket.promiscuous.value_or(false));
  CHECK(socket.filter_kind == PacketSocketInfo::FilterKind::classic);
  CHECK_EQ(socket.filter.size(), 2U);
}

// A user without CAP_NET_ADMIN is told of a filter by an attribute without anything in it, whether there is one or not.
TEST(a_filter_that_may_not_be_seen) {
  Octets body = head(1);
  empty_attribute(body, PACKET_DIAG_FILTER);
  empty_attribute(body, PACKET_DIAG_MCLIST);
  std::vector<PacketSocketInfo> sockets;
  CHECK(parse_dump(message(SOCK_DIAG_BY_FAMILY, body), sockets));
  if (!CHECK_EQ(sockets.size(), 1U)) return;
  CHECK(sockets[0].filter_kind == PacketSocketInfo::FilterKind::forbidden);
  CHECK(!sockets[0].promiscuous.value_or(true));
}

// Kernels before 4.19 know of no drops, and of no more than eight counts.
TEST(shorter_attributes_of_an_older_kernel) {
  Octets body = head(1);
  attribute(body, PACKET_DIAG_MEMINFO, std::array<std::uint32_t, 2>{1, 4096});
  attribute(body, PACKET_DIAG_INFO, std::uint32_t{12});
  std::vector<PacketSocketInfo> sockets;
  CHECK(parse_dump(message(SOCK_DIAG_BY_FAMILY, body), sockets));
  if (!CHECK_EQ(sockets.size(), 1U)) return;
  CHECK(sockets[0].memory && sockets[0].memory->receive_buffer_bytes == 4096 && sockets[0].memory->drops == 0);
  CHECK_EQ(sockets[0].ifindex, 12U);
  CHECK(!sockets[0].running);
}

TEST(an_interrupted_dump_is_told_by_any_message) {
  std::vector<PacketSocketInfo> sockets;
  const Octets interrupted = message(SOCK_DIAG_BY_FAMILY, whole(1), NLM_F_MULTI | NLM_F_DUMP_INTR);
  const auto part = parse_dump(joined(message(SOCK_DIAG_BY_FAMILY, whole(2)), interrupted), sockets);
  CHECK(part && part->is_interrupted && !part->is_last);
  CHECK_EQ(sockets.size(), 2U);
}

TEST(errors) {
  std::vector<PacketSocketInfo> sockets;
  CHECK_EQ(parse_dump(done(-ENOENT), sockets).error().code, ENOENT);
  Octets refusal;
  append(refusal, nlmsgerr{-EPERM, {}});
  CHECK_EQ(parse_dump(message(NLMSG_ERROR, refusal), sockets).error().code, EPERM);
  CHECK_EQ(parse_dump(done(-2147483647 - 1), sockets).error().code, EBADMSG);
  Octets cut = message(SOCK_DIAG_BY_FAMILY, whole(1));
  cut.resize(cut.size() - 4);
  CHECK_EQ(parse_dump(cut, sockets).error().code, EBADMSG);
  CHECK_EQ(parse_dump(message(SOCK_DIAG_BY_FAMILY, Octets(8)), sockets).error().code, EBADMSG);
  CHECK(sockets.empty());
}

// Cut anywhere, and with any octets changed: an answer or an error, and nothing is read that is not there.
TEST(any_bytes_are_survived) {
  const Octets sound = joined(message(SOCK_DIAG_BY_FAMILY, whole(1)), done(0));
  for (std::size_t length = 0; length <= sound.size(); ++length) {
    const Octets cut{sound.begin(), sound.begin() + static_cast<std::ptrdiff_t>(length)};
    std::vector<PacketSocketInfo> sockets;
    (void)parse_dump(cut, sockets);
  }
  Random random{11};
  for (int round = 0; round < 200'000; ++round) {
    Octets changed = sound;
    for (std::uint32_t changes = 1 + random.below(4); changes > 0; --changes)
      changed[random.below(static_cast<std::uint32_t>(changed.size()))] = static_cast<std::byte>(random.below(256));
    std::vector<PacketSocketInfo> sockets;
    (void)parse_dump(changed, sockets);
  }
}
