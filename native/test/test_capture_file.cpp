// Capture files: every variant is read as it was written, in pieces of any size, and every kind of damage ends the
// reading with its place and reason, after what came before.
#include <algorithm>
#include <limits>
#include <memory>
#include <vector>

#include "core/capture_file/capture_file.hpp"
#include "test/capture_files.hpp"
#include "test/check.hpp"
#include "test/generate.hpp"

using namespace fanout;
using namespace fanout::test;

namespace {

struct Read {
  Octets bytes;
  std::uint32_t wire_bytes;
  std::uint16_t link_type;
  std::uint64_t time_ns;
  std::uint64_t number;

  friend bool operator==(const Read&, const Read&) = default;
};

class Keep final : public CaptureSink {
 public:
  explicit Keep(std::size_t at_once = ~std::size_t{0}) : at_once_(at_once) {}

  bool on_record(const CaptureRecord& r) noexcept override {
    read.push_back({{r.bytes.begin(), r.bytes.end()}, r.wire_bytes, r.link_type, r.time_ns, r.number});
    return read.size() % at_once_ != 0;
  }

  std::vector<Read> read;

 private:
  std::size_t at_once_;
};

struct Outcome {
  std::vector<Read> read;
  CaptureProblem problem;
  std::size_t stops = 0;
};

// From memory of exactly the size of each piece, so that the sanitizer sees one byte too many.
template <typename NextSize>
Outcome read_in_pieces(const Octets& file, NextSize&& next_size, std::size_t at_once = ~std::size_t{0}) {
  CaptureFileParser parser;
  Keep sink{at_once};
  std::size_t stops = 0;
  for (std::size_t at = 0; at < file.size();) {
    const std::size_t size = std::min<std::size_t>(next_size(), file.size() - at);
    const auto piece = std::make_unique<std::byte[]>(size);
    std::copy_n(file.begin() + static_cast<std::ptrdiff_t>(at), size, piece.get());
    const std::size_t taken = parser.feed({piece.get(), size}, sink);
    CHECK(taken <= size);
    if (taken < size) ++stops;
    at += taken;
  }
  parser.finish();
  CHECK_EQ(parser.records(), sink.read.size());
  return {std::move(sink.read), parser.problem(), stops};
}

Outcome read(const Octets& file) {
  return read_in_pieces(file, [&] { return file.size(); });
}

Octets cut(const Octets& file, std::size_t size) {
  return {file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size)};
}

Octets some_bytes(std::size_t size, unsigned first = 0) {
  Octets out;
  for (std::size_t i = 0; i < size; ++i) put8(out, static_cast<unsigned>(first + i) & 0xff);
  return out;
}

void check_problem(const Octets& file, CaptureFault fault, std::uint64_t record, std::uint64_t block,
                   std::uint64_t offset, std::uint64_t value) {
  const CaptureProblem problem = read(file).problem;
  CHECK_EQ(problem.fault, fault);
  CHECK_EQ(problem.record, record);
  CHECK_EQ(problem.block, block);
  CHECK_EQ(problem.offset, offset);
  CHECK_EQ(problem.value, value);
}

const Octets a = some_bytes(60, 1);
const Octets b = some_bytes(61, 100);
constexpr std::uint64_t s = 1'000'000'000;

}  // namespace

TEST(pcap_in_every_variant) {
  struct Row {
    std::uint32_t magic;
    std::uint64_t tick_ns;
  };
  for (const bool big : {false, true})
    for (const auto& [magic, tick_ns] : {Row{0xa1b2c3d4, 1000}, Row{0xa1b23c4d, 1}, Row{0xa1b2cd34, 1000}}) {
      const Note note{shown(magic) + (big ? " big" : " little")};
      PcapBuilder file{{.big_endian = big, .magic = magic, .link_type = 113}};
      file.add(1, 999, a, 60).add(0xffffffff, 5, b, 1514).add(7, 0, {}, 40);
      const Outcome outcome = read(file.bytes());
      const std::vector<Read> expected{
          {a, 60, 113, s + 999 * tick_ns, 1}, {b, 1514, 113, 0xffffffff * s + 5 * tick_ns, 2}, {{}, 40, 113, 7 * s, 3}};
      CHECK(outcome.read == expected);
      CHECK_EQ(outcome.problem.fault, CaptureFault::none);
    }
}

