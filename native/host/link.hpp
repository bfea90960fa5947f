// What the kernel tells anybody about a network interface: its kind, its counters, and what sees its packets first
// (rtnetlink(7), ethtool(8)).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.hpp"

namespace fanout {

struct LinkState {
  std::string name;
  std::string kind;      // "veth", "macvlan", "bridge", ...; empty for hardware and loopback
  std::string mode;      // of macvlan and ipvlan; else empty
  bool running = false;  // IFF_RUNNING: carrier
  bool up = false;
  bool loopback = false;
  std::uint32_t mtu = 0;
  std::uint32_t promiscuity = 0;  // how many want to see every packet
  int master = 0;                 // the index of the bridge or bond that it belongs to; 0: none
  std::uint64_t rx_packets = 0;
  std::uint64_t tx_packets = 0;
  // Of what it received, and nobody was given (struct rtnl_link_stats64).
  struct Losses {
    std::uint64_t dropped = 0;
    std::uint64_t missed = 0;
    std::uint64_t fifo = 0;
    std::uint64_t over = 0;
  };
  std::optional<Losses> losses;
  struct Xdp {
    std::uint32_t program = 0;
    bool generic = false;       // in the network stack rather than in the driver
    std::uint8_t attached = 0;  // XDP_ATTACHED_*
  };
  std::optional<Xdp> xdp;
  // Features that are on and can be switched off, of those that merge segments or leave them whole (ethtool -K).
  std::vector<std::string> offloads;
  bool hardware = false;  // on a bus (IFLA_PARENT_DEV_NAME, Linux 5.14)
  // Receive rings among which a NIC spreads packets by their hash; none where the driver has no such thing.
  std::optional<std::uint32_t> receive_rings;
  std::uint32_t key_bytes = 0;  // of that hash; 0 where it cannot be told
  // Receive queues with a number that can be chosen (ethtool -L); none where it cannot.
  struct Channels {
    std::uint32_t used = 0;
    std::uint32_t most = 0;
    bool combined = false;  // with those that send
  };
  std::optional<Channels> channels;
};

// ENODEV if there is no interface of this index. Takes no privilege.
[[nodiscard]] Result<LinkState> link_state(int index);

// The same without what its driver alone can tell.
[[nodiscard]] Result<LinkState> plain_link_state(int index);

// The answer to RTM_GETLINK for this index, as it came; ENODATA if it says nothing of such a link.
[[nodiscard]] Result<LinkState> parse_link(std::span<const std::byte> answer, int index);

// The index of the interface that has this alternative name, of up to 127 bytes; ENODEV if none has, or the kernel
// knows no such names (before Linux 5.5).
[[nodiscard]] Result<int> index_of_alternative_name(std::string_view name);

// Kinds of the queueing disciplines that see what it receives ("clsact", "ingress"; tc(8)).
[[nodiscard]] Result<std::vector<std::string>> ingress_disciplines(int index);

// A part of the answer to RTM_GETQDISC: adds the kinds of this index to `kinds`, and says whether it was the last part.
[[nodiscard]] Result<bool> parse_disciplines(std::span<const std::byte> answer, int index,
                                             std::vector<std::string>& kinds);

}  // namespace fanout
