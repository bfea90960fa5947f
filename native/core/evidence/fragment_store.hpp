// Later pieces of fragmented datagrams that their workers could not join, and the first pieces that say whose they are.
// Under modes that do not hash, a datagram's pieces may be on as many members as there are. Bounded: of each kind the
// latest are kept.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "core/base/hash.hpp"
#include "core/packet/flow_key.hpp"
#include "core/packet/stack.hpp"
#include "core/table/hash_index.hpp"

namespace fanout {

// Times are in the ticks of the flow map.
class FragmentStore {
 public:
  // What is done for a piece for which there is no room: nothing, or the oldest one is settled before its time.
  enum class WhenFull : std::uint8_t { refuse, settle };

  [[nodiscard]] static Result<FragmentStore> create(std::uint32_t max, WhenFull when_full, HashSeed seed) noexcept;

  struct First {
    std::uint64_t datagram = 0;
    std::uint64_t flow = 0;    // digest of its key: the record may be another flow's by now
    std::uint32_t record = 0;  // of the flow
    std::uint32_t at = 0;
    Stack stack;
    std::uint32_t before = 0;  // number of the last one with the same place in the table, if that is still there
    std::uint16_t epoch = 0;
    Direction direction = Direction::forward;
  };
  static_assert(sizeof(First) == 40);
  struct Later {
    std::uint64_t datagram = 0;
    std::uint64_t kernel_key = 0;
    std::uint64_t bytes = 0;
    std::uint32_t packets = 0;
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    std::uint32_t firsts_before = 0;  // how many firsts had come before it, in 32 bits
    std::uint16_t epoch = 0;
    std::uint16_t member = 0;
    std::uint16_t tags = 0;
    std::uint8_t marks = 0;
  };
  static_assert(sizeof(Later) == 48);

  // False if there is no room. With WhenFull::settle there is, once settle_due() has nothing left; of firsts always.
  [[nodiscard]] bool add(First first) noexcept;
  [[nodiscard]] bool add(Later later) noexcept;

  // A first piece of this time was told of, but its flow found no room: nobody will know whose pieces near it are.
  void lose_first(std::uint32_t at) noexcept;

  // A later piece with the first one of its datagram: the one nearest in time. Where an identification was used again
  // so soon that another flow's is about as near, or may have been but was not kept, nobody knows, and it stays
  // unjoined.
  struct Settled {
    Later later;
    std::optional<First> first;
  };
  // Takes out the oldest later piece if it has to make room, or if the first pieces of its time do. What is told within
  // a lifetime of it is waited for; if there is no room for that, the piece stays unjoined. `now` is the latest time of
  // which anything was told.
  [[nodiscard]] std::optional<Settled> settle_due(std::uint32_t lifetime, std::uint32_t now);

  // The later pieces that are here still, joined in the same way, but whatever the order in which all of them came.
  struct Piece {
    std::uint32_t record = 0;
    std::uint32_t first = 0;  // first_at()
    std::uint32_t later = 0;  // later_at()
  };
  struct Joined {
    std::vector<Piece> pieces;  // by record
    std::uint64_t unjoined_packets = 0;

    [[nodiscard]] std::span<const Piece> of(std::uint32_t record) const noexcept;
  };
  [[nodiscard]] Joined join(std::uint32_t lifetime) const;
  [[nodiscard]] const First& first_at(std::uint32_t place) const noexcept { return firsts_.array[place]; }
  [[nodiscard]] const Later& later_at(std::uint32_t place) const noexcept { return laters_.array[place]; }

  [[nodiscard]] std::size_t bytes() const noexcept {
    const std::size_t table = firsts_.end != 0 ? table_.size() : 0;
    return firsts_.array.size() * sizeof(First) + laters_.array.size() * sizeof(Later) + table;
  }

 private:
  // Each element has a number, counted from 0 as they come; those from `begin` on are here.
  template <typename Element>
  struct Ring {
    RecordArray<Element> array;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;

    [[nodiscard]] std::uint32_t size() const noexcept { return static_cast<std::uint32_t>(end - begin); }
    [[nodiscard]] bool full() const noexcept { return size() == array.capacity(); }
    [[nodiscard]] std::uint32_t place_of(std::uint64_t number) const noexcept {
      return static_cast<std::uint32_t>(number % array.capacity());
    }
    [[nodiscard]] const Element& operator[](std::uint64_t number) const noexcept { return array[place_of(number)]; }
    void push(const Element& element) noexcept {
      if (array.full())
        array[place_of(end)] = element;
      else
        (void)array.push(element);
      ++end;
    }
  };

  FragmentStore(WhenFull when_full, HashSeed seed, RecordArray<First> firsts, RecordArray<Later> laters,
                MappedRegion table) noexcept
      : when_full_(when_full),
        seed_(seed),
        firsts_{std::move(firsts)},
        laters_{std::move(laters)},
        table_(std::move(table)) {}
  // The number, in 32 bits, of the last first piece whose datagram has this place in the table.
  [[nodiscard]] std::uint32_t& last_of(std::uint64_t datagram, std::uint16_t epoch) noexcept;
  [[nodiscard]] std::optional<First> find_first(const Later& later, std::uint32_t lifetime, std::uint32_t now);
  // Whether a first piece that was not kept may have been as near.
  [[nodiscard]] bool may_be_anothers(const Later& later, const First& nearest) const noexcept;

  WhenFull when_full_ = WhenFull::refuse;
  HashSeed seed_;
  Ring<First> firsts_;
  Ring<Later> laters_;
  MappedRegion table_;
  std::vector<First> candidates_;
  // First pieces that were not kept were all of this time; none if it ends before it begins.
  std::uint32_t lost_from_ = std::numeric_limits<std::uint32_t>::max();
  std::uint32_t lost_to_ = 0;
};

}  // namespace fanout
