#include "host/privileges.hpp"

#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace fanout {
namespace {

// The wrappers of glibc change the ids of all threads; these change those of the caller, who then need not have any
// other.
namespace thread_only {
int setgroups_none() noexcept { return static_cast<int>(::syscall(SYS_setgroups, 0, nullptr)); }
int setresgid(gid_t group) noexcept { return static_cast<int>(::syscall(SYS_setresgid, group, group, group)); }
int setresuid(uid_t user) noexcept { return static_cast<int>(::syscall(SYS_setresuid, user, user, user)); }
}  // namespace thread_only

Status set_capabilities(std::uint64_t kept) noexcept {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3]{};
  for (std::size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; ++i)
    data[i].effective = data[i].permitted = static_cast<std::uint32_t>(kept >> (32 * i));
  if (::syscall(SYS_capset, &header, data) != 0) return SysError::from_errno("capset");
  return Done{};
}

// What no execve(2) may give. Without CAP_SETPCAP it stays as it is, and no_new_privs alone must do.
void empty_bounding_set() noexcept {
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; ++capability)
    (void)::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
}

Status gain_nothing_by_exec() noexcept {
  // EINVAL before Linux 4.3, which has no ambient set.
  (void)::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return SysError::from_errno("prctl(PR_SET_NO_NEW_PRIVS)");
  return Done{};
}

}  // namespace

Status become(const Ids& ids) noexcept {
  empty_bounding_set();
  if (::setgroups(0, nullptr) != 0) return SysError::from_errno("setgroups");
  if (::setresgid(ids.group, ids.group, ids.group) != 0) return SysError::from_errno("setresgid");
  if (::setresuid(ids.user, ids.user, ids.user) != 0) return SysError::from_errno("setresuid");
  return surrender_capabilities();
}

Status surrender_capabilities() noexcept {
  empty_bounding_set();
  const auto gone = set_capabilities(0);
  return gone ? gain_nothing_by_exec() : gone;
}

Status keep_only(std::uint64_t capabilities, const Ids* ids) noexcept {
  empty_bounding_set();
  if (ids != nullptr) {
    if (::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) return SysError::from_errno("prctl(PR_SET_KEEPCAPS)");
    if (thread_only::setgroups_none() != 0) return SysError::from_errno("setgroups");
    if (thread_only::setresgid(ids->group) != 0) return SysError::from_errno("setresgid");
    if (thread_only::setresuid(ids->user) != 0) return SysError::from_errno("setresuid");
  }
  const auto kept = set_capabilities(capabilities);
  return kept ? gain_nothing_by_exec() : kept;
}

}  // namespace fanout
