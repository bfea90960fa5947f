// What the collector knows about flows when it is asked, and how it adds up: verdicts, counts by stack, members and
// epochs, and what the violations look like.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include "core/evidence/judge.hpp"
#include "core/packet/stack.hpp"

namespace fanout {

// One (epoch, member, direction, kernel key, stack) of a flow, with all that was told about it.
struct FlowSight {
  Sighting where;
  Stack stack;
  std::uint64_t kernel_key = 0;
  std::uint64_t bytes = 0;
  std::uint8_t marks = 0;
  std::uint16_t tags = 0;
};

// Which fragments the kernel hashed as such, by what it takes to reassemble them for a group; of several the hardest.
enum class Fragments : std::uint8_t {
  none,
  in_reach,      // The flag defrag reassembles them: IPv4, in the outermost header, behind at most one tag.
  beyond_reach,  // The flag does not: IPv4, further inside.
  ipv6,
};

// The features by which violations are told apart (docs/verdicts.md says what each means).
struct ViolationSignature {
  FlowVerdict kind = FlowVerdict::split;
  Stack stack;
  bool one_kernel_key = false;
  bool top_bit_pair = false;
  bool label_one_way = false;
  Fragments fragments = Fragments::none;
  bool stale_ipv6 = false;
  bool mixed_wrappings = false;
  bool on_one_packet = false;  // there is a packet without which it would be none: see rests_on_one_packet()
  bool sent_tagged = false;
  bool tags_differ = false;
  bool whole_keys_differ = false;   // the kernel keys would differ if all datagrams came in one piece, too
  bool only_index_differs = false;  // and then they differ by the index of ESP or AH alone
  // Where packets came in two wrappings, `stack` is one of them and this is the other. Empty for more than two, and for
  // what has no place in its group: see wrappings_max.
  Stack wrapping;
  bool operator==(const ViolationSignature&) const noexcept = default;
};

struct Violation {
  FlowKey key;
  ViolationSignature signature;
  std::vector<FlowSight> sights;
  std::size_t sights_omitted = 0;
  std::optional<Direction> requests = std::nullopt;  // echo_requests() of all of them
};

// Wrappings that are told apart in violations that are alike else: those of the smallest codes, for any order of
// arrival.
inline constexpr std::size_t wrappings_max = 8;

// Of one violation so many sights are listed: hostile traffic can give a flow thousands.
inline constexpr std::size_t listed_sights_max = 256;

// The direction of the requests, where the flow is an echo: the key does not tell. Both hosts may ask by one
// identifier; then any.
[[nodiscard]] std::optional<Direction> echo_requests(const FlowKey& key, std::span<const FlowSight> sights) noexcept;

// A flow with all that was told about it, whatever its verdict.
struct ObservedFlow {
  FlowKey key;
  FlowVerdict verdict = FlowVerdict::none;  // none: all of it came too late to be judged
  ViolationSignature signature;             // of a violation, else of no meaning
  std::vector<FlowSight> sights;
  std::vector<FlowSight> errors;  // ICMP errors that quote the flow, wherever they were seen
  bool errors_elsewhere = false;  // some of them where no packet of the flow was
};

struct FlowCounts {
  std::uint64_t total = 0;
  std::uint64_t one_way = 0;
  std::uint64_t consistent = 0;
  std::uint64_t duplicated = 0;
  std::uint64_t asymmetric = 0;
  std::uint64_t split = 0;
  std::uint64_t unjudged = 0;  // they would tell something, but their stack has no counts of its own
};

struct StackCounts {
  Stack stack;
  FlowCounts flows;
  std::uint64_t two_way = 0;
  std::vector<std::uint64_t> two_way_by_member;
  std::vector<std::uint64_t> kernel_keys;  // the first few that differ: with one a hash cannot spread these flows
  std::uint64_t errors_elsewhere = 0;      // flows with an ICMP error on a member that saw nothing else of them
  std::uint64_t sent_tagged = 0;           // flows with packets that this host sent with the tag in their bytes
};

// Kernel keys that are told apart for each stack.
inline constexpr std::size_t kernel_keys_max = 64;

// Stacks that are told apart. A sender can make millions, most of them deep. Flows that tell something, seen in both
// directions or split, come before those that do not; then the stacks of fewest layers. What remains shares one entry,
// of the stack `other`, in which nothing is judged: neither proof nor cause may rest on flows of which nobody knows
// what they have in common.
inline constexpr std::size_t stacks_max = 1024;

struct Evidence {
  FlowCounts flows;
  std::uint64_t forgotten = 0;  // of those seen in one direction
  std::uint64_t two_way = 0;    // both directions seen, in whatever epoch
  std::vector<StackCounts> stacks;
  std::vector<std::vector<std::uint64_t>> two_way_by_epoch_and_member;
  std::vector<std::uint64_t> flows_by_member;
  std::vector<std::pair<ViolationSignature, std::uint64_t>> groups;  // in the order of the signatures
  std::vector<Violation> violations;                                 // examples of each group, by flow key
  std::uint64_t violations_omitted = 0;
  std::uint64_t judged_packets = 0;
  std::uint64_t unjudged_packets = 0;  // of flows that are not judged
  std::uint64_t many_keyed = 0;        // flows with more kernel keys than are told apart
  std::uint64_t top_flow_packets = 0;
  std::uint64_t unjoined_fragments = 0;  // packets: later pieces of datagrams whose first piece no member saw
  std::uint64_t unmatched_errors = 0;    // packets: ICMP errors about flows of which nothing else was seen
};

// Erases what was first seen when its epoch was over, or in an epoch that nobody announced.
void erase_late(std::vector<FlowSight>& sights, std::span<const EpochWindow> windows);

// One flow's verdict and what explains it. `sights` are its own packets, none of them late, in any order.
[[nodiscard]] FlowVerdict verdict_of(std::span<const FlowSight> sights, std::span<const EpochWindow> windows);
[[nodiscard]] ViolationSignature signature_of(const FlowKey& key, FlowVerdict kind, std::span<const FlowSight> sights,
                                              std::span<const EpochWindow> windows);
// Whether an error was on a member that saw no packet of the flow itself in the same epoch.
[[nodiscard]] bool are_elsewhere(std::span<const FlowSight> errors, std::span<const FlowSight> sights) noexcept;

// The order in which sights are reported: it does not depend on the order of arrival.
[[nodiscard]] bool earlier(const FlowSight& x, const FlowSight& y) noexcept;

// The counts of each stack, for as many as are told apart.
class StackTable {
 public:
  // Which stacks of flows that tell something have places, where there are more of them than places.
  using Choice = std::set<std::uint64_t>;

