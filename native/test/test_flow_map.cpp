// The collector's evidence against a plain model of it: std::map, sets, and no thought of speed.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <vector>

#include "core/evidence/flow_map.hpp"
#include "core/packet/dissect.hpp"
#include "test/check.hpp"
#include "test/evidence_checks.hpp"
#include "test/generate.hpp"

using namespace fanout;
using namespace fanout::test;

namespace {

struct Told {
  Observation observation;
  std::uint16_t member = 0;
  std::uint16_t epoch = 0;
};

FlowMap map_for(const FlowMap::Limits& limits, std::uint64_t seed = 1) {
  auto map = FlowMap::create(limits, HashSeed{seed});
  if (!map) __builtin_trap();
  return std::move(*map);
}

std::string bytes_of(const FlowKey& key) { return {reinterpret_cast<const char*>(&key), sizeof key}; }

bool before(const FlowSight& x, const FlowSight& y) {
  const auto rank = [](const FlowSight& s) {
    return std::tuple{s.where.epoch,    s.where.direction, s.where.member,
                      s.where.first_ns, s.kernel_key,      s.stack.packed()};
  };
  return rank(x) < rank(y);
}

// ---- the model

class Model {
 public:
  void add(const Told& told) {
    const Observation& o = told.observation;
    const Direction direction = direction_of(o.tuple);
    const FlowKey key = canonical(o.tuple, direction);
    keys_[bytes_of(key)] = key;
    const auto [it, fresh] =
        flows_[bytes_of(key)].try_emplace({told.epoch, told.member, direction, o.kernel_key, o.stack.packed()});
    FlowSight& s = it->second;
    const std::uint64_t first = floor_to_tick(o.first_ns);
    s.where = {told.epoch,
               told.member,
               direction,
               fresh ? first : std::min(first, s.where.first_ns),
               std::max(s.where.last_ns, floor_to_tick(o.last_ns)),
               0,
               s.where.packets + o.packets};
    s.stack = o.stack;
    s.kernel_key = o.kernel_key;
    s.bytes += o.bytes;
    s.marks |= o.marks;
    if (fresh || s.tags == tag_digest::unknown)
      s.tags = o.tags;
    else if (o.tags != tag_digest::unknown && s.tags != o.tags)
      s.tags = tag_digest::various;
  }

  Evidence evidence(const std::vector<EpochWindow>& windows, std::uint32_t members, std::size_t violations_max) const {
    Evidence e;
    e.flows_by_member.resize(members);
    e.two_way_by_epoch_and_member.assign(windows.size(), std::vector<std::uint64_t>(members));
    std::map<std::uint64_t, StackCounts> stacks;
    std::map<decltype(rank_of({})), std::pair<ViolationSignature, std::uint64_t>> groups;
    for (const auto& [bytes, by_place] : flows_) {
      std::vector<FlowSight> sights;
      for (const auto& [place, sight] : by_place)
        if (is_valid(sight, windows)) sights.push_back(sight);
      if (sights.empty()) continue;
      std::sort(sights.begin(), sights.end(), before);
      add_flow(e, stacks, groups, keys_.at(bytes), sights, windows, members);
    }
    for (auto& [packed, counts] : stacks) e.stacks.push_back(std::move(counts));
    for (auto& [rank, group] : groups) e.groups.push_back(group);
    list_examples(e, violations_max);
    return e;
  }

  std::uint64_t packets() const {
    std::uint64_t sum = 0;
    for (const auto& [key, sights] : flows_)
      for (const auto& [place, sight] : sights) sum += sight.where.packets;
    return sum;
  }

 private:
  // One of each group after the other, until there are enough. flows_ is in the order of the keys' bytes already.
  static void list_examples(Evidence& e, std::size_t violations_max) {
    std::map<decltype(rank_of({})), std::size_t> seen;
    std::vector<std::pair<std::size_t, std::size_t>> order;
    for (std::size_t i = 0; i < e.violations.size(); ++i) {
      // Those that differ in the wrapping alone are of one group.
      ViolationSignature group = e.violations[i].signature;
      group.wrapping = {};
      order.emplace_back(seen[rank_of(group)]++, i);
    }
    std::sort(order.begin(), order.end());
    order.resize(std::min(order.size(), violations_max));
    std::sort(order.begin(), order.end(), [](const auto& x, const auto& y) { return x.second < y.second; });
    std::vector<Violation> listed;
    for (const auto& [round, i] : order) listed.push_back(e.violations[i]);
    e.violations_omitted = e.violations.size() - listed.size();
    e.violations = std::move(listed);
  }

  using Place = std::tuple<std::uint16_t, std::uint16_t, Direction, std::uint64_t, std::uint64_t>;

  // All of the tick in which it was first seen lies before the end.
  static bool is_valid(const FlowSight& s, const std::vector<EpochWindow>& windows) {
    return s.where.epoch < windows.size() && s.where.first_ns + tick_ns - 1 < windows[s.where.epoch].end_ns;
  }

  static FlowVerdict verdict_of(const std::set<std::uint16_t>& there, const std::set<std::uint16_t>& back) {
    if (there.size() > 1 || back.size() > 1) return FlowVerdict::split;
    if (there.empty() || back.empty()) return FlowVerdict::one_way;
    return there == back ? FlowVerdict::consistent : FlowVerdict::asymmetric;
  }

  static FlowVerdict worst_of(const std::vector<FlowSight>& sights) {
    std::map<std::uint16_t, std::array<std::set<std::uint16_t>, 2>> seen;
    for (const FlowSight& s : sights)
      seen[s.where.epoch][static_cast<std::size_t>(s.where.direction)].insert(s.where.member);
    FlowVerdict worst = FlowVerdict::none;
    for (const auto& [epoch, where] : seen) worst = std::max(worst, verdict_of(where[0], where[1]));
    return worst;
  }

