#include "interface.hpp"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>

#include "unique_fd.hpp"

namespace fanout {

Result<InterfaceInfo> describe_interface(const char* name) noexcept {
  if (std::strlen(name) >= IFNAMSIZ) return SysError{"ioctl(SIOCGIFINDEX)", ENODEV};
  UniqueFd fd{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  if (!fd) return SysError::from_errno("socket(AF_INET)");
  ifreq request{};
  std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  InterfaceInfo info;
  if (::ioctl(fd.get(), SIOCGIFINDEX, &request) != 0) return SysError::from_errno("ioctl(SIOCGIFINDEX)");
  info.index = request.ifr_ifindex;
  if (::ioctl(fd.get(), SIOCGIFFLAGS, &request) != 0) return SysError::from_errno("ioctl(SIOCGIFFLAGS)");
  const auto flags = static_cast<unsigned short>(request.ifr_flags);
  info.up = (flags & IFF_UP) != 0;
  info.running = (flags & IFF_RUNNING) != 0;
  info.loopback = (flags & IFF_LOOPBACK) != 0;
  info.promiscuous = (flags & IFF_PROMISC) != 0;
  if (::ioctl(fd.get(), SIOCGIFHWADDR, &request) != 0) return SysError::from_errno("ioctl(SIOCGIFHWADDR)");
  info.hardware_type = request.ifr_hwaddr.sa_family;
  if (::ioctl(fd.get(), SIOCGIFMTU, &request) != 0) return SysError::from_errno("ioctl(SIOCGIFMTU)");
  info.mtu = request.ifr_mtu;
  return info;
}

Result<std::string> interface_name(int index) noexcept {
  UniqueFd fd{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  if (!fd) return SysError::from_errno("socket(AF_INET)");
  ifreq request{};
  request.ifr_ifindex = index;
  if (::ioctl(fd.get(), SIOCGIFNAME, &request) != 0) return SysError::from_errno("ioctl(SIOCGIFNAME)");
  return std::string{request.ifr_name, ::strnlen(request.ifr_name, IFNAMSIZ)};
}

}  // namespace fanout
