// The simulated NIC: the hash against its definition bit by bit and against published values, the queue against any
// bytes. It is no part of the core, so it is compiled in here.
#include <cstddef>
#include <memory>
#include <random>
#include <string>

#include "lab/nic.cpp"
#include "test/check.hpp"
#include "test/packets.hpp"

using namespace fanout;
using namespace fanout::test;

namespace {

// Of the verification suite in Microsoft's documentation of receive-side scaling.
constexpr Toeplitz::Key suite_key{0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d, 0x43, 0xa3,
                                  0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3,
                                  0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};
constexpr std::uint8_t all_ports = 0x3f;

std::vector<std::uint16_t> identity(std::size_t entries) {
  std::vector<std::uint16_t> table(entries);
  for (std::size_t i = 0; i < entries; ++i) table[i] = static_cast<std::uint16_t>(i);
  return table;
}

// A table whose entries are their own numbers tells the hash modulo its size; two sizes without a common factor tell
// nearly all of it.
void check_hash(const Octets& frame, std::uint8_t ports, std::uint32_t expected) {
  for (const std::size_t entries : {65536U, 65521U}) {
    const Nic nic{{suite_key, InputTransform::none, ports, identity(entries)}};
    CHECK_EQ(nic.queue_of(std::as_bytes(std::span{frame})), expected % entries);
  }
}

std::uint32_t bit_by_bit(const Toeplitz::Key& key, std::span<const std::uint8_t> input) {
  const auto bit = [&key](std::size_t at) { return static_cast<std::uint32_t>(key[at / 8] >> (7 - at % 8) & 1); };
  std::uint32_t hash = 0;
  for (std::size_t at = 0; at < 8 * input.size(); ++at) {
    if ((input[at / 8] >> (7 - at % 8) & 1) == 0) continue;
    std::uint32_t window = 0;
    for (std::size_t i = 0; i < 32; ++i) window = window << 1 | bit(at + i);
    hash ^= window;
  }
  return hash;
}

}  // namespace

TEST(published_values) {
  struct Row {
    const char* source;
    const char* destination;
    std::uint16_t source_port;
    std::uint16_t destination_port;
    std::uint32_t addresses;
    std::uint32_t ports;
  };
  const Row rows4[]{
      {"66.9.149.187", "161.142.100.80", 2794, 1766, 0x323e8fc2, 0x51ccc178},
      {"199.92.111.2", "65.69.140.83", 14230, 4739, 0xd718262a, 0xc626b0ea},
      {"24.19.198.95", "12.22.207.184", 12898, 38024, 0xd2d0a5de, 0x5c2b394a},
      {"38.27.205.30", "209.142.163.6", 48228, 2217, 0x82989176, 0xafc7327f},
      {"153.39.163.191", "202.188.127.2", 44251, 1303, 0x5d1809c5, 0x10e828a2},
  };
  for (const Row& row : rows4) {
    const Note note{row.source};
    const auto frame = (eth() / ipv4(row.source, row.destination) / tcp(row.source_port, row.destination_port)).bytes();
    check_hash(frame, 0, row.addresses);
    check_hash(frame, all_ports, row.ports);
    check_hash(frame, all_ports & ~ports_of_tcp4 & 0xff, row.addresses);
  }
  const Row rows6[]{
      {"3ffe:2501:200:1fff::7", "3ffe:2501:200:3::1", 2794, 1766, 0x2cc18cd5, 0x40207d3d},
      {"3ffe:501:8::260:97ff:fe40:efab", "ff02::1", 14230, 4739, 0x0f0c461c, 0xdde51bbf},
      {"3ffe:1900:4545:3:200:f8ff:fe21:67cf", "fe80::200:f8ff:fe21:67cf", 44251, 38024, 0x4b61e985, 0x02d1feef},
  };
  for (const Row& row : rows6) {
    const Note note{row.source};
    const auto frame = (eth() / ipv6(row.source, row.destination) / tcp(row.source_port, row.destination_port)).bytes();
    check_hash(frame, 0, row.addresses);
    check_hash(frame, all_ports, row.ports);
    check_hash(frame, all_ports & ~ports_of_tcp6 & 0xff, row.addresses);
  }
}

TEST(the_table_of_sums_is_the_hash_bit_by_bit) {
  std::mt19937_64 random{20240229};
  for (int keys = 0; keys < 20; ++keys) {
    Toeplitz::Key key;
    for (auto& octet : key) octet = static_cast<std::uint8_t>(random());
    const Toeplitz toeplitz{key};
    for (std::size_t length = 0; length <= Toeplitz::input_bytes_max; ++length) {
      std::vector<std::uint8_t> input(length);
      for (auto& octet : input) octet = static_cast<std::uint8_t>(random());
      CHECK_EQ(toeplitz.hash(input), bit_by_bit(key, input));
    }
  }
}

TEST(any_bytes_have_a_queue) {
  std::mt19937_64 random{7};
  const std::size_t entries = 5;
  const Octets starts[]{
      (eth() / vlan(7) / vlan(8) / ipv4("10.0.0.1", "10.0.0.2") / tcp(1, 2)).bytes(),
      (eth() / ipv6("2001:db8::1", "2001:db8::2") / tcp(1, 2)).bytes(),
      (eth() / ipv4("10.0.0.1", "10.0.0.2") / udp(1, 2)).bytes(),
  };
  for (const auto transform : {InputTransform::none, InputTransform::symmetric_xor, InputTransform::symmetric_or_xor}) {
    const Nic nic{{suite_key, transform, all_ports, identity(entries)}};
    for (int i = 0; i < 20000; ++i) {
      const Octets& start = starts[random() % 3];
      // Of exactly this size on the heap, so that a read beyond it is found.
      const std::size_t size = random() % (start.size() + 1);
      const auto frame = std::make_unique<std::byte[]>(size);
      for (std::size_t at = 0; at < size; ++at) frame[at] = static_cast<std::byte>(start[at]);
      // Behind the Ethernet header, or it would hardly ever be IP.
      for (std::size_t changes = random() % 4; changes > 0 && size > 14; --changes) {
        frame[14 + random() % (size - 14)] = static_cast<std::byte>(random());
      }
      if (!CHECK(nic.queue_of({frame.get(), size}) < entries)) return;
    }
  }
}
