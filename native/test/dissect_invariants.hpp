// What holds for every frame whatsoever: asserted for truncated and mutated packets by the tests, for any bytes by the
// fuzzer.
#pragma once

#include <linux/if_ether.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>

#include "core/packet/dissect.hpp"
#include "core/packet/encapsulation.hpp"
#include "test/packets.hpp"

namespace fanout::test {

inline unsigned octet(std::span<const std::byte> frame, std::size_t at) { return std::to_integer<unsigned>(frame[at]); }
inline unsigned octets16(std::span<const std::byte> frame, std::size_t at) {
  return octet(frame, at) << 8 | octet(frame, at + 1);
}

// Where the two directions of a flow differ. Found without the code under test, and only for frames that it calls a
// flow, which is why nothing is checked here: a wrong offset means that the frame was no flow.
struct Anatomy {
  std::size_t addresses = 0;
  std::size_t address_bytes = 0;
  std::size_t transport = 0;
  unsigned protocol = 0;
  unsigned headers = 0;  // tags and extension headers
};

inline std::optional<Anatomy> anatomy_of(std::span<const std::byte> frame) {
  Anatomy found;
  std::size_t at = 14;
  if (frame.size() < at) return std::nullopt;
  unsigned type = octets16(frame, 12);
  const auto is_tag = [&] { return type == ETH_P_8021Q || type == ETH_P_8021AD || type == 0x9100 || type == 0x9200; };
  for (; is_tag() && at + 4 <= frame.size(); at += 4, ++found.headers) type = octets16(frame, at + 2);
  if (at + 20 > frame.size()) return std::nullopt;
  if (type == ETH_P_IP) {
    found.addresses = at + 12;
    found.address_bytes = 4;
    found.protocol = octet(frame, at + 9);
    at += std::size_t{octet(frame, at) & 15} * 4;
  } else {
    if (at + 40 > frame.size()) return std::nullopt;
    found.addresses = at + 8;
    found.address_bytes = 16;
    found.protocol = octet(frame, at + 6);
    at += 40;
    for (; at + 8 <= frame.size(); ++found.headers) {
      const bool fragment = found.protocol == IPPROTO_FRAGMENT;
      const bool skipped =
          found.protocol == IPPROTO_HOPOPTS || found.protocol == IPPROTO_ROUTING || found.protocol == IPPROTO_DSTOPTS;
      if (!fragment && !skipped) break;
      found.protocol = octet(frame, at);
      at += fragment ? 8 : std::size_t{octet(frame, at + 1)} * 8 + 8;
    }
  }
  found.transport = at;
  return found;
}

// The packet that answers this one on the same flow.
inline std::optional<Octets> answer_to(std::span<const std::byte> frame) {
  const auto found = anatomy_of(frame);
  if (!found) return std::nullopt;
  Octets out(frame.begin(), frame.end());
  const auto src = out.begin() + static_cast<std::ptrdiff_t>(found->addresses);
  const auto size = static_cast<std::ptrdiff_t>(found->address_bytes);
  std::swap_ranges(src, src + size, src + size);
  if (found->transport + 4 > out.size()) return out;
  const auto ports = out.begin() + static_cast<std::ptrdiff_t>(found->transport);
  if (found->protocol == IPPROTO_ICMP)
    *ports ^= std::byte{8};  // 8 and 0
  else if (found->protocol == IPPROTO_ICMPV6)
    *ports ^= std::byte{1};  // 128 and 129
  else
    std::swap_ranges(ports, ports + 2, ports + 2);
  return out;
}

// Whether anatomy_of() can find its way: one IP header and nothing wrapped around it or by it but VLAN tags.
inline bool is_plain(Stack stack) {
  constexpr std::uint64_t overflow = std::uint64_t{1} << 63, layer_mask = (1U << Stack::bits_per_layer) - 1;
  if ((stack.packed() & overflow) != 0) return false;
  int ip_headers = 0;
  for (std::uint64_t rest = stack.packed(); rest != 0; rest >>= Stack::bits_per_layer) {
    const auto layer = static_cast<Layer>(rest & layer_mask);
    ip_headers += layer == Layer::ipv4 || layer == Layer::ipv6;
    const bool unknown_in_ip = layer == Layer::other && ip_headers == 0;
    if ((layer > Layer::ipcomp && !unknown_in_ip) || layer == Layer::eth || layer == Layer::pppoe ||
        layer == Layer::mpls || layer == Layer::ah) {
      return false;
    }
  }
  return ip_headers == 1;
}

// Whether its payload is a tunnel depends on which of the ports is the destination.
inline bool has_tunnel_port(const FlowKey& key) {
  return key.protocol == IPPROTO_UDP && (udp_port::may_be_tunnel(key.a_port) || udp_port::may_be_tunnel(key.b_port));
}

// Mobility, HIP and Shim6: whether more follows depends on the octets where others have ports.
inline bool has_late_extension(const FlowKey& key) {
  return key.family == 6 && (key.protocol == 135 || key.protocol == 139 || key.protocol == 140);
}

inline bool is_canonical(const FlowKey& key) {
  const int order = std::memcmp(key.a.data(), key.b.data(), sizeof(Address));
  if (order > 0 || (order == 0 && key.a_port > key.b_port) || key.unused != 0) return false;
  if (key.family == 6) return true;
  const auto zero = [](const Address& address) {
    return std::all_of(address.begin() + 4, address.end(), [](auto x) { return x == 0; });
  };
  return key.family == 4 && zero(key.a) && zero(key.b);
}

inline bool same_flow(const Dissection& x, const Dissection& y) {
  return x.kind == y.kind && x.key == y.key && x.kernel_key == y.kernel_key && x.flow_hash == y.flow_hash;
}

inline bool same(const Dissection& x, const Dissection& y) {
  return same_flow(x, y) && x.stack == y.stack && x.direction == y.direction && x.marks == y.marks &&
         x.tags == y.tags && x.protocol == y.protocol && x.ethertype == y.ethertype &&
         x.fragment.datagram == y.fragment.datagram;
}

// What another kernel hashes is no part of the flow either.
inline const char* broken_rule_of_kernel(std::span<const std::byte> frame, StrippedTag tag, KernelModel kernel,
                                         HashSeed seed) {
  const Dissection got = dissect(frame, tag, seed, kernel), current = dissect(frame, tag, seed);
  if (got.kind != current.kind || got.key != current.key || got.direction != current.direction ||
      got.stack != current.stack || got.flow_hash != current.flow_hash)
    return "the kernel is no part of a flow";
  if (kernel.bug_b || kernel.bug_c || got.kind != PacketKind::flow || !is_plain(got.stack) || has_tunnel_port(got.key))
    return nullptr;
  const auto answer = answer_to(frame);
  if (!answer) return nullptr;
  // An index of ESP stands where ports are, and is exchanged with the addresses.
  const bool has_index = got.protocol == IPPROTO_ESP && kernel.ports_with_addresses;
  if (!has_index && dissect(*answer, tag, seed, kernel).kernel_key != got.kernel_key)
    return "every kernel hashes both directions alike";
  return nullptr;
}

// The same frame as one that this host sent.
inline const char* broken_rule_sent(std::span<const std::byte> frame, StrippedTag tag, NetworkStart from,
                                    HashSeed seed) {
  const Dissection received = dissect(frame, tag, seed);
  const Dissection sent = dissect_sent(frame, tag, from, seed);
  if (sent.kind != received.kind || sent.key != received.key || sent.direction != received.direction ||
      sent.stack != received.stack || sent.flow_hash != received.flow_hash)
    return "who sent a packet is no part of its flow";
  constexpr unsigned of_the_flow = mark_echo_request | mark_icmp_error;
  if (((sent.marks ^ received.marks) & of_the_flow) != 0) return "nor of what it asks";
  if ((sent.marks & mark_sent_tagged) != 0 && sent.kernel_key == received.kernel_key)
    return "the mark says that the key differs";
  return nullptr;
}

// The same bytes from a device without Ethernet.
inline const char* broken_rule_network(std::span<const std::byte> bytes, NetworkStart from, HashSeed seed) {
  const Dissection got = dissect_network(bytes, from, seed);
  if (got.kind > PacketKind::malformed) return "the kind is known";
  if (got.kind != PacketKind::flow) return nullptr;
  if (!is_canonical(got.key)) return "the key is canonical";
  if (got.network_at < from.network_at || got.network_at >= bytes.size()) return "a flow is behind the network header";
  const std::uint32_t rank = rank_of(bytes, got, seed);
  if (rank == 0 || rank >> 22U != 0) return "a rank has 22 bits";
  return nullptr;
}

// The first broken rule in words, or nullptr.
inline const char* broken_rule(std::span<const std::byte> frame, StrippedTag tag, HashSeed seed) {
  const Dissection got = dissect(frame, tag, seed);
  if (got.kind > PacketKind::malformed) return "the kind is known";
  constexpr unsigned known_marks =
      mark_flow_label | mark_fragment | mark_stale_ipv6 | mark_echo_request | mark_icmp_error | mark_index;
  if ((got.marks & ~known_marks) != 0) return "only known marks are set";
  const bool is_piece = (got.marks & mark_fragment) != 0;
  if (is_piece && got.kind == PacketKind::fragment_later && got.fragment.datagram != 0 &&
      got.tags != tag_digest::unknown)
    return "a later piece tells of no datagram";
  if (is_piece && got.kind == PacketKind::flow && got.tags >= tag_digest::unknown) return "a first piece tells of one";
  if (got.stack.packed() == 0 && frame.size() >= ETH_HLEN) return "an Ethernet frame has a layer";
  const std::string text = got.stack.text();
  if (std::count(text.begin(), text.end(), '/') > std::ptrdiff_t{Stack::depth_max}) return "the stack is bounded";
  if (text.find('?') != std::string::npos) return "every layer has a name";

  const Dissection reseeded = dissect(frame, tag, HashSeed{~seed.value});
  if (reseeded.key != got.key || reseeded.kind != got.kind || reseeded.direction != got.direction)
    return "the seed changes only hashes";
  if (reseeded.kernel_key == got.kernel_key) return "the seed changes the digest";

  if (got.kind == PacketKind::fragment_later) {
    if (got.key.a_port != 0 || got.key.b_port != 0 || !is_canonical(got.key))
      return "a later fragment has addresses only";
    return nullptr;
  }
  if (got.kind != PacketKind::flow) {
    if (got.key != FlowKey{} || got.flow_hash != 0 || got.direction != Direction::forward)
      return "only a flow has a key";
    return nullptr;
  }
  if (!is_canonical(got.key)) return "the key is canonical";
  if (rank_of(frame, got, seed) == 0 || rank_of(frame, got, seed) >> 22U != 0) return "a rank has 22 bits";
  if (got.key.protocol != got.protocol) return "the key has the protocol";
  if (canonical(directed(got.key, got.direction), got.direction) != got.key)
    return "key and direction give the five-tuple";
  if (std::memcmp(got.key.a.data(), got.key.b.data(), sizeof(Address)) != 0 &&
      direction_of(directed(got.key, got.direction)) != got.direction) {
    return "the direction is that of the model";
  }

  Octets padded(frame.begin(), frame.end());
  padded.resize(padded.size() + 8);
  if (!same(dissect(padded, tag, seed), got)) return "padding changes nothing";

  if (!is_plain(got.stack) || has_tunnel_port(got.key) || has_late_extension(got.key)) return nullptr;
  const auto found = anatomy_of(frame);
  if (!found) return "a flow has addresses";
  if (found->protocol != got.protocol) return "the protocol is that of the last header";
  if (found->headers < 14 && !same_flow(dissect(frame, StrippedTag{.present = !tag.present}, seed), got))
    return "a tag is no part of a flow";
  const Dissection answered = dissect(*answer_to(frame), tag, seed);
  if (!same_flow(answered, got)) return "both directions are one flow and have one kernel key";
  const bool echo = got.key.family == 4 ? got.protocol == IPPROTO_ICMP : got.protocol == IPPROTO_ICMPV6;
  const bool mirror_image = got.key.a == got.key.b && got.key.a_port == got.key.b_port && !echo;
  if ((answered.direction == got.direction) != mirror_image) return "the answer has the other direction";
  return nullptr;
}

}  // namespace fanout::test
