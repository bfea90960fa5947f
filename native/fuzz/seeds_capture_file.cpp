// Writes a capture file of every variant into the directory given, behind the sizes of the pieces it is read in.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "capture_files.hpp"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
    return 2;
  }
  const std::filesystem::path directory{argv[1]};
  for (const auto& sample : fanout::test::sample_files()) {
    std::ofstream out{directory / sample.name, std::ios::binary};
    for (const char piece : {'\x06', '\0', '\x28', '\x0c'}) out.put(piece);
    for (const std::byte octet : sample.bytes) out.put(static_cast<char>(octet));
    if (!out.flush()) {
      std::fprintf(stderr, "cannot write %s\n", (directory / sample.name).c_str());
      return 1;
    }
  }
  return 0;
}
