#include "evidence.hpp"

#include <cstring>
#include <tuple>

#include "dissect.hpp"

namespace fanout {
namespace {

// x.y.z.N and x.y.z.N+128: the pairs that commit 64ae13ed4784 of Linux 6.0 mended.
bool is_top_bit_pair(const FlowKey& key) noexcept {
  if (key.family != 4) return false;
  return key.a[0] == key.b[0] && key.a[1] == key.b[1] && key.a[2] == key.b[2] && (key.a[3] ^ key.b[3]) == 0x80;
}

// One kernel key on several members within an epoch: the hash was meant to keep these packets together, whatever else of the flow
// has other keys by design.
bool is_one_key_parted(std::span<const FlowSight> sights) {
  std::vector<std::tuple<std::uint16_t, std::uint64_t, std::uint16_t>> seen;
  seen.reserve(sights.size());
  for (const FlowSight& s : sights) seen.emplace_back(s.where.epoch, s.kernel_key, s.where.member);
  std::sort(seen.begin(), seen.end());
  return std::adjacent_find(seen.begin(), seen.end(), [](const auto& x, const auto& y) {
           return std::get<0>(x) == std::get<0>(y) && std::get<1>(x) == std::get<1>(y) && std::get<2>(x) != std::get<2>(y);
         }) != seen.end();
}

void count(FlowCounts& counts, FlowVerdict verdict) noexcept {
  ++counts.total;
  switch (verdict) {
    case FlowVerdict::split:
      ++counts.split;
      break;
    case FlowVerdict::asymmetric:
      ++counts.asymmetric;
      break;
    case FlowVerdict::duplicated:
      ++counts.duplicated;
      break;
    case FlowVerdict::consistent:
      ++counts.consistent;
      break;
    case FlowVerdict::one_way:
      ++counts.one_way;
      break;
    case FlowVerdict::none:
      break;
  }
}

bool is_smaller(const FlowKey& x, const FlowKey& y) noexcept { return std::memcmp(&x, &y, sizeof x) < 0; }

bool by_signature(const std::pair<ViolationSignature, std::uint64_t>& x,
                  const std::pair<ViolationSignature, std::uint64_t>& y) noexcept {
  const auto rank = [](const ViolationSignature& s) {
    return std::tuple{s.kind,          s.stack.packed(), s.one_kernel_key, s.top_bit_pair,
                      s.label_one_way, s.fragments,      s.stale_ipv6,     s.mixed_wrappings};
  };
  return rank(x.first) < rank(y.first);
}

void note_kernel_key(std::vector<std::uint64_t>& known, std::uint64_t key) {
  if (known.size() < kernel_keys_max && std::find(known.begin(), known.end(), key) == known.end()) known.push_back(key);
}

// The smallest code stands for the flow, whichever packet came first.
Stack stack_of(std::span<const FlowSight> sights) noexcept {
  return std::min_element(sights.begin(), sights.end(),
                          [](const FlowSight& x, const FlowSight& y) { return x.stack.packed() < y.stack.packed(); })
      ->stack;
}

std::uint64_t packets_of(std::span<const FlowSight> sights) noexcept {
  std::uint64_t packets = 0;
  for (const FlowSight& s : sights) packets += s.where.packets;
  return packets;
}

}  // namespace

bool earlier(const FlowSight& x, const FlowSight& y) noexcept {
  const auto rank = [](const FlowSight& s) {
    return std::tuple{s.where.epoch, s.where.direction, s.where.member, s.where.first_ns, s.kernel_key, s.stack.packed()};
  };
  return rank(x) < rank(y);
}

void erase_late(std::vector<FlowSight>& sights, std::span<const EpochWindow> windows) {
  std::erase_if(sights, [&](const FlowSight& s) {
    return s.where.epoch >= windows.size() || s.where.first_ns >= windows[s.where.epoch].end_ns;
  });
}

FlowVerdict verdict_of(std::span<const FlowSight> sights, std::span<const EpochWindow> windows) {
  std::vector<Sighting> sightings;
  for (const FlowSight& s : sights) sightings.push_back(s.where);
  return judge_flow(std::span<const Sighting>{sightings}, windows, [](std::uint32_t, std::uint16_t) {});
}

ViolationSignature signature_of(const FlowKey& key, FlowVerdict kind, std::span<const FlowSight> sights) {
  ViolationSignature s{kind, stack_of(sights), is_one_key_parted(sights), is_top_bit_pair(key), false, false, false, false};
  bool labelled[2]{};
  bool unlabelled[2]{};
  for (const FlowSight& sight : sights) {
    if ((sight.marks & mark_fragment) != 0) s.fragments = true;
    if ((sight.marks & mark_stale_ipv6) != 0) s.stale_ipv6 = true;
    if (sight.stack.without_fragments() != s.stack.without_fragments()) s.mixed_wrappings = true;
    ((sight.marks & mark_flow_label) != 0 ? labelled : unlabelled)[static_cast<std::size_t>(sight.where.direction)] = true;
  }
  s.label_one_way =
      key.family == 6 && ((labelled[0] && unlabelled[1] && !labelled[1]) || (labelled[1] && unlabelled[0] && !labelled[0]));
  return s;
}

bool are_elsewhere(std::span<const FlowSight> errors, std::span<const FlowSight> sights) noexcept {
  return std::any_of(errors.begin(), errors.end(), [&](const FlowSight& e) {
    return std::none_of(sights.begin(), sights.end(),
                        [&](const FlowSight& s) { return s.where.epoch == e.where.epoch && s.where.member == e.where.member; });
  });
}

std::optional<Direction> echo_requests(const FlowKey& key, std::span<const FlowSight> sights) noexcept {
  if (key.protocol != (key.family == 4 ? 1 : 58) || sights.empty()) return std::nullopt;
  const auto asks =
      std::find_if(sights.begin(), sights.end(), [](const FlowSight& s) { return (s.marks & mark_echo_request) != 0; });
  if (asks != sights.end()) return asks->where.direction;
  // Only answers were seen.
  return sights.front().where.direction == Direction::forward ? Direction::reverse : Direction::forward;
}

EvidenceBuilder::EvidenceBuilder(std::span<const EpochWindow> windows, std::uint32_t members, std::size_t violations_max)
    : windows_(windows), members_(members), violations_max_(violations_max) {
  evidence_.flows_by_member.resize(members);
  evidence_.two_way_by_epoch_and_member.assign(windows.size(), std::vector<std::uint64_t>(members));
  member_seen_.resize(members);
}

void EvidenceBuilder::add(const FlowKey& key, const std::vector<FlowSight>& sights, std::span<const FlowSight> errors) {
  sightings_.clear();
  bool seen[2]{};
  for (const FlowSight& s : sights) {
    sightings_.push_back(s.where);
    seen[static_cast<std::size_t>(s.where.direction)] = true;
  }
  count_members(sights);
  StackCounts& per_stack = counts_of(stack_of(sights));
  per_stack.two_way_by_member.resize(members_);
  const FlowVerdict verdict =
      judge_flow(std::span<const Sighting>{sightings_}, windows_, [&](std::uint32_t epoch, std::uint16_t member) {
        ++evidence_.two_way_by_epoch_and_member[epoch][member];
        ++per_stack.two_way_by_member[member];
      });
  count(evidence_.flows, verdict);
  count(per_stack.flows, verdict);
  for (const FlowSight& s : sights) note_kernel_key(per_stack.kernel_keys, s.kernel_key);
  if (seen[0] && seen[1]) {
    ++evidence_.two_way;
    ++per_stack.two_way;
  }
  if (are_elsewhere(errors, sights)) ++per_stack.errors_elsewhere;
  const std::uint64_t packets = packets_of(sights);
  evidence_.judged_packets += packets + packets_of(errors);
  evidence_.top_flow_packets = std::max(evidence_.top_flow_packets, packets);
  if (is_violation(verdict)) add_violation(key, verdict, sights);
}

void EvidenceBuilder::add_forgotten(const std::vector<FlowSight>& sights, std::span<const FlowSight> errors) {
  count_members(sights);
  StackCounts& per_stack = counts_of(stack_of(sights));
  count(evidence_.flows, FlowVerdict::one_way);
  count(per_stack.flows, FlowVerdict::one_way);
  ++evidence_.forgotten;
  for (const FlowSight& s : sights) note_kernel_key(per_stack.kernel_keys, s.kernel_key);
  if (are_elsewhere(errors, sights)) ++per_stack.errors_elsewhere;
  const std::uint64_t packets = packets_of(sights);
  evidence_.judged_packets += packets + packets_of(errors);
  evidence_.top_flow_packets = std::max(evidence_.top_flow_packets, packets);
}

void EvidenceBuilder::add(const EvidenceBuilder& forgotten) {
  const Evidence& from = forgotten.evidence_;
  for (const StackCounts& s : from.stacks) {
    StackCounts& per_stack = counts_of(s.stack);
    per_stack.flows.total += s.flows.total;
    per_stack.flows.one_way += s.flows.one_way;
    per_stack.errors_elsewhere += s.errors_elsewhere;
    for (const std::uint64_t key : s.kernel_keys) note_kernel_key(per_stack.kernel_keys, key);
  }
  for (std::size_t member = 0; member < members_; ++member) evidence_.flows_by_member[member] += from.flows_by_member[member];
  evidence_.flows.total += from.flows.total;
  evidence_.flows.one_way += from.flows.one_way;
  evidence_.forgotten += from.forgotten;
  evidence_.judged_packets += from.judged_packets;
  evidence_.top_flow_packets = std::max(evidence_.top_flow_packets, from.top_flow_packets);
  evidence_.unmatched_errors += from.unmatched_errors;
}

void EvidenceBuilder::add_unmatched(std::span<const FlowSight> errors) noexcept {
  evidence_.unmatched_errors += packets_of(errors);
}

Evidence EvidenceBuilder::take() {
  for (StackCounts& s : evidence_.stacks) s.two_way_by_member.resize(members_);
  if (examples_.size() > violations_max_) keep_examples();
  for (Example& e : examples_) evidence_.violations.push_back(std::move(e.violation));
  std::sort(evidence_.violations.begin(), evidence_.violations.end(),
            [](const Violation& x, const Violation& y) { return is_smaller(x.key, y.key); });
  for (const auto& [signature, flows] : evidence_.groups) evidence_.violations_omitted += flows;
  evidence_.violations_omitted -= evidence_.violations.size();
  std::sort(evidence_.groups.begin(), evidence_.groups.end(), by_signature);
  std::sort(evidence_.stacks.begin(), evidence_.stacks.end(),
            [](const StackCounts& x, const StackCounts& y) { return x.stack.packed() < y.stack.packed(); });
  return std::move(evidence_);
}

StackCounts& EvidenceBuilder::counts_of(Stack stack) {
  for (StackCounts& s : evidence_.stacks)
    if (s.stack == stack) return s;
  StackCounts fresh;
  fresh.stack = stack;
  evidence_.stacks.push_back(std::move(fresh));
  return evidence_.stacks.back();
}

void EvidenceBuilder::count_members(const std::vector<FlowSight>& sights) {
  for (const FlowSight& s : sights) {
    if (member_seen_[s.where.member]) continue;
    member_seen_[s.where.member] = true;
    ++evidence_.flows_by_member[s.where.member];
  }
  for (const FlowSight& s : sights) member_seen_[s.where.member] = false;
}

std::size_t EvidenceBuilder::group_of(const ViolationSignature& signature) {
  auto& groups = evidence_.groups;
  const auto known = std::find_if(groups.begin(), groups.end(), [&](const auto& g) { return g.first == signature; });
  const auto place = static_cast<std::size_t>(known - groups.begin());
  if (known == groups.end()) {
    groups.emplace_back(signature, 0);
    group_examples_.emplace_back();
  }
  return place;
}

void EvidenceBuilder::add_violation(const FlowKey& key, FlowVerdict verdict, const std::vector<FlowSight>& sights) {
  const ViolationSignature signature = signature_of(key, verdict, sights);
  const std::size_t group = group_of(signature);
  ++evidence_.groups[group].second;
  if (violations_max_ == 0 || !may_be_listed(group, key)) return;
  const std::size_t listed = std::min(sights.size(), listed_sights_max);
  examples_.push_back({{key,
                        signature,
                        {sights.begin(), sights.begin() + static_cast<std::ptrdiff_t>(listed)},
                        sights.size() - listed,
                        echo_requests(key, sights)},
                       group,
                       0});
  // Room for a few more, so that not each of them costs an ordering of all.
  if (examples_.size() > violations_max_ + violations_max_ / 4 + 16) keep_examples();
}

// Whether it could still come before the last place: what is larger than all examples of its group has at least as many before
// it.
bool EvidenceBuilder::may_be_listed(std::size_t group, const FlowKey& key) const noexcept {
  if (!left_out_) return true;
  const GroupExamples& kept = group_examples_[group];
  const bool is_behind = kept.count == 0 || !is_smaller(key, kept.largest);
  const std::size_t rank = is_behind ? kept.count : 0;
  return rank < last_rank_ || (rank == last_rank_ && is_smaller(key, last_key_));
}

// The first of each group by key, then the second of each, and so on: a rare cause is not hidden by a frequent one, and the list
// does not depend on arrival. More violations can only move one back, so what is left out now would have been left out in the
// end.
void EvidenceBuilder::keep_examples() {
  std::sort(examples_.begin(), examples_.end(), [](const Example& x, const Example& y) {
    return x.group != y.group ? x.group < y.group : is_smaller(x.violation.key, y.violation.key);
  });
  for (std::size_t i = 0; i < examples_.size(); ++i)
    examples_[i].rank = i > 0 && examples_[i - 1].group == examples_[i].group ? examples_[i - 1].rank + 1 : 0;
  const auto is_before = [](const Example& x, const Example& y) {
    return x.rank != y.rank ? x.rank < y.rank : is_smaller(x.violation.key, y.violation.key);
  };
  const auto last = examples_.begin() + static_cast<std::ptrdiff_t>(violations_max_) - 1;
  std::nth_element(examples_.begin(), last, examples_.end(), is_before);
  last_rank_ = last->rank;
  last_key_ = last->violation.key;
  left_out_ = true;
  examples_.erase(last + 1, examples_.end());
  for (GroupExamples& g : group_examples_) g = {};
  for (const Example& e : examples_) {
    GroupExamples& g = group_examples_[e.group];
    if (g.count == 0 || is_smaller(g.largest, e.violation.key)) g.largest = e.violation.key;
    ++g.count;
  }
}

}  // namespace fanout
