// What the kernel answers to joins, and where it delivers known packets: the cases of the kernel's own selftest
// (psock_fanout) over the product's join_group(). Real sockets, so the executable must run in a network namespace of
// its own, in which lo is idle; it brings lo up itself. Control cases ask what is refused; datapath cases count packets
// exactly.
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "core/base/mapped_region.hpp"
#include "core/socket/fanout.hpp"
#include "test/check.hpp"

namespace {

using namespace fanout;

constexpr std::uint32_t frame_count = 20;
constexpr std::size_t payload_bytes = 100;
constexpr std::uint16_t group_id = 7;

void set_loopback(bool up) {
  const UniqueFd fd{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = up ? IFF_UP : 0;
  CHECK_EQ(::ioctl(fd.get(), SIOCSIFFLAGS, &request), 0);
}

UniqueFd open_socket() {
  UniqueFd fd{::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)};
  CHECK(fd);
  return fd;
}

// Only IPv4 as received: taps of one protocol never see what is sent, so on lo each packet counts once.
void bind_loopback(const UniqueFd& fd) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_IP);
  address.sll_ifindex = static_cast<int>(::if_nametoindex("lo"));
  CHECK_EQ(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
}

UniqueFd bound_socket() {
  UniqueFd fd = open_socket();
  bind_loopback(fd);
  return fd;
}

// 0, or the errno of the refusal.
int join_errno(const UniqueFd& fd, const JoinRequest& request) {
  const auto joined = join_group(fd.get(), request);
  return joined ? 0 : joined.error().code;
}

int refusal(const JoinRequest& request) { return join_errno(bound_socket(), request); }

}  // namespace

// ---- control

TEST(control_unbound_socket_cannot_create) { CHECK_EQ(join_errno(open_socket(), {group_id}), EINVAL); }

TEST(control_unbound_socket_cannot_join) {
  set_loopback(true);
  const UniqueFd member = bound_socket();
  CHECK_EQ(join_errno(member, {group_id}), 0);
  CHECK_EQ(join_errno(open_socket(), {group_id}), EINVAL);
}

TEST(control_mode_rollover_with_flag_rollover) {
  set_loopback(true);
  CHECK_EQ(refusal({group_id, FanoutMode::rollover, PACKET_FANOUT_FLAG_ROLLOVER}), EINVAL);
  CHECK_EQ(refusal({group_id, FanoutMode::rollover}), 0);
}

namespace {

// An existing group of mode hash without flags takes its like and nothing else.
void check_group_takes_only_its_like() {
  CHECK_EQ(refusal({group_id, FanoutMode::hash, PACKET_FANOUT_FLAG_DEFRAG}), EINVAL);
  CHECK_EQ(refusal({group_id, FanoutMode::hash, PACKET_FANOUT_FLAG_ROLLOVER}), EINVAL);
  CHECK_EQ(refusal({group_id, FanoutMode::cpu}), EINVAL);
  CHECK_EQ(refusal({group_id, FanoutMode::hash}), 0);
}

}  // namespace

TEST(control_group_takes_only_its_like) {
  set_loopback(true);
  const UniqueFd first = bound_socket();
  CHECK_EQ(join_errno(first, {group_id}), 0);
  check_group_takes_only_its_like();
}

// Linux 6.13 looks at the protocol instead of the running state. Before, a member could not join while the link was
// down.
TEST(control_group_takes_only_its_like_while_down) {
  set_loopback(true);
  const UniqueFd first = bound_socket();
  CHECK_EQ(join_errno(first, {group_id}), 0);
  set_loopback(false);
  check_group_takes_only_its_like();
  set_loopback(true);
}

