// Capture files by hand, in every variant: what the parser's test reads, and the seeds of its fuzzer.
#pragma once

#include <bit>
#include <string>

#include "test/link_samples.hpp"
#include "test/packets.hpp"

namespace fanout::test {

// Writes integers in one byte order.
class Endian {
 public:
  explicit Endian(bool is_big) : is_big_(is_big) {}

  void put16(Octets& out, unsigned value) const { put(out, value, 2); }
  void put32(Octets& out, std::uint64_t value) const { put(out, value, 4); }
  void put64(Octets& out, std::uint64_t value) const { put(out, value, 8); }

 private:
  void put(Octets& out, std::uint64_t value, unsigned bytes) const {
    for (unsigned i = 0; i < bytes; ++i)
      put8(out, static_cast<unsigned>(value >> 8 * (is_big_ ? bytes - 1 - i : i) & 0xff));
  }

  bool is_big_;
};

struct PcapOptions {
  bool big_endian = false;
  std::uint32_t magic = 0xa1b2c3d4;
  unsigned major = 2;
  unsigned minor = 4;
  std::uint32_t link_type = 1;
};

class PcapBuilder {
 public:
  explicit PcapBuilder(const PcapOptions& options = {}) : options_(options), endian_(options.big_endian) {
    endian_.put32(bytes_, options.magic);
    endian_.put16(bytes_, options.major);
    endian_.put16(bytes_, options.minor);
    endian_.put64(bytes_, 0);
    endian_.put32(bytes_, 262144);
    endian_.put32(bytes_, options.link_type);
  }

  PcapBuilder& add(std::uint64_t seconds, std::uint64_t fraction, const Octets& packet, std::uint32_t wire_bytes) {
    header(seconds, fraction, packet.size(), wire_bytes);
    put_octets(bytes_, packet);
    return *this;
  }
  // A header alone, which may lie.
  PcapBuilder& header(std::uint64_t seconds, std::uint64_t fraction, std::uint64_t captured, std::uint64_t wire) {
    for (const std::uint64_t field : {seconds, fraction, captured, wire}) endian_.put32(bytes_, field);
    if (options_.magic == 0xa1b2cd34) endian_.put64(bytes_, 0x0102030405060708);
    return *this;
  }

  [[nodiscard]] const Octets& bytes() const { return bytes_; }

 private:
  PcapOptions options_;
  Endian endian_;
  Octets bytes_;
};

struct InterfaceOptions {
  unsigned link_type = 1;
  std::uint32_t snaplen = 0;
  int resolution = -1;  // if_tsresol, where it is not negative
  std::int64_t offset_seconds = 0;
};

// Blocks of one section after the other.
class PcapngBuilder {
 public:
  explicit PcapngBuilder(bool big_endian = false) { section(big_endian); }

  PcapngBuilder& section(bool big_endian, unsigned major = 1) {
    endian_ = Endian{big_endian};
    Octets body;
    endian_.put32(body, 0x1a2b3c4d);
    endian_.put16(body, major);
    endian_.put16(body, 0);
    endian_.put64(body, ~std::uint64_t{0});
    return block(0x0a0d0d0a, body);
  }

  PcapngBuilder& interface(const InterfaceOptions& options = {}) {
    Octets body;
    endian_.put16(body, options.link_type);
    endian_.put16(body, 0);
    endian_.put32(body, options.snaplen);
    option(body, 2, octets({'e', 't', 'h', '0', '7'}));  // if_name: padded, and not looked at
    if (options.resolution >= 0) option(body, 9, octets({static_cast<unsigned>(options.resolution)}));
    if (options.offset_seconds != 0) {
      Octets value;
      endian_.put64(value, static_cast<std::uint64_t>(options.offset_seconds));
      option(body, 14, value);
    }
    option(body, 0, {});
    return block(1, body);
  }

  PcapngBuilder& enhanced(unsigned interface, std::uint64_t ticks, const Octets& packet, std::uint32_t wire_bytes) {
    Octets body;
    endian_.put32(body, interface);
    return packet_block(6, std::move(body), ticks, packet, wire_bytes);
  }
  PcapngBuilder& old_packet(unsigned interface, std::uint64_t ticks, const Octets& packet, std::uint32_t wire_bytes) {
    Octets body;
    endian_.put16(body, interface);
    endian_.put16(body, 99);  // drops
    return packet_block(2, std::move(body), ticks, packet, wire_bytes);
  }
  PcapngBuilder& simple(const Octets& packet, std::uint32_t wire_bytes) {
    Octets body;
    endian_.put32(body, wire_bytes);
    put_octets(body, packet);
    return block(3, body);
  }

  PcapngBuilder& block(std::uint32_t type, const Octets& body) {
    const std::size_t padded = (body.size() + 3) / 4 * 4;
    endian_.put32(bytes_, type);
    endian_.put32(bytes_, padded + 12);
    put_octets(bytes_, body);
    bytes_.resize(bytes_.size() + padded - body.size());
    endian_.put32(bytes_, padded + 12);
    return *this;
  }
  // The beginning of a block, which may lie.
  PcapngBuilder& block_start(std::uint32_t type, std::uint64_t length) {
    endian_.put32(bytes_, type);
    endian_.put32(bytes_, length);
    return *this;
  }

