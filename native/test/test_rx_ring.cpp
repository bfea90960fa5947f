// The walk over a block, whose every number may be wrong, and the lease on it.
#include <algorithm>
#include <memory>
#include <thread>

#include "core/socket/rx_ring.hpp"
#include "test/blocks.hpp"
#include "test/check.hpp"

using namespace fanout;
using namespace fanout::test;

namespace {

constexpr std::size_t block_bytes = 4096;

struct Walked {
  WalkCounts counts;
  std::vector<RingPacket> packets;  // their frames point into `block`
  std::unique_ptr<std::byte[]> block;
};

// Over memory of exactly the block's size, so that the sanitizer sees one byte too many.
Walked walk(const Octets& block) {
  Walked out;
  out.block = std::make_unique<std::byte[]>(block.size());
  std::copy(block.begin(), block.end(), out.block.get());
  const std::span<const std::byte> bytes{out.block.get(), block.size()};
  out.counts = for_each_packet(bytes, [&](const RingPacket& packet) {
    CHECK(packet.frame.data() >= bytes.data() &&
          packet.frame.data() + packet.frame.size() <= bytes.data() + bytes.size());
    // Touches what was handed over.
    unsigned sum = 0;
    for (const std::byte octet : packet.frame) sum += static_cast<unsigned>(octet);
    CHECK(sum != 0xffffffff);
    out.packets.push_back(packet);
  });
  CHECK_EQ(out.counts.packets, out.packets.size());
  return out;
}

Octets frame(unsigned fill, std::size_t size = 60) { return Octets(size, static_cast<std::byte>(fill)); }

BlockBuilder three_packets() {
  BlockBuilder block{block_bytes};
  for (unsigned i = 1; i <= 3; ++i) block.add(frame(i));
  return block;
}

void expect_counts(BlockBuilder& block, std::uint32_t packets, std::uint32_t malformed) {
  const Walked walked = walk(block.bytes());
  CHECK_EQ(walked.counts.packets, packets);
  CHECK_EQ(walked.counts.malformed, malformed);
}

}  // namespace

TEST(packets_come_in_order_with_what_the_header_says) {
  BlockBuilder block{block_bytes};
  block.add(frame(1, 60), [](tpacket3_hdr& h) {
    h.tp_sec = 1'700'000'000;
    h.tp_nsec = 999'999'999;
    h.tp_len = 1514;
  });
  const std::size_t sent = block.add(frame(2, 61), [](tpacket3_hdr& h) { h.tp_net = h.tp_mac + 18; });
  block.set_packet_type(sent, PACKET_OUTGOING);
  block.set_protocol(sent, 0x8100);
  const Walked walked = walk(block.bytes());
  CHECK_EQ(walked.counts.packets, 2);
  CHECK_EQ(walked.counts.malformed, 0);
  if (walked.packets.size() != 2) return;
  const RingPacket& first = walked.packets[0];
  CHECK_EQ(first.frame.size(), 60);
  CHECK_EQ(first.frame[0], std::byte{1});
  CHECK_EQ(first.wire_bytes, 1514);
  CHECK_EQ(first.timestamp_ns, 1'700'000'000'999'999'999ULL);
  CHECK_EQ(first.packet_type, PACKET_HOST);
  CHECK_EQ(walked.packets[1].frame.size(), 61);
  CHECK_EQ(walked.packets[1].frame[0], std::byte{2});
  CHECK_EQ(walked.packets[1].packet_type, PACKET_OUTGOING);
  CHECK_EQ(first.network.network_at, 14);
  CHECK_EQ(walked.packets[1].network.network_at, 18);
  CHECK_EQ(walked.packets[1].network.protocol, 0x8100);
}

TEST(the_link_level_address_says_whether_there_is_an_ethernet_header) {
  constexpr std::uint16_t none = 0xfffe, ppp = 512;
  for (const auto& [type, is_ethernet] :
       {std::pair{hardware::ethernet, true}, {hardware::loopback, true}, {none, false}, {ppp, false}}) {
    BlockBuilder block{block_bytes};
    block.set_hardware_type(block.add(frame(1)), type);
    CHECK_EQ(walk(block.bytes()).packets.at(0).is_ethernet(), is_ethernet);
  }
}

TEST(a_network_header_before_the_frame_is_at_its_beginning) {
  BlockBuilder block{block_bytes};
  block.add(frame(1), [](tpacket3_hdr& h) { h.tp_net = 0; });
  CHECK_EQ(walk(block.bytes()).packets.at(0).network.network_at, 0);
}

