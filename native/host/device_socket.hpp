// A socket to ask about devices by ioctl(2).
#pragma once

#include <sys/socket.h>

#include <cerrno>

namespace fanout {

// Of any family: units and containers may allow the one and not the other. Less than 0, and errno.
[[nodiscard]] inline int device_socket() noexcept {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  return fd < 0 && errno == EAFNOSUPPORT ? ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) : fd;
}

}  // namespace fanout
