// Giving up what this process may do, for good (credentials(7), capabilities(7), prctl(2)).
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "core/base/result.hpp"

namespace fanout {

struct Ids {
  uid_t user = 0;
  gid_t group = 0;
};

// Every thread becomes this user, with no supplementary group, and so loses all capabilities; this thread, and all that
// it starts from now on, can regain none by execve(2). Needs CAP_SETUID and CAP_SETGID in effect.
[[nodiscard]] Status become(const Ids& ids) noexcept;

// This thread, and what it starts or is replaced by, has no capability and regains none by execve(2). Other threads
// keep theirs, so this is for a process that replaces itself next.
[[nodiscard]] Status surrender_capabilities() noexcept;

// Keeps only these capabilities, a bit each as in linux/capability.h, which must be among those it has; and becomes
// `ids` where they are given. Async-signal-safe, for a process with one thread.
[[nodiscard]] Status keep_only(std::uint64_t capabilities, const Ids* ids) noexcept;

}  // namespace fanout