TEST(seconds_beyond_2038_do_not_wrap) {
  BlockBuilder block{block_bytes};
  block.add(frame(1), [](tpacket3_hdr& h) { h.tp_sec = 0xffffffff; });
  CHECK_EQ(walk(block.bytes()).packets.at(0).timestamp_ns, 0xffffffffULL * 1'000'000'000U);
}

TEST(the_stripped_tag_is_there_when_its_bit_says_so) {
  struct Row {
    std::uint32_t status;
    bool present;
    unsigned tpid;
  };
  for (const Row& row : {Row{0, false, 0x8100}, Row{TP_STATUS_VLAN_VALID, true, 0x8100},
                         Row{TP_STATUS_VLAN_VALID | TP_STATUS_VLAN_TPID_VALID, true, 0x88a8},
                         Row{TP_STATUS_CSUM_VALID, false, 0x8100}}) {
    const Note note{"status " + std::to_string(row.status)};
    BlockBuilder block{block_bytes};
    block.add(frame(1), [&](tpacket3_hdr& h) {
      h.tp_status = row.status;
      h.hv1.tp_vlan_tci = 0xe123;
      h.hv1.tp_vlan_tpid = 0x88a8;
    });
    const StrippedTag tag = walk(block.bytes()).packets.at(0).tag;
    CHECK_EQ(tag.present, row.present);
    CHECK_EQ(tag.tpid, row.tpid);
    if (row.present) CHECK_EQ(tag.tci, 0xe123);
  }
}

TEST(an_empty_block_has_no_packets) {
  BlockBuilder block{block_bytes};
  expect_counts(block, 0, 0);
}

TEST(the_walk_ends_by_count_and_not_by_offset) {
  // The kernel leaves zero in the last header, but a stale number there must not lead on.
  auto block = three_packets();
  block.change_description([](tpacket_hdr_v1& d) { d.num_pkts = 2; });
  expect_counts(block, 2, 0);
}

TEST(a_zero_offset_in_the_middle_ends_the_walk) {
  BlockBuilder block{block_bytes};
  const std::size_t first = block.add(frame(1));
  block.add(frame(2));
  block.add(frame(3));
  block.change_header(first, [](tpacket3_hdr& h) { h.tp_next_offset = 0; });
  expect_counts(block, 1, 2);
}

TEST(offsets_that_leave_the_block_end_the_walk) {
  for (const std::uint32_t next :
       {0xffffffffU, 0xfffffff0U, 0x80000000U, std::uint32_t{block_bytes}, std::uint32_t{block_bytes} - 64}) {
    const Note note{"next offset " + std::to_string(next)};
    BlockBuilder block{block_bytes};
    const std::size_t first = block.add(frame(1));
    block.add(frame(2));
    block.change_header(first, [&](tpacket3_hdr& h) { h.tp_next_offset = next; });
    expect_counts(block, 1, 1);
  }
}

TEST(a_first_offset_outside_the_block_yields_nothing) {
  for (const std::uint32_t offset :
       {std::uint32_t{block_bytes}, std::uint32_t{block_bytes} + 1, 0xffffffffU, std::uint32_t{block_bytes} - 67}) {
    const Note note{"first offset " + std::to_string(offset)};
    auto block = three_packets();
    block.change_description([&](tpacket_hdr_v1& d) { d.offset_to_first_pkt = offset; });
    expect_counts(block, 0, 3);
  }
}

TEST(data_that_would_leave_the_block_is_not_handed_out) {
  struct Row {
    std::uint32_t snaplen;
    std::uint16_t mac;
  };
  for (const Row& row :
       {Row{block_bytes, frame_offset}, Row{0xffffffff, frame_offset}, Row{60, 0xffff}, Row{1, block_bytes - 48}}) {
    const Note note{"snaplen " + std::to_string(row.snaplen) + ", mac " + std::to_string(row.mac)};
    BlockBuilder block{block_bytes};
    block.add(frame(1), [&](tpacket3_hdr& h) {
      h.tp_snaplen = row.snaplen;
      h.tp_mac = row.mac;
    });
    block.add(frame(2));
    expect_counts(block, 0, 2);
  }
}

TEST(a_packet_may_end_where_the_block_ends) {
  constexpr std::size_t used = TPACKET_ALIGN(sizeof(tpacket_block_desc)) + frame_offset;
  BlockBuilder block{block_bytes};
  block.add(frame(1, block_bytes - used));
  expect_counts(block, 1, 0);
  BlockBuilder longer{block_bytes};
  longer.add(frame(1, block_bytes - used), [](tpacket3_hdr& h) { ++h.tp_snaplen; });
  expect_counts(longer, 0, 1);
}

TEST(more_packets_announced_than_there_are_count_as_malformed) {
  auto block = three_packets();
  block.change_description([](tpacket_hdr_v1& d) { d.num_pkts = 1000; });
  expect_counts(block, 3, 997);
}

TEST(a_block_cut_anywhere_is_walked_within_its_bytes) {
  auto block = three_packets();
  const Octets whole = block.bytes();
  for (std::size_t size = 0; size <= 600; ++size) {
    const Note note{"first " + std::to_string(size) + " bytes"};
    const Walked walked = walk({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)});
    CHECK_EQ(walked.counts.packets + walked.counts.malformed, size < sizeof(tpacket_block_desc) ? 0 : 3);
  }
}

