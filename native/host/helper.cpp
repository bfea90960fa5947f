#include "host/helper.hpp"

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

#include "host/device_socket.hpp"
#include "host/seccomp.hpp"
#include "host/unreadable_program.hpp"

namespace fanout {
namespace {

constexpr int only_descriptor = 3;
// Of a helper that was given one to work in.
constexpr int directory_descriptor = 4;

// Whoever a helper becomes may stop it at any time.
constexpr timeval patience{5, 0};

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
    if (received == 0) errno = 0;
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
  if (!receive_all(channel, &said, sizeof said)) return SysError{call, errno == EAGAIN ? ETIMEDOUT : EPIPE};
  if (said.error != 0) return SysError{call, said.error};
  return Done{};
}

// In the child: this process may have had many threads, and only one has come along. From here on nothing may allocate
// or lock.
template <typename Work>
[[noreturn]] void live_on(int channel, int directory, const char* name, Work&& work) noexcept {
  // Above the numbers that they get, so that neither is lost to the other.
  const int high = ::fcntl(channel, F_DUPFD, directory_descriptor + 1);
  const int high_directory = directory < 0 ? -1 : ::fcntl(directory, F_DUPFD, directory_descriptor + 1);
  ::dup2(high, only_descriptor);
  if (high_directory >= 0) ::dup2(high_directory, directory_descriptor);
  for (int fd = 0; fd < only_descriptor; ++fd) ::close(fd);
  const int first_unused = high_directory >= 0 ? directory_descriptor + 1 : only_descriptor + 1;
  if (::syscall(SYS_close_range, first_unused, ~0U, 0) != 0)
    for (int fd = first_unused; fd < 1 << 16; ++fd) ::close(fd);
  (void)::prctl(PR_SET_NAME, name, 0, 0, 0);
  work();
  ::_exit(0);
}

// Signals stay blocked in the child: a terminal sends its own to everybody, and the handlers of this process are not to
// run there.
struct Started {
  UniqueFd channel;
  pid_t pid;
};

template <typename Work>
Result<Started> start_helper(const char* name, int directory, Work&& work) noexcept {
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
  if (child == 0) live_on(theirs.get(), directory, name, std::forward<Work>(work));
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (child < 0) return SysError{"fork", error};
  theirs.reset();
  (void)::setsockopt(ours.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  const auto ready = answer_of(ours.get(), name);
  if (!ready) return ready.error();
  return Started{std::move(ours), child};
}

// Nobody of the user that it has become may look into it; what it will never do it cannot; and it does not survive,
// stopped or not.
Status seclude(pid_t parent) noexcept {
  if (const auto hidden = hide_from_user(); !hidden) return hidden;
  // It is forgotten when a process becomes somebody else, and the kernel does not send it to another user's. As the
  // only one of its process group that would be left behind, a stopped one is woken all the same, and sees that its
  // channel has ended.
  if (::setpgid(0, 0) != 0) return SysError::from_errno("setpgid");
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return SysError::from_errno("prctl(PR_SET_PDEATHSIG)");
  if (::getppid() != parent) return SysError{"getppid", ESRCH};
  // A kernel without such filters. There is no privilege all the same but for the one that is needed.
  (void)confine_helper();
  return Done{};
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

void serve_link(const char* interface, const Ids* ids, pid_t parent) noexcept {
  const auto kept = keep_only(net_admin, ids);
  const int fd = kept ? device_socket() : -1;
  const Status ready = !kept ? kept : fd < 0 ? Status{SysError::from_errno("socket(AF_UNIX)")} : seclude(parent);
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

// Without a name where the file system can do that. `named` says that it has one.
Result<int> open_new(const char* temporary, mode_t mode, bool& named) noexcept {
  const int nameless = ::openat(directory_descriptor, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
  named = nameless < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == ENOENT || errno == EINVAL);
  if (nameless >= 0) return nameless;
  if (!named) return SysError::from_errno("open");
  const int file =
      ::openat(directory_descriptor, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  if (file < 0) return SysError::from_errno("open");
  return file;
}

void serve_file(const char* temporary, const char* target, mode_t mode, const Ids& ids, pid_t parent) noexcept {
  const auto kept = keep_only(0, &ids);
  bool named = false;
  const auto file = kept ? open_new(temporary, mode, named) : Result<int>{kept.error()};
  const Status ready = file ? seclude(parent) : Status{file.error()};
  // One that has a name already must live to take it away.
  if (ready && named) (void)::prctl(PR_SET_PDEATHSIG, 0);
  answer(ready);
  if (!ready) return;
  // The mode of the file that is replaced, whatever the umask.
  (void)::fchmod(*file, mode);
  std::uint64_t length = 0;
  Status status = SysError{"recv", ECONNRESET};
  if (receive_all(only_descriptor, &length, sizeof length)) status = copy_to(*file, length);
  if (status && ::fsync(*file) != 0) status = SysError::from_errno("fsync");
  if (status && !named) status = give_name(*file, directory_descriptor, temporary, target);
  if (status && named && ::renameat(directory_descriptor, temporary, directory_descriptor, target) != 0)
    status = SysError::from_errno("rename");
  if (!status && named) ::unlinkat(directory_descriptor, temporary, 0);
  answer(status);
}

}  // namespace

Status give_name(int file, int directory, const char* temporary, const char* target) noexcept {
  char path[32];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  if (::linkat(AT_FDCWD, path, directory, target, AT_SYMLINK_FOLLOW) == 0) return Done{};
  if (errno != EEXIST) return SysError::from_errno("link");
  if (::linkat(AT_FDCWD, path, directory, temporary, AT_SYMLINK_FOLLOW) != 0) return SysError::from_errno("link");
  if (::renameat(directory, temporary, directory, target) == 0) return Done{};
  const auto status = SysError::from_errno("rename");
  ::unlinkat(directory, temporary, 0);
  return status;
}

Result<LinkHelper> LinkHelper::start(const std::string& interface, const Ids* ids) noexcept {
  const pid_t parent = ::getpid();
  auto started = start_helper("fanout-link", -1, [&]() noexcept { serve_link(interface.c_str(), ids, parent); });
  if (!started) return started.error();
  return LinkHelper{std::move(started->channel)};
}

Status LinkHelper::flap() noexcept {
  const char order = 1;
  if (!send_all(channel_.get(), &order, 1)) return SysError::from_errno("send");
  return answer_of(channel_.get(), "ioctl(SIOCSIFFLAGS)");
}

Result<FileHelper> FileHelper::start(const Order& order, const Ids& ids) noexcept {
  const pid_t parent = ::getpid();
  auto started = start_helper("fanout-report", order.directory, [&]() noexcept {
    serve_file(order.temporary.c_str(), order.target.c_str(), order.mode, ids, parent);
  });
  if (!started) return started.error();
  return FileHelper{std::move(started->channel), started->pid};
}

}  // namespace fanout
