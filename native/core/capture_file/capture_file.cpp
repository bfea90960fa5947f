#include "core/capture_file/capture_file.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

namespace fanout {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::uint32_t magic_microseconds = 0xa1b2c3d4;
constexpr std::uint32_t magic_nanoseconds = 0xa1b23c4d;
constexpr std::uint32_t magic_kuznetzov = 0xa1b2cd34;
constexpr std::size_t file_start_bytes = 8;
constexpr std::size_t pcap_header_bytes = 24;
constexpr std::size_t record_header_bytes = 16;
constexpr std::size_t kuznetzov_header_bytes = 24;  // interface, protocol and packet type follow the usual fields

constexpr std::string_view snoop_magic{"snoop\0\0\0", 8};
constexpr std::size_t snoop_header_bytes = 16;
constexpr std::size_t snoop_record_header_bytes = 24;

constexpr std::size_t erf_header_bytes = 16;
constexpr unsigned erf_extended = 0x80;
constexpr unsigned erf_pad = 48;
constexpr std::uint16_t erf_link_type = 197;

constexpr std::uint32_t byte_order_magic = 0x1a2b3c4d;
constexpr std::size_t block_start_bytes = 8;
constexpr std::size_t byte_order_bytes = 4;
constexpr std::size_t block_end_bytes = 4;
constexpr std::uint32_t block_bytes_min = 12;
constexpr std::uint32_t section_bytes_min = 28;
constexpr std::size_t interface_fields_bytes = 8;
constexpr std::size_t packet_fields_bytes = 20;

// Block types.
constexpr std::uint32_t interface_block = 1;
constexpr std::uint32_t old_packet_block = 2;  // obsolete since 2004
constexpr std::uint32_t simple_packet_block = 3;
constexpr std::uint32_t enhanced_packet_block = 6;
constexpr std::uint32_t section_block = 0x0a0d0d0a;  // a palindrome: it reads the same in both byte orders

// Options of an interface.
constexpr std::uint16_t end_of_options = 0;
constexpr std::uint16_t if_tsresol = 9;
constexpr std::uint16_t if_tsoffset = 14;

constexpr std::uint64_t second_ns = 1'000'000'000;

__extension__ using Wide = __int128;

// Options are padded to a multiple of four.
constexpr std::size_t padded(std::size_t length) noexcept { return (length + 3) / 4 * 4; }

constexpr Wide power_of_ten(unsigned exponent) noexcept {
  Wide out = 1;
  while (exponent-- > 0) out *= 10;
  return out;
}

// `resolution` is that of if_tsresol: 10^-n seconds, or 2^-n if the upper bit is set.
Wide ticks_to_ns(std::uint64_t ticks, std::uint8_t resolution) noexcept {
  const unsigned n = resolution & 0x7fU;
  const Wide count = static_cast<Wide>(ticks);
  if ((resolution & 0x80U) != 0) return count * second_ns >> std::min(n, 126U);  // less than 2^94 before
  if (n <= 9) return count * power_of_ten(9 - n);
  return n - 9 > 19 ? 0 : count / power_of_ten(n - 9);  // 64 bits hold less than 10^20
}

std::uint64_t clamped(Wide ns) noexcept {
  constexpr Wide most = std::numeric_limits<std::int64_t>::max();
  return static_cast<std::uint64_t>(std::clamp(ns, Wide{0}, most));
}

std::uint32_t native32(Bytes bytes, std::size_t at) noexcept {
  std::uint32_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

struct Signature {
  std::string_view bytes;
  const char* name;
};

using namespace std::string_view_literals;
constexpr Signature signatures[]{
    {"\x1f\x8b"sv, "gzip"},
    {"\x28\xb5\x2f\xfd"sv, "zstd"},
    {"\xfd\x37zXZ\0"sv, "xz"},
    {"\x04\x22\x4d\x18"sv, "lz4"},
    {"BZh"sv, "bzip2"},
    {"\x1f\x9d"sv, "compress"},
    {"PK\x03\x04"sv, "zip"},
    {"7z\xbc\xaf\x27\x1c"sv, "7z"},
    {"GMBU"sv, "Network Monitor"},
    {"RTSS"sv, "Network Monitor"},
    {"TRSNIFF "sv, "Sniffer"},
    {"\x7f\x45LF"sv, "ELF"},
    {"\xa1\xb2\x34\xcd"sv, "pcap of a private variant"},
    {"\xcd\x34\xb2\xa1"sv, "pcap of a private variant"},
    {"\xa1\x2b\x3c\x4d"sv, "pcap of a private variant"},
    {"\x4d\x3c\x2b\xa1"sv, "pcap of a private variant"},
};

bool is_text(std::byte octet) noexcept {
  const auto value = std::to_integer<unsigned>(octet);
  return (value >= 0x20 && value < 0x7f) || value == '\t' || value == '\n' || value == '\r';
}

const char* foreign_format(Bytes start) noexcept {
  for (const auto& [bytes, name] : signatures)
    if (start.size() >= bytes.size() && std::memcmp(start.data(), bytes.data(), bytes.size()) == 0) return name;
  return std::ranges::all_of(start, is_text) ? "text" : nullptr;
}

bool is_capture(std::uint32_t magic) noexcept {
  for (const std::uint32_t known : {magic_microseconds, magic_nanoseconds, magic_kuznetzov, section_block})
    if (magic == known || magic == __builtin_bswap32(known)) return true;
  return false;
}

bool is_snoop(Bytes start) noexcept { return std::memcmp(start.data(), snoop_magic.data(), snoop_magic.size()) == 0; }

// Seconds in the upper half, little endian whatever the rest is.
std::uint64_t erf_time(Bytes header) noexcept {
  std::uint64_t value = 0;
  for (std::size_t i = 8; i-- > 0;) value = value << 8 | std::to_integer<std::uint64_t>(header[i]);
  return value;
}

// Such a file begins with a record and nothing else tells it: one in a thousand files of other bytes passes as well.
bool may_be_erf(Bytes header) noexcept {
  constexpr std::uint64_t year_1990 = 631'152'000, year_2100 = 4'102'444'800;
  constexpr unsigned types_max = 27, reserved_flags = 0xc0;
  constexpr unsigned lengths_max = 16 * 1024, padding_max = 8, extensions_max_bytes = 128, own_header_bytes_max = 4;
  const auto octet = [&](std::size_t at) { return std::to_integer<unsigned>(header[at]); };
  const std::uint64_t seconds = erf_time(header) >> 32;
  const unsigned type = octet(8) & ~erf_extended;
  const unsigned record = octet(10) << 8 | octet(11), wire = octet(14) << 8 | octet(15);
  const unsigned extensions = (octet(8) & erf_extended) != 0 ? extensions_max_bytes : 0;
  const bool fits = record >= erf_header_bytes && record % 4 == 0 && record <= lengths_max && wire <= lengths_max &&
                    record <= erf_header_bytes + extensions + own_header_bytes_max + wire + padding_max;
  return seconds >= year_1990 && seconds < year_2100 && ((type > 0 && type <= types_max) || type == erf_pad) &&
         (octet(9) & reserved_flags) == 0 && fits;
}

}  // namespace

// ---- bytes to units

std::size_t CaptureFileParser::feed(Bytes bytes, CaptureSink& sink) noexcept {
  std::size_t at = 0;
  while (problem_.fault == CaptureFault::none) {
    const auto skipped = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, bytes.size() - at));
    skip_ -= skipped;
    position_ += skipped;
    at += skipped;
    const Bytes rest = bytes.subspan(at);
    const std::size_t missing = needed_ - pending_.size();
    if (skip_ > 0 || rest.size() < missing) {
      pending_.insert(pending_.end(), rest.begin(), rest.end());
      break;
    }
    at += missing;
    position_ += needed_;
    is_wanted_ = true;
    if (pending_.empty()) {
      take(rest.first(missing), sink);
    } else {
      // Its memory is kept for the next unit that is cut: the largest one bounds it.
      pending_.insert(pending_.end(), rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(missing));
      take(pending_, sink);
      pending_.clear();
    }
    if (!is_wanted_) return at;
  }
  return bytes.size();
}