TEST(control_members_max) {
  set_loopback(true);
  constexpr std::uint32_t beyond_limit = (1U << 16) + 1;
  CHECK_EQ(refusal({group_id, FanoutMode::hash, 0, beyond_limit}), EINVAL);
  const UniqueFd first = bound_socket();
  CHECK_EQ(join_errno(first, {group_id, FanoutMode::hash, 0, 256}), 0);
  CHECK_EQ(refusal({group_id, FanoutMode::hash, 0, 257}), EINVAL);
  CHECK_EQ(refusal({group_id, FanoutMode::hash, 0, 256}), 0);
  CHECK_EQ(refusal({group_id}), 0);
}

TEST(control_unique_id) {
  set_loopback(true);
  const UniqueFd first = bound_socket();
  const auto created = join_group(first.get(), {0, FanoutMode::hash, PACKET_FANOUT_FLAG_UNIQUEID});
  if (!CHECK(created)) return;
  CHECK_EQ(created->mode, FanoutMode::hash);
  CHECK_EQ(created->flags, 0);
  CHECK_EQ(refusal({created->group_id, FanoutMode::cpu}), EINVAL);
  CHECK_EQ(refusal({created->group_id, FanoutMode::hash}), 0);
  const UniqueFd other = bound_socket();
  const auto second = join_group(other.get(), {0, FanoutMode::hash, PACKET_FANOUT_FLAG_UNIQUEID});
  if (CHECK(second)) CHECK(second->group_id != created->group_id);
  CHECK_EQ(refusal({group_id, FanoutMode::hash, PACKET_FANOUT_FLAG_UNIQUEID}), EINVAL);
}

TEST(control_joined_socket_stays) {
  set_loopback(true);
  const UniqueFd member = bound_socket();
  CHECK_EQ(join_errno(member, {group_id}), 0);
  CHECK_EQ(join_errno(member, {group_id}), EALREADY);
  CHECK_EQ(join_errno(member, {group_id + 1}), EALREADY);
}

// ---- datapath

namespace {

// Letters that mark packets; the socket filter lets only these through. Offset 0 is the link header there.
constexpr std::uint32_t letter_offset = 80;
constexpr std::array<sock_filter, 11> letters_only{{
    {BPF_LD | BPF_H | BPF_ABS, 0, 0, 12},
    {BPF_JMP | BPF_JEQ | BPF_K, 0, 8, ETH_P_IP},
    {BPF_LD | BPF_B | BPF_ABS, 0, 0, 14 + 9},
    {BPF_JMP | BPF_JEQ | BPF_K, 0, 6, IPPROTO_UDP},
    {BPF_LD | BPF_W | BPF_LEN, 0, 0, 0},
    {BPF_JMP | BPF_JGE | BPF_K, 0, 4, payload_bytes},
    {BPF_LD | BPF_B | BPF_ABS, 0, 0, letter_offset},
    {BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 'a'},
    {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 'b'},
    {BPF_RET | BPF_K, 0, 0, 0xffffffff},
    {BPF_RET | BPF_K, 0, 0, 0},
}};

// A TPACKET_V2 ring of 20 frames that nobody empties: it counts to 20 and is full.
class Reader {
 public:
  Reader() : fd_(open_socket()) {
    const auto page = static_cast<std::uint32_t>(::sysconf(_SC_PAGESIZE));
    const int version = TPACKET_V2;
    CHECK_EQ(::setsockopt(fd_.get(), SOL_PACKET, PACKET_VERSION, &version, sizeof version), 0);
    const tpacket_req request{page, frame_count, page, frame_count};
    CHECK_EQ(::setsockopt(fd_.get(), SOL_PACKET, PACKET_RX_RING, &request, sizeof request), 0);
    auto ring = MappedRegion::map_descriptor(fd_.get(), std::size_t{page} * frame_count);
    if (CHECK(ring)) ring_ = std::move(*ring);
    const sock_fprog filter{letters_only.size(), const_cast<sock_filter*>(letters_only.data())};
    CHECK_EQ(::setsockopt(fd_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter), 0);
    bind_loopback(fd_);
  }

  [[nodiscard]] int fd() const { return fd_.get(); }

