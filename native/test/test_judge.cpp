// The verdict on one flow: a table of what counts, and a second opinion on random flows.
#include "judge.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "check.hpp"
#include "generate.hpp"

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
    if (there.size() > 1 || back.size() > 1) verdict = FlowVerdict::split;
    else if (there.size() == 1 && back.size() == 1) verdict = there == back ? FlowVerdict::consistent : FlowVerdict::asymmetric;
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
      {"the last possible member", {{0, nobody, forward, 0}, {0, nobody, reverse, 0}}, one, FlowVerdict::consistent, {{0, nobody}}},
      {"each on its own", {{0, 1, forward, 0}, {0, 2, reverse, 0}}, one, FlowVerdict::asymmetric},
      {"one direction on two", {{0, 1, forward, 0}, {0, 2, forward, 0}}, one, FlowVerdict::split},
      {"split outranks asymmetric", {{0, 1, forward, 0}, {0, 2, reverse, 0}, {0, 3, reverse, 0}}, one, FlowVerdict::split},
      {"one direction in each epoch", {{0, 1, forward, 0}, {1, 1, reverse, 0}}, two, FlowVerdict::one_way},
      {"another member in another epoch", {{0, 1, forward, 0}, {1, 2, forward, 0}}, two, FlowVerdict::one_way},
      {"moved as a whole", {{0, 1, forward, 0}, {0, 1, reverse, 0}, {1, 2, forward, 0}, {1, 2, reverse, 0}}, two, FlowVerdict::consistent, {{0, 1}, {1, 2}}},
      {"good, then bad", {{0, 1, forward, 0}, {0, 1, reverse, 0}, {1, 1, forward, 0}, {1, 2, reverse, 0}}, two, FlowVerdict::asymmetric, {{0, 1}}},
      {"bad, then good", {{0, 1, forward, 0}, {0, 2, forward, 0}, {1, 1, forward, 0}, {1, 1, reverse, 0}}, two, FlowVerdict::split, {{1, 1}}},
      {"first seen before the end", {{0, 1, forward, 99}, {0, 2, reverse, 99}}, ended, FlowVerdict::asymmetric},
      {"first seen at the end", {{0, 1, forward, 99}, {0, 2, reverse, 100}}, ended, FlowVerdict::one_way},
      {"all in the shadow", {{0, 1, forward, 100}, {0, 2, reverse, 200}}, ended, FlowVerdict::none},
      {"shadow, then whole", {{0, 2, forward, 100}, {1, 1, forward, 100}, {1, 1, reverse, 100}}, ended, FlowVerdict::consistent, {{1, 1}}},
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

TEST(verdicts_agree_with_a_second_opinion_in_every_order) {
  Random random{11};
  unsigned seen[5]{};
  for (int round = 0; round < 20'000; ++round) {
    const Note note{"round " + std::to_string(round)};
    const std::uint32_t members = 1 + random.below(4);
    const std::uint32_t epochs = 1 + random.below(4);
    std::vector<EpochWindow> windows(epochs);
    for (EpochWindow& w : windows)
      if (random.one_in(2)) w.end_ns = random.below(100);
    std::vector<Sighting> sightings;
    for (std::uint32_t i = random.below(6); i-- > 0;) {
      sightings.push_back({static_cast<std::uint16_t>(random.below(epochs + 1)), static_cast<std::uint16_t>(random.below(members)),
                           random.one_in(2) ? forward : reverse, random.below(100)});
    }
    const Opinion expected = second_opinion(sightings, windows);
    ++seen[static_cast<std::size_t>(expected.verdict)];
    for (int order = 0; order < 3; ++order) {
      CHECK(judge(sightings, windows) == expected);
      for (std::size_t i = sightings.size(); i > 1; --i) std::swap(sightings[i - 1], sightings[random.below(static_cast<std::uint32_t>(i))]);
    }
  }
  // A generator that never makes one of them tests nothing.
  for (const unsigned count : seen) CHECK(count > 100);
}
