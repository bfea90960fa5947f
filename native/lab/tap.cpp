#include "lab/tap.hpp"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace fanout {
namespace {

Result<UniqueFd> attach_queue(ifreq& request) noexcept {
  UniqueFd fd{::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)};
  if (!fd) return SysError::from_errno("open /dev/net/tun");
  if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) return SysError::from_errno("TUNSETIFF");
  return fd;
}

}  // namespace

Result<Tap> Tap::open(std::string_view name, std::size_t queues) noexcept {
  if (name.size() >= IFNAMSIZ) return SysError{"TUNSETIFF", ENAMETOOLONG};
  if (queues == 0 || queues > queues_max) return SysError{"TUNSETIFF", EINVAL};
  constexpr int flags = IFF_TAP | IFF_NO_PI | IFF_MULTI_QUEUE;
  ifreq request{};
  std::copy(name.begin(), name.end(), request.ifr_name);

  Tap tap;
  for (std::size_t i = 0; i < queues; ++i) {
    // Exclusive the first time: without it a persistent TAP of the same name, whoever made it, would be taken over.
    request.ifr_flags = static_cast<short>(i == 0 ? flags | IFF_TUN_EXCL : flags);
    auto fd = attach_queue(request);  // writes back the name that the kernel chose
    if (!fd) return fd.error();
    tap.queues_.push_back(std::move(*fd));
  }
  tap.name_.assign(request.ifr_name, ::strnlen(request.ifr_name, IFNAMSIZ));
  return tap;
}

Result<Tap> Tap::adopt(std::vector<UniqueFd> queues) noexcept {
  if (queues.empty()) return SysError{"TUNGETIFF", EINVAL};
  ifreq request{};
  for (const UniqueFd& fd : queues) {
    if (::ioctl(fd.get(), TUNGETIFF, &request) != 0) return SysError::from_errno("TUNGETIFF");
  }
  Tap tap;
  tap.queues_ = std::move(queues);
  tap.name_.assign(request.ifr_name, ::strnlen(request.ifr_name, IFNAMSIZ));
  return tap;
}

Result<Taken> Tap::send(std::span<const OutgoingFrame> frames) noexcept {
  Taken taken;
  for (const OutgoingFrame& frame : frames) {
    if (frame.queue >= queues_.size()) return SysError{"write", ENXIO};
    const ssize_t written = ::write(queues_[frame.queue].get(), frame.bytes.data(), frame.bytes.size());
    if (written < 0) {
      const int code = errno;
      if (code == EINTR) break;  // nothing was taken: the caller comes again, and may have been told to stop
      if (code == EAGAIN || code == ENOBUFS || code == ENOMEM)
        taken.refused = code;
      else if (taken.frames == 0)
        return SysError{"write", code};
      break;
    }
    ++taken.frames;
  }
  return taken;
}

Result<std::size_t> Tap::read(std::size_t queue, std::span<std::byte> buffer) noexcept {
  if (queue >= queues_.size()) return SysError{"read", ENXIO};
  const ssize_t length = ::read(queues_[queue].get(), buffer.data(), buffer.size());
  if (length >= 0) return static_cast<std::size_t>(length);
  if (errno == EAGAIN) return std::size_t{0};
  return SysError::from_errno("read");
}

}  // namespace fanout
