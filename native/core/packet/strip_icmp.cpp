// Messages of ICMP and ICMPv6: an echo is a flow of its own, an error belongs to the flow of the packet that it quotes.
#include <linux/if_ether.h>
#include <netinet/in.h>

#include <utility>

#include "core/packet/encapsulation.hpp"

namespace fanout {
namespace {

// Request and reply of one ping carry one identifier. Between equal addresses only the type tells them apart.
Follows echo(Walk& walk, bool request) noexcept {
  if (!walk.in_packet(6)) {
    walk.end(PacketKind::truncated);
    return Follows::nothing;
  }
  walk.ids.ports = load16(walk.data + walk.at + 4) * 0x10001U;
  walk.reverse_if_equal = !request;
  if (request && !walk.quoted) walk.out->marks |= mark_echo_request;
  return Follows::nothing;
}

// Behind eight octets an error quotes the packet that it is about, as far as it likes. The kernel does not look at it.
Follows error(Walk& walk) noexcept {
  constexpr std::size_t error_bytes = 8;
  walk.stop_kernel();
  const bool nested = std::exchange(walk.quoted, true);
  if (nested || walk.header(error_bytes) == nullptr || !walk.again()) {
    walk.end(PacketKind::icmp_error);
    return Follows::nothing;
  }
  walk.next_type = walk.ids.ethertype;
  return Follows::network;
}

Follows other(Walk& walk) noexcept {
  walk.end(PacketKind::icmp_other);
  return Follows::nothing;
}

}  // namespace

Follows strip_icmp(Walk& walk) noexcept {
  walk.out->stack.push(walk.ids.protocol == IPPROTO_ICMP ? Layer::icmp : Layer::icmp6);
  const bool ipv4 = walk.ids.ethertype == ETH_P_IP;
  // In the packets of the other IP version: like any protocol without ports.
  if (ipv4 != (walk.ids.protocol == IPPROTO_ICMP)) return Follows::nothing;
  if (!walk.in_packet(1)) {
    walk.end(PacketKind::truncated);
    return Follows::nothing;
  }
  const unsigned type = load8(walk.data + walk.at);
  if (!ipv4) {
    // RFC 4443: unreachable, too big, time exceeded, parameter problem.
    if (type >= 1 && type <= 4) return error(walk);
    return type == 128 || type == 129 ? echo(walk, type == 128) : other(walk);
  }
  // RFC 792: unreachable, source quench, redirect, time exceeded, parameter problem.
  if ((type >= 3 && type <= 5) || type == 11 || type == 12) return error(walk);
  return type == 0 || type == 8 ? echo(walk, type == 8) : other(walk);
}

}  // namespace fanout
