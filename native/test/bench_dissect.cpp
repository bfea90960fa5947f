// What one packet costs, by mix of traffic: `make -C native/test bench`. Prints the median of several rounds and their
// spread.
#include <x86intrin.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "core/packet/dissect.hpp"
#include "test/mixes.hpp"

namespace fanout::test {
namespace {

struct Cost {
  double ns, cycles;
};

Cost round(const std::vector<std::span<const std::byte>>& frames, unsigned repeats, std::uint64_t& sink) {
  const auto begin = std::chrono::steady_clock::now();
  const std::uint64_t tsc = __rdtsc();
  for (unsigned i = 0; i < repeats; ++i) {
    // Stored, as the capture thread does with a batch, so that no field can be optimised away.
    Dissection batch[32];
    for (std::size_t at = 0; at < frames.size(); ++at) {
      new (&batch[at % 32]) Dissection(dissect(frames[at], {}, {}));
      if (at % 32 == 31) asm volatile("" : : "r"(batch) : "memory");
    }
    sink += batch[0].flow_hash;
  }
  const double packets = static_cast<double>(frames.size()) * repeats;
  const std::chrono::duration<double, std::nano> elapsed = std::chrono::steady_clock::now() - begin;
  return {elapsed.count() / packets, static_cast<double>(__rdtsc() - tsc) / packets};
}

void measure(const Mix& mix) {
  constexpr unsigned packets = 16384, rounds = 9, repeats = 20;
  // Few enough for the cache: this measures the parser, not the memory.
  const Frames frames = random_frames(mix, packets);

  std::uint64_t sink = 0;
  std::vector<Cost> costs;
  for (unsigned i = 0; i < rounds; ++i) costs.push_back(round(frames.all, repeats, sink));
  std::sort(costs.begin(), costs.end(), [](Cost a, Cost b) { return a.ns < b.ns; });
  std::printf("%-28s %6.1f ns %6.1f cycles (%.1f to %.1f ns)%s\n", mix.name, costs[rounds / 2].ns,
              costs[rounds / 2].cycles, costs.front().ns, costs.back().ns, sink == 0 ? "!" : "");
}

}  // namespace
}  // namespace fanout::test

int main() {
  for (const fanout::test::Mix& mix : fanout::test::mixes) fanout::test::measure(mix);
}
