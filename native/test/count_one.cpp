// Does one thing so many times, to be counted by a simulator of the processor (scripts/instructions.mjs): count_one
// WHAT ROUNDS. Without arguments it prints what there is, and of how many units a round is.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "core/evidence/flow_map.hpp"
#include "core/worker/flow_cache.hpp"
#include "test/generate.hpp"
#include "test/mixes.hpp"

namespace fanout::test {
namespace {

constexpr unsigned packets_per_round = 4096;
constexpr std::uint32_t flows = 1U << 16;
constexpr std::uint32_t per_batch = 512;

void dissect_all(const Mix& mix, int rounds) {
  const Frames frames = random_frames(mix, packets_per_round);
  for (int i = 0; i < rounds; ++i) {
    Dissection batch[32];
    for (std::size_t at = 0; at < frames.all.size(); ++at) {
      new (&batch[at % 32]) Dissection(dissect(frames.all[at], {}, {}));
      if (at % 32 == 31) asm volatile("" : : "r"(batch) : "memory");
    }
  }
}

std::vector<Dissection> packets_of_flows() {
  std::vector<Dissection> out(flows);
  Random random{1};
  for (Dissection& d : out) {
    FiveTuple tuple = tuple_of(random.below(flows / 8));
    if (random.one_in(2)) tuple = reversed(tuple);
    d.kind = PacketKind::flow;
    d.direction = direction_of(tuple);
    d.key = canonical(tuple, d.direction);
    d.flow_hash =
        mix(tuple.family + (tuple.src_port ^ tuple.dst_port), d.key.a[1] + (d.key.a[2] << 8) + (d.key.a[3] << 16));
    d.kernel_key = d.flow_hash * 3;
    d.stack = stack_of({Layer::ipv4, Layer::tcp});
  }
  return out;
}

// Older caches took no seed.
template <typename Cache>
std::uint32_t hash_in(const Dissection& packet) {
  if constexpr (requires { Cache::hash_of(packet, HashSeed{}); })
    return Cache::hash_of(packet, HashSeed{});
  else
    return Cache::hash_of(packet);
}

void cache_all(int rounds) {
  const std::vector<Dissection> packets = packets_of_flows();
  auto cache = FlowCache::create({});
  if (!cache) std::abort();
  for (int i = 0; i < rounds; ++i)
    for (const Dissection& packet : packets)
      if (!cache->add(packet, hash_in<FlowCache>(packet), {60, 1, 1, 1, 77})) std::abort();
}

// Each flow in one direction, in an order of its own.
std::vector<std::vector<std::byte>> batches_of(std::uint32_t stride) {
  std::vector<std::vector<std::byte>> out;
  for (std::uint32_t base = 0; base < flows; base += per_batch) {
    std::vector<std::byte> message(wire::batch_header_bytes + per_batch * wire::observation_bytes_max);
    wire::BatchWriter writer{message, 0, 0};
    for (std::uint32_t i = base; i < base + per_batch; ++i) {
      const auto n = static_cast<std::uint32_t>(std::uint64_t{i} * stride % flows);
      Observation o;
      o.tuple = i % 2 == 0 ? tuple_of(n) : reversed(tuple_of(n));
      o.stack = stack_of({Layer::ipv4, Layer::tcp});
      o.kernel_key = n;
      o.packets = 3;
      o.bytes = 180;
      o.first_ns = std::uint64_t{i} * 1000;
      o.last_ns = o.first_ns + 1'000'000;
      writer.append(o);
    }
    message.resize(writer.finish());
    out.push_back(std::move(message));
  }
  return out;
}

void take_in(FlowMap& map, const std::vector<std::vector<std::byte>>& batches) {
  for (const auto& message : batches)
    if (!map.ingest(message, 0).ok) std::abort();
}

FlowMap empty_map() {
  auto map = FlowMap::create({.members = 8}, HashSeed{});
  if (!map) std::abort();
  return std::move(*map);
}

void map_new(int rounds) {
  const auto batches = batches_of(7919);
  for (int i = 0; i < rounds; ++i) {
    FlowMap map = empty_map();
    take_in(map, batches);
  }
}

void map_known(int rounds) {
  FlowMap map = empty_map();
  const auto batches = batches_of(104'729);
  take_in(map, batches_of(7919));
  for (int i = 0; i < rounds; ++i) take_in(map, batches);
}

void map_evidence(int rounds) {
  FlowMap map = empty_map();
  take_in(map, batches_of(7919));
  take_in(map, batches_of(104'729));
  const EpochWindow window[1];
  for (int i = 0; i < rounds; ++i)
    if (map.evidence(window, 100).flows.total != flows) std::abort();
}

int count(const std::string& what, int rounds) {
  for (const Mix& mix : mixes)
    if (what == mix.name) return dissect_all(mix, rounds), 0;
  if (what == "flow cache") return cache_all(rounds), 0;
  if (what == "flow map, new flows") return map_new(rounds), 0;
  if (what == "flow map, known flows") return map_known(rounds), 0;
  if (what == "evidence") return map_evidence(rounds), 0;
  return 2;
}

void list() {
  for (const Mix& mix : mixes) std::printf("%s\t%u\n", mix.name, packets_per_round);
  for (const char* const what : {"flow cache", "flow map, new flows", "flow map, known flows", "evidence"})
    std::printf("%s\t%u\n", what, flows);
}

}  // namespace
}  // namespace fanout::test

int main(int argc, char** argv) {
  if (argc == 3) return fanout::test::count(argv[1], std::atoi(argv[2]));
  fanout::test::list();
  return 0;
}
