#include "host/namespace.hpp"

#include <fcntl.h>
#include <sched.h>
#include <sys/syscall.h>

#include <cerrno>

#include "core/base/deadly_call.hpp"
#include "core/base/unique_fd.hpp"

namespace fanout {

Status enter_network_namespace(const char* path) noexcept {
  // Of a pipe that somebody put there nobody may be on the other side.
  const UniqueFd fd{::open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  if (!fd) return SysError::from_errno("open(netns)");
  if (is_deadly(SYS_setns)) return SysError{"setns", EPERM};
  if (::setns(fd.get(), CLONE_NEWNET) != 0) return SysError::from_errno("setns");
  return Done{};
}

}  // namespace fanout