void CaptureFileParser::finish() noexcept {
  if (problem_.fault != CaptureFault::none) return;
  switch (unit_) {
    case Unit::file_start:
      break;
    case Unit::erf_probe:
      return fail(CaptureFault::foreign);
    case Unit::record_header:
    case Unit::snoop_record_header:
    case Unit::erf_record_header:
    case Unit::block_start:
      if (!pending_.empty()) fail(CaptureFault::truncated);
      return;
    default:
      return fail(CaptureFault::truncated);
  }
  if (pending_.empty()) return fail(CaptureFault::empty);
  if (pending_.size() >= sizeof(std::uint32_t) && is_capture(native32(pending_, 0)))
    return fail(CaptureFault::truncated);
  fail(CaptureFault::foreign);
  problem_.foreign = foreign_format(pending_);
}

void CaptureFileParser::expect(Unit unit, std::size_t bytes) noexcept {
  unit_ = unit;
  needed_ = bytes;
}

void CaptureFileParser::fail(CaptureFault fault, std::uint64_t value) noexcept {
  problem_ = {fault, records_ + 1, blocks_, start_, value, nullptr};
}

void CaptureFileParser::take(Bytes unit, CaptureSink& sink) noexcept {
  switch (unit_) {
    case Unit::file_start:
      return take_file_start(unit);
    case Unit::pcap_header:
      return take_pcap_header(unit);
    case Unit::record_header:
      return take_record_header(unit);
    case Unit::record:
      record_.bytes = unit;
      next_record();
      return deliver(record_, sink);
    case Unit::snoop_header:
      return take_snoop_header(unit);
    case Unit::snoop_record_header:
      return take_snoop_record_header(unit);
    case Unit::erf_probe:
      return take_erf_probe(unit);
    case Unit::erf_record_header:
      return take_erf_record_header(unit);
    case Unit::erf_record:
      return take_erf_record(unit, sink);
    case Unit::block_start:
      return take_block_start(unit);
    case Unit::byte_order:
      return take_byte_order(unit);
    case Unit::block_rest:
    case Unit::block_end:
      return take_block_rest(unit, sink);
  }
}

