// The verdict on one flow: a table of what counts, and a second opinion on random flows.
#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "core/evidence/judge.hpp"
#include "test/check.hpp"
#include "test/generate.hpp"

using namespace fanout;
using namespace fanout::test;

namespace {

constexpr auto forward = Direction::forward;
constexpr auto reverse = Direction::reverse;
constexpr std::uint16_t nobody = 0xffff;

using Kept = std::vector<std::pair<std::uint32_t, std::uint16_t>>;  // epoch and member of each consistent epoch

struct Opinion {
  FlowVerdict verdict = FlowVerdict::none;
  Kept kept;
  bool operator==(const Opinion&) const = default;
};

Opinion judge(const std::vector<Sighting>& sightings, const std::vector<EpochWindow>& windows) {
  Opinion out;
  out.verdict = judge_flow(std::span<const Sighting>{sightings}, windows,
                           [&](std::uint32_t epoch, std::uint16_t member) { out.kept.emplace_back(epoch, member); });
  return out;
}

// The same question asked in the plainest way: the set of members of each direction, epoch by epoch.
Opinion second_opinion(const std::vector<Sighting>& sightings, const std::vector<EpochWindow>& windows) {
  std::map<std::uint32_t, std::map<Direction, std::set<std::uint16_t>>> seen;
  for (const Sighting& s : sightings)
    if (s.epoch < windows.size() && s.first_ns < windows[s.epoch].end_ns) seen[s.epoch][s.direction].insert(s.member);
  Opinion out;
  for (auto& [epoch, by_direction] : seen) {
    const auto& there = by_direction[forward];
    const auto& back = by_direction[reverse];
    FlowVerdict verdict = FlowVerdict::one_way;
    if (there.size() > 1 || back.size() > 1)
      verdict = FlowVerdict::split;
    else if (there.size() == 1 && back.size() == 1)
      verdict = there == back ? FlowVerdict::consistent : FlowVerdict::asymmetric;
    if (verdict == FlowVerdict::consistent) out.kept.emplace_back(epoch, *there.begin());
    out.verdict = std::max(out.verdict, verdict);
  }
  return out;
}

}  // namespace

TEST(verdicts_of_a_table) {
  struct Row {
    const char* what;
    std::vector<Sighting> sightings;
    std::vector<EpochWindow> windows;
    FlowVerdict verdict;
    Kept kept{};
  };
  const std::vector<EpochWindow> one(1), two(2);
  const std::vector<EpochWindow> ended{{100}, {}};
  const Row rows[]{
      {"nothing", {}, one, FlowVerdict::none},
      {"no epoch announced", {{0, 1, forward, 0}}, {}, FlowVerdict::none},
      {"one direction", {{0, 1, forward, 0}}, one, FlowVerdict::one_way},
      {"the other direction", {{0, 1, reverse, 0}}, one, FlowVerdict::one_way},
      {"both on one member", {{0, 1, forward, 0}, {0, 1, reverse, 0}}, one, FlowVerdict::consistent, {{0, 1}}},
      {"the last possible member",
       {{0, nobody, forward, 0}, {0, nobody, reverse, 0}},
       one,
       FlowVerdict::consistent,
       {{0, nobody}}},
      {"each on its own", {{0, 1, forward, 0}, {0, 2, reverse, 0}}, one, FlowVerdict::asymmetric},
      {"one direction on two", {{0, 1, forward, 0}, {0, 2, forward, 0}}, one, FlowVerdict::split},
      {"split outranks asymmetric",
       {{0, 1, forward, 0}, {0, 2, reverse, 0}, {0, 3, reverse, 0}},
       one,
       FlowVerdict::split},
      {"one direction in each epoch", {{0, 1, forward, 0}, {1, 1, reverse, 0}}, two, FlowVerdict::one_way},
      {"another member in another epoch", {{0, 1, forward, 0}, {1, 2, forward, 0}}, two, FlowVerdict::one_way},
      {"moved as a whole",
       {{0, 1, forward, 0}, {0, 1, reverse, 0}, {1, 2, forward, 0}, {1, 2, reverse, 0}},
       two,
       FlowVerdict::consistent,
       {{0, 1}, {1, 2}}},
      {"good, then bad",
       {{0, 1, forward, 0}, {0, 1, reverse, 0}, {1, 1, forward, 0}, {1, 2, reverse, 0}},
       two,
       FlowVerdict::asymmetric,
       {{0, 1}}},
      {"bad, then good",
       {{0, 1, forward, 0}, {0, 2, forward, 0}, {1, 1, forward, 0}, {1, 1, reverse, 0}},
       two,
       FlowVerdict::split,
       {{1, 1}}},
      {"first seen before the end", {{0, 1, forward, 99}, {0, 2, reverse, 99}}, ended, FlowVerdict::asymmetric},
      {"first seen at the end", {{0, 1, forward, 99}, {0, 2, reverse, 100}}, ended, FlowVerdict::one_way},
      {"all in the shadow", {{0, 1, forward, 100}, {0, 2, reverse, 200}}, ended, FlowVerdict::none},
      {"shadow, then whole",
       {{0, 2, forward, 100}, {1, 1, forward, 100}, {1, 1, reverse, 100}},
       ended,
       FlowVerdict::consistent,
       {{1, 1}}},
      {"an epoch that nobody announced", {{2, 1, forward, 0}, {2, 2, forward, 0}}, two, FlowVerdict::none},
      {"an epoch that ended before it began", {{0, 1, forward, 0}, {0, 2, forward, 0}}, {{0}}, FlowVerdict::none},
  };
  for (const Row& row : rows) {
    const Note note{row.what};
    const Opinion opinion = judge(row.sightings, row.windows);
    CHECK_EQ(opinion.verdict, row.verdict);
    CHECK(opinion.kept == row.kept);
  }
}