  [[nodiscard]] unsigned filled() const {
    unsigned count = 0;
    const std::size_t frame_bytes = ring_.size() / frame_count;
    for (; count < frame_count; ++count) {
      std::uint32_t status = 0;
      std::memcpy(&status, ring_.data() + count * frame_bytes, sizeof status);
      if ((status & TP_STATUS_USER) == 0) break;
    }
    return count;
  }

 private:
  UniqueFd fd_;
  MappedRegion ring_;
};

// A sender on 127.0.0.1:(8000 + offset), a receiver on 127.0.0.1:(8001 + offset).
class UdpPair {
 public:
  explicit UdpPair(std::uint16_t offset)
      : sender_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)),
        receiver_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    const sockaddr_in from = loopback(8000, offset), to = loopback(8001, offset);
    CHECK_EQ(::bind(sender_.get(), reinterpret_cast<const sockaddr*>(&from), sizeof from), 0);
    CHECK_EQ(::bind(receiver_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
    CHECK_EQ(::connect(sender_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
  }

  // The packet is in every tap when it can be read here: lo delivers to taps before sockets.
  void send(char letter, unsigned count) const {
    std::array<char, payload_bytes> payload;
    payload.fill(letter);
    for (unsigned i = 0; i < count; ++i) {
      CHECK_EQ(::send(sender_.get(), payload.data(), payload.size(), 0), payload.size());
      CHECK_EQ(::recv(receiver_.get(), payload.data(), payload.size(), 0), payload.size());
    }
  }

 private:
  static sockaddr_in loopback(std::uint16_t base, std::uint16_t offset) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(base + offset));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }

  UniqueFd sender_, receiver_;
};

using Counts = std::pair<unsigned, unsigned>;

std::string text(Counts c) { return std::to_string(c.first) + "," + std::to_string(c.second); }

struct Phases {
  Counts first;
  Counts second;
  [[nodiscard]] bool operator==(const Phases&) const = default;
  [[nodiscard]] Phases swapped() const { return {{first.second, first.first}, {second.second, second.first}}; }
};

// 15 packets 'a' on one pair of ports and 5 'b' on another; then 15 'b' on the first. Counts are those in the rings so
// far.
Phases send_phases(const Reader& x, const Reader& y, std::uint16_t offset) {
  const UdpPair one{0}, other{offset};
  one.send('a', 15);
  other.send('b', 5);
  const Counts first{x.filled(), y.filled()};
  one.send('b', 15);
  return {first, {x.filled(), y.filled()}};
}

using Steer = Status (*)(int fd);

Phases observe(const JoinRequest& request, std::uint16_t offset = 2, Steer steer = nullptr) {
  set_loopback(true);
  const Reader x, y;
  CHECK(join_group(x.fd(), request));
  CHECK(join_group(y.fd(), request));
  if (steer != nullptr) CHECK(steer(x.fd()));
  return send_phases(x, y, offset);
}

void check_phases(const Phases& seen, const Phases& expected) {
  // Which member comes first is another matter.
  if (seen == expected || seen == expected.swapped()) return;
  const test::Note note{"got " + text(seen.first) + " then " + text(seen.second) + ", expected " +
                        text(expected.first) + " then " + text(expected.second)};
  CHECK(false);
}

// The two flows of a hash may meet on one member: then other ports are tried.
constexpr std::uint16_t offsets_tried = 20;

void check_hash(std::uint16_t flags, const Phases& expected) {
  for (std::uint16_t offset = 2; offset < 2 + offsets_tried; ++offset) {
    const Phases seen = observe({group_id, FanoutMode::hash, flags}, offset);
    if (seen.first == Counts{20, 0} || seen.first == Counts{0, 20}) continue;
    return check_phases(seen, expected);
  }
  const test::Note note{"all flows met on one member"};
  CHECK(false);
}

