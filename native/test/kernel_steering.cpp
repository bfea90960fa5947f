// Where the BPF programs send real packets: fragments in every order, packets in pages, packets that this host sends.
// Must run in a network namespace of its own. Its cases print the table of docs/cure.md, too.
#include <poll.h>
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "host/bpf.hpp"
#include "test/check.hpp"
#include "test/datagrams_in_pieces.hpp"
#include "test/fanout_rig.hpp"
#include "test/header_stacks.hpp"

namespace {

using namespace fanout;
using namespace fanout::test;

constexpr std::size_t members = 8, flows = 48;

enum Lever : std::size_t { addresses, ports, dissector, levers };
constexpr std::array names{"addresses", "ports", "hash + dissector"};
using Places = std::array<int, levers>;

// One group for each way to steer, on one interface.
class Groups {
 public:
  explicit Groups(const std::string& interface, std::uint16_t first_id)
      : by_addresses_(interface, members, {.group_id = first_id, .mode = FanoutMode::ebpf}, programs().addresses.get()),
        by_ports_(interface, members, {.group_id = id_after(first_id, 1), .mode = FanoutMode::ebpf},
                  programs().ports.get()),
        by_hash_(interface, members, {.group_id = id_after(first_id, 2), .mode = FanoutMode::hash}) {}

  Places take() { return {by_addresses_.take(), by_ports_.take(), by_hash_.take()}; }

 private:
  struct Programs {
    UniqueFd addresses, ports, link;
  };
  // Attached and loaded once, to the end of the process.
  static const Programs& programs() {
    static const Programs all{load_or_exit(SteeringProgram::steer, test::by_addresses),
                              load_or_exit(SteeringProgram::steer, test::by_ports), attach_dissector_or_exit()};
    return all;
  }
  static std::uint16_t id_after(std::uint16_t id, int more) { return static_cast<std::uint16_t>(id + more); }

  Group by_addresses_, by_ports_, by_hash_;
};

// A way for packets to come to the groups.
struct Way {
  const char* name;
  bool (*send)(const Octets& frame);
  Groups& groups;

