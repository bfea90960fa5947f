// The collector's evidence: every flow of the run, and which member saw which direction of it. Built for ten million
// flows.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/base/hash.hpp"
#include "core/evidence/evidence.hpp"
#include "core/evidence/fragment_store.hpp"
#include "core/table/age_queue.hpp"
#include "core/table/hash_index.hpp"
#include "core/table/record_pool.hpp"
#include "core/wire/observation.hpp"
#include "core/wire/wire.hpp"

namespace fanout {

// Running totals, kept while observations arrive. They take every sighting at face value: only evidence() knows the
// epochs' ends.
struct Tally {
  std::uint64_t flows = 0;  // forgotten ones among them
  std::uint64_t two_way = 0;
  std::uint64_t violated = 0;
  std::uint64_t forgotten = 0;
  std::uint64_t packets = 0;                 // of the observations that found room
  std::uint64_t untracked_observations = 0;  // found the map full
  std::uint64_t untracked_packets = 0;
  std::vector<std::uint64_t> told_by_member;  // packets of all observations, those included that found no room
};

struct IngestResult {
  bool ok = false;
  std::uint32_t observations = 0;
  std::size_t error_offset = 0;
};

class FlowMap {
 public:
  // What is done for a flow for which there is no room: it is counted, or flows make room that are evidence of nothing.
  // Those seen in one direction only, on one member in each epoch: what is left of them when they are forgotten is
  // their share of the totals, as if no epoch had ended. A flow that is seen again after that is a new one: it may be
  // counted twice, and a violation may be missed; none is made up, as a flow is only ever compared with itself.
  enum class WhenFull : std::uint8_t { count, forget };

  struct Limits {
    std::uint32_t members = 0;
    std::uint32_t flows_max = 1U << 24;
    std::uint32_t sights_max = 1U << 22;     // beyond the first of each direction
    std::uint32_t fragments_max = 1U << 20;  // datagrams whose pieces have to be joined, and pieces to join
    WhenFull when_full = WhenFull::count;
  };

  // Where packets are taken to have been: on the member that told of them, or on one that has all of their flow and
  // kernel key, and nothing else of that flow.
  enum class Placement : std::uint8_t { as_seen, by_kernel_key };
  static constexpr std::uint32_t placed_members =
      64;  // enough for by_kernel_key; what has more keys is split all the same

  // By what flows are judged.
  struct Basis {
    Placement placement = Placement::as_seen;
    bool copies_are_told = true;  // false: packets that are alike may be copies or not, and count as none
    const FlowMap* file =
        nullptr;  // what a capture file says about the packets whose replay was seen, with the same seed
  };

  [[nodiscard]] static Result<FlowMap> create(const Limits& limits, HashSeed seed) noexcept;

  static constexpr std::uint32_t epoch_max = 0xffff;

  // One message of docs/protocol.md, kind `observations`, from `member`. A malformed message changes nothing, and
  // neither does one of an epoch after `newest_epoch`, the last that was announced.
  [[nodiscard]] IngestResult ingest(std::span<const std::byte> message, std::uint32_t member,
                                    std::uint32_t newest_epoch = epoch_max);
  // One observation; `member` is one of the run's, and packets is not zero.
  void add(const Observation& observation, std::uint16_t member, std::uint16_t epoch) noexcept;

  [[nodiscard]] const Tally& tally() const noexcept { return tally_; }
  // Nearly all flows that there is room for, or sightings, are kept for good: what comes next may soon find no room. A
  // sixteenth is left for what is on its way.
  [[nodiscard]] bool full() const noexcept;
  // Scans all flows. `epochs` holds one entry per epoch that was announced, in order.
  [[nodiscard]] Evidence evidence(std::span<const EpochWindow> epochs, std::size_t violations_max) const {
    return evidence(epochs, violations_max, Basis{});
  }
  [[nodiscard]] Evidence evidence(std::span<const EpochWindow> epochs, std::size_t violations_max,
                                  const Basis& basis) const;
  // The first `max` flows by key, which is the same list for every order of arrival. Sightings of all epochs, the late
  // ones too. None of the forgotten ones.
  [[nodiscard]] std::vector<ObservedFlow> flows(std::span<const EpochWindow> epochs, std::size_t max) const {
    return flows(epochs, max, Basis{});
  }
  [[nodiscard]] std::vector<ObservedFlow> flows(std::span<const EpochWindow> epochs, std::size_t max,
                                                const Basis& basis) const;
  [[nodiscard]] std::size_t bytes_used() const noexcept;
  // A record there is; a forgotten flow has none.
  [[nodiscard]] bool holds(const FlowKey& key) const noexcept;
  // How many flows are held, forgotten ones not among them, and for how many there is room.
  [[nodiscard]] std::uint32_t held() const noexcept { return records_.held(); }
  [[nodiscard]] std::uint32_t capacity() const noexcept { return records_.capacity(); }

 private:
  // Tests make room themselves, to see what is forgotten, and look for digests that collide.
  friend struct FlowMapProbe;