Status steer_by_letter(int fd) {
  // Offset 0 is the network header here; the payload of letters covers it either way.
  constexpr std::array<sock_filter, 2> program{
      {{BPF_LD | BPF_B | BPF_ABS, 0, 0, letter_offset}, {BPF_RET | BPF_A, 0, 0, 0}}};
  return set_group_cbpf(fd, program);
}

constexpr bpf_insn instruction(int code, int dst, int src, std::int16_t offset, std::int32_t immediate) {
  bpf_insn insn{};
  insn.code = static_cast<__u8>(code);
  insn.dst_reg = static_cast<__u8>(dst & 0xf);
  insn.src_reg = static_cast<__u8>(src & 0xf);
  insn.off = offset;
  insn.imm = immediate;
  return insn;
}

// r0 = length if it is short, else the letter if it is one, else 0.
Status steer_by_letter_ebpf(int fd) {
  const std::array<bpf_insn, 8> program{{
      instruction(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_6, BPF_REG_1, 0, 0),
      instruction(BPF_LDX | BPF_MEM | BPF_W, BPF_REG_0, BPF_REG_6, offsetof(__sk_buff, len), 0),
      instruction(BPF_JMP | BPF_JLT | BPF_K, BPF_REG_0, 0, 4, payload_bytes),
      instruction(BPF_LD | BPF_ABS | BPF_B, 0, 0, 0, letter_offset),
      instruction(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 2, 'a'),
      instruction(BPF_JMP | BPF_JEQ | BPF_K, BPF_REG_0, 0, 1, 'b'),
      instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0),
      instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
  }};
  bpf_attr attributes{};
  attributes.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
  attributes.insns = reinterpret_cast<std::uint64_t>(program.data());
  attributes.insn_cnt = program.size();
  attributes.license = reinterpret_cast<std::uint64_t>("GPL");
  const UniqueFd loaded{static_cast<int>(::syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof attributes))};
  if (!loaded) return SysError::from_errno("bpf(BPF_PROG_LOAD)");
  return set_group_ebpf(fd, loaded.get());
}

bool run_on_cpu(std::size_t cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  return ::sched_setaffinity(0, sizeof set, &set) == 0;
}

}  // namespace

TEST(datapath_hash) { check_hash(0, {{15, 5}, {20, 5}}); }
TEST(datapath_hash_rollover) { check_hash(PACKET_FANOUT_FLAG_ROLLOVER, {{15, 5}, {20, 15}}); }
TEST(datapath_lb) { check_phases(observe({group_id, FanoutMode::lb}), {{10, 10}, {18, 17}}); }
TEST(datapath_rollover) { check_phases(observe({group_id, FanoutMode::rollover}), {{15, 5}, {20, 15}}); }
TEST(datapath_cbpf) { check_phases(observe({group_id, FanoutMode::cbpf}, 2, steer_by_letter), {{15, 5}, {15, 20}}); }
TEST(datapath_ebpf) {
  check_phases(observe({group_id, FanoutMode::ebpf}, 2, steer_by_letter_ebpf), {{15, 5}, {15, 20}});
}

// These two say which member: the CPU that receives, modulo the members, and join order is the order of the members.
TEST(datapath_cpu_0) {
  CHECK(run_on_cpu(0));
  const Phases seen = observe({group_id, FanoutMode::cpu});
  CHECK_EQ(text(seen.first) + " " + text(seen.second), "20,0 20,0");
}

TEST(datapath_cpu_1) {
  if (!CHECK(run_on_cpu(1))) return;
  const Phases seen = observe({group_id, FanoutMode::cpu});
  CHECK_EQ(text(seen.first) + " " + text(seen.second), "0,20 0,20");
}

// Each socket gets a group of its own, and each group gets everything.
TEST(datapath_unique_id) {
  check_phases(observe({0, FanoutMode::hash, PACKET_FANOUT_FLAG_UNIQUEID}), {{20, 20}, {20, 20}});
}
