// Any bytes as a frame; the first one says whether the ring header carried a tag.
#include <cstdio>
#include <cstdlib>

#include "dissect_invariants.hpp"

// The entry point of libFuzzer, which also replay_main.cpp calls.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size);

int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace fanout;
  if (size == 0) return 0;
  const auto frame = std::as_bytes(std::span{data, size}).subspan(1);
  const char* const rule = test::broken_rule(frame, StrippedTag{.present = (data[0] & 1) != 0}, HashSeed{0x5eed});
  if (rule == nullptr) return 0;
  std::fprintf(stderr, "broken rule: %s\n", rule);
  std::abort();
}
