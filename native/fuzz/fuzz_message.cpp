// Any bytes as a control message. What can be read can be written, and is read again as the same; writing it once more
// changes nothing.
#include <cstdio>
#include <cstdlib>

#include "test/message_tree.hpp"

// The entry point of libFuzzer, which also replay_main.cpp calls.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size);

namespace {

void require(bool holds, const char* rule) {
  if (holds) return;
  std::fprintf(stderr, "broken rule: %s\n", rule);
  std::abort();
}

}  // namespace

int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace fanout::test;
  const auto read = tree_of(std::as_bytes(std::span{data, size}));
  if (!read) return 0;
  const auto written = message_of(*read);
  const auto again = tree_of(written);
  require(again.has_value(), "what was written can be read");
  require(same(*read, *again), "and says the same");
  require(message_of(*again) == written, "there is one way to write it");
  return 0;
}
