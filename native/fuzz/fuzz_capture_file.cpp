// Any bytes as a capture file: read whole, and in pieces whose sizes the first bytes choose. Both must tell the same,
// and every packet must survive becoming a frame and being dissected.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "core/capture_file/capture_file.hpp"
#include "core/capture_file/link_frame.hpp"
#include "core/packet/dissect.hpp"

// The entry point of libFuzzer, which also replay_main.cpp calls.
extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size);

namespace {

using namespace fanout;

void require(bool holds, const char* rule) {
  if (holds) return;
  std::fprintf(stderr, "broken rule: %s\n", rule);
  std::abort();
}

// What a reading told, in order.
class Digest final : public CaptureSink {
 public:
  explicit Digest(bool is_hesitant) : is_hesitant_(is_hesitant) {}

  bool on_record(const CaptureRecord& record) noexcept override {
    ++records_;
    require(record.number == records_, "packets are numbered");
    require(record.bytes.size() <= CaptureFileParser::packet_bytes_max, "no packet is longer than the bound");
    bytes_ += record.bytes.size();
    for (const std::byte octet : record.bytes) value_ = mix(value_, std::to_integer<std::uint64_t>(octet));
    value_ = mix(value_, mix(record.time_ns, std::uint64_t{record.wire_bytes} << 16 | record.link_type));
    see(as_ethernet(record.link_type, record.bytes), record);
    return !is_hesitant_ || records_ % 3 != 0;
  }

  bool operator==(const Digest& other) const { return records_ == other.records_ && value_ == other.value_; }
  [[nodiscard]] std::uint64_t records() const { return records_; }
  [[nodiscard]] std::uint64_t bytes() const { return bytes_; }

 private:
  static void see(const LinkFrame& frame, const CaptureRecord& record) {
    const char* const name = link_type_name(record.link_type);
    require(name == nullptr || *name != 0, "a link type has a name or none");
    if (frame.convertible != Convertible::yes) return;
    require(frame.size() >= 14, "a frame has an Ethernet header");
    require(is_inside(frame.rest, record.bytes) && is_inside(frame.more, record.bytes), "a frame is inside its packet");
    std::vector<std::byte> bytes(frame.header.begin(), frame.header.begin() + frame.header_bytes);
    bytes.insert(bytes.end(), frame.rest.begin(), frame.rest.end());
    (void)dissect(bytes, {}, HashSeed{0x5eed});
    if (frame.more.empty()) return;
    require(frame.more.size() < record.bytes.size(), "what is left becomes less");
    see(next_aggregated(frame.more), {.bytes = frame.more, .link_type = record.link_type});
  }

  [[nodiscard]] static bool is_inside(std::span<const std::byte> part, std::span<const std::byte> whole) {
    return part.empty() || (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
  }

  bool is_hesitant_;
  std::uint64_t records_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t value_ = 0;
};

bool same(const CaptureProblem& x, const CaptureProblem& y) {
  return x.fault == y.fault && x.record == y.record && x.block == y.block && x.offset == y.offset &&
         x.value == y.value && x.foreign == y.foreign;
}

}  // namespace

int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  constexpr std::size_t choices = 4;
  if (size < choices) return 0;
  const auto file = std::as_bytes(std::span{data, size}).subspan(choices);

  CaptureFileParser whole;
  Digest told{false};
  require(whole.feed(file, told) == file.size(), "a sink that takes everything is given everything");
  whole.finish();

  CaptureFileParser pieces;
  Digest told_in_pieces{true};
  std::size_t piece = 0;
  for (std::size_t at = 0; at < file.size();) {
    const std::size_t length = std::min<std::size_t>(1 + data[piece++ % choices], file.size() - at);
    // A copy of its own, so that the sanitizer sees what is read beyond it, or after it is gone.
    std::vector<std::byte> copy(file.begin() + static_cast<std::ptrdiff_t>(at),
                                file.begin() + static_cast<std::ptrdiff_t>(at + length));
    const std::size_t taken = pieces.feed(copy, told_in_pieces);
    require(taken <= length, "no more is taken than was given");
    at += taken;
  }
  pieces.finish();

  require(told == told_in_pieces, "the same packets, whatever the pieces");
  require(same(whole.problem(), pieces.problem()), "the same problem, whatever the pieces");
  require(told.bytes() <= file.size() && told.records() == whole.records(), "every packet is in the file");
  require(whole.problem().offset <= file.size(), "a problem is inside the file");
  return 0;
}
