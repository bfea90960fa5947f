// Packets by hand: `eth() / vlan(5) / ipv4("10.0.0.1", "10.0.0.2") / udp(1024, 53) / payload(8)`. Joining two headers
// fills in what the first says about the second: its type, and all lengths. Fields set through the option structs stay
// as they are.
#pragma once

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <netinet/in.h>

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace fanout::test {

using Octets = std::vector<std::byte>;

inline void put8(Octets& out, unsigned value) { out.push_back(static_cast<std::byte>(value)); }
inline void put16(Octets& out, unsigned value) {
  put8(out, value >> 8 & 0xff);
  put8(out, value & 0xff);
}
inline void put32(Octets& out, std::uint32_t value) {
  put16(out, value >> 16);
  put16(out, value & 0xffff);
}
inline void put_octets(Octets& out, const Octets& more) { out.insert(out.end(), more.begin(), more.end()); }
inline void set16(Octets& out, std::size_t at, std::size_t value) {
  out.at(at) = static_cast<std::byte>(value >> 8 & 0xff);
  out.at(at + 1) = static_cast<std::byte>(value & 0xff);
}

inline Octets octets(std::initializer_list<unsigned> values) {
  Octets out;
  for (const unsigned value : values) put8(out, value);
  return out;
}

// One header. The optional members say what its neighbours need to know.
struct Header {
  Octets bytes{};
  std::optional<unsigned> ethertype{};       // how an Ethernet or VLAN header announces this one
  std::optional<unsigned> protocol{};        // how an IP header announces it
  std::optional<std::size_t> type_at{};      // the two octets that hold the ethertype of the next header
  std::optional<std::size_t> protocol_at{};  // the octet that holds the protocol of the next header
  std::optional<std::size_t> length_at{};    // the two octets that hold a length, which counts
  std::size_t length_skips = 0;              // this header and all that follows, without so many octets
};

class Packet {
 public:
  Packet(Header first) { headers_.push_back(std::move(first)); }  // NOLINT(google-explicit-constructor)

  friend Packet operator/(Packet packet, Header next) {
    Header& last = packet.headers_.back();
    if (last.type_at && next.ethertype) set16(last.bytes, *last.type_at, *next.ethertype);
    if (last.protocol_at && next.protocol) last.bytes.at(*last.protocol_at) = static_cast<std::byte>(*next.protocol);
    packet.headers_.push_back(std::move(next));
    return packet;
  }

  // Lengths are known only when the packet is complete: innermost header first.
  [[nodiscard]] Octets bytes() const {
    Octets out;
    for (std::size_t i = headers_.size(); i-- > 0;) {
      Octets whole = headers_[i].bytes;
      if (headers_[i].length_at)
        set16(whole, *headers_[i].length_at, whole.size() + out.size() - headers_[i].length_skips);
      put_octets(whole, out);
      out = std::move(whole);
    }
    return out;
  }

 private:
  std::vector<Header> headers_;
};

inline Packet operator/(Header first, Header next) { return Packet{std::move(first)} / std::move(next); }

// `type` is for what no header here announces, such as an unknown ethertype or the length of an IEEE 802.3 frame.
inline Header eth(unsigned type = 0) {
  Header out{
      .bytes = octets({2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2}), .ethertype = ETH_P_TEB, .protocol = 143, .type_at = 12};
  put16(out.bytes, type);
  return out;
}

inline Header vlan(unsigned id, unsigned tpid = ETH_P_8021Q, unsigned type = 0) {
  Header out{.ethertype = tpid, .type_at = 2};
  put16(out.bytes, id);
  put16(out.bytes, type);
  return out;
}

inline Octets address(int family, const std::string& text) {
  Octets out(family == AF_INET ? 4 : 16);
  if (inet_pton(family, text.c_str(), out.data()) != 1) __builtin_trap();
  return out;
}

struct Ipv4Options {
  unsigned protocol = 0;  // replaced by the next header's, if it has one
  unsigned version = 4;
  std::optional<unsigned> header_words{};
  std::optional<unsigned> total_bytes{};
  unsigned id = 1;
  unsigned fragment_offset = 0;  // in octets
  bool more_fragments = false;
  unsigned ttl = 64;
  Octets options{};  // a multiple of four
};

inline Header ipv4(const std::string& src, const std::string& dst, const Ipv4Options& set = {}) {
  Header out{.ethertype = ETH_P_IP, .protocol = IPPROTO_IPIP, .protocol_at = 9};
  if (!set.total_bytes) out.length_at = 2;
  put8(out.bytes, set.version << 4 | set.header_words.value_or(5 + static_cast<unsigned>(set.options.size() / 4)));
  put8(out.bytes, 0);
  put16(out.bytes, set.total_bytes.value_or(0));
  put16(out.bytes, set.id);
  put16(out.bytes, set.fragment_offset / 8 | (set.more_fragments ? 0x2000U : 0U));
  put8(out.bytes, set.ttl);
  put8(out.bytes, set.protocol);
  put16(out.bytes, 0);
  put_octets(out.bytes, address(AF_INET, src));
  put_octets(out.bytes, address(AF_INET, dst));
  put_octets(out.bytes, set.options);
  return out;
}

struct Ipv6Options {
  unsigned next_header = IPPROTO_NONE;  // replaced by the next header's, if it has one
  unsigned version = 6;
  std::uint32_t flow_label = 0;
  std::optional<unsigned> payload_bytes{};
};

inline Header ipv6(const std::string& src, const std::string& dst, const Ipv6Options& set = {}) {
  Header out{.ethertype = ETH_P_IPV6, .protocol = IPPROTO_IPV6, .protocol_at = 6, .length_skips = 40};
  if (!set.payload_bytes) out.length_at = 4;
  put32(out.bytes, set.version << 28 | set.flow_label);
  put16(out.bytes, set.payload_bytes.value_or(0));
  put8(out.bytes, set.next_header);
  put8(out.bytes, 64);
  put_octets(out.bytes, address(AF_INET6, src));
  put_octets(out.bytes, address(AF_INET6, dst));
  return out;
}

// A hop-by-hop, routing or destination options header of 8 * (1 + units) octets.
inline Header extension(unsigned protocol, unsigned units = 0, unsigned next_header = IPPROTO_NONE) {
  Header out{.bytes = Octets(8 + std::size_t{units} * 8), .protocol = protocol, .protocol_at = 0};
  out.bytes[0] = static_cast<std::byte>(next_header);
  out.bytes[1] = static_cast<std::byte>(units);
  return out;
}

inline Header frag6(unsigned offset, bool more_fragments, unsigned next_header = IPPROTO_NONE) {
  Header out{.protocol = IPPROTO_FRAGMENT, .protocol_at = 0};
  put8(out.bytes, next_header);
  put8(out.bytes, 0);
  put16(out.bytes, offset | (more_fragments ? 1U : 0U));
  put32(out.bytes, 0x12345678);
  return out;
}

inline Header tcp(unsigned src_port, unsigned dst_port) {
  Header out{.protocol = IPPROTO_TCP};
  put16(out.bytes, src_port);
  put16(out.bytes, dst_port);
  put32(out.bytes, 1);
  put32(out.bytes, 1);
  put32(out.bytes, 0x50100400);
  put32(out.bytes, 0);
  return out;
}

inline Header udp(unsigned src_port, unsigned dst_port) {
  Header out{.protocol = IPPROTO_UDP, .length_at = 4};
  put16(out.bytes, src_port);
  put16(out.bytes, dst_port);
  put32(out.bytes, 0);
  return out;
}

// UDP-Lite, SCTP and DCCP begin with the ports, too.
inline Header ported(unsigned protocol, unsigned src_port, unsigned dst_port) {
  Header out{.protocol = protocol};
  put16(out.bytes, src_port);
  put16(out.bytes, dst_port);
  put32(out.bytes, 0);
  put32(out.bytes, 0);
  return out;
}

inline Header icmp(unsigned type, unsigned id, unsigned protocol = IPPROTO_ICMP) {
  Header out{.protocol = protocol};
  put8(out.bytes, type);
  put8(out.bytes, 0);
  put16(out.bytes, 0);
  put16(out.bytes, id);
  put16(out.bytes, 1);
  return out;
}

inline Header icmp6(unsigned type, unsigned id) { return icmp(type, id, IPPROTO_ICMPV6); }

inline Header esp(std::uint32_t spi) {
  Header out{.protocol = IPPROTO_ESP};
  put32(out.bytes, spi);
  put32(out.bytes, 1);
  return out;
}

inline Header ah(std::uint32_t spi, unsigned next_header = IPPROTO_TCP) {
  Header out{.protocol = IPPROTO_AH, .protocol_at = 0};
  put8(out.bytes, next_header);
  put8(out.bytes, 4);
  put16(out.bytes, 0);
  put32(out.bytes, spi);
  put32(out.bytes, 1);
  put32(out.bytes, 0);
  put32(out.bytes, 0);
  put32(out.bytes, 0);
  return out;
}

inline Header payload(std::size_t size, unsigned fill = 0xa5) {
  return {.bytes = Octets(size, static_cast<std::byte>(fill))};
}

}  // namespace fanout::test
