// The point-to-point protocol, as several tunnels carry it.
#include <linux/if_ether.h>
#include <linux/ppp_defs.h>

#include "core/packet/encapsulation.hpp"

namespace fanout {

std::uint16_t ethertype_of_ppp(unsigned protocol) noexcept {
  switch (protocol) {
    case PPP_IP:
      return ETH_P_IP;
    case PPP_IPV6:
      return ETH_P_IPV6;
    case PPP_MPLS_UC:
      return ETH_P_MPLS_UC;
    case PPP_MPLS_MC:
      return ETH_P_MPLS_MC;
    default:
      return 0;
  }
}

// The point-to-point header of PPTP and L2TP, which may leave out address and control and half of the protocol (RFC
// 1661).
Follows ppp(Walk& walk) noexcept {
  walk.out->stack.push(Layer::ppp);
  if (!walk.in_packet(4)) {
    walk.end(PacketKind::truncated);
    return Follows::nothing;
  }
  if (load16(walk.data + walk.at) == 0xff03) walk.at += 2;
  const unsigned first = load8(walk.data + walk.at);
  const bool compressed = (first & 1) != 0;
  const unsigned protocol = compressed ? first : load16(walk.data + walk.at);
  walk.at += compressed ? 1 : 2;
  const std::uint16_t ethertype = ethertype_of_ppp(protocol);
  return ethertype == 0 ? unknown(walk) : announce(walk, ethertype);
}

}  // namespace fanout