  Places where(const Octets& frame) const {
    if (!CHECK(send(frame))) return {nowhere, nowhere, nowhere};
    return groups.take();
  }
};

Way received() {
  static TapWriter tap{"tap0"};
  static Groups groups{"tap0", 10};
  return {"received", [](const Octets& frame) { return tap.send(frame); }, groups};
}

Way in_pages() {
  static TapWriter tap{"tap1", true};
  static Groups groups{"tap1", 20};
  return {"received in pages", [](const Octets& frame) { return tap.send(frame); }, groups};
}

Way outgoing() {
  static VethPair veth{"out0", "out1"};
  static Groups groups{"out0", 30};
  return {"sent by this host", [](const Octets& frame) { return veth.send(frame); }, groups};
}

const std::vector<Way>& ways() {
  static const std::vector<Way> all = [] {
    silence_new_interfaces();
    return std::vector<Way>{received(), in_pages(), outgoing()};
  }();
  return all;
}

// ---- datagrams in pieces

struct Kind {
  const char* name;
  Datagram (*make)(unsigned flow, unsigned identification);
  // Whether each piece has what the lever goes by; else later pieces follow their first one by memory.
  std::array<bool, levers> is_told_by_every_piece;
};

constexpr std::array kinds{
    Kind{"IPv4", plain4, {true, false, true}},
    Kind{"IPv6", plain6, {true, false, true}},
    Kind{"VXLAN, inner datagram in pieces", vxlan_inner, {true, false, true}},
    Kind{"VXLAN, outer datagram in pieces", vxlan_outer, {false, false, false}},
    Kind{"VXLAN, both in pieces", vxlan_both, {false, false, false}},
    Kind{"GRE over IPv6, outer datagram in pieces", gre6_outer, {false, false, false}},
};

// ---- orders

using Order = std::vector<Piece> (*)(std::vector<Piece> pieces);

std::vector<Piece> in_order(std::vector<Piece> pieces) { return pieces; }
std::vector<Piece> reversed(std::vector<Piece> pieces) {
  std::reverse(pieces.begin(), pieces.end());
  return pieces;
}
std::vector<Piece> first_is_second(std::vector<Piece> pieces) {
  std::swap(pieces[0], pieces[1]);
  return pieces;
}
std::vector<Piece> first_is_last(std::vector<Piece> pieces) {
  std::rotate(pieces.begin(), pieces.begin() + 1, pieces.end());
  return pieces;
}
std::vector<Piece> each_twice(std::vector<Piece> pieces) {
  std::vector<Piece> out;
  for (const Piece& piece : pieces) out.insert(out.end(), 2, piece);
  return out;
}

struct NamedOrder {
  const char* name;
  Order order;
};
constexpr std::array orders{NamedOrder{"in order", in_order}, NamedOrder{"the first one second", first_is_second},
                            NamedOrder{"the first one last", first_is_last}, NamedOrder{"reversed", reversed},
                            NamedOrder{"each twice", each_twice}};

unsigned next_identification() {
  static unsigned last = 0;
  last += 16;  // some datagrams have several
  return last & 0xffff;
}

// Where the flow of these packets lives: all of them must be there.
Places home_of(const Way& way, const Datagram& datagram) {
  const Places home = way.where(datagram.whole[0]);
  for (const int place : home) CHECK(place >= 0);
  for (const Octets& packet : datagram.whole) CHECK(way.where(packet) == home);
  return home;
}

// Sends the pieces, and counts for each lever whether all came to their flow. From the first piece on they must, and
// before it where they say enough.
void send_pieces(const Way& way, const Kind& kind, const std::vector<Piece>& pieces, Places home,
                 std::array<std::size_t, levers>& whole) {
  std::array<bool, levers> is_whole{true, true, true};
  bool was_first = false;
  for (const Piece& piece : pieces) {
    was_first = was_first || piece.is_first;
    const Places at = way.where(piece.frame);
    for (std::size_t lever = 0; lever < levers; ++lever) {
      const bool is_home = at[lever] == home[lever];
      is_whole[lever] = is_whole[lever] && is_home;
      if (was_first || kind.is_told_by_every_piece[lever]) {
        const Note which{std::string{names[lever]} + ", " + kind.name + ", " + way.name};
        CHECK(is_home);
      }
    }
  }
  CHECK(was_first);
  for (std::size_t lever = 0; lever < levers; ++lever) whole[lever] += is_whole[lever] ? 1 : 0;
}

// ---- the hash of the packet itself

// What skb_get_hash() gives: receive packet steering, the choice of a transmit queue and others go by it. A ring may
// ask for it, and then has it for each packet.
class HashReader {
 public:
  explicit HashReader(const std::string& interface) : fd_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)) {
    constexpr int version = TPACKET_V3;
    tpacket_req3 ring{};
    ring.tp_block_size = block_bytes;
    ring.tp_block_nr = blocks;
    ring.tp_frame_size = 4096;
    ring.tp_frame_nr = ring.tp_block_size / ring.tp_frame_size * ring.tp_block_nr;
    ring.tp_retire_blk_tov = 5;
    ring.tp_feature_req_word = TP_FT_REQ_FILL_RXHASH;
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_ALL);
    address.sll_ifindex = static_cast<int>(::if_nametoindex(interface.c_str()));
    if (::setsockopt(fd_.get(), SOL_PACKET, PACKET_VERSION, &version, sizeof version) != 0 ||
        ::setsockopt(fd_.get(), SOL_PACKET, PACKET_RX_RING, &ring, sizeof ring) != 0 ||
        ::bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      rig_failed("a ring with hashes");
    void* const mapped =
        ::mmap(nullptr, std::size_t{blocks} * block_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
    if (mapped == MAP_FAILED) rig_failed("mmap");
    memory_ = static_cast<std::byte*>(mapped);
  }
  ~HashReader() { ::munmap(memory_, std::size_t{blocks} * block_bytes); }
  HashReader(const HashReader&) = delete;
  HashReader& operator=(const HashReader&) = delete;

  // Of so many packets that have been sent, in order.
  std::vector<std::uint32_t> take(std::size_t packets) {
    std::vector<std::uint32_t> out;
    while (out.size() < packets) {
      auto& block = reinterpret_cast<tpacket_block_desc*>(memory_ + next_ * block_bytes)->hdr.bh1;
      pollfd readable{fd_.get(), POLLIN, 0};
      while ((__atomic_load_n(&block.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER) == 0)
        if (::poll(&readable, 1, 2000) == 0)
          rig_failed("packets are missing: " + std::to_string(out.size()) + " of " + std::to_string(packets));
      const std::byte* packet = reinterpret_cast<const std::byte*>(&block) - offsetof(tpacket_block_desc, hdr);
      packet += block.offset_to_first_pkt;
      for (std::uint32_t i = 0; i < block.num_pkts; ++i) {
        const auto& header = *reinterpret_cast<const tpacket3_hdr*>(packet);
        out.push_back(header.hv1.tp_rxhash);
        packet += header.tp_next_offset;
      }
      __atomic_store_n(&block.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
      next_ = (next_ + 1) % blocks;
    }
    return out;
  }

 private:
  static constexpr std::uint32_t block_bytes = 1U << 18, blocks = 32;
  UniqueFd fd_;
  std::byte* memory_ = nullptr;
  std::size_t next_ = 0;
};

std::vector<std::uint32_t> hashes_of(TapWriter& tap, HashReader& reader, const std::vector<Octets>& frames) {
  for (const Octets& frame : frames) CHECK(tap.send(frame));
  return reader.take(frames.size());
}

}  // namespace

// This case comes before any other that attaches a dissector for good. skb_get_hash() asks with a flag, and gets what
// the kernel makes of the packet. A kernel that cannot go on by itself (no_fallback) gets the outermost addresses and
// ports.
TEST(the_hash_of_the_packet_is_the_kernels) {
  TapWriter tap{"tap9"};
  HashReader reader{"tap9"};
  std::vector<Octets> frames = wrapped_packets();
  Random random{1};
  for (int i = 0; i < 1000; ++i) {
    Octets frame = any_stack(random);
    // What the kernel cannot take the tag out of, nobody receives.
    if (frame[12] != std::byte{0x81} && frame[12] != std::byte{0x88}) frames.push_back(std::move(frame));
  }
  const auto kernels = hashes_of(tap, reader, frames);
  CHECK(std::count(kernels.begin(), kernels.end(), 0U) < static_cast<long>(frames.size() / 4));
  {
    const UniqueFd link = attach_dissector_or_exit();
    CHECK(hashes_of(tap, reader, frames) == kernels);
  }
  CHECK(hashes_of(tap, reader, frames) == kernels);
  const UniqueFd link = attach_dissector_or_exit(no_fallback);
  const auto told = hashes_of(tap, reader, frames);
  std::size_t others = 0, plain_others = 0;
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (told[i] == kernels[i]) continue;
    ++others;
    const std::string stack = dissect(frames[i], {}, HashSeed{1}).stack.text();
    if (stack == "ipv4/tcp" || stack == "ipv4/udp" || stack == "ipv6/tcp" || stack == "ipv6/udp") ++plain_others;
  }
  std::printf("without the fallback, of %zu packets so many have another hash: %zu\n", frames.size(), others);
  CHECK(others > 0);
  CHECK_EQ(plain_others, 0U);
}