  StackTable() = default;
  explicit StackTable(Choice chosen) : chosen_(std::move(chosen)) {}

  // nullptr: there is no place for it. `tells`: see stacks_max.
  [[nodiscard]] StackCounts* find(Stack stack, bool tells);
  [[nodiscard]] StackCounts& other();
  // Of a table of which all flows tell nothing.
  void add(const StackTable& silent);
  // Not empty if find() had no place for a stack of flows that tell something, so that it was a matter of chance which
  // ones have one.
  [[nodiscard]] const Choice& choice() const noexcept { return due_; }

  [[nodiscard]] std::vector<StackCounts> take(std::size_t members);

 private:
  void add_silent(const StackCounts& from);
  void refuse(std::uint64_t stack);

  std::map<std::uint64_t, StackCounts> stacks_;
  std::set<std::uint64_t> silent_;  // those of which no flow tells anything
  std::optional<StackCounts> other_;
  Choice chosen_;
  Choice due_;
  StackCounts* last_ = nullptr;  // most flows are like the one before
};

// Adds up flow by flow.
class EvidenceBuilder {
 public:
  // All that a signature says but for the wrapping, in the order in which groups are told.
  using GroupKey =
      std::tuple<FlowVerdict, std::uint64_t, bool, bool, bool, Fragments, bool, bool, bool, bool, bool, bool, bool>;

  EvidenceBuilder(std::span<const EpochWindow> windows, std::uint32_t members, std::size_t violations_max,
                  StackTable::Choice chosen = {});

  // `sights` are of the flow's own packets, at least one, sorted by earlier() and none of them late; `errors` are ICMP
  // errors about it.
  void add(const FlowKey& key, const std::vector<FlowSight>& sights, std::span<const FlowSight> errors);
  // A flow that is about to be forgotten: seen in one direction, on one member in each epoch, all of it counted as it
  // is.
  void add_forgotten(const std::vector<FlowSight>& sights, std::span<const FlowSight> errors);
  // All that another one has added up of flows that were forgotten.
  void add(const EvidenceBuilder& forgotten);
  // Errors about a flow of which nothing else was seen.
  void add_unmatched(std::span<const FlowSight> errors) noexcept;
  void add_unjoined(std::uint64_t packets) noexcept { evidence_.unjoined_fragments += packets; }
  void add_many_keyed() noexcept { ++evidence_.many_keyed; }

  // Not empty: all has to be added up once more by a builder with this choice, or the answer would depend on the order
  // of arrival.
  [[nodiscard]] const StackTable::Choice& choice() const noexcept { return stacks_.choice(); }
  [[nodiscard]] Evidence take();

 private:
  struct Group {
    ViolationSignature signature;  // with no wrapping
    std::uint64_t flows = 0;
    std::map<std::uint64_t, std::uint64_t> by_wrapping;  // flows of each that has a place; never of none
  };
  struct Kept {
    std::uint32_t epoch;
    std::uint16_t member;
  };
  static void note(StackCounts& counts, const std::vector<FlowSight>& sights, std::span<const FlowSight> errors);
  void count_members(const std::vector<FlowSight>& sights);
  void add_violation(const FlowKey& key, FlowVerdict verdict, const std::vector<FlowSight>& sights);
  [[nodiscard]] std::size_t group_of(const ViolationSignature& signature);
  void tell_groups();
  static void add_to_group(Group& group, Stack wrapping);
  [[nodiscard]] bool may_be_listed(std::size_t group, const FlowKey& key) const noexcept;
  void keep_examples();

  // A violation that may be listed in the end. Its place is what it is taken by: how many of its group have smaller
  // keys, and its key.
  struct Example {
    Violation violation;
    std::size_t group = 0;
    std::size_t rank = 0;
  };
  // What is known of the examples of a group since the last time that some were left out.
  struct GroupExamples {
    std::size_t count = 0;
    FlowKey largest{};
  };

  std::span<const EpochWindow> windows_;
  std::size_t members_;
  std::size_t violations_max_;
  StackTable stacks_;
  std::map<GroupKey, std::size_t> group_places_;
  std::vector<Group> groups_;
  std::vector<Sighting> sightings_;
  std::vector<Kept> kept_;
  std::vector<bool> member_seen_;
  std::vector<Example> examples_;
  std::vector<GroupExamples> group_examples_;  // by place in groups_
  std::size_t last_rank_ = 0;                  // the place behind which nothing was kept
  FlowKey last_key_{};
  bool left_out_ = false;
  Evidence evidence_;
};

}  // namespace fanout
