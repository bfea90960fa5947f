// Writes a capture file of every variant and of every link type into the directory given, behind the sizes of the
// pieces it is read in.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "test/capture_files.hpp"
#include "test/link_samples.hpp"

namespace {

using namespace fanout::test;

std::vector<SampleFile> link_types() {
  std::vector<SampleFile> out;
  for (const auto& [type, packet, stack] : link_samples()) {
    const auto size = static_cast<std::uint32_t>(packet.size());
    out.push_back({"link-type-" + std::to_string(type) + "-" + std::to_string(out.size()),
                   PcapBuilder{{.link_type = type}}.add(1, 2, packet, size).bytes()});
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
    return 2;
  }
  const std::filesystem::path directory{argv[1]};
  std::vector<SampleFile> files = sample_files();
  for (SampleFile& file : link_types()) files.push_back(std::move(file));
  for (const SampleFile& sample : files) {
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
