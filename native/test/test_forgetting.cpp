// A flow map that forgets, against one that has room for all: what it says is true, and what it counted stays counted.
#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "core/evidence/flow_map.hpp"
#include "core/packet/dissect.hpp"
#include "test/check.hpp"
#include "test/evidence_checks.hpp"
#include "test/generate.hpp"

namespace fanout {

struct FlowMapProbe {
  // As it would for an observation of this flow.
  static void make_room(FlowMap& map, const FlowKey& key) {
    if (map.short_of_sights_ || (map.short_of_records_ && !map.holds(key))) map.make_room();
  }
};

}  // namespace fanout

using namespace fanout;
using namespace fanout::test;

namespace {

constexpr auto forget = FlowMap::WhenFull::forget;
constexpr std::uint64_t second_ns = 1'000'000'000;
// Of the queue: flows of one step go in the order in which they came.
constexpr std::uint64_t step_ns = tick_ns << 16;

FlowMap map_for(const FlowMap::Limits& limits, std::uint64_t seed = 1) {
  auto map = FlowMap::create(limits, HashSeed{seed});
  if (!map) __builtin_trap();
  return std::move(*map);
}

FlowKey key_of(std::uint32_t n) { return canonical(tuple_of(n), direction_of(tuple_of(n))); }

Observation one(std::uint32_t n, Direction direction = Direction::forward, std::uint64_t at_ns = 0,
                std::uint64_t packets = 1) {
  Observation o;
  o.tuple = tuple_of(n);
  if (direction_of(o.tuple) != direction) o.tuple = reversed(o.tuple);
  o.stack = stack_of({Layer::ipv4, Layer::tcp});
  o.kernel_key = mix(n, 3);
  o.packets = packets;
  o.bytes = packets * 60;
  o.first_ns = o.last_ns = at_ns;
  return o;
}

Observation error_about(std::uint32_t n, std::uint64_t at_ns = 0) {
  Observation o = one(n, Direction::forward, at_ns);
  o.marks = mark_icmp_error;
  o.kernel_key = 999;
  o.stack = stack_of({Layer::ipv4, Layer::icmp, Layer::ipv4, Layer::tcp});
  return o;
}

Evidence all_of(const FlowMap& map, std::size_t epochs = 1) {
  return map.evidence(std::vector<EpochWindow>(epochs), 100'000);
}

}  // namespace

// ---- by hand

TEST(flows_in_one_direction_make_room_oldest_first) {
  FlowMap map = map_for({.members = 2, .flows_max = 10, .when_full = forget});
  for (std::uint32_t n = 0; n < 10; ++n) map.add(one(n, Direction::forward, n * step_ns), 0, 0);
  // The oldest is seen again, and the next one is answered.
  map.add(one(0, Direction::forward, 20 * step_ns), 0, 0);
  map.add(one(1, Direction::reverse, 20 * step_ns), 0, 0);
  map.add(one(100, Direction::forward, 21 * step_ns), 1, 0);
  CHECK(map.holds(key_of(0)));
  CHECK(map.holds(key_of(1)));
  CHECK(!map.holds(key_of(2)));
  CHECK(map.holds(key_of(3)));
  map.add(one(101, Direction::forward, 21 * step_ns), 1, 0);
  CHECK(!map.holds(key_of(3)));
  CHECK_EQ(map.tally().forgotten, 2);
  CHECK_EQ(map.tally().flows, 12);
  CHECK_EQ(map.tally().untracked_observations, 0);
  CHECK_EQ(map.held(), 10);
  const Evidence e = all_of(map);
  CHECK_EQ(e.forgotten, 2);
  CHECK_EQ(e.flows.total, 12);
  CHECK_EQ(e.flows.one_way, 11);
  CHECK_EQ(e.flows.consistent, 1);
  CHECK_EQ(e.judged_packets, 14);
  CHECK_EQ(e.flows_by_member[0], 10);
  CHECK_EQ(e.flows_by_member[1], 2);
}

TEST(nothing_is_forgotten_while_there_is_room) {
  FlowMap map = map_for({.members = 1, .flows_max = 100, .when_full = forget});
  for (std::uint32_t n = 0; n < 97; ++n) map.add(one(n), 0, 0);
  CHECK_EQ(map.tally().forgotten, 0);
  for (std::uint32_t n = 97; n < 1000; ++n) map.add(one(n), 0, 0);
  CHECK_EQ(map.tally().forgotten + map.held(), 1000);
  CHECK(map.held() >= 97);
}

TEST(what_is_evidence_is_never_forgotten_and_a_full_map_says_so) {
  FlowMap map = map_for({.members = 2, .flows_max = 64, .when_full = forget});
  std::uint32_t kept = 0;
  while (!map.full()) {
    const std::uint32_t n = kept++;
    map.add(one(n), 0, 0);
    // A third is answered, one is split, one comes twice to the same member.
    map.add(one(n, n % 3 == 0 ? Direction::forward : Direction::reverse), n % 2, 0);
    map.add(one(n, Direction::reverse), 0, 0);
    for (std::uint32_t other = 0; other < 10; ++other) map.add(one(1000 + 10 * n + other), 0, 0);
  }
  // A sixteenth is left, and all that was to be kept is there.
  CHECK_EQ(kept, 61);
  CHECK_EQ(map.tally().untracked_observations, 0);
  for (std::uint32_t n = 0; n < kept; ++n) CHECK(map.holds(key_of(n)));
  CHECK_EQ(all_of(map).two_way, kept);
  // Beyond that it is counted what finds no room.
  for (std::uint32_t n = 5000; n < 5100; ++n)
    for (const Direction d : {Direction::forward, Direction::reverse}) map.add(one(n, d), 0, 0);
  CHECK_EQ(map.tally().flows - map.tally().forgotten, 64);
  CHECK_EQ(map.tally().two_way, 64);
  CHECK_EQ(map.tally().untracked_packets, 2 * (100 - (64 - kept)));
}

TEST(violations_in_one_direction_are_kept) {
  FlowMap map = map_for({.members = 3, .flows_max = 32, .when_full = forget});
  for (std::uint32_t n = 0; n < 8; ++n)
    for (std::uint16_t member = 0; member < 3; ++member) map.add(one(n), member, 0);
  for (std::uint32_t n = 100; n < 500; ++n) map.add(one(n, Direction::forward, n * second_ns), 0, 0);
  const Evidence e = all_of(map);
  CHECK_EQ(e.flows.split, 8);
  CHECK_EQ(e.violations.size(), 8);
  CHECK_EQ(map.tally().violated, 8);
  CHECK_EQ(map.tally().untracked_packets, 0);
}

TEST(one_member_in_each_of_two_epochs_is_no_evidence) {
  FlowMap map = map_for({.members = 2, .flows_max = 8, .when_full = forget});
  map.add(one(1), 0, 0);
  map.add(one(1), 1, 1);
  for (std::uint32_t n = 100; n < 200; ++n) map.add(one(n, Direction::forward, n * step_ns), 0, 1);
  CHECK(!map.holds(key_of(1)));
  const Evidence e = all_of(map, 2);
  CHECK_EQ(e.flows.one_way, 101);
  CHECK_EQ(e.flows_by_member[0], 101);
  CHECK_EQ(e.flows_by_member[1], 1);
}

TEST(a_flow_that_comes_again_is_another_one) {
  FlowMap map = map_for({.members = 2, .flows_max = 8, .when_full = forget});
  map.add(one(1), 0, 0);
  for (std::uint32_t n = 100; n < 120; ++n) map.add(one(n, Direction::forward, n * step_ns), 0, 0);
  CHECK(!map.holds(key_of(1)));
  // Its reverse, on another member: that would have been a violation.
  map.add(one(1, Direction::reverse, 200 * step_ns), 1, 0);
  const Evidence e = all_of(map);
  CHECK_EQ(e.flows.asymmetric, 0);
  CHECK_EQ(e.flows.one_way, 22);
  CHECK_EQ(e.flows.total, 22);
}

TEST(what_forgotten_flows_say_of_their_kind_of_traffic_stays) {
  FlowMap map = map_for({.members = 2, .flows_max = 8, .when_full = forget});
  const Stack tagged = stack_of({Layer::vlan, Layer::ipv4, Layer::tcp});
  for (std::uint32_t n = 0; n < 3; ++n) {
    Observation o = one(n);
    o.stack = tagged;
    o.kernel_key = 40 + n;
    o.packets = 50 + n;
    map.add(o, 1, 0);
  }
  for (std::uint32_t n = 100; n < 150; ++n) map.add(one(n, Direction::forward, n * step_ns), 0, 0);
  for (std::uint32_t n = 0; n < 3; ++n) CHECK(!map.holds(key_of(n)));
  Observation last = one(7, Direction::forward, 300 * step_ns);
  last.stack = tagged;
  last.kernel_key = 40;
  map.add(last, 0, 0);
  const Evidence e = all_of(map);
  if (!CHECK_EQ(e.stacks.size(), 2)) return;
  const StackCounts& s = e.stacks[e.stacks[0].stack == tagged ? 0 : 1];
  CHECK_EQ(s.flows.total, 4);
  CHECK_EQ(s.flows.one_way, 4);
  // With one key a hash could not have spread them.
  CHECK_EQ(s.kernel_keys.size(), 3);
  CHECK_EQ(e.top_flow_packets, 52);
}

TEST(icmp_errors_go_with_their_flow) {
  FlowMap map = map_for({.members = 3, .flows_max = 8, .when_full = forget});
  map.add(one(1), 0, 0);
  map.add(error_about(1), 2, 0);
  map.add(one(2), 0, 0);
  map.add(error_about(2), 0, 0);
  map.add(error_about(3), 1, 0);
  for (std::uint32_t n = 100; n < 120; ++n) map.add(one(n, Direction::forward, n * step_ns), 0, 0);
  for (const std::uint32_t n : {1, 2, 3}) CHECK(!map.holds(key_of(n)));
  // Too late for the error that was told before it.
  map.add(one(3, Direction::forward, 200 * step_ns), 0, 0);
  const Evidence e = all_of(map);
  CHECK_EQ(e.flows.total, 23);
  CHECK_EQ(e.unmatched_errors, 1);
  CHECK_EQ(e.judged_packets, 25);
  std::uint64_t elsewhere = 0;
  for (const StackCounts& s : e.stacks) elsewhere += s.errors_elsewhere;
  CHECK_EQ(elsewhere, 1);
}

TEST(sightings_make_room_with_their_flows) {
  FlowMap map = map_for({.members = 1, .flows_max = 1000, .sights_max = 40, .when_full = forget});
  for (std::uint32_t n = 0; n < 500; ++n) {
    map.add(one(n, Direction::forward, n * step_ns), 0, 0);
    map.add(error_about(n, n * step_ns), 0, 0);
  }
  CHECK_EQ(map.tally().untracked_packets, 0);
  CHECK_EQ(map.tally().packets, 1000);
  CHECK_EQ(all_of(map).judged_packets, 1000);
  CHECK(map.held() <= 40);
  CHECK(!map.full());
}

TEST(a_map_without_room_for_further_sightings_is_full) {
  FlowMap map = map_for({.members = 64, .flows_max = 1000, .sights_max = 160, .when_full = forget});
  std::uint32_t n = 0;
  for (; !map.full(); ++n)
    for (std::uint16_t member = 0; member < 4; ++member) map.add(one(n, Direction::forward, n * second_ns), member, 0);
  CHECK_EQ(map.tally().untracked_packets, 0);
  CHECK_EQ(n, 51);
  // Flows in one direction that have none make no room for them.
  for (std::uint32_t i = 1000; i < 1500; ++i) map.add(one(i, Direction::forward, i * second_ns), 0, 0);
  CHECK_EQ(map.tally().forgotten, 0);
}

// ---- fragments

namespace {

Observation first_piece(std::uint32_t n, std::uint64_t datagram, std::uint64_t at_ns) {
  Observation o = one(n, Direction::forward, at_ns, 0);
  o.datagram = datagram;
  return o;
}

Observation later_piece(std::uint64_t datagram, std::uint64_t at_ns, std::uint64_t packets = 1) {
  Observation o = one(12345, Direction::forward, at_ns, packets);
  o.tuple.src_port = o.tuple.dst_port = 0;
  o.datagram = datagram;
  o.marks = mark_fragment;
  o.kernel_key = 77;
  return o;
}

}  // namespace

TEST(pieces_of_a_forgotten_flow_are_no_other_flows) {
  FlowMap map = map_for({.members = 4, .flows_max = 8, .when_full = forget});
  map.add(one(1), 0, 0);
  map.add(first_piece(1, 42, 0), 0, 0);
  for (std::uint32_t n = 100; n < 108; ++n) {
    map.add(one(n, Direction::forward, n * step_ns), 0, 0);
    map.add(one(n, Direction::reverse, n * step_ns), 0, 0);
  }
  CHECK(!map.holds(key_of(1)));
  // On a member that no flow is on: whoever has the record now would be split.
  map.add(later_piece(42, tick_ns, 5), 3, 0);
  const Evidence e = all_of(map);
  CHECK_EQ(e.flows.split, 0);
  CHECK_EQ(e.flows.consistent, 8);
  CHECK_EQ(e.unjoined_fragments, 5);
  CHECK_EQ(map.flows(std::vector<EpochWindow>(1), 100).size(), 8);
}

TEST(pieces_are_joined_however_many_others_come) {
  // Room for 64 of each kind; thousands come, two seconds apart.
  FlowMap map = map_for({.members = 2, .flows_max = 1 << 14, .fragments_max = 64, .when_full = forget});
  for (std::uint32_t n = 0; n < 4000; ++n) {
    const std::uint64_t now = 2 * n * second_ns;
    map.add(one(n, Direction::forward, now), 0, 0);
    map.add(one(n, Direction::reverse, now), 0, 0);
    // Sometimes one is there before the other; the datagram's number is used again after a while.
    const std::uint64_t datagram = 1 + n % 1000;
    if (n % 2 == 0) map.add(first_piece(n, datagram, now), 0, 0);
    map.add(later_piece(datagram, now + tick_ns), n % 5 == 0 ? 1 : 0, 0);
    if (n % 2 == 1) map.add(first_piece(n, datagram, now), 0, 0);
  }
  const Evidence e = all_of(map);
  CHECK_EQ(e.flows.total, 4000);
  CHECK_EQ(e.flows.split, 800);
  CHECK_EQ(e.unjoined_fragments, 0);
  CHECK_EQ(e.judged_packets, 12'000);
  CHECK_EQ(map.tally().untracked_packets, 0);
  // All but those that came last have been settled.
  CHECK(map.tally().violated >= 780);
}

TEST(what_may_be_another_flows_is_nobodys) {
  // The piece is of flow 2, and so is the nearer first; that of flow 1 would be all that is left.
  const auto told = [](std::uint32_t fragments_max, std::uint32_t others, bool late, std::uint64_t apart_ns) {
    FlowMap map = map_for({.members = 4, .flows_max = 256, .fragments_max = fragments_max, .when_full = forget});
    for (const std::uint32_t n : {1, 2, 3}) map.add(one(n), 0, 0);
    if (!late) map.add(first_piece(2, 7, 100 * second_ns), 0, 0);
    map.add(first_piece(1, 7, 100 * second_ns + tick_ns), 0, 0);
    map.add(later_piece(7, 100 * second_ns), 3, 0);
    for (std::uint32_t i = 0; i < others; ++i) map.add(first_piece(3, 1000 + i, 100 * second_ns + i * apart_ns), 0, 0);
    if (late) map.add(first_piece(2, 7, 100 * second_ns), 0, 0);
    const Evidence e = all_of(map);
    CHECK_EQ(e.judged_packets + e.unjoined_fragments, 4);
    return e.flows.split;
  };
  // Both are known.
  CHECK_EQ(told(64, 0, false, 0), 0);
  // The nearer one had to make room, before the piece could be settled; or it comes when that has been.
  CHECK_EQ(told(2, 3, false, 40 * second_ns), 0);
  CHECK_EQ(told(2, 1, false, 40 * second_ns), 0);
  CHECK_EQ(told(8, 20, true, second_ns / 100), 0);
  // Told after more than a lifetime.
  CHECK_EQ(told(64, 20, true, second_ns / 100), 0);
}

// The nearer first piece is of a flow that found no room, so that the piece may be anybody's.
TEST(a_first_piece_whose_flow_found_no_room_makes_pieces_near_it_nobodys) {
  for (const bool has_room : {true, false}) {
    FlowMap map = map_for({.members = 2, .flows_max = has_room ? 64U : 8U, .when_full = forget});
    for (std::uint32_t n = 0; n < 8; ++n)
      for (const Direction d : {Direction::forward, Direction::reverse}) map.add(one(n, d), 0, 0);
    map.add(first_piece(1, 7, 100 * second_ns), 0, 0);
    map.add(first_piece(99, 7, 101 * second_ns), 0, 0);
    map.add(later_piece(7, 101 * second_ns), 1, 0);
    const Evidence e = all_of(map);
    CHECK_EQ(e.flows.split, 0);
    CHECK_EQ(e.unjoined_fragments, 1);
  }
}

TEST(a_flood_of_pieces_without_a_first_spoils_nothing) {
  FlowMap map = map_for({.members = 2, .flows_max = 256, .fragments_max = 64, .when_full = forget});
  for (std::uint32_t n = 0; n < 10'000; ++n) map.add(later_piece(1000 + n, n * second_ns, 2), 0, 0);
  CHECK_EQ(map.tally().untracked_packets, 0);
  CHECK_EQ(all_of(map).unjoined_fragments, 20'000);
  CHECK_EQ(map.tally().packets, 20'000);
  // And one of first pieces drives out nothing that came with them.
  map.add(one(1), 0, 0);
  map.add(later_piece(7, 20'000 * second_ns), 1, 0);
  map.add(first_piece(1, 7, 20'000 * second_ns), 0, 0);
  for (std::uint32_t n = 0; n < 10'000; ++n) map.add(first_piece(1, 5000 + n, (20'000 + 2 * n) * second_ns), 0, 0);
  const Evidence e = all_of(map);
  CHECK_EQ(e.flows.split, 1);
  CHECK_EQ(e.unjoined_fragments, 20'000);
}

TEST(settled_pieces_of_a_flow_that_was_not_seen_itself_make_none_of_it) {
  FlowMap map = map_for({.members = 2, .flows_max = 256, .fragments_max = 8, .when_full = forget});
  map.add(first_piece(1, 7, 0), 0, 0);
  map.add(later_piece(7, 0, 3), 1, 0);
  for (std::uint32_t n = 1; n < 20; ++n) {
    map.add(one(100 + n, Direction::forward, 20 * n * second_ns), 0, 0);
    map.add(first_piece(100 + n, 1000 + n, 20 * n * second_ns), 0, 0);
  }
  const Evidence e = all_of(map);
  CHECK_EQ(e.flows.total, 19);
  CHECK_EQ(map.tally().flows, 19);
  CHECK_EQ(e.unjoined_fragments, 3);
}

TEST(pieces_of_one_datagram_without_end_are_nobodys) {
  FlowMap map = map_for({.members = 2, .flows_max = 256, .fragments_max = 64, .when_full = forget});
  for (std::uint32_t n = 0; n < 2000; ++n) {
    map.add(one(n % 100), 0, 0);
    map.add(first_piece(n % 100, 7, n * tick_ns), 0, 0);
    map.add(later_piece(7, n * tick_ns), 1, 0);
  }
  CHECK_EQ(all_of(map).flows.split, 0);
}

// ---- against a map that has room for all

namespace {

struct Told {
  std::uint32_t flow = 0;
  Observation observation;
  std::uint16_t member = 0;
  std::uint16_t epoch = 0;
};

constexpr std::uint32_t universe = 60;  // a multiple of six: tuple_of() then gives flows of the same kind again
constexpr std::uint32_t members = 4;
constexpr std::uint32_t epochs = 3;

struct Scenario {
  std::uint32_t strays_one_in = 10;
  std::uint32_t answers_one_in = 3;
  std::uint32_t errors_one_in = 8;
  std::uint32_t jitter_steps = 3;  // what is told late
};

std::vector<Told> told_in(const Scenario& scenario, Random& random, std::uint32_t count) {
  const Stack stacks[]{stack_of({Layer::ipv4, Layer::tcp}), stack_of({Layer::vlan, Layer::ipv4, Layer::tcp}),
                       stack_of({Layer::ipv4, Layer::frag, Layer::tcp})};
  std::vector<Told> out;
  // Of one flow no more than is told apart.
  std::map<std::uint32_t, unsigned> variants;
  for (std::uint32_t i = 0; i < count; ++i) {
    Told told;
    // Some flows are told of often, most hardly ever.
    told.flow = random.one_in(3) ? random.below(5) : random.below(universe);
    told.epoch = static_cast<std::uint16_t>(i * epochs / count);
    told.member = static_cast<std::uint16_t>(
        random.one_in(scenario.strays_one_in) ? random.below(members) : (told.flow + told.epoch) % members);
    const bool is_answer = told.flow % 4 == 0 && random.one_in(scenario.answers_one_in);
    Observation o = one(told.flow, is_answer ? Direction::reverse : Direction::forward, 0, 1 + random.below(20));
    if (random.one_in(3) && variants[told.flow]++ < 16) {
      if (random.one_in(2)) o.stack = stacks[random.below(3)];
      if (random.one_in(2)) o.kernel_key = random.below(3);
    }
    if (random.one_in(9)) o.marks = mark_fragment;
    if (random.one_in(scenario.errors_one_in)) {
      o.marks = mark_icmp_error;
      told.member = static_cast<std::uint16_t>(random.below(members));
    }
    const std::uint64_t now = (10 + i) * step_ns / 2;
    const std::uint64_t ago =
        scenario.jitter_steps == 0 ? 0 : random.below(scenario.jitter_steps * 1000) * (step_ns / 1000);
    o.last_ns = now - ago;
    o.first_ns = o.last_ns - random.below(1000) * 1000;
    told.observation = o;
    out.push_back(told);
  }
  return out;
}

// What a flow that has not been forgotten is known by.
struct Held {
  std::uint32_t life = 0;
  std::set<Direction> directions;
  std::map<std::uint16_t, std::set<std::uint16_t>> members_by_epoch;
  std::uint64_t last_ns = 0;

  [[nodiscard]] bool is_evidence() const {
    return directions.size() == 2 || std::any_of(members_by_epoch.begin(), members_by_epoch.end(),
                                                 [](const auto& e) { return e.second.size() > 1; });
  }
  void see(const Told& told) {
    last_ns = std::max(last_ns, told.observation.last_ns);
    if ((told.observation.marks & mark_icmp_error) != 0) return;
    directions.insert(direction_of(told.observation.tuple));
    members_by_epoch[told.epoch].insert(told.member);
  }
};

// The same observation of another flow of the same kind.
Observation renamed(const Told& told, std::uint32_t life) {
  Observation o = told.observation;
  const FiveTuple fresh = tuple_of(told.flow + life * universe);
  o.tuple = direction_of(fresh) == direction_of(o.tuple) ? fresh : reversed(fresh);
  return o;
}

auto place_of(const FlowSight& s) {
  return std::tuple{s.where.epoch, s.where.member, s.where.direction, s.kernel_key, s.stack.packed()};
}

}  // namespace

// In `reference`, which has room for all, each life of a flow is a flow of its own: then both must say the same.
TEST(what_it_says_is_what_there_was_and_totals_are_complete) {
  constexpr std::uint64_t seeds = 1500;
  std::uint64_t forgotten = 0;
  std::uint64_t full_maps = 0;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    const Note note{"seed " + std::to_string(seed)};
    Random random{seed};
    const Scenario scenario{.strays_one_in = 2 + random.below(40),
                            .answers_one_in = 1 + random.below(4),
                            .errors_one_in = 2 + random.below(20),
                            .jitter_steps = random.below(2) * 3};
    const std::uint32_t room = 2 + random.below(28);
    FlowMap map =
        map_for({.members = members, .flows_max = room, .sights_max = 4 + random.below(60), .when_full = forget}, seed);
    FlowMap reference = map_for({.members = members, .flows_max = 4096, .sights_max = 4096}, seed);
    FlowMap unbounded = map_for({.members = members, .flows_max = 4096, .sights_max = 4096}, seed);
    std::map<std::uint32_t, Held> held;
    std::map<std::uint32_t, std::uint32_t> lives;
    std::uint32_t forgotten_here = 0;
    for (const Told& told : told_in(scenario, random, 200)) {
      // All that finds no room does so for good reason, and is left out of the comparison.
      FlowMapProbe::make_room(map, key_of(told.flow));
      std::vector<Held> gone;
      for (auto it = held.begin(); it != held.end();) {
        if (map.holds(key_of(it->first))) {
          ++it;
          continue;
        }
        CHECK(!it->second.is_evidence());
        gone.push_back(it->second);
        lives[it->first] = it->second.life + 1;
        ++forgotten_here;
        it = held.erase(it);
      }
      if (scenario.jitter_steps == 0)
        for (const Held& f : gone)
          for (const auto& [n, other] : held)
            CHECK(other.is_evidence() || f.last_ns / step_ns <= other.last_ns / step_ns);

      const std::uint64_t untracked = map.tally().untracked_packets;
      map.add(told.observation, told.member, told.epoch);
      if (map.tally().untracked_packets != untracked) {
        CHECK_EQ(map.tally().untracked_packets - untracked, told.observation.packets);
        // A record without anything in it may have been made for it.
        if (!held.contains(told.flow) && map.holds(key_of(told.flow)))
          held[told.flow] = {lives[told.flow], {}, {}, told.observation.last_ns};
        continue;
      }
      Held& flow = held.try_emplace(told.flow, Held{lives[told.flow], {}, {}, 0}).first->second;
      flow.see(told);
      reference.add(renamed(told, flow.life), told.member, told.epoch);
      unbounded.add(told.observation, told.member, told.epoch);
    }
    forgotten += forgotten_here;
    full_maps += map.full() ? 1 : 0;

    const Evidence actual = all_of(map, epochs);
    expect_same_counts(actual, all_of(reference, epochs));
    CHECK_EQ(actual.forgotten, map.tally().forgotten);
    CHECK_EQ(actual.flows.total, map.tally().flows);
    CHECK_EQ(actual.two_way, map.tally().two_way);
    CHECK_EQ(actual.flows.split + actual.flows.asymmetric, map.tally().violated);
    CHECK_EQ(actual.judged_packets + actual.unmatched_errors, map.tally().packets);
    CHECK_EQ(map.held(), held.size());

    // Each violation is one: of a flow that is one when nothing is forgotten, in places where it was.
    const Evidence all = all_of(unbounded, epochs);
    CHECK_EQ(actual.judged_packets + actual.unmatched_errors, all.judged_packets + all.unmatched_errors);
    for (const Violation& v : actual.violations) {
      const auto known = std::find_if(all.violations.begin(), all.violations.end(),
                                      [&](const Violation& a) { return a.key == v.key; });
      if (!CHECK(known != all.violations.end())) continue;
      for (const FlowSight& s : v.sights)
        CHECK(std::any_of(known->sights.begin(), known->sights.end(), [&](const FlowSight& k) {
          return place_of(k) == place_of(s) && k.where.packets >= s.where.packets;
        }));
    }
    // Without a life behind it, a flow that went both ways does so here.
    for (const ObservedFlow& f : unbounded.flows(std::vector<EpochWindow>(epochs), 1000)) {
      if (f.verdict == FlowVerdict::one_way || f.verdict == FlowVerdict::none) continue;
      std::uint32_t n = 0;
      while (!(key_of(n) == f.key)) ++n;
      if (lives[n] == 0) CHECK(map.holds(f.key));
    }
  }
  // Or the test would show nothing.
  CHECK(forgotten > 20 * seeds);
  CHECK(full_maps > seeds / 20);
  CHECK(full_maps < seeds - seeds / 20);
}

// With fragments too; what they join depends on what is forgotten, so only the rules are checked.
TEST(no_packet_is_lost_and_no_violation_made_up_with_fragments) {
  std::uint64_t violations = 0;
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    const Note note{"seed " + std::to_string(seed)};
    Random random{seed};
    FlowMap map = map_for({.members = members,
                           .flows_max = 2 + random.below(40),
                           .sights_max = 4 + random.below(60),
                           .fragments_max = 1 + random.below(random.one_in(2) ? 8 : 80),
                           .when_full = forget},
                          seed);
    FlowMap unbounded =
        map_for({.members = members, .flows_max = 4096, .sights_max = 8192, .fragments_max = 4096}, seed);
    std::uint64_t packets = 0;
    const std::uint32_t datagrams = 1 + random.below(universe);
    const Scenario scenario{.strays_one_in = 1000, .answers_one_in = 2, .errors_one_in = 20, .jitter_steps = 0};
    for (Told& told : told_in(scenario, random, 300)) {
      Observation& o = told.observation;
      // Flows have datagrams of one number, sometimes at about the same time.
      const std::uint64_t datagram = 1 + told.flow % datagrams;
      if (random.one_in(4)) {
        o.datagram = datagram;
        o.packets = o.bytes = 0;
        o.marks = 0;
      } else if (random.one_in(4)) {
        o.datagram = datagram;
        o.tuple.src_port = o.tuple.dst_port = 0;
        o.marks = mark_fragment;
        o.kernel_key = 77;
        told.member = static_cast<std::uint16_t>(random.below(members));
      }
      packets += o.packets;
      map.add(o, told.member, told.epoch);
      unbounded.add(o, told.member, told.epoch);
      CHECK_EQ(map.tally().packets + map.tally().untracked_packets, packets);
    }
    const Evidence e = all_of(map, epochs);
    CHECK_EQ(e.judged_packets + e.unmatched_errors + e.unjoined_fragments, map.tally().packets);
    const Evidence all = all_of(unbounded, epochs);
    for (const Violation& v : e.violations)
      CHECK(std::any_of(all.violations.begin(), all.violations.end(),
                        [&](const Violation& a) { return a.key == v.key; }));
    violations += e.violations.size();
  }
  CHECK(violations > 500);
}

// ---- size

TEST(a_flood_many_times_its_size_costs_no_more_memory) {
  constexpr std::uint32_t room = 100'000;
  FlowMap map = map_for({.members = 8, .flows_max = room, .when_full = forget});
  std::uint32_t next = 1'000'000;
  const auto flood = [&](std::uint32_t flows) {
    for (std::uint32_t i = 0; i < flows; ++i, ++next)
      map.add(one(next, Direction::forward, std::uint64_t{next} * 10'000), static_cast<std::uint16_t>(next % 8), 0);
  };
  // A tenth goes both ways, and is there before, during and after.
  for (std::uint32_t n = 0; n < room / 10; ++n)
    for (const Direction d : {Direction::forward, Direction::reverse})
      map.add(one(n, d), static_cast<std::uint16_t>(n % 8), 0);
  flood(room);
  const std::size_t bytes = map.bytes_used();
  flood(5 * room);
  CHECK_EQ(map.bytes_used(), bytes);
  CHECK(bytes / room <= 148);
  CHECK(!map.full());
  CHECK_EQ(map.tally().untracked_packets, 0);
  const Evidence e = all_of(map);
  CHECK_EQ(e.flows.consistent, room / 10);
  CHECK_EQ(e.flows.one_way, 6 * room);
  CHECK_EQ(e.flows.total, 6 * room + room / 10);
}