// Marks that say nothing about copies are zero everywhere else in this file.
TEST(copies_are_no_split) {
  constexpr std::uint64_t ms = 1'000'000, s = 1000 * ms;
  constexpr std::uint64_t beat =
      1ULL << (content::time_shift + content::time_bits);  // after which marks of one packet look alike
  const auto mark = [](std::uint32_t rank, std::uint64_t time_ns) { return content::mark(rank, time_ns); };
  const auto sight = [](std::uint16_t member, Direction direction, std::uint64_t first, std::uint64_t last,
                        ContentMark content, std::uint16_t epoch = 0) {
    return Sighting{epoch, member, direction, first, last, content, 8};
  };
  const ContentMark there = mark(7000, 5 * s), back = mark(9000, 6 * s);
  struct Row {
    const char* what;
    std::vector<Sighting> sightings;
    FlowVerdict verdict;
  };
  const Row rows[]{
      {"one direction, twice",
       {sight(1, forward, 0, 9 * s, there), sight(2, forward, ms, 9 * s + ms, mark(7000, 5 * s + ms))},
       FlowVerdict::duplicated},
      {"both directions, on two members each",
       {sight(1, forward, 0, 9 * s, there), sight(2, forward, 0, 9 * s, there), sight(1, reverse, 0, 9 * s, back),
        sight(2, reverse, 0, 9 * s, back)},
       FlowVerdict::duplicated},
      {"whole on one member, a copy of one direction on another",
       {sight(1, forward, 0, 9 * s, there), sight(1, reverse, 0, 9 * s, back), sight(2, reverse, 0, 9 * s, back)},
       FlowVerdict::duplicated},
      {"copied, and apart all the same",
       {sight(1, forward, 0, 9 * s, there), sight(2, forward, 0, 9 * s, there), sight(3, reverse, 0, 9 * s, back)},
       FlowVerdict::asymmetric},
      {"three copies",
       {sight(1, forward, 0, s, there), sight(2, forward, 0, s, there), sight(3, forward, 0, s, there)},
       FlowVerdict::duplicated},
      {"two copies and another packet",
       {sight(1, forward, 0, s, there), sight(2, forward, 0, s, there), sight(3, forward, 0, s, mark(7001, 5 * s))},
       FlowVerdict::split},
      {"other packets",
       {sight(1, forward, 0, 9 * s, there), sight(2, forward, 0, 9 * s, mark(7001, 5 * s))},
       FlowVerdict::split},
      {"packets alike, at other times",
       {sight(1, forward, 0, 9 * s, there), sight(2, forward, 0, 9 * s, mark(7000, 5 * s + 200 * ms))},
       FlowVerdict::split},
      {"a beat that is always alike",
       {sight(1, forward, 0, 8 * s, mark(7000, 0)), sight(2, forward, beat, 8 * s + beat, mark(7000, beat))},
       FlowVerdict::split},
      {"the first copy came before the start",
       {sight(1, forward, 2 * s, 9 * s, there), sight(2, forward, ms, 9 * s, there)},
       FlowVerdict::duplicated},
      {"neither end agrees",
       {sight(1, forward, 0, 8 * s, there), sight(2, forward, s, 9 * s, there)},
       FlowVerdict::split},
      {"nobody looked", {sight(1, forward, 0, 9 * s, 0), sight(2, forward, 0, 9 * s, 0)}, FlowVerdict::split},
      {"in two wrappings on one member each",
       {{0, 1, forward, 0, s, there, 4}, {0, 1, forward, 0, 9 * s, back, 4}, sight(2, forward, 0, 9 * s, there)},
       FlowVerdict::duplicated},
      {"one packet here, two there",
       {{0, 1, forward, 0, s, there, 1}, {0, 2, forward, 0, s, there, 2}},
       FlowVerdict::split},
      {"a copy less, of many",
       {{0, 1, forward, 0, s, there, 8}, {0, 2, forward, 0, s, there, 7}},
       FlowVerdict::duplicated},
      {"in another epoch",
       {sight(1, forward, 0, s, there), sight(2, forward, 2 * s, 3 * s, there, 1)},
       FlowVerdict::one_way},
  };
  const std::vector<EpochWindow> windows(2);
  for (const Row& row : rows) {
    const Note note{row.what};
    std::vector<Sighting> sightings = row.sightings;
    for (std::size_t turn = 0; turn < sightings.size(); ++turn) {
      CHECK_EQ(judge(sightings, windows).verdict, row.verdict);
      std::rotate(sightings.begin(), sightings.begin() + 1, sightings.end());
    }
  }
}