  // Each packet is left out in turn.
  static bool rests_on_one(const std::vector<FlowSight>& sights) {
    for (std::size_t i = 0; i < sights.size(); ++i) {
      std::vector<FlowSight> rest = sights;
      if (--rest[i].where.packets == 0) rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
      if (worst_of(rest) < FlowVerdict::asymmetric) return true;
    }
    return false;
  }

  static ViolationSignature signature(const FlowKey& key, FlowVerdict kind, const std::vector<FlowSight>& sights) {
    std::map<std::pair<std::uint16_t, std::uint64_t>, std::set<std::uint16_t>> members_of_key;
    std::set<std::uint64_t> stacks;
    std::set<std::uint16_t> tags, whole_keys, keys_without_index;
    bool indexed = false;
    std::set<bool> labelled[2];
    ViolationSignature s;
    s.kind = kind;
    s.on_one_packet = rests_on_one(sights);
    for (const FlowSight& sight : sights) {
      members_of_key[{sight.where.epoch, sight.kernel_key}].insert(sight.where.member);
      stacks.insert(sight.stack.packed());
      const bool is_fragment = (sight.marks & mark_fragment) != 0, has_index = (sight.marks & mark_index) != 0;
      if (!is_fragment) tags.insert(sight.tags);
      const std::uint16_t whole = is_fragment ? sight.tags : tag_digest::of_whole(sight.kernel_key);
      if (whole != tag_digest::unknown) {
        whole_keys.insert(whole);
        if (!has_index) keys_without_index.insert(whole);
      }
      indexed = indexed || has_index;
      labelled[static_cast<int>(sight.where.direction)].insert((sight.marks & mark_flow_label) != 0);
      // The one stack with fragments is within reach.
      if (is_fragment) s.fragments = Fragments::in_reach;
      if ((sight.marks & mark_stale_ipv6) != 0) s.stale_ipv6 = true;
      if ((sight.marks & mark_sent_tagged) != 0) s.sent_tagged = true;
    }
    s.stack = Stack{*stacks.begin()};
    s.tags_differ = tags.size() > 1 || tags.contains(tag_digest::various);
    // Of the stacks that the scenarios have, one differs by fragments alone, and one by AH.
    std::map<std::string, Stack> wrappings;
    std::set<std::string> but_for_index;
    for (const std::uint64_t packed : stacks) {
      const auto without = [](std::string text, const std::string& layer) {
        const auto at = text.find(layer);
        return at == std::string::npos ? text : text.erase(at, layer.size());
      };
      const std::string text = without(Stack{packed}.text(), "/frag");
      wrappings[text] = text == "ipv4/tcp" ? stack_of({Layer::ipv4, Layer::tcp}) : Stack{packed};
      but_for_index.insert(without(text, "/ah"));
    }
    s.mixed_wrappings = wrappings.size() > 1;
    if (wrappings.size() == 2) {
      const std::string own = Stack{*stacks.begin()}.text();
      for (const auto& [text, stack] : wrappings)
        if (text != (own == "ipv4/frag/tcp" ? "ipv4/tcp" : own)) s.wrapping = stack;
    }
    const auto differ = [](const std::set<std::uint16_t>& keys) {
      return keys.size() > 1 || keys.contains(tag_digest::various);
    };
    s.whole_keys_differ = differ(whole_keys);
    s.only_index_differs = s.whole_keys_differ && indexed && but_for_index.size() == 1 && !differ(keys_without_index);
    for (const auto& [key_of_epoch, members] : members_of_key)
      s.one_kernel_key = s.one_kernel_key || members.size() > 1;
    s.top_bit_pair =
        key.family == 4 && std::equal(key.a.begin(), key.a.begin() + 3, key.b.begin()) && (key.a[3] ^ key.b[3]) == 128;
    const std::set<bool> only_with{true}, only_without{false};
    const auto one_way = [&](int with, int without) {
      return labelled[with].contains(true) && labelled[without] == only_without;
    };
    s.label_one_way = key.family == 6 && (one_way(0, 1) || one_way(1, 0));
    return s;
  }

  template <typename Stacks, typename Groups>
  static void add_flow(Evidence& e, Stacks& stacks, Groups& groups, const FlowKey& key,
                       const std::vector<FlowSight>& sights, const std::vector<EpochWindow>& windows,
                       std::uint32_t members) {
    std::map<std::uint16_t, std::array<std::set<std::uint16_t>, 2>> seen;
    std::set<std::uint16_t> on;
    std::set<Direction> directions;
    std::uint64_t packets = 0;
    std::uint64_t smallest = ~std::uint64_t{0};
    bool sent_tagged = false;
    for (const FlowSight& s : sights) {
      sent_tagged = sent_tagged || (s.marks & mark_sent_tagged) != 0;
      seen[s.where.epoch][static_cast<std::size_t>(s.where.direction)].insert(s.where.member);
      on.insert(s.where.member);
      directions.insert(s.where.direction);
      packets += s.where.packets;
      smallest = std::min(smallest, s.stack.packed());
    }
    StackCounts& stack = stacks.try_emplace(smallest).first->second;
    stack.stack = Stack{smallest};
    stack.two_way_by_member.resize(members);
    if (sent_tagged) ++stack.sent_tagged;
    FlowVerdict worst = FlowVerdict::none;
    for (const auto& [epoch, where] : seen) {
      CHECK(epoch < windows.size());
      const FlowVerdict verdict = verdict_of(where[0], where[1]);
      worst = std::max(worst, verdict);
      if (verdict != FlowVerdict::consistent) continue;
      ++e.two_way_by_epoch_and_member[epoch][*where[0].begin()];
      ++stack.two_way_by_member[*where[0].begin()];
    }
    for (FlowCounts* counts : {&e.flows, &stack.flows}) {
      ++counts->total;
      if (worst == FlowVerdict::one_way) ++counts->one_way;
      if (worst == FlowVerdict::consistent) ++counts->consistent;
      if (worst == FlowVerdict::asymmetric) ++counts->asymmetric;
      if (worst == FlowVerdict::split) ++counts->split;
    }
    if (directions.size() == 2) {
      ++e.two_way;
      ++stack.two_way;
    }
    for (const std::uint16_t member : on) ++e.flows_by_member[member];
    e.judged_packets += packets;
    e.top_flow_packets = std::max(e.top_flow_packets, packets);
    if (worst < FlowVerdict::asymmetric) return;
    const ViolationSignature s = signature(key, worst, sights);
    ++groups.try_emplace(rank_of(s), s, 0).first->second.second;
    e.violations.push_back({key, s, sights});
  }

