// The layers that most packets are made of, from the Ethernet header to the ports: see walk.hpp for the two views.
#include "core/packet/dissect.hpp"

#include <linux/if_ether.h>
#include <netinet/in.h>

#include "core/packet/encapsulation.hpp"
#include "core/packet/walk.hpp"

namespace fanout {
namespace {

// Traffic alternates between the directions, so a branch on the order would be mispredicted half of the time.
template <std::unsigned_integral T>
void swap_if(bool condition, T& x, T& y) noexcept {
  const T difference = static_cast<T>((x ^ y) & (T{0} - T{condition}));
  x ^= difference;
  y ^= difference;
}

[[nodiscard]] std::uint64_t digest_of(const View& view, std::uint64_t sorted_ports, HashSeed seed) noexcept {
  const std::uint64_t word = sorted_ports << 32 | std::uint64_t{view.ethertype} << 16 | view.protocol;
  return seeded_mix(view.address_digest, word, seed);
}

// Of an IPv6 header around this one.
void clear_rest_of_addresses(FlowKey& key) noexcept {
  std::fill(key.a.begin() + 8, key.a.end(), std::uint8_t{0});
  std::fill(key.b.begin() + 8, key.b.end(), std::uint8_t{0});
}

// flow_keys_hash_length() counts the padding at the end of struct flow_keys as part of the addresses and so hashes four
// bytes more than an IPv4 pair has: what an IPv6 header around it left there, octets 8 to 11 of its source. Where the
// structure ends without padding it does not happen; no current kernel is known in which it does. The octets are of one
// side only, so the directions differ unless both sides agree in them.
void hash_ipv4_addresses(Walk& walk) noexcept {
  const std::uint64_t digest = walk.ids.address_digest;
  walk.stale_hashed = walk.stale != 0 && walk.model.bug_d;
  walk.kernel.address_digest = walk.stale_hashed ? seeded_mix(digest, walk.stale, walk.seed) : digest;
}

// Bug B: the difference of such a pair is negative both ways, so that it is exchanged in both directions, and each has
// an order of its own.
[[gnu::noinline]] std::uint64_t by_direction(std::uint64_t digest, bool swapped, HashSeed seed) noexcept {
  return seeded_mix(digest, swapped ? 1 : 2, seed);
}

[[nodiscard]] bool is_top_bit_pair(std::uint32_t src, std::uint32_t dst) noexcept {
  return (to_host(src) ^ to_host(dst)) == 0x80;
}

void read_ipv4_addresses(Walk& walk, const std::byte* addresses) noexcept {
  constexpr unsigned first_bytes = std::endian::native == std::endian::little ? 0 : 32;
  const auto src = load<std::uint32_t>(addresses);
  const auto dst = load<std::uint32_t>(addresses + 4);
  std::uint64_t low = std::uint64_t{src} << first_bytes;
  std::uint64_t high = std::uint64_t{dst} << first_bytes;
  walk.swapped = to_host(src) > to_host(dst);
  walk.equal = src == dst;
  swap_if(walk.swapped, low, high);
  std::memcpy(walk.out->key.a.data(), &low, sizeof low);
  std::memcpy(walk.out->key.b.data(), &high, sizeof high);
  if (walk.inside_ip()) clear_rest_of_addresses(walk.out->key);
  walk.ids.address_digest = seeded_mix(low, high, walk.seed);
  if (!walk.kernel_follows) return;
  hash_ipv4_addresses(walk);
  if (walk.model.bug_b && is_top_bit_pair(src, dst)) [[unlikely]]
    walk.kernel.address_digest = by_direction(walk.kernel.address_digest, walk.swapped, walk.seed);
}

void read_ipv6_addresses(Walk& walk, const std::byte* addresses) noexcept {
  __extension__ using Wide = unsigned __int128;
  auto low1 = load<std::uint64_t>(addresses), low2 = load<std::uint64_t>(addresses + 8);
  auto high1 = load<std::uint64_t>(addresses + 16), high2 = load<std::uint64_t>(addresses + 24);
  const Wide src = static_cast<Wide>(to_host(low1)) << 64 | to_host(low2);
  const Wide dst = static_cast<Wide>(to_host(high1)) << 64 | to_host(high2);
  walk.swapped = src > dst;
  walk.equal = src == dst;
  swap_if(walk.swapped, low1, high1);
  swap_if(walk.swapped, low2, high2);
  std::memcpy(walk.out->key.a.data(), &low1, sizeof low1);
  std::memcpy(walk.out->key.a.data() + 8, &low2, sizeof low2);
  std::memcpy(walk.out->key.b.data(), &high1, sizeof high1);
  std::memcpy(walk.out->key.b.data() + 8, &high2, sizeof high2);
  const std::uint64_t digest =
      seeded_mix(seeded_mix(low1, low2, walk.seed), seeded_mix(high1, high2, walk.seed), walk.seed);
  walk.ids.address_digest = digest;
  if (!walk.kernel_follows) return;
  walk.kernel.address_digest = digest;
  walk.stale_hashed = false;
}

// Of protocols with ports, else none. A table, not a switch: TCP and UDP come in any order, and a mispredicted jump
// costs as much as the whole header.
constexpr auto transports = [] {
  std::array<Layer, 256> table{};
  table[IPPROTO_TCP] = Layer::tcp;
  table[IPPROTO_UDP] = Layer::udp;
  table[IPPROTO_UDPLITE] = Layer::udplite;
  table[IPPROTO_SCTP] = Layer::sctp;
  table[IPPROTO_DCCP] = Layer::dccp;
  return table;
}();

void go_beyond(Walk& walk, Follows (*strip)(Walk&) noexcept) noexcept;

// Without a branch on the protocol, see above.
[[nodiscard]] bool may_be_tunnel(const View& view) noexcept {
  const unsigned ports =
      unsigned{udp_port::may_be_tunnel(src_port(view.ports))} | unsigned{udp_port::may_be_tunnel(dst_port(view.ports))};
  return (ports & unsigned{view.protocol == IPPROTO_UDP}) != 0;
}

void ports(Walk& walk) noexcept {
  const bool whole = walk.in_packet(4);
  const std::byte* const header = walk.take(4);
  if (header != nullptr) walk.found_kernel_ports(load32(header));
  if (!whole) return walk.end(PacketKind::truncated);
  walk.ids.ports = load32(header);
  walk.reverse_if_equal = walk.ids.ports > exchanged(walk.ids.ports);
  if (may_be_tunnel(walk.ids)) [[unlikely]]
    go_beyond(walk, strip_datagram);
}

void transport(Walk& walk) noexcept {
  walk.out->transport_at = static_cast<std::uint16_t>(walk.at);
  const Layer layer = transports[walk.ids.protocol];
  if (layer == Layer::none) [[unlikely]]
    return go_beyond(walk, strip_protocol);
  walk.out->stack.push(layer);
  ports(walk);
}

void ipv4(Walk& walk) noexcept {
  constexpr std::size_t header_bytes_min = 20;
  walk.out->stack.push(Layer::ipv4);
  const std::size_t begin = walk.at;
  const std::byte* const header = walk.header(header_bytes_min);
  if (header == nullptr) return;
  walk.out->network_at = static_cast<std::uint16_t>(begin);
  const auto version_and_length = load<std::uint8_t>(header);
  const std::size_t header_bytes = std::size_t{version_and_length & 0x0fU} * 4;
  if (header_bytes < header_bytes_min) return walk.end(PacketKind::malformed);

  const std::size_t total_bytes = load16(header + 2);
  const bool version_ok = version_and_length >> 4 == 4;
  if (!version_ok || (total_bytes != 0 && total_bytes < header_bytes)) walk.end(PacketKind::malformed);
  walk.limit_packet(begin, total_bytes);
  walk.found_protocol(load<std::uint8_t>(header + 9));
  read_ipv4_addresses(walk, header + 12);
  walk.found_ip();
  walk.at = begin + header_bytes;

  const unsigned fragmentation = load16(header + 6);
  using ipv4_fragment::offset_bits, ipv4_fragment::more_fragments;
  if ((fragmentation & (offset_bits | more_fragments)) != 0) [[unlikely]]
    return go_beyond(walk, strip_ipv4_fragment);
  transport(walk);
}

[[nodiscard]] bool is_skipped_extension(std::uint8_t header) noexcept {
  return header == IPPROTO_HOPOPTS || header == IPPROTO_ROUTING || header == IPPROTO_DSTOPTS;
}

// False if the chain is cut.
[[nodiscard]] bool ipv6_extensions(Walk& walk) noexcept {
  while (is_skipped_extension(walk.ids.protocol)) {
    const std::byte* const header = walk.take(2);
    if (header == nullptr) {
      walk.end(PacketKind::truncated);
      return false;
    }
    walk.found_protocol(load<std::uint8_t>(header));
    walk.at += std::size_t{load<std::uint8_t>(header + 1)} * 8 + 6;
    if (!walk.in_packet(0)) walk.end(PacketKind::truncated);
    if (!walk.again()) return true;
  }
  return true;
}

void ipv6(Walk& walk) noexcept {
  walk.out->stack.push(Layer::ipv6);
  const std::byte* const header = walk.header(40);
  if (header == nullptr) return;
  walk.out->network_at = static_cast<std::uint16_t>(walk.at - 40);
  const std::uint32_t version_and_label = load32(header);
  if (version_and_label >> 28 != 6) walk.end(PacketKind::malformed);
  const std::uint32_t label = version_and_label & 0xfffff;
  if (label != 0 && walk.kernel_follows) {
    walk.out->marks |= mark_flow_label;
    walk.found_tag(tag_digest::folded(label));
  }
  walk.limit_packet(walk.at, load16(header + 4));
  walk.found_protocol(load<std::uint8_t>(header + 6));
  read_ipv6_addresses(walk, header + 8);
  if (walk.model.bug_c && label != 0) [[unlikely]]
    walk.stop_kernel();
  walk.found_ip();
  if (ipv6_extensions(walk)) transport(walk);
}

void network(Walk& walk) noexcept {
  if (walk.next_type == ETH_P_IP) [[likely]]
    return ipv4(walk);
  if (walk.next_type == ETH_P_IPV6) return ipv6(walk);
  go_beyond(walk, strip_link);
}

[[nodiscard]] bool is_vlan(std::uint16_t ethertype) noexcept {
  return ethertype == ETH_P_8021Q || ethertype == ETH_P_8021AD;
}

void vlan(Walk& walk) noexcept {
  do {
    walk.out->stack.push(Layer::vlan);
    const std::byte* const tag = walk.take(4);
    if (tag == nullptr) return walk.end(PacketKind::truncated);
    walk.found_tag(StrippedTag{.tci = load16(tag)}.vlan_id());
    walk.found_ethertype(load16(tag + 2));
    if (!walk.again()) return walk.end(PacketKind::malformed);
  } while (is_vlan(walk.next_type));
  network(walk);
}

void ethernet(Walk& walk, StrippedTag tag) noexcept {
  const std::byte* const header = walk.take(ETH_HLEN);
  if (header == nullptr) return walk.end(PacketKind::truncated);
  walk.found_ethertype(ethertype_of(walk, load16(header + 12)));
  if (tag.present && walk.again()) walk.out->stack.push(Layer::vlan);
  if (is_vlan(walk.next_type)) return vlan(walk);
  network(walk);
}

// Of a frame inside a packet. The kernel takes what stands in the type field for an ethertype, even if it is a length.
void inner_ethernet(Walk& walk) noexcept {
  walk.out->stack.push(Layer::eth);
  const std::byte* const header = walk.header(ETH_HLEN);
  if (header == nullptr) return;
  walk.found_ethertype(load16(header + 12));
  if (!walk.again()) return walk.end(PacketKind::malformed);
  network(walk);
}

void behind_headers(Walk& walk) noexcept {
  if (walk.ids.ethertype == ETH_P_IP || ipv6_extensions(walk)) transport(walk);
}

// What the kernel's bug in hash_ipv4_addresses() finds, if an IPv4 header follows.
void remember_stale_octets(Walk& walk) noexcept {
  if (!walk.kernel_follows || walk.ids.ethertype != ETH_P_IPV6) return;
  const Address& source = walk.swapped ? walk.out->key.b : walk.out->key.a;
  std::memcpy(&walk.stale, source.data() + 8, sizeof walk.stale);
}

void finish_flow(Walk& walk) noexcept {
  FlowKey& key = walk.out->key;
  const bool reverse = walk.swapped | (walk.equal & walk.reverse_if_equal);
  const std::uint32_t ports = std::rotl(walk.ids.ports, reverse ? 16 : 0);
  key.a_port = src_port(ports);
  key.b_port = dst_port(ports);
  key.protocol = walk.ids.protocol;
  key.family = walk.ids.ethertype == ETH_P_IP ? 4 : 6;
  walk.out->direction = static_cast<Direction>(reverse);
  walk.out->flow_hash = digest_of(walk.ids, sorted(walk.ids.ports), walk.seed);
}

void finish(Walk& walk) noexcept {
  Dissection& out = *walk.out;
  // __flow_hash_consistentify() sorts ports independently of addresses, so A:p-B:q and A:q-B:p share a member; it did
  // not always.
  const bool are_sorted = walk.model.ports_with_addresses;
  out.kernel_key = digest_of(walk.kernel, are_sorted ? walk.kernel.ports : sorted(walk.kernel.ports), walk.seed);
  out.protocol = walk.ids.protocol;
  out.ethertype = walk.inside_ip() ? walk.ids.ethertype : walk.next_type;
  if (walk.stale_hashed) out.marks |= mark_stale_ipv6;
  if (out.kind == PacketKind::flow) [[likely]]
    finish_flow(walk);
  else
    out.key = {};
}

// A quotation that ends too early or contradicts itself is no fault of the error.
void finish_quotation(Walk& walk) noexcept {
  Dissection& out = *walk.out;
  if (out.kind != PacketKind::flow) out.kind = PacketKind::icmp_error;
  finish(walk);
  if (out.kind != PacketKind::flow) return;
  out.marks |= mark_icmp_error;
  out.direction = out.direction == Direction::forward ? Direction::reverse : Direction::forward;
}

void finish_beyond(Walk& walk) noexcept {
  if (walk.quoted) return finish_quotation(walk);
  const FlowKey key = walk.out->key;
  finish(walk);
  if (walk.out->kind != PacketKind::fragment_later) return;
  walk.out->key = key;
  finish_flow(walk);
}

// What the kernel would hash if it got this datagram in one piece, of which the first one is here.
void note_whole(const Walk& walk) noexcept {
  Dissection whole = *walk.out;
  Walk ahead = walk;
  ahead.out = &whole;
  ahead.as_whole = true;
  behind_headers(ahead);
  if (!ahead.handed_over) finish(ahead);
  walk.out->tags = tag_digest::of_whole(whole.kernel_key);
  walk.out->marks |= whole.marks & (mark_index | mark_stale_ipv6);
}

// All that is rare, and whatever it wraps. Nested as deep as again() allows.
[[gnu::noinline]] void walk_beyond(Walk walk, Follows (*strip)(Walk&) noexcept) noexcept {
  remember_stale_octets(walk);
  switch (strip(walk)) {
    case Follows::nothing:
      break;
    case Follows::ethernet:
      inner_ethernet(walk);
      break;
    case Follows::network:
      network(walk);
      break;
    case Follows::piece:
      if (!walk.as_whole) {
        if (walk.kernel_follows) note_whole(walk);
        walk.stop_kernel();
      }
      behind_headers(walk);
      break;
    case Follows::transport:
      behind_headers(walk);
      break;
  }
  if (!walk.handed_over) finish_beyond(walk);
}

// The rest is for a copy of this walk: see dissect().
void go_beyond(Walk& walk, Follows (*strip)(Walk&) noexcept) noexcept {
  walk_beyond(walk, strip);
  walk.handed_over = true;
}

}  // namespace

// Flattened, so that the walk lives in registers: 20 ns per packet instead of 45 (g++ 12). That lasts only while no
// function that is not inlined sees the address of this very walk; a layer too large or too rare to inline works on a
// copy.
[[gnu::flatten]] Dissection dissect(std::span<const std::byte> frame, StrippedTag tag, HashSeed seed) noexcept {
  Dissection out;
  // The model is a constant in all that follows, so that current kernels cost nothing for those before them.
  Walk walk{frame, seed, KernelModel{}, out};
  ethernet(walk, tag);
  if (!walk.handed_over) [[likely]]
    finish(walk);
  return out;
}

Dissection dissect(std::span<const std::byte> frame, StrippedTag tag, HashSeed seed, KernelModel model) noexcept {
  if (model == KernelModel{}) [[likely]]
    return dissect(frame, tag, seed);
  Dissection out;
  Walk walk{frame, seed, model, out};
  ethernet(walk, tag);
  if (!walk.handed_over) finish(walk);
  return out;
}

namespace {

// As __skb_flow_dissect() begins: with a tag that is no longer in the bytes where there is one, then with the protocol,
// at the network header.
void from_network(Walk& walk, StrippedTag tag, NetworkStart from) noexcept {
  walk.at = from.network_at;
  walk.found_ethertype(from.protocol);
  if (tag.present && !walk.again()) return;
  if (is_vlan(walk.next_type)) return vlan(walk);
  network(walk);
}

}  // namespace

Dissection dissect_sent(std::span<const std::byte> frame, StrippedTag tag, NetworkStart from, HashSeed seed,
                        KernelModel model) noexcept {
  Dissection out = dissect(frame, tag, seed, model);
  // Of a length eth_type_trans() makes a protocol number of its own when a frame is received; sent, it stays what it
  // is.
  const bool begins_alike = from.protocol >= ETH_P_802_3_MIN && frame.size() >= ETH_HLEN &&
                            from.network_at == ETH_HLEN && from.protocol == load16(frame.data() + 12);
  if (begins_alike) [[likely]]
    return out;
  Dissection hashed;
  // No tag is taken out of what is sent, so what follows the first one is never made an ethertype of: see
  // behind_length().
  hashed.stack = out.stack;
  Walk walk{frame, seed, model, hashed};
  from_network(walk, tag, from);
  if (!walk.handed_over) finish(walk);
  if (hashed.kernel_key == out.kernel_key) return out;
  constexpr std::uint8_t of_the_kernel = mark_flow_label | mark_fragment | mark_stale_ipv6 | mark_index;
  out.kernel_key = hashed.kernel_key;
  out.tags = hashed.tags;
  out.marks = static_cast<std::uint8_t>((out.marks & ~of_the_kernel) | (hashed.marks & of_the_kernel));
  if (frame.size() >= ETH_HLEN && is_vlan(load16(frame.data() + 12))) out.marks |= mark_sent_tagged;
  return out;
}

Dissection dissect_network(std::span<const std::byte> frame, NetworkStart from, HashSeed seed,
                           KernelModel model) noexcept {
  Dissection out;
  Walk walk{frame, seed, model, out};
  from_network(walk, StrippedTag{}, from);
  if (!walk.handed_over) finish(walk);
  return out;
}

std::uint64_t content_hash_of(std::span<const std::byte> frame, const Dissection& packet, HashSeed seed) noexcept {
  const bool ipv4 = packet.key.family == 4;
  const std::byte* const header = frame.data() + packet.network_at;
  const std::byte* const length = header + (ipv4 ? 2 : 4);
  // The identification follows the length in IPv4; in IPv6 that place has the hop limit, which is another in each copy.
  std::uint64_t identity = load32(length) >> (ipv4 ? 0U : 16U);
  const std::size_t claimed = packet.network_at + (ipv4 ? 0U : 40U) + load16(length);
  // Zero is no length: see limit_packet().
  const std::size_t end = load16(length) == 0 ? frame.size() : std::min(frame.size(), claimed);
  // Ports, then sequence and acknowledgment of TCP, length and checksum of UDP, tag and checksum of SCTP; index and
  // sequence of ESP.
  const std::size_t at = packet.transport_at;
  std::uint64_t sample = 0;
  if (at + 12 <= end) [[likely]] {
    identity |= std::uint64_t{load<std::uint32_t>(frame.data() + at)} << 32U;
    sample = load<std::uint64_t>(frame.data() + at + 4);
  } else if (at + 8 <= end) {
    sample = load<std::uint64_t>(frame.data() + at);
  } else if (at + 4 <= end) {
    sample = load<std::uint32_t>(frame.data() + at);
  }
  return seeded_mix(identity, sample, seed);
}

std::uint32_t rank_of_hash(std::uint64_t content_hash) noexcept {
  const std::uint64_t hash = content_hash | 1;
  const auto zeros = static_cast<unsigned>(std::countl_zero(hash));
  const auto behind_first_one = static_cast<std::uint32_t>(hash << zeros << 1U >> 48U);
  return std::max((63U - zeros) << 16U | behind_first_one, 1U);
}

std::uint32_t rank_of(std::span<const std::byte> frame, const Dissection& packet, HashSeed seed) noexcept {
  return rank_of_hash(content_hash_of(frame, packet, seed));
}

}  // namespace fanout
