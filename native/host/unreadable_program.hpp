// A way to start this program that nobody else of its user can ever look into. A process begins life open to all
// processes of its user (ptrace(2), pidfd_getfd(2), /proc/PID/mem), whatever its parent was, unless it executes a file
// that it may not read: then the kernel makes it not dumpable before its first instruction (would_dump() in fs/exec.c),
// and there is no moment at which it could be entered.
#pragma once

#include "core/base/result.hpp"
#include "core/base/unique_fd.hpp"

namespace fanout {

struct UnreadableProgram {
  UniqueFd file;
  // It is the dynamic loader, which is told by its first argument which program to load; else a copy of this program.
  bool is_loader = false;
};

// Everybody may execute it and nobody may read it, its owner neither, but for those who may read any file. Closed on
// execve(2).
[[nodiscard]] Result<UnreadableProgram> unreadable_program() noexcept;

// Nobody of this user may look into this process from now on, and it leaves no core file. Dropping capabilities does
// not undo it; execve(2) does.
[[nodiscard]] Status hide_from_user() noexcept;

}  // namespace fanout
