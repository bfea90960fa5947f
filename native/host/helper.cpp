#include "helper.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include <cstdio>
#include <cstring>
#include <utility>

namespace fanout {
namespace {

constexpr int only_descriptor = 3;

// What the other end is told: 0, or what failed.
struct Answer {
  std::int32_t error = 0;
};

bool send_all(int fd, const void* data, std::size_t length) noexcept {
  const auto* at = static_cast<const char*>(data);
  while (length > 0) {
    const ssize_t sent = ::send(fd, at, length, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    at += sent;
    length -= static_cast<std::size_t>(sent);
  }
  return true;
}

bool receive_all(int fd, void* data, std::size_t length) noexcept {
  auto* at = static_cast<char*>(data);
  while (length > 0) {
    const ssize_t received = ::recv(fd, at, length, 0);
    if (received < 0 && errno == EINTR) continue;
    if (received <= 0) return false;
    at += received;
    length -= static_cast<std::size_t>(received);
  }
  return true;
}

void answer(const Status& status) noexcept {
  const Answer said{status ? 0 : status.error().code};
  (void)send_all(only_descriptor, &said, sizeof said);
}

Status answer_of(int channel, const char* call) noexcept {
  Answer said;
  if (!receive_all(channel, &said, sizeof said)) return SysError{call, EPIPE};
  if (said.error != 0) return SysError{call, said.error};
  return Done{};
}

// In the child: this process may have had many threads, and only one has come along. From here on nothing may allocate or lock.
template <typename Work>
[[noreturn]] void live_on(int channel, const char* name, Work&& work) noexcept {
  if (channel != only_descriptor) ::dup2(channel, only_descriptor);
  for (int fd = 0; fd < only_descriptor; ++fd) ::close(fd);
  if (::syscall(SYS_close_range, only_descriptor + 1, ~0U, 0) != 0)
    for (int fd = only_descriptor + 1; fd < 1 << 16; ++fd) ::close(fd);
  (void)::prctl(PR_SET_NAME, name, 0, 0, 0);
  work();
  ::_exit(0);
}

// Signals stay blocked in the child: a terminal sends its own to everybody, and the handlers of this process are not to run
// there.
template <typename Work>
Result<UniqueFd> start_helper(const char* name, Work&& work) noexcept {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) return SysError::from_errno("socketpair");
  UniqueFd ours{ends[0]};
  UniqueFd theirs{ends[1]};
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t child = ::fork();
  const int error = errno;
  if (child == 0) live_on(theirs.get(), name, std::forward<Work>(work));
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (child < 0) return SysError{"fork", error};
  theirs.reset();
  const auto ready = answer_of(ours.get(), name);
  if (!ready) return ready.error();
  return ours;
}

Status set_link(int fd, const char* interface, bool up) noexcept {
  ifreq request{};
  std::strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
  if (::ioctl(fd, SIOCGIFFLAGS, &request) != 0) return SysError::from_errno("ioctl(SIOCGIFFLAGS)");
  const int flags = up ? request.ifr_flags | IFF_UP : request.ifr_flags & ~IFF_UP;
  request.ifr_flags = static_cast<short>(flags);
  if (::ioctl(fd, SIOCSIFFLAGS, &request) != 0) return SysError::from_errno("ioctl(SIOCSIFFLAGS)");
  return Done{};
}

Status flap_link(int fd, const char* interface) noexcept {
  const auto down = set_link(fd, interface, false);
  return down ? set_link(fd, interface, true) : down;
}

constexpr std::uint64_t net_admin = std::uint64_t{1} << CAP_NET_ADMIN;

void serve_link(const char* interface, const Ids* ids) noexcept {
  const auto kept = keep_only(net_admin, ids);
  const int fd = kept ? ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
  const Status ready = !kept ? kept : fd < 0 ? Status{SysError::from_errno("socket(AF_INET)")} : Status{Done{}};
  answer(ready);
  for (char order; ready && receive_all(only_descriptor, &order, 1);) answer(flap_link(fd, interface));
}

Status copy_to(int file, std::uint64_t length) noexcept {
  char piece[16 << 10];
  // What no longer fits on the disk is taken in all the same: the other end is to hear why.
  Status status = Done{};
  while (length > 0) {
    const std::size_t count = length < sizeof piece ? static_cast<std::size_t>(length) : sizeof piece;
    if (!receive_all(only_descriptor, piece, count)) return SysError{"recv", ECONNRESET};
    length -= count;
    for (std::size_t at = 0; status && at < count;) {
      const ssize_t written = ::write(file, piece + at, count - at);
      if (written > 0)
        at += static_cast<std::size_t>(written);
      else if (errno != EINTR)
        status = SysError::from_errno("write");
    }
  }
  return status;
}

// The way to the directory may lead through others that its owner may not enter.
void serve_file(const char* directory, const char* temporary, const char* target, mode_t mode, const Ids& ids) noexcept {
  const auto kept = ::chdir(directory) == 0 ? keep_only(0, &ids) : Status{SysError::from_errno("chdir")};
  const int file = kept ? ::open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode) : -1;
  const Status ready = !kept ? kept : file < 0 ? Status{SysError::from_errno("open")} : Status{Done{}};
  answer(ready);
  if (!ready) return;
  // The mode of the file that is replaced, whatever the umask.
  (void)::fchmod(file, mode);
  std::uint64_t length = 0;
  Status status = SysError{"recv", ECONNRESET};
  if (receive_all(only_descriptor, &length, sizeof length)) status = copy_to(file, length);
  if (status && ::fsync(file) != 0) status = SysError::from_errno("fsync");
  if (status && ::rename(temporary, target) != 0) status = SysError::from_errno("rename");
  if (!status) ::unlink(temporary);
  answer(status);
}

}  // namespace

Result<LinkHelper> LinkHelper::start(const std::string& interface, const Ids* ids) noexcept {
  auto channel = start_helper("fanout-link", [&]() noexcept { serve_link(interface.c_str(), ids); });
  if (!channel) return channel.error();
  return LinkHelper{std::move(*channel)};
}

Status LinkHelper::flap() noexcept {
  const char order = 1;
  if (!send_all(channel_.get(), &order, 1)) return SysError::from_errno("send");
  return answer_of(channel_.get(), "ioctl(SIOCSIFFLAGS)");
}

Result<FileHelper> FileHelper::start(const std::string& directory, const std::string& temporary, const std::string& target,
                                     mode_t mode, const Ids& ids) noexcept {
  auto channel = start_helper("fanout-report",
                              [&]() noexcept { serve_file(directory.c_str(), temporary.c_str(), target.c_str(), mode, ids); });
  if (!channel) return channel.error();
  return FileHelper{std::move(*channel)};
}

Status FileHelper::write(std::span<const std::byte> bytes) noexcept {
  const std::uint64_t length = bytes.size();
  if (!send_all(channel_.get(), &length, sizeof length) || !send_all(channel_.get(), bytes.data(), bytes.size()))
    return SysError::from_errno("send");
  return answer_of(channel_.get(), "write");
}

void FileHelper::discard() noexcept {
  constexpr timeval patience{1, 0};
  (void)::setsockopt(channel_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  (void)::shutdown(channel_.get(), SHUT_WR);
  (void)answer_of(channel_.get(), "discard");
}

}  // namespace fanout
