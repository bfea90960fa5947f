#include "core/evidence/repeats.hpp"

#include <algorithm>
#include <new>

#include "core/packet/content.hpp"

namespace fanout {

Repeats::Seen Repeats::see(std::uint64_t content, std::uint64_t time_ns) noexcept {
  ++instances_;
  if (!entries_) entries_.reset(new (std::nothrow) Entry[entries]);
  if (!entries_) return {instances_, false};
  Entry* const begin = &entries_[content % (entries / ways) * ways];
  for (const Entry* e = begin; e != begin + ways; ++e) {
    const std::uint64_t apart = e->time_ns > time_ns ? e->time_ns - time_ns : time_ns - e->time_ns;
    if (e->instance != 0 && e->content == content && apart <= content::apart_max_ns) return {e->instance, true};
  }
  Entry* const oldest =
      std::min_element(begin, begin + ways, [](const Entry& x, const Entry& y) { return x.instance < y.instance; });
  *oldest = {content, time_ns, instances_};
  return {instances_, false};
}

}  // namespace fanout
