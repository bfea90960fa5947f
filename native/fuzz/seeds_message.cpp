// Writes messages into the directory given: some that are sent, and one with a value of every form.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <utility>
#include <vector>

#include "test/packets.hpp"

int main(int argc, char** argv) {
  using fanout::test::Octets, fanout::test::octets;
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
    return 2;
  }
  const std::filesystem::path directory{argv[1]};
  const std::vector<std::pair<const char*, Octets>> seeds{
      {"arm", octets({0x91, 18})},
      {"hello", octets({0x94, 1, 3, 0, 0xcd, 0x12, 0x34})},
      {"join",
       octets({0x96, 17, 99, 0, 0, 0xcd, 1, 0, 0x92, 0xa4, 'c', 'b', 'p', 'f', 0x91, 0x94, 6, 0, 0, 0xce, 0, 4, 0, 0})},
      {"failed", octets({0x95, 7, 0xa4, 'o', 'p', 'e', 'n', 0xa4, 'b', 'i', 'n', 'd', 19, 0xd9, 2, 'n', 'o'})},
      {"integers",
       octets({0x9a, 0xff, 0xcc, 200,  0xcd, 1,    0,    0xce, 1, 0, 0,    0,    0xcf, 1, 0, 0, 0, 0, 0, 0,   0,
               0xd0, 0x80, 0xd1, 0x80, 0,    0xd2, 0x80, 0,    0, 0, 0xd3, 0x80, 0,    0, 0, 0, 0, 0, 0, 0xc0})},
      {"others", octets({0x98, 0xc2, 0xc3, 0xca, 0x3f, 0xc0, 0, 0, 0xcb, 0x3f, 0xf8, 0, 0, 0, 0,    0, 0, 0xc4, 1,
                         9,    0xc5, 0,    1,    9,    0xda, 0, 1, 'x',  0xdd, 0,    0, 0, 1, 0xdc, 0, 1, 1})},
  };
  for (const auto& [name, message] : seeds) {
    std::ofstream out{directory / name, std::ios::binary};
    for (const std::byte octet : message) out.put(static_cast<char>(octet));
    if (!out.flush()) return 1;
  }
  return 0;
}
