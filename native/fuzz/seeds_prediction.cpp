// Writes sequences of frames into the directory given: every sample that the dissector knows, and datagrams in pieces.
#include <cstdio>
#include <filesystem>
#include <fstream>

#include "test/packets.hpp"
#include "test/samples.hpp"

namespace {

using namespace fanout::test;

void put_frame(Octets& out, const Octets& frame, unsigned step) {
  put16(out, static_cast<unsigned>(frame.size()));
  put8(out, step);
  put_octets(out, frame);
}

Octets fragment(unsigned begin, bool more, bool tagged) {
  const Header ip = ipv4("10.0.0.1", "192.0.2.1",
                         {.protocol = IPPROTO_UDP, .id = 5, .fragment_offset = begin, .more_fragments = more});
  const Packet link = tagged ? eth() / vlan(7) : Packet{eth()};
  return (begin == 0 ? link / ip / udp(1024, 53) / payload(8) : link / ip / payload(16)).bytes();
}

bool write(const std::filesystem::path& path, const Octets& bytes) {
  std::ofstream out{path, std::ios::binary};
  for (const std::byte octet : bytes) out.put(static_cast<char>(octet));
  if (out.flush()) return true;
  std::fprintf(stderr, "cannot write %s\n", path.c_str());
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
    return 2;
  }
  const std::filesystem::path directory{argv[1]};
  // Two at a time, so that flows have several packets and inputs stay short.
  const std::vector<Sample> all = samples();
  for (std::size_t i = 0; i + 1 < all.size(); i += 2) {
    Octets out;
    for (const Sample& s : {all[i], all[i + 1]}) put_frame(out, s.frame, 3);
    if (!write(directory / all[i].name, out)) return 1;
  }
  const std::vector<std::vector<std::pair<unsigned, bool>>> orders{{{0, true}, {16, true}, {32, false}},
                                                                   {{32, false}, {16, true}, {0, true}},
                                                                   {{16, true}, {16, true}, {0, true}, {32, false}},
                                                                   {{0, true}, {8, true}, {16, false}},
                                                                   {{16, false}, {0, true}}};
  unsigned number = 0;
  for (const auto& order : orders)
    for (const bool tagged : {false, true}) {
      Octets out;
      for (const auto& [begin, more] : order) put_frame(out, fragment(begin, more, tagged), 1);
      const Header ip = ipv4("10.0.0.1", "192.0.2.1", {.id = 6});
      put_frame(out, (eth() / ip / udp(1024, 53) / payload(8)).bytes(), number % 2 == 0 ? 255 : 250);
      if (!write(directory / ("fragments-" + std::to_string(number++)), out)) return 1;
    }
  return 0;
}
