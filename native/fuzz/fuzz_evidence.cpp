// A few octets as one thing that a member told: which of a few flows, members, epochs and kernel keys. Whatever was
// told, the evidence must be the same in every order of arrival, each flow must have one verdict, and the list of flows
// must say the same.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "core/evidence/flow_map.hpp"
#include "core/packet/dissect.hpp"
#include "test/generate.hpp"

// The entry point of libFuzzer, which also replay_main.cpp calls.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size);

namespace {

using namespace fanout;

void require(bool holds, const char* rule) {
  if (holds) return;
  std::fprintf(stderr, "broken rule: %s\n", rule);
  std::abort();
}

constexpr std::uint64_t tick_ns = 1 << 16;
constexpr std::uint32_t members = 4;
constexpr std::size_t told_bytes = 8;
constexpr std::size_t told_max = 256;  // far below every bound of the map: what is left out there depends on the order

struct Told {
  Observation observation;
  std::uint16_t member = 0;
  std::uint16_t epoch = 0;
};

Told told_by(std::span<const unsigned char, told_bytes> octets) {
  const auto bits = [&](std::size_t at, unsigned from, unsigned count) {
    return unsigned{octets[at]} >> from & ((1U << count) - 1);
  };
  Told out;
  Observation& o = out.observation;
  o.tuple = test::tuple_of(bits(0, 0, 2));
  if (bits(0, 2, 1) != 0) o.tuple = test::reversed(o.tuple);
  out.member = static_cast<std::uint16_t>(bits(0, 3, 2));
  out.epoch = static_cast<std::uint16_t>(bits(0, 5, 2));
  if (bits(0, 7, 1) != 0) o.tuple.protocol = o.tuple.family == 4 ? 1 : 58;
  o.kernel_key = bits(1, 0, 3);
  Stack stack;
  if (bits(1, 3, 1) != 0) stack.push(Layer::mpls);
  if (bits(1, 4, 1) != 0) stack.push(Layer::frag);
  o.stack = stack;
  o.marks = octets[2];
  o.packets = octets[3];
  o.bytes = std::uint64_t{octets[3]} * 100;
  o.first_ns = octets[4] * tick_ns;
  o.last_ns = o.first_ns + octets[5] * tick_ns;
  // Rank and time of the packet with the least rank; two of them may well be the same packet.
  o.content = static_cast<ContentMark>(bits(6, 0, 4) << 10 | octets[4] / 4U);
  o.datagram = bits(6, 4, 2);
  // Only a datagram may be told of without packets.
  if (o.packets == 0 && o.datagram == 0) o.packets = 1;
  // The last octet makes the packets of a flow many.
  if (octets[7] == 0xff) o.packets <<= 28U;
  return out;
}

FlowMap map_of(const std::vector<Told>& list) {
  auto map = FlowMap::create({.members = members, .flows_max = 1024, .sights_max = 1024, .fragments_max = 1024},
                             HashSeed{0x5eed});
  if (!map) std::abort();
  for (const Told& t : list) map->add(t.observation, t.member, t.epoch);
  require(map->tally().untracked_packets == 0, "there is room for all of them");
  return std::move(*map);
}

bool same(const FlowSight& x, const FlowSight& y) {
  return x.where.epoch == y.where.epoch && x.where.member == y.where.member && x.where.direction == y.where.direction &&
         x.where.first_ns == y.where.first_ns && x.where.last_ns == y.where.last_ns &&
         x.where.content == y.where.content && x.where.packets == y.where.packets && x.stack == y.stack &&
         x.kernel_key == y.kernel_key && x.bytes == y.bytes && x.marks == y.marks;
}

bool same(const std::vector<FlowSight>& x, const std::vector<FlowSight>& y) {
  return std::equal(x.begin(), x.end(), y.begin(), y.end(),
                    [](const FlowSight& a, const FlowSight& b) { return same(a, b); });
}

void require_same(const Evidence& x, const Evidence& y) {
  const auto counts = [](const FlowCounts& c) {
    return std::array{c.total, c.one_way, c.consistent, c.duplicated, c.asymmetric, c.split, c.unjudged};
  };
  require(counts(x.flows) == counts(y.flows) && x.two_way == y.two_way, "the same verdicts in every order");
  require(x.judged_packets == y.judged_packets && x.unjoined_fragments == y.unjoined_fragments &&
              x.unmatched_errors == y.unmatched_errors && x.top_flow_packets == y.top_flow_packets,
          "the same packets in every order");
  require(x.flows_by_member == y.flows_by_member && x.two_way_by_epoch_and_member == y.two_way_by_epoch_and_member,
          "the same members in every order");
  require(x.many_keyed == y.many_keyed, "the same flows of many keys in every order");
  // Which of their kernel keys are told apart is a matter of order.
  if (x.many_keyed != 0) return;
  require(x.groups == y.groups, "the same kinds of violation in every order");
  const bool is_same_list =
      std::equal(x.violations.begin(), x.violations.end(), y.violations.begin(), y.violations.end(),
                 [](const Violation& a, const Violation& b) {
                   return a.key == b.key && a.signature == b.signature && same(a.sights, b.sights);
                 });
  require(is_same_list, "the same violations in every order");
  require(x.stacks.size() == y.stacks.size(), "the same stacks in every order");
}

void require_sound(const Evidence& e, const FlowMap& map, std::span<const EpochWindow> windows,
                   FlowMap::Placement placement) {
  const FlowCounts& f = e.flows;
  const std::uint64_t violated = f.split + f.asymmetric + f.duplicated;
  require(f.total == f.one_way + f.consistent + violated && f.total <= map.tally().flows, "every flow has one verdict");
  require(e.violations.size() == violated && e.violations_omitted == 0, "every violation is listed");
  require(e.judged_packets + e.unjoined_fragments + e.unmatched_errors <= map.tally().packets, "no packet is made up");

  const std::vector<ObservedFlow> flows = map.flows(windows, told_max, FlowMap::Basis{.placement = placement});
  require(flows.size() == map.tally().flows, "every flow is listed");
  const auto listed = [&](FlowVerdict verdict) {
    return static_cast<std::uint64_t>(
        std::count_if(flows.begin(), flows.end(), [&](const auto& flow) { return flow.verdict == verdict; }));
  };
  require(listed(FlowVerdict::split) == f.split && listed(FlowVerdict::asymmetric) == f.asymmetric &&
              listed(FlowVerdict::duplicated) == f.duplicated && listed(FlowVerdict::consistent) == f.consistent &&
              listed(FlowVerdict::one_way) == f.one_way,
          "the list has the verdicts of the evidence");
}

void require_sound_in_every_order(std::vector<Told> list, std::span<const EpochWindow> windows,
                                  FlowMap::Placement placement) {
  const FlowMap map = map_of(list);
  const Evidence e = map.evidence(windows, told_max, FlowMap::Basis{.placement = placement});
  require_sound(e, map, windows, placement);
  std::reverse(list.begin(), list.end());
  require_same(e, map_of(list).evidence(windows, told_max, FlowMap::Basis{.placement = placement}));
  std::rotate(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(list.size() / 3), list.end());
  require_same(e, map_of(list).evidence(windows, told_max, FlowMap::Basis{.placement = placement}));
}

}  // namespace

int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  if (size == 0) return 0;
  // Three epochs, of which the first two may have ended early; what is told of the fourth was never announced.
  const std::vector<EpochWindow> windows{{(data[0] & 0xfU) * 16 * tick_ns}, {(data[0] & 0xf0U) * tick_ns}, {}};
  std::vector<Told> list;
  for (std::size_t at = 1; at + told_bytes <= size && list.size() < told_max; at += told_bytes)
    list.push_back(told_by(std::span<const unsigned char, told_bytes>{data + at, told_bytes}));

  require_sound_in_every_order(list, windows, FlowMap::Placement::as_seen);
  // What is placed by its kernel key was told by one, as a prediction does.
  for (Told& t : list) t.member = 0;
  require_sound_in_every_order(list, windows, FlowMap::Placement::by_kernel_key);
  return 0;
}
