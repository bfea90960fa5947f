// Writes blocks of one, of three and of five sample packets into the directory given.
#include <filesystem>
#include <fstream>

#include "test/blocks.hpp"
#include "test/samples.hpp"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
    return 2;
  }
  const std::filesystem::path directory{argv[1]};
  const auto samples = fanout::test::samples();
  for (const std::size_t packets : {1, 3, 5}) {
    fanout::test::BlockBuilder block{160 + packets * 320};
    for (std::size_t i = 0; i < packets; ++i) {
      const auto& frame = samples[i * samples.size() / packets].frame;
      block.add(frame.size() < 200 ? frame : fanout::test::Octets(frame.begin(), frame.begin() + 200));
    }
    std::ofstream out{directory / (std::to_string(packets) + "-packets"), std::ios::binary};
    for (const std::byte octet : block.bytes()) out.put(static_cast<char>(octet));
    if (!out.flush()) return 1;
  }
  return 0;
}