  static constexpr std::uint32_t no_sight = 0xffffffff;
  // A flow has a sighting for each member, direction and epoch, and so many more for further kernel keys and stacks at
  // the same place; as many again for ICMP errors about it. Hostile traffic can give it as many as it likes: what is
  // beyond is added to a sighting of its place, so that who saw which direction, and all counters, stay exact.
  static constexpr std::uint8_t further_sights_max = 15;

  // Times are kept in units of 2^16 ns (65.536 us), which 32 bits hold for 78 hours.
  struct Record {
    FlowKey key;
    std::uint64_t kernel_key = 0;
    std::array<std::uint64_t, 2> bytes{};
    std::array<std::uint32_t, 2> packets{};
    std::array<std::uint32_t, 2> first{};
    std::array<std::uint32_t, 2> last{};
    std::array<ContentMark, 2> content{};
    std::array<std::uint16_t, 2> member{};
    std::uint32_t more = no_sight;
    Stack stack;
    std::uint16_t epoch = 0;
    std::uint16_t tags = 0;  // of both directions
    std::array<std::uint8_t, 2> marks{};
    std::uint8_t further =
        0;  // sightings beyond the first of a place: of the flow, and in the upper half of errors about it
    std::uint8_t state = 0;
  };
  static_assert(sizeof(Record) == 120);

  // What does not fit into the record: a second member, epoch, kernel key or stack.
  struct MoreSight {
    std::uint64_t kernel_key = 0;
    Stack stack;
    std::uint64_t bytes = 0;
    std::uint32_t packets = 0;
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    std::uint32_t next = no_sight;
    ContentMark content = 0;
    std::uint16_t epoch = 0;
    std::uint16_t member = 0;
    std::uint16_t tags = 0;
    std::uint8_t direction = 0;
    std::uint8_t marks = 0;
  };
  static_assert(sizeof(MoreSight) == 56);

  struct Pending {
    Observation observation;
    FlowKey key;
    Direction direction;
    std::uint32_t hash;
  };

  FlowMap(const Limits& limits, HashSeed seed, HashIndex index, RecordPool<Record> records, RecordPool<MoreSight> more,
          FragmentStore fragments, AgeQueue ages) noexcept;

  [[nodiscard]] std::uint64_t digest_of(const FlowKey& key) const noexcept;
  void prepare(Pending& pending) const noexcept;
  void apply(const Pending& pending, std::uint16_t member, std::uint16_t epoch) noexcept;
  // True if the flow gained a sighting that may change its verdict.
  [[nodiscard]] bool merge(Record& record, const Pending& pending, std::uint16_t member, std::uint16_t epoch) noexcept;
  [[nodiscard]] bool merge_more(Record& record, const Pending& pending, std::uint16_t member,
                                std::uint16_t epoch) noexcept;
  // Into a sighting that is there, whatever its kernel key.
  void add_to_record(Record& record, const Pending& pending) noexcept;
  void add_to_sight(MoreSight& sight, const Observation& observation) noexcept;
  void reclassify(Record& record, std::uint16_t member, std::uint16_t epoch, Direction direction) noexcept;
  // Of one flow: its own packets and the ICMP errors about it, both sorted.
  struct Sights {
    std::vector<FlowSight> own;
    std::vector<FlowSight> errors;
  };
  void collect(std::uint32_t record, const FragmentStore::Joined& joined, const Basis& basis, Sights& out) const;
  [[nodiscard]] std::vector<FlowSight> sights_of(const FlowKey& key) const;
  void place_by_kernel_key(Sights& sights) const;
  void count_untracked(const Observation& observation) noexcept;
  void keep_first(const Pending& pending, std::uint32_t record, std::uint16_t epoch);
  void keep_later(const Observation& observation, std::uint16_t member, std::uint16_t epoch);
  void settle_fragments();
  void settle(const FragmentStore::Settled& settled);
  [[nodiscard]] bool is_of(const FragmentStore::First& first, std::uint32_t record) const noexcept;
  [[nodiscard]] FragmentStore::Joined join_fragments() const;
  void add_all(EvidenceBuilder& builder, std::span<const EpochWindow> windows, const FragmentStore::Joined& joined,
               const Basis& basis) const;

  void make_room();
  void look_for_room() noexcept;
  void forget(std::uint32_t record);
  [[nodiscard]] std::uint32_t last_seen(const Record& record) const noexcept;

  Limits limits_;
  HashSeed seed_;
  HashIndex index_;
  RecordPool<Record> records_;
  RecordPool<MoreSight> more_;
  std::vector<Pending> pending_;
  FragmentStore fragments_;
  Tally tally_;

  // Records that may be forgotten, and sightings that are theirs. All of them are in the queue, and so are some that
  // have since become evidence: when their turn comes they leave it.
  AgeQueue ages_;
  std::uint32_t forgettable_ = 0;
  std::uint32_t forgettable_sights_ = 0;
  bool short_of_records_ = false;
  bool short_of_sights_ = false;
  EvidenceBuilder forgotten_;
  Sights sights_;
  std::uint64_t unjoined_packets_ = 0;  // of pieces that were settled
  std::uint32_t latest_fragment_ = 0;
};

}  // namespace fanout