void CaptureFileParser::take_file_start(Bytes start) noexcept {
  const std::uint32_t magic = native32(start, 0);
  if (magic == section_block) {
    format_ = "pcapng";
    blocks_ = 1;
    return take_block_start(start);
  }
  if (is_snoop(start)) {
    format_ = "snoop";
    return expect(Unit::snoop_header, snoop_header_bytes - file_start_bytes);
  }
  if (!is_capture(magic)) {
    if (foreign_format(start) == nullptr) {
      erf_.assign(start.begin(), start.end());
      return expect(Unit::erf_probe, erf_header_bytes - file_start_bytes);
    }
    fail(CaptureFault::foreign);
    problem_.foreign = foreign_format(start);
    return;
  }
  format_ = "pcap";
  swapped_ = magic != magic_microseconds && magic != magic_nanoseconds && magic != magic_kuznetzov;
  const std::uint32_t variant = u32(start, 0);
  nanoseconds_ = variant == magic_nanoseconds;
  record_header_bytes_ = variant == magic_kuznetzov ? kuznetzov_header_bytes : record_header_bytes;
  const unsigned major = u16(start, 4);
  if (major != 2) return fail(CaptureFault::unknown_version, major);
  lengths_may_be_swapped_ = u16(start, 6) < 4;
  expect(Unit::pcap_header, pcap_header_bytes - file_start_bytes);
}

// ---- pcap

void CaptureFileParser::take_pcap_header(Bytes rest) noexcept {
  // The upper half says how long the frame check sequence is; where it was captured, it looks like padding.
  link_type_ = static_cast<std::uint16_t>(u32(rest, 12) & 0xffff);
  record_unit_ = Unit::record_header;
  next_record();
}

void CaptureFileParser::next_record() noexcept {
  skip_ = std::exchange(padding_, 0);
  start_ = position_ + skip_;
  expect(record_unit_, record_header_bytes_);
}

void CaptureFileParser::take_record_header(Bytes header) noexcept {
  const std::uint64_t fraction = u32(header, 4);
  std::uint32_t captured = u32(header, 8);
  std::uint32_t wire = u32(header, 12);
  // Until version 2.4 the order of the two lengths differed between programs.
  if (lengths_may_be_swapped_ && captured > wire) std::swap(captured, wire);
  if (captured > packet_bytes_max) return fail(CaptureFault::implausible_length, captured);
  record_ = {{}, wire, link_type_, u32(header, 0) * second_ns + (nanoseconds_ ? fraction : fraction * 1000), 0};
  expect(Unit::record, captured);
}

void CaptureFileParser::deliver(CaptureRecord record, CaptureSink& sink) noexcept {
  record.number = ++records_;
  is_wanted_ = sink.on_record(record);
}

// ---- snoop: RFC 1761, in network order

void CaptureFileParser::take_snoop_header(Bytes rest) noexcept {
  constexpr std::uint32_t version = 2;
  swapped_ = std::endian::native == std::endian::little;
  if (u32(rest, 0) != version) return fail(CaptureFault::unknown_version, u32(rest, 0));
  switch (u32(rest, 4)) {
    case 0:  // IEEE 802.3
    case 4:  // Ethernet
      link_type_ = 1;
      break;
    case 2:
      link_type_ = 6;
      break;
    case 8:
      link_type_ = 10;
      break;
    default:
      link_type_ = other_link_type;
  }
  record_unit_ = Unit::snoop_record_header;
  record_header_bytes_ = snoop_record_header_bytes;
  next_record();
}