  [[nodiscard]] Octets& bytes() { return bytes_; }

 private:
  void option(Octets& body, unsigned code, const Octets& value) const {
    endian_.put16(body, code);
    endian_.put16(body, static_cast<unsigned>(value.size()));
    put_octets(body, value);
    body.resize((body.size() + 3) / 4 * 4);
  }

  PcapngBuilder& packet_block(std::uint32_t type, Octets body, std::uint64_t ticks, const Octets& packet,
                              std::uint32_t wire_bytes) {
    for (const std::uint64_t field :
         {ticks >> 32, ticks & 0xffffffff, std::uint64_t{packet.size()}, std::uint64_t{wire_bytes}})
      endian_.put32(body, field);
    put_octets(body, packet);
    return block(type, body);
  }

  Endian endian_{false};
  Octets bytes_;
};

// RFC 1761.
class SnoopBuilder {
 public:
  explicit SnoopBuilder(std::uint32_t link = 4, std::uint32_t version = 2) {
    bytes_ = octets({'s', 'n', 'o', 'o', 'p', 0, 0, 0});
    put32(bytes_, version);
    put32(bytes_, link);
  }
  SnoopBuilder& add(std::uint32_t seconds, std::uint32_t microseconds, const Octets& packet, std::uint32_t wire_bytes) {
    const std::size_t padded = (packet.size() + 3) / 4 * 4;
    header(wire_bytes, packet.size(), 24 + padded, seconds, microseconds);
    put_octets(bytes_, packet);
    bytes_.resize(bytes_.size() + padded - packet.size());
    return *this;
  }
  // A header alone, which may lie.
  SnoopBuilder& header(std::size_t wire, std::size_t captured, std::size_t record, std::uint32_t seconds,
                       std::uint32_t microseconds) {
    for (const std::size_t field : {wire, captured, record, std::size_t{7}})
      put32(bytes_, static_cast<std::uint32_t>(field));
    put32(bytes_, seconds);
    put32(bytes_, microseconds);
    return *this;
  }

  [[nodiscard]] const Octets& bytes() const { return bytes_; }

 private:
  Octets bytes_;
};

struct SampleFile {
  std::string name;
  Octets bytes;
};

// One file of every variant, three small packets each.
inline std::vector<SampleFile> sample_files() {
  const Octets tcp_packet = (eth() / ipv4("10.0.0.1", "10.0.0.2") / tcp(1024, 80)).bytes();
  const Octets udp_packet = (eth() / vlan(5) / ipv4("10.0.0.2", "10.0.0.1") / udp(53, 1024) / payload(7)).bytes();
  const Octets raw_packet(tcp_packet.begin() + 14, tcp_packet.end());
  std::vector<SampleFile> out;
  for (const bool big : {false, true}) {
    const std::string order = big ? "big" : "little";
    for (const std::uint32_t magic : {0xa1b2c3d4U, 0xa1b23c4dU, 0xa1b2cd34U}) {
      PcapBuilder file{{.big_endian = big, .magic = magic}};
      file.add(1, 2, tcp_packet, 1514)
          .add(3, 4, udp_packet, static_cast<std::uint32_t>(udp_packet.size()))
          .add(5, 6, {}, 60);
      const char* const kind = magic == 0xa1b2c3d4 ? "microseconds" : magic == 0xa1b23c4d ? "nanoseconds" : "kuznetzov";
      out.push_back({"pcap-" + order + "-" + kind, file.bytes()});
    }
    PcapngBuilder file{big};
    file.interface({.resolution = 9, .offset_seconds = 7})
        .interface({.link_type = 101, .snaplen = 40, .resolution = 0x8a});
    file.enhanced(0, 1000, tcp_packet, 1514)
        .enhanced(1, 2048, raw_packet, 40)
        .block(0xbad, payload(5).bytes)
        .simple(tcp_packet, 54);
    file.old_packet(0, 3000, udp_packet, 60).section(!big).interface().enhanced(0, 4000, udp_packet, 60);
    out.push_back({"pcapng-" + order, file.bytes()});
  }
  out.push_back(
      {"snoop", SnoopBuilder{}.add(1, 2, tcp_packet, 1514).add(3, 4, udp_packet, 60).add(5, 6, {}, 60).bytes()});
  Octets erf = erf_record(2, link_behind({0, 0}, tcp_packet), 1514);
  put_octets(erf, erf_record(48, {}, 0));
  put_octets(erf, erf_record(0x82, link_behind({3, 0, 0, 0, 0, 0, 0, 2, 0, 0}, udp_packet), udp_packet.size()));
  put_octets(erf, erf_record(22, raw_packet, 40));
  out.push_back({"erf", erf});
  return out;
}

}  // namespace fanout::test
