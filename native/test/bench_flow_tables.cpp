// What a packet costs in the worker's cache and an observation in the collector's map, by number of live flows: `make
// -C native/test bench`. Medians of several rounds and their spread.
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "core/evidence/flow_map.hpp"
#include "core/worker/flow_cache.hpp"
#include "test/generate.hpp"

namespace fanout::test {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Other programs take none of it.
double cpu_seconds() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

template <typename Round>
void report(const char* what, const char* unit, int rounds, Round&& round) {
  std::vector<double> values;
  for (int i = 0; i < rounds; ++i) values.push_back(round());
  std::sort(values.begin(), values.end());
  std::printf("%-40s %8.1f %s (%.1f to %.1f)\n", what, values[values.size() / 2], unit, values.front(), values.back());
}

// The capture thread's three steps over 32 packets.
double cache_ns(FlowCache& cache, const std::vector<Dissection>& packets) {
  constexpr std::size_t batch = 32;
  const auto start = std::chrono::steady_clock::now();
  std::uint32_t hashes[batch];
  for (std::size_t base = 0; base + batch <= packets.size(); base += batch) {
    for (std::size_t i = 0; i < batch; ++i) cache.prefetch_index(hashes[i] = FlowCache::hash_of(packets[base + i], {}));
    for (std::size_t i = 0; i < batch; ++i) cache.prefetch_record(hashes[i]);
    for (std::size_t i = 0; i < batch; ++i)
      if (!cache.add(packets[base + i], hashes[i], {60, base, base, 1, 77})) std::abort();
  }
  return seconds_since(start) * 1e9 / static_cast<double>(packets.size());
}

void bench_cache(const char* name, std::uint32_t flows) {
  Random random{flows};
  std::vector<Dissection> packets(std::size_t{1} << 19);
  for (Dissection& d : packets) {
    FiveTuple tuple = tuple_of(random.below(flows));
    if (random.one_in(2)) tuple = reversed(tuple);
    d.kind = PacketKind::flow;
    d.direction = direction_of(tuple);
    d.key = canonical(tuple, d.direction);
    d.flow_hash = mix(d.key.a_port + d.key.a[1] + (d.key.a[2] << 8) + (d.key.a[3] << 16),
                      d.key.a[15] + (d.key.a[14] << 8) + d.key.a[13]);
    d.kernel_key = d.flow_hash * 3;
    d.stack = stack_of({Layer::ipv4, Layer::tcp});
  }
  auto cache = FlowCache::create({});
  if (!cache) std::abort();
  (void)cache_ns(*cache, packets);
  report(name, "ns/packet", 7, [&] { return cache_ns(*cache, packets); });
}

constexpr std::uint32_t per_batch = 512;
constexpr std::uint32_t flows_per_chunk = 1U << 18;

// Batches as workers send them: each flow once in each direction, in an order of its own.
std::vector<std::vector<std::byte>> batches_of(std::uint32_t flows, std::uint32_t stride, std::uint32_t from = 0) {
  std::vector<std::vector<std::byte>> out;
  for (std::uint32_t base = 0; base < flows; base += per_batch) {
    std::vector<std::byte> message(wire::batch_header_bytes + per_batch * wire::observation_bytes_max);
    wire::BatchWriter writer{message, 0, 0};
    for (std::uint32_t i = base; i < std::min(base + per_batch, flows); ++i) {
      const auto n = from + static_cast<std::uint32_t>(std::uint64_t{i} * stride % flows);
      Observation o;
      o.tuple = i % 2 == 0 ? tuple_of(n) : reversed(tuple_of(n));
      o.stack = stack_of({Layer::ipv4, Layer::tcp});
      o.kernel_key = mix(n, 7);
      o.packets = 3;
      o.bytes = 180;
      o.first_ns = (from + std::uint64_t{i}) * 1000;
      o.last_ns = o.first_ns + 1'000'000;
      writer.append(o);
    }
    message.resize(writer.finish());
    out.push_back(std::move(message));
  }
  return out;
}

double ingest_rate(FlowMap& map, const std::vector<std::vector<std::byte>>& batches, std::uint32_t flows) {
  const auto start = std::chrono::steady_clock::now();
  for (const auto& message : batches)
    if (!map.ingest(message, 0).ok) std::abort();
  return flows / seconds_since(start) / 1e6;
}

void bench_map(std::uint32_t flows) {
  auto map = FlowMap::create({.members = 8, .when_full = FlowMap::WhenFull::forget}, HashSeed{});
  if (!map) std::abort();
  const auto first = batches_of(flows, 7919);
  const auto later = batches_of(flows, 104729);
  std::printf("%u flows\n", flows);
  report("  map, new flows", "M/s", 1, [&] { return ingest_rate(*map, first, flows); });
  report("  map, known flows", "M/s", 7, [&] { return ingest_rate(*map, later, flows); });
  std::printf("%-40s %8.1f bytes/flow\n", "  map, memory", static_cast<double>(map->bytes_used()) / flows);
  const EpochWindow window[1];
  report("  evidence", "ms", 3, [&] {
    const auto start = std::chrono::steady_clock::now();
    if (map->evidence(window, 100).flows.total != flows) std::abort();
    return seconds_since(start) * 1e3;
  });
}

// Twice as many flows as there is room for, all of them in one direction: from then on each makes another make room.
// The longest message is how long the collector's event loop stands still.
void bench_forgetting(std::uint32_t flows_max) {
  auto map =
      FlowMap::create({.members = 8, .flows_max = flows_max, .when_full = FlowMap::WhenFull::forget}, HashSeed{});
  if (!map) std::abort();
  std::printf("room for %u flows\n", flows_max);
  for (const char* const what : {"  map, until it is full", "  map, full"}) {
    const auto begin = static_cast<std::uint32_t>(map->tally().flows);
    double longest = 0;
    double all = 0;
    for (std::uint32_t base = begin; base < begin + flows_max; base += flows_per_chunk) {
      for (const auto& message : batches_of(std::min(flows_per_chunk, begin + flows_max - base), 1, base)) {
        const double start = cpu_seconds();
        if (!map->ingest(message, 0).ok) std::abort();
        const double took = cpu_seconds() - start;
        all += took;
        longest = std::max(longest, took);
      }
    }
    report(what, "M/s", 1, [&] { return flows_max / all / 1e6; });
    report("  longest message", "ms", 1, [&] { return longest * 1e3; });
  }
  std::printf("%-40s %8.1f bytes/flow\n", "  map, memory", static_cast<double>(map->bytes_used()) / flows_max);
  if (map->tally().untracked_packets != 0 || map->tally().flows != std::uint64_t{2} * flows_max) std::abort();
}

}  // namespace
}  // namespace fanout::test

// An argument gives one number of flows to measure the map with.
int main(int argc, char** argv) {
  using namespace fanout::test;
  if (argc > 1) {
    const auto flows = static_cast<std::uint32_t>(std::strtoul(argv[1], nullptr, 10));
    bench_map(flows);
    bench_forgetting(flows);
    return 0;
  }
  bench_cache("cache, 1 k flows", 1'000);
  bench_cache("cache, 125 k flows", 125'000);
  bench_map(1'000'000);
  bench_forgetting(1'000'000);
  return 0;
}
