#include "host/descriptors.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "core/base/deadly_call.hpp"

namespace fanout {
namespace {

Result<Pair> pair_of(int type) noexcept {
  int ends[2];
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
    return SysError::from_errno("socketpair");
  return Pair{UniqueFd{ends[0]}, UniqueFd{ends[1]}};
}

// Room for the one descriptor of a message.
union Control {
  char bytes[CMSG_SPACE(sizeof(int))];
  cmsghdr align;
};

struct Open {
  int number;
  struct stat status;
  bool closes_on_exec;
};

Result<std::vector<Open>> open_descriptors() noexcept {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory{::opendir("/proc/self/fd"), ::closedir};
  if (!directory) return SysError::from_errno("opendir(/proc/self/fd)");
  std::vector<Open> out;
  while (const dirent* const entry = ::readdir(directory.get())) {
    char* end = nullptr;
    Open open{static_cast<int>(std::strtol(entry->d_name, &end, 10)), {}, false};
    const bool is_number = end != entry->d_name && *end == '\0';
    if (!is_number || open.number == ::dirfd(directory.get()) || ::fstat(open.number, &open.status) != 0) continue;
    const int flags = ::fcntl(open.number, F_GETFD);
    open.closes_on_exec = flags >= 0 && (flags & FD_CLOEXEC) != 0;
    out.push_back(open);
  }
  return out;
}

bool was_inherited(const Open& descriptor, const std::vector<Open>& all) noexcept {
  if (!descriptor.closes_on_exec) return true;
  const struct stat& status = descriptor.status;
  // /dev/null and its like, and a terminal that is a standard stream: Node.js opens it once more for itself. An event
  // queue is nothing of all that.
  constexpr unsigned memory_devices = 1;
  const auto is_standard_stream = [&](const Open& other) {
    return other.number <= STDERR_FILENO && S_ISCHR(other.status.st_mode) && other.status.st_rdev == status.st_rdev;
  };
  if (S_ISCHR(status.st_mode))
    return major(status.st_rdev) != memory_devices && std::none_of(all.begin(), all.end(), is_standard_stream);
  if (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) || S_ISBLK(status.st_mode) || S_ISSOCK(status.st_mode))
    return true;
  const auto is_end_of_it = [&](const Open& other) {
    return other.status.st_ino == status.st_ino && other.status.st_dev == status.st_dev;
  };
  return S_ISFIFO(status.st_mode) && std::count_if(all.begin(), all.end(), is_end_of_it) == 1;
}

}  // namespace

Result<Pair> stream_pair() noexcept { return pair_of(SOCK_STREAM); }
Result<Pair> message_pair() noexcept { return pair_of(SOCK_SEQPACKET); }

Status send_descriptor(int channel, std::uint32_t place, int descriptor) noexcept {
  Control control{};
  iovec data{&place, sizeof place};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  cmsghdr* const rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof descriptor);
  std::memcpy(CMSG_DATA(rights), &descriptor, sizeof descriptor);
  if (::sendmsg(channel, &message, MSG_NOSIGNAL) != static_cast<ssize_t>(sizeof place))
    return SysError::from_errno("sendmsg");
  return Done{};
}

Result<Handed> receive_descriptor(int channel) noexcept {
  Control control{};
  Handed handed;
  iovec data{&handed.place, sizeof handed.place};
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = sizeof control.bytes;
  ssize_t length = 0;
  do length = ::recvmsg(channel, &message, MSG_CMSG_CLOEXEC);
  while (length < 0 && errno == EINTR);
  if (length < 0) return SysError::from_errno("recvmsg");
  const cmsghdr* const rights = CMSG_FIRSTHDR(&message);
  if (rights != nullptr && rights->cmsg_level == SOL_SOCKET && rights->cmsg_type == SCM_RIGHTS &&
      rights->cmsg_len == CMSG_LEN(sizeof(int))) {
    int descriptor = -1;
    std::memcpy(&descriptor, CMSG_DATA(rights), sizeof descriptor);
    handed.descriptor.reset(descriptor);
  }
  if (length == 0) return SysError{"recvmsg", EPIPE};
  // Without one: the kernel had no number left for it here.
  if (!handed.descriptor) return SysError{"recvmsg", EMFILE};
  if (length != static_cast<ssize_t>(sizeof handed.place)) return SysError{"recvmsg", EBADMSG};
  return handed;
}

Result<UniqueFd> take_descriptor(int pid, int number) noexcept {
  if (is_deadly(SYS_pidfd_open)) return SysError{"pidfd_open", EPERM};
  const UniqueFd process{static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))};
  if (!process) return SysError::from_errno("pidfd_open");
  if (is_deadly(SYS_pidfd_getfd)) return SysError{"pidfd_getfd", EPERM};
  UniqueFd taken{static_cast<int>(::syscall(SYS_pidfd_getfd, process.get(), number, 0))};
  if (!taken) return SysError::from_errno("pidfd_getfd");
  return taken;
}

Status put_in_place(UniqueFd descriptor, int place) noexcept {
  if (descriptor.get() == place) {
    (void)descriptor.release();
    return Done{};
  }
  if (::dup3(descriptor.get(), place, O_CLOEXEC) < 0) return SysError::from_errno("dup3");
  return Done{};
}

Status close_inherited(std::span<const int> kept) noexcept {
  const auto open = open_descriptors();
  if (!open) return open.error();
  for (const Open& descriptor : *open) {
    if (std::find(kept.begin(), kept.end(), descriptor.number) != kept.end()) {
      if (::fcntl(descriptor.number, F_SETFD, FD_CLOEXEC) != 0) return SysError::from_errno("fcntl(F_SETFD)");
    } else if (descriptor.number > STDERR_FILENO && was_inherited(descriptor, *open)) {
      ::close(descriptor.number);
    }
  }
  return Done{};
}

}  // namespace fanout
