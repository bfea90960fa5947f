// Any bytes as a batch of observations: read by itself, then taken into a flow map, which must know exactly what the
// reader knew.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "core/evidence/flow_map.hpp"

// The entry point of libFuzzer, which also replay_main.cpp calls.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size);

namespace {

void require(bool holds, const char* rule) {
  if (holds) return;
  std::fprintf(stderr, "broken rule: %s\n", rule);
  std::abort();
}

// What a message says, by itself.
struct Told {
  std::span<const std::byte> message;
  std::uint32_t member = 0;
  std::uint32_t epoch = 0;
  bool is_well_formed = false;
  std::uint32_t observations = 0;
  std::uint64_t packets = 0;
  bool sums_wrap = false;
};

void check(const fanout::FlowMap::Limits& limits, const Told& told) {
  using namespace fanout;
  auto map = FlowMap::create(limits, HashSeed{0x5eed});
  if (!map) return;
  const IngestResult result = map->ingest(told.message, told.member);
  const Tally& tally = map->tally();
  require(result.ok == told.is_well_formed, "the map takes what the reader can read");
  require(result.observations == (result.ok ? told.observations : 0), "the map takes all or nothing");
  require(tally.packets + tally.untracked_packets == (result.ok ? told.packets : 0),
          "every packet is tracked or untracked");
  require(map->held() <= map->capacity(), "there is room for what is held");

  const EpochWindow windows[]{{}, {1'000'000}};
  const Evidence evidence = map->evidence(windows, 8);
  const FlowCounts& flows = evidence.flows;
  const std::uint64_t violated = flows.asymmetric + flows.split + flows.duplicated;
  require(flows.one_way + flows.consistent + violated == flows.total, "every flow has one verdict");
  require(evidence.forgotten == tally.forgotten && evidence.forgotten <= flows.one_way,
          "what is forgotten went one way");
  require(flows.total - evidence.forgotten <= map->held(), "a flow is held or forgotten");
  require(evidence.violations.size() + evidence.violations_omitted == violated, "every violation is listed or omitted");
  require(told.sums_wrap ||
              evidence.judged_packets + evidence.unjoined_fragments + evidence.unmatched_errors <= tally.packets,
          "evidence knows no packet that was not told");
  // Nothing is late where its epoch has no end, and nothing saturates.
  if (told.epoch >= 16 || told.sums_wrap || told.packets > 0xffffffff) return;
  const Evidence all = map->evidence(std::vector<EpochWindow>(16), 0);
  require(all.judged_packets + all.unjoined_fragments + all.unmatched_errors == tally.packets,
          "every packet that was told is in the evidence");
}

}  // namespace

int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  using namespace fanout;
  constexpr std::uint32_t members = 4;
  Told told{std::as_bytes(std::span{data, size})};

  wire::BatchReader reader{told.message};
  told.member = reader.member();
  told.epoch = reader.epoch();
  for (Observation o; reader.next(o); ++told.observations) {
    require((o.packets > 0 || o.datagram != 0) && o.first_ns <= o.last_ns, "an observation can be");
    require(o.tuple.family == 4 || o.tuple.family == 6, "an observation has a family");
    const Direction direction = direction_of(o.tuple);
    const FiveTuple back{o.tuple.dst,      o.tuple.src,      o.tuple.dst_port,
                         o.tuple.src_port, o.tuple.protocol, o.tuple.family};
    require(canonical(o.tuple, direction) == canonical(back, direction_of(back)), "both directions have one key");
    told.packets += o.packets;
    told.sums_wrap |= o.packets >> 40U != 0;
  }
  require(reader.error_offset() <= size, "an error lies inside the message");
  told.is_well_formed = reader.ok() && told.member < members && reader.epoch() <= 0xffff;

  // One that counts what it has no room for, and one so small that flows make room for one another.
  check({.members = members, .flows_max = 256, .sights_max = 64, .fragments_max = 64}, told);
  check(
      {.members = members, .flows_max = 3, .sights_max = 4, .fragments_max = 2, .when_full = FlowMap::WhenFull::forget},
      told);
  return 0;
}