  std::map<std::string, std::map<Place, FlowSight>> flows_;
  std::map<std::string, FlowKey> keys_;
};

// ---- inputs

struct Scenario {
  std::uint32_t members = 4;
  std::uint32_t epochs = 1;
  std::uint32_t flows = 100;
  std::uint32_t observations = 1000;
  std::uint32_t strays_one_in = 20;  // seen on any member instead of the flow's own
  unsigned variants_max = 15;        // observations of one flow with another kernel key or stack
  std::vector<EpochWindow> windows{};
};

std::vector<Told> told_in(const Scenario& scenario, std::uint64_t seed) {
  Random random{seed};
  const Stack stacks[]{stack_of({Layer::ipv4, Layer::tcp}), stack_of({Layer::vlan, Layer::ipv4, Layer::tcp}),
                       stack_of({Layer::ipv4, Layer::gre, Layer::ipv4, Layer::tcp}),
                       stack_of({Layer::ipv4, Layer::frag, Layer::tcp}),
                       stack_of({Layer::ipv4, Layer::ah, Layer::tcp})};
  std::vector<Told> out;
  // Of one flow no more than is told apart: what is beyond that depends on the order.
  std::map<std::uint32_t, unsigned> variants;
  for (std::uint32_t i = 0; i < scenario.observations; ++i) {
    const std::uint32_t n = random.below(scenario.flows);
    Told told;
    Observation& o = told.observation;
    o.tuple = tuple_of(n);
    // Some pairs that differ in the top bit only.
    if (n % 10 == 0) o.tuple.dst = o.tuple.src, o.tuple.dst[3] = static_cast<std::uint8_t>(o.tuple.src[3] ^ 0x80);
    if (random.one_in(2)) o.tuple = reversed(o.tuple);
    o.stack = stacks[0];
    o.kernel_key = n;
    if (random.one_in(4) && variants[n]++ < scenario.variants_max) {
      if (!random.one_in(3)) o.stack = stacks[random.below(5)];
      if (random.one_in(2)) o.kernel_key = random.below(3);
    }
    o.marks = static_cast<std::uint8_t>(
        (o.stack == stacks[3]   ? mark_fragment
         : o.stack == stacks[4] ? mark_index
                                : 0) |
        (n % 7 == 0 && direction_of(o.tuple) == Direction::forward ? mark_flow_label : 0) |
        (n % 5 == 0 && random.one_in(2) ? mark_flow_label : 0) | (random.one_in(9) ? mark_sent_tagged : 0));
    // One VLAN for nearly all packets of a flow.
    o.tags = static_cast<std::uint16_t>(n % 3 == 0 ? 0 : random.one_in(20) ? random.below(3) : 1);
    // Nearly all of its datagrams would have the flow's own kernel key.
    if (o.stack == stacks[3])
      o.tags = random.one_in(3) ? tag_digest::unknown : tag_digest::of_whole(random.one_in(4) ? random.below(3) : n);
    o.packets = random.one_in(3) ? 1 : 1 + random.below(1000);
    o.bytes = o.packets * 60;
    // Few different ticks, so that ties come up.
    o.first_ns = random.below(64) * tick_ns / 2;
    o.last_ns = o.first_ns + random.below(1U << 20);
    told.epoch = static_cast<std::uint16_t>(random.below(scenario.epochs));
    told.member = static_cast<std::uint16_t>(
        random.one_in(scenario.strays_one_in) ? random.below(scenario.members) : (n + told.epoch) % scenario.members);
    out.push_back(told);
  }
  return out;
}

void shuffle(std::vector<Told>& list, Random& random) {
  for (std::size_t i = list.size(); i > 1; --i)
    std::swap(list[i - 1], list[random.below(static_cast<std::uint32_t>(i))]);
}

void add_all(FlowMap& map, const std::vector<Told>& list) {
  for (const Told& told : list) map.add(told.observation, told.member, told.epoch);
}

std::vector<std::byte> message_of(const std::vector<Observation>& list, std::uint32_t member, std::uint32_t epoch) {
  std::vector<std::byte> out(wire::batch_header_bytes + list.size() * wire::observation_bytes_max);
  wire::BatchWriter writer{out, member, epoch};
  for (const Observation& o : list) writer.append(o);
  out.resize(writer.finish());
  return out;
}

Observation one(std::uint32_t n, Direction direction = Direction::forward, std::uint64_t first_ns = 0,
                std::uint64_t packets = 1) {
  Observation o;
  o.tuple = tuple_of(n);
  if (direction_of(o.tuple) != direction) o.tuple = reversed(o.tuple);
  o.stack = stack_of({Layer::ipv4, Layer::tcp});
  o.packets = packets;
  o.bytes = packets * 60;
  o.first_ns = o.last_ns = first_ns;
  return o;
}

std::vector<EpochWindow> open_epochs(std::size_t count) { return std::vector<EpochWindow>(count); }

}  // namespace