TEST(verdicts_agree_with_a_second_opinion_in_every_order) {
  Random random{11};
  unsigned seen[6]{};
  for (int round = 0; round < 20'000; ++round) {
    const Note note{"round " + std::to_string(round)};
    const std::uint32_t members = 1 + random.below(4);
    const std::uint32_t epochs = 1 + random.below(4);
    std::vector<EpochWindow> windows(epochs);
    for (EpochWindow& w : windows)
      if (random.one_in(2)) w.end_ns = random.below(100);
    std::vector<Sighting> sightings;
    for (std::uint32_t i = random.below(6); i-- > 0;) {
      sightings.push_back({static_cast<std::uint16_t>(random.below(epochs + 1)),
                           static_cast<std::uint16_t>(random.below(members)), random.one_in(2) ? forward : reverse,
                           random.below(100)});
    }
    const Opinion expected = second_opinion(sightings, windows);
    ++seen[static_cast<std::size_t>(expected.verdict)];
    for (int order = 0; order < 3; ++order) {
      CHECK(judge(sightings, windows) == expected);
      for (std::size_t i = sightings.size(); i > 1; --i)
        std::swap(sightings[i - 1], sightings[random.below(static_cast<std::uint32_t>(i))]);
    }
  }
  // A generator that never makes one of them tests nothing.
  for (const FlowVerdict v :
       {FlowVerdict::none, FlowVerdict::one_way, FlowVerdict::consistent, FlowVerdict::asymmetric, FlowVerdict::split})
    CHECK(seen[static_cast<std::size_t>(v)] > 100);
}