TEST(pcap_link_type_beside_the_length_of_the_check_sequence) {
  CHECK_EQ(read(PcapBuilder{{.link_type = 0x44000001}}.add(1, 0, a, 60).bytes()).read.at(0).link_type, 1);
  CHECK_EQ(
      read(PcapBuilder{{.big_endian = true, .link_type = 0xf4000114}}.add(1, 0, a, 60).bytes()).read.at(0).link_type,
      276);
}

TEST(pcap_before_2_4_has_its_lengths_in_either_order) {
  for (const unsigned minor : {0U, 2U, 3U}) {
    PcapBuilder file{{.minor = minor}};
    file.header(1, 0, 1514, 60);
    Octets bytes = file.bytes();
    put_octets(bytes, a);
    const Outcome outcome = read(bytes);
    CHECK_EQ(outcome.read.size(), std::size_t{1});
    CHECK(outcome.read.at(0) == Read({a, 1514, 1, s, 1}));
  }
  // In 2.4 the first one is the captured length, also where it is the larger one.
  CHECK(read(PcapBuilder{}.add(1, 0, a, 14).bytes()).read.at(0) == Read({a, 14, 1, s, 1}));
}

TEST(pcapng_with_sections_of_both_orders_and_several_interfaces) {
  for (const bool big : {false, true}) {
    PcapngBuilder file{big};
    file.interface({.link_type = 1}).interface({.link_type = 276, .resolution = 9, .offset_seconds = 100});
    file.enhanced(1, 5, a, 60).enhanced(0, 5, b, 1514);
    file.section(!big).interface({.link_type = 101, .resolution = 3}).enhanced(0, 7, a, 60);
    const Outcome outcome = read(file.bytes());
    const std::vector<Read> expected{{a, 60, 276, 100 * s + 5, 1}, {b, 1514, 1, 5000, 2}, {a, 60, 101, 7'000'000, 3}};
    CHECK(outcome.read == expected);
    CHECK_EQ(outcome.problem.fault, CaptureFault::none);
  }
}