TEST(every_changed_byte_of_a_block_is_survived) {
  auto block = three_packets();
  for (std::size_t at = 0; at < 400; ++at) {
    for (const unsigned value : {0x00U, 0x01U, 0x7fU, 0x80U, 0xffU}) {
      Octets changed = block.bytes();
      changed[at] = static_cast<std::byte>(value);
      // A count of billions would only cost time to walk: it ends at the last packet all the same.
      const Walked walked = walk(changed);
      CHECK(walked.counts.packets <= block_bytes);
    }
  }
}

namespace {

std::uint32_t status_of(const Octets& block) {
  tpacket_block_desc description;
  std::memcpy(&description, block.data(), sizeof description);
  return description.hdr.bh1.block_status;
}

}  // namespace

TEST(a_lease_gives_the_block_back_when_it_ends) {
  auto block = three_packets();
  {
    const auto lease = BlockLease::try_acquire(block.bytes());
    if (!CHECK(lease.has_value())) return;
    CHECK_EQ(lease->bytes().size(), block_bytes);
    CHECK_EQ(status_of(block.bytes()), TP_STATUS_USER);
  }
  CHECK_EQ(status_of(block.bytes()), TP_STATUS_KERNEL);
  CHECK(!BlockLease::try_acquire(block.bytes()).has_value());
}

TEST(a_block_retired_by_the_timer_or_losing_is_still_ours) {
  for (const std::uint32_t extra : {TP_STATUS_BLK_TMO, TP_STATUS_LOSING, 0}) {
    auto block = three_packets();
    block.change_description([&](tpacket_hdr_v1& d) { d.block_status = TP_STATUS_USER | extra; });
    CHECK(BlockLease::try_acquire(block.bytes()).has_value());
    block.change_description([&](tpacket_hdr_v1& d) { d.block_status = extra; });
    CHECK(!BlockLease::try_acquire(block.bytes()).has_value());
  }
}

TEST(a_moved_lease_gives_back_once) {
  auto block = three_packets();
  {
    auto first = BlockLease::try_acquire(block.bytes());
    if (!CHECK(first.has_value())) return;
    {
      const BlockLease second{std::move(*first)};
      CHECK_EQ(second.bytes().size(), block_bytes);
      CHECK(first->bytes().empty());
    }
    CHECK_EQ(status_of(block.bytes()), TP_STATUS_KERNEL);
    // The kernel fills it again; the end of the emptied lease must not take it away.
    block.change_description([](tpacket_hdr_v1& d) { d.block_status = TP_STATUS_USER; });
  }
  CHECK_EQ(status_of(block.bytes()), TP_STATUS_USER);
}

TEST(a_block_too_short_for_its_description_is_never_leased) {
  Octets tiny(sizeof(tpacket_block_desc) - 1, std::byte{0xff});
  CHECK(!BlockLease::try_acquire(tiny).has_value());
  CHECK(!BlockLease::try_acquire({}).has_value());
}

// What the barriers are for: a reader that sees the status sees the packets, and a writer that gets the block back may
// overwrite them.
TEST(a_block_passes_between_two_threads_without_a_race) {
  constexpr unsigned rounds = 2000;
  alignas(64) std::byte memory[256]{};
  auto* const status = reinterpret_cast<std::uint32_t*>(memory + offsetof(tpacket_block_desc, hdr) +
                                                        offsetof(tpacket_hdr_v1, block_status));
  std::thread kernel{[&] {
    for (unsigned i = 1; i <= rounds; ++i) {
      while (__atomic_load_n(status, __ATOMIC_ACQUIRE) != TP_STATUS_KERNEL) std::this_thread::yield();
      std::memset(memory + 128, static_cast<int>(i & 0xff), 128);
      __atomic_store_n(status, TP_STATUS_USER, __ATOMIC_RELEASE);
    }
  }};
  for (unsigned i = 1; i <= rounds;) {
    const auto lease = BlockLease::try_acquire(memory);
    if (!lease) {
      std::this_thread::yield();
      continue;
    }
    for (const std::byte octet : lease->bytes().subspan(128)) CHECK_EQ(octet, static_cast<std::byte>(i & 0xff));
    ++i;
  }
  kernel.join();
}
