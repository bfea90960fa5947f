// Writes one seed per sample packet into the directory given.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "test/samples.hpp"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
    return 2;
  }
  const std::filesystem::path directory{argv[1]};
  for (const auto& sample : fanout::test::samples()) {
    std::ofstream out{directory / sample.name, std::ios::binary};
    out.put('\0');
    for (const std::byte octet : sample.frame) out.put(static_cast<char>(octet));
    if (!out.flush()) {
      std::fprintf(stderr, "cannot write %s\n", (directory / sample.name).c_str());
      return 1;
    }
  }
  return 0;
}