TEST(evidence_agrees_with_the_model_in_every_order) {
  const Scenario scenarios[]{
      {},
      {.members = 1, .flows = 20},
      {.members = 300, .flows = 50, .observations = 5000, .strays_one_in = 2},
      {.members = 16, .flows = 5000, .observations = 8000},
      {.members = 3,
       .epochs = 6,
       .flows = 60,
       .observations = 3000,
       .windows = {{20 * tick_ns}, {tick_ns / 2}, {}, {}, {0}, {31 * tick_ns + 7}}},
      {.members = 8, .epochs = 40, .flows = 10, .observations = 4000, .strays_one_in = 4},
      // Told of in an epoch that was never announced.
      {.members = 4, .epochs = 3, .windows = open_epochs(2)},
      {.members = 4, .windows = {}},
  };
  for (const Scenario& scenario : scenarios) {
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      const Note note{"scenario " + std::to_string(&scenario - scenarios) + ", seed " + std::to_string(seed)};
      const bool none_announced = &scenario - scenarios == 7;
      const auto windows =
          scenario.windows.empty() && !none_announced ? open_epochs(scenario.epochs) : scenario.windows;
      auto list = told_in(scenario, seed);
      Model model;
      for (const Told& told : list) model.add(told);
      Random random{seed};
      for (int order = 0; order < 3; ++order) {
        FlowMap map = map_for({.members = scenario.members}, random.next());
        add_all(map, list);
        for (const std::size_t violations_max : {0U, 1U, 7U, 40U, 100'000U})
          expect_same(map.evidence(windows, violations_max), model.evidence(windows, scenario.members, violations_max));
        shuffle(list, random);
      }
    }
  }
}

TEST(sights_that_differ_in_the_stack_only_are_listed_in_one_order) {
  Observation plain = one(1);
  Observation tagged = one(1);
  tagged.stack = stack_of({Layer::vlan, Layer::ipv4, Layer::tcp});
  FlowMap plain_first = map_for({.members = 2});
  FlowMap tagged_first = map_for({.members = 2});
  add_all(plain_first, {{plain, 0, 0}, {tagged, 0, 0}, {plain, 1, 0}});
  add_all(tagged_first, {{tagged, 0, 0}, {plain, 0, 0}, {plain, 1, 0}});
  expect_same(plain_first.evidence(open_epochs(1), 10), tagged_first.evidence(open_epochs(1), 10));
}

TEST(an_echo_is_asked_by_whoever_sent_a_request) {
  const auto sight = [](Direction direction, std::uint8_t marks) {
    FlowSight out;
    out.where.direction = direction;
    out.marks = marks;
    return out;
  };
  const auto forward = Direction::forward, reverse = Direction::reverse;
  const auto key = [](std::uint8_t protocol, std::uint8_t family) {
    return FlowKey{{}, {}, 0, 0, protocol, family, 0};
  };
  const FlowKey ping = key(1, 4), ping6 = key(58, 6);
  const std::vector<FlowSight> both{sight(forward, 0), sight(reverse, mark_echo_request | mark_fragment)};
  CHECK(echo_requests(ping, both) == reverse);
  CHECK(echo_requests(ping6, both) == reverse);
  CHECK(!echo_requests(key(58, 4), both));
  CHECK(!echo_requests(key(6, 4), both));
  CHECK(echo_requests(ping, std::vector{sight(forward, 0)}) == reverse);
  CHECK(echo_requests(ping, std::vector{sight(reverse, mark_fragment)}) == forward);
  CHECK(!echo_requests(ping, {}));
}

TEST(tally_agrees_with_evidence_while_no_epoch_ended) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const Note note{"seed " + std::to_string(seed)};
    const Scenario scenario{.members = 4, .epochs = 3, .flows = 300, .observations = 3000};
    const auto list = told_in(scenario, seed);
    FlowMap map = map_for({.members = 4});
    for (std::size_t i = 0; i < list.size(); ++i) {
      map.add(list[i].observation, list[i].member, list[i].epoch);
      if (i % 500 != 0) continue;
      const Evidence e = map.evidence(open_epochs(3), 0);
      CHECK_EQ(map.tally().flows, e.flows.total);
      CHECK_EQ(map.tally().two_way, e.two_way);
      CHECK_EQ(map.tally().violated, e.flows.split + e.flows.asymmetric);
      CHECK_EQ(map.tally().packets, e.judged_packets);
    }
    CHECK_EQ(map.tally().untracked_observations, 0);
  }
}

TEST(what_a_full_map_cannot_take_is_counted) {
  FlowMap map = map_for({.members = 2, .flows_max = 100});
  for (std::uint32_t n = 0; n < 150; ++n) map.add(one(n, Direction::forward, 0, 2), 0, 0);
  for (std::uint32_t n = 0; n < 150; ++n) map.add(one(n, Direction::reverse, 0, 2), 0, 0);
  CHECK_EQ(map.tally().flows, 100);
  CHECK_EQ(map.tally().packets, 400);
  CHECK_EQ(map.tally().untracked_observations, 100);
  CHECK_EQ(map.tally().untracked_packets, 200);
  const Evidence e = map.evidence(open_epochs(1), 0);
  CHECK_EQ(e.flows.consistent, 100);
  CHECK_EQ(e.judged_packets, 400);
}

TEST(packets_are_tracked_or_untracked_and_never_both) {
  FlowMap map = map_for({.members = 4, .sights_max = 3});
  for (std::uint16_t member = 0; member < 4; ++member)
    for (std::uint32_t n = 0; n < 2; ++n) map.add(one(n), member, 0);
  CHECK_EQ(map.tally().untracked_packets, 3);
  CHECK_EQ(map.tally().packets, 5);
  CHECK_EQ(map.evidence(open_epochs(1), 0).judged_packets, 5);
}