TEST(pcapng_time_resolutions) {
  struct Row {
    int resolution;
    std::uint64_t ticks;
    std::int64_t offset_seconds;
    std::uint64_t ns;
  };
  constexpr std::uint64_t most = (std::uint64_t{1} << 63) - 1;
  const Row rows[]{
      {-1, 3, 0, 3000},
      {0, 2, 0, 2 * s},
      {6, 1'700'000'000'000'001, 0, 1'700'000'000'000'001'000},
      {9, 1'700'000'000'123'456'789, 0, 1'700'000'000'123'456'789},
      {12, 1'234'567, 0, 1234},
      {19, ~std::uint64_t{0}, 0, 1'844'674'407},
      {28, ~std::uint64_t{0}, 0, 1},
      {29, ~std::uint64_t{0}, 0, 0},
      {127, ~std::uint64_t{0}, 0, 0},
      {0x80, 3, 0, 3 * s},
      {0x8a, 1024 + 512, 0, s + s / 2},
      {0xa0, (std::uint64_t{5} << 32) + (std::uint64_t{1} << 31), 0, 5 * s + s / 2},
      {0xbf, std::uint64_t{3} << 62, 0, s + s / 2},
      {0xff, ~std::uint64_t{0}, 0, 0},
      {6, 5'000'000, 10, 15 * s},
      {6, 5'000'000, -2, 3 * s},
      {6, 5'000'000, -6, 0},  // before 1970
      {0, ~std::uint64_t{0}, 0, most},
      {0, 1, std::numeric_limits<std::int64_t>::max(), most},
      {0, 1, std::numeric_limits<std::int64_t>::min(), 0},
  };
  for (const bool big : {false, true})
    for (const Row& row : rows) {
      const Note note{"resolution " + shown(row.resolution) + ", ticks " + shown(row.ticks)};
      PcapngBuilder file{big};
      file.interface({.resolution = row.resolution, .offset_seconds = row.offset_seconds})
          .enhanced(0, row.ticks, a, 60);
      CHECK_EQ(read(file.bytes()).read.at(0).time_ns, row.ns);
    }
}

TEST(pcapng_packets_without_a_captured_length) {
  // As long as the snap length of the first interface says, else as on the wire, and never longer than the block.
  PcapngBuilder limited;
  limited.interface({.link_type = 101, .snaplen = 41}).simple(cut(a, 41), 1514).simple(cut(a, 30), 30);
  CHECK((read(limited.bytes()).read == std::vector<Read>{{cut(a, 41), 1514, 101, 0, 1}, {cut(a, 30), 30, 101, 0, 2}}));
  PcapngBuilder unlimited;
  unlimited.interface().simple(b, 61).simple(a, 5000);
  CHECK((read(unlimited.bytes()).read == std::vector<Read>{{b, 61, 1, 0, 1}, {a, 5000, 1, 0, 2}}));
}

TEST(pcapng_obsolete_packets) {
  PcapngBuilder file;
  file.interface().interface({.link_type = 9, .resolution = 9}).old_packet(1, 77, b, 99);
  CHECK((read(file.bytes()).read == std::vector<Read>{{b, 99, 9, 77, 1}}));
}

TEST(pcapng_blocks_that_nobody_needs_are_passed_over) {
  PcapngBuilder file;
  file.block(4, payload(24).bytes).interface().block(5, payload(3).bytes).enhanced(0, 1, a, 60);
  file.block(0x40000bad, payload(3'000'000).bytes).enhanced(0, 2, b, 61);
  const Outcome outcome = read_in_pieces(file.bytes(), [] { return 4096; });
  CHECK((outcome.read == std::vector<Read>{{a, 60, 1, 1000, 1}, {b, 61, 1, 2000, 2}}));
  CHECK_EQ(outcome.problem.fault, CaptureFault::none);
}

TEST(pcapng_options_that_cannot_be_read_end_the_options) {
  Octets body = octets({1, 0, 0, 0, 0, 0, 0, 0});
  put_octets(body, octets({9, 0, 1, 0, 9, 0, 0, 0}));         // nanoseconds
  put_octets(body, octets({14, 0, 0xff, 0xff, 1, 0, 0, 0}));  // longer than the block
  PcapngBuilder file;
  file.block(1, body).enhanced(0, 123, a, 60);
  CHECK_EQ(read(file.bytes()).read.at(0).time_ns, std::uint64_t{123});
}

TEST(the_same_records_whatever_the_pieces) {
  Random random{42};
  for (const SampleFile& sample : sample_files()) {
    const Note note{sample.name};
    const Outcome whole = read(sample.bytes);
    CHECK(whole.read.size() >= 3);
    CHECK_EQ(whole.problem.fault, CaptureFault::none);
    CHECK(read_in_pieces(sample.bytes, [] { return 1; }).read == whole.read);
    for (int i = 0; i < 50; ++i) {
      const Outcome pieces = read_in_pieces(
          sample.bytes, [&] { return 1 + random.below(100); }, 1 + random.below(3));
      CHECK(pieces.read == whole.read);
      CHECK_EQ(pieces.problem.fault, CaptureFault::none);
    }
  }
}

TEST(a_sink_that_wants_no_more_is_given_no_more) {
  PcapBuilder file;
  for (int i = 0; i < 10; ++i) file.add(1, 0, a, 60);
  const Outcome outcome = read_in_pieces(
      file.bytes(), [&] { return file.bytes().size(); }, 4);
  CHECK_EQ(outcome.read.size(), std::size_t{10});
  CHECK_EQ(outcome.stops, std::size_t{2});
}

// From how many bytes on a format is known.
std::size_t known_bytes(const std::string& name) { return name == "erf" ? 16 : name == "snoop" ? 8 : 4; }

TEST(every_file_cut_anywhere_keeps_what_came_before) {
  for (const SampleFile& sample : sample_files()) {
    const std::vector<Read> whole = read(sample.bytes).read;
    std::size_t before = 0;
    for (std::size_t size = 0; size < sample.bytes.size(); ++size) {
      const Note note{sample.name + " cut to " + shown(size)};
      const Outcome outcome = read_in_pieces(cut(sample.bytes, size), [] { return 13; });
      CHECK(outcome.read.size() >= before && outcome.read.size() < whole.size());
      CHECK(std::equal(outcome.read.begin(), outcome.read.end(), whole.begin()));
      before = outcome.read.size();
      const CaptureFault fault = outcome.problem.fault;
      if (size == 0)
        CHECK_EQ(fault, CaptureFault::empty);
      else if (size < known_bytes(sample.name))
        CHECK_EQ(fault, CaptureFault::foreign);
      // Between two records nobody can tell that one is missing.
      else
        CHECK(fault == CaptureFault::truncated || (fault == CaptureFault::none && size >= 16));
      if (fault == CaptureFault::truncated) CHECK_EQ(outcome.problem.record, outcome.read.size() + 1);
      if (fault == CaptureFault::truncated) CHECK(outcome.problem.offset < size);
    }
  }
}

TEST(where_a_file_ends_too_early) {
  const Octets pcap = PcapBuilder{}.add(1, 0, a, 60).add(2, 0, b, 61).bytes();
  check_problem(cut(pcap, 24 + 76 + 5), CaptureFault::truncated, 2, 0, 24 + 76, 0);
  check_problem(cut(pcap, pcap.size() - 1), CaptureFault::truncated, 2, 0, 24 + 76, 0);
  PcapngBuilder file;
  file.interface();
  const std::size_t start = file.bytes().size();
  file.enhanced(0, 1, a, 60);
  check_problem(cut(file.bytes(), file.bytes().size() - 1), CaptureFault::truncated, 1, 3, start, 0);
}

TEST(lengths_that_cannot_be) {
  PcapBuilder pcap;
  pcap.add(1, 0, a, 60).header(2, 0, CaptureFileParser::packet_bytes_max + 1, 60);
  check_problem(pcap.bytes(), CaptureFault::implausible_length, 2, 0, 100, CaptureFileParser::packet_bytes_max + 1);

  for (const std::uint32_t length : {0U, 8U, 11U, 13U, 0x7ffffffcU, CaptureFileParser::block_bytes_max + 4}) {
    const Note note{"block of " + shown(length)};
    PcapngBuilder file;
    file.block_start(0xbad, length);
    check_problem(file.bytes(), CaptureFault::implausible_length, 1, 2, 28, length);
  }
  // Blocks too short for what they must hold, or whose packet is longer than they are.
  for (const std::uint32_t type : {1U, 2U, 3U, 6U}) {
    const Note note{"type " + shown(type)};
    PcapngBuilder file;
    file.interface().block(type, {});
    CHECK_EQ(read(file.bytes()).problem.fault, CaptureFault::implausible_length);
  }
  for (const std::uint32_t type : {2U, 6U}) {
    PcapngBuilder file;
    Octets body(16);
    put_octets(body, octets({60, 0, 0, 0}));
    std::swap(body[12], body[16]);
    put_octets(body, cut(a, 56));
    file.interface().block(type, body);
    CHECK_EQ(read(file.bytes()).problem.fault, CaptureFault::implausible_length);
    CHECK_EQ(read(file.bytes()).problem.value, 60);
  }
  PcapngBuilder simple;
  simple.interface().simple(payload(CaptureFileParser::packet_bytes_max + 4).bytes,
                            CaptureFileParser::packet_bytes_max + 4);
  CHECK_EQ(read(simple.bytes()).problem.fault, CaptureFault::implausible_length);
}

TEST(the_largest_packet_is_read) {
  const Octets packet = payload(CaptureFileParser::packet_bytes_max).bytes;
  PcapngBuilder file;
  file.interface().enhanced(0, 1, packet, CaptureFileParser::packet_bytes_max);
  const Octets pcap = PcapBuilder{}.add(1, 0, packet, CaptureFileParser::packet_bytes_max).bytes();
  for (const Octets& bytes : {file.bytes(), pcap}) {
    const Outcome outcome = read_in_pieces(bytes, [] { return 1000; });
    CHECK_EQ(outcome.problem.fault, CaptureFault::none);
    CHECK_EQ(outcome.read.size(), std::size_t{1});
    CHECK(outcome.read.at(0).bytes == packet);
  }
}

TEST(blocks_that_contradict_themselves) {
  PcapngBuilder file;
  file.interface().enhanced(0, 1, a, 60);
  const std::size_t start = file.bytes().size();
  file.enhanced(0, 2, b, 61);
  Octets bytes = file.bytes();
  bytes.at(bytes.size() - 4) = std::byte{0xaa};
  check_problem(bytes, CaptureFault::length_mismatch, 2, 4, start, 0xaa);

  PcapngBuilder unknown;
  unknown.block(0xbad, payload(8).bytes);
  bytes = unknown.bytes();
  bytes.at(bytes.size() - 1) = std::byte{1};
  check_problem(bytes, CaptureFault::length_mismatch, 1, 2, 28, 0x01000014);
}

TEST(packets_of_interfaces_that_do_not_exist) {
  PcapngBuilder file;
  file.interface().enhanced(3, 1, a, 60);
  CHECK_EQ(read(file.bytes()).problem.fault, CaptureFault::unknown_interface);
  CHECK_EQ(read(file.bytes()).problem.value, 3);
  PcapngBuilder none;
  none.simple(a, 60);
  CHECK_EQ(read(none.bytes()).problem.fault, CaptureFault::unknown_interface);
  // A section knows nothing of the one before it.
  PcapngBuilder next;
  next.interface().enhanced(0, 1, a, 60).section(false).enhanced(0, 1, a, 60);
  check_problem(next.bytes(), CaptureFault::unknown_interface, 2, 5, 28 + 36 + 92 + 28, 0);
}

TEST(interfaces_without_end_are_refused) {
  PcapngBuilder file;
  const Octets body(8);
  for (std::size_t i = 0; i <= CaptureFileParser::interfaces_max; ++i) file.block(1, body);
  CHECK_EQ(read(file.bytes()).problem.fault, CaptureFault::too_many_interfaces);
  CHECK_EQ(read(file.bytes()).problem.block, CaptureFileParser::interfaces_max + 2);
}

TEST(versions_and_byte_orders_that_do_not_exist) {
  check_problem(PcapBuilder{{.major = 3}}.bytes(), CaptureFault::unknown_version, 1, 0, 0, 3);
  PcapngBuilder file;
  file.interface().enhanced(0, 1, a, 60).section(true, 2);
  CHECK_EQ(read(file.bytes()).problem.fault, CaptureFault::unknown_version);
  CHECK_EQ(read(file.bytes()).problem.value, 2);
  CHECK_EQ(read(file.bytes()).read.size(), std::size_t{1});
  Octets bytes = PcapngBuilder{}.bytes();
  bytes.at(8) = std::byte{0};
  CHECK_EQ(read(bytes).problem.fault, CaptureFault::bad_byte_order);
  // A section too short for itself.
  Octets tiny;
  const Endian little{false};
  for (const std::uint32_t word : {0x0a0d0d0aU, 24U, 0x1a2b3c4dU, 1U, 0U, 24U}) little.put32(tiny, word);
  check_problem(tiny, CaptureFault::implausible_length, 1, 1, 0, 24);
}

TEST(what_is_no_capture_is_called_by_its_name) {
  struct Row {
    Octets start;
    const char* name;
  };
  const Row rows[]{
      {octets({0x28, 0xb5, 0x2f, 0xfd, 4, 0, 0, 0}), "zstd"},
      {octets({0xfd, '7', 'z', 'X', 'Z', 0, 0, 4}), "xz"},
      {octets({4, 0x22, 0x4d, 0x18, 0x64, 0x40, 0xa7, 1}), "lz4"},
      {octets({'B', 'Z', 'h', '9', '1', 'A', 'Y', '&'}), "bzip2"},
      {octets({0x1f, 0x8b, 8, 0, 0, 0, 0, 0}), "gzip"},
      {octets({'P', 'K', 3, 4, 20, 0, 0, 0}), "zip"},
      {octets({'G', 'M', 'B', 'U', 1, 2, 3, 4}), "Network Monitor"},
      {octets({0x7f, 'E', 'L', 'F', 2, 1, 1, 0}), "ELF"},
      {octets({0xa1, 0xb2, 0x34, 0xcd, 0, 2, 0, 4}), "pcap of a private variant"},
      {octets({'0', '0', '0', '0', ' ', ' ', '4', '5'}), "text"},
      {octets({'h', 'i', '\n'}), "text"},
      {octets({1, 2, 3, 4, 5, 6, 7, 8}), nullptr},
      {octets({0}), nullptr},
      {payload(15).bytes, nullptr},
      {payload(1000).bytes, nullptr},
  };
  for (const Row& row : rows) {
    const Note note{row.name == nullptr ? "unknown" : row.name};
    const CaptureProblem problem = read(row.start).problem;
    CHECK_EQ(problem.fault, CaptureFault::foreign);
    CHECK_EQ(std::string{problem.foreign == nullptr ? "" : problem.foreign},
             std::string{row.name == nullptr ? "" : row.name});
  }
}

TEST(snoop_files) {
  const Outcome outcome = read(SnoopBuilder{}.add(1, 2, a, 1514).add(0xffffffff, 5, b, 61).add(7, 0, {}, 40).bytes());
  const std::vector<Read> expected{
      {a, 1514, 1, s + 2000, 1}, {b, 61, 1, 0xffffffff * s + 5000, 2}, {{}, 40, 1, 7 * s, 3}};
  CHECK(outcome.read == expected);
  CHECK_EQ(outcome.problem.fault, CaptureFault::none);
  // Of the other kinds of link those that tcpdump has a number for.
  for (const auto& [link, type] : {std::pair{0U, 1U}, {2U, 6U}, {8U, 10U}, {18U, 65535U}})
    CHECK_EQ(read(SnoopBuilder{link}.add(1, 2, a, 60).bytes()).read.at(0).link_type, type);
  // The padding of the last packet may be missing, and may be longer than it need be.
  const Octets two = SnoopBuilder{}.add(1, 2, b, 61).bytes();
  CHECK_EQ(read(cut(two, two.size() - 3)).problem.fault, CaptureFault::none);
  Octets padded = SnoopBuilder{}.header(61, 61, 24 + 61 + 11, 1, 2).bytes();
  put_octets(padded, b);
  padded.resize(padded.size() + 11);
  const Octets more = SnoopBuilder{}.add(3, 4, a, 60).bytes();
  padded.insert(padded.end(), more.begin() + 16, more.end());
  CHECK_EQ(read(padded).read.size(), std::size_t{2});
  CHECK(read(padded).read.at(1) == Read({a, 60, 1, 3 * s + 4000, 2}));
}

TEST(damaged_snoop_files) {
  check_problem(SnoopBuilder{4, 3}.bytes(), CaptureFault::unknown_version, 1, 0, 0, 3);
  check_problem(cut(SnoopBuilder{}.bytes(), 12), CaptureFault::truncated, 1, 0, 0, 0);
  const Octets whole = SnoopBuilder{}.add(1, 2, b, 61).add(1, 2, a, 60).bytes();
  check_problem(cut(whole, whole.size() - 1), CaptureFault::truncated, 2, 0, 16 + 24 + 64, 0);
  check_problem(cut(whole, 20), CaptureFault::truncated, 1, 0, 16, 0);
  check_problem(SnoopBuilder{}.header(60, 60, 24 + 59, 1, 2).bytes(), CaptureFault::implausible_length, 1, 0, 16,
                24 + 59);
  check_problem(SnoopBuilder{}.header(60, 300000, 400000, 1, 2).bytes(), CaptureFault::implausible_length, 1, 0, 16,
                300000);
  check_problem(SnoopBuilder{}.header(60, 60, 1U << 31, 1, 2).bytes(), CaptureFault::implausible_length, 1, 0, 16,
                1U << 31);
}

TEST(erf_files) {
  const Octets first = erf_record(2, link_behind({0, 0}, a), 60), pad = erf_record(48, {}, 0);
  const Octets second = erf_record(0x8b, link_behind({3, 0, 0, 0, 0, 0, 0, 2, 0, 0}, b), 1514, 1'700'000'060);
  Octets file = first;
  put_octets(file, pad);
  put_octets(file, second);
  const Outcome outcome = read(file);
  const std::vector<Read> expected{{first, 60, 197, 1'700'000'000 * s + s / 2, 1},
                                   {second, 1514, 197, 1'700'000'060 * s + s / 2, 2}};
  CHECK(outcome.read == expected);
  CHECK_EQ(outcome.problem.fault, CaptureFault::none);
  check_problem(cut(file, file.size() - 1), CaptureFault::truncated, 2, 0, first.size() + pad.size(), 0);
  check_problem(cut(file, first.size() + 3), CaptureFault::truncated, 2, 0, first.size(), 0);
  Octets lying = file;
  set16(lying, first.size() + 10, 15);
  check_problem(lying, CaptureFault::implausible_length, 2, 0, first.size(), 15);
}

TEST(what_might_be_an_erf_file_and_is_none) {
  const Octets good = erf_record(2, link_behind({0, 0}, a), 60);
  CHECK_EQ(read(good).problem.fault, CaptureFault::none);
  // A time before there was such a card, a type or flag that does not exist, lengths that are not of one packet.
  const std::pair<std::size_t, unsigned> changes[]{{7, 0x05}, {7, 0xf5}, {8, 0},     {8, 28}, {8, 127},
                                                   {9, 0x84}, {11, 82},  {10, 0x50}, {10, 1}, {14, 0x50}};
  for (const auto& [at, value] : changes) {
    const Note note{shown(at) + " " + shown(value)};
    Octets file = good;
    file.at(at) = static_cast<std::byte>(value);
    CHECK_EQ(read(file).problem.fault, CaptureFault::foreign);
    CHECK(read(file).read.empty());
  }
  for (std::size_t size = 1; size < 16; ++size) CHECK_EQ(read(cut(good, size)).problem.fault, CaptureFault::foreign);
}

TEST(after_a_problem_everything_is_taken_and_nothing_read) {
  CaptureFileParser parser;
  Keep sink;
  const Octets text = octets({'n', 'o', ' ', 'p', 'c', 'a', 'p', '!', '!'});
  CHECK_EQ(parser.feed(text, sink), text.size());
  const Octets good = PcapBuilder{}.add(1, 0, a, 60).bytes();
  CHECK_EQ(parser.feed(good, sink), good.size());
  parser.finish();
  CHECK_EQ(parser.problem().fault, CaptureFault::foreign);
  CHECK(sink.read.empty());
}
