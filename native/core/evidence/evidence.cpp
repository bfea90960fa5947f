#include "core/evidence/evidence.hpp"

#include <cstring>
#include <functional>

#include "core/packet/dissect.hpp"

namespace fanout {
namespace {

// x.y.z.N and x.y.z.N+128: the pairs that commit 64ae13ed4784 of Linux 6.0 mended.
bool is_top_bit_pair(const FlowKey& key) noexcept {
  if (key.family != 4) return false;
  return key.a[0] == key.b[0] && key.a[1] == key.b[1] && key.a[2] == key.b[2] && (key.a[3] ^ key.b[3]) == 0x80;
}

// One kernel key on several members within an epoch: the hash was meant to keep these packets together, whatever else
// of the flow has other keys by design.
bool is_one_key_split(std::span<const FlowSight> sights) {
  std::vector<std::tuple<std::uint16_t, std::uint64_t, std::uint16_t>> seen;
  seen.reserve(sights.size());
  for (const FlowSight& s : sights) seen.emplace_back(s.where.epoch, s.kernel_key, s.where.member);
  std::sort(seen.begin(), seen.end());
  return std::adjacent_find(seen.begin(), seen.end(), [](const auto& x, const auto& y) {
           return std::get<0>(x) == std::get<0>(y) && std::get<1>(x) == std::get<1>(y) &&
                  std::get<2>(x) != std::get<2>(y);
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

EvidenceBuilder::GroupKey rank_of(const ViolationSignature& s) noexcept {
  return {s.kind,        s.stack.packed(),    s.one_kernel_key,    s.top_bit_pair,  s.label_one_way,
          s.fragments,   s.stale_ipv6,        s.mixed_wrappings,   s.on_one_packet, s.sent_tagged,
          s.tags_differ, s.whole_keys_differ, s.only_index_differs};
}

ViolationSignature without_wrapping(ViolationSignature signature) noexcept {
  signature.wrapping = {};
  return signature;
}

void add_to(FlowCounts& counts, const FlowCounts& more) noexcept {
  counts.total += more.total;
  counts.one_way += more.one_way;
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

// ip_check_defrag() takes what is IPv4 once the kernel has taken the outer tag out of the bytes. Of a datagram that it
// has made whole the kernel sees what is fragmented once more inside, unless it stops at ports before.
Fragments fragments_of(Stack stack) noexcept {
  Fragments found = Fragments::none;
  unsigned before_first = 0;
  Layer around = Layer::none;
  for (unsigned i = Stack::depth_max; i-- > 0;) {
    const Layer layer = stack.layer_at(i);
    if (layer == Layer::udp && found != Fragments::none) break;
    if (layer == Layer::frag) {
      const bool in_reach = found == Fragments::none && before_first == 1;
      found = std::max(found, around == Layer::ipv6 ? Fragments::ipv6
                              : in_reach            ? Fragments::in_reach
                                                    : Fragments::beyond_reach);
    } else if (layer != Layer::none && !(layer == Layer::vlan && before_first == 0 && around == Layer::none)) {
      ++before_first;
    }
    if (layer != Layer::none) around = layer;
  }
  // Of a sight that took in what had no place of its own, the stack does not tell.
  return found == Fragments::none ? Fragments::beyond_reach : found;
}

// The kernel key of the packets as if they had come in one piece, as a digest.
std::uint16_t whole_key_of(const FlowSight& s) noexcept {
  return (s.marks & mark_fragment) != 0 ? s.tags : tag_digest::of_whole(s.kernel_key);
}

// Of those that `chosen` takes.
template <typename Chosen>
bool do_whole_keys_differ(std::span<const FlowSight> sights, Chosen&& chosen) noexcept {
  std::uint16_t all = tag_digest::unknown;
  for (const FlowSight& s : sights)
    if (chosen(s)) all = tag_digest::join(all, whole_key_of(s));
  return all == tag_digest::various;
}

// All packets are wrapped alike but for AH, and those without an index have one kernel key.
bool does_only_index_differ(std::span<const FlowSight> sights) noexcept {
  const auto has_index = [](const FlowSight& s) { return (s.marks & mark_index) != 0; };
  const auto wrapping_of = [](const FlowSight& s) { return s.stack.without_fragments().without(Layer::ah); };
  return std::any_of(sights.begin(), sights.end(), has_index) &&
         std::all_of(sights.begin(), sights.end(),
                     [&](const FlowSight& s) { return wrapping_of(s) == wrapping_of(sights.front()); }) &&
         !do_whole_keys_differ(sights, std::not_fn(has_index));
}

// Of packets in two wrappings the other one; else none.
Stack other_wrapping(std::span<const FlowSight> sights, Stack wrapping) noexcept {
  Stack other;
  for (const FlowSight& s : sights) {
    const Stack its = s.stack.without_fragments();
    if (its == wrapping || its == other) continue;
    if (other != Stack{}) return {};
    other = its;
  }
  return other;
}

bool is_sent_tagged(std::span<const FlowSight> sights) noexcept {
  return std::any_of(sights.begin(), sights.end(),
                     [](const FlowSight& s) { return (s.marks & mark_sent_tagged) != 0; });
}

std::uint64_t packets_of(std::span<const FlowSight> sights) noexcept {
  std::uint64_t packets = 0;
  for (const FlowSight& s : sights) packets += s.where.packets;
  return packets;
}

}  // namespace

bool earlier(const FlowSight& x, const FlowSight& y) noexcept {
  const auto rank = [](const FlowSight& s) {
    return std::tuple{s.where.epoch,    s.where.direction, s.where.member,
                      s.where.first_ns, s.kernel_key,      s.stack.packed()};
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

ViolationSignature signature_of(const FlowKey& key, FlowVerdict kind, std::span<const FlowSight> sights,
                                std::span<const EpochWindow> windows) {
  ViolationSignature s;
  s.kind = kind;
  s.stack = stack_of(sights);
  s.one_kernel_key = is_one_key_split(sights);
  s.top_bit_pair = is_top_bit_pair(key);
  std::vector<Sighting> sightings;
  sightings.reserve(sights.size());
  for (const FlowSight& sight : sights) sightings.push_back(sight.where);
  s.on_one_packet = rests_on_one_packet(sightings, windows);
  bool labelled[2]{};
  bool unlabelled[2]{};
  std::uint16_t tags = tag_digest::unknown;
  for (const FlowSight& sight : sights) {
    if ((sight.marks & mark_fragment) != 0) s.fragments = std::max(s.fragments, fragments_of(sight.stack));
    if ((sight.marks & mark_stale_ipv6) != 0) s.stale_ipv6 = true;
    if ((sight.marks & mark_sent_tagged) != 0) s.sent_tagged = true;
    if ((sight.marks & mark_fragment) == 0) tags = tag_digest::join(tags, sight.tags);
    if (sight.stack.without_fragments() != s.stack.without_fragments()) s.mixed_wrappings = true;
    ((sight.marks & mark_flow_label) != 0 ? labelled : unlabelled)[static_cast<std::size_t>(sight.where.direction)] =
        true;
  }
  s.tags_differ = tags == tag_digest::various;
  if (s.mixed_wrappings) s.wrapping = other_wrapping(sights, s.stack.without_fragments());
  s.whole_keys_differ = do_whole_keys_differ(sights, [](const FlowSight&) { return true; });
  s.only_index_differs = s.whole_keys_differ && does_only_index_differ(sights);
  s.label_one_way = key.family == 6 &&
                    ((labelled[0] && unlabelled[1] && !labelled[1]) || (labelled[1] && unlabelled[0] && !labelled[0]));
  return s;
}

bool are_elsewhere(std::span<const FlowSight> errors, std::span<const FlowSight> sights) noexcept {
  return std::any_of(errors.begin(), errors.end(), [&](const FlowSight& e) {
    return std::none_of(sights.begin(), sights.end(), [&](const FlowSight& s) {
      return s.where.epoch == e.where.epoch && s.where.member == e.where.member;
    });
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

StackCounts* StackTable::find(Stack stack, bool tells) {
  const std::uint64_t packed = stack.packed();
  if (last_ != nullptr && last_->stack == stack && (!tells || silent_.empty() || !silent_.contains(packed)))
    return last_;
  if (const auto found = stacks_.find(packed); found != stacks_.end()) {
    if (tells) silent_.erase(packed);
    return last_ = &found->second;
  }
  if (tells && !chosen_.empty() && !chosen_.contains(packed)) return nullptr;
  if (stacks_.size() == stacks_max) {
    const bool has_room = !silent_.empty() && (tells || packed < *silent_.rbegin());
    if (!has_room) {
      if (tells) refuse(packed);
      return nullptr;
    }
    const auto deepest = stacks_.find(*silent_.rbegin());
    add_silent(deepest->second);
    silent_.erase(deepest->first);
    stacks_.erase(deepest);
    last_ = nullptr;
  }
  if (!tells) silent_.insert(packed);
  StackCounts& fresh = stacks_[packed];
  fresh.stack = stack;
  return last_ = &fresh;
}

// All places are those of stacks that tell something.
void StackTable::refuse(std::uint64_t stack) {
  if (due_.empty())
    for (const auto& [packed, counts] : stacks_) due_.insert(due_.end(), packed);
  if (stack > *due_.rbegin()) return;
  if (due_.insert(stack).second) due_.erase(std::prev(due_.end()));
}

StackCounts& StackTable::other() {
  if (!other_) {
    other_.emplace();
    other_->stack.push(Layer::other);
  }
  return *other_;
}

void StackTable::add_silent(const StackCounts& from) {
  StackCounts& into = other();
  add_to(into.flows, from.flows);
  into.errors_elsewhere += from.errors_elsewhere;
  into.sent_tagged += from.sent_tagged;
  for (const std::uint64_t key : from.kernel_keys) note_kernel_key(into.kernel_keys, key);
}

void StackTable::add(const StackTable& silent) {
  for (const auto& [packed, from] : silent.stacks_) {
    StackCounts* const into = find(from.stack, false);
    if (into == nullptr) {
      add_silent(from);
      continue;
    }
    add_to(into->flows, from.flows);
    into->errors_elsewhere += from.errors_elsewhere;
    into->sent_tagged += from.sent_tagged;
    for (const std::uint64_t key : from.kernel_keys) note_kernel_key(into->kernel_keys, key);
  }
  if (silent.other_) add_silent(*silent.other_);
}

std::vector<StackCounts> StackTable::take(std::size_t members) {
  std::vector<StackCounts> out;
  for (auto& [packed, counts] : stacks_) out.push_back(std::move(counts));
  if (other_) out.push_back(std::move(*other_));
  for (StackCounts& s : out) s.two_way_by_member.resize(members);
  return out;
}

EvidenceBuilder::EvidenceBuilder(std::span<const EpochWindow> windows, std::uint32_t members,
                                 std::size_t violations_max, StackTable::Choice chosen)
    : windows_(windows), members_(members), violations_max_(violations_max), stacks_(std::move(chosen)) {
  evidence_.flows_by_member.resize(members);
  evidence_.two_way_by_epoch_and_member.assign(windows.size(), std::vector<std::uint64_t>(members));
  member_seen_.resize(members);
}

void EvidenceBuilder::note(StackCounts& counts, const std::vector<FlowSight>& sights,
                           std::span<const FlowSight> errors) {
  if (counts.kernel_keys.size() < kernel_keys_max)
    for (const FlowSight& s : sights) note_kernel_key(counts.kernel_keys, s.kernel_key);
  if (!errors.empty() && are_elsewhere(errors, sights)) ++counts.errors_elsewhere;
  if (is_sent_tagged(sights)) ++counts.sent_tagged;
}

void EvidenceBuilder::add(const FlowKey& key, const std::vector<FlowSight>& sights, std::span<const FlowSight> errors) {
  sightings_.clear();
  kept_.clear();
  bool seen[2]{};
  for (const FlowSight& s : sights) {
    sightings_.push_back(s.where);
    seen[static_cast<std::size_t>(s.where.direction)] = true;
  }
  const bool is_two_way = seen[0] && seen[1];
  count_members(sights);
  const FlowVerdict verdict =
      judge_flow(std::span<const Sighting>{sightings_}, windows_, [&](std::uint32_t epoch, std::uint16_t member) {
        kept_.push_back({epoch, member});
      });
  const bool tells = is_two_way || is_violation(verdict);
  StackCounts* const own = stacks_.find(stack_of(sights), tells);
  StackCounts& per_stack = own != nullptr ? *own : stacks_.other();
  note(per_stack, sights, errors);
  if (is_two_way) {
    ++evidence_.two_way;
    ++per_stack.two_way;
  }
  const std::uint64_t packets = packets_of(sights);
  if (own == nullptr && tells) {
    for (FlowCounts* const counts : {&evidence_.flows, &per_stack.flows}) {
      ++counts->total;
      ++counts->unjudged;
    }
    evidence_.unjudged_packets += packets + packets_of(errors);
    return;
  }
  if (per_stack.two_way_by_member.empty()) per_stack.two_way_by_member.resize(members_);
  for (const Kept& k : kept_) {
    ++evidence_.two_way_by_epoch_and_member[k.epoch][k.member];
    ++per_stack.two_way_by_member[k.member];
  }
  count(evidence_.flows, verdict);
  count(per_stack.flows, verdict);
  evidence_.judged_packets += packets + packets_of(errors);
  evidence_.top_flow_packets = std::max(evidence_.top_flow_packets, packets);
  if (is_violation(verdict)) add_violation(key, verdict, sights);
}

void EvidenceBuilder::add_forgotten(const std::vector<FlowSight>& sights, std::span<const FlowSight> errors) {
  count_members(sights);
  StackCounts* const own = stacks_.find(stack_of(sights), false);
  StackCounts& per_stack = own != nullptr ? *own : stacks_.other();
  count(evidence_.flows, FlowVerdict::one_way);
  count(per_stack.flows, FlowVerdict::one_way);
  ++evidence_.forgotten;
  note(per_stack, sights, errors);
  const std::uint64_t packets = packets_of(sights);
  evidence_.judged_packets += packets + packets_of(errors);
  evidence_.top_flow_packets = std::max(evidence_.top_flow_packets, packets);
}

void EvidenceBuilder::add(const EvidenceBuilder& forgotten) {
  const Evidence& from = forgotten.evidence_;
  stacks_.add(forgotten.stacks_);
  for (std::size_t member = 0; member < members_; ++member)
    evidence_.flows_by_member[member] += from.flows_by_member[member];
  add_to(evidence_.flows, from.flows);
  evidence_.forgotten += from.forgotten;
  evidence_.judged_packets += from.judged_packets;
  evidence_.top_flow_packets = std::max(evidence_.top_flow_packets, from.top_flow_packets);
  evidence_.unmatched_errors += from.unmatched_errors;
  evidence_.many_keyed += from.many_keyed;
}

void EvidenceBuilder::add_unmatched(std::span<const FlowSight> errors) noexcept {
  evidence_.unmatched_errors += packets_of(errors);
}

Evidence EvidenceBuilder::take() {
  evidence_.stacks = stacks_.take(members_);
  if (examples_.size() > violations_max_) keep_examples();
  for (Example& e : examples_) evidence_.violations.push_back(std::move(e.violation));
  std::sort(evidence_.violations.begin(), evidence_.violations.end(),
            [](const Violation& x, const Violation& y) { return is_smaller(x.key, y.key); });
  for (const Group& group : groups_) evidence_.violations_omitted += group.flows;
  evidence_.violations_omitted -= evidence_.violations.size();
  tell_groups();
  return std::move(evidence_);
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
  const auto [place, is_fresh] = group_places_.try_emplace(rank_of(signature), groups_.size());
  if (is_fresh) {
    groups_.push_back({without_wrapping(signature), 0, {}});
    group_examples_.emplace_back();
  }
  return place->second;
}

// What is larger than so many others never comes back, so whatever is there in the end has been counted from its first
// flow on.
void EvidenceBuilder::add_to_group(Group& group, Stack wrapping) {
  ++group.flows;
  if (wrapping == Stack{}) return;
  ++group.by_wrapping[wrapping.packed()];
  if (group.by_wrapping.size() > wrappings_max) group.by_wrapping.erase(std::prev(group.by_wrapping.end()));
}

void EvidenceBuilder::tell_groups() {
  for (Violation& v : evidence_.violations)
    if (!groups_[group_places_.at(rank_of(v.signature))].by_wrapping.contains(v.signature.wrapping.packed()))
      v.signature.wrapping = {};
  for (const auto& [key, place] : group_places_) {
    ViolationSignature signature = groups_[place].signature;
    std::uint64_t others = groups_[place].flows;
    const std::size_t first = evidence_.groups.size();
    for (const auto& [wrapping, flows] : groups_[place].by_wrapping) {
      signature.wrapping = Stack{wrapping};
      evidence_.groups.emplace_back(signature, flows);
      others -= flows;
    }
    if (others == 0) continue;
    signature.wrapping = {};
    evidence_.groups.emplace(evidence_.groups.begin() + static_cast<std::ptrdiff_t>(first), signature, others);
  }
}

void EvidenceBuilder::add_violation(const FlowKey& key, FlowVerdict verdict, const std::vector<FlowSight>& sights) {
  const ViolationSignature signature = signature_of(key, verdict, sights, windows_);
  const std::size_t group = group_of(signature);
  add_to_group(groups_[group], signature.wrapping);
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

// Whether it could still come before the last place: what is larger than all examples of its group has at least as many
// before it.
bool EvidenceBuilder::may_be_listed(std::size_t group, const FlowKey& key) const noexcept {
  if (!left_out_) return true;
  const GroupExamples& kept = group_examples_[group];
  const bool is_behind = kept.count == 0 || !is_smaller(key, kept.largest);
  const std::size_t rank = is_behind ? kept.count : 0;
  return rank < last_rank_ || (rank == last_rank_ && is_smaller(key, last_key_));
}

// The first of each group by key, then the second of each, and so on: a rare cause is not hidden by a frequent one, and
// the list does not depend on arrival. More violations can only move one back, so what is left out now would have been
// left out in the end.
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
