// The packet sockets of this network namespace, as sock_diag(7) tells them (net/packet/diag.c). Needs no privilege.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/base/result.hpp"

namespace fanout {

struct PacketSocketInfo {
  std::uint32_t inode = 0;
  std::uint32_t ifindex = 0;  // 0: all devices; 0xffffffff: the device is gone
  std::uint16_t protocol = 0;
  std::optional<std::uint32_t> uid;
  struct Fanout {
    std::uint16_t id = 0;
    std::uint8_t mode = 0;  // the kernel does not tell the flags here
  };
  std::optional<Fanout> fanout;
};

// ENOENT or EOPNOTSUPP where the kernel was built without CONFIG_PACKET_DIAG.
[[nodiscard]] Result<std::vector<PacketSocketInfo>> list_packet_sockets();

}  // namespace fanout
