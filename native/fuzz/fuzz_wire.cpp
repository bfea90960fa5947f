// Any bytes as a batch of observations: read by itself, then taken into a flow map, which must know exactly what the reader knew.
#include <cstdio>
#include <cstdlib>

#include "flow_map.hpp"

// The entry point of libFuzzer, which also replay_main.cpp calls.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size);

namespace {

void require(bool holds, const char* rule) {
  if (holds) return;
  std::fprintf(stderr, "broken rule: %s\n", rule);
  std::abort();
}

}  // namespace

int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace fanout;
  constexpr std::uint32_t members = 4;
  const auto message = std::as_bytes(std::span{data, size});

  wire::BatchReader reader{message};
  const std::uint32_t member = reader.member();
  std::uint32_t observations = 0;
  std::uint64_t packets = 0;
  bool sums_wrap = false;
  for (Observation o; reader.next(o); ++observations) {
    require((o.packets > 0 || o.datagram != 0) && o.first_ns <= o.last_ns, "an observation can be");
    require(o.tuple.family == 4 || o.tuple.family == 6, "an observation has a family");
    const Direction direction = direction_of(o.tuple);
    const FiveTuple back{o.tuple.dst, o.tuple.src, o.tuple.dst_port, o.tuple.src_port, o.tuple.protocol, o.tuple.family};
    require(canonical(o.tuple, direction) == canonical(back, direction_of(back)), "both directions have one key");
    packets += o.packets;
    sums_wrap |= o.packets >> 40U != 0;
  }
  require(reader.error_offset() <= size, "an error lies inside the message");

  auto map = FlowMap::create({.members = members, .flows_max = 256, .sights_max = 64}, HashSeed{0x5eed});
  if (!map) return 0;
  const IngestResult result = map->ingest(message, member);
  const Tally& tally = map->tally();
  require(result.ok == (reader.ok() && member < members && reader.epoch() <= 0xffff), "the map takes what the reader can read");
  require(result.observations == (result.ok ? observations : 0), "the map takes all or nothing");
  require(tally.packets + tally.untracked_packets == (result.ok ? packets : 0), "every packet is tracked or untracked");

  const EpochWindow windows[]{{}, {1'000'000}};
  const Evidence evidence = map->evidence(windows, 8);
  require(evidence.flows.total <= tally.flows, "evidence knows no flow that was not told");
  const FlowCounts& flows = evidence.flows;
  const std::uint64_t violated = flows.asymmetric + flows.split + flows.duplicated;
  require(flows.one_way + flows.consistent + violated == flows.total, "every flow has one verdict");
  require(evidence.violations.size() + evidence.violations_omitted == violated, "every violation is listed or omitted");
  require(sums_wrap || evidence.judged_packets + evidence.unjoined_fragments + evidence.unmatched_errors <= tally.packets,
          "evidence knows no packet that was not told");
  return 0;
}
