#include "lab/nic.hpp"

#include <linux/if_ether.h>
#include <netinet/in.h>

#include <array>

namespace fanout {
namespace {

constexpr std::size_t port_bytes = 2;

// Bytes of a frame, checked before they are read.
class Bytes {
 public:
  explicit Bytes(std::span<const std::byte> frame) noexcept : frame_(frame) {}

  [[nodiscard]] bool has(std::size_t at, std::size_t count) const noexcept {
    return at <= frame_.size() && count <= frame_.size() - at;
  }
  [[nodiscard]] std::uint8_t octet(std::size_t at) const noexcept { return static_cast<std::uint8_t>(frame_[at]); }
  [[nodiscard]] std::uint16_t word(std::size_t at) const noexcept {
    return static_cast<std::uint16_t>(octet(at) << 8 | octet(at + 1));
  }

 private:
  std::span<const std::byte> frame_;
};

// Pairs of source and destination, one after the other, as the hash takes them.
class HashInput {
 public:
  explicit HashInput(InputTransform transform) noexcept : transform_(transform) {}

  // The source begins at `at`, the destination right behind it.
  void add_pair(const Bytes& frame, std::size_t at, std::size_t width) noexcept {
    for (std::size_t i = 0; i < width; ++i) {
      const std::uint8_t source = frame.octet(at + i);
      const std::uint8_t destination = frame.octet(at + width + i);
      std::uint8_t& first = bytes_[size_ + i];
      std::uint8_t& second = bytes_[size_ + width + i];
      first = source;
      second = destination;
      if (transform_ != InputTransform::none) second = source ^ destination;
      if (transform_ == InputTransform::symmetric_xor) first = second;
      if (transform_ == InputTransform::symmetric_or_xor) first = source | destination;
    }
    size_ += 2 * width;
  }

  [[nodiscard]] std::span<const std::uint8_t> bytes() const noexcept { return std::span{bytes_}.first(size_); }

 private:
  InputTransform transform_;
  std::array<std::uint8_t, Toeplitz::input_bytes_max> bytes_{};
  std::size_t size_ = 0;
};

// Where the addresses of an IP header are and what it carries. A fragment carries nothing: no NIC looks for ports in
// one, not in the first one either.
struct IpHeader {
  std::size_t addresses_at = 0;
  std::size_t address_bytes = 0;  // 0: there is none
  std::size_t payload_at = 0;
  std::uint8_t protocol = IPPROTO_NONE;
};

IpHeader read_ipv4(const Bytes& frame, std::size_t at) noexcept {
  constexpr std::size_t header_bytes = 20;
  constexpr std::uint16_t fragment_mask = 0x3fff;  // "more fragments" and the offset
  if (!frame.has(at, header_bytes)) return {};
  const std::size_t length = 4U * (frame.octet(at) & 0x0fU);
  if (frame.octet(at) >> 4U != 4 || length < header_bytes) return {};
  const bool whole = (frame.word(at + 6) & fragment_mask) == 0;
  return {at + 12, 4, at + length, whole ? frame.octet(at + 9) : std::uint8_t{IPPROTO_NONE}};
}

[[nodiscard]] bool is_skipped(std::uint8_t protocol) noexcept {
  return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING || protocol == IPPROTO_DSTOPTS;
}

IpHeader read_ipv6(const Bytes& frame, std::size_t at) noexcept {
  constexpr std::size_t header_bytes = 40;
  if (!frame.has(at, header_bytes) || frame.octet(at) >> 4U != 6) return {};
  std::uint8_t protocol = frame.octet(at + 6);
  std::size_t next = at + header_bytes;
  while (is_skipped(protocol) && frame.has(next, 2)) {
    protocol = frame.octet(next);
    next += 8U * (frame.octet(next + 1) + 1U);
  }
  return {at + 8, 16, next, protocol};
}

[[nodiscard]] std::uint8_t kind_of(const IpHeader& ip) noexcept {
  const bool is_ipv4 = ip.address_bytes == 4;
  switch (ip.protocol) {
    case IPPROTO_TCP:
      return is_ipv4 ? ports_of_tcp4 : ports_of_tcp6;
    case IPPROTO_UDP:
      return is_ipv4 ? ports_of_udp4 : ports_of_udp6;
    case IPPROTO_SCTP:
      return is_ipv4 ? ports_of_sctp4 : ports_of_sctp6;
    default:
      return 0;
  }
}

IpHeader find_ip(const Bytes& frame) noexcept {
  constexpr std::size_t tag_bytes = 4;
  std::size_t type_at = 12;
  while (frame.has(type_at, 2)) {
    switch (frame.word(type_at)) {
      case ETH_P_8021Q:
      case ETH_P_8021AD:
        type_at += tag_bytes;
        break;
      case ETH_P_IP:
        return read_ipv4(frame, type_at + 2);
      case ETH_P_IPV6:
        return read_ipv6(frame, type_at + 2);
      default:
        return {};
    }
  }
  return {};
}

}  // namespace

std::uint32_t Nic::hash_of(std::span<const std::byte> frame) const noexcept {
  const Bytes bytes{frame};
  const IpHeader ip = find_ip(bytes);
  if (ip.address_bytes == 0) return 0;
  HashInput input{settings_.transform};
  input.add_pair(bytes, ip.addresses_at, ip.address_bytes);
  const bool with_ports = (settings_.ports & kind_of(ip)) != 0 && bytes.has(ip.payload_at, 2 * port_bytes);
  if (with_ports) input.add_pair(bytes, ip.payload_at, port_bytes);
  return toeplitz_.hash(input.bytes());
}

}  // namespace fanout