// How much there is for the verifier: it gives up at a million instructions, and a start waits for it.
TEST(the_verifier_is_not_near_its_limit) {
  constexpr std::uint32_t processed_max = 300'000;
  constexpr auto load_max = std::chrono::seconds{5};
  for (const auto which : {SteeringProgram::steer, SteeringProgram::dissect})
    for (const std::uint32_t policy : {test::by_addresses, test::by_ports, no_fallback}) {
      using Clock = std::chrono::steady_clock;
      const auto begin = Clock::now();
      const UniqueFd program = load_or_exit(which, policy);
      const auto took = Clock::now() - begin;
      bpf_prog_info info{};
      bpf_attr attr = zeroed_bpf_attr();
      attr.info.bpf_fd = static_cast<std::uint32_t>(program.get());
      attr.info.info_len = sizeof info;
      attr.info.info = reinterpret_cast<std::uintptr_t>(&info);
      CHECK(bpf_done(BPF_OBJ_GET_INFO_BY_FD, attr, "bpf(BPF_OBJ_GET_INFO_BY_FD)"));
      std::printf("%s, policy %u: %zu instructions, %u processed, loaded in %lld ms\n", info.name, policy,
                  info.xlated_prog_len / sizeof(bpf_insn), info.verified_insns,
                  static_cast<long long>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
      CHECK(info.verified_insns > 1000);
      CHECK(info.verified_insns < processed_max);
      CHECK(took < load_max);
    }
}

// Every order, every kind, every way: what each lever keeps whole is also printed.
TEST(fragments_in_every_order) {
  for (const Way& way : ways())
    for (const Kind& kind : kinds)
      for (const auto& [name, order] : orders) {
        const Note which{name};
        std::array<std::size_t, levers> whole{};
        for (unsigned flow = 0; flow < flows; ++flow) {
          const Datagram datagram = kind.make(flow, next_identification());
          const Places home = home_of(way, datagram);
          send_pieces(way, kind, order(datagram.pieces), home, whole);
        }
        std::printf("%s | %s | %s", way.name, kind.name, name);
        for (const std::size_t count : whole) std::printf(" | %zu of %zu", count, flows);
        std::printf("\n");
        for (std::size_t lever = 0; lever < levers; ++lever)
          if (kind.is_told_by_every_piece[lever]) CHECK_EQ(whole[lever], flows);
      }
}

// Two datagrams of different flows of one pair of hosts, piece by piece in turns.
TEST(fragments_of_two_datagrams_in_turns) {
  for (const Way& way : ways())
    for (const Kind& kind : kinds)
      for (unsigned flow = 0; flow < flows; flow += 2) {
        const Datagram one = kind.make(flow, next_identification()), other = kind.make(flow + 1, next_identification());
        const Places home = home_of(way, one), other_home = home_of(way, other);
        for (std::size_t i = 0; i < std::min(one.pieces.size(), other.pieces.size()); ++i) {
          const Note which{std::string{kind.name} + ", " + way.name};
          CHECK(way.where(one.pieces[i].frame) == home);
          CHECK(way.where(other.pieces[i].frame) == other_home);
        }
      }
}

// Pieces that overlap, as those who would hide something send them: by what their headers say, all go together.
TEST(fragments_that_overlap) {
  for (const Way& way : ways())
    for (const auto make : {plain4, plain6, vxlan_outer, gre6_outer})
      for (unsigned flow = 0; flow < flows; ++flow) {
        Datagram datagram = make(flow, next_identification());
        const Places home = home_of(way, datagram);
        const bool is_ipv6 = datagram.pieces[0].frame[12] == std::byte{0x86};
        const std::size_t at = is_ipv6 ? 56 : 20;
        Octets again = datagram.pieces[1].frame;
        // Eight octets earlier than it was, and once more as if nothing followed.
        const std::size_t offset =
            std::to_integer<std::size_t>(again[at]) << 8 | std::to_integer<std::size_t>(again[at + 1]);
        set16(again, at, offset - (is_ipv6 ? 8 : 1));
        CHECK(way.where(datagram.pieces[0].frame) == home);
        CHECK(way.where(again) == home);
        set16(again, at, (offset - (is_ipv6 ? 8 : 1)) & (is_ipv6 ? 0xfff8 : 0x1fff));
        CHECK(way.where(again) == home);
        CHECK(way.where(datagram.pieces[1].frame) == home);
        CHECK(way.where(datagram.pieces[0].frame) == home);
      }
}

// An identification comes again with another flow between the same hosts, whose datagram needs no memory.
TEST(an_identification_that_comes_again) {
  const Way way = received();
  for (unsigned flow = 0; flow < flows; ++flow) {
    const unsigned identification = next_identification();
    const Datagram tunnel = vxlan_outer(flow, identification);
    for (const Piece& piece : tunnel.pieces) (void)way.where(piece.frame);
    const Ends hosts{"198.51.100.1", "198.51.100.2", 1000 + flow, 2000};
    const auto plain = there4(hosts, 2000).bytes();
    const Places home = way.where(there4(hosts, 40).bytes());
    for (const Piece& piece : split4(plain, identification)) CHECK(way.where(piece.frame) == home);
  }
}

// ---- packets in pages, and as they are sent

// Each packet of each wrapping goes where the same packet goes that is received in one part.
TEST(every_wrapping_in_every_way) {
  std::size_t compared = 0;
  for (const Octets& packet : wrapped_packets()) {
    const Places place = received().where(packet);
    for (const int member : place) CHECK(member >= 0);
    for (const Way& way : ways()) {
      const Note which{way.name};
      CHECK(way.where(packet) == place);
      ++compared;
    }
  }
  CHECK(compared > 2000);
}
