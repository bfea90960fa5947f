// Writes batches of none, of one and of many observations into the directory given.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "core/wire/wire.hpp"
#include "test/generate.hpp"

int main(int argc, char** argv) {
  using namespace fanout;
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s DIRECTORY\n", argv[0]);
    return 2;
  }
  const std::filesystem::path directory{argv[1]};
  for (const std::uint32_t count : {0U, 1U, 4U, 10U}) {
    test::Random random{count};
    std::vector<std::byte> message(wire::batch_header_bytes + count * wire::observation_bytes_max);
    wire::BatchWriter writer{message, count % 4, count % 2};
    for (std::uint32_t i = 0; i < count; ++i) {
      Observation o = test::any_observation(random);
      // Few flows, so that they meet in the map.
      o.tuple = test::tuple_of(random.below(3));
      if (random.one_in(2)) o.tuple = test::reversed(o.tuple);
      writer.append(o);
    }
    message.resize(writer.finish());
    std::ofstream out{directory / (std::to_string(count) + "-observations"), std::ios::binary};
    for (const std::byte octet : message) out.put(static_cast<char>(octet));
    if (!out.flush()) return 1;
  }
  return 0;
}
