// Packet bytes to the flow an IDS would track, and to the key the kernel's fanout hash is computed from. Pure; survives
// any bytes.
//
// The flow is the innermost one that can be read. Any IP protocol makes a flow: by addresses, protocol and ports where
// it has ports, by the identifier of an echo, else by addresses and protocol alone, as Suricata tracks it: ESP, OSPF,
// or GRE around something unknown. What is inside a tunnel and no IP packet (ARP, LCP, control messages) belongs to the
// flow of the tunnel. A UDP port is only a hint: where the payload contradicts it, the datagram is a flow like any
// other.
//
// The kernel key is that of the kernel in the model; by default of those from 6.1 on, verified on 6.18. It has known
// bug D, which no kernel has mended yet.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "core/base/hash.hpp"
#include "core/packet/flow_key.hpp"
#include "core/packet/kernel_model.hpp"
#include "core/packet/stack.hpp"
#include "core/packet/tag_digest.hpp"

namespace fanout {

// The tag that skb_vlan_untag() took out of the bytes, as the ring header carries it.
struct StrippedTag {
  bool present = false;
  std::uint16_t tpid = 0x8100;
  std::uint16_t tci = 0;

  [[nodiscard]] constexpr std::uint16_t vlan_id() const noexcept { return tci & 0x0fff; }
};

// Where the kernel's dissector begins with a packet: the ring header tells its network header and its protocol. Those
// of an Ethernet frame that was received are where its bytes say; those of one that was sent are what the sender has
// set.
struct NetworkStart {
  std::uint16_t protocol = 0;    // an ethertype
  std::uint16_t network_at = 0;  // in the frame
};

enum class PacketKind : std::uint8_t {
  flow,             // key, direction, stack, kernel_key and flow_hash are set
  other_ethertype,  // ethertype is set
  other_protocol,   // protocol is set: an IPv6 header that says that nothing follows
  icmp_error,       // an ICMP or ICMPv6 error that quotes too little to name a flow
  fragment_later,   // a fragment without the transport header; key has the addresses, but no ports
  icmp_other,       // an ICMP or ICMPv6 message that is neither echo nor error
  truncated,        // cut, by the sender or by the snap length, before the flow was known
  malformed,  // a header that contradicts itself (an IPv4 header length below 20), or more headers than the kernel
              // follows
};

// Marks: facts about a packet that are no part of the key, but tell known kernel bugs apart, or who asks. In the wire
// protocol.
inline constexpr std::uint8_t mark_flow_label = 0x01;  // IPv6 with a flow label other than zero, where the kernel looks
inline constexpr std::uint8_t mark_fragment = 0x02;    // a fragment, IPv4 or IPv6, at which the kernel stops
inline constexpr std::uint8_t mark_stale_ipv6 =
    0x04;  // IPv4 inside IPv6: the kernel hashes octets of the outer source as well
inline constexpr std::uint8_t mark_echo_request = 0x08;  // ICMP or ICMPv6
inline constexpr std::uint8_t mark_icmp_error =
    0x10;  // ICMP or ICMPv6; the flow is the one it quotes, and it goes back
inline constexpr std::uint8_t mark_sent_tagged =
    0x20;  // sent with the tag in its bytes, and hashed otherwise than if received
inline constexpr std::uint8_t mark_index = 0x40;  // ESP or AH, whose index the kernel hashes where others have ports
// Of what is known of a capture file, and never on the wire: a copy of a packet that the file has already.
inline constexpr std::uint8_t mark_repeated = 0x80;

// Which piece of which datagram a fragment is. Offsets are in units of eight octets.
struct Fragment {
  std::uint64_t datagram = 0;  // digest of what tells datagrams apart (RFC 791, RFC 8200); 0: there is nothing to join
  std::uint16_t begin = 0;     // this and the rest are set where there is a datagram
  std::uint16_t end : 15 = 0;  // as the header says, rounded up
  std::uint16_t last : 1 = 0;
};

// kernel_key, stack, marks and tags are set for every kind, as far as the bytes reach; `key` and `flow_hash` only for a
// flow.
struct Dissection {
  FlowKey key;
  std::uint64_t kernel_key =
      0;  // digest of what __skb_get_hash_symmetric() covers for this packet; equal key, equal member
  std::uint64_t flow_hash = 0;  // hash of `key`, the same for both directions
  Stack stack;
  Fragment fragment;  // of the outermost IP header that is of one
  PacketKind kind = PacketKind::malformed;
  Direction direction = Direction::forward;
  std::uint8_t marks = 0;
  std::uint8_t protocol = 0;
  std::uint16_t ethertype = 0;
  std::uint16_t network_at = 0;    // where in the frame the last IP header begins that was read whole
  std::uint16_t transport_at = 0;  // and what it carries; for a flow only
  std::uint16_t tags =
      0;  // tag_digest.hpp, as far as the kernel's dissector goes; of a stripped tag nothing, see with_tag()
};

// `frame` starts at the Ethernet header and may be cut anywhere. Never reads outside it.
[[nodiscard]] Dissection dissect(std::span<const std::byte> frame, StrippedTag tag, HashSeed seed) noexcept;
// The same by the model of any kernel.
[[nodiscard]] Dissection dissect(std::span<const std::byte> frame, StrippedTag tag, HashSeed seed,
                                 KernelModel model) noexcept;

// The same for a packet that this host sent. Where its VLAN tag is in its bytes, the kernel's dissector looks for the
// tag at the network header, which is behind it: a packet socket has moved it there (packet_parse_headers(), since
// Linux 5.19 and in stable branches), and where a VLAN device or the driver's lack of tag insertion put the tag in, it
// never was elsewhere. Then the hash covers whatever stands there: of IPv4 the total length, as if it were an
// ethertype.
[[nodiscard]] Dissection dissect_sent(std::span<const std::byte> frame, StrippedTag tag, NetworkStart from,
                                      HashSeed seed, KernelModel model = {}) noexcept;

// The same for a packet, sent or received, of a device whose frames do not begin with an Ethernet header: a tunnel, a
// TUN device, PPP. Flow and kernel key are those of what begins at the network header; what is before it is no part of
// either.
[[nodiscard]] Dissection dissect_network(std::span<const std::byte> frame, NetworkStart from, HashSeed seed,
                                         KernelModel model = {}) noexcept;

// `tags` of a packet out of which the kernel took a tag.
[[nodiscard]] inline std::uint16_t with_tag(const Dissection& packet, StrippedTag tag) noexcept {
  const bool is_of_whole = (packet.marks & mark_fragment) != 0;
  return is_of_whole ? packet.tags : tag_digest::with(packet.tags, tag.vlan_id());
}
// `tags` of a packet as it is told.
[[nodiscard]] inline std::uint16_t told_tags(const Dissection& packet) noexcept {
  if (packet.tags < tag_digest::unknown) [[likely]]
    return packet.tags;
  return (packet.marks & mark_fragment) != 0 ? packet.tags : tag_digest::of_one(packet.tags);
}

// Orders the packets of a flow by a hash of what tells them apart (length and identification of the last IP header, and
// the twelve octets behind it), so that copies of a packet have one rank, whatever wraps them and however often they
// were routed. 22 bits, never zero, and logarithmic: 6 say how small the hash is and 16 continue, so that the least of
// a million packets still tells sets apart. `packet` is a flow that dissect() found in this `frame`.
[[nodiscard]] std::uint32_t rank_of(std::span<const std::byte> frame, const Dissection& packet, HashSeed seed) noexcept;
// The hash, and the place in that order that a hash has.
[[nodiscard]] std::uint64_t content_hash_of(std::span<const std::byte> frame, const Dissection& packet,
                                            HashSeed seed) noexcept;
[[nodiscard]] std::uint32_t rank_of_hash(std::uint64_t content_hash) noexcept;

}  // namespace fanout