TEST(a_flow_of_endless_kernel_keys_is_bounded_and_counted_in_full) {
  FlowMap map = map_for({.members = 4, .sights_max = 64});
  Random random{5};
  std::uint64_t told[4]{};
  for (std::uint64_t key = 0; key < 60'000; ++key) {
    Observation o = one(1, random.one_in(2) ? Direction::forward : Direction::reverse);
    const auto member = static_cast<std::uint16_t>(random.below(4));
    o.kernel_key = key;
    ++told[member];
    map.add(o, member, 0);
  }
  CHECK_EQ(map.tally().packets, 60'000);
  CHECK_EQ(map.tally().untracked_packets, 0);
  const Evidence e = map.evidence(open_epochs(1), 10);
  CHECK_EQ(e.judged_packets, 60'000);
  CHECK_EQ(e.many_keyed, 1);
  if (!CHECK_EQ(e.violations.size(), 1)) return;
  CHECK_EQ(e.violations[0].signature.kind, FlowVerdict::split);
  CHECK(!e.violations[0].signature.one_kernel_key);
  CHECK(e.violations[0].sights.size() <= 8 + 15);
  std::uint64_t listed[4]{};
  for (const FlowSight& s : e.violations[0].sights) listed[s.where.member] += s.where.packets;
  for (std::size_t member = 0; member < 4; ++member) CHECK_EQ(listed[member], told[member]);
}

// Whatever is added to a sighting of its place: who saw which direction stays what it was.
TEST(more_keys_than_are_told_apart_change_no_verdict) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const Note note{"seed " + std::to_string(seed)};
    const Scenario scenario{.members = 5, .epochs = 3, .flows = 20, .observations = 6000, .variants_max = 10'000};
    auto list = told_in(scenario, seed);
    Model model;
    for (const Told& told : list) model.add(told);
    Evidence expected = model.evidence(open_epochs(3), 5, 1000);
    Random random{seed};
    for (int order = 0; order < 3; ++order) {
      const FlowMap map = [&] {
        FlowMap out = map_for({.members = 5});
        add_all(out, list);
        return out;
      }();
      Evidence actual = map.evidence(open_epochs(3), 1000);
      CHECK(actual.many_keyed > 5);
      CHECK_EQ(map.tally().untracked_packets, 0);
      // Which kernel keys and wrappings were seen is not known of all.
      std::vector<FlowKey> violated, violated_in_model;
      for (const Violation& v : actual.violations) violated.push_back(v.key);
      for (const Violation& v : expected.violations) violated_in_model.push_back(v.key);
      CHECK(violated == violated_in_model);
      for (Evidence* e : {&actual, &expected}) {
        e->groups.clear();
        e->stacks.clear();
      }
      expect_same_counts(actual, expected);
      shuffle(list, random);
    }
  }
}

TEST(errors_of_endless_kernel_keys_leave_those_of_the_flow_alone) {
  FlowMap map = map_for({.members = 2, .sights_max = 64});
  for (std::uint64_t key = 0; key < 1000; ++key) {
    Observation o = one(1);
    o.marks = mark_icmp_error;
    o.kernel_key = 1000 + key;
    map.add(o, 0, 0);
  }
  for (std::uint64_t key = 0; key < 5; ++key) {
    Observation o = one(1);
    o.kernel_key = key;
    map.add(o, 0, 0);
  }
  map.add(one(1), 1, 0);
  const Evidence e = map.evidence(open_epochs(1), 10);
  CHECK_EQ(e.judged_packets, 1006);
  if (!CHECK_EQ(e.violations.size(), 1)) return;
  CHECK_EQ(e.violations[0].sights.size(), 6);
  CHECK(e.violations[0].signature.one_kernel_key);
}

TEST(of_a_violation_in_many_places_the_first_are_listed) {
  FlowMap map = map_for({.members = 300});
  for (std::uint16_t member = 0; member < 300; ++member) map.add(one(1), member, 0);
  const Evidence e = map.evidence(open_epochs(1), 10);
  if (!CHECK_EQ(e.violations.size(), 1)) return;
  CHECK_EQ(e.violations[0].sights.size(), 256);
  CHECK_EQ(e.violations[0].sights_omitted, 44);
  for (std::uint16_t member = 0; member < 256; ++member) CHECK_EQ(e.violations[0].sights[member].where.member, member);
  CHECK_EQ(e.judged_packets, 300);
}

TEST(a_rare_kind_of_violation_is_listed_whatever_there_is_beside_it) {
  std::vector<Told> list;
  for (std::uint32_t n = 0; n < 3000; ++n)
    for (std::uint16_t member = 0; member < 2; ++member) list.push_back({one(n), member, 0});
  // Of another kind: the directions differ. They come last, and by key they are somewhere.
  for (std::uint32_t n = 3000; n < 3003; ++n) {
    list.push_back({one(n), 0, 0});
    list.push_back({one(n, Direction::reverse), 1, 0});
  }
  Random random{7};
  for (int order = 0; order < 3; ++order) {
    FlowMap map = map_for({.members = 2}, random.next());
    add_all(map, list);
    const Evidence e = map.evidence(open_epochs(1), 100);
    CHECK_EQ(e.violations.size(), 100);
    CHECK_EQ(e.violations_omitted, 2903);
    CHECK_EQ(std::count_if(e.violations.begin(), e.violations.end(),
                           [](const Violation& v) { return v.signature.kind == FlowVerdict::asymmetric; }),
             3);
    shuffle(list, random);
  }
}

namespace {

// Beyond ten layers none is told apart, and nor is any that has a gap.
Stack stack_number(std::uint32_t n) {
  Stack stack;
  for (; n != 0; n /= 20) stack.push(static_cast<Layer>(1 + n % 20));
  return stack;
}

const StackCounts* counts_of(const Evidence& e, Stack stack) {
  const auto found =
      std::find_if(e.stacks.begin(), e.stacks.end(), [&](const StackCounts& s) { return s.stack == stack; });
  return found == e.stacks.end() ? nullptr : &*found;
}

FlowCounts sum_of(const Evidence& e) {
  FlowCounts sum;
  for (const StackCounts& s : e.stacks) {
    sum.total += s.flows.total;
    sum.one_way += s.flows.one_way;
    sum.consistent += s.flows.consistent;
    sum.duplicated += s.flows.duplicated;
    sum.asymmetric += s.flows.asymmetric;
    sum.split += s.flows.split;
    sum.unjudged += s.flows.unjudged;
  }
  return sum;
}

}  // namespace

TEST(endless_stacks_in_one_direction_displace_none_that_tells_something) {
  for (const auto when_full : {FlowMap::WhenFull::count, FlowMap::WhenFull::forget}) {
    // Where flows are forgotten, most of the crafted ones are.
    FlowMap map = map_for(
        {.members = 2, .flows_max = when_full == FlowMap::WhenFull::count ? 8192U : 1024U, .when_full = when_full});
    for (std::uint32_t n = 0; n < 3000; ++n) {
      Observation o = one(10'000 + n);
      o.stack = stack_number(50'000 + n);
      map.add(o, 0, 0);
    }
    const Stack real =
        stack_of({Layer::vlan, Layer::ipv4, Layer::udp, Layer::vxlan, Layer::eth, Layer::ipv4, Layer::tcp});
    for (std::uint32_t n = 0; n < 40; ++n) {
      for (const Direction d : {Direction::forward, Direction::reverse}) {
        Observation o = one(n, d);
        o.stack = real;
        o.kernel_key = n;
        map.add(o, n == 7 && d == Direction::reverse ? 1 : 0, 0);
      }
    }
    const Evidence e = map.evidence(open_epochs(1), 10);
    CHECK_EQ(e.flows.total, 3040);
    CHECK_EQ(e.flows.consistent, 39);
    CHECK_EQ(e.flows.asymmetric, 1);
    CHECK_EQ(e.flows.unjudged, 0);
    CHECK_EQ(e.unjudged_packets, 0);
    CHECK(e.stacks.size() <= stacks_max + 1);
    CHECK_EQ(sum_of(e).total, 3040);
    CHECK_EQ(sum_of(e).one_way, 3000);
    const StackCounts* const counts = counts_of(e, real);
    if (!CHECK(counts != nullptr)) return;
    CHECK_EQ(counts->flows.consistent, 39);
    CHECK_EQ(counts->flows.asymmetric, 1);
    if (!CHECK_EQ(e.groups.size(), 1)) return;
    CHECK(e.groups[0].first.stack == real);
    CHECK(e.groups[0].first.one_kernel_key);
  }
}

TEST(of_endless_stacks_that_tell_something_the_shallow_ones_are_judged_in_every_order) {
  std::vector<Told> list;
  const Stack real = stack_of({Layer::ipv4, Layer::tcp});
  const auto add = [&](std::uint32_t n, Stack stack, std::uint16_t back) {
    for (const Direction d : {Direction::forward, Direction::reverse}) {
      Observation o = one(n, d, 0, 3);
      o.stack = stack;
      o.kernel_key = n;
      list.push_back({o, static_cast<std::uint16_t>(d == Direction::forward ? 0 : back), 0});
    }
  };
  // Every second one apart.
  for (std::uint32_t n = 0; n < 3000; ++n)
    add(10'000 + n, stack_number(100'000 + n), static_cast<std::uint16_t>(n % 2));
  for (std::uint32_t n = 0; n < 50; ++n) add(n, real, 0);
  std::optional<Evidence> first;
  Random random{3};
  for (int order = 0; order < 4; ++order) {
    const Note note{"order " + std::to_string(order)};
    FlowMap map = map_for({.members = 2}, random.next());
    add_all(map, list);
    const Evidence e = map.evidence(open_epochs(1), 100'000);
    CHECK_EQ(e.flows.total, 3050);
    CHECK_EQ(e.two_way, 3050);
    CHECK_EQ(e.flows.unjudged, 3000 - (stacks_max - 1));
    CHECK_EQ(e.unjudged_packets, 6 * e.flows.unjudged);
    CHECK_EQ(e.judged_packets + e.unjudged_packets, 3050 * 6);
    CHECK_EQ(e.flows.consistent + e.flows.asymmetric + e.flows.unjudged, 3050);
    CHECK_EQ(e.violations.size(), e.flows.asymmetric);
    // Nothing in the shared entry is judged, and no violation is of it.
    const StackCounts* const others = counts_of(e, stack_of({Layer::other}));
    if (!CHECK(others != nullptr)) return;
    CHECK_EQ(others->flows.unjudged, e.flows.unjudged);
    CHECK_EQ(others->flows.total, e.flows.unjudged);
    CHECK_EQ(others->two_way_by_member[0], 0);
    CHECK_EQ(sum_of(e).consistent, e.flows.consistent);
    const StackCounts* const counts = counts_of(e, real);
    CHECK(counts != nullptr && counts->flows.consistent == 50);
    if (!first)
      first = e;
    else
      expect_same(e, *first);
    shuffle(list, random);
  }
}

TEST(counters_saturate_instead_of_wrapping) {
  FlowMap map = map_for({.members = 1});
  for (int i = 0; i < 3; ++i) map.add(one(1, Direction::forward, 0, 0xffff'ffff), 0, 0);
  CHECK(map.evidence(open_epochs(1), 0).judged_packets >= 0xffff'ffff);
}

// After 78 hours the clock of the records stands still: such a sighting cannot be placed before the end of an epoch.
TEST(a_sighting_beyond_the_clock_proves_nothing_in_an_ended_epoch) {
  constexpr std::uint64_t week_ns = 7ULL * 24 * 3600 * 1'000'000'000;
  FlowMap map = map_for({.members = 2});
  map.add(one(1, Direction::forward, week_ns), 0, 0);
  map.add(one(1, Direction::reverse, week_ns), 1, 0);
  CHECK_EQ(map.evidence(open_epochs(1), 0).flows.asymmetric, 1);
  CHECK_EQ(map.evidence(std::vector<EpochWindow>{{week_ns - 1}}, 0).flows.total, 0);
}

TEST(a_packet_seen_just_after_the_end_proves_nothing) {
  constexpr std::uint64_t end = 10 * tick_ns + tick_ns / 2;
  FlowMap map = map_for({.members = 2});
  map.add(one(1, Direction::forward, tick_ns), 0, 0);
  map.add(one(1, Direction::reverse, end), 1, 0);
  const Evidence e = map.evidence(std::vector<EpochWindow>{{end}}, 0);
  CHECK_EQ(e.flows.asymmetric, 0);
  CHECK_EQ(e.flows.one_way, 1);
}

TEST(messages_say_what_single_observations_say) {
  const Scenario scenario{.members = 4, .flows = 200, .observations = 3000};
  const auto list = told_in(scenario, 5);
  Model model;
  FlowMap map = map_for({.members = 4});
  std::array<std::vector<Observation>, 4> by_member;
  for (const Told& told : list) {
    model.add(told);
    by_member[told.member].push_back(told.observation);
  }
  for (std::uint32_t member = 0; member < 4; ++member) {
    const IngestResult result = map.ingest(message_of(by_member[member], member, 0), member);
    CHECK(result.ok);
    CHECK_EQ(result.observations, by_member[member].size());
  }
  expect_same(map.evidence(open_epochs(1), 1000), model.evidence(open_epochs(1), 4, 1000));
  CHECK_EQ(map.tally().packets, model.packets());
}

TEST(a_malformed_message_changes_nothing) {
  const Scenario scenario{.members = 4, .flows = 50, .observations = 200};
  FlowMap map = map_for({.members = 4});
  add_all(map, told_in(scenario, 6));
  const Evidence before_it = map.evidence(open_epochs(1), 100);
  const Tally tally = map.tally();

  std::vector<Observation> many;
  for (std::uint32_t n = 1000; n < 1100; ++n) many.push_back(one(n));
  const auto good = message_of(many, 1, 0);
  auto bad_at_the_end = good;
  bad_at_the_end.back() = std::byte{0xc1};
  const auto refused = [&](std::span<const std::byte> message, std::uint32_t member) {
    const IngestResult result = map.ingest(message, member);
    CHECK(!result.ok);
    CHECK_EQ(result.observations, 0);
    CHECK(result.error_offset <= message.size());
  };
  refused({}, 1);
  refused(bad_at_the_end, 1);
  refused(std::span{good}.first(good.size() - 1), 1);
  refused(good, 2);                                     // in the name of another member
  refused(message_of(many, 4, 0), 4);                   // a member that the run does not have
  refused(message_of(many, 0x10001, 0), 0x10001);       // would be member 1 in sixteen bits
  refused(message_of(many, 1, 0x10000), 1);             // would be epoch 0 in sixteen bits
  CHECK(!map.ingest(message_of(many, 1, 3), 1, 2).ok);  // of an epoch that was not announced yet

  expect_same(map.evidence(open_epochs(1), 100), before_it);
  CHECK_EQ(map.tally().flows, tally.flows);
  CHECK_EQ(map.tally().packets, tally.packets);
  CHECK_EQ(map.tally().untracked_observations, tally.untracked_observations);
  CHECK(map.ingest(good, 1).ok);
  CHECK_EQ(map.tally().flows, tally.flows + 100);
}

TEST(two_million_flows_are_all_found_again) {
  constexpr std::uint32_t flows = 2'000'000;
  FlowMap map = map_for({.members = 8, .flows_max = flows});
  for (const Direction direction : {Direction::forward, Direction::reverse})
    for (std::uint32_t n = 0; n < flows; ++n) map.add(one(n, direction), static_cast<std::uint16_t>(n % 8), 0);
  CHECK_EQ(map.tally().flows, flows);
  CHECK_EQ(map.tally().two_way, flows);
  CHECK_EQ(map.tally().violated, 0);
  CHECK(map.bytes_used() / flows <= 160);
  const Evidence e = map.evidence(open_epochs(1), 10);
  CHECK_EQ(e.flows.consistent, flows);
  for (const std::uint64_t count : e.flows_by_member) CHECK_EQ(count, flows / 8);
}

// ---- ICMP errors, fragments and copies

namespace {

struct Placed {
  Observation observation;
  std::uint16_t member = 0;
};

Evidence evidence_of(const std::vector<Placed>& list) {
  FlowMap map = map_for({.members = 4});
  for (const Placed& p : list) map.add(p.observation, p.member, 0);
  return map.evidence(std::vector<EpochWindow>(1), 10);
}

// The verdict must not depend on the order of arrival.
template <typename Check>
void in_every_order(std::vector<Placed> list, Check&& check) {
  std::vector<std::size_t> order(list.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  do {
    std::vector<Placed> arranged;
    for (const std::size_t i : order) arranged.push_back(list[i]);
    check(arranged);
  } while (std::next_permutation(order.begin(), order.end()));
}

Observation error_about(std::uint32_t n) {
  Observation o = one(n);
  o.marks = mark_icmp_error;
  o.kernel_key = 999;
  o.stack = stack_of({Layer::ipv4, Layer::icmp, Layer::ipv4, Layer::tcp});
  return o;
}

Observation first_piece(std::uint32_t n, std::uint64_t datagram) {
  Observation o = one(n, Direction::forward, 5 * tick_ns, 0);
  o.datagram = datagram;
  return o;
}

Observation later_pieces(std::uint64_t datagram, std::uint64_t packets = 2) {
  Observation o = one(12345, Direction::forward, 6 * tick_ns, packets);
  o.tuple.src_port = o.tuple.dst_port = 0;
  o.datagram = datagram;
  o.marks = mark_fragment;
  o.kernel_key = 77;
  return o;
}

}  // namespace

TEST(an_icmp_error_parts_no_flow) {
  in_every_order({{one(1), 0}, {one(1, Direction::reverse), 0}, {error_about(1), 3}},
                 [](const std::vector<Placed>& list) {
                   const Evidence e = evidence_of(list);
                   CHECK_EQ(e.flows.total, 1);
                   CHECK_EQ(e.flows.consistent, 1);
                   CHECK_EQ(e.unmatched_errors, 0);
                   CHECK_EQ(e.judged_packets, 3);
                   if (CHECK_EQ(e.stacks.size(), 1)) CHECK_EQ(e.stacks[0].errors_elsewhere, 1);
                 });
  const Evidence together = evidence_of({{one(1), 2}, {error_about(1), 2}});
  CHECK_EQ(together.flows.one_way, 1);
  if (CHECK_EQ(together.stacks.size(), 1)) CHECK_EQ(together.stacks[0].errors_elsewhere, 0);
}

TEST(an_icmp_error_is_none_of_the_packets_whatever_else_they_share) {
  Observation packet = one(1), error = one(1);
  packet.kernel_key = error.kernel_key = 999;
  error.marks = mark_icmp_error;
  in_every_order({{one(1), 0}, {packet, 3}, {error, 3}}, [](const std::vector<Placed>& list) {
    const Evidence e = evidence_of(list);
    CHECK_EQ(e.flows.split, 1);
    CHECK_EQ(e.judged_packets, 3);
    if (CHECK_EQ(e.stacks.size(), 1)) CHECK_EQ(e.stacks[0].errors_elsewhere, 0);
  });
}

TEST(an_icmp_error_alone_is_no_flow) {
  FlowMap map = map_for({.members = 4});
  map.add(error_about(1), 3, 0);
  map.add(error_about(1), 2, 0);
  const Evidence e = map.evidence(std::vector<EpochWindow>(1), 10);
  CHECK_EQ(e.flows.total, 0);
  CHECK_EQ(e.unmatched_errors, 2);
  CHECK_EQ(map.tally().flows, 0);
  CHECK_EQ(map.tally().two_way, 0);
  CHECK_EQ(map.tally().violated, 0);
  CHECK_EQ(map.flows(std::vector<EpochWindow>(1), 10).size(), 0);
}

TEST(pieces_on_another_member_part_the_flow_of_their_first) {
  in_every_order({{one(1, Direction::forward, 5 * tick_ns), 0},
                  {one(1, Direction::reverse), 0},
                  {first_piece(1, 42), 0},
                  {later_pieces(42), 3}},
                 [](const std::vector<Placed>& list) {
                   const Evidence e = evidence_of(list);
                   CHECK_EQ(e.flows.total, 1);
                   CHECK_EQ(e.flows.split, 1);
                   CHECK_EQ(e.judged_packets, 4);
                   CHECK_EQ(e.unjoined_fragments, 0);
                   if (!CHECK_EQ(e.violations.size(), 1)) return;
                   CHECK(e.violations[0].signature.fragments);
                   CHECK(!e.violations[0].signature.one_kernel_key);
                 });
}

TEST(pieces_on_the_same_member_keep_the_flow_whole) {
  const Evidence e = evidence_of({{later_pieces(42), 1},
                                  {first_piece(1, 42), 1},
                                  {one(1, Direction::forward, 5 * tick_ns), 1},
                                  {one(1, Direction::reverse), 1}});
  CHECK_EQ(e.flows.consistent, 1);
  CHECK_EQ(e.judged_packets, 4);
}

TEST(pieces_without_a_first_are_counted) {
  const Evidence e = evidence_of({{later_pieces(42, 5), 1}, {first_piece(1, 43), 1}});
  CHECK_EQ(e.flows.total, 0);
  CHECK_EQ(e.unjoined_fragments, 5);
  CHECK_EQ(e.judged_packets, 0);
}

// Its worker may have told whose the datagram is, and then have had no room for the flow.
TEST(pieces_of_a_flow_that_was_not_seen_itself_make_none_of_it) {
  const Evidence e = evidence_of({{first_piece(1, 42), 1}, {later_pieces(42, 5), 2}});
  CHECK_EQ(e.flows.total, 0);
  CHECK_EQ(e.unjoined_fragments, 5);
  CHECK_EQ(e.judged_packets, 0);
}

TEST(copies_on_two_members_are_duplicated_and_no_split) {
  const auto copy = [](Direction direction, std::uint32_t rank, Layer wrapped) {
    Observation o = one(1, direction, 5 * tick_ns);
    o.content = content::mark(rank, o.first_ns);
    if (wrapped != Layer::none) o.stack = stack_of({wrapped, Layer::ipv4, Layer::tcp}), o.kernel_key = 5;
    return o;
  };
  const std::vector<Placed> list{{copy(Direction::forward, 70'000, Layer::none), 0},
                                 {copy(Direction::reverse, 80'000, Layer::none), 0},
                                 {copy(Direction::forward, 70'000, Layer::mpls), 2},
                                 {copy(Direction::reverse, 80'000, Layer::mpls), 2}};
  in_every_order(list, [](const std::vector<Placed>& arranged) {
    const Evidence e = evidence_of(arranged);
    CHECK_EQ(e.flows.duplicated, 1);
    CHECK_EQ(e.flows.split, 0);
    if (CHECK_EQ(e.groups.size(), 1)) CHECK_EQ(e.groups[0].first.kind, FlowVerdict::duplicated);
  });
}
