// The packet sockets of a network namespace, whichever, and the devices that they are bound to.
#pragma once

#include <cstdint>
#include <vector>

#include "core/base/result.hpp"
#include "host/interface.hpp"
#include "host/packet_diag.hpp"

namespace fanout {

struct PacketNamespace {
  std::uint64_t inode = 0;  // of the namespace: what had this path when it was opened
  PacketSocketList list;
  std::vector<InterfaceInfo> interfaces;
};

// By the path of a network namespace. A thread of its own enters it, asks, and ends: no other thread of this process is
// ever there. Entering needs CAP_SYS_ADMIN here and over the namespace; the one of this thread is never entered, and
// needs nothing.
[[nodiscard]] Result<PacketNamespace> inspect_namespace(const char* path);

}  // namespace fanout
