// The index against a plain list, through growth and with entries that come and go.
#include <map>
#include <string>
#include <vector>

#include "core/table/hash_index.hpp"
#include "test/check.hpp"
#include "test/generate.hpp"

using namespace fanout;
using namespace fanout::test;

namespace {

HashIndex index_for(std::uint32_t capacity, std::uint32_t most = 1U << 20) {
  auto index = HashIndex::create(capacity, most);
  if (!index) __builtin_trap();
  return std::move(*index);
}

// As the record at that position would be compared.
bool finds(const HashIndex& index, std::uint32_t hash, std::uint32_t position) {
  return index.find(hash, [&](std::uint32_t candidate) { return candidate == position; }) == position;
}

}  // namespace

TEST(what_comes_and_goes_is_found_exactly_while_it_is_there) {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    const Note note{"seed " + std::to_string(seed)};
    Random random{seed};
    HashIndex index = index_for(1);
    std::map<std::uint32_t, std::uint32_t> there;  // position -> hash
    std::map<std::uint32_t, std::uint32_t> gone;
    // Few hashes, so that long runs of neighbours form and wrap around; of some seeds all of one home.
    const std::uint32_t hashes = seed % 3 == 0 ? 1 : 1 + random.below(200);
    const std::uint32_t most = 1 + random.below(300);
    for (std::uint32_t step = 0; step < 1500; ++step) {
      if (!there.empty() && (there.size() >= most || random.one_in(3))) {
        auto it = there.lower_bound(random.below(1500));
        if (it == there.end()) it = there.begin();
        index.erase(it->second, it->first);
        gone.insert(*it);
        there.erase(it);
      } else {
        const std::uint32_t hash = random.below(hashes) * 0x9e3779b9U;
        CHECK(index.insert(hash, step));
        there[step] = hash;
      }
      if (step % 50 != 0) continue;
      for (const auto& [position, hash] : there) CHECK(finds(index, hash, position));
      for (const auto& [position, hash] : gone) CHECK(!finds(index, hash, position));
    }
    for (const auto& [position, hash] : there) index.erase(hash, position);
    for (const auto& [position, hash] : there) CHECK(!finds(index, hash, position));
  }
}

TEST(nothing_is_lost_while_it_grows) {
  // Beyond a hundred thousand the next table is made ready first; whether it is known that there will be so many or
  // not.
  for (const std::uint32_t most : {1U << 20, 1U << 10}) {
    HashIndex index = index_for(4, most);
    Random random{7};
    std::vector<std::uint32_t> hashes;
    for (std::uint32_t position = 0; position < 300'000; ++position) {
      hashes.push_back(static_cast<std::uint32_t>(random.next()));
      CHECK(index.insert(hashes.back(), position));
      // The last ones, and some of those that may be on their way.
      const std::uint32_t any = random.below(position + 1);
      CHECK(finds(index, hashes[any], any));
      CHECK(finds(index, hashes[position / 2], position / 2));
    }
    for (std::uint32_t position = 0; position < hashes.size(); ++position)
      CHECK(finds(index, hashes[position], position));
    // Half a million slots, and as much of the next table as is ready.
    CHECK(index.bytes() <= (std::size_t{4} << 20) + (most > 300'000 ? std::size_t{8} << 20 : 0));
  }
}

TEST(cleared_it_is_empty_whatever_it_was_doing) {
  for (const std::uint32_t count : {1U, 7U, 8U, 13U, 100U, 1000U}) {
    HashIndex index = index_for(4);
    for (std::uint32_t position = 0; position < count; ++position) CHECK(index.insert(position * 31, position));
    index.clear();
    for (std::uint32_t position = 0; position < count; ++position) CHECK(!finds(index, position * 31, position));
    CHECK(index.insert(31, 1));
    CHECK(finds(index, 31, 1));
  }
}
