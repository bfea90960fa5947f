#include "host/interface.hpp"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "core/base/unique_fd.hpp"
#include "host/device_socket.hpp"
#include "host/link.hpp"

namespace fanout {

namespace {

// Names that fit an ifreq: a device's own, and short alternative ones.
Result<int> index_by_ioctl(int fd, const char* name) noexcept {
  ifreq request{};
  std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  if (::ioctl(fd, SIOCGIFINDEX, &request) != 0) return SysError::from_errno("ioctl(SIOCGIFINDEX)");
  return request.ifr_ifindex;
}

}  // namespace

Result<InterfaceInfo> describe_interface(const char* name) {
  UniqueFd fd{device_socket()};
  if (!fd) return SysError::from_errno("socket(AF_UNIX)");
  const auto index = std::strlen(name) < IFNAMSIZ ? index_by_ioctl(fd.get(), name) : index_of_alternative_name(name);
  if (!index) return index.error();
  InterfaceInfo info;
  info.index = *index;
  // What follows is asked by the name that fits.
  const auto own = interface_name(*index);
  if (!own) return own.error();
  info.name = *own;
  ifreq request{};
  std::strncpy(request.ifr_name, own->c_str(), IFNAMSIZ - 1);
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
  UniqueFd fd{device_socket()};
  if (!fd) return SysError::from_errno("socket(AF_UNIX)");
  ifreq request{};
  request.ifr_ifindex = index;
  if (::ioctl(fd.get(), SIOCGIFNAME, &request) != 0) return SysError::from_errno("ioctl(SIOCGIFNAME)");
  return std::string{request.ifr_name, ::strnlen(request.ifr_name, IFNAMSIZ)};
}

}  // namespace fanout
