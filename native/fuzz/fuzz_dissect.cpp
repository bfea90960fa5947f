// Any bytes as a frame. Of the first one a bit says whether the ring header carried a tag, others where the kernel
// begins with it if this host has sent it, and what kernel that is.
#include <cstdio>
#include <cstdlib>

#include "test/dissect_invariants.hpp"

// The entry point of libFuzzer, which also replay_main.cpp calls.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size);

int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace fanout;
  if (size == 0) return 0;
  const auto frame = std::as_bytes(std::span{data, size}).subspan(1);
  const StrippedTag tag{.present = (data[0] & 0x01) != 0};
  const HashSeed seed{0x5eed};
  const char* rule = test::broken_rule(frame, tag, seed);
  const bool has_type = frame.size() >= 14;
  const NetworkStart from{static_cast<std::uint16_t>(has_type ? test::octets16(frame, 12) : 0),
                          static_cast<std::uint16_t>((data[0] & 0x02) != 0 ? 18 : 14 + (data[0] >> 4U) * 4)};
  if (rule == nullptr) rule = test::broken_rule_sent(frame, tag, from, seed);
  if (rule == nullptr) rule = test::broken_rule_network(frame, from, seed);
  if (rule == nullptr) rule = test::broken_rule_network(frame, {ETH_P_IP, 0}, seed);
  if (rule == nullptr) rule = test::broken_rule_network(frame, {ETH_P_IPV6, 0}, seed);
  const KernelModel kernel{.ports_with_addresses = (data[0] & 0x04) != 0,
                           .reads_hsr = (data[0] & 0x08) != 0,
                           .pppoe = static_cast<PppoeReading>(data[0] % 3),
                           .bug_b = (data[0] & 0x10) != 0,
                           .bug_c = (data[0] & 0x20) != 0,
                           .bug_d = (data[0] & 0x40) != 0};
  if (rule == nullptr) rule = test::broken_rule_of_kernel(frame, tag, kernel, seed);
  if (rule == nullptr) return 0;
  std::fprintf(stderr, "broken rule: %s\n", rule);
  std::abort();
}