void CaptureFileParser::take_snoop_record_header(Bytes header) noexcept {
  const std::uint32_t captured = u32(header, 4);
  const std::uint32_t record = u32(header, 8);
  if (captured > packet_bytes_max) return fail(CaptureFault::implausible_length, captured);
  if (record < snoop_record_header_bytes + captured || record > block_bytes_max)
    return fail(CaptureFault::implausible_length, record);
  padding_ = record - snoop_record_header_bytes - captured;
  record_ = {{}, u32(header, 0), link_type_, u32(header, 16) * second_ns + std::uint64_t{u32(header, 20)} * 1000, 0};
  expect(Unit::record, captured);
}

// ---- ERF: a record after the other, of lengths in network order

void CaptureFileParser::take_erf_probe(Bytes rest) noexcept {
  erf_.insert(erf_.end(), rest.begin(), rest.end());
  if (!may_be_erf(erf_)) return fail(CaptureFault::foreign);
  format_ = "erf";
  swapped_ = std::endian::native == std::endian::little;
  take_erf_record_header(Bytes{erf_});
}

void CaptureFileParser::next_erf_record() noexcept {
  start_ = position_;
  expect(Unit::erf_record_header, erf_header_bytes);
}

void CaptureFileParser::take_erf_record_header(Bytes header) noexcept {
  const std::uint32_t bytes = u16(header, 10);
  if (bytes < erf_header_bytes) return fail(CaptureFault::implausible_length, bytes);
  if (header.data() != erf_.data()) erf_.assign(header.begin(), header.end());
  expect(Unit::erf_record, bytes - erf_header_bytes);
}

void CaptureFileParser::take_erf_record(Bytes rest, CaptureSink& sink) noexcept {
  erf_.insert(erf_.end(), rest.begin(), rest.end());
  next_erf_record();
  if ((std::to_integer<unsigned>(erf_[8]) & ~erf_extended) == erf_pad) return;
  const std::uint64_t time = erf_time(erf_);
  const std::uint64_t fraction_ns = (time & 0xffffffff) * second_ns >> 32;
  deliver({erf_, u16(erf_, 14), erf_link_type, (time >> 32) * second_ns + fraction_ns, 0}, sink);
}

// ---- pcapng

void CaptureFileParser::next_block() noexcept {
  start_ = position_;
  ++blocks_;
  expect(Unit::block_start, block_start_bytes);
}

void CaptureFileParser::take_block_start(Bytes start) noexcept {
  block_type_ = u32(start, 0);
  block_bytes_ = native32(start, 4);
  // A section says itself in which byte order it is written, from its own length on.
  if (block_type_ == section_block) return expect(Unit::byte_order, byte_order_bytes);
  if (swapped_) block_bytes_ = __builtin_bswap32(block_bytes_);
  expect_rest_of_block(block_start_bytes);
}

void CaptureFileParser::take_byte_order(Bytes magic) noexcept {
  const std::uint32_t order = native32(magic, 0);
  swapped_ = order == __builtin_bswap32(byte_order_magic);
  if (!swapped_ && order != byte_order_magic) return fail(CaptureFault::bad_byte_order, order);
  if (swapped_) block_bytes_ = __builtin_bswap32(block_bytes_);
  if (block_bytes_ < section_bytes_min) return fail(CaptureFault::implausible_length, block_bytes_);
  expect_rest_of_block(block_start_bytes + byte_order_bytes);
}

void CaptureFileParser::expect_rest_of_block(std::size_t already_taken) noexcept {
  if (block_bytes_ < block_bytes_min || block_bytes_ > block_bytes_max || block_bytes_ % 4 != 0)
    return fail(CaptureFault::implausible_length, block_bytes_);
  switch (block_type_) {
    case section_block:
    case interface_block:
    case old_packet_block:
    case simple_packet_block:
    case enhanced_packet_block:
      return expect(Unit::block_rest, block_bytes_ - already_taken);
    default:
      skip_ = block_bytes_ - already_taken - block_end_bytes;
      return expect(Unit::block_end, block_end_bytes);
  }
}

void CaptureFileParser::take_block_rest(Bytes rest, CaptureSink& sink) noexcept {
  const std::uint32_t second_length = u32(rest, rest.size() - block_end_bytes);
  if (second_length != block_bytes_) return fail(CaptureFault::length_mismatch, second_length);
  if (unit_ == Unit::block_rest) take_block_body(rest.first(rest.size() - block_end_bytes), sink);
  if (problem_.fault == CaptureFault::none) next_block();
}