TEST(what_rests_on_one_packet) {
  const std::vector<EpochWindow> windows(2);
  const auto sight = [](std::uint16_t member, Direction direction, std::uint64_t packets, std::uint16_t epoch = 0) {
    return Sighting{epoch, member, direction, 0, 0, 0, packets};
  };
  struct Row {
    const char* what;
    std::vector<Sighting> sightings;
    bool rests;
  };
  const Row rows[]{
      {"no violation", {sight(1, forward, 1), sight(1, reverse, 1)}, false},
      {"one packet astray of a flow in both directions",
       {sight(1, forward, 900), sight(1, reverse, 900), sight(2, forward, 1)},
       true},
      {"two packets astray", {sight(1, forward, 900), sight(1, reverse, 900), sight(2, forward, 2)}, false},
      {"one packet astray by each of two kernel keys",
       {sight(1, forward, 900), sight(1, reverse, 900), sight(2, forward, 1), sight(2, forward, 1)},
       false},
      {"one astray in each direction",
       {sight(1, forward, 900), sight(1, reverse, 900), sight(2, forward, 1), sight(2, reverse, 1)},
       false},
      {"one on each of two others", {sight(1, forward, 900), sight(2, forward, 1), sight(3, forward, 1)}, false},
      {"one direction on two members, one packet on one", {sight(1, forward, 900), sight(2, forward, 1)}, true},
      {"one direction on two members", {sight(1, forward, 900), sight(2, forward, 900)}, false},
      {"one packet there, many back", {sight(1, forward, 1), sight(2, reverse, 900)}, true},
      {"many there and back, apart", {sight(1, forward, 900), sight(2, reverse, 900)}, false},
      {"a single packet that was where both directions are not",
       {sight(1, forward, 900), sight(2, forward, 1), sight(2, reverse, 900)},
       false},
      {"both epochs violated by a packet each",
       {sight(1, forward, 900), sight(2, forward, 1), sight(1, forward, 900, 1), sight(2, forward, 1, 1)},
       false},
      {"one of two epochs",
       {sight(1, forward, 900), sight(2, forward, 1), sight(3, forward, 900, 1), sight(3, reverse, 1, 1)},
       true},
  };
  for (const Row& row : rows) {
    const Note note{row.what};
    std::vector<Sighting> sightings = row.sightings;
    for (std::size_t turn = 0; turn < sightings.size(); ++turn) {
      CHECK_EQ(rests_on_one_packet(sightings, windows), row.rests);
      std::rotate(sightings.begin(), sightings.begin() + 1, sightings.end());
    }
  }
}

// Each packet is left out in turn.
TEST(what_rests_on_one_packet_agrees_with_leaving_each_out) {
  Random random{12};
  unsigned rests = 0, stands = 0;
  for (int round = 0; round < 20'000; ++round) {
    const Note note{"round " + std::to_string(round)};
    std::vector<EpochWindow> windows(1 + random.below(2));
    std::vector<Sighting> sightings;
    for (std::uint32_t i = random.below(7); i-- > 0;) {
      sightings.push_back({static_cast<std::uint16_t>(random.below(2)), static_cast<std::uint16_t>(random.below(3)),
                           random.one_in(2) ? forward : reverse, 0, 0,
                           random.one_in(2) ? content::mark(random.below(2), 0) : 0,
                           1 + std::uint64_t{random.below(3)}});
    }
    bool expected = false;
    const bool violated = is_violation(judge(sightings, windows).verdict);
    for (std::size_t i = 0; violated && i < sightings.size(); ++i) {
      std::vector<Sighting> rest = sightings;
      // Copies are told by how many packets there were: what is left of a sighting of several is as much a copy as
      // before.
      if (rest[i].packets > 1) continue;
      rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
      const bool was_alone = std::none_of(rest.begin(), rest.end(), [&](const Sighting& s) {
        return s.epoch == sightings[i].epoch && s.member == sightings[i].member &&
               s.direction == sightings[i].direction;
      });
      expected = expected || (was_alone && !is_violation(judge(rest, windows).verdict));
    }
    CHECK_EQ(rests_on_one_packet(sightings, windows), expected);
    ++(expected ? rests : stands);
  }
  CHECK(rests > 1000);
  CHECK(stands > 1000);
}
