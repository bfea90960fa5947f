// Reads capture files that come in pieces: pcap (microseconds, nanoseconds, and Alexey Kuznetzov's variant) and pcapng,
// in both byte orders; snoop of Solaris, and Endace's ERF. Pure; survives any bytes, and the pieces may be cut
// anywhere.
//
// What a record says is believed as far as the file bears it out. The first thing that cannot be ends the reading:
// everything before it counts, and the problem says what it was and where.
//
//   https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-05.html
//   https://www.ietf.org/archive/id/draft-ietf-opsawg-pcapng-03.html
//   https://www.rfc-editor.org/rfc/rfc1761 (snoop)
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace fanout {

struct CaptureRecord {
  std::span<const std::byte> bytes;  // as far as they were captured; valid until the sink returns
  std::uint32_t wire_bytes = 0;      // length on the wire, as the file says
  std::uint16_t link_type = 0;       // LINKTYPE_..., https://www.tcpdump.org/linktypes.html; or other_link_type
  std::uint64_t time_ns = 0;         // since 1970; 0 where the packet has no time stamp
  std::uint64_t number = 0;          // packets of the file from 1, as tcpdump and Wireshark count them
};

// What a format with numbers of its own has, and tcpdump has no number for.
inline constexpr std::uint16_t other_link_type = 0xffff;

class CaptureSink {
 public:
  virtual ~CaptureSink() = default;
  // False: no more for now. The parser stops after this record.
  [[nodiscard]] virtual bool on_record(const CaptureRecord& record) noexcept = 0;
};

enum class CaptureFault : std::uint8_t {
  none,
  empty,                // no byte at all
  foreign,              // not a capture file; `foreign` may say what it is instead
  unknown_version,      // `value` is the major version
  truncated,            // ends inside a header, record or block
  implausible_length,   // `value` is a length that cannot be
  length_mismatch,      // the two lengths of a pcapng block differ; `value` is the second
  unknown_interface,    // a packet names an interface that was not described; `value` is its number
  too_many_interfaces,  // `value` is how many a section may describe
  bad_byte_order,       // a pcapng section of neither byte order
};

struct CaptureProblem {
  CaptureFault fault = CaptureFault::none;
  std::uint64_t record = 0;  // the first packet that could not be read, from 1
  std::uint64_t block = 0;   // pcapng: the block it was found in, from 1
  std::uint64_t offset = 0;  // where that record or block begins; bytes from the start of the file
  std::uint64_t value = 0;
  const char* foreign = nullptr;  // the name of the format, where it is known
};

class CaptureFileParser {
 public:
  // The same bounds as in libpcap (MAXIMUM_SNAPLEN, and the largest block it reads): what claims to be longer is
  // damage.
  static constexpr std::uint32_t packet_bytes_max = 256 * 1024;
  static constexpr std::uint32_t block_bytes_max = 16 * 1024 * 1024;
  static constexpr std::size_t interfaces_max = 65536;

  // Gives how many bytes were taken: fewer than all only if the sink wanted no more; the rest is to be offered again.
  // After a problem everything is taken and nothing read.
  std::size_t feed(std::span<const std::byte> bytes, CaptureSink& sink) noexcept;
  // The file has ended. What was begun and is not complete is a problem.
  void finish() noexcept;

  [[nodiscard]] const CaptureProblem& problem() const noexcept { return problem_; }
  [[nodiscard]] std::uint64_t records() const noexcept { return records_; }
  // "pcap", "pcapng", "snoop", "erf", or nullptr while it is not known.
  [[nodiscard]] const char* format() const noexcept { return format_; }

 private:
  using Bytes = std::span<const std::byte>;

  // What is read next. A unit is looked at when it is complete.
  enum class Unit : std::uint8_t {
    file_start,
    pcap_header,  // what follows the first eight bytes
    record_header,
    record,
    snoop_header,
    snoop_record_header,
    erf_probe,  // the second half of what may be the first record header of an ERF file: it has no header of its own
    erf_record_header,
    erf_record,
    block_start,  // type and length
    byte_order,   // of a section, in which its length is written, too
    block_rest,
    block_end,  // the second length of a block that was skipped
  };

  struct Interface {
    std::uint16_t link_type = 0;
    std::uint8_t resolution = 6;  // if_tsresol: microseconds
    std::uint32_t snaplen = 0;    // 0: no limit
    std::int64_t offset_seconds = 0;
  };

  void expect(Unit unit, std::size_t bytes) noexcept;
  void take(Bytes unit, CaptureSink& sink) noexcept;
  void take_file_start(Bytes start) noexcept;
  void take_pcap_header(Bytes rest) noexcept;
  void take_record_header(Bytes header) noexcept;
  void take_snoop_header(Bytes rest) noexcept;
  void take_snoop_record_header(Bytes header) noexcept;
  void take_erf_probe(Bytes rest) noexcept;
  void take_erf_record_header(Bytes header) noexcept;
  void take_erf_record(Bytes rest, CaptureSink& sink) noexcept;
  void take_block_start(Bytes start) noexcept;
  void take_byte_order(Bytes magic) noexcept;
  void expect_rest_of_block(std::size_t already_taken) noexcept;
  void take_block_rest(Bytes rest, CaptureSink& sink) noexcept;
  void take_block_body(Bytes body, CaptureSink& sink) noexcept;
  void begin_section(Bytes body) noexcept;
  void describe_interface(Bytes body) noexcept;
  void read_interface_options(Bytes options, Interface& interface) const noexcept;
  void take_simple_packet(Bytes body, CaptureSink& sink) noexcept;
  void take_block_packet(std::uint32_t interface, Bytes body, CaptureSink& sink) noexcept;
  void deliver(CaptureRecord record, CaptureSink& sink) noexcept;
  void next_record() noexcept;
  void next_erf_record() noexcept;
  void next_block() noexcept;
  void fail(CaptureFault fault, std::uint64_t value = 0) noexcept;

  [[nodiscard]] std::uint16_t u16(Bytes bytes, std::size_t at) const noexcept;
  [[nodiscard]] std::uint32_t u32(Bytes bytes, std::size_t at) const noexcept;

  Unit unit_ = Unit::file_start;
  std::size_t needed_ = 8;          // bytes of the unit
  std::vector<std::byte> pending_;  // its beginning, where a piece ended inside it
  std::uint64_t skip_ = 0;          // bytes that nobody needs, before the unit
  std::uint64_t position_ = 0;      // bytes that are behind us
  std::uint64_t start_ = 0;         // where the present record or block begins
  std::uint64_t records_ = 0;
  std::uint64_t blocks_ = 0;
  CaptureProblem problem_;
  bool is_wanted_ = true;  // the sink's last word

  const char* format_ = nullptr;
  bool swapped_ = false;  // the byte order is not that of this machine

  bool nanoseconds_ = false;
  bool lengths_may_be_swapped_ = false;
  std::size_t record_header_bytes_ = 0;
  Unit record_unit_ = Unit::record_header;  // pcap or snoop
  std::uint64_t padding_ = 0;               // snoop: behind the record
  std::uint16_t link_type_ = 0;
  CaptureRecord record_;        // what its header said
  std::vector<std::byte> erf_;  // a record and its header, which say only together what the packet is

  std::uint32_t block_type_ = 0;
  std::uint32_t block_bytes_ = 0;
  std::vector<Interface> interfaces_;
};

}  // namespace fanout
