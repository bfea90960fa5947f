// Writes things told into the directory given: flows that are kept, split, asymmetric and copied, and datagrams in
// pieces.
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace {

// As fuzz_evidence.cpp reads it.
struct Told {
  unsigned flow = 0, direction = 0, member = 0, key = 0, marks = 0, packets = 1, at = 5, content = 0, datagram = 0;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::vector<std::pair<std::string, std::vector<Told>>> seeds{
      {"kept", {{.key = 1}, {.direction = 1, .key = 1}}},
      {"asymmetric", {{.key = 1}, {.direction = 1, .member = 2, .key = 1}}},
      {"split", {{.key = 1}, {.member = 1, .key = 1}}},
      {"split-by-design", {{.key = 1}, {.member = 1, .key = 2}, {.direction = 1, .key = 1}}},
      {"copied", {{.key = 1, .packets = 4, .content = 3}, {.member = 1, .key = 2, .packets = 4, .content = 3}}},
      {"error", {{.key = 1}, {.member = 3, .key = 4, .marks = 16}}},
      {"pieces",
       {{.flow = 1}, {.flow = 1, .packets = 0, .datagram = 2}, {.member = 2, .key = 7, .marks = 2, .datagram = 2}}},
  };
  for (const auto& [name, list] : seeds) {
    std::ofstream out{std::filesystem::path{argv[1]} / name, std::ios::binary};
    out.put('\xff');
    for (const Told& t : list)
      for (const unsigned octet : {t.flow | t.direction << 2U | t.member << 3U, t.key, t.marks, t.packets, t.at, 1U,
                                   t.content | t.datagram << 4U, 0U})
        out.put(static_cast<char>(octet));
    if (!out.flush()) return 1;
  }
  return 0;
}
