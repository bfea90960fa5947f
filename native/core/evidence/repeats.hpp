// Which packets of a capture file are one packet that was captured more than once, and which are merely alike: by the
// file's own time stamps, whatever the order in which they stand there. A keep-alive is like the one before it, byte
// for byte where the header has no identification (IPv6), but a minute apart. Bounded: what is forgotten can no longer
// be found again.
#pragma once

#include <cstdint>
#include <memory>

namespace fanout {

class Repeats {
 public:
  struct Seen {
    std::uint64_t instance = 0;  // the same for all copies of a packet, another one for what is alike at another time
    bool again = false;          // there was a copy before
  };

  // `content` is a digest of what tells packets apart. Copies come within content::apart_max_ns of the first of them.
  [[nodiscard]] Seen see(std::uint64_t content, std::uint64_t time_ns) noexcept;

 private:
  // Enough for a million packets a second, of which all are different, within the time that copies may be apart.
  static constexpr std::uint32_t entries = 1U << 17;
  // Places in which a packet may be: the one that was seen first makes room.
  static constexpr std::uint32_t ways = 4;

  struct Entry {
    std::uint64_t content = 0;
    std::uint64_t time_ns = 0;
    std::uint64_t instance = 0;  // 0: free
  };

  std::unique_ptr<Entry[]> entries_;
  std::uint64_t instances_ = 0;
};

}  // namespace fanout
