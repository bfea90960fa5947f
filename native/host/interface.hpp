// What a network interface is right now (netdevice(7)).
#pragma once

#include <cstdint>
#include <string>

#include "core/base/result.hpp"

namespace fanout {

struct InterfaceInfo {
  int index = 0;
  std::string name;      // the device's own, where it was asked for by an alternative one
  bool up = false;       // IFF_UP: the administrator's wish
  bool running = false;  // IFF_RUNNING: carrier
  bool loopback = false;
  bool promiscuous = false;
  std::uint16_t hardware_type = 0;  // ARPHRD_*: 1 is Ethernet, 772 loopback
  int mtu = 0;
};

// By its name or an alternative one (ip-link(8), property altname). ENODEV if there is none of this name.
[[nodiscard]] Result<InterfaceInfo> describe_interface(const char* name);

// The name that belongs to an index now: interfaces can be renamed, indices stay. ENODEV if there is none.
[[nodiscard]] Result<std::string> interface_name(int index) noexcept;

}  // namespace fanout