void CaptureFileParser::take_block_body(Bytes body, CaptureSink& sink) noexcept {
  switch (block_type_) {
    case section_block:
      return begin_section(body);
    case interface_block:
      return describe_interface(body);
    case simple_packet_block:
      return take_simple_packet(body, sink);
    default:
      break;
  }
  if (body.size() < packet_fields_bytes) return fail(CaptureFault::implausible_length, block_bytes_);
  // The obsolete block has 16 bits for the interface, and a count of drops beside them.
  return take_block_packet(block_type_ == enhanced_packet_block ? u32(body, 0) : u16(body, 0), body, sink);
}

void CaptureFileParser::begin_section(Bytes body) noexcept {
  const unsigned major = u16(body, 0);
  if (major != 1) return fail(CaptureFault::unknown_version, major);
  interfaces_.clear();
}

void CaptureFileParser::describe_interface(Bytes body) noexcept {
  if (body.size() < interface_fields_bytes) return fail(CaptureFault::implausible_length, block_bytes_);
  if (interfaces_.size() == interfaces_max) return fail(CaptureFault::too_many_interfaces, interfaces_max);
  Interface interface;
  interface.link_type = u16(body, 0);
  interface.snaplen = u32(body, 4);
  read_interface_options(body.subspan(interface_fields_bytes), interface);
  interfaces_.push_back(interface);
}

// Options say nothing that packets cannot be read without: the first one that cannot be ends them.
void CaptureFileParser::read_interface_options(Bytes options, Interface& interface) const noexcept {
  while (options.size() >= 4) {
    const unsigned code = u16(options, 0);
    const std::size_t length = u16(options, 2);
    options = options.subspan(4);
    if (code == end_of_options || length > options.size()) return;
    if (code == if_tsresol && length == 1) interface.resolution = std::to_integer<std::uint8_t>(options[0]);
    if (code == if_tsoffset && length == 8) {
      std::uint64_t seconds = 0;
      std::memcpy(&seconds, options.data(), sizeof seconds);
      interface.offset_seconds = static_cast<std::int64_t>(swapped_ ? __builtin_bswap64(seconds) : seconds);
    }
    options = options.subspan(std::min(padded(length), options.size()));
  }
}

void CaptureFileParser::take_simple_packet(Bytes body, CaptureSink& sink) noexcept {
  if (body.size() < 4) return fail(CaptureFault::implausible_length, block_bytes_);
  if (interfaces_.empty()) return fail(CaptureFault::unknown_interface, 0);
  // It has no captured length: the snap length and the block tell it, except for the padding.
  const Interface& interface = interfaces_.front();
  const std::uint32_t wire = u32(body, 0);
  const std::uint32_t limit = interface.snaplen == 0 ? wire : std::min(wire, interface.snaplen);
  const std::size_t captured = std::min<std::size_t>(limit, body.size() - 4);
  if (captured > packet_bytes_max) return fail(CaptureFault::implausible_length, captured);
  return deliver({body.subspan(4, captured), wire, interface.link_type, 0, 0}, sink);
}

// What enhanced and obsolete packet blocks have in common.
void CaptureFileParser::take_block_packet(std::uint32_t interface, Bytes body, CaptureSink& sink) noexcept {
  const std::uint32_t captured = u32(body, 12);
  if (captured > packet_bytes_max || captured > body.size() - packet_fields_bytes)
    return fail(CaptureFault::implausible_length, captured);
  if (interface >= interfaces_.size()) return fail(CaptureFault::unknown_interface, interface);
  const Interface& from = interfaces_[interface];
  const std::uint64_t ticks = std::uint64_t{u32(body, 4)} << 32 | u32(body, 8);
  const Wide ns = ticks_to_ns(ticks, from.resolution) + static_cast<Wide>(from.offset_seconds) * second_ns;
  return deliver({body.subspan(packet_fields_bytes, captured), u32(body, 16), from.link_type, clamped(ns), 0}, sink);
}

std::uint16_t CaptureFileParser::u16(Bytes bytes, std::size_t at) const noexcept {
  std::uint16_t value = 0;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return swapped_ ? __builtin_bswap16(value) : value;
}

std::uint32_t CaptureFileParser::u32(Bytes bytes, std::size_t at) const noexcept {
  const std::uint32_t value = native32(bytes, at);
  return swapped_ ? __builtin_bswap32(value) : value;
}

}  // namespace fanout
