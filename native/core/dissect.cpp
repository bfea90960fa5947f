// The walk keeps two views apart. The IDS view is the flow an IDS tracks; it obeys the length fields of the headers. The kernel
// view is what __skb_flow_dissect() (net/core/flow_dissector.c) collects for fanout's symmetric hash; it looks at no length field
// and stops earlier, at a fragment for instance. Every layer is one function: it reads its header, records what it found in the
// views that still follow, and goes on to the next layer or ends the walk.
#include "dissect.hpp"

#include <linux/if_ether.h>
#include <netinet/in.h>

#include <algorithm>
#include <bit>
#include <concepts>

namespace fanout {
namespace {

template <std::unsigned_integral T>
[[nodiscard]] T load(const std::byte* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <std::unsigned_integral T>
[[nodiscard]] constexpr T to_host(T wire) noexcept {
  if constexpr (std::endian::native == std::endian::big) return wire;
  if constexpr (sizeof(T) == 2) return __builtin_bswap16(wire);
  if constexpr (sizeof(T) == 4) return __builtin_bswap32(wire);
  if constexpr (sizeof(T) == 8) return __builtin_bswap64(wire);
}

[[nodiscard]] std::uint16_t load16(const std::byte* from) noexcept { return to_host(load<std::uint16_t>(from)); }
[[nodiscard]] std::uint32_t load32(const std::byte* from) noexcept { return to_host(load<std::uint32_t>(from)); }

// Traffic alternates between the directions, so a branch on the order would be mispredicted half of the time.
template <std::unsigned_integral T>
void swap_if(bool condition, T& x, T& y) noexcept {
  const T difference = static_cast<T>((x ^ y) & (T{0} - T{condition}));
  x ^= difference;
  y ^= difference;
}

// Both factors of every mix() depend on the seed: a sender who could make one of them zero would choose the product.
[[nodiscard]] std::uint64_t seeded_mix(std::uint64_t x, std::uint64_t y, HashSeed seed) noexcept {
  return mix(x ^ seed.value, y ^ std::rotl(seed.value, 32));
}

// All that goes into one digest. Neither VLAN nor flow label nor ICMP identifier is in the kernel's.
struct View {
  std::uint64_t address_digest = 0;  // zero: no addresses were reached
  std::uint16_t ethertype = 0;       // the last one
  std::uint8_t protocol = 0;         // the last one
  std::uint16_t src_port = 0;
  std::uint16_t dst_port = 0;
};

// The kernel sorts ports independently of addresses (__flow_hash_consistentify), so A:p-B:q and A:q-B:p share a member.
[[nodiscard]] std::uint64_t digest_of(const View& view, HashSeed seed) noexcept {
  std::uint64_t low = view.src_port;
  std::uint64_t high = view.dst_port;
  swap_if(low > high, low, high);
  const std::uint64_t word = low << 48 | high << 32 | std::uint64_t{view.ethertype} << 16 | view.protocol;
  return seeded_mix(view.address_digest, word, seed);
}

// A parse in progress: where it stands and what both views have collected. What is already final goes straight to `out`: copies
// of small structures cost more here than the parsing (a wide load right after narrow stores waits for them).
struct Walk {
  Walk(std::span<const std::byte> frame, HashSeed hash_seed, Dissection& result) noexcept
      : data(frame.data()), frame_end(frame.size()), packet_end(frame.size()), seed(hash_seed), out(result) {
    out.kind = PacketKind::flow;
  }

  const std::byte* data;
  std::size_t frame_end;
  std::size_t packet_end;  // what the IP headers claim, within the frame, which may be padded
  std::size_t at = 0;      // may lie beyond both after a header that claims more than there is
  HashSeed seed;
  Dissection& out;
  View kernel;
  View ids;
  bool kernel_follows = true;      // the kernel's dissector has not stopped yet
  bool swapped = false;            // the source is the greater address, key.b
  bool equal = false;              // the addresses are
  bool reverse_if_equal = false;   // the direction of a packet between equal addresses
  std::uint8_t headers_left = 15;  // MAX_FLOW_DISSECT_HDRS: the kernel's limit, and ours against endless nesting

  // The next header, or nullptr if the frame ends inside it.
  [[nodiscard]] const std::byte* take(std::size_t bytes) noexcept {
    if (at + bytes > frame_end) return nullptr;
    const std::byte* const header = data + at;
    at += bytes;
    return header;
  }

  [[nodiscard]] bool in_packet(std::size_t bytes) const noexcept { return at + bytes <= packet_end; }

  // Zero is no length: segmentation offload (BIG TCP) leaves it so, and the packet then reaches as far as the frame.
  void limit_packet(std::size_t begin, std::size_t bytes) noexcept {
    if (bytes != 0) packet_end = std::min(packet_end, begin + bytes);
  }

  // Whether one more header may follow.
  [[nodiscard]] bool again() noexcept {
    if (headers_left == 0) return false;
    --headers_left;
    return true;
  }

  // Ends the IDS view. The first reason stays; the kernel view may still go on.
  void end(PacketKind reason) noexcept {
    if (out.kind == PacketKind::flow) out.kind = reason;
  }

  void found_ethertype(std::uint16_t ethertype) noexcept { kernel.ethertype = ids.ethertype = ethertype; }

  void found_protocol(std::uint8_t protocol) noexcept {
    ids.protocol = protocol;
    if (kernel_follows) kernel.protocol = protocol;
  }
};

void read_ports(View& view, const std::byte* ports) noexcept {
  view.src_port = load16(ports);
  view.dst_port = load16(ports + 2);
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
  std::memcpy(walk.out.key.a.data(), &low, sizeof low);
  std::memcpy(walk.out.key.b.data(), &high, sizeof high);
  walk.kernel.address_digest = walk.ids.address_digest = seeded_mix(low, high, walk.seed);
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
  std::memcpy(walk.out.key.a.data(), &low1, sizeof low1);
  std::memcpy(walk.out.key.a.data() + 8, &low2, sizeof low2);
  std::memcpy(walk.out.key.b.data(), &high1, sizeof high1);
  std::memcpy(walk.out.key.b.data() + 8, &high2, sizeof high2);
  const std::uint64_t digest = mix(seeded_mix(low1, low2, walk.seed), seeded_mix(high1, high2, walk.seed));
  walk.kernel.address_digest = walk.ids.address_digest = digest;
}

enum class Carries : std::uint8_t { nothing, ports, spi, echo };

struct Transport {
  Layer layer;
  Carries carries;
  std::uint8_t offset;  // of the ports, or of what the kernel takes for them
};

// A table, not a switch: TCP and UDP come in any order, and a mispredicted jump costs as much as the whole header.
constexpr auto transports = [] {
  std::array<Transport, 256> table{};
  // Not by default member initializers: g++ 12 leaves most elements zero when it optimizes.
  table.fill({Layer::other, Carries::nothing, 0});
  table[IPPROTO_TCP] = {Layer::tcp, Carries::ports, 0};
  table[IPPROTO_UDP] = {Layer::udp, Carries::ports, 0};
  table[IPPROTO_UDPLITE] = {Layer::udplite, Carries::ports, 0};
  table[IPPROTO_SCTP] = {Layer::sctp, Carries::ports, 0};
  table[IPPROTO_DCCP] = {Layer::dccp, Carries::ports, 0};
  table[IPPROTO_ESP] = {Layer::esp, Carries::spi, 0};
  table[IPPROTO_AH] = {Layer::ah, Carries::spi, 4};
  table[IPPROTO_ICMP] = {Layer::icmp, Carries::echo, 0};
  table[IPPROTO_ICMPV6] = {Layer::icmp6, Carries::echo, 0};
  return table;
}();

void ports(Walk& walk) noexcept {
  const bool whole = walk.in_packet(4);
  const std::byte* const header = walk.take(4);
  if (header != nullptr && walk.kernel_follows) read_ports(walk.kernel, header);
  if (!whole) return walk.end(PacketKind::truncated);
  read_ports(walk.ids, header);
  walk.reverse_if_equal = walk.ids.src_port > walk.ids.dst_port;
}

// proto_ports_offset(): the kernel takes the security parameters index, which each direction chooses for itself, for two ports.
void security_parameters_index(Walk& walk, std::size_t offset) noexcept {
  walk.at += offset;
  const std::byte* const spi = walk.take(4);
  if (spi != nullptr && walk.kernel_follows) read_ports(walk.kernel, spi);
  walk.end(PacketKind::other_protocol);
}

// Request and reply of one ping carry one identifier. Between equal addresses only the type tells them apart.
void icmp(Walk& walk) noexcept {
  const bool ipv4 = walk.ids.ethertype == ETH_P_IP;
  if (ipv4 != (walk.ids.protocol == IPPROTO_ICMP)) return walk.end(PacketKind::other_protocol);
  const std::uint8_t request = ipv4 ? 8 : 128;
  const std::uint8_t reply = ipv4 ? 0 : 129;
  if (!walk.in_packet(1)) return walk.end(PacketKind::truncated);
  const auto type = load<std::uint8_t>(walk.data + walk.at);
  if (type != request && type != reply) return walk.end(PacketKind::icmp_error);
  if (!walk.in_packet(6)) return walk.end(PacketKind::truncated);
  walk.ids.src_port = walk.ids.dst_port = load16(walk.data + walk.at + 4);
  walk.reverse_if_equal = type == reply;
}

void transport(Walk& walk) noexcept {
  const Transport& found = transports[walk.ids.protocol];
  walk.out.stack.push(found.layer);
  if (found.carries == Carries::ports) [[likely]]
    return ports(walk);
  if (found.carries == Carries::echo) return icmp(walk);
  if (found.carries == Carries::spi) return security_parameters_index(walk, found.offset);
  walk.end(PacketKind::other_protocol);
}

// The kernel hashes any fragment, the first included, without ports: FLOW_DISSECTOR_F_PARSE_1ST_FRAG is not set for fanout.
// False if the transport header is in another fragment.
[[nodiscard]] bool fragment(Walk& walk, bool first) noexcept {
  walk.out.stack.push(Layer::frag);
  walk.out.marks |= mark_fragment;
  walk.kernel_follows = false;
  if (!first) walk.end(PacketKind::fragment_later);
  return first;
}

void ipv4(Walk& walk) noexcept {
  constexpr std::size_t header_bytes_min = 20;
  walk.out.stack.push(Layer::ipv4);
  const std::size_t begin = walk.at;
  const std::byte* const header = walk.take(header_bytes_min);
  if (header == nullptr) return walk.end(PacketKind::truncated);
  const auto version_and_length = load<std::uint8_t>(header);
  const std::size_t header_bytes = std::size_t{version_and_length & 0x0fU} * 4;
  if (header_bytes < header_bytes_min) return walk.end(PacketKind::malformed);

  const std::size_t total_bytes = load16(header + 2);
  const bool version_ok = version_and_length >> 4 == 4;
  if (!version_ok || (total_bytes != 0 && total_bytes < header_bytes)) walk.end(PacketKind::malformed);
  walk.limit_packet(begin, total_bytes);
  walk.found_protocol(load<std::uint8_t>(header + 9));
  read_ipv4_addresses(walk, header + 12);
  walk.at = begin + header_bytes;

  const unsigned fragmentation = load16(header + 6);
  constexpr unsigned offset_bits = 0x1fff, more_fragments = 0x2000;
  const bool fragmented = (fragmentation & (offset_bits | more_fragments)) != 0;
  if (fragmented && !fragment(walk, (fragmentation & offset_bits) == 0)) return;
  transport(walk);
}

[[nodiscard]] bool is_skipped_extension(std::uint8_t header) noexcept {
  return header == IPPROTO_HOPOPTS || header == IPPROTO_ROUTING || header == IPPROTO_DSTOPTS;
}

// False if the chain is cut or the transport header is in another fragment.
[[nodiscard]] bool ipv6_extensions(Walk& walk) noexcept {
  for (;;) {
    if (is_skipped_extension(walk.ids.protocol)) {
      const std::byte* const header = walk.take(2);
      if (header == nullptr) break;
      walk.found_protocol(load<std::uint8_t>(header));
      walk.at += std::size_t{load<std::uint8_t>(header + 1)} * 8 + 6;
    } else if (walk.ids.protocol == IPPROTO_FRAGMENT) {
      const std::byte* const header = walk.take(8);
      if (header == nullptr) break;
      walk.found_protocol(load<std::uint8_t>(header));
      constexpr unsigned offset_bits = 0xfff8;
      if (!fragment(walk, (load16(header + 2) & offset_bits) == 0)) return false;
    } else {
      return true;
    }
    if (!walk.in_packet(0)) walk.end(PacketKind::truncated);
    if (!walk.again()) return true;
  }
  walk.end(PacketKind::truncated);
  return false;
}

void ipv6(Walk& walk) noexcept {
  walk.out.stack.push(Layer::ipv6);
  const std::byte* const header = walk.take(40);
  if (header == nullptr) return walk.end(PacketKind::truncated);
  const std::uint32_t version_and_label = load32(header);
  if (version_and_label >> 28 != 6) walk.end(PacketKind::malformed);
  if ((version_and_label & 0xfffff) != 0) walk.out.marks |= mark_flow_label;
  walk.limit_packet(walk.at, load16(header + 4));
  walk.found_protocol(load<std::uint8_t>(header + 6));
  read_ipv6_addresses(walk, header + 8);
  if (ipv6_extensions(walk)) transport(walk);
}

// eth_type_trans(): below 1536 the field is a length, and the kernel puts a protocol number of its own in its place.
[[nodiscard]] std::uint16_t ethertype_of(const Walk& walk, std::uint16_t field) noexcept {
  if (field >= ETH_P_802_3_MIN) [[likely]]
    return field;
  const bool raw_ipx = walk.in_packet(2) && load<std::uint16_t>(walk.data + walk.at) == 0xffff;
  return raw_ipx ? ETH_P_802_3 : ETH_P_802_2;
}

void other_ethertype(Walk& walk) noexcept {
  // The kernel keeps the length that follows an inner tag as if it were an ethertype; frames are counted by protocol.
  walk.ids.ethertype = ethertype_of(walk, walk.ids.ethertype);
  walk.out.stack.push(Layer::other);
  walk.end(PacketKind::other_ethertype);
}

void network(Walk& walk) noexcept {
  if (walk.ids.ethertype == ETH_P_IP) [[likely]]
    return ipv4(walk);
  if (walk.ids.ethertype == ETH_P_IPV6) return ipv6(walk);
  other_ethertype(walk);
}

// 0x9100 is no VLAN tag for the kernel.
[[nodiscard]] bool is_vlan(std::uint16_t ethertype) noexcept { return ethertype == ETH_P_8021Q || ethertype == ETH_P_8021AD; }

void vlan(Walk& walk) noexcept {
  do {
    walk.out.stack.push(Layer::vlan);
    const std::byte* const tag = walk.take(4);
    if (tag == nullptr) return walk.end(PacketKind::truncated);
    walk.found_ethertype(load16(tag + 2));
    if (!walk.again()) return walk.end(PacketKind::malformed);
  } while (is_vlan(walk.ids.ethertype));
  network(walk);
}

void ethernet(Walk& walk, StrippedTag tag) noexcept {
  const std::byte* const header = walk.take(ETH_HLEN);
  if (header == nullptr) return walk.end(PacketKind::truncated);
  walk.found_ethertype(ethertype_of(walk, load16(header + 12)));
  if (tag.present && walk.again()) walk.out.stack.push(Layer::vlan);
  if (is_vlan(walk.ids.ethertype)) return vlan(walk);
  network(walk);
}

void finish_flow(Walk& walk) noexcept {
  FlowKey& key = walk.out.key;
  const bool reverse = walk.swapped | (walk.equal & walk.reverse_if_equal);
  std::uint16_t a_port = walk.ids.src_port, b_port = walk.ids.dst_port;
  swap_if(reverse, a_port, b_port);
  key.a_port = a_port;
  key.b_port = b_port;
  key.protocol = walk.ids.protocol;
  key.family = walk.ids.ethertype == ETH_P_IP ? 4 : 6;
  walk.out.direction = static_cast<Direction>(reverse);
  walk.out.flow_hash = digest_of(walk.ids, walk.seed);
}

}  // namespace

// Flattened, so that the walk lives in registers: 20 ns per packet instead of 45 (g++ 12). That lasts only while no function that
// is not inlined sees the address of this very walk; a layer too large or too rare to inline works on a copy.
[[gnu::flatten]] Dissection dissect(std::span<const std::byte> frame, StrippedTag tag, HashSeed seed) noexcept {
  Dissection out;
  Walk walk{frame, seed, out};
  ethernet(walk, tag);
  out.kernel_key = digest_of(walk.kernel, seed);
  out.protocol = walk.ids.protocol;
  out.ethertype = walk.ids.ethertype;
  if (out.kind == PacketKind::flow) [[likely]]
    finish_flow(walk);
  else
    out.key = {};
  return out;
}

}  // namespace fanout
