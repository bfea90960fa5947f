// Writes a capture file of every variant and of every link type into the directory given, behind the sizes of the pieces it is
// read in.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "capture_files.hpp"

namespace {

using namespace fanout::test;

// What comes before an IPv4 packet.
std::vector<SampleFile> link_types() {
  const Packet whole = eth() / ipv4("10.0.0.1", "10.0.0.2") / tcp(1024, 80);
  const Octets frame = whole.bytes();
  const Octets ip(frame.begin() + 14, frame.end());
  const std::vector<std::pair<std::uint32_t, Octets>> links{
      {0, octets({2, 0, 0, 0})},
      {9, octets({0xff, 3, 0, 0x21})},
      {12, {}},
      {50, octets({0x21})},
      {51, octets({0x11, 0, 0, 1, 0, 42, 0, 0x21})},
      {101, {}},
      {104, octets({0x0f, 0, 8, 0})},
      {108, octets({0, 0, 0, 24})},
      {113, octets({0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 9, 0, 0, 8, 0})},
      {219, octets({0, 0, 0x11, 64})},
      {228, {}},
      {229, {}},
      {276, octets({8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 9, 0, 0})},
  };
  std::vector<SampleFile> out;
  for (const auto& [type, header] : links) {
    Octets packet = header;
    put_octets(packet, ip);
    out.push_back({"link-type-" + std::to_string(type),
                   PcapBuilder{{.link_type = type}}.add(1, 2, packet, static_cast<std::uint32_t>(packet.size())).bytes()});
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
